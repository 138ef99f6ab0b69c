// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IOracleQuorum} from "contracts/interfaces/IOracleQuorum.sol";
import {OracleQuorum} from "contracts/oracle/OracleQuorum.sol";
import {Signers} from "./Signers.sol";

/// setSigners
/// ├── caller is not the admin: refused
/// ├── zero address, unsorted, twice the same, none, more than 32: refused
/// ├── threshold 0, half of n or less, more than n: refused
/// └── a new epoch begins, in which old signers do not count
/// requireQuorum
/// ├── before signers are set: nothing is enough
/// ├── fewer than k: refused
/// ├── any k or more of n in ascending order: accepted
/// └── one of them foreign, repeated, unsorted, malleable, of a wrong length, of another digest: refused
contract OracleQuorumTest is Signers {
    AccessManager internal manager;
    OracleQuorum internal quorum;
    bytes32 internal constant DIGEST = keccak256("what the meters counted");

    function setUp() public {
        manager = new AccessManager(address(this));
        quorum = new OracleQuorum(address(manager));
        _makeNodes(4);
        quorum.setSigners(nodes, 3);
    }

    // ---- setSigners

    function test_setSigners_onlyAdmin() public {
        address stranger = makeAddr("stranger");
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger));
        vm.prank(stranger);
        quorum.setSigners(nodes, 3);
    }

    function test_setSigners_isReadable() public {
        assertEq(uint256(quorum.epoch()), 1);
        assertEq(uint256(quorum.threshold()), 3);
        assertEq(keccak256(abi.encode(quorum.signers())), keccak256(abi.encode(nodes)));
        assertTrue(quorum.isSigner(nodes[0]));
        assertTrue(!quorum.isSigner(address(0)));
        assertTrue(!quorum.isSigner(address(this)));
        vm.expectEmit(address(quorum));
        emit IOracleQuorum.SignersChanged(2, nodes, 4);
        quorum.setSigners(nodes, 4);
    }

    function test_setSigners_notAscending() public {
        (nodes[1], nodes[2]) = (nodes[2], nodes[1]);
        vm.expectRevert(IOracleQuorum.OracleQuorum_SignersNotAscending.selector);
        quorum.setSigners(nodes, 3);
    }

    function test_setSigners_twice() public {
        nodes[2] = nodes[1];
        vm.expectRevert(IOracleQuorum.OracleQuorum_SignersNotAscending.selector);
        quorum.setSigners(nodes, 3);
    }

    function test_setSigners_zeroAddress() public {
        nodes[0] = address(0);
        vm.expectRevert(IOracleQuorum.OracleQuorum_SignersNotAscending.selector);
        quorum.setSigners(nodes, 3);
    }

    function test_setSigners_none() public {
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_BadThreshold.selector, 0, 0));
        quorum.setSigners(new address[](0), 0);
    }

    function test_setSigners_tooMany() public {
        address[] memory many = new address[](33);
        for (uint160 i = 0; i < 33; ++i) {
            many[i] = address(i + 1);
        }
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_TooManySigners.selector, 33, 32));
        quorum.setSigners(many, 17);
    }

    function test_setSigners_thresholdMustBeMoreThanHalf(uint8 count, uint8 threshold) public {
        count = uint8(bound(count, 1, 32));
        address[] memory some = new address[](count);
        for (uint160 i = 0; i < count; ++i) {
            some[i] = address(i + 1);
        }
        if (uint256(threshold) * 2 <= count || threshold > count) {
            vm.expectRevert(
                abi.encodeWithSelector(IOracleQuorum.OracleQuorum_BadThreshold.selector, threshold, count)
            );
        }
        quorum.setSigners(some, threshold);
    }

    function test_setSigners_endsTheOldEpoch() public {
        bytes[] memory signatures = _signatures(DIGEST, 3);
        quorum.requireQuorum(DIGEST, signatures);
        address retired = nodes[0];
        nodes[0] = nodes[1];
        nodes[1] = nodes[2];
        nodes[2] = nodes[3];
        nodes.pop();
        quorum.setSigners(nodes, 2);
        assertTrue(!quorum.isSigner(retired));
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_BadSigner.selector, retired));
        quorum.requireQuorum(DIGEST, signatures);
    }

    // ---- requireQuorum

    function test_requireQuorum_beforeSignersAreSet() public {
        OracleQuorum fresh = new OracleQuorum(address(manager));
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_TooFewSignatures.selector, 0, 0));
        fresh.requireQuorum(DIGEST, new bytes[](0));
    }

    /// Any subset in order counts if, and only if, it is large enough.
    function test_requireQuorum_subsets(uint8 mask) public {
        bytes[] memory all = _signatures(DIGEST, 4);
        uint256 count;
        for (uint256 i = 0; i < 4; ++i) {
            if (mask & (1 << i) != 0) ++count;
        }
        bytes[] memory some = new bytes[](count);
        uint256 next;
        for (uint256 i = 0; i < 4; ++i) {
            if (mask & (1 << i) != 0) some[next++] = all[i];
        }
        if (count < 3) {
            vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_TooFewSignatures.selector, count, 3));
        }
        quorum.requireQuorum(DIGEST, some);
    }

    function test_requireQuorum_duplicate() public {
        bytes[] memory signatures = _signatures(DIGEST, 3);
        signatures[2] = signatures[1];
        _expectBadSigner(nodes[1]);
        quorum.requireQuorum(DIGEST, signatures);
    }

    function test_requireQuorum_unsorted() public {
        bytes[] memory signatures = _signatures(DIGEST, 3);
        (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
        _expectBadSigner(nodes[0]);
        quorum.requireQuorum(DIGEST, signatures);
    }

    function test_requireQuorum_foreignSigner() public {
        (address stranger, uint256 key) = makeAccount("stranger");
        bytes[] memory signatures = _signatures(DIGEST, 3);
        signatures[0] = _sign(key, DIGEST);
        _expectBadSigner(stranger);
        quorum.requireQuorum(DIGEST, signatures);
    }

    function test_requireQuorum_oneMoreThanNeededMustBeGoodToo() public {
        bytes[] memory signatures = _signatures(DIGEST, 4);
        signatures[3] = "";
        _expectBadSigner(address(0));
        quorum.requireQuorum(DIGEST, signatures);
    }

    function test_requireQuorum_malleable() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(nodeKeys[1], DIGEST);
        bytes[] memory signatures = _signatures(DIGEST, 3);
        signatures[1] = abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        _expectBadSigner(address(0));
        quorum.requireQuorum(DIGEST, signatures);
    }

    function test_requireQuorum_compactAndLongSignatures() public {
        bytes[] memory signatures = _signatures(DIGEST, 3);
        bytes memory good = signatures[0];
        signatures[0] = abi.encodePacked(good, uint8(0));
        _expectBadSigner(address(0));
        quorum.requireQuorum(DIGEST, signatures);
        (, bytes32 r, bytes32 s) = vm.sign(nodeKeys[0], DIGEST);
        signatures[0] = abi.encodePacked(r, s);
        _expectBadSigner(address(0));
        quorum.requireQuorum(DIGEST, signatures);
    }

    function test_requireQuorum_recoveryIdZeroOrOne() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(nodeKeys[0], DIGEST);
        bytes[] memory signatures = _signatures(DIGEST, 3);
        signatures[0] = abi.encodePacked(r, s, v - 27);
        _expectBadSigner(address(0));
        quorum.requireQuorum(DIGEST, signatures);
    }

    /// A single changed bit in a signature or in what was signed never passes.
    function test_requireQuorum_bitFlips(uint8 which, uint16 bit, uint8 digestBit, bool inDigest) public {
        bytes[] memory signatures = _signatures(DIGEST, 3);
        bytes32 digest = DIGEST;
        if (inDigest) {
            digest ^= bytes32(uint256(1) << digestBit);
        } else {
            bit = uint16(bound(bit, 0, 65 * 8 - 1));
            signatures[which % 3][bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        }
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        quorum.requireQuorum(digest, signatures);
    }

    function _expectBadSigner(address signer) private {
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_BadSigner.selector, signer));
    }
}

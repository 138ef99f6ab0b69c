// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind} from "contracts/Types.sol";
import {IGridToken} from "contracts/interfaces/IGridToken.sol";
import {IRelayCredits} from "contracts/interfaces/IRelayCredits.sol";
import {HashChainLib} from "contracts/mesh/HashChainLib.sol";
import {RelayCredits} from "contracts/mesh/RelayCredits.sol";
import {MeteringTest} from "../metering/MeteringTest.sol";
import {TestTree} from "../metering/TestTree.sol";

/// Alice holds meter 1, bob meter 2; nodes 3 to 9 are the community's. The test contract is the admin, who may mint.
abstract contract RelayCreditsTest is MeteringTest {
    uint256 internal constant INR = 0;
    uint256 internal constant FEE = 100;
    uint64 internal constant PAUSER = 5;
    uint32 internal constant ALICES = 1;
    uint32 internal constant BOBS = 2;
    uint8 internal constant WHOLE = type(uint8).max;

    RelayCredits internal credits;
    address internal community = makeAddr("community");
    address internal pauser = makeAddr("pauser");

    function setUp() public virtual override {
        super.setUp();
        credits = new RelayCredits(address(manager), IGridToken(address(token)), quorum, registry, community, FEE);
        manager.grantRole(PAUSER, pauser, 0);
        bytes4[] memory paused = new bytes4[](2);
        (paused[0], paused[1]) = (credits.pause.selector, credits.unpause.selector);
        manager.setTargetFunctionRole(address(credits), paused, PAUSER);
        manager.setTargetFunctionRole(address(credits), _selectors(credits.setFee.selector), OPERATOR);
        for (uint32 meter = 1; meter < 10; ++meter) {
            _register(meter, EntityKind.Prosumer);
        }
        _claim(ALICES, alice, BillingMode.Prepaid);
        _claim(BOBS, bob, BillingMode.Prepaid);
        TestTree.Line[] memory lines = new TestTree.Line[](2);
        (lines[0], lines[1]) = (_line(ALICES, 0, 0), _line(BOBS, 0, 0));
        _book(lines); // the terms begin
    }

    // ---- money

    function _prepay(address account, uint256 microInr) internal {
        token.mintInr(account, microInr);
        vm.startPrank(account);
        token.setApprovalForAll(address(credits), true);
        credits.depositFor(account, microInr);
        vm.stopPrank();
    }

    function _assertAccount(address account, uint256 prepaid, uint256 earned) internal view {
        assertEq(credits.prepaidOf(account), prepaid, "prepaid");
        assertEq(credits.earnedOf(account), earned, "earned");
    }

    // ---- receipts

    function _route(uint32 a, uint32 b, uint32 c) internal pure returns (uint32[] memory nodes_) {
        nodes_ = new uint32[](3);
        (nodes_[0], nodes_[1], nodes_[2]) = (a, b, c);
    }

    function _route(uint32 a, uint32 b, uint32 c, uint32 d) internal pure returns (uint32[] memory nodes_) {
        nodes_ = new uint32[](4);
        (nodes_[0], nodes_[1], nodes_[2], nodes_[3]) = (a, b, c, d);
    }

    function _packed(uint32[] memory nodes_) internal pure returns (bytes memory packed) {
        for (uint256 i = 0; i < nodes_.length; ++i) {
            packed = abi.encodePacked(packed, nodes_[i], type(uint16).max);
        }
    }

    function _element(uint8 role, uint32 source, uint32 startedAt, uint256 i) internal view returns (bytes16) {
        bytes16 seed = bytes16(keccak256(abi.encode("seed", source, startedAt, role)));
        return HashChainLib.descend(seed, credits.MAX_CHAIN() - i, source, startedAt, role);
    }

    function _receipt(uint32[] memory nodes_, uint32 startedAt, uint16 sent, uint16 delivered, uint8 brokenHop)
        internal
        view
        returns (IRelayCredits.Receipt memory)
    {
        uint32 source = nodes_[0];
        return IRelayCredits.Receipt({
            startedAt: startedAt,
            sent: sent,
            delivered: delivered,
            brokenHop: brokenHop,
            reporters: uint8((1 << nodes_.length) - 1),
            sRoot: _element(0, source, startedAt, 0),
            sValue: _element(0, source, startedAt, sent),
            hRoot: _element(1, source, startedAt, 0),
            hValue: _element(1, source, startedAt, delivered),
            route: _packed(nodes_)
        });
    }

    function _whole(uint32[] memory nodes_, uint16 count) internal view returns (IRelayCredits.Receipt memory) {
        return _receipt(nodes_, _now(), count, count, WHOLE);
    }

    function _now() internal view returns (uint32) {
        return uint32(vm.getBlockTimestamp());
    }

    function _batch(IRelayCredits.Receipt memory one) internal pure returns (IRelayCredits.Receipt[] memory batch) {
        batch = new IRelayCredits.Receipt[](1);
        batch[0] = one;
    }

    function _clear(IRelayCredits.Receipt memory one) internal returns (uint256) {
        return _clear(_batch(one));
    }

    function _clear(IRelayCredits.Receipt[] memory batch) internal returns (uint256) {
        bytes[] memory signatures = _signatures(credits.receiptsDigest(batch), 2);
        return credits.clear(batch, signatures);
    }

    /// Expects that the batch is refused whole.
    function _refused(IRelayCredits.Receipt memory one, bytes memory why) internal {
        IRelayCredits.Receipt[] memory batch = _batch(one);
        bytes[] memory signatures = _signatures(credits.receiptsDigest(batch), 2);
        vm.expectRevert(why);
        credits.clear(batch, signatures);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IDayAheadMarket} from "contracts/interfaces/IDayAheadMarket.sol";
import {IInterconnection} from "contracts/interfaces/IInterconnection.sol";
import {InterconnectionTest} from "./InterconnectionTest.sol";
import {MembersTest} from "./MembersTest.sol";

/// A wallet that is a contract (ERC-1271), with every way to answer.
contract ContractWallet {
    enum Answer {
        Accept,
        Refuse,
        Revert,
        BurnGas,
        Garbage,
        Short,
        Long,
        Nothing
    }

    Answer public answer;
    bytes32 public accepted;

    function set(Answer answer_, bytes32 digest) external {
        (answer, accepted) = (answer_, digest);
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        Answer chosen = answer;
        if (chosen == Answer.Accept) return digest == accepted ? this.isValidSignature.selector : bytes4(0);
        if (chosen == Answer.Refuse) return 0xffffffff;
        if (chosen == Answer.Revert) revert("no");
        if (chosen == Answer.BurnGas) while (true) {}
        if (chosen == Answer.Garbage) {
            // The right four bytes, and then not zeros.
            assembly ("memory-safe") {
                mstore(0, not(0))
                mstore(0, or(shl(224, 0x1626ba7e), shr(32, not(0))))
                return(0, 32)
            }
        }
        if (chosen == Answer.Short) {
            assembly ("memory-safe") {
                mstore(0, shl(224, 0x1626ba7e))
                return(0, 4)
            }
        }
        if (chosen == Answer.Long) {
            assembly ("memory-safe") {
                return(0, 1000000)
            }
        }
        assembly ("memory-safe") {
            return(0, 0)
        }
    }
}

/// placeSigned where the trader is a contract: it accepts, refuses, reverts, burns gas, answers garbage
contract ContractTraderTest is MembersTest {
    ContractWallet internal wallet;
    uint64 internal slot;
    uint256 internal deadline;

    function setUp() public override {
        super.setUp();
        vm.etch(bob, address(new ContractWallet()).code);
        wallet = ContractWallet(bob);
        slot = _nextSlot();
        deadline = block.timestamp + 60;
    }

    function _offerOf(uint32 wh) private view returns (IDayAheadMarket.Placement[] memory) {
        return _offer(slot, 300, wh);
    }

    function _accept(uint32 wh) private {
        bytes32 digest = dayAhead.orderDigest(ROOF, _offerOf(wh), dayAhead.nonces(bob), deadline);
        wallet.set(ContractWallet.Answer.Accept, digest);
    }

    function test_whatTheWalletAcceptsCountsOnce() public {
        _accept(2_000);
        vm.prank(carol);
        assertEq(dayAhead.placeSigned(ROOF, _offerOf(2_000), deadline, "anything"), 1);
        assertEq(dayAhead.position(ROOF, slot).holder, bob);
        assertEq(house.lockedOf(bob), 14 * RUPEE);
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadSignature.selector, bob));
        dayAhead.placeSigned(ROOF, _offerOf(2_000), deadline, "anything");
    }

    function test_itIsAskedForExactlyTheseOrders() public {
        _accept(2_000);
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadSignature.selector, bob));
        dayAhead.placeSigned(ROOF, _offerOf(2_001), deadline, "");
    }

    function testFuzz_anyOtherAnswerIsARefusal(uint8 which, bytes calldata signature) public {
        ContractWallet.Answer answer = ContractWallet.Answer(bound(which, 1, 7));
        wallet.set(answer, 0);
        vm.expectRevert();
        dayAhead.placeSigned{gas: 3_000_000}(ROOF, _offerOf(2_000), deadline, signature);
        assertEq(dayAhead.nonces(bob), 0, "what was refused may be asked again");
        assertEq(dayAhead.orderCount(), 0);
        assertEq(house.lockedOf(bob), 0);
    }

    /// Whoever sends it has paid for the gas; no book is touched, and the next order of others goes through.
    function test_aWalletThatBurnsGasHoldsUpNobody() public {
        wallet.set(ContractWallet.Answer.BurnGas, 0);
        (bool ok,) = address(dayAhead).call{gas: 1_000_000}(
            abi.encodeCall(dayAhead.placeSigned, (ROOF, _offerOf(2_000), deadline, ""))
        );
        assertTrue(!ok, "refused");
        assertEq(_place(BARN, _offerOf(1_000)), 1);
        vm.prank(bob); // the wallet itself may place without a signature
        assertEq(dayAhead.place(ROOF, _offerOf(1_000)), 2);
    }

    /// The key that the address had before it became a contract opens nothing any more.
    function test_aKeyDoesNotSignForAContract() public {
        (, uint256 bobKey) = makeAccount("bob");
        bytes32 digest = dayAhead.orderDigest(ROOF, _offerOf(2_000), 0, deadline);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(bobKey, digest);
        wallet.set(ContractWallet.Answer.Refuse, 0);
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadSignature.selector, bob));
        dayAhead.placeSigned(ROOF, _offerOf(2_000), deadline, abi.encodePacked(r, s, v));
    }
}

/// begin and agree where the other grid's operator is a contract
contract ContractOperatorTest is InterconnectionTest {
    ContractWallet internal wallet;

    function setUp() public override {
        super.setUp();
        vm.etch(partyB, address(new ContractWallet()).code);
        wallet = ContractWallet(partyB);
    }

    function _accept(bytes32 digest) private {
        wallet.set(ContractWallet.Answer.Accept, digest);
    }

    function test_itAgreesAndEndsADispute() public {
        IInterconnection.Terms memory terms = _terms();
        bytes32 digest = tie.agreementDigest(terms);
        _accept(digest);
        uint256 id = tie.begin(terms, _signA(digest), "");
        _flow(id, 0, 0);
        uint64 slot = _flow(id, 1_000, 400);
        digest = tie.verdictDigest(id, slot, 700);
        bytes memory signed = _signA(digest);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_BadSignature.selector, partyB));
        tie.agree(id, slot, 700, signed, "");
        _accept(digest);
        tie.agree(id, slot, 700, signed, "");
    }

    function testFuzz_anyOtherAnswerIsARefusal(uint8 which, bytes calldata signature) public {
        IInterconnection.Terms memory terms = _terms();
        bytes memory signed = _signA(tie.agreementDigest(terms));
        wallet.set(ContractWallet.Answer(bound(which, 1, 7)), 0);
        vm.expectRevert();
        tie.begin{gas: 3_000_000}(terms, signed, signature);
        assertEq(tie.agreementCount(), 0);
    }
}

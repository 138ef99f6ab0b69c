// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Leaf, MeterId} from "contracts/Types.sol";
import {IInterconnection} from "contracts/interfaces/IInterconnection.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {Interconnection} from "contracts/market/Interconnection.sol";
import {InterconnectionTest} from "./InterconnectionTest.sol";
import {Microgrid} from "./Microgrid.sol";

contract InterconnectionUnitTest is InterconnectionTest {
    // ---- beginning

    function test_begin_locksBothGuarantees() public {
        uint256 id = _begin(_terms());
        assertEq(id, 1);
        assertEq(house.lockedOf(partyA), GUARANTEE);
        assertEq(house.lockedOf(partyB), GUARANTEE);
        assertEq(tie.account(id, IInterconnection.End.A).guarantee, GUARANTEE);
    }

    function test_begin_eachSignatureOnce() public {
        IInterconnection.Terms memory terms = _terms();
        bytes32 digest = tie.agreementDigest(terms);
        bytes memory a = _signA(digest);
        bytes memory b = _signB(digest);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_BadSignature.selector, partyA));
        tie.begin(terms, b, b);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_BadSignature.selector, partyB));
        tie.begin(terms, a, a);
        tie.begin(terms, a, b);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_AlreadyBegun.selector, digest));
        tie.begin(terms, a, b);
    }

    /// The digest is that of the EIP-712 type the interface names, field by field.
    function test_begin_digestIsEip712() public {
        IInterconnection.Terms memory t = _terms();
        bytes32 typehash = keccak256(
            "Agreement(address ledgerA,address ledgerB,uint32 meterA,uint32 meterB,address partyA,address partyB,address arbiter,uint64 firstSlot,uint64 lastSlot,uint64 limitWhPerSlot,uint32 maxPowerW,uint64 priceAToB,uint64 priceBToA,uint16 toleranceBps,uint32 toleranceWh,uint128 guaranteeMicroInr,uint32 silenceSeconds,uint32 resolveSeconds,uint32 noticeSlots,bytes32 salt)"
        );
        bytes memory head = abi.encode(
            typehash, t.ledgerA, t.ledgerB, t.meterA, t.meterB, t.partyA, t.partyB, t.arbiter, t.firstSlot, t.lastSlot
        );
        bytes memory tail = abi.encode(
            t.limitWhPerSlot, t.maxPowerW, t.priceAToB, t.priceBToA, t.toleranceBps, t.toleranceWh, t.guaranteeMicroInr,
            t.silenceSeconds, t.resolveSeconds, t.noticeSlots, t.salt
        );
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Ohmstead Interconnection"),
                keccak256("1"),
                block.chainid,
                address(tie)
            )
        );
        bytes32 expected =
            keccak256(abi.encodePacked(hex"1901", domain, keccak256(bytes.concat(head, tail))));
        assertEq(tie.agreementDigest(t), expected);
    }

    function test_begin_refusesBadTerms() public {
        IInterconnection.Terms memory t = _terms();
        t.partyB = t.partyA;
        _expectBadTerms(t, "partyB");
        t = _terms();
        t.arbiter = t.partyB;
        _expectBadTerms(t, "arbiter");
        t.arbiter = address(0);
        _expectBadTerms(t, "arbiter");
        t = _terms();
        t.firstSlot = 0;
        _expectBadTerms(t, "firstSlot");
        t = _terms();
        t.lastSlot = t.firstSlot - 1;
        _expectBadTerms(t, "lastSlot");
        t.lastSlot = 2 ** 40;
        _expectBadTerms(t, "lastSlot");
        t = _terms();
        t.limitWhPerSlot = 0;
        _expectBadTerms(t, "limitWhPerSlot");
        t.limitWhPerSlot = 2 ** 40;
        _expectBadTerms(t, "limitWhPerSlot");
        t = _terms();
        t.priceAToB = 2 ** 32;
        _expectBadTerms(t, "priceAToB");
        t = _terms();
        t.priceBToA = 2 ** 32;
        _expectBadTerms(t, "priceBToA");
        t = _terms();
        t.toleranceBps = 10_001;
        _expectBadTerms(t, "toleranceBps");
        t = _terms();
        t.silenceSeconds = 59;
        _expectBadTerms(t, "silenceSeconds");
        t = _terms();
        t.resolveSeconds = 90 days + 1;
        _expectBadTerms(t, "resolveSeconds");
    }

    function test_begin_refusesMetersThatAreNoTie() public {
        IInterconnection.Terms memory t = _terms();
        t.maxPowerW = 20_001;
        _expectBadTerms(t, "maxPowerW");
        t.maxPowerW = 0;
        _expectBadTerms(t, "maxPowerW");
        t = _terms();
        t.meterB = gridB.SOURCE();
        vm.expectPartialRevert(IInterconnection.Interconnection_WrongMeter.selector);
        _beginRaw(t);
        t = _withUtility();
        t.meterB = gridB.TIE();
        _expectBadTerms(t, "meterB");
        Microgrid quick = new Microgrid("quick", 300);
        t = _terms();
        (t.ledgerB, t.partyB) = (IMeterLedger(address(quick.ledger())), quick.operator());
        _expectBadTerms(t, "ledgerB");
    }

    function test_begin_refusesWhoIsNoOperator() public {
        IInterconnection.Terms memory t = _terms();
        t.partyA = alice;
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_NotOperator.selector, alice));
        _beginRaw(t);
        t = _terms();
        t.partyB = alice;
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_NotOperator.selector, alice));
        _beginRaw(t);
    }

    // ---- settling

    function test_settle_lowerReadingWithinTolerance() public {
        uint256 id = _opened();
        _flow(id, 5_000, 4_950);
        _assertPaid(int256(4_950) * 5_000); // Rs 5 a kWh, from B to A
        _flow(id, -5_000, -4_910);
        _assertPaid(int256(4_950) * 5_000 - int256(4_910) * 4_000);
    }

    function test_settle_smallDifferencesInWh() public {
        uint256 id = _opened();
        _flow(id, 10, 0); // 10 Wh are allowed whatever the share
        _assertPaid(0);
        _flow(id, 5, -5); // opposite: nothing counts
        _assertPaid(0);
        uint64 slot = _flow(id, 11, 0);
        assertTrue(tie.dispute(id, slot).open);
    }

    /// A slot that one ledger missed is in the next one.
    function test_settle_missedSlots() public {
        uint256 id = _opened();
        _count(3_000, 3_000);
        gridA.commit(_endSlot());
        _flow(id, 2_000, 2_000);
        _assertPaid(25 * int256(RUPEE));
    }

    function test_settle_nothingIsPaidTwice() public {
        uint256 id = _opened();
        uint64 slot = _flow(id, 5_000, 5_000);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInterconnection.Interconnection_SlotNotOpen.selector, slot, slot + 1, tie.progress(id).lastSlot
            )
        );
        this.showA(id, slot);
        _count(1_000, 1_000);
        slot = _commit();
        _showA(id, slot);
        vm.expectPartialRevert(IInterconnection.Interconnection_AlreadyShown.selector);
        this.showA(id, slot);
        _showB(id, slot);
        _assertPaid(30 * int256(RUPEE));
    }

    function test_settle_atMostTheLimit() public {
        uint256 id = _opened();
        _flow(id, 25_000, 25_000);
        _assertPaid(50 * int256(RUPEE)); // 10 kWh of one slot
        _commit();
        _flow(id, 25_000, 25_000);
        _assertPaid(150 * int256(RUPEE)); // 20 kWh of two
    }

    function test_show_refusals() public {
        uint256 id = _begin(_terms());
        uint64 slot = _commit();
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_UnknownAgreement.selector, 2));
        this.showA(2, slot);
        (Leaf memory leaf, bytes32[3][] memory proof, uint256 path) = gridA.line(slot);
        leaf.meter = gridA.SOURCE();
        vm.expectPartialRevert(IInterconnection.Interconnection_WrongMeter.selector);
        tie.show(id, slot, IInterconnection.End.A, leaf, proof, path);
        leaf.meter = gridA.TIE();
        leaf.salt = bytes32(0);
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        tie.show(id, slot, IInterconnection.End.A, leaf, proof, path);
        // A's line is no proof for B's end.
        _count(5, 0);
        slot = _commit();
        (leaf, proof, path) = gridA.line(slot);
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        tie.show(id, slot, IInterconnection.End.B, leaf, proof, path);
    }

    function test_show_onlySlotsOfThePeriod() public {
        IInterconnection.Terms memory t = _terms();
        t.lastSlot = t.firstSlot;
        uint64 before = _commit();
        uint256 id = _begin(t);
        _showA(id, before); // the reading from which the first slot counts
        _showB(id, before);
        _flow(id, 1_000, 1_000);
        _assertPaid(5 * int256(RUPEE));
        uint64 after_ = _commit();
        vm.expectPartialRevert(IInterconnection.Interconnection_SlotNotOpen.selector);
        this.showA(id, after_);
        t = _terms();
        (t.firstSlot, t.lastSlot) = (before + 10, before + 20);
        id = _begin(t);
        vm.expectPartialRevert(IInterconnection.Interconnection_SlotNotOpen.selector);
        this.showA(id, after_);
    }

    function test_show_untilTheSilenceAfterTheEnd() public {
        IInterconnection.Terms memory t = _terms();
        t.lastSlot = t.firstSlot;
        uint256 id = _begin(t);
        uint64 slot = _commit();
        slot = _commit();
        vm.warp((uint256(t.lastSlot) + 1) * SLOT_SECONDS + SILENCE - 1);
        _showA(id, slot);
        skip(1);
        vm.expectPartialRevert(IInterconnection.Interconnection_TooLate.selector);
        this.showB(id, slot);
    }

    // ---- silence

    function test_silence_acceptsTheOthersReading() public {
        uint256 id = _opened();
        _count(4_000, 3_000);
        uint64 slot = _commit();
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_NoReading.selector, slot));
        tie.settleSilent(id, slot);
        _showA(id, slot);
        vm.expectPartialRevert(IInterconnection.Interconnection_TooEarly.selector);
        tie.settleSilent(id, slot);
        skip(SILENCE);
        tie.settleSilent(id, slot);
        _assertPaid(20 * int256(RUPEE));
        // B is back: its last reading is unknown, so A's counts once more, then both.
        _flow(id, 1_000, 1_000);
        _assertPaid(25 * int256(RUPEE));
        _flow(id, 1_000, 990);
        _assertPaid(25 * int256(RUPEE) + 990 * 5_000);
    }

    function test_silence_afterBothHaveShownThereIsNothing() public {
        uint256 id = _opened();
        uint64 slot = _flow(id, 1_000, 1_000);
        skip(SILENCE);
        vm.expectPartialRevert(IInterconnection.Interconnection_SlotNotOpen.selector);
        tie.settleSilent(id, slot);
    }

    // ---- the main grid

    function test_utility_isMeteredAtOneEnd() public {
        IInterconnection.Terms memory t = _withUtility();
        bytes32 digest = tie.agreementDigest(t);
        uint256 id = tie.begin(t, _signA(digest), _sign(utilityKey, digest));
        gridA.commit(_endSlot());
        _showA(id, gridA.ledger().latestSlot());
        gridA.count(6_000, 0);
        gridA.commit(_endSlot());
        _showA(id, gridA.ledger().latestSlot());
        assertEq(_wealth(utility), DEPOSIT + 24 * RUPEE); // A drew 6 kWh at Rs 4
        (Leaf memory leaf, bytes32[3][] memory proof, uint256 path) = gridA.line(gridA.ledger().latestSlot());
        gridA.commit(_endSlot());
        uint64 slot = gridA.ledger().latestSlot();
        vm.expectRevert(IInterconnection.Interconnection_NoSuchEnd.selector);
        tie.show(id, slot, IInterconnection.End.B, leaf, proof, path);
    }

    // ---- disputes

    function test_dispute_freezesTheLargerAmountAndNoOtherSlot() public {
        uint256 id = _opened();
        uint64 slot = _flow(id, 5_000, 4_000);
        IInterconnection.Dispute memory disputed = tie.dispute(id, slot);
        assertTrue(disputed.open);
        assertEq(uint256(disputed.frozenB), 25 * RUPEE);
        assertEq(uint256(disputed.frozenA), 0);
        _assertPaid(0);
        _flow(id, 1_000, 1_000);
        _assertPaid(5 * int256(RUPEE));
        assertEq(house.escrowOf(address(tie)), 2 * uint256(GUARANTEE) + 25 * RUPEE);
    }

    function test_dispute_oppositeReadingsFreezeBoth() public {
        uint256 id = _opened();
        uint64 slot = _flow(id, 2_000, -1_000);
        IInterconnection.Dispute memory disputed = tie.dispute(id, slot);
        assertEq(uint256(disputed.frozenB), 10 * RUPEE);
        assertEq(uint256(disputed.frozenA), 4 * RUPEE);
    }

    function test_dispute_endsByBothSignatures() public {
        uint256 id = _opened();
        uint64 slot = _flow(id, 5_000, 4_000);
        bytes32 digest = tie.verdictDigest(id, slot, 4_500);
        bytes memory a = _signA(digest);
        bytes memory b = _signB(digest);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_BadSignature.selector, partyB));
        tie.agree(id, slot, 4_500, a, a);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_BadSignature.selector, partyA));
        tie.agree(id, slot, 4_600, a, b);
        tie.agree(id, slot, 4_500, a, b);
        _assertPaid(22.5e6);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_NoDispute.selector, slot));
        tie.agree(id, slot, 4_500, a, b);
        assertEq(house.escrowOf(address(tie)), _guarantees(id));
    }

    function test_dispute_verdictStaysBetweenTheReadings() public {
        uint256 id = _opened();
        uint64 slot = _flow(id, 5_000, 4_000);
        skip(RESOLVE);
        vm.startPrank(arbiter);
        vm.expectRevert(
            abi.encodeWithSelector(IInterconnection.Interconnection_VerdictOutside.selector, 5_001, 0, 5_000)
        );
        tie.arbitrate(id, slot, 5_001);
        vm.expectRevert(
            abi.encodeWithSelector(IInterconnection.Interconnection_VerdictOutside.selector, -1, 0, 5_000)
        );
        tie.arbitrate(id, slot, -1);
        vm.stopPrank();
    }

    function test_dispute_arbiterAfterATime() public {
        uint256 id = _opened();
        uint64 slot = _flow(id, 5_000, 4_000);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_NotArbiter.selector, address(this)));
        tie.arbitrate(id, slot, 5_000);
        vm.prank(arbiter);
        vm.expectPartialRevert(IInterconnection.Interconnection_TooEarly.selector);
        tie.arbitrate(id, slot, 5_000);
        skip(RESOLVE);
        vm.prank(arbiter);
        tie.arbitrate(id, slot, 5_000);
        _assertPaid(25 * int256(RUPEE));
    }

    function test_dispute_isNeverStuck() public {
        uint256 id = _opened();
        uint64 slot = _flow(id, 5_000, 4_000);
        skip(RESOLVE);
        vm.expectPartialRevert(IInterconnection.Interconnection_TooEarly.selector);
        tie.timeOut(id, slot);
        skip(RESOLVE);
        tie.timeOut(id, slot);
        _assertPaid(20 * int256(RUPEE)); // the lower reading
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_NoDispute.selector, slot));
        tie.timeOut(id, slot);
    }

    // ---- money

    function test_money_freeFirstThenTheGuaranteeThenOwed() public {
        uint256 id = _opened();
        vm.startPrank(partyB);
        house.withdraw(house.balanceOf(partyB) - 10 * RUPEE);
        vm.stopPrank();
        _flow(id, 10_000, 10_000); // Rs 50: 10 free, 40 of the guarantee
        assertEq(tie.account(id, IInterconnection.End.B).guarantee, 60 * RUPEE);
        _flow(id, 10_000, 10_000);
        _flow(id, 10_000, 10_000); // Rs 10 left
        IInterconnection.Account memory owing = tie.account(id, IInterconnection.End.B);
        assertEq(uint256(owing.owed), 40 * RUPEE);
        assertEq(uint256(owing.guarantee), 0);
        assertEq(_wealth(partyA), DEPOSIT + 110 * RUPEE);
        // Whatever comes in pays first, by whoever asks.
        _deposit(partyB, 30 * RUPEE);
        assertEq(tie.payOwed(id, IInterconnection.End.B), 10 * RUPEE);
        vm.prank(partyB);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_GuaranteeBound.selector, 1, 0));
        tie.withdrawGuarantee(id, 1);
        _deposit(partyB, 30 * RUPEE);
        vm.prank(partyB);
        tie.fund(id, uint128(30 * RUPEE));
        owing = tie.account(id, IInterconnection.End.B);
        assertEq(uint256(owing.owed), 0);
        assertEq(uint256(owing.guarantee), 20 * RUPEE);
        assertEq(_wealth(partyA), DEPOSIT + 150 * RUPEE);
    }

    function test_money_aPausedHouseStopsNoSettlement() public {
        uint256 id = _opened();
        vm.prank(pauser);
        house.pause();
        _flow(id, 1_000, 1_000);
        _assertPaid(5 * int256(RUPEE));
        assertEq(tie.account(id, IInterconnection.End.B).guarantee, 95 * RUPEE);
    }

    function test_money_theGuaranteeStaysUntilTheEnd() public {
        uint256 id = _opened();
        vm.startPrank(partyA);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_ZeroAmount.selector));
        tie.fund(id, 0);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_ZeroAmount.selector));
        tie.withdrawGuarantee(id, 0);
        tie.fund(id, 5);
        tie.withdrawGuarantee(id, 4);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_GuaranteeBound.selector, 2, 1));
        tie.withdrawGuarantee(id, 2);
        tie.giveNotice(id);
        vm.warp(tie.releasedAt(id) - 1);
        vm.expectPartialRevert(IInterconnection.Interconnection_GuaranteeBound.selector);
        tie.withdrawGuarantee(id, 2);
        skip(1);
        tie.withdrawGuarantee(id, GUARANTEE + 1);
        vm.stopPrank();
        assertEq(house.lockedOf(partyA), 0);
    }

    function test_money_onlyTheParties() public {
        uint256 id = _opened();
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_NotParty.selector, id, alice));
        tie.fund(id, 1);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_NotParty.selector, id, alice));
        tie.withdrawGuarantee(id, 1);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_NotParty.selector, id, alice));
        tie.giveNotice(id);
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_UnknownAgreement.selector, 7));
        tie.payOwed(7, IInterconnection.End.A);
        vm.stopPrank();
    }

    function test_notice_endsTheAgreementSoon() public {
        uint256 id = _opened();
        vm.prank(partyB);
        tie.giveNotice(id);
        uint64 last = gridA.ledger().currentSlot() + 10;
        assertEq(uint256(tie.progress(id).lastSlot), last);
        skip(SLOT_SECONDS);
        vm.prank(partyA);
        tie.giveNotice(id); // cannot put it off
        assertEq(uint256(tie.progress(id).lastSlot), last);
    }

    // ---- properties

    /// Nobody pays for more than either meter counted, nor more than the limit, whatever flows.
    function testFuzz_settle_atMostEitherReading(int256 a, int256 b) public {
        a = bound(a, -30_000, 30_000);
        b = bound(b, -30_000, 30_000);
        uint256 id = _opened();
        uint64 slot = _flow(id, a, b);
        int256 gain = int256(_wealth(partyA)) - int256(DEPOSIT);
        assertEq(_wealth(partyA) + _wealth(partyB), 2 * DEPOSIT, "money is conserved");
        if (tie.dispute(id, slot).open) {
            assertEq(gain, 0);
            return;
        }
        int256 low = a > 0 && b > 0 ? (a < b ? a : b) : a < 0 && b < 0 ? (a > b ? a : b) : int256(0);
        if (low > int256(uint256(LIMIT_WH))) low = int256(uint256(LIMIT_WH));
        if (low < -int256(uint256(LIMIT_WH))) low = -int256(uint256(LIMIT_WH));
        assertEq(gain, low * int256(uint256(low > 0 ? PRICE_A_TO_B : PRICE_B_TO_A)) / 1000);
    }

    // ---- small things

    function showA(uint256 id, uint64 slot) external {
        _showA(id, slot);
    }

    function showB(uint256 id, uint64 slot) external {
        _showB(id, slot);
    }

    /// What A has gained, and B lost, since the beginning.
    function _assertPaid(int256 microInr) private view {
        assertEq(int256(_wealth(partyA)) - int256(DEPOSIT), microInr, "gained");
        assertEq(int256(DEPOSIT) - int256(_wealth(partyB)), microInr, "lost");
    }

    function _guarantees(uint256 id) private view returns (uint256) {
        return tie.account(id, IInterconnection.End.A).guarantee + tie.account(id, IInterconnection.End.B).guarantee;
    }

    function _expectBadTerms(IInterconnection.Terms memory t, string memory name) private {
        vm.expectRevert(abi.encodeWithSelector(IInterconnection.Interconnection_BadTerms.selector, name));
        _beginRaw(t);
    }

    function _beginRaw(IInterconnection.Terms memory t) private {
        tie.begin(t, "", "");
    }
}

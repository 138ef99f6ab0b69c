// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, Leaf, MeterId, Registers} from "contracts/Types.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {IRealTimePool} from "contracts/interfaces/IRealTimePool.sol";
import {ITariffBook} from "contracts/interfaces/ITariffBook.sol";
import {PoolMath} from "contracts/market/PoolMath.sol";
import {RealTimePool} from "contracts/market/RealTimePool.sol";
import {MembersTest} from "./MembersTest.sol";
import {SlotTree} from "./SlotTree.sol";

/// join, depart: terms that began and ended, changes that wait, positions that are left
/// report, declare: order of slots, window, missed slots, foreign leaves, twice
/// close: who is due, short, long, even, nobody
/// settle: bond, free INR, backer; sellers wait for buyers; the main grid without money; twice
/// prices: bounds, from the next slot on
contract RealTimePoolTest is MembersTest {
    uint64 internal slot;

    function setUp() public override {
        super.setUp();
        slot = _nextSlot();
    }

    // ---- the way of a slot

    function test_deliveryFallsShort() public {
        // Bob sells 2 kWh to Alice at the middle of their limits, Rs 4.50, and delivers 1.5.
        _place(ROOF, _offer(slot, 400, 2_000));
        _place(HOUSE, _bid(slot, 500, 2_000));
        _clear(slot);
        _claimAll();
        assertEq(_wealth(alice), 991 * RUPEE);
        assertEq(_wealth(bob), 1_009 * RUPEE);
        _count(ROOF, 0, 1_500);
        _count(HOUSE, 2_000, 0);
        _count(BARN, 0, 250);
        _finishSlot(slot);
        _assertLine(slot, ROOF, -500, 2_000);
        _assertLine(slot, HOUSE, 0, -2_000);
        _assertLine(slot, BARN, 250, 0);
        _assertLine(slot, COTTAGE, 0, 0);
        // R = 1/2: p_sell = 3 x 7 / (4 / 2 + 3) = Rs 4.20, p_buy = 4.2 / 2 + 7 / 2 = Rs 5.60.
        assertEq(_wealth(alice), 991 * RUPEE);
        assertEq(_wealth(bob), 1_009 * RUPEE - 2_800_000);
        assertEq(_wealth(dave), 1_000 * RUPEE + 1_050_000);
        assertEq(_wealth(operator), 1_000 * RUPEE + 1_750_000);
        assertEq(house.lockedOf(bob), 0, "the bond is free");
        assertEq(house.escrowOf(address(pool)), 0);
        assertEq(house.escrowOf(address(dayAhead)), 0);
    }

    function test_aLongPoolIsPaidByTheGrid() public {
        _count(ROOF, 0, 3_000);
        _count(HOUSE, 1_001, 0);
        _commitAt(slot);
        _report(slot, _all());
        vm.expectEmit(address(pool));
        emit IRealTimePool.SlotClosed(slot, 3_000, 1_001, 3_000_000, 3_000_000, 9_000_000, 3_003_000, -5_997_000);
        pool.close(slot);
        pool.settle(slot, _all());
        assertEq(_wealth(bob), 1_009 * RUPEE);
        assertEq(_wealth(alice), 1_000 * RUPEE - 3_003_000);
        assertEq(_wealth(operator), 1_000 * RUPEE - 5_997_000);
        assertEq(house.escrowOf(address(pool)), 0);
    }

    function test_withoutSupplyEverythingIsBoughtAtRetail() public {
        _count(HOUSE, 1_001, 0);
        _finishSlot(slot);
        assertEq(_wealth(alice), 1_000 * RUPEE - 7_007_000);
        assertEq(_wealth(operator), 1_000 * RUPEE + 7_007_000);
    }

    function test_anEmptySlotClosesAtNothing() public {
        _commitAt(slot);
        _report(slot, _all());
        vm.expectEmit(address(pool));
        emit IRealTimePool.SlotClosed(slot, 0, 0, BUYBACK, RETAIL, 0, 0, 0);
        pool.close(slot);
        assertEq(pool.settle(slot, _all()), 4);
        assertEq(_wealth(alice), 1_000 * RUPEE);
    }

    function test_reportRefusals() public {
        _commitAt(slot);
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_NotMember.selector, CAR));
        this.report(slot, CAR);
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.MeterLedger_UnknownSlot.selector, slot + 1));
        this.report(slot + 1, HOUSE);
        _report(slot, _only(HOUSE));
        vm.recordLogs();
        _report(slot, _only(HOUSE));
        assertEq(vm.getRecordedLogs().length, 0, "twice changes nothing");
        _commitAt(slot + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IRealTimePool.RealTimePool_NotNext.selector, ROOF, slot + 1, pool.member(ROOF).through)
        );
        this.report(slot + 1, ROOF);
        _count(ROOF, 0, 1);
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        this.report(slot, ROOF);
    }

    function report(uint64 which, MeterId meter) external {
        _report(which, _only(meter));
    }

    function test_whoIsNotReportedIsDeclared() public {
        _place(ROOF, _offer(slot, 400, 2_000));
        _place(HOUSE, _bid(slot, 500, 2_000));
        _clear(slot);
        _claimAll();
        _count(ROOF, 0, 2_000);
        _commitAt(slot);
        MeterId[] memory three = new MeterId[](3);
        (three[0], three[1], three[2]) = (HOUSE, COTTAGE, BARN);
        _report(slot, three);
        uint256 from = block.timestamp + REPORT_SECONDS;
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_StillReporting.selector, slot, from));
        pool.declare(slot, _all());
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_NotComplete.selector, slot, 3, 4));
        pool.close(slot);
        vm.warp(from);
        pool.declare(slot, _all());
        _assertLine(slot, ROOF, -2_000, 2_000);
        vm.expectPartialRevert(IRealTimePool.RealTimePool_BatchTooLong.selector);
        pool.declare(slot, new MeterId[](257));
        pool.close(slot);
        pool.settle(slot, _all());
        // Its energy comes with the next report, as energy of that slot.
        uint64 next = slot + 5;
        _commitAt(next);
        _report(next, _all());
        _assertLine(next, ROOF, 2_000, 0);
    }

    function test_slotsThatWereNeverCommittedCountInTheNext() public {
        for (uint64 i = 0; i < 3; ++i) {
            _place(ROOF, _offer(slot + i, 400, 1_000));
            _place(HOUSE, _bid(slot + i, 500, 1_000));
        }
        _clear(slot);
        _clear(slot + 1);
        _clear(slot + 2);
        _count(ROOF, 0, 2_500);
        _count(HOUSE, 3_000, 0);
        _commitAt(slot + 2);
        _report(slot + 2, _all());
        _assertLine(slot + 2, ROOF, -500, 3_000);
        _assertLine(slot + 2, HOUSE, 0, -3_000);
        assertEq(dayAhead.pendingSlots(ROOF), 0);
        assertEq(dayAhead.unclaimed(ROOF, slot).length, 0, "claimed on the way");
    }

    function test_anUnclearedSlotIsClearedFirst() public {
        _place(ROOF, _offer(slot, 400, 1_000));
        _commitAt(slot);
        vm.expectPartialRevert(bytes4(keccak256("DayAheadMarket_NotCleared(uint64)")));
        this.report(slot, ROOF);
        dayAhead.clear(slot, 1_000);
        _report(slot, _only(ROOF));
    }

    // ---- settling

    function test_theBackerPaysForThoseWhoCannot() public {
        vm.startPrank(alice);
        house.withdraw(999 * RUPEE);
        vm.stopPrank();
        _count(HOUSE, 1_000, 0);
        _finishSlot(slot);
        assertEq(house.arrearsOf(alice), 6 * RUPEE);
        assertEq(_wealth(operator), 1_001 * RUPEE, "Rs 7 less the Rs 6 it has advanced");
        vm.prank(alice);
        vm.expectPartialRevert(bytes4(keccak256("ClearingHouse_InArrears(address,uint256)")));
        dayAhead.place(HOUSE, _bid(slot + 9, 1, 1_000));
    }

    function test_sellersWaitForBuyersAndNobodyElse() public {
        vm.prank(alice);
        house.withdraw(1_000 * RUPEE);
        vm.prank(operator);
        house.withdraw(1_000 * RUPEE);
        _count(HOUSE, 1_000, 0);
        _count(ROOF, 0, 1_000);
        _commitAt(slot);
        _report(slot, _all());
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_NotClosed.selector, slot));
        pool.settle(slot, _all());
        pool.close(slot);
        assertEq(pool.settle(slot, _all()), 2, "those with neither surplus nor shortfall");
        assertEq(_wealth(bob), 1_000 * RUPEE);
        vm.startPrank(alice);
        house.deposit(3 * RUPEE);
        vm.stopPrank();
        assertEq(pool.settle(slot, _all()), 2);
        assertEq(_wealth(bob), 1_003 * RUPEE);
        assertEq(pool.settle(slot, _all()), 0);
        assertEq(pool.slotState(slot).settled, 4);
    }

    function test_theGridPaysWhenItCan() public {
        vm.prank(operator);
        house.withdraw(1_000 * RUPEE);
        _count(ROOF, 0, 1_000);
        _commitAt(slot);
        _report(slot, _all());
        pool.close(slot);
        assertEq(pool.slotState(slot).gridDueMicroInr, 3 * RUPEE);
        assertEq(pool.settle(slot, _all()), 3);
        vm.startPrank(operator);
        house.deposit(3 * RUPEE);
        vm.stopPrank();
        assertEq(pool.settle(slot, _only(ROOF)), 1);
        assertEq(_wealth(bob), 1_003 * RUPEE);
        assertEq(_wealth(operator), 0);
    }

    function test_settleAndCloseRefusals() public {
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_NoMembers.selector, 0));
        pool.close(0);
        _finishSlot(slot);
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_AlreadyClosed.selector, slot));
        pool.close(slot);
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_NoLine.selector, slot, CAR));
        pool.settle(slot, _only(CAR));
        vm.expectPartialRevert(IRealTimePool.RealTimePool_BatchTooLong.selector);
        pool.settle(slot, new MeterId[](257));
    }

    function testFuzz_breaksEvenInEverySlot(uint32[4] memory drawn, uint32[4] memory given, uint256 order) public {
        MeterId[] memory meters = _all();
        uint256 total = 5_000 * RUPEE;
        for (uint256 i = 0; i < 4; ++i) {
            _count(meters[i], drawn[i] % 200_000, i % 2 == 1 ? given[i] % 200_000 : 0);
        }
        _commitAt(slot);
        _report(slot, _all());
        pool.close(slot);
        IRealTimePool.SlotState memory state = pool.slotState(slot);
        assertEq(
            int256(uint256(state.buyersMicroInr)), int256(uint256(state.sellersMicroInr)) + state.gridMicroInr, "even"
        );
        for (uint256 round = 0; round < 3; ++round) {
            for (uint256 i = 0; i < 4; ++i) {
                pool.settle(slot, _only(meters[(i + order % 4) % 4]));
            }
        }
        assertEq(pool.slotState(slot).settled, 4);
        assertEq(pool.slotState(slot).fundsMicroInr, 0);
        assertEq(house.escrowOf(address(pool)), 0);
        uint256 arrears;
        uint256 wealth = _wealth(operator);
        address[4] memory people = [alice, bob, carol, dave];
        for (uint256 i = 0; i < 4; ++i) {
            wealth += _wealth(people[i]);
            arrears += house.arrearsOf(people[i]);
        }
        assertEq(wealth, total, "all money is somewhere");
        assertEq(token.balanceOf(address(house), INR), total);
    }

    function testFuzz_pricesLieBetween(uint64 supply, uint64 demand, uint32 buyback, uint32 retail) public pure {
        if (buyback > retail) (buyback, retail) = (retail, buyback);
        (uint256 buyers, uint256 sellers, int256 grid) = PoolMath.totals(supply, demand, buyback, retail);
        assertEq(int256(buyers), int256(sellers) + grid);
        (uint256 sell, uint256 buy) = PoolMath.pricesShown(supply, demand, buyback, retail);
        assertGe(sell, supply == 0 || buyback == 0 ? 0 : buyback);
        assertLe(buy, retail);
        assertLe(sell, buy + 1);
        assertLe(buyers, (uint256(demand) * retail + 999) / 1000 + 1, "nobody pays more than the main grid takes");
        assertGe(sellers + 1, (uint256(supply) * buyback) / 1000, "nor gets less than it pays");
    }

    // ---- members

    function test_joinRefusals() public {
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_AlreadyMember.selector, HOUSE));
        pool.join(HOUSE);
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_NotMarket.selector, CAR));
        pool.join(CAR);
        _claim(CAR, alice, BillingMode.Prepaid);
        _closeSlot();
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_NotMarket.selector, CAR));
        pool.join(CAR);
    }

    function test_aMemberIsDueFromTheNextSlotWithAllItsEnergy() public {
        _claim(CAR, alice, BillingMode.Market);
        _countStorage(CAR, 500, 0);
        uint64 first = _closeSlot();
        _countStorage(CAR, 700, 0);
        uint64 second = _closeSlot();
        assertEq(pool.dueAt(second), 4);
        pool.join(CAR);
        assertEq(pool.memberCount(), 5);
        assertEq(pool.member(CAR).since, first);
        assertEq(pool.dueAt(second), 4);
        assertEq(pool.dueAt(second + 1), 5);
        vm.recordLogs();
        _report(second, _only(CAR));
        assertEq(vm.getRecordedLogs().length, 0, "not due");
        _countStorage(CAR, 0, 100);
        uint64 third = _closeSlot();
        _report(third, _only(CAR));
        _assertLine(third, CAR, -600, 0);
    }

    function test_aChangeOfTermsIsSettledFirst() public {
        _count(HOUSE, 1_000, 0);
        vm.prank(alice);
        registry.setBillingMode(HOUSE, BillingMode.Billed);
        assertEq(pool.traderOf(HOUSE), address(0));
        uint64 changed = _commitSlot();
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_SettleFirst.selector, HOUSE));
        this.report(changed, HOUSE);
        _settle(changed, HOUSE);
        _report(changed, _all());
        _assertLine(changed, HOUSE, -1_000, 0);
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_NotMember.selector, CAR));
        pool.depart(CAR);
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_NotOut.selector, ROOF));
        pool.depart(ROOF);
        vm.expectEmit(address(pool));
        emit IRealTimePool.MemberLeft(HOUSE, alice, changed);
        pool.depart(HOUSE);
        assertEq(pool.dueAt(changed), 4);
        assertEq(pool.dueAt(changed + 1), 3);
        pool.close(changed);
        assertEq(pool.settle(changed, _all()), 4, "what is due is settled after leaving too");
    }

    function test_whoLeavesAnswersForItsPositions() public {
        _place(ROOF, _offer(slot, 400, 1_000));
        _place(HOUSE, _bid(slot, 500, 1_000));
        _count(ROOF, 0, 300);
        vm.prank(bob);
        registry.requestRelease(ROOF);
        uint64 ended = _closeSlot();
        _report(ended, _all());
        _assertLine(ended, ROOF, 300, 0);
        _count(ROOF, 0, 5_000);
        uint64 later = _closeSlot();
        // The next household's energy is not its own, and no proof is needed to say so.
        pool.declare(later, _only(ROOF));
        _report(later, _all());
        _assertLine(later, ROOF, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_NotOut.selector, ROOF));
        pool.depart(ROOF);
        _clear(slot);
        _count(HOUSE, 1_000, 0);
        _commitAt(slot);
        _report(slot, _all());
        _assertLine(slot, ROOF, -1_000, 1_000);
        pool.close(slot);
        pool.settle(slot, _all());
        assertEq(_wealth(bob), 1_000 * RUPEE + 4_500_000 - 7_000_000, "sold at Rs 4.50, bought at Rs 7");
        pool.depart(ROOF);
        assertEq(pool.memberCount(), 3);
    }

    function test_aDeclaredMemberLeavesWithItsLastEnergy() public {
        _count(ROOF, 0, 300);
        vm.prank(bob);
        registry.setBillingMode(ROOF, BillingMode.Billed);
        uint64 ended = _commitSlot();
        vm.warp(block.timestamp + REPORT_SECONDS);
        pool.declare(ended, _only(ROOF));
        _settle(ended, ROOF);
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_NotOut.selector, ROOF));
        pool.depart(ROOF);
        _count(ROOF, 0, 700);
        uint64 later = _commitSlot();
        _report(later, _only(ROOF));
        _assertLine(later, ROOF, 300, 0);
        pool.depart(ROOF);
    }

    function test_inMarketTermsEnergyIsTheInventorysAndNobodyOwesIt() public {
        uint256 before = token.balanceOf(address(market), ENERGY);
        _count(ROOF, 0, 3_000);
        _count(HOUSE, 1_000, 0);
        _closeSlot();
        assertEq(token.balanceOf(address(market), ENERGY), before + 2_000);
        assertEq(token.balanceOf(bob, ENERGY), 0);
        assertEq(ledger.debtOf(HOUSE), 0);
        assertTrue(!market.enforce(HOUSE), "nothing to suspend for");
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_NotBilled.selector, HOUSE));
        book.issueBill(HOUSE);
    }

    function test_manyLeavesAreProvenAtOnce() public {
        _count(HOUSE, 1_000, 0);
        _commitAt(slot);
        Leaf[] memory leaves = _leaves();
        uint256[] memory indices = new uint256[](2);
        (indices[0], indices[1]) = (1, 4);
        (bytes32[3][] memory proof, bytes memory flags) =
            SlotTree.multiproof(SlotTree.leafNodes(leaves, _kinds), indices);
        Leaf[] memory two = new Leaf[](2);
        (two[0], two[1]) = (leaves[1], leaves[4]);
        ledger.requireLeaves(slot, two, proof, flags);
        two[1].registers = Registers.wrap(Registers.unwrap(two[1].registers) + 1);
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        ledger.requireLeaves(slot, two, proof, flags);
        (two[0], two[1]) = (leaves[4], leaves[1]);
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        ledger.requireLeaves(slot, two, proof, flags);
        vm.expectPartialRevert(IMeterLedger.MeterLedger_BatchTooLong.selector);
        ledger.requireLeaves(slot, new Leaf[](257), proof, flags);
    }

    // ---- settings

    function test_gridPricesHoldFromTheNextSlot() public {
        uint64 current = ledger.currentSlot();
        vm.expectEmit(address(pool));
        emit IRealTimePool.GridPricesChanged(current + 1, 2_000_000, 9_000_000);
        vm.prank(operator);
        pool.setGridPrices(2_000_000, 9_000_000);
        (uint256 buyback, uint256 retail) = pool.gridPricesAt(current);
        assertEq(buyback, BUYBACK);
        (buyback, retail) = pool.gridPricesAt(current + 1);
        assertEq(buyback, 2_000_000);
        assertEq(retail, 9_000_000);
        (uint256 min, uint256 max) = pool.priceBounds();
        assertEq(min, 0);
        vm.startPrank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(IRealTimePool.RealTimePool_PriceOutOfBounds.selector, max + 1, 1, max)
        );
        pool.setGridPrices(1, max + 1);
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_PriceOutOfBounds.selector, 3, 0, 2));
        pool.setGridPrices(3, 2);
        vm.stopPrank();
        _expectUnauthorized(alice);
        vm.prank(alice);
        pool.setGridPrices(1, 2);
    }

    function test_setUp() public {
        assertEq(pool.dayAhead(), address(dayAhead));
        assertEq(pool.reportSeconds(), REPORT_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_BadParameter.selector, "dayAhead"));
        pool.setDayAhead(alice);
        _expectUnauthorized(alice);
        vm.prank(alice);
        pool.setDayAhead(address(dayAhead));
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_BadParameter.selector, "reportSeconds"));
        new RealTimePool(address(manager), registry, ledger, house, 0, RealTimePool.GridPrices(0, 3, 1, 2));
        vm.expectRevert(abi.encodeWithSelector(IRealTimePool.RealTimePool_PriceOutOfBounds.selector, 1, 2, 2));
        new RealTimePool(address(manager), registry, ledger, house, 1, RealTimePool.GridPrices(2, 3, 1, 2));
    }
}

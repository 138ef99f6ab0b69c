// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, MeterId} from "contracts/Types.sol";
import {IEnergyMarket} from "contracts/interfaces/IEnergyMarket.sol";
import {IPriorityRegistry} from "contracts/interfaces/IPriorityRegistry.sol";
import {CommunityTest} from "./CommunityTest.sol";

/// enforce
/// ├── prepaid: debt above the emergency credit suspends; repaid, resumes; what was bought meanwhile pays first
/// ├── billed: an overdue bill suspends; paid, resumes
/// ├── a change of mode clears neither; moving out does
/// ├── while paused: resumes, does not suspend
/// └── nobody's meter: refused; a meter without a switch, or on request: nothing is switched
/// topUp: buys for the holder, repays, resumes, whoever pays
contract SuspensionTest is CommunityTest {
    function setUp() public override {
        super.setUp();
        _shine(500_000);
        _giveInr(alice, 10_000 * RUPEE);
        _giveInr(bob, 10_000 * RUPEE);
        _approveMarket(alice);
        _approveMarket(bob);
        _claim(HOUSE, alice, BillingMode.Prepaid);
        _closeSlot(); // the terms begin
    }

    // ---- prepaid

    function test_prepaid_suspendsBeyondTheEmergencyCreditOnly() public {
        _draw(EMERGENCY_CREDIT_WH);
        assertEq(ledger.debtOf(HOUSE), EMERGENCY_CREDIT_WH);
        assertTrue(!market.enforce(HOUSE));
        _draw(1);
        vm.expectEmit(address(market));
        emit IEnergyMarket.MeterSuspended(HOUSE, alice, EMERGENCY_CREDIT_WH + 1);
        vm.expectEmit(address(priorities));
        emit IPriorityRegistry.RelayCommand(HOUSE_SWITCH, 5, 2, false, 2, 0, IPriorityRegistry.Reason.SupplyEnded);
        assertTrue(market.enforce(HOUSE));
        assertTrue(market.isSuspended(HOUSE));
        vm.recordLogs();
        assertTrue(market.enforce(HOUSE));
        assertEq(vm.getRecordedLogs().length, 0, "idempotent");
    }

    function test_prepaid_heldUnitsAreBurnedFirst() public {
        vm.prank(alice);
        market.buyEnergy(5_000, type(uint256).max);
        _draw(4_000);
        assertEq(token.balanceOf(alice, ENERGY), 1_000);
        assertTrue(!market.enforce(HOUSE));
        _draw(1_000 + EMERGENCY_CREDIT_WH + 1);
        assertTrue(market.enforce(HOUSE));
    }

    function test_topUp_repaysAndResumesAtOnce() public {
        _draw(5_000);
        market.enforce(HOUSE);
        vm.expectEmit(address(market));
        emit IEnergyMarket.MeterResumed(HOUSE, alice);
        vm.prank(alice);
        assertEq(market.topUp(HOUSE, 6_000, 39 * RUPEE), 39 * RUPEE);
        assertTrue(!market.isSuspended(HOUSE));
        assertTrue(priorities.switchState(HOUSE_SWITCH).closed);
        assertEq(ledger.debtOf(HOUSE), 0);
        assertEq(token.balanceOf(alice, ENERGY), 1_000);
    }

    function test_topUp_bySomebodyElseWithEther() public {
        _draw(5_000);
        market.enforce(HOUSE);
        vm.deal(bob, 1 ether);
        uint256 before = token.balanceOf(bob, INR);
        vm.prank(bob);
        market.topUp{value: 0.001 ether}(HOUSE, 6_000, 39 * RUPEE);
        assertEq(token.balanceOf(alice, ENERGY), 1_000, "the holder's");
        assertEq(token.balanceOf(bob, ENERGY), 0);
        assertEq(token.balanceOf(bob, INR), before + 161 * RUPEE, "the payer's");
        assertTrue(!market.isSuspended(HOUSE));
    }

    function test_topUp_tooLittleStaysSuspended() public {
        _draw(5_000);
        market.enforce(HOUSE);
        vm.startPrank(alice);
        market.topUp(HOUSE, 2_999, type(uint256).max);
        assertTrue(market.isSuspended(HOUSE));
        market.topUp(HOUSE, 1, type(uint256).max);
        assertTrue(!market.isSuspended(HOUSE));
        assertEq(ledger.debtOf(HOUSE), EMERGENCY_CREDIT_WH);
    }

    function test_topUp_refusals() public {
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NotHeld.selector, ROOF));
        market.topUp(ROOF, 1, type(uint256).max);
        vm.expectRevert(IEnergyMarket.EnergyMarket_ZeroAmount.selector);
        market.topUp(HOUSE, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_Slippage.selector, 6_500_000, 6_499_999));
        market.topUp(HOUSE, 1000, 6_499_999);
    }

    function test_enforce_takesWhatWasBoughtMeanwhile() public {
        _draw(5_000);
        market.enforce(HOUSE);
        vm.prank(alice);
        market.buyEnergy(5_000, type(uint256).max);
        assertTrue(!market.enforce(HOUSE));
        assertEq(ledger.debtOf(HOUSE), 0);
        assertEq(token.balanceOf(alice, ENERGY), 0);
    }

    // ---- billed

    function test_billed_overdueSuspendsPaidResumes() public {
        uint256 billId = _overdueRoof();
        vm.expectEmit(address(market));
        emit IEnergyMarket.MeterSuspended(ROOF, bob, 0);
        assertTrue(market.enforce(ROOF));
        vm.startPrank(bob);
        token.setApprovalForAll(address(book), true);
        book.payBill(billId);
        assertTrue(!market.enforce(ROOF));
    }

    function test_changeOfModeClearsNothing() public {
        uint256 billId = _overdueRoof();
        vm.prank(bob);
        registry.setBillingMode(ROOF, BillingMode.Prepaid);
        _closeSlot();
        assertTrue(market.enforce(ROOF));
        _draw(5_000);
        vm.prank(alice);
        registry.setBillingMode(HOUSE, BillingMode.Billed);
        _closeSlot();
        assertTrue(market.enforce(HOUSE));
        vm.startPrank(bob);
        token.setApprovalForAll(address(book), true);
        book.payBill(billId);
        assertTrue(!market.enforce(ROOF));
    }

    function test_movingOutClearsForTheNextHousehold() public {
        _draw(5_000);
        market.enforce(HOUSE);
        vm.prank(alice);
        registry.requestRelease(HOUSE);
        _closeSlot();
        assertTrue(!market.enforce(HOUSE), "nobody's: supply is back");
        assertTrue(priorities.switchState(HOUSE_SWITCH).closed);
        _claim(HOUSE, bob, BillingMode.Prepaid);
        _closeSlot();
        assertTrue(!market.enforce(HOUSE));
    }

    function test_formerHouseholdsBillsDoNotSuspendTheNext() public {
        _overdueRoof();
        vm.prank(bob);
        registry.requestRelease(ROOF);
        _closeSlot();
        _claim(ROOF, alice, BillingMode.Billed);
        _closeSlot();
        assertTrue(!book.isOverdue(ROOF));
        assertTrue(!market.enforce(ROOF));
    }

    // ---- edges

    function test_pausedResumesButDoesNotSuspend() public {
        _draw(5_000);
        market.enforce(HOUSE);
        vm.prank(alice);
        market.buyEnergy(10_000, type(uint256).max);
        vm.prank(pauser);
        market.pause();
        assertTrue(!market.enforce(HOUSE));
        _draw(20_000);
        assertTrue(!market.enforce(HOUSE));
        vm.prank(pauser);
        market.unpause();
        assertTrue(market.enforce(HOUSE));
    }

    function test_nobodysMeter() public {
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NotHeld.selector, HALL));
        market.enforce(HALL);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NotHeld.selector, MeterId.wrap(999)));
        market.enforce(MeterId.wrap(999));
    }

    /// A meter was suspended, its household left, and it now supplies on request: lifting the old suspension must not
    /// close a relay that nobody has paid for.
    function test_oldSuspensionClosesNoRelayOnRequest() public {
        _draw(5_000);
        market.enforce(HOUSE);
        vm.prank(alice);
        registry.requestRelease(HOUSE);
        _closeSlot();
        vm.prank(operator);
        registry.setCommunityMode(HOUSE, BillingMode.OnRequest);
        assertTrue(!market.enforce(HOUSE));
        assertTrue(!market.isSuspended(HOUSE));
        assertTrue(!priorities.switchState(HOUSE_SWITCH).closed);
    }

    function _draw(uint256 wh) private {
        _count(HOUSE, wh, 0);
        _closeSlot();
    }

    /// Bob's roof with a bill that is past due.
    function _overdueRoof() private returns (uint256 billId) {
        _addKseb(1 days, 1 days);
        _claim(ROOF, bob, BillingMode.Billed);
        _closeSlot();
        _count(ROOF, 10_000, 0);
        _closeSlot();
        skip(1 days);
        billId = book.issueBill(ROOF);
        skip(1 days);
        assertTrue(!book.isOverdue(ROOF), "due, not overdue");
        assertTrue(!market.enforce(ROOF));
        skip(1);
        assertTrue(book.isOverdue(ROOF));
    }
}

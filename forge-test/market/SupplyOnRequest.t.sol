// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, MeterId, SwitchId} from "contracts/Types.sol";
import {IEnergyMarket} from "contracts/interfaces/IEnergyMarket.sol";
import {IPriorityRegistry} from "contracts/interfaces/IPriorityRegistry.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {CommunityTest} from "./CommunityTest.sol";

/// requestSupply
/// ├── relay open, acknowledged, settled since: cost in escrow, energy reserved, relay told to close with its cut-off
/// └── unknown switch, no meter, other mode, busy, too large, not open, not settled since, no energy: refused
/// drawDown     use is taken from the escrow once, rounded up once, never above what was bought; all used: finished
/// cancel, cut  relay told to open; use up to its acknowledged opening counts
/// finishSupply after a slot that began after both; a mute board or meter delays it for a day at most
/// refunds      by pull, also while paused, also beside hostile requesters
contract SupplyOnRequestTest is CommunityTest {
    uint256 private constant COST = 65 * RUPEE; // of 10 kWh

    function setUp() public override {
        super.setUp();
        _acknowledge(HALL_SWITCH);
        _acknowledge(WORKSHOP_SWITCH);
        _closeSlot(); // the slot in which the relays acknowledged
        _shine(500_000);
        _giveInr(alice, 10_000 * RUPEE);
        _approveMarket(alice);
        vm.deal(alice, 10 ether);
    }

    // ---- requesting

    function test_request() public {
        _count(HALL, 123, 0); // a leak before the sale is not the requester's
        _closeSlot();
        vm.expectEmit(address(market));
        emit IEnergyMarket.SupplyRequested(1, HALL_SWITCH, alice, 10_000, COST);
        vm.expectEmit(address(priorities));
        emit IPriorityRegistry.RelayCommand(HALL_SWITCH, 5, 0, true, 2, 10_123, IPriorityRegistry.Reason.SupplyStarted);
        vm.prank(alice);
        assertEq(market.requestSupply(HALL_SWITCH, 10_000, COST), 1);

        IEnergyMarket.SupplyRequest memory supply = market.request(1);
        assertEq(supply.requester, alice);
        assertEq(uint256(supply.state), uint256(IEnergyMarket.RequestState.Open));
        assertEq(MeterId.unwrap(supply.meter), MeterId.unwrap(HALL));
        assertEq(supply.boughtWh, 10_000);
        assertEq(supply.startImportedWh, 123);
        assertEq(supply.escrowMicroInr, COST);
        assertEq(supply.priceMicroInrPerKwh, BUY_PRICE);
        assertEq(market.escrowMicroInr(), COST);
        assertEq(market.reservedWh(), 10_000);
        assertEq(market.availableWh(), 500_000 - 123 - 10_000);
        assertEq(market.takingsMicroInr(), 0);
        assertEq(market.openRequestOf(HALL_SWITCH), 1);
        assertEq(market.requestCount(), 1);
    }

    function test_request_withEther() public {
        uint256 before = token.balanceOf(alice, INR);
        vm.prank(alice);
        market.requestSupply{value: 0.001 ether}(HALL_SWITCH, 10_000, COST);
        assertEq(token.balanceOf(alice, INR), before + 135 * RUPEE);
        assertEq(market.escrowMicroInr(), COST);
    }

    function test_request_refusals() public {
        vm.startPrank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_UnknownSwitch.selector, SwitchId.wrap(99))
        );
        market.requestSupply(SwitchId.wrap(99), 1, COST);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NotOnRequest.selector, HOUSE_SWITCH));
        market.requestSupply(HOUSE_SWITCH, 1, COST);
        vm.expectRevert(IEnergyMarket.EnergyMarket_ZeroAmount.selector);
        market.requestSupply(HALL_SWITCH, 0, COST);
        vm.expectRevert(
            abi.encodeWithSelector(IEnergyMarket.EnergyMarket_RequestTooLarge.selector, 100_001, MAX_REQUEST_WH)
        );
        market.requestSupply(HALL_SWITCH, 100_001, COST);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_Slippage.selector, COST, COST - 1));
        market.requestSupply(HALL_SWITCH, 10_000, COST - 1);
        market.requestSupply(HALL_SWITCH, 10_000, COST);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_SwitchBusy.selector, HALL_SWITCH, 1));
        market.requestSupply(HALL_SWITCH, 10_000, COST);
    }

    function test_request_switchWithoutMeter() public {
        _addSwitch(SwitchId.wrap(9), MeterId.wrap(0), 7, false);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NotOnRequest.selector, SwitchId.wrap(9)));
        market.requestSupply(SwitchId.wrap(9), 1, COST);
    }

    function test_request_reservedEnergyIsNotSoldAgain() public {
        vm.startPrank(alice);
        market.buyEnergy(395_000, type(uint256).max);
        market.requestSupply(HALL_SWITCH, 100_000, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NoEnergy.selector, 5001, 5000));
        market.requestSupply(WORKSHOP_SWITCH, 5001, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NoEnergy.selector, 5001, 5000));
        market.buyEnergy(5001, type(uint256).max);
        market.buyEnergy(5000, type(uint256).max);
    }

    /// The cut-off must mean "bought Wh from now": the settled register has to be the true one.
    function test_request_needsAnAcknowledgedOpening() public {
        vm.prank(authority);
        priorities.setOverride(HALL_SWITCH, IPriorityRegistry.Override.ForceClosed, uint40(block.timestamp + 3600));
        bytes memory notOpen = abi.encodeWithSelector(IEnergyMarket.EnergyMarket_SwitchNotOpen.selector, HALL_SWITCH);
        _expectNoRequest(notOpen); // told to close
        _acknowledge(HALL_SWITCH);
        _expectNoRequest(notOpen);
        vm.prank(authority);
        priorities.setOverride(HALL_SWITCH, IPriorityRegistry.Override.None, 0);
        _expectNoRequest(notOpen); // told to open, not acknowledged
        _count(HALL, 700, 0); // what the override let through, not settled yet
        _acknowledge(HALL_SWITCH);
        uint64 opened = ledger.currentSlot();
        _expectNoRequest(_notSettled(0, opened + 1, opened - 1));
        _closeSlot();
        _expectNoRequest(_notSettled(0, opened + 1, opened));
        _closeSlot();
        vm.prank(alice);
        uint256 id = market.requestSupply(HALL_SWITCH, 10_000, COST);
        assertEq(market.request(id).startImportedWh, 700);
        assertEq(priorities.switchState(HALL_SWITCH).cutoffWh, 10_700);
    }

    function test_request_boardThatNeverSpoke() public {
        MeterId shed = MeterId.wrap(53);
        _registerShed(shed);
        _closeSlot();
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_SwitchNotOpen.selector, SwitchId.wrap(7)));
        market.requestSupply(SwitchId.wrap(7), 10, COST);
    }

    // ---- drawing down

    function test_drawDown_movesEscrowToTakings() public {
        _request(10_000);
        _use(4_000);
        vm.expectEmit(address(market));
        emit IEnergyMarket.SupplyDrawn(1, 4_000, 6_000, 26 * RUPEE);
        market.drawDown(1);
        assertEq(market.takingsMicroInr(), 26 * RUPEE);
        assertEq(market.escrowMicroInr(), 39 * RUPEE);
        assertEq(market.reservedWh(), 6_000);
        vm.recordLogs();
        market.drawDown(1);
        assertEq(vm.getRecordedLogs().length, 0, "nothing new is nothing");
        assertEq(market.takingsMicroInr(), 26 * RUPEE);
    }

    function test_drawDown_allUsedOpensTheRelay() public {
        _request(10_000);
        _use(10_000);
        _report(HALL_SWITCH, 2, false); // the board's own cut-off
        vm.expectEmit(address(market));
        emit IEnergyMarket.SupplyFinished(1, 10_000, 0);
        vm.expectEmit(address(priorities));
        emit IPriorityRegistry.RelayCommand(HALL_SWITCH, 5, 0, false, 3, 0, IPriorityRegistry.Reason.SupplyEnded);
        market.drawDown(1);
        assertEq(market.takingsMicroInr(), COST);
        assertEq(market.escrowMicroInr(), 0);
        assertEq(market.reservedWh(), 0);
        assertEq(market.refundOf(alice), 0);
        assertEq(market.openRequestOf(HALL_SWITCH), 0);
        vm.expectRevert(_wrongState(IEnergyMarket.RequestState.Finished));
        market.drawDown(1);
    }

    function test_drawDown_whatFlowsBeyondIsTheCommunitys() public {
        _request(10_000);
        _use(10_250);
        market.drawDown(1);
        assertEq(market.request(1).usedWh, 10_000);
        assertEq(market.takingsMicroInr(), COST);
        _acknowledge(HALL_SWITCH);
        _closeSlot();
        _closeSlot();
        vm.prank(alice);
        uint256 id = market.requestSupply(HALL_SWITCH, 1_000, COST);
        assertEq(market.request(id).startImportedWh, 10_250);
    }

    function test_drawDown_unknown() public {
        vm.expectRevert(
            abi.encodeWithSelector(IEnergyMarket.EnergyMarket_WrongState.selector, 7, IEnergyMarket.RequestState.None)
        );
        market.drawDown(7);
    }

    /// However often it is drawn down, the requester pays the use rounded up once, and gets back the rest.
    /// forge-config: default.fuzz.runs = 64
    function test_drawDown_roundsOnce(uint16[8] memory uses, uint64 price) public {
        price = uint64(bound(price, 1_000_000, 20_000_000));
        vm.prank(operator);
        posted.setPrices(price, 1_000_000);
        _giveInr(alice, 100_000 * RUPEE);
        uint256 before = token.balanceOf(alice, INR);
        vm.prank(alice);
        market.requestSupply(HALL_SWITCH, 50_000, type(uint256).max);
        _acknowledge(HALL_SWITCH);
        uint256 used;
        for (uint256 i = 0; i < 8 && used < 50_000; ++i) {
            _use(uses[i] % 8_000);
            used += uses[i] % 8_000;
            market.drawDown(1);
        }
        if (used < 50_000) {
            vm.prank(alice);
            market.cancelSupply(1);
            _acknowledge(HALL_SWITCH);
            _closeSlot();
            _closeSlot();
            market.finishSupply(1);
            vm.prank(alice);
            market.withdrawRefund();
        }
        used = used < 50_000 ? used : 50_000;
        uint256 exact = (used * price + 999) / 1000;
        assertEq(before - token.balanceOf(alice, INR), exact);
        assertEq(market.takingsMicroInr(), exact);
        assertEq(market.escrowMicroInr(), 0);
        assertEq(market.reservedWh(), 0);
    }

    // ---- cancelling and finishing

    function test_cancel_useUntilTheAcknowledgedOpeningCounts() public {
        _request(10_000);
        _use(2_000);
        uint64 cancelled = ledger.currentSlot();
        vm.expectEmit(address(market));
        emit IEnergyMarket.SupplyClosing(1, cancelled);
        vm.prank(alice);
        market.cancelSupply(1);
        assertTrue(!priorities.switchState(HALL_SWITCH).closed);
        assertEq(market.request(1).closingSlot, cancelled);

        bytes memory notOpen = abi.encodeWithSelector(IEnergyMarket.EnergyMarket_SwitchNotOpen.selector, HALL_SWITCH);
        vm.expectRevert(notOpen);
        market.finishSupply(1);
        _use(500); // the command is on its way
        vm.expectRevert(notOpen);
        market.finishSupply(1);
        _count(HALL, 100, 0);
        _acknowledge(HALL_SWITCH);
        uint64 opened = ledger.currentSlot();
        vm.expectRevert(_notSettled(1, opened + 1, opened - 1));
        market.finishSupply(1);
        _closeSlot();
        vm.expectRevert(_notSettled(1, opened + 1, opened));
        market.finishSupply(1);
        _closeSlot();
        vm.expectEmit(address(market));
        emit IEnergyMarket.SupplyFinished(1, 2_600, COST - 16_900_000);
        market.finishSupply(1);
        assertEq(market.refundOf(alice), COST - 16_900_000);
        assertEq(market.takingsMicroInr(), 16_900_000);
        assertEq(market.escrowMicroInr(), 0);
        assertEq(market.reservedWh(), 0);
        assertEq(market.openRequestOf(HALL_SWITCH), 0);
        vm.expectRevert(_wrongState(IEnergyMarket.RequestState.Finished));
        market.finishSupply(1);
    }

    function test_cancel_beforeTheRelayEverClosed() public {
        _request(10_000);
        vm.prank(alice);
        market.cancelSupply(1);
        _acknowledge(HALL_SWITCH);
        _closeSlot();
        _closeSlot();
        market.finishSupply(1);
        assertEq(market.refundOf(alice), COST);
    }

    /// The relay was open for want of battery when the supply was cancelled: the slot of the cancellation decides.
    function test_cancel_whileForcedOpen() public {
        _request(10_000);
        _acknowledge(HALL_SWITCH);
        vm.prank(authority);
        priorities.setOverride(HALL_SWITCH, IPriorityRegistry.Override.ForceOpen, uint40(block.timestamp + 1 days));
        _acknowledge(HALL_SWITCH);
        _closeSlot();
        _closeSlot();
        vm.prank(alice);
        market.cancelSupply(1);
        uint64 cancelled = ledger.currentSlot();
        vm.expectRevert(_notSettled(1, cancelled + 1, cancelled - 1));
        market.finishSupply(1);
        _closeSlot();
        _closeSlot();
        market.finishSupply(1);
        assertEq(market.refundOf(alice), COST);
    }

    /// An authority keeps the relay closed in an emergency: that is no longer the requester's supply.
    function test_cancel_whileForcedClosed() public {
        _request(10_000);
        _use(1_000);
        vm.prank(authority);
        priorities.setOverride(HALL_SWITCH, IPriorityRegistry.Override.ForceClosed, uint40(block.timestamp + 1 days));
        vm.prank(alice);
        market.cancelSupply(1);
        assertTrue(priorities.switchState(HALL_SWITCH).closed);
        _closeSlot();
        _closeSlot();
        market.finishSupply(1);
        assertEq(market.refundOf(alice), COST - 6_500_000);
    }

    function test_cancel_refusals() public {
        _request(10_000);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NotRequester.selector, 1, bob));
        market.cancelSupply(1);
        vm.expectRevert(_wrongState(IEnergyMarket.RequestState.Open));
        market.finishSupply(1);
        vm.startPrank(alice);
        market.cancelSupply(1);
        vm.expectRevert(_wrongState(IEnergyMarket.RequestState.Closing));
        market.cancelSupply(1);
    }

    function test_cut_byTheOperator() public {
        _request(10_000);
        vm.prank(operator);
        market.cutSupply(1);
        assertTrue(!priorities.switchState(HALL_SWITCH).closed);
        _acknowledge(HALL_SWITCH);
        _closeSlot();
        _closeSlot();
        market.finishSupply(1);
        assertEq(market.refundOf(alice), COST);
    }

    function test_closing_drawDownCanFinish() public {
        _request(10_000);
        _use(9_000);
        vm.prank(alice);
        market.cancelSupply(1);
        _use(1_000);
        uint40 told = priorities.switchState(HALL_SWITCH).sequence;
        market.drawDown(1);
        assertEq(uint256(market.request(1).state), uint256(IEnergyMarket.RequestState.Finished));
        assertEq(priorities.switchState(HALL_SWITCH).sequence, told, "told once");
    }

    /// A board that never answers, or a meter that is never settled, cannot keep the refund.
    function test_closing_timeOut() public {
        _request(10_000);
        _use(2_000);
        vm.prank(alice);
        market.cancelSupply(1);
        uint256 closed = (uint256(market.request(1).closingSlot) + 1) * SLOT_SECONDS;
        vm.warp(closed + market.CLOSING_TIMEOUT() - 1);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_SwitchNotOpen.selector, HALL_SWITCH));
        market.finishSupply(1);
        _acknowledge(HALL_SWITCH);
        vm.expectPartialRevert(IEnergyMarket.EnergyMarket_NotSettledYet.selector);
        market.finishSupply(1);
        vm.warp(closed + market.CLOSING_TIMEOUT());
        market.finishSupply(1);
        assertEq(market.refundOf(alice), 52 * RUPEE);
    }

    // ---- refunds

    function test_refund() public {
        _cancelled(10_000);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NothingToWithdraw.selector, bob));
        market.withdrawRefund();
        uint256 before = token.balanceOf(alice, INR);
        vm.expectEmit(address(market));
        emit IEnergyMarket.RefundWithdrawn(alice, COST);
        vm.prank(alice);
        assertEq(market.withdrawRefund(), COST);
        assertEq(token.balanceOf(alice, INR), before + COST);
        assertEq(token.balanceOf(address(market), INR), 0);
    }

    function test_refund_isNotTheOperators() public {
        _cancelled(10_000);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NoFunds.selector, 1, 0));
        market.withdrawTakings(1, operator);
    }

    function test_pauseBlocksNoWayOut() public {
        _request(10_000);
        vm.prank(pauser);
        market.pause();
        _use(1_000);
        market.drawDown(1);
        vm.prank(alice);
        market.cancelSupply(1);
        _acknowledge(HALL_SWITCH);
        _closeSlot();
        _closeSlot();
        market.finishSupply(1);
        vm.prank(alice);
        assertEq(market.withdrawRefund(), COST - 6_500_000);
    }

    function test_hostileRequesterBlocksOnlyItself() public {
        HostileReceiver requester = new HostileReceiver();
        vm.deal(address(this), 1 ether);
        uint256 due = desk.etherFor(COST);
        requester.execute{value: due}(
            address(market), abi.encodeCall(market.requestSupply, (HALL_SWITCH, 10_000, COST))
        );
        requester.behave(HostileReceiver.Manner.Revert);
        vm.prank(operator);
        market.cutSupply(1);
        _acknowledge(HALL_SWITCH);
        _closeSlot();
        _closeSlot();
        market.finishSupply(1);
        vm.expectRevert(HostileReceiver.HostileReceiver_Refused.selector);
        requester.execute(address(market), abi.encodeCall(market.withdrawRefund, ()));
        // The switch is free for others, and the refund waits.
        vm.prank(alice);
        market.requestSupply(HALL_SWITCH, 10_000, COST);
        requester.behave(HostileReceiver.Manner.Accept);
        requester.execute(address(market), abi.encodeCall(market.withdrawRefund, ()));
        assertEq(token.balanceOf(address(requester), INR), COST);
    }

    // ---- in short

    function _request(uint256 wh) private {
        vm.prank(alice);
        market.requestSupply(HALL_SWITCH, wh, type(uint256).max);
        _acknowledge(HALL_SWITCH);
    }

    function _use(uint256 wh) private {
        _count(HALL, wh, 0);
        _closeSlot();
    }

    function _cancelled(uint256 wh) private {
        _request(wh);
        vm.prank(alice);
        market.cancelSupply(1);
        _acknowledge(HALL_SWITCH);
        _closeSlot();
        _closeSlot();
        market.finishSupply(1);
    }

    function _registerShed(MeterId shed) private {
        _register(shed, EntityKind.Consumer);
        vm.prank(operator);
        registry.setCommunityMode(shed, BillingMode.OnRequest);
        _addSwitch(SwitchId.wrap(7), shed, 5, false);
    }

    function _expectNoRequest(bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(alice);
        market.requestSupply(HALL_SWITCH, 10_000, COST);
    }

    function _notSettled(uint256 id, uint64 needed, uint64 settled) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NotSettledYet.selector, id, needed, settled);
    }

    function _wrongState(IEnergyMarket.RequestState state) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IEnergyMarket.EnergyMarket_WrongState.selector, 1, state);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEvRegistry} from "contracts/interfaces/IEvRegistry.sol";
import {IIncentiveRates} from "contracts/interfaces/IIncentiveRates.sol";
import {IOrderRules} from "contracts/interfaces/IOrderRules.sol";
import {IV2GExchange} from "contracts/interfaces/IV2GExchange.sol";
import {V2GTest} from "./V2GTest.sol";

/// What may be ordered, and what rates are in force.
contract OrdersTest is V2GTest {
    IOrderRules.Direction private constant CHARGE = IOrderRules.Direction.Charge;
    IOrderRules.Direction private constant DISCHARGE = IOrderRules.Direction.Discharge;
    IOrderRules.Direction private constant IDLE = IOrderRules.Direction.Idle;

    // ------------------------------------------------------------------ charge

    function test_charge_needsSurplus() public {
        uint256 id = _inTheEvening();
        _refuse(id, CHARGE, 1_000, 1, _wrongState(IIncentiveRates.GridState.Stress));
        _settleSession(id, _noon(499));
        _refuse(id, CHARGE, 100, 1, _wrongState(IIncentiveRates.GridState.Balanced));
        _settleSession(id, _noon(500));
        _charge(id, 500, 1);
    }

    function test_charge_allSessionsTogetherWithinTheSurplus() public {
        uint256 id = _begin();
        uint256 other = _begin(_authorisation(otherCar, OTHER_POINT), bobKey, 5_000);
        _settleSession(id, _noon(2_500));
        _settleSession(other, ledger.latestSlot());
        rates.updateIncentiveRates();
        _charge(id, 1_750, 2);
        bytes4 exceeded = IOrderRules.OrderRules_StateExceeded.selector;
        _refuse(other, CHARGE, 751, 1, abi.encodeWithSelector(exceeded, 750, 751));
        _charge(other, 750, 2);
        // What the first one gives back the second may take.
        _order(id, IDLE, 0, 0);
        _charge(other, 1_750, 2);
    }

    function test_charge_notIntoAFullBattery() public {
        uint256 id = _begin(_authorisation(car, POINT), aliceKey, 10_000);
        _settleSession(id, _noon(3_000));
        rates.updateIncentiveRates();
        bytes4 full = IOrderRules.OrderRules_BatteryFull.selector;
        _refuse(id, CHARGE, 1, 1, abi.encodeWithSelector(full, 0, 1));
    }

    function test_charge_whatIsOrderedCountsAsCharged() public {
        uint256 id = _begin(_authorisation(car, POINT), aliceKey, 9_500); // room for 2 000 / 0.85 = 2 353 Wh
        _settleSession(id, _noon(3_000));
        rates.updateIncentiveRates();
        _charge(id, 1_000, 2);
        _commitSlot();
        _noon(3_000);
        bytes4 full = IOrderRules.OrderRules_BatteryFull.selector;
        _refuse(id, CHARGE, 354, 1, abi.encodeWithSelector(full, 2_353, 2_354));
        _charge(id, 353, 1);
    }

    function test_charge_withinTheEscrow() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        agreed.maxCostMicroInr = 8_000_000; // a kWh at the signed price
        uint256 id = _begin(agreed, aliceKey, 5_000);
        _settleSession(id, _noon(3_000));
        rates.updateIncentiveRates();
        bytes4 short = IOrderRules.OrderRules_EscrowShort.selector;
        _refuse(id, CHARGE, 1_001, 1, abi.encodeWithSelector(short, 8_000_000, 8_008_000));
        _charge(id, 1_000, 1);
    }

    function test_charge_targetThatCannotWait() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        agreed.targetBps = 5_800; // 3 200 Wh more: 3 slots of charging, 2 in hand
        agreed.departureSlot = ledger.currentSlot() + 8;
        uint256 id = _begin(agreed, aliceKey, 5_000);
        _settleSession(id, _evening(3_000));
        rates.updateIncentiveRates();
        _refuse(id, CHARGE, 1_750, 3, _wrongState(IIncentiveRates.GridState.Stress)); // 7 slots are left
        _settleSession(id, _evening(3_000));
        _refuse(id, CHARGE, 1_750, 3, _wrongState(IIncentiveRates.GridState.Stress)); // 6
        _settleSession(id, _evening(3_000));
        _refuse(id, CHARGE, 1_750, 4, _wrongState(IIncentiveRates.GridState.Stress)); // no more than the target takes
        _charge(id, 1_750, 3);
    }

    function test_charge_maximum() public {
        uint256 id = _atNoon();
        _refuse(id, CHARGE, MOST_WH + 1, 1, _badOrder("whPerSlot"));
        _refuse(id, CHARGE, 0, 1, _badOrder("whPerSlot"));
        _refuse(id, CHARGE, 1, 0, _badOrder("slots"));
        _refuse(id, CHARGE, 1, 9, _badOrder("slots"));
        _refuse(id, IDLE, 1, 0, _badOrder("whPerSlot"));
        _refuse(id, IDLE, 0, 1, _badOrder("whPerSlot"));
    }

    // ------------------------------------------------------------------ discharge

    function test_discharge_needsStress() public {
        uint256 id = _atNoon();
        _refuse(id, DISCHARGE, 1_000, 1, _wrongState(IIncentiveRates.GridState.Surplus));
        _settleSession(id, _evening(999));
        _refuse(id, DISCHARGE, 100, 1, _wrongState(IIncentiveRates.GridState.Balanced));
        _settleSession(id, _evening(1_000));
        _discharge(id, 1_000, 1);
    }

    function test_discharge_downToTheReserve() public {
        uint256 id = _begin(_authorisation(car, POINT), aliceKey, 3_300); // 1 200 Wh above the car's 30 %
        _settleSession(id, _evening(3_000));
        rates.updateIncentiveRates();
        bytes4 below = IOrderRules.OrderRules_BelowReserve.selector;
        _refuse(id, DISCHARGE, 1_021, 1, abi.encodeWithSelector(below, 1_200, 1_202));
        _discharge(id, 1_020, 1);
        // The owner wants more to stay: what is ordered next keeps to it.
        vm.prank(alice);
        vehicles.setReserve(car, 3_200);
        _refuse(id, DISCHARGE, 1_020, 1, abi.encodeWithSelector(below, 400, 1_200));
    }

    function test_discharge_signedReserveHolds() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        agreed.reserveBps = 5_000;
        uint256 id = _begin(agreed, aliceKey, 5_000);
        _settleSession(id, _evening(3_000));
        rates.updateIncentiveRates();
        bytes4 below = IOrderRules.OrderRules_BelowReserve.selector;
        _refuse(id, DISCHARGE, 1, 1, abi.encodeWithSelector(below, 0, 2));
    }

    function test_discharge_rewardBelowTheSigned() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        agreed.minReward = 12_000_000;
        uint256 id = _begin(agreed, aliceKey, 5_000);
        _settleSession(id, _evening(3_000));
        rates.updateIncentiveRates();
        bytes4 below = IOrderRules.OrderRules_RewardBelowLimit.selector;
        _refuse(id, DISCHARGE, 1_000, 1, abi.encodeWithSelector(below, 10_562_500, 12_000_000));
    }

    function test_discharge_budgetNeverOverdrawn() public {
        vm.prank(operator);
        exchange.withdrawBudget(BUDGET - 50 * RUPEE); // two kWh at Rs 24
        uint256 id = _inTheEvening();
        bytes4 short = IV2GExchange.V2GExchange_BudgetShort.selector;
        _refuse(id, DISCHARGE, 1_000, 3, abi.encodeWithSelector(short, 50 * RUPEE, 72 * RUPEE));
        _discharge(id, 1_000, 2);
        // The same order again replaces the first and its reservation.
        _discharge(id, 1_000, 2);
        (uint256 free, uint256 reserved) = exchange.budget();
        assertEq(free, 2 * RUPEE);
        assertEq(reserved, 48 * RUPEE);
        _order(id, IDLE, 0, 0);
        (free, reserved) = exchange.budget();
        assertEq(free, 50 * RUPEE);
        assertEq(reserved, 0);
    }

    function test_discharge_targetStaysInReach() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        agreed.targetBps = 5_000;
        agreed.departureSlot = ledger.currentSlot() + 6;
        uint256 id = _begin(agreed, aliceKey, 5_000);
        _settleSession(id, _evening(3_000));
        rates.updateIncentiveRates();
        // 2 x 1 700 / 0.85 = 4 000 Wh out need 3 slots and 2 in hand; 3 are left
        bytes4 risk = IOrderRules.OrderRules_TargetAtRisk.selector;
        _refuse(id, DISCHARGE, 1_700, 2, abi.encodeWithSelector(risk, 3, 3));
        _discharge(id, 850, 1); // 1 000 Wh: one slot and two in hand, of four
    }

    // ------------------------------------------------------------------ what is too old

    function test_order_staleGridState() public {
        uint256 id = _atNoon();
        uint64 slot = ledger.latestSlot();
        vm.warp((uint256(slot) + 3) * SLOT_SECONDS);
        vm.prank(relayer);
        vm.expectRevert(
            abi.encodeWithSelector(IIncentiveRates.IncentiveRates_StaleState.selector, slot, slot + 1)
        );
        exchange.order(id, CHARGE, 1_000, 1);
    }

    function test_order_staleSoc() public {
        uint256 id = _atNoon();
        uint64 reported = exchange.session(id).socSlot;
        for (uint256 i = 0; i < 4; ++i) {
            _settleSession(id, _noon(3_000));
        }
        bytes4 stale = IV2GExchange.V2GExchange_StaleSoc.selector;
        _refuse(id, CHARGE, 1_000, 1, abi.encodeWithSelector(stale, reported, reported + 1));
        _reportSoc(id, 5_000);
        _charge(id, 1_000, 1);
    }

    function test_order_staleRates() public {
        uint256 id = _begin();
        _settleSession(id, _noon(3_000));
        uint64 coming = ledger.currentSlot() + 1;
        _refuse(id, CHARGE, 1, 1, abi.encodeWithSelector(IIncentiveRates.IncentiveRates_NoRates.selector, coming));
        rates.updateIncentiveRates();
        IIncentiveRates.Settings memory settings = _settings();
        settings.maxPriceAge = 60;
        vm.prank(operator);
        rates.setSettings(settings);
        uint256 checkedAt = rates.checkedAt();
        vm.warp(block.timestamp + 61);
        bytes4 stale = IIncentiveRates.IncentiveRates_StaleRates.selector;
        _refuse(id, CHARGE, 1, 1, abi.encodeWithSelector(stale, checkedAt));
    }

    function test_order_unsettledSessionKnowsNoChargeAnyMore() public {
        uint256 id = _begin();
        uint64 started = ledger.currentSlot();
        for (uint256 i = 0; i < 5; ++i) {
            _noon(3_000);
        }
        bytes4 stale = IV2GExchange.V2GExchange_StaleSoc.selector;
        _refuse(id, CHARGE, 1, 1, abi.encodeWithSelector(stale, started, started + 1));
    }

    /// However old the charge may be by the operator's limits, orders read 32 slots back at most.
    function test_order_unsettledBacklog() public {
        IEvRegistry.Limits memory limits = _limits();
        limits.maxSocAgeSlots = 1_000;
        vm.prank(operator);
        vehicles.setLimits(limits);
        uint256 id = _begin();
        uint64 started = ledger.currentSlot();
        Line memory opening = _line(_noon(3_000), POINT);
        Line memory second = _line(_noon(3_000), POINT);
        for (uint256 i = 0; i < 31; ++i) {
            _noon(3_000);
        }
        _publishCarbon(GRAMS);
        rates.updateIncentiveRates();
        bytes4 behind = IV2GExchange.V2GExchange_TooFarBehind.selector;
        _refuse(id, CHARGE, 1, 1, abi.encodeWithSelector(behind, started));
        _settleLine(id, opening);
        _refuse(id, CHARGE, 1, 1, abi.encodeWithSelector(behind, started));
        _settleLine(id, second);
        _charge(id, 1, 1);
    }

    function test_order_pastTheDeparture() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        agreed.departureSlot = ledger.currentSlot() + 3;
        uint256 id = _begin(agreed, aliceKey, 5_000);
        _settleSession(id, _noon(3_000));
        rates.updateIncentiveRates();
        _refuse(id, CHARGE, 100, 3, _badOrder("slots"));
        _charge(id, 100, 2);
    }

    function test_order_onlyTheRelayerAndOnlyWhileItRuns() public {
        uint256 id = _atNoon();
        _expectUnauthorized(alice);
        vm.prank(alice);
        exchange.order(id, CHARGE, 1_000, 1);
        vm.prank(alice);
        exchange.end(id);
        _refuse(id, CHARGE, 1, 1, abi.encodeWithSelector(IV2GExchange.V2GExchange_SessionOver.selector, id));
        _refuse(9, CHARGE, 1, 1, abi.encodeWithSelector(IV2GExchange.V2GExchange_UnknownSession.selector, 9));
    }

    // ------------------------------------------------------------------ rates

    function test_rates_applyFromTheNextSlot() public {
        _evening(3_000);
        rates.updateIncentiveRates();
        uint64 slot = ledger.currentSlot();
        assertEq(rates.ratesAt(slot).basePrice, 0);
        assertEq(rates.ratesAt(slot + 1).basePrice, BUY_PRICE);
        assertEq(rates.ratesAt(slot + 1).multiplierBps, 16_250);
        assertEq(rates.ratesAt(slot + 9).rewardPrice, 10_562_500);
        vm.expectRevert(abi.encodeWithSelector(IIncentiveRates.IncentiveRates_NotDue.selector, slot + 1));
        rates.updateIncentiveRates();
        // Unchanged rates are confirmed and nothing is written.
        vm.warp(block.timestamp + SLOT_SECONDS);
        rates.updateIncentiveRates();
        assertEq(rates.checkedAt(), block.timestamp);
    }

    function test_rates_keepToTheBounds() public {
        vm.prank(operator);
        posted.setPrices(20_000_000, SELL_PRICE);
        _evening(100_000);
        rates.updateIncentiveRates();
        IIncentiveRates.Rates memory found = rates.ratesAt(ledger.currentSlot() + 1);
        assertEq(found.basePrice, 12_000_000);
        assertEq(found.multiplierBps, 17_500); // all of demand's half, half of carbon's
        assertEq(rates.highestReward(), 24_000_000);
    }

    function test_rates_staleSourcesAreRefused() public {
        vm.expectRevert(abi.encodeWithSelector(IIncentiveRates.IncentiveRates_StaleState.selector, 0, 1_999_998));
        rates.updateIncentiveRates();
        uint64 slot = _noon(1_000);
        vm.warp((uint256(slot) + 3) * SLOT_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(IIncentiveRates.IncentiveRates_StaleState.selector, slot, slot + 1));
        rates.updateIncentiveRates();
        skip(4 hours);
        _noon(1_000);
        uint64 hour = uint64(block.timestamp / 1 hours);
        vm.expectRevert(abi.encodeWithSelector(IIncentiveRates.IncentiveRates_CarbonUnknown.selector, hour));
        rates.updateIncentiveRates();
        _publishCarbon(GRAMS);
        rates.updateIncentiveRates();
        IIncentiveRates.Settings memory settings = _settings();
        settings.maxPriceAge = 60;
        vm.prank(operator);
        rates.setSettings(settings);
        (,, uint256 updatedAt) = posted.prices();
        vm.expectRevert(abi.encodeWithSelector(IIncentiveRates.IncentiveRates_StalePrice.selector, updatedAt));
        rates.updateIncentiveRates();
    }

    function test_rates_settingsAreChecked() public {
        IIncentiveRates.Settings memory s = _settings();
        s.minBasePrice = 0;
        _refuseSettings(s, "minBasePrice");
        s = _settings();
        s.maxBasePrice = s.minBasePrice - 1;
        _refuseSettings(s, "maxBasePrice");
        s = _settings();
        s.minMultiplierBps = 0;
        _refuseSettings(s, "minMultiplierBps");
        s = _settings();
        s.maxMultiplierBps = 1;
        _refuseSettings(s, "maxMultiplierBps");
        s = _settings();
        s.demandWeightBps = 10_001;
        _refuseSettings(s, "demandWeightBps");
        s = _settings();
        s.dirtyGrams = s.cleanGrams;
        _refuseSettings(s, "dirtyGrams");
        s = _settings();
        (s.surplusWh, s.stressWh) = (1, 0);
        _refuseSettings(s, "stressWh");
        s.surplusWh = 0;
        _refuseSettings(s, "surplusWh");
        s = _settings();
        s.peakWh = 0;
        _refuseSettings(s, "peakWh");
        s = _settings();
        s.maxPriceAge = 0;
        _refuseSettings(s, "maxPriceAge");
        _expectUnauthorized(alice);
        vm.prank(alice);
        rates.setSettings(s);
    }

    function testFuzz_rates_growWithNeedAndCarbon(uint256 need, uint16 grams) public {
        need = bound(need, 0, 50_000);
        grams = uint16(bound(grams, 0, 1_499));
        skip(1 hours);
        _publishCarbon(grams);
        _evening(need);
        (IIncentiveRates.Rates memory found,,) = rates.nextRates();
        assertGe(found.multiplierBps, 10_000);
        assertLe(found.multiplierBps, 20_000);
        _count(HOUSE, 1_000, 0);
        _evening(need);
        (IIncentiveRates.Rates memory more,,) = rates.nextRates();
        assertGe(more.multiplierBps, found.multiplierBps);
    }

    // ------------------------------------------------------------------ internal

    function _refuse(uint256 id, IOrderRules.Direction direction, uint32 wh, uint64 slots, bytes memory why) private {
        vm.expectRevert(why);
        vm.prank(relayer);
        exchange.order(id, direction, wh, slots);
    }

    function _refuseSettings(IIncentiveRates.Settings memory settings, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(IIncentiveRates.IncentiveRates_BadSettings.selector, field));
        vm.prank(operator);
        rates.setSettings(settings);
    }

    function _wrongState(IIncentiveRates.GridState state) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IOrderRules.OrderRules_WrongState.selector, state);
    }

    function _badOrder(string memory field) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IV2GExchange.V2GExchange_BadOrder.selector, field);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EntityKind, EvId, Leaf, MeterId} from "contracts/Types.sol";
import {CarbonIntensity} from "contracts/certificates/CarbonIntensity.sol";
import {ICarbonIntensity} from "contracts/interfaces/ICarbonIntensity.sol";
import {IEvRegistry} from "contracts/interfaces/IEvRegistry.sol";
import {IIncentiveRates} from "contracts/interfaces/IIncentiveRates.sol";
import {IOrderRules} from "contracts/interfaces/IOrderRules.sol";
import {IV2GExchange} from "contracts/interfaces/IV2GExchange.sol";
import {ClearingHouse} from "contracts/market/ClearingHouse.sol";
import {EvRegistry} from "contracts/v2g/EvRegistry.sol";
import {IncentiveRates} from "contracts/v2g/IncentiveRates.sol";
import {OrderRules} from "contracts/v2g/OrderRules.sol";
import {V2GExchange} from "contracts/v2g/V2GExchange.sol";
import {V2GState} from "contracts/v2g/V2GState.sol";
import {CommunityTest} from "../market/CommunityTest.sol";
import {SlotTree} from "../market/SlotTree.sol";

/// Alice's and bob's cars, two charge points, a budget, and a community whose sun and consumption the test moves.
abstract contract V2GTest is CommunityTest {
    /// What proves a meter's registers of a slot.
    struct Line {
        uint64 slot;
        Leaf leaf;
        bytes32[3][] proof;
        uint256 path;
    }

    uint64 internal constant CLEARING = 14;
    MeterId internal constant POINT = MeterId.wrap(61);
    MeterId internal constant OTHER_POINT = MeterId.wrap(62);
    uint32 internal constant CAPACITY = 40_000;
    uint16 internal constant RESERVE = 3_000; // 30 %
    uint32 internal constant MOST_WH = 1_750; // 7 kW for a quarter of an hour
    uint16 internal constant GRAMS = 500; // half way from clean to dirty
    uint256 internal constant BUDGET = 1_000 * RUPEE;
    uint256 internal constant DEPOSIT = 1_000 * RUPEE;
    uint128 internal constant ESCROW = uint128(300 * RUPEE);

    ClearingHouse internal house;
    CarbonIntensity internal carbon;
    EvRegistry internal vehicles;
    IncentiveRates internal rates;
    V2GExchange internal exchange;
    EvId internal car;
    EvId internal otherCar;
    uint256 internal aliceKey;
    uint256 internal bobKey;
    uint256 private _nodeKey;

    function setUp() public virtual override {
        super.setUp();
        vm.warp(2_000_000 * uint256(SLOT_SECONDS) + 10); // an hour begins
        (, _nodeKey) = makeAccount("oracle node");
        (, aliceKey) = makeAccount("alice");
        (, bobKey) = makeAccount("bob");
        _deployV2g();
        _grantV2g();
        _register(POINT, EntityKind.Ev);
        _register(OTHER_POINT, EntityKind.Ev);
        vm.startPrank(operator);
        posted.setPrices(BUY_PRICE, SELL_PRICE);
        vehicles.setChargePoint(POINT, MOST_WH, MOST_WH);
        vehicles.setChargePoint(OTHER_POINT, MOST_WH, MOST_WH);
        vm.stopPrank();
        vm.prank(alice);
        car = vehicles.registerEv(CAPACITY, RESERVE);
        vm.prank(bob);
        otherCar = vehicles.registerEv(CAPACITY, RESERVE);
        _deposit(alice, DEPOSIT);
        _deposit(bob, DEPOSIT);
        _deposit(operator, BUDGET);
        vm.prank(operator);
        exchange.fundBudget(BUDGET);
        _publishCarbon(GRAMS);
    }

    function _deployV2g() private {
        house = new ClearingHouse(address(manager), token, desk, operator);
        carbon = new CarbonIntensity(
            address(manager), quorum, ICarbonIntensity.Bounds(0, 1_500, 30 days, 3_600)
        );
        vehicles = new EvRegistry(address(manager), registry, _limits());
        rates = new IncentiveRates(address(manager), ledger, posted, carbon, _settings());
        OrderRules rules = new OrderRules(rates);
        exchange =
            new V2GExchange(address(manager), V2GState.Links(vehicles, ledger, quorum, house, rates, rules));
    }

    function _grantV2g() private {
        manager.grantRole(CLEARING, address(exchange), 0);
        _assign(address(house), ClearingHouse.lock.selector, CLEARING);
        _assign(address(house), ClearingHouse.unlock.selector, CLEARING);
        _assign(address(house), ClearingHouse.pay.selector, CLEARING);
        _assign(address(house), ClearingHouse.payFromLocked.selector, CLEARING);
        _assign(address(house), ClearingHouse.pause.selector, PAUSER);
        _assign(address(vehicles), EvRegistry.setChargePoint.selector, OPERATOR);
        _assign(address(vehicles), EvRegistry.setLimits.selector, OPERATOR);
        _assign(address(rates), IncentiveRates.setSettings.selector, OPERATOR);
        _assign(address(exchange), V2GExchange.withdrawBudget.selector, OPERATOR);
        _assign(address(exchange), V2GExchange.order.selector, RELAYER);
        _assign(address(exchange), V2GExchange.unplug.selector, RELAYER);
    }

    function _limits() internal pure returns (IEvRegistry.Limits memory) {
        return IEvRegistry.Limits({
            maxSocAgeSlots: 4, minEfficiencyBps: 8_500, socToleranceBps: 200, gapSeconds: 1 days, abandonSeconds: 7 days
        });
    }

    function _settings() internal pure returns (IIncentiveRates.Settings memory) {
        return IIncentiveRates.Settings({
            minBasePrice: 2_000_000,
            maxBasePrice: 12_000_000,
            minMultiplierBps: 10_000,
            maxMultiplierBps: 20_000,
            demandWeightBps: 5_000,
            cleanGrams: 200,
            dirtyGrams: 800,
            surplusWh: 500,
            stressWh: 1_000,
            peakWh: 4_000,
            maxStateAgeSlots: 2,
            maxPriceAge: 7 days
        });
    }

    // ---- the community

    /// A slot with this much more generation than consumption, committed.
    function _noon(uint256 surplusWh) internal returns (uint64) {
        _count(SOLAR, 0, surplusWh);
        return _commitSlot();
    }

    /// A slot with this much consumption and no sun, committed.
    function _evening(uint256 needWh) internal returns (uint64) {
        _count(HOUSE, needWh, 0);
        return _commitSlot();
    }

    function _publishCarbon(uint16 grams) internal {
        uint16[] memory figures = new uint16[](1);
        figures[0] = grams;
        uint64 hour = uint64(block.timestamp / 1 hours);
        carbon.publish(hour, figures, _byOracle(carbon.publicationDigest(hour, figures)));
    }

    // ---- sessions

    function _authorisation(EvId ev, MeterId point) internal view returns (IV2GExchange.Authorisation memory) {
        (uint64 nonce,) = exchange.evState(ev);
        return IV2GExchange.Authorisation({
            ev: ev,
            chargePoint: point,
            maxPrice: 8_000_000,
            minReward: 5_000_000,
            reserveBps: 2_000,
            targetBps: 0,
            departureSlot: ledger.currentSlot() + 96,
            maxCostMicroInr: ESCROW,
            nonce: nonce,
            validUntil: uint64(block.timestamp + 1 hours)
        });
    }

    function _plug(EvId ev, MeterId point, uint16 socBps) internal view returns (IV2GExchange.PlugReport memory) {
        return IV2GExchange.PlugReport(ev, point, socBps, ledger.currentSlot());
    }

    function _begin(IV2GExchange.Authorisation memory agreed, uint256 key, uint16 socBps) internal returns (uint256) {
        IV2GExchange.PlugReport memory plugged = _plug(agreed.ev, agreed.chargePoint, socBps);
        bytes memory signature = _signWith(key, exchange.authorisationDigest(agreed));
        return exchange.start(agreed, signature, plugged, _byOracle(exchange.plugDigest(plugged)));
    }

    /// Alice's car, plugged in half full.
    function _begin() internal returns (uint256) {
        return _begin(_authorisation(car, POINT), aliceKey, 5_000);
    }

    /// A session whose opening reading is settled, with rates in force and 3 kWh of surplus.
    function _atNoon() internal returns (uint256 id) {
        id = _begin();
        _settleSession(id, _noon(3_000));
        rates.updateIncentiveRates();
    }

    /// The same with a need of 3 kWh.
    function _inTheEvening() internal returns (uint256 id) {
        id = _begin();
        _settleSession(id, _evening(3_000));
        rates.updateIncentiveRates();
    }

    function _order(uint256 id, IOrderRules.Direction direction, uint32 wh, uint64 slots) internal {
        vm.prank(relayer);
        exchange.order(id, direction, wh, slots);
    }

    function _charge(uint256 id, uint32 wh, uint64 slots) internal {
        _order(id, IOrderRules.Direction.Charge, wh, slots);
    }

    function _discharge(uint256 id, uint32 wh, uint64 slots) internal {
        _order(id, IOrderRules.Direction.Discharge, wh, slots);
    }

    /// Lets the running slot pass with this at alice's charge point, and commits it.
    function _flow(uint256 chargedWh, uint256 dischargedWh) internal returns (uint64) {
        _countStorage(POINT, chargedWh, dischargedWh);
        return _commitSlot();
    }

    /// The present registers of the meter, as the newest slot has them.
    function _line(uint64 slot, MeterId meter) internal view returns (Line memory line) {
        Leaf[] memory leaves = _leaves();
        uint256 index;
        while (MeterId.unwrap(_meters[index]) != MeterId.unwrap(meter)) ++index;
        (line.slot, line.leaf) = (slot, leaves[index]);
        (line.proof, line.path) = SlotTree.proof(SlotTree.leafNodes(leaves, _kinds), index);
    }

    function _settleSession(uint256 id, uint64 slot) internal {
        _settleLine(id, _line(slot, exchange.session(id).chargePoint));
    }

    function _settleLine(uint256 id, Line memory line) internal {
        exchange.settle(id, line.slot, line.leaf, line.proof, line.path);
    }

    function _reportSoc(uint256 id, uint16 socBps) internal {
        uint64 slot = exchange.session(id).settledSlot;
        exchange.reportSoc(id, slot, socBps, _byOracle(exchange.socDigest(id, slot, socBps)));
    }

    // ---- money and signatures

    function _deposit(address to, uint256 microInr) internal {
        _giveInr(to, microInr);
        vm.startPrank(to);
        token.setApprovalForAll(address(house), true);
        house.deposit(microInr);
        vm.stopPrank();
    }

    function _byOracle(bytes32 digest) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](1);
        signatures[0] = _signWith(_nodeKey, digest);
    }

    function _signWith(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }
}

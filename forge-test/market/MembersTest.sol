// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, Leaf, MeterId} from "contracts/Types.sol";
import {IDayAheadMarket} from "contracts/interfaces/IDayAheadMarket.sol";
import {IRealTimePool} from "contracts/interfaces/IRealTimePool.sol";
import {ClearingHouse} from "contracts/market/ClearingHouse.sol";
import {DayAheadMarket} from "contracts/market/DayAheadMarket.sol";
import {RealTimePool} from "contracts/market/RealTimePool.sol";
import {CommunityTest} from "./CommunityTest.sol";
import {SlotTree} from "./SlotTree.sol";

/// The community with a clearing house, a pool and a day-ahead market, and four members: two that draw, two with roofs.
/// The operator stands for the main grid.
abstract contract MembersTest is CommunityTest {
    uint64 internal constant CLEARING = 14;
    uint32 internal constant TICK = 10_000; // Rs 0.01 a kWh
    uint16 internal constant TICKS = 1000;
    uint32 internal constant GATE_SECONDS = 1800;
    uint32 internal constant MIN_ORDER_WH = 10;
    uint256 internal constant REPORT_SECONDS = 3600;
    uint32 internal constant BUYBACK = 3_000_000;
    uint32 internal constant RETAIL = 7_000_000;

    MeterId internal constant COTTAGE = MeterId.wrap(60); // consumer
    MeterId internal constant BARN = MeterId.wrap(61); // prosumer

    ClearingHouse internal house;
    RealTimePool internal pool;
    DayAheadMarket internal dayAhead;
    address internal carol = makeAddr("carol");
    address internal dave = makeAddr("dave");

    function setUp() public virtual override {
        super.setUp();
        house = new ClearingHouse(address(manager), token, desk, operator);
        pool = new RealTimePool(
            address(manager),
            registry,
            ledger,
            house,
            REPORT_SECONDS,
            RealTimePool.GridPrices(0, 10_000_000, BUYBACK, RETAIL)
        );
        dayAhead = new DayAheadMarket(address(manager), house, pool, SLOT_SECONDS, _rules());
        pool.setDayAhead(address(dayAhead));
        _grantMarkets();
        _register(COTTAGE, EntityKind.Consumer);
        _register(BARN, EntityKind.Prosumer);
        _claim(HOUSE, alice, BillingMode.Market);
        _claim(ROOF, bob, BillingMode.Market);
        _claim(COTTAGE, carol, BillingMode.Market);
        _claim(BARN, dave, BillingMode.Market);
        _count(HOUSE, 5_000, 0);
        _count(BARN, 100, 9_000);
        _closeSlot();
        pool.join(HOUSE);
        pool.join(ROOF);
        pool.join(COTTAGE);
        pool.join(BARN);
        _fund(operator, 1_000 * RUPEE);
        _fund(alice, 1_000 * RUPEE);
        _fund(bob, 1_000 * RUPEE);
        _fund(carol, 1_000 * RUPEE);
        _fund(dave, 1_000 * RUPEE);
    }

    function _rules() internal pure virtual returns (DayAheadMarket.Rules memory) {
        return DayAheadMarket.Rules(TICK, TICKS, GATE_SECONDS, 2 days, MIN_ORDER_WH);
    }

    function _grantMarkets() private {
        manager.grantRole(CLEARING, address(pool), 0);
        manager.grantRole(CLEARING, address(dayAhead), 0);
        _assign(address(house), ClearingHouse.lock.selector, CLEARING);
        _assign(address(house), ClearingHouse.unlock.selector, CLEARING);
        _assign(address(house), ClearingHouse.payFromLocked.selector, CLEARING);
        _assign(address(house), ClearingHouse.pay.selector, CLEARING);
        _assign(address(house), ClearingHouse.passLock.selector, CLEARING);
        _assign(address(house), ClearingHouse.charge.selector, CLEARING);
        _assign(address(dayAhead), DayAheadMarket.deliver.selector, CLEARING);
        _assign(address(dayAhead), DayAheadMarket.pause.selector, PAUSER);
        _assign(address(dayAhead), DayAheadMarket.unpause.selector, PAUSER);
        _assign(address(pool), RealTimePool.setGridPrices.selector, OPERATOR);
    }

    // ---- money

    function _fund(address account, uint256 microInr) internal {
        _giveInr(account, microInr);
        vm.startPrank(account);
        token.setApprovalForAll(address(house), true);
        house.deposit(microInr);
        vm.stopPrank();
    }

    /// Everything the account has at the clearing house.
    function _wealth(address account) internal view returns (uint256) {
        return house.balanceOf(account) + house.lockedOf(account);
    }

    // ---- orders

    function _bid(uint64 slot, uint16 tick, uint32 wh) internal pure returns (IDayAheadMarket.Placement[] memory one) {
        one = new IDayAheadMarket.Placement[](1);
        one[0] = IDayAheadMarket.Placement(slot, IDayAheadMarket.Side.Bid, tick, wh);
    }

    function _offer(uint64 slot, uint16 tick, uint32 wh)
        internal
        pure
        returns (IDayAheadMarket.Placement[] memory one)
    {
        one = new IDayAheadMarket.Placement[](1);
        one[0] = IDayAheadMarket.Placement(slot, IDayAheadMarket.Side.Offer, tick, wh);
    }

    function _place(MeterId meter, IDayAheadMarket.Placement[] memory orders) internal returns (uint256 id) {
        address trader = pool.traderOf(meter);
        vm.prank(trader);
        return dayAhead.place(meter, orders);
    }

    /// The first slot whose gate is open for at least another slot.
    function _nextSlot() internal view returns (uint64) {
        return uint64((vm.getBlockTimestamp() + GATE_SECONDS) / SLOT_SECONDS + 2);
    }

    function _shut(uint64 slot) internal {
        vm.warp(dayAhead.gateClosesAt(slot));
    }

    function _clear(uint64 slot) internal {
        _shut(slot);
        assertTrue(dayAhead.clear(slot, type(uint256).max));
    }

    function _claimAll() internal {
        uint256 count = dayAhead.orderCount();
        uint256[] memory ids = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            ids[i] = i + 1;
        }
        dayAhead.claim(ids);
    }

    // ---- slots

    /// Goes on to the slot and commits it, nothing in between.
    function _commitAt(uint64 slot) internal {
        vm.warp(uint256(slot) * SLOT_SECONDS);
        assertEq(_commitSlot(), slot);
    }

    function _report(uint64 slot, MeterId[] memory meters) internal {
        Leaf[] memory leaves = _leaves();
        uint256[] memory indices = new uint256[](meters.length);
        Leaf[] memory told = new Leaf[](meters.length);
        for (uint256 i = 0; i < meters.length; ++i) {
            while (MeterId.unwrap(_meters[indices[i]]) != MeterId.unwrap(meters[i])) ++indices[i];
            told[i] = leaves[indices[i]];
        }
        (bytes32[3][] memory proof, bytes memory flags) =
            SlotTree.multiproof(SlotTree.leafNodes(leaves, _kinds), indices);
        pool.report(slot, told, proof, flags);
    }

    function _all() internal pure returns (MeterId[] memory meters) {
        meters = new MeterId[](4);
        (meters[0], meters[1], meters[2], meters[3]) = (HOUSE, ROOF, COTTAGE, BARN);
    }

    function _only(MeterId meter) internal pure returns (MeterId[] memory meters) {
        meters = new MeterId[](1);
        meters[0] = meter;
    }

    /// Commits the slot, reports all, closes and settles.
    function _finishSlot(uint64 slot) internal {
        _commitAt(slot);
        _report(slot, _all());
        pool.close(slot);
        assertEq(pool.settle(slot, _all()), 4);
    }

    function _assertLine(uint64 slot, MeterId meter, int256 surplus, int256 position) internal view {
        IRealTimePool.Line memory line = pool.line(slot, meter);
        assertEq(line.surplusWh, surplus, "surplus");
        assertEq(line.positionWh, position, "position");
    }
}

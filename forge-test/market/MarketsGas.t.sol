// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, Leaf, MeterId} from "contracts/Types.sol";
import {IDayAheadMarket} from "contracts/interfaces/IDayAheadMarket.sol";
import {DayAheadMarket} from "contracts/market/DayAheadMarket.sol";
import {MembersTest} from "./MembersTest.sol";
import {SlotTree} from "./SlotTree.sol";

/// What the markets' calls cost, as whole transactions under `make gas` (--isolate), kept in forge-test/snapshots.
contract MarketsGasTest is MembersTest {
    string private constant GROUP = "markets";
    uint64 private slot;

    function setUp() public override {
        super.setUp();
        slot = _nextSlot();
    }

    function test_gas_orders() public {
        _place(HOUSE, _bid(slot, 500, 1_000));
        vm.snapshotGasLastCall(GROUP, "place, first order");
        _place(HOUSE, _bid(slot, 501, 1_000));
        assertLt(vm.snapshotGasLastCall(GROUP, "place, second order of a slot"), 200_000);
        vm.prank(bob);
        dayAhead.place(ROOF, _day(slot));
        assertLt(vm.snapshotGasLastCall(GROUP, "place, 96 slots"), 17_000_000);
        vm.prank(alice);
        dayAhead.cancel(_one(2));
        assertLt(vm.snapshotGasLastCall(GROUP, "cancel"), 120_000);
        _clear(slot);
        dayAhead.claim(_one(1));
        assertLt(vm.snapshotGasLastCall(GROUP, "claim, a bid"), 200_000);
        dayAhead.claim(_one(3));
        assertLt(vm.snapshotGasLastCall(GROUP, "claim, an offer"), 200_000);
    }

    /// One offer for each of 96 slots.
    function _day(uint64 first) private pure returns (IDayAheadMarket.Placement[] memory orders) {
        orders = new IDayAheadMarket.Placement[](96);
        for (uint64 i = 0; i < 96; ++i) {
            orders[i] = IDayAheadMarket.Placement(first + i, IDayAheadMarket.Side.Offer, 400, 1_000);
        }
    }

    function test_gas_clear() public {
        _place(HOUSE, _bid(slot, 1, 1_000));
        _place(ROOF, _offer(slot, 1_000, 1_000));
        _shut(slot);
        // Nothing crosses: every tick is read.
        dayAhead.clear(slot, type(uint256).max);
        assertLt(vm.snapshotGasLastCall(GROUP, "clear, 1000 ticks"), 3_000_000);
    }

    /// Gas depends on the ticks, not on the orders.
    function test_gas_clearingIsIndependentOfTheOrders() public {
        _place(HOUSE, _bid(slot, 600, 1_000));
        _place(ROOF, _offer(slot, 300, 1_000));
        for (uint256 i = 0; i < 7; ++i) {
            _place(HOUSE, _bid(slot + 1, 600, 100));
            _place(COTTAGE, _bid(slot + 1, 600, 100));
            _place(ROOF, _offer(slot + 1, 300, 100));
            _place(BARN, _offer(slot + 1, 300, 100));
        }
        _shut(slot + 1);
        uint256 before = gasleft();
        dayAhead.clear(slot, type(uint256).max);
        uint256 two = before - gasleft();
        before = gasleft();
        dayAhead.clear(slot + 1, type(uint256).max);
        uint256 many = before - gasleft();
        assertApproxEqAbs(two, many, 20_000, "28 orders or 2");
    }

    function test_gas_pool() public {
        _place(HOUSE, _bid(slot, 600, 1_000));
        _place(ROOF, _offer(slot, 300, 2_000));
        _clear(slot);
        _claimAll();
        _count(HOUSE, 1_500, 0);
        _count(ROOF, 0, 900);
        _commitAt(slot);
        _report(slot, _all());
        vm.snapshotGasLastCall(GROUP, "report, 4 members, 2 with positions");
        pool.close(slot);
        assertLt(vm.snapshotGasLastCall(GROUP, "close"), 250_000);
        pool.settle(slot, _all());
        assertLt(vm.snapshotGasLastCall(GROUP, "settle, 4 members"), 450_000);
        _commitAt(slot + 1);
        _report(slot + 1, _all());
        assertLt(vm.snapshotGasLastCall(GROUP, "report, 4 members without positions"), 500_000);
    }
}

/// The same with a hundred ticks.
contract MarketsGasHundredTicksTest is MembersTest {
    function _rules() internal pure override returns (DayAheadMarket.Rules memory) {
        return DayAheadMarket.Rules(100_000, 100, GATE_SECONDS, 2 days, MIN_ORDER_WH);
    }

    function test_gas_clear() public {
        uint64 slot = _nextSlot();
        _place(HOUSE, _bid(slot, 1, 1_000));
        _place(ROOF, _offer(slot, 100, 1_000));
        _shut(slot);
        dayAhead.clear(slot, type(uint256).max);
        assertLt(vm.snapshotGasLastCall("markets", "clear, 100 ticks"), 400_000);
    }
}

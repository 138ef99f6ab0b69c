// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId} from "contracts/Types.sol";
import {IDayAheadMarket} from "contracts/interfaces/IDayAheadMarket.sol";
import {IRealTimePool} from "contracts/interfaces/IRealTimePool.sol";
import {ClearingHouse} from "contracts/market/ClearingHouse.sol";
import {DayAheadMarket} from "contracts/market/DayAheadMarket.sol";
import {RealTimePool} from "contracts/market/RealTimePool.sol";
import {Test} from "../Test.sol";
import {MembersTest} from "./MembersTest.sol";

/// Four members order, cancel, claim, deliver at random; slots pass, are reported or missed, closed and settled.
contract MembersHandler is MembersTest {
    uint256 public deposited;
    uint256 public withdrawn;
    uint64[] public committed;
    uint256 private _next;

    function setUp() public override {
        super.setUp();
        deposited = 5_000 * RUPEE;
    }

    /// A tick that leaves something to round at nearly every order.
    function _rules() internal pure override returns (DayAheadMarket.Rules memory) {
        return DayAheadMarket.Rules(9_973, TICKS, GATE_SECONDS, 2 days, MIN_ORDER_WH);
    }

    function theHouse() external view returns (ClearingHouse) {
        return house;
    }

    function theMarket() external view returns (DayAheadMarket) {
        return dayAhead;
    }

    function thePool() external view returns (RealTimePool) {
        return pool;
    }

    function inrHeld() external view returns (uint256) {
        return token.balanceOf(address(house), INR);
    }

    function people() public view returns (address[5] memory) {
        return [alice, bob, carol, dave, operator];
    }

    function meters() external pure returns (MeterId[] memory) {
        return _all();
    }

    function slotsCommitted() external view returns (uint256) {
        return committed.length;
    }

    function place(uint256 who, uint256 ahead, bool offers, uint16 tick, uint32 wh) external {
        MeterId meter = _all()[who % 4];
        uint64 slot = _nextSlot() + uint64(ahead % 3);
        tick = uint16(bound(tick, 1, TICKS));
        wh = uint32(bound(wh, MIN_ORDER_WH, 5_000));
        vm.prank(pool.traderOf(meter));
        dayAhead.place(meter, offers ? _offer(slot, tick, wh) : _bid(slot, tick, wh));
    }

    function cancel(uint256 id) external {
        id = bound(id, 1, dayAhead.orderCount());
        vm.prank(people()[_ownerOf(id)]);
        dayAhead.cancel(_one(id));
    }

    function _ownerOf(uint256 id) private view returns (uint256 index) {
        MeterId meter = dayAhead.order(id).meter;
        while (MeterId.unwrap(_all()[index]) != MeterId.unwrap(meter)) ++index;
    }

    function clear(uint256 which, uint256 ticks) external {
        dayAhead.clear(uint64(block.timestamp / SLOT_SECONDS + which % 4), bound(ticks, 1, 3_000));
    }

    function claim(uint256 id) external {
        dayAhead.claim(_one(bound(id, 1, dayAhead.orderCount())));
    }

    function sweep() external {
        dayAhead.sweepDust();
    }

    function deliver(uint256 who, uint256 drawn, uint256 given) external {
        _count(_all()[who % 4], drawn % 3_000, who % 2 == 1 ? given % 3_000 : 0);
    }

    /// The next slot, or one a little later, is committed; everybody is reported before more is counted.
    function passSlot(uint256 skipped) external {
        uint64 slot = ledger.currentSlot() + uint64(skipped % 2);
        vm.warp(uint256(slot) * SLOT_SECONDS);
        for (uint64 due = slot - 2; due <= slot; ++due) {
            if (!dayAhead.clearing(due).done && dayAhead.gateClosesAt(due) <= block.timestamp) {
                dayAhead.clear(due, type(uint256).max);
            }
        }
        assertEq(_commitSlot(), slot);
        committed.push(slot);
        _report(slot, _all());
    }

    function close() external {
        if (_next == committed.length) return;
        pool.close(committed[_next]);
        ++_next;
    }

    function settle(uint256 which, uint256 who) external {
        if (_next == 0) return;
        pool.settle(committed[which % _next], _only(_all()[who % 4]));
    }

    function withdraw(uint256 who, uint256 amount) external {
        address person = people()[who % 5];
        amount = bound(amount, 1, house.balanceOf(person));
        vm.prank(person);
        house.withdraw(amount);
        withdrawn += amount;
    }
}

/// What holds of money, energy and promises, whatever the members do.
contract MembersInvariantsTest is Test {
    MembersHandler internal handler;
    ClearingHouse internal house;
    DayAheadMarket internal market;
    RealTimePool internal pool;

    function setUp() public {
        handler = new MembersHandler();
        handler.setUp();
        (house, market, pool) = (handler.theHouse(), handler.theMarket(), handler.thePool());
        bytes4[] memory selectors = new bytes4[](10);
        selectors[0] = handler.place.selector;
        selectors[1] = handler.cancel.selector;
        selectors[2] = handler.clear.selector;
        selectors[3] = handler.claim.selector;
        selectors[4] = handler.deliver.selector;
        selectors[5] = handler.passSlot.selector;
        selectors[6] = handler.close.selector;
        selectors[7] = handler.settle.selector;
        selectors[8] = handler.withdraw.selector;
        selectors[9] = handler.sweep.selector;
        targetContract(address(handler));
        targetSelector(address(handler), selectors);
        bytes4[] memory twice = new bytes4[](2);
        (twice[0], twice[1]) = (handler.place.selector, handler.passSlot.selector);
        targetSelector(address(handler), twice);
    }

    function invariant_moneyInIsMoneyOut() public view {
        uint256 sum = house.escrowOf(address(market)) + house.escrowOf(address(pool));
        address[5] memory people = handler.people();
        for (uint256 i = 0; i < 5; ++i) {
            sum += house.balanceOf(people[i]);
        }
        assertEq(sum, handler.inrHeld());
        assertEq(sum, handler.deposited() - handler.withdrawn());
    }

    /// The market's escrow: what open orders and claimed offers lock, what unclaimed orders will move, and roundings.
    function invariant_escrowCoversEveryOpenRight() public view {
        uint256 locked;
        uint256 bonds;
        for (uint256 id = 1; id <= market.orderCount(); ++id) {
            IDayAheadMarket.Order memory order = market.order(id);
            if (order.state != IDayAheadMarket.OrderState.Open) continue;
            uint256 price = order.side == IDayAheadMarket.Side.Bid
                ? order.tick * market.tickSizeMicroInrPerKwh()
                : order.bondPrice;
            locked += (order.energyWh * price + 999) / 1000;
        }
        MeterId[] memory meters = handler.meters();
        for (uint256 s = 0; s < handler.slotsCommitted(); ++s) {
            IRealTimePool.SlotState memory state = pool.slotState(handler.committed(s));
            for (uint256 i = 0; i < 4; ++i) {
                bonds += pool.line(handler.committed(s), meters[i]).bondMicroInr;
            }
            bonds += state.fundsMicroInr;
        }
        assertEq(house.escrowOf(address(pool)), bonds, "the pool holds bonds and what slots have collected");
        uint256 lockedOf;
        address[5] memory people = handler.people();
        for (uint256 i = 0; i < 5; ++i) {
            lockedOf += house.lockedOf(people[i]);
        }
        assertGe(lockedOf, locked, "all that open orders promise is locked");
    }

    /// The market's escrow is what is locked with it, what claimed bids have paid less what claimed offers have got by
    /// the clearing price, unrounded, and the dust: less than a micro-rupee beside these is there, whoever claims
    /// first. So what `sweepDust` sends is nobody's.
    function invariant_dustIsAllThatIsNobodys() public view {
        int256 thousandths = int256(house.escrowOf(address(market))) * 1000;
        address[5] memory people = handler.people();
        for (uint256 i = 0; i < 5; ++i) {
            thousandths -= int256(house.lockedOf(people[i])) * 1000;
        }
        MeterId[] memory meters = handler.meters();
        for (uint256 s = 0; s < handler.slotsCommitted(); ++s) {
            for (uint256 i = 0; i < 4; ++i) {
                thousandths += int256(uint256(pool.line(handler.committed(s), meters[i]).bondMicroInr)) * 1000;
            }
        }
        for (uint256 id = 1; id <= market.orderCount(); ++id) {
            IDayAheadMarket.Order memory order = market.order(id);
            if (order.filledWh == 0) continue;
            uint256 value =
                order.filledWh * uint256(market.clearing(order.slot).tick) * market.tickSizeMicroInrPerKwh();
            thousandths += order.side == IDayAheadMarket.Side.Bid ? -int256(value) : int256(value);
        }
        assertTrue(thousandths >= 0, "the escrow holds all rights");
        assertEq(thousandths / 1000, int256(market.dustMicroInr()));
    }

    function invariant_energyBoughtIsEnergySold() public view {
        uint64[] memory slots = new uint64[](64);
        int256[] memory net = new int256[](64);
        bool[] memory open = new bool[](64);
        uint256 count;
        for (uint256 id = 1; id <= market.orderCount(); ++id) {
            IDayAheadMarket.Order memory order = market.order(id);
            uint256 at;
            while (at < count && slots[at] != order.slot) ++at;
            if (at == 64) continue;
            if (at == count) slots[count++] = order.slot;
            if (order.state == IDayAheadMarket.OrderState.Open) open[at] = true;
            int256 filled = int256(uint256(order.filledWh));
            net[at] += order.side == IDayAheadMarket.Side.Bid ? filled : -filled;
            if (order.filledWh == 0) continue;
            uint256 tick = market.clearing(order.slot).tick;
            bool within = order.side == IDayAheadMarket.Side.Bid ? tick <= order.tick : tick >= order.tick;
            assertTrue(within, "nobody is worse off than its limit");
        }
        for (uint256 i = 0; i < count; ++i) {
            if (!open[i]) assertEq(net[i], 0);
        }
    }

    function invariant_thePoolBreaksEven() public view {
        for (uint256 s = 0; s < handler.slotsCommitted(); ++s) {
            IRealTimePool.SlotState memory state = pool.slotState(handler.committed(s));
            assertEq(
                int256(uint256(state.buyersMicroInr)), int256(uint256(state.sellersMicroInr)) + state.gridMicroInr
            );
            if (state.closed && state.settled == state.reported) assertEq(state.fundsMicroInr, 0);
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EvId, MeterId} from "contracts/Types.sol";
import {IV2GExchange} from "contracts/interfaces/IV2GExchange.sol";
import {Test} from "../Test.sol";
import {V2GHandler} from "./V2GHandler.sol";

/// Where all money of the sessions is, and how often a slot counts, whatever happens.
contract V2GInvariantsTest is Test {
    V2GHandler internal handler;
    IV2GExchange internal exchange;

    function setUp() public {
        handler = new V2GHandler();
        handler.setUp();
        exchange = handler.theExchange();
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = handler.begin.selector;
        selectors[1] = handler.order.selector;
        selectors[2] = handler.slot.selector;
        selectors[3] = handler.settleOnce.selector;
        selectors[4] = handler.report.selector;
        selectors[5] = handler.unplug.selector;
        selectors[6] = handler.abandon.selector;
        selectors[7] = handler.moveBudget.selector;
        targetContract(address(handler));
        targetSelector(address(handler), selectors);
    }

    /// One run for all of them, and few by day: sessions are dear to run.
    /// forge-config: default.invariant.runs = 4
    function invariant_moneySlotsChargeAndSessions() public view {
        _escrowIsSessionsAndBudget();
        _slotsCountOnce();
        _chargeWithinTheBattery();
        _oneSessionACarAndAPoint();
    }

    function _escrowIsSessionsAndBudget() private view {
        uint256 escrow;
        uint256 reserved;
        for (uint256 id = 1; id <= exchange.sessionCount(); ++id) {
            IV2GExchange.Session memory session = exchange.session(id);
            escrow += session.escrow;
            reserved += session.reserved;
            if (session.closed) assertEq(session.escrow + session.reserved, 0, "closed");
        }
        (uint256 free, uint256 held) = exchange.budget();
        assertEq(held, reserved, "reserved");
        assertEq(handler.theHouse().escrowOf(address(exchange)), escrow + free + held, "escrow");
    }

    function _slotsCountOnce() private view {
        for (uint256 id = 1; id <= exchange.sessionCount(); ++id) {
            IV2GExchange.Session memory session = exchange.session(id);
            assertEq(handler.chargedWh(id), session.charged - session.openingCharged, "charged");
            assertEq(handler.dischargedWh(id), session.discharged - session.openingDischarged, "discharged");
            uint256 cost;
            uint256 reward;
            uint256 last;
            IV2GExchange.Flow[] memory flows = exchange.auditEnergyFlow(id, 0, type(uint256).max);
            for (uint256 i = 0; i < flows.length; ++i) {
                assertGt(flows[i].slot, last, "in order");
                last = flows[i].slot;
                cost += flows[i].costMicroInr;
                reward += flows[i].rewardMicroInr;
            }
            assertEq(cost, session.cost, "cost");
            assertEq(reward, session.reward, "reward");
        }
    }

    function _chargeWithinTheBattery() private view {
        for (uint256 id = 1; id <= exchange.sessionCount(); ++id) {
            IV2GExchange.Session memory session = exchange.session(id);
            (uint256 low, uint256 high) = exchange.socRange(id);
            assertLe(low, high, "range");
            assertLe(high, session.capacityWh, "capacity");
            assertLe(session.socBps, 10_000, "share");
        }
    }

    function _oneSessionACarAndAPoint() private view {
        (MeterId a, MeterId b) = handler.points();
        for (uint32 ev = 1; ev <= 2; ++ev) {
            (, uint256 id) = exchange.evState(EvId.wrap(ev));
            uint256 running;
            for (uint256 other = 1; other <= exchange.sessionCount(); ++other) {
                IV2GExchange.Session memory session = exchange.session(other);
                if (session.endSlot != 0 || session.closed || EvId.unwrap(session.ev) != ev) continue;
                ++running;
                assertEq(other, id, "the car's");
                bool isA = MeterId.unwrap(session.chargePoint) == MeterId.unwrap(a);
                assertEq(exchange.sessionAt(isA ? a : b), other, "the point's");
            }
            assertLe(running, 1, "one");
        }
    }
}

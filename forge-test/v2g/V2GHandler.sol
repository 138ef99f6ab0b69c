// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EvId, MeterId} from "contracts/Types.sol";
import {IOrderRules} from "contracts/interfaces/IOrderRules.sol";
import {IV2GExchange} from "contracts/interfaces/IV2GExchange.sol";
import {V2GExchange} from "contracts/v2g/V2GExchange.sol";
import {ClearingHouse} from "contracts/market/ClearingHouse.sol";
import {V2GTest} from "./V2GTest.sol";

/// Lets two cars and two charge points do anything in any order. What is refused leaves no trace.
contract V2GHandler is V2GTest {
    uint256 public settledSlots;
    /// By session: what its charge point counted in the slots that were settled for it.
    mapping(uint256 sessionId => uint256) public chargedWh;
    mapping(uint256 sessionId => uint256) public dischargedWh;

    function theExchange() external view returns (V2GExchange) {
        return exchange;
    }

    function theHouse() external view returns (ClearingHouse) {
        return house;
    }

    function points() external pure returns (MeterId, MeterId) {
        return (POINT, OTHER_POINT);
    }

    function begin(bool other, bool elsewhere, uint16 socBps, uint16 targetBps, uint128 cost) external {
        IV2GExchange.Authorisation memory agreed =
            _authorisation(other ? otherCar : car, elsewhere ? OTHER_POINT : POINT);
        agreed.targetBps = uint16(bound(targetBps, 0, 10_000));
        agreed.maxCostMicroInr = uint128(bound(cost, 0, ESCROW));
        agreed.departureSlot = ledger.currentSlot() + uint64(bound(cost, 2, 60));
        try this.beginFor(agreed, other ? bobKey : aliceKey, uint16(bound(socBps, 0, 10_000))) {} catch {}
    }

    function beginFor(IV2GExchange.Authorisation memory agreed, uint256 key, uint16 socBps) external {
        _begin(agreed, key, socBps);
    }

    function order(uint256 which, bool discharge, uint32 wh, uint64 slots) external {
        IOrderRules.Direction direction = discharge ? IOrderRules.Direction.Discharge : IOrderRules.Direction.Charge;
        if (wh % 7 == 0) direction = IOrderRules.Direction.Idle;
        bool idle = direction == IOrderRules.Direction.Idle;
        vm.prank(relayer);
        try exchange.order(
            _session(which), direction, idle ? 0 : uint32(bound(wh, 1, MOST_WH)), idle ? 0 : uint64(bound(slots, 1, 8))
        ) {} catch {}
    }

    /// A slot passes with sun or need, and with whatever the charge points count; both are settled if `settles`.
    function slot(uint256 sun, uint256 use, uint256 charged, uint256 discharged, bool settles) external {
        _count(SOLAR, 0, bound(sun, 0, 6_000));
        _count(HOUSE, bound(use, 0, 6_000), 0);
        _countStorage(POINT, bound(charged, 0, MOST_WH), bound(discharged, 0, MOST_WH));
        _countStorage(OTHER_POINT, bound(discharged, 0, MOST_WH), bound(charged, 0, MOST_WH));
        uint64 committed = _commitSlot();
        if (block.timestamp % 1 hours < SLOT_SECONDS) {
            try this.publish() {} catch {}
        }
        try rates.updateIncentiveRates() {} catch {}
        if (settles) this.settleAll(committed);
    }

    function publish() external {
        _publishCarbon(GRAMS);
    }

    function settleAll(uint64 committed) external {
        for (uint256 id = 1; id <= exchange.sessionCount(); ++id) {
            this.settleOnce(id, committed);
        }
    }

    /// The newest committed slot for any session; twice must not count twice.
    function settleOnce(uint256 which, uint64 committed) public {
        uint256 id = _session(which);
        if (committed != ledger.latestSlot()) committed = ledger.latestSlot();
        IV2GExchange.Session memory before = exchange.session(id);
        if (id == 0 || committed == 0) return;
        Line memory line = _line(committed, before.chargePoint);
        try exchange.settle(id, line.slot, line.leaf, line.proof, line.path) {
            ++settledSlots;
            IV2GExchange.Session memory now_ = exchange.session(id);
            if (before.opened) {
                chargedWh[id] += now_.charged - before.charged;
                dischargedWh[id] += now_.discharged - before.discharged;
            }
        } catch {}
    }

    function report(uint256 which, uint16 socBps) external {
        try this.reportFor(_session(which), uint16(bound(socBps, 0, 10_000))) {} catch {}
    }

    function reportFor(uint256 id, uint16 socBps) external {
        _reportSoc(id, socBps);
    }

    function unplug(uint256 which) external {
        vm.prank(relayer);
        try exchange.unplug(_session(which)) {} catch {}
    }

    function abandon(uint256 which, bool later) external {
        if (later) skip(1 days);
        try exchange.abandon(_session(which)) {} catch {}
    }

    function moveBudget(uint256 microInr, bool out) external {
        vm.startPrank(operator);
        if (out) try exchange.withdrawBudget(bound(microInr, 1, BUDGET)) {} catch {}
        else try exchange.fundBudget(bound(microInr, 1, BUDGET)) {} catch {}
        vm.stopPrank();
    }

    function _session(uint256 which) private view returns (uint256) {
        uint256 count = exchange.sessionCount();
        return count == 0 ? 0 : bound(which, 1, count);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MeterId, Registers} from "../Types.sol";
import {IIncentiveRates} from "../interfaces/IIncentiveRates.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IOrderRules} from "../interfaces/IOrderRules.sol";
import {RegisterLib} from "../metering/RegisterLib.sol";
import {V2GLogic} from "./V2GLogic.sol";
import {V2GState} from "./V2GState.sol";

/// @title V2GSettlement
/// @notice What flowed in sessions, and what it costs and earns: the settlement of V2GExchange.
abstract contract V2GSettlement is V2GState {
    using RegisterLib for Registers;
    using SafeCast for uint256;

    /// An interval that is being settled: what flowed, at which prices, and what comes of it.
    struct Interval {
        uint64 slot;
        uint64 previousSlot;
        uint256 chargedWh;
        uint256 dischargedWh;
        uint256 price;
        uint256 rewardPrice;
        uint256 cost;
        uint256 reward;
        uint256 unpaid;
        uint256 unorderedWh;
    }

    /// The slot is the session's next, or may leave others out by now.
    function _requireDue(Session storage record, uint64 slot, MeterId meter) internal view {
        if (MeterId.unwrap(meter) != MeterId.unwrap(record.chargePoint)) {
            revert V2GExchange_WrongMeter(meter, record.chargePoint);
        }
        uint256 next = record.opened ? uint256(record.settledSlot) + 1 : record.startSlot;
        if (slot < next) revert V2GExchange_SlotSettled(slot, uint64(next - 1));
        IMeterLedger.SlotRecord memory committed = LEDGER.slotRecord(slot);
        // Later slots hold the energy of the charge point's next session.
        if (record.endSlot != 0 && committed.previousSlot >= record.endSlot) {
            revert V2GExchange_NotAfterEnd(slot, record.endSlot);
        }
        uint256 allowedAt = uint256(committed.committedAt) + _limits().gapSeconds;
        if (committed.previousSlot >= next && block.timestamp < allowedAt) {
            revert V2GExchange_SlotsLeftOut(slot, allowedAt);
        }
    }

    /// Moves a session on to the registers of a slot; the first ones are those it counts from.
    function _advance(uint256 id, Session storage record, uint64 slot, Registers registers)
        internal
        returns (uint256 cost, uint256 reward)
    {
        // Registers have 40 bits, and committed slots are below the present one.
        uint40 charged = uint40(registers.chargedWh());
        uint40 discharged = uint40(registers.dischargedWh());
        if (!record.opened) {
            record.opened = true;
            (record.openingCharged, record.openingDischarged) = (charged, discharged);
            (record.socCharged, record.socDischarged) = (charged, discharged);
            emit SessionOpened(id, slot, charged, discharged);
        } else {
            if (charged < record.charged || discharged < record.discharged) revert V2GExchange_RegisterWentBack(id);
            Interval memory flowed;
            (flowed.slot, flowed.previousSlot) = (slot, record.settledSlot);
            flowed.chargedWh = charged - record.charged;
            flowed.dischargedWh = discharged - record.discharged;
            _book(id, record, flowed);
            (cost, reward) = (flowed.cost, flowed.reward);
        }
        (record.charged, record.discharged, record.settledSlot) = (charged, discharged, uint40(slot));
    }

    /// What an interval costs and earns, at the prices of its first slot.
    /// @return reserved of the budget for it, to be released
    function _valued(uint256 id, Session storage record, Interval memory flowed)
        private
        view
        returns (uint256 reserved)
    {
        uint256 allowedWh = 0;
        (allowedWh, reserved) = _allowedIn(id, record, flowed);
        (flowed.price, flowed.rewardPrice) = _pricesFor(record, uint256(flowed.previousSlot) + 1);
        uint256 due = V2GLogic.costUp(flowed.chargedWh, flowed.price);
        flowed.cost = Math.min(due, record.escrow);
        flowed.unpaid = due - flowed.cost;
        uint256 rewardedWh = Math.min(flowed.dischargedWh, allowedWh);
        flowed.unorderedWh = flowed.dischargedWh - rewardedWh;
        // What was reserved covers the highest reward that there was when it was ordered.
        flowed.reward = Math.min(V2GLogic.rewardDown(rewardedWh, flowed.rewardPrice), reserved);
    }

    /// Books an interval, with a line for the audit.
    function _book(uint256 id, Session storage record, Interval memory flowed) private {
        uint256 reserved = _valued(id, record, flowed);
        record.escrow -= uint128(flowed.cost); // at most the escrow itself
        record.cost += uint128(flowed.cost);
        record.reward += uint128(flowed.reward); // at most what was reserved
        _release(record, reserved);
        _budgetFree -= uint128(flowed.reward); // released a line above
        _flows[id].push(
            Flow(
                uint40(flowed.slot), // committed
                flowed.chargedWh.toUint32(),
                flowed.dischargedWh.toUint32(),
                flowed.cost.toUint72(),
                flowed.reward.toUint72()
            )
        );
        emit FlowSettled(
            id,
            flowed.slot,
            flowed.previousSlot,
            flowed.chargedWh,
            flowed.dischargedWh,
            flowed.price,
            flowed.rewardPrice,
            flowed.cost,
            flowed.reward,
            flowed.unpaid,
            flowed.unorderedWh
        );
    }

    /// What discharging was allowed in the interval, and what is reserved for it.
    function _allowedIn(uint256 id, Session storage record, Interval memory flowed)
        private
        view
        returns (uint256 dischargeWh, uint256 reserved)
    {
        uint256 last = Math.min(flowed.slot, record.orderedUntil);
        // Orders stop MAX_BACKLOG_SLOTS after the slot settled last, and reach MAX_ORDER_SLOTS further (V2GOrders).
        for (uint256 slot = uint256(flowed.previousSlot) + 1; slot <= last; ++slot) {
            Allowance memory allowed = _allowances[id][slot];
            if (allowed.direction == IOrderRules.Direction.Discharge) dischargeWh += allowed.wh;
            reserved += allowed.reserved;
        }
    }

    /// What a kWh costs and earns in a slot, within what the owner signed. Before there were any rates nothing was
    /// ordered, and what flowed costs the highest price signed.
    function _pricesFor(Session storage record, uint256 slot)
        private
        view
        returns (uint256 price, uint256 rewardPrice)
    {
        IIncentiveRates.Rates memory rates = RATES.ratesAt(slot.toUint64());
        price = rates.multiplierBps == 0 ? record.maxPrice : Math.min(rates.basePrice, record.maxPrice);
        rewardPrice = Math.max(rates.rewardPrice, record.minReward);
    }
}

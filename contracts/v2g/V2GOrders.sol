// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IEvRegistry} from "../interfaces/IEvRegistry.sol";
import {IOrderRules} from "../interfaces/IOrderRules.sol";
import {V2GLogic} from "./V2GLogic.sol";
import {V2GState} from "./V2GState.sol";

/// @title V2GOrders
/// @notice What sessions are ordered to do: the orders of V2GExchange.
abstract contract V2GOrders is V2GState {
    using SafeCast for uint256;

    /// @notice Most slots that one order is for.
    uint256 public constant MAX_ORDER_SLOTS = 8;
    /// @notice Most slots that a session may be unsettled when more is ordered.
    uint256 public constant MAX_BACKLOG_SLOTS = 32;

    /// Takes back what is ordered for slots after `slot`.
    function _takeBackOrders(uint256 id, Session storage record, uint256 slot) internal {
        uint256 last = record.orderedUntil;
        if (last <= slot) return;
        // At most MAX_ORDER_SLOTS: nothing was ordered further ahead.
        for (uint256 later = slot + 1; later <= last; ++later) {
            Allowance memory allowed = _allowances[id][later];
            _totals[later][allowed.direction] -= allowed.wh;
            _release(record, allowed.reserved);
            delete _allowances[id][later];
        }
        record.orderedUntil = uint40(slot);
    }

    /// Writes an order that the rules allow.
    /// @return due see IOrderRules
    function _order(uint256 id, Session storage record, IOrderRules.Direction direction, uint32 whPerSlot, uint64 slots)
        internal
        returns (bool due)
    {
        uint256 slot = _currentSlot();
        if (slots == 0 || slots > MAX_ORDER_SLOTS || slot + slots > record.departureSlot) {
            revert V2GExchange_BadOrder("slots");
        }
        IOrderRules.Order memory wanted;
        (wanted.direction, wanted.whPerSlot, wanted.slots) = (direction, whPerSlot, slots);
        wanted.slotsLeft = record.departureSlot - slot;
        _describe(id, record, wanted, slot);
        uint256 reservePrice = 0;
        (due, reservePrice) = RULES.requireAllowed(wanted);
        uint256 reserve = V2GLogic.costUp(whPerSlot, reservePrice);
        _reserve(record, reserve * slots);
        for (uint256 later = slot + 1; later <= slot + slots; ++later) {
            _allowances[id][later] = Allowance(direction, whPerSlot, reserve.toUint96());
            _totals[later][direction] += whPerSlot;
        }
        record.orderedUntil = uint40(slot + slots); // not after the departure
    }

    /// What the rules want to know of a session.
    function _describe(uint256 id, Session storage record, IOrderRules.Order memory wanted, uint256 slot) private view {
        IEvRegistry.Limits memory limits = _limits();
        uint256 oldest = Math.saturatingSub(slot, limits.maxSocAgeSlots);
        if (record.socSlot < oldest) revert V2GExchange_StaleSoc(record.socSlot, uint64(oldest));
        IEvRegistry.ChargePoint memory point = VEHICLES.chargePointOf(record.chargePoint);
        uint256 maxWh = wanted.direction == IOrderRules.Direction.Charge ? point.maxChargeWh : point.maxDischargeWh;
        if (wanted.whPerSlot == 0 || wanted.whPerSlot > maxWh) revert V2GExchange_BadOrder("whPerSlot");
        (wanted.maxChargeWh, wanted.efficiencyBps) = (point.maxChargeWh, limits.minEfficiencyBps);
        wanted.pendingWh = _pending(id, record, wanted.direction, slot);
        wanted.usedWh = _used(wanted.direction, slot, wanted.slots);
        (wanted.socWh,) = _socRange(record);
        wanted.capacityWh = record.capacityWh;
        uint256 reserveBps = Math.max(VEHICLES.evOf(record.ev).reserveBps, record.reserveBps);
        wanted.reserveWh = Math.ceilDiv(wanted.capacityWh * reserveBps, V2GLogic.BPS);
        wanted.targetWh = wanted.capacityWh * record.targetBps / V2GLogic.BPS;
        (wanted.maxPrice, wanted.minReward, wanted.escrow) = (record.maxPrice, record.minReward, record.escrow);
    }

    /// What is ordered in that direction up to the present slot and not settled yet, Wh.
    function _pending(uint256 id, Session storage record, IOrderRules.Direction direction, uint256 slot)
        private
        view
        returns (uint256 wh)
    {
        uint256 from = record.opened ? record.settledSlot : record.startSlot;
        if (slot - from > MAX_BACKLOG_SLOTS) revert V2GExchange_TooFarBehind(uint64(from));
        for (uint256 past = from + 1; past <= slot; ++past) {
            Allowance memory allowed = _allowances[id][past];
            if (allowed.direction == direction) wh += allowed.wh;
        }
    }

    /// Most that all sessions are ordered in that direction in one of the coming slots, Wh.
    function _used(IOrderRules.Direction direction, uint256 slot, uint256 slots) private view returns (uint256 mostWh) {
        for (uint256 later = slot + 1; later <= slot + slots; ++later) {
            mostWh = Math.max(mostWh, _totals[later][direction]);
        }
    }
}

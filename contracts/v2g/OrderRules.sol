// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IIncentiveRates} from "../interfaces/IIncentiveRates.sol";
import {IOrderRules} from "../interfaces/IOrderRules.sol";
import {V2GLogic} from "./V2GLogic.sol";

/// @title OrderRules
/// @notice See IOrderRules.
contract OrderRules is IOrderRules {
    /// @inheritdoc IOrderRules
    uint256 public constant SLACK_SLOTS = 2;

    IIncentiveRates private immutable RATES;

    constructor(IIncentiveRates rates) {
        RATES = rates;
    }

    /// @inheritdoc IOrderRules
    function requireAllowed(Order calldata wanted) external view returns (bool due, uint256 reservePrice) {
        (, int256 need, IIncentiveRates.GridState state) = RATES.gridState();
        IIncentiveRates.Rates memory rates = RATES.comingRates();
        if (wanted.direction == Direction.Charge) return (_requireChargeable(wanted, need, state, rates.basePrice), 0);
        _requireDischargeable(wanted, need, state, rates.rewardPrice);
        return (false, Math.max(RATES.highestReward(), wanted.minReward));
    }

    function _requireChargeable(Order calldata wanted, int256 need, IIncentiveRates.GridState state, uint256 price)
        private
        pure
        returns (bool due)
    {
        if (price > wanted.maxPrice) revert OrderRules_PriceAboveLimit(price, wanted.maxPrice);
        uint256 totalWh = wanted.pendingWh + wanted.whPerSlot * wanted.slots;
        // At the signed price: the price may change before the last of the slots.
        uint256 cost = V2GLogic.costUp(totalWh, wanted.maxPrice);
        if (cost > wanted.escrow) revert OrderRules_EscrowShort(wanted.escrow, cost);
        uint256 roomWh = V2GLogic.drawnUp(wanted.capacityWh - wanted.socWh, wanted.efficiencyBps);
        if (totalWh > roomWh) revert OrderRules_BatteryFull(roomWh, totalWh);
        if (state == IIncentiveRates.GridState.Surplus) {
            _requireWithin(wanted, uint256(-need));
            return false;
        }
        uint256 missingWh = Math.saturatingSub(wanted.targetWh, wanted.socWh);
        uint256 needed = _slotsNeeded(wanted, wanted.socWh);
        due = needed != 0 && needed + SLACK_SLOTS >= wanted.slotsLeft;
        // The last slot may take more than what is missing of it.
        uint256 mostWh = V2GLogic.drawnUp(missingWh, wanted.efficiencyBps) + wanted.whPerSlot;
        if (!due || totalWh >= mostWh) revert OrderRules_WrongState(state);
    }

    function _requireDischargeable(
        Order calldata wanted,
        int256 need,
        IIncentiveRates.GridState state,
        uint256 reward
    ) private pure {
        if (reward < wanted.minReward) revert OrderRules_RewardBelowLimit(reward, wanted.minReward);
        if (state != IIncentiveRates.GridState.Stress) revert OrderRules_WrongState(state);
        _requireWithin(wanted, uint256(need));
        uint256 totalWh = wanted.pendingWh + wanted.whPerSlot * wanted.slots;
        uint256 drawn = V2GLogic.drawnUp(totalWh, wanted.efficiencyBps);
        uint256 available = Math.saturatingSub(wanted.socWh, wanted.reserveWh);
        if (drawn > available) revert OrderRules_BelowReserve(available, drawn);
        uint256 needed = _slotsNeeded(wanted, wanted.socWh - drawn);
        uint256 left = wanted.slotsLeft - wanted.slots;
        if (needed != 0 && needed + SLACK_SLOTS > left) revert OrderRules_TargetAtRisk(left, needed);
    }

    function _slotsNeeded(Order calldata wanted, uint256 socWh) private pure returns (uint256) {
        return V2GLogic.slotsNeededUp(wanted.targetWh, socWh, wanted.maxChargeWh, wanted.efficiencyBps);
    }

    function _requireWithin(Order calldata wanted, uint256 limitWh) private pure {
        uint256 left = Math.saturatingSub(limitWh, wanted.usedWh);
        if (wanted.whPerSlot > left) revert OrderRules_StateExceeded(left, wanted.whPerSlot);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IIncentiveRates} from "./IIncentiveRates.sol";

/// @title What a session may be ordered to do
/// @notice Rules without a state of their own; V2GExchange brings what it knows of the session, the rules ask
/// IIncentiveRates for the grid and the prices.
///   charge:    on surplus, while the battery has room; or, if the owner signed for a target, when waiting any longer
///              would miss it. At a base price not above the signed one, as far as the escrow goes.
/// discharge: under stress, down to the reserve, at a reward not below the signed one, while the target stays in
/// reach. Charge is reckoned from the low side: with the greatest losses, and as if all that is ordered had flowed.
interface IOrderRules {
    enum Direction {
        Idle,
        Charge,
        Discharge
    }

    /// @param whPerSlot, slots what is ordered
    /// @param pendingWh ordered before in that direction and not settled yet
    /// @param usedWh most that all sessions were ordered in that direction in one of the slots
    /// @param socWh lowest charge that the battery can have
    /// @param reserveWh, targetWh charge to keep, and wanted at departure
    /// @param slotsLeft slots from the coming one to the departure, included
    /// @param maxChargeWh most that the charge point charges in a slot
    /// @param efficiencyBps least efficiency one way
    /// @param maxPrice, minReward as the owner signed
    /// @param escrow left, micro-rupees
    struct Order {
        Direction direction;
        uint256 whPerSlot;
        uint256 slots;
        uint256 pendingWh;
        uint256 usedWh;
        uint256 socWh;
        uint256 capacityWh;
        uint256 reserveWh;
        uint256 targetWh;
        uint256 slotsLeft;
        uint256 maxChargeWh;
        uint256 efficiencyBps;
        uint256 maxPrice;
        uint256 minReward;
        uint256 escrow;
    }

    /// Charging needs surplus (or a target that cannot wait), discharging needs stress.
    error OrderRules_WrongState(IIncentiveRates.GridState state);
    /// More than the surplus or the need that is left in one of the slots.
    error OrderRules_StateExceeded(uint256 leftWh, uint256 wantedWh);
    error OrderRules_PriceAboveLimit(uint256 price, uint256 maxPrice);
    error OrderRules_RewardBelowLimit(uint256 reward, uint256 minReward);
    error OrderRules_EscrowShort(uint256 escrowMicroInr, uint256 neededMicroInr);
    /// The battery has no room for that much.
    error OrderRules_BatteryFull(uint256 roomWh, uint256 wantedWh);
    /// The battery has not that much above the reserve.
    error OrderRules_BelowReserve(uint256 availableWh, uint256 neededWh);
    /// The charge signed for could not be reached any more.
    error OrderRules_TargetAtRisk(uint256 slotsLeft, uint256 slotsNeeded);

    /// @notice Reverts unless the order may be given.
    /// @return due the charge is for a target that cannot wait
    /// @return reservePrice highest reward that its discharge can come to, per kWh
    function requireAllowed(Order calldata wanted) external view returns (bool due, uint256 reservePrice);

    /// @notice Slots kept in hand when a target at departure is at stake.
    function SLACK_SLOTS() external view returns (uint256);
}

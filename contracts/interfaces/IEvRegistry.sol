// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EvId, MeterId} from "../Types.sol";

/// @title Cars, charge points, and the limits that their sessions keep
/// @notice Anybody registers a car and is its owner. The operator makes a meter a charge point; the meter is of kind Ev
/// and nobody's, so that its energy is the community's and is paid for in sessions (V2GExchange), not in bills.
interface IEvRegistry {
    /// @param capacityWh of the battery; fixed
    /// @param reserveBps charge that no session discharges below
    struct Ev {
        address owner;
        uint32 capacityWh;
        uint16 reserveBps;
        bool retired;
    }

    /// @param maxChargeWh, maxDischargeWh most energy a slot; both 0 = no charge point
    struct ChargePoint {
        uint32 maxChargeWh;
        uint32 maxDischargeWh;
    }

    /// @param maxSocAgeSlots slots that a SoC may be old when energy is ordered, and a plug report
    /// @param minEfficiencyBps least efficiency one way, meter to battery or back
    /// @param socToleranceBps how far a SoC may be off, of capacity
    /// @param gapSeconds after which a slot may be settled although earlier ones were not
    /// @param abandonSeconds after which a session that ended is closed without a proof
    struct Limits {
        uint16 maxSocAgeSlots;
        uint16 minEfficiencyBps;
        uint16 socToleranceBps;
        uint32 gapSeconds;
        uint32 abandonSeconds;
    }

    event EvRegistered(EvId indexed ev, address indexed owner, uint32 capacityWh, uint16 reserveBps);
    event ReserveChanged(EvId indexed ev, uint16 oldBps, uint16 newBps);
    event EvRetired(EvId indexed ev);
    event ChargePointSet(MeterId indexed chargePoint, uint32 maxChargeWh, uint32 maxDischargeWh);
    event LimitsChanged(Limits limits);

    error EvRegistry_BadLimits(string field);
    error EvRegistry_BadCapacity(uint256 capacityWh);
    /// Shares go from 0 to 10000.
    error EvRegistry_BadShare(uint256 bps);
    error EvRegistry_UnknownEv(EvId ev);
    error EvRegistry_NotOwner(EvId ev, address caller);
    error EvRegistry_EvRetired(EvId ev);
    /// The meter must be of kind Ev and nobody's.
    error EvRegistry_BadMeter(MeterId meter);
    error EvRegistry_NoChargePoint(MeterId meter);

    /// @notice The caller registers a car of its own.
    function registerEv(uint32 capacityWh, uint16 reserveBps) external returns (EvId ev);
    /// @notice The owner sets the charge that stays in the car, for whatever is ordered next.
    function setReserve(EvId ev, uint16 reserveBps) external;
    /// @notice The owner takes the car out for good: no session begins any more.
    function retireEv(EvId ev) external;
    /// @notice Makes a meter a charge point, or changes it; 0 and 0 takes it out. Role: OPERATOR.
    function setChargePoint(MeterId meter, uint32 maxChargeWh, uint32 maxDischargeWh) external;
    /// @notice Role: OPERATOR.
    function setLimits(Limits calldata newLimits) external;

    function evCount() external view returns (uint256);
    function evOf(EvId ev) external view returns (Ev memory);
    function chargePointOf(MeterId meter) external view returns (ChargePoint memory);
    function limits() external view returns (Limits memory);
    /// @notice Reverts unless a session may begin with this car at this charge point.
    function requireUsable(EvId ev, MeterId chargePoint) external view returns (Ev memory car);
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Condition, EntityKind, Flows, Registers} from "../Types.sol";
import {RegisterLib} from "./RegisterLib.sol";

/// @title Sums over metering points: eight lanes of 64 bits in two words
/// @notice Lanes of `lo` from the lowest: consumption, prosumer export, DER generation, charged.
/// Lanes of `hi`: discharged, grid import, grid export, prosumer generation. Wh, cumulative.
/// A lane's top bit is never set: MeterRegistry admits 2^23 metering points of registers below 2^40.
library FlowLib {
    using RegisterLib for Registers;

    /// The top bit of each lane.
    uint256 internal constant TOP_BITS = 0x8000000000000000800000000000000080000000000000008000000000000000;

    /// @notice What a metering point of `kind` with these registers contributes.
    function flowsOf(EntityKind kind, Registers registers) internal pure returns (uint256 lo, uint256 hi) {
        if (kind == EntityKind.Consumer) {
            lo = registers.importedWh();
        } else if (kind == EntityKind.Prosumer) {
            lo = registers.importedWh() | (registers.exportedWh() << 64);
            hi = registers.generatedWh() << 192;
        } else if (kind == EntityKind.Der) {
            lo = registers.importedWh() | (registers.exportedWh() << 128);
        } else if (kind == EntityKind.Grid) {
            hi = (registers.importedWh() << 64) | (registers.exportedWh() << 128);
        } else {
            // Battery, Ev
            lo = registers.chargedWh() << 192;
            hi = registers.dischargedWh();
        }
    }

    /// @notice True if every lane is below 2^63, so that two such words add without a carry between lanes.
    function inRange(uint256 lo, uint256 hi) internal pure returns (bool) {
        return (lo | hi) & TOP_BITS == 0;
    }

    /// @notice The lowest lane (0..7) of `current` that is below `previous` or out of range; 8 if there is none.
    function firstBackward(Flows memory current, Flows memory previous) internal pure returns (uint8 laneIndex) {
        while (laneIndex < 8) {
            uint64 value = lane(current, laneIndex);
            if (value < lane(previous, laneIndex) || value >> 63 != 0) return laneIndex;
            ++laneIndex;
        }
    }

    /// @notice Lane 0..7 in the order of this library's notice.
    function lane(Flows memory flows, uint8 index) internal pure returns (uint64) {
        uint256 word = index < 4 ? flows.lo : flows.hi;
        // Cut to the lane's 64 bits on purpose.
        return uint64(word >> (64 * (index % 4)));
    }

    /// @notice What consumption and charging took so far, Wh.
    function takenWh(Flows memory flows) internal pure returns (uint256) {
        return uint256(lane(flows, 0)) + lane(flows, 3);
    }

    /// @notice What the community's own sources gave so far, Wh: prosumers, DER, storage.
    function givenWh(Flows memory flows) internal pure returns (uint256) {
        return uint256(lane(flows, 1)) + lane(flows, 2) + lane(flows, 4);
    }

    /// @notice Taken less given between two sums: 0 is balanced, below it surplus, above it deficit. The main grid
    /// is what makes up the difference and takes no part.
    function balanceWh(Flows memory current, Flows memory previous) internal pure returns (int256) {
        // Lanes have 64 bits: neither difference comes near the range of int256.
        return int256(takenWh(current) - takenWh(previous)) - int256(givenWh(current) - givenWh(previous));
    }

    /// @notice What a balance means.
    function conditionOf(int256 balance) internal pure returns (Condition) {
        if (balance == 0) return Condition.Balanced;
        return balance < 0 ? Condition.Surplus : Condition.Deficit;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EntityKind, Registers} from "../Types.sol";

/// @title A meter's six cumulative registers in one word
/// @notice Lane i takes bits [40 i, 40 i + 40), in Wh: generated, consumed, exported, imported, charged, discharged.
/// The upper 16 bits are zero in a valid word.
library RegisterLib {
    // Constants are literals: an expression over other constants would be computed at every use.
    uint256 private constant LANE = 0xFFFFFFFFFF;

    // Offsets of the lanes, in bits.
    uint256 private constant EXPORTED = 80;
    uint256 private constant IMPORTED = 120;
    uint256 private constant CHARGED = 160;
    uint256 private constant DISCHARGED = 200;

    /// Lanes 0, 2 and 4: each has an empty neighbour above it for a guard bit.
    uint256 private constant ALTERNATE = 0xFFFFFFFFFF0000000000FFFFFFFFFF0000000000FFFFFFFFFF;
    uint256 private constant GUARDS = 0x100000000000000000001000000000000000000010000000000;

    /// @notice Wh generated behind the meter.
    function generatedWh(Registers registers) internal pure returns (uint256) {
        return _lane(registers, 0);
    }

    /// @notice Wh from the metering point into the community; at the grid connection, into the main grid.
    function exportedWh(Registers registers) internal pure returns (uint256) {
        return _lane(registers, EXPORTED);
    }

    /// @notice Wh from the community into the metering point; at the grid connection, from the main grid.
    function importedWh(Registers registers) internal pure returns (uint256) {
        return _lane(registers, IMPORTED);
    }

    /// @notice Wh into storage.
    function chargedWh(Registers registers) internal pure returns (uint256) {
        return _lane(registers, CHARGED);
    }

    /// @notice Wh out of storage.
    function dischargedWh(Registers registers) internal pure returns (uint256) {
        return _lane(registers, DISCHARGED);
    }

    /// @notice False if bits above the six lanes are set.
    function isValid(Registers registers) internal pure returns (bool) {
        return Registers.unwrap(registers) >> 240 == 0;
    }

    /// @notice True if no lane of `a` is below the same lane of `b`.
    function isAtLeast(Registers a, Registers b) internal pure returns (bool) {
        uint256 x = Registers.unwrap(a);
        uint256 y = Registers.unwrap(b);
        unchecked {
            // A guard bit above each lane of x makes every lane's difference positive; it survives exactly where
            // the lane of x is not the smaller one. Nothing borrows across lanes.
            uint256 even = ((x & ALTERNATE) | GUARDS) - (y & ALTERNATE);
            uint256 odd = (((x >> 40) & ALTERNATE) | GUARDS) - ((y >> 40) & ALTERNATE);
            return even & odd & GUARDS == GUARDS;
        }
    }

    /// @notice Wh that the metering point has put into the community's pool so far, less what it drew. It is the
    /// metering point's part of the flows (FlowLib.flowsOf): supply to the pool less draw from it.
    function netSupplyWh(Registers registers, EntityKind kind) internal pure returns (int256) {
        uint256 supplied = 0;
        uint256 drawn = 0;
        if (kind == EntityKind.Consumer) {
            // A consumer has nothing to export; whoever does is a prosumer.
            drawn = importedWh(registers);
        } else if (kind == EntityKind.Prosumer || kind == EntityKind.Der) {
            (supplied, drawn) = (exportedWh(registers), importedWh(registers));
        } else if (kind == EntityKind.Grid) {
            (supplied, drawn) = (importedWh(registers), exportedWh(registers));
        } else {
            // Battery, Ev
            (supplied, drawn) = (dischargedWh(registers), chargedWh(registers));
        }
        unchecked {
            return int256(supplied) - int256(drawn); // both are below 2^40
        }
    }

    function _lane(Registers registers, uint256 offset) private pure returns (uint256) {
        return (Registers.unwrap(registers) >> offset) & LANE;
    }
}

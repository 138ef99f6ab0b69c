// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, Standing} from "../Types.sol";

/// @title How a meter stands, in one word
/// @notice Settlement reads the word for every meter, so it is read once and taken apart only as far as needed.
/// Bits: holder 0..159, kind 160..167, mode in force 168..175, changing 176, trackSlot 177, leaving 178,
/// chosen mode 184..191, changeSlot 192..239. The words' meaning is in IMeterRegistry.
library StandingLib {
    struct Fields {
        address holder;
        EntityKind kind;
        BillingMode modeInForce;
        bool changing;
        bool trackSlot;
        bool leaving;
        BillingMode chosenMode;
        uint48 changeSlot;
    }

    /// @notice Wallet that answers for the meter; zero = the community.
    function holder(Standing standing) internal pure returns (address) {
        return address(uint160(Standing.unwrap(standing))); // cut to the holder's bits
    }

    /// @notice None = unknown meter.
    function kind(Standing standing) internal pure returns (EntityKind) {
        return EntityKind(uint8(Standing.unwrap(standing) >> 160)); // cut to eight bits
    }

    /// @notice Mode by which energy is settled now.
    function modeInForce(Standing standing) internal pure returns (BillingMode) {
        return BillingMode(uint8(Standing.unwrap(standing) >> 168)); // cut to eight bits
    }

    /// @notice Other terms wait for a settlement.
    function changing(Standing standing) internal pure returns (bool) {
        return (Standing.unwrap(standing) >> 176) & 1 != 0;
    }

    /// @notice The ledger keeps the slot of the last settlement.
    function trackSlot(Standing standing) internal pure returns (bool) {
        return (Standing.unwrap(standing) >> 177) & 1 != 0;
    }

    function unpack(Standing standing) internal pure returns (Fields memory fields) {
        uint256 word = Standing.unwrap(standing);
        fields.holder = holder(standing);
        fields.kind = kind(standing);
        fields.modeInForce = modeInForce(standing);
        fields.changing = changing(standing);
        fields.trackSlot = trackSlot(standing);
        fields.leaving = (word >> 178) & 1 != 0;
        fields.chosenMode = BillingMode(uint8(word >> 184)); // cut to eight bits
        fields.changeSlot = uint48(word >> 192); // cut to 48 bits
    }

    function pack(Fields memory fields) internal pure returns (Standing) {
        uint256 word = uint160(fields.holder);
        word |= uint256(fields.kind) << 160;
        word |= uint256(fields.modeInForce) << 168;
        if (fields.changing) word |= 1 << 176;
        if (fields.trackSlot) word |= 1 << 177;
        if (fields.leaving) word |= 1 << 178;
        word |= uint256(fields.chosenMode) << 184;
        word |= uint256(fields.changeSlot) << 192;
        return Standing.wrap(word);
    }
}

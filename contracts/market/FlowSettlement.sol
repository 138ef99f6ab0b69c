// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

/// @title What counts of two readings of one tie
/// @notice Readings are Wh from A to B since the slot settled before, by either end's meter.
library FlowSettlement {
    uint256 private constant BPS = 10_000;
    uint256 private constant WH_PER_KWH = 1000;

    /// @notice True if the readings differ by no more than the larger of `bps` of the larger one and `wh`.
    function agree(int256 a, int256 b, uint256 bps, uint256 wh) internal pure returns (bool) {
        uint256 larger = Math.max(SignedMath.abs(a), SignedMath.abs(b));
        return SignedMath.abs(a - b) <= Math.max(larger * bps / BPS, wh);
    }

    /// @notice The reading nearer to 0; 0 if they have opposite directions.
    function lower(int256 a, int256 b) internal pure returns (int256) {
        if (a >= 0 && b >= 0) return SignedMath.min(a, b);
        if (a <= 0 && b <= 0) return SignedMath.max(a, b);
        return 0;
    }

    /// @notice `wh` within `limitWh` either way.
    function capped(int256 wh, uint256 limitWh) internal pure returns (int256) {
        int256 limit = int256(limitWh); // limits are below 2^127: 64 bits a slot, and 64 bits of slots
        return SignedMath.max(-limit, SignedMath.min(wh, limit));
    }

    /// @notice What `wh` cost the receiver, micro-rupees. Down: the payer never pays more than the price says.
    function costDown(uint256 wh, uint256 price) internal pure returns (uint256 microInr) {
        return Math.mulDiv(wh, price, WH_PER_KWH);
    }
}

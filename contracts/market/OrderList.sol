// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Up to eight order numbers in one word, in the order in which they were added; the first is lowest.
library OrderList {
    uint256 internal constant MOST = 8;
    uint256 private constant LANE = type(uint32).max;

    function length(uint256 list) internal pure returns (uint256 count) {
        while (list != 0) {
            list >>= 32;
            ++count;
        }
    }

    function idAt(uint256 list, uint256 index) internal pure returns (uint256 id) {
        return (list >> (index << 5)) & LANE;
    }

    /// @notice With `id` (not 0) behind the others. Only while there are less than MOST.
    function append(uint256 list, uint256 id) internal pure returns (uint256) {
        return list | (id << (length(list) << 5));
    }

    /// @notice Without `id`, which is in the list.
    function without(uint256 list, uint256 id) internal pure returns (uint256) {
        uint256 shift = 0;
        while ((list >> shift) & LANE != id) shift += 32;
        uint256 below = list & ((1 << shift) - 1);
        return below | ((list >> (shift + 32)) << shift);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Which slots of a meter are certified: one bit each
/// @notice A period (fromSlot, toSlot] is the bits fromSlot + 1 .. toSlot. At most an hour of slots, so that it is a
/// word or two with slots of 15 s and more, and never more than fifteen.
library PeriodLib {
    uint256 private constant WORD = 256;

    /// @notice Takes the slots for a lot. Returns 0, or, having changed nothing that lasts, a slot that was taken.
    function take(mapping(uint256 word => uint256) storage taken, uint256 fromSlot, uint256 toSlot)
        internal
        returns (uint256 takenSlot)
    {
        for (uint256 slot = fromSlot + 1; slot <= toSlot;) {
            (uint256 word, uint256 mask, uint256 next) = _part(slot, toSlot);
            uint256 bits = taken[word];
            uint256 both = bits & mask;
            if (both != 0) return word * WORD + _lowestBit(both);
            taken[word] = bits | mask;
            slot = next;
        }
    }

    /// @notice Frees the slots of a lot.
    function free(mapping(uint256 word => uint256) storage taken, uint256 fromSlot, uint256 toSlot) internal {
        for (uint256 slot = fromSlot + 1; slot <= toSlot;) {
            (uint256 word, uint256 mask, uint256 next) = _part(slot, toSlot);
            taken[word] &= ~mask;
            slot = next;
        }
    }

    function isTaken(mapping(uint256 word => uint256) storage taken, uint256 slot) internal view returns (bool) {
        return (taken[slot / WORD] >> (slot % WORD)) & 1 != 0;
    }

    /// The bits of slot .. toSlot that lie in the word of `slot`, and the first slot of the next word.
    function _part(uint256 slot, uint256 toSlot) private pure returns (uint256 word, uint256 mask, uint256 next) {
        word = slot / WORD;
        next = (word + 1) * WORD;
        uint256 count = (toSlot < next ? toSlot + 1 : next) - slot;
        mask = (type(uint256).max >> (WORD - count)) << (slot % WORD);
    }

    /// Index of the lowest bit of a word that is not 0.
    function _lowestBit(uint256 bits) private pure returns (uint256 index) {
        while ((bits >> index) & 1 == 0) ++index;
    }
}

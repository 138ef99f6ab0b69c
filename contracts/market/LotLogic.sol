// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ISurplusAuction} from "../interfaces/ISurplusAuction.sol";

/// @title Who wins a lot and what it costs
/// @notice The rules of backend/market/surplus_auction.py: bids by price, node priority, time and id share the lot.
/// First price: a winner pays its own bid. Second price: what the bids it displaces would have paid, the reserve where
/// there is none. Ids rise with time, so the id alone stands for both.
library LotLogic {
    /// One revealed bid.
    struct Entry {
        uint256 bidId;
        uint256 priority;
        uint256 price;
        uint256 energyWh;
        uint256 wonWh;
        uint256 paymentMicroInr;
    }

    uint256 private constant WH_PER_KWH = 1000;

    /// @notice Sorts the entries, best first, and fills in what each wins and pays. Returns what nobody wanted.
    function award(
        Entry[] memory entries,
        uint256 lotWh,
        uint256 reserve,
        ISurplusAuction.PaymentRule rule
    ) internal pure returns (uint256 unsoldWh) {
        _sort(entries);
        unsoldWh = lotWh;
        for (uint256 i = 0; i < entries.length; ++i) {
            entries[i].wonWh = Math.min(unsoldWh, entries[i].energyWh);
            unsoldWh -= entries[i].wonWh;
        }
        for (uint256 i = 0; i < entries.length && entries[i].wonWh != 0; ++i) {
            entries[i].paymentMicroInr = rule == ISurplusAuction.PaymentRule.FirstPrice
                ? costUp(entries[i].wonWh, entries[i].price)
                : _displacedUp(entries, i, reserve);
        }
    }

    /// @notice What `energyWh` cost at a price, micro-rupees, rounded up.
    function costUp(uint256 energyWh, uint256 price) internal pure returns (uint256 microInr) {
        return Math.ceilDiv(energyWh * price, WH_PER_KWH);
    }

    /// What others would pay for the energy that `winner` won. They are first in line with what they did not get;
    /// when they have enough, the energy is worth the reserve. The winner's own rest does not count.
    function _displacedUp(Entry[] memory entries, uint256 winner, uint256 reserve) private pure returns (uint256) {
        uint256 leftWh = entries[winner].wonWh;
        uint256 worth = 0; // Wh x micro-rupees per kWh
        // Before a winner all bids are filled whole, so the line of those in want begins at it.
        for (uint256 i = winner; i < entries.length && leftWh != 0; ++i) {
            if (i == winner) continue;
            uint256 takenWh = Math.min(leftWh, entries[i].energyWh - entries[i].wonWh);
            worth += takenWh * entries[i].price;
            leftWh -= takenWh;
        }
        return Math.ceilDiv(worth + leftWh * reserve, WH_PER_KWH);
    }

    /// Best first. Insertion, for at most MAX_BIDS entries.
    function _sort(Entry[] memory entries) private pure {
        for (uint256 i = 1; i < entries.length; ++i) {
            Entry memory entry = entries[i];
            uint256 place = i;
            for (; place != 0 && _isBetter(entry, entries[place - 1]); --place) {
                entries[place] = entries[place - 1];
            }
            entries[place] = entry;
        }
    }

    function _isBetter(Entry memory a, Entry memory b) private pure returns (bool) {
        if (a.price != b.price) return a.price > b.price;
        if (a.priority != b.priority) return a.priority < b.priority;
        return a.bidId < b.bidId;
    }
}

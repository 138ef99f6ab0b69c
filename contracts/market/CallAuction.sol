// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title A slot's book of price ticks, and its clearing at one price
/// @notice The rules of backend/market/uniform_price.py. Two ticks share a word: tick t has 128 bits, the upper half of
/// word t / 2 if t is odd, of which the lower 64 are the Wh bid and the upper 64 the Wh offered there. A lane holds
/// 2^32 orders of 2^31 Wh, more than there are order numbers, so that lanes add without carry.
library CallAuction {
    struct Book {
        mapping(uint256 word => uint256) words;
        Walk walk;
    }

    /// How far the dearest bids are matched with the cheapest offers. One word.
    /// @param bid, offer ticks reached; what of them is not matched is `bidLeft`, `offerLeft`, 0 if not yet read
    /// @param lastBid, lastOffer ticks that matched last; 0 before the first match
    struct Walk {
        uint16 bid;
        uint16 offer;
        uint16 lastBid;
        uint16 lastOffer;
        uint64 bidLeft;
        uint64 offerLeft;
        uint64 volume;
    }

    uint256 private constant LANE = type(uint64).max;

    function bidAt(Book storage book, uint256 tick) internal view returns (uint256 wh) {
        return (book.words[tick >> 1] >> ((tick & 1) << 7)) & LANE;
    }

    function offerAt(Book storage book, uint256 tick) internal view returns (uint256 wh) {
        return (book.words[tick >> 1] >> (((tick & 1) << 7) + 64)) & LANE;
    }

    function add(Book storage book, bool isBid, uint256 tick, uint256 wh) internal {
        book.words[tick >> 1] += wh << _shift(isBid, tick);
    }

    function remove(Book storage book, bool isBid, uint256 tick, uint256 wh) internal {
        book.words[tick >> 1] -= wh << _shift(isBid, tick);
    }

    /// @notice Walks on from where the last call stopped, reading at most `maxTicks` more ticks.
    /// @return walk stored too, unless it is finished
    function advance(Book storage book, uint256 ticks, uint256 maxTicks)
        internal
        returns (Walk memory walk, bool finished)
    {
        walk = book.walk;
        if (walk.offer == 0) (walk.bid, walk.offer) = (uint16(ticks), 1); // a new walk; ticks are few
        while (true) {
            bool seekBid = walk.bidLeft == 0 && walk.bid > 0 && walk.bid >= walk.lastOffer;
            if (seekBid || (walk.offerLeft == 0 && walk.offer <= (walk.lastBid == 0 ? walk.bid : walk.lastBid))) {
                if (maxTicks == 0) {
                    book.walk = walk;
                    return (walk, false);
                }
                --maxTicks;
                if (seekBid) _readBid(book, walk);
                else _readOffer(book, walk);
            } else if (walk.bidLeft == 0 || walk.offerLeft == 0 || walk.bid < walk.offer) {
                return (walk, true);
            } else {
                _match(walk);
            }
        }
    }

    /// @notice The price of a finished walk that matched something: the middle tick of those at which everybody
    /// better is filled whole, rounded down.
    function priceTick(Walk memory walk) internal pure returns (uint256) {
        // Below the first the last offer would not sell, or a bid with energy left would buy; so above the second.
        return (Math.max(walk.lastOffer, walk.bid) + Math.min(walk.lastBid, walk.offer)) / 2;
    }

    function _readBid(Book storage book, Walk memory walk) private view {
        uint256 wh = bidAt(book, walk.bid);
        if (wh == 0) --walk.bid;
        else walk.bidLeft = uint64(wh); // a lane has 64 bits
    }

    function _readOffer(Book storage book, Walk memory walk) private view {
        uint256 wh = offerAt(book, walk.offer);
        if (wh == 0) ++walk.offer;
        else walk.offerLeft = uint64(wh); // a lane has 64 bits
    }

    function _match(Walk memory walk) private pure {
        uint64 matched = walk.bidLeft < walk.offerLeft ? walk.bidLeft : walk.offerLeft;
        walk.volume += matched;
        (walk.lastBid, walk.lastOffer) = (walk.bid, walk.offer);
        walk.bidLeft -= matched;
        walk.offerLeft -= matched;
        if (walk.bidLeft == 0) --walk.bid;
        if (walk.offerLeft == 0) ++walk.offer;
    }

    function _shift(bool isBid, uint256 tick) private pure returns (uint256) {
        return ((tick & 1) << 7) + (isBid ? 0 : 64);
    }
}

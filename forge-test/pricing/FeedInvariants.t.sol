// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IQuorumPriceFeed} from "contracts/interfaces/IQuorumPriceFeed.sol";
import {FeedTest} from "./FeedTest.sol";

/// Rounds, times and bounds as they come, with one node that lies as it likes.
contract FeedHandler is FeedTest {
    uint64 public highestRound;
    uint256 public lowestHonest = START;
    uint256 public highestHonest = START;
    uint256 public priceBefore = START;
    bool public stepTooWide;

    function submit(uint64 step, uint64[3] memory honest, uint128 lie, uint8 liar) external {
        liar %= 4;
        uint64 round = highestRound + step % 3;
        uint128[] memory stated = new uint128[](4);
        (uint256 low, uint256 high) = (type(uint256).max, 0);
        for (uint256 i = 0; i < 3; ++i) {
            uint64 price = uint64(bound(honest[i], RUPEE, 14 * RUPEE));
            stated[i < liar ? i : i + 1] = price;
            if (price < low) low = price;
            if (price > high) high = price;
        }
        stated[liar] = lie;
        uint256 start = _clipped(feed.latest().price);
        try feed.submitRound(round, _round(round, stated)) {
            (lowestHonest, highestHonest, highestRound) = (low, high, round);
            uint256 price = feed.latest().price;
            uint256 moved = price > start ? price - start : start - price;
            uint256 cap = (start * feed.settings().maxStepPpm + 999_999) / 1e6;
            if (moved > cap) stepTooWide = true;
        } catch {}
    }

    function passTime(uint8 secondsOn) external {
        skip(secondsOn);
    }

    function setBounds(uint64 lowest, uint64 highest, uint32 ppm) external {
        IQuorumPriceFeed.Settings memory limits = _limits();
        limits.minPrice = lowest % (14 * RUPEE);
        limits.maxPrice = highest % (14 * RUPEE);
        limits.maxStepPpm = ppm % 500_000;
        try feed.setSettings(limits) {} catch {}
    }

    function theFeed() external view returns (IQuorumPriceFeed) {
        return feed;
    }

    function _clipped(uint256 price) private view returns (uint256) {
        IQuorumPriceFeed.Settings memory limits = feed.settings();
        if (price < limits.minPrice) return limits.minPrice;
        return price > limits.maxPrice ? limits.maxPrice : price;
    }
}

/// Whatever is tried: rounds go on, a fresh price is within bounds, selling never above buying, the median never
/// outside what honest nodes said, no step wider than the breaker allows.
contract FeedInvariants is FeedTest {
    FeedHandler internal handler;

    function setUp() public override {
        handler = new FeedHandler();
        handler.setUp();
        bytes4[] memory selectors = new bytes4[](3);
        selectors[0] = FeedHandler.submit.selector;
        selectors[1] = FeedHandler.passTime.selector;
        selectors[2] = FeedHandler.setBounds.selector;
        targetContract(address(handler));
        targetSelector(address(handler), selectors);
    }

    function invariant_roundsGoOn() public view {
        assertEq(uint256(handler.theFeed().latest().round), handler.highestRound());
    }

    function invariant_pricesAreSound() public view {
        (uint256 buy, uint256 sell, uint256 updatedAt) = handler.theFeed().prices();
        assertTrue(sell <= buy);
        assertTrue(updatedAt <= block.timestamp);
        IQuorumPriceFeed.Settings memory limits = handler.theFeed().settings();
        bool within = limits.minPrice <= buy && buy <= limits.maxPrice;
        assertEq(updatedAt != 0, within);
        if (within) assertTrue(sell >= limits.minPrice);
    }

    function invariant_oneLiarCannotMoveTheMedianOut() public view {
        uint256 median = handler.theFeed().latest().median;
        assertTrue(handler.lowestHonest() <= median && median <= handler.highestHonest());
    }

    function invariant_breakerHolds() public view {
        assertTrue(!handler.stepTooWide());
    }
}

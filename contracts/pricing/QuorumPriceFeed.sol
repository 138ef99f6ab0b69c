// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IOracleQuorum} from "../interfaces/IOracleQuorum.sol";
import {IPriceSource} from "../interfaces/IPriceSource.sol";
import {IQuorumPriceFeed} from "../interfaces/IQuorumPriceFeed.sol";

/// @title QuorumPriceFeed
/// @notice See IQuorumPriceFeed. backend/pricing/median.py is the same rules, held together by
/// tests/vectors/price_rounds.json.
contract QuorumPriceFeed is IQuorumPriceFeed, EIP712, AccessManaged {
    // ------------------------------------------------------------------ constants

    bytes32 private constant OBSERVATION_TYPEHASH = keccak256(
        "PriceObservation(uint32 feed,uint64 round,uint128 priceMicroInrPerKwh,uint64 observedAt,uint64 epoch)"
    );
    /// What a PRICE frame to a device can carry.
    uint256 private constant HIGHEST_PRICE = type(uint32).max;
    uint256 private constant PPM = 1e6;
    uint256 private constant BPS = 1e4;

    // ------------------------------------------------------------------ immutables

    IOracleQuorum public immutable QUORUM;
    /// @inheritdoc IQuorumPriceFeed
    uint32 public immutable FEED;

    // ------------------------------------------------------------------ storage

    // one slot each: a round reads both and writes the first
    Round private _latest;
    Settings private _settings;

    // ------------------------------------------------------------------ constructor

    /// @param startPrice in force until the first round
    constructor(address manager, IOracleQuorum quorum, uint32 feed, Settings memory limits, uint64 startPrice)
        AccessManaged(manager)
        EIP712("Ohmstead QuorumPriceFeed", "1")
    {
        QUORUM = quorum;
        FEED = feed;
        _setSettings(limits);
        _requireWithinBounds(startPrice, limits);
        _latest = Round(0, uint64(block.timestamp), startPrice, startPrice);
    }

    // ------------------------------------------------------------------ admin

    /// @inheritdoc IQuorumPriceFeed
    function setSettings(Settings calldata newSettings) external restricted {
        _setSettings(newSettings);
    }

    // ------------------------------------------------------------------ rounds

    /// @inheritdoc IQuorumPriceFeed
    function submitRound(uint64 round, Observation[] calldata observations) external {
        Round memory last = _latest;
        Settings memory limits = _settings;
        if (round <= last.round) revert QuorumPriceFeed_RoundNotNew(round, last.round);
        uint64 oldest = _oldest(observations, limits);
        _requireObservers(round, observations);
        uint256 median = _upperMedian(observations);
        _requireWithinBounds(median, limits);

        uint256 price = _withinStep(median, last.price, limits);
        // Both are within bounds, which are below 2^32.
        _latest = Round(round, oldest, uint64(price), uint64(median));
        emit PriceRoundAccepted(round, price, _sellPriceDown(price, limits), median, oldest, observations.length);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IPriceSource
    function prices() external view returns (uint256 buyPrice, uint256 sellPrice, uint256 updatedAt) {
        Settings memory limits = _settings;
        (buyPrice, updatedAt) = (_latest.price, _latest.observedAt);
        sellPrice = _sellPriceDown(buyPrice, limits);
        // The bounds have moved past it: not to be used.
        if (buyPrice < limits.minPrice || buyPrice > limits.maxPrice) updatedAt = 0;
    }

    /// @inheritdoc IQuorumPriceFeed
    function settings() external view returns (Settings memory) {
        return _settings;
    }

    /// @inheritdoc IQuorumPriceFeed
    function latest() external view returns (Round memory) {
        return _latest;
    }

    /// @inheritdoc IQuorumPriceFeed
    function observationDigest(uint64 round, uint128 priceMicroInrPerKwh, uint64 observedAt)
        external
        view
        returns (bytes32)
    {
        return _digest(round, priceMicroInrPerKwh, observedAt, QUORUM.epoch());
    }

    // ------------------------------------------------------------------ internal

    function _setSettings(Settings memory limits) private {
        if (limits.minPrice == 0) revert QuorumPriceFeed_BadSettings("minPrice");
        if (limits.maxPrice < limits.minPrice || limits.maxPrice > HIGHEST_PRICE) {
            revert QuorumPriceFeed_BadSettings("maxPrice");
        }
        if (limits.maxAge == 0) revert QuorumPriceFeed_BadSettings("maxAge");
        if (limits.maxStepPpm == 0) revert QuorumPriceFeed_BadSettings("maxStepPpm");
        if (limits.sellShareBps > BPS) revert QuorumPriceFeed_BadSettings("sellShareBps");
        _settings = limits;
        emit SettingsChanged(limits);
    }

    /// Time of the oldest observation, if none is too old or ahead of the clock. Never above the present: a price from
    /// a node's fast clock must not outlive others.
    function _oldest(Observation[] calldata observations, Settings memory limits) private view returns (uint64 oldest) {
        oldest = uint64(block.timestamp);
        for (uint256 i = 0; i < observations.length; ++i) {
            uint64 time = observations[i].observedAt;
            if (uint256(time) + limits.maxAge < block.timestamp) revert QuorumPriceFeed_TooOld(i, time);
            if (time > block.timestamp + limits.maxSkew) revert QuorumPriceFeed_FromTheFuture(i, time);
            if (time < oldest) oldest = time;
        }
    }

    function _requireObservers(uint64 round, Observation[] calldata observations) private view {
        uint256 count = observations.length;
        bytes32[] memory digests = new bytes32[](count);
        bytes[] memory signatures = new bytes[](count);
        uint64 epoch = QUORUM.epoch();
        for (uint256 i = 0; i < count; ++i) {
            Observation calldata seen = observations[i];
            digests[i] = _digest(round, seen.priceMicroInrPerKwh, seen.observedAt, epoch);
            signatures[i] = seen.signature;
        }
        QUORUM.requireObservers(digests, signatures);
    }

    function _digest(uint64 round, uint128 price, uint64 observedAt, uint64 epoch) private view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(OBSERVATION_TYPEHASH, FEED, round, price, observedAt, epoch)));
    }

    /// The middle price, of two in the middle the higher one; each is between honest ones.
    function _upperMedian(Observation[] calldata observations) private pure returns (uint256) {
        uint256 count = observations.length;
        uint256[] memory sorted = new uint256[](count);
        // By insertion: there are at most OracleQuorum.MAX_SIGNERS.
        for (uint256 i = 0; i < count; ++i) {
            uint256 price = observations[i].priceMicroInrPerKwh;
            uint256 place = i;
            for (; place > 0 && sorted[place - 1] > price; --place) {
                sorted[place] = sorted[place - 1];
            }
            sorted[place] = price;
        }
        return sorted[count / 2];
    }

    /// The circuit breaker: the median, but no further from the last price than a step, rounded up so that a price can
    /// always move.
    function _withinStep(uint256 median, uint256 lastPrice, Settings memory limits) private pure returns (uint256) {
        // The bounds may have moved since the last round; a price in force is always inside them.
        uint256 start = Math.min(Math.max(lastPrice, limits.minPrice), limits.maxPrice);
        uint256 stepUp = Math.ceilDiv(start * limits.maxStepPpm, PPM);
        uint256 lowest = start > stepUp ? start - stepUp : 0;
        return Math.min(Math.max(median, lowest), start + stepUp);
    }

    function _sellPriceDown(uint256 buyPrice, Settings memory limits) private pure returns (uint256) {
        uint256 share = buyPrice * limits.sellShareBps / BPS;
        // Never above the price itself, even if that is below a bound that has moved.
        return Math.min(Math.max(share, limits.minPrice), buyPrice);
    }

    function _requireWithinBounds(uint256 price, Settings memory limits) private pure {
        if (price < limits.minPrice || price > limits.maxPrice) {
            revert QuorumPriceFeed_OutOfBounds(price, limits.minPrice, limits.maxPrice);
        }
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPriceSource} from "./IPriceSource.sol";

/// @title Prices agreed by the oracle's nodes, round by round
/// @notice Each node signs what it thinks a kWh is worth; the contract takes the median itself. With f of 3f+1 nodes
/// lying, 2f+1 observations have the median within what honest nodes saw. Prices in micro-rupees per kWh.
/// @dev Trusted: that at most f nodes lie together. Whoever submits a round chooses which 2f+1 or more observations
/// are in it, and can delay one, but cannot make one up. Gas: about 77 000 for a round of three observations.
interface IQuorumPriceFeed is IPriceSource {
    /// What rounds are held to.
    /// @param minPrice lowest price, positive
    /// @param maxPrice highest price
    /// @param maxAge seconds that an observation may be old when its round is submitted
    /// @param maxSkew seconds that one may be ahead of the chain's clock
    /// @param maxStepPpm most that the price moves in a round, parts per million of the last price
    /// @param sellShareBps what is paid for a kWh, in 0.01 % of what is taken for it
    struct Settings {
        uint64 minPrice;
        uint64 maxPrice;
        uint32 maxAge;
        uint32 maxSkew;
        uint32 maxStepPpm;
        uint16 sellShareBps;
    }

    /// @param round 0 before the first: then the price is the one the feed was deployed with
    /// @param observedAt of the oldest observation: the price is at least as fresh as that
    /// @param price in force
    /// @param median of the observations; differs from the price where the circuit breaker capped the step
    struct Round {
        uint64 round;
        uint64 observedAt;
        uint64 price;
        uint64 median;
    }

    /// What a node signed, as PriceObservation(uint32 feed,uint64 round,uint128 priceMicroInrPerKwh,
    /// uint64 observedAt,uint64 epoch) in the feed's EIP-712 domain.
    /// @param observedAt Unix seconds
    /// @param signature 65 bytes
    struct Observation {
        uint128 priceMicroInrPerKwh;
        uint64 observedAt;
        bytes signature;
    }

    /// A round is in force.
    event PriceRoundAccepted(
        uint64 indexed round,
        uint256 buyPrice,
        uint256 sellPrice,
        uint256 median,
        uint256 observedAt,
        uint256 observations
    );
    event SettingsChanged(Settings settings);

    /// Rounds go on: one was accepted with this number or a higher one.
    error QuorumPriceFeed_RoundNotNew(uint64 round, uint64 last);
    /// An observation is older than maxAge.
    error QuorumPriceFeed_TooOld(uint256 index, uint64 observedAt);
    /// An observation is ahead of the chain's clock by more than maxSkew.
    error QuorumPriceFeed_FromTheFuture(uint256 index, uint64 observedAt);
    error QuorumPriceFeed_OutOfBounds(uint256 median, uint256 min, uint256 max);
    /// `field` is the first that cannot be: prices positive and below 2^32, ages and steps positive, shares at most 1.
    error QuorumPriceFeed_BadSettings(string field);

    /// @notice Puts a round into force. Permissionless: the signatures say it. At least max(threshold, 2f+1)
    /// observations by distinct current signers, in ascending order of signer.
    function submitRound(uint64 round, Observation[] calldata observations) external;

    /// @notice Role: admin. A price that the new bounds would refuse is stale (updatedAt = 0) until the next round.
    function setSettings(Settings calldata newSettings) external;

    function settings() external view returns (Settings memory);
    /// @notice The last round accepted.
    function latest() external view returns (Round memory);
    /// @notice What a node signs for a round in the present epoch.
    function observationDigest(uint64 round, uint128 priceMicroInrPerKwh, uint64 observedAt)
        external
        view
        returns (bytes32);
    /// @notice Number of this feed; part of what is signed.
    function FEED() external view returns (uint32);
}

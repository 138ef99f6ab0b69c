// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What the community pays for and rewards, moved by what was metered, and never far at once
/// @notice Once per policy epoch (Unix seconds / epochSeconds) the oracle nodes sign what the committed slots of that
/// epoch come to, and where the parameters should be. Each parameter then moves towards its target by `maxStep` at most
/// and stays within `lowest` and `highest`; epochs that nobody reported do not add up to a longer step.
/// The formulas are those of backend/sustainability (docs/incentives.md).
/// @dev EIP-712 domain: "Ohmstead SustainabilityPolicy", version "1" (see eip712Domain).
///      Trusted: a quorum of oracle nodes for metrics and targets (IOracleQuorum), within the limits; the admin for
///      these.
interface ISustainabilityPolicy {
    /// All in millionths.
    /// @param multiplierPpm what a verified request is multiplied with
    /// @param equityKappaPpm boost per unit by which a household's access is below the mean
    /// @param equityCapPpm highest boost
    /// @param rurWeightPpm w1 of the shaped reward r + w1 RUR - w2 CI - w3 PAR + w4 NPV
    /// @param ciWeightPpm w2
    /// @param parWeightPpm w3
    /// @param npvWeightPpm w4
    struct Parameters {
        uint32 multiplierPpm;
        uint32 equityKappaPpm;
        uint32 equityCapPpm;
        uint32 rurWeightPpm;
        uint32 ciWeightPpm;
        uint32 parWeightPpm;
        uint32 npvWeightPpm;
    }

    struct Limits {
        Parameters lowest;
        Parameters highest;
        Parameters maxStep;
    }

    /// What the slots (fromSlot, toSlot] come to.
    /// @param ciMgPerKwh carbon intensity of what was used, mg CO2/kWh, rounded up
    /// @param rurPpm renewable energy used over energy used, rounded down
    /// @param parPpm peak over average load, rounded up
    /// @param jainPpm Jain's fairness index of the households' access, rounded down
    /// @param meanAccessWh what a household used on average, rounded down
    struct Metrics {
        uint48 fromSlot;
        uint48 toSlot;
        uint32 ciMgPerKwh;
        uint32 rurPpm;
        uint32 parPpm;
        uint32 jainPpm;
        uint32 meanAccessWh;
    }

    /// @param applied what the limits left of `target`; in force from now on
    event PolicyUpdated(uint64 indexed policyEpoch, Metrics metrics, Parameters target, Parameters applied);
    event LimitsChanged(Limits limits, Parameters applied);

    /// Of one epoch there is one update, and none of an epoch before the last updated one.
    error SustainabilityPolicy_EpochNotNew(uint64 policyEpoch, uint64 latest);
    /// The epoch is not over yet.
    error SustainabilityPolicy_EpochNotOver(uint64 policyEpoch, uint256 endsAt);
    /// `field` is the first of the metrics that cannot be.
    error SustainabilityPolicy_BadMetrics(string field);
    /// A lowest value is above the highest, or no step is allowed. Index in the order of Parameters.
    error SustainabilityPolicy_BadLimits(uint256 index);
    error SustainabilityPolicy_BadEpochSeconds();
    /// Metrics are kept for epochs that were updated.
    error SustainabilityPolicy_UnknownEpoch(uint64 policyEpoch);

    /// @notice Reports an epoch. Anyone may send it; the signatures count.
    /// @param signatures of EIP-712 PolicyUpdate(uint64 policyEpoch,Metrics metrics,Parameters target,uint64 epoch)
    /// with both structs as above
    function update(
        uint64 policyEpoch,
        Metrics calldata metrics,
        Parameters calldata target,
        bytes[] calldata signatures
    ) external;

    /// @notice Role: admin. A parameter outside the new bounds moves to the nearer one at once.
    function setLimits(Limits calldata newLimits) external;

    function parameters() external view returns (Parameters memory);
    function limits() external view returns (Limits memory);
    /// @notice Reverts with SustainabilityPolicy_UnknownEpoch if nobody reported that epoch.
    function metricsOf(uint64 policyEpoch) external view returns (Metrics memory);
    /// @notice The newest updated epoch and the one updated before it; 0 = none.
    function latestEpochs() external view returns (uint64 latest, uint64 previous);
    /// @notice The epoch now running.
    function currentEpoch() external view returns (uint64);
    function epochSeconds() external view returns (uint32);
    /// @notice How far below the epoch's mean a household's use is, as a part of that mean; 0 if above.
    function shortfallPpmDown(uint64 policyEpoch, uint256 accessWh) external view returns (uint256);
    /// @notice min(cap, kappa x shortfall), with the parameters now in force.
    function boostPpmDown(uint256 shortfallPpm) external view returns (uint256);
    /// @notice What a node signs in the present epoch of signers.
    function updateDigest(uint64 policyEpoch, Metrics calldata metrics, Parameters calldata target)
        external
        view
        returns (bytes32);
}

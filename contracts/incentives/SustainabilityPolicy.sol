// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IOracleQuorum} from "../interfaces/IOracleQuorum.sol";
import {ISustainabilityPolicy} from "../interfaces/ISustainabilityPolicy.sol";

/// @title SustainabilityPolicy
/// @notice See ISustainabilityPolicy.
contract SustainabilityPolicy is ISustainabilityPolicy, EIP712, AccessManaged {
    // ------------------------------------------------------------------ constants

    string private constant METRICS_TYPE = "Metrics(uint48 fromSlot,uint48 toSlot,uint32 ciMgPerKwh,uint32 rurPpm,"
        "uint32 parPpm,uint32 jainPpm,uint32 meanAccessWh)";
    string private constant PARAMETERS_TYPE =
        "Parameters(uint32 multiplierPpm,uint32 equityKappaPpm,uint32 equityCapPpm,uint32 rurWeightPpm,"
        "uint32 ciWeightPpm,uint32 parWeightPpm,uint32 npvWeightPpm)";
    bytes32 private constant METRICS_TYPEHASH = keccak256(bytes(METRICS_TYPE));
    bytes32 private constant PARAMETERS_TYPEHASH = keccak256(bytes(PARAMETERS_TYPE));
    bytes32 private constant UPDATE_TYPEHASH = keccak256(
        abi.encodePacked(
            "PolicyUpdate(uint64 policyEpoch,Metrics metrics,Parameters target,uint64 epoch)",
            METRICS_TYPE,
            PARAMETERS_TYPE
        )
    );
    uint256 private constant PPM = 1e6;
    uint256 private constant COUNT = 7;

    // ------------------------------------------------------------------ immutables

    IOracleQuorum public immutable QUORUM;
    uint32 private immutable EPOCH_SECONDS;

    // ------------------------------------------------------------------ storage

    Parameters private _parameters;
    Limits private _limits;
    uint64 private _latest;
    uint64 private _previous;
    mapping(uint64 policyEpoch => Metrics) private _metrics;

    // ------------------------------------------------------------------ constructor

    /// @param start in force until the first update; outside the limits it moves to the nearer bound
    constructor(
        address manager,
        IOracleQuorum quorum,
        uint32 secondsPerEpoch,
        Limits memory stepLimits,
        Parameters memory start
    ) AccessManaged(manager) EIP712("Ohmstead SustainabilityPolicy", "1") {
        if (secondsPerEpoch == 0) revert SustainabilityPolicy_BadEpochSeconds();
        (QUORUM, EPOCH_SECONDS) = (quorum, secondsPerEpoch);
        _parameters = start;
        _setLimits(stepLimits);
    }

    // ------------------------------------------------------------------ admin

    /// @inheritdoc ISustainabilityPolicy
    function setLimits(Limits calldata newLimits) external restricted {
        _setLimits(newLimits);
    }

    // ------------------------------------------------------------------ everyone

    /// @inheritdoc ISustainabilityPolicy
    function update(
        uint64 policyEpoch,
        Metrics calldata metrics,
        Parameters calldata target,
        bytes[] calldata signatures
    ) external {
        uint64 latest = _latest;
        if (policyEpoch <= latest) revert SustainabilityPolicy_EpochNotNew(policyEpoch, latest);
        uint256 end = (uint256(policyEpoch) + 1) * EPOCH_SECONDS;
        if (block.timestamp < end) revert SustainabilityPolicy_EpochNotOver(policyEpoch, end);
        _requirePossible(metrics);
        QUORUM.requireQuorum(_digest(policyEpoch, metrics, target), signatures);

        Parameters memory applied = _moved(_parameters, target, _limits);
        _parameters = applied;
        (_latest, _previous) = (policyEpoch, latest);
        _metrics[policyEpoch] = metrics;
        emit PolicyUpdated(policyEpoch, metrics, target, applied);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc ISustainabilityPolicy
    function parameters() external view returns (Parameters memory) {
        return _parameters;
    }

    /// @inheritdoc ISustainabilityPolicy
    function limits() external view returns (Limits memory) {
        return _limits;
    }

    /// @inheritdoc ISustainabilityPolicy
    function metricsOf(uint64 policyEpoch) public view returns (Metrics memory metrics) {
        metrics = _metrics[policyEpoch];
        if (metrics.toSlot == 0) revert SustainabilityPolicy_UnknownEpoch(policyEpoch);
    }

    /// @inheritdoc ISustainabilityPolicy
    function latestEpochs() external view returns (uint64 latest, uint64 previous) {
        return (_latest, _previous);
    }

    /// @inheritdoc ISustainabilityPolicy
    function currentEpoch() external view returns (uint64) {
        // Unix seconds fit.
        return uint64(block.timestamp / EPOCH_SECONDS);
    }

    /// @inheritdoc ISustainabilityPolicy
    function epochSeconds() external view returns (uint32) {
        return EPOCH_SECONDS;
    }

    /// @inheritdoc ISustainabilityPolicy
    function shortfallPpmDown(uint64 policyEpoch, uint256 accessWh) external view returns (uint256) {
        uint256 mean = metricsOf(policyEpoch).meanAccessWh;
        return accessWh < mean ? (mean - accessWh) * PPM / mean : 0;
    }

    /// @inheritdoc ISustainabilityPolicy
    function boostPpmDown(uint256 shortfallPpm) external view returns (uint256) {
        Parameters memory now_ = _parameters;
        return Math.min(now_.equityCapPpm, uint256(now_.equityKappaPpm) * shortfallPpm / PPM);
    }

    /// @inheritdoc ISustainabilityPolicy
    function updateDigest(uint64 policyEpoch, Metrics calldata metrics, Parameters calldata target)
        external
        view
        returns (bytes32)
    {
        return _digest(policyEpoch, metrics, target);
    }

    // ------------------------------------------------------------------ internal

    function _requirePossible(Metrics calldata metrics) private pure {
        if (metrics.toSlot <= metrics.fromSlot) revert SustainabilityPolicy_BadMetrics("toSlot");
        if (metrics.rurPpm > PPM) revert SustainabilityPolicy_BadMetrics("rurPpm");
        if (metrics.parPpm < PPM) revert SustainabilityPolicy_BadMetrics("parPpm");
        if (metrics.jainPpm > PPM) revert SustainabilityPolicy_BadMetrics("jainPpm");
    }

    function _digest(uint64 policyEpoch, Metrics calldata metrics, Parameters calldata target)
        private
        view
        returns (bytes32)
    {
        bytes32 metricsHash = keccak256(abi.encode(METRICS_TYPEHASH, metrics));
        bytes32 targetHash = keccak256(abi.encode(PARAMETERS_TYPEHASH, target));
        return _hashTypedDataV4(
            keccak256(abi.encode(UPDATE_TYPEHASH, policyEpoch, metricsHash, targetHash, QUORUM.epoch()))
        );
    }

    function _setLimits(Limits memory newLimits) private {
        uint32[COUNT] memory lowest = _listed(newLimits.lowest);
        uint32[COUNT] memory highest = _listed(newLimits.highest);
        uint32[COUNT] memory steps = _listed(newLimits.maxStep);
        uint32[COUNT] memory values = _listed(_parameters);
        for (uint256 i = 0; i < COUNT; ++i) {
            if (lowest[i] > highest[i] || steps[i] == 0) revert SustainabilityPolicy_BadLimits(i);
            values[i] = _between(values[i], lowest[i], highest[i]);
        }
        Parameters memory applied = _named(values);
        (_limits, _parameters) = (newLimits, applied);
        emit LimitsChanged(newLimits, applied);
    }

    /// Each parameter a step at most towards its target, and never out of its bounds.
    function _moved(Parameters memory last, Parameters memory target, Limits memory bounds)
        private
        pure
        returns (Parameters memory)
    {
        uint32[COUNT] memory values = _listed(last);
        uint32[COUNT] memory wanted = _listed(target);
        uint32[COUNT] memory steps = _listed(bounds.maxStep);
        uint32[COUNT] memory lowest = _listed(bounds.lowest);
        uint32[COUNT] memory highest = _listed(bounds.highest);
        for (uint256 i = 0; i < COUNT; ++i) {
            uint256 down = values[i] > steps[i] ? values[i] - steps[i] : 0;
            uint256 up = uint256(values[i]) + steps[i];
            values[i] = _between(_between(wanted[i], down, up), lowest[i], highest[i]);
        }
        return _named(values);
    }

    function _between(uint256 value, uint256 low, uint256 high) private pure returns (uint32) {
        // `value` or a bound below it: 32 bits, like the values and bounds it comes from.
        return uint32(Math.max(low, Math.min(value, high)));
    }

    function _listed(Parameters memory given) private pure returns (uint32[COUNT] memory) {
        return [
            given.multiplierPpm,
            given.equityKappaPpm,
            given.equityCapPpm,
            given.rurWeightPpm,
            given.ciWeightPpm,
            given.parWeightPpm,
            given.npvWeightPpm
        ];
    }

    function _named(uint32[COUNT] memory values) private pure returns (Parameters memory) {
        return Parameters(values[0], values[1], values[2], values[3], values[4], values[5], values[6]);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {SustainabilityPolicy} from "contracts/incentives/SustainabilityPolicy.sol";
import {IOracleQuorum} from "contracts/interfaces/IOracleQuorum.sol";
import {ISustainabilityPolicy} from "contracts/interfaces/ISustainabilityPolicy.sol";
import {IncentiveTest} from "./IncentiveTest.sol";

/// update
/// ├── an epoch that is not over, not new, impossible metrics, too few or other signatures: refused
/// └── otherwise each parameter moves a step at most towards its target and stays in bounds
contract SustainabilityPolicyTest is IncentiveTest {
    function test_update_movesAStepTowardsTheTarget() public {
        uint64 epoch = policy.currentEpoch();
        ISustainabilityPolicy.Parameters memory target = _same(1e6);
        ISustainabilityPolicy.Parameters memory expected =
            ISustainabilityPolicy.Parameters(1e6, 550_000, 350_000, 320_000, 320_000, 320_000, 120_000);
        vm.warp((uint256(epoch) + 1) * EPOCH_SECONDS);
        bytes[] memory signatures = _signatures(policy.updateDigest(epoch, _metrics(), target), 2);
        vm.expectEmit(address(policy));
        emit ISustainabilityPolicy.PolicyUpdated(epoch, _metrics(), target, expected);
        policy.update(epoch, _metrics(), target, signatures);
        _requireParameters(expected);
        (uint64 latest, uint64 previous) = policy.latestEpochs();
        assertEq(uint256(latest), epoch);
        assertEq(uint256(previous), 0);
        assertEq(uint256(policy.metricsOf(epoch).ciMgPerKwh), 350_000);
    }

    function test_update_reachesANearTargetExactly_alsoDownwards() public {
        ISustainabilityPolicy.Parameters memory target =
            ISustainabilityPolicy.Parameters(999_999, 480_001, 300_000, 281_000, 300_001, 300_000, 99_999);
        _nextEpoch(target);
        _requireParameters(target);
    }

    function test_update_missedEpochsDoNotAddUp() public {
        skip(100 * EPOCH_SECONDS);
        _nextEpoch(_same(type(uint32).max));
        assertEq(uint256(policy.parameters().multiplierPpm), 1_050_000);
    }

    function test_update_staysInBounds_whateverIsSigned() public {
        for (uint256 i = 0; i < 12; ++i) _nextEpoch(_same(type(uint32).max));
        assertEq(uint256(policy.parameters().multiplierPpm), 1_500_000);
        assertEq(uint256(policy.parameters().equityCapPpm), 500_000);
        for (uint256 i = 0; i < 25; ++i) _nextEpoch(_same(0));
        assertEq(uint256(policy.parameters().multiplierPpm), 500_000);
        assertEq(uint256(policy.parameters().equityCapPpm), 0);
    }

    function test_update_twice_orOfAnEarlierEpoch_isRefused() public {
        uint64 epoch = _nextEpoch(_start());
        bytes[] memory signatures = _signatures(policy.updateDigest(epoch, _metrics(), _start()), 2);
        vm.expectRevert(
            abi.encodeWithSelector(ISustainabilityPolicy.SustainabilityPolicy_EpochNotNew.selector, epoch, epoch)
        );
        policy.update(epoch, _metrics(), _start(), signatures);
        vm.expectRevert(
            abi.encodeWithSelector(ISustainabilityPolicy.SustainabilityPolicy_EpochNotNew.selector, epoch - 1, epoch)
        );
        policy.update(epoch - 1, _metrics(), _start(), signatures);
    }

    function test_update_ofTheRunningEpoch_isRefused() public {
        uint64 epoch = policy.currentEpoch();
        uint256 end = (uint256(epoch) + 1) * EPOCH_SECONDS;
        vm.warp(end - 1);
        bytes[] memory signatures = _signatures(policy.updateDigest(epoch, _metrics(), _start()), 2);
        vm.expectRevert(
            abi.encodeWithSelector(ISustainabilityPolicy.SustainabilityPolicy_EpochNotOver.selector, epoch, end)
        );
        policy.update(epoch, _metrics(), _start(), signatures);
        vm.expectPartialRevert(ISustainabilityPolicy.SustainabilityPolicy_EpochNotOver.selector);
        policy.update(type(uint64).max, _metrics(), _start(), signatures);
    }

    function test_update_impossibleMetrics_areRefused() public {
        ISustainabilityPolicy.Metrics memory metrics = _metrics();
        metrics.toSlot = metrics.fromSlot;
        _expectBadMetrics("toSlot", metrics);
        metrics = _metrics();
        metrics.rurPpm = 1_000_001;
        _expectBadMetrics("rurPpm", metrics);
        metrics = _metrics();
        metrics.parPpm = 999_999;
        _expectBadMetrics("parPpm", metrics);
        metrics = _metrics();
        metrics.jainPpm = 1_000_001;
        _expectBadMetrics("jainPpm", metrics);
    }

    function test_update_needsTheQuorumsSignaturesOfThisUpdate() public {
        uint64 epoch = policy.currentEpoch();
        vm.warp((uint256(epoch) + 1) * EPOCH_SECONDS);
        bytes32 digest = policy.updateDigest(epoch, _metrics(), _start());
        bytes[] memory one = _signatures(digest, 1);
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_TooFewSignatures.selector, 1, 2));
        policy.update(epoch, _metrics(), _start(), one);
        bytes[] memory two = _signatures(digest, 2);
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        policy.update(epoch, _metrics(), _same(1e6), two);
        ISustainabilityPolicy.Metrics memory other = _metrics();
        ++other.ciMgPerKwh;
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        policy.update(epoch, other, _start(), two);
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        policy.update(epoch - 1, _metrics(), _start(), two);
        quorum.setSigners(nodes, 2); // another epoch of signers
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        policy.update(epoch, _metrics(), _start(), two);
    }

    function test_digest_isTheOneOfEip712() public view {
        string memory metricsType =
            "Metrics(uint48 fromSlot,uint48 toSlot,uint32 ciMgPerKwh,uint32 rurPpm,uint32 parPpm,uint32 jainPpm,"
            "uint32 meanAccessWh)";
        string memory parametersType =
            "Parameters(uint32 multiplierPpm,uint32 equityKappaPpm,uint32 equityCapPpm,uint32 rurWeightPpm,"
            "uint32 ciWeightPpm,uint32 parWeightPpm,uint32 npvWeightPpm)";
        string memory updateType = "PolicyUpdate(uint64 policyEpoch,Metrics metrics,Parameters target,uint64 epoch)";
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Ohmstead SustainabilityPolicy"),
                keccak256("1"),
                block.chainid,
                address(policy)
            )
        );
        bytes32 metrics = keccak256(
            abi.encode(keccak256(bytes(metricsType)), 10, 14, 350_000, 600_000, 1_800_000, 900_000, 1_000)
        );
        bytes32 target = keccak256(
            abi.encode(
                keccak256(bytes(parametersType)), 1e6, 500_000, 300_000, 300_000, 300_000, 300_000, 100_000
            )
        );
        bytes32 typehash = keccak256(bytes(string.concat(updateType, metricsType, parametersType)));
        bytes32 content = keccak256(abi.encode(typehash, 77, metrics, target, 1));
        assertEq(
            policy.updateDigest(77, _metrics(), _start()), keccak256(abi.encodePacked(hex"1901", domain, content))
        );
    }

    function test_setLimits_onlyByTheAdmin_andOnlySensible() public {
        ISustainabilityPolicy.Limits memory limits = _limits();
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        policy.setLimits(limits);
        limits.lowest.equityCapPpm = 500_001;
        vm.expectRevert(abi.encodeWithSelector(ISustainabilityPolicy.SustainabilityPolicy_BadLimits.selector, 2));
        policy.setLimits(limits);
        limits = _limits();
        limits.maxStep.npvWeightPpm = 0;
        vm.expectRevert(abi.encodeWithSelector(ISustainabilityPolicy.SustainabilityPolicy_BadLimits.selector, 6));
        policy.setLimits(limits);
    }

    function test_setLimits_movesWhatIsOutside() public {
        ISustainabilityPolicy.Limits memory limits = _limits();
        limits.highest.multiplierPpm = 900_000;
        limits.lowest.equityKappaPpm = 600_000;
        policy.setLimits(limits);
        assertEq(uint256(policy.parameters().multiplierPpm), 900_000);
        assertEq(uint256(policy.parameters().equityKappaPpm), 600_000);
        assertEq(uint256(policy.limits().highest.multiplierPpm), 900_000);
    }

    function test_constructor_refusesEpochsOfNoTime() public {
        vm.expectRevert(ISustainabilityPolicy.SustainabilityPolicy_BadEpochSeconds.selector);
        new SustainabilityPolicy(address(manager), quorum, 0, _limits(), _start());
    }

    function test_metricsOf_anEpochWithoutUpdate_isRefused() public {
        vm.expectRevert(abi.encodeWithSelector(ISustainabilityPolicy.SustainabilityPolicy_UnknownEpoch.selector, 5));
        policy.metricsOf(5);
    }

    /// b = min(cap, kappa max(0, (mean - access) / mean)) with kappa 0.5, cap 0.3, mean 1 000 Wh.
    function test_boost_isTheFormula() public {
        uint64 epoch = _nextEpoch(_start());
        assertEq(policy.shortfallPpmDown(epoch, 1_000), 0);
        assertEq(policy.shortfallPpmDown(epoch, 5_000), 0);
        assertEq(policy.shortfallPpmDown(epoch, 600), 400_000);
        assertEq(policy.shortfallPpmDown(epoch, 0), 1e6);
        assertEq(policy.boostPpmDown(0), 0);
        assertEq(policy.boostPpmDown(400_000), 200_000);
        assertEq(policy.boostPpmDown(600_000), 300_000);
        assertEq(policy.boostPpmDown(1e6), 300_000);
        assertEq(policy.boostPpmDown(3), 1); // rounded down
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_update_isNeverWiderThanAStep(uint32[7] memory wanted) public {
        ISustainabilityPolicy.Parameters memory before = policy.parameters();
        _nextEpoch(
            ISustainabilityPolicy.Parameters(
                wanted[0], wanted[1], wanted[2], wanted[3], wanted[4], wanted[5], wanted[6]
            )
        );
        ISustainabilityPolicy.Parameters memory now_ = policy.parameters();
        assertApproxEqAbs(before.multiplierPpm, now_.multiplierPpm, 50_000, "multiplier");
        assertApproxEqAbs(before.equityKappaPpm, now_.equityKappaPpm, 50_000, "kappa");
        assertApproxEqAbs(before.npvWeightPpm, now_.npvWeightPpm, 20_000, "w4");
    }

    function _expectBadMetrics(string memory field, ISustainabilityPolicy.Metrics memory metrics) private {
        uint64 epoch = policy.currentEpoch() - 1;
        bytes[] memory signatures = _signatures(policy.updateDigest(epoch, metrics, _start()), 2);
        vm.expectRevert(
            abi.encodeWithSelector(ISustainabilityPolicy.SustainabilityPolicy_BadMetrics.selector, field)
        );
        policy.update(epoch, metrics, _start(), signatures);
    }

    function _requireParameters(ISustainabilityPolicy.Parameters memory expected) private view {
        assertEq(keccak256(abi.encode(policy.parameters())), keccak256(abi.encode(expected)));
    }
}

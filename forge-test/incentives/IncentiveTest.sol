// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, Leaf} from "contracts/Types.sol";
import {RenewableIncentive} from "contracts/incentives/RenewableIncentive.sol";
import {SustainabilityPolicy} from "contracts/incentives/SustainabilityPolicy.sol";
import {IGridToken} from "contracts/interfaces/IGridToken.sol";
import {IRenewableIncentive} from "contracts/interfaces/IRenewableIncentive.sol";
import {ISustainabilityPolicy} from "contracts/interfaces/ISustainabilityPolicy.sol";
import {MeteringTest} from "../metering/MeteringTest.sol";
import {TestTree} from "../metering/TestTree.sol";

/// Alice (meter 1, a roof) and bob (meter 2), a certifier, and a budget of Rs 1 000. Epochs of four slots.
abstract contract IncentiveTest is MeteringTest {
    using TestTree for TestTree.Tree;
    using TestTree for TestTree.Line;

    uint64 internal constant CERTIFIER = 3;
    uint64 internal constant DESK = 10;
    uint256 internal constant INR = 0;
    uint256 internal constant RUPEE = 1e6;
    uint256 internal constant PPM = 1e6;
    uint256 internal constant BUDGET = 1_000 * RUPEE;
    uint32 internal constant EPOCH_SECONDS = 4 * SLOT_SECONDS;
    uint32 internal constant ROOF = 1;
    uint32 internal constant HOUSE = 2;

    SustainabilityPolicy internal policy;
    RenewableIncentive internal incentive;
    address internal certifier = makeAddr("certifier");
    uint256 private _papers;

    function setUp() public virtual override {
        super.setUp();
        vm.warp(1_000_000_800); // an epoch begins
        policy = new SustainabilityPolicy(address(manager), quorum, EPOCH_SECONDS, _limits(), _start());
        incentive = new RenewableIncentive(
            address(manager), IGridToken(address(token)), ledger, registry, policy, _settings()
        );
        manager.grantRole(CERTIFIER, certifier, 0);
        manager.grantRole(DESK, address(this), 0);
        manager.setTargetFunctionRole(address(token), _selectors(token.mintInr.selector), DESK);
        bytes4[] memory decided = new bytes4[](2);
        (decided[0], decided[1]) = (incentive.verifyProject.selector, incentive.refuseProject.selector);
        manager.setTargetFunctionRole(address(incentive), decided, CERTIFIER);
        token.mintInr(address(incentive), BUDGET);
        _register(ROOF, EntityKind.Prosumer);
        _register(HOUSE, EntityKind.Consumer);
        _claim(ROOF, alice, BillingMode.Prepaid);
        _claim(HOUSE, bob, BillingMode.Prepaid);
    }

    // ---- settings

    function _settings() internal pure returns (IRenewableIncentive.Settings memory) {
        return IRenewableIncentive.Settings({
            maxRequestMicroInr: uint96(200 * RUPEE),
            decisionSeconds: 7 days,
            claimSeconds: 30 days,
            epochShareBps: 2_500
        });
    }

    function _start() internal pure returns (ISustainabilityPolicy.Parameters memory) {
        return ISustainabilityPolicy.Parameters(1e6, 500_000, 300_000, 300_000, 300_000, 300_000, 100_000);
    }

    function _limits() internal pure returns (ISustainabilityPolicy.Limits memory) {
        return ISustainabilityPolicy.Limits({
            lowest: ISustainabilityPolicy.Parameters(500_000, 0, 0, 0, 0, 0, 0),
            highest: ISustainabilityPolicy.Parameters(1_500_000, 1e6, 500_000, 1e6, 1e6, 1e6, 1e6),
            maxStep: ISustainabilityPolicy.Parameters(50_000, 50_000, 50_000, 20_000, 20_000, 20_000, 20_000)
        });
    }

    function _metrics() internal pure returns (ISustainabilityPolicy.Metrics memory) {
        return ISustainabilityPolicy.Metrics(10, 14, 350_000, 600_000, 1_800_000, 900_000, 1_000);
    }

    function _same(uint32 value) internal pure returns (ISustainabilityPolicy.Parameters memory) {
        return ISustainabilityPolicy.Parameters(value, value, value, value, value, value, value);
    }

    // ---- policy

    function _update(
        uint64 epoch,
        ISustainabilityPolicy.Metrics memory metrics,
        ISustainabilityPolicy.Parameters memory target
    ) internal {
        policy.update(epoch, metrics, target, _signatures(policy.updateDigest(epoch, metrics, target), 2));
    }

    /// Lets the running epoch end and reports it.
    function _nextEpoch(ISustainabilityPolicy.Parameters memory target) internal returns (uint64 epoch) {
        epoch = policy.currentEpoch();
        vm.warp((uint256(epoch) + 1) * EPOCH_SECONDS);
        _update(epoch, _metrics(), target);
    }

    // ---- projects

    function _papersHash() internal returns (bytes32) {
        return keccak256(abi.encode("papers", ++_papers));
    }

    function _asked(uint32 meter, uint256 microInr) internal returns (IRenewableIncentive.Submission memory) {
        return IRenewableIncentive.Submission({
            meter: _id(meter),
            kind: IRenewableIncentive.Kind.Solar,
            requestedMicroInr: uint96(microInr),
            evidenceHash: _papersHash(),
            evidenceUri: "ipfs://papers"
        });
    }

    function _noProof() internal pure returns (IRenewableIncentive.Access memory access) {}

    /// Alice asks for so much, without a proof of access.
    function _submit(uint256 microInr) internal returns (uint256 id) {
        IRenewableIncentive.Submission memory asked = _asked(ROOF, microInr);
        vm.prank(alice);
        return incentive.submitProject(asked, _noProof());
    }

    function _verify(uint256 id) internal returns (uint256) {
        vm.prank(certifier);
        return incentive.verifyProject(id);
    }

    function _verified(uint256 microInr) internal returns (uint256 id) {
        id = _submit(microInr);
        _verify(id);
    }

    function _inr(address account) internal view returns (uint256) {
        return token.balanceOf(account, INR);
    }

    // ---- access

    /// Two committed slots between which alice used `aliceWh` and bob `bobWh`, reported as an epoch's; the proofs are
    /// of meter `whose`.
    function _epochOfUse(uint40 aliceWh, uint40 bobWh, uint32 whose)
        internal
        returns (uint64 epoch, IRenewableIncentive.Access memory access)
    {
        TestTree.Line[] memory first =
            _lines(_line(ROOF, [uint40(100), 0, 40, 10, 0, 0]), _line(HOUSE, [uint40(0), 0, 0, 50, 0, 0]));
        uint64 fromSlot = _commit(first);
        // Alice generates 70, gives 20 of it away and draws what is missing.
        uint40 drawn = aliceWh < 50 ? 0 : aliceWh - 50;
        uint40 generated = aliceWh < 50 ? 20 + aliceWh : 70;
        TestTree.Line[] memory last = _lines(
            _line(ROOF, [100 + generated, 0, 60, 10 + drawn, 0, 0]), _line(HOUSE, [uint40(0), 0, 0, 50 + bobWh, 0, 0])
        );
        uint64 toSlot = _commit(last);
        ISustainabilityPolicy.Metrics memory metrics = _metrics();
        (metrics.fromSlot, metrics.toSlot) = (uint48(fromSlot), uint48(toSlot));
        metrics.meanAccessWh = uint32((uint256(aliceWh) + bobWh) / 2);
        epoch = policy.currentEpoch();
        vm.warp((uint256(epoch) + 1) * EPOCH_SECONDS);
        _update(epoch, metrics, _start());
        access.policyEpoch = epoch;
        access.fromLeaf = first[whose - 1].toLeaf();
        (access.fromProof, access.fromPath) = TestTree.build(first).proof(whose - 1);
        access.toLeaf = last[whose - 1].toLeaf();
        (access.toProof, access.toPath) = TestTree.build(last).proof(whose - 1);
    }
}

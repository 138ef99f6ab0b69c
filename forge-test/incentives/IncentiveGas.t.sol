// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRenewableIncentive} from "contracts/interfaces/IRenewableIncentive.sol";
import {IncentiveTest} from "./IncentiveTest.sol";

/// What a project and an update cost, run with --isolate, as transactions. Not the first of their kind.
contract IncentiveGasTest is IncentiveTest {
    IRenewableIncentive.Access private _access;
    uint256 private _id1;

    function setUp() public override {
        super.setUp();
        uint256 id = _verified(RUPEE);
        vm.prank(alice);
        incentive.claim(id, alice);
        _nextEpoch(_start());
        _id1 = _submit(RUPEE);
    }

    function test_gas_submit() public {
        (, IRenewableIncentive.Access memory access) = _epochOfUse(600, 400, HOUSE);
        IRenewableIncentive.Submission memory asked = _asked(HOUSE, RUPEE);
        vm.prank(bob);
        incentive.submitProject(asked, access);
        assertLt(vm.snapshotGasLastCall("incentives", "submit, access proven among 2 meters"), 270_000);
    }

    function test_gas_verify() public {
        vm.prank(certifier);
        incentive.verifyProject(_id1);
        assertLt(vm.snapshotGasLastCall("incentives", "verify"), 120_000);
    }

    function test_gas_refuse() public {
        vm.prank(certifier);
        incentive.refuseProject(_id1, "photograph does not show the roof");
        assertLt(vm.snapshotGasLastCall("incentives", "refuse"), 70_000);
    }

    function test_gas_claim() public {
        _verify(_id1);
        vm.prank(alice);
        incentive.claim(_id1, alice);
        assertLt(vm.snapshotGasLastCall("incentives", "claim"), 80_000);
    }

    function test_gas_update() public {
        uint64 epoch = policy.currentEpoch();
        vm.warp((uint256(epoch) + 1) * EPOCH_SECONDS);
        bytes[] memory signatures = _signatures(policy.updateDigest(epoch, _metrics(), _same(1e6)), 2);
        policy.update(epoch, _metrics(), _same(1e6), signatures);
        assertLt(vm.snapshotGasLastCall("incentives", "policy update, 2 signatures"), 140_000);
    }
}

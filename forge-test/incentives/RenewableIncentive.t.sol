// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {BillingMode, EntityKind} from "contracts/Types.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {IRenewableIncentive} from "contracts/interfaces/IRenewableIncentive.sol";
import {ISustainabilityPolicy} from "contracts/interfaces/ISustainabilityPolicy.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {TokenReceiver} from "contracts/tokens/TokenReceiver.sol";
import {IncentiveTest} from "./IncentiveTest.sol";

/// submit -> verify | refuse -> claim; withdraw and expire from both states before the claim.
contract RenewableIncentiveTest is IncentiveTest {
    // ------------------------------------------------------------------ submitProject

    function test_submit_isKept() public {
        IRenewableIncentive.Submission memory asked = _asked(ROOF, 100 * RUPEE);
        vm.prank(alice);
        uint256 id = incentive.submitProject(asked, _noProof());
        IRenewableIncentive.Project memory project = incentive.projectOf(id);
        assertEq(project.submitter, alice);
        assertTrue(project.state == IRenewableIncentive.State.Submitted);
        assertEq(uint256(project.deadline), block.timestamp + 7 days);
        assertEq(uint256(project.requestedMicroInr), 100 * RUPEE);
        assertEq(project.evidenceHash, asked.evidenceHash);
        assertEq(incentive.openCountOf(_id(ROOF)), 1);
        assertEq(incentive.projectCount(), 1);
    }

    function test_submit_forAnothersMeter_isRefused() public {
        IRenewableIncentive.Submission memory asked = _asked(ROOF, RUPEE);
        vm.prank(bob);
        vm.expectRevert(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_NotHolder.selector, _id(ROOF), bob)
        );
        incentive.submitProject(asked, _noProof());
    }

    function test_submit_wrongAmountKindEvidenceText_isRefused() public {
        IRenewableIncentive.Submission memory asked = _asked(ROOF, 0);
        bytes4 badRequest = IRenewableIncentive.RenewableIncentive_BadRequest.selector;
        _expectRefused(abi.encodeWithSelector(badRequest, 0, 200 * RUPEE), asked);
        asked = _asked(ROOF, 200 * RUPEE + 1);
        _expectRefused(abi.encodeWithSelector(badRequest, 200 * RUPEE + 1, 200 * RUPEE), asked);
        asked = _asked(ROOF, RUPEE);
        asked.kind = IRenewableIncentive.Kind.None;
        _expectRefused(abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_NoKind.selector), asked);
        asked = _asked(ROOF, RUPEE);
        asked.evidenceHash = 0;
        _expectRefused(abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_NoEvidence.selector), asked);
        asked = _asked(ROOF, RUPEE);
        asked.evidenceUri = string(new bytes(201));
        _expectRefused(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_BadText.selector, "evidenceUri", 201, 200),
            asked
        );
    }

    function test_submit_theSameEvidenceTwice_isRefused_untilTheFirstHasEnded() public {
        IRenewableIncentive.Submission memory asked = _asked(ROOF, RUPEE);
        vm.prank(alice);
        uint256 id = incentive.submitProject(asked, _noProof());
        bytes memory used = abi.encodeWithSelector(
            IRenewableIncentive.RenewableIncentive_EvidenceUsed.selector, asked.evidenceHash, id
        );
        _expectRefused(used, asked);
        vm.prank(certifier);
        incentive.refuseProject(id, "blurred photograph");
        vm.prank(alice);
        id = incentive.submitProject(asked, _noProof());
        _verify(id);
        vm.prank(alice);
        incentive.claim(id, alice);
        _expectRefused(
            abi.encodeWithSelector(
                IRenewableIncentive.RenewableIncentive_EvidenceUsed.selector, asked.evidenceHash, id
            ),
            asked
        );
    }

    function test_submit_aFifthOpenProject_isRefused() public {
        for (uint256 i = 0; i < 4; ++i) _submit(RUPEE);
        IRenewableIncentive.Submission memory asked = _asked(ROOF, RUPEE);
        _expectRefused(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_TooManyOpen.selector, _id(ROOF), 4), asked
        );
        _verify(1);
        _submit(RUPEE);
    }

    // ------------------------------------------------------------------ access

    function test_access_belowTheMean_givesTheBoost() public {
        // Bob used 200 of a mean of 600: shortfall 2/3, kappa 0.5, so b = min(0.3, 1/3).
        (, IRenewableIncentive.Access memory access) = _epochOfUse(1_000, 200, HOUSE);
        uint256 id = _submitWith(bob, HOUSE, access);
        assertEq(uint256(incentive.projectOf(id).shortfallPpm), 666_666);
        (uint256 grant, uint256 multiplier, uint256 boost) = incentive.grantDown(id);
        assertEq(multiplier, 1e6);
        assertEq(boost, 300_000);
        assertEq(grant, 130 * RUPEE);
        assertEq(_verify(id), 130 * RUPEE);
    }

    function test_access_ofARoof_countsWhatItUsedItself() public {
        (, IRenewableIncentive.Access memory access) = _epochOfUse(400, 600, ROOF);
        uint256 id = _submitWith(alice, ROOF, access);
        assertEq(uint256(incentive.projectOf(id).shortfallPpm), 200_000); // 400 of 500
    }

    function test_access_aboveTheMean_givesNone() public {
        (, IRenewableIncentive.Access memory access) = _epochOfUse(400, 600, HOUSE);
        assertEq(uint256(incentive.projectOf(_submitWith(bob, HOUSE, access)).shortfallPpm), 0);
    }

    function test_access_ofTheEpochBefore_counts_ofAnOlderOneDoesNot() public {
        (uint64 epoch, IRenewableIncentive.Access memory access) = _epochOfUse(600, 400, HOUSE);
        _nextEpoch(_start());
        _submitWith(bob, HOUSE, access);
        uint64 latest = _nextEpoch(_start());
        _expectAccessRefused(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_WrongEpoch.selector, epoch, latest), access
        );
    }

    function test_access_ofAnotherMeter_isRefused() public {
        (, IRenewableIncentive.Access memory access) = _epochOfUse(100, 900, ROOF);
        _expectAccessRefused(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_OtherMeter.selector, _id(ROOF)), access
        );
    }

    function test_access_withForgedRegisters_isRefused() public {
        (, IRenewableIncentive.Access memory access) = _epochOfUse(600, 400, HOUSE);
        access.toLeaf.registers = access.fromLeaf.registers;
        _expectAccessRefused(abi.encodeWithSelector(IMeterLedger.MeterLedger_BadProof.selector), access);
    }

    function test_access_ofABatteryOrCar_isNotInTheMean() public {
        _register(3, EntityKind.Ev);
        _claim(3, bob, BillingMode.Prepaid);
        (, IRenewableIncentive.Access memory access) = _epochOfUse(600, 400, HOUSE);
        (access.fromLeaf.meter, access.toLeaf.meter) = (_id(3), _id(3));
        uint256 id = _submitWith(bob, 3, access);
        assertEq(uint256(incentive.projectOf(id).shortfallPpm), 0);
    }

    // ------------------------------------------------------------------ verifyProject, refuseProject

    function test_verify_takesTheMultiplierOfTheDay() public {
        uint256 id = _submit(100 * RUPEE);
        _nextEpoch(_same(1_040_000));
        vm.expectEmit(address(incentive));
        emit IRenewableIncentive.ProjectVerified(
            id, certifier, 104 * RUPEE, 1_040_000, 0, uint40(block.timestamp + 30 days)
        );
        _verify(id);
        assertEq(incentive.reservedMicroInr(), 104 * RUPEE);
        assertEq(incentive.availableMicroInr(), BUDGET - 104 * RUPEE);
        _nextEpoch(_same(2e6)); // later moves change no grant
        vm.prank(alice);
        assertEq(incentive.claim(id, alice), 104 * RUPEE);
    }

    function test_decisions_onlyByTheCertifier() public {
        uint256 id = _submit(RUPEE);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        incentive.verifyProject(id);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        incentive.refuseProject(id, "no");
    }

    function test_verify_twice_orWhatWasRefused_isRefused() public {
        uint256 id = _verified(RUPEE);
        _expectState(id, IRenewableIncentive.State.Verified);
        vm.prank(certifier);
        incentive.verifyProject(id);
        vm.prank(certifier);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRenewableIncentive.RenewableIncentive_WrongState.selector, id, IRenewableIncentive.State.Verified
            )
        );
        incentive.refuseProject(id, "too late");
        id = _submit(RUPEE);
        vm.prank(certifier);
        incentive.refuseProject(id, "no");
        _expectState(id, IRenewableIncentive.State.Refused);
        vm.prank(certifier);
        incentive.verifyProject(id);
        vm.expectRevert(abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_Unknown.selector, 99));
        vm.prank(certifier);
        incentive.verifyProject(99);
    }

    function test_verify_afterTheDeadline_isRefused() public {
        uint256 id = _submit(RUPEE);
        uint256 deadline = incentive.projectOf(id).deadline;
        vm.warp(deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_TooLate.selector, id, deadline)
        );
        vm.prank(certifier);
        incentive.verifyProject(id);
    }

    function test_verify_beyondTheEpochsShare_waitsForTheNextEpoch() public {
        _verified(200 * RUPEE); // a quarter of 1 000 is 250
        uint256 id = _submit(100 * RUPEE);
        assertEq(incentive.epochLeftMicroInr(), 50 * RUPEE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRenewableIncentive.RenewableIncentive_EpochShareExceeded.selector, 100 * RUPEE, 50 * RUPEE
            )
        );
        vm.prank(certifier);
        incentive.verifyProject(id);
        skip(EPOCH_SECONDS);
        assertEq(incentive.epochLeftMicroInr(), 200 * RUPEE); // of the 800 that are left
        _verify(id);
    }

    function test_verify_beyondTheBudget_isRefused() public {
        incentive.withdrawBudget(operator, BUDGET - 10 * RUPEE);
        uint256 id = _submit(11 * RUPEE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRenewableIncentive.RenewableIncentive_BudgetExceeded.selector, 11 * RUPEE, 10 * RUPEE
            )
        );
        vm.prank(certifier);
        incentive.verifyProject(id);
    }

    function test_refuse_needsAReason() public {
        uint256 id = _submit(RUPEE);
        bytes4 badText = IRenewableIncentive.RenewableIncentive_BadText.selector;
        vm.expectRevert(abi.encodeWithSelector(badText, "reason", 0, 200));
        vm.prank(certifier);
        incentive.refuseProject(id, "");
        vm.expectRevert(abi.encodeWithSelector(badText, "reason", 201, 200));
        vm.prank(certifier);
        incentive.refuseProject(id, string(new bytes(201)));
    }

    // ------------------------------------------------------------------ claim

    function test_claim_pays_once() public {
        uint256 id = _verified(100 * RUPEE);
        vm.prank(alice);
        assertEq(incentive.claim(id, bob), 100 * RUPEE);
        assertEq(_inr(bob), 100 * RUPEE);
        assertEq(incentive.reservedMicroInr(), 0);
        assertEq(incentive.availableMicroInr(), BUDGET - 100 * RUPEE);
        _expectState(id, IRenewableIncentive.State.Claimed);
        vm.prank(alice);
        incentive.claim(id, bob);
    }

    function test_claim_byOthers_orBeforeVerification_isRefused() public {
        uint256 id = _submit(RUPEE);
        _expectState(id, IRenewableIncentive.State.Submitted);
        vm.prank(alice);
        incentive.claim(id, alice);
        _verify(id);
        vm.expectRevert(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_NotSubmitter.selector, id, bob)
        );
        vm.prank(bob);
        incentive.claim(id, bob);
    }

    function test_claim_afterTheDeadline_isRefused() public {
        uint256 id = _verified(RUPEE);
        uint256 deadline = incentive.projectOf(id).deadline;
        vm.warp(deadline + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_TooLate.selector, id, deadline)
        );
        vm.prank(alice);
        incentive.claim(id, alice);
    }

    function test_claim_hostileReceiver_hurtsNobody_andMayBeSentElsewhere() public {
        uint256 id = _verified(RUPEE);
        HostileReceiver receiver = new HostileReceiver();
        HostileReceiver.Manner[4] memory manners = [
            HostileReceiver.Manner.Revert,
            HostileReceiver.Manner.WrongAnswer,
            HostileReceiver.Manner.ReturnBomb,
            HostileReceiver.Manner.PassOnAndRevert
        ];
        for (uint256 i = 0; i < manners.length; ++i) {
            receiver.behave(manners[i]);
            vm.expectRevert();
            vm.prank(alice);
            incentive.claim(id, address(receiver));
        }
        assertEq(incentive.reservedMicroInr(), RUPEE);
        vm.prank(alice);
        incentive.claim(id, alice);
        assertEq(_inr(alice), RUPEE);
    }

    function test_claim_reentered_paysOnce() public {
        HostileReceiver receiver = new HostileReceiver();
        _register(5, EntityKind.Consumer);
        _claim(5, address(receiver), BillingMode.Prepaid);
        IRenewableIncentive.Submission memory asked = _asked(5, RUPEE);
        vm.prank(address(receiver));
        uint256 id = incentive.submitProject(asked, _noProof());
        _verify(id);
        receiver.behaveByCalling(address(incentive), abi.encodeCall(incentive.claim, (id, address(receiver))));
        vm.prank(address(receiver));
        incentive.claim(id, address(receiver));
        assertTrue(!receiver.callSucceeded());
        assertEq(_inr(address(receiver)), RUPEE);
    }

    // ------------------------------------------------------------------ withdrawProject, expireProject

    function test_withdraw_freesTheGrantAndTheEvidence() public {
        uint256 id = _submit(RUPEE);
        vm.prank(alice);
        incentive.withdrawProject(id);
        assertEq(incentive.openCountOf(_id(ROOF)), 0);
        id = _verified(RUPEE);
        vm.prank(alice);
        incentive.withdrawProject(id);
        assertEq(incentive.reservedMicroInr(), 0);
        _expectState(id, IRenewableIncentive.State.Withdrawn);
        vm.prank(alice);
        incentive.withdrawProject(id);
    }

    function test_withdraw_byOthers_orOnceFetched_isRefused() public {
        uint256 id = _verified(RUPEE);
        vm.expectRevert(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_NotSubmitter.selector, id, certifier)
        );
        vm.prank(certifier);
        incentive.withdrawProject(id);
        vm.prank(alice);
        incentive.claim(id, alice);
        _expectState(id, IRenewableIncentive.State.Claimed);
        vm.prank(alice);
        incentive.withdrawProject(id);
    }

    function test_expire_afterTheDeadline_byAnyone() public {
        uint256 asked = _submit(RUPEE);
        uint256 granted = _verified(RUPEE);
        uint256 deadline = incentive.projectOf(asked).deadline;
        vm.warp(deadline);
        vm.expectRevert(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_NotExpired.selector, asked, deadline)
        );
        incentive.expireProject(asked);
        vm.warp(deadline + 1);
        incentive.expireProject(asked);
        vm.warp(incentive.projectOf(granted).deadline + 1);
        incentive.expireProject(granted);
        assertEq(incentive.reservedMicroInr(), 0);
        _expectState(granted, IRenewableIncentive.State.Expired);
        incentive.expireProject(granted);
    }

    // ------------------------------------------------------------------ the budget

    function test_withdrawBudget_leavesWhatIsGranted_andIsTheAdmins() public {
        _verified(100 * RUPEE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRenewableIncentive.RenewableIncentive_BudgetExceeded.selector, BUDGET, BUDGET - 100 * RUPEE
            )
        );
        incentive.withdrawBudget(operator, BUDGET);
        incentive.withdrawBudget(operator, BUDGET - 100 * RUPEE);
        vm.prank(alice);
        incentive.claim(1, alice);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        incentive.withdrawBudget(alice, 1);
    }

    function test_setSettings_onlyByTheAdmin_andOnlySensible() public {
        IRenewableIncentive.Settings memory settings = _settings();
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        incentive.setSettings(settings);
        settings.maxRequestMicroInr = 0;
        _expectBadSettings("maxRequestMicroInr", settings);
        settings = _settings();
        settings.decisionSeconds = 0;
        _expectBadSettings("decisionSeconds", settings);
        settings = _settings();
        settings.claimSeconds = 0;
        _expectBadSettings("claimSeconds", settings);
        settings = _settings();
        settings.epochShareBps = 10_001;
        _expectBadSettings("epochShareBps", settings);
        settings.epochShareBps = 10_000;
        incentive.setSettings(settings);
        assertEq(uint256(incentive.settings().epochShareBps), 10_000);
    }

    function test_onlyInrIsAccepted() public {
        manager.setTargetFunctionRole(address(token), _selectors(token.mintCo2.selector), DESK);
        vm.expectRevert();
        token.mintCo2(address(incentive), 1);
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_ForeignToken.selector, address(this)));
        incentive.onERC1155Received(address(this), address(this), INR, 1, "");
    }

    /// Grants of an epoch never exceed the share, whatever multiplier and boost are.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_verify_neverDrainsThePool(uint96[6] memory wanted, uint32 multiplier) public {
        _nextEpoch(_same(multiplier));
        for (uint256 i = 0; i < 4; ++i) {
            uint256 id = _submit(bound(wanted[i], 1, 200 * RUPEE));
            vm.prank(certifier);
            try incentive.verifyProject(id) {} catch {}
        }
        assertLe(incentive.reservedMicroInr(), BUDGET / 4);
    }

    // ------------------------------------------------------------------ small things

    function _submitWith(address who, uint32 meter, IRenewableIncentive.Access memory access)
        private
        returns (uint256)
    {
        IRenewableIncentive.Submission memory asked = _asked(meter, 100 * RUPEE);
        vm.prank(who);
        return incentive.submitProject(asked, access);
    }

    /// Bob's submission with this proof.
    function _expectAccessRefused(bytes memory refusal, IRenewableIncentive.Access memory access) private {
        IRenewableIncentive.Submission memory asked = _asked(HOUSE, RUPEE);
        vm.expectRevert(refusal);
        vm.prank(bob);
        incentive.submitProject(asked, access);
    }

    function _expectRefused(bytes memory refusal, IRenewableIncentive.Submission memory asked) private {
        vm.expectRevert(refusal);
        vm.prank(alice);
        incentive.submitProject(asked, _noProof());
    }

    function _expectState(uint256 id, IRenewableIncentive.State state) private {
        vm.expectRevert(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_WrongState.selector, id, state)
        );
    }

    function _expectBadSettings(string memory field, IRenewableIncentive.Settings memory settings) private {
        vm.expectRevert(
            abi.encodeWithSelector(IRenewableIncentive.RenewableIncentive_BadSettings.selector, field)
        );
        incentive.setSettings(settings);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRenewableIncentive} from "contracts/interfaces/IRenewableIncentive.sol";
import {ISustainabilityPolicy} from "contracts/interfaces/ISustainabilityPolicy.sol";
import {IncentiveTest} from "./IncentiveTest.sol";

/// Projects, decisions, time and policy as they come, with oracle nodes that sign any target.
contract IncentiveHandler is IncentiveTest {
    uint256 public paidIn = BUDGET;
    uint256 public paidOut;
    bool public stepTooWide;
    bool public shareExceeded;
    uint256 private _grantedThisEpoch;
    uint256 private _poolThisEpoch = BUDGET;
    uint64 private _epoch;

    function submit(uint96 microInr) external {
        try this.doSubmit(bound(microInr, 1, 200 * RUPEE)) {} catch {}
    }

    function doSubmit(uint256 microInr) external {
        _submit(microInr);
    }

    function verify(uint256 id) external {
        _noteEpoch();
        vm.prank(certifier);
        try incentive.verifyProject(_some(id)) returns (uint256 granted) {
            _grantedThisEpoch += granted;
            if (_grantedThisEpoch > _poolThisEpoch / 4) shareExceeded = true;
        } catch {}
    }

    function refuse(uint256 id) external {
        vm.prank(certifier);
        try incentive.refuseProject(_some(id), "no") {} catch {}
    }

    function claim(uint256 id) external {
        vm.prank(alice);
        try incentive.claim(_some(id), alice) returns (uint256 microInr) {
            paidOut += microInr;
        } catch {}
    }

    function withdraw(uint256 id) external {
        _noteEpoch();
        uint256 available = incentive.availableMicroInr();
        vm.prank(alice);
        try incentive.withdrawProject(_some(id)) {
            _poolThisEpoch += incentive.availableMicroInr() - available;
        } catch {}
    }

    function expire(uint256 id, uint32 secondsOn) external {
        skip(bound(secondsOn, 0, 4 days));
        _noteEpoch();
        uint256 available = incentive.availableMicroInr();
        try incentive.expireProject(_some(id)) {
            _poolThisEpoch += incentive.availableMicroInr() - available;
        } catch {}
    }

    function takeBack(uint96 microInr) external {
        _noteEpoch();
        uint256 amount = bound(microInr, 0, 5 * RUPEE);
        try incentive.withdrawBudget(operator, amount) {
            paidOut += amount;
        } catch {}
    }

    function update(uint32[7] calldata wanted) external {
        uint256 before = policy.parameters().multiplierPpm;
        _nextEpoch(
            ISustainabilityPolicy.Parameters(
                wanted[0], wanted[1], wanted[2], wanted[3], wanted[4], wanted[5], wanted[6]
            )
        );
        uint256 now_ = policy.parameters().multiplierPpm;
        if ((now_ > before ? now_ - before : before - now_) > 50_000) stepTooWide = true;
    }

    function theIncentive() external view returns (IRenewableIncentive) {
        return incentive;
    }

    function thePolicy() external view returns (ISustainabilityPolicy) {
        return policy;
    }

    function heldMicroInr() external view returns (uint256) {
        return _inr(address(incentive));
    }

    function _noteEpoch() private {
        if (policy.currentEpoch() == _epoch) return;
        (_epoch, _grantedThisEpoch, _poolThisEpoch) = (policy.currentEpoch(), 0, incentive.availableMicroInr());
    }

    function _some(uint256 id) private view returns (uint256) {
        return bound(id, 1, incentive.projectCount() + 1);
    }
}

/// Money in = held + paid out; what is reserved is the grants that stand and is there; parameters stay in bounds.
contract IncentiveInvariants is IncentiveTest {
    IncentiveHandler internal handler;

    function setUp() public override {
        handler = new IncentiveHandler();
        handler.setUp();
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = IncentiveHandler.submit.selector;
        selectors[1] = IncentiveHandler.verify.selector;
        selectors[2] = IncentiveHandler.refuse.selector;
        selectors[3] = IncentiveHandler.claim.selector;
        selectors[4] = IncentiveHandler.withdraw.selector;
        selectors[5] = IncentiveHandler.expire.selector;
        selectors[6] = IncentiveHandler.takeBack.selector;
        selectors[7] = IncentiveHandler.update.selector;
        targetContract(address(handler));
        targetSelector(address(handler), selectors);
    }

    function invariant_budgetIsConservedAndNeverOverdrawn() public view {
        IRenewableIncentive incentives = handler.theIncentive();
        assertEq(handler.heldMicroInr() + handler.paidOut(), handler.paidIn());
        uint256 standing = 0;
        for (uint256 id = 1; id <= incentives.projectCount(); ++id) {
            IRenewableIncentive.Project memory project = incentives.projectOf(id);
            if (project.state == IRenewableIncentive.State.Verified) standing += project.grantedMicroInr;
        }
        assertEq(incentives.reservedMicroInr(), standing);
        assertLe(standing, handler.heldMicroInr());
        assertTrue(!handler.shareExceeded(), "more than an epoch's share was granted");
    }

    function invariant_parametersMoveWithinTheLimiter() public view {
        ISustainabilityPolicy.Parameters memory now_ = handler.thePolicy().parameters();
        assertGe(uint256(now_.multiplierPpm), 500_000);
        assertLe(uint256(now_.multiplierPpm), 1_500_000);
        assertLe(uint256(now_.equityCapPpm), 500_000);
        assertTrue(!handler.stepTooWide(), "a step was wider than the limiter allows");
    }
}

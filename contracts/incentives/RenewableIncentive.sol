// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {EntityKind, Leaf, MeterId, Registers} from "../Types.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {IRenewableIncentive} from "../interfaces/IRenewableIncentive.sol";
import {ISustainabilityPolicy} from "../interfaces/ISustainabilityPolicy.sol";
import {RegisterLib} from "../metering/RegisterLib.sol";
import {INR} from "../tokens/TokenIds.sol";
import {TokenReceiver} from "../tokens/TokenReceiver.sol";

/// @title RenewableIncentive
/// @notice See IRenewableIncentive.
contract RenewableIncentive is IRenewableIncentive, TokenReceiver, AccessManaged {
    using RegisterLib for Registers;
    using SafeCast for uint256;

    // ------------------------------------------------------------------ constants

    /// @inheritdoc IRenewableIncentive
    uint256 public constant MAX_OPEN = 4;
    /// @inheritdoc IRenewableIncentive
    uint256 public constant MAX_TEXT = 200;
    uint256 private constant PPM = 1e6;
    uint256 private constant BPS = 1e4;

    // ------------------------------------------------------------------ immutables

    IMeterLedger public immutable LEDGER;
    IMeterRegistry public immutable REGISTRY;
    ISustainabilityPolicy public immutable POLICY;

    // ------------------------------------------------------------------ storage

    Settings private _settings;
    /// @inheritdoc IRenewableIncentive
    uint256 public reservedMicroInr;
    /// @inheritdoc IRenewableIncentive
    uint256 public projectCount;
    uint64 private _grantEpoch;
    uint128 private _grantedInEpoch;
    mapping(uint256 id => Project) private _projects;
    mapping(bytes32 evidenceHash => uint256 id) private _evidence;
    /// @inheritdoc IRenewableIncentive
    mapping(MeterId meter => uint256) public openCountOf;

    // ------------------------------------------------------------------ constructor

    constructor(
        address manager,
        IGridToken token,
        IMeterLedger ledger,
        IMeterRegistry registry,
        ISustainabilityPolicy policy,
        Settings memory projectSettings
    ) TokenReceiver(token) AccessManaged(manager) {
        (LEDGER, REGISTRY, POLICY) = (ledger, registry, policy);
        _setSettings(projectSettings);
    }

    // ------------------------------------------------------------------ households

    /// @inheritdoc IRenewableIncentive
    function submitProject(Submission calldata submission, Access calldata access) external returns (uint256 id) {
        MeterId meter = submission.meter;
        IMeterRegistry.Meter memory details = REGISTRY.get(meter);
        if (details.holder != msg.sender) revert RenewableIncentive_NotHolder(meter, msg.sender);
        _requireSensible(submission);
        uint256 open = openCountOf[meter] + 1;
        if (open > MAX_OPEN) revert RenewableIncentive_TooManyOpen(meter, MAX_OPEN);

        Project memory project;
        (project.submitter, project.submittedAt) = (msg.sender, uint40(block.timestamp));
        project.deadline = uint40(block.timestamp + _settings.decisionSeconds);
        (project.kind, project.state, project.meter) = (submission.kind, State.Submitted, meter);
        project.shortfallPpm = uint32(_shortfallPpm(meter, details.kind, access)); // at most a million
        project.requestedMicroInr = submission.requestedMicroInr;
        project.evidenceHash = submission.evidenceHash;
        id = ++projectCount;
        (openCountOf[meter], _evidence[submission.evidenceHash]) = (open, id);
        _projects[id] = project;
        emit ProjectSubmitted(id, meter, msg.sender, project, submission.evidenceUri);
    }

    /// @inheritdoc IRenewableIncentive
    function withdrawProject(uint256 id) external {
        Project storage project = _ofSubmitter(id);
        if (project.state != State.Submitted && project.state != State.Verified) {
            revert RenewableIncentive_WrongState(id, project.state);
        }
        _end(project, State.Withdrawn);
        emit ProjectWithdrawn(id);
    }

    /// @inheritdoc IRenewableIncentive
    function claim(uint256 id, address to) external returns (uint256 microInr) {
        Project storage project = _ofSubmitter(id);
        _requireIn(id, project, State.Verified);
        microInr = project.grantedMicroInr;
        project.state = State.Claimed;
        reservedMicroInr -= microInr;
        emit ProjectClaimed(id, to, microInr);
        TOKEN.safeTransferFrom(address(this), to, INR, microInr, "");
    }

    // ------------------------------------------------------------------ certifier

    /// @inheritdoc IRenewableIncentive
    function verifyProject(uint256 id) external restricted returns (uint256 grantedMicroInr) {
        Project storage project = _known(id);
        _requireIn(id, project, State.Submitted);
        uint256 multiplierPpm;
        uint256 boostPpm;
        (grantedMicroInr, multiplierPpm, boostPpm) = grantDown(id);
        _reserve(grantedMicroInr);
        project.state = State.Verified;
        project.grantedMicroInr = grantedMicroInr.toUint96();
        project.deadline = uint40(block.timestamp + _settings.claimSeconds);
        --openCountOf[project.meter];
        emit ProjectVerified(id, msg.sender, grantedMicroInr, multiplierPpm, boostPpm, project.deadline);
    }

    /// @inheritdoc IRenewableIncentive
    function refuseProject(uint256 id, string calldata reason) external restricted {
        Project storage project = _known(id);
        if (project.state != State.Submitted) revert RenewableIncentive_WrongState(id, project.state);
        uint256 length = bytes(reason).length;
        if (length == 0 || length > MAX_TEXT) revert RenewableIncentive_BadText("reason", length, MAX_TEXT);
        _end(project, State.Refused);
        emit ProjectRefused(id, msg.sender, reason);
    }

    // ------------------------------------------------------------------ everyone

    /// @inheritdoc IRenewableIncentive
    function expireProject(uint256 id) external {
        Project storage project = _known(id);
        if (project.state != State.Submitted && project.state != State.Verified) {
            revert RenewableIncentive_WrongState(id, project.state);
        }
        if (block.timestamp <= project.deadline) revert RenewableIncentive_NotExpired(id, project.deadline);
        _end(project, State.Expired);
        emit ProjectExpired(id);
    }

    // ------------------------------------------------------------------ admin

    /// @inheritdoc IRenewableIncentive
    function withdrawBudget(address to, uint256 microInr) external restricted {
        uint256 available = availableMicroInr();
        if (microInr > available) revert RenewableIncentive_BudgetExceeded(microInr, available);
        emit BudgetWithdrawn(to, microInr);
        TOKEN.safeTransferFrom(address(this), to, INR, microInr, "");
    }

    /// @inheritdoc IRenewableIncentive
    function setSettings(Settings calldata newSettings) external restricted {
        _setSettings(newSettings);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IRenewableIncentive
    function projectOf(uint256 id) external view returns (Project memory) {
        return _known(id);
    }

    /// @inheritdoc IRenewableIncentive
    function availableMicroInr() public view returns (uint256) {
        return TOKEN.balanceOf(address(this), INR) - reservedMicroInr;
    }

    /// @inheritdoc IRenewableIncentive
    function epochLeftMicroInr() external view returns (uint256) {
        (uint256 most, uint256 granted) = _epochShare(POLICY.currentEpoch(), availableMicroInr());
        return most > granted ? most - granted : 0;
    }

    /// @inheritdoc IRenewableIncentive
    function grantDown(uint256 id) public view returns (uint256 microInr, uint256 multiplierPpm, uint256 boostPpm) {
        Project storage project = _known(id);
        multiplierPpm = POLICY.parameters().multiplierPpm;
        boostPpm = POLICY.boostPpmDown(project.shortfallPpm);
        microInr = uint256(project.requestedMicroInr) * multiplierPpm * (PPM + boostPpm) / (PPM * PPM);
    }

    /// @inheritdoc IRenewableIncentive
    function settings() external view returns (Settings memory) {
        return _settings;
    }

    // ------------------------------------------------------------------ internal

    function _requireSensible(Submission calldata submission) private view {
        if (submission.kind == Kind.None) revert RenewableIncentive_NoKind();
        bytes32 evidence = submission.evidenceHash;
        if (evidence == bytes32(0)) revert RenewableIncentive_NoEvidence();
        if (_evidence[evidence] != 0) revert RenewableIncentive_EvidenceUsed(evidence, _evidence[evidence]);
        uint256 most = _settings.maxRequestMicroInr;
        uint256 requested = submission.requestedMicroInr;
        if (requested == 0 || requested > most) revert RenewableIncentive_BadRequest(requested, most);
        uint256 length = bytes(submission.evidenceUri).length;
        if (length > MAX_TEXT) revert RenewableIncentive_BadText("evidenceUri", length, MAX_TEXT);
    }

    /// How far what the household used in the epoch is below the mean; 0 without proofs.
    function _shortfallPpm(MeterId meter, EntityKind kind, Access calldata access) private view returns (uint256) {
        if (access.policyEpoch == 0) return 0;
        (uint64 latest, uint64 previous) = POLICY.latestEpochs();
        if (access.policyEpoch != latest && access.policyEpoch != previous) {
            revert RenewableIncentive_WrongEpoch(access.policyEpoch, latest);
        }
        _requireOf(meter, access.fromLeaf);
        _requireOf(meter, access.toLeaf);
        // Only these two are in the mean.
        if (kind != EntityKind.Consumer && kind != EntityKind.Prosumer) return 0;
        ISustainabilityPolicy.Metrics memory metrics = POLICY.metricsOf(access.policyEpoch);
        LEDGER.requireLeaf(metrics.fromSlot, access.fromLeaf, access.fromProof, access.fromPath);
        LEDGER.requireLeaf(metrics.toSlot, access.toLeaf, access.toProof, access.toPath);
        uint256 usedWh = _usedWh(access.fromLeaf.registers, access.toLeaf.registers, kind);
        return POLICY.shortfallPpmDown(access.policyEpoch, usedWh);
    }

    function _requireOf(MeterId meter, Leaf calldata leaf) private pure {
        if (MeterId.unwrap(leaf.meter) != MeterId.unwrap(meter)) revert RenewableIncentive_OtherMeter(leaf.meter);
    }

    /// What was drawn and, behind a roof's meter, generated and not given away.
    function _usedWh(Registers before, Registers afterwards, EntityKind kind) private pure returns (uint256) {
        uint256 came = afterwards.importedWh();
        uint256 went = before.importedWh();
        if (kind == EntityKind.Prosumer) {
            came += afterwards.generatedWh() + before.exportedWh();
            went += before.generatedWh() + afterwards.exportedWh();
        }
        return came > went ? came - went : 0;
    }

    function _reserve(uint256 microInr) private {
        uint256 available = availableMicroInr();
        if (microInr > available) revert RenewableIncentive_BudgetExceeded(microInr, available);
        uint64 epoch = POLICY.currentEpoch();
        (uint256 most, uint256 granted) = _epochShare(epoch, available);
        uint256 left = most > granted ? most - granted : 0;
        if (microInr > left) revert RenewableIncentive_EpochShareExceeded(microInr, left);
        (_grantEpoch, _grantedInEpoch) = (epoch, (granted + microInr).toUint128());
        reservedMicroInr += microInr;
    }

    /// What may be granted in an epoch: a share of the pool as it was before the epoch's grants.
    function _epochShare(uint64 epoch, uint256 available) private view returns (uint256 most, uint256 granted) {
        granted = _grantEpoch == epoch ? _grantedInEpoch : 0;
        most = (available + granted) * _settings.epochShareBps / BPS;
    }

    /// Ends a project without payment: the evidence may be used again, a grant returns to the budget.
    function _end(Project storage project, State state) private {
        if (project.state == State.Submitted) --openCountOf[project.meter];
        else reservedMicroInr -= project.grantedMicroInr;
        project.state = state;
        delete _evidence[project.evidenceHash];
    }

    function _known(uint256 id) private view returns (Project storage project) {
        project = _projects[id];
        if (project.state == State.None) revert RenewableIncentive_Unknown(id);
    }

    function _ofSubmitter(uint256 id) private view returns (Project storage project) {
        project = _known(id);
        if (project.submitter != msg.sender) revert RenewableIncentive_NotSubmitter(id, msg.sender);
    }

    function _requireIn(uint256 id, Project storage project, State state) private view {
        if (project.state != state) revert RenewableIncentive_WrongState(id, project.state);
        if (block.timestamp > project.deadline) revert RenewableIncentive_TooLate(id, project.deadline);
    }

    function _setSettings(Settings memory newSettings) private {
        if (newSettings.maxRequestMicroInr == 0) revert RenewableIncentive_BadSettings("maxRequestMicroInr");
        if (newSettings.decisionSeconds == 0) revert RenewableIncentive_BadSettings("decisionSeconds");
        if (newSettings.claimSeconds == 0) revert RenewableIncentive_BadSettings("claimSeconds");
        if (newSettings.epochShareBps == 0 || newSettings.epochShareBps > BPS) {
            revert RenewableIncentive_BadSettings("epochShareBps");
        }
        _settings = newSettings;
        emit SettingsChanged(newSettings);
    }

    function _accepts(uint256 id) internal pure override returns (bool) {
        return id == INR;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Leaf, MeterId} from "../Types.sol";

/// @title Money for what makes the community greener: asked for, verified, fetched once
/// @notice A household submits a project; the certifier verifies or refuses it; the household fetches its INR. The
/// budget is the INR that lies here (anybody may send more), less what is granted and not yet fetched. A grant is
/// requested x multiplier x (1 + boost), rounded down, with the multiplier of SustainabilityPolicy at verification and
/// the boost of households whose metered use is below the mean. In one policy epoch at most `epochShareBps` of the
/// pool is granted, whatever the parameters are.
/// @dev Holds GridToken id 0 only. Trusted: the certifier for what a project is worth and for the evidence behind a
/// hash.
interface IRenewableIncentive {
    enum Kind {
        None,
        Solar,
        Storage,
        EfficientAppliance,
        FlexibleLoad,
        EvCharger,
        Other
    }

    enum State {
        None,
        Submitted,
        Verified,
        Refused,
        Withdrawn,
        Expired,
        Claimed
    }

    /// @param deadline until when it can be decided or, once verified, fetched
    /// @param shortfallPpm how far the household's access was below the mean when it submitted; proven
    /// @param granted micro-rupees; 0 until verified
    struct Project {
        address submitter;
        uint40 submittedAt;
        uint40 deadline;
        Kind kind;
        State state;
        MeterId meter;
        uint32 shortfallPpm;
        uint96 requestedMicroInr;
        uint96 grantedMicroInr;
        bytes32 evidenceHash;
    }

    /// @param evidenceHash of the papers; one hash stands in one project at a time
    /// @param evidenceUri where the certifier finds them; may be empty
    struct Submission {
        MeterId meter;
        Kind kind;
        uint96 requestedMicroInr;
        bytes32 evidenceHash;
        string evidenceUri;
    }

    /// Proofs of the meter's registers at both ends of a policy epoch, one of the last two that were updated; all zero
    /// if no boost is asked for.
    struct Access {
        uint64 policyEpoch;
        Leaf fromLeaf;
        bytes32[3][] fromProof;
        uint256 fromPath;
        Leaf toLeaf;
        bytes32[3][] toProof;
        uint256 toPath;
    }

    /// @param maxRequestMicroInr most that one project can ask for
    /// @param decisionSeconds how long the certifier has
    /// @param claimSeconds how long a household has to fetch a grant
    /// @param epochShareBps most of the pool that is granted in one policy epoch
    struct Settings {
        uint96 maxRequestMicroInr;
        uint32 decisionSeconds;
        uint32 claimSeconds;
        uint16 epochShareBps;
    }

    event ProjectSubmitted(
        uint256 indexed id, MeterId indexed meter, address indexed submitter, Project project, string evidenceUri
    );
    event ProjectVerified(
        uint256 indexed id,
        address indexed certifier,
        uint256 grantedMicroInr,
        uint256 multiplierPpm,
        uint256 boostPpm,
        uint40 deadline
    );
    event ProjectRefused(uint256 indexed id, address indexed certifier, string reason);
    event ProjectWithdrawn(uint256 indexed id);
    event ProjectExpired(uint256 indexed id);
    event ProjectClaimed(uint256 indexed id, address indexed to, uint256 microInr);
    event BudgetWithdrawn(address indexed to, uint256 microInr);
    event SettingsChanged(Settings settings);

    error RenewableIncentive_Unknown(uint256 id);
    error RenewableIncentive_NotHolder(MeterId meter, address caller);
    error RenewableIncentive_NotSubmitter(uint256 id, address caller);
    error RenewableIncentive_NoKind();
    error RenewableIncentive_NoEvidence();
    /// The evidence stands in another project that is not refused, withdrawn or expired.
    error RenewableIncentive_EvidenceUsed(bytes32 evidenceHash, uint256 id);
    error RenewableIncentive_BadRequest(uint256 microInr, uint256 maxMicroInr);
    /// A meter has MAX_OPEN projects that are not decided.
    error RenewableIncentive_TooManyOpen(MeterId meter, uint256 max);
    error RenewableIncentive_BadText(string field, uint256 length, uint256 max);
    /// The proofs are of another meter than the project's.
    error RenewableIncentive_OtherMeter(MeterId meter);
    /// Access is proven for one of the last two updated epochs.
    error RenewableIncentive_WrongEpoch(uint64 policyEpoch, uint64 latest);
    error RenewableIncentive_WrongState(uint256 id, State state);
    error RenewableIncentive_TooLate(uint256 id, uint256 deadline);
    error RenewableIncentive_NotExpired(uint256 id, uint256 deadline);
    /// More than is left of the budget.
    error RenewableIncentive_BudgetExceeded(uint256 microInr, uint256 availableMicroInr);
    /// More than is left of what the policy's epoch may grant.
    error RenewableIncentive_EpochShareExceeded(uint256 microInr, uint256 leftMicroInr);
    error RenewableIncentive_BadSettings(string field);

    /// @notice The caller holds the meter. Gas: see forge-test/snapshots/incentives.json.
    function submitProject(Submission calldata submission, Access calldata access) external returns (uint256 id);

    /// @notice Role: CERTIFIER. Sets the grant and keeps it for the submitter.
    function verifyProject(uint256 id) external returns (uint256 grantedMicroInr);

    /// @notice Role: CERTIFIER. @param reason 1 to MAX_TEXT bytes
    function refuseProject(uint256 id, string calldata reason) external;

    /// @notice The submitter takes a project back, decided or not; a grant returns to the budget.
    function withdrawProject(uint256 id) external;

    /// @notice Sends a verified project's INR to `to`, once. The submitter only.
    function claim(uint256 id, address to) external returns (uint256 microInr);

    /// @notice Ends a project whose deadline is past. Anyone may.
    function expireProject(uint256 id) external;

    /// @notice Takes INR that is not granted out again. Role: admin.
    function withdrawBudget(address to, uint256 microInr) external;

    /// @notice Role: admin. Projects keep the deadlines they have.
    function setSettings(Settings calldata newSettings) external;

    function projectOf(uint256 id) external view returns (Project memory);
    function projectCount() external view returns (uint256);
    function openCountOf(MeterId meter) external view returns (uint256);
    /// @notice INR here that is not granted.
    function availableMicroInr() external view returns (uint256);
    /// @notice Granted and not yet fetched.
    function reservedMicroInr() external view returns (uint256);
    /// @notice What may still be granted in the policy's present epoch.
    function epochLeftMicroInr() external view returns (uint256);
    /// @notice What verifying now would grant.
    function grantDown(uint256 id) external view returns (uint256 microInr, uint256 multiplierPpm, uint256 boostPpm);
    function settings() external view returns (Settings memory);
    function MAX_OPEN() external view returns (uint256);
    function MAX_TEXT() external view returns (uint256);
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Leaf, Registers} from "../Types.sol";
import {IElementRegistry} from "./IElementRegistry.sol";

/// @title A meter's own signature against what the oracle committed
/// @notice An oracle node that signs a slot vouches for every line in it. Where a meter has a secure element
/// (IElementRegistry), two kinds of lines are provably wrong, because registers only grow:
///   too high: the line of slot n exceeds, in some register, what the meter signed `skewSeconds` or more after the
///             slot's end
///   too low:  the line of slot n is below, in some register, a statement that was lodged here `graceSeconds` or more
///             before the slot's end. Lodging makes sure that the nodes could know it: a meter whose link is down
///             makes nobody a liar.
/// Anyone accuses the signers within `windowSeconds` after the slot's commitment, with the line's proof, the
/// commitment's signatures (they stand in the transaction that committed it) and the meter's statement. For
/// `rebuttalSeconds` anyone may answer with another statement of the same meter that bears the line out:
///   against too high: one dated not after the slot's end that shows at least the line
///   against too low:  one signed after the lodged one that shows no more than the line
/// Then it is the meter that contradicts itself, not the oracle, and the accuser's deposit goes to whoever answered. A
/// node that books only what an element signed can always answer; a tampered meter therefore cannot take honest
/// nodes' bonds. An accusation that nobody answered costs every accused signer its bond (IOracleBond).
/// @dev Trusted: that a meter's element and its host sign what was counted; the operator for enrolments, who could
/// spare liars by ending one; block time.
interface IMeterWitness {
    enum State {
        None,
        Open,
        Rebutted,
        Upheld
    }

    /// Seconds, and the accuser's deposit.
    /// @param windowSeconds how long after its commitment a slot can be accused
    /// @param rebuttalSeconds how long an accusation waits for an answer
    /// @param graceSeconds how long the nodes have to book what was lodged
    /// @param skewSeconds how far a meter's clock may be off
    struct Settings {
        uint64 windowSeconds;
        uint64 rebuttalSeconds;
        uint64 graceSeconds;
        uint64 skewSeconds;
        uint128 depositWei;
    }

    /// @param slot committed slot
    /// @param epoch of the quorum when the slot was signed
    /// @param index of the wrong line in `leaves`
    /// @param leaves, proof, flags as in IMeterLedger.settleMany: what settled a line also accuses it
    /// @param signatures of the commitment, 65 bytes each, ascending by signer
    /// @param statement the meter's, with its signature (r, s)
    struct Evidence {
        uint64 slot;
        uint64 epoch;
        uint256 index;
        Leaf[] leaves;
        bytes32[3][] proof;
        bytes flags;
        bytes[] signatures;
        IElementRegistry.Statement statement;
        bytes32 r;
        bytes32 s;
    }

    /// @param tooHigh what is claimed of the line
    /// @param line the registers committed for the statement's meter
    struct Accusation {
        address accuser;
        uint64 slot;
        uint64 answerUntil;
        bool tooHigh;
        State state;
        Registers line;
        IElementRegistry.Statement statement;
        address[] signers;
    }

    event StatementLodged(
        uint32 indexed meter, uint32 enrolment, uint32 counter, uint32 time, Registers registers, Registers booked
    );
    event SignersAccused(
        uint256 indexed accusation,
        uint32 indexed meter,
        uint64 indexed slot,
        address accuser,
        bool tooHigh,
        Registers line,
        IElementRegistry.Statement statement,
        address[] signers
    );
    event AccusationRebutted(uint256 indexed accusation, address indexed answerer);
    event AccusationUpheld(uint256 indexed accusation, uint256 slashedWei);

    error MeterWitness_BadSettings();
    /// The bond could be gone before an accusation: unbonding must outlast the window.
    error MeterWitness_UnbondingTooShort(uint64 unbondingSeconds, uint64 windowSeconds);
    error MeterWitness_WrongDeposit(uint256 sentWei, uint256 depositWei);
    error MeterWitness_WindowOver(uint64 slot, uint256 until);
    error MeterWitness_BadIndex(uint256 index, uint256 leaves);
    error MeterWitness_OtherMeter(uint32 leaf, uint32 statement);
    /// The statement and the line can both be true.
    error MeterWitness_NoContradiction();
    error MeterWitness_AlreadyLodged(uint32 meter, uint32 enrolment, uint32 counter);
    error MeterWitness_TooManySigners(uint256 given, uint256 max);
    /// Malformed, or not after the one before it.
    error MeterWitness_BadSigner(address signer);
    /// None of these signers has anything to lose that this slot has not cost it already.
    error MeterWitness_NobodyLiable();
    error MeterWitness_NotOpen(uint256 accusation);
    error MeterWitness_TooLate(uint64 answerUntil);
    error MeterWitness_TooEarly(uint64 answerUntil);
    /// The statement does not bear the line out.
    error MeterWitness_NoRebuttal();

    /// @notice Puts a meter's statement before everybody; from `graceSeconds` on no line may be below it.
    function lodge(IElementRegistry.Statement calldata statement, bytes32 r, bytes32 s) external;

    /// @notice Accuses whoever signed a commitment with a wrong line. The deposit comes back if it is upheld. It is
    /// sent along, or taken from what IOracleBond owes the caller if nothing is sent.
    /// Gas: see forge-test/snapshots/witness.json.
    function accuse(Evidence calldata evidence) external payable returns (uint256 accusation);

    /// @notice Answers with another statement of the meter that bears the line out. The deposit is the caller's.
    function rebut(uint256 accusation, IElementRegistry.Statement calldata statement, bytes32 r, bytes32 s) external;

    /// @notice Ends an accusation that nobody answered: the signers' bonds are slashed. Anyone may call.
    function conclude(uint256 accusation) external;

    function settings() external view returns (Settings memory);
    function accusationCount() external view returns (uint256);
    function accusationAt(uint256 accusation) external view returns (Accusation memory);
    /// @notice Block time at which a statement was lodged; 0 = it was not.
    function lodgedAt(bytes32 statementDigest) external view returns (uint64);
    /// @notice What the oracle nodes signed for a committed slot in `epoch`.
    function commitmentDigest(uint64 slot, uint64 epoch) external view returns (bytes32);
}

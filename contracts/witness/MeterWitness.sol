// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {Leaf, MeterId, Registers} from "../Types.sol";
import {IElementRegistry} from "../interfaces/IElementRegistry.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IMeterWitness} from "../interfaces/IMeterWitness.sol";
import {IOracleBond} from "../interfaces/IOracleBond.sol";
import {RegisterLib} from "../metering/RegisterLib.sol";

/// @title MeterWitness
/// @notice See IMeterWitness. Calls only contracts of this deployment, and keeps no ether: deposits are credits
/// in OracleBond that move to this contract and back.
contract MeterWitness is IMeterWitness {
    using RegisterLib for Registers;

    // ------------------------------------------------------------------ constants

    /// @notice As many as OracleQuorum admits.
    uint256 public constant MAX_SIGNERS = 32;

    // Those of MeterLedger, which signs with the epoch of the day.
    bytes32 private constant COMMITMENT_TYPEHASH = keccak256(
        "SlotCommitment(uint64 slot,uint64 previousSlot,bytes32 root,uint256 totalsLo,uint256 totalsHi,"
        "uint32 leafCount,uint64 epoch)"
    );
    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME_HASH = keccak256("Ohmstead MeterLedger");
    bytes32 private constant VERSION_HASH = keccak256("1");

    // ------------------------------------------------------------------ immutables

    IMeterLedger public immutable LEDGER;
    IElementRegistry public immutable ELEMENTS;
    IOracleBond public immutable BOND;
    uint64 private immutable SLOT_SECONDS;
    uint64 private immutable WINDOW_SECONDS;
    uint64 private immutable REBUTTAL_SECONDS;
    uint64 private immutable GRACE_SECONDS;
    uint64 private immutable SKEW_SECONDS;
    uint128 private immutable DEPOSIT_WEI;

    // ------------------------------------------------------------------ storage

    /// @inheritdoc IMeterWitness
    mapping(bytes32 statementDigest => uint64) public lodgedAt;
    Accusation[] private _accusations;
    /// What one slot has cost a signer it costs no second time.
    mapping(uint64 slot => mapping(address signer => bool)) private _slashed;

    // ------------------------------------------------------------------ constructor

    constructor(IMeterLedger ledger, IElementRegistry elements, IOracleBond bond, Settings memory figures) {
        if (figures.windowSeconds == 0 || figures.rebuttalSeconds == 0 || figures.depositWei == 0) {
            revert MeterWitness_BadSettings();
        }
        uint64 unbonding = bond.unbondingSeconds();
        if (unbonding < figures.windowSeconds) {
            revert MeterWitness_UnbondingTooShort(unbonding, figures.windowSeconds);
        }
        (LEDGER, ELEMENTS, BOND) = (ledger, elements, bond);
        SLOT_SECONDS = ledger.slotSeconds();
        (WINDOW_SECONDS, REBUTTAL_SECONDS) = (figures.windowSeconds, figures.rebuttalSeconds);
        (GRACE_SECONDS, SKEW_SECONDS) = (figures.graceSeconds, figures.skewSeconds);
        DEPOSIT_WEI = figures.depositWei;
    }

    // ------------------------------------------------------------------ statements

    /// @inheritdoc IMeterWitness
    function lodge(IElementRegistry.Statement calldata statement, bytes32 r, bytes32 s) external {
        ELEMENTS.requireOffsetKnown(statement.meter, statement.enrolment);
        Registers booked = ELEMENTS.requireSigned(statement, r, s);
        bytes32 digest = ELEMENTS.statementDigest(statement);
        uint32 meter = MeterId.unwrap(statement.meter);
        if (lodgedAt[digest] != 0) {
            revert MeterWitness_AlreadyLodged(meter, statement.enrolment, statement.counter);
        }
        lodgedAt[digest] = uint64(block.timestamp);
        emit StatementLodged(
            meter, statement.enrolment, statement.counter, statement.time, statement.registers, booked
        );
    }

    // ------------------------------------------------------------------ accusations

    /// @inheritdoc IMeterWitness
    function accuse(Evidence calldata evidence) external payable returns (uint256 accusation) {
        if (msg.value != 0 && msg.value != DEPOSIT_WEI) revert MeterWitness_WrongDeposit(msg.value, DEPOSIT_WEI);
        Registers line = _provenLine(evidence);
        bool tooHigh = _contradiction(evidence, line);
        address[] memory signers = _liable(evidence);

        accusation = _accusations.length;
        uint64 answerUntil = uint64(block.timestamp) + REBUTTAL_SECONDS;
        _accusations.push(
            Accusation(
                msg.sender, evidence.slot, answerUntil, tooHigh, State.Open, line, evidence.statement, signers
            )
        );
        emit SignersAccused(
            accusation,
            MeterId.unwrap(evidence.statement.meter),
            evidence.slot,
            msg.sender,
            tooHigh,
            line,
            evidence.statement,
            signers
        );
        for (uint256 i = 0; i < signers.length; ++i) {
            BOND.hold(signers[i]);
        }
        if (msg.value != 0) BOND.creditTo{value: msg.value}(msg.sender);
        BOND.moveCredit(msg.sender, address(this), DEPOSIT_WEI);
    }

    /// @inheritdoc IMeterWitness
    function rebut(uint256 accusation, IElementRegistry.Statement calldata statement, bytes32 r, bytes32 s) external {
        Accusation storage open = _open(accusation);
        if (block.timestamp > open.answerUntil) revert MeterWitness_TooLate(open.answerUntil);
        if (!_bearsOut(open, statement, ELEMENTS.requireSigned(statement, r, s))) revert MeterWitness_NoRebuttal();
        open.state = State.Rebutted;
        emit AccusationRebutted(accusation, msg.sender);
        _dropAll(open.signers);
        BOND.moveCredit(address(this), msg.sender, DEPOSIT_WEI);
    }

    /// @inheritdoc IMeterWitness
    function conclude(uint256 accusation) external {
        Accusation storage open = _open(accusation);
        if (block.timestamp <= open.answerUntil) revert MeterWitness_TooEarly(open.answerUntil);
        open.state = State.Upheld;
        address[] memory signers = open.signers;
        address accuser = open.accuser;
        mapping(address signer => bool) storage slashed = _slashed[open.slot];
        bool[] memory first = new bool[](signers.length);
        for (uint256 i = 0; i < signers.length; ++i) {
            first[i] = !slashed[signers[i]];
            slashed[signers[i]] = true;
        }
        uint256 slashedWei = 0;
        for (uint256 i = 0; i < signers.length; ++i) {
            if (first[i]) slashedWei += BOND.slash(signers[i], accuser);
        }
        emit AccusationUpheld(accusation, slashedWei);
        _dropAll(signers);
        BOND.moveCredit(address(this), accuser, DEPOSIT_WEI);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IMeterWitness
    function settings() external view returns (Settings memory) {
        return Settings(WINDOW_SECONDS, REBUTTAL_SECONDS, GRACE_SECONDS, SKEW_SECONDS, DEPOSIT_WEI);
    }

    /// @inheritdoc IMeterWitness
    function accusationCount() external view returns (uint256) {
        return _accusations.length;
    }

    /// @inheritdoc IMeterWitness
    function accusationAt(uint256 accusation) external view returns (Accusation memory) {
        if (accusation >= _accusations.length) revert MeterWitness_NotOpen(accusation);
        return _accusations[accusation];
    }

    /// @inheritdoc IMeterWitness
    function commitmentDigest(uint64 slot, uint64 epoch) public view returns (bytes32) {
        IMeterLedger.SlotRecord memory record = LEDGER.slotRecord(slot);
        bytes32 domain =
            keccak256(abi.encode(DOMAIN_TYPEHASH, NAME_HASH, VERSION_HASH, block.chainid, address(LEDGER)));
        bytes32 content = keccak256(
            abi.encode(
                COMMITMENT_TYPEHASH,
                slot,
                record.previousSlot,
                record.root,
                record.totals.lo,
                record.totals.hi,
                record.leafCount,
                epoch
            )
        );
        return MessageHashUtils.toTypedDataHash(domain, content);
    }

    // ------------------------------------------------------------------ internal

    /// The registers committed for the statement's meter, if the slot can still be accused.
    function _provenLine(Evidence calldata evidence) private view returns (Registers) {
        uint256 until = uint256(LEDGER.slotRecord(evidence.slot).committedAt) + WINDOW_SECONDS;
        if (block.timestamp > until) revert MeterWitness_WindowOver(evidence.slot, until);
        if (evidence.index >= evidence.leaves.length) {
            revert MeterWitness_BadIndex(evidence.index, evidence.leaves.length);
        }
        LEDGER.requireLeaves(evidence.slot, evidence.leaves, evidence.proof, evidence.flags);
        Leaf calldata leaf = evidence.leaves[evidence.index];
        (uint32 ofLeaf, uint32 ofStatement) = (MeterId.unwrap(leaf.meter), MeterId.unwrap(evidence.statement.meter));
        if (ofLeaf != ofStatement) revert MeterWitness_OtherMeter(ofLeaf, ofStatement);
        return leaf.registers;
    }

    /// True if the line is too high, false if it is too low; reverts if both can be true.
    function _contradiction(Evidence calldata evidence, Registers line) private view returns (bool tooHigh) {
        ELEMENTS.requireOffsetKnown(evidence.statement.meter, evidence.statement.enrolment);
        Registers signed = ELEMENTS.requireSigned(evidence.statement, evidence.r, evidence.s);
        uint256 endsAt = (uint256(evidence.slot) + 1) * SLOT_SECONDS;
        uint256 time = evidence.statement.time;
        // A meter's clock that is ahead of the chain's says nothing yet.
        bool after_ = time >= endsAt + SKEW_SECONDS && time <= block.timestamp;
        if (after_ && !signed.isAtLeast(line)) return true;
        uint256 lodged = lodgedAt[ELEMENTS.statementDigest(evidence.statement)];
        bool inTime = lodged != 0 && lodged + GRACE_SECONDS <= endsAt;
        if (inTime && !line.isAtLeast(signed)) return false;
        revert MeterWitness_NoContradiction();
    }

    /// Who signed the commitment and can still lose something for it.
    function _liable(Evidence calldata evidence) private view returns (address[] memory liable) {
        uint256 given = evidence.signatures.length;
        if (given > MAX_SIGNERS) revert MeterWitness_TooManySigners(given, MAX_SIGNERS);
        bytes32 digest = commitmentDigest(evidence.slot, evidence.epoch);
        mapping(address signer => bool) storage slashed = _slashed[evidence.slot];
        address[] memory found = new address[](given);
        uint256 count = 0;
        address previous = address(0);
        for (uint256 i = 0; i < given; ++i) {
            (address signer,,) = ECDSA.tryRecoverCalldata(digest, evidence.signatures[i]);
            if (signer <= previous) revert MeterWitness_BadSigner(signer);
            previous = signer;
            IOracleBond.Bond memory bond = BOND.bondOf(signer);
            if (!slashed[signer] && uint256(bond.bondWei) + bond.unbondingWei != 0) {
                found[count] = signer;
                ++count;
            }
        }
        if (count == 0) revert MeterWitness_NobodyLiable();
        liable = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            liable[i] = found[i];
        }
    }

    /// True if the meter itself signed what the line says.
    function _bearsOut(Accusation storage open, IElementRegistry.Statement calldata statement, Registers booked)
        private
        view
        returns (bool)
    {
        IElementRegistry.Statement storage accusing = open.statement;
        if (MeterId.unwrap(statement.meter) != MeterId.unwrap(accusing.meter)) return false;
        if (open.tooHigh) {
            uint256 endsAt = (uint256(open.slot) + 1) * SLOT_SECONDS;
            return statement.time <= endsAt && booked.isAtLeast(open.line);
        }
        bool later = statement.enrolment > accusing.enrolment
            || (statement.enrolment == accusing.enrolment && statement.counter > accusing.counter);
        return later && open.line.isAtLeast(booked);
    }

    function _open(uint256 accusation) private view returns (Accusation storage open) {
        if (accusation >= _accusations.length) revert MeterWitness_NotOpen(accusation);
        open = _accusations[accusation];
        if (open.state != State.Open) revert MeterWitness_NotOpen(accusation);
    }

    function _dropAll(address[] memory signers) private {
        for (uint256 i = 0; i < signers.length; ++i) {
            BOND.drop(signers[i]);
        }
    }
}

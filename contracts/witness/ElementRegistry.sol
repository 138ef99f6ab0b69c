// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {P256} from "@openzeppelin/contracts/utils/cryptography/P256.sol";
import {EntityKind, MeterId, Registers} from "../Types.sol";
import {IElementRegistry} from "../interfaces/IElementRegistry.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {RegisterLib} from "../metering/RegisterLib.sol";

/// @title ElementRegistry
/// @notice See IElementRegistry.
contract ElementRegistry is IElementRegistry, AccessManaged {
    using RegisterLib for Registers;

    // ------------------------------------------------------------------ constants

    bytes private constant DOMAIN = "Ohmstead registers 1";
    uint256 private constant LANE = 0xFFFFFFFFFF;

    // ------------------------------------------------------------------ immutables

    IMeterRegistry public immutable REGISTRY;
    /// @notice The ledger that statements are made for.
    address public immutable LEDGER;

    // ------------------------------------------------------------------ storage

    mapping(MeterId meter => Enrolment[]) private _enrolments;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, IMeterRegistry registry, address ledger) AccessManaged(manager) {
        REGISTRY = registry;
        LEDGER = ledger;
    }

    // ------------------------------------------------------------------ operator

    /// @inheritdoc IElementRegistry
    function enrol(MeterId meter, bytes32 x, bytes32 y, Registers before, Registers afterReset)
        external
        restricted
        returns (uint32 enrolment)
    {
        (, EntityKind kind,,,) = REGISTRY.settlementOf(meter);
        if (kind == EntityKind.None) revert ElementRegistry_UnknownMeter(meter);
        if (!P256.isValidPublicKey(x, y)) revert ElementRegistry_BadKey();
        if (!before.isValid()) revert ElementRegistry_BadRegisters(before);
        if (!afterReset.isValid()) revert ElementRegistry_BadRegisters(afterReset);

        Enrolment[] storage list = _enrolments[meter];
        if (list.length != 0 && list[list.length - 1].until == 0) _end(meter);
        list.push(Enrolment(x, y, uint64(block.timestamp), 0, before, afterReset));
        enrolment = uint32(list.length); // the operator's transactions are far fewer than 2^32
        emit ElementEnrolled(meter, enrolment, x, y, before, afterReset);
    }

    /// @inheritdoc IElementRegistry
    function end(MeterId meter) external restricted {
        Enrolment[] storage list = _enrolments[meter];
        if (list.length == 0 || list[list.length - 1].until != 0) revert ElementRegistry_NoElement(meter);
        _end(meter);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IElementRegistry
    function enrolmentCount(MeterId meter) external view returns (uint32) {
        return uint32(_enrolments[meter].length);
    }

    /// @inheritdoc IElementRegistry
    function enrolmentAt(MeterId meter, uint32 enrolment) external view returns (Enrolment memory) {
        return _enrolment(meter, enrolment);
    }

    /// @inheritdoc IElementRegistry
    function statementDigest(Statement calldata statement) public view returns (bytes32) {
        return sha256(
            abi.encodePacked(
                DOMAIN,
                uint64(block.chainid),
                LEDGER,
                statement.meter,
                statement.enrolment,
                statement.counter,
                statement.time,
                uint240(Registers.unwrap(statement.registers))
            )
        );
    }

    /// @inheritdoc IElementRegistry
    function requireSigned(Statement calldata statement, bytes32 r, bytes32 s)
        external
        view
        returns (Registers booked)
    {
        (MeterId meter, uint32 enrolment) = (statement.meter, statement.enrolment);
        Enrolment storage entry = _enrolment(meter, enrolment);
        uint64 until = entry.until;
        if (until != 0 && statement.time > until) revert ElementRegistry_AfterEnd(meter, enrolment, until);
        if (!statement.registers.isValid()) revert ElementRegistry_BadRegisters(statement.registers);
        // Refuses a high s, so that a signature has one form; computes in Solidity where the precompile is missing.
        if (!P256.verify(statementDigest(statement), r, s, entry.x, entry.y)) revert ElementRegistry_BadSignature();
        return _shifted(statement.registers, entry.before, entry.afterReset);
    }

    /// @inheritdoc IElementRegistry
    function requireOffsetKnown(MeterId meter, uint32 enrolment) external view {
        // Block times: a device put in and its element enrolled in one transaction belong together.
        if (REGISTRY.rebasedAt(meter) > _enrolment(meter, enrolment).since) {
            revert ElementRegistry_Outdated(meter, enrolment);
        }
    }

    // ------------------------------------------------------------------ internal

    function _end(MeterId meter) private {
        Enrolment[] storage list = _enrolments[meter];
        list[list.length - 1].until = uint64(block.timestamp);
        emit ElementEnded(meter, uint32(list.length));
    }

    function _enrolment(MeterId meter, uint32 enrolment) private view returns (Enrolment storage) {
        Enrolment[] storage list = _enrolments[meter];
        if (enrolment == 0 || enrolment > list.length) revert ElementRegistry_NoSuchEnrolment(meter, enrolment);
        return list[enrolment - 1];
    }

    /// registers + before - afterReset, lane by lane.
    function _shifted(Registers registers, Registers before, Registers afterReset) private pure returns (Registers) {
        uint256 word = 0;
        for (uint256 offset = 0; offset < 240; offset += 40) {
            uint256 sum = _lane(registers, offset) + _lane(before, offset);
            uint256 less = _lane(afterReset, offset);
            if (sum < less || sum - less > LANE) revert ElementRegistry_OutOfRange();
            word |= (sum - less) << offset;
        }
        return Registers.wrap(word);
    }

    function _lane(Registers registers, uint256 offset) private pure returns (uint256) {
        return (Registers.unwrap(registers) >> offset) & LANE;
    }
}

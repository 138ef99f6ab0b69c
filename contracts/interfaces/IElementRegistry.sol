// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId, Registers} from "../Types.sol";

/// @title Secure elements of meters: whose P-256 signature counts for which meter, and since when
/// @notice A meter may carry a secure element: a part whose private key never leaves it and whose counter only
/// grows. It signs the meter's registers, which makes the meter a witness against whoever commits something else
/// (IMeterWitness). Keys rotate with history: each enrolment keeps its number, and a statement names the one it was
/// signed under, so an old signature never counts under a new key or after a new offset.
/// @dev A statement is signed over
///        sha256("Ohmstead registers 1" || u64 chain id || ledger (20) || u32 meter || u32 enrolment || u32 counter
///               || u32 time || registers (30 bytes, lane 5 first))
///      as ECDSA on P-256 with s in the lower half. SHA-256, since that is what the parts have.
///      Registers are the device's own. Booked registers are the device's + (before - afterReset) of the enrolment,
///      lane by lane, as after IMeterRegistry's RegistersRebased.
///      Trusted: the operator for which key is in which meter; the element and its host for what they sign.
interface IElementRegistry {
    /// @param since block time of the enrolment
    /// @param until block time from which another key counts or none; 0 = in force
    /// @param before booked registers when the device was put in; 0 for a meter's first device
    /// @param afterReset what the device showed then
    struct Enrolment {
        bytes32 x;
        bytes32 y;
        uint64 since;
        uint64 until;
        Registers before;
        Registers afterReset;
    }

    /// What an element signs.
    /// @param enrolment number, from 1
    /// @param counter of the element, greater with every signature
    /// @param time Unix seconds by the meter's clock
    /// @param registers the device's own
    struct Statement {
        MeterId meter;
        uint32 enrolment;
        uint32 counter;
        uint32 time;
        Registers registers;
    }

    event ElementEnrolled(
        MeterId indexed meter, uint32 indexed enrolment, bytes32 x, bytes32 y, Registers before, Registers afterReset
    );
    /// The enrolment's statements count up to now.
    event ElementEnded(MeterId indexed meter, uint32 indexed enrolment);

    error ElementRegistry_UnknownMeter(MeterId meter);
    /// Not a point of P-256.
    error ElementRegistry_BadKey();
    error ElementRegistry_BadRegisters(Registers registers);
    error ElementRegistry_NoElement(MeterId meter);
    error ElementRegistry_NoSuchEnrolment(MeterId meter, uint32 enrolment);
    /// The device was reset or replaced after its element was enrolled: its offset is not known until it is enrolled
    /// again.
    error ElementRegistry_Outdated(MeterId meter, uint32 enrolment);
    /// The statement says it is from after the end of its enrolment.
    error ElementRegistry_AfterEnd(MeterId meter, uint32 enrolment, uint64 until);
    /// Not this key's signature of this statement for this ledger on this chain, or one with a high s.
    error ElementRegistry_BadSignature();
    /// With the enrolment's offset a register would be negative or 2^40 and more.
    error ElementRegistry_OutOfRange();

    /// @notice The meter's element is this key from now on. Role: OPERATOR.
    /// @param before booked registers when the device was put in, `afterReset` what it showed then: those of the
    /// meter's newest RegistersRebased, zero if there was none
    function enrol(MeterId meter, bytes32 x, bytes32 y, Registers before, Registers afterReset)
        external
        returns (uint32 enrolment);
    /// @notice Ends the enrolment in force: stolen, broken, taken out. Role: OPERATOR.
    function end(MeterId meter) external;

    /// @notice How many enrolments the meter has had; the last one is in force unless it is ended.
    function enrolmentCount(MeterId meter) external view returns (uint32);
    function enrolmentAt(MeterId meter, uint32 enrolment) external view returns (Enrolment memory);
    /// @notice What an element signs for this ledger on this chain.
    function statementDigest(Statement calldata statement) external view returns (bytes32);
    /// @notice Reverts unless the meter's element signed the statement; else the registers as they are to be booked.
    /// Gas: 30 000 with the precompile at 0x100 (EIP-7951), about 250 000 without.
    function requireSigned(Statement calldata statement, bytes32 r, bytes32 s) external view returns (Registers booked);
    /// @notice Reverts if the device was replaced or reset after the enrolment: then nobody can be accused by it.
    function requireOffsetKnown(MeterId meter, uint32 enrolment) external view;
}

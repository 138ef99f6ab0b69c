// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {EntityKind, Registers} from "contracts/Types.sol";
import {IElementRegistry} from "contracts/interfaces/IElementRegistry.sol";
import {ElementRegistry} from "contracts/witness/ElementRegistry.sol";
import {WitnessTest} from "./WitnessTest.sol";

contract ElementsTest is WitnessTest {
    function test_enrol_keepsHistory() public {
        (uint256 x,) = vm.publicKeyP256(ELEMENT_KEY);
        skip(100);
        uint32 second = _enrol(ROOF, 0xBEEF);
        assertEq(second, 2);
        assertEq(elements.enrolmentCount(_id(ROOF)), 2);
        IElementRegistry.Enrolment memory first = elements.enrolmentAt(_id(ROOF), 1);
        assertEq(first.x, bytes32(x));
        assertEq(first.until, block.timestamp);
        assertEq(elements.enrolmentAt(_id(ROOF), 2).until, 0);
        assertEq(elements.enrolmentCount(_id(HOUSE)), 0);
    }

    function test_enrol_onlyByOperator() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        vm.prank(alice);
        elements.enrol(_id(ROOF), bytes32(0), bytes32(0), Registers.wrap(0), Registers.wrap(0));
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        vm.prank(alice);
        elements.end(_id(ROOF));
    }

    function test_enrol_refusesUnknownMeterBadKeyAndBadRegisters() public {
        (uint256 x, uint256 y) = vm.publicKeyP256(ELEMENT_KEY);
        Registers none = Registers.wrap(0);
        Registers wide = Registers.wrap(1 << 240);
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(IElementRegistry.ElementRegistry_UnknownMeter.selector, _id(77)));
        elements.enrol(_id(77), bytes32(x), bytes32(y), none, none);
        vm.expectRevert(IElementRegistry.ElementRegistry_BadKey.selector);
        elements.enrol(_id(ROOF), bytes32(x), bytes32(y + 1), none, none);
        vm.expectRevert(IElementRegistry.ElementRegistry_BadKey.selector);
        elements.enrol(_id(ROOF), bytes32(0), bytes32(0), none, none);
        vm.expectRevert(abi.encodeWithSelector(IElementRegistry.ElementRegistry_BadRegisters.selector, wide));
        elements.enrol(_id(ROOF), bytes32(x), bytes32(y), wide, none);
        vm.expectRevert(abi.encodeWithSelector(IElementRegistry.ElementRegistry_BadRegisters.selector, wide));
        elements.enrol(_id(ROOF), bytes32(x), bytes32(y), none, wide);
    }

    function test_end_refusesAMeterWithoutElement() public {
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(IElementRegistry.ElementRegistry_NoElement.selector, _id(HOUSE)));
        elements.end(_id(HOUSE));
        elements.end(_id(ROOF));
        vm.expectRevert(abi.encodeWithSelector(IElementRegistry.ElementRegistry_NoElement.selector, _id(ROOF)));
        elements.end(_id(ROOF));
    }

    function test_requireSigned_givesTheRegisters() public {
        Signed memory signed = _says(block.timestamp, 700, 5);
        Registers booked = elements.requireSigned(signed.statement, signed.r, signed.s);
        assertEq(Registers.unwrap(booked), Registers.unwrap(signed.statement.registers));
    }

    function test_requireSigned_addsTheOffsetLaneByLane() public {
        vm.prank(operator);
        Registers before = _wrap([uint40(5_000), 0, 4_000, 300, 0, 0]);
        Registers after_ = _wrap([uint40(10), 0, 20, 0, 0, 0]);
        registry.recordRebase(_id(ROOF), before, after_, "new device");
        enrolled = _enrol(ROOF, 0xBEEF, before, after_);
        uint40[6] memory shown = [uint40(15), 0, 25, 7, 0, 0];
        Signed memory signed = _signedBy(0xBEEF, IElementRegistry.Statement(_id(ROOF), enrolled, 1, 0, _wrap(shown)));
        Registers booked = elements.requireSigned(signed.statement, signed.r, signed.s);
        assertEq(Registers.unwrap(booked), Registers.unwrap(_wrap([uint40(5_005), 0, 4_005, 307, 0, 0])));
        elements.requireOffsetKnown(_id(ROOF), enrolled);
    }

    function test_requireSigned_refusesWhatLeavesTheRegister() public {
        Registers after_ = _wrap([uint40(10), 0, 0, 0, 0, 0]);
        enrolled = _enrol(ROOF, ELEMENT_KEY, Registers.wrap(0), after_);
        Signed memory signed = _says(block.timestamp, 9, 0); // 9 - 10
        vm.expectRevert(IElementRegistry.ElementRegistry_OutOfRange.selector);
        elements.requireSigned(signed.statement, signed.r, signed.s);
        enrolled = _enrol(ROOF, ELEMENT_KEY, _wrap([type(uint40).max, 0, 0, 0, 0, 0]), Registers.wrap(0));
        signed = _says(block.timestamp, 1, 0);
        vm.expectRevert(IElementRegistry.ElementRegistry_OutOfRange.selector);
        elements.requireSigned(signed.statement, signed.r, signed.s);
    }

    function test_requireOffsetKnown_refusesAfterARebase() public {
        skip(1);
        vm.prank(operator);
        registry.recordRebase(_id(ROOF), Registers.wrap(0), Registers.wrap(0), "reset");
        assertEq(registry.rebasedAt(_id(ROOF)), block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IElementRegistry.ElementRegistry_Outdated.selector, _id(ROOF), 1));
        elements.requireOffsetKnown(_id(ROOF), 1);
    }

    function test_requireSigned_refusesUnknownEnrolments() public {
        Signed memory signed = _says(block.timestamp, 1, 1);
        for (uint32 number = 0; number < 4; ++number) {
            if (number == 1) continue;
            signed.statement.enrolment = number;
            vm.expectRevert(
                abi.encodeWithSelector(IElementRegistry.ElementRegistry_NoSuchEnrolment.selector, _id(ROOF), number)
            );
            elements.requireSigned(signed.statement, signed.r, signed.s);
        }
    }

    function test_requireSigned_afterRotationTheOldKeySignsOnlyItsOwnEnrolment() public {
        Signed memory old = _says(block.timestamp, 1, 1);
        skip(1);
        _enrol(ROOF, 0xBEEF);
        elements.requireSigned(old.statement, old.r, old.s);
        Signed memory forged =
            _signedBy(ELEMENT_KEY, IElementRegistry.Statement(_id(ROOF), 2, 9, 0, Registers.wrap(1)));
        vm.expectRevert(IElementRegistry.ElementRegistry_BadSignature.selector);
        elements.requireSigned(forged.statement, forged.r, forged.s);
    }

    function test_requireSigned_refusesWhatAStolenElementSignsAfterItsEnd() public {
        vm.prank(operator);
        elements.end(_id(ROOF));
        uint64 endedAt = uint64(block.timestamp);
        Signed memory late = _says(endedAt + 1, 1, 1);
        vm.expectRevert(
            abi.encodeWithSelector(IElementRegistry.ElementRegistry_AfterEnd.selector, _id(ROOF), 1, endedAt)
        );
        elements.requireSigned(late.statement, late.r, late.s);
        Signed memory before = _says(endedAt, 1, 1);
        elements.requireSigned(before.statement, before.r, before.s);
    }

    // ---- signatures

    function test_requireSigned_refusesAnotherChainAndAnotherLedger() public {
        Signed memory signed = _says(block.timestamp, 1, 1);
        uint256 chain = block.chainid;
        vm.chainId(chain + 1);
        vm.expectRevert(IElementRegistry.ElementRegistry_BadSignature.selector);
        elements.requireSigned(signed.statement, signed.r, signed.s);
        vm.chainId(chain);
        ElementRegistry other = new ElementRegistry(address(manager), registry, address(0x1ED6E5));
        assertNotEq(other.statementDigest(signed.statement), elements.statementDigest(signed.statement));
    }

    function test_requireSigned_refusesTheOtherHalfOfS() public {
        Signed memory signed = _says(block.timestamp, 1, 1);
        bytes32 high = bytes32(P256_ORDER - uint256(signed.s));
        _refused(signed, signed.r, high);
        _refused(signed, signed.r, 0);
        _refused(signed, 0, signed.s);
        _refused(signed, bytes32(P256_ORDER), signed.s);
    }

    function test_requireSigned_withoutThePrecompileComputesTheSame() public {
        Signed memory signed = _says(block.timestamp, 1, 1);
        vm.mockCall(address(0x100), "", ""); // a chain before Osaka: an account without code answers nothing
        elements.requireSigned(signed.statement, signed.r, signed.s);
        bytes32 high = bytes32(P256_ORDER - uint256(signed.s));
        _refused(signed, signed.r, high);
        signed.statement.time += 1;
        _refused(signed, signed.r, signed.s);
        vm.clearMockedCalls();
        _refused(signed, signed.r, signed.s);
    }

    /// Whatever bit of a statement is turned, its signature is worth nothing.
    function testFuzz_requireSigned_refusesAnyOtherStatement(uint8 field, uint256 bit) public {
        Signed memory signed = _says(block.timestamp, 123_456, 789);
        if (field % 3 == 0) signed.statement.counter ^= uint32(1) << uint8(bit % 32);
        if (field % 3 == 1) signed.statement.time ^= uint32(1) << uint8(bit % 32);
        if (field % 3 == 2) {
            signed.statement.registers =
                Registers.wrap(Registers.unwrap(signed.statement.registers) ^ (1 << (bit % 240)));
        }
        _refused(signed, signed.r, signed.s);
    }

    function test_requireSigned_refusesAnotherMeter() public {
        _enrol(HOUSE, 0xBEEF);
        Signed memory signed = _says(block.timestamp, 1, 1);
        signed.statement.meter = _id(HOUSE);
        _refused(signed, signed.r, signed.s);
    }

    function _refused(Signed memory signed, bytes32 r, bytes32 s) private {
        vm.expectRevert(IElementRegistry.ElementRegistry_BadSignature.selector);
        elements.requireSigned(signed.statement, r, s);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Leaf, Registers} from "contracts/Types.sol";
import {IElementRegistry} from "contracts/interfaces/IElementRegistry.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {IOracleBond} from "contracts/interfaces/IOracleBond.sol";
import {IMeterWitness} from "contracts/interfaces/IMeterWitness.sol";
import {MeterWitness} from "contracts/witness/MeterWitness.sol";
import {OracleBond} from "contracts/witness/OracleBond.sol";
import {TestTree} from "../metering/TestTree.sol";
import {WitnessTest} from "./WitnessTest.sol";

contract MeterWitnessTest is WitnessTest {
    using TestTree for TestTree.Tree;
    using TestTree for TestTree.Line;

    // ---- what is signed

    function test_commitmentDigest_isTheLedgers() public {
        uint64 slot = _commitRoof(1_000, 50);
        IMeterLedger.SlotRecord memory record = ledger.slotRecord(slot);
        IMeterLedger.Commitment memory commitment =
            IMeterLedger.Commitment(slot, record.previousSlot, record.root, record.totals, record.leafCount);
        assertEq(witness.commitmentDigest(slot, quorum.epoch()), ledger.commitmentDigest(commitment));
    }

    // ---- too high

    function test_tooHigh_costsWhoSignedAllTheyHave() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        uint256 id = _accuse(slot, signed);
        assertTrue(witness.accusationAt(id).tooHigh);
        skip(REBUTTAL + 1);
        witness.conclude(id);
        assertEq(_bondOf(0), 0);
        assertEq(_bondOf(1), 0);
        assertEq(_bondOf(2), BOND_WEI); // did not sign
        assertEq(bond.creditOf(alice), 2 * 0.3 ether + DEPOSIT_WEI);
        assertEq(bond.creditOf(community), 2 * 0.7 ether);
        assertEq(address(witness).balance, 0);
        assertEq(uint256(witness.accusationAt(id).state), uint256(IMeterWitness.State.Upheld));
    }

    function test_tooHigh_isTheSameWithoutThePrecompile() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        vm.mockCall(address(0x100), "", "");
        uint256 id = _accuse(slot, signed);
        skip(REBUTTAL + 1);
        witness.conclude(id);
        assertEq(_bondOf(0), 0);
    }

    function test_tooHigh_anyOneRegisterIsEnough() public {
        uint64 slot = _commitRoof(1_000, 50);
        skip(1 hours);
        _accuse(slot, _says(block.timestamp, 2_000, 49)); // exported more, but imported less
    }

    function test_tooHigh_refusesWhatCanBothBeTrue() public {
        uint64 slot = _commitRoof(1_000, 50);
        skip(1 hours);
        _expectAccuse(_evidence(slot, _says(block.timestamp, 1_000, 50), 2), _error(IMeterWitness.MeterWitness_NoContradiction.selector));
        _expectAccuse(_evidence(slot, _says(block.timestamp, 1_001, 50), 2), _error(IMeterWitness.MeterWitness_NoContradiction.selector));
        // Signed before the slot's end, or within the clock's slack: it had counted less then.
        uint256 end = _endOf(slot);
        _expectAccuse(_evidence(slot, _says(end, 900, 50), 2), _error(IMeterWitness.MeterWitness_NoContradiction.selector));
        _expectAccuse(
            _evidence(slot, _says(end + SKEW - 1, 900, 50), 2), _error(IMeterWitness.MeterWitness_NoContradiction.selector)
        );
        _accuse(slot, _says(end + SKEW, 900, 50));
    }

    function test_tooHigh_refusesAStatementFromTheFuture() public {
        uint64 slot = _commitRoof(1_000, 50);
        skip(1 hours);
        _expectAccuse(
            _evidence(slot, _says(block.timestamp + 1, 900, 50), 2),
            _error(IMeterWitness.MeterWitness_NoContradiction.selector)
        );
    }

    /// The line is what the meter signed in time: whatever it signs afterwards is its own contradiction.
    function test_tooHigh_aMeterThatTakesItsWordBackTakesNobodysBond() public {
        Signed memory backing = _says(block.timestamp, 1_000, 50);
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        uint256 id = _accuse(slot, signed);
        vm.prank(bob);
        witness.rebut(id, backing.statement, backing.r, backing.s);
        assertEq(bond.creditOf(bob), DEPOSIT_WEI);
        assertEq(_bondOf(0), BOND_WEI);
        assertEq(bond.bondOf(nodes[0]).holds, 0);
        skip(REBUTTAL + 1);
        vm.expectRevert(abi.encodeWithSelector(IMeterWitness.MeterWitness_NotOpen.selector, id));
        witness.conclude(id);
    }

    function test_tooHigh_rebutNeedsAStatementInTimeThatShowsTheLine() public {
        Signed memory less = _says(block.timestamp, 999, 50);
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        uint256 id = _accuse(slot, signed);
        _expectNoRebuttal(id, less);
        _expectNoRebuttal(id, _says(_endOf(slot) + 1, 1_000, 50)); // too late
        _expectNoRebuttal(id, signed);
        Signed memory forged = _says(_endOf(slot), 1_000, 50);
        forged.s = bytes32(uint256(forged.s) ^ 1);
        vm.expectRevert(IElementRegistry.ElementRegistry_BadSignature.selector);
        witness.rebut(id, forged.statement, forged.r, forged.s);
        Signed memory right = _says(_endOf(slot), 1_000, 50);
        witness.rebut(id, right.statement, right.r, right.s);
    }

    function test_tooHigh_theBackingMayBeOfAnEarlierKey() public {
        Signed memory backing = _says(block.timestamp, 1_000, 50);
        uint64 slot = _commitRoof(1_000, 50);
        enrolled = _enrol(ROOF, ELEMENT_KEY); // a new enrolment, counted from the same registers
        skip(1 hours);
        uint256 id = _accuse(slot, _says(block.timestamp, 900, 50));
        witness.rebut(id, backing.statement, backing.r, backing.s);
        assertEq(_bondOf(0), BOND_WEI);
    }

    /// A device that was reset shows little; under its old enrolment that accuses nobody, and a rebuttal still counts.
    function test_tooHigh_aResetDeviceAccusesNobody() public {
        Signed memory backing = _says(block.timestamp, 1_000, 50);
        uint64 slot = _commitRoof(1_000, 50);
        skip(1 hours);
        uint256 id = _accuse(slot, _says(block.timestamp, 900, 50));
        vm.prank(operator);
        registry.recordRebase(_id(ROOF), Registers.wrap(0), Registers.wrap(0), "reset");
        Signed memory after_ = _says(block.timestamp, 0, 0);
        _expectAccuse(
            _evidence(slot, after_, 2),
            abi.encodeWithSelector(IElementRegistry.ElementRegistry_Outdated.selector, _id(ROOF), 1)
        );
        witness.rebut(id, backing.statement, backing.r, backing.s);
    }

    // ---- too low

    function test_tooLow_costsWhoSigned() public {
        (uint64 slot, Signed memory signed) = _lieTooLow();
        uint256 id = _accuse(slot, signed);
        assertTrue(!witness.accusationAt(id).tooHigh);
        skip(REBUTTAL + 1);
        witness.conclude(id);
        assertEq(_bondOf(0), 0);
    }

    function test_tooLow_needsAStatementLodgedTheGraceBefore() public {
        Signed memory signed = _says(block.timestamp, 1_000, 50);
        skip(GRACE + SLOT_SECONDS);
        uint64 slot = _commitRoof(900, 50);
        // Signed long before, but nobody could know.
        _expectAccuse(_evidence(slot, signed, 2), _error(IMeterWitness.MeterWitness_NoContradiction.selector));
        witness.lodge(signed.statement, signed.r, signed.s);
        _expectAccuse(_evidence(slot, signed, 2), _error(IMeterWitness.MeterWitness_NoContradiction.selector));
        skip(GRACE - SLOT_SECONDS - 1);
        slot = _commitRoof(900, 50); // its end is a second short of the grace
        skip(1);
        _expectAccuse(_evidence(slot, signed, 2), _error(IMeterWitness.MeterWitness_NoContradiction.selector));
        slot = _commitRoof(900, 50);
        _accuse(slot, signed);
    }

    function test_tooLow_aLaterSmallerStatementBearsTheLineOut() public {
        (uint64 slot, Signed memory signed) = _lieTooLow();
        uint256 id = _accuse(slot, signed);
        Signed memory more = _says(block.timestamp, 901, 50);
        _expectNoRebuttal(id, more);
        _expectNoRebuttal(id, signed);
        Signed memory early = signed;
        early = _signedBy(
            ELEMENT_KEY,
            IElementRegistry.Statement(_id(ROOF), enrolled, 0, 1, _wrap([uint40(900), 0, 900, 50, 0, 0]))
        );
        _expectNoRebuttal(id, early); // before the lodged one: the meter grew since
        Signed memory later = _says(block.timestamp, 900, 50);
        witness.rebut(id, later.statement, later.r, later.s);
        assertEq(_bondOf(0), BOND_WEI);
    }

    function test_lodge_once() public {
        Signed memory signed = _says(block.timestamp, 1_000, 50);
        witness.lodge(signed.statement, signed.r, signed.s);
        assertEq(witness.lodgedAt(elements.statementDigest(signed.statement)), block.timestamp);
        vm.expectRevert(
            abi.encodeWithSelector(IMeterWitness.MeterWitness_AlreadyLodged.selector, ROOF, enrolled, counter)
        );
        witness.lodge(signed.statement, signed.r, signed.s);
    }

    function test_lodge_refusesForgeriesAndOutdatedEnrolments() public {
        Signed memory signed = _says(block.timestamp, 1_000, 50);
        vm.expectRevert(IElementRegistry.ElementRegistry_BadSignature.selector);
        witness.lodge(signed.statement, signed.s, signed.r);
        skip(1);
        vm.prank(operator);
        registry.recordRebase(_id(ROOF), Registers.wrap(0), Registers.wrap(0), "reset");
        vm.expectRevert(abi.encodeWithSelector(IElementRegistry.ElementRegistry_Outdated.selector, _id(ROOF), 1));
        witness.lodge(signed.statement, signed.r, signed.s);
    }

    // ---- accuse: refusals

    function test_accuse_refusesAWrongDeposit() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        IMeterWitness.Evidence memory evidence = _evidence(slot, signed, 2);
        for (uint256 i = 0; i < 2; ++i) {
            uint256 sent = i == 0 ? DEPOSIT_WEI - 1 : DEPOSIT_WEI + 1;
            vm.expectRevert(
                abi.encodeWithSelector(IMeterWitness.MeterWitness_WrongDeposit.selector, sent, DEPOSIT_WEI)
            );
            vm.prank(alice);
            witness.accuse{value: sent}(evidence);
        }
    }

    function test_accuse_takesTheDepositFromWhatTheAccuserIsOwed() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        IMeterWitness.Evidence memory evidence = _evidence(slot, signed, 2);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleBond.OracleBond_TooLittleCredit.selector, bob, 0, DEPOSIT_WEI)
        );
        vm.prank(bob);
        witness.accuse(evidence);
        bond.creditTo{value: DEPOSIT_WEI + 1}(bob);
        vm.prank(bob);
        witness.accuse(evidence);
        assertEq(bond.creditOf(bob), 1);
        assertEq(bond.creditOf(address(witness)), DEPOSIT_WEI);
    }

    function test_accuse_refusesAfterTheWindow() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        uint256 until = ledger.slotRecord(slot).committedAt + WINDOW;
        vm.warp(until + 1);
        _expectAccuse(
            _evidence(slot, signed, 2),
            abi.encodeWithSelector(IMeterWitness.MeterWitness_WindowOver.selector, slot, until)
        );
        vm.warp(until);
        _accuse(slot, signed);
    }

    function test_accuse_refusesSlotsAndLinesThatAreNotCommitted() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        IMeterWitness.Evidence memory evidence = _evidence(slot, signed, 2);
        evidence.slot = slot + 1;
        _expectAccuse(evidence, abi.encodeWithSelector(IMeterLedger.MeterLedger_UnknownSlot.selector, slot + 1));
        evidence = _evidence(slot, signed, 2);
        evidence.leaves[0].registers = _wrap([uint40(2_000), 0, 2_000, 50, 0, 0]);
        _expectAccuse(evidence, _error(IMeterLedger.MeterLedger_BadProof.selector));
        evidence = _evidence(slot, signed, 2);
        evidence.index = 1;
        _expectAccuse(evidence, abi.encodeWithSelector(IMeterWitness.MeterWitness_BadIndex.selector, 1, 1));
    }

    function test_accuse_refusesAnotherMetersLine() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        IMeterWitness.Evidence memory evidence = _evidence(slot, signed, 2);
        uint256[] memory both = new uint256[](2);
        both[1] = 1;
        (evidence.proof, evidence.flags) = TestTree.build(linesOf[slot]).multiproof(both);
        evidence.leaves = new Leaf[](2);
        evidence.leaves[0] = linesOf[slot][0].toLeaf();
        evidence.leaves[1] = linesOf[slot][1].toLeaf();
        evidence.index = 1;
        _expectAccuse(
            evidence, abi.encodeWithSelector(IMeterWitness.MeterWitness_OtherMeter.selector, HOUSE, ROOF)
        );
        evidence.index = 0; // what settled many lines accuses as well
        _accuse(evidence);
    }

    function test_accuse_refusesSignaturesTwiceUnorderedMalformedOrTooMany() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        IMeterWitness.Evidence memory evidence = _evidence(slot, signed, 2);
        (evidence.signatures[0], evidence.signatures[1]) = (evidence.signatures[1], evidence.signatures[0]);
        _expectAccuse(evidence, abi.encodeWithSelector(IMeterWitness.MeterWitness_BadSigner.selector, nodes[0]));
        evidence.signatures[0] = evidence.signatures[1];
        _expectAccuse(evidence, abi.encodeWithSelector(IMeterWitness.MeterWitness_BadSigner.selector, nodes[0]));
        evidence.signatures[0] = hex"00";
        _expectAccuse(evidence, abi.encodeWithSelector(IMeterWitness.MeterWitness_BadSigner.selector, address(0)));
        evidence.signatures = new bytes[](33);
        _expectAccuse(evidence, abi.encodeWithSelector(IMeterWitness.MeterWitness_TooManySigners.selector, 33, 32));
    }

    /// In another epoch the same bytes are signatures of accounts that nobody knows.
    function test_accuse_refusesSignaturesOfAnotherEpochOrOfNobody() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        IMeterWitness.Evidence memory evidence = _evidence(slot, signed, 1);
        evidence.epoch = 2;
        _expectAccuse(evidence, _error(IMeterWitness.MeterWitness_NobodyLiable.selector));
        evidence.signatures = new bytes[](0);
        _expectAccuse(evidence, _error(IMeterWitness.MeterWitness_NobodyLiable.selector));
    }

    function test_accuse_findsSignersThatWereReplacedSince() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        address[] memory others = new address[](1);
        others[0] = alice;
        quorum.setSigners(others, 1);
        _accuse(slot, signed);
    }

    // ---- twice, late, and while leaving

    function test_conclude_oneSlotCostsASignerOnce() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        uint256 first = _accuse(slot, signed);
        uint256 second = _accuse(slot, signed);
        skip(REBUTTAL + 1);
        witness.conclude(first);
        bond.deposit{value: BOND_WEI}(nodes[0]); // starts again, honestly
        witness.conclude(second);
        assertEq(_bondOf(0), BOND_WEI);
        assertEq(bond.bondOf(nodes[0]).holds, 0);
        _expectAccuse(_evidence(slot, signed, 1), _error(IMeterWitness.MeterWitness_NobodyLiable.selector));
    }

    function test_conclude_notBeforeTheAnswersTime() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        uint256 id = _accuse(slot, signed);
        uint64 until = uint64(block.timestamp) + REBUTTAL;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IMeterWitness.MeterWitness_TooEarly.selector, until));
        witness.conclude(id);
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IMeterWitness.MeterWitness_TooLate.selector, until));
        witness.rebut(id, signed.statement, signed.r, signed.s);
        witness.conclude(id);
        vm.expectRevert(abi.encodeWithSelector(IMeterWitness.MeterWitness_NotOpen.selector, id));
        witness.conclude(id);
        vm.expectRevert(abi.encodeWithSelector(IMeterWitness.MeterWitness_NotOpen.selector, id + 1));
        witness.conclude(id + 1);
        vm.expectRevert(abi.encodeWithSelector(IMeterWitness.MeterWitness_NotOpen.selector, id + 1));
        witness.accusationAt(id + 1);
    }

    /// A liar that asks its bond back at once, or long before, gets away with nothing.
    function test_unbonding_doesNotSaveALiar() public {
        vm.prank(nodes[0]);
        bond.startUnbonding(BOND_WEI, nodes[0]);
        skip(2 days - 2 hours);
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        uint256 id = _accuse(slot, signed);
        skip(REBUTTAL + 1);
        vm.expectPartialRevert(bytes4(keccak256("OracleBond_Held(address,uint32)")));
        bond.release(nodes[0]);
        witness.conclude(id);
        assertEq(bond.bondOf(nodes[0]).unbondingWei, 0);
        assertEq(bond.creditOf(nodes[0]), 0);
    }

    // ---- construction

    function test_constructor_refusesFiguresThatProtectNobody() public {
        IMeterWitness.Settings memory figures = _settings();
        figures.windowSeconds = 0;
        _expectBadSettings(figures);
        figures = _settings();
        figures.rebuttalSeconds = 0;
        _expectBadSettings(figures);
        figures = _settings();
        figures.depositWei = 0;
        _expectBadSettings(figures);
        OracleBond brief = new OracleBond(address(manager), WINDOW - 1, 1, community);
        vm.expectRevert(
            abi.encodeWithSelector(IMeterWitness.MeterWitness_UnbondingTooShort.selector, WINDOW - 1, WINDOW)
        );
        new MeterWitness(ledger, elements, brief, _settings());
        assertEq(witness.settings().graceSeconds, GRACE);
    }

    // ---- the whole definition

    /// For any line and statement: accused exactly if one of the two contradictions holds.
    function testFuzz_accuse_exactlyTheContradictions(uint40 line, uint40 said, uint32 time, bool lodge) public {
        (line, said) = (uint40(bound(line, 0, 1_000)), uint40(bound(said, 0, 1_000)));
        uint256 begun = block.timestamp;
        time = uint32(bound(time, begun, begun + 4 hours));
        Signed memory signed = _says(time, said, 50);
        if (lodge) witness.lodge(signed.statement, signed.r, signed.s);
        skip(GRACE + SLOT_SECONDS);
        uint64 slot = _commitRoof(line, 50);
        skip(2 hours);
        bool later = time >= _endOf(slot) + SKEW && time <= block.timestamp;
        bool contradicted = (later && line > said) || (lodge && line < said);
        IMeterWitness.Evidence memory evidence = _evidence(slot, signed, 2);
        if (!contradicted) vm.expectRevert(IMeterWitness.MeterWitness_NoContradiction.selector);
        vm.prank(alice);
        witness.accuse{value: DEPOSIT_WEI}(evidence);
    }

    function _expectNoRebuttal(uint256 id, Signed memory signed) private {
        vm.expectRevert(IMeterWitness.MeterWitness_NoRebuttal.selector);
        witness.rebut(id, signed.statement, signed.r, signed.s);
    }

    function _expectBadSettings(IMeterWitness.Settings memory figures) private {
        vm.expectRevert(IMeterWitness.MeterWitness_BadSettings.selector);
        new MeterWitness(ledger, elements, bond, figures);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {BillingMode, EntityKind, MeterId} from "contracts/Types.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";

import {IRenewableCertificate} from "contracts/interfaces/IRenewableCertificate.sol";
import {TestTree} from "../metering/TestTree.sol";
import {CertificateTest} from "./CertificateTest.sol";

/// request
/// ├── period empty, longer than an hour, not committed, or its leaves not in the slots: refused
/// ├── meter another's, another's at that time, of a kind that does not generate, two meters: refused
/// ├── the same, an overlapping, a shifted, an enclosing or an enclosed period: refused
/// ├── all lots above the register: refused, even where the oracle let it go back
/// └── otherwise Wh = difference of the registers, the slots are taken, a lot waits for the certifier
/// approve, refuse, withdraw, issue
/// ├── by others, twice, in a wrong order: refused
/// └── a refusal frees the slots, a withdrawal does not
contract RequestsTest is CertificateTest {
    using TestTree for TestTree.Line;

    // ---- what is right

    function test_request_makesALotOfWhatWasMetered() public {
        (uint64 fromSlot, uint64 toSlot) = _sunnyHour(4_000);
        uint256 lotId = _request(fromSlot, toSlot);
        IRenewableCertificate.Lot memory lot = certificates.lotOf(lotId);
        assertEq(MeterId.unwrap(lot.meter), ROOF);
        assertEq(lot.wh, 4_000);
        assertEq(lot.producer, alice);
        assertEq(lot.zone, 1);
        assertEq(lot.requestedAt, block.timestamp);
        assertTrue(lot.source == IRenewableCertificate.Source.Solar && !lot.storageBehindMeter);
        assertTrue(lot.state == IRenewableCertificate.LotState.Requested && lot.issuer == address(0));
        (uint256 start, uint256 end) = certificates.periodOf(lotId);
        assertEq(start, (uint256(fromSlot) + 1) * SLOT_SECONDS);
        assertEq(end - start, 1 hours);
        assertEq(certificates.tallyOf(_id(ROOF)).certifiedWh, 4_000);
        assertTrue(!certificates.isCertified(_id(ROOF), fromSlot));
        for (uint64 slot = fromSlot + 1; slot <= toSlot; ++slot) assertTrue(certificates.isCertified(_id(ROOF), slot));
        assertTrue(!certificates.isCertified(_id(ROOF), toSlot + 1));
    }

    function test_request_earlierPeriodsMayComeLater() public {
        (uint64 first, uint64 second) = _sunnyHour(4_000);
        (, uint64 third) = _sunnyHour(8_000);
        _request(second, third);
        uint256 lotId = _request(first, second);
        assertEq(certificates.lotOf(lotId).wh, 4_000);
        assertEq(certificates.tallyOf(_id(ROOF)).certifiedWh, 12_000);
    }

    function test_request_forTheCommunity_byTheOperator() public {
        uint64 fromSlot = committed[0];
        uint64 toSlot = _shine(0, 7_000);
        IRenewableCertificate.Claim memory claim = _claimOf(FIELD, fromSlot, toSlot, 0);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        certificates.requestForCommunity(claim, _solar());
        _expectNotProducer(claim, FIELD, alice); // nor as if it were hers
        vm.prank(operator);
        uint256 lotId = certificates.requestForCommunity(claim, _solar());
        assertEq(certificates.lotOf(lotId).wh, 7_000);
        assertEq(certificates.lotOf(lotId).producer, operator);
    }

    // ---- period and proof

    function test_request_emptyPeriod_isRefused() public {
        uint64 slot = committed[0];
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, slot, slot, 1);
        _expectRefused(claim, abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_EmptyPeriod.selector, slot, slot));
        claim.toSlot = slot - 1;
        _expectRefused(claim, abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_EmptyPeriod.selector, slot, slot - 1));
    }

    function test_request_longerThanAnHour_isRefused() public {
        (uint64 fromSlot,) = _sunnyHour(4_000);
        uint64 toSlot = _shine(1_000, 0);
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, fromSlot, toSlot, 1);
        _expectRefused(claim, abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_PeriodTooLong.selector, 4_500, 3_600));
    }

    function test_request_ofASlotThatIsNotCommitted_isRefused() public {
        uint64 toSlot = _shine(1_000, 0);
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, toSlot - 1, toSlot, 1);
        claim.toSlot = toSlot + 1;
        claim.fromSlot = toSlot;
        (claim.fromLeaf, claim.fromProof, claim.fromPath) = _proofOf(toSlot, 0);
        _expectRefused(claim, abi.encodeWithSelector(IMeterLedger.MeterLedger_UnknownSlot.selector, toSlot + 1));
    }

    function test_request_withForgedRegisters_isRefused() public {
        uint64 toSlot = _shine(1_000, 0);
        bytes memory badProof = abi.encodeWithSelector(IMeterLedger.MeterLedger_BadProof.selector);
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, toSlot - 1, toSlot, 1);
        claim.toLeaf.registers = _wrap([uint40(9_000), 0, 500, 0, 0, 0]);
        _expectRefused(claim, badProof);
        claim = _claimOf(ROOF, toSlot - 1, toSlot, 1);
        claim.fromLeaf.salt = bytes32(0);
        _expectRefused(claim, badProof);
    }

    function test_request_nothingGenerated_isRefused() public {
        uint64 toSlot = _shine(0, 50);
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, toSlot - 1, toSlot, 1);
        _expectRefused(claim, abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_NothingGenerated.selector, _id(ROOF)));
    }

    function test_request_withoutSourceOrEvidence_isRefused() public {
        uint64 toSlot = _shine(1_000, 0);
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, toSlot - 1, toSlot, 1);
        IRenewableCertificate.Declaration memory declaration = _solar();
        declaration.source = IRenewableCertificate.Source.None;
        vm.startPrank(alice);
        vm.expectRevert(IRenewableCertificate.RenewableCertificate_NoSource.selector);
        certificates.request(claim, declaration);
        declaration = _solar();
        declaration.evidenceHash = bytes32(0);
        vm.expectRevert(IRenewableCertificate.RenewableCertificate_NoEvidence.selector);
        certificates.request(claim, declaration);
    }

    // ---- whose meter

    function test_request_forAnothersMeter_isRefused() public {
        uint64 toSlot = _shine(1_000, 0);
        for (uint256 terms = 0; terms < 4; ++terms) {
            _expectNotProducer(_claimOf(ROOF, toSlot - 1, toSlot, terms), ROOF, bob);
        }
        _expectNotProducer(_claimOf(ROOF, toSlot - 1, toSlot, 2), ROOF, alice);
        _expectNotProducer(_claimOf(ROOF, toSlot - 1, toSlot, type(uint256).max), ROOF, alice);
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, toSlot - 1, toSlot, 1);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_NotProducer.selector, _id(ROOF), operator));
        certificates.requestForCommunity(claim, _solar());
    }

    function test_request_ofTwoMeters_isRefused() public {
        uint64 toSlot = _shine(1_000, 1_000);
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, toSlot - 1, toSlot, 1);
        (claim.fromLeaf, claim.fromProof, claim.fromPath) = _proofOf(toSlot - 1, FIELD - 1);
        _expectRefused(claim, abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_TwoMeters.selector, _id(FIELD), _id(ROOF)));
    }

    function test_request_byAConsumer_isRefused() public {
        uint64 toSlot = _shine(1_000, 1_000);
        IRenewableCertificate.Claim memory claim = _claimOf(HOUSE, toSlot - 1, toSlot, 1);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_NotAGenerator.selector, _id(HOUSE), EntityKind.Consumer));
        certificates.request(claim, _solar());
    }

    /// Alice moves out and carol in: each gets what the roof made in her time, and nobody the other's.
    function test_request_afterAMove_isForWhoHeldTheMeterThen() public {
        uint64 before = committed[0];
        uint64 hers = _shine(1_000, 0);
        vm.prank(alice);
        registry.requestRelease(_id(ROOF));
        uint64 last = _shine(1_000, 0);
        _settle(last, linesOf[last], 0);
        _claim(ROOF, carol, BillingMode.Prepaid);
        uint64 gap = _shine(1_000, 0);
        _settle(gap, linesOf[gap], 0);
        uint64 carols = _shine(1_000, 0);

        _expectNotProducer(_claimOf(ROOF, gap, carols, 1), ROOF, alice);
        _expectNotProducer(_claimOf(ROOF, last, carols, 3), ROOF, carol);
        _expectNotProducer(_claimOf(ROOF, hers, gap, 1), ROOF, alice);
        _expectNotProducer(_claimOf(ROOF, before, hers, 1), ROOF, carol);
        assertEq(certificates.lotOf(_request(before, last)).wh, 2_000);
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, gap, carols, 3);
        vm.prank(carol);
        assertEq(certificates.lotOf(certificates.request(claim, _solar())).wh, 1_000);
        claim = _claimOf(ROOF, last, gap, 2); // nobody's in between
        vm.prank(operator);
        certificates.requestForCommunity(claim, _solar());
    }

    /// The next terms may begin with a settlement of a slot that is long committed: until then nobody claims past it.
    function test_request_pastAPendingChange_waitsForItsSettlement() public {
        uint64 from = committed[0];
        vm.prank(alice);
        registry.requestRelease(_id(ROOF));
        uint64 change = registry.get(_id(ROOF)).changeSlot;
        uint64 last = _shine(1_000, 0);
        assertEq(last, change);
        uint64 later = _shine(1_000, 0);
        _expectRefused(
            _claimOf(ROOF, last, later, 1),
            abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_TermsPending.selector, _id(ROOF), change)
        );
        assertEq(certificates.lotOf(_request(from, last)).wh, 1_000);
    }

    // ---- nothing twice

    function test_request_overlappingShiftedSplit_isRefused() public {
        (uint64 fromSlot, uint64 toSlot) = _sunnyHour(4_000);
        _sunnyHour(4_000);
        _request(fromSlot + 1, toSlot - 1); // slots 2 and 3 of the hour
        _expectTaken(fromSlot + 1, toSlot - 1, fromSlot + 2); // the same
        _expectTaken(fromSlot, toSlot, fromSlot + 2); // enclosing
        _expectTaken(fromSlot, toSlot - 1, fromSlot + 2); // ends with it
        _expectTaken(fromSlot + 2, toSlot + 2, toSlot - 1); // shifted
        _expectTaken(fromSlot + 2, toSlot - 1, toSlot - 1); // split
        _request(fromSlot, fromSlot + 1);
        _request(toSlot - 1, toSlot + 1);
        assertEq(certificates.tallyOf(_id(ROOF)).certifiedWh, 5_000);
    }

    /// Any two periods: the second is taken if and only if they share a slot, on both sides of a word's border.
    /// forge-config: default.fuzz.runs = 48
    function testFuzz_request_twoPeriods(uint256 a, uint256 b, uint256 c, uint256 d) public {
        vm.warp((1_111_296 - 4) * uint256(SLOT_SECONDS)); // 1 111 296 = 256 * 4341
        for (uint256 i = 0; i < 8; ++i) _shine(100, 0);
        uint64 from = uint64(committed[1] + bound(a, 0, 6));
        uint64 to = uint64(bound(b, from + 1, _min(from + 4, committed[8])));
        uint64 otherFrom = uint64(committed[1] + bound(c, 0, 6));
        uint64 otherTo = uint64(bound(d, otherFrom + 1, _min(otherFrom + 4, committed[8])));
        _request(from, to);
        if (otherFrom < to && from < otherTo) {
            _expectTaken(otherFrom, otherTo, from > otherFrom ? from + 1 : otherFrom + 1);
        } else {
            _request(otherFrom, otherTo);
        }
    }

    /// The oracle lets the roof's register go back while another roof's growth hides it in the totals.
    function test_request_ofEnergyCountedAgain_isRefused() public {
        uint64 from = committed[0];
        _register(4, EntityKind.Prosumer);
        uint64 high = _shine(10_000, 0);
        _request(from, high);
        TestTree.Line[] memory lines = new TestTree.Line[](2);
        lines[0] = _line(ROOF, [uint40(0), 0, 5_000, 0, 0, 0]);
        lines[1] = _line(4, [uint40(20_000), 0, 0, 10, 0, 0]);
        _tamper(lines);
        lines[0] = _line(ROOF, [uint40(9_000), 0, 5_000, 0, 0, 0]);
        lines[1] = _line(4, [uint40(30_000), 0, 0, 10, 0, 0]);
        _tamper(lines);
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, high + 1, high + 2, 1);
        _expectRefused(
            claim,
            abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_MoreThanMetered.selector, _id(ROOF), 19_000, 10_000)
        );
    }

    function _tamper(TestTree.Line[] memory lines) private {
        _keep(_commit(lines), lines);
    }

    // ---- certifier

    function test_decisions_onlyByTheCertifier() public {
        uint256 lotId = _lot();
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice);
        vm.startPrank(alice);
        vm.expectRevert(refusal);
        certificates.approveRequests(_list(lotId));
        vm.expectRevert(refusal);
        certificates.refuseRequest(lotId, "no");
        vm.expectRevert(refusal);
        certificates.withdrawLot(lotId, "no");
    }

    function test_approve_twice_isRefused() public {
        uint256 lotId = _lot();
        _approve(lotId);
        vm.startPrank(certifier);
        bytes memory decided = abi.encodeWithSelector(
            IRenewableCertificate.RenewableCertificate_NotRequested.selector, lotId, IRenewableCertificate.LotState.Approved
        );
        vm.expectRevert(decided);
        certificates.approveRequests(_list(lotId));
        vm.expectRevert(decided);
        certificates.refuseRequest(lotId, "too late");
    }

    function test_approve_theSameTwiceInABatch_isRefused() public {
        uint256 lotId = _lot();
        vm.prank(certifier);
        vm.expectPartialRevert(IRenewableCertificate.RenewableCertificate_NotRequested.selector);
        certificates.approveRequests(_list(lotId, lotId));
    }

    function test_approve_ofWhatWasNeverAsked_isRefused() public {
        vm.startPrank(certifier);
        vm.expectRevert(
            abi.encodeWithSelector(
                IRenewableCertificate.RenewableCertificate_NotRequested.selector, 99, IRenewableCertificate.LotState.None
            )
        );
        certificates.approveRequests(_list(99));
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_BatchTooLong.selector, 65, 64));
        certificates.approveRequests(new uint256[](65));
    }

    function test_refuse_freesThePeriod_andSaysWhy() public {
        uint256 lotId = _lot();
        vm.startPrank(certifier);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_BadText.selector, "reason", 0, 200));
        certificates.refuseRequest(lotId, "");
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_BadText.selector, "reason", 201, 200));
        certificates.refuseRequest(lotId, string(new bytes(201)));
        certificates.refuseRequest(lotId, "the papers show another roof");
        vm.stopPrank();
        assertEq(certificates.reasonOf(lotId), "the papers show another roof");
        assertTrue(certificates.lotOf(lotId).state == IRenewableCertificate.LotState.Refused);
        assertEq(certificates.tallyOf(_id(ROOF)).certifiedWh, 0);
        vm.expectPartialRevert(IRenewableCertificate.RenewableCertificate_NotApproved.selector);
        certificates.issue(_list(lotId));
        uint64 last = committed[committed.length - 1];
        assertEq(certificates.lotOf(_request(last - 4, last)).wh, 4_000);
        vm.prank(certifier);
        vm.expectPartialRevert(IRenewableCertificate.RenewableCertificate_NotRequested.selector);
        certificates.approveRequests(_list(lotId)); // the refused one stays refused
    }

    function test_withdraw_keepsThePeriodTaken() public {
        uint256 id = _issued(4_000);
        uint256 lotId = certificates.certificateOf(id).lot;
        vm.prank(certifier);
        certificates.withdrawLot(lotId, "the meter was tampered with");
        assertEq(certificates.reasonOf(lotId), "the meter was tampered with");
        uint64 last = committed[committed.length - 1];
        _expectTaken(last - 4, last, last - 3);
        vm.startPrank(certifier);
        vm.expectPartialRevert(IRenewableCertificate.RenewableCertificate_NotWithdrawable.selector);
        certificates.withdrawLot(lotId, "again");
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_BadText.selector, "reason", 0, 200));
        certificates.withdrawLot(lotId, "");
    }

    function test_withdraw_beforeIssue_endsIt() public {
        uint256 lotId = _lot();
        vm.prank(certifier);
        vm.expectPartialRevert(IRenewableCertificate.RenewableCertificate_NotWithdrawable.selector);
        certificates.withdrawLot(lotId, "requests are refused instead");
        _approve(lotId);
        vm.prank(certifier);
        certificates.withdrawLot(lotId, "papers were forged");
        vm.expectPartialRevert(IRenewableCertificate.RenewableCertificate_NotApproved.selector);
        certificates.issue(_list(lotId));
    }

    function test_issue_onceAndToTheProducerAlone() public {
        uint256 lotId = _lot();
        vm.expectPartialRevert(IRenewableCertificate.RenewableCertificate_NotApproved.selector);
        certificates.issue(_list(lotId));
        _approve(lotId);
        vm.prank(bob); // anyone
        certificates.issue(_list(lotId));
        assertEq(certificates.ownerOf(1), alice);
        vm.expectPartialRevert(IRenewableCertificate.RenewableCertificate_NotApproved.selector);
        certificates.issue(_list(lotId));
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_BatchTooLong.selector, 65, 64));
        certificates.issue(new uint256[](65));
    }

    // ---- helpers

    function _lot() private returns (uint256) {
        (uint64 fromSlot, uint64 toSlot) = _sunnyHour(4_000);
        return _request(fromSlot, toSlot);
    }

    function _min(uint256 a, uint256 b) private pure returns (uint256) {
        return a < b ? a : b;
    }

    function _expectRefused(IRenewableCertificate.Claim memory claim, bytes memory refusal) private {
        vm.prank(alice);
        vm.expectRevert(refusal);
        certificates.request(claim, _solar());
    }

    function _expectTaken(uint64 fromSlot, uint64 toSlot, uint64 taken) private {
        _expectRefused(
            _claimOf(ROOF, fromSlot, toSlot, 1),
            abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_AlreadyCertified.selector, _id(ROOF), taken)
        );
    }

    function _expectNotProducer(IRenewableCertificate.Claim memory claim, uint32 meter, address caller) private {
        vm.prank(caller);
        vm.expectRevert(
            abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_NotProducer.selector, _id(meter), caller)
        );
        certificates.request(claim, _solar());
    }
}

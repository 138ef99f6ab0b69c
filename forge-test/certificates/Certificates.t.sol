// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {IERC721Metadata} from "@openzeppelin/contracts/token/ERC721/extensions/IERC721Metadata.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {IRenewableCertificate} from "contracts/interfaces/IRenewableCertificate.sol";
import {CertificateTest} from "./CertificateTest.sol";
import {CertificateHolder} from "./CertificateHolder.sol";

/// split
/// ├── by others, fewer than two or too many parts, an empty part, another sum: refused
/// └── the parent ends, its parts begin with the same owner, lot and sum
/// retire
/// ├── by others, after a transfer, twice, of a split or withdrawn one, more than there is: refused
/// ├── in part: the rest is a certificate of its own
/// └── CO2 credits to the beneficiary once, at once or when the hour is known; rounded down
contract CertificatesTest is CertificateTest {
    // ---- split

    function test_split_intoParts() public {
        uint256 id = _issued(4_000);
        uint256[] memory wh = new uint256[](3);
        (wh[0], wh[1], wh[2]) = (1, 2_999, 1_000);
        vm.prank(alice);
        uint256 first = certificates.split(id, wh);
        assertEq(first, id + 1);
        for (uint256 i = 0; i < 3; ++i) {
            IRenewableCertificate.Certificate memory part = certificates.certificateOf(first + i);
            assertEq(part.wh, wh[i]);
            assertEq(part.parent, id);
            assertEq(part.lot, certificates.certificateOf(id).lot);
            assertEq(certificates.ownerOf(first + i), alice);
        }
        assertEq(certificates.balanceOf(alice), 3);
        assertTrue(certificates.certificateOf(id).state == IRenewableCertificate.CertificateState.Split);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, id));
        certificates.ownerOf(id);
        _expectNotActive(alice, id);
    }

    function test_split_wrongParts_isRefused() public {
        uint256 id = _issued(4_000);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_BadParts.selector, 1, 32));
        certificates.split(id, _list(4_000));
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_BadParts.selector, 33, 32));
        certificates.split(id, new uint256[](33));
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_EmptyPart.selector, 1));
        certificates.split(id, _list(4_000, 0));
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_SumDiffers.selector, 4_001, 4_000));
        certificates.split(id, _list(4_000, 1));
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_SumDiffers.selector, 3_999, 4_000));
        certificates.split(id, _list(3_998, 1));
        vm.expectRevert(); // the sum overflows
        certificates.split(id, _list(type(uint256).max, 4_001));
    }

    function test_splitAndRetire_byOthers_isRefused_butNotByWhoIsApproved() public {
        uint256 id = _issued(4_000);
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, bob, id));
        certificates.split(id, _list(1, 3_999));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, bob, id));
        certificates.retire(id, 1, bob, "mine now");
        vm.stopPrank();
        vm.prank(alice);
        certificates.approve(bob, id);
        vm.prank(bob);
        uint256 part = certificates.split(id, _list(1, 3_999));
        vm.prank(bob); // the approval was for the certificate that has ended
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, bob, part));
        certificates.retire(part, 1, bob, "mine now");
        vm.prank(alice);
        certificates.setApprovalForAll(bob, true);
        _retire(bob, part, 1, carol);
    }

    // ---- retire

    function test_retire_whole_mintsCreditsAtOnceIfKnown() public {
        uint256 id = _issued(4_001);
        uint64 hour = _hour() - 1;
        _publish(hour, GRAMS);
        // The first slot ended within the hour before.
        assertEq(_retire(alice, id, 4_000, carol), id);
        (IRenewableCertificate.Retirement memory retirement, string memory purpose) = certificates.retirementOf(id);
        assertEq(retirement.beneficiary, carol);
        assertEq(purpose, "home, November");
        assertEq(certificates.ownerOf(id), alice);
    }

    function test_retire_inPart_leavesTheRest() public {
        uint256 id = _issued(4_000);
        uint256 retired = _retire(alice, id, 1_500, bob);
        assertEq(retired, id + 1);
        assertEq(certificates.certificateOf(retired).wh, 1_500);
        assertEq(certificates.certificateOf(retired + 1).wh, 2_500);
        assertTrue(certificates.certificateOf(retired + 1).state == IRenewableCertificate.CertificateState.Active);
        _retire(alice, retired + 1, 2_500, bob);
        assertEq(certificates.certificateCount(), 3);
    }

    function test_retire_wrongAmountTextBeneficiary_isRefused() public {
        uint256 id = _issued(4_000);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_BadAmount.selector, 0, 4_000));
        certificates.retire(id, 0, bob, "x");
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_BadAmount.selector, 4_001, 4_000));
        certificates.retire(id, 4_001, bob, "x");
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_BadText.selector, "purpose", 0, 200));
        certificates.retire(id, 1, bob, "");
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_BadText.selector, "purpose", 201, 200));
        certificates.retire(id, 1, bob, string(new bytes(201)));
        vm.expectRevert(IRenewableCertificate.RenewableCertificate_ZeroBeneficiary.selector);
        certificates.retire(id, 1, address(0), "x");
    }

    function test_retire_afterTransfer_isTheNewOwnersAlone() public {
        uint256 id = _issued(4_000);
        vm.prank(alice);
        certificates.transferFrom(alice, bob, id);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, alice, id));
        certificates.retire(id, 4_000, alice, "too late");
        _retire(bob, id, 4_000, bob);
    }

    function test_retired_neitherMovesNorRetiresNorSplits() public {
        uint256 id = _issued(4_000);
        vm.prank(alice);
        certificates.approve(bob, id);
        _retire(alice, id, 4_000, alice);
        _expectNotActive(alice, id);
        vm.prank(bob); // approved before
        vm.expectPartialRevert(IRenewableCertificate.RenewableCertificate_NotActive.selector);
        certificates.transferFrom(alice, bob, id);
    }

    function test_withdrawn_neitherMovesNorRetires_withAllItsParts() public {
        uint256 id = _issued(4_000);
        vm.startPrank(alice);
        uint256 part = certificates.split(id, _list(1_000, 3_000));
        certificates.transferFrom(alice, bob, part);
        vm.stopPrank();
        _retire(bob, part, 500, carol);
        vm.prank(certifier);
        certificates.withdrawLot(1, "no such roof");
        _expectNotActive(alice, part + 1);
        _expectNotActive(bob, part + 3); // what is left of bob's
        (bool valid,, IRenewableCertificate.Lot memory lot, address owner) = certificates.verify(part + 3);
        assertTrue(!valid && lot.state == IRenewableCertificate.LotState.Withdrawn && owner == bob);
        // The retired part stays retired, but earns no credits any more.
        assertTrue(certificates.certificateOf(part + 2).state == IRenewableCertificate.CertificateState.Retired);
        _publish(_hour() - 1, _figures(GRAMS));
        vm.expectPartialRevert(IRenewableCertificate.RenewableCertificate_NotActive.selector);
        certificates.credit(part + 2);
    }

    function test_verify_byAnyone() public {
        uint256 id = _issued(4_000);
        vm.prank(makeAddr("a stranger"));
        (bool valid, IRenewableCertificate.Certificate memory certificate, IRenewableCertificate.Lot memory lot, address owner)
        = certificates.verify(id);
        assertTrue(valid && owner == alice && lot.issuer == certifier && certificate.wh == lot.wh);
        _retire(alice, id, 4_000, alice);
        (valid,,,) = certificates.verify(id);
        assertTrue(!valid);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_Unknown.selector, 77));
        certificates.verify(77);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_UnknownLot.selector, 77));
        certificates.lotOf(77);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_NotRetired.selector, 77));
        certificates.retirementOf(77);
    }

    // ---- CO2

    function test_credit_later_onceAndRoundedDown() public {
        uint256 id = _issuedInOneHour(1_999);
        uint64 hour = _hour() - 1;
        _retire(alice, id, 1_999, bob);
        assertEq(_credits(bob), 0);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_IntensityUnknown.selector, hour));
        certificates.credit(id);
        _publish(hour, GRAMS);
        certificates.credit(id);
        assertEq(_credits(bob), 1_401); // 1 999 Wh x 701 g/kWh = 1 401.299 g
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_AlreadyCredited.selector, id));
        certificates.credit(id);
        assertEq(token.totalSupply(CO2), 1_401);
    }

    function test_credit_atTheRetirement_isNotRepeated() public {
        uint256 id = _issuedInOneHour(1_000);
        _publish(_hour() - 1, GRAMS);
        _retire(alice, id, 1_000, bob);
        assertEq(_credits(bob), 701);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_AlreadyCredited.selector, id));
        certificates.credit(id);
    }

    function test_credit_ofACleanHour_isNothing_once() public {
        uint256 id = _issuedInOneHour(1_000);
        _publish(_hour() - 1, 0);
        _retire(alice, id, 1_000, bob);
        assertEq(token.totalSupply(CO2), 0);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_AlreadyCredited.selector, id));
        certificates.credit(id);
    }

    function test_credit_overTwoHours_countsTheLower() public {
        uint64 from = _shineTo(3); // three quarters past
        _shine(500, 0);
        uint64 to = _shine(500, 0);
        uint256 id = _issuedFor(from, to);
        uint64 hour = _hour() - 1;
        _publish(hour, 800);
        _retire(alice, id, 400, bob);
        assertEq(_credits(bob), 0);
        vm.expectRevert(
            abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_IntensityUnknown.selector, hour + 1)
        );
        certificates.credit(id + 1);
        skip(1 hours);
        _publish(hour + 1, 300);
        certificates.credit(id + 1);
        assertEq(_credits(bob), 120);
    }

    function test_credit_ofWhatIsNotRetired_isRefused() public {
        uint256 id = _issued(4_000);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_NotRetired.selector, id));
        certificates.credit(id);
    }

    /// However a lot is cut up before it is retired: never more credits than for the whole.
    /// forge-config: default.fuzz.runs = 32
    function testFuzz_credit_ofParts_neverAboveTheWhole(uint40 wh, uint256 cut, uint16 grams) public {
        wh = uint40(bound(wh, 3, 1e9));
        grams = uint16(bound(grams, 0, 1500));
        cut = bound(cut, 1, wh - 2);
        uint256 id = _issuedInOneHour(wh);
        _publish(_hour() - 1, grams);
        uint256 retired = _retire(alice, id, cut, bob);
        _retire(alice, retired + 1, 1, bob);
        _retire(alice, retired + 3, wh - cut - 1, bob);
        assertLe(_credits(bob), uint256(wh) * grams / 1000);
        assertGe(_credits(bob) + 2, uint256(wh) * grams / 1000);
    }

    // ---- hostile contracts

    function test_hostileProducer_stopsOnlyItsOwnIssue() public {
        (uint64 fromSlot,) = _sunnyHour(4_000);
        uint64 toSlot = _shine(100, 100);
        CertificateHolder producer = new CertificateHolder(CertificateHolder.Manner.Revert);
        manager.grantRole(OPERATOR, address(producer), 0);
        IRenewableCertificate.Claim memory claim = _claimOf(FIELD, toSlot - 1, toSlot, 0);
        vm.prank(address(producer));
        uint256 hostile = certificates.requestForCommunity(claim, _solar());
        uint256 honest = _request(fromSlot, toSlot - 1);
        vm.prank(certifier);
        certificates.approveRequests(_list(hostile, honest)); // approving calls nobody
        vm.expectRevert(CertificateHolder.CertificateHolder_Refused.selector);
        certificates.issue(_list(honest, hostile));
        certificates.issue(_list(honest));
        assertEq(certificates.balanceOf(alice), 1);
        producer.behave(CertificateHolder.Manner.Call);
        producer.arm(address(certificates), abi.encodeCall(certificates.issue, (_list(hostile))));
        certificates.issue(_list(hostile));
        assertTrue(!producer.callSucceeded()); // not twice
        assertEq(certificates.balanceOf(address(producer)), 1);
    }

    function test_hostileReceiver_isNotGivenAnything() public {
        uint256 id = _issued(4_000);
        for (uint256 i = 1; i < 5; ++i) {
            CertificateHolder receiver = new CertificateHolder(CertificateHolder.Manner(i));
            vm.prank(alice);
            vm.expectRevert();
            certificates.safeTransferFrom(alice, address(receiver), id);
        }
        assertEq(certificates.ownerOf(id), alice);
    }

    function test_hostileReceiver_cannotRetireTwiceByReentering() public {
        uint256 id = _issued(4_000);
        CertificateHolder receiver = new CertificateHolder(CertificateHolder.Manner.Call);
        receiver.arm(address(certificates), abi.encodeCall(certificates.retire, (id, 4_000, address(receiver), "once")));
        vm.prank(alice);
        certificates.safeTransferFrom(alice, address(receiver), id);
        assertTrue(receiver.callSucceeded()); // it is the owner already
        vm.prank(address(receiver));
        vm.expectPartialRevert(IRenewableCertificate.RenewableCertificate_NotActive.selector);
        certificates.retire(id, 1, address(receiver), "twice");
    }

    function test_hostileBeneficiary_stopsOnlyItsOwnCredits() public {
        uint256 id = _issuedInOneHour(4_000);
        HostileReceiver hostile = new HostileReceiver();
        hostile.behave(HostileReceiver.Manner.Revert);
        _retire(alice, id, 1_000, address(hostile)); // not known yet: nothing is minted
        _publish(_hour() - 1, GRAMS);
        vm.expectRevert();
        certificates.credit(id + 1);
        hostile.behaveByCalling(address(certificates), abi.encodeCall(certificates.credit, (id + 1)));
        certificates.credit(id + 1);
        assertTrue(!hostile.callSucceeded());
        assertEq(_credits(address(hostile)), 701);
        _retire(alice, id + 2, 3_000, bob);
        assertEq(token.totalSupply(CO2), 701 + 2_103);
    }

    // ---- ERC-721

    function test_erc721_interfaces() public view {
        assertTrue(certificates.supportsInterface(type(IERC721).interfaceId));
        assertTrue(certificates.supportsInterface(type(IERC721Metadata).interfaceId));
        assertTrue(certificates.supportsInterface(type(IERC165).interfaceId));
        assertTrue(!certificates.supportsInterface(0xffffffff));
        assertEq(certificates.symbol(), "OREC");
        assertEq(certificates.name(), "Ohmstead Renewable Certificate");
    }

    function test_erc721_approvals() public {
        uint256 id = _issued(4_000);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidApprover.selector, bob));
        certificates.approve(bob, id);
        vm.prank(alice);
        certificates.approve(bob, id);
        assertEq(certificates.getApproved(id), bob);
        vm.prank(bob);
        certificates.transferFrom(alice, carol, id);
        assertEq(certificates.getApproved(id), address(0)); // cleared
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, bob, id));
        certificates.transferFrom(carol, bob, id);
        vm.startPrank(carol);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidOperator.selector, address(0)));
        certificates.setApprovalForAll(address(0), true);
        certificates.setApprovalForAll(bob, true);
        vm.stopPrank();
        assertTrue(certificates.isApprovedForAll(carol, bob));
        vm.prank(bob);
        certificates.transferFrom(carol, bob, id);
        assertEq(certificates.balanceOf(bob), 1);
        assertEq(certificates.balanceOf(carol), 0);
    }

    function test_transfersAreCounted_otherActsAreNot() public {
        uint256 id = _issued(4_000);
        assertEq(certificates.certificateOf(id).transfers, 0);
        vm.prank(alice);
        certificates.transferFrom(alice, bob, id);
        vm.prank(bob);
        certificates.transferFrom(bob, bob, id); // to oneself, too
        vm.prank(bob);
        uint256 part = certificates.split(id, _list(1_000, 3_000));
        assertEq(certificates.certificateOf(id).transfers, 2);
        assertEq(certificates.certificateOf(part).transfers, 0);
        _retire(bob, part, 1_000, alice);
        assertEq(certificates.certificateOf(part).transfers, 0);
    }

    function test_erc721_wrongTransfers_areRefused() public {
        uint256 id = _issued(4_000);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(0)));
        certificates.transferFrom(alice, address(0), id);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721IncorrectOwner.selector, bob, id, alice));
        certificates.transferFrom(bob, carol, id);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        certificates.transferFrom(alice, bob, 99);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, 99));
        certificates.getApproved(99);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidOwner.selector, address(0)));
        certificates.balanceOf(address(0));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(token)));
        certificates.safeTransferFrom(alice, address(token), id); // a contract that knows nothing of ERC-721
    }

    function test_erc721_safeTransfer_asksTheReceiver() public {
        uint256 id = _issued(4_000);
        CertificateHolder receiver = new CertificateHolder(CertificateHolder.Manner.Accept);
        vm.prank(alice);
        certificates.safeTransferFrom(alice, address(receiver), id, "with data");
        assertEq(certificates.ownerOf(id), address(receiver));
        assertEq(receiver.lastData(), "with data");
        assertEq(receiver.lastFrom(), alice);
    }

    // ---- helpers

    /// Commits slots until the running one is the `quarter`-th (0..3) of an hour; returns the last committed.
    function _shineTo(uint256 quarter) private returns (uint64 slot) {
        slot = committed[committed.length - 1];
        while (registry.currentSlot() % 4 != quarter) slot = _shine(0, 0);
    }

    /// A certificate of the first slot of an hour; the hour is over when this returns.
    function _issuedInOneHour(uint40 wh) private returns (uint256 id) {
        uint64 from = _shineTo(0);
        uint64 to = _shine(wh, 0);
        id = _issuedFor(from, to);
        _shineTo(0);
    }

    function _expectNotActive(address owner, uint256 id) private {
        vm.startPrank(owner);
        bytes4 refusal = IRenewableCertificate.RenewableCertificate_NotActive.selector;
        vm.expectPartialRevert(refusal);
        certificates.retire(id, 1, owner, "again");
        vm.expectPartialRevert(refusal);
        certificates.split(id, _list(1, 1));
        if (certificates.certificateOf(id).state != IRenewableCertificate.CertificateState.Split) {
            vm.expectPartialRevert(refusal);
            certificates.transferFrom(owner, carol, id);
        }
        vm.stopPrank();
    }
}

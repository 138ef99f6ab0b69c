// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC1155Errors, IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {ICertificateSales} from "contracts/interfaces/ICertificateSales.sol";
import {IPowerCoinDesk} from "contracts/interfaces/IPowerCoinDesk.sol";
import {IRenewableCertificate} from "contracts/interfaces/IRenewableCertificate.sol";
import {GridToken} from "contracts/tokens/GridToken.sol";
import {TokenReceiver} from "contracts/tokens/TokenReceiver.sol";
import {CertificateHolder} from "./CertificateHolder.sol";
import {SalesTest} from "./SalesTest.sol";

/// offer
/// ├── by others, of what does not stand, without approval, at no price, for too long or not at all: refused
/// └── the seller keeps the certificate; offering again replaces the offer
/// withdrawOffer
/// └── by the seller alone, whatever has become of the certificate, as long as the offer is the certificate's
/// buy
/// ├── at another price, closed, one's own, without the money or its approval: refused
/// ├── in INR: all of it to the seller; in ether: the change comes back
/// └── an offer that its certificate has outlived is refused: split, retired, void, handed on, approval gone
contract CertificateSalesTest is SalesTest {
    // ---- offer

    function test_offer_leavesTheCertificateWithItsSeller() public {
        uint256 id = _issued(4_000);
        vm.startPrank(alice);
        certificates.approve(address(sales), id);
        vm.expectEmit(address(sales));
        emit ICertificateSales.CertificateOffered(id, alice, PRICE, block.timestamp + 60);
        sales.offer(id, PRICE, block.timestamp + 60);
        (ICertificateSales.Offer memory current, bool open) = sales.offerOf(id);
        assertEq(current.seller, alice);
        assertEq(current.priceMicroInr, PRICE);
        assertEq(current.closesAt, block.timestamp + 60);
        assertTrue(open);
        assertEq(certificates.ownerOf(id), alice);
    }

    function test_offer_withApprovalForAll() public {
        uint256 id = _issued(4_000);
        vm.startPrank(alice);
        certificates.setApprovalForAll(address(sales), true);
        sales.offer(id, PRICE, block.timestamp + 1 days);
        vm.stopPrank();
        _buy(bob, id);
        assertEq(certificates.ownerOf(id), bob);
    }

    function test_offer_byAnother_isRefused() public {
        uint256 id = _issued(4_000);
        vm.startPrank(alice);
        certificates.approve(address(sales), id);
        certificates.setApprovalForAll(bob, true); // may dispose of it, and still does not own it
        vm.stopPrank();
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(ICertificateSales.CertificateSales_NotOwner.selector, id, bob));
        sales.offer(id, PRICE, block.timestamp + 1 days);
    }

    function test_offer_ofWhatDoesNotStand_isRefused() public {
        uint256 split = _issued(4_000);
        vm.prank(alice);
        certificates.split(split, _list(1_000, 3_000));
        uint256 retired = _issued(4_000);
        _retire(alice, retired, 4_000, bob);
        uint256 void = _issued(4_000);
        _withdrawLotOf(void);
        uint256[] memory ids = _list(split, retired);
        for (uint256 i = 0; i < 3; ++i) {
            uint256 id = i < 2 ? ids[i] : void;
            vm.prank(alice);
            _expectNotStanding(id);
            sales.offer(id, PRICE, block.timestamp + 1 days);
        }
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_Unknown.selector, 999));
        sales.offer(999, PRICE, block.timestamp + 1 days);
    }

    function test_offer_withoutApproval_isRefused() public {
        uint256 id = _issued(4_000);
        vm.startPrank(alice);
        certificates.approve(bob, id); // somebody else's approval is none
        _expectNotApproved(id);
        sales.offer(id, PRICE, block.timestamp + 1 days);
    }

    function test_offer_price() public {
        uint256 id = _issued(4_000);
        uint256 max = type(uint56).max;
        vm.startPrank(alice);
        certificates.approve(address(sales), id);
        vm.expectRevert(abi.encodeWithSelector(ICertificateSales.CertificateSales_BadPrice.selector, 0, max));
        sales.offer(id, 0, block.timestamp + 1 days);
        vm.expectRevert(abi.encodeWithSelector(ICertificateSales.CertificateSales_BadPrice.selector, max + 1, max));
        sales.offer(id, max + 1, block.timestamp + 1 days);
        sales.offer(id, max, block.timestamp + 1 days);
        (ICertificateSales.Offer memory current,) = sales.offerOf(id);
        assertEq(current.priceMicroInr, max);
        sales.offer(id, 1, block.timestamp + 1 days);
    }

    function test_offer_duration() public {
        uint256 id = _issued(4_000);
        uint256 latest = block.timestamp + sales.MAX_DURATION();
        vm.startPrank(alice);
        certificates.approve(address(sales), id);
        uint256[3] memory wrong = [block.timestamp, 0, latest + 1];
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(ICertificateSales.CertificateSales_BadClosing.selector, wrong[i], latest)
            );
            sales.offer(id, PRICE, wrong[i]);
        }
        sales.offer(id, PRICE, latest);
        sales.offer(id, PRICE, block.timestamp + 1);
    }

    function test_offer_againReplacesIt() public {
        uint256 id = _offered();
        vm.prank(alice);
        sales.offer(id, PRICE + 1, block.timestamp + 2 days);
        vm.prank(bob);
        vm.expectRevert(
            abi.encodeWithSelector(ICertificateSales.CertificateSales_PriceDiffers.selector, id, PRICE, PRICE + 1)
        );
        sales.buy(id, PRICE);
        vm.prank(bob);
        sales.buy(id, PRICE + 1);
        assertEq(_inr(alice), PRICE + 1);
    }

    // ---- withdrawOffer

    function test_withdrawOffer_endsIt() public {
        uint256 id = _offered();
        vm.expectEmit(address(sales));
        emit ICertificateSales.OfferWithdrawn(id, alice);
        vm.prank(alice);
        sales.withdrawOffer(id);
        _requireNoOffer(id);
        _expectNotOffered(id);
        _buy(bob, id);
        _expectNotOffered(id);
        vm.prank(alice);
        sales.withdrawOffer(id);
    }

    function test_withdrawOffer_byAnother_isRefused() public {
        uint256 id = _offered();
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(ICertificateSales.CertificateSales_NotSeller.selector, id, bob));
        sales.withdrawOffer(id);
    }

    function test_withdrawOffer_ofNothing_isRefused() public {
        uint256 id = _issued(4_000);
        vm.startPrank(alice);
        _expectNotOffered(id);
        sales.withdrawOffer(id);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_Unknown.selector, 999));
        sales.withdrawOffer(999);
    }

    function test_withdrawOffer_ofWhatCannotBeTakenAnyMore() public {
        uint256 closed = _offered();
        uint256 retired = _offered();
        uint256 split = _offered();
        _retire(alice, retired, 4_000, bob);
        vm.startPrank(alice);
        certificates.split(split, _list(1_000, 3_000));
        vm.warp(block.timestamp + 2 days);
        sales.withdrawOffer(closed);
        sales.withdrawOffer(retired);
        sales.withdrawOffer(split);
        assertEq(_sellerOf(split), address(0));
    }

    // ---- buy, in INR

    function test_buy_changesHandsAtThePrice() public {
        uint256 id = _offered();
        vm.expectEmit(address(sales));
        emit ICertificateSales.CertificateSold(id, alice, bob, PRICE);
        _buy(bob, id);
        assertEq(certificates.ownerOf(id), bob);
        assertEq(_inr(alice), PRICE);
        assertEq(_inr(bob), 1_000 * RUPEE - PRICE);
        _requireNoOffer(id);
        _requireHoldsNothing();
        _expectNotOffered(id);
        _buy(carol, id);
    }

    function test_buy_soldOn() public {
        uint256 id = _offered();
        _buy(bob, id);
        _fund(alice, RUPEE);
        _offer(bob, id, 2 * RUPEE);
        vm.prank(alice);
        sales.buy(id, 2 * RUPEE);
        assertEq(certificates.ownerOf(id), alice);
        _requireNoOffer(id); // alice's first one is not back
    }

    function test_buy_atAnotherPrice_isRefused() public {
        uint256 id = _offered();
        uint256[2] memory wrong = [PRICE - 1, PRICE + 1];
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(bob);
            vm.expectRevert(
                abi.encodeWithSelector(ICertificateSales.CertificateSales_PriceDiffers.selector, id, wrong[i], PRICE)
            );
            sales.buy(id, wrong[i]);
        }
    }

    function test_buy_whatNobodyOffers_isRefused() public {
        uint256 id = _issued(4_000);
        _expectNotOffered(id);
        _buy(bob, id);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_Unknown.selector, 999));
        _buy(bob, 999);
    }

    function test_buy_upToItsEnd() public {
        uint256 id = _offered();
        uint256 closesAt = block.timestamp + 1 days;
        vm.warp(closesAt);
        assertTrue(!_isOpen(id));
        vm.expectRevert(abi.encodeWithSelector(ICertificateSales.CertificateSales_Closed.selector, id, closesAt));
        _buy(bob, id);
        vm.warp(closesAt - 1);
        assertTrue(_isOpen(id));
        _buy(bob, id);
    }

    function test_buy_onesOwn_isRefused() public {
        uint256 id = _offered();
        _fund(alice, PRICE);
        vm.expectRevert(abi.encodeWithSelector(ICertificateSales.CertificateSales_OwnOffer.selector, id));
        _buy(alice, id);
    }

    function test_buy_withoutMoneyOrItsApproval_isRefused() public {
        uint256 id = _offered();
        vm.expectRevert(
            abi.encodeWithSelector(IERC1155Errors.ERC1155MissingApprovalForAll.selector, address(sales), carol)
        );
        _buy(carol, id);
        _fund(carol, PRICE - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IERC1155Errors.ERC1155InsufficientBalance.selector, carol, PRICE - 1, PRICE, INR)
        );
        _buy(carol, id);
        assertTrue(_isOpen(id));
    }

    // ---- buy, in ether

    function test_buy_withEther_changeComesBackAsInr() public {
        uint256 id = _offered();
        vm.deal(carol, 1 ether);
        vm.prank(carol);
        sales.buy{value: 0.001 ether}(id, PRICE); // Rs 200
        assertEq(certificates.ownerOf(id), carol);
        assertEq(_inr(alice), PRICE);
        assertEq(_inr(carol), 200 * RUPEE - PRICE);
        assertEq(carol.balance, 0.999 ether);
        _requireHoldsNothing();
    }

    function test_buy_withExactlyEnoughEther() public {
        uint256 id = _offered();
        uint256 enough = desk.etherFor(PRICE);
        vm.deal(carol, enough);
        vm.prank(carol);
        sales.buy{value: enough}(id, PRICE);
        assertEq(_inr(carol), 0);
        assertEq(_inr(alice), PRICE);
    }

    function test_buy_withTooLittleEther_isRefused() public {
        uint256 id = _offered();
        vm.deal(bob, 1 ether);
        uint256 short = desk.etherFor(PRICE) - 1;
        vm.prank(bob);
        vm.expectRevert(
            abi.encodeWithSelector(ICertificateSales.CertificateSales_TooLittleEther.selector, PRICE - 1, PRICE)
        );
        sales.buy{value: short}(id, PRICE); // bob's INR are not added
        vm.prank(bob);
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_ZeroAmount.selector);
        sales.buy{value: 1}(id, PRICE);
        assertEq(bob.balance, 1 ether);
    }

    function test_buy_withEther_atAStaleRate_isRefused() public {
        (, uint256 updatedAt) = desk.etherRate();
        uint256 id = _issued(4_000);
        vm.warp(block.timestamp + 101 days);
        _offer(alice, id, PRICE);
        vm.deal(bob, 1 ether);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_StaleRate.selector, updatedAt, 100 days));
        sales.buy{value: 1 ether}(id, PRICE);
        _buy(bob, id); // INR need no rate
    }

    function testFuzz_buy_conservesMoney(uint56 price, uint256 weiSent) public {
        uint256 id = _issued(4_000);
        price = uint56(bound(price, 1, 10 ** 15));
        weiSent = bound(weiSent, 0, 10_000 ether);
        vm.deal(carol, weiSent);
        _offer(alice, id, price);
        _fund(bob, RUPEE); // other people's money is there, too
        uint256 supply = token.totalSupply(INR);
        uint256 brought = desk.quoteEther(weiSent);
        vm.prank(carol);
        try sales.buy{value: weiSent}(id, price) {
            assertGe(brought, price);
            assertEq(certificates.ownerOf(id), carol);
            assertEq(_inr(alice), price);
            assertEq(_inr(carol), brought - price);
            assertEq(token.totalSupply(INR), supply + brought);
        } catch {
            assertLt(brought, price);
            assertEq(certificates.ownerOf(id), alice);
            assertEq(carol.balance, weiSent);
        }
        assertEq(_inr(bob), 1_001 * RUPEE);
        _requireHoldsNothing();
    }

    // ---- offers that their certificate has outlived

    function test_stale_split_isRefused() public {
        uint256 id = _offered();
        vm.prank(alice);
        uint256 part = certificates.split(id, _list(1_000, 3_000));
        _requireNotSold(id);
        _expectNotOffered(part); // parts are offered anew
        _buy(bob, part);
    }

    function test_stale_retired_isRefused() public {
        uint256 id = _offered();
        _retire(alice, id, 4_000, alice);
        _requireNotSold(id);
    }

    function test_stale_retiredInPart_isRefused() public {
        uint256 id = _offered();
        _retire(alice, id, 1, alice);
        _requireNotSold(id);
        _expectNotOffered(id + 2); // what is left is offered anew
        _buy(bob, id + 2);
    }

    function test_stale_withdrawnByTheCertifier_isRefused() public {
        uint256 id = _offered();
        _withdrawLotOf(id);
        _requireNotSold(id);
    }

    function test_stale_handedOn_isRefused() public {
        uint256 id = _offered();
        vm.prank(bob);
        certificates.setApprovalForAll(address(sales), true); // bob sells others of his
        vm.prank(alice);
        certificates.transferFrom(alice, bob, id);
        _requireNoOffer(id);
        _expectNotOffered(id);
        _buy(carol, id);
        _expectNotOffered(id);
        vm.prank(alice);
        sales.withdrawOffer(id);
    }

    function test_stale_handedOnAndBack_isRefused() public {
        uint256 id = _offered();
        vm.prank(alice);
        certificates.setApprovalForAll(address(sales), true); // outlasts the transfers
        vm.prank(alice);
        certificates.transferFrom(alice, bob, id);
        vm.prank(bob);
        certificates.transferFrom(bob, alice, id);
        _requireNoOffer(id);
        _expectNotOffered(id);
        _buy(bob, id);
        assertEq(certificates.certificateOf(id).transfers, 2);
    }

    function test_stale_approvalTakenBack_isRefused() public {
        uint256 id = _offered();
        vm.prank(alice);
        certificates.approve(address(0), id);
        assertTrue(!_isOpen(id));
        _expectNotApproved(id);
        _buy(bob, id);
        vm.startPrank(alice);
        certificates.setApprovalForAll(address(sales), true);
        assertTrue(_isOpen(id));
        certificates.setApprovalForAll(address(sales), false);
        vm.stopPrank();
        _expectNotApproved(id);
        _buy(bob, id);
    }

    function test_offerOf_whatThereIsNot() public {
        uint256 id = _issued(4_000);
        _requireNoOffer(id);
        vm.expectRevert(abi.encodeWithSelector(IRenewableCertificate.RenewableCertificate_Unknown.selector, 999));
        sales.offerOf(999);
    }

    // ---- pausing

    function test_pause_stopsOffersAndSales_notWithdrawing() public {
        uint256 id = _offered();
        vm.prank(pauser);
        sales.pause();
        assertTrue(!_isOpen(id));
        vm.expectRevert(Pausable.EnforcedPause.selector);
        _buy(bob, id);
        vm.prank(alice);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        sales.offer(id, PRICE, block.timestamp + 1 days);
        vm.prank(alice);
        sales.withdrawOffer(id);
        vm.prank(pauser);
        sales.unpause();
        _offer(alice, id, PRICE);
        _buy(bob, id);
    }

    function test_pause_byOthers_isRefused() public {
        address[4] memory others = [operator, certifier, alice, address(this)];
        for (uint256 i = 0; i < 3; ++i) {
            vm.startPrank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, others[i]));
            sales.pause();
            vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, others[i]));
            sales.unpause();
            vm.stopPrank();
        }
    }

    // ---- hostile buyers

    function test_buyersContract_thatRefuses_buysNothing() public {
        uint256 id = _offered();
        CertificateHolder.Manner[4] memory manners = [
            CertificateHolder.Manner.Revert,
            CertificateHolder.Manner.WrongAnswer,
            CertificateHolder.Manner.ShortAnswer,
            CertificateHolder.Manner.BurnGas
        ];
        CertificateHolder buyer = _holderWithMoney();
        for (uint256 i = 0; i < manners.length; ++i) {
            buyer.behave(manners[i]);
            vm.expectRevert();
            _buy(address(buyer), id);
            assertEq(_inr(address(buyer)), PRICE);
            assertEq(certificates.ownerOf(id), alice);
            assertTrue(_isOpen(id));
        }
        buyer.behave(CertificateHolder.Manner.Accept);
        _buy(address(buyer), id);
        assertEq(certificates.ownerOf(id), address(buyer));
        assertEq(buyer.lastFrom(), alice);
    }

    function test_buyersContract_withoutTheHook_buysNothing() public {
        uint256 id = _offered();
        HostileReceiver buyer = new HostileReceiver(); // takes INR and knows no certificates
        _fund(address(buyer), PRICE);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(buyer)));
        _buy(address(buyer), id);
    }

    function test_buyersContract_thatRefusesItsChange_buysNothing() public {
        uint256 id = _offered();
        // Neither a receiver of certificates nor of INR: it fails at the certificate, which comes before the change.
        vm.deal(address(desk), 10 ether);
        vm.prank(address(desk));
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(desk)));
        sales.buy{value: 1 ether}(id, PRICE);
        PickyBuyer picky = new PickyBuyer();
        vm.deal(address(picky), 1 ether);
        vm.prank(address(picky));
        vm.expectRevert(PickyBuyer.PickyBuyer_NoChange.selector);
        sales.buy{value: 1 ether}(id, PRICE);
        uint256 exact = desk.etherFor(PRICE);
        vm.prank(address(picky));
        sales.buy{value: exact}(id, PRICE);
        assertEq(certificates.ownerOf(id), address(picky));
    }

    function test_buyersContract_cannotReenter() public {
        uint256 other = _offered();
        uint256 id = _offered();
        bytes[3] memory attempts = [
            abi.encodeCall(sales.buy, (other, PRICE)),
            abi.encodeCall(sales.offer, (id, 1, block.timestamp + 1)),
            abi.encodeCall(sales.withdrawOffer, (id))
        ];
        CertificateHolder buyer = _holderWithMoney();
        _fund(address(buyer), PRICE);
        buyer.behave(CertificateHolder.Manner.Call);
        for (uint256 i = 0; i < attempts.length; ++i) {
            uint256 state = vm.snapshotState();
            buyer.arm(address(sales), attempts[i]);
            _buy(address(buyer), id);
            assertTrue(!buyer.callSucceeded());
            assertEq(certificates.ownerOf(id), address(buyer));
            assertEq(_inr(alice), PRICE);
            vm.revertToState(state);
        }
    }

    // ---- hostile sellers

    function test_sellersContract_thatRefusesInr_stopsItsOwnSaleOnly() public {
        uint256 fair = _offered();
        (HostileReceiver seller, uint256 id) = _contractsOffer();
        HostileReceiver.Manner[3] memory manners =
            [HostileReceiver.Manner.Revert, HostileReceiver.Manner.WrongAnswer, HostileReceiver.Manner.PassOnAndRevert];
        for (uint256 i = 0; i < manners.length; ++i) {
            seller.behave(manners[i]);
            vm.expectRevert();
            _buy(bob, id);
            assertEq(_inr(bob), 1_000 * RUPEE);
        }
        _buy(bob, fair);
        seller.behave(HostileReceiver.Manner.Accept);
        _buy(bob, id);
        assertEq(_inr(address(seller)), PRICE);
    }

    function test_sellersContract_cannotReenter() public {
        uint256 other = _offered();
        (HostileReceiver seller, uint256 id) = _contractsOffer();
        bytes[3] memory attempts = [
            abi.encodeCall(sales.buy, (other, PRICE)),
            abi.encodeCall(sales.offer, (id, 1, block.timestamp + 1)),
            abi.encodeCall(sales.withdrawOffer, (id))
        ];
        bytes memory refusal = abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        for (uint256 i = 0; i < attempts.length; ++i) {
            uint256 state = vm.snapshotState();
            seller.behaveByCalling(address(sales), attempts[i]);
            _buy(bob, id);
            assertTrue(!seller.callSucceeded());
            assertEq(seller.callAnswer(), refusal);
            assertEq(certificates.ownerOf(id), bob);
            _requireNoOffer(id);
            vm.revertToState(state);
        }
    }

    function test_sellersContract_seesTheOfferEnded() public {
        (HostileReceiver seller, uint256 id) = _contractsOffer();
        seller.behaveByCalling(address(sales), abi.encodeCall(sales.offerOf, (id)));
        _buy(bob, id);
        assertTrue(seller.callSucceeded());
        assertEq(seller.callAnswer(), abi.encode(address(0), 0, 0, false));
    }

    function test_sellersContract_thatKeepsTheCertificate_getsNoMoney() public {
        (HostileReceiver seller, uint256 id) = _contractsOffer();
        seller.behaveByCalling(
            address(certificates), abi.encodeCall(certificates.transferFrom, (address(seller), carol, id))
        );
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InsufficientApproval.selector, address(sales), id));
        _buy(bob, id);
        seller.behaveByCalling(
            address(certificates), abi.encodeCall(certificates.retire, (id, 4_000, carol, "paid and used"))
        );
        vm.expectRevert(
            abi.encodeWithSelector(
                IRenewableCertificate.RenewableCertificate_NotActive.selector,
                id,
                IRenewableCertificate.CertificateState.Retired,
                IRenewableCertificate.LotState.Issued
            )
        );
        _buy(bob, id);
        assertEq(_inr(bob), 1_000 * RUPEE);
        assertEq(_inr(address(seller)), 0);
    }

    // ---- what is sent here

    function test_unitsSentHere_areRefused() public {
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_UnwantedId.selector, INR));
        token.safeTransferFrom(bob, address(sales), INR, 1, "");
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_UnwantedId.selector, INR));
        token.safeTransferFrom(bob, address(sales), INR, 0, "");
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_UnwantedId.selector, INR));
        desk.buyWithEther{value: 1 ether}(address(sales), 0);
        GridToken foreign = new GridToken(address(manager));
        manager.setTargetFunctionRole(address(foreign), _selectors(foreign.mintCo2.selector), 0);
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_ForeignToken.selector, address(foreign)));
        foreign.mintCo2(address(sales), 1);
    }

    function test_unitsSentHereByASellersHook_areRefused() public {
        (HostileReceiver seller, uint256 id) = _contractsOffer();
        seller.behaveByCalling(
            address(token), abi.encodeCall(token.safeTransferFrom, (address(seller), address(sales), INR, 1, ""))
        );
        vm.deal(carol, 1 ether);
        vm.prank(carol);
        sales.buy{value: 1 ether}(id, PRICE);
        assertTrue(!seller.callSucceeded());
        _requireHoldsNothing();
    }

    function test_certificatesAndEtherSentHere_areRefused() public {
        uint256 id = _issued(4_000);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(sales)));
        certificates.safeTransferFrom(alice, address(sales), id);
        (bool sent,) = address(sales).call{value: 1}("");
        assertTrue(!sent);
    }

    // ---- helpers

    function _withdrawLotOf(uint256 id) private {
        uint256 lotId = certificates.certificateOf(id).lot;
        vm.prank(certifier);
        certificates.withdrawLot(lotId, "forged");
    }

    function _holderWithMoney() private returns (CertificateHolder holder) {
        holder = new CertificateHolder(CertificateHolder.Manner.Accept);
        _fund(address(holder), PRICE);
    }

    /// A contract that owns a certificate and offers it.
    function _contractsOffer() private returns (HostileReceiver seller, uint256 id) {
        seller = new HostileReceiver();
        id = _issued(4_000);
        vm.prank(alice);
        certificates.transferFrom(alice, address(seller), id);
        _offer(address(seller), id, PRICE);
    }

    function _requireNotSold(uint256 id) private {
        assertTrue(!_isOpen(id));
        _expectNotStanding(id);
        _buy(bob, id);
    }

    function _requireNoOffer(uint256 id) private view {
        (ICertificateSales.Offer memory current, bool open) = sales.offerOf(id);
        assertEq(current.seller, address(0));
        assertEq(current.priceMicroInr, 0);
        assertEq(current.closesAt, 0);
        assertTrue(!open);
    }

    function _requireHoldsNothing() private view {
        assertEq(_inr(address(sales)), 0);
        assertEq(certificates.balanceOf(address(sales)), 0);
        assertEq(address(sales).balance, 0);
    }

    function _expectNotStanding(uint256 id) private {
        vm.expectRevert(abi.encodeWithSelector(ICertificateSales.CertificateSales_NotStanding.selector, id));
    }

    function _expectNotOffered(uint256 id) private {
        vm.expectRevert(abi.encodeWithSelector(ICertificateSales.CertificateSales_NotOffered.selector, id));
    }

    function _expectNotApproved(uint256 id) private {
        vm.expectRevert(abi.encodeWithSelector(ICertificateSales.CertificateSales_NotApproved.selector, id, alice));
    }
}

/// Takes certificates, and no INR.
contract PickyBuyer {
    error PickyBuyer_NoChange();

    function onERC721Received(address, address, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC721Received.selector;
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external pure returns (bytes4) {
        revert PickyBuyer_NoChange();
    }
}

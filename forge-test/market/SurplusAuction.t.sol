// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {BillingMode, EntityKind, MeterId} from "contracts/Types.sol";
import {IClearingHouse} from "contracts/interfaces/IClearingHouse.sol";
import {ISurplusAuction} from "contracts/interfaces/ISurplusAuction.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {SurplusAuction} from "contracts/market/SurplusAuction.sol";
import {TokenReceiver} from "contracts/tokens/TokenReceiver.sol";
import {AuctionTest} from "./AuctionTest.sol";

contract SurplusAuctionTest is AuctionTest {
    // ---- opening

    function test_openLot_takesTheUnitsIn() public {
        uint256 before = token.balanceOf(seller, ENERGY);
        uint256 lotId = _openLot();
        assertEq(lotId, 1);
        assertEq(token.balanceOf(seller, ENERGY), before - LOT_WH);
        assertEq(token.balanceOf(address(auction), ENERGY), LOT_WH);
        ISurplusAuction.Lot memory lot = auction.lot(lotId);
        assertEq(lot.seller, seller);
        assertEq(lot.commitUntil, block.timestamp + WINDOW);
        assertEq(lot.revealUntil, block.timestamp + 2 * WINDOW);
        assertTrue(lot.state == ISurplusAuction.LotState.Open);
    }

    function test_openLot_refusesWhoDoesNotHoldTheMeter() public {
        vm.expectRevert(
            abi.encodeWithSelector(ISurplusAuction.SurplusAuction_NotHolder.selector, ROOF, address(this))
        );
        auction.openLot(_invitation());
    }

    function test_openLot_refusesBadFigures() public {
        ISurplusAuction.Invitation memory bad = _invitation();
        bad.energyWh = 63;
        _expectBadEnergy(63, 64);
        _openLot(bad);
        bad.energyWh = 2 ** 31;
        _expectBadEnergy(2 ** 31, 64);
        _openLot(bad);

        bad = _invitation();
        bad.bondMicroInr = uint64(MIN_BOND - 1);
        vm.expectRevert(
            abi.encodeWithSelector(ISurplusAuction.SurplusAuction_BondTooSmall.selector, MIN_BOND - 1, MIN_BOND)
        );
        _openLot(bad);

        bad = _invitation();
        bad.commitSeconds = 9;
        vm.expectPartialRevert(ISurplusAuction.SurplusAuction_BadDuration.selector);
        _openLot(bad);
        bad = _invitation();
        bad.revealSeconds = 30 days + 1;
        vm.expectPartialRevert(ISurplusAuction.SurplusAuction_BadDuration.selector);
        _openLot(bad);
    }

    function test_openLot_refusesDeliveryBeforeTheEnd() public {
        ISurplusAuction.Invitation memory bad = _invitation();
        --bad.firstSlot;
        _expectBadDelivery(bad);
        _openLot(bad);
        bad = _invitation();
        bad.slotCount = 0;
        _expectBadDelivery(bad);
        _openLot(bad);
        bad.slotCount = 2_977;
        _expectBadDelivery(bad);
        _openLot(bad);
        (bad.slotCount, bad.firstSlot) = (1, 2 ** 40);
        _expectBadDelivery(bad);
        _openLot(bad);
    }

    function test_openLot_andBid_notWhilePaused() public {
        uint256 lotId = _openLot();
        _bidder(0);
        vm.prank(pauser);
        auction.pause();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        _openLot();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vm.prank(_bidder(0));
        auction.commitBid(lotId, _meterOf(0), bytes32(0));
        vm.prank(pauser);
        auction.unpause();
        _commit(lotId, 0, RESERVE, 500);
    }

    function test_pause_needsTheRole() public {
        _expectUnauthorized(alice);
        vm.prank(alice);
        auction.pause();
        vm.prank(pauser);
        auction.pause();
        _expectUnauthorized(alice);
        vm.prank(alice);
        auction.unpause();
    }

    function test_constructor_refusesABadBond() public {
        vm.expectRevert(
            abi.encodeWithSelector(ISurplusAuction.SurplusAuction_BadParameter.selector, "minBond")
        );
        new SurplusAuction(address(manager), token, house, registry, priorities, 0);
        vm.expectRevert(
            abi.encodeWithSelector(ISurplusAuction.SurplusAuction_BadParameter.selector, "minBond")
        );
        new SurplusAuction(address(manager), token, house, registry, priorities, 2 ** 64);
    }

    // ---- committing

    function test_commit_locksTheSameBondForAll(uint32 price, uint32 wh) public {
        uint256 lotId = _openLot();
        _commit(lotId, 0, price, wh);
        assertEq(house.lockedOf(_bidder(0)), BOND);
        assertEq(house.balanceOf(_bidder(0)), 1_000 * RUPEE - BOND);
    }

    function test_commit_refusals() public {
        uint256 lotId = _openLot();
        address bidder = _bidder(0);
        vm.prank(seller);
        vm.expectRevert(abi.encodeWithSelector(ISurplusAuction.SurplusAuction_OwnLot.selector, lotId));
        auction.commitBid(lotId, ROOF, bytes32(0));
        vm.prank(bidder);
        vm.expectRevert(abi.encodeWithSelector(ISurplusAuction.SurplusAuction_UnknownLot.selector, 2));
        auction.commitBid(2, _meterOf(0), bytes32(0));
        vm.prank(bidder);
        vm.expectRevert(abi.encodeWithSelector(ISurplusAuction.SurplusAuction_NotHolder.selector, ROOF, bidder));
        auction.commitBid(lotId, ROOF, bytes32(0));
        _commit(lotId, 0, RESERVE, 500);
        vm.prank(bidder);
        vm.expectRevert(abi.encodeWithSelector(ISurplusAuction.SurplusAuction_SecondBid.selector, lotId, bidder));
        auction.commitBid(lotId, _meterOf(0), bytes32(0));
    }

    function test_commit_notWithoutMoneyNorAfterTheDeadline() public {
        uint256 lotId = _openLot();
        address poor = _bidder(0);
        vm.prank(poor);
        house.withdraw(1_000 * RUPEE - BOND + 1);
        vm.prank(poor);
        vm.expectRevert(
            abi.encodeWithSelector(IClearingHouse.ClearingHouse_TooLittleFree.selector, poor, BOND - 1, BOND)
        );
        auction.commitBid(lotId, _meterOf(0), bytes32(0));

        _bidder(1);
        vm.warp(auction.lot(lotId).commitUntil - 1);
        _commit(lotId, 1, RESERVE, 500); // in the last second
        _bidder(2);
        _toReveal(lotId);
        vm.prank(_bidder(2));
        vm.expectRevert(
            abi.encodeWithSelector(ISurplusAuction.SurplusAuction_CommitOver.selector, lotId, block.timestamp)
        );
        auction.commitBid(lotId, _meterOf(2), bytes32(0));
    }

    function test_commit_atMostSixtyFour() public {
        uint256 lotId = _openLot();
        for (uint256 i = 0; i < 64; ++i) {
            _commit(lotId, i, RESERVE, 500);
        }
        _bidder(64);
        vm.prank(_bidder(64));
        vm.expectRevert(abi.encodeWithSelector(ISurplusAuction.SurplusAuction_TooManyBids.selector, lotId, 64));
        auction.commitBid(lotId, _meterOf(64), bytes32(0));
        assertEq(auction.bidsOf(lotId).length, 64);
    }

    /// The order of the battery decides, as it was when the bid was committed.
    function test_commit_keepsTheNodesPriority() public {
        assertEq(auction.priorityOf(HALL), 0);
        assertEq(auction.priorityOf(HOUSE), 2);
        assertEq(auction.priorityOf(SOLAR), auction.UNRANKED());
        _claim(HOUSE, alice, BillingMode.Billed);
        _fund(alice, 100 * RUPEE);
        uint256 lotId = _openLot();
        bytes32 commitment = auction.commitmentOf(lotId, alice, RESERVE, 500, bytes32(0));
        vm.prank(alice);
        uint256 bidId = auction.commitBid(lotId, HOUSE, commitment);
        assertEq(auction.bid(bidId).priority, 2);
    }

    // ---- revealing

    function test_reveal_locksTheCostInPlaceOfTheBond() public {
        uint256 lotId = _openLot();
        uint256 bidId = _commit(lotId, 0, 3_000_001, 4_000);
        _toReveal(lotId);
        _reveal(bidId, 0, 3_000_001, 4_000);
        assertEq(house.lockedOf(_bidder(0)), 12_000_004);
    }

    function test_reveal_locksForNoMoreThanTheLot() public {
        uint256 lotId = _openLot();
        uint256 bidId = _commit(lotId, 0, 3_000_000, 2 ** 31 - 1);
        _toReveal(lotId);
        _reveal(bidId, 0, 3_000_000, 2 ** 31 - 1);
        assertEq(house.lockedOf(_bidder(0)), 30 * RUPEE);
    }

    function test_reveal_onlyWhatWasCommitted(uint32 price, uint32 wh, bytes32 salt) public {
        uint256 lotId = _openLot();
        uint256 bidId = _commit(lotId, 0, 3_000_000, 4_000);
        _toReveal(lotId);
        vm.assume(price != 3_000_000 || wh != 4_000 || salt != _salt(0));
        vm.prank(_bidder(0));
        vm.expectRevert(abi.encodeWithSelector(ISurplusAuction.SurplusAuction_BadReveal.selector, bidId));
        auction.revealBid(bidId, price, wh, salt);
    }

    /// Whoever copies a commitment cannot open it, even after the original was opened.
    function test_reveal_aCopyIsWorthNothing() public {
        uint256 lotId = _openLot();
        uint256 original = _commit(lotId, 0, 3_000_000, 4_000);
        address copier = _bidder(1);
        bytes32 commitment = auction.bid(original).commitment;
        vm.prank(copier);
        uint256 copy = auction.commitBid(lotId, _meterOf(1), commitment);
        _toReveal(lotId);
        _reveal(original, 0, 3_000_000, 4_000);
        vm.prank(copier);
        vm.expectRevert(abi.encodeWithSelector(ISurplusAuction.SurplusAuction_BadReveal.selector, copy));
        auction.revealBid(copy, 3_000_000, 4_000, _salt(0));
        // Nor can it be used by the same account for another lot.
        vm.prank(copier);
        vm.expectRevert(abi.encodeWithSelector(ISurplusAuction.SurplusAuction_NotBidder.selector, original, copier));
        auction.revealBid(original, 3_000_000, 4_000, _salt(0));
    }

    function test_reveal_aCommitmentIsForOneLotOneContractOneChain() public {
        bytes32 here = auction.commitmentOf(1, alice, 1, 1, bytes32(0));
        assertNotEq(here, auction.commitmentOf(2, alice, 1, 1, bytes32(0)));
        SurplusAuction other = new SurplusAuction(address(manager), token, house, registry, priorities, MIN_BOND);
        assertNotEq(here, other.commitmentOf(1, alice, 1, 1, bytes32(0)));
        vm.chainId(5);
        assertNotEq(here, auction.commitmentOf(1, alice, 1, 1, bytes32(0)));
    }

    function test_reveal_onlyInItsTime() public {
        uint256 lotId = _openLot();
        uint256 early = _commit(lotId, 0, 3_000_000, 4_000);
        uint256 last = _commit(lotId, 1, 3_000_000, 4_000);
        vm.expectPartialRevert(ISurplusAuction.SurplusAuction_NotRevealTime.selector);
        _reveal(early, 0, 3_000_000, 4_000);
        vm.warp(auction.lot(lotId).revealUntil - 1);
        _reveal(last, 1, 3_000_000, 4_000); // in the last block
        vm.expectRevert(
            abi.encodeWithSelector(
                ISurplusAuction.SurplusAuction_WrongBidState.selector, last, ISurplusAuction.BidState.Revealed
            )
        );
        _reveal(last, 1, 3_000_000, 4_000);
        _toEnd(lotId);
        vm.expectPartialRevert(ISurplusAuction.SurplusAuction_NotRevealTime.selector);
        _reveal(early, 0, 3_000_000, 4_000);
    }

    function test_reveal_refusesWhatCannotCount() public {
        uint256 lotId = _openLot();
        uint256 cheap = _commit(lotId, 0, RESERVE - 1, 4_000);
        uint256 tiny = _commit(lotId, 1, RESERVE, 156); // 10 000 / 64, up, is 157
        uint256 least = _commit(lotId, 2, RESERVE, 157);
        _toReveal(lotId);
        vm.expectRevert(
            abi.encodeWithSelector(ISurplusAuction.SurplusAuction_BelowReserve.selector, RESERVE - 1, RESERVE)
        );
        _reveal(cheap, 0, RESERVE - 1, 4_000);
        _expectBadEnergy(156, 157);
        _reveal(tiny, 1, RESERVE, 156);
        _reveal(least, 2, RESERVE, 157);
    }

    /// Too little money is no reason to wait: the others are served, and the bond is lost.
    function test_reveal_withoutFundsHoldsUpNobody() public {
        uint256 lotId = _openLot();
        uint256 poor = _commit(lotId, 0, 4_000_000, 10_000);
        uint256 rich = _commit(lotId, 1, 3_000_000, 10_000);
        vm.prank(_bidder(0));
        house.withdraw(975 * RUPEE);
        _toReveal(lotId);
        vm.expectPartialRevert(IClearingHouse.ClearingHouse_TooLittleFree.selector);
        _reveal(poor, 0, 4_000_000, 10_000);
        _reveal(rich, 1, 3_000_000, 10_000);
        _toEnd(lotId);
        auction.finalise(lotId);
        assertEq(auction.bid(rich).wonWh, 10_000);
        assertTrue(auction.bid(poor).state == ISurplusAuction.BidState.Forfeited);
        assertEq(house.balanceOf(seller), 30 * RUPEE + BOND);
    }

    /// Nobody who deposits in time loses anything.
    function test_reveal_afterADepositInTime() public {
        uint256 lotId = _openLot();
        uint256 bidId = _commit(lotId, 0, 4_000_000, 10_000);
        vm.prank(_bidder(0));
        house.withdraw(975 * RUPEE);
        _toReveal(lotId);
        _fund(_bidder(0), 15 * RUPEE);
        _reveal(bidId, 0, 4_000_000, 10_000);
        assertEq(house.balanceOf(_bidder(0)), 0);
    }

    // ---- finalising

    function test_finalise_firstPrice_bestFirstTheLastInPart() public {
        uint256 lotId = _openLot();
        uint256 third = _commit(lotId, 0, 2_500_000, 5_000);
        uint256 best = _commit(lotId, 1, 4_000_000, 6_000);
        uint256 second = _commit(lotId, 2, 3_000_000, 3_000);
        uint256 nothing = _commit(lotId, 3, RESERVE, 9_000);
        _toReveal(lotId);
        _reveal(third, 0, 2_500_000, 5_000);
        _reveal(best, 1, 4_000_000, 6_000);
        _reveal(second, 2, 3_000_000, 3_000);
        _reveal(nothing, 3, RESERVE, 9_000);
        _toEnd(lotId);
        auction.finalise(lotId);
        _assertWon(best, 6_000, 24 * RUPEE);
        _assertWon(second, 3_000, 9 * RUPEE);
        _assertWon(third, 1_000, 2.5e6);
        _assertWon(nothing, 0, 0);
        assertEq(house.balanceOf(seller), 35.5e6);
        for (uint256 i = 0; i < 4; ++i) {
            assertEq(house.lockedOf(_bidder(i)), 0);
        }
        assertEq(house.escrowOf(address(auction)), 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISurplusAuction.SurplusAuction_WrongState.selector, lotId, ISurplusAuction.LotState.Finalised
            )
        );
        auction.finalise(lotId);
    }

    function test_finalise_secondPrice_paysWhatItDisplaces() public {
        ISurplusAuction.Invitation memory invitation = _invitation();
        invitation.rule = ISurplusAuction.PaymentRule.SecondPrice;
        uint256 lotId = _openLot(invitation);
        uint256 best = _commit(lotId, 0, 4_000_000, 10_000);
        uint256 second = _commit(lotId, 1, 3_000_000, 6_000);
        _toReveal(lotId);
        _reveal(best, 0, 4_000_000, 10_000);
        _reveal(second, 1, 3_000_000, 6_000);
        _toEnd(lotId);
        auction.finalise(lotId);
        // 6 kWh would have gone at Rs 3, the other 4 are worth the reserve.
        _assertWon(best, 10_000, 26 * RUPEE);
        _assertWon(second, 0, 0);
    }

    function test_finalise_tiesByPriorityThenTime() public {
        uint256 lotId = _openLot();
        uint256 first = _commit(lotId, 0, 3_000_000, 6_000); // unranked
        uint256 later = _commit(lotId, 1, 3_000_000, 6_000);
        _claim(HOUSE, alice, BillingMode.Billed);
        _fund(alice, 100 * RUPEE);
        bytes32 commitment = auction.commitmentOf(lotId, alice, 3_000_000, 3_000, _salt(9));
        vm.prank(alice);
        uint256 ranked = auction.commitBid(lotId, HOUSE, commitment);
        _toReveal(lotId);
        _reveal(later, 1, 3_000_000, 6_000);
        _reveal(first, 0, 3_000_000, 6_000);
        vm.prank(alice);
        auction.revealBid(ranked, 3_000_000, 3_000, _salt(9));
        _toEnd(lotId);
        auction.finalise(lotId);
        _assertWon(ranked, 3_000, 9 * RUPEE);
        _assertWon(first, 6_000, 18 * RUPEE);
        _assertWon(later, 1_000, 3 * RUPEE);
    }

    function test_finalise_silentBidsLoseTheirBond() public {
        uint256 lotId = _openLot();
        uint256 silent = _commit(lotId, 0, 4_000_000, 10_000);
        uint256 open = _commit(lotId, 1, 3_000_000, 10_000);
        _toReveal(lotId);
        _reveal(open, 1, 3_000_000, 10_000);
        vm.expectPartialRevert(ISurplusAuction.SurplusAuction_RevealNotOver.selector);
        auction.finalise(lotId);
        _toEnd(lotId);
        auction.finalise(lotId);
        assertEq(house.balanceOf(_bidder(0)), 1_000 * RUPEE - BOND);
        assertEq(house.balanceOf(seller), 30 * RUPEE + BOND);
        assertTrue(auction.bid(silent).state == ISurplusAuction.BidState.Forfeited);
    }

    function test_finalise_withoutBids() public {
        uint256 lotId = _openLot();
        _toEnd(lotId);
        auction.finalise(lotId);
        uint256 before = token.balanceOf(seller, ENERGY);
        auction.takeUnsold(lotId, seller);
        assertEq(token.balanceOf(seller, ENERGY), before + LOT_WH);
        vm.expectRevert(ISurplusAuction.SurplusAuction_NothingToTake.selector);
        auction.takeUnsold(lotId, seller);
    }

    /// Pausing holds up nobody who is in already.
    function test_finalise_andTake_whilePaused() public {
        uint256 lotId = _openLot();
        uint256 bidId = _commit(lotId, 0, 3_000_000, 10_000);
        vm.prank(pauser);
        auction.pause();
        _toReveal(lotId);
        _reveal(bidId, 0, 3_000_000, 10_000);
        _toEnd(lotId);
        auction.finalise(lotId);
        vm.warp(uint256(auction.lot(lotId).firstSlot + 4) * SLOT_SECONDS);
        auction.takeEnergy(bidId, _bidder(0));
    }

    // ---- cancelling

    function test_cancel_withOpenBids() public {
        uint256 lotId = _openLot();
        uint256 bidId = _commit(lotId, 0, 3_000_000, 10_000);
        _commit(lotId, 1, 3_000_000, 10_000);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(ISurplusAuction.SurplusAuction_NotSeller.selector, lotId, alice));
        auction.cancelLot(lotId);
        vm.prank(seller);
        auction.cancelLot(lotId);
        assertEq(house.balanceOf(_bidder(0)), 1_000 * RUPEE);
        assertEq(house.balanceOf(_bidder(1)), 1_000 * RUPEE);
        auction.takeUnsold(lotId, seller);
        assertEq(token.balanceOf(address(auction), ENERGY), 0);
        _toReveal(lotId);
        vm.expectPartialRevert(ISurplusAuction.SurplusAuction_WrongState.selector);
        _reveal(bidId, 0, 3_000_000, 10_000);
    }

    function test_cancel_notOnceBidsAreRevealed() public {
        uint256 lotId = _openLot();
        _toReveal(lotId);
        vm.prank(seller);
        vm.expectPartialRevert(ISurplusAuction.SurplusAuction_CommitOver.selector);
        auction.cancelLot(lotId);
    }

    // ---- delivery

    function test_takeEnergy_slotBySlot() public {
        (uint256 lotId, uint256 bidId) = _soldToOne(10_000);
        address winner = _bidder(0);
        vm.expectRevert(ISurplusAuction.SurplusAuction_NothingToTake.selector);
        auction.takeEnergy(bidId, winner);
        uint256 firstSlot = auction.lot(lotId).firstSlot;
        vm.warp(firstSlot * SLOT_SECONDS);
        assertEq(auction.takeEnergy(bidId, winner), 2_500);
        assertEq(auction.takeableWh(bidId), 0);
        vm.warp((firstSlot + 2) * SLOT_SECONDS);
        assertEq(auction.takeEnergy(bidId, winner), 5_000);
        vm.warp((firstSlot + 200) * SLOT_SECONDS);
        assertEq(auction.takeEnergy(bidId, winner), 2_500);
        vm.expectRevert(ISurplusAuction.SurplusAuction_NothingToTake.selector);
        auction.takeEnergy(bidId, winner);
        assertEq(token.balanceOf(winner, ENERGY), 10_000);
    }

    function test_takeEnergy_onlyTheWinnerSaysWhere() public {
        (uint256 lotId, uint256 bidId) = _soldToOne(10_000);
        vm.warp((uint256(auction.lot(lotId).firstSlot) + 3) * SLOT_SECONDS);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(ISurplusAuction.SurplusAuction_NotBidder.selector, bidId, alice));
        auction.takeEnergy(bidId, alice);
        vm.prank(_bidder(0));
        auction.takeEnergy(bidId, alice);
        assertEq(token.balanceOf(alice, ENERGY), 10_000);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(ISurplusAuction.SurplusAuction_NotSeller.selector, lotId, alice));
        auction.takeUnsold(lotId, alice);
    }

    /// A winner that refuses its units stops nobody, and can send them elsewhere.
    function test_takeEnergy_hostileReceiver() public {
        HostileReceiver hostile = new HostileReceiver();
        _register(MeterId.wrap(77), EntityKind.Consumer);
        _claim(MeterId.wrap(77), address(hostile), BillingMode.Billed);
        _giveInr(address(hostile), 100 * RUPEE);
        hostile.execute(address(token), abi.encodeCall(token.setApprovalForAll, (address(house), true)));
        hostile.execute(address(house), abi.encodeCall(house.deposit, (100 * RUPEE)));
        uint256 lotId = _openLot();
        uint256 other = _commit(lotId, 0, 2_500_000, 4_000);
        bytes32 commitment = auction.commitmentOf(lotId, address(hostile), 3_000_000, 6_000, bytes32(0));
        hostile.execute(
            address(auction), abi.encodeCall(auction.commitBid, (lotId, MeterId.wrap(77), commitment))
        );
        _toReveal(lotId);
        hostile.behave(HostileReceiver.Manner.Revert);
        hostile.execute(address(auction), abi.encodeCall(auction.revealBid, (2, 3_000_000, 6_000, bytes32(0))));
        _reveal(other, 0, 2_500_000, 4_000);
        _toEnd(lotId);
        auction.finalise(lotId);
        assertEq(house.balanceOf(seller), 28 * RUPEE);
        vm.warp((uint256(auction.lot(lotId).firstSlot) + 3) * SLOT_SECONDS);
        vm.expectRevert(HostileReceiver.HostileReceiver_Refused.selector);
        auction.takeEnergy(2, address(hostile));
        auction.takeEnergy(other, _bidder(0));
        hostile.execute(address(auction), abi.encodeCall(auction.takeEnergy, (2, alice)));
        assertEq(token.balanceOf(alice, ENERGY), 6_000);
    }

    function test_takeEnergy_isNotReentered() public {
        HostileReceiver hostile = new HostileReceiver();
        (uint256 lotId, uint256 bidId) = _soldToOne(10_000);
        vm.warp((uint256(auction.lot(lotId).firstSlot) + 3) * SLOT_SECONDS);
        hostile.behaveByCalling(address(auction), abi.encodeCall(auction.takeEnergy, (bidId, _bidder(0))));
        vm.prank(_bidder(0));
        auction.takeEnergy(bidId, address(hostile));
        assertEq(hostile.callSucceeded(), false);
    }

    function test_receivesEnergyOnly() public {
        _giveInr(alice, RUPEE);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_UnwantedId.selector, INR));
        token.safeTransferFrom(alice, address(auction), INR, RUPEE, "");
    }

    // ---- small things

    function _soldToOne(uint32 wh) private returns (uint256 lotId, uint256 bidId) {
        lotId = _openLot();
        bidId = _commit(lotId, 0, 3_000_000, wh);
        _toReveal(lotId);
        _reveal(bidId, 0, 3_000_000, wh);
        _toEnd(lotId);
        auction.finalise(lotId);
    }

    function _assertWon(uint256 bidId, uint256 wh, uint256 microInr) private view {
        ISurplusAuction.Bid memory bid = auction.bid(bidId);
        assertEq(bid.wonWh, wh, "won");
        assertEq(bid.paymentMicroInr, microInr, "paid");
    }

    function _expectBadEnergy(uint256 given, uint256 min) private {
        vm.expectRevert(
            abi.encodeWithSelector(ISurplusAuction.SurplusAuction_BadEnergy.selector, given, min, 2 ** 31 - 1)
        );
    }

    function _expectBadDelivery(ISurplusAuction.Invitation memory bad) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                ISurplusAuction.SurplusAuction_BadDelivery.selector, bad.firstSlot, bad.slotCount
            )
        );
    }
}

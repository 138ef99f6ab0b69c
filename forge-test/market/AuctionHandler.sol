// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISurplusAuction} from "contracts/interfaces/ISurplusAuction.sol";
import {LotLogic} from "contracts/market/LotLogic.sol";
import {AuctionTest} from "./AuctionTest.sol";

/// Lots and bids at random, several at a time: some bids stay silent, some bidders spend their money elsewhere. Ghosts
/// say where all money and energy must be.
contract AuctionHandler is AuctionTest {
    uint256 private constant PEOPLE = 6;

    /// Bids with what they will reveal, by id; 0 = never committed here.
    struct Sealed {
        uint256 number;
        uint32 price;
        uint32 wh;
    }

    mapping(uint256 bidId => Sealed) private _sealed;
    uint256 public bidCount;
    uint256 public taken;
    string public broken;

    function setUp() public override {
        super.setUp();
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _bidder(i);
        }
    }

    function open(uint256 wh, uint256 reserve, bool secondPrice, uint256 slots) external {
        ISurplusAuction.Invitation memory invitation = _invitation();
        invitation.energyWh = uint32(bound(wh, 64, 20_000));
        invitation.reserveMicroInrPerKwh = uint32(bound(reserve, 0, 5_000_000));
        invitation.slotCount = uint16(bound(slots, 1, 9));
        if (secondPrice) invitation.rule = ISurplusAuction.PaymentRule.SecondPrice;
        _openLot(invitation);
    }

    function commit(uint256 lotId, uint256 number, uint256 price, uint256 wh) external {
        lotId = _lot(lotId);
        Sealed memory hidden =
            Sealed(number % PEOPLE, uint32(bound(price, 0, 8_000_000)), uint32(bound(wh, 1, 25_000)));
        uint256 bidId = _commit(lotId, hidden.number, hidden.price, hidden.wh);
        _sealed[bidId] = hidden;
        bidCount = bidId;
    }

    function reveal(uint256 bidId) external {
        bidId = bound(bidId, 1, bidCount);
        Sealed memory hidden = _sealed[bidId];
        _reveal(bidId, hidden.number, hidden.price, hidden.wh);
    }

    function finalise(uint256 lotId) external {
        lotId = _lot(lotId);
        ISurplusAuction.Lot memory before = auction.lot(lotId);
        bool due = before.state == ISurplusAuction.LotState.Open && block.timestamp >= before.revealUntil;
        try auction.finalise(lotId) {
            if (!due) broken = "finalised too early or twice";
        } catch {
            if (due) broken = "finalise refused";
        }
    }

    function cancel(uint256 lotId) external {
        vm.prank(seller);
        auction.cancelLot(_lot(lotId));
    }

    function take(uint256 bidId) external {
        bidId = bound(bidId, 1, bidCount);
        taken += auction.takeEnergy(bidId, auction.bid(bidId).bidder);
    }

    function takeUnsold(uint256 lotId) external {
        taken += auction.takeUnsold(_lot(lotId), seller);
    }

    /// A bidder moves its free money away, or some of it back.
    function spend(uint256 number, bool back) external {
        address bidder = _bidder(number % PEOPLE);
        vm.startPrank(bidder);
        if (back) house.deposit(token.balanceOf(bidder, INR));
        else house.withdraw(house.balanceOf(bidder));
        vm.stopPrank();
    }

    function pass(uint256 secs) external {
        skip(bound(secs, 1, 2 * SLOT_SECONDS));
    }

    // ---- what the invariants look at

    function theAuction() external view returns (ISurplusAuction) {
        return auction;
    }

    function escrow() external view returns (uint256) {
        return house.escrowOf(address(auction));
    }

    function energyHeld() external view returns (uint256) {
        return token.balanceOf(address(auction), ENERGY);
    }

    /// All money that people and seller have, in whatever form.
    function wealth() external view returns (uint256 sum) {
        sum = house.balanceOf(seller) + house.lockedOf(seller);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            address bidder = bidders[i];
            sum += house.balanceOf(bidder) + house.lockedOf(bidder) + token.balanceOf(bidder, INR);
        }
    }

    function given() external pure returns (uint256) {
        return PEOPLE * 1_000 * RUPEE;
    }

    /// What a bid has locked while its lot is open.
    function lockedFor(ISurplusAuction.Bid memory bid, ISurplusAuction.Lot memory lot)
        external
        pure
        returns (uint256)
    {
        if (bid.state == ISurplusAuction.BidState.Committed) return lot.bondMicroInr;
        uint256 wh = bid.energyWh < lot.energyWh ? bid.energyWh : lot.energyWh;
        return LotLogic.costUp(wh, bid.priceMicroInrPerKwh);
    }

    function _lot(uint256 lotId) private view returns (uint256) {
        return bound(lotId, 1, auction.lotCount());
    }
}

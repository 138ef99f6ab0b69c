// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ISurplusAuction} from "contracts/interfaces/ISurplusAuction.sol";
import {Test} from "../Test.sol";
import {AuctionHandler} from "./AuctionHandler.sol";

/// Where all money and energy of auctions is, whatever happens.
contract AuctionInvariantsTest is Test {
    AuctionHandler internal handler;
    ISurplusAuction internal auction;

    function setUp() public {
        handler = new AuctionHandler();
        handler.setUp();
        auction = handler.theAuction();
        bytes4[] memory selectors = new bytes4[](10);
        selectors[0] = handler.open.selector;
        selectors[1] = handler.commit.selector;
        selectors[2] = handler.reveal.selector;
        selectors[3] = handler.reveal.selector;
        selectors[4] = handler.finalise.selector;
        selectors[5] = handler.take.selector;
        selectors[6] = handler.takeUnsold.selector;
        selectors[7] = handler.spend.selector;
        selectors[8] = handler.pass.selector;
        selectors[9] = handler.cancel.selector;
        targetContract(address(handler));
        targetSelector(address(handler), selectors);
    }

    function invariant_lockedIsWhatOpenBidsMayCost() public view {
        uint256 locked;
        for (uint256 bidId = 1; bidId <= handler.bidCount(); ++bidId) {
            ISurplusAuction.Bid memory bid = auction.bid(bidId);
            ISurplusAuction.Lot memory lot = auction.lot(bid.lotId);
            if (lot.state == ISurplusAuction.LotState.Open) locked += handler.lockedFor(bid, lot);
        }
        assertEq(handler.escrow(), locked);
        assertEq(handler.wealth(), handler.given(), "money is conserved");
    }

    function invariant_everyUnitHasItsPlace() public view {
        uint256 held;
        uint256 bought;
        for (uint256 lotId = 1; lotId <= auction.lotCount(); ++lotId) {
            ISurplusAuction.Lot memory lot = auction.lot(lotId);
            bool open = lot.state == ISurplusAuction.LotState.Open;
            held += open ? lot.energyWh : lot.unsoldWh - lot.takenBackWh;
            if (!open) bought += lot.energyWh - lot.unsoldWh;
        }
        uint256 won;
        for (uint256 bidId = 1; bidId <= handler.bidCount(); ++bidId) {
            ISurplusAuction.Bid memory bid = auction.bid(bidId);
            assertLe(bid.wonWh, bid.energyWh);
            assertLe(bid.takenWh, bid.wonWh);
            assertLe(
                bid.paymentMicroInr,
                (uint256(bid.wonWh) * bid.priceMicroInrPerKwh + 999) / 1000,
                "nobody pays above the own price"
            );
            uint256 reserve = auction.lot(bid.lotId).reserveMicroInrPerKwh;
            assertGe(uint256(bid.paymentMicroInr) * 1000, uint256(bid.wonWh) * reserve, "nor below the reserve");
            won += bid.wonWh;
            held += bid.wonWh - bid.takenWh;
        }
        assertEq(won, bought, "energy bought = energy sold");
        assertEq(handler.energyHeld(), held);
        assertEq(handler.broken(), "");
    }
}

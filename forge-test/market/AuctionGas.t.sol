// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AuctionTest} from "./AuctionTest.sol";

/// What auctions cost, as whole transactions under `make gas` (--isolate), kept in forge-test/snapshots.
contract AuctionGasTest is AuctionTest {
    string private constant GROUP = "auction";

    function test_gas_oneBid() public {
        uint256 lotId = _openLot();
        vm.snapshotGasLastCall(GROUP, "openLot");
        uint256 bidId = _commit(lotId, 0, 3_000_000, 10_000);
        assertLt(vm.snapshotGasLastCall(GROUP, "commitBid"), 300_000);
        _toReveal(lotId);
        _reveal(bidId, 0, 3_000_000, 10_000);
        assertLt(vm.snapshotGasLastCall(GROUP, "revealBid"), 150_000);
        _toEnd(lotId);
        auction.finalise(lotId);
        vm.snapshotGasLastCall(GROUP, "finalise, one bid");
        vm.warp((uint256(auction.lot(lotId).firstSlot) + 3) * SLOT_SECONDS);
        auction.takeEnergy(bidId, _bidder(0));
        vm.snapshotGasLastCall(GROUP, "takeEnergy");
    }

    /// The most that finalising can cost: all places taken, every bid wins, revealed worst first.
    function test_gas_finaliseAllPlaces() public {
        uint256 lotId = _openLot();
        for (uint256 i = 0; i < 64; ++i) {
            _commit(lotId, i, uint32(3_000_000 + i), 157);
        }
        _toReveal(lotId);
        for (uint256 i = 0; i < 64; ++i) {
            _reveal(i + 1, i, uint32(3_000_000 + i), 157);
        }
        _toEnd(lotId);
        auction.finalise(lotId);
        assertLt(vm.snapshotGasLastCall(GROUP, "finalise, 64 bids that win"), 4_000_000);
    }
}

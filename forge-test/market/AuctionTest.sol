// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, MeterId} from "contracts/Types.sol";
import {ISurplusAuction} from "contracts/interfaces/ISurplusAuction.sol";
import {ClearingHouse} from "contracts/market/ClearingHouse.sol";
import {SurplusAuction} from "contracts/market/SurplusAuction.sol";
import {CommunityTest} from "./CommunityTest.sol";

/// A community with a clearing house and an auction, a seller whose roof has earned energy, and bidders with meters and
/// money.
abstract contract AuctionTest is CommunityTest {
    uint64 internal constant CLEARING = 14;
    uint256 internal constant MIN_BOND = 5 * RUPEE;
    uint32 internal constant LOT_WH = 10_000;
    uint32 internal constant RESERVE = 2_000_000; // Rs 2 a kWh
    uint64 internal constant BOND = uint64(20 * RUPEE);
    uint32 internal constant WINDOW = 600; // seconds, of either phase

    ClearingHouse internal house;
    SurplusAuction internal auction;
    address internal seller = makeAddr("seller");
    address[] internal bidders;

    function setUp() public virtual override {
        super.setUp();
        house = new ClearingHouse(address(manager), token, desk, operator);
        auction = new SurplusAuction(address(manager), token, house, registry, priorities, MIN_BOND);
        manager.grantRole(CLEARING, address(auction), 0);
        _assign(address(house), ClearingHouse.lock.selector, CLEARING);
        _assign(address(house), ClearingHouse.unlock.selector, CLEARING);
        _assign(address(house), ClearingHouse.payFromLocked.selector, CLEARING);
        _assign(address(house), ClearingHouse.pause.selector, PAUSER);
        _assign(address(house), ClearingHouse.unpause.selector, PAUSER);
        _assign(address(auction), SurplusAuction.pause.selector, PAUSER);
        _assign(address(auction), SurplusAuction.unpause.selector, PAUSER);
        _claim(ROOF, seller, BillingMode.Prepaid);
        _closeSlot();
        _count(ROOF, 0, 4_000_000);
        _closeSlot();
        vm.prank(seller);
        token.setApprovalForAll(address(auction), true);
    }

    // ---- people

    /// The bidder of that number, with a meter and Rs 1000 of free money.
    function _bidder(uint256 number) internal returns (address bidder) {
        while (bidders.length <= number) {
            uint256 next = bidders.length;
            address account = makeAddr(string.concat("bidder ", vm.toString(next)));
            MeterId meter = _meterOf(next);
            _register(meter, EntityKind.Consumer);
            _claim(meter, account, BillingMode.Billed);
            _fund(account, 1_000 * RUPEE);
            bidders.push(account);
        }
        return bidders[number];
    }

    function _meterOf(uint256 number) internal pure returns (MeterId) {
        return MeterId.wrap(uint32(1_000 + number));
    }

    function _fund(address account, uint256 microInr) internal {
        _giveInr(account, microInr);
        vm.startPrank(account);
        token.setApprovalForAll(address(house), true);
        house.deposit(microInr);
        vm.stopPrank();
    }

    // ---- lots and bids

    function _invitation() internal view returns (ISurplusAuction.Invitation memory invitation) {
        invitation = ISurplusAuction.Invitation({
            meter: ROOF,
            energyWh: LOT_WH,
            reserveMicroInrPerKwh: RESERVE,
            bondMicroInr: BOND,
            rule: ISurplusAuction.PaymentRule.FirstPrice,
            commitSeconds: WINDOW,
            revealSeconds: WINDOW,
            firstSlot: uint64((block.timestamp + 2 * WINDOW) / SLOT_SECONDS + 1),
            slotCount: 4
        });
    }

    function _openLot() internal returns (uint256 lotId) {
        return _openLot(_invitation());
    }

    function _openLot(ISurplusAuction.Invitation memory invitation) internal returns (uint256 lotId) {
        vm.prank(seller);
        return auction.openLot(invitation);
    }

    function _commit(uint256 lotId, uint256 number, uint32 price, uint32 wh) internal returns (uint256 bidId) {
        address bidder = _bidder(number);
        bytes32 commitment = auction.commitmentOf(lotId, bidder, price, wh, _salt(number));
        vm.prank(bidder);
        return auction.commitBid(lotId, _meterOf(number), commitment);
    }

    function _reveal(uint256 bidId, uint256 number, uint32 price, uint32 wh) internal {
        vm.prank(_bidder(number));
        auction.revealBid(bidId, price, wh, _salt(number));
    }

    function _toReveal(uint256 lotId) internal {
        vm.warp(auction.lot(lotId).commitUntil);
    }

    function _toEnd(uint256 lotId) internal {
        vm.warp(auction.lot(lotId).revealUntil);
    }

    function _salt(uint256 number) internal pure returns (bytes32) {
        return keccak256(abi.encode("salt", number));
    }
}

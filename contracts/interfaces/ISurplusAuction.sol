// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId} from "../Types.sol";

/// @title Sealed-bid auctions of surplus energy
/// @notice A household sells energy units that its meter has earned. Whoever holds a meter bids: first a commitment,
/// after the commit deadline the price and Wh behind it. The best bids by price, then node priority, then time share
/// the lot, the last of them in part; the same rules as backend/market/surplus_auction.py.
///
/// Settlement. The lot's units wait here from the invitation on, and a bid's cost is locked in the ClearingHouse when
/// it is revealed: delivery and payment cannot fail afterwards and nothing has to be unwound. Units exist only for
/// energy that was metered, so no meter is read for the sale. The winner's units become free evenly over the lot's
/// delivery slots: nobody draws in the first what was sold for all of them.
///
/// Bond. It is one figure for all bids of a lot and says nothing about a bid's price or size. Revealing gives it back;
/// a bid that is not revealed loses it to the seller, whatever the reason (silence, no funds, a price below the
/// reserve), and holds up nobody. A lot has at most MAX_BIDS bids of at least 1/MAX_BIDS of it each: who fills all
/// places buys the whole lot at its reserve or loses all bonds.
///
/// Sealed are price and quantity. Who bids, and when, can be seen. A seller with a second account and meter can bid for
/// the own lot and drive up a second price; with the first price it cannot gain by that.
/// @dev Commitment = keccak256(abi.encode(COMMITMENT_TYPEHASH, chain id, this contract, lot, bidder, price, Wh, salt)).
/// Trusted: the pauser not to pause the ClearingHouse while bids are revealed, for then nothing can be locked;
/// the ClearingHouse for money, the authority's shedding order for priorities.
interface ISurplusAuction {
    enum PaymentRule {
        FirstPrice,
        SecondPrice
    }

    enum LotState {
        None,
        Open,
        Finalised,
        Cancelled
    }

    enum BidState {
        None,
        Committed,
        Revealed,
        Forfeited
    }

    /// What a seller asks for.
    /// @param meter whose holder sells
    /// @param energyWh units offered, MAX_BIDS to 2^31 - 1
    /// @param reserveMicroInrPerKwh least price
    /// @param bondMicroInr deposit of every bid, at least the contract's minimum
    /// @param rule first or second price
    /// @param commitSeconds how long bids may be committed
    /// @param revealSeconds how long after that they may be revealed
    /// @param firstSlot first slot of delivery; begins after the reveal deadline
    /// @param slotCount slots over which the units become free
    struct Invitation {
        MeterId meter;
        uint32 energyWh;
        uint32 reserveMicroInrPerKwh;
        uint64 bondMicroInr;
        PaymentRule rule;
        uint32 commitSeconds;
        uint32 revealSeconds;
        uint64 firstSlot;
        uint16 slotCount;
    }

    /// @param unsoldWh what nobody won, once finalised; the seller takes it back
    struct Lot {
        // slot 0
        address seller;
        MeterId meter;
        uint32 energyWh;
        uint32 reserveMicroInrPerKwh;
        // slot 1
        uint64 bondMicroInr;
        uint40 commitUntil;
        uint40 revealUntil;
        uint48 firstSlot;
        uint16 slotCount;
        PaymentRule rule;
        LotState state;
        // slot 2
        uint32 unsoldWh;
        uint32 takenBackWh;
    }

    /// @param priority the bidder's place in the shedding order when it committed, 0 = the most important
    /// @param priceMicroInrPerKwh, energyWh as revealed: the most it pays, the most it takes
    /// @param wonWh of the lot; takenWh of them are delivered
    struct Bid {
        // slot 0
        address bidder;
        uint48 lotId;
        uint16 priority;
        BidState state;
        // slot 1
        bytes32 commitment;
        // slot 2
        MeterId meter;
        uint32 priceMicroInrPerKwh;
        uint32 energyWh;
        uint32 wonWh;
        uint32 takenWh;
        uint64 paymentMicroInr;
    }

    event LotOpened(uint256 indexed lotId, MeterId indexed meter, address indexed seller, Invitation invitation);
    event LotCancelled(uint256 indexed lotId);
    event BidCommitted(
        uint256 indexed bidId, uint256 indexed lotId, address indexed bidder, MeterId meter, uint256 priority
    );
    event BidRevealed(uint256 indexed bidId, uint256 indexed lotId, uint256 priceMicroInrPerKwh, uint256 energyWh);
    event BondForfeited(uint256 indexed bidId, uint256 indexed lotId, address indexed bidder, uint256 microInr);
    event LotWon(
        uint256 indexed bidId,
        uint256 indexed lotId,
        address indexed bidder,
        uint256 energyWh,
        uint256 paymentMicroInr
    );
    event LotFinalised(uint256 indexed lotId, uint256 soldWh, uint256 unsoldWh, uint256 proceedsMicroInr);
    /// `takenWh` of the bid's units are delivered by now, these included.
    event EnergyTaken(uint256 indexed bidId, address indexed to, uint256 energyWh, uint256 takenWh);
    event UnsoldTaken(uint256 indexed lotId, address indexed to, uint256 energyWh);

    error SurplusAuction_BadParameter(string name);
    error SurplusAuction_NotHolder(MeterId meter, address caller);
    error SurplusAuction_BadEnergy(uint256 energyWh, uint256 min, uint256 max);
    error SurplusAuction_BondTooSmall(uint256 microInr, uint256 min);
    error SurplusAuction_BadDuration(uint256 secs, uint256 min, uint256 max);
    /// The first slot of delivery begins before the reveal deadline, or there are none or too many.
    error SurplusAuction_BadDelivery(uint64 firstSlot, uint16 slotCount);
    error SurplusAuction_UnknownLot(uint256 lotId);
    error SurplusAuction_WrongState(uint256 lotId, LotState state);
    error SurplusAuction_NotSeller(uint256 lotId, address caller);
    /// The seller may not bid for the own lot.
    error SurplusAuction_OwnLot(uint256 lotId);
    /// One bid an account and lot.
    error SurplusAuction_SecondBid(uint256 lotId, address bidder);
    error SurplusAuction_TooManyBids(uint256 lotId, uint256 max);
    error SurplusAuction_CommitOver(uint256 lotId, uint256 endedAt);
    error SurplusAuction_NotRevealTime(uint256 lotId, uint256 from, uint256 until);
    error SurplusAuction_RevealNotOver(uint256 lotId, uint256 endsAt);
    error SurplusAuction_WrongBidState(uint256 bidId, BidState state);
    error SurplusAuction_NotBidder(uint256 bidId, address caller);
    /// Price, Wh and salt are not those of the commitment by this account for this lot.
    error SurplusAuction_BadReveal(uint256 bidId);
    error SurplusAuction_BelowReserve(uint256 priceMicroInrPerKwh, uint256 reserve);
    error SurplusAuction_NothingToTake();

    /// @notice Invites bids for units of the caller, who holds the meter; they are taken in at once. The caller has
    /// approved this contract for its grid tokens.
    function openLot(Invitation calldata invitation) external returns (uint256 lotId);

    /// @notice The seller withdraws a lot before the commit deadline: all bonds are free again and the units can be
    /// taken back. Later nobody can, for bids are being revealed.
    function cancelLot(uint256 lotId) external;

    /// @notice Bids under seal and locks the bond. Not by the seller, once an account, by a meter's holder.
    function commitBid(uint256 lotId, MeterId meter, bytes32 commitment) external returns (uint256 bidId);

    /// @notice Opens the caller's own bid: the bond is free again and the highest cost is locked. Refused if the
    /// account has too little free money, which it may change until the deadline.
    function revealBid(uint256 bidId, uint32 priceMicroInrPerKwh, uint32 energyWh, bytes32 salt) external;

    /// @notice After the reveal deadline: winners, payments, forfeited bonds. Permissionless; at most MAX_BIDS bids.
    function finalise(uint256 lotId) external;

    /// @notice Sends a winner's units that are free by now. Anybody may, to the winner itself; the winner says where.
    function takeEnergy(uint256 bidId, address to) external returns (uint256 energyWh);

    /// @notice Sends back what was not sold. Anybody may, to the seller itself; the seller says where.
    function takeUnsold(uint256 lotId, address to) external returns (uint256 energyWh);

    /// @notice No new lots and bids. Bids are revealed, lots finalised and units taken all the same. Role: PAUSER.
    function pause() external;
    /// @notice Role: PAUSER.
    function unpause() external;

    function lot(uint256 lotId) external view returns (Lot memory);
    function lotCount() external view returns (uint256);
    function bid(uint256 bidId) external view returns (Bid memory);
    /// @notice Bids of a lot in order of commitment; at most MAX_BIDS.
    function bidsOf(uint256 lotId) external view returns (uint256[] memory bidIds);
    /// @notice The account's bid for a lot; 0 = none.
    function bidBy(uint256 lotId, address bidder) external view returns (uint256 bidId);
    /// @notice Units that `takeEnergy` would send now.
    function takeableWh(uint256 bidId) external view returns (uint256);
    /// @notice The commitment of a bid, computed as the contract checks it. Ask a node you trust: it sees the bid.
    function commitmentOf(
        uint256 lotId,
        address bidder,
        uint32 priceMicroInrPerKwh,
        uint32 energyWh,
        bytes32 salt
    ) external view returns (bytes32);
    /// @notice Place of a meter in its battery's shedding order; UNRANKED if it has none.
    function priorityOf(MeterId meter) external view returns (uint256);
    function minBondMicroInr() external view returns (uint256);
}

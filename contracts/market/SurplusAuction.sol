// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {BatteryId, MeterId, SwitchId} from "../Types.sol";
import {IClearingHouse} from "../interfaces/IClearingHouse.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {IPriorityRegistry} from "../interfaces/IPriorityRegistry.sol";
import {ISurplusAuction} from "../interfaces/ISurplusAuction.sol";
import {ENERGY} from "../tokens/TokenIds.sol";
import {TokenReceiver} from "../tokens/TokenReceiver.sol";
import {LotLogic} from "./LotLogic.sol";

/// @title SurplusAuction
/// @notice See ISurplusAuction; who wins is in LotLogic. Lot and bid numbers start at 1.
/// @dev Energy held here = offered units of open lots + won units not yet taken + unsold units not yet taken back.
/// Money locked for it = bonds of committed bids + highest costs of revealed bids of open lots.
contract SurplusAuction is ISurplusAuction, AccessManaged, Pausable, ReentrancyGuardTransient, TokenReceiver {
    using LotLogic for LotLogic.Entry[];

    // ------------------------------------------------------------------ constants

    /// @notice Most bids of a lot: bounds what finalising costs.
    uint256 public constant MAX_BIDS = 64;
    /// @notice Most slots of delivery.
    uint256 public constant MAX_SLOTS = 2_976;
    /// @notice Bounds of both durations, seconds.
    uint256 public constant MIN_DURATION = 10;
    uint256 public constant MAX_DURATION = 30 days;
    /// @notice Priority of a meter that no battery's order names.
    uint256 public constant UNRANKED = type(uint16).max;

    uint256 private constant MAX_ENERGY_WH = 2 ** 31 - 1;
    bytes32 private constant COMMITMENT_TYPEHASH = keccak256(
        "SealedBid(uint256 chainId,address auction,uint256 lotId,address bidder,uint32 priceMicroInrPerKwh,"
        "uint32 energyWh,bytes32 salt)"
    );

    // ------------------------------------------------------------------ immutables

    IClearingHouse private immutable HOUSE;
    IMeterRegistry private immutable REGISTRY;
    IPriorityRegistry private immutable PRIORITIES;
    uint256 private immutable SLOT_SECONDS;
    uint256 private immutable MIN_BOND;

    // ------------------------------------------------------------------ storage

    /// @inheritdoc ISurplusAuction
    uint256 public lotCount;
    uint256 private _bidCount;
    mapping(uint256 lotId => Lot) private _lots;
    mapping(uint256 bidId => Bid) private _bids;
    mapping(uint256 lotId => uint256[]) private _bidsOf;
    /// @inheritdoc ISurplusAuction
    mapping(uint256 lotId => mapping(address bidder => uint256)) public bidBy;

    // ------------------------------------------------------------------ constructor

    constructor(
        address manager,
        IGridToken token,
        IClearingHouse house,
        IMeterRegistry registry,
        IPriorityRegistry priorities,
        uint256 minBond
    ) AccessManaged(manager) TokenReceiver(token) {
        if (minBond == 0 || minBond > type(uint64).max) revert SurplusAuction_BadParameter("minBond");
        HOUSE = house;
        REGISTRY = registry;
        PRIORITIES = priorities;
        SLOT_SECONDS = registry.slotSeconds();
        MIN_BOND = minBond;
    }

    // ------------------------------------------------------------------ pauser

    /// @inheritdoc ISurplusAuction
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc ISurplusAuction
    function unpause() external restricted {
        _unpause();
    }

    // ------------------------------------------------------------------ sellers

    /// @inheritdoc ISurplusAuction
    function openLot(Invitation calldata invitation) external whenNotPaused nonReentrant returns (uint256 lotId) {
        _requireHolder(invitation.meter);
        _requireGood(invitation);
        uint256 commitUntil = block.timestamp + invitation.commitSeconds;
        uint256 revealUntil = commitUntil + invitation.revealSeconds;
        if (
            uint256(invitation.firstSlot) * SLOT_SECONDS < revealUntil || invitation.firstSlot > type(uint40).max
                || invitation.slotCount == 0 || invitation.slotCount > MAX_SLOTS
        ) {
            revert SurplusAuction_BadDelivery(invitation.firstSlot, invitation.slotCount);
        }
        lotId = ++lotCount;
        Lot storage opened = _lots[lotId];
        (opened.seller, opened.meter) = (msg.sender, invitation.meter);
        (opened.energyWh, opened.reserveMicroInrPerKwh) = (invitation.energyWh, invitation.reserveMicroInrPerKwh);
        (opened.bondMicroInr, opened.rule, opened.state) = (invitation.bondMicroInr, invitation.rule, LotState.Open);
        // Block time and at most 60 days more fit 40 bits; the first slot was compared above.
        (opened.commitUntil, opened.revealUntil) = (uint40(commitUntil), uint40(revealUntil));
        (opened.firstSlot, opened.slotCount) = (uint48(invitation.firstSlot), invitation.slotCount);
        emit LotOpened(lotId, invitation.meter, msg.sender, invitation);
        TOKEN.safeTransferFrom(msg.sender, address(this), ENERGY, invitation.energyWh, "");
    }

    /// @inheritdoc ISurplusAuction
    function cancelLot(uint256 lotId) external nonReentrant {
        Lot storage found = _open(lotId);
        if (found.seller != msg.sender) revert SurplusAuction_NotSeller(lotId, msg.sender);
        if (block.timestamp >= found.commitUntil) revert SurplusAuction_CommitOver(lotId, found.commitUntil);
        (found.state, found.unsoldWh) = (LotState.Cancelled, found.energyWh);
        emit LotCancelled(lotId);
        uint256[] storage bidIds = _bidsOf[lotId];
        for (uint256 i = 0; i < bidIds.length; ++i) {
            HOUSE.unlock(_bids[bidIds[i]].bidder, found.bondMicroInr);
        }
    }

    // ------------------------------------------------------------------ bidders

    /// @inheritdoc ISurplusAuction
    function commitBid(uint256 lotId, MeterId meter, bytes32 commitment)
        external
        whenNotPaused
        nonReentrant
        returns (uint256 bidId)
    {
        Lot storage found = _open(lotId);
        if (block.timestamp >= found.commitUntil) revert SurplusAuction_CommitOver(lotId, found.commitUntil);
        if (found.seller == msg.sender) revert SurplusAuction_OwnLot(lotId);
        _requireHolder(meter);
        if (bidBy[lotId][msg.sender] != 0) revert SurplusAuction_SecondBid(lotId, msg.sender);
        uint256[] storage bidIds = _bidsOf[lotId];
        if (bidIds.length == MAX_BIDS) revert SurplusAuction_TooManyBids(lotId, MAX_BIDS);

        bidId = ++_bidCount;
        uint256 priority = priorityOf(meter);
        Bid storage placed = _bids[bidId];
        // Lots are counted one by one; a priority is at most UNRANKED.
        (placed.bidder, placed.lotId, placed.priority) = (msg.sender, uint48(lotId), uint16(priority));
        (placed.state, placed.commitment, placed.meter) = (BidState.Committed, commitment, meter);
        bidIds.push(bidId);
        bidBy[lotId][msg.sender] = bidId;
        emit BidCommitted(bidId, lotId, msg.sender, meter, priority);
        HOUSE.lock(msg.sender, found.bondMicroInr);
    }

    /// @inheritdoc ISurplusAuction
    function revealBid(uint256 bidId, uint32 priceMicroInrPerKwh, uint32 energyWh, bytes32 salt)
        external
        nonReentrant
    {
        Bid storage placed = _bids[bidId];
        if (placed.bidder != msg.sender) revert SurplusAuction_NotBidder(bidId, msg.sender);
        uint256 lotId = placed.lotId;
        Lot storage found = _open(lotId);
        if (block.timestamp < found.commitUntil || block.timestamp >= found.revealUntil) {
            revert SurplusAuction_NotRevealTime(lotId, found.commitUntil, found.revealUntil);
        }
        if (placed.state != BidState.Committed) revert SurplusAuction_WrongBidState(bidId, placed.state);
        if (placed.commitment != commitmentOf(lotId, msg.sender, priceMicroInrPerKwh, energyWh, salt)) {
            revert SurplusAuction_BadReveal(bidId);
        }
        if (priceMicroInrPerKwh < found.reserveMicroInrPerKwh) {
            revert SurplusAuction_BelowReserve(priceMicroInrPerKwh, found.reserveMicroInrPerKwh);
        }
        _requireBidEnergy(found.energyWh, energyWh);

        (placed.state, placed.priceMicroInrPerKwh, placed.energyWh) =
        (BidState.Revealed, priceMicroInrPerKwh, energyWh);
        emit BidRevealed(bidId, lotId, priceMicroInrPerKwh, energyWh);
        HOUSE.unlock(msg.sender, found.bondMicroInr);
        HOUSE.lock(msg.sender, _ceilingUp(found, priceMicroInrPerKwh, energyWh));
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc ISurplusAuction
    function finalise(uint256 lotId) external nonReentrant {
        Lot storage found = _open(lotId);
        if (block.timestamp < found.revealUntil) revert SurplusAuction_RevealNotOver(lotId, found.revealUntil);
        LotLogic.Entry[] memory entries = _revealed(lotId);
        uint256 unsoldWh = entries.award(found.energyWh, found.reserveMicroInrPerKwh, found.rule);
        found.state = LotState.Finalised;
        found.unsoldWh = uint32(unsoldWh); // at most the lot's energy
        _forfeitSilent(lotId, found);
        uint256 proceeds = 0;
        for (uint256 i = 0; i < entries.length; ++i) {
            _payFor(lotId, found, entries[i]);
            proceeds += entries[i].paymentMicroInr;
        }
        emit LotFinalised(lotId, found.energyWh - unsoldWh, unsoldWh, proceeds);
    }

    /// @inheritdoc ISurplusAuction
    function takeEnergy(uint256 bidId, address to) external nonReentrant returns (uint256 energyWh) {
        Bid storage placed = _bids[bidId];
        if (to != placed.bidder && msg.sender != placed.bidder) revert SurplusAuction_NotBidder(bidId, msg.sender);
        energyWh = takeableWh(bidId);
        if (energyWh == 0) revert SurplusAuction_NothingToTake();
        placed.takenWh += uint32(energyWh); // at most what was won
        emit EnergyTaken(bidId, to, energyWh, placed.takenWh);
        TOKEN.safeTransferFrom(address(this), to, ENERGY, energyWh, "");
    }

    /// @inheritdoc ISurplusAuction
    function takeUnsold(uint256 lotId, address to) external nonReentrant returns (uint256 energyWh) {
        Lot storage found = _lots[lotId];
        if (to != found.seller && msg.sender != found.seller) revert SurplusAuction_NotSeller(lotId, msg.sender);
        energyWh = found.unsoldWh - found.takenBackWh;
        if (energyWh == 0) revert SurplusAuction_NothingToTake();
        found.takenBackWh = found.unsoldWh;
        emit UnsoldTaken(lotId, to, energyWh);
        TOKEN.safeTransferFrom(address(this), to, ENERGY, energyWh, "");
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc ISurplusAuction
    function lot(uint256 lotId) external view returns (Lot memory) {
        return _lots[lotId];
    }

    /// @inheritdoc ISurplusAuction
    function bid(uint256 bidId) external view returns (Bid memory) {
        return _bids[bidId];
    }

    /// @inheritdoc ISurplusAuction
    function bidsOf(uint256 lotId) external view returns (uint256[] memory bidIds) {
        return _bidsOf[lotId];
    }

    /// @inheritdoc ISurplusAuction
    function minBondMicroInr() external view returns (uint256) {
        return MIN_BOND;
    }

    /// @inheritdoc ISurplusAuction
    function takeableWh(uint256 bidId) public view returns (uint256) {
        Bid storage placed = _bids[bidId];
        Lot storage found = _lots[placed.lotId];
        uint256 slot = block.timestamp / SLOT_SECONDS;
        if (slot < found.firstSlot || placed.wonWh == 0) return 0;
        // Down: what is free by the last slot is the whole.
        uint256 begun = Math.min(slot - found.firstSlot + 1, found.slotCount);
        return uint256(placed.wonWh) * begun / found.slotCount - placed.takenWh;
    }

    /// @inheritdoc ISurplusAuction
    function commitmentOf(
        uint256 lotId,
        address bidder,
        uint32 priceMicroInrPerKwh,
        uint32 energyWh,
        bytes32 salt
    ) public view returns (bytes32) {
        return keccak256(
            abi.encode(
                COMMITMENT_TYPEHASH,
                block.chainid,
                address(this),
                lotId,
                bidder,
                priceMicroInrPerKwh,
                energyWh,
                salt
            )
        );
    }

    /// @inheritdoc ISurplusAuction
    function priorityOf(MeterId meter) public view returns (uint256) {
        SwitchId switchId = PRIORITIES.switchOf(meter);
        if (SwitchId.unwrap(switchId) == 0) return UNRANKED;
        BatteryId battery = PRIORITIES.switchConfig(switchId).battery;
        // Without a battery nothing is ever shed, and an order says nothing.
        if (BatteryId.unwrap(battery) == 0) return UNRANKED;
        SwitchId[] memory order = PRIORITIES.order(battery);
        for (uint256 i = 0; i < order.length; ++i) {
            if (SwitchId.unwrap(order[i]) == SwitchId.unwrap(switchId)) return i;
        }
        return UNRANKED;
    }

    // ------------------------------------------------------------------ internal

    function _open(uint256 lotId) private view returns (Lot storage found) {
        found = _lots[lotId];
        if (found.state == LotState.None) revert SurplusAuction_UnknownLot(lotId);
        if (found.state != LotState.Open) revert SurplusAuction_WrongState(lotId, found.state);
    }

    function _requireHolder(MeterId meter) private view {
        (address holder,,,,) = REGISTRY.settlementOf(meter);
        if (holder != msg.sender) revert SurplusAuction_NotHolder(meter, msg.sender);
    }

    function _requireGood(Invitation calldata invitation) private view {
        uint256 energyWh = invitation.energyWh;
        if (energyWh < MAX_BIDS || energyWh > MAX_ENERGY_WH) {
            revert SurplusAuction_BadEnergy(energyWh, MAX_BIDS, MAX_ENERGY_WH);
        }
        if (invitation.bondMicroInr < MIN_BOND) {
            revert SurplusAuction_BondTooSmall(invitation.bondMicroInr, MIN_BOND);
        }
        _requireDuration(invitation.commitSeconds);
        _requireDuration(invitation.revealSeconds);
    }

    function _requireDuration(uint256 secs) private pure {
        if (secs < MIN_DURATION || secs > MAX_DURATION) {
            revert SurplusAuction_BadDuration(secs, MIN_DURATION, MAX_DURATION);
        }
    }

    /// So large that all places together take the whole lot.
    function _requireBidEnergy(uint256 lotWh, uint256 energyWh) private pure {
        uint256 min = Math.ceilDiv(lotWh, MAX_BIDS);
        if (energyWh < min || energyWh > MAX_ENERGY_WH) revert SurplusAuction_BadEnergy(energyWh, min, MAX_ENERGY_WH);
    }

    /// Most that a bid can come to cost: no bid wins more than the lot.
    function _ceilingUp(Lot storage found, uint256 price, uint256 energyWh) private view returns (uint256 microInr) {
        return LotLogic.costUp(Math.min(energyWh, found.energyWh), price);
    }

    /// The bids that count.
    function _revealed(uint256 lotId) private view returns (LotLogic.Entry[] memory entries) {
        uint256[] memory bidIds = _bidsOf[lotId];
        entries = new LotLogic.Entry[](bidIds.length);
        uint256 count = 0;
        for (uint256 i = 0; i < bidIds.length; ++i) {
            Bid storage placed = _bids[bidIds[i]];
            if (placed.state != BidState.Revealed) continue;
            LotLogic.Entry memory entry = entries[count];
            (entry.bidId, entry.priority) = (bidIds[i], placed.priority);
            (entry.price, entry.energyWh) = (placed.priceMicroInrPerKwh, placed.energyWh);
            ++count;
        }
        assembly ("memory-safe") {
            mstore(entries, count) // never more than it was
        }
    }

    /// Bids that nobody opened lose their bond to the seller.
    function _forfeitSilent(uint256 lotId, Lot storage found) private {
        uint256[] memory bidIds = _bidsOf[lotId];
        for (uint256 i = 0; i < bidIds.length; ++i) {
            Bid storage placed = _bids[bidIds[i]];
            if (placed.state != BidState.Committed) continue;
            placed.state = BidState.Forfeited;
            emit BondForfeited(bidIds[i], lotId, placed.bidder, found.bondMicroInr);
            HOUSE.payFromLocked(placed.bidder, found.seller, found.bondMicroInr);
        }
    }

    /// Books what a bid won, pays the seller and frees the rest of what was locked.
    function _payFor(uint256 lotId, Lot storage found, LotLogic.Entry memory entry) private {
        Bid storage placed = _bids[entry.bidId];
        address bidder = placed.bidder;
        uint256 payment = entry.paymentMicroInr;
        if (entry.wonWh != 0) {
            // At most the bid's own energy; at most 2^31 Wh at 2^32 a kWh.
            (placed.wonWh, placed.paymentMicroInr) = (uint32(entry.wonWh), uint64(payment));
            emit LotWon(entry.bidId, lotId, bidder, entry.wonWh, payment);
            if (payment != 0) HOUSE.payFromLocked(bidder, found.seller, payment);
        }
        uint256 rest = _ceilingUp(found, entry.price, entry.energyWh) - payment;
        if (rest != 0) HOUSE.unlock(bidder, rest);
    }

    function _accepts(uint256 id) internal pure override returns (bool) {
        return id == ENERGY;
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {MeterId} from "../Types.sol";
import {IClearingHouse} from "../interfaces/IClearingHouse.sol";
import {IDayAheadMarket} from "../interfaces/IDayAheadMarket.sol";
import {IRealTimePool} from "../interfaces/IRealTimePool.sol";
import {CallAuction} from "./CallAuction.sol";
import {OrderList} from "./OrderList.sol";

/// @title DayAheadMarket
/// @notice See IDayAheadMarket.
contract DayAheadMarket is IDayAheadMarket, AccessManaged, EIP712, Nonces, Pausable {
    using CallAuction for CallAuction.Book;
    using OrderList for uint256;
    using SafeCast for uint256;

    /// Set once, when the market is made.
    /// @param tickSizeMicroInrPerKwh price of tick 1; tick t costs t times that
    /// @param tickCount 1..1000
    /// @param gateSeconds between the gate's closing and the slot's beginning
    /// @param horizonSeconds how far ahead of its beginning a slot takes orders
    /// @param minOrderWh smallest order
    struct Rules {
        uint32 tickSizeMicroInrPerKwh;
        uint16 tickCount;
        uint32 gateSeconds;
        uint32 horizonSeconds;
        uint32 minOrderWh;
    }

    /// What a meter has in a slot.
    struct Book {
        // slot 0
        address holder;
        uint16 dearestBid; // tick of an open bid; 0 = none
        uint16 cheapestOffer; // tick of an open offer; 0 = none
        // slot 1
        uint256 open; // see OrderList
        // slot 2
        uint64 soldWh;
        uint64 boughtWh;
        uint128 bondMicroInr;
    }

    /// What claims move for one account; `residue`: what their roundings leave, thousandths of a micro-rupee.
    struct Flow {
        address account;
        uint256 paid;
        uint256 earned;
        uint256 unlocked;
        uint256 residue;
    }

    // ------------------------------------------------------------------ constants

    /// @notice Most orders in one call.
    uint256 public constant MAX_BATCH = 256;
    uint32 public constant MAX_ORDER_WH = 2 ** 31 - 1;

    uint256 private constant MAX_TICKS = 1000;
    uint256 private constant WH_PER_KWH = 1000;
    bytes32 private constant PLACEMENT_TYPEHASH =
        keccak256("Placement(uint64 slot,uint8 side,uint16 tick,uint32 energyWh)");
    bytes32 private constant BATCH_TYPEHASH = keccak256(
        "OrderBatch(uint32 meter,Placement[] orders,uint256 nonce,uint256 deadline)"
        "Placement(uint64 slot,uint8 side,uint16 tick,uint32 energyWh)"
    );

    // ------------------------------------------------------------------ immutables

    IClearingHouse private immutable HOUSE;
    IRealTimePool private immutable POOL;
    uint256 private immutable SLOT_SECONDS;
    uint256 private immutable TICK_SIZE;
    uint16 private immutable TICKS;
    uint256 private immutable GATE_SECONDS;
    uint256 private immutable HORIZON_SECONDS;
    uint32 private immutable MIN_ORDER_WH;

    // ------------------------------------------------------------------ storage

    /// @inheritdoc IDayAheadMarket
    uint256 public orderCount;
    mapping(uint256 orderId => Order) private _orders;
    mapping(uint64 slot => CallAuction.Book) private _books;
    mapping(uint64 slot => Clearing) private _clearings;
    mapping(MeterId meter => mapping(uint64 slot => Book)) private _meterBooks;
    /// Bit s % 256 of word s / 256: the meter has ordered for slot s, and the pool has not taken it over.
    mapping(MeterId meter => mapping(uint256 word => uint256 bits)) private _pending;
    /// @inheritdoc IDayAheadMarket
    mapping(MeterId meter => uint256) public pendingSlots;
    /// What buyers' costs rounded up and sellers' proceeds rounded down have left in the escrow and nobody has swept,
    /// thousandths of a micro-rupee. Exact, so it is nobody else's, whichever orders are still to be claimed.
    uint256 private _residue;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, IClearingHouse house, IRealTimePool pool, uint32 slotSeconds, Rules memory rules)
        AccessManaged(manager)
        EIP712("Ohmstead DayAheadMarket", "1")
    {
        if (slotSeconds == 0) revert DayAheadMarket_BadParameter("slotSeconds");
        if (rules.tickSizeMicroInrPerKwh == 0) revert DayAheadMarket_BadParameter("tickSizeMicroInrPerKwh");
        if (rules.tickCount == 0 || rules.tickCount > MAX_TICKS) revert DayAheadMarket_BadParameter("tickCount");
        if (uint256(rules.tickCount) * rules.tickSizeMicroInrPerKwh > type(uint32).max) {
            revert DayAheadMarket_BadParameter("tickSizeMicroInrPerKwh");
        }
        if (rules.horizonSeconds <= rules.gateSeconds) revert DayAheadMarket_BadParameter("horizonSeconds");
        if (rules.minOrderWh == 0 || rules.minOrderWh > MAX_ORDER_WH) revert DayAheadMarket_BadParameter("minOrderWh");
        HOUSE = house;
        POOL = pool;
        SLOT_SECONDS = slotSeconds;
        TICK_SIZE = rules.tickSizeMicroInrPerKwh;
        TICKS = rules.tickCount;
        GATE_SECONDS = rules.gateSeconds;
        HORIZON_SECONDS = rules.horizonSeconds;
        MIN_ORDER_WH = rules.minOrderWh;
    }

    // ------------------------------------------------------------------ admin

    /// @inheritdoc IDayAheadMarket
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc IDayAheadMarket
    function unpause() external restricted {
        _unpause();
    }

    // ------------------------------------------------------------------ orders

    /// @inheritdoc IDayAheadMarket
    function place(MeterId meter, Placement[] calldata orders) external whenNotPaused returns (uint256 firstOrderId) {
        address trader = POOL.traderOf(meter);
        if (trader != msg.sender) revert DayAheadMarket_NotTrader(meter, msg.sender, trader);
        return _place(meter, trader, orders);
    }

    /// @inheritdoc IDayAheadMarket
    function placeSigned(MeterId meter, Placement[] calldata orders, uint256 deadline, bytes calldata signature)
        external
        whenNotPaused
        returns (uint256 firstOrderId)
    {
        if (block.timestamp > deadline) revert DayAheadMarket_Expired(deadline);
        address trader = POOL.traderOf(meter);
        if (trader == address(0)) revert DayAheadMarket_NotTrader(meter, msg.sender, trader);
        bytes32 digest = orderDigest(meter, orders, _useNonce(trader), deadline);
        if (!SignatureChecker.isValidSignatureNowCalldata(trader, digest, signature)) {
            revert DayAheadMarket_BadSignature(trader);
        }
        return _place(meter, trader, orders);
    }

    /// @inheritdoc IDayAheadMarket
    function cancel(uint256[] calldata orderIds) external {
        _requireBatch(orderIds.length);
        uint256 unlocked = 0;
        for (uint256 i = 0; i < orderIds.length; ++i) {
            unlocked += _cancel(orderIds[i]);
        }
        HOUSE.unlock(msg.sender, unlocked);
    }

    // ------------------------------------------------------------------ clearing

    /// @inheritdoc IDayAheadMarket
    function clear(uint64 slot, uint256 maxTicks) external returns (bool done) {
        uint256 closesAt = gateClosesAt(slot);
        if (block.timestamp < closesAt) revert DayAheadMarket_GateOpen(slot, closesAt);
        if (_clearings[slot].done) revert DayAheadMarket_AlreadyCleared(slot);
        CallAuction.Book storage book = _books[slot];
        CallAuction.Walk memory walk;
        (walk, done) = book.advance(TICKS, maxTicks);
        if (done) _record(slot, book, walk);
        else emit ClearingContinued(slot, maxTicks);
    }

    /// @inheritdoc IDayAheadMarket
    function claim(uint256[] calldata orderIds) external {
        _requireBatch(orderIds.length);
        Flow memory flow;
        for (uint256 i = 0; i < orderIds.length; ++i) {
            Order storage claimed = _known(orderIds[i]);
            if (claimed.state != OrderState.Open) continue;
            Book storage book = _meterBooks[claimed.meter][claimed.slot];
            if (book.holder != flow.account) {
                _move(flow);
                flow = Flow(book.holder, 0, 0, 0, 0);
            }
            _claim(orderIds[i], claimed, book, flow);
        }
        _move(flow);
    }

    /// @inheritdoc IDayAheadMarket
    function sweepDust() external returns (uint256 microInr) {
        microInr = _residue / WH_PER_KWH;
        if (microInr == 0) revert DayAheadMarket_NoDust();
        _residue %= WH_PER_KWH;
        address to = HOUSE.backer();
        emit DustSwept(to, microInr);
        HOUSE.pay(to, microInr);
    }

    /// @inheritdoc IDayAheadMarket
    function deliver(MeterId meter, uint64 afterSlot, uint64 throughSlot)
        external
        restricted
        returns (int256 positionWh_, uint256 bondMicroInr)
    {
        if (pendingSlots[meter] == 0) return (0, 0);
        Flow memory flow;
        uint256 count = 0;
        for (uint256 word = (uint256(afterSlot) + 1) >> 8; word <= throughSlot >> 8; ++word) {
            uint256 bits = _pending[meter][word] & _between(word, afterSlot, throughSlot);
            if (bits == 0) continue;
            _pending[meter][word] ^= bits;
            for (; bits != 0; bits &= bits - 1) {
                uint64 slot = uint64((word << 8) | Math.log2(bits & (~bits + 1))); // as `throughSlot` at most
                Book storage book = _meterBooks[meter][slot];
                flow.account = book.holder; // of all of them: see IRealTimePool.depart
                _claimAll(book, flow);
                positionWh_ += int256(uint256(book.soldWh)) - int256(uint256(book.boughtWh));
                bondMicroInr += book.bondMicroInr;
                ++count;
            }
        }
        pendingSlots[meter] -= count;
        _move(flow);
        if (bondMicroInr != 0) HOUSE.passLock(flow.account, msg.sender, bondMicroInr);
        if (count != 0) emit PositionDelivered(meter, afterSlot, throughSlot, positionWh_, bondMicroInr);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IDayAheadMarket
    function order(uint256 orderId) external view returns (Order memory) {
        return _known(orderId);
    }

    /// @inheritdoc IDayAheadMarket
    function clearing(uint64 slot) external view returns (Clearing memory) {
        return _clearings[slot];
    }

    /// @inheritdoc IDayAheadMarket
    function bookOf(uint64 slot) external view returns (uint64[] memory bidWh, uint64[] memory offerWh) {
        CallAuction.Book storage book = _books[slot];
        (bidWh, offerWh) = (new uint64[](TICKS), new uint64[](TICKS));
        for (uint256 i = 0; i < TICKS; ++i) {
            // Lanes have 64 bits.
            (bidWh[i], offerWh[i]) = (uint64(book.bidAt(i + 1)), uint64(book.offerAt(i + 1)));
        }
    }

    /// @inheritdoc IDayAheadMarket
    function position(MeterId meter, uint64 slot) external view returns (Position memory) {
        Book storage book = _meterBooks[meter][slot];
        return Position(book.holder, book.soldWh, book.boughtWh, book.bondMicroInr);
    }

    /// @inheritdoc IDayAheadMarket
    function positionWh(MeterId meter, uint64 slot) external view returns (int256) {
        Book storage book = _meterBooks[meter][slot];
        return int256(uint256(book.soldWh)) - int256(uint256(book.boughtWh));
    }

    /// @inheritdoc IDayAheadMarket
    function unclaimed(MeterId meter, uint64 slot) external view returns (uint256[] memory orderIds) {
        uint256 open = _meterBooks[meter][slot].open;
        orderIds = new uint256[](open.length());
        for (uint256 i = 0; i < orderIds.length; ++i) {
            orderIds[i] = open.idAt(i);
        }
    }

    /// @inheritdoc IDayAheadMarket
    function dustMicroInr() external view returns (uint256) {
        return _residue / WH_PER_KWH;
    }

    /// @inheritdoc IDayAheadMarket
    function gateClosesAt(uint64 slot) public view returns (uint256) {
        return Math.saturatingSub(slot * SLOT_SECONDS, GATE_SECONDS);
    }

    /// @inheritdoc IDayAheadMarket
    function tickSizeMicroInrPerKwh() external view returns (uint256) {
        return TICK_SIZE;
    }

    /// @inheritdoc IDayAheadMarket
    function tickCount() external view returns (uint16) {
        return TICKS;
    }

    /// @inheritdoc IDayAheadMarket
    function gateSeconds() external view returns (uint256) {
        return GATE_SECONDS;
    }

    /// @inheritdoc IDayAheadMarket
    function horizonSeconds() external view returns (uint256) {
        return HORIZON_SECONDS;
    }

    /// @inheritdoc IDayAheadMarket
    function minOrderWh() external view returns (uint32) {
        return MIN_ORDER_WH;
    }

    /// @inheritdoc IDayAheadMarket
    function orderDigest(MeterId meter, Placement[] calldata orders, uint256 nonce, uint256 deadline)
        public
        view
        returns (bytes32)
    {
        bytes32[] memory hashes = new bytes32[](orders.length);
        for (uint256 i = 0; i < orders.length; ++i) {
            Placement calldata one = orders[i];
            hashes[i] = keccak256(abi.encode(PLACEMENT_TYPEHASH, one.slot, one.side, one.tick, one.energyWh));
        }
        bytes32 list = keccak256(abi.encodePacked(hashes));
        return _hashTypedDataV4(keccak256(abi.encode(BATCH_TYPEHASH, meter, list, nonce, deadline)));
    }

    // ------------------------------------------------------------------ internal: orders

    function _place(MeterId meter, address trader, Placement[] calldata orders) private returns (uint256 first) {
        uint256 length = orders.length;
        if (length == 0) revert DayAheadMarket_NoOrders();
        _requireBatch(length);
        first = orderCount + 1;
        orderCount = (orderCount + length).toUint32(); // numbers fit OrderList
        uint256 locked = 0;
        for (uint256 i = 0; i < length; ++i) {
            locked += _add(first + i, meter, trader, orders[i]);
        }
        HOUSE.lock(trader, locked);
    }

    /// Books one order; returns what it locks.
    function _add(uint256 orderId, MeterId meter, address trader, Placement calldata placed)
        private
        returns (uint256 locked)
    {
        _requireTaken(placed);
        Book storage book = _meterBooks[meter][placed.slot];
        uint256 open = book.open;
        if (open.length() == OrderList.MOST) {
            revert DayAheadMarket_TooManyOrders(meter, placed.slot, OrderList.MOST);
        }
        if (book.holder == address(0)) _begin(meter, placed.slot, book, trader);
        _keepApart(meter, placed, book);
        book.open = open.append(orderId);
        _books[placed.slot].add(placed.side == Side.Bid, placed.tick, placed.energyWh);

        Order memory made;
        made.meter = meter;
        made.slot = uint40(placed.slot); // within the horizon
        made.state = OrderState.Open;
        (made.tick, made.side, made.energyWh) = (placed.tick, placed.side, placed.energyWh);
        if (placed.side == Side.Offer) {
            (, uint256 retail) = POOL.gridPricesAt(placed.slot);
            made.bondPrice = retail.toUint32();
        }
        _orders[orderId] = made;
        locked = _lockedUp(made);
        emit OrderPlaced(
            orderId, meter, placed.slot, trader, placed.side, placed.tick, placed.energyWh, locked
        );
    }

    function _requireTaken(Placement calldata placed) private view {
        uint64 slot = placed.slot;
        uint64 lastSlot = uint64((block.timestamp + HORIZON_SECONDS) / SLOT_SECONDS); // seconds fit
        if (slot > lastSlot) revert DayAheadMarket_TooFarAhead(slot, lastSlot);
        _requireGateOpen(slot);
        if (placed.tick == 0 || placed.tick > TICKS) revert DayAheadMarket_BadTick(placed.tick, TICKS);
        if (placed.energyWh < MIN_ORDER_WH || placed.energyWh > MAX_ORDER_WH) {
            revert DayAheadMarket_BadEnergy(placed.energyWh, MIN_ORDER_WH, MAX_ORDER_WH);
        }
    }

    /// The meter's first order for a slot.
    function _begin(MeterId meter, uint64 slot, Book storage book, address trader) private {
        book.holder = trader;
        _pending[meter][slot >> 8] |= 1 << (slot & 255);
        ++pendingSlots[meter];
    }

    /// Nobody bids at or above an own offer.
    function _keepApart(MeterId meter, Placement calldata placed, Book storage book) private {
        (uint16 bid, uint16 offer, uint16 tick) = (book.dearestBid, book.cheapestOffer, placed.tick);
        if (placed.side == Side.Bid) {
            if (offer != 0 && tick >= offer) revert DayAheadMarket_CrossesOwn(meter, placed.slot, tick, offer);
            if (tick > bid) book.dearestBid = tick;
        } else {
            if (bid != 0 && tick <= bid) revert DayAheadMarket_CrossesOwn(meter, placed.slot, tick, bid);
            if (offer == 0 || tick < offer) book.cheapestOffer = tick;
        }
    }

    /// Takes one order of the caller back; returns what comes free.
    function _cancel(uint256 orderId) private returns (uint256 unlocked) {
        Order storage cancelled = _known(orderId);
        Book storage book = _meterBooks[cancelled.meter][cancelled.slot];
        if (book.holder != msg.sender) revert DayAheadMarket_NotOwner(orderId, msg.sender);
        if (cancelled.state != OrderState.Open) revert DayAheadMarket_NotOpen(orderId, cancelled.state);
        _requireGateOpen(cancelled.slot);
        cancelled.state = OrderState.Cancelled;
        _books[cancelled.slot].remove(cancelled.side == Side.Bid, cancelled.tick, cancelled.energyWh);
        book.open = book.open.without(orderId);
        _findBest(book);
        unlocked = _lockedUp(cancelled);
        emit OrderCancelled(orderId, unlocked);
    }

    /// The dearest bid and the cheapest offer of those that are left.
    function _findBest(Book storage book) private {
        (uint16 bid, uint16 offer) = (0, 0);
        for (uint256 open = book.open; open != 0; open >>= 32) {
            Order storage left = _orders[open.idAt(0)];
            uint16 tick = left.tick;
            if (left.side == Side.Bid) {
                if (tick > bid) bid = tick;
            } else if (offer == 0 || tick < offer) {
                offer = tick;
            }
        }
        (book.dearestBid, book.cheapestOffer) = (bid, offer);
    }

    // ------------------------------------------------------------------ internal: clearing

    /// Keeps what every order's fill follows from.
    function _record(uint64 slot, CallAuction.Book storage book, CallAuction.Walk memory walk) private {
        Clearing memory result;
        result.done = true;
        if (walk.volume != 0) {
            result.volumeWh = uint256(walk.volume).toUint56();
            result.tick = uint16(CallAuction.priceTick(walk)); // between two ticks
            // On at most one side orders at the price are left over: else they would have matched.
            if (walk.bidLeft != 0 && walk.bid == result.tick) {
                result.rationed = Rationed.Bids;
                result.atTickWh = book.bidAt(result.tick).toUint56();
                result.sharedWh = result.atTickWh - uint256(walk.bidLeft).toUint56();
            } else if (walk.offerLeft != 0 && walk.offer == result.tick) {
                result.rationed = Rationed.Offers;
                result.atTickWh = book.offerAt(result.tick).toUint56();
                result.sharedWh = result.atTickWh - uint256(walk.offerLeft).toUint56();
            }
        }
        _clearings[slot] = result;
        emit SlotCleared(
            slot,
            result.tick,
            result.tick * TICK_SIZE,
            result.volumeWh,
            result.rationed,
            result.sharedWh,
            result.atTickWh
        );
    }

    /// Claims what a meter has open in a slot.
    function _claimAll(Book storage book, Flow memory flow) private {
        for (uint256 open = book.open; open != 0; open >>= 32) {
            uint256 orderId = open.idAt(0);
            _claim(orderId, _orders[orderId], book, flow);
        }
    }

    /// Fills one open order; what it moves is added to the flow.
    function _claim(uint256 orderId, Order storage claimed, Book storage book, Flow memory flow) private {
        Order memory filled = claimed;
        Clearing storage result = _clearings[filled.slot];
        if (!result.done) revert DayAheadMarket_NotCleared(filled.slot);
        filled.state = OrderState.Claimed;
        filled.filledWh = uint32(_fillDown(filled, result)); // not more than was ordered
        _orders[orderId] = filled;
        book.open = book.open.without(orderId);

        uint256 price = result.tick * TICK_SIZE;
        uint256 unlocked = _lockedUp(filled);
        uint256 paid = 0;
        uint256 earned = 0;
        if (filled.side == Side.Bid) {
            paid = _mulDivUp(filled.filledWh, price);
            flow.residue += paid * WH_PER_KWH - filled.filledWh * price;
            unlocked -= paid;
            book.boughtWh += filled.filledWh;
        } else {
            earned = _mulDivDown(filled.filledWh, price);
            flow.residue += filled.filledWh * price - earned * WH_PER_KWH;
            uint256 bond = _mulDivUp(filled.filledWh, filled.bondPrice);
            unlocked -= bond;
            book.soldWh += filled.filledWh;
            book.bondMicroInr += bond.toUint128();
        }
        flow.paid += paid;
        flow.earned += earned;
        flow.unlocked += unlocked;
        emit OrderClaimed(orderId, filled.meter, filled.slot, filled.filledWh, paid, earned, unlocked);
    }

    /// What an order gets, Wh. Orders at the price on the longer side share by running sums, rounded down.
    function _fillDown(Order memory filled, Clearing storage result) private returns (uint256) {
        uint256 tick = result.tick;
        bool isBid = filled.side == Side.Bid;
        if (tick == 0 || (isBid ? filled.tick < tick : filled.tick > tick)) return 0;
        bool shares = result.rationed == (isBid ? Rationed.Bids : Rationed.Offers);
        if (filled.tick != tick || !shares) return filled.energyWh;
        (uint256 before, uint256 shared, uint256 whole) = (result.claimedWh, result.sharedWh, result.atTickWh);
        uint256 reached = before + filled.energyWh;
        result.claimedWh = reached.toUint56();
        return (shared * reached) / whole - (shared * before) / whole;
    }

    /// Carries out what claims have added up for one account.
    function _move(Flow memory flow) private {
        if (flow.residue != 0) _residue += flow.residue;
        if (flow.paid != 0) HOUSE.payFromLocked(flow.account, address(this), flow.paid);
        if (flow.unlocked != 0) HOUSE.unlock(flow.account, flow.unlocked);
        if (flow.earned != 0) HOUSE.pay(flow.account, flow.earned);
    }

    // ------------------------------------------------------------------ internal: figures

    /// What an order locks: a bid its cost at its limit, an offer its bond.
    function _lockedUp(Order memory made) private view returns (uint256) {
        return _mulDivUp(made.energyWh, made.side == Side.Bid ? made.tick * TICK_SIZE : made.bondPrice);
    }

    function _mulDivUp(uint256 energyWh, uint256 price) private pure returns (uint256 microInr) {
        return Math.ceilDiv(energyWh * price, WH_PER_KWH); // 32 bits by 32 bits
    }

    function _mulDivDown(uint256 energyWh, uint256 price) private pure returns (uint256 microInr) {
        return (energyWh * price) / WH_PER_KWH; // 32 bits by 32 bits
    }

    /// The bits of a word that stand for slots after `afterSlot` up to `throughSlot`.
    function _between(uint256 word, uint64 afterSlot, uint64 throughSlot) private pure returns (uint256 mask) {
        mask = type(uint256).max;
        uint256 first = uint256(afterSlot) + 1;
        if (word == first >> 8) mask <<= first & 255;
        if (word == throughSlot >> 8) mask &= type(uint256).max >> (255 - (throughSlot & 255));
    }

    function _known(uint256 orderId) private view returns (Order storage known) {
        known = _orders[orderId];
        if (known.state == OrderState.None) revert DayAheadMarket_UnknownOrder(orderId);
    }

    function _requireGateOpen(uint64 slot) private view {
        uint256 closedAt = gateClosesAt(slot);
        if (block.timestamp >= closedAt) revert DayAheadMarket_GateClosed(slot, closedAt);
    }

    function _requireBatch(uint256 length) private pure {
        if (length > MAX_BATCH) revert DayAheadMarket_BatchTooLong(length, MAX_BATCH);
    }
}

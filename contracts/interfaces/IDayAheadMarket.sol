// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId} from "../Types.sol";

/// @title Energy of coming slots, bought and sold at one price a slot
/// @notice For each delivery slot there is a book of price ticks: tick t is t x tickSize micro-rupees per kWh,
/// t = 1..tickCount. Members of the real-time pool place orders until the slot's gate closes, `gateSeconds` before it
/// begins, and cancel until then. After that anybody clears the slot (`clear`), in O(ticks) however many orders there
/// are, and claims orders (`claim`). Result and shares are those of backend.market (uniform_price, proration):
/// the most energy that can trade, at one price; better orders are filled whole; of the longer side the orders exactly
/// at the price share in proportion, by running sums in the order in which they are claimed.
///
/// A bid locks its cost at its limit, rounded up; an offer locks a bond, its energy at the main grid's retail price,
/// rounded up: the most that a shortfall of it can cost. Claiming pays the buyer's cost (up) and the seller's proceeds
/// (down) at the clearing price and unlocks the rest. The bond of what was sold stays until the pool has settled
/// the slot. So nobody pays more or gets less than the limit signed. What the two roundings leave, less than a
/// micro-rupee an order, is counted exactly (`dustMicroInr`) and goes to the ClearingHouse's backer, the account that
/// covers what members cannot pay, when somebody sends it there (`sweepDust`); nothing else can leave this way.
///
/// Nobody bids at or above an own offer of the slot: at one price for all that would be trading with oneself.
/// Energy in Wh, prices in micro-rupees per kWh. Order numbers start at 1; an earlier one counts as placed earlier.
/// @dev Money is in the ClearingHouse; this contract holds none. Trusted: the pool for who is a member.
interface IDayAheadMarket {
    enum Side {
        Bid,
        Offer
    }

    enum OrderState {
        None,
        Open,
        Cancelled,
        Claimed
    }

    /// Whose orders at the clearing price share what is left.
    enum Rationed {
        Nobody,
        Bids,
        Offers
    }

    /// What a trader asks for. EIP-712: Placement(uint64 slot,uint8 side,uint16 tick,uint32 energyWh)
    /// @param slot of delivery
    /// @param tick limit price in ticks, 1..tickCount
    struct Placement {
        uint64 slot;
        Side side;
        uint16 tick;
        uint32 energyWh;
    }

    /// @param filledWh once claimed
    /// @param bondPrice retail price that an offer's bond was taken at, micro-rupees per kWh
    struct Order {
        MeterId meter;
        uint40 slot;
        uint16 tick;
        Side side;
        OrderState state;
        uint32 energyWh;
        uint32 filledWh;
        uint32 bondPrice;
    }

    /// @param tick clearing price in ticks; 0 if nothing traded
    /// @param volumeWh bought, and sold
    /// @param sharedWh what the rationed orders at the tick get together
    /// @param atTickWh those orders' energy
    /// @param claimedWh of it, what has been claimed so far
    struct Clearing {
        bool done;
        uint16 tick;
        Rationed rationed;
        uint56 volumeWh;
        uint56 sharedWh;
        uint56 atTickWh;
        uint56 claimedWh;
    }

    /// What a meter has traded for a slot.
    /// @param holder who placed the orders and pays
    /// @param soldWh, boughtWh of claimed orders
    /// @param bondMicroInr of what was sold, locked until the pool settles the slot
    struct Position {
        address holder;
        uint64 soldWh;
        uint64 boughtWh;
        uint128 bondMicroInr;
    }

    event OrderPlaced(
        uint256 indexed orderId,
        MeterId indexed meter,
        uint64 indexed slot,
        address holder,
        Side side,
        uint16 tick,
        uint32 energyWh,
        uint256 lockedMicroInr
    );
    event OrderCancelled(uint256 indexed orderId, uint256 unlockedMicroInr);
    /// A long book is cleared in parts; this one is not the last.
    event ClearingContinued(uint64 indexed slot, uint256 ticks);
    event SlotCleared(
        uint64 indexed slot,
        uint16 tick,
        uint256 priceMicroInrPerKwh,
        uint256 volumeWh,
        Rationed rationed,
        uint256 sharedWh,
        uint256 atTickWh
    );
    /// `paidMicroInr` is what a buyer paid, `earnedMicroInr` what a seller got, `unlockedMicroInr` what came free.
    event OrderClaimed(
        uint256 indexed orderId,
        MeterId indexed meter,
        uint64 indexed slot,
        uint256 filledWh,
        uint256 paidMicroInr,
        uint256 earnedMicroInr,
        uint256 unlockedMicroInr
    );
    /// The pool has taken over what the meter traded in the slots after `afterSlot` up to `throughSlot`.
    event PositionDelivered(
        MeterId indexed meter, uint64 afterSlot, uint64 throughSlot, int256 positionWh, uint256 bondMicroInr
    );

    event DustSwept(address indexed to, uint256 microInr);

    /// Only the holder of a meter in Market terms, not about to change, that has joined the pool places orders for it.
    error DayAheadMarket_NotTrader(MeterId meter, address caller, address trader);
    /// Orders of a slot are placed and cancelled until `closedAt` only.
    error DayAheadMarket_GateClosed(uint64 slot, uint256 closedAt);
    /// A slot is cleared from `closesAt` on.
    error DayAheadMarket_GateOpen(uint64 slot, uint256 closesAt);
    /// Orders are taken up to `lastSlot` now.
    error DayAheadMarket_TooFarAhead(uint64 slot, uint64 lastSlot);
    error DayAheadMarket_BadTick(uint16 tick, uint16 tickCount);
    error DayAheadMarket_BadEnergy(uint32 energyWh, uint32 min, uint32 max);
    /// A meter has at most `max` open orders a slot.
    error DayAheadMarket_TooManyOrders(MeterId meter, uint64 slot, uint256 max);
    /// A bid at or above an own offer of the slot: cancel one of the two.
    error DayAheadMarket_CrossesOwn(MeterId meter, uint64 slot, uint16 tick, uint16 ownTick);
    error DayAheadMarket_NoOrders();
    error DayAheadMarket_BatchTooLong(uint256 length, uint256 max);
    error DayAheadMarket_UnknownOrder(uint256 orderId);
    error DayAheadMarket_NotOwner(uint256 orderId, address caller);
    error DayAheadMarket_NotOpen(uint256 orderId, OrderState state);
    error DayAheadMarket_AlreadyCleared(uint64 slot);
    error DayAheadMarket_NotCleared(uint64 slot);
    /// The signed orders were to be placed until `deadline`.
    error DayAheadMarket_Expired(uint256 deadline);
    /// Not the trader's signature of exactly these orders and the present nonce.
    error DayAheadMarket_BadSignature(address trader);
    error DayAheadMarket_BadParameter(string name);
    /// The roundings have not left a whole micro-rupee since they were last swept.
    error DayAheadMarket_NoDust();

    /// @notice Places orders of one meter, all or none. The caller holds the meter. Stopped while paused.
    /// @param orders 1..MAX_BATCH, of any slots
    /// @return firstOrderId the orders' numbers follow each other from it
    function place(MeterId meter, Placement[] calldata orders) external returns (uint256 firstOrderId);
    /// @notice Places orders that the meter's holder has signed, by whoever sends them: EIP-712 OrderBatch(uint32
    /// meter,Placement[] orders,uint256 nonce,uint256 deadline) in the domain "Ohmstead DayAheadMarket", version "1".
    /// Contract wallets sign by ERC-1271. The nonce is `nonces(holder)`, so a signature counts once.
    function placeSigned(MeterId meter, Placement[] calldata orders, uint256 deadline, bytes calldata signature)
        external
        returns (uint256 firstOrderId);
    /// @notice Cancels own orders until the gate closes, and unlocks what they had locked. Never paused.
    function cancel(uint256[] calldata orderIds) external;
    /// @notice Clears a slot whose gate has closed. Permissionless. Gas: see forge-test/snapshots/markets.json.
    /// @param maxTicks ticks to read in this call; a longer walk goes on with the next call, to the same result
    /// @return done whether the slot is cleared now
    function clear(uint64 slot, uint256 maxTicks) external returns (bool done);
    /// @notice Fills orders of cleared slots and pays them. Permissionless; what is no longer open is left as it is.
    /// Sharing at the price runs in the order of claims: by ascending number it gives backend.market's figures, any
    /// other order differs by less than 1 Wh an order.
    function claim(uint256[] calldata orderIds) external;
    /// @notice Sends what roundings have left, in whole micro-rupees, to the ClearingHouse's backer. Permissionless.
    function sweepDust() external returns (uint256 microInr);
    /// @notice Claims what the meter has open in the slots after `afterSlot` up to `throughSlot`, adds up what it
    /// traded there, passes the bonds' locks to the caller, and forgets it: every position is delivered once.
    /// Role: CLEARING.
    /// @return positionWh_ sold less bought
    function deliver(MeterId meter, uint64 afterSlot, uint64 throughSlot)
        external
        returns (int256 positionWh_, uint256 bondMicroInr);
    /// @notice Role: PAUSER. Stops placing only.
    function pause() external;
    function unpause() external;

    function order(uint256 orderId) external view returns (Order memory);
    function orderCount() external view returns (uint256);
    function clearing(uint64 slot) external view returns (Clearing memory);
    /// @notice Energy at each tick of a slot, index 0 = tick 1.
    function bookOf(uint64 slot) external view returns (uint64[] memory bidWh, uint64[] memory offerWh);
    function position(MeterId meter, uint64 slot) external view returns (Position memory);
    /// @notice Sold less bought, of claimed orders.
    function positionWh(MeterId meter, uint64 slot) external view returns (int256);
    /// @notice The meter's open orders of a slot, ascending.
    function unclaimed(MeterId meter, uint64 slot) external view returns (uint256[] memory orderIds);
    /// @notice Slots for which the meter has placed orders and that the pool has not taken over.
    function pendingSlots(MeterId meter) external view returns (uint256);
    /// @notice Unix seconds from which the slot takes no orders and no cancellations.
    /// @notice What `sweepDust` would send now.
    function dustMicroInr() external view returns (uint256);
    function gateClosesAt(uint64 slot) external view returns (uint256);
    function tickSizeMicroInrPerKwh() external view returns (uint256);
    function tickCount() external view returns (uint16);
    function gateSeconds() external view returns (uint256);
    function horizonSeconds() external view returns (uint256);
    function minOrderWh() external view returns (uint32);
    /// @notice EIP-712 digest that the meter's holder signs for `placeSigned`.
    function orderDigest(MeterId meter, Placement[] calldata orders, uint256 nonce, uint256 deadline)
        external
        view
        returns (bytes32);
}

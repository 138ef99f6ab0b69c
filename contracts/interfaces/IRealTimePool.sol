// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EntityKind, Leaf, MeterId} from "../Types.sol";

/// @title What was not traded ahead, settled slot by slot against the meters
/// @notice A meter in Market terms joins the pool; from then on all its energy is settled here. A member's imbalance in
/// a slot is what it supplied less what it drew, by its own registers, less what it had sold ahead plus what it had
/// bought ahead: a surplus is sold in the pool, a shortfall bought in it.
///
/// With R = supply / demand of the slot and the main grid's buy-back price l_s and retail price l_b, prices are those
/// of backend.market.real_time_pool: R = 0 gives l_b for both; 0 < R < 1 gives p_sell = l_s l_b / ((l_b - l_s) R + l_s)
/// and p_buy = p_sell R + l_b (1 - R); R >= 1 gives l_s for both. What buyers pay is what sellers and the main
/// grid get, exactly; the operator's account at the ClearingHouse stands for the main grid.
///
/// The way of a slot. After it is committed, anybody reports members with one multiproof (`report`). Slots are
/// reported one after the other, in the order in which they were committed; energy and positions of slots that were
/// never committed count in the next one that is. A member that nobody reports within `reportSeconds` of the
/// commitment can be declared: it then counts as having delivered nothing in the slot, and its next report has all the
/// energy since. When all members are in, anybody closes the slot (`close`), which fixes prices and totals, and settles
/// its members (`settle`): bonds come free, buyers pay (a bond first, then free INR, then the backer, to whom the rest
/// is owed), sellers get what buyers of the same slot and the main grid have paid in.
/// A member whose terms have ended is settled up to the registers at which they did, and leaves.
/// Energy in Wh, money in micro-rupees, prices in micro-rupees per kWh.
/// @dev Trusted: the meter ledger for registers, the registry for terms, the day-ahead market for positions, the
/// operator for l_s and l_b within bounds, from the next slot on.
interface IRealTimePool {
    /// @param holder who pays and is paid
    /// @param termsIndex the registry's number of the terms joined under
    /// @param since positions up to this slot have been taken over
    /// @param through newest slot in which the member is reported or declared
    /// @param baseWh net supply up to which energy is settled here
    struct Member {
        address holder;
        EntityKind kind;
        uint32 termsIndex;
        uint48 since;
        uint48 through;
        int64 baseWh;
    }

    /// @param surplusWh sold in the pool; negative: a shortfall, bought in it
    /// @param positionWh sold less bought ahead
    /// @param bondMicroInr still locked
    struct Line {
        address holder;
        int64 surplusWh;
        bool settled;
        int64 positionWh;
        uint128 bondMicroInr;
    }

    /// @param reported members reported or declared
    /// @param supplyWh, demandWh sums of surpluses and of shortfalls
    /// @param soldWh, boughtWh of them, what is settled
    /// @param sellersMicroInr, buyersMicroInr what sellers get and buyers pay in all
    /// @param gridMicroInr what the main grid gets; negative: what it pays
    /// @param fundsMicroInr collected for the slot and not paid out yet
    /// @param gridDueMicroInr what the main grid has to pay yet
    struct SlotState {
        bool closed;
        uint32 reported;
        uint32 settled;
        uint64 supplyWh;
        uint64 demandWh;
        uint64 soldWh;
        uint64 boughtWh;
        uint128 sellersMicroInr;
        uint128 buyersMicroInr;
        int128 gridMicroInr;
        uint128 fundsMicroInr;
        uint128 gridDueMicroInr;
    }

    event MemberJoined(MeterId indexed meter, address indexed holder, uint64 afterSlot);
    event MemberLeft(MeterId indexed meter, address indexed holder, uint64 throughSlot);
    /// `declared`: without a reading of the slot.
    event MemberReported(
        uint64 indexed slot,
        MeterId indexed meter,
        address indexed holder,
        int256 deliveredWh,
        int256 positionWh,
        uint256 bondMicroInr,
        bool declared
    );
    /// Prices are for showing: the seller's rounded down, the buyer's up.
    event SlotClosed(
        uint64 indexed slot,
        uint256 supplyWh,
        uint256 demandWh,
        uint256 sellPrice,
        uint256 buyPrice,
        uint256 sellersMicroInr,
        uint256 buyersMicroInr,
        int256 gridMicroInr
    );
    /// `receivedMicroInr` is negative for what the member paid.
    event MemberSettled(
        uint64 indexed slot,
        MeterId indexed meter,
        address indexed holder,
        int256 surplusWh,
        int256 receivedMicroInr,
        uint256 bondFreedMicroInr
    );
    event GridPaid(uint64 indexed slot, int256 receivedMicroInr);
    event GridPricesChanged(uint64 indexed fromSlot, uint256 buybackPrice, uint256 retailPrice);
    event DayAheadChanged(address indexed oldMarket, address indexed newMarket);

    /// The meter is not in Market terms.
    error RealTimePool_NotMarket(MeterId meter);
    error RealTimePool_AlreadyMember(MeterId meter);
    error RealTimePool_NotMember(MeterId meter);
    /// The member's slots come one after the other: the next to report is the one committed after `through`.
    error RealTimePool_NotNext(MeterId meter, uint64 slot, uint64 through);
    /// A change of terms waits for a settlement of the meter in MeterLedger: settle it for this slot first.
    error RealTimePool_SettleFirst(MeterId meter);
    /// A member can be declared without a reading only from `from` on.
    error RealTimePool_StillReporting(uint64 slot, uint256 from);
    /// The member's terms go on, or something of it is still to be reported, delivered or taken over.
    error RealTimePool_NotOut(MeterId meter);
    error RealTimePool_NotComplete(uint64 slot, uint256 reported, uint256 due);
    error RealTimePool_NoMembers(uint64 slot);
    error RealTimePool_AlreadyClosed(uint64 slot);
    error RealTimePool_NotClosed(uint64 slot);
    /// The meter has no line in the slot.
    error RealTimePool_NoLine(uint64 slot, MeterId meter);
    error RealTimePool_BatchTooLong(uint256 length, uint256 max);
    /// Prices must satisfy min <= buyback <= retail <= max.
    error RealTimePool_PriceOutOfBounds(uint256 price, uint256 min, uint256 max);
    error RealTimePool_BadParameter(string name);

    /// @notice Takes in a meter whose Market terms have begun; its first slot is the next one committed, with all
    /// energy since its terms began. Permissionless.
    function join(MeterId meter) external;
    /// @notice Lets go of a member whose terms have ended, once everything up to their end is reported and no position
    /// of it is left. Permissionless.
    function depart(MeterId meter) external;
    /// @notice Reports members' registers at a committed slot. Who is reported already stays so. Permissionless.
    /// @param leaves, proof, flags as in IMeterLedger.settleMany
    function report(uint64 slot, Leaf[] calldata leaves, bytes32[3][] calldata proof, bytes calldata flags) external;
    /// @notice Counts members without a reading of the slot: those whose terms ended before it, with their last
    /// registers, at any time; others after the window, as having delivered nothing. Permissionless.
    function declare(uint64 slot, MeterId[] calldata meters) external;
    /// @notice Fixes prices and totals of a slot whose members are all in, and collects what the main grid pays.
    /// Permissionless.
    function close(uint64 slot) external;
    /// @notice Settles members of a closed slot: first those who pay, then those who are paid. Who cannot be paid or
    /// covered now, or is settled already, is left for another call. Permissionless.
    /// @return settledCount members settled by this call
    function settle(uint64 slot, MeterId[] calldata meters) external returns (uint256 settledCount);

    /// @notice Prices of the main grid from the next slot on. Role: OPERATOR.
    function setGridPrices(uint256 buybackPrice, uint256 retailPrice) external;
    /// @notice The market whose positions count here. Role: admin.
    function setDayAhead(address newMarket) external;

    function member(MeterId meter) external view returns (Member memory);
    /// @notice Who may trade for the meter: its holder, while it is a member and its terms are not about to change;
    /// otherwise zero.
    function traderOf(MeterId meter) external view returns (address);
    function memberCount() external view returns (uint256);
    /// @notice Members that have to be in before the slot closes.
    function dueAt(uint64 slot) external view returns (uint256);
    function slotState(uint64 slot) external view returns (SlotState memory);
    function line(uint64 slot, MeterId meter) external view returns (Line memory);
    function gridPricesAt(uint64 slot) external view returns (uint256 buybackPrice, uint256 retailPrice);
    function priceBounds() external view returns (uint256 minPrice, uint256 maxPrice);
    function reportSeconds() external view returns (uint256);
    function dayAhead() external view returns (address);
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {BillingMode, EntityKind, Leaf, MeterId, Registers, Standing} from "../Types.sol";
import {IClearingHouse} from "../interfaces/IClearingHouse.sol";
import {IDayAheadMarket} from "../interfaces/IDayAheadMarket.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {IRealTimePool} from "../interfaces/IRealTimePool.sol";
import {RegisterLib} from "../metering/RegisterLib.sol";
import {StandingLib} from "../metering/StandingLib.sol";
import {PoolMath} from "./PoolMath.sol";

/// @title RealTimePool
/// @notice See IRealTimePool.
contract RealTimePool is IRealTimePool, AccessManaged {
    using Checkpoints for Checkpoints.Trace208;
    using RegisterLib for Registers;
    using SafeCast for uint256;
    using SafeCast for int256;
    using StandingLib for Standing;

    /// Prices of the main grid, micro-rupees per kWh, below 2^32.
    struct GridPrices {
        uint32 min;
        uint32 max;
        uint32 buyback;
        uint32 retail;
    }

    // ------------------------------------------------------------------ constants

    /// @notice Most members in one call.
    uint256 public constant MAX_BATCH = 256;

    // ------------------------------------------------------------------ immutables

    IMeterRegistry private immutable REGISTRY;
    IMeterLedger private immutable LEDGER;
    IClearingHouse private immutable HOUSE;
    uint256 private immutable REPORT_SECONDS;
    uint256 private immutable MIN_PRICE;
    uint256 private immutable MAX_PRICE;

    // ------------------------------------------------------------------ storage

    IDayAheadMarket private _dayAhead;
    mapping(MeterId meter => Member) private _members;
    /// Members after the changes made while a slot was the latest: they are due from the slot after it.
    Checkpoints.Trace208 private _counts;
    /// By the first slot for which they hold: buyback << 32 | retail.
    Checkpoints.Trace208 private _gridPrices;
    mapping(uint64 slot => SlotState) private _slots;
    mapping(uint64 slot => mapping(MeterId meter => Line)) private _lines;

    // ------------------------------------------------------------------ constructor

    constructor(
        address manager,
        IMeterRegistry registry,
        IMeterLedger ledger,
        IClearingHouse house,
        uint256 secondsToReport,
        GridPrices memory gridPrices
    ) AccessManaged(manager) {
        if (secondsToReport == 0) revert RealTimePool_BadParameter("reportSeconds");
        REGISTRY = registry;
        LEDGER = ledger;
        HOUSE = house;
        REPORT_SECONDS = secondsToReport;
        (MIN_PRICE, MAX_PRICE) = (gridPrices.min, gridPrices.max);
        _setGridPrices(0, gridPrices.buyback, gridPrices.retail);
    }

    // ------------------------------------------------------------------ admin and operator

    /// @inheritdoc IRealTimePool
    function setGridPrices(uint256 buybackPrice, uint256 retailPrice) external restricted {
        _setGridPrices(LEDGER.currentSlot() + 1, buybackPrice, retailPrice);
    }

    /// @inheritdoc IRealTimePool
    function setDayAhead(address newMarket) external restricted {
        if (newMarket.code.length == 0) revert RealTimePool_BadParameter("dayAhead");
        emit DayAheadChanged(address(_dayAhead), newMarket);
        _dayAhead = IDayAheadMarket(newMarket);
    }

    // ------------------------------------------------------------------ members

    /// @inheritdoc IRealTimePool
    function join(MeterId meter) external {
        if (_members[meter].holder != address(0)) revert RealTimePool_AlreadyMember(meter);
        uint256 count = REGISTRY.termsCount(meter);
        if (count == 0) revert RealTimePool_NotMarket(meter);
        IMeterRegistry.Terms memory terms = REGISTRY.termsAt(meter, count - 1);
        if (terms.mode != BillingMode.Market) revert RealTimePool_NotMarket(meter);
        (, EntityKind kind,,,) = REGISTRY.settlementOf(meter);
        uint64 latest = LEDGER.latestSlot();
        _members[meter] = Member({
            holder: terms.holder,
            kind: kind,
            termsIndex: (count - 1).toUint32(),
            since: terms.afterSlot,
            through: uint48(latest), // slots count seconds at most
            baseWh: terms.startRegisters.netSupplyWh(kind).toInt64()
        });
        _setCount(latest, memberCount() + 1);
        emit MemberJoined(meter, terms.holder, terms.afterSlot);
    }

    /// @inheritdoc IRealTimePool
    function depart(MeterId meter) external {
        Member memory leaving = _memberOf(meter);
        (bool ended, uint256 endSlot, int256 endWh) = _endOf(meter, leaving);
        uint64 latest = LEDGER.latestSlot();
        bool out = ended && leaving.through >= endSlot && leaving.through == latest && leaving.baseWh == endWh;
        if (!out || _pendingSlots(meter) != 0) revert RealTimePool_NotOut(meter);
        delete _members[meter];
        _setCount(latest, memberCount() - 1);
        emit MemberLeft(meter, leaving.holder, latest);
    }

    // ------------------------------------------------------------------ slots

    /// @inheritdoc IRealTimePool
    function report(uint64 slot, Leaf[] calldata leaves, bytes32[3][] calldata proof, bytes calldata flags) external {
        LEDGER.requireLeaves(slot, leaves, proof, flags);
        uint64 previous = LEDGER.slotRecord(slot).previousSlot;
        for (uint256 i = 0; i < leaves.length; ++i) {
            Leaf calldata leaf = leaves[i];
            Member memory found = _memberOf(leaf.meter);
            if (found.through >= slot) continue;
            _requireSettled(leaf.meter, slot);
            (bool ended, uint256 endSlot, int256 endWh) = _endOf(leaf.meter, found);
            int256 netWh = ended && endSlot < slot ? endWh : leaf.registers.netSupplyWh(found.kind);
            _takeIn(slot, previous, leaf.meter, found, netWh, false);
        }
    }

    /// @inheritdoc IRealTimePool
    function declare(uint64 slot, MeterId[] calldata meters) external {
        _requireBatch(meters.length);
        IMeterLedger.SlotRecord memory record = LEDGER.slotRecord(slot);
        uint256 from = record.committedAt + REPORT_SECONDS;
        for (uint256 i = 0; i < meters.length; ++i) {
            Member memory found = _memberOf(meters[i]);
            if (found.through >= slot) continue;
            (bool ended, uint256 endSlot, int256 endWh) = _endOf(meters[i], found);
            if (!ended || endSlot >= slot) {
                if (block.timestamp < from) revert RealTimePool_StillReporting(slot, from);
                endWh = found.baseWh;
            }
            _takeIn(slot, record.previousSlot, meters[i], found, endWh, true);
        }
    }

    /// @inheritdoc IRealTimePool
    function close(uint64 slot) external {
        SlotState storage state = _slots[slot];
        if (state.closed) revert RealTimePool_AlreadyClosed(slot);
        uint256 due = dueAt(slot);
        if (due == 0) revert RealTimePool_NoMembers(slot);
        if (state.reported != due) revert RealTimePool_NotComplete(slot, state.reported, due);
        (uint256 supply, uint256 demand) = (state.supplyWh, state.demandWh);
        (uint256 buyback, uint256 retail) = gridPricesAt(slot);
        (uint256 buyers, uint256 sellers, int256 grid) = PoolMath.totals(supply, demand, buyback, retail);
        state.closed = true;
        (state.buyersMicroInr, state.sellersMicroInr) = (buyers.toUint128(), sellers.toUint128());
        state.gridMicroInr = grid.toInt128();
        if (grid < 0) state.gridDueMicroInr = uint256(-grid).toUint128();
        (uint256 sellPrice, uint256 buyPrice) = PoolMath.pricesShown(supply, demand, buyback, retail);
        emit SlotClosed(slot, supply, demand, sellPrice, buyPrice, sellers, buyers, grid);
        _collectFromGrid(slot, state);
    }

    /// @inheritdoc IRealTimePool
    function settle(uint64 slot, MeterId[] calldata meters) external returns (uint256 settledCount) {
        _requireBatch(meters.length);
        SlotState storage state = _slots[slot];
        if (!state.closed) revert RealTimePool_NotClosed(slot);
        _collectFromGrid(slot, state);
        for (uint256 i = 0; i < meters.length; ++i) {
            Line storage due = _lineOf(slot, meters[i]);
            if (!due.settled && due.surplusWh <= 0 && _takePayment(slot, state, meters[i], due)) ++settledCount;
        }
        for (uint256 i = 0; i < meters.length; ++i) {
            Line storage due = _lines[slot][meters[i]];
            if (!due.settled && due.surplusWh > 0 && _payOut(slot, state, meters[i], due)) ++settledCount;
        }
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IRealTimePool
    function member(MeterId meter) external view returns (Member memory) {
        return _members[meter];
    }

    /// @inheritdoc IRealTimePool
    function traderOf(MeterId meter) external view returns (address) {
        Member memory found = _members[meter];
        if (found.holder == address(0)) return address(0);
        (,,, bool changing,) = REGISTRY.settlementOf(meter);
        if (changing || REGISTRY.termsCount(meter) != uint256(found.termsIndex) + 1) return address(0);
        return found.holder;
    }

    /// @inheritdoc IRealTimePool
    function memberCount() public view returns (uint256) {
        return _counts.latest();
    }

    /// @inheritdoc IRealTimePool
    function dueAt(uint64 slot) public view returns (uint256) {
        return slot == 0 ? 0 : _counts.upperLookupRecent(uint48(slot - 1)); // slots count seconds at most
    }

    /// @inheritdoc IRealTimePool
    function slotState(uint64 slot) external view returns (SlotState memory) {
        return _slots[slot];
    }

    /// @inheritdoc IRealTimePool
    function line(uint64 slot, MeterId meter) external view returns (Line memory) {
        return _lines[slot][meter];
    }

    /// @inheritdoc IRealTimePool
    function gridPricesAt(uint64 slot) public view returns (uint256 buybackPrice, uint256 retailPrice) {
        uint256 packed = _gridPrices.upperLookupRecent(uint48(slot)); // slots count seconds at most
        return (packed >> 32, packed & type(uint32).max);
    }

    /// @inheritdoc IRealTimePool
    function priceBounds() external view returns (uint256 minPrice, uint256 maxPrice) {
        return (MIN_PRICE, MAX_PRICE);
    }

    /// @inheritdoc IRealTimePool
    function reportSeconds() external view returns (uint256) {
        return REPORT_SECONDS;
    }

    /// @inheritdoc IRealTimePool
    function dayAhead() external view returns (address) {
        return address(_dayAhead);
    }

    // ------------------------------------------------------------------ internal: members

    function _memberOf(MeterId meter) private view returns (Member memory found) {
        found = _members[meter];
        if (found.holder == address(0)) revert RealTimePool_NotMember(meter);
    }

    /// Whether the terms joined under are over, after which slot, and the net supply at their end.
    function _endOf(MeterId meter, Member memory found)
        private
        view
        returns (bool ended, uint256 endSlot, int256 endWh)
    {
        uint256 next = uint256(found.termsIndex) + 1;
        if (REGISTRY.termsCount(meter) == next) return (false, 0, 0);
        IMeterRegistry.Terms memory following = REGISTRY.termsAt(meter, next);
        return (true, following.afterSlot, following.startRegisters.netSupplyWh(found.kind));
    }

    /// A change asked for until the slot was over takes effect at a settlement of it at the earliest: until that is
    /// done, nobody knows whose energy the slot's is.
    function _requireSettled(MeterId meter, uint64 slot) private view {
        MeterId[] memory ids = new MeterId[](1);
        ids[0] = meter;
        Standing standing = REGISTRY.standingsOf(ids)[0];
        if (standing.changing() && standing.unpack().changeSlot <= slot) revert RealTimePool_SettleFirst(meter);
    }

    function _pendingSlots(MeterId meter) private view returns (uint256) {
        return address(_dayAhead) == address(0) ? 0 : _dayAhead.pendingSlots(meter);
    }

    function _setCount(uint64 latest, uint256 count) private {
        _counts.push(uint48(latest), count.toUint208()); // slots count seconds at most
    }

    // ------------------------------------------------------------------ internal: slots

    /// Writes a member's line of a slot: what it supplied up to `netWh`, less its position.
    function _takeIn(
        uint64 slot,
        uint64 previous,
        MeterId meter,
        Member memory found,
        int256 netWh,
        bool declared
    ) private {
        if (found.through != previous) revert RealTimePool_NotNext(meter, slot, found.through);
        int256 delivered = netWh - found.baseWh;
        uint64 since = found.since;
        (found.baseWh, found.since, found.through) = (netWh.toInt64(), uint48(slot), uint48(slot));
        _members[meter] = found;

        (int256 position, uint256 bond) = (0, 0);
        if (_pendingSlots(meter) != 0) (position, bond) = _dayAhead.deliver(meter, since, slot);
        int256 surplus = delivered - position;
        _lines[slot][meter] = Line(found.holder, surplus.toInt64(), false, position.toInt64(), bond.toUint128());
        SlotState storage state = _slots[slot];
        ++state.reported;
        if (surplus > 0) state.supplyWh += uint256(surplus).toUint64();
        else state.demandWh += uint256(-surplus).toUint64();
        emit MemberReported(slot, meter, found.holder, delivered, position, bond, declared);
    }

    function _lineOf(uint64 slot, MeterId meter) private view returns (Line storage found) {
        found = _lines[slot][meter];
        if (found.holder == address(0)) revert RealTimePool_NoLine(slot, meter);
    }

    /// A member with a shortfall, or with none: its bond, its free INR, then the backer. False if they do not cover it.
    function _takePayment(uint64 slot, SlotState storage state, MeterId meter, Line storage due)
        private
        returns (bool)
    {
        (address holder, uint256 bond, uint256 owed) = (due.holder, due.bondMicroInr, 0);
        uint256 shortfall = uint256(-int256(due.surplusWh));
        uint256 reached = state.boughtWh + shortfall;
        if (shortfall != 0) owed = PoolMath.shareUp(state.buyersMicroInr, state.boughtWh, reached, state.demandWh);
        uint256 fromBond = Math.min(bond, owed);
        if (owed - fromBond > HOUSE.coverOf(holder)) return false;
        state.boughtWh = uint64(reached); // the demand at most
        state.fundsMicroInr += owed.toUint128();
        _finish(slot, state, meter, due, -int256(owed));
        HOUSE.payFromLocked(holder, address(this), fromBond);
        HOUSE.unlock(holder, bond - fromBond);
        // Covered as seen above.
        HOUSE.charge(holder, address(this), owed - fromBond);
        if (shortfall != 0 && reached == state.demandWh) _payGrid(slot, state);
        return true;
    }

    /// A member with a surplus, once what the slot has collected is enough. False if it is not.
    function _payOut(uint64 slot, SlotState storage state, MeterId meter, Line storage due) private returns (bool) {
        uint256 surplus = uint256(int256(due.surplusWh));
        uint256 reached = state.soldWh + surplus;
        uint256 share = PoolMath.shareDown(state.sellersMicroInr, state.soldWh, reached, state.supplyWh);
        if (share > state.fundsMicroInr) return false;
        state.soldWh = uint64(reached); // the supply at most
        state.fundsMicroInr -= uint128(share); // not more than is there
        (address holder, uint256 bond) = (due.holder, due.bondMicroInr);
        _finish(slot, state, meter, due, int256(share));
        HOUSE.unlock(holder, bond);
        HOUSE.pay(holder, share);
        return true;
    }

    function _finish(uint64 slot, SlotState storage state, MeterId meter, Line storage due, int256 received) private {
        uint256 bond = due.bondMicroInr;
        due.settled = true;
        due.bondMicroInr = 0;
        ++state.settled;
        emit MemberSettled(slot, meter, due.holder, due.surplusWh, received, bond);
    }

    /// The main grid's bill, when the last buyer has paid: what then is there beyond it is the sellers'.
    function _payGrid(uint64 slot, SlotState storage state) private {
        int256 bill = state.gridMicroInr;
        if (bill <= 0) return;
        state.fundsMicroInr -= uint256(bill).toUint128();
        emit GridPaid(slot, bill);
        HOUSE.pay(HOUSE.backer(), uint256(bill));
    }

    /// What the main grid pays for a surplus, as soon as its account has it.
    function _collectFromGrid(uint64 slot, SlotState storage state) private {
        uint256 due = state.gridDueMicroInr;
        if (due == 0) return;
        address payer = HOUSE.backer();
        if (HOUSE.coverOf(payer) < due) return;
        state.gridDueMicroInr = 0;
        state.fundsMicroInr += uint128(due); // came from 128 bits
        emit GridPaid(slot, -int256(due));
        HOUSE.charge(payer, address(this), due);
    }

    // ------------------------------------------------------------------ internal: settings

    function _setGridPrices(uint64 fromSlot, uint256 buyback, uint256 retail) private {
        if (buyback < MIN_PRICE || buyback > retail) revert RealTimePool_PriceOutOfBounds(buyback, MIN_PRICE, retail);
        if (retail > MAX_PRICE) revert RealTimePool_PriceOutOfBounds(retail, buyback, MAX_PRICE);
        emit GridPricesChanged(fromSlot, buyback, retail);
        _gridPrices.push(uint48(fromSlot), uint208((buyback << 32) | retail)); // bounds have 32 bits
    }

    function _requireBatch(uint256 length) private pure {
        if (length > MAX_BATCH) revert RealTimePool_BatchTooLong(length, MAX_BATCH);
    }
}

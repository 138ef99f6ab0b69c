// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {EvId, Leaf, MeterId, Registers} from "../Types.sol";
import {IClearingHouse} from "../interfaces/IClearingHouse.sol";
import {IEvRegistry} from "../interfaces/IEvRegistry.sol";
import {IIncentiveRates} from "../interfaces/IIncentiveRates.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IOracleQuorum} from "../interfaces/IOracleQuorum.sol";
import {IOrderRules} from "../interfaces/IOrderRules.sol";
import {IV2GExchange} from "../interfaces/IV2GExchange.sol";
import {RegisterLib} from "../metering/RegisterLib.sol";
import {V2GLogic} from "./V2GLogic.sol";

/// @title V2GExchange
/// @notice See IV2GExchange. Sessions are numbered from 1.
/// @dev No guard against re-entrance: the ClearingHouse calls nobody, and all else is only read. State is written
/// first.
contract V2GExchange is IV2GExchange, EIP712, AccessManaged {
    using RegisterLib for Registers;
    using SafeCast for uint256;

    // ------------------------------------------------------------------ types

    /// Contracts it works with.
    struct Links {
        IEvRegistry vehicles;
        IMeterLedger ledger;
        IOracleQuorum quorum;
        IClearingHouse house;
        IIncentiveRates rates;
        IOrderRules rules;
    }

    struct Car {
        uint64 nonce;
        uint64 sessionId;
    }

    /// What one slot of a session was ordered to do; `reserved` of the budget for it.
    struct Allowance {
        IOrderRules.Direction direction;
        uint32 wh;
        uint96 reserved;
    }

    /// An interval that is being settled: what flowed, at which prices, and what comes of it.
    struct Interval {
        uint64 slot;
        uint64 previousSlot;
        uint256 chargedWh;
        uint256 dischargedWh;
        uint256 price;
        uint256 rewardPrice;
        uint256 cost;
        uint256 reward;
        uint256 unpaid;
        uint256 unorderedWh;
    }

    // ------------------------------------------------------------------ constants

    /// @notice Most slots that one order is for.
    uint256 public constant MAX_ORDER_SLOTS = 8;
    /// @notice Most slots that a session may be unsettled when more is ordered.
    uint256 public constant MAX_BACKLOG_SLOTS = 32;

    bytes32 private constant AUTHORISATION_TYPEHASH = keccak256(
        "Authorisation(uint32 ev,uint32 chargePoint,uint64 maxPrice,uint64 minReward,uint16 reserveBps,"
        "uint16 targetBps,uint64 departureSlot,uint128 maxCostMicroInr,uint64 nonce,uint64 validUntil)"
    );
    bytes32 private constant PLUG_TYPEHASH =
        keccak256("PlugReport(uint32 ev,uint32 chargePoint,uint16 socBps,uint64 slot,uint64 epoch)");
    bytes32 private constant SOC_TYPEHASH =
        keccak256("SocReport(uint256 sessionId,uint64 slot,uint16 socBps,uint64 epoch)");

    // ------------------------------------------------------------------ immutables

    IEvRegistry private immutable VEHICLES;
    IMeterLedger private immutable LEDGER;
    IOracleQuorum public immutable QUORUM;
    IClearingHouse private immutable HOUSE;
    IIncentiveRates private immutable RATES;
    IOrderRules private immutable RULES;
    uint256 private immutable SLOT_SECONDS;

    // ------------------------------------------------------------------ storage

    uint128 private _budgetFree;
    uint128 private _budgetReserved;
    uint64 private _sessions;
    mapping(EvId ev => Car) private _cars;
    /// @inheritdoc IV2GExchange
    mapping(MeterId chargePoint => uint256 sessionId) public sessionAt;
    mapping(uint256 sessionId => Session) private _records;
    mapping(uint256 sessionId => mapping(uint256 slot => Allowance)) private _allowances;
    /// What all sessions were ordered to do, Wh.
    mapping(uint256 slot => mapping(IOrderRules.Direction direction => uint256 wh)) private _totals;
    mapping(uint256 sessionId => Flow[]) private _flows;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, Links memory links)
        AccessManaged(manager)
        EIP712("Ohmstead V2GExchange", "1")
    {
        (VEHICLES, LEDGER, QUORUM) = (links.vehicles, links.ledger, links.quorum);
        (HOUSE, RATES, RULES) = (links.house, links.rates, links.rules);
        SLOT_SECONDS = links.ledger.slotSeconds();
    }

    // ------------------------------------------------------------------ money

    /// @inheritdoc IV2GExchange
    function fundBudget(uint256 microInr) external {
        if (microInr == 0) revert V2GExchange_ZeroAmount();
        _budgetFree += microInr.toUint128();
        emit BudgetFunded(msg.sender, microInr, _budgetFree);
        HOUSE.lock(msg.sender, microInr);
        HOUSE.payFromLocked(msg.sender, address(this), microInr);
    }

    /// @inheritdoc IV2GExchange
    function withdrawBudget(uint256 microInr) external restricted {
        if (microInr == 0) revert V2GExchange_ZeroAmount();
        _takeBudget(microInr);
        emit BudgetWithdrawn(msg.sender, microInr, _budgetFree);
        HOUSE.pay(msg.sender, microInr);
    }

    // ------------------------------------------------------------------ sessions

    /// @inheritdoc IV2GExchange
    function cancelAuthorisations(EvId ev) external {
        if (msg.sender != VEHICLES.evOf(ev).owner) revert V2GExchange_NotOwner(ev, msg.sender);
        emit AuthorisationsCancelled(ev, ++_cars[ev].nonce);
    }

    /// @inheritdoc IV2GExchange
    function start(
        Authorisation calldata agreed,
        bytes calldata ownerSignature,
        PlugReport calldata plugged,
        bytes[] calldata oracleSignatures
    ) external returns (uint256 id) {
        uint256 slot = _currentSlot();
        IEvRegistry.Ev memory car = VEHICLES.requireUsable(agreed.ev, agreed.chargePoint);
        _requireStartable(agreed, slot);
        _requirePlugged(agreed, plugged, slot);
        _requireQuorum(plugDigest(plugged), oracleSignatures);
        if (!SignatureChecker.isValidSignatureNowCalldata(car.owner, authorisationDigest(agreed), ownerSignature)) {
            revert V2GExchange_BadSignature(car.owner);
        }

        id = ++_sessions;
        _cars[agreed.ev] = Car(agreed.nonce + 1, uint64(id));
        sessionAt[agreed.chargePoint] = id;
        Session storage record = _records[id];
        (record.owner, record.ev, record.chargePoint) = (car.owner, agreed.ev, agreed.chargePoint);
        (record.startSlot, record.departureSlot) = (slot.toUint40(), uint256(agreed.departureSlot).toUint40());
        (record.reserveBps, record.targetBps, record.capacityWh) =
            (agreed.reserveBps, agreed.targetBps, car.capacityWh);
        (record.openingSocBps, record.socBps) = (plugged.socBps, plugged.socBps);
        record.socSlot = uint40(plugged.slot); // not above the present one
        (record.maxPrice, record.minReward) = (agreed.maxPrice, agreed.minReward);
        record.escrow = agreed.maxCostMicroInr;
        emit SessionStarted(id, agreed.ev, agreed.chargePoint, agreed, plugged.socBps);
        HOUSE.lock(car.owner, agreed.maxCostMicroInr);
    }

    /// @inheritdoc IV2GExchange
    function order(uint256 id, IOrderRules.Direction direction, uint32 whPerSlot, uint64 slots) external restricted {
        Session storage record = _running(id);
        uint256 slot = _currentSlot();
        _takeBackOrders(id, record, slot);
        bool due = false;
        if (direction != IOrderRules.Direction.Idle) due = _order(id, record, direction, whPerSlot, slots);
        else if (whPerSlot != 0 || slots != 0) revert V2GExchange_BadOrder("whPerSlot");
        emit EnergyOrdered(id, direction, whPerSlot, uint64(slot + 1), uint64(slot + slots), due);
    }

    /// @inheritdoc IV2GExchange
    function end(uint256 id) external {
        Session storage record = _running(id);
        bool departed = _currentSlot() > record.departureSlot;
        if (msg.sender != record.owner && !departed) revert V2GExchange_NotAllowed(msg.sender);
        _end(id, record);
    }

    /// @inheritdoc IV2GExchange
    function unplug(uint256 id) external restricted {
        _end(id, _running(id));
    }

    /// @inheritdoc IV2GExchange
    function settle(uint256 id, uint64 slot, Leaf calldata leaf, bytes32[3][] calldata proof, uint256 path)
        external
       
    {
        Session storage record = _open(id);
        _requireDue(record, slot, leaf.meter);
        LEDGER.requireLeaf(slot, leaf, proof, path);

        (uint256 cost, uint256 reward) = _advance(id, record, slot, leaf.registers);
        uint256 refund = 0;
        if (record.endSlot != 0 && slot >= record.endSlot) refund = _close(id, record, false);
        address owner = record.owner;
        if (cost != 0) HOUSE.payFromLocked(owner, HOUSE.backer(), cost);
        if (reward != 0) HOUSE.pay(owner, reward);
        _refund(owner, refund);
    }

    /// @inheritdoc IV2GExchange
    function reportSoc(uint256 id, uint64 slot, uint16 socBps, bytes[] calldata signatures) external {
        Session storage record = _open(id);
        bool next = record.opened && slot == record.settledSlot && slot > record.socSlot;
        if (!next) revert V2GExchange_SocSlot(slot, record.settledSlot);
        _requireShare(socBps);
        _requireQuorum(socDigest(id, slot, socBps), signatures);

        uint256 capacity = record.capacityWh;
        // Since the session began, so that tolerances do not add up, and since the last report.
        (uint256 lowest, uint256 highest) =
            _rangeSince(record, record.openingSocBps, record.openingCharged, record.openingDischarged);
        (uint256 low, uint256 high) = _socRange(record);
        uint256 tolerance = capacity * _limits().socToleranceBps / V2GLogic.BPS;
        (lowest, highest) = (Math.max(lowest, low), Math.min(highest, high));
        uint256 socWh = capacity * socBps / V2GLogic.BPS;
        if (socWh + tolerance < lowest || socWh > highest + tolerance) {
            revert V2GExchange_ForgedSoc(socWh, Math.saturatingSub(lowest, tolerance), highest + tolerance);
        }
        (record.socBps, record.socSlot) = (socBps, uint40(slot));
        (record.socCharged, record.socDischarged) = (record.charged, record.discharged);
        emit SocReported(id, slot, socBps);
    }

    /// @inheritdoc IV2GExchange
    function abandon(uint256 id) external {
        Session storage record = _open(id);
        uint256 allowedAt = record.endSlot == 0
            ? type(uint256).max
            : (uint256(record.endSlot) + 1) * SLOT_SECONDS + _limits().abandonSeconds;
        if (block.timestamp < allowedAt) revert V2GExchange_TooEarly(allowedAt);
        _refund(record.owner, _close(id, record, true));
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IV2GExchange
    function sessionCount() external view returns (uint256) {
        return _sessions;
    }

    /// @inheritdoc IV2GExchange
    function session(uint256 id) external view returns (Session memory) {
        return _records[id];
    }

    /// @inheritdoc IV2GExchange
    function evState(EvId ev) external view returns (uint64 nonce, uint256 sessionId) {
        Car memory car = _cars[ev];
        return (car.nonce, car.sessionId);
    }

    /// @inheritdoc IV2GExchange
    function socRange(uint256 id) external view returns (uint256 lowestWh, uint256 highestWh) {
        Session storage record = _records[id];
        return _socRange(record);
    }

    /// @inheritdoc IV2GExchange
    function ordered(uint256 id, uint64 slot) external view returns (IOrderRules.Direction direction, uint32 wh) {
        Allowance memory found = _allowances[id][slot];
        return (found.direction, found.wh);
    }

    /// @inheritdoc IV2GExchange
    function budget() external view returns (uint256 freeMicroInr, uint256 reservedMicroInr) {
        return (_budgetFree, _budgetReserved);
    }

    /// @inheritdoc IV2GExchange
    function auditEnergyFlow(uint256 id, uint256 offset, uint256 limit) external view returns (Flow[] memory found) {
        uint256 count = _flows[id].length;
        uint256 last = Math.min(count, Math.saturatingAdd(offset, limit));
        found = new Flow[](Math.saturatingSub(last, offset));
        for (uint256 i = 0; i < found.length; ++i) {
            found[i] = _flows[id][offset + i];
        }
    }

    /// @inheritdoc IV2GExchange
    function authorisationDigest(Authorisation calldata agreed) public view returns (bytes32) {
        // Every field is one word, as EIP-712 encodes it.
        return _hashTypedDataV4(keccak256(abi.encode(AUTHORISATION_TYPEHASH, agreed)));
    }

    /// @inheritdoc IV2GExchange
    function plugDigest(PlugReport calldata plugged) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(PLUG_TYPEHASH, plugged, _epoch())));
    }

    /// @inheritdoc IV2GExchange
    function socDigest(uint256 id, uint64 slot, uint16 socBps) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(SOC_TYPEHASH, id, slot, socBps, _epoch())));
    }

    // ------------------------------------------------------------------ internal: start

    function _requireStartable(Authorisation calldata agreed, uint256 slot) private view {
        Car memory car = _cars[agreed.ev];
        if (car.sessionId != 0) revert V2GExchange_EvBusy(agreed.ev, car.sessionId);
        uint256 other = sessionAt[agreed.chargePoint];
        if (other != 0) revert V2GExchange_ChargePointBusy(agreed.chargePoint, other);
        if (agreed.nonce != car.nonce) revert V2GExchange_WrongNonce(agreed.nonce, car.nonce);
        if (block.timestamp > agreed.validUntil) revert V2GExchange_Expired(agreed.validUntil);
        if (agreed.departureSlot <= slot) revert V2GExchange_BadDeparture(agreed.departureSlot);
        _requireShare(agreed.reserveBps);
        _requireShare(agreed.targetBps);
    }

    function _requirePlugged(Authorisation calldata agreed, PlugReport calldata plugged, uint256 slot) private view {
        bool same = EvId.unwrap(plugged.ev) == EvId.unwrap(agreed.ev)
            && MeterId.unwrap(plugged.chargePoint) == MeterId.unwrap(agreed.chargePoint);
        if (!same) revert V2GExchange_WrongPlug(plugged.ev, plugged.chargePoint);
        _requireShare(plugged.socBps);
        uint256 oldest = Math.saturatingSub(slot, _limits().maxSocAgeSlots);
        if (plugged.slot < oldest || plugged.slot > slot) revert V2GExchange_StaleSoc(plugged.slot, uint64(oldest));
    }

    // ------------------------------------------------------------------ internal: orders

    /// Takes back what is ordered for slots after `slot`.
    function _takeBackOrders(uint256 id, Session storage record, uint256 slot) private {
        uint256 last = record.orderedUntil;
        if (last <= slot) return;
        // At most MAX_ORDER_SLOTS: nothing was ordered further ahead.
        for (uint256 later = slot + 1; later <= last; ++later) {
            Allowance memory allowed = _allowances[id][later];
            _totals[later][allowed.direction] -= allowed.wh;
            _release(record, allowed.reserved);
            delete _allowances[id][later];
        }
        record.orderedUntil = uint40(slot);
    }

    /// Writes an order that the rules allow.
    /// @return due see IOrderRules
    function _order(uint256 id, Session storage record, IOrderRules.Direction direction, uint32 whPerSlot, uint64 slots)
        private
        returns (bool due)
    {
        uint256 slot = _currentSlot();
        if (slots == 0 || slots > MAX_ORDER_SLOTS || slot + slots > record.departureSlot) {
            revert V2GExchange_BadOrder("slots");
        }
        IOrderRules.Order memory wanted;
        (wanted.direction, wanted.whPerSlot, wanted.slots) = (direction, whPerSlot, slots);
        wanted.slotsLeft = record.departureSlot - slot;
        _describe(id, record, wanted, slot);
        uint256 reservePrice = 0;
        (due, reservePrice) = RULES.requireAllowed(wanted);
        uint256 reserve = V2GLogic.costUp(whPerSlot, reservePrice);
        _reserve(record, reserve * slots);
        for (uint256 later = slot + 1; later <= slot + slots; ++later) {
            _allowances[id][later] = Allowance(direction, whPerSlot, reserve.toUint96());
            _totals[later][direction] += whPerSlot;
        }
        record.orderedUntil = uint40(slot + slots); // not after the departure
    }

    /// What the rules want to know of a session.
    function _describe(uint256 id, Session storage record, IOrderRules.Order memory wanted, uint256 slot) private view {
        IEvRegistry.Limits memory limits = _limits();
        uint256 oldest = Math.saturatingSub(slot, limits.maxSocAgeSlots);
        if (record.socSlot < oldest) revert V2GExchange_StaleSoc(record.socSlot, uint64(oldest));
        IEvRegistry.ChargePoint memory point = VEHICLES.chargePointOf(record.chargePoint);
        uint256 maxWh = wanted.direction == IOrderRules.Direction.Charge ? point.maxChargeWh : point.maxDischargeWh;
        if (wanted.whPerSlot == 0 || wanted.whPerSlot > maxWh) revert V2GExchange_BadOrder("whPerSlot");
        (wanted.maxChargeWh, wanted.efficiencyBps) = (point.maxChargeWh, limits.minEfficiencyBps);
        wanted.pendingWh = _pending(id, record, wanted.direction, slot);
        wanted.usedWh = _used(wanted.direction, slot, wanted.slots);
        (wanted.socWh,) = _socRange(record);
        wanted.capacityWh = record.capacityWh;
        uint256 reserveBps = Math.max(VEHICLES.evOf(record.ev).reserveBps, record.reserveBps);
        wanted.reserveWh = Math.ceilDiv(wanted.capacityWh * reserveBps, V2GLogic.BPS);
        wanted.targetWh = wanted.capacityWh * record.targetBps / V2GLogic.BPS;
        (wanted.maxPrice, wanted.minReward, wanted.escrow) = (record.maxPrice, record.minReward, record.escrow);
    }

    /// What is ordered in that direction up to the present slot and not settled yet, Wh.
    function _pending(uint256 id, Session storage record, IOrderRules.Direction direction, uint256 slot)
        private
        view
        returns (uint256 wh)
    {
        uint256 from = record.opened ? record.settledSlot : record.startSlot;
        if (slot - from > MAX_BACKLOG_SLOTS) revert V2GExchange_TooFarBehind(uint64(from));
        for (uint256 past = from + 1; past <= slot; ++past) {
            Allowance memory allowed = _allowances[id][past];
            if (allowed.direction == direction) wh += allowed.wh;
        }
    }

    /// Most that all sessions are ordered in that direction in one of the coming slots, Wh.
    function _used(IOrderRules.Direction direction, uint256 slot, uint256 slots) private view returns (uint256 mostWh) {
        for (uint256 later = slot + 1; later <= slot + slots; ++later) {
            mostWh = Math.max(mostWh, _totals[later][direction]);
        }
    }

    // ------------------------------------------------------------------ internal: settlement

    /// The slot is the session's next, or may leave others out by now.
    function _requireDue(Session storage record, uint64 slot, MeterId meter) private view {
        if (MeterId.unwrap(meter) != MeterId.unwrap(record.chargePoint)) {
            revert V2GExchange_WrongMeter(meter, record.chargePoint);
        }
        uint256 next = record.opened ? uint256(record.settledSlot) + 1 : record.startSlot;
        if (slot < next) revert V2GExchange_SlotSettled(slot, uint64(next - 1));
        IMeterLedger.SlotRecord memory committed = LEDGER.slotRecord(slot);
        // Later slots hold the energy of the charge point's next session.
        if (record.endSlot != 0 && committed.previousSlot >= record.endSlot) {
            revert V2GExchange_NotAfterEnd(slot, record.endSlot);
        }
        uint256 allowedAt = uint256(committed.committedAt) + _limits().gapSeconds;
        if (committed.previousSlot >= next && block.timestamp < allowedAt) {
            revert V2GExchange_SlotsLeftOut(slot, allowedAt);
        }
    }

    /// Moves a session on to the registers of a slot; the first ones are those it counts from.
    function _advance(uint256 id, Session storage record, uint64 slot, Registers registers)
        private
        returns (uint256 cost, uint256 reward)
    {
        // Registers have 40 bits, and committed slots are below the present one.
        uint40 charged = uint40(registers.chargedWh());
        uint40 discharged = uint40(registers.dischargedWh());
        if (!record.opened) {
            record.opened = true;
            (record.openingCharged, record.openingDischarged) = (charged, discharged);
            (record.socCharged, record.socDischarged) = (charged, discharged);
            emit SessionOpened(id, slot, charged, discharged);
        } else {
            if (charged < record.charged || discharged < record.discharged) revert V2GExchange_RegisterWentBack(id);
            Interval memory flowed;
            (flowed.slot, flowed.previousSlot) = (slot, record.settledSlot);
            flowed.chargedWh = charged - record.charged;
            flowed.dischargedWh = discharged - record.discharged;
            _book(id, record, flowed);
            (cost, reward) = (flowed.cost, flowed.reward);
        }
        (record.charged, record.discharged, record.settledSlot) = (charged, discharged, uint40(slot));
    }

    /// What an interval costs and earns, at the prices of its first slot.
    /// @return reserved of the budget for it, to be released
    function _valued(uint256 id, Session storage record, Interval memory flowed)
        private
        view
        returns (uint256 reserved)
    {
        uint256 allowedWh = 0;
        (allowedWh, reserved) = _allowedIn(id, record, flowed);
        (flowed.price, flowed.rewardPrice) = _pricesFor(record, uint256(flowed.previousSlot) + 1);
        uint256 due = V2GLogic.costUp(flowed.chargedWh, flowed.price);
        flowed.cost = Math.min(due, record.escrow);
        flowed.unpaid = due - flowed.cost;
        uint256 rewardedWh = Math.min(flowed.dischargedWh, allowedWh);
        flowed.unorderedWh = flowed.dischargedWh - rewardedWh;
        // What was reserved covers the highest reward that there was when it was ordered.
        flowed.reward = Math.min(V2GLogic.rewardDown(rewardedWh, flowed.rewardPrice), reserved);
    }

    /// Books an interval, with a line for the audit.
    function _book(uint256 id, Session storage record, Interval memory flowed) private {
        uint256 reserved = _valued(id, record, flowed);
        record.escrow -= uint128(flowed.cost); // at most the escrow itself
        record.cost += uint128(flowed.cost);
        record.reward += uint128(flowed.reward); // at most what was reserved
        _release(record, reserved);
        _budgetFree -= uint128(flowed.reward); // released a line above
        _flows[id].push(
            Flow(
                uint40(flowed.slot), // committed
                flowed.chargedWh.toUint32(),
                flowed.dischargedWh.toUint32(),
                flowed.cost.toUint72(),
                flowed.reward.toUint72()
            )
        );
        emit FlowSettled(
            id,
            flowed.slot,
            flowed.previousSlot,
            flowed.chargedWh,
            flowed.dischargedWh,
            flowed.price,
            flowed.rewardPrice,
            flowed.cost,
            flowed.reward,
            flowed.unpaid,
            flowed.unorderedWh
        );
    }

    /// What discharging was allowed in the interval, and what is reserved for it.
    function _allowedIn(uint256 id, Session storage record, Interval memory flowed)
        private
        view
        returns (uint256 dischargeWh, uint256 reserved)
    {
        uint256 last = Math.min(flowed.slot, record.orderedUntil);
        // Orders stop MAX_BACKLOG_SLOTS after the slot settled last, and reach MAX_ORDER_SLOTS further.
        for (uint256 slot = uint256(flowed.previousSlot) + 1; slot <= last; ++slot) {
            Allowance memory allowed = _allowances[id][slot];
            if (allowed.direction == IOrderRules.Direction.Discharge) dischargeWh += allowed.wh;
            reserved += allowed.reserved;
        }
    }

    /// What a kWh costs and earns in a slot, within what the owner signed. Before there were any rates nothing was
    /// ordered, and what flowed costs the highest price signed.
    function _pricesFor(Session storage record, uint256 slot)
        private
        view
        returns (uint256 price, uint256 rewardPrice)
    {
        IIncentiveRates.Rates memory rates = RATES.ratesAt(slot.toUint64());
        price = rates.multiplierBps == 0 ? record.maxPrice : Math.min(rates.basePrice, record.maxPrice);
        rewardPrice = Math.max(rates.rewardPrice, record.minReward);
    }

    function _end(uint256 id, Session storage record) private {
        uint256 slot = _currentSlot();
        _takeBackOrders(id, record, slot);
        record.endSlot = slot.toUint40();
        _cars[record.ev].sessionId = 0;
        sessionAt[record.chargePoint] = 0;
        emit SessionEnded(id, uint64(slot), msg.sender);
    }

    function _close(uint256 id, Session storage record, bool abandoned) private returns (uint256 refund) {
        refund = record.escrow;
        record.escrow = 0;
        record.closed = true;
        _release(record, record.reserved);
        emit SessionClosed(id, refund, abandoned);
    }

    function _refund(address owner, uint256 microInr) private {
        if (microInr != 0) HOUSE.unlock(owner, microInr);
    }

    // ------------------------------------------------------------------ internal: battery

    /// By the last report and what was settled since.
    function _socRange(Session storage record) private view returns (uint256 lowestWh, uint256 highestWh) {
        return _rangeSince(record, record.socBps, record.socCharged, record.socDischarged);
    }

    function _rangeSince(Session storage record, uint256 socBps, uint256 chargedThen, uint256 dischargedThen)
        private
        view
        returns (uint256 lowestWh, uint256 highestWh)
    {
        uint256 capacity = record.capacityWh;
        return V2GLogic.socRange(
            capacity * socBps / V2GLogic.BPS,
            record.charged - chargedThen,
            record.discharged - dischargedThen,
            _limits().minEfficiencyBps,
            capacity
        );
    }

    // ------------------------------------------------------------------ internal: money

    function _takeBudget(uint256 microInr) private {
        uint256 free = _budgetFree;
        if (microInr > free) revert V2GExchange_BudgetShort(free, microInr);
        unchecked {
            _budgetFree = uint128(free - microInr); // not more than is there
        }
    }

    function _reserve(Session storage record, uint256 microInr) private {
        if (microInr == 0) return;
        _takeBudget(microInr);
        _budgetReserved += uint128(microInr); // what was free has that type
        record.reserved += uint128(microInr);
    }

    /// What was reserved for a session is free again.
    function _release(Session storage record, uint256 microInr) private {
        if (microInr == 0) return;
        record.reserved -= uint128(microInr); // at most what is reserved
        _budgetReserved -= uint128(microInr);
        _budgetFree += uint128(microInr);
    }

    // ------------------------------------------------------------------ internal: checks and settings

    /// A session that is not closed.
    function _open(uint256 id) private view returns (Session storage record) {
        record = _records[id];
        if (record.owner == address(0)) revert V2GExchange_UnknownSession(id);
        if (record.closed) revert V2GExchange_SessionOver(id);
    }

    /// A session that has not ended.
    function _running(uint256 id) private view returns (Session storage record) {
        record = _open(id);
        if (record.endSlot != 0) revert V2GExchange_SessionOver(id);
    }

    function _requireQuorum(bytes32 digest, bytes[] calldata signatures) private view {
        QUORUM.requireQuorum(digest, signatures);
    }

    function _epoch() private view returns (uint64) {
        return QUORUM.epoch();
    }

    function _limits() private view returns (IEvRegistry.Limits memory) {
        return VEHICLES.limits();
    }

    function _requireShare(uint256 bps) private pure {
        if (bps > V2GLogic.BPS) revert V2GExchange_BadShare(bps);
    }

    function _currentSlot() private view returns (uint256) {
        return block.timestamp / SLOT_SECONDS;
    }
}

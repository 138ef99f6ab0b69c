// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {EvId, Leaf, MeterId} from "../Types.sol";
import {IEvRegistry} from "../interfaces/IEvRegistry.sol";
import {IOrderRules} from "../interfaces/IOrderRules.sol";
import {IV2GExchange} from "../interfaces/IV2GExchange.sol";
import {V2GLogic} from "./V2GLogic.sol";
import {V2GOrders} from "./V2GOrders.sol";
import {V2GSettlement} from "./V2GSettlement.sol";
import {V2GState} from "./V2GState.sol";

/// @title V2GExchange
/// @notice See IV2GExchange. Sessions are numbered from 1.
/// @dev No guard against re-entrance: the ClearingHouse calls nobody, and all else is only read. State is written
/// first. Orders and settlement are in V2GOrders and V2GSettlement.
contract V2GExchange is V2GOrders, V2GSettlement {
    using SafeCast for uint256;

    // ------------------------------------------------------------------ constants

    bytes32 private constant AUTHORISATION_TYPEHASH = keccak256(
        "Authorisation(uint32 ev,uint32 chargePoint,uint64 maxPrice,uint64 minReward,uint16 reserveBps,"
        "uint16 targetBps,uint64 departureSlot,uint128 maxCostMicroInr,uint64 nonce,uint64 validUntil)"
    );
    bytes32 private constant PLUG_TYPEHASH =
        keccak256("PlugReport(uint32 ev,uint32 chargePoint,uint16 socBps,uint64 slot,uint64 epoch)");
    bytes32 private constant SOC_TYPEHASH =
        keccak256("SocReport(uint256 sessionId,uint64 slot,uint16 socBps,uint64 epoch)");

    // ------------------------------------------------------------------ constructor

    constructor(address manager, Links memory links) V2GState(manager, links) {}

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

    // ------------------------------------------------------------------ start

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

    // ------------------------------------------------------------------ end

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
}

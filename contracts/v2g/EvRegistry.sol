// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {BillingMode, EntityKind, EvId, MeterId} from "../Types.sol";
import {IEvRegistry} from "../interfaces/IEvRegistry.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";

/// @title EvRegistry
/// @notice See IEvRegistry. Cars are numbered from 1.
contract EvRegistry is IEvRegistry, AccessManaged {
    // ------------------------------------------------------------------ constants

    /// @notice Largest battery, 1 MWh.
    uint256 public constant MAX_CAPACITY_WH = 1_000_000;

    uint256 private constant BPS = 10_000;

    // ------------------------------------------------------------------ immutables

    IMeterRegistry private immutable METERS;

    // ------------------------------------------------------------------ storage

    Limits private _limits;
    uint32 private _count;
    mapping(EvId ev => Ev) private _cars;
    mapping(MeterId meter => ChargePoint) private _points;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, IMeterRegistry meters, Limits memory firstLimits) AccessManaged(manager) {
        METERS = meters;
        _setLimits(firstLimits);
    }

    // ------------------------------------------------------------------ owners

    /// @inheritdoc IEvRegistry
    function registerEv(uint32 capacityWh, uint16 reserveBps) external returns (EvId ev) {
        if (capacityWh == 0 || capacityWh > MAX_CAPACITY_WH) revert EvRegistry_BadCapacity(capacityWh);
        _requireShare(reserveBps);
        ev = EvId.wrap(++_count);
        _cars[ev] = Ev(msg.sender, capacityWh, reserveBps, false);
        emit EvRegistered(ev, msg.sender, capacityWh, reserveBps);
    }

    /// @inheritdoc IEvRegistry
    function setReserve(EvId ev, uint16 reserveBps) external {
        _requireShare(reserveBps);
        Ev storage car = _owned(ev);
        emit ReserveChanged(ev, car.reserveBps, reserveBps);
        car.reserveBps = reserveBps;
    }

    /// @inheritdoc IEvRegistry
    function retireEv(EvId ev) external {
        _owned(ev).retired = true;
        emit EvRetired(ev);
    }

    // ------------------------------------------------------------------ operator

    /// @inheritdoc IEvRegistry
    function setChargePoint(MeterId meter, uint32 maxChargeWh, uint32 maxDischargeWh) external restricted {
        if (maxChargeWh != 0 || maxDischargeWh != 0) _requireCommunityEvMeter(meter);
        _points[meter] = ChargePoint(maxChargeWh, maxDischargeWh);
        emit ChargePointSet(meter, maxChargeWh, maxDischargeWh);
    }

    /// @inheritdoc IEvRegistry
    function setLimits(Limits calldata newLimits) external restricted {
        _setLimits(newLimits);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IEvRegistry
    function evCount() external view returns (uint256) {
        return _count;
    }

    /// @inheritdoc IEvRegistry
    function evOf(EvId ev) external view returns (Ev memory) {
        return _cars[ev];
    }

    /// @inheritdoc IEvRegistry
    function chargePointOf(MeterId meter) external view returns (ChargePoint memory) {
        return _points[meter];
    }

    /// @inheritdoc IEvRegistry
    function limits() external view returns (Limits memory) {
        return _limits;
    }

    /// @inheritdoc IEvRegistry
    function requireUsable(EvId ev, MeterId chargePoint) external view returns (Ev memory car) {
        car = _cars[ev];
        _requireInUse(ev, car);
        ChargePoint memory point = _points[chargePoint];
        if (point.maxChargeWh == 0 && point.maxDischargeWh == 0) revert EvRegistry_NoChargePoint(chargePoint);
        _requireCommunityEvMeter(chargePoint);
    }

    // ------------------------------------------------------------------ internal

    function _owned(EvId ev) private view returns (Ev storage car) {
        car = _cars[ev];
        _requireInUse(ev, car);
        if (msg.sender != car.owner) revert EvRegistry_NotOwner(ev, msg.sender);
    }

    function _requireInUse(EvId ev, Ev memory car) private pure {
        if (car.owner == address(0)) revert EvRegistry_UnknownEv(ev);
        if (car.retired) revert EvRegistry_EvRetired(ev);
    }

    /// A meter whose energy is the inventory's: otherwise its holder would pay for it a second time.
    function _requireCommunityEvMeter(MeterId meter) private view {
        (address holder, EntityKind kind, BillingMode mode, bool changing,) = METERS.settlementOf(meter);
        bool good = holder == address(0) && kind == EntityKind.Ev && mode == BillingMode.Community && !changing;
        if (!good) revert EvRegistry_BadMeter(meter);
    }

    function _requireShare(uint256 bps) private pure {
        if (bps > BPS) revert EvRegistry_BadShare(bps);
    }

    function _setLimits(Limits memory newLimits) private {
        if (newLimits.minEfficiencyBps < BPS / 2 || newLimits.minEfficiencyBps > BPS) {
            revert EvRegistry_BadLimits("minEfficiencyBps");
        }
        if (newLimits.socToleranceBps > BPS / 10) revert EvRegistry_BadLimits("socToleranceBps");
        if (newLimits.gapSeconds == 0) revert EvRegistry_BadLimits("gapSeconds");
        if (newLimits.abandonSeconds < newLimits.gapSeconds) revert EvRegistry_BadLimits("abandonSeconds");
        _limits = newLimits;
        emit LimitsChanged(newLimits);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {EnumerableSet} from "@openzeppelin/contracts/utils/structs/EnumerableSet.sol";
import {BillingMode, EntityKind, MeterId, Registers} from "../Types.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {RegisterLib} from "./RegisterLib.sol";

/// @title MeterRegistry
/// @notice See IMeterRegistry.
contract MeterRegistry is IMeterRegistry, EIP712, AccessManaged {
    using EnumerableSet for EnumerableSet.UintSet;
    using RegisterLib for Registers;

    // ------------------------------------------------------------------ types

    struct Record {
        // slot 0: all that settlement reads
        address holder;
        EntityKind kind;
        BillingMode mode;
        BillingMode settledMode; // applies while `changing`
        bool leaving;
        bool changing;
        bool wasOnRequest;
        uint48 changeSlot;
        // slot 1
        address claimKey;
        uint32 subscription;
        uint32 maxPowerW;
        uint16 feederNode;
        // slot 2
        bytes32 deviceKeyHash;
    }

    // ------------------------------------------------------------------ constants

    /// @notice Most metering points: their sums of 40-bit registers then stay below 2^63, which sum trees rely on.
    uint256 public constant MAX_METERS = 1 << 23;

    bytes32 private constant CLAIM_TYPEHASH = keccak256("Claim(uint32 meter,address wallet,uint32 subscription)");

    // ------------------------------------------------------------------ immutables

    /// @inheritdoc IMeterRegistry
    uint32 public immutable slotSeconds;

    // ------------------------------------------------------------------ storage

    mapping(MeterId meter => Record) private _records;
    mapping(MeterId meter => Terms[]) private _terms;
    mapping(address holder => EnumerableSet.UintSet) private _metersOf;
    MeterId[] private _meters;
    uint32[7] private _countByKind;

    // ------------------------------------------------------------------ constructor

    constructor(address authority, uint32 slotSeconds_)
        AccessManaged(authority)
        EIP712("Ohmstead MeterRegistry", "1")
    {
        if (slotSeconds_ == 0) revert MeterRegistry_BadSlotSeconds();
        slotSeconds = slotSeconds_;
    }

    // ------------------------------------------------------------------ operator

    /// @inheritdoc IMeterRegistry
    function register(MeterId meter, EntityKind kind, uint16 feederNode, uint32 maxPowerW, bytes32 deviceKeyHash)
        external
        restricted
    {
        if (MeterId.unwrap(meter) == 0) revert MeterRegistry_ZeroId();
        if (kind == EntityKind.None) revert MeterRegistry_BadKind(kind);
        if (maxPowerW == 0) revert MeterRegistry_ZeroMaxPower();
        Record storage record = _records[meter];
        if (record.kind != EntityKind.None) revert MeterRegistry_AlreadyRegistered(meter);
        if (_meters.length >= MAX_METERS) revert MeterRegistry_TooManyMeters(MAX_METERS);

        record.kind = kind;
        record.subscription = 1;
        record.maxPowerW = maxPowerW;
        record.feederNode = feederNode;
        record.deviceKeyHash = deviceKeyHash;
        _meters.push(meter);
        ++_countByKind[uint256(kind)];
        emit MeterRegistered(meter, kind, feederNode, maxPowerW);
        emit DeviceKeyRotated(meter, bytes32(0), deviceKeyHash);
    }

    /// @inheritdoc IMeterRegistry
    function rotateDeviceKey(MeterId meter, bytes32 newKeyHash) external restricted {
        Record storage record = _known(meter);
        bytes32 oldKeyHash = record.deviceKeyHash;
        record.deviceKeyHash = newKeyHash;
        emit DeviceKeyRotated(meter, oldKeyHash, newKeyHash);
    }

    /// @inheritdoc IMeterRegistry
    function issueClaimCode(MeterId meter, address claimKey) external restricted {
        Record storage record = _unheld(meter);
        // A meter that supplies on request is set back to Community first, when no request is open.
        if (record.mode != BillingMode.Community) revert MeterRegistry_ModeNotAllowed(record.mode);
        record.claimKey = claimKey;
        emit ClaimCodeIssued(meter, claimKey);
    }

    /// @inheritdoc IMeterRegistry
    function setCommunityMode(MeterId meter, BillingMode mode) external restricted {
        if (mode != BillingMode.Community && mode != BillingMode.OnRequest) revert MeterRegistry_ModeNotAllowed(mode);
        Record storage record = _unheld(meter);
        emit BillingModeChanged(meter, record.mode, mode);
        record.mode = mode;
        record.settledMode = mode;
        if (mode == BillingMode.OnRequest) {
            record.wasOnRequest = true;
            // A code that is still out would take the meter away from those who pay for its supply.
            delete record.claimKey;
        }
    }

    /// @inheritdoc IMeterRegistry
    function recordRebase(MeterId meter, Registers before, Registers afterReset, string calldata reason)
        external
        restricted
    {
        _known(meter);
        if (!before.isValid()) revert MeterRegistry_BadRegisters(before);
        if (!afterReset.isValid()) revert MeterRegistry_BadRegisters(afterReset);
        emit RegistersRebased(meter, before, afterReset, reason);
    }

    // ------------------------------------------------------------------ households

    /// @inheritdoc IMeterRegistry
    function claim(MeterId meter, BillingMode mode, bytes calldata codeSignature) external {
        _requireHouseholdMode(mode);
        Record storage record = _known(meter);
        if (record.holder != address(0)) revert MeterRegistry_AlreadyClaimed(meter, record.holder);
        (address code,,) = ECDSA.tryRecoverCalldata(claimDigest(meter, msg.sender), codeSignature);
        if (code == address(0) || code != record.claimKey) revert MeterRegistry_BadClaimCode(meter);

        delete record.claimKey;
        record.holder = msg.sender;
        record.settledMode = record.mode;
        record.mode = mode;
        _beginChange(record);
        _metersOf[msg.sender].add(MeterId.unwrap(meter));
        emit MeterClaimed(meter, record.subscription, msg.sender, mode);
    }

    /// @inheritdoc IMeterRegistry
    function setBillingMode(MeterId meter, BillingMode mode) external {
        _requireHouseholdMode(mode);
        Record storage record = _held(meter);
        if (record.changing) revert MeterRegistry_ChangePending(meter, record.changeSlot);
        BillingMode oldMode = record.mode;
        if (mode == oldMode) return;
        record.settledMode = oldMode;
        record.mode = mode;
        _beginChange(record);
        emit BillingModeChanged(meter, oldMode, mode);
    }

    /// @inheritdoc IMeterRegistry
    function requestRelease(MeterId meter) external {
        Record storage record = _held(meter);
        if (record.leaving) revert MeterRegistry_AlreadyLeaving(meter);
        if (record.changing) record.mode = record.settledMode;
        else record.settledMode = record.mode;
        record.leaving = true;
        _beginChange(record);
        emit ReleaseRequested(meter, record.subscription, record.changeSlot);
    }

    // ------------------------------------------------------------------ ledger

    /// @inheritdoc IMeterRegistry
    function startTerms(MeterId meter, uint64 slot, Registers registers) external restricted returns (bool released) {
        Record storage record = _known(meter);
        if (!record.changing || slot < record.changeSlot) return false;
        record.changing = false;

        released = record.leaving;
        if (released) {
            address formerHolder = record.holder;
            emit MeterReleased(meter, record.subscription, formerHolder, registers);
            _metersOf[formerHolder].remove(MeterId.unwrap(meter));
            record.holder = address(0);
            record.leaving = false;
            record.mode = BillingMode.Community;
            ++record.subscription;
        }
        record.settledMode = record.mode;
        // Slots count seconds at most: 48 bits outlast the chain.
        _terms[meter].push(Terms(record.holder, record.mode, record.subscription, uint48(slot), registers));
        emit TermsStarted(meter, record.subscription, record.holder, record.mode, slot, registers);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IMeterRegistry
    function get(MeterId meter) external view returns (Meter memory) {
        Record storage record = _known(meter);
        return Meter({
            holder: record.holder,
            kind: record.kind,
            mode: record.mode,
            leaving: record.leaving,
            changing: record.changing,
            feederNode: record.feederNode,
            maxPowerW: record.maxPowerW,
            claimKey: record.claimKey,
            subscription: record.subscription,
            changeSlot: record.changeSlot,
            deviceKeyHash: record.deviceKeyHash
        });
    }

    /// @inheritdoc IMeterRegistry
    function settlementOf(MeterId meter)
        external
        view
        returns (address holder, EntityKind kind, BillingMode mode, bool changing, bool trackSlot)
    {
        Record storage record = _records[meter];
        return (record.holder, record.kind, record.settledMode, record.changing, record.wasOnRequest);
    }

    /// @inheritdoc IMeterRegistry
    function findEntities() external view returns (uint32[7] memory counts) {
        return _countByKind;
    }

    /// @inheritdoc IMeterRegistry
    function meterCount() external view returns (uint256) {
        return _meters.length;
    }

    /// @inheritdoc IMeterRegistry
    function meters(uint256 offset, uint256 limit) external view returns (MeterId[] memory page) {
        uint256 count = _meters.length;
        uint256 left = offset < count ? count - offset : 0;
        page = new MeterId[](limit < left ? limit : left);
        for (uint256 i = 0; i < page.length; ++i) {
            page[i] = _meters[offset + i];
        }
    }

    /// @inheritdoc IMeterRegistry
    function metersOf(address holder) external view returns (MeterId[] memory held) {
        uint256[] memory ids = _metersOf[holder].values();
        held = new MeterId[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            held[i] = MeterId.wrap(uint32(ids[i]));
        }
    }

    /// @inheritdoc IMeterRegistry
    function termsCount(MeterId meter) external view returns (uint256) {
        return _terms[meter].length;
    }

    /// @inheritdoc IMeterRegistry
    function termsAt(MeterId meter, uint256 index) external view returns (Terms memory) {
        if (index >= _terms[meter].length) revert MeterRegistry_NoSuchTerms(meter, index);
        return _terms[meter][index];
    }

    /// @inheritdoc IMeterRegistry
    function currentSlot() public view returns (uint64) {
        return uint64(block.timestamp / slotSeconds);
    }

    /// @inheritdoc IMeterRegistry
    function claimDigest(MeterId meter, address wallet) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(CLAIM_TYPEHASH, meter, wallet, _records[meter].subscription)));
    }

    // ------------------------------------------------------------------ internal

    function _beginChange(Record storage record) private {
        record.changing = true;
        record.changeSlot = uint48(currentSlot());
    }

    function _known(MeterId meter) private view returns (Record storage record) {
        record = _records[meter];
        if (record.kind == EntityKind.None) revert MeterRegistry_Unknown(meter);
    }

    /// A metering point that a household could hold and none does. Sources, banks and the grid connection are the
    /// community's for good.
    function _unheld(MeterId meter) private view returns (Record storage record) {
        record = _known(meter);
        EntityKind kind = record.kind;
        if (kind == EntityKind.Der || kind == EntityKind.Battery || kind == EntityKind.Grid) {
            revert MeterRegistry_BadKind(kind);
        }
        if (record.holder != address(0)) revert MeterRegistry_AlreadyClaimed(meter, record.holder);
    }

    function _held(MeterId meter) private view returns (Record storage record) {
        record = _known(meter);
        if (record.holder != msg.sender) revert MeterRegistry_NotHolder(meter, msg.sender);
    }

    function _requireHouseholdMode(BillingMode mode) private pure {
        if (mode != BillingMode.Prepaid && mode != BillingMode.Billed) revert MeterRegistry_ModeNotAllowed(mode);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {BillingMode, EntityKind, MeterId, Registers, Standing} from "../Types.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {RegisterLib} from "./RegisterLib.sol";
import {StandingLib} from "./StandingLib.sol";

/// @title MeterRegistry
/// @notice See IMeterRegistry.
contract MeterRegistry is IMeterRegistry, EIP712, AccessManaged {
    using RegisterLib for Registers;
    using StandingLib for Standing;
    using StandingLib for StandingLib.Fields;

    // ------------------------------------------------------------------ types

    /// What settlement does not read; see StandingLib for what it does.
    struct Details {
        // slot 0
        address claimKey;
        uint32 subscription;
        uint32 maxPowerW;
        uint16 feederNode;
        // slot 1
        bytes32 deviceKeyHash;
    }

    // ------------------------------------------------------------------ constants

    /// @notice Most metering points: their sums of 40-bit registers then stay below 2^63, which sum trees rely on.
    uint256 public constant MAX_METERS = 1 << 23;

    bytes32 private constant CLAIM_TYPEHASH = keccak256("Claim(uint32 meter,address wallet,uint32 subscription)");

    // ------------------------------------------------------------------ immutables

    uint32 private immutable SLOT_SECONDS;

    // ------------------------------------------------------------------ storage

    mapping(MeterId meter => Standing) private _standings;
    mapping(MeterId meter => Details) private _details;
    mapping(MeterId meter => Terms[]) private _terms;
    mapping(address holder => MeterId[]) private _metersOf;
    /// Where a held meter stands in its holder's list.
    mapping(MeterId meter => uint256 index) private _indexOf;
    MeterId[] private _meters;
    uint32[7] private _countByKind;
    /// @inheritdoc IMeterRegistry
    mapping(MeterId meter => uint64) public rebasedAt;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, uint32 secondsOfSlot)
        AccessManaged(manager)
        EIP712("Ohmstead MeterRegistry", "1")
    {
        if (secondsOfSlot == 0) revert MeterRegistry_BadSlotSeconds();
        SLOT_SECONDS = secondsOfSlot;
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
        if (_standings[meter].kind() != EntityKind.None) revert MeterRegistry_AlreadyRegistered(meter);
        if (_meters.length >= MAX_METERS) revert MeterRegistry_TooManyMeters(MAX_METERS);

        StandingLib.Fields memory standing;
        standing.kind = kind;
        _standings[meter] = standing.pack();
        _details[meter] = Details(address(0), 1, maxPowerW, feederNode, deviceKeyHash);
        _meters.push(meter);
        ++_countByKind[uint256(kind)];
        emit MeterRegistered(meter, kind, feederNode, maxPowerW);
        emit DeviceKeyRotated(meter, bytes32(0), deviceKeyHash);
    }

    /// @inheritdoc IMeterRegistry
    function rotateDeviceKey(MeterId meter, bytes32 newKeyHash) external restricted {
        _known(meter);
        emit DeviceKeyRotated(meter, _details[meter].deviceKeyHash, newKeyHash);
        _details[meter].deviceKeyHash = newKeyHash;
    }

    /// @inheritdoc IMeterRegistry
    function issueClaimCode(MeterId meter, address claimKey) external restricted {
        BillingMode mode = _unheld(meter).chosenMode;
        // A meter that supplies on request is set back to Community first, when no request is open.
        if (mode != BillingMode.Community) revert MeterRegistry_ModeNotAllowed(mode);
        _details[meter].claimKey = claimKey;
        emit ClaimCodeIssued(meter, claimKey);
    }

    /// @inheritdoc IMeterRegistry
    function setCommunityMode(MeterId meter, BillingMode mode) external restricted {
        if (mode != BillingMode.Community && mode != BillingMode.OnRequest) revert MeterRegistry_ModeNotAllowed(mode);
        StandingLib.Fields memory standing = _unheld(meter);
        emit BillingModeChanged(meter, standing.chosenMode, mode);
        (standing.chosenMode, standing.modeInForce) = (mode, mode);
        if (mode == BillingMode.OnRequest) {
            standing.trackSlot = true;
            // A code that is still out would take the meter away from those who pay for its supply.
            delete _details[meter].claimKey;
        }
        _standings[meter] = standing.pack();
    }

    /// @inheritdoc IMeterRegistry
    function recordRebase(MeterId meter, Registers before, Registers afterReset, string calldata reason)
        external
        restricted
    {
        _known(meter);
        if (!before.isValid()) revert MeterRegistry_BadRegisters(before);
        if (!afterReset.isValid()) revert MeterRegistry_BadRegisters(afterReset);
        rebasedAt[meter] = uint64(block.timestamp);
        emit RegistersRebased(meter, before, afterReset, reason);
    }

    // ------------------------------------------------------------------ households

    /// @inheritdoc IMeterRegistry
    function claim(MeterId meter, BillingMode mode, bytes calldata codeSignature) external {
        _requireHouseholdMode(mode);
        StandingLib.Fields memory standing = _known(meter);
        if (standing.holder != address(0)) revert MeterRegistry_AlreadyClaimed(meter, standing.holder);
        Details storage details = _details[meter];
        (address code,,) = ECDSA.tryRecoverCalldata(claimDigest(meter, msg.sender), codeSignature);
        if (code == address(0) || code != details.claimKey) revert MeterRegistry_BadClaimCode(meter);

        delete details.claimKey;
        standing.holder = msg.sender;
        standing.chosenMode = mode;
        _beginChange(meter, standing);
        _indexOf[meter] = _metersOf[msg.sender].length;
        _metersOf[msg.sender].push(meter);
        emit MeterClaimed(meter, details.subscription, msg.sender, mode);
    }

    /// @inheritdoc IMeterRegistry
    function setBillingMode(MeterId meter, BillingMode mode) external {
        _requireHouseholdMode(mode);
        StandingLib.Fields memory standing = _held(meter);
        if (standing.changing) revert MeterRegistry_ChangePending(meter, standing.changeSlot);
        BillingMode oldMode = standing.chosenMode;
        if (mode == oldMode) return;
        standing.chosenMode = mode;
        _beginChange(meter, standing);
        emit BillingModeChanged(meter, oldMode, mode);
    }

    /// @inheritdoc IMeterRegistry
    function requestRelease(MeterId meter) external {
        StandingLib.Fields memory standing = _held(meter);
        if (standing.leaving) revert MeterRegistry_AlreadyLeaving(meter);
        standing.leaving = true;
        standing.chosenMode = standing.modeInForce; // a change still pending will not come
        _beginChange(meter, standing);
        emit ReleaseRequested(meter, _details[meter].subscription, standing.changeSlot);
    }

    // ------------------------------------------------------------------ ledger

    /// @inheritdoc IMeterRegistry
    function startTerms(MeterId meter, uint64 slot, Registers registers) external restricted returns (bool released) {
        StandingLib.Fields memory standing = _known(meter);
        if (!standing.changing || slot < standing.changeSlot) return false;
        standing.changing = false;

        Details storage details = _details[meter];
        released = standing.leaving;
        if (released) {
            emit MeterReleased(meter, details.subscription, standing.holder, registers);
            _strike(meter, standing.holder);
            ++details.subscription;
            standing.holder = address(0);
            standing.leaving = false;
            standing.chosenMode = BillingMode.Community;
        }
        standing.modeInForce = standing.chosenMode;
        _standings[meter] = standing.pack();

        (address holder, BillingMode mode, uint32 subscription) =
            (standing.holder, standing.modeInForce, details.subscription);
        // Slots count seconds at most: 48 bits outlast the chain.
        _terms[meter].push(Terms(holder, mode, subscription, uint48(slot), registers));
        emit TermsStarted(meter, subscription, holder, mode, slot, registers);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IMeterRegistry
    function get(MeterId meter) external view returns (Meter memory) {
        StandingLib.Fields memory standing = _known(meter);
        Details memory details = _details[meter];
        return Meter({
            holder: standing.holder,
            kind: standing.kind,
            mode: standing.chosenMode,
            leaving: standing.leaving,
            changing: standing.changing,
            feederNode: details.feederNode,
            maxPowerW: details.maxPowerW,
            claimKey: details.claimKey,
            subscription: details.subscription,
            changeSlot: standing.changeSlot,
            deviceKeyHash: details.deviceKeyHash
        });
    }

    /// @inheritdoc IMeterRegistry
    function settlementOf(MeterId meter)
        external
        view
        returns (address holder, EntityKind kind, BillingMode mode, bool changing, bool trackSlot)
    {
        Standing standing = _standings[meter];
        return
            (
                standing.holder(),
                standing.kind(),
                standing.modeInForce(),
                standing.changing(),
                standing.trackSlot()
            );
    }

    /// @inheritdoc IMeterRegistry
    function standingsOf(MeterId[] calldata ids) external view returns (Standing[] memory standings) {
        standings = new Standing[](ids.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            standings[i] = _standings[ids[i]];
        }
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
    function metersOf(address holder) external view returns (MeterId[] memory) {
        return _metersOf[holder];
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
    function slotSeconds() external view returns (uint32) {
        return SLOT_SECONDS;
    }

    /// @inheritdoc IMeterRegistry
    function currentSlot() public view returns (uint64) {
        return uint64(block.timestamp / SLOT_SECONDS);
    }

    /// @inheritdoc IMeterRegistry
    function claimDigest(MeterId meter, address wallet) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(CLAIM_TYPEHASH, meter, wallet, _details[meter].subscription)));
    }

    // ------------------------------------------------------------------ internal

    /// Stores the standing; its new terms wait for a settlement of the slot now running or a later one.
    function _beginChange(MeterId meter, StandingLib.Fields memory standing) private {
        standing.changing = true;
        standing.changeSlot = uint48(currentSlot()); // slots count seconds at most
        _standings[meter] = standing.pack();
    }

    /// Takes a meter off its holder's list; the last one takes its place.
    function _strike(MeterId meter, address holder) private {
        MeterId[] storage held = _metersOf[holder];
        uint256 index = _indexOf[meter];
        MeterId last = held[held.length - 1];
        held[index] = last;
        _indexOf[last] = index;
        held.pop();
        delete _indexOf[meter];
    }

    function _known(MeterId meter) private view returns (StandingLib.Fields memory standing) {
        standing = _standings[meter].unpack();
        if (standing.kind == EntityKind.None) revert MeterRegistry_Unknown(meter);
    }

    /// A metering point that a household could hold and none does. Sources, banks and the grid connection are the
    /// community's for good.
    function _unheld(MeterId meter) private view returns (StandingLib.Fields memory standing) {
        standing = _known(meter);
        EntityKind kind = standing.kind;
        if (kind == EntityKind.Der || kind == EntityKind.Battery || kind == EntityKind.Grid) {
            revert MeterRegistry_BadKind(kind);
        }
        if (standing.holder != address(0)) revert MeterRegistry_AlreadyClaimed(meter, standing.holder);
    }

    function _held(MeterId meter) private view returns (StandingLib.Fields memory standing) {
        standing = _known(meter);
        if (standing.holder != msg.sender) revert MeterRegistry_NotHolder(meter, msg.sender);
    }

    function _requireHouseholdMode(BillingMode mode) private pure {
        if (mode == BillingMode.Community || mode == BillingMode.OnRequest) revert MeterRegistry_ModeNotAllowed(mode);
    }
}

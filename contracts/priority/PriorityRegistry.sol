// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {BatteryId, MeterId, SwitchId} from "../Types.sol";
import {IOracleQuorum} from "../interfaces/IOracleQuorum.sol";
import {IPriorityRegistry} from "../interfaces/IPriorityRegistry.sol";
import {ShedLogic} from "./ShedLogic.sol";

/// @title PriorityRegistry
/// @notice See IPriorityRegistry; the rules are in ShedLogic. Invariant: a switch's `shed` is true exactly for the last
/// `shedCount` of its battery's order.
contract PriorityRegistry is IPriorityRegistry, EIP712, AccessManaged {
    using ShedLogic for ShedLogic.Relay;

    // ------------------------------------------------------------------ types

    struct Battery {
        // slot 0
        uint16 socBps;
        uint40 observedAt;
        uint40 reportedAt;
        uint8 shedCount;
        // slot 1 and on, 16 a word
        SwitchId[] order;
        uint16[] ownThresholdsBps;
    }

    /// What a board acknowledged last.
    struct Acknowledgement {
        bool closed;
        uint40 sequence;
        uint40 changedAt;
    }

    struct Proposal {
        bytes32 orderHash;
        address proposer;
        uint40 expiresAt;
    }

    // ------------------------------------------------------------------ constants

    /// @notice Most switches of one battery: bounds what a report or an order costs.
    uint256 public constant MAX_SWITCHES = 32;
    /// @notice Most switches without a battery: bounds what a poke of battery 0 costs.
    uint256 public constant MAX_UNSHED_SWITCHES = 1024;
    /// @notice Highest virtual pin: a reading's relay field has eight bits.
    uint8 public constant MAX_PIN = 7;
    /// @notice Longest override.
    uint256 public constant MAX_OVERRIDE_SECONDS = 1 days;
    /// @notice How long a second authority has to approve.
    uint256 public constant PROPOSAL_SECONDS = 1 days;
    /// @notice Largest restore margin.
    uint16 public constant MAX_RESTORE_MARGIN_BPS = 5_000;

    bytes32 private constant REPORT_TYPEHASH =
        keccak256("BatteryReport(uint16 battery,uint16 socBps,uint40 observedAt,uint64 epoch)");

    // ------------------------------------------------------------------ immutables

    IOracleQuorum public immutable QUORUM;

    // ------------------------------------------------------------------ storage

    /// @inheritdoc IPriorityRegistry
    uint16 public restoreMargin = 500;
    mapping(SwitchId switchId => SwitchConfig) private _configs;
    mapping(SwitchId switchId => ShedLogic.Relay) private _relays;
    mapping(SwitchId switchId => Acknowledgement) private _acknowledgements;
    mapping(BatteryId battery => Battery) private _batteries;
    mapping(BatteryId battery => Proposal) private _proposals;
    /// @inheritdoc IPriorityRegistry
    mapping(MeterId meter => SwitchId) public switchOf;
    mapping(uint32 board => mapping(uint8 pin => SwitchId)) private _switchAt;
    SwitchId[] private _switches;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, IOracleQuorum quorum)
        AccessManaged(manager)
        EIP712("Ohmstead PriorityRegistry", "1")
    {
        QUORUM = quorum;
    }

    // ------------------------------------------------------------------ operator

    /// @inheritdoc IPriorityRegistry
    function addSwitch(SwitchId switchId, SwitchConfig calldata config, bool supplied) external restricted {
        _requireFree(switchId, config);
        _configs[switchId] = config;
        _switchAt[config.board][config.pin] = switchId;
        if (MeterId.unwrap(config.meter) != 0) switchOf[config.meter] = switchId;
        _switches.push(switchId);
        _insert(switchId, config);
        emit SwitchAdded(switchId, config);

        Battery storage battery = _batteries[config.battery];
        battery.shedCount = _reassessed(config.battery);
        ShedLogic.Relay memory relay;
        relay.supplied = supplied;
        relay.shed = _isShed(battery, _positionOf(battery.order, switchId));
        relay.closed = relay.target();
        relay.changedAt = uint40(block.timestamp);
        relay.sequence = 1;
        _relays[switchId] = relay;
        emit RelayCommand(switchId, config.board, config.pin, relay.closed, 1, 0, Reason.Installed);
        // Where nothing is ever shed, nobody's place matters.
        if (BatteryId.unwrap(config.battery) != 0) _reassign(config.battery);
    }

    // ------------------------------------------------------------------ authority

    /// @inheritdoc IPriorityRegistry
    function setOrder(BatteryId battery, SwitchId[] calldata newOrder) external restricted {
        _requirePermutation(battery, newOrder);
        SwitchId misplaced = _criticalBelowOrdinary(newOrder);
        if (SwitchId.unwrap(misplaced) != 0) revert PriorityRegistry_CriticalBelowOrdinary(misplaced);
        _setOrder(battery, newOrder);
    }

    /// @inheritdoc IPriorityRegistry
    function proposeOrder(BatteryId battery, SwitchId[] calldata newOrder) external restricted {
        _requirePermutation(battery, newOrder);
        uint256 expiresAt = block.timestamp + PROPOSAL_SECONDS;
        _proposals[battery] = Proposal(keccak256(abi.encode(newOrder)), msg.sender, uint40(expiresAt));
        emit OrderProposed(battery, msg.sender, newOrder, expiresAt);
    }

    /// @inheritdoc IPriorityRegistry
    function approveOrder(BatteryId battery, SwitchId[] calldata newOrder) external restricted {
        Proposal memory proposed = _proposals[battery];
        if (proposed.orderHash != keccak256(abi.encode(newOrder))) revert PriorityRegistry_NoSuchProposal();
        if (block.timestamp >= proposed.expiresAt) revert PriorityRegistry_ProposalExpired(proposed.expiresAt);
        if (proposed.proposer == msg.sender) revert PriorityRegistry_SameAuthority(msg.sender);
        // Switches may have been added since.
        _requirePermutation(battery, newOrder);
        delete _proposals[battery];
        _setOrder(battery, newOrder);
    }

    /// @inheritdoc IPriorityRegistry
    function setThresholds(BatteryId battery, uint16[] calldata thresholdsBps) external restricted {
        Battery storage record = _ordered(battery);
        uint256 length = thresholdsBps.length;
        if (length != 0 && length != record.order.length) revert PriorityRegistry_BadThresholds();
        for (uint256 i = 0; i < length; ++i) {
            bool falls = i != 0 && thresholdsBps[i] < thresholdsBps[i - 1];
            if (falls || thresholdsBps[i] >= ShedLogic.FULL_BPS) revert PriorityRegistry_BadThresholds();
        }
        _setThresholds(battery, thresholdsBps);
        _reassess(battery);
    }

    /// @inheritdoc IPriorityRegistry
    function setRestoreMargin(uint16 bps) external restricted {
        if (bps > MAX_RESTORE_MARGIN_BPS) revert PriorityRegistry_BadMargin(bps);
        emit RestoreMarginChanged(restoreMargin, bps);
        restoreMargin = bps;
    }

    /// @inheritdoc IPriorityRegistry
    function setOverride(SwitchId switchId, Override overridden, uint40 until) external restricted {
        _known(switchId);
        ShedLogic.Relay memory before = _relays[switchId];
        ShedLogic.Relay memory relay = _relays[switchId];
        bool ends = overridden == Override.None;
        uint256 maxUntil = block.timestamp + MAX_OVERRIDE_SECONDS;
        if (!ends && (until <= block.timestamp || until > maxUntil)) {
            revert PriorityRegistry_BadOverride(until, maxUntil);
        }
        relay.overridden = overridden;
        relay.overrideUntil = ends ? 0 : until;
        emit OverrideSet(switchId, msg.sender, overridden, relay.overrideUntil);
        _settle(switchId, before, relay, ends ? Reason.OverrideEnded : Reason.Override);
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IPriorityRegistry
    function reportBattery(BatteryId battery, uint16 socBps, uint40 observedAt, bytes[] calldata signatures) external {
        Battery storage record = _ordered(battery);
        if (socBps > ShedLogic.FULL_BPS) revert PriorityRegistry_BadCharge(socBps);
        if (observedAt <= record.observedAt) revert PriorityRegistry_StaleReport(observedAt, record.observedAt);
        if (observedAt > block.timestamp) revert PriorityRegistry_FutureReport(observedAt);
        QUORUM.requireQuorum(reportDigest(battery, socBps, observedAt), signatures);

        record.socBps = socBps;
        record.observedAt = observedAt;
        record.reportedAt = uint40(block.timestamp);
        emit BatteryReported(battery, socBps, observedAt);
        _reassess(battery);
    }

    /// @inheritdoc IPriorityRegistry
    function poke(BatteryId battery) external {
        _reassess(battery);
        SwitchId[] memory ids = _batteries[battery].order;
        for (uint256 i = ids.length; i > 0; --i) {
            ShedLogic.Relay memory relay = _relays[ids[i - 1]];
            _settle(ids[i - 1], _relays[ids[i - 1]], relay, relay.deferred);
        }
    }

    // ------------------------------------------------------------------ market and relayer

    /// @inheritdoc IPriorityRegistry
    function setSupply(SwitchId switchId, bool supplied, uint40 cutoffWh) external restricted {
        _known(switchId);
        ShedLogic.Relay memory before = _relays[switchId];
        ShedLogic.Relay memory relay = _relays[switchId];
        relay.supplied = supplied;
        // At the end the old cut-off stands until the relay is open: a minimum on time must not lift it.
        if (supplied) relay.cutoffWh = cutoffWh;
        else if (!relay.closed) relay.cutoffWh = 0;
        _settle(switchId, before, relay, supplied ? Reason.SupplyStarted : Reason.SupplyEnded);
    }

    /// @inheritdoc IPriorityRegistry
    function acknowledge(SwitchId[] calldata ids, uint40[] calldata sequences, bool[] calldata closed)
        external
        restricted
    {
        if (ids.length != sequences.length || ids.length != closed.length) revert PriorityRegistry_LengthMismatch();
        for (uint256 i = 0; i < ids.length; ++i) {
            _known(ids[i]);
            uint40 sequence = sequences[i];
            if (sequence > _relays[ids[i]].sequence) revert PriorityRegistry_FutureAcknowledgement(ids[i], sequence);
            Acknowledgement memory last = _acknowledgements[ids[i]];
            if (sequence < last.sequence || (sequence == last.sequence && closed[i] == last.closed)) continue;
            _acknowledgements[ids[i]] = Acknowledgement(closed[i], sequence, uint40(block.timestamp));
            emit RelayAcknowledged(ids[i], sequence, closed[i]);
        }
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IPriorityRegistry
    function switchConfig(SwitchId switchId) external view returns (SwitchConfig memory) {
        _known(switchId);
        return _configs[switchId];
    }

    /// @inheritdoc IPriorityRegistry
    function switchState(SwitchId switchId) external view returns (SwitchState memory) {
        _known(switchId);
        ShedLogic.Relay memory relay = _relays[switchId];
        Acknowledgement memory acknowledged = _acknowledgements[switchId];
        return SwitchState({
            closed: relay.closed,
            shed: relay.shed,
            supplied: relay.supplied,
            acknowledgedClosed: acknowledged.closed,
            overridden: relay.overridden,
            overrideUntil: relay.overrideUntil,
            changedAt: relay.changedAt,
            sequence: relay.sequence,
            acknowledgedSequence: acknowledged.sequence,
            cutoffWh: relay.cutoffWh,
            acknowledgedAt: acknowledged.changedAt
        });
    }

    /// @inheritdoc IPriorityRegistry
    function switches() external view returns (SwitchId[] memory) {
        return _switches;
    }

    /// @inheritdoc IPriorityRegistry
    function order(BatteryId battery) external view returns (SwitchId[] memory) {
        return _batteries[battery].order;
    }

    /// @inheritdoc IPriorityRegistry
    function thresholds(BatteryId battery) external view returns (uint16[] memory thresholdsBps) {
        Battery storage record = _batteries[battery];
        thresholdsBps = record.ownThresholdsBps;
        uint256 length = record.order.length;
        if (thresholdsBps.length != 0 || BatteryId.unwrap(battery) == 0) return thresholdsBps;
        thresholdsBps = new uint16[](length);
        for (uint256 i = 0; i < length; ++i) {
            thresholdsBps[i] = uint16(ShedLogic.defaultThresholdDown(i, length)); // below 10 000
        }
    }

    /// @inheritdoc IPriorityRegistry
    function batteryState(BatteryId battery) external view returns (BatteryState memory) {
        Battery storage record = _batteries[battery];
        return BatteryState(record.socBps, record.observedAt, record.reportedAt);
    }

    /// @inheritdoc IPriorityRegistry
    function shedCount(BatteryId battery) external view returns (uint256) {
        return _batteries[battery].shedCount;
    }

    /// @inheritdoc IPriorityRegistry
    function proposal(BatteryId battery)
        external
        view
        returns (bytes32 orderHash, address proposer, uint256 expiresAt)
    {
        Proposal memory proposed = _proposals[battery];
        return (proposed.orderHash, proposed.proposer, proposed.expiresAt);
    }

    /// @inheritdoc IPriorityRegistry
    function pokeDue(BatteryId battery) external view returns (bool) {
        Battery storage record = _batteries[battery];
        if (_reassessed(battery) != record.shedCount) return true;
        SwitchId[] memory ids = record.order;
        for (uint256 i = 0; i < ids.length; ++i) {
            ShedLogic.Relay memory relay = _relays[ids[i]];
            (bool command,) = _next(ids[i], _relays[ids[i]], relay, relay.deferred);
            if (command || relay.overridden != _relays[ids[i]].overridden) return true;
        }
        return false;
    }

    /// @inheritdoc IPriorityRegistry
    function reportDigest(BatteryId battery, uint16 socBps, uint40 observedAt) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(REPORT_TYPEHASH, battery, socBps, observedAt, QUORUM.epoch())));
    }

    // ------------------------------------------------------------------ internal: relays

    /// How many switches of the battery the last reported charge does not serve.
    function _reassessed(BatteryId battery) private view returns (uint8) {
        Battery storage record = _batteries[battery];
        if (record.reportedAt == 0) return 0; // nobody has said that anything is short
        uint256 count = ShedLogic.shedCount(
            record.socBps, record.order.length, record.ownThresholdsBps, restoreMargin, record.shedCount
        );
        return uint8(count); // at most MAX_SWITCHES
    }

    /// Sheds or restores what the battery's charge asks for: the least important first, the most important first.
    function _reassess(BatteryId battery) private {
        Battery storage record = _batteries[battery];
        uint256 before = record.shedCount;
        uint8 count = _reassessed(battery);
        if (count == before) return;
        record.shedCount = count;
        SwitchId[] memory ids = record.order;
        for (uint256 i = before; i < count; ++i) {
            _setShed(ids[ids.length - 1 - i], true);
        }
        for (uint256 i = before; i > count; --i) {
            _setShed(ids[ids.length - i], false);
        }
    }

    /// After the order changed: the same number is shed, but maybe not the same switches. The least important first,
    /// so that relays open before others close.
    function _reassign(BatteryId battery) private {
        Battery storage record = _batteries[battery];
        SwitchId[] memory ids = record.order;
        for (uint256 i = ids.length; i > 0; --i) {
            bool shed = _isShed(record, i - 1);
            if (_relays[ids[i - 1]].shed != shed) _setShed(ids[i - 1], shed);
        }
    }

    function _isShed(Battery storage record, uint256 position) private view returns (bool) {
        return position + record.shedCount >= record.order.length;
    }

    function _setShed(SwitchId switchId, bool shed) private {
        ShedLogic.Relay memory relay = _relays[switchId];
        relay.shed = shed;
        _settle(switchId, _relays[switchId], relay, shed ? Reason.Shed : Reason.Restored);
    }

    /// Writes the relay's next state and tells its board.
    function _settle(SwitchId switchId, ShedLogic.Relay memory before, ShedLogic.Relay memory relay, Reason cause)
        private
    {
        (bool command, Reason reason) = _next(switchId, before, relay, cause);
        _relays[switchId] = relay;
        if (!command) return;
        SwitchConfig storage config = _configs[switchId];
        emit RelayCommand(
            switchId, config.board, config.pin, relay.closed, relay.sequence, relay.commandedCutoffWh(), reason
        );
    }

    function _next(SwitchId switchId, ShedLogic.Relay memory before, ShedLogic.Relay memory relay, Reason cause)
        private
        view
        returns (bool command, Reason reason)
    {
        SwitchConfig storage config = _configs[switchId];
        return before.settle(relay, config.minOnSeconds, config.minOffSeconds, block.timestamp, cause);
    }

    // ------------------------------------------------------------------ internal: orders

    function _setOrder(BatteryId battery, SwitchId[] calldata newOrder) private {
        emit OrderChanged(battery, msg.sender, _batteries[battery].order, newOrder);
        _batteries[battery].order = newOrder;
        _reassign(battery);
    }

    function _setThresholds(BatteryId battery, uint16[] memory thresholdsBps) private {
        emit ThresholdsChanged(battery, _batteries[battery].ownThresholdsBps, thresholdsBps);
        _batteries[battery].ownThresholdsBps = thresholdsBps;
    }

    /// Puts a new switch at the end of the order, a critical one before the first ordinary one.
    function _insert(SwitchId switchId, SwitchConfig calldata config) private {
        Battery storage record = _batteries[config.battery];
        SwitchId[] storage ids = record.order;
        uint256 max = BatteryId.unwrap(config.battery) == 0 ? MAX_UNSHED_SWITCHES : MAX_SWITCHES;
        uint256 position = ids.length;
        if (position >= max) revert PriorityRegistry_TooManySwitches(max);
        ids.push(switchId);
        if (BatteryId.unwrap(config.battery) == 0) return;
        if (record.ownThresholdsBps.length != 0) _setThresholds(config.battery, new uint16[](0));
        if (config.critical) {
            uint256 firstOrdinary = 0;
            while (firstOrdinary < position && _configs[ids[firstOrdinary]].critical) ++firstOrdinary;
            for (; position > firstOrdinary; --position) {
                ids[position] = ids[position - 1];
            }
            ids[position] = switchId;
        }
    }

    function _positionOf(SwitchId[] memory ids, SwitchId switchId) private pure returns (uint256 position) {
        while (SwitchId.unwrap(ids[position]) != SwitchId.unwrap(switchId)) ++position;
    }

    /// The critical switch that stands below an ordinary one, or 0.
    function _criticalBelowOrdinary(SwitchId[] calldata ids) private view returns (SwitchId) {
        bool ordinarySeen = false;
        for (uint256 i = 0; i < ids.length; ++i) {
            if (!_configs[ids[i]].critical) ordinarySeen = true;
            else if (ordinarySeen) return ids[i];
        }
        return SwitchId.wrap(0);
    }

    // ------------------------------------------------------------------ internal: checks

    function _known(SwitchId switchId) private view {
        if (_relays[switchId].sequence == 0) revert PriorityRegistry_UnknownSwitch(switchId);
    }

    function _ordered(BatteryId battery) private view returns (Battery storage) {
        if (BatteryId.unwrap(battery) == 0) revert PriorityRegistry_ZeroId();
        return _batteries[battery];
    }

    function _requireFree(SwitchId switchId, SwitchConfig calldata config) private view {
        if (SwitchId.unwrap(switchId) == 0) revert PriorityRegistry_ZeroId();
        if (_relays[switchId].sequence != 0) revert PriorityRegistry_SwitchExists(switchId);
        if (config.pin > MAX_PIN) revert PriorityRegistry_BadPin(config.pin, MAX_PIN);
        if (SwitchId.unwrap(_switchAt[config.board][config.pin]) != 0) {
            revert PriorityRegistry_PinTaken(config.board, config.pin);
        }
        SwitchId taken = switchOf[config.meter];
        if (SwitchId.unwrap(taken) != 0) revert PriorityRegistry_MeterTaken(config.meter, taken);
    }

    /// Reverts unless `newOrder` holds each switch of the battery once: as many as there are, all found, none twice.
    function _requirePermutation(BatteryId battery, SwitchId[] calldata newOrder) private view {
        SwitchId[] memory present = _ordered(battery).order;
        uint256 length = present.length;
        if (newOrder.length != length) revert PriorityRegistry_NotAPermutation();
        uint256 found = 0; // bit i: present[i] occurs
        for (uint256 i = 0; i < length; ++i) {
            uint256 j = 0;
            while (j < length && SwitchId.unwrap(present[j]) != SwitchId.unwrap(newOrder[i])) ++j;
            if (j == length || found & (1 << j) != 0) revert PriorityRegistry_NotAPermutation();
            found |= 1 << j;
        }
    }
}

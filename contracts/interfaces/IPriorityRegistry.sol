// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId, SwitchId, BatteryId} from "../Types.sol";

/// @title Who is shed first: order, thresholds, relay states, acknowledgements
/// @notice The authority orders the switches of a battery; oracle nodes report its state of charge; this contract
/// computes which relays are open, so anyone can check from chain alone that the right one was shed.
/// With n ordered switches, the k-th least important opens when the charge falls to 100 (n-k)/n %, unless
/// thresholds are set otherwise; it closes again `restoreMargin` above its threshold (at 100 % at the latest).
/// What is shed is always the end of the order: a report changes how many switches, an order which ones.
/// A relay is closed if it is supplied and not shed, or as an override says until the override expires.
/// An override acts at once; every other change waits for the switch's minimum on or off time, and `poke`, open to
/// anyone, applies what has become due. ShedLogic has these rules as pure functions.
/// Battery 0 is none: its switches are never shed, have no order and take no reports.
/// @dev EIP-712 domain: "Ohmstead PriorityRegistry", version "1" (see eip712Domain).
///      Trusted: the oracle quorum for the charge (IOracleQuorum), the relayer role for acknowledgements.
interface IPriorityRegistry {
    enum Reason {
        Installed,
        Shed,
        Restored,
        SupplyStarted,
        SupplyEnded,
        Override,
        OverrideEnded
    }

    enum Override {
        None,
        ForceOpen,
        ForceClosed
    }

    /// @param meter metering point behind the switch (0 = none); at most one switch a meter
    /// @param board node id of the relay board, and `pin` 0..7, its virtual pin V0..V7
    /// @param battery whose charge sheds the switch (0 = none)
    /// @param critical lift, pump, medical: never ordered below a non-critical one without a second authority
    /// @param failSafeClosed what the relay does when it loses its link
    /// @param minOnSeconds, minOffSeconds for compressors: not opened or closed sooner after the last change
    struct SwitchConfig {
        MeterId meter;
        uint32 board;
        uint8 pin;
        BatteryId battery;
        bool critical;
        bool failSafeClosed;
        uint32 minOnSeconds;
        uint32 minOffSeconds;
    }

    /// @param closed state last commanded: what the relay should be
    /// @param shed at the end of the order that the charge does not serve
    /// @param changedAt when `closed` last changed
    /// @param sequence of the last command, from 1
    /// @param acknowledgedClosed state its board last acknowledged, for command `acknowledgedSequence`
    /// @param cutoffWh import register at which paid supply ends and the relay opens by itself; 0 = none
    /// @param acknowledgedAt block time at which the acknowledged state (sequence or contact) last changed: a meter
    /// settled for a later slot has counted all that flowed before
    struct SwitchState {
        bool closed;
        bool shed;
        bool supplied;
        bool acknowledgedClosed;
        Override overridden;
        uint40 overrideUntil;
        uint40 changedAt;
        uint40 sequence;
        uint40 acknowledgedSequence;
        uint40 cutoffWh;
        uint40 acknowledgedAt;
    }

    struct BatteryState {
        uint16 socBps;
        uint40 observedAt;
        uint40 reportedAt;
    }

    event SwitchAdded(SwitchId indexed switchId, SwitchConfig config);
    event OrderChanged(BatteryId indexed battery, address indexed authority, SwitchId[] oldOrder, SwitchId[] newOrder);
    event OrderProposed(BatteryId indexed battery, address indexed authority, SwitchId[] order, uint256 expiresAt);
    event ThresholdsChanged(BatteryId indexed battery, uint16[] oldThresholdsBps, uint16[] newThresholdsBps);
    event RestoreMarginChanged(uint16 oldBps, uint16 newBps);
    event BatteryReported(BatteryId indexed battery, uint16 socBps, uint40 observedAt);
    /// The relay command: `board` is to set V`pin`. command_id of the frame = switchId << 40 | sequence. `cutoffWh` is
    /// 0 while the relay is open or forced. A command may repeat the state with another cut-off.
    event RelayCommand(
        SwitchId indexed switchId,
        uint32 indexed board,
        uint8 pin,
        bool closed,
        uint40 sequence,
        uint40 cutoffWh,
        Reason reason
    );
    event RelayAcknowledged(SwitchId indexed switchId, uint40 sequence, bool closed);
    event OverrideSet(SwitchId indexed switchId, address indexed authority, Override overridden, uint40 until);

    /// Switch ids start at 1, and battery 0 has no order and no charge.
    error PriorityRegistry_ZeroId();
    error PriorityRegistry_UnknownSwitch(SwitchId switchId);
    error PriorityRegistry_SwitchExists(SwitchId switchId);
    error PriorityRegistry_PinTaken(uint32 board, uint8 pin);
    error PriorityRegistry_BadPin(uint8 pin, uint8 max);
    /// The meter has a switch already.
    error PriorityRegistry_MeterTaken(MeterId meter, SwitchId switchId);
    error PriorityRegistry_TooManySwitches(uint256 max);
    /// The order must name each switch of the battery exactly once.
    error PriorityRegistry_NotAPermutation();
    /// A critical switch would be shed before a non-critical one; propose it and let a second authority approve.
    error PriorityRegistry_CriticalBelowOrdinary(SwitchId critical);
    error PriorityRegistry_NoSuchProposal();
    error PriorityRegistry_ProposalExpired(uint256 expiredAt);
    /// The second authority must be another account.
    error PriorityRegistry_SameAuthority(address authority);
    /// One threshold per ordered switch, not falling from most to least important, below 10 000.
    error PriorityRegistry_BadThresholds();
    error PriorityRegistry_BadMargin(uint16 bps);
    error PriorityRegistry_BadCharge(uint16 socBps);
    /// Reports must be newer than the last and not from the future.
    error PriorityRegistry_StaleReport(uint40 observedAt, uint40 last);
    error PriorityRegistry_FutureReport(uint40 observedAt);
    error PriorityRegistry_BadOverride(uint40 until, uint256 maxUntil);
    error PriorityRegistry_LengthMismatch();
    error PriorityRegistry_FutureAcknowledgement(SwitchId switchId, uint40 sequence);

    /// @notice Installs a switch, least important of its battery (critical ones above all ordinary ones). The battery's
    /// own thresholds no longer fit and give way to the default rule. Role: OPERATOR.
    function addSwitch(SwitchId switchId, SwitchConfig calldata config, bool supplied) external;
    /// @notice Most important first. Role: AUTHORITY.
    function setOrder(BatteryId battery, SwitchId[] calldata newOrder) external;
    /// @notice Proposes an order that puts a critical switch below an ordinary one; replaces the battery's earlier
    /// proposal. Role: AUTHORITY.
    function proposeOrder(BatteryId battery, SwitchId[] calldata newOrder) external;
    /// @notice A second authority accepts the proposed order, which it repeats. Role: AUTHORITY.
    function approveOrder(BatteryId battery, SwitchId[] calldata newOrder) external;
    /// @notice Thresholds in 0.01 %, by position in the order; empty = the default rule. Role: AUTHORITY.
    function setThresholds(BatteryId battery, uint16[] calldata thresholdsBps) external;
    /// @notice How far above its threshold a switch is restored, at most MAX_RESTORE_MARGIN_BPS. A battery follows with
    /// its next report or poke. Role: AUTHORITY.
    function setRestoreMargin(uint16 bps) external;
    /// @notice Forces a relay until `until`, at most MAX_OVERRIDE_SECONDS ahead; None ends it. Role: AUTHORITY.
    function setOverride(SwitchId switchId, Override overridden, uint40 until) external;
    /// @notice Reports a state of charge. Anyone may send it; the signatures count.
    /// @param signatures of EIP-712 BatteryReport(uint16 battery,uint16 socBps,uint40 observedAt,uint64 epoch)
    function reportBattery(BatteryId battery, uint16 socBps, uint40 observedAt, bytes[] calldata signatures) external;
    /// @notice Applies what time alone has made due: minimum times over, overrides expired. Permissionless.
    function poke(BatteryId battery) external;
    /// @notice Supply on or off, with the register at which the relay opens by itself (0 = none). Role: MARKET.
    function setSupply(SwitchId switchId, bool supplied, uint40 cutoffWh) external;
    /// @notice What boards acknowledged. Role: RELAYER. Older sequences are ignored; a board that moved by itself
    /// (cut-off, protection) is reported with the sequence it acknowledged last. What is known changes nothing.
    function acknowledge(SwitchId[] calldata ids, uint40[] calldata sequences, bool[] calldata closed) external;

    function switchConfig(SwitchId switchId) external view returns (SwitchConfig memory);
    function switchState(SwitchId switchId) external view returns (SwitchState memory);
    function switches() external view returns (SwitchId[] memory);
    /// @notice The switch in front of a meter; 0 = none.
    function switchOf(MeterId meter) external view returns (SwitchId);
    /// @notice Most important first; for battery 0 its switches in order of installation.
    function order(BatteryId battery) external view returns (SwitchId[] memory);
    /// @notice One for each ordered switch, set or by the default rule.
    function thresholds(BatteryId battery) external view returns (uint16[] memory);
    function restoreMargin() external view returns (uint16 bps);
    function batteryState(BatteryId battery) external view returns (BatteryState memory);
    /// @notice How many switches at the end of the order are shed.
    function shedCount(BatteryId battery) external view returns (uint256);
    /// @notice The order proposed last; zero if none waits.
    function proposal(BatteryId battery)
        external
        view
        returns (bytes32 orderHash, address proposer, uint256 expiresAt);
    /// @notice True if `poke` would change something now.
    function pokeDue(BatteryId battery) external view returns (bool);
    function reportDigest(BatteryId battery, uint16 socBps, uint40 observedAt) external view returns (bytes32);
}

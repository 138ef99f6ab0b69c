// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPriorityRegistry} from "../interfaces/IPriorityRegistry.sol";

/// @title The rules of PriorityRegistry as pure functions
/// @notice Two questions: how many switches at the end of an order a charge does not serve, and what becomes of one
/// relay. State of charge and thresholds in 0.01 % (0..10 000), time in Unix seconds.
library ShedLogic {
    uint256 internal constant FULL_BPS = 10_000;

    /// What is commanded of one switch, one storage word.
    /// @param deferred why the change was due that a minimum time holds back
    struct Relay {
        bool closed;
        bool shed;
        bool supplied;
        IPriorityRegistry.Override overridden;
        IPriorityRegistry.Reason deferred;
        uint40 overrideUntil;
        uint40 changedAt;
        uint40 sequence;
        uint40 cutoffWh;
    }

    // ------------------------------------------------------------------ how many

    /// @notice Threshold of the switch at `position` (0 = most important) of `length`: with k = length - position, the
    /// k-th least important opens at 100 (length - k) / length %. Rounded down: never shed early.
    function defaultThresholdDown(uint256 position, uint256 length) internal pure returns (uint256 thresholdBps) {
        return FULL_BPS * position / length;
    }

    /// @notice How many switches at the end of the order are shed after `socBps` was reported.
    /// @dev A switch is shed at or below its threshold, restored at or above threshold + margin (100 % at the latest),
    /// and stays as it was in between. Thresholds never fall along the order, so the shed ones are its end.
    /// @param length number of ordered switches
    /// @param ownThresholdsBps one a switch by position, or empty for the default rule
    /// @param previous how many were shed before
    function shedCount(
        uint256 socBps,
        uint256 length,
        uint16[] memory ownThresholdsBps,
        uint256 marginBps,
        uint256 previous
    ) internal pure returns (uint256 count) {
        uint256 mustBeShed = 0;
        uint256 mayBeShed = 0;
        for (uint256 position = length; position > 0; --position) {
            uint256 thresholdBps = ownThresholdsBps.length == 0
                ? defaultThresholdDown(position - 1, length)
                : ownThresholdsBps[position - 1];
            uint256 restoreBps = thresholdBps + marginBps;
            if (restoreBps > FULL_BPS) restoreBps = FULL_BPS;
            if (socBps <= thresholdBps) ++mustBeShed;
            if (socBps <= thresholdBps || socBps < restoreBps) ++mayBeShed; // the margin may be 0
        }
        if (previous < mustBeShed) return mustBeShed;
        return previous > mayBeShed ? mayBeShed : previous;
    }

    // ------------------------------------------------------------------ one relay

    /// @notice The state that `relay` should have.
    function target(Relay memory relay) internal pure returns (bool closed) {
        if (relay.overridden != IPriorityRegistry.Override.None) {
            return relay.overridden == IPriorityRegistry.Override.ForceClosed;
        }
        return relay.supplied && !relay.shed;
    }

    /// @notice The cut-off that a command for `relay` carries: none while it is open or forced.
    function commandedCutoffWh(Relay memory relay) internal pure returns (uint40) {
        bool bySupply = relay.closed && relay.overridden == IPriorityRegistry.Override.None;
        return bySupply ? relay.cutoffWh : 0;
    }

    /// @notice Ends an expired override and moves the relay to its target, or notes why it would move if a minimum time
    /// holds it. Changes `relay` in place.
    /// @param before the relay as last commanded
    /// @param relay the same with shed, supplied, cutoffWh or override changed, if any
    /// @param cause of that change
    /// @return command true if the board must be told; `reason` says why
    function settle(
        Relay memory before,
        Relay memory relay,
        uint256 minOnSeconds,
        uint256 minOffSeconds,
        uint256 time,
        IPriorityRegistry.Reason cause
    ) internal pure returns (bool command, IPriorityRegistry.Reason reason) {
        reason = cause;
        if (relay.overridden != IPriorityRegistry.Override.None && time >= relay.overrideUntil) {
            relay.overridden = IPriorityRegistry.Override.None;
            relay.overrideUntil = 0;
            reason = IPriorityRegistry.Reason.OverrideEnded;
        }
        bool closed = target(relay);
        if (closed != relay.closed) {
            uint256 held = relay.closed ? minOnSeconds : minOffSeconds;
            bool forced = relay.overridden != IPriorityRegistry.Override.None;
            if (!forced && time < relay.changedAt + held) {
                relay.deferred = reason;
            } else {
                relay.closed = closed;
                // Unix seconds fit 40 bits for the next 34 000 years.
                relay.changedAt = uint40(time);
                // Paid supply that is over has no cut-off any more.
                if (!closed && !relay.supplied) relay.cutoffWh = 0;
                command = true;
            }
        }
        command = command || commandedCutoffWh(relay) != commandedCutoffWh(before);
        if (command) ++relay.sequence;
    }
}

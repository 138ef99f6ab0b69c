// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BatteryId, SwitchId} from "contracts/Types.sol";
import {IOracleQuorum} from "contracts/interfaces/IOracleQuorum.sol";
import {IPriorityRegistry} from "contracts/interfaces/IPriorityRegistry.sol";
import {PriorityRegistry} from "contracts/priority/PriorityRegistry.sol";
import {ShedLogic} from "contracts/priority/ShedLogic.sol";
import {PriorityTest} from "./PriorityTest.sol";

/// reportBattery
/// ├── too few signatures, other values than signed, an earlier epoch, another registry: refused
/// ├── charge above 100 %, not newer than the last, from the future, battery 0: refused
/// ├── sheds at the threshold, restores a margin above it, keeps in between
/// └── sheds the least important first, restores the most important first
/// minimum times
/// ├── hold back shedding, restoring and supply; not overrides
/// └── poke applies what is due, and pokeDue says so
contract SheddingTest is PriorityTest {
    // ---- the published run

    /// Four devices, 4, 3, 2, 1 % a second with 4, 3, 2, 1 of them on, from 100 %: the least important goes at 7 s and
    /// 72 %, the next at 15 s and 48 %, the next at 27 s and 24 %, the last at 51 s and 0 %.
    function test_golden_depletion() public {
        _addMany(4);
        _report(10_000);
        uint256 soc = 100;
        uint256 on = 4;
        uint256[4] memory shedAt;
        uint256[4] memory shedAtCharge;
        for (uint256 second = 1; second <= 60; ++second) {
            soc = soc > on ? soc - on : 0;
            _report(uint16(soc * 100));
            for (; on > 0 && !_closed(uint16(on)); --on) {
                (shedAt[on - 1], shedAtCharge[on - 1]) = (second, soc);
            }
        }
        assertEq(shedAt[3], 7);
        assertEq(shedAt[2], 15);
        assertEq(shedAt[1], 27);
        assertEq(shedAt[0], 51);
        assertEq(shedAtCharge[3], 72);
        assertEq(shedAtCharge[2], 48);
        assertEq(shedAtCharge[1], 24);
        assertEq(shedAtCharge[0], 0);
    }

    function test_defaultThresholds() public {
        _addMany(4);
        uint16[] memory four = registry.thresholds(_bank());
        assertEq(uint256(four[0]), 0);
        assertEq(uint256(four[1]), 2_500);
        assertEq(uint256(four[2]), 5_000);
        assertEq(uint256(four[3]), 7_500);
    }

    /// Shed exactly at the threshold; restored exactly a margin above it, not before.
    function test_thresholdAndMarginToTheHundredth() public {
        _addMany(4);
        _report(7_501);
        assertEq(_closedMask(4), 15);
        _expectCommand(4, false, 2, 0, IPriorityRegistry.Reason.Shed);
        _report(7_500);
        assertEq(_closedMask(4), 7);
        _report(7_999);
        assertEq(_closedMask(4), 7);
        _expectCommand(4, true, 3, 0, IPriorityRegistry.Reason.Restored);
        _report(8_000);
        assertEq(_closedMask(4), 15);
        assertEq(registry.shedCount(_bank()), 0);
    }

    function test_atFullChargeEverythingIsServed() public {
        _addMany(3);
        vm.prank(authority);
        registry.setThresholds(_bank(), _thresholds(9_000, 9_800, 9_999));
        _report(0);
        assertEq(_closedMask(3), 0);
        _report(9_999);
        assertEq(_closedMask(3), 1); // 9 000 + 500 is passed; the others' margins end at 100 %
        _report(10_000);
        assertEq(_closedMask(3), 7);
    }

    function test_oneReportShedsTheLeastImportantFirst() public {
        _addMany(4);
        _report(10_000);
        skip(1);
        uint40 time = uint40(block.timestamp);
        bytes[] memory signatures = _signatures(registry.reportDigest(_bank(), 2_000, time), 2);
        vm.expectEmit(address(registry));
        emit IPriorityRegistry.BatteryReported(_bank(), 2_000, time);
        _expectCommand(4, false, 2, 0, IPriorityRegistry.Reason.Shed);
        _expectCommand(3, false, 2, 0, IPriorityRegistry.Reason.Shed);
        _expectCommand(2, false, 2, 0, IPriorityRegistry.Reason.Shed);
        registry.reportBattery(_bank(), 2_000, time, signatures);
        skip(1);
        time = uint40(block.timestamp);
        signatures = _signatures(registry.reportDigest(_bank(), 9_000, time), 2);
        _expectCommand(2, true, 3, 0, IPriorityRegistry.Reason.Restored);
        _expectCommand(3, true, 3, 0, IPriorityRegistry.Reason.Restored);
        _expectCommand(4, true, 3, 0, IPriorityRegistry.Reason.Restored);
        registry.reportBattery(_bank(), 9_000, time, signatures);
    }

    function test_nobodyReportedYet() public {
        _addMany(4);
        assertEq(registry.shedCount(_bank()), 0);
        registry.poke(_bank());
        assertEq(_closedMask(4), 15);
        assertEq(uint256(registry.batteryState(_bank()).reportedAt), 0);
    }

    /// Whatever the charges, after any report the shed switches are those that the definition names.
    function test_shedIsWhatTheDefinitionSays(uint16[10] memory charges, uint8 count, uint16 margin) public {
        count = uint8(bound(count, 1, 12));
        margin = uint16(bound(margin, 0, 5_000));
        _addMany(count);
        vm.prank(authority);
        registry.setRestoreMargin(margin);
        bool[] memory shed = new bool[](count);
        for (uint256 i = 0; i < charges.length; ++i) {
            uint256 soc = charges[i] % 10_001;
            _report(uint16(soc));
            for (uint256 position = 0; position < count; ++position) {
                uint256 threshold = 10_000 * position / count;
                if (soc <= threshold) shed[position] = true;
                else if (soc >= threshold + margin || soc == 10_000) shed[position] = false;
                assertEq(!_closed(uint16(position + 1)), shed[position]);
                assertEq(registry.switchState(_id(uint16(position + 1))).shed, shed[position]);
            }
        }
    }

    /// The pure function against the same definition, switch by switch, for own thresholds too.
    function test_shedCount_isTheEndOfTheOrder(uint16[8] memory steps, uint16 soc, uint16 margin, uint8 before)
        public
        pure
    {
        soc = uint16(bound(soc, 0, 10_000));
        margin = uint16(bound(margin, 0, 5_000));
        uint256 previous = bound(before, 0, 8);
        uint16[] memory thresholds = new uint16[](8);
        uint256 sum;
        for (uint256 i = 0; i < 8; ++i) {
            sum += steps[i] % 1_250;
            thresholds[i] = uint16(sum);
        }
        uint256 count = ShedLogic.shedCount(soc, 8, thresholds, margin, previous);
        for (uint256 position = 0; position < 8; ++position) {
            bool was = position + previous >= 8;
            bool restored = soc >= thresholds[position] + margin || soc == 10_000;
            bool expected = soc <= thresholds[position] || (was && !restored);
            assertEq(position + count >= 8, expected);
        }
    }

    // ---- reports that do not count

    function test_report_isReadable() public {
        _report(6_543);
        IPriorityRegistry.BatteryState memory state = registry.batteryState(_bank());
        assertEq(uint256(state.socBps), 6_543);
        assertEq(uint256(state.observedAt), block.timestamp);
        assertEq(uint256(state.reportedAt), block.timestamp);
    }

    function test_report_refusals() public {
        _report(5_000);
        uint40 time = uint40(block.timestamp);
        _expectReportRefused(
            10_001, time + 1, abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_BadCharge.selector, 10_001)
        );
        _expectReportRefused(
            4_000, time, abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_StaleReport.selector, time, time)
        );
        _expectReportRefused(
            4_000, time + 1, abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_FutureReport.selector, time + 1)
        );
        bytes[] memory signatures = _signatures(registry.reportDigest(BatteryId.wrap(0), 1, time), 2);
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_ZeroId.selector);
        registry.reportBattery(BatteryId.wrap(0), 1, time, signatures);
        assertEq(uint256(registry.batteryState(_bank()).socBps), 5_000);
    }

    function test_report_signatures() public {
        skip(5);
        uint40 time = uint40(block.timestamp);
        bytes[] memory signatures = _signatures(registry.reportDigest(_bank(), 1_000, time), 1);
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_TooFewSignatures.selector, 1, 2));
        registry.reportBattery(_bank(), 1_000, time, signatures);
        signatures = _signatures(registry.reportDigest(_bank(), 1_000, time), 2);
        _expectBadSigner();
        registry.reportBattery(_bank(), 1_001, time, signatures);
        _expectBadSigner();
        registry.reportBattery(_bank(), 1_000, time - 1, signatures);
        _expectBadSigner();
        registry.reportBattery(BatteryId.wrap(BANK + 1), 1_000, time, signatures);
        PriorityRegistry other = new PriorityRegistry(address(manager), quorum);
        _expectBadSigner();
        other.reportBattery(_bank(), 1_000, time, signatures);
        quorum.setSigners(nodes, 2);
        _expectBadSigner();
        registry.reportBattery(_bank(), 1_000, time, signatures);
    }

    // ---- minimum times

    function test_minimumOnTime() public {
        _add(1);
        IPriorityRegistry.SwitchConfig memory config = _config(2);
        config.minOnSeconds = 120;
        _add(2, config);
        _report(5_000); // two switches: the second goes at 50 %
        assertTrue(_closed(2));
        assertTrue(registry.switchState(_id(2)).shed);
        assertTrue(!registry.pokeDue(_bank()));
        registry.poke(_bank());
        assertTrue(_closed(2));
        skip(118);
        assertTrue(!registry.pokeDue(_bank()));
        skip(1);
        assertTrue(registry.pokeDue(_bank()));
        _expectCommand(2, false, 2, 0, IPriorityRegistry.Reason.Shed);
        registry.poke(_bank());
        assertTrue(!registry.pokeDue(_bank()));
    }

    function test_minimumOffTime() public {
        _add(1);
        IPriorityRegistry.SwitchConfig memory config = _config(2);
        config.minOffSeconds = 300;
        _add(2, config);
        _report(5_000);
        assertTrue(!_closed(2));
        uint256 openedAt = block.timestamp;
        _report(9_000);
        assertTrue(!_closed(2));
        assertTrue(!registry.switchState(_id(2)).shed);
        vm.warp(openedAt + 299);
        registry.poke(_bank());
        assertTrue(!_closed(2));
        vm.warp(openedAt + 300);
        assertTrue(registry.pokeDue(_bank()));
        _expectCommand(2, true, 3, 0, IPriorityRegistry.Reason.Restored);
        registry.poke(_bank());
    }

    /// Held back and then no longer wanted: nothing happens at all.
    function test_minimumTime_overtakenByEvents() public {
        _add(1);
        IPriorityRegistry.SwitchConfig memory config = _config(2);
        config.minOnSeconds = 120;
        _add(2, config);
        _report(5_000);
        _report(9_000);
        skip(1_000);
        assertTrue(!registry.pokeDue(_bank()));
        registry.poke(_bank());
        assertTrue(_closed(2));
        assertEq(uint256(registry.switchState(_id(2)).sequence), 1);
    }

    /// A compressor whose paid supply ends early keeps its cut-off until it may be opened.
    function test_minimumOnTime_keepsTheCutoffAtTheEndOfSupply() public {
        IPriorityRegistry.SwitchConfig memory config = _config(1);
        config.minOnSeconds = 60;
        vm.prank(operator);
        registry.addSwitch(_id(1), config, false);
        skip(100);
        _expectCommand(1, true, 2, 5_000, IPriorityRegistry.Reason.SupplyStarted);
        _supply(1, true, 5_000);
        vm.recordLogs();
        _supply(1, false, 0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(uint256(registry.switchState(_id(1)).cutoffWh), 5_000);
        skip(60);
        _expectCommand(1, false, 3, 0, IPriorityRegistry.Reason.SupplyEnded);
        registry.poke(_bank());
        assertEq(uint256(registry.switchState(_id(1)).cutoffWh), 0);
    }

    function test_minimumTimes_doNotHoldAnOverride() public {
        IPriorityRegistry.SwitchConfig memory config = _config(1);
        config.minOnSeconds = 1_000;
        config.minOffSeconds = 1_000;
        _add(1, config);
        _expectCommand(1, false, 2, 0, IPriorityRegistry.Reason.Override);
        _override(1, IPriorityRegistry.Override.ForceOpen, 100);
        _expectCommand(1, true, 3, 0, IPriorityRegistry.Reason.Override);
        _override(1, IPriorityRegistry.Override.ForceClosed, 100);
        skip(100);
        assertTrue(registry.pokeDue(_bank()), "the override is over");
        registry.poke(_bank());
        assertTrue(!registry.pokeDue(_bank()));
        assertTrue(_closed(1));
    }

    // ---- helpers

    function _expectReportRefused(uint16 soc, uint40 time, bytes memory refusal) private {
        bytes[] memory signatures = _signatures(registry.reportDigest(_bank(), soc, time), 2);
        vm.expectRevert(refusal);
        registry.reportBattery(_bank(), soc, time, signatures);
    }

    function _expectBadSigner() private {
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
    }
}

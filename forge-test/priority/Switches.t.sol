// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {BatteryId, MeterId, SwitchId} from "contracts/Types.sol";
import {IPriorityRegistry} from "contracts/interfaces/IPriorityRegistry.sol";
import {PriorityTest} from "./PriorityTest.sol";

/// addSwitch
/// ├── id 0, taken id, pin, meter, pin above 7, too many: refused
/// └── ordinary at the end, critical before the first ordinary; own thresholds give way
/// setOrder, proposeOrder, approveOrder
/// ├── not each switch once: refused
/// ├── a critical below an ordinary: only by two authorities, in time, the order as proposed
/// └── the same number shed, by the new order
/// setThresholds, setRestoreMargin
/// └── wrong number, falling, 100 % or more, margin too large: refused
/// setOverride: over the battery and supply, at most a day, ends by itself
/// setSupply: closes with the cut-off, opens at the end
/// acknowledge: newest wins, unknown commands refused
contract SwitchesTest is PriorityTest {
    // ---- installing

    function test_addSwitch() public {
        IPriorityRegistry.SwitchConfig memory config = _config(1);
        config.failSafeClosed = true;
        config.critical = true;
        config.minOnSeconds = 7;
        config.minOffSeconds = 8;
        vm.expectEmit(address(registry));
        emit IPriorityRegistry.SwitchAdded(_id(1), config);
        _expectCommand(1, true, 1, 0, IPriorityRegistry.Reason.Installed);
        _add(1, config);
        assertEq(keccak256(abi.encode(registry.switchConfig(_id(1)))), keccak256(abi.encode(config)));
        assertEq(uint256(SwitchId.unwrap(registry.switchOf(MeterId.wrap(101)))), 1);
        assertEq(registry.switches().length, 1);
        IPriorityRegistry.SwitchState memory state = registry.switchState(_id(1));
        assertTrue(state.closed && state.supplied && !state.shed && !state.acknowledgedClosed);
        assertEq(uint256(state.sequence), 1);
        assertEq(uint256(state.changedAt), block.timestamp);
        assertEq(uint256(state.acknowledgedAt), 0);
    }

    function test_addSwitch_unsuppliedIsOpen() public {
        _expectCommand(1, false, 1, 0, IPriorityRegistry.Reason.Installed);
        vm.prank(operator);
        registry.addSwitch(_id(1), _config(1), false);
        assertTrue(!_closed(1));
    }

    function test_addSwitch_refusals() public {
        _add(1);
        _expectUnauthorized(authority);
        vm.prank(authority);
        registry.addSwitch(_id(2), _config(2), true);
        vm.startPrank(operator);
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_ZeroId.selector);
        registry.addSwitch(_id(0), _config(2), true);
        vm.expectRevert(abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_SwitchExists.selector, 1));
        registry.addSwitch(_id(1), _config(2), true);
        vm.expectRevert(abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_PinTaken.selector, BOARD, 0));
        registry.addSwitch(_id(2), _config(1), true);
        IPriorityRegistry.SwitchConfig memory config = _config(2);
        config.meter = MeterId.wrap(101);
        vm.expectRevert(abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_MeterTaken.selector, 101, 1));
        registry.addSwitch(_id(2), config, true);
        config = _config(2);
        config.pin = 8;
        vm.expectRevert(abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_BadPin.selector, 8, 7));
        registry.addSwitch(_id(2), config, true);
    }

    function test_addSwitch_atMost32OfABattery() public {
        _addMany(32);
        vm.expectRevert(abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_TooManySwitches.selector, 32));
        vm.prank(operator);
        registry.addSwitch(_id(33), _config(33), true);
    }

    function test_addSwitch_severalWithoutAMeter() public {
        for (uint16 id = 1; id <= 3; ++id) {
            IPriorityRegistry.SwitchConfig memory config = _config(id);
            config.meter = MeterId.wrap(0);
            _add(id, config);
        }
        assertEq(uint256(SwitchId.unwrap(registry.switchOf(MeterId.wrap(0)))), 0);
    }

    function test_addSwitch_criticalAboveOrdinary() public {
        _add(1);
        _addCritical(2);
        _add(3);
        _addCritical(4);
        _assertOrder(_ids(2, 4, 1, 3));
    }

    /// A new switch moves everybody's default threshold; who is shed follows at once.
    function test_addSwitch_thresholdsFollow() public {
        _addMany(3);
        _report(7_000); // above 66.66 %: nothing is shed
        assertEq(_closedMask(3), 7);
        _expectCommand(4, false, 1, 0, IPriorityRegistry.Reason.Installed);
        _add(4); // the fourth's threshold is 75 %
        assertEq(_closedMask(4), 7);
    }

    /// A critical newcomer pushes the others down: one of them goes, not it.
    function test_addSwitch_criticalNewcomerAtLowCharge() public {
        _addMany(3);
        _report(6_600); // 66.66 %: the third is shed
        assertEq(_closedMask(3), 3);
        IPriorityRegistry.SwitchConfig memory config = _config(4);
        config.critical = true;
        _add(4, config); // thresholds 0, 25, 50, 75: the last one is shed, as before
        assertEq(_closedMask(4), 8 + 3);
        assertEq(registry.shedCount(_bank()), 1);
    }

    function test_addSwitch_ownThresholdsGiveWay() public {
        _addMany(3);
        vm.prank(authority);
        registry.setThresholds(_bank(), _thresholds(100, 200, 300));
        vm.expectEmit(address(registry));
        emit IPriorityRegistry.ThresholdsChanged(_bank(), _thresholds(100, 200, 300), new uint16[](0));
        _add(4);
        assertEq(uint256(registry.thresholds(_bank())[3]), 7_500);
    }

    function test_batteryZeroIsNone() public {
        IPriorityRegistry.SwitchConfig memory config = _config(1);
        config.battery = BatteryId.wrap(0);
        _add(1, config);
        assertTrue(_closed(1));
        assertEq(registry.order(BatteryId.wrap(0)).length, 1);
        assertEq(registry.thresholds(BatteryId.wrap(0)).length, 0);
        vm.startPrank(authority);
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_ZeroId.selector);
        registry.setOrder(BatteryId.wrap(0), _ids(1));
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_ZeroId.selector);
        registry.setThresholds(BatteryId.wrap(0), new uint16[](0));
        vm.stopPrank();
        _override(1, IPriorityRegistry.Override.ForceOpen, 60);
        assertTrue(!_closed(1));
        skip(60);
        assertTrue(registry.pokeDue(BatteryId.wrap(0)));
        registry.poke(BatteryId.wrap(0));
        assertTrue(_closed(1));
    }

    /// Contactors of many houses may have no battery; installing and poking them stays within a block.
    function test_batteryZeroTakesMany() public {
        uint256 most = registry.MAX_UNSHED_SWITCHES();
        IPriorityRegistry.SwitchConfig memory config;
        vm.startPrank(operator);
        for (uint16 id = 1; id <= most; ++id) {
            config.board = 1_000 + id;
            registry.addSwitch(_id(id), config, true);
        }
        config.board = 9_999;
        vm.expectRevert(abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_TooManySwitches.selector, most));
        registry.addSwitch(_id(9_999), config, true);
        vm.stopPrank();
        uint256 before = gasleft();
        registry.poke(BatteryId.wrap(0));
        assertLt(before - gasleft(), 15_000_000);
    }

    function test_unknownSwitch() public {
        bytes memory unknown = abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_UnknownSwitch.selector, 9);
        vm.expectRevert(unknown);
        registry.switchConfig(_id(9));
        vm.expectRevert(unknown);
        registry.switchState(_id(9));
        vm.expectRevert(unknown);
        vm.prank(market);
        registry.setSupply(_id(9), true, 1);
        vm.expectRevert(unknown);
        vm.prank(authority);
        registry.setOverride(_id(9), IPriorityRegistry.Override.None, 0);
        uint40[] memory sequences = new uint40[](1);
        bool[] memory closed = new bool[](1);
        vm.expectRevert(unknown);
        vm.prank(relayer);
        registry.acknowledge(_ids(9), sequences, closed);
    }

    // ---- orders

    function test_setOrder_movesWhoIsShed() public {
        _addMany(3);
        _report(5_000); // one of three is shed
        assertEq(_closedMask(3), 3);
        vm.expectEmit(address(registry));
        emit IPriorityRegistry.OrderChanged(_bank(), authority, _ids(1, 2, 3), _ids(3, 1, 2));
        _expectCommand(2, false, 2, 0, IPriorityRegistry.Reason.Shed);
        _expectCommand(3, true, 3, 0, IPriorityRegistry.Reason.Restored);
        _setOrder(_ids(3, 1, 2));
        assertEq(_closedMask(3), 5);
        _assertOrder(_ids(3, 1, 2));
    }

    function test_setOrder_onlyAuthority() public {
        _addMany(2);
        _expectUnauthorized(operator);
        vm.prank(operator);
        registry.setOrder(_bank(), _ids(2, 1));
    }

    function test_setOrder_notAPermutation() public {
        _addMany(3);
        IPriorityRegistry.SwitchConfig memory config = _config(9);
        config.battery = BatteryId.wrap(BANK + 1);
        _add(9, config);
        SwitchId[][] memory wrong = new SwitchId[][](5);
        wrong[0] = _ids(1, 2);
        wrong[1] = _ids(1, 2, 2);
        wrong[2] = _ids(1, 2, 9);
        wrong[3] = _ids(1, 2, 3, 3);
        wrong[4] = new SwitchId[](0);
        vm.startPrank(authority);
        for (uint256 i = 0; i < wrong.length; ++i) {
            vm.expectRevert(IPriorityRegistry.PriorityRegistry_NotAPermutation.selector);
            registry.setOrder(_bank(), wrong[i]);
            vm.expectRevert(IPriorityRegistry.PriorityRegistry_NotAPermutation.selector);
            registry.proposeOrder(_bank(), wrong[i]);
        }
    }

    /// Every permutation is taken, and every other list of switches is not.
    function test_setOrder_permutations(uint8[6] memory picks) public {
        _addMany(6);
        SwitchId[] memory order = new SwitchId[](6);
        uint256 seen;
        for (uint256 i = 0; i < 6; ++i) {
            uint16 id = 1 + picks[i] % 6;
            order[i] = _id(id);
            seen |= 1 << id;
        }
        if (seen != 126) vm.expectRevert(IPriorityRegistry.PriorityRegistry_NotAPermutation.selector);
        vm.prank(authority);
        registry.setOrder(_bank(), order);
    }

    function test_setOrder_criticalBelowOrdinary() public {
        _addCritical(1);
        _add(2);
        _add(3);
        _setOrder(_ids(1, 3, 2));
        vm.expectRevert(abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_CriticalBelowOrdinary.selector, 1));
        vm.prank(authority);
        registry.setOrder(_bank(), _ids(3, 1, 2));
    }

    function test_twoAuthorities() public {
        _addCritical(1);
        _add(2);
        SwitchId[] memory order = _ids(2, 1);
        uint256 expiresAt = block.timestamp + 1 days;
        vm.expectEmit(address(registry));
        emit IPriorityRegistry.OrderProposed(_bank(), authority, order, expiresAt);
        vm.prank(authority);
        registry.proposeOrder(_bank(), order);
        (bytes32 hash, address by, uint256 until) = registry.proposal(_bank());
        assertEq(hash, keccak256(abi.encode(order)));
        assertEq(by, authority);
        assertEq(until, expiresAt);

        vm.expectRevert(
            abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_SameAuthority.selector, authority)
        );
        vm.prank(authority);
        registry.approveOrder(_bank(), order);
        vm.startPrank(secondAuthority);
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_NoSuchProposal.selector);
        registry.approveOrder(_bank(), _ids(1, 2));
        vm.expectEmit(address(registry));
        emit IPriorityRegistry.OrderChanged(_bank(), secondAuthority, _ids(1, 2), order);
        registry.approveOrder(_bank(), order);
        _assertOrder(order);
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_NoSuchProposal.selector);
        registry.approveOrder(_bank(), order);
        vm.stopPrank();
        _expectUnauthorized(operator);
        vm.prank(operator);
        registry.proposeOrder(_bank(), order);
        _expectUnauthorized(operator);
        vm.prank(operator);
        registry.approveOrder(_bank(), order);
    }

    function test_proposal_expires() public {
        _addCritical(1);
        _add(2);
        uint256 expiresAt = block.timestamp + 1 days;
        vm.prank(authority);
        registry.proposeOrder(_bank(), _ids(2, 1));
        vm.warp(expiresAt);
        vm.expectRevert(
            abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_ProposalExpired.selector, expiresAt)
        );
        vm.prank(secondAuthority);
        registry.approveOrder(_bank(), _ids(2, 1));
    }

    function test_proposal_switchAddedMeanwhile() public {
        _addCritical(1);
        _add(2);
        vm.prank(authority);
        registry.proposeOrder(_bank(), _ids(2, 1));
        _add(3);
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_NotAPermutation.selector);
        vm.prank(secondAuthority);
        registry.approveOrder(_bank(), _ids(2, 1));
    }

    function test_proposal_replacesTheEarlier() public {
        _addCritical(1);
        _addMore();
        vm.prank(authority);
        registry.proposeOrder(_bank(), _ids(2, 1, 3));
        vm.prank(secondAuthority);
        registry.proposeOrder(_bank(), _ids(3, 1, 2));
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_NoSuchProposal.selector);
        vm.prank(secondAuthority);
        registry.approveOrder(_bank(), _ids(2, 1, 3));
        vm.prank(authority);
        registry.approveOrder(_bank(), _ids(3, 1, 2));
        _assertOrder(_ids(3, 1, 2));
    }

    // ---- thresholds

    function test_setThresholds() public {
        _addMany(3);
        _report(5_000);
        assertEq(_closedMask(3), 3);
        vm.expectEmit(address(registry));
        emit IPriorityRegistry.ThresholdsChanged(_bank(), new uint16[](0), _thresholds(1_000, 2_000, 3_000));
        _expectCommand(3, true, 3, 0, IPriorityRegistry.Reason.Restored);
        vm.prank(authority);
        registry.setThresholds(_bank(), _thresholds(1_000, 2_000, 3_000));
        assertEq(_closedMask(3), 7);
        assertEq(uint256(registry.thresholds(_bank())[1]), 2_000);
        vm.prank(authority);
        registry.setThresholds(_bank(), new uint16[](0));
        assertEq(_closedMask(3), 3);
        vm.prank(authority);
        registry.setThresholds(_bank(), _thresholds(5_000, 5_000, 5_000)); // all at once is allowed
        assertEq(_closedMask(3), 0);
    }

    function test_setThresholds_refusals() public {
        _addMany(3);
        _expectUnauthorized(operator);
        vm.prank(operator);
        registry.setThresholds(_bank(), _thresholds(1, 2, 3));
        vm.startPrank(authority);
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_BadThresholds.selector);
        registry.setThresholds(_bank(), _thresholds(1, 3, 2));
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_BadThresholds.selector);
        registry.setThresholds(_bank(), _thresholds(1, 2, 10_000));
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_BadThresholds.selector);
        registry.setThresholds(_bank(), new uint16[](2));
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_BadThresholds.selector);
        registry.setThresholds(_bank(), new uint16[](4));
    }

    function test_setRestoreMargin() public {
        assertEq(uint256(registry.restoreMargin()), 500);
        _addMany(2);
        _report(5_000);
        _report(5_400);
        assertEq(_closedMask(2), 1);
        vm.expectEmit(address(registry));
        emit IPriorityRegistry.RestoreMarginChanged(500, 300);
        vm.prank(authority);
        registry.setRestoreMargin(300);
        assertTrue(registry.pokeDue(_bank()));
        registry.poke(_bank());
        assertEq(_closedMask(2), 3);
        vm.expectRevert(abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_BadMargin.selector, 5_001));
        vm.prank(authority);
        registry.setRestoreMargin(5_001);
        _expectUnauthorized(operator);
        vm.prank(operator);
        registry.setRestoreMargin(1);
    }

    // ---- overrides

    function test_override_overTheBattery() public {
        _addMany(2);
        _report(5_000);
        uint40 until = uint40(block.timestamp + 600);
        vm.expectEmit(address(registry));
        emit IPriorityRegistry.OverrideSet(_id(2), authority, IPriorityRegistry.Override.ForceClosed, until);
        _expectCommand(2, true, 3, 0, IPriorityRegistry.Reason.Override);
        _override(2, IPriorityRegistry.Override.ForceClosed, 600);
        assertTrue(registry.switchState(_id(2)).shed, "still short");
        skip(599);
        assertTrue(!registry.pokeDue(_bank()));
        skip(1);
        _expectCommand(2, false, 4, 0, IPriorityRegistry.Reason.OverrideEnded);
        registry.poke(_bank());
    }

    function test_override_overSupplyWithoutItsCutoff() public {
        vm.prank(operator);
        registry.addSwitch(_id(1), _config(1), false);
        _supply(1, true, 9_000);
        _expectCommand(1, true, 3, 0, IPriorityRegistry.Reason.Override);
        _override(1, IPriorityRegistry.Override.ForceClosed, 60);
        _expectCommand(1, true, 4, 9_000, IPriorityRegistry.Reason.OverrideEnded);
        vm.prank(authority);
        registry.setOverride(_id(1), IPriorityRegistry.Override.None, 0);
    }

    function test_override_endedByItsTimeInAnotherCall() public {
        _addMany(2);
        _override(2, IPriorityRegistry.Override.ForceOpen, 10);
        skip(10);
        _expectCommand(2, true, 3, 0, IPriorityRegistry.Reason.OverrideEnded);
        _supply(2, true, 0);
        assertEq(uint256(registry.switchState(_id(2)).overridden), 0);
    }

    function test_override_refusals() public {
        _add(1);
        uint256 max = block.timestamp + 1 days;
        vm.startPrank(authority);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPriorityRegistry.PriorityRegistry_BadOverride.selector, block.timestamp, max
            )
        );
        registry.setOverride(_id(1), IPriorityRegistry.Override.ForceOpen, uint40(block.timestamp));
        vm.expectRevert(
            abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_BadOverride.selector, max + 1, max)
        );
        registry.setOverride(_id(1), IPriorityRegistry.Override.ForceOpen, uint40(max + 1));
        registry.setOverride(_id(1), IPriorityRegistry.Override.ForceOpen, uint40(max));
        vm.stopPrank();
        _expectUnauthorized(operator);
        vm.prank(operator);
        registry.setOverride(_id(1), IPriorityRegistry.Override.None, 0);
    }

    // ---- supply

    function test_setSupply() public {
        vm.prank(operator);
        registry.addSwitch(_id(1), _config(1), false);
        _expectCommand(1, true, 2, 1_500, IPriorityRegistry.Reason.SupplyStarted);
        _supply(1, true, 1_500);
        assertEq(uint256(registry.switchState(_id(1)).cutoffWh), 1_500);
        _expectCommand(1, true, 3, 2_500, IPriorityRegistry.Reason.SupplyStarted); // more was bought
        _supply(1, true, 2_500);
        vm.recordLogs();
        _supply(1, true, 2_500);
        assertEq(vm.getRecordedLogs().length, 0, "nothing new");
        _expectCommand(1, false, 4, 0, IPriorityRegistry.Reason.SupplyEnded);
        _supply(1, false, 0);
        assertEq(uint256(registry.switchState(_id(1)).cutoffWh), 0);
        _expectUnauthorized(operator);
        vm.prank(operator);
        registry.setSupply(_id(1), true, 1);
    }

    function test_setSupply_whileShed() public {
        _addMany(2);
        _supply(2, false, 0);
        _report(5_000);
        vm.recordLogs();
        _supply(2, true, 700);
        assertEq(vm.getRecordedLogs().length, 0, "shed stays open");
        _expectCommand(2, true, 3, 700, IPriorityRegistry.Reason.Restored);
        _report(8_000);
        _supply(2, false, 0);
        assertEq(uint256(registry.switchState(_id(2)).cutoffWh), 0);
    }

    // ---- acknowledgements

    function test_acknowledge() public {
        _addMany(2);
        vm.expectEmit(address(registry));
        emit IPriorityRegistry.RelayAcknowledged(_id(1), 1, true);
        _acknowledge(1, 1, true);
        IPriorityRegistry.SwitchState memory state = registry.switchState(_id(1));
        assertTrue(state.acknowledgedClosed);
        assertEq(uint256(state.acknowledgedSequence), 1);
        assertEq(uint256(state.acknowledgedAt), block.timestamp);

        skip(5);
        vm.recordLogs();
        _acknowledge(1, 1, true);
        assertEq(vm.getRecordedLogs().length, 0, "known already");
        assertEq(uint256(registry.switchState(_id(1)).acknowledgedAt), block.timestamp - 5);
        _acknowledge(1, 1, false); // the relay opened by itself
        assertTrue(!registry.switchState(_id(1)).acknowledgedClosed);
        assertEq(uint256(registry.switchState(_id(1)).acknowledgedAt), block.timestamp);

        _supply(1, false, 0);
        _acknowledge(1, 2, false);
        vm.recordLogs();
        _acknowledge(1, 1, true); // late
        assertEq(vm.getRecordedLogs().length, 0);
        assertTrue(!registry.switchState(_id(1)).acknowledgedClosed);
        vm.expectRevert(
            abi.encodeWithSelector(IPriorityRegistry.PriorityRegistry_FutureAcknowledgement.selector, 1, 3)
        );
        _acknowledge(1, 3, true);
    }

    function test_acknowledge_lengthsAndRole() public {
        _addMany(2);
        vm.startPrank(relayer);
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_LengthMismatch.selector);
        registry.acknowledge(_ids(1, 2), new uint40[](1), new bool[](2));
        vm.expectRevert(IPriorityRegistry.PriorityRegistry_LengthMismatch.selector);
        registry.acknowledge(_ids(1, 2), new uint40[](2), new bool[](1));
        uint40[] memory sequences = new uint40[](2);
        (sequences[0], sequences[1]) = (1, 1);
        bool[] memory closed = new bool[](2);
        closed[1] = true;
        registry.acknowledge(_ids(1, 2), sequences, closed);
        assertTrue(!registry.switchState(_id(1)).acknowledgedClosed);
        assertTrue(registry.switchState(_id(2)).acknowledgedClosed);
        vm.stopPrank();
        _expectUnauthorized(operator);
        vm.prank(operator);
        registry.acknowledge(_ids(1, 2), sequences, closed);
    }

    // ---- helpers

    function _addMore() private {
        _add(2);
        _add(3);
    }

    function _acknowledge(uint16 id, uint40 sequence, bool closed) private {
        uint40[] memory sequences = new uint40[](1);
        bool[] memory states = new bool[](1);
        (sequences[0], states[0]) = (sequence, closed);
        vm.prank(relayer);
        registry.acknowledge(_ids(id), sequences, states);
    }

    function _assertOrder(SwitchId[] memory expected) private view {
        assertEq(keccak256(abi.encode(registry.order(_bank()))), keccak256(abi.encode(expected)));
    }

    function _expectUnauthorized(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
    }
}

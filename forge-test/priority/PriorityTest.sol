// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {BatteryId, MeterId, SwitchId} from "contracts/Types.sol";
import {IPriorityRegistry} from "contracts/interfaces/IPriorityRegistry.sol";
import {OracleQuorum} from "contracts/oracle/OracleQuorum.sol";
import {PriorityRegistry} from "contracts/priority/PriorityRegistry.sol";
import {Signers} from "../oracle/Signers.sol";

/// A registry with its roles and two of three oracle nodes. The test contract is the admin; battery 3 is the society's.
abstract contract PriorityTest is Signers {
    uint64 internal constant OPERATOR = 1;
    uint64 internal constant AUTHORITY = 2;
    uint64 internal constant RELAYER = 4;
    uint64 internal constant MARKET = 12;
    uint16 internal constant BANK = 3;
    uint32 internal constant BOARD = 5;

    AccessManager internal manager;
    OracleQuorum internal quorum;
    PriorityRegistry internal registry;

    address internal operator = makeAddr("operator");
    address internal authority = makeAddr("authority");
    address internal secondAuthority = makeAddr("second authority");
    address internal relayer = makeAddr("relayer");
    address internal market = makeAddr("market");

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        manager = new AccessManager(address(this));
        quorum = new OracleQuorum(address(manager));
        registry = new PriorityRegistry(address(manager), quorum);
        _makeNodes(3);
        quorum.setSigners(nodes, 2);
        manager.grantRole(OPERATOR, operator, 0);
        manager.grantRole(AUTHORITY, authority, 0);
        manager.grantRole(AUTHORITY, secondAuthority, 0);
        manager.grantRole(RELAYER, relayer, 0);
        manager.grantRole(MARKET, market, 0);
        _assign(registry.addSwitch.selector, OPERATOR);
        _assign(registry.setOrder.selector, AUTHORITY);
        _assign(registry.proposeOrder.selector, AUTHORITY);
        _assign(registry.approveOrder.selector, AUTHORITY);
        _assign(registry.setThresholds.selector, AUTHORITY);
        _assign(registry.setRestoreMargin.selector, AUTHORITY);
        _assign(registry.setOverride.selector, AUTHORITY);
        _assign(registry.setSupply.selector, MARKET);
        _assign(registry.acknowledge.selector, RELAYER);
    }

    function _assign(bytes4 selector, uint64 role) private {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = selector;
        manager.setTargetFunctionRole(address(registry), selectors, role);
    }

    // ---- switches

    /// Switch `id` on pin (id - 1) % 8 of board 5 + (id - 1) / 8, ordinary, with no minimum times.
    function _config(uint16 id) internal pure returns (IPriorityRegistry.SwitchConfig memory config) {
        config.board = BOARD + (id - 1) / 8;
        config.pin = uint8((id - 1) % 8);
        config.battery = BatteryId.wrap(BANK);
        config.meter = MeterId.wrap(100 + uint32(id));
    }

    function _add(uint16 id) internal {
        _add(id, _config(id));
    }

    function _add(uint16 id, IPriorityRegistry.SwitchConfig memory config) internal {
        vm.prank(operator);
        registry.addSwitch(_id(id), config, true);
    }

    function _addCritical(uint16 id) internal {
        IPriorityRegistry.SwitchConfig memory config = _config(id);
        config.critical = true;
        _add(id, config);
    }

    /// Switches 1..count, 1 the most important.
    function _addMany(uint16 count) internal {
        for (uint16 id = 1; id <= count; ++id) {
            _add(id);
        }
    }

    // ---- what happens

    /// A report signed by two nodes, a second after the last.
    function _report(uint16 socBps) internal {
        skip(1);
        _reportNow(socBps);
    }

    function _reportNow(uint16 socBps) internal {
        uint40 time = uint40(block.timestamp);
        bytes[] memory signatures = _signatures(registry.reportDigest(_bank(), socBps, time), 2);
        registry.reportBattery(_bank(), socBps, time, signatures);
    }

    function _setOrder(SwitchId[] memory order) internal {
        vm.prank(authority);
        registry.setOrder(_bank(), order);
    }

    function _override(uint16 id, IPriorityRegistry.Override overridden, uint256 secs) internal {
        vm.prank(authority);
        registry.setOverride(_id(id), overridden, uint40(block.timestamp + secs));
    }

    function _supply(uint16 id, bool supplied, uint40 cutoffWh) internal {
        vm.prank(market);
        registry.setSupply(_id(id), supplied, cutoffWh);
    }

    // ---- reading

    function _closed(uint16 id) internal view returns (bool) {
        return registry.switchState(_id(id)).closed;
    }

    /// Bit i: switch i + 1 of `count` is closed.
    function _closedMask(uint16 count) internal view returns (uint256 mask) {
        for (uint16 id = 1; id <= count; ++id) {
            if (_closed(id)) mask |= 1 << (id - 1);
        }
    }

    function _expectCommand(uint16 id, bool closed, uint40 sequence, uint40 cutoffWh, IPriorityRegistry.Reason reason)
        internal
    {
        IPriorityRegistry.SwitchConfig memory config = _config(id);
        vm.expectEmit(address(registry));
        emit IPriorityRegistry.RelayCommand(_id(id), config.board, config.pin, closed, sequence, cutoffWh, reason);
    }

    // ---- small things

    function _bank() internal pure returns (BatteryId) {
        return BatteryId.wrap(BANK);
    }

    function _id(uint16 id) internal pure returns (SwitchId) {
        return SwitchId.wrap(id);
    }

    function _ids(uint16 a) internal pure returns (SwitchId[] memory ids) {
        ids = new SwitchId[](1);
        ids[0] = _id(a);
    }

    function _ids(uint16 a, uint16 b) internal pure returns (SwitchId[] memory ids) {
        ids = new SwitchId[](2);
        (ids[0], ids[1]) = (_id(a), _id(b));
    }

    function _ids(uint16 a, uint16 b, uint16 c) internal pure returns (SwitchId[] memory ids) {
        ids = new SwitchId[](3);
        (ids[0], ids[1], ids[2]) = (_id(a), _id(b), _id(c));
    }

    function _ids(uint16 a, uint16 b, uint16 c, uint16 d) internal pure returns (SwitchId[] memory ids) {
        ids = new SwitchId[](4);
        (ids[0], ids[1], ids[2], ids[3]) = (_id(a), _id(b), _id(c), _id(d));
    }

    function _thresholds(uint16 a, uint16 b, uint16 c) internal pure returns (uint16[] memory bps) {
        bps = new uint16[](3);
        (bps[0], bps[1], bps[2]) = (a, b, c);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SwitchId} from "contracts/Types.sol";
import {IPriorityRegistry} from "contracts/interfaces/IPriorityRegistry.sol";
import {PriorityTest} from "./PriorityTest.sol";

/// A battery whose charge wanders, an authority that changes its mind, a market that starts and ends supply, and time.
/// After each event everything due is applied. Beside it the same is computed a second time from order, charge, supply,
/// override and the times of the moves alone.
contract PriorityHandler is PriorityTest {
    uint16 public constant SWITCHES = 6;
    uint256 private constant FULL = 10_000;

    uint256 public ghostShed; // how many at the end of the order are shed
    uint16[] private _ghostThresholds;
    uint16 private _ghostMargin = 500;
    bool private _reported;
    uint16 private _soc;
    bool[7] public ghostSupplied;
    IPriorityRegistry.Override[7] private _ghostOverride;
    uint256[7] private _ghostUntil;
    bool[7] private _ghostClosed;
    uint256[7] private _ghostMovedAt;

    function setUp() public override {
        super.setUp();
        for (uint16 id = 1; id <= SWITCHES; ++id) {
            IPriorityRegistry.SwitchConfig memory config = _config(id);
            config.critical = id <= 2;
            config.minOnSeconds = id == 3 ? 600 : 0;
            config.minOffSeconds = id % 2 == 0 ? 300 : 0;
            _add(id, config);
            ghostSupplied[id] = true;
            _ghostClosed[id] = true;
            _ghostMovedAt[id] = block.timestamp;
        }
        for (uint256 i = 0; i < SWITCHES; ++i) {
            _ghostThresholds.push(uint16(FULL * i / SWITCHES));
        }
    }

    // ---- what happens

    function report(uint16 soc) external {
        _soc = uint16(bound(soc, 0, FULL));
        _reported = true;
        _report(_soc);
        _follow();
    }

    /// Charges near each other are where hysteresis shows.
    function drift(int8 step) external {
        int256 soc = int256(uint256(_soc)) + 8 * int256(step);
        _soc = soc < 0 ? 0 : soc > int256(FULL) ? uint16(FULL) : uint16(uint256(soc));
        _reported = true;
        _report(_soc);
        _follow();
    }

    function wait_(uint16 secs) external {
        skip(1 + secs % 700);
        _follow();
    }

    function reorder(uint256 seed) external {
        SwitchId[] memory order = registry.order(_bank());
        for (uint256 i = SWITCHES; i > 1; --i) {
            uint256 j = uint256(keccak256(abi.encode(seed, i))) % i;
            (order[i - 1], order[j]) = (order[j], order[i - 1]);
        }
        vm.prank(authority);
        registry.proposeOrder(_bank(), order);
        vm.prank(secondAuthority);
        registry.approveOrder(_bank(), order);
        _follow();
    }

    function setThresholds(uint16[6] memory steps, bool byDefault) external {
        uint16[] memory thresholds = new uint16[](byDefault ? 0 : SWITCHES);
        uint16 sum;
        for (uint256 i = 0; i < SWITCHES; ++i) {
            sum += steps[i] % 1_667;
            if (!byDefault) thresholds[i] = sum > 9_999 ? 9_999 : sum;
            _ghostThresholds[i] = byDefault ? uint16(FULL * i / SWITCHES) : thresholds[i];
        }
        vm.prank(authority);
        registry.setThresholds(_bank(), thresholds);
        _follow();
    }

    function setMargin(uint16 bps) external {
        _ghostMargin = uint16(bound(bps, 0, 5_000));
        vm.prank(authority);
        registry.setRestoreMargin(_ghostMargin);
        _follow();
    }

    function supply(uint16 which, bool supplied, uint40 cutoffWh) external {
        uint16 id = 1 + which % SWITCHES;
        ghostSupplied[id] = supplied;
        _supply(id, supplied, cutoffWh);
        _follow();
    }

    function force(uint16 which, uint8 how, uint16 secs) external {
        uint16 id = 1 + which % SWITCHES;
        IPriorityRegistry.Override overridden = IPriorityRegistry.Override(how % 3);
        uint256 lasts = 1 + secs % 2_000;
        _ghostOverride[id] = overridden;
        _ghostUntil[id] = block.timestamp + lasts;
        _override(id, overridden, lasts);
        _follow();
    }

    // ---- the same a second time

    /// Applies what is due, in the contract and beside it.
    function _follow() private {
        registry.poke(_bank());
        if (_reported) {
            // One switch after the other, from the least important on: shed at its threshold, restored at its margin.
            while (ghostShed < SWITCHES && _soc <= _ghostThresholds[SWITCHES - 1 - ghostShed]) ++ghostShed;
            while (ghostShed > 0 && _isRestored(SWITCHES - ghostShed)) --ghostShed;
        }
        SwitchId[] memory order = registry.order(_bank());
        for (uint256 position = 0; position < SWITCHES; ++position) {
            _move(SwitchId.unwrap(order[position]), position + ghostShed >= SWITCHES);
        }
    }

    function _isRestored(uint256 position) private view returns (bool) {
        uint256 threshold = _ghostThresholds[position];
        return _soc > threshold && (_soc >= threshold + _ghostMargin || _soc == FULL);
    }

    function _move(uint16 id, bool shed) private {
        bool forced = _ghostOverride[id] != IPriorityRegistry.Override.None && block.timestamp < _ghostUntil[id];
        bool target = forced
            ? _ghostOverride[id] == IPriorityRegistry.Override.ForceClosed
            : ghostSupplied[id] && !shed;
        if (target == _ghostClosed[id]) return;
        uint256 held = _ghostClosed[id] ? (id == 3 ? 600 : 0) : (id % 2 == 0 ? 300 : 0);
        if (!forced && block.timestamp < _ghostMovedAt[id] + held) return;
        _ghostClosed[id] = target;
        _ghostMovedAt[id] = block.timestamp;
    }

    // ---- reading both

    function isClosed(uint16 id) external view returns (bool contractSays, bool ghostSays) {
        return (_closed(id), _ghostClosed[id]);
    }

    function shedMask() external view returns (uint256 contractSays, uint256 ghostSays) {
        SwitchId[] memory order = registry.order(_bank());
        for (uint256 position = 0; position < SWITCHES; ++position) {
            if (registry.switchState(order[position]).shed) contractSays |= 1 << position;
            if (position + ghostShed >= SWITCHES) ghostSays |= 1 << position;
        }
    }

    function anythingDue() external view returns (bool) {
        return registry.pokeDue(_bank());
    }

    function stateOf(uint16 id) external view returns (IPriorityRegistry.SwitchState memory) {
        return registry.switchState(_id(id));
    }
}

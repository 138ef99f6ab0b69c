// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {SwitchId} from "contracts/Types.sol";
import {PriorityTest} from "./PriorityTest.sol";

/// What reports and orders cost for four appliances and for the most that a battery may have. Run with --isolate.
contract PriorityGasTest is PriorityTest {
    function _snapshotReport(uint16 socBps, string memory name) private {
        skip(1);
        uint40 time = uint40(block.timestamp);
        bytes[] memory signatures = _signatures(registry.reportDigest(_bank(), socBps, time), 2);
        registry.reportBattery(_bank(), socBps, time, signatures);
        vm.snapshotGasLastCall("priority", name);
    }

    function test_gas_report() public {
        _addMany(4);
        _report(9_500);
        _snapshotReport(9_000, "report, 4 switches, none moves");
        _snapshotReport(7_000, "report, 4 switches, one is shed");
    }

    function test_gas_reportLargest() public {
        _addMany(32);
        _report(10_000);
        _snapshotReport(0, "report, 32 switches, all are shed");
    }

    function test_gas_setOrder() public {
        _addMany(4);
        _report(7_000);
        vm.prank(authority);
        registry.setOrder(_bank(), _ids(1, 2, 4, 3));
        vm.snapshotGasLastCall("priority", "setOrder, 4 switches, two move");
    }

    function test_gas_setOrderLargest() public {
        _addMany(32);
        _report(5_000);
        SwitchId[] memory order = registry.order(_bank());
        for (uint256 i = 0; i < 16; ++i) {
            (order[i], order[31 - i]) = (order[31 - i], order[i]);
        }
        vm.prank(authority);
        registry.setOrder(_bank(), order);
        vm.snapshotGasLastCall("priority", "setOrder, 32 switches reversed, all move");
    }

    function test_gas_poke() public {
        _addMany(4);
        _report(7_000);
        registry.poke(_bank());
        vm.snapshotGasLastCall("priority", "poke, 4 switches, nothing due");
    }
}

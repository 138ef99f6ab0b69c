// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {InterconnectionTest} from "./InterconnectionTest.sol";

/// What settling a tie costs, as whole transactions under `make gas` (--isolate), kept in forge-test/snapshots.
contract InterconnectionGasTest is InterconnectionTest {
    string private constant GROUP = "interconnection";

    function test_gas_slot() public {
        uint256 id = _opened();
        for (uint256 i = 0; i < 2; ++i) {
            _count(5_000, 4_950);
            uint64 slot = _commit();
            _showA(id, slot);
            assertLt(vm.snapshotGasLastCall(GROUP, "show, first end"), 150_000);
            _showB(id, slot);
            assertLt(vm.snapshotGasLastCall(GROUP, "show, second end, settles"), 250_000);
        }
        _count(5_000, 4_000);
        uint64 disputed = _commit();
        _showA(id, disputed);
        _showB(id, disputed);
        vm.snapshotGasLastCall(GROUP, "show, second end, disputes");
    }
}

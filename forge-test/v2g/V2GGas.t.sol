// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IV2GExchange} from "contracts/interfaces/IV2GExchange.sol";
import {V2GTest} from "./V2GTest.sol";

/// What sessions cost, as whole transactions under `make gas` (--isolate), kept in forge-test/snapshots.
contract V2GGasTest is V2GTest {
    string private constant GROUP = "v2g";

    function test_gas_session() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        IV2GExchange.PlugReport memory plugged = _plug(car, POINT, 5_000);
        bytes memory signature = _signWith(aliceKey, exchange.authorisationDigest(agreed));
        bytes[] memory signatures = _byOracle(exchange.plugDigest(plugged));
        uint256 id = exchange.start(agreed, signature, plugged, signatures);
        assertLt(vm.snapshotGasLastCall(GROUP, "start"), 420_000);
        _settleSession(id, _noon(4_000));
        vm.snapshotGasLastCall(GROUP, "settle, opens");
        rates.updateIncentiveRates();
        vm.snapshotGasLastCall(GROUP, "update rates");
        _charge(id, 1_750, 1);
        vm.snapshotGasLastCall(GROUP, "order, one slot");
        _settleSession(id, _flow(1_750, 0));
        assertLt(vm.snapshotGasLastCall(GROUP, "settle, charged"), 260_000);
        _evening(4_000);
        _settleSession(id, ledger.latestSlot());
        _reportSoc(id, 5_400);
        vm.snapshotGasLastCall(GROUP, "report charge");
        _discharge(id, 1_750, 2);
        vm.snapshotGasLastCall(GROUP, "order, two slots of discharging");
        _settleSession(id, _flow(0, 1_750));
        assertLt(vm.snapshotGasLastCall(GROUP, "settle, discharged"), 260_000);
        vm.prank(alice);
        exchange.end(id);
        vm.snapshotGasLastCall(GROUP, "end");
        _settleSession(id, _flow(0, 1_000));
        vm.snapshotGasLastCall(GROUP, "settle, closes");
    }
}

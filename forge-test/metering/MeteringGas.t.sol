// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, Leaf} from "contracts/Types.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {MeteringTest} from "./MeteringTest.sol";
import {TestTree} from "./TestTree.sol";

/// What slots and settlements cost, run with --isolate, as transactions. Registers and balances are not zero before or
/// after. A slot must stay under 250 000 gas however many meters it has.
contract MeteringGasTest is MeteringTest {
    using TestTree for TestTree.Tree;
    using TestTree for TestTree.Line;

    uint32 internal constant METERS = 128;
    uint256 internal constant BATCH = 100;

    TestTree.Line[] internal lines;

    /// Prosumers, each with a holder of its own, who have 50 kWh in tokens if they are prepaid.
    function _settledCommunity(BillingMode mode) internal {
        for (uint32 meter = 1; meter <= METERS; ++meter) {
            _register(meter, EntityKind.Prosumer);
            _claim(meter, makeAddr(string.concat("holder ", vm.toString(uint256(meter)))), mode);
            lines.push(_line(meter, 0, 0));
        }
        _book(lines); // the terms begin
        _advance(1, 700, 50_700);
        _book(lines);
    }

    /// Every `step`-th meter counts on.
    function _advance(uint256 step, uint40 importedWh, uint40 exportedWh) internal {
        for (uint256 i = 0; i < lines.length; i += step) {
            lines[i].registers[3] += importedWh;
            lines[i].registers[2] += exportedWh;
        }
    }

    function _gasOfBatch(string memory name) internal returns (uint256 gasPerMeter) {
        uint64 slot = _commit(lines);
        uint256[] memory indices = new uint256[](BATCH);
        for (uint256 i = 0; i < BATCH; ++i) {
            indices[i] = i;
        }
        (bytes32[3][] memory siblings, bytes memory flags) = TestTree.build(lines).multiproof(indices);
        Leaf[] memory leaves = _leaves(lines, indices);
        ledger.settleMany(slot, leaves, siblings, flags);
        return vm.snapshotGasLastCall("metering", name) / BATCH;
    }

    function test_gas_commitSlot() public {
        _settledCommunity(BillingMode.Billed);
        uint64 slot = _endSlot();
        IMeterLedger.Commitment memory commitment = _commitment(slot, lines);
        commitment.leafCount = 100_000; // as good as any other: the cost does not depend on it
        bytes[] memory signatures = _signatures(ledger.commitmentDigest(commitment), 2);
        ledger.commitSlot(commitment, signatures);
        assertLt(vm.snapshotGasLastCall("metering", "commitSlot, 2 of 3 signers"), 250_000);
    }

    function test_gas_settle() public {
        _settledCommunity(BillingMode.Prepaid);
        _advance(1, 700, 0);
        uint64 slot = _commit(lines);
        (bytes32[3][] memory siblings, uint256 path) = TestTree.build(lines).proof(4);
        ledger.settle(slot, lines[4].toLeaf(), siblings, path);
        vm.snapshotGasLastCall("metering", "settle one of 128, prepaid, burning");
    }

    function test_gas_settleMany_billed() public {
        _settledCommunity(BillingMode.Billed);
        _advance(1, 700, 0);
        assertLt(_gasOfBatch("settle 100 of 128, billed"), 20_000);
    }

    function test_gas_settleMany_prepaidBurning() public {
        _settledCommunity(BillingMode.Prepaid);
        _advance(1, 700, 0);
        assertLt(_gasOfBatch("settle 100 of 128, prepaid, all burning"), 30_000);
    }

    function test_gas_settleMany_prepaidMinting() public {
        _settledCommunity(BillingMode.Prepaid);
        _advance(1, 0, 700);
        assertLt(_gasOfBatch("settle 100 of 128, prepaid, all minting"), 30_000);
    }
}

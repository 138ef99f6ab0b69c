// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMeterWitness} from "contracts/interfaces/IMeterWitness.sol";
import {WitnessTest} from "./WitnessTest.sol";

/// What it costs to hold the oracle to a meter's word, run with --isolate, as transactions: two signers, two meters.
contract WitnessGasTest is WitnessTest {
    function test_gas_lodge() public {
        Signed memory signed = _says(block.timestamp, 1_000, 50);
        witness.lodge(signed.statement, signed.r, signed.s);
        assertLt(vm.snapshotGasLastCall("witness", "lodge a statement"), 110_000);
    }

    function test_gas_lodgeWithoutPrecompile() public {
        Signed memory signed = _says(block.timestamp, 1_000, 50);
        vm.mockCall(address(0x100), "", "");
        witness.lodge(signed.statement, signed.r, signed.s);
        assertLt(vm.snapshotGasLastCall("witness", "lodge a statement, no precompile"), 450_000);
    }

    function test_gas_accuse() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        IMeterWitness.Evidence memory evidence = _evidence(slot, signed, 2);
        vm.prank(alice);
        witness.accuse{value: DEPOSIT_WEI}(evidence);
        assertLt(vm.snapshotGasLastCall("witness", "accuse two signers"), 500_000);
    }

    function test_gas_rebut() public {
        Signed memory backing = _says(block.timestamp, 1_000, 50);
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        uint256 id = _accuse(slot, signed);
        witness.rebut(id, backing.statement, backing.r, backing.s);
        assertLt(vm.snapshotGasLastCall("witness", "rebut"), 200_000);
    }

    function test_gas_conclude() public {
        (uint64 slot, Signed memory signed) = _lieTooHigh();
        uint256 id = _accuse(slot, signed);
        skip(REBUTTAL + 1);
        witness.conclude(id);
        assertLt(vm.snapshotGasLastCall("witness", "conclude, two bonds slashed"), 300_000);
    }
}

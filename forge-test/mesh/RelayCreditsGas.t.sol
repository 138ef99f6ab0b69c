// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRelayCredits} from "contracts/interfaces/IRelayCredits.sol";
import {RelayCreditsTest} from "./RelayCreditsTest.sol";

/// What receipts cost in batches, run with --isolate, as transactions: routes of four nodes, 64 messages each, accounts
/// that have earned before.
contract RelayCreditsGasTest is RelayCreditsTest {
    function setUp() public override {
        super.setUp();
        _prepay(alice, 100_000_000);
        _clear(_whole(_route(ALICES, BOBS, 3, 4), 1));
        skip(1);
    }

    function test_gas_oneReceipt() public {
        assertLt(_gasOf(1, 64, "clear, 1 receipt of 64 messages"), 220_000);
    }

    function test_gas_oneReceiptOfTenMessages() public {
        assertLt(_gasOf(1, 10, "clear, 1 receipt of 10 messages"), 180_000);
    }

    function test_gas_tenReceipts() public {
        assertLt(_gasOf(10, 64, "clear, 10 receipts of 64 messages"), 1_100_000);
    }

    function test_gas_sixtyFourReceipts() public {
        assertLt(_gasOf(64, 64, "clear, 64 receipts of 64 messages"), 7_000_000);
    }

    function test_gas_withdraw() public {
        vm.prank(bob);
        credits.withdraw(50);
        assertLt(vm.snapshotGasLastCall("mesh", "withdraw"), 90_000);
    }

    function _gasOf(uint256 count, uint16 messages, string memory name) private returns (uint256) {
        IRelayCredits.Receipt[] memory batch = new IRelayCredits.Receipt[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint32 startedAt = _now() - uint32(i);
            batch[i] = _receipt(_route(ALICES, BOBS, 3, 4 + uint32(i % 2)), startedAt, messages, messages, WHOLE);
        }
        bytes[] memory signatures = _signatures(credits.receiptsDigest(batch), 2);
        credits.clear(batch, signatures);
        return vm.snapshotGasLastCall("mesh", name);
    }
}

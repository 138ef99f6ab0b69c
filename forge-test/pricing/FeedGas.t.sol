// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IQuorumPriceFeed} from "contracts/interfaces/IQuorumPriceFeed.sol";
import {FeedTest} from "./FeedTest.sol";

/// What a price round costs, run with --isolate, as a transaction. Not the first: storage is not zero before.
contract FeedGasTest is FeedTest {
    function test_gas_submitRound() public {
        _submit(1, START, START, START);
        IQuorumPriceFeed.Observation[] memory seen = _round(2, _three(6_100_000, 6_050_000, 6_200_000));
        feed.submitRound(2, seen);
        assertLt(vm.snapshotGasLastCall("pricing", "submitRound, 3 of 4 nodes"), 90_000);
    }

    function test_gas_prices() public {
        _submit(1, START, START, START);
        feed.prices();
        vm.snapshotGasLastCall("pricing", "prices of the feed");
    }
}

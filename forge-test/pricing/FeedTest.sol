// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IQuorumPriceFeed} from "contracts/interfaces/IQuorumPriceFeed.sol";
import {OracleQuorum} from "contracts/oracle/OracleQuorum.sol";
import {QuorumPriceFeed} from "contracts/pricing/QuorumPriceFeed.sol";
import {Signers} from "../oracle/Signers.sol";

/// A feed of four nodes, of which three must state a price; it begins at Rs 6.
abstract contract FeedTest is Signers {
    uint64 internal constant RUPEE = 1e6;
    uint64 internal constant START = 6 * RUPEE;

    AccessManager internal manager;
    OracleQuorum internal quorum;
    QuorumPriceFeed internal feed;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        manager = new AccessManager(address(this));
        quorum = new OracleQuorum(address(manager));
        _makeNodes(4);
        quorum.setSigners(nodes, 3);
        feed = new QuorumPriceFeed(address(manager), quorum, 7, _limits(), START);
    }

    function _limits() internal pure returns (IQuorumPriceFeed.Settings memory) {
        return IQuorumPriceFeed.Settings({
            minPrice: 2 * RUPEE, maxPrice: 12 * RUPEE, maxAge: 60, maxSkew: 5, maxStepPpm: 100_000, sellShareBps: 5_000
        });
    }

    /// What node `node` signs about a round.
    function _observe(uint256 node, uint64 round, uint128 price, uint64 time)
        internal
        view
        returns (IQuorumPriceFeed.Observation memory)
    {
        bytes32 digest = feed.observationDigest(round, price, time);
        return IQuorumPriceFeed.Observation(price, time, _sign(nodeKeys[node], digest));
    }

    /// Nodes 0, 1, ... state these prices now.
    function _round(uint64 round, uint128[] memory stated)
        internal
        view
        returns (IQuorumPriceFeed.Observation[] memory seen)
    {
        seen = new IQuorumPriceFeed.Observation[](stated.length);
        for (uint256 i = 0; i < stated.length; ++i) {
            seen[i] = _observe(i, round, stated[i], uint64(block.timestamp));
        }
    }

    function _three(uint128 a, uint128 b, uint128 c) internal pure returns (uint128[] memory list) {
        list = new uint128[](3);
        (list[0], list[1], list[2]) = (a, b, c);
    }

    function _submit(uint64 round, uint128 a, uint128 b, uint128 c) internal {
        feed.submitRound(round, _round(round, _three(a, b, c)));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IOracleQuorum} from "contracts/interfaces/IOracleQuorum.sol";
import {IQuorumPriceFeed} from "contracts/interfaces/IQuorumPriceFeed.sol";
import {QuorumPriceFeed} from "contracts/pricing/QuorumPriceFeed.sol";
import {FeedTest} from "./FeedTest.sol";

/// submitRound
/// ├── round not above the last: refused
/// ├── fewer than 2f+1 observations, or than the threshold: refused
/// ├── a signer foreign, repeated, out of order; another round, feed, epoch, chain's contract signed: refused
/// ├── an observation too old or ahead of the clock: refused; at the edge: accepted
/// ├── median outside the bounds: refused
/// └── accepted: upper median; step capped; price as old as its oldest observation, never younger than now
/// setSettings
/// ├── not the admin, or a field that cannot be: refused
/// └── a price outside new bounds is stale; the next round starts from the bound
contract QuorumPriceFeedTest is FeedTest {
    // ---- the price

    function test_begins_withTheStartPrice() public view {
        _assertPrices(6 * RUPEE, 3 * RUPEE, block.timestamp);
        assertEq(uint256(feed.latest().round), 0);
        assertEq(uint256(feed.FEED()), 7);
        assertEq(address(feed.QUORUM()), address(quorum));
    }

    function test_submitRound_takesTheMedian() public {
        IQuorumPriceFeed.Observation[] memory seen = _round(9, _three(6_100_000, 900_000_000, 6_050_000));
        skip(4);
        vm.expectEmit(address(feed));
        emit IQuorumPriceFeed.PriceRoundAccepted(9, 6_100_000, 3_050_000, 6_100_000, block.timestamp - 4, 3);
        feed.submitRound(9, seen);
        _assertPrices(6_100_000, 3_050_000, block.timestamp - 4);
        assertEq(uint256(feed.latest().round), 9);
    }

    function test_submitRound_anyoneMay(address who) public {
        vm.assume(who != address(0));
        IQuorumPriceFeed.Observation[] memory seen = _round(1, _three(START, START, START));
        vm.prank(who);
        feed.submitRound(1, seen);
    }

    /// Of an even number the higher of the two in the middle; whatever the order, one of four cannot move it far.
    function test_submitRound_fourWithOneLiar(uint128[3] memory honest, uint128 lie, uint256 liar) public {
        uint128 lowest = type(uint128).max;
        uint128 highest;
        uint128[] memory stated = new uint128[](4);
        liar = bound(liar, 0, 3);
        for (uint256 i = 0; i < 3; ++i) {
            honest[i] = uint128(bound(honest[i], 5_500_000, 6_500_000));
            if (honest[i] < lowest) lowest = honest[i];
            if (honest[i] > highest) highest = honest[i];
            stated[i < liar ? i : i + 1] = honest[i];
        }
        stated[liar] = lie;
        feed.submitRound(1, _round(1, stated));
        uint256 median = feed.latest().median;
        assertTrue(lowest <= median && median <= highest);
    }

    function test_submitRound_breaker() public {
        _submit(1, 9 * RUPEE, 9 * RUPEE, 9 * RUPEE);
        _assertPrices(6_600_000, 3_300_000, block.timestamp);
        assertEq(uint256(feed.latest().median), 9 * RUPEE);
        _submit(2, 2 * RUPEE, 2 * RUPEE, 2 * RUPEE);
        _assertPrices(5_940_000, 2_970_000, block.timestamp);
    }

    /// Below 10 micro-rupees a tenth is less than one: rounded up, so the price is not stuck.
    function test_submitRound_breakerNeverStuck() public {
        IQuorumPriceFeed.Settings memory limits = _limits();
        (limits.minPrice, limits.sellShareBps) = (1, 0);
        feed = new QuorumPriceFeed(address(manager), quorum, 7, limits, 3);
        _submit(1, 1, 1, 1);
        _assertPrices(2, 1, block.timestamp);
        limits.maxStepPpm = type(uint32).max; // no breaker: a step far beyond the price itself
        feed.setSettings(limits);
        _submit(2, 12 * RUPEE, 12 * RUPEE, 12 * RUPEE);
        _submit(3, 1, 1, 1);
        _assertPrices(1, 1, block.timestamp);
    }

    function test_sellPrice_neverBelowTheBoundNorAbovePrice() public {
        IQuorumPriceFeed.Settings memory limits = _limits();
        limits.minPrice = 4 * RUPEE;
        feed.setSettings(limits);
        _assertPrices(6 * RUPEE, 4 * RUPEE, block.timestamp);
        limits.minPrice = 7 * RUPEE;
        feed.setSettings(limits);
        _assertPrices(6 * RUPEE, 6 * RUPEE, 0); // outside the bounds: stale
        limits.sellShareBps = 10_000;
        limits.minPrice = 1;
        feed.setSettings(limits);
        _assertPrices(6 * RUPEE, 6 * RUPEE, block.timestamp);
    }

    // ---- refusals

    function test_submitRound_notNew() public {
        _submit(5, START, START, START);
        IQuorumPriceFeed.Observation[] memory seen = _round(5, _three(START, START, START));
        vm.expectRevert(abi.encodeWithSelector(IQuorumPriceFeed.QuorumPriceFeed_RoundNotNew.selector, 5, 5));
        feed.submitRound(5, seen);
        seen = _round(4, _three(START, START, START));
        vm.expectRevert(abi.encodeWithSelector(IQuorumPriceFeed.QuorumPriceFeed_RoundNotNew.selector, 4, 5));
        feed.submitRound(4, seen);
        vm.expectRevert(abi.encodeWithSelector(IQuorumPriceFeed.QuorumPriceFeed_RoundNotNew.selector, 0, 5));
        feed.submitRound(0, seen);
    }

    function test_submitRound_tooFew() public {
        uint128[] memory two = new uint128[](2);
        (two[0], two[1]) = (START, START);
        IQuorumPriceFeed.Observation[] memory seen = _round(1, two);
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_TooFewSignatures.selector, 2, 3));
        feed.submitRound(1, seen);
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_TooFewSignatures.selector, 0, 3));
        feed.submitRound(1, new IQuorumPriceFeed.Observation[](0));
    }

    function test_submitRound_order() public {
        IQuorumPriceFeed.Observation[] memory seen = _round(1, _three(START, START, START));
        (seen[0], seen[1]) = (seen[1], seen[0]);
        _expectBadSigner(nodes[0]);
        feed.submitRound(1, seen);
        seen[0] = seen[1]; // one twice, with two prices
        seen[1] = _observe(0, 1, 5 * RUPEE, uint64(block.timestamp));
        _expectBadSigner(nodes[0]);
        feed.submitRound(1, seen);
    }

    function test_submitRound_whatWasNotSigned() public {
        IQuorumPriceFeed.Observation[] memory seen = _round(1, _three(START, START, START));
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        feed.submitRound(2, seen); // another round
        seen[2].priceMicroInrPerKwh += 1;
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        feed.submitRound(1, seen);
        seen[2].priceMicroInrPerKwh -= 1;
        seen[2].observedAt -= 1;
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        feed.submitRound(1, seen);
        seen[2].observedAt += 1;

        // Another feed of the same nodes, by number or by address.
        QuorumPriceFeed other = new QuorumPriceFeed(address(manager), quorum, 8, _limits(), START);
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        other.submitRound(1, seen);
        other = new QuorumPriceFeed(address(manager), quorum, 7, _limits(), START);
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        other.submitRound(1, seen);

        quorum.setSigners(nodes, 3); // the same nodes in another epoch
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        feed.submitRound(1, seen);
    }

    function test_submitRound_malformedSignature() public {
        IQuorumPriceFeed.Observation[] memory seen = _round(1, _three(START, START, START));
        seen[1].signature = "";
        _expectBadSigner(address(0));
        feed.submitRound(1, seen);
    }

    function test_submitRound_age() public {
        IQuorumPriceFeed.Observation[] memory seen = _round(1, _three(START, START, START));
        uint64 time = uint64(block.timestamp);
        skip(61);
        vm.expectRevert(abi.encodeWithSelector(IQuorumPriceFeed.QuorumPriceFeed_TooOld.selector, 0, time));
        feed.submitRound(1, seen);
        vm.warp(block.timestamp - 1);
        feed.submitRound(1, seen);
        _assertPrices(START, START / 2, time);
    }

    function test_submitRound_skew() public {
        IQuorumPriceFeed.Observation[] memory seen = _round(1, _three(START, START, START));
        uint64 time = uint64(block.timestamp);
        vm.warp(block.timestamp - 6);
        vm.expectRevert(abi.encodeWithSelector(IQuorumPriceFeed.QuorumPriceFeed_FromTheFuture.selector, 0, time));
        feed.submitRound(1, seen);
        skip(1);
        feed.submitRound(1, seen);
        // Fresh as of now, not as of the fast clock.
        _assertPrices(START, START / 2, block.timestamp);
    }

    function test_submitRound_hugeTimes() public {
        IQuorumPriceFeed.Observation[] memory seen = _round(1, _three(START, START, START));
        seen[1] = _observe(1, 1, START, type(uint64).max);
        vm.expectRevert(
            abi.encodeWithSelector(IQuorumPriceFeed.QuorumPriceFeed_FromTheFuture.selector, 1, type(uint64).max)
        );
        feed.submitRound(1, seen);
        seen[1] = _observe(1, 1, START, 0);
        vm.expectRevert(abi.encodeWithSelector(IQuorumPriceFeed.QuorumPriceFeed_TooOld.selector, 1, 0));
        feed.submitRound(1, seen);
    }

    function test_submitRound_bounds() public {
        _expectOutOfBounds(2 * RUPEE - 1);
        _submitted(1, 2 * RUPEE - 1);
        _expectOutOfBounds(12 * RUPEE + 1);
        _submitted(1, 12 * RUPEE + 1);
        _expectOutOfBounds(type(uint128).max);
        _submitted(1, type(uint128).max);
        _submit(1, 2 * RUPEE, 2 * RUPEE, 2 * RUPEE);
        _submit(2, 12 * RUPEE, 12 * RUPEE, 12 * RUPEE);
    }

    // ---- observersNeeded: not fewer than 2f+1, whatever the threshold

    function test_observersNeeded() public {
        assertEq(quorum.observersNeeded(), 3);
        delete nodes;
        delete nodeKeys;
        _makeNodes(7);
        quorum.setSigners(nodes, 4);
        assertEq(quorum.observersNeeded(), 5);
        quorum.setSigners(nodes, 6);
        assertEq(quorum.observersNeeded(), 6);
        assertEq(uint256(quorum.signerCount()), 7);
    }

    function test_requireObservers_lengths() public {
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_LengthMismatch.selector, 3, 2));
        quorum.requireObservers(new bytes32[](3), new bytes[](2));
    }

    // ---- settings

    function test_setSettings_onlyAdmin(address stranger) public {
        vm.assume(stranger != address(this) && stranger != address(manager));
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, stranger));
        vm.prank(stranger);
        feed.setSettings(_limits());
    }

    function test_setSettings_isReadable() public {
        IQuorumPriceFeed.Settings memory limits = _limits();
        limits.maxAge = 90;
        vm.expectEmit(address(feed));
        emit IQuorumPriceFeed.SettingsChanged(limits);
        feed.setSettings(limits);
        assertEq(keccak256(abi.encode(feed.settings())), keccak256(abi.encode(limits)));
    }

    function test_setSettings_badFields() public {
        IQuorumPriceFeed.Settings memory limits = _limits();
        limits.minPrice = 0;
        _refused(limits, "minPrice");
        limits.minPrice = 13 * RUPEE;
        _refused(limits, "maxPrice");
        limits = _limits();
        limits.maxPrice = 1 << 32;
        _refused(limits, "maxPrice");
        limits = _limits();
        limits.maxAge = 0;
        _refused(limits, "maxAge");
        limits = _limits();
        limits.maxStepPpm = 0;
        _refused(limits, "maxStepPpm");
        limits = _limits();
        limits.sellShareBps = 10_001;
        _refused(limits, "sellShareBps");
    }

    function test_constructor_startPriceWithinBounds() public {
        _expectOutOfBounds(13 * RUPEE);
        new QuorumPriceFeed(address(manager), quorum, 7, _limits(), 13 * RUPEE);
    }

    function test_setSettings_nextRoundStartsFromTheBound() public {
        IQuorumPriceFeed.Settings memory limits = _limits();
        limits.minPrice = 8 * RUPEE;
        feed.setSettings(limits);
        _assertPrices(6 * RUPEE, 6 * RUPEE, 0);
        _submit(1, 10 * RUPEE, 10 * RUPEE, 10 * RUPEE);
        _assertPrices(8_800_000, 8 * RUPEE, block.timestamp);
    }

    // ---- parts

    function _submitted(uint64 round, uint128 price) private {
        IQuorumPriceFeed.Observation[] memory seen = new IQuorumPriceFeed.Observation[](3);
        for (uint256 i = 0; i < 3; ++i) {
            // Built here: a call of the feed's views would use up the expected revert.
            seen[i] = IQuorumPriceFeed.Observation(
                price, uint64(block.timestamp), _sign(nodeKeys[i], _digest(round, price, uint64(block.timestamp)))
            );
        }
        feed.submitRound(round, seen);
    }

    /// The digest as any EIP-712 implementation makes it.
    function _digest(uint64 round, uint128 price, uint64 time) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Ohmstead QuorumPriceFeed"),
                keccak256("1"),
                block.chainid,
                address(feed)
            )
        );
        bytes32 typehash = keccak256(
            "PriceObservation(uint32 feed,uint64 round,uint128 priceMicroInrPerKwh,uint64 observedAt,uint64 epoch)"
        );
        bytes32 structHash = keccak256(abi.encode(typehash, uint32(7), round, price, time, uint64(1)));
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _refused(IQuorumPriceFeed.Settings memory limits, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(IQuorumPriceFeed.QuorumPriceFeed_BadSettings.selector, field));
        feed.setSettings(limits);
    }

    function _expectBadSigner(address signer) private {
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_BadSigner.selector, signer));
    }

    function _expectOutOfBounds(uint256 median) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IQuorumPriceFeed.QuorumPriceFeed_OutOfBounds.selector, median, 2 * RUPEE, 12 * RUPEE
            )
        );
    }

    function _assertPrices(uint256 buy, uint256 sell, uint256 time) private view {
        (uint256 buyPrice, uint256 sellPrice, uint256 updatedAt) = feed.prices();
        assertEq(buyPrice, buy);
        assertEq(sellPrice, sell);
        assertEq(updatedAt, time);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRelayCredits} from "contracts/interfaces/IRelayCredits.sol";
import {RelayCredits} from "contracts/mesh/RelayCredits.sol";
import {RelayCreditsTest} from "./RelayCreditsTest.sol";
import {Test} from "../Test.sol";

/// Three accounts prepay, send, earn and take out at random; receipts come twice, late, lower and higher.
contract RelayCreditsHandler is RelayCreditsTest {
    address[3] public people;
    uint256 public deposited;
    uint256 public withdrawn;
    uint256 public refunded;
    /// Highest delivered count ever cleared, by session.
    mapping(uint32 startedAt => uint256) public highest;
    uint256 public messagesPaid;
    uint256 public clearings;
    uint32 private _first;

    function setUp() public override {
        super.setUp();
        people = [alice, bob, community];
        _first = _now();
        skip(1 hours);
    }

    function theCredits() external view returns (RelayCredits) {
        return credits;
    }

    function inrHeld() external view returns (uint256) {
        return token.balanceOf(address(credits), INR);
    }

    function prepay(uint256 who, uint256 amount) external {
        amount = bound(amount, 1, 50_000);
        _prepay(people[who % 3], amount);
        deposited += amount;
    }

    /// A session of one of three sources over two relays, of one of eight beginnings.
    function clear(uint256 source, uint256 start, uint256 sent, uint256 delivered) external {
        uint32 first = uint32(source % 3 + 1);
        uint32 startedAt = _first + uint32(start % 8) * 4 + first;
        uint16 count = uint16(bound(sent, 1, 64));
        uint16 arrived = uint16(bound(delivered, 0, count));
        uint32[] memory nodes_ = _route(first, first % 3 + 1, (first + 1) % 3 + 1, 9);
        IRelayCredits.Receipt[] memory batch = _batch(_receipt(nodes_, startedAt, count, arrived, WHOLE));
        bytes[] memory signatures = _signatures(credits.receiptsDigest(batch), 2);
        try credits.clear(batch, signatures) {
            ++clearings;
            messagesPaid += arrived - highest[startedAt];
            highest[startedAt] = arrived;
        } catch {}
    }

    function withdraw(uint256 who, uint256 amount) external {
        address person = people[who % 3];
        uint256 earned = credits.earnedOf(person);
        if (earned == 0) return;
        amount = bound(amount, 1, earned);
        vm.prank(person);
        credits.withdraw(amount);
        withdrawn += amount;
    }

    function keepEarned(uint256 who, uint256 amount) external {
        address person = people[who % 3];
        uint256 earned = credits.earnedOf(person);
        if (earned == 0) return;
        vm.prank(person);
        credits.keepEarned(bound(amount, 1, earned));
    }

    function requestRefund(uint256 who, uint256 amount) external {
        address person = people[who % 3];
        amount = bound(amount, 0, credits.prepaidOf(person));
        vm.prank(person);
        credits.requestRefund(amount);
    }

    function refund(uint256 who, uint256 wait) external {
        skip(bound(wait, 0, 6 hours));
        vm.prank(people[who % 3]);
        try credits.refund() returns (uint256 microInr) {
            refunded += microInr;
        } catch {}
    }
}

contract RelayCreditsInvariantsTest is Test {
    RelayCreditsHandler private handler;
    RelayCredits private credits;

    function setUp() public {
        handler = new RelayCreditsHandler();
        handler.setUp();
        credits = handler.theCredits();
        bytes4[] memory selectors = new bytes4[](6);
        selectors[0] = RelayCreditsHandler.prepay.selector;
        selectors[1] = RelayCreditsHandler.clear.selector;
        selectors[2] = RelayCreditsHandler.withdraw.selector;
        selectors[3] = RelayCreditsHandler.keepEarned.selector;
        selectors[4] = RelayCreditsHandler.requestRefund.selector;
        selectors[5] = RelayCreditsHandler.refund.selector;
        targetContract(address(handler));
        targetSelector(address(handler), selectors);
    }

    /// The handler's clearings succeed, so that the invariants speak of something.
    function test_theHandlerClears() public {
        handler.prepay(0, 50_000);
        handler.clear(0, 1, 10, 9);
        handler.clear(0, 1, 10, 9);
        handler.clear(0, 1, 11, 11);
        assertEq(handler.clearings(), 2);
        assertEq(handler.messagesPaid(), 11);
    }

    function _sums() private view returns (uint256 prepaid, uint256 earned) {
        for (uint256 i = 0; i < 3; ++i) {
            prepaid += credits.prepaidOf(handler.people(i));
            earned += credits.earnedOf(handler.people(i));
        }
    }

    /// INR held is what accounts have, and what came in less what went out.
    function invariant_creditsAreConserved() public view {
        (uint256 prepaid, uint256 earned) = _sums();
        assertEq(handler.inrHeld(), prepaid + earned, "held");
        assertEq(handler.inrHeld() + handler.withdrawn() + handler.refunded(), handler.deposited(), "in and out");
    }

    /// What was ever earned is the fee of two relays for every message that counted, each message once; so nothing
    /// withdrawn was not earned.
    function invariant_earnedIsWhatMessagesPaid() public view {
        (, uint256 earned) = _sums();
        uint256 everEarned = 2 * 100 * handler.messagesPaid();
        assertLe(earned + handler.withdrawn(), everEarned, "earned");
    }
}

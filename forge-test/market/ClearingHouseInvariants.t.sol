// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ClearingHouse} from "contracts/market/ClearingHouse.sol";
import {ClearingHouseTest} from "./ClearingHouseTest.sol";

/// Two markets and four people, one of them the backer, do at random what they may. Locks are counted by market.
contract ClearingHouseHandler is ClearingHouseTest {
    address[4] public people;
    address[2] public markets;
    mapping(address market => mapping(address account => uint256)) public lockedBy;
    uint256 public deposited;
    uint256 public withdrawn;

    function setUp() public override {
        super.setUp();
        people = [alice, bob, operator, makeAddr("carol")];
        markets = [marketA, marketB];
    }

    function theHouse() external view returns (ClearingHouse) {
        return house;
    }

    function inrHeld() external view returns (uint256) {
        return token.balanceOf(address(house), INR);
    }

    function deposit(uint256 who, uint256 amount) external {
        amount = bound(amount, 1, 1e12);
        _fund(people[who % 4], amount);
        deposited += amount;
    }

    function withdraw(uint256 who, uint256 amount) external {
        address person = people[who % 4];
        uint256 free = house.balanceOf(person);
        if (free == 0) return;
        amount = bound(amount, 1, free);
        vm.prank(person);
        house.withdraw(amount);
        withdrawn += amount;
    }

    function lock(uint256 which, uint256 who, uint256 amount) external {
        address person = people[who % 4];
        amount = bound(amount, 0, house.balanceOf(person));
        vm.prank(markets[which % 2]);
        house.lock(person, amount);
        lockedBy[markets[which % 2]][person] += amount;
    }

    function unlock(uint256 which, uint256 who, uint256 amount) external {
        (address market, address person) = (markets[which % 2], people[who % 4]);
        amount = bound(amount, 0, lockedBy[market][person]);
        vm.prank(market);
        house.unlock(person, amount);
        lockedBy[market][person] -= amount;
    }

    function payFromLocked(uint256 which, uint256 who, uint256 to, uint256 amount) external {
        (address market, address person) = (markets[which % 2], people[who % 4]);
        amount = bound(amount, 0, lockedBy[market][person]);
        vm.prank(market);
        house.payFromLocked(person, to % 5 == 4 ? market : people[to % 5], amount);
        lockedBy[market][person] -= amount;
    }

    function pay(uint256 which, uint256 to, uint256 amount) external {
        address market = markets[which % 2];
        amount = bound(amount, 0, house.escrowOf(market) - lockedIn(market));
        vm.prank(market);
        house.pay(people[to % 4], amount);
    }

    function passLock(uint256 which, uint256 who, uint256 amount) external {
        (address market, address other, address person) =
            (markets[which % 2], markets[(which % 2) ^ 1], people[who % 4]);
        amount = bound(amount, 0, lockedBy[market][person]);
        vm.prank(market);
        house.passLock(person, other, amount);
        lockedBy[market][person] -= amount;
        lockedBy[other][person] += amount;
    }

    function charge(uint256 which, uint256 who, uint256 to, uint256 amount) external {
        (address market, address person) = (markets[which % 2], people[who % 4]);
        vm.prank(market);
        house.charge(person, to % 5 == 4 ? market : people[to % 5], bound(amount, 0, 1e12));
    }

    function lockedIn(address market) public view returns (uint256 sum) {
        for (uint256 i = 0; i < 4; ++i) {
            sum += lockedBy[market][people[i]];
        }
    }
}

/// Where all INR of the markets is, whatever they do.
contract ClearingHouseInvariantsTest is ClearingHouseTest {
    ClearingHouseHandler internal handler;

    function setUp() public override {
        handler = new ClearingHouseHandler();
        handler.setUp();
        house = handler.theHouse();
        bytes4[] memory selectors = new bytes4[](8);
        selectors[0] = handler.deposit.selector;
        selectors[1] = handler.withdraw.selector;
        selectors[2] = handler.lock.selector;
        selectors[3] = handler.unlock.selector;
        selectors[4] = handler.payFromLocked.selector;
        selectors[5] = handler.pay.selector;
        selectors[6] = handler.passLock.selector;
        selectors[7] = handler.charge.selector;
        targetContract(address(handler));
        targetSelector(address(handler), selectors);
    }

    function invariant_allInrIsFreeOrInEscrow() public view {
        uint256 sum = house.escrowOf(handler.markets(0)) + house.escrowOf(handler.markets(1));
        for (uint256 i = 0; i < 4; ++i) {
            sum += house.balanceOf(handler.people(i));
        }
        assertEq(handler.inrHeld(), sum);
        assertEq(handler.inrHeld(), handler.deposited() - handler.withdrawn());
    }

    function invariant_locksAreCoveredAndCounted() public view {
        for (uint256 i = 0; i < 2; ++i) {
            assertGe(house.escrowOf(handler.markets(i)), handler.lockedIn(handler.markets(i)));
        }
        for (uint256 i = 0; i < 4; ++i) {
            address person = handler.people(i);
            uint256 locked =
                handler.lockedBy(handler.markets(0), person) + handler.lockedBy(handler.markets(1), person);
            assertEq(house.lockedOf(person), locked);
        }
    }

    function invariant_whoOwesHasNothingFree() public view {
        for (uint256 i = 0; i < 4; ++i) {
            address person = handler.people(i);
            if (house.arrearsOf(person) != 0) assertEq(house.balanceOf(person), 0);
        }
        assertEq(house.arrearsOf(house.backer()), 0);
    }
}

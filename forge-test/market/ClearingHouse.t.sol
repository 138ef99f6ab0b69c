// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {IClearingHouse} from "contracts/interfaces/IClearingHouse.sol";
import {IPowerCoinDesk} from "contracts/interfaces/IPowerCoinDesk.sol";
import {ClearingHouse} from "contracts/market/ClearingHouse.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {TokenReceiver} from "contracts/tokens/TokenReceiver.sol";
import {ClearingHouseTest} from "./ClearingHouseTest.sol";

/// deposit, depositFor: INR, ether, slippage, nothing, nobody, paused, without a deposit
/// withdraw: free, too much, nothing, paused, refusing and re-entering receivers
/// lock, unlock, payFromLocked, pay, passLock: by markets only, within what is there, one market's escrow from another's
/// charge: own money, the backer's, nobody's; to the backer; by the backer
/// arrears: block locks, are repaid by whatever is credited; setBacker
contract ClearingHouseUnitTest is ClearingHouseTest {
    // ---- deposits and withdrawals

    function test_depositInr() public {
        _fund(alice, 5 * RUPEE);
        _assertAccount(alice, 5 * RUPEE, 0, 0);
        assertEq(token.balanceOf(address(house), INR), 5 * RUPEE);
    }

    function test_depositEther() public {
        vm.deal(alice, 1 ether);
        vm.expectEmit(address(house));
        emit IClearingHouse.Deposited(alice, bob, ETHER_RATE);
        vm.prank(alice);
        assertEq(house.depositFor{value: 1 ether}(bob, ETHER_RATE), ETHER_RATE);
        _assertAccount(bob, ETHER_RATE, 0, 0);
    }

    function test_depositRefusals() public {
        vm.deal(alice, 1 ether);
        vm.startPrank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPowerCoinDesk.PowerCoinDesk_Slippage.selector, ETHER_RATE, uint256(ETHER_RATE) + 1
            )
        );
        house.deposit{value: 1 ether}(uint256(ETHER_RATE) + 1);
        vm.expectRevert(IClearingHouse.ClearingHouse_ZeroAccount.selector);
        house.depositFor{value: 1 ether}(address(0), 0);
        token.setApprovalForAll(address(house), true);
        vm.expectRevert(IClearingHouse.ClearingHouse_ZeroAmount.selector);
        house.deposit(0);
        vm.expectRevert();
        house.deposit(1);
        vm.stopPrank();
        vm.prank(pauser);
        house.pause();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vm.prank(alice);
        house.deposit{value: 1 ether}(0);
    }

    function test_inrWithoutADepositIsRefused() public {
        vm.deal(address(this), 1 ether);
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_UnwantedId.selector, INR));
        desk.buyWithEther{value: 1 ether}(address(house), 0);
    }

    function test_withdraw() public {
        _fund(alice, 5 * RUPEE);
        vm.prank(pauser);
        house.pause();
        vm.expectEmit(address(house));
        emit IClearingHouse.Withdrawn(alice, 2 * RUPEE);
        vm.prank(alice);
        house.withdraw(2 * RUPEE);
        _assertAccount(alice, 3 * RUPEE, 0, 0);
        assertEq(token.balanceOf(alice, INR), 2 * RUPEE);
    }

    function test_withdrawRefusals() public {
        _fund(alice, 5);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IClearingHouse.ClearingHouse_TooLittleFree.selector, alice, 5, 6));
        house.withdraw(6);
        vm.expectRevert(IClearingHouse.ClearingHouse_ZeroAmount.selector);
        house.withdraw(0);
        vm.stopPrank();
    }

    function test_aReceiverThatRefusesKeepsItsAccount() public {
        HostileReceiver hostile = _hostile();
        hostile.behave(HostileReceiver.Manner.Revert);
        vm.expectRevert();
        hostile.execute(address(house), abi.encodeCall(house.withdraw, (1)));
        _assertAccount(address(hostile), 100, 0, 0);
    }

    function test_aReceiverThatComesBackGetsItsOwnOnly() public {
        _fund(alice, 1000);
        HostileReceiver hostile = _hostile();
        hostile.behaveByCalling(address(house), abi.encodeCall(house.withdraw, (60)));
        hostile.execute(address(house), abi.encodeCall(house.withdraw, (60)));
        assertTrue(!hostile.callSucceeded(), "60 of the other 40");
        _assertAccount(address(hostile), 40, 0, 0);
        assertEq(token.balanceOf(address(house), INR), 1040);
    }

    // ---- locks

    function test_lockAndUnlock() public {
        _fund(alice, 100);
        vm.startPrank(marketA);
        vm.expectEmit(address(house));
        emit IClearingHouse.Locked(marketA, alice, 70);
        house.lock(alice, 70);
        _assertAccount(alice, 30, 70, 0);
        assertEq(house.escrowOf(marketA), 70);
        house.unlock(alice, 20);
        vm.stopPrank();
        _assertAccount(alice, 50, 50, 0);
        assertEq(house.escrowOf(marketA), 50);
    }

    function test_lockRefusals() public {
        _fund(alice, 100);
        vm.expectRevert(abi.encodeWithSelector(IClearingHouse.ClearingHouse_TooLittleFree.selector, alice, 100, 101));
        vm.prank(marketA);
        house.lock(alice, 101);
        vm.prank(pauser);
        house.pause();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vm.prank(marketA);
        house.lock(alice, 1);
    }

    function test_unlockRefusals() public {
        _fund(alice, 100);
        vm.prank(marketA);
        house.lock(alice, 60);
        vm.expectRevert(abi.encodeWithSelector(IClearingHouse.ClearingHouse_NotLocked.selector, alice, 60, 61));
        vm.prank(marketA);
        house.unlock(alice, 61);
        vm.expectRevert(abi.encodeWithSelector(IClearingHouse.ClearingHouse_EscrowShort.selector, marketB, 0, 1));
        vm.prank(marketB);
        house.unlock(alice, 1);
    }

    function test_payFromLocked() public {
        _fund(alice, 100);
        vm.startPrank(marketA);
        house.lock(alice, 60);
        vm.expectEmit(address(house));
        emit IClearingHouse.Paid(marketA, alice, bob, 25);
        house.payFromLocked(alice, bob, 25);
        _assertAccount(alice, 40, 35, 0);
        _assertAccount(bob, 25, 0, 0);
        house.payFromLocked(alice, marketA, 30);
        assertEq(house.escrowOf(marketA), 35, "5 locked, 30 collected");
        house.pay(bob, 30);
        _assertAccount(bob, 55, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IClearingHouse.ClearingHouse_EscrowShort.selector, marketA, 5, 6));
        house.pay(bob, 6);
        vm.expectRevert(abi.encodeWithSelector(IClearingHouse.ClearingHouse_NotLocked.selector, alice, 5, 6));
        house.payFromLocked(alice, bob, 6);
        vm.expectRevert(IClearingHouse.ClearingHouse_ZeroAccount.selector);
        house.payFromLocked(alice, address(0), 1);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IClearingHouse.ClearingHouse_EscrowShort.selector, marketB, 0, 1));
        vm.prank(marketB);
        house.payFromLocked(alice, bob, 1);
    }

    function test_passLock() public {
        _fund(alice, 100);
        vm.startPrank(marketA);
        house.lock(alice, 60);
        house.passLock(alice, marketB, 45);
        vm.expectRevert(abi.encodeWithSelector(IClearingHouse.ClearingHouse_EscrowShort.selector, marketA, 15, 16));
        house.passLock(alice, marketB, 16);
        vm.expectRevert(abi.encodeWithSelector(IClearingHouse.ClearingHouse_NotLocked.selector, alice, 60, 61));
        house.passLock(alice, marketB, 61);
        vm.stopPrank();
        _assertAccount(alice, 40, 60, 0);
        assertEq(house.escrowOf(marketB), 45);
        vm.prank(marketB);
        house.unlock(alice, 45);
        _assertAccount(alice, 85, 15, 0);
    }

    function test_onlyMarkets() public {
        vm.startPrank(alice);
        _expectUnauthorized(alice);
        house.lock(alice, 1);
        _expectUnauthorized(alice);
        house.unlock(alice, 1);
        _expectUnauthorized(alice);
        house.payFromLocked(alice, bob, 1);
        _expectUnauthorized(alice);
        house.pay(bob, 1);
        _expectUnauthorized(alice);
        house.passLock(alice, marketB, 1);
        _expectUnauthorized(alice);
        house.charge(alice, bob, 1);
        _expectUnauthorized(alice);
        house.setBacker(alice);
        _expectUnauthorized(alice);
        house.pause();
        _expectUnauthorized(alice);
        house.unpause();
        vm.stopPrank();
    }

    function test_nothingIsNothing() public {
        vm.recordLogs();
        vm.startPrank(marketA);
        house.lock(alice, 0);
        house.unlock(alice, 0);
        house.payFromLocked(alice, bob, 0);
        house.pay(bob, 0);
        house.passLock(alice, marketB, 0);
        assertEq(house.charge(alice, bob, 0), 0);
        vm.stopPrank();
        assertEq(vm.getRecordedLogs().length, 0);
    }

    // ---- charges and arrears

    function test_chargeOwnMoney() public {
        _fund(alice, 100);
        vm.startPrank(marketA);
        assertEq(house.charge(alice, bob, 60), 0);
        assertEq(house.charge(alice, marketA, 40), 0);
        vm.stopPrank();
        _assertAccount(alice, 0, 0, 0);
        _assertAccount(bob, 60, 0, 0);
        assertEq(house.escrowOf(marketA), 40);
    }

    function test_theBackerPaysWhatIsLacking() public {
        _fund(alice, 100);
        _fund(operator, 50);
        assertEq(house.coverOf(alice), 150);
        assertEq(house.coverOf(operator), 50);
        vm.expectEmit(address(house));
        emit IClearingHouse.ArrearsGrown(alice, 30, 30);
        vm.prank(marketA);
        assertEq(house.charge(alice, bob, 130), 0);
        _assertAccount(alice, 0, 0, 30);
        _assertAccount(bob, 130, 0, 0);
        _assertAccount(operator, 20, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IClearingHouse.ClearingHouse_InArrears.selector, alice, 30));
        vm.prank(marketA);
        house.lock(alice, 0);
    }

    function test_whatNobodyHasIsUnpaid() public {
        _fund(alice, 100);
        _fund(operator, 50);
        vm.startPrank(marketA);
        assertEq(house.charge(alice, bob, 151), 1);
        assertEq(house.charge(operator, bob, 51), 1);
        assertEq(house.charge(operator, operator, 51), 1);
        vm.stopPrank();
        _assertAccount(alice, 100, 0, 0);
        _assertAccount(operator, 50, 0, 0);
        _assertAccount(bob, 0, 0, 0);
    }

    function test_whatIsOwedToTheBackerNeedsNoAdvance() public {
        _fund(alice, 100);
        vm.prank(marketA);
        assertEq(house.charge(alice, operator, 150), 0);
        _assertAccount(alice, 0, 0, 50);
        _assertAccount(operator, 100, 0, 0);
    }

    function test_whateverIsCreditedRepaysFirst() public {
        vm.startPrank(marketA);
        house.charge(alice, operator, 100);
        vm.stopPrank();
        _fund(bob, 100);
        vm.startPrank(marketA);
        house.lock(bob, 70);
        house.payFromLocked(bob, alice, 30);
        vm.stopPrank();
        _assertAccount(alice, 0, 0, 70);
        uint256 weiAmount = desk.etherFor(90);
        vm.deal(alice, weiAmount);
        vm.expectEmit(address(house));
        emit IClearingHouse.ArrearsRepaid(alice, 70, 0);
        vm.prank(alice);
        uint256 credited = house.deposit{value: weiAmount}(90);
        assertLe(credited, 90 + 1, "an ether is worth less than 10^18 micro-rupees");
        _assertAccount(alice, credited - 70, 0, 0);
        _assertAccount(operator, 100, 0, 0);
        vm.prank(marketA);
        house.lock(alice, credited - 70);
    }

    function test_unlockedMoneyRepaysToo() public {
        _fund(alice, 100);
        vm.startPrank(marketA);
        house.lock(alice, 100);
        house.charge(alice, operator, 40);
        house.unlock(alice, 100);
        vm.stopPrank();
        _assertAccount(alice, 60, 0, 0);
        _assertAccount(operator, 40, 0, 0);
    }

    function test_setBacker() public {
        vm.prank(marketA);
        house.charge(alice, operator, 40);
        vm.expectRevert(IClearingHouse.ClearingHouse_ZeroAccount.selector);
        house.setBacker(address(0));
        vm.expectRevert(abi.encodeWithSelector(IClearingHouse.ClearingHouse_InArrears.selector, alice, 40));
        house.setBacker(alice);
        vm.expectEmit(address(house));
        emit IClearingHouse.BackerChanged(operator, bob);
        house.setBacker(bob);
        _fund(alice, 50);
        _assertAccount(bob, 40, 0, 0);
        vm.expectRevert(IClearingHouse.ClearingHouse_ZeroAccount.selector);
        new ClearingHouse(address(manager), token, desk, address(0));
    }

    // ----

    /// With 100 micro-rupees in its account.
    function _hostile() private returns (HostileReceiver hostile) {
        hostile = new HostileReceiver();
        uint256 weiAmount = desk.etherFor(100);
        vm.deal(address(this), weiAmount);
        house.depositFor{value: weiAmount}(address(hostile), 100);
    }
}

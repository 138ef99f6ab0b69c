// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IOracleBond} from "contracts/interfaces/IOracleBond.sol";
import {OracleBond} from "contracts/witness/OracleBond.sol";
import {WitnessTest} from "./WitnessTest.sol";

/// Takes ether only when it likes to, and asks again while it is paid.
contract Receiver {
    OracleBond private immutable BOND;
    bool public willing;

    constructor(OracleBond bond) {
        BOND = bond;
    }

    function setWilling(bool now_) external {
        willing = now_;
    }

    function fetch() external {
        BOND.withdraw();
    }

    receive() external payable {
        require(willing, "no");
        (bool again,) = address(BOND).call(abi.encodeCall(BOND.withdraw, ()));
        require(!again, "paid twice");
    }
}

contract OracleBondTest is WitnessTest {
    function test_deposit_isTheSigners() public {
        vm.expectEmit(address(bond));
        emit IOracleBond.BondDeposited(nodes[0], alice, 5);
        vm.prank(alice);
        bond.deposit{value: 5}(nodes[0]);
        assertEq(_bondOf(0), BOND_WEI + 5);
    }

    function test_deposit_refusesNobodyAndNothing() public {
        vm.expectRevert(IOracleBond.OracleBond_ZeroAddress.selector);
        bond.deposit{value: 1}(address(0));
        vm.expectRevert(IOracleBond.OracleBond_ZeroAmount.selector);
        bond.deposit(nodes[0]);
        vm.expectRevert(IOracleBond.OracleBond_ZeroAddress.selector);
        bond.creditTo{value: 1}(address(0));
        vm.expectRevert(IOracleBond.OracleBond_ZeroAmount.selector);
        bond.creditTo(alice);
    }

    function test_constructor_refusesNobodyAndTooLargeAShare() public {
        vm.expectRevert(IOracleBond.OracleBond_ZeroAddress.selector);
        new OracleBond(address(manager), 1, 1, address(0));
        vm.expectRevert(abi.encodeWithSelector(IOracleBond.OracleBond_BadShare.selector, 5_000));
        new OracleBond(address(manager), 1, 5_000, community);
    }

    function test_figures_areThoseItWasMadeWith() public view {
        assertEq(uint256(bond.unbondingSeconds()), 2 days);
        assertEq(bond.community(), community);
        assertEq(bond.proverShareBps(), SHARE_BPS);
        assertEq(bond.totalBondedWei(), nodes.length * BOND_WEI);
    }

    function test_unbonding_waitsThenIsPulled() public {
        vm.prank(nodes[0]);
        bond.startUnbonding(0.4 ether, alice);
        uint64 readyAt = uint64(block.timestamp + 2 days);
        vm.expectRevert(abi.encodeWithSelector(IOracleBond.OracleBond_NotReady.selector, readyAt));
        bond.release(nodes[0]);
        skip(2 days);
        bond.release(nodes[0]);
        assertEq(bond.creditOf(alice), 0.4 ether);
        assertEq(_bondOf(0), 0.6 ether);
        uint256 had = alice.balance;
        vm.prank(alice);
        bond.withdraw();
        assertEq(alice.balance, had + 0.4 ether);
        vm.expectRevert(abi.encodeWithSelector(IOracleBond.OracleBond_NothingToWithdraw.selector, alice));
        vm.prank(alice);
        bond.withdraw();
    }

    function test_unbonding_addedWaitsAnew() public {
        vm.prank(nodes[0]);
        bond.startUnbonding(1, alice);
        skip(2 days);
        vm.prank(nodes[0]);
        bond.startUnbonding(1, alice);
        vm.expectPartialRevert(IOracleBond.OracleBond_NotReady.selector);
        bond.release(nodes[0]);
    }

    function test_unbonding_refusesTooMuchNothingAndNobody() public {
        vm.startPrank(nodes[0]);
        vm.expectRevert(abi.encodeWithSelector(IOracleBond.OracleBond_TooMuch.selector, BOND_WEI + 1, BOND_WEI));
        bond.startUnbonding(BOND_WEI + 1, alice);
        vm.expectRevert(IOracleBond.OracleBond_ZeroAmount.selector);
        bond.startUnbonding(0, alice);
        vm.expectRevert(IOracleBond.OracleBond_ZeroAddress.selector);
        bond.startUnbonding(1, address(0));
        vm.expectRevert(abi.encodeWithSelector(IOracleBond.OracleBond_NothingUnbonding.selector, nodes[0]));
        bond.release(nodes[0]);
    }

    function test_holdDropSlash_onlyByTheWitness() public {
        bytes memory refusal = abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice);
        vm.startPrank(alice);
        vm.expectRevert(refusal);
        bond.hold(nodes[0]);
        vm.expectRevert(refusal);
        bond.drop(nodes[0]);
        vm.expectRevert(refusal);
        bond.slash(nodes[0], alice);
        vm.expectRevert(refusal);
        bond.moveCredit(bob, alice, 1);
    }

    function test_moveCredit_onlyWhatIsThere() public {
        bond.creditTo{value: 3}(bob);
        vm.startPrank(address(witness));
        vm.expectRevert(abi.encodeWithSelector(IOracleBond.OracleBond_TooLittleCredit.selector, bob, 3, 4));
        bond.moveCredit(bob, alice, 4);
        bond.moveCredit(bob, alice, 2);
        assertEq(bond.creditOf(bob), 1);
        assertEq(bond.creditOf(alice), 2);
    }

    function test_hold_keepsWhatIsReady() public {
        vm.prank(nodes[0]);
        bond.startUnbonding(BOND_WEI, alice);
        skip(2 days);
        vm.prank(address(witness));
        bond.hold(nodes[0]);
        vm.expectRevert(abi.encodeWithSelector(IOracleBond.OracleBond_Held.selector, nodes[0], 1));
        bond.release(nodes[0]);
        vm.startPrank(address(witness));
        bond.drop(nodes[0]);
        vm.expectRevert(abi.encodeWithSelector(IOracleBond.OracleBond_NotHeld.selector, nodes[0]));
        bond.drop(nodes[0]);
        bond.release(nodes[0]);
    }

    function test_slash_takesUnbondingTooAndRoundsForTheCommunity() public {
        bond.deposit{value: 1}(nodes[0]);
        vm.prank(nodes[0]);
        bond.startUnbonding(BOND_WEI / 2, alice);
        vm.prank(address(witness));
        assertEq(bond.slash(nodes[0], bob), BOND_WEI + 1);
        assertEq(bond.creditOf(bob), 0.3 ether);
        assertEq(bond.creditOf(community), 0.7 ether + 1);
        assertEq(bond.bondOf(nodes[0]).unbondingWei, 0);
        vm.prank(address(witness));
        assertEq(bond.slash(nodes[0], bob), 0);
    }

    function test_withdraw_aReceiverThatRefusesKeepsItsCreditAndOneThatAsksAgainGetsItOnce() public {
        Receiver receiver = new Receiver(bond);
        bond.creditTo{value: 3}(address(receiver));
        bond.creditTo{value: 100}(alice);
        vm.expectRevert(abi.encodeWithSelector(IOracleBond.OracleBond_PaymentRefused.selector, address(receiver)));
        receiver.fetch();
        assertEq(bond.creditOf(address(receiver)), 3);
        receiver.setWilling(true);
        receiver.fetch();
        assertEq(address(receiver).balance, 3);
        assertEq(bond.creditOf(alice), 100);
    }
}

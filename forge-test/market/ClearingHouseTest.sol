// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ClearingHouse} from "contracts/market/ClearingHouse.sol";
import {PowerCoinDesk} from "contracts/tokens/PowerCoinDesk.sol";
import {MoneyTest} from "../tokens/MoneyTest.sol";

/// Token, desk and clearing house, with two accounts that play markets. The operator is the backer.
abstract contract ClearingHouseTest is MoneyTest {
    uint64 internal constant CLEARING = 14;

    PowerCoinDesk internal desk;
    ClearingHouse internal house;
    address internal marketA = makeAddr("market A");
    address internal marketB = makeAddr("market B");

    function setUp() public virtual override {
        super.setUp();
        desk = _newDesk(_newCoin());
        house = new ClearingHouse(address(manager), token, desk, operator);
        manager.grantRole(CLEARING, marketA, 0);
        manager.grantRole(CLEARING, marketB, 0);
        _assignHouse();
    }

    function _assignHouse() private {
        _assign(address(house), ClearingHouse.lock.selector, CLEARING);
        _assign(address(house), ClearingHouse.unlock.selector, CLEARING);
        _assign(address(house), ClearingHouse.payFromLocked.selector, CLEARING);
        _assign(address(house), ClearingHouse.pay.selector, CLEARING);
        _assign(address(house), ClearingHouse.passLock.selector, CLEARING);
        _assign(address(house), ClearingHouse.charge.selector, CLEARING);
        _assign(address(house), ClearingHouse.pause.selector, PAUSER);
        _assign(address(house), ClearingHouse.unpause.selector, PAUSER);
    }

    /// Deposits INR that the account has bought.
    function _fund(address account, uint256 microInr) internal {
        uint256 weiAmount = desk.etherFor(microInr);
        vm.deal(account, weiAmount);
        vm.startPrank(account);
        desk.buyWithEther{value: weiAmount}(account, 0);
        token.setApprovalForAll(address(house), true);
        house.deposit(microInr);
        vm.stopPrank();
    }

    function _assertAccount(address account, uint256 free, uint256 locked, uint256 arrears) internal view {
        assertEq(house.balanceOf(account), free, "free");
        assertEq(house.lockedOf(account), locked, "locked");
        assertEq(house.arrearsOf(account), arrears, "arrears");
    }
}

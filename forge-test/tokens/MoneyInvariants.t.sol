// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DemoRupee} from "contracts/mocks/DemoRupee.sol";
import {PowerCoinDesk} from "contracts/tokens/PowerCoinDesk.sol";
import {MoneyHandler} from "./MoneyHandler.sol";
import {MoneyTest} from "./MoneyTest.sol";

/// Token and desk under random use, changing rates, donations and hostile receivers. Fewer runs than elsewhere:
/// receivers that burn all the gas they get take a core's time, too.
/// forge-config: default.invariant.runs = 6
contract MoneyInvariantsTest is MoneyTest {
    PowerCoinDesk internal desk;
    MoneyHandler internal handler;

    function setUp() public override {
        super.setUp();
        DemoRupee coin = new DemoRupee(address(this));
        desk = _newDesk(coin);
        handler = new MoneyHandler(token, desk, coin, operator, pauser, issuer);
        coin.transferOwnership(address(handler));
        manager.grantRole(LEDGER, issuer, 0);
        targetContract(address(handler));
    }

    function invariant_reserveCoversSupply() public view {
        assertGe(desk.reserveMicroInr(), desk.supplyMicroInr());
    }

    function invariant_inrIsConserved() public view {
        uint256 sum;
        for (uint256 i = 0; i < handler.peopleCount(); ++i) {
            sum += token.balanceOf(handler.people(i), INR);
        }
        assertEq(token.totalSupply(INR), sum);
        assertEq(sum, handler.inrBought() - handler.inrRedeemed());
    }

    function invariant_energyIsConserved() public view {
        uint256 sum = token.balanceOf(address(token), ENERGY);
        uint256 parked;
        for (uint256 i = 0; i < handler.peopleCount(); ++i) {
            sum += token.balanceOf(handler.people(i), ENERGY);
            parked += token.parkedEnergy(handler.people(i));
        }
        assertEq(token.balanceOf(address(token), ENERGY), parked);
        assertEq(token.totalSupply(ENERGY), sum);
        assertEq(int256(sum), handler.energyNet());
    }

    /// Neither pause, nor age, nor a hostile receiver stopped a redemption or a settlement.
    function invariant_nobodyIsBlocked() public view {
        assertEq(handler.broken(), "");
    }
}

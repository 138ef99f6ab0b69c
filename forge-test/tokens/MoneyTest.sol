// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {DemoRupee} from "contracts/mocks/DemoRupee.sol";
import {IPowerCoinDesk} from "contracts/interfaces/IPowerCoinDesk.sol";
import {GridToken} from "contracts/tokens/GridToken.sol";
import {PowerCoinDesk} from "contracts/tokens/PowerCoinDesk.sol";
import {Test} from "../Test.sol";

/// Roles, token and desk, as the tests of money start from. The test contract is the admin.
abstract contract MoneyTest is Test {
    uint64 internal constant OPERATOR = 1;
    uint64 internal constant PAUSER = 5;
    uint64 internal constant DESK = 10;
    uint64 internal constant LEDGER = 11;
    uint64 internal constant MARKET = 12;
    uint64 internal constant CERTIFICATE = 13;

    uint256 internal constant INR = 0;
    uint256 internal constant ENERGY = 1;
    uint256 internal constant CO2 = 2;
    /// Rs 1.
    uint256 internal constant RUPEE = 1e6;
    /// Rs 2,00,000 an ether.
    uint96 internal constant ETHER_RATE = 200_000e6;

    AccessManager internal manager;
    GridToken internal token;

    address internal operator = makeAddr("operator");
    address internal pauser = makeAddr("pauser");
    address internal issuer = makeAddr("issuer");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        manager = new AccessManager(address(this));
        token = new GridToken(address(manager));
        manager.grantRole(OPERATOR, operator, 0);
        manager.grantRole(PAUSER, pauser, 0);
        _assign(address(token), GridToken.mintInr.selector, DESK);
        _assign(address(token), GridToken.burnInr.selector, DESK);
        _assign(address(token), GridToken.mintCo2.selector, CERTIFICATE);
        _assign(address(token), GridToken.settleEnergy.selector, LEDGER);
    }

    function rateLimits() internal pure returns (IPowerCoinDesk.RateLimits memory) {
        return IPowerCoinDesk.RateLimits({
            minRate: 20_000e6, maxRate: 2_000_000e6, maxStepBps: 1000, minInterval: 60, maxAge: 1 hours
        });
    }

    /// A desk with its role; `coin` zero for none. 1 whole coin = Rs 1.
    function _newDesk(IERC20Metadata coin) internal returns (PowerCoinDesk desk) {
        desk = new PowerCoinDesk(address(manager), token, coin, RUPEE, ETHER_RATE, rateLimits());
        manager.grantRole(DESK, address(desk), 0);
        _assign(address(desk), PowerCoinDesk.setEtherRate.selector, OPERATOR);
        _assign(address(desk), PowerCoinDesk.withdrawSurplus.selector, OPERATOR);
        _assign(address(desk), PowerCoinDesk.pause.selector, PAUSER);
        _assign(address(desk), PowerCoinDesk.unpause.selector, PAUSER);
    }

    function _newCoin() internal returns (DemoRupee) {
        return new DemoRupee(address(this));
    }

    function _assign(address target, bytes4 selector, uint64 role) internal {
        bytes4[] memory selectors = new bytes4[](1);
        selectors[0] = selector;
        manager.setTargetFunctionRole(target, selectors, role);
    }

    /// Expects the next call to be refused for want of a role.
    function _expectUnauthorized(address caller) internal {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
    }

    function _one(uint256 a) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = a;
    }

    function _two(uint256 a, uint256 b) internal pure returns (uint256[] memory list) {
        list = new uint256[](2);
        (list[0], list[1]) = (a, b);
    }

    function _two(address a, address b) internal pure returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (a, b);
    }
}

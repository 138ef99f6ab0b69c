// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {CertificateSales} from "contracts/certificates/CertificateSales.sol";
import {ICertificateSales} from "contracts/interfaces/ICertificateSales.sol";
import {IGridToken} from "contracts/interfaces/IGridToken.sol";
import {IPowerCoinDesk} from "contracts/interfaces/IPowerCoinDesk.sol";
import {PowerCoinDesk} from "contracts/tokens/PowerCoinDesk.sol";
import {CertificateTest} from "./CertificateTest.sol";

/// Certificates, money, and the contract that brings them together. Bob has Rs 1000, which the sales may take.
abstract contract SalesTest is CertificateTest {
    uint64 internal constant PAUSER = 5;
    uint64 internal constant DESK = 10;
    uint256 internal constant INR = 0;
    uint256 internal constant RUPEE = 1e6;
    /// Rs 2,00,000 an ether.
    uint96 internal constant ETHER_RATE = 200_000e6;
    uint256 internal constant PRICE = 25 * RUPEE;

    PowerCoinDesk internal desk;
    CertificateSales internal sales;
    address internal pauser = makeAddr("pauser");

    function setUp() public virtual override {
        super.setUp();
        IGridToken units = IGridToken(address(token));
        desk = new PowerCoinDesk(address(manager), units, IERC20Metadata(address(0)), 0, ETHER_RATE, _rateLimits());
        sales = new CertificateSales(address(manager), certificates, units, desk);
        bytes4[] memory money = new bytes4[](2);
        (money[0], money[1]) = (token.mintInr.selector, token.burnInr.selector);
        manager.setTargetFunctionRole(address(token), money, DESK);
        manager.grantRole(DESK, address(desk), 0);
        bytes4[] memory halting = new bytes4[](2);
        (halting[0], halting[1]) = (sales.pause.selector, sales.unpause.selector);
        manager.setTargetFunctionRole(address(sales), halting, PAUSER);
        manager.grantRole(PAUSER, pauser, 0);
        vm.deal(address(this), 1_000 ether);
        _fund(bob, 1_000 * RUPEE);
    }

    function _rateLimits() private pure returns (IPowerCoinDesk.RateLimits memory) {
        return IPowerCoinDesk.RateLimits({
            minRate: 20_000e6, maxRate: 2_000_000e6, maxStepBps: 1000, minInterval: 60, maxAge: 100 days
        });
    }

    // ---- money

    /// `account` gets INR and lets the sales take it.
    function _fund(address account, uint256 microInr) internal {
        uint256 weiAmount = desk.etherFor(microInr);
        desk.buyWithEther{value: weiAmount}(account, microInr);
        vm.prank(account);
        token.setApprovalForAll(address(sales), true);
    }

    function _inr(address account) internal view returns (uint256) {
        return token.balanceOf(account, INR);
    }

    // ---- offers

    function _offer(address seller, uint256 id, uint256 priceMicroInr) internal {
        vm.prank(seller);
        certificates.approve(address(sales), id);
        vm.prank(seller);
        sales.offer(id, priceMicroInr, block.timestamp + 1 days);
    }

    /// Alice's new certificate, for sale at PRICE for a day.
    function _offered() internal returns (uint256 id) {
        id = _issued(4_000);
        _offer(alice, id, PRICE);
    }

    function _buy(address buyer, uint256 id) internal {
        vm.prank(buyer);
        sales.buy(id, PRICE);
    }

    function _isOpen(uint256 id) internal view returns (bool open) {
        (, open) = sales.offerOf(id);
    }

    function _sellerOf(uint256 id) internal view returns (address) {
        (ICertificateSales.Offer memory current,) = sales.offerOf(id);
        return current.seller;
    }
}

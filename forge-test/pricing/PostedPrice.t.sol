// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPostedPrice} from "contracts/interfaces/IPriceSource.sol";
import {PostedPrice} from "contracts/pricing/PostedPrice.sol";
import {MoneyTest} from "../tokens/MoneyTest.sol";

/// Prices within bounds, selling never above buying; bounds that a price breaks make it stale.
contract PostedPriceTest is MoneyTest {
    PostedPrice internal posted;

    function setUp() public override {
        super.setUp();
        posted = new PostedPrice(address(manager), 100, 1000, 500, 300);
        _assign(address(posted), PostedPrice.setPrices.selector, OPERATOR);
        _assign(address(posted), PostedPrice.setBuyPrice.selector, OPERATOR);
        _assign(address(posted), PostedPrice.setSellPrice.selector, OPERATOR);
    }

    function test_post() public {
        skip(10);
        vm.startPrank(operator);
        vm.expectEmit(address(posted));
        emit IPostedPrice.PricesPosted(600, 400);
        posted.setPrices(600, 400);
        _assertPrices(600, 400, block.timestamp);
        skip(10);
        posted.setBuyPrice(700);
        _assertPrices(700, 400, block.timestamp);
        posted.setSellPrice(700);
        _assertPrices(700, 700, block.timestamp);
    }

    function test_refusals() public {
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(IPostedPrice.PostedPrice_OutOfBounds.selector, 1001, 100, 1000));
        posted.setPrices(1001, 300);
        vm.expectRevert(abi.encodeWithSelector(IPostedPrice.PostedPrice_OutOfBounds.selector, 99, 100, 1000));
        posted.setPrices(500, 99);
        vm.expectRevert(
            abi.encodeWithSelector(IPostedPrice.PostedPrice_OutOfBounds.selector, type(uint256).max, 100, 1000)
        );
        posted.setBuyPrice(type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IPostedPrice.PostedPrice_SellAboveBuy.selector, 501, 500));
        posted.setSellPrice(501);
        vm.expectRevert(abi.encodeWithSelector(IPostedPrice.PostedPrice_SellAboveBuy.selector, 300, 299));
        posted.setBuyPrice(299);
        _assertPrices(500, 300, 1_800_000_000);
    }

    function test_bounds_breakingThePriceMakesItStale() public {
        vm.expectEmit(address(posted));
        emit IPostedPrice.BoundsChanged(200, 600);
        posted.setBounds(200, 600);
        _assertPrices(500, 300, 1_800_000_000);
        posted.setBounds(200, 499);
        _assertPrices(500, 300, 0);
        vm.prank(operator);
        posted.setBuyPrice(499);
        _assertPrices(499, 300, block.timestamp);
        posted.setBounds(301, 499);
        _assertPrices(499, 300, 0);
        (uint256 min, uint256 max) = posted.bounds();
        assertEq(min, 301);
        assertEq(max, 499);
    }

    function test_bounds_refusals() public {
        _expectBadBounds(0, 5);
        posted.setBounds(0, 5);
        _expectBadBounds(6, 5);
        posted.setBounds(6, 5);
        _expectBadBounds(1, 1 << 96);
        posted.setBounds(1, 1 << 96);
        _expectBadBounds(0, 1);
        new PostedPrice(address(manager), 0, 1, 1, 1);
        vm.expectRevert(abi.encodeWithSelector(IPostedPrice.PostedPrice_OutOfBounds.selector, 3, 1, 2));
        new PostedPrice(address(manager), 1, 2, 3, 1);
    }

    function test_roles(address stranger) public {
        vm.assume(stranger != operator && stranger != address(this) && stranger != address(manager));
        vm.startPrank(stranger);
        _expectUnauthorized(stranger);
        posted.setPrices(1, 1);
        _expectUnauthorized(stranger);
        posted.setBuyPrice(1);
        _expectUnauthorized(stranger);
        posted.setSellPrice(1);
        _expectUnauthorized(stranger);
        posted.setBounds(1, 1);
    }

    /// Whatever is tried, what stands is within bounds and not upside down.
    function test_whatStandsIsSound(uint256[6] memory tries) public {
        vm.startPrank(operator);
        for (uint256 i = 0; i < 6; i += 2) {
            (bool a, bool b) = (tries[i] % 3 == 0, tries[i] % 3 == 1);
            (uint256 x, uint256 y) = (tries[i] % 1200, tries[i + 1] % 1200);
            if (a) try posted.setPrices(x, y) {} catch {} else if (b) try posted.setBuyPrice(x) {}
                catch {} else try posted.setSellPrice(x) {} catch {}
            (uint256 buy, uint256 sell,) = posted.prices();
            assertTrue(100 <= sell && sell <= buy && buy <= 1000);
        }
    }

    function _expectBadBounds(uint256 min, uint256 max) private {
        vm.expectRevert(abi.encodeWithSelector(IPostedPrice.PostedPrice_BadBounds.selector, min, max));
    }

    function _assertPrices(uint256 buy, uint256 sell, uint256 time) private view {
        (uint256 buyPrice, uint256 sellPrice, uint256 updatedAt) = posted.prices();
        assertEq(buyPrice, buy);
        assertEq(sellPrice, sell);
        assertEq(updatedAt, time);
    }
}

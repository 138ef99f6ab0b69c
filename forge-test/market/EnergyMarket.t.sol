// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {BillingMode, EntityKind, MeterId} from "contracts/Types.sol";
import {IEnergyMarket} from "contracts/interfaces/IEnergyMarket.sol";
import {IPowerCoinDesk} from "contracts/interfaces/IPowerCoinDesk.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {TokenReceiver} from "contracts/tokens/TokenReceiver.sol";
import {CommunityTest} from "./CommunityTest.sol";

/// buyEnergy / sellEnergy
/// ├── in INR | in ether with change | too little ether
/// ├── zero, slippage, stale price, no energy (reserved too), no funds, paused, not approved: refused
/// └── contracts that refuse units block only themselves; reentrancy is stopped
/// settings: roles, parameters, price source, takings
contract EnergyMarketTest is CommunityTest {
    function setUp() public override {
        super.setUp();
        _shine(500_000);
        _giveInr(alice, 10_000 * RUPEE);
        _approveMarket(alice);
        vm.deal(alice, 10 ether);
        vm.deal(address(this), 10 ether);
    }

    // ---- buying

    function test_buy_inInr() public {
        vm.expectEmit(address(market));
        emit IEnergyMarket.EnergyBought(alice, 1500, 9_750_000, BUY_PRICE);
        vm.prank(alice);
        assertEq(market.buyEnergy(1500, 9_750_000), 9_750_000);
        assertEq(token.balanceOf(alice, ENERGY), 1500);
        assertEq(token.balanceOf(alice, INR), 10_000 * RUPEE - 9_750_000);
        assertEq(market.takingsMicroInr(), 9_750_000);
        assertEq(market.availableWh(), 498_500);
    }

    function test_buy_roundsUp() public {
        vm.prank(operator);
        posted.setPrices(6_500_001, SELL_PRICE);
        vm.startPrank(alice);
        // 6500.001 micro-rupees
        assertEq(market.buyEnergy(1, 6501), 6501);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_Slippage.selector, 6501, 6500));
        market.buyEnergy(1, 6500);
        assertEq(market.quoteBuyUp(1), 6501);
        assertEq(market.quoteBuyUp(1000), 6_500_001);
    }

    function test_buy_withEtherReturnsTheRestAsInr() public {
        uint256 before = token.balanceOf(alice, INR);
        vm.prank(alice);
        assertEq(market.buyEnergy{value: 0.001 ether}(10_000, 65 * RUPEE), 65 * RUPEE);
        assertEq(token.balanceOf(alice, ENERGY), 10_000);
        assertEq(token.balanceOf(alice, INR), before + 135 * RUPEE);
        assertEq(market.takingsMicroInr(), 65 * RUPEE);
        assertGe(desk.reserveMicroInr(), desk.supplyMicroInr());
    }

    function test_buy_withExactEther() public {
        uint256 cost = market.quoteBuyUp(777);
        uint256 due = desk.etherFor(cost);
        vm.prank(alice);
        market.buyEnergy{value: due}(777, cost);
        assertEq(token.balanceOf(alice, ENERGY), 777);
    }

    function test_buy_tooLittleEther() public {
        uint256 due = desk.etherFor(65 * RUPEE);
        vm.expectRevert(
            abi.encodeWithSelector(IEnergyMarket.EnergyMarket_TooLittleEther.selector, 64_999_999, 65 * RUPEE)
        );
        vm.prank(alice);
        market.buyEnergy{value: due - 1}(10_000, 65 * RUPEE);
    }

    function test_buy_withEtherWhileTheDeskIsPausedOrStale() public {
        vm.prank(pauser);
        desk.pause();
        vm.startPrank(alice);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        market.buyEnergy{value: 1 ether}(1000, 65 * RUPEE);
        market.buyEnergy(1000, 65 * RUPEE);
        vm.stopPrank();
        vm.prank(pauser);
        desk.unpause();
        skip(2 hours);
        vm.startPrank(alice);
        vm.expectPartialRevert(IPowerCoinDesk.PowerCoinDesk_StaleRate.selector);
        market.buyEnergy{value: 1 ether}(1000, 65 * RUPEE);
        market.buyEnergy(1000, 65 * RUPEE);
    }

    /// Stock first, then ahead of what comes in, up to what the operator stands for.
    function test_buy_ahead() public {
        ledger.setAdvanceLimit(100_000);
        assertEq(market.availableWh(), 600_000);
        vm.startPrank(alice);
        market.buyEnergy(499_000, type(uint256).max);
        assertEq(ledger.inventoryDebtWh(), 0);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.EnergyAdvanced(1_500, 1_500);
        market.buyEnergy(2_500, type(uint256).max);
        assertEq(token.balanceOf(alice, ENERGY), 501_500);
        assertEq(market.availableWh(), 98_500);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NoEnergy.selector, 98_501, 98_500));
        market.buyEnergy(98_501, type(uint256).max);
        market.buyEnergy(98_500, type(uint256).max);
        assertEq(market.availableWh(), 0);
    }

    /// Roofs bank all they export while the main grid takes it: what they hold, the inventory owes. Still newcomers
    /// buy and whoever is suspended tops up.
    function test_buy_afterAWeekOfBankedSun() public {
        ledger.setAdvanceLimit(400_000);
        _addKseb(1 days, 1 days);
        _claim(ROOF, bob, BillingMode.Prepaid);
        _claim(HOUSE, makeAddr("carol"), BillingMode.Prepaid);
        MeterId grid = MeterId.wrap(60);
        _register(grid, EntityKind.Grid);
        _closeSlot();
        vm.prank(alice);
        market.buyEnergy(500_000, type(uint256).max); // nothing left of the sun before
        for (uint256 day = 0; day < 7; ++day) {
            _count(ROOF, 0, 20_000);
            _count(HOUSE, 500, 0);
            _count(grid, 0, 19_500);
            _closeSlot();
            skip(20 hours);
        }
        assertEq(token.balanceOf(bob, ENERGY), 140_000);
        assertEq(ledger.inventoryDebtWh(), 7 * 19_500);
        assertTrue(market.enforce(HOUSE));

        vm.startPrank(alice);
        market.buyEnergy(3_000, type(uint256).max);
        market.topUp(HOUSE, 5_000, type(uint256).max);
        vm.stopPrank();
        assertTrue(!market.isSuspended(HOUSE));
        assertEq(token.balanceOf(makeAddr("carol"), ENERGY), 1_500);
        assertEq(ledger.debtOf(HOUSE), 0);
    }

    function test_buy_refusals() public {
        vm.startPrank(alice);
        vm.expectRevert(IEnergyMarket.EnergyMarket_ZeroAmount.selector);
        market.buyEnergy(0, 0);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NoEnergy.selector, 500_001, 500_000));
        market.buyEnergy(500_001, type(uint256).max);
        vm.expectRevert(
            abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NoEnergy.selector, type(uint256).max, 500_000)
        );
        market.buyEnergy(type(uint256).max, type(uint256).max);
        vm.stopPrank();
        vm.startPrank(bob);
        vm.expectRevert(
            abi.encodeWithSelector(IERC1155Errors.ERC1155MissingApprovalForAll.selector, address(market), bob)
        );
        market.buyEnergy(1, type(uint256).max);
        token.setApprovalForAll(address(market), true);
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InsufficientBalance.selector, bob, 0, 6500, INR));
        market.buyEnergy(1, type(uint256).max);
    }

    function test_stalePriceIsRefused() public {
        (,, uint256 updatedAt) = posted.prices();
        vm.warp(updatedAt + MAX_PRICE_AGE);
        vm.prank(alice);
        market.buyEnergy(1, type(uint256).max);
        vm.warp(updatedAt + MAX_PRICE_AGE + 1);
        bytes memory stale =
            abi.encodeWithSelector(IEnergyMarket.EnergyMarket_StalePrice.selector, updatedAt, MAX_PRICE_AGE);
        vm.startPrank(alice);
        vm.expectRevert(stale);
        market.buyEnergy(1, type(uint256).max);
        vm.expectRevert(stale);
        market.sellEnergy(1, 0);
        vm.expectRevert(stale);
        market.quoteBuyUp(1);
        vm.expectRevert(stale);
        market.quoteSellDown(1);
    }

    // ---- selling

    function test_sell() public {
        vm.startPrank(alice);
        market.buyEnergy(100_000, 650 * RUPEE);
        vm.expectEmit(address(market));
        emit IEnergyMarket.EnergySold(alice, 40_000, 120 * RUPEE, SELL_PRICE);
        assertEq(market.sellEnergy(40_000, 120 * RUPEE), 120 * RUPEE);
        assertEq(token.balanceOf(alice, ENERGY), 60_000);
        assertEq(market.takingsMicroInr(), 530 * RUPEE);
        assertEq(market.availableWh(), 440_000);
    }

    function test_sell_roundsDownAndLimits() public {
        vm.prank(operator);
        posted.setPrices(BUY_PRICE, 2_999_999);
        vm.startPrank(alice);
        market.buyEnergy(10, type(uint256).max);
        assertEq(market.quoteSellDown(1), 2999);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_Slippage.selector, 2999, 3000));
        market.sellEnergy(1, 3000);
        assertEq(market.sellEnergy(1, 2999), 2999);
        vm.expectRevert(IEnergyMarket.EnergyMarket_ZeroAmount.selector);
        market.sellEnergy(0, 0);
    }

    function test_sell_onlyFromTakings() public {
        vm.prank(alice);
        market.buyEnergy(1000, type(uint256).max);
        vm.prank(operator);
        market.withdrawTakings(6_500_000 - 2000, operator);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NoFunds.selector, 3_000_000, 2000));
        market.sellEnergy(1000, 0);
    }

    function test_pauseStopsTrade() public {
        vm.prank(pauser);
        market.pause();
        vm.startPrank(alice);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        market.buyEnergy(1, type(uint256).max);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        market.sellEnergy(1, 0);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        market.topUp(HOUSE, 1, type(uint256).max);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        market.requestSupply(HALL_SWITCH, 1, type(uint256).max);
        vm.stopPrank();
        vm.prank(pauser);
        market.unpause();
        vm.prank(alice);
        market.buyEnergy(1, type(uint256).max);
    }

    // ---- hostile callers

    function test_hostile_refusingBuyerBlocksOnlyItself() public {
        HostileReceiver buyer = new HostileReceiver();
        buyer.behave(HostileReceiver.Manner.Revert);
        vm.expectRevert(HostileReceiver.HostileReceiver_Refused.selector);
        buyer.execute{value: 0.01 ether}(address(market), abi.encodeCall(market.buyEnergy, (1000, type(uint256).max)));
        vm.prank(alice);
        market.buyEnergy(1000, type(uint256).max);
    }

    function test_hostile_buyerCannotReenter() public {
        HostileReceiver buyer = new HostileReceiver();
        buyer.behaveByCalling(address(market), abi.encodeCall(market.sellEnergy, (10, 0)));
        buyer.execute{value: 0.01 ether}(address(market), abi.encodeCall(market.buyEnergy, (1000, type(uint256).max)));
        assertEq(buyer.callAnswer(), abi.encodePacked(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
    }

    function test_unitsWithoutUseAreRefused() public {
        manager.grantRole(CERTIFICATE, address(this), 0);
        token.mintCo2(alice, 5);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_UnwantedId.selector, CO2));
        token.safeTransferFrom(alice, address(market), CO2, 5, "");
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_ForeignToken.selector, address(this)));
        market.onERC1155Received(alice, alice, INR, 1, "");
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_ForeignToken.selector, address(this)));
        market.onERC1155BatchReceived(alice, alice, _one(INR), _one(1), "");
    }

    function test_donationsAreTakingsAndInventory() public {
        vm.startPrank(alice);
        market.buyEnergy(100, type(uint256).max);
        uint256 takings = market.takingsMicroInr();
        token.safeBatchTransferFrom(alice, address(market), _two(INR, ENERGY), _two(uint256(7), 100), "");
        assertEq(market.takingsMicroInr(), takings + 7);
        assertEq(market.availableWh(), 500_000);
    }

    // ---- settings

    function test_takings() public {
        vm.prank(alice);
        market.buyEnergy(1000, type(uint256).max);
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_NoFunds.selector, 6_500_001, 6_500_000));
        market.withdrawTakings(6_500_001, bob);
        vm.expectEmit(address(market));
        emit IEnergyMarket.TakingsWithdrawn(bob, 6_500_000);
        market.withdrawTakings(6_500_000, bob);
        assertEq(token.balanceOf(bob, INR), 6_500_000);
    }

    function test_priceSource() public {
        vm.expectEmit(address(market));
        emit IEnergyMarket.PriceSourceChanged(address(posted), address(this));
        market.setPriceSource(address(this));
        vm.prank(alice);
        assertEq(market.buyEnergy(1000, 42), 42);
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_BadParameter.selector, "priceSource"));
        market.setPriceSource(alice);
    }

    /// This test as a price source.
    function prices() external view returns (uint256, uint256, uint256) {
        return (42, 41, block.timestamp);
    }

    function test_parameters() public {
        vm.expectEmit(address(market));
        emit IEnergyMarket.ParametersChanged(1, 0, 5);
        market.setParameters(1, 0, 5);
        (uint256 age, uint256 credit, uint256 maxRequest) = market.parameters();
        assertEq(age, 1);
        assertEq(credit, 0);
        assertEq(maxRequest, 5);
        _expectBad("maxPriceAge");
        market.setParameters(0, 0, 5);
        _expectBad("maxPriceAge");
        market.setParameters(1 << 32, 0, 5);
        _expectBad("emergencyCreditWh");
        market.setParameters(1, 1 << 64, 5);
        _expectBad("maxRequestWh");
        market.setParameters(1, 0, 0);
        _expectBad("maxRequestWh");
        market.setParameters(1, 0, 1 << 39);
    }

    function test_roles(address stranger) public {
        vm.assume(
            stranger != operator && stranger != pauser && stranger != address(this) && stranger != address(manager)
        );
        vm.startPrank(stranger);
        _expectUnauthorized(stranger);
        market.withdrawTakings(0, stranger);
        _expectUnauthorized(stranger);
        market.cutSupply(1);
        _expectUnauthorized(stranger);
        market.setPriceSource(stranger);
        _expectUnauthorized(stranger);
        market.setParameters(1, 1, 1);
        _expectUnauthorized(stranger);
        market.pause();
        _expectUnauthorized(stranger);
        market.unpause();
    }

    // ---- property

    /// Whatever the price and the amount: never above the buyer's limit, never below the seller's, exact to one unit.
    function test_limitsHold(uint256 wh, uint96 buyPrice, uint96 sellPrice, uint256 limit) public {
        wh = bound(wh, 1, 1500);
        buyPrice = uint96(bound(buyPrice, 1_000_000, 20_000_000));
        sellPrice = uint96(bound(sellPrice, 1_000_000, buyPrice));
        vm.prank(operator);
        posted.setPrices(buyPrice, sellPrice);
        uint256 before = token.balanceOf(alice, INR);
        vm.startPrank(alice);
        uint256 cost = market.buyEnergy(wh, market.quoteBuyUp(wh));
        assertEq(before - token.balanceOf(alice, INR), cost);
        assertGe(cost * 1000, wh * buyPrice);
        assertLt(cost * 1000, wh * buyPrice + 1000);
        limit = bound(limit, 0, 40 * RUPEE);
        before = token.balanceOf(alice, INR);
        try market.sellEnergy(wh, limit) returns (uint256 proceeds) {
            assertGe(proceeds, limit);
            assertEq(token.balanceOf(alice, INR) - before, proceeds);
            assertLe(proceeds * 1000, wh * sellPrice);
        } catch {
            assertGt(limit, wh * sellPrice / 1000);
        }
    }

    function _expectBad(string memory name) private {
        vm.expectRevert(abi.encodeWithSelector(IEnergyMarket.EnergyMarket_BadParameter.selector, name));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Errors, IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {DemoRupee} from "contracts/mocks/DemoRupee.sol";
import {EtherForcer, EtherReenterer, EtherRefuser, HostileReceiver} from "contracts/mocks/Receivers.sol";
import {CallbackStablecoin, FeeStablecoin} from "contracts/mocks/Stablecoins.sol";
import {IPowerCoinDesk} from "contracts/interfaces/IPowerCoinDesk.sol";
import {PowerCoinDesk} from "contracts/tokens/PowerCoinDesk.sol";
import {MoneyTest} from "./MoneyTest.sol";

/// buying      ether | token | token with permit; zero, slippage, stale rate, paused: refused
/// redeeming   ether | token; zero, slippage, shortfall of the asset; never stopped by pause or age
/// rate        bounds, step, interval, reserve; the same rate again keeps it fresh
/// surplus     only what is above the supply, only at a fresh rate, only known assets
/// hostile     reentrant receivers and tokens, fees on transfer, forced ether, refusing receivers
contract PowerCoinDeskTest is MoneyTest {
    PowerCoinDesk internal desk;
    DemoRupee internal coin;

    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function setUp() public virtual override {
        super.setUp();
        coin = _newCoin();
        desk = _newDesk(coin);
        vm.deal(alice, 100 ether);
        vm.deal(bob, 100 ether);
        coin.mint(alice, 1_000_000e6);
        vm.prank(alice);
        coin.approve(address(desk), type(uint256).max);
    }

    // ---- buying

    function test_buyWithEther() public {
        vm.expectEmit(address(desk));
        emit IPowerCoinDesk.Bought(alice, bob, address(0), 0.5 ether, 100_000 * RUPEE);
        vm.prank(alice);
        assertEq(desk.buyWithEther{value: 0.5 ether}(bob, 100_000 * RUPEE), 100_000 * RUPEE);
        assertEq(token.balanceOf(bob, INR), 100_000 * RUPEE);
        assertEq(desk.reserveMicroInr(), 100_000 * RUPEE);
        assertEq(desk.supplyMicroInr(), 100_000 * RUPEE);
    }

    function test_buyWithEther_roundsDown() public {
        // 1 micro-rupee is 5 000 000 wei at this rate.
        vm.startPrank(alice);
        assertEq(desk.buyWithEther{value: 9_999_999}(alice, 0), 1);
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_ZeroAmount.selector);
        desk.buyWithEther{value: 4_999_999}(alice, 0);
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_ZeroAmount.selector);
        desk.buyWithEther(alice, 0);
    }

    function test_buyWithEther_slippage() public {
        vm.expectRevert(
            abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_Slippage.selector, 200_000e6, 200_000e6 + 1)
        );
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(alice, 200_000e6 + 1);
    }

    function test_buyWithToken() public {
        vm.prank(alice);
        assertEq(desk.buyWithToken(bob, 500e6, 500e6), 500 * RUPEE);
        assertEq(token.balanceOf(bob, INR), 500 * RUPEE);
        assertEq(desk.reserveMicroInr(), 500 * RUPEE);
    }

    function test_buyWithToken_refusals() public {
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(desk), 0, 5e6));
        vm.prank(bob);
        desk.buyWithToken(bob, 5e6, 0);
        vm.startPrank(alice);
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_ZeroAmount.selector);
        desk.buyWithToken(alice, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_Slippage.selector, 5e6, 5e6 + 1));
        desk.buyWithToken(alice, 5e6, 5e6 + 1);
    }

    function test_permit_buysInOneTransaction() public {
        (address carol, uint8 v, bytes32 r, bytes32 s) = _signedPermit(40e6);
        vm.prank(carol);
        desk.buyWithTokenPermit(carol, 40e6, 40e6, block.timestamp, v, r, s);
        assertEq(token.balanceOf(carol, INR), 40 * RUPEE);
    }

    function test_permit_usedByAFrontRunnerStillBuys() public {
        (address carol, uint8 v, bytes32 r, bytes32 s) = _signedPermit(40e6);
        vm.prank(bob);
        coin.permit(carol, address(desk), 40e6, block.timestamp, v, r, s);
        vm.prank(carol);
        desk.buyWithTokenPermit(carol, 40e6, 40e6, block.timestamp, v, r, s);
        assertEq(token.balanceOf(carol, INR), 40 * RUPEE);
    }

    function test_permit_ofAnotherOrExpiredBuysNothing() public {
        (address carol, uint8 v, bytes32 r, bytes32 s) = _signedPermit(40e6);
        vm.expectPartialRevert(ERC20Permit.ERC2612InvalidSigner.selector);
        vm.prank(bob);
        desk.buyWithTokenPermit(bob, 40e6, 0, block.timestamp, v, r, s);
        uint256 deadline = block.timestamp;
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(ERC20Permit.ERC2612ExpiredSignature.selector, deadline));
        vm.prank(carol);
        desk.buyWithTokenPermit(carol, 40e6, 0, deadline, v, r, s);
    }

    function test_staleRateStopsBuyingNotRedeeming() public {
        vm.startPrank(alice);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        desk.buyWithToken(alice, 10e6, 0);
        (, uint256 updatedAt) = desk.etherRate();
        skip(1 hours);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_StaleRate.selector, updatedAt, 1 hours));
        desk.buyWithEther{value: 1 ether}(alice, 0);
        desk.redeemForEther(100 * RUPEE, 0);
        desk.redeemForToken(10 * RUPEE, 10e6);
        // The stablecoin's value does not hang on the ether rate.
        desk.buyWithToken(alice, 10e6, 0);
    }

    function test_pauseStopsBuyingNotRedeeming() public {
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        vm.prank(pauser);
        desk.pause();
        vm.startPrank(alice);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        desk.buyWithToken(alice, 1e6, 0);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        desk.buyWithTokenPermit(alice, 1e6, 0, block.timestamp, 27, 0, 0);
        assertEq(desk.redeemForEther(200_000 * RUPEE, 1 ether), 1 ether);
        vm.stopPrank();
        vm.prank(pauser);
        desk.unpause();
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(alice, 0);
    }

    // ---- redeeming

    function test_redeemForEther() public {
        vm.startPrank(alice);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        vm.expectEmit(address(desk));
        emit IPowerCoinDesk.Redeemed(alice, address(0), 50_000 * RUPEE, 0.25 ether);
        assertEq(desk.redeemForEther(50_000 * RUPEE, 0.25 ether), 0.25 ether);
        assertEq(alice.balance, 99.25 ether);
        assertEq(desk.supplyMicroInr(), 150_000 * RUPEE);
        vm.expectRevert(
            abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_Slippage.selector, 0.25 ether, 0.25 ether + 1)
        );
        desk.redeemForEther(50_000 * RUPEE, 0.25 ether + 1);
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_ZeroAmount.selector);
        desk.redeemForEther(0, 0);
    }

    function test_redeem_onlyOwnInr() public {
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InsufficientBalance.selector, bob, 0, RUPEE, INR));
        vm.prank(bob);
        desk.redeemForEther(RUPEE, 0);
    }

    function test_redeem_shortOfOneAssetLeavesTheOther() public {
        vm.startPrank(alice);
        desk.buyWithToken(alice, 100e6, 0);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPowerCoinDesk.PowerCoinDesk_AssetShortfall.selector, address(0), 100e6 * 1e18 / 200_000e6, 0
            )
        );
        desk.redeemForEther(100 * RUPEE, 0);
        assertEq(desk.redeemForToken(100 * RUPEE, 100e6), 100e6);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        vm.expectRevert(
            abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_AssetShortfall.selector, address(coin), 1e6, 0)
        );
        desk.redeemForToken(RUPEE, 0);
    }

    function test_redeem_toAContractThatTakesNoEther() public {
        EtherRefuser refuser = new EtherRefuser();
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(address(refuser), 0);
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_EtherTransferFailed.selector);
        refuser.execute(address(desk), abi.encodeCall(desk.redeemForEther, (RUPEE, 0)));
        assertEq(token.balanceOf(address(refuser), INR), 200_000 * RUPEE);
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        vm.prank(alice);
        desk.redeemForEther(RUPEE, 0);
    }

    // ---- without a stablecoin

    function test_noStablecoin() public {
        PowerCoinDesk bare = _newDesk(IERC20Metadata(address(0)));
        vm.startPrank(alice);
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_NoStablecoin.selector);
        bare.buyWithToken(alice, 1, 0);
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_NoStablecoin.selector);
        bare.buyWithTokenPermit(alice, 1, 0, block.timestamp, 27, 0, 0);
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_NoStablecoin.selector);
        bare.redeemForToken(1, 0);
        bare.buyWithEther{value: 1 ether}(alice, 0);
        bare.redeemForEther(200_000 * RUPEE, 1 ether);
        (address none, uint256 price) = bare.stablecoin();
        assertEq(none, address(0));
        assertEq(price, 0);
    }

    // ---- rate

    function test_rate_stepAndBounds() public {
        skip(60);
        vm.startPrank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPowerCoinDesk.PowerCoinDesk_RateOutOfBounds.selector, 220_000e6 + 1, 180_000e6, 220_000e6
            )
        );
        desk.setEtherRate(220_000e6 + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IPowerCoinDesk.PowerCoinDesk_RateOutOfBounds.selector, 180_000e6 - 1, 180_000e6, 220_000e6
            )
        );
        desk.setEtherRate(180_000e6 - 1);
        vm.expectEmit(address(desk));
        emit IPowerCoinDesk.EtherRateChanged(200_000e6, 220_000e6);
        desk.setEtherRate(220_000e6);
        assertEq(desk.quoteEther(1 ether), 220_000e6);
        vm.expectRevert(abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_RateTooSoon.selector, block.timestamp, 60));
        desk.setEtherRate(230_000e6);
    }

    function test_rate_absoluteBoundsHoldHoweverManySteps() public {
        vm.startPrank(operator);
        for (uint256 i = 0; i < 40; ++i) {
            skip(60);
            (uint256 rate,) = desk.etherRate();
            uint256 next = rate * 11 / 10;
            if (next > 2_000_000e6) {
                vm.expectRevert(
                    abi.encodeWithSelector(
                        IPowerCoinDesk.PowerCoinDesk_RateOutOfBounds.selector, next, rate - rate / 10, 2_000_000e6
                    )
                );
                desk.setEtherRate(next);
                return;
            }
            desk.setEtherRate(next);
        }
        assertTrue(false, "the bound was never met");
    }

    function test_rate_sameAgainKeepsItFresh() public {
        skip(2 hours);
        vm.prank(operator);
        desk.setEtherRate(ETHER_RATE);
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        skip(10);
        vm.prank(operator);
        desk.setEtherRate(ETHER_RATE);
        (, uint256 updatedAt) = desk.etherRate();
        assertEq(updatedAt, block.timestamp);
    }

    function test_rate_refusedIfTheReserveWouldNotCover() public {
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        skip(60);
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_ReserveShortfall.selector, 190_000e6, 200_000e6)
        );
        desk.setEtherRate(190_000e6);

        vm.prank(bob);
        vm.expectEmit(address(desk));
        emit IPowerCoinDesk.ReserveFunded(bob, address(0), 0.1 ether);
        desk.fundReserve{value: 0.1 ether}();
        assertEq(desk.supplyMicroInr(), 200_000e6);
        vm.prank(operator);
        desk.setEtherRate(190_000e6);
    }

    function test_fundReserve_zero() public {
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_ZeroAmount.selector);
        desk.fundReserve();
    }

    // ---- surplus

    function test_surplus_onlyWhatIsAboveTheSupply() public {
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        vm.prank(bob);
        desk.fundReserve{value: 2 ether}();
        vm.startPrank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_ReserveShortfall.selector, 200_000e6 - 1, 200_000e6)
        );
        desk.withdrawSurplus(address(0), 2 ether + 1, operator);
        vm.expectEmit(address(desk));
        emit IPowerCoinDesk.SurplusWithdrawn(operator, address(0), 2 ether);
        desk.withdrawSurplus(address(0), 2 ether, operator);
        assertEq(operator.balance, 2 ether);
        assertEq(desk.reserveMicroInr(), desk.supplyMicroInr());
    }

    function test_surplus_oneAssetAgainstTheOther() public {
        vm.prank(alice);
        desk.buyWithToken(alice, 100e6, 0);
        vm.prank(bob);
        desk.fundReserve{value: 1 ether}();
        vm.startPrank(operator);
        desk.withdrawSurplus(address(coin), 100e6, bob);
        assertEq(coin.balanceOf(bob), 100e6);
        assertEq(desk.reserveMicroInr(), 200_000e6);
        vm.expectRevert(
            abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_AssetShortfall.selector, address(coin), 1, 0)
        );
        desk.withdrawSurplus(address(coin), 1, bob);
    }

    function test_surplus_refusals() public {
        vm.prank(bob);
        desk.fundReserve{value: 1 ether}();
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_UnknownAsset.selector, address(token)));
        desk.withdrawSurplus(address(token), 1, operator);
        EtherRefuser refuser = new EtherRefuser();
        vm.prank(operator);
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_EtherTransferFailed.selector);
        desk.withdrawSurplus(address(0), 1, address(refuser));
        (, uint256 updatedAt) = desk.etherRate();
        skip(1 hours + 1);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_StaleRate.selector, updatedAt, 1 hours));
        desk.withdrawSurplus(address(0), 1, operator);
    }

    // ---- roles and set-up

    function test_roles(address stranger) public {
        vm.assume(stranger != operator && stranger != pauser && stranger != address(manager));
        vm.startPrank(stranger);
        _expectUnauthorized(stranger);
        desk.setEtherRate(ETHER_RATE);
        _expectUnauthorized(stranger);
        desk.withdrawSurplus(address(0), 0, stranger);
        _expectUnauthorized(stranger);
        desk.pause();
        _expectUnauthorized(stranger);
        desk.unpause();
    }

    function test_constructor_refusals() public {
        IPowerCoinDesk.RateLimits memory limits = rateLimits();
        limits.minRate = 0;
        _expectBadLimits(limits);
        limits = rateLimits();
        limits.minRate = limits.maxRate + 1;
        _expectBadLimits(limits);
        limits = rateLimits();
        limits.maxStepBps = 0;
        _expectBadLimits(limits);
        limits = rateLimits();
        limits.maxStepBps = 10_001;
        _expectBadLimits(limits);
        limits = rateLimits();
        limits.maxAge = 0;
        _expectBadLimits(limits);
        limits = rateLimits();
        vm.expectRevert(
            abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_RateOutOfBounds.selector, 1, 20_000e6, 2_000_000e6)
        );
        new PowerCoinDesk(address(manager), token, coin, RUPEE, 1, limits);
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_ZeroAmount.selector);
        new PowerCoinDesk(address(manager), token, coin, 0, ETHER_RATE, limits);
        assertEq(desk.rateLimits().maxStepBps, 1000);
        (address coinAddress, uint256 price) = desk.stablecoin();
        assertEq(coinAddress, address(coin));
        assertEq(price, RUPEE);
    }

    function test_plainEtherIsRefused() public {
        vm.prank(alice);
        (bool sent,) = address(desk).call{value: 1 ether}("");
        assertTrue(!sent);
    }

    // ---- hostile

    function test_hostile_etherReceiverCannotReenter() public {
        EtherReenterer attacker = new EtherReenterer();
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(address(attacker), 0);
        attacker.arm(address(desk), abi.encodeCall(desk.redeemForEther, (100_000 * RUPEE, 0)));
        attacker.execute(address(desk), abi.encodeCall(desk.redeemForEther, (100_000 * RUPEE, 0)));
        assertTrue(attacker.called());
        _assertStoppedByGuard(attacker.callAnswer());
        assertEq(address(attacker).balance, 0.5 ether);
        assertGe(desk.reserveMicroInr(), desk.supplyMicroInr());
    }

    function test_hostile_unitReceiverCannotReenter() public {
        HostileReceiver attacker = new HostileReceiver();
        attacker.behaveByCalling(address(desk), abi.encodeCall(desk.redeemForEther, (1000 * RUPEE, 0)));
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(address(attacker), 0);
        assertEq(attacker.received(), 1);
        _assertStoppedByGuard(attacker.callAnswer());
    }

    function test_hostile_tokenCallback() public {
        CallbackStablecoin callback = new CallbackStablecoin();
        PowerCoinDesk odd = _newDesk(callback);
        callback.mint(alice, 100 ether);
        callback.arm(address(odd), abi.encodeCall(odd.buyWithEther, (alice, 0)));
        vm.startPrank(alice);
        callback.approve(address(odd), type(uint256).max);
        odd.buyWithToken(alice, 50 ether, 0);
        assertTrue(callback.called());
        _assertStoppedByGuard(callback.callAnswer());
        assertEq(odd.supplyMicroInr(), 50 * RUPEE);
    }

    function test_hostile_feeOnTransferIsCreditedByWhatArrived() public {
        FeeStablecoin fee = new FeeStablecoin();
        PowerCoinDesk odd = _newDesk(fee);
        fee.mint(alice, 1000 ether);
        vm.startPrank(alice);
        fee.approve(address(odd), type(uint256).max);
        assertEq(odd.buyWithToken(alice, 100 ether, 0), 99 * RUPEE);
        assertEq(odd.reserveMicroInr(), 99 * RUPEE);
        vm.expectRevert(abi.encodeWithSelector(IPowerCoinDesk.PowerCoinDesk_Slippage.selector, 99e6, 100e6));
        odd.buyWithToken(alice, 100 ether, 100e6);
    }

    function test_hostile_forcedEtherOnlyAddsToTheSurplus() public {
        vm.prank(alice);
        desk.buyWithEther{value: 1 ether}(alice, 0);
        uint256 quote = desk.quoteEther(1 ether);
        new EtherForcer{value: 3 ether}(payable(address(desk)));
        assertEq(desk.quoteEther(1 ether), quote);
        assertEq(desk.supplyMicroInr(), 200_000e6);
        vm.prank(alice);
        desk.redeemForEther(200_000e6, 1 ether);
        vm.prank(operator);
        desk.withdrawSurplus(address(0), 3 ether, operator);
    }

    // ---- properties

    /// In and out again never gains anything, by either asset, at any rate.
    function test_roundTripNeverGains(uint96 rate, uint256 weiIn, uint256 redeem) public {
        PowerCoinDesk fuzzed = new PowerCoinDesk(
            address(manager), token, coin, RUPEE, uint96(bound(rate, 20_000e6, 2_000_000e6)), rateLimits()
        );
        manager.grantRole(DESK, address(fuzzed), 0);
        weiIn = bound(weiIn, 1e14, 1e24);
        vm.deal(alice, weiIn);
        vm.startPrank(alice);
        uint256 bought = fuzzed.buyWithEther{value: weiIn}(alice, 0);
        redeem = bound(redeem, 1, bought);
        uint256 paid = fuzzed.redeemForEther(redeem, 0);
        assertLe(fuzzed.quoteEther(paid), redeem);
        assertLe(paid, weiIn);
        if (bought > redeem) fuzzed.redeemForEther(bought - redeem, 0);
        assertLe(alice.balance, weiIn);
        assertGe(fuzzed.reserveMicroInr(), fuzzed.supplyMicroInr());
    }

    function test_etherForBuysAtLeast(uint96 microInr) public view {
        uint256 weiAmount = desk.etherFor(microInr);
        assertGe(desk.quoteEther(weiAmount), microInr);
        if (weiAmount > 0) assertLt(desk.quoteEther(weiAmount - 1), uint256(microInr));
    }

    function _expectBadLimits(IPowerCoinDesk.RateLimits memory limits) private {
        vm.expectRevert(IPowerCoinDesk.PowerCoinDesk_BadRateLimits.selector);
        new PowerCoinDesk(address(manager), token, coin, RUPEE, ETHER_RATE, limits);
    }

    function _assertStoppedByGuard(bytes memory answer) private pure {
        assertEq(answer, abi.encodePacked(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
    }

    /// A permit of carol's, who owns that much, for the desk.
    function _signedPermit(uint256 amount) private returns (address carol, uint8 v, bytes32 r, bytes32 s) {
        uint256 key;
        (carol, key) = makeAccount("carol");
        coin.mint(carol, amount);
        bytes32 structHash =
            keccak256(abi.encode(PERMIT_TYPEHASH, carol, address(desk), amount, coin.nonces(carol), block.timestamp));
        (v, r, s) = vm.sign(key, keccak256(abi.encodePacked("\x19\x01", coin.DOMAIN_SEPARATOR(), structHash)));
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {IPowerCoinDesk} from "../interfaces/IPowerCoinDesk.sol";
import {INR} from "./TokenIds.sol";

/// @title PowerCoinDesk
/// @notice See IPowerCoinDesk.
/// @dev Why reserve >= supply: INR sold is the asset's value rounded down, an asset paid out is worth at most the INR
/// burned, and floor(a + b) >= floor(a) + floor(b); so buying and redeeming keep the inequality by themselves. The two
/// acts that could break it, a lower rate and a withdrawal of surplus, check it.
contract PowerCoinDesk is IPowerCoinDesk, AccessManaged, Pausable, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    // ------------------------------------------------------------------ constants

    address private constant ETHER = address(0);
    uint256 private constant WEI_PER_ETHER = 1e18;
    uint256 private constant BPS = 10_000;

    // ------------------------------------------------------------------ immutables

    IGridToken private immutable TOKEN;
    IERC20 private immutable STABLECOIN;
    uint256 private immutable STABLECOIN_UNIT;
    uint256 private immutable STABLECOIN_PRICE;

    // ------------------------------------------------------------------ storage

    // slot
    uint96 private _rate;
    uint64 private _rateChangedAt;
    uint64 private _rateConfirmedAt;

    // slot
    RateLimits private _limits;

    // ------------------------------------------------------------------ constructor

    /// @param stablecoin_ zero if there is none
    /// @param microInrPerWholeToken value of 10^decimals units of the stablecoin
    /// @param rate first ether rate, micro-rupees per ether
    constructor(
        address manager,
        IGridToken token,
        IERC20Metadata stablecoin_,
        uint256 microInrPerWholeToken,
        uint96 rate,
        RateLimits memory limits
    ) AccessManaged(manager) {
        bool ordered = limits.minRate > 0 && limits.minRate <= limits.maxRate;
        bool steps = limits.maxStepBps > 0 && limits.maxStepBps <= BPS && limits.maxAge > 0;
        if (!ordered || !steps) revert PowerCoinDesk_BadRateLimits();
        if (rate < limits.minRate || rate > limits.maxRate) {
            revert PowerCoinDesk_RateOutOfBounds(rate, limits.minRate, limits.maxRate);
        }
        TOKEN = token;
        if (address(stablecoin_) != address(0)) {
            if (microInrPerWholeToken == 0) revert PowerCoinDesk_ZeroAmount();
            STABLECOIN = stablecoin_;
            STABLECOIN_UNIT = 10 ** stablecoin_.decimals();
            STABLECOIN_PRICE = microInrPerWholeToken;
        }
        _limits = limits;
        _rate = rate;
        (_rateChangedAt, _rateConfirmedAt) = (uint64(block.timestamp), uint64(block.timestamp));
        emit EtherRateChanged(0, rate);
    }

    // ------------------------------------------------------------------ operator

    /// @inheritdoc IPowerCoinDesk
    function setEtherRate(uint256 microInrPerEther) external restricted {
        uint256 oldRate = _rate;
        if (microInrPerEther != oldRate) {
            _requireAllowedStep(oldRate, microInrPerEther);
            // Within the bounds, which are uint96.
            _rate = uint96(microInrPerEther);
            _rateChangedAt = uint64(block.timestamp);
            if (microInrPerEther < oldRate) _requireCovered();
        }
        _rateConfirmedAt = uint64(block.timestamp);
        emit EtherRateChanged(oldRate, microInrPerEther);
    }

    /// @inheritdoc IPowerCoinDesk
    function fundReserve() external payable {
        if (msg.value == 0) revert PowerCoinDesk_ZeroAmount();
        emit ReserveFunded(msg.sender, ETHER, msg.value);
    }

    /// @inheritdoc IPowerCoinDesk
    function withdrawSurplus(address asset, uint256 amount, address to) external restricted nonReentrant {
        _requireFreshRate();
        if (asset != ETHER && asset != address(STABLECOIN)) revert PowerCoinDesk_UnknownAsset(asset);
        _pay(asset, to, amount);
        _requireCovered();
        emit SurplusWithdrawn(to, asset, amount);
    }

    /// @inheritdoc IPowerCoinDesk
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc IPowerCoinDesk
    function unpause() external restricted {
        _unpause();
    }

    // ------------------------------------------------------------------ users: buy

    /// @inheritdoc IPowerCoinDesk
    function buyWithEther(address to, uint256 minMicroInr)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 microInr)
    {
        _requireFreshRate();
        microInr = quoteEther(msg.value);
        _issue(to, ETHER, msg.value, microInr, minMicroInr);
    }

    /// @inheritdoc IPowerCoinDesk
    function buyWithToken(address to, uint256 amount, uint256 minMicroInr)
        external
        whenNotPaused
        nonReentrant
        returns (uint256 microInr)
    {
        return _buyWithToken(to, amount, minMicroInr);
    }

    /// @inheritdoc IPowerCoinDesk
    function buyWithTokenPermit(
        address to,
        uint256 amount,
        uint256 minMicroInr,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external whenNotPaused nonReentrant returns (uint256 microInr) {
        // Somebody who saw the permit in the mempool may have used it already: then the allowance is there.
        address coin = address(_stablecoin());
        if (STABLECOIN.allowance(msg.sender, address(this)) < amount) {
            IERC20Permit(coin).permit(msg.sender, address(this), amount, deadline, v, r, s);
        }
        return _buyWithToken(to, amount, minMicroInr);
    }

    // ------------------------------------------------------------------ users: redeem

    /// @inheritdoc IPowerCoinDesk
    function redeemForEther(uint256 microInr, uint256 minWei) external nonReentrant returns (uint256 weiPaid) {
        weiPaid = Math.mulDiv(microInr, WEI_PER_ETHER, _rate);
        _redeem(ETHER, microInr, weiPaid, minWei);
    }

    /// @inheritdoc IPowerCoinDesk
    function redeemForToken(uint256 microInr, uint256 minAmount) external nonReentrant returns (uint256 amountPaid) {
        address asset = address(_stablecoin());
        amountPaid = Math.mulDiv(microInr, STABLECOIN_UNIT, STABLECOIN_PRICE);
        _redeem(asset, microInr, amountPaid, minAmount);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IPowerCoinDesk
    function rateLimits() external view returns (RateLimits memory) {
        return _limits;
    }

    /// @inheritdoc IPowerCoinDesk
    function etherRate() external view returns (uint256 microInrPerEther, uint256 updatedAt) {
        return (_rate, _rateConfirmedAt);
    }

    /// @inheritdoc IPowerCoinDesk
    function stablecoin() external view returns (address token, uint256 microInrPerWholeToken) {
        return (address(STABLECOIN), STABLECOIN_PRICE);
    }

    /// @inheritdoc IPowerCoinDesk
    function reserveMicroInr() public view returns (uint256) {
        uint256 value = quoteEther(address(this).balance);
        if (address(STABLECOIN) == address(0)) return value;
        return value + _tokenValueDown(STABLECOIN.balanceOf(address(this)));
    }

    /// @inheritdoc IPowerCoinDesk
    function supplyMicroInr() public view returns (uint256) {
        return TOKEN.totalSupply(INR);
    }

    /// @inheritdoc IPowerCoinDesk
    function quoteEther(uint256 weiAmount) public view returns (uint256 microInr) {
        return Math.mulDiv(weiAmount, _rate, WEI_PER_ETHER);
    }

    /// @inheritdoc IPowerCoinDesk
    function etherFor(uint256 microInr) external view returns (uint256 weiAmount) {
        return Math.mulDiv(microInr, WEI_PER_ETHER, _rate, Math.Rounding.Ceil);
    }

    // ------------------------------------------------------------------ internal

    function _buyWithToken(address to, uint256 amount, uint256 minMicroInr) private returns (uint256 microInr) {
        IERC20 token = _stablecoin();
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        // A token may keep a fee: what arrived is what is paid for.
        uint256 received = token.balanceOf(address(this)) - before;
        microInr = _tokenValueDown(received);
        _issue(to, address(token), received, microInr, minMicroInr);
    }

    function _issue(address to, address asset, uint256 assetAmount, uint256 microInr, uint256 minMicroInr) private {
        if (microInr == 0) revert PowerCoinDesk_ZeroAmount();
        if (microInr < minMicroInr) revert PowerCoinDesk_Slippage(microInr, minMicroInr);
        emit Bought(msg.sender, to, asset, assetAmount, microInr);
        TOKEN.mintInr(to, microInr);
    }

    function _redeem(address asset, uint256 microInr, uint256 amount, uint256 minAmount) private {
        if (amount == 0) revert PowerCoinDesk_ZeroAmount();
        if (amount < minAmount) revert PowerCoinDesk_Slippage(amount, minAmount);
        emit Redeemed(msg.sender, asset, microInr, amount);
        TOKEN.burnInr(msg.sender, microInr);
        _pay(asset, msg.sender, amount);
    }

    function _pay(address asset, address to, uint256 amount) private {
        uint256 available = asset == ETHER ? address(this).balance : STABLECOIN.balanceOf(address(this));
        if (amount > available) revert PowerCoinDesk_AssetShortfall(asset, amount, available);
        if (asset == ETHER) {
            (bool sent,) = to.call{value: amount}("");
            if (!sent) revert PowerCoinDesk_EtherTransferFailed();
        } else {
            STABLECOIN.safeTransfer(to, amount);
        }
    }

    function _tokenValueDown(uint256 amount) private view returns (uint256 microInr) {
        return Math.mulDiv(amount, STABLECOIN_PRICE, STABLECOIN_UNIT);
    }

    function _stablecoin() private view returns (IERC20) {
        if (address(STABLECOIN) == address(0)) revert PowerCoinDesk_NoStablecoin();
        return STABLECOIN;
    }

    function _requireFreshRate() private view {
        if (block.timestamp - _rateConfirmedAt > _limits.maxAge) {
            revert PowerCoinDesk_StaleRate(_rateConfirmedAt, _limits.maxAge);
        }
    }

    function _requireAllowedStep(uint256 oldRate, uint256 newRate) private view {
        RateLimits memory limits = _limits;
        if (block.timestamp - _rateChangedAt < limits.minInterval) {
            revert PowerCoinDesk_RateTooSoon(_rateChangedAt, limits.minInterval);
        }
        uint256 step = oldRate * limits.maxStepBps / BPS;
        uint256 min = Math.max(limits.minRate, oldRate - step);
        uint256 max = Math.min(limits.maxRate, oldRate + step);
        if (newRate < min || newRate > max) revert PowerCoinDesk_RateOutOfBounds(newRate, min, max);
    }

    function _requireCovered() private view {
        uint256 reserve = reserveMicroInr();
        uint256 supply = supplyMicroInr();
        if (reserve < supply) revert PowerCoinDesk_ReserveShortfall(reserve, supply);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Ether and a stablecoin in and out of INR
/// @notice The only issuer of INR. At all times, valued at the posted rates,
/// ether reserve + stablecoin reserve >= INR supply; a rate that would break this is refused.
/// Redemption works while paused. Rounding: bought INR down, redeemed assets down.
/// The reserve is what the desk really owns: ether forced upon it and tokens sent to it only add to the surplus,
/// since nothing is priced by the reserve. Plain ether transfers are refused: use `fundReserve`.
/// @dev Trusted: the operator's posted ether rate within RateLimits, and the stablecoin for its posted value.
interface IPowerCoinDesk {
    /// @param minRate, maxRate bounds of the ether rate, micro-rupees per ether
    /// @param maxStepBps largest change at once, 0.01 % of the rate before
    /// @param minInterval seconds between two changes, so that steps cannot be added up in one go
    /// @param maxAge seconds after which the rate no longer sells INR
    struct RateLimits {
        uint96 minRate;
        uint96 maxRate;
        uint16 maxStepBps;
        uint24 minInterval;
        uint24 maxAge;
    }

    event Bought(
        address indexed payer, address indexed to, address indexed asset, uint256 assetAmount, uint256 microInr
    );
    event Redeemed(address indexed holder, address indexed asset, uint256 microInr, uint256 assetAmount);
    event EtherRateChanged(uint256 oldMicroInrPerEther, uint256 newMicroInrPerEther);
    event ReserveFunded(address indexed from, address indexed asset, uint256 amount);
    event SurplusWithdrawn(address indexed to, address indexed asset, uint256 amount);

    error PowerCoinDesk_ZeroAmount();
    /// The result is below the caller's limit.
    error PowerCoinDesk_Slippage(uint256 result, uint256 limit);
    /// The new rate lies outside the bounds or steps too far at once.
    error PowerCoinDesk_RateOutOfBounds(uint256 rate, uint256 min, uint256 max);
    /// The ether rate is older than RateLimits.maxAge: buying with ether is refused, redeeming is not.
    error PowerCoinDesk_StaleRate(uint256 updatedAt, uint256 maxAge);
    /// The operation would leave the reserve below the supply.
    error PowerCoinDesk_ReserveShortfall(uint256 reserveMicroInr, uint256 supplyMicroInr);
    /// Not enough of this asset in the reserve; redeem for the other one.
    error PowerCoinDesk_AssetShortfall(address asset, uint256 wanted, uint256 available);
    error PowerCoinDesk_EtherTransferFailed();
    /// The rate was changed less than the minimum interval ago.
    error PowerCoinDesk_RateTooSoon(uint256 changedAt, uint256 minInterval);
    /// Limits must satisfy 0 < minRate <= maxRate, 0 < maxStepBps <= 10 000, maxAge > 0.
    error PowerCoinDesk_BadRateLimits();
    /// The desk was set up without a stablecoin: buy and redeem with ether.
    error PowerCoinDesk_NoStablecoin();
    /// Only ether (the zero address) and the stablecoin are reserves.
    error PowerCoinDesk_UnknownAsset(address asset);

    /// @notice Buys INR for the ether sent. @param to receiver @param minMicroInr slippage limit
    function buyWithEther(address to, uint256 minMicroInr) external payable returns (uint256 microInr);
    /// @notice Buys INR for `amount` of the stablecoin, which must be approved.
    function buyWithToken(address to, uint256 amount, uint256 minMicroInr) external returns (uint256 microInr);
    /// @notice The same with an EIP-2612 permit in one transaction; a permit already used is no error if the allowance
    /// stands.
    function buyWithTokenPermit(
        address to,
        uint256 amount,
        uint256 minMicroInr,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint256 microInr);
    /// @notice Burns the caller's INR and pays ether. Never paused.
    function redeemForEther(uint256 microInr, uint256 minWei) external returns (uint256 weiPaid);
    /// @notice Burns the caller's INR and pays the stablecoin. Never paused.
    function redeemForToken(uint256 microInr, uint256 minAmount) external returns (uint256 amountPaid);

    /// @notice Posts the ether rate; the same rate again keeps it fresh. Role: OPERATOR.
    function setEtherRate(uint256 microInrPerEther) external;
    /// @notice Adds ether to the reserve without minting.
    function fundReserve() external payable;
    /// @notice Takes out what the reserve holds above the supply; `asset` zero = ether. Refused while the rate is
    /// stale, since the surplus is valued by it. Role: OPERATOR.
    function withdrawSurplus(address asset, uint256 amount, address to) external;
    /// @notice Role: PAUSER. Stops buying only.
    function pause() external;
    function unpause() external;

    function rateLimits() external view returns (RateLimits memory);
    function etherRate() external view returns (uint256 microInrPerEther, uint256 updatedAt);
    /// @return token zero if there is none
    /// @return microInrPerWholeToken fixed when the desk was set up
    function stablecoin() external view returns (address token, uint256 microInrPerWholeToken);
    /// @notice Value of both reserves at the posted rates, rounded down.
    function reserveMicroInr() external view returns (uint256);
    function supplyMicroInr() external view returns (uint256);
    /// @notice Micro-rupees that `weiAmount` buys, rounded down.
    function quoteEther(uint256 weiAmount) external view returns (uint256 microInr);
    /// @notice Wei that buy at least `microInr`, rounded up.
    function etherFor(uint256 microInr) external view returns (uint256 weiAmount);
}

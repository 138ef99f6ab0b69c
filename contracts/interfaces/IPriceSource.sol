// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Where the market takes its prices from
/// @notice Implemented by PostedPrice (operator) and later by price feeds. Micro-rupees per kWh.
interface IPriceSource {
    /// @return buyPrice what a user pays the microgrid for a kWh
    /// @return sellPrice what the microgrid pays a user for a kWh, never above buyPrice
    /// @return updatedAt Unix seconds; the reader decides what is too old
    function prices() external view returns (uint256 buyPrice, uint256 sellPrice, uint256 updatedAt);
}

/// @title Prices posted by the operator within bounds
interface IPostedPrice is IPriceSource {
    event PricesPosted(uint256 buyPrice, uint256 sellPrice);
    event BoundsChanged(uint256 minPrice, uint256 maxPrice);

    error PostedPrice_OutOfBounds(uint256 price, uint256 min, uint256 max);
    /// The microgrid must not pay more than it takes.
    error PostedPrice_SellAboveBuy(uint256 sellPrice, uint256 buyPrice);
    /// The minimum must be positive and at most the maximum, which must be below 2^96.
    error PostedPrice_BadBounds(uint256 min, uint256 max);

    /// @notice Role: OPERATOR. Posting the same prices again keeps them fresh.
    function setPrices(uint256 buyPrice, uint256 sellPrice) external;
    /// @notice Role: OPERATOR. Changes one of the two and confirms the other.
    function setBuyPrice(uint256 buyPrice) external;
    function setSellPrice(uint256 sellPrice) external;
    /// @notice Role: admin. Prices that the new bounds would refuse become stale (updatedAt = 0) until posted anew.
    function setBounds(uint256 minPrice, uint256 maxPrice) external;
    function bounds() external view returns (uint256 minPrice, uint256 maxPrice);
}

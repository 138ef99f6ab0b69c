// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IPostedPrice, IPriceSource} from "../interfaces/IPriceSource.sol";

/// @title PostedPrice
/// @notice See IPostedPrice.
contract PostedPrice is IPostedPrice, AccessManaged {
    // ------------------------------------------------------------------ storage

    // slot: both prices and their time, one read for the market
    uint96 private _buyPrice;
    uint96 private _sellPrice;
    uint64 private _updatedAt;

    // slot
    uint96 private _minPrice;
    uint96 private _maxPrice;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, uint96 minPrice, uint96 maxPrice, uint96 buyPrice, uint96 sellPrice)
        AccessManaged(manager)
    {
        _setBounds(minPrice, maxPrice);
        _post(buyPrice, sellPrice);
    }

    // ------------------------------------------------------------------ admin

    /// @inheritdoc IPostedPrice
    function setBounds(uint256 minPrice, uint256 maxPrice) external restricted {
        _setBounds(minPrice, maxPrice);
        // A price that the new bounds would refuse must not go on: its age becomes infinite.
        if (_sellPrice < minPrice || _buyPrice > maxPrice) _updatedAt = 0;
    }

    // ------------------------------------------------------------------ operator

    /// @inheritdoc IPostedPrice
    function setPrices(uint256 buyPrice, uint256 sellPrice) external restricted {
        _post(buyPrice, sellPrice);
    }

    /// @inheritdoc IPostedPrice
    function setBuyPrice(uint256 buyPrice) external restricted {
        _post(buyPrice, _sellPrice);
    }

    /// @inheritdoc IPostedPrice
    function setSellPrice(uint256 sellPrice) external restricted {
        _post(_buyPrice, sellPrice);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IPriceSource
    function prices() external view returns (uint256 buyPrice, uint256 sellPrice, uint256 updatedAt) {
        return (_buyPrice, _sellPrice, _updatedAt);
    }

    /// @inheritdoc IPostedPrice
    function bounds() external view returns (uint256 minPrice, uint256 maxPrice) {
        return (_minPrice, _maxPrice);
    }

    // ------------------------------------------------------------------ internal

    function _setBounds(uint256 minPrice, uint256 maxPrice) private {
        if (minPrice == 0 || minPrice > maxPrice || maxPrice > type(uint96).max) {
            revert PostedPrice_BadBounds(minPrice, maxPrice);
        }
        (_minPrice, _maxPrice) = (uint96(minPrice), uint96(maxPrice));
        emit BoundsChanged(minPrice, maxPrice);
    }

    function _post(uint256 buyPrice, uint256 sellPrice) private {
        _requireWithinBounds(buyPrice);
        _requireWithinBounds(sellPrice);
        if (sellPrice > buyPrice) revert PostedPrice_SellAboveBuy(sellPrice, buyPrice);
        // Both are at most _maxPrice, a uint96.
        (_buyPrice, _sellPrice, _updatedAt) = (uint96(buyPrice), uint96(sellPrice), uint64(block.timestamp));
        emit PricesPosted(buyPrice, sellPrice);
    }

    function _requireWithinBounds(uint256 price) private view {
        if (price < _minPrice || price > _maxPrice) revert PostedPrice_OutOfBounds(price, _minPrice, _maxPrice);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title Prices and totals of the real-time pool
/// @notice The rules of backend/market/real_time_pool.py. With R = S / D the selling price is
/// l_s l_b D / ((l_b - l_s) S + l_s D), a fraction; totals are rounded once. Energies are below 2^64 Wh and prices
/// below 2^32 micro-rupees per kWh, so that no product here reaches 2^256.
library PoolMath {
    uint256 private constant WH_PER_KWH = 1000;

    /// @notice What buyers pay, sellers get and the main grid gets (negative: pays): the first is the sum of the rest.
    /// A short pool rounds the sellers' total down and the grid's bill up; a long one the buyers' total up and
    /// what the grid pays down.
    function totals(uint256 supplyWh, uint256 demandWh, uint256 buyback, uint256 retail)
        internal
        pure
        returns (uint256 buyers, uint256 sellers, int256 grid)
    {
        if (supplyWh < demandWh) {
            uint256 bill = Math.ceilDiv((demandWh - supplyWh) * retail, WH_PER_KWH);
            (uint256 above, uint256 below) = _sellPrice(supplyWh, demandWh, buyback, retail);
            sellers = (supplyWh * above) / (below * WH_PER_KWH);
            return (sellers + bill, sellers, int256(bill)); // below 2^96
        }
        buyers = Math.ceilDiv(demandWh * buyback, WH_PER_KWH);
        uint256 paid = ((supplyWh - demandWh) * buyback) / WH_PER_KWH;
        return (buyers, buyers + paid, -int256(paid)); // below 2^96
    }

    /// @notice Prices per kWh for showing: the seller's rounded down, the buyer's up. With neither supply nor demand
    /// they are what the next to come alone would meet.
    function pricesShown(uint256 supplyWh, uint256 demandWh, uint256 buyback, uint256 retail)
        internal
        pure
        returns (uint256 sellDown, uint256 buyUp)
    {
        if (supplyWh == 0) return (demandWh == 0 ? buyback : retail, retail);
        if (supplyWh >= demandWh) return (buyback, buyback);
        (uint256 above, uint256 below) = _sellPrice(supplyWh, demandWh, buyback, retail);
        sellDown = above / below;
        // p_buy = p_sell S / D + l_b (D - S) / D
        uint256 whole = above * supplyWh + retail * (demandWh - supplyWh) * below;
        buyUp = Math.ceilDiv(whole, below * demandWh);
    }

    /// @notice Part of `total` that falls to the weight between `before` and `reached` of `whole`, running sums rounded
    /// up: the first pay first.
    function shareUp(uint256 total, uint256 before, uint256 reached, uint256 whole) internal pure returns (uint256) {
        return Math.ceilDiv(total * reached, whole) - Math.ceilDiv(total * before, whole);
    }

    /// @notice The same with running sums rounded down.
    function shareDown(uint256 total, uint256 before, uint256 reached, uint256 whole) internal pure returns (uint256) {
        return (total * reached) / whole - (total * before) / whole;
    }

    /// The selling price of a short pool as a fraction; `above` is a multiple of the demand.
    function _sellPrice(uint256 supplyWh, uint256 demandWh, uint256 buyback, uint256 retail)
        private
        pure
        returns (uint256 above, uint256 below)
    {
        // A main grid that pays nothing makes it 0, also where both prices are 0 and there would be no fraction.
        if (buyback == 0) return (0, 1);
        return (buyback * retail * demandWh, (retail - buyback) * supplyWh + buyback * demandWh);
    }
}

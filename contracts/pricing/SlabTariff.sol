// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITariffBook} from "../interfaces/ITariffBook.sol";

/// @title Arithmetic of slab tariffs
/// @notice Results are in micro-rupees x Wh per kWh, that is thousandths of a micro-rupee, so that a bill is rounded
/// once, at its end.
library SlabTariff {
    uint256 internal constant WH_PER_KWH = 1000;

    /// @notice Exact price of `wh` in one billing period.
    /// @dev The last flat band is open (TariffBook refuses others), so the second loop always finds one.
    function milliCharge(ITariffBook.Tariff storage tariff, uint256 wh) internal view returns (uint256 milli) {
        ITariffBook.Slab[] storage slabs = tariff.telescopic;
        uint256 below = 0;
        for (uint256 i = 0; i < slabs.length; ++i) {
            uint256 upto = slabs[i].uptoWh;
            uint256 price = slabs[i].priceMicroInrPerKwh;
            if (wh <= upto) return milli + (wh - below) * price;
            milli += (upto - below) * price;
            below = upto;
        }
        slabs = tariff.flat;
        uint256 band = 0;
        while (wh > slabs[band].uptoWh) ++band;
        return wh * slabs[band].priceMicroInrPerKwh;
    }

    /// @notice Exact price of `wh` spread evenly over `periods` billing periods.
    function milliChargeSpread(ITariffBook.Tariff storage tariff, uint256 wh, uint256 periods)
        internal
        view
        returns (uint256 milli)
    {
        uint256 share = wh / periods;
        uint256 withOneMore = wh % periods;
        milli = (periods - withOneMore) * milliCharge(tariff, share);
        if (withOneMore > 0) milli += withOneMore * milliCharge(tariff, share + 1);
    }

    function divUp(uint256 milli) internal pure returns (uint256) {
        return (milli + WH_PER_KWH - 1) / WH_PER_KWH;
    }

    function divDown(uint256 milli) internal pure returns (uint256) {
        return milli / WH_PER_KWH;
    }

    /// @notice The first field that makes a tariff unusable, or an empty string.
    function firstBadField(ITariffBook.Tariff calldata tariff, uint256 maxSlabs) internal pure returns (string memory) {
        if (bytes(tariff.name).length == 0) return "name";
        if (tariff.validUntil <= tariff.validFrom) return "validUntil";
        if (tariff.billingPeriodSeconds == 0) return "billingPeriodSeconds";
        if (tariff.telescopic.length > maxSlabs) return "telescopic";
        if (tariff.flat.length == 0 || tariff.flat.length > maxSlabs) return "flat";
        uint256 below = 0;
        for (uint256 i = 0; i < tariff.telescopic.length; ++i) {
            if (tariff.telescopic[i].uptoWh <= below) return "telescopic";
            below = tariff.telescopic[i].uptoWh;
        }
        for (uint256 i = 0; i < tariff.flat.length; ++i) {
            if (tariff.flat[i].uptoWh <= below) return "flat";
            below = tariff.flat[i].uptoWh;
        }
        return below == type(uint64).max ? "" : "flat";
    }
}

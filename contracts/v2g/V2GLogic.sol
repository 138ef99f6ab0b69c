// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IIncentiveRates} from "../interfaces/IIncentiveRates.sol";

/// @title The rules of IncentiveRates and V2GExchange as pure functions
/// @notice backend/dispatch/v2g.py has the same rules; a test holds them together by common vectors.
library V2GLogic {
    using SafeCast for uint256;

    uint256 internal constant BPS = 10_000;
    uint256 private constant WH_PER_KWH = 1000;

    /// @notice What `wh` cost, micro-rupees; up, in favour of the pool.
    function costUp(uint256 wh, uint256 price) internal pure returns (uint256 microInr) {
        return Math.ceilDiv(wh * price, WH_PER_KWH);
    }

    /// @notice What `wh` earn, micro-rupees; down, in favour of the pool.
    function rewardDown(uint256 wh, uint256 price) internal pure returns (uint256 microInr) {
        return wh * price / WH_PER_KWH;
    }

    /// @notice What a kWh earns under these rates; down.
    function rewardPriceDown(uint256 basePrice, uint256 multiplierBps) internal pure returns (uint256 price) {
        return basePrice * multiplierBps / BPS;
    }

    /// @notice What the community lacked in a slot before storage and the main grid answered; negative: left over.
    function needWh(IMeterLedger.PowerData memory data) internal pure returns (int256) {
        return int256(uint256(data.consumptionWh)) - int256(uint256(data.prosumerExportWh))
            - int256(uint256(data.derGenerationWh));
    }

    /// @notice What a need means.
    function stateOf(int256 need, IIncentiveRates.Settings memory limits)
        internal
        pure
        returns (IIncentiveRates.GridState)
    {
        if (need >= int256(uint256(limits.stressWh))) return IIncentiveRates.GridState.Stress;
        if (need <= -int256(uint256(limits.surplusWh))) return IIncentiveRates.GridState.Surplus;
        return IIncentiveRates.GridState.Balanced;
    }

    /// @notice Need as a share of the peak, 0 to 10000; down.
    function demandBps(int256 need, uint256 peakWh) internal pure returns (uint256) {
        if (need <= 0) return 0;
        return Math.min(BPS, uint256(need) * BPS / peakWh);
    }

    /// @notice Where carbon intensity stands between clean and dirty, 0 to 10000; down.
    function carbonBps(uint256 grams, uint256 cleanGrams, uint256 dirtyGrams) internal pure returns (uint256) {
        uint256 above = Math.saturatingSub(grams, cleanGrams);
        return Math.min(BPS, above * BPS / (dirtyGrams - cleanGrams));
    }

    /// @notice The multiplier that both parts give, within its bounds; down.
    function multiplierDown(uint256 demand, uint256 carbon, IIncentiveRates.Settings memory limits)
        internal
        pure
        returns (uint32)
    {
        uint256 weight = limits.demandWeightBps;
        uint256 urgency = demand * weight + carbon * (BPS - weight); // of BPS x BPS
        uint256 room = uint256(limits.maxMultiplierBps) - limits.minMultiplierBps;
        return (limits.minMultiplierBps + room * urgency / (BPS * BPS)).toUint32();
    }

    /// @notice What lies between a battery's charge before and after, given what the meter counted: lowest with the
    /// greatest losses each way, highest with none. Both within 0 to capacity.
    function socRange(
        uint256 beforeWh,
        uint256 chargedWh,
        uint256 dischargedWh,
        uint256 efficiencyBps,
        uint256 capacityWh
    ) internal pure returns (uint256 lowestWh, uint256 highestWh) {
        uint256 leastIn = beforeWh + chargedWh * efficiencyBps / BPS;
        lowestWh = Math.min(capacityWh, Math.saturatingSub(leastIn, drawnUp(dischargedWh, efficiencyBps)));
        highestWh = Math.min(capacityWh, Math.saturatingSub(beforeWh + chargedWh, dischargedWh));
    }

    /// @notice The most that a battery loses for `wh` at the meter, or that the meter takes for `wh` in it; up.
    function drawnUp(uint256 wh, uint256 efficiencyBps) internal pure returns (uint256) {
        return Math.ceilDiv(wh * BPS, efficiencyBps);
    }

    /// @notice Slots of charging at `maxChargeWh` that bring a battery from `socWh` to the target; up.
    function slotsNeededUp(uint256 targetWh, uint256 socWh, uint256 maxChargeWh, uint256 efficiencyBps)
        internal
        pure
        returns (uint256)
    {
        uint256 missing = drawnUp(Math.saturatingSub(targetWh, socWh), efficiencyBps);
        if (missing == 0) return 0;
        // A charge point that cannot charge never gets there.
        return maxChargeWh == 0 ? type(uint64).max : Math.ceilDiv(missing, maxChargeWh);
    }

    /// @notice The first field that cannot be, or "".
    function firstBad(IIncentiveRates.Settings memory s) internal pure returns (string memory) {
        if (s.minBasePrice == 0) return "minBasePrice";
        if (s.maxBasePrice < s.minBasePrice || s.maxBasePrice > type(uint40).max) return "maxBasePrice";
        if (s.minMultiplierBps == 0) return "minMultiplierBps";
        if (s.maxMultiplierBps < s.minMultiplierBps || s.maxMultiplierBps > 100 * BPS) return "maxMultiplierBps";
        if (s.demandWeightBps > BPS) return "demandWeightBps";
        if (s.dirtyGrams <= s.cleanGrams) return "dirtyGrams";
        if (s.surplusWh == 0) return "surplusWh";
        if (s.stressWh == 0) return "stressWh";
        if (s.peakWh == 0) return "peakWh";
        if (s.maxPriceAge == 0) return "maxPriceAge";
        return "";
    }
}

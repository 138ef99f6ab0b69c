// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What charging a car costs and discharging one earns, and when either is wanted
/// @notice Grid state. Need of a slot = consumption - prosumer export - DER generation, from the totals committed to
/// IMeterLedger; the main grid and storage (batteries, cars) answer it and take no part. A need of `stressWh` or more
/// is stress, one of `-surplusWh` or less is surplus. A state older than `maxStateAgeSlots` is refused.
///
/// Prices. The base price is the price source's within bounds. The incentive multiplier goes from its lower to its
/// upper bound with the need (full at `peakWh`) and the main grid's carbon intensity (none at `cleanGrams`, full at
/// `dirtyGrams`), each with its weight. Anybody may have them updated; they apply from the next slot on, and what was
/// in force in a slot stays readable. Prices in micro-rupees per kWh.
/// @dev Trusted: the price source, the carbon feed and the ledger, each for its figures, within the bounds.
interface IIncentiveRates {
    enum GridState {
        Balanced,
        Surplus,
        Stress
    }

    /// @param minBasePrice, maxBasePrice bounds of the base price; equal ones fix it
    /// @param minMultiplierBps, maxMultiplierBps bounds of the incentive multiplier, 10000 = 1
    /// @param demandWeightBps weight of need in the multiplier; the rest is carbon intensity's
    /// @param cleanGrams, dirtyGrams g CO2/kWh at which the carbon part is none and full
    /// @param surplusWh, stressWh, peakWh see above, Wh in a slot
    /// @param maxStateAgeSlots slots that the newest committed slot may be behind
    /// @param maxPriceAge seconds that the price source's word, and an update, may be old
    struct Settings {
        uint64 minBasePrice;
        uint64 maxBasePrice;
        uint32 minMultiplierBps;
        uint32 maxMultiplierBps;
        uint16 demandWeightBps;
        uint16 cleanGrams;
        uint16 dirtyGrams;
        uint32 surplusWh;
        uint32 stressWh;
        uint32 peakWh;
        uint16 maxStateAgeSlots;
        uint32 maxPriceAge;
    }

    /// @param rewardPrice base price x multiplier, down
    struct Rates {
        uint64 basePrice;
        uint32 multiplierBps;
        uint64 rewardPrice;
    }

    event SettingsChanged(Settings settings);
    /// In force from `fromSlot` on. `demandBps` and `carbonBps` made the multiplier, 0 to 10000.
    event RatesUpdated(
        uint64 indexed fromSlot, uint64 basePrice, uint32 multiplierBps, uint256 demandBps, uint256 carbonBps
    );

    error IncentiveRates_BadSettings(string field);
    error IncentiveRates_StaleState(uint64 slot, uint64 oldestSlot);
    error IncentiveRates_StalePrice(uint256 updatedAt);
    error IncentiveRates_CarbonUnknown(uint64 hour);
    /// Rates for the coming slot stand, and so they stay.
    error IncentiveRates_NotDue(uint64 fromSlot);
    /// Rates were never set, or not updated for `maxPriceAge`.
    error IncentiveRates_NoRates(uint64 slot);
    error IncentiveRates_StaleRates(uint256 checkedAt);

    /// @notice Computes base price and multiplier anew for the slots from the next one on. Permissionless.
    function updateIncentiveRates() external;
    /// @notice Role: OPERATOR. Rates that stand stay until the next update.
    function setSettings(Settings calldata newSettings) external;

    function settings() external view returns (Settings memory);
    /// @notice The newest committed slot and what it says. Reverts if it is too old.
    function gridState() external view returns (uint64 slot, int256 needWh, GridState state);
    /// @notice Rates in force in a slot; all 0 before the first update.
    function ratesAt(uint64 slot) external view returns (Rates memory);
    /// @notice The same for the coming slot. Reverts if there are none, or if they are old.
    function comingRates() external view returns (Rates memory);
    /// @notice What an update would set now, and the parts of the multiplier.
    function nextRates() external view returns (Rates memory rates, uint256 demandBps, uint256 carbonBps);
    /// @notice When rates were last computed, Unix seconds.
    function checkedAt() external view returns (uint256);
    /// @notice The highest reward that the settings admit.
    function highestReward() external view returns (uint256 price);
}

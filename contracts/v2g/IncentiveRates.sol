// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {ICarbonIntensity} from "../interfaces/ICarbonIntensity.sol";
import {IIncentiveRates} from "../interfaces/IIncentiveRates.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IPriceSource} from "../interfaces/IPriceSource.sol";
import {V2GLogic} from "./V2GLogic.sol";

/// @title IncentiveRates
/// @notice See IIncentiveRates.
contract IncentiveRates is IIncentiveRates, AccessManaged {
    using Checkpoints for Checkpoints.Trace160;

    // ------------------------------------------------------------------ constants

    /// @notice Hours that the carbon intensity in force may be old.
    uint256 public constant CARBON_HOURS = 3;

    // ------------------------------------------------------------------ immutables

    IMeterLedger private immutable LEDGER;
    IPriceSource private immutable PRICES;
    ICarbonIntensity private immutable CARBON;

    // ------------------------------------------------------------------ storage

    Settings private _settings;
    /// @inheritdoc IIncentiveRates
    uint256 public checkedAt;
    /// Slot => base price << 32 | multiplier.
    Checkpoints.Trace160 private _rates;

    // ------------------------------------------------------------------ constructor

    constructor(
        address manager,
        IMeterLedger ledger,
        IPriceSource priceSource,
        ICarbonIntensity carbon,
        Settings memory firstSettings
    ) AccessManaged(manager) {
        (LEDGER, PRICES, CARBON) = (ledger, priceSource, carbon);
        _setSettings(firstSettings);
    }

    // ------------------------------------------------------------------ operator

    /// @inheritdoc IIncentiveRates
    function setSettings(Settings calldata newSettings) external restricted {
        _setSettings(newSettings);
    }

    // ------------------------------------------------------------------ everyone

    /// @inheritdoc IIncentiveRates
    function updateIncentiveRates() external {
        (Rates memory rates, uint256 demand, uint256 carbon) = nextRates();
        uint64 fromSlot = LEDGER.currentSlot() + 1;
        (bool exists, uint96 last, uint160 inForce) = _rates.latestCheckpoint();
        if (exists && last == fromSlot) revert IncentiveRates_NotDue(fromSlot);
        checkedAt = block.timestamp;
        uint160 word = uint160((uint256(rates.basePrice) << 32) | rates.multiplierBps);
        if (word == inForce) return;
        _rates.push(fromSlot, word);
        emit RatesUpdated(fromSlot, rates.basePrice, rates.multiplierBps, demand, carbon);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IIncentiveRates
    function settings() external view returns (Settings memory) {
        return _settings;
    }

    /// @inheritdoc IIncentiveRates
    function gridState() public view returns (uint64 slot, int256 needWh, GridState state) {
        Settings memory limits = _settings;
        slot = LEDGER.latestSlot();
        uint64 current = LEDGER.currentSlot();
        uint64 oldest = current > limits.maxStateAgeSlots ? current - limits.maxStateAgeSlots : 0;
        if (slot < oldest || slot == 0) revert IncentiveRates_StaleState(slot, oldest);
        needWh = V2GLogic.needWh(LEDGER.powerData(slot));
        state = V2GLogic.stateOf(needWh, limits);
    }

    /// @inheritdoc IIncentiveRates
    function ratesAt(uint64 slot) public view returns (Rates memory) {
        uint256 word = _rates.upperLookupRecent(slot);
        // Cut to the parts of the word.
        return _ratesOf(uint64(word >> 32), uint32(word));
    }

    /// @inheritdoc IIncentiveRates
    function comingRates() external view returns (Rates memory rates) {
        uint64 slot = LEDGER.currentSlot() + 1;
        rates = ratesAt(slot);
        if (rates.multiplierBps == 0) revert IncentiveRates_NoRates(slot);
        if (checkedAt + _settings.maxPriceAge < block.timestamp) revert IncentiveRates_StaleRates(checkedAt);
    }

    /// @inheritdoc IIncentiveRates
    function nextRates() public view returns (Rates memory rates, uint256 demandBps, uint256 carbonBps) {
        Settings memory limits = _settings;
        (, int256 need,) = gridState();
        (uint256 price,, uint256 updatedAt) = PRICES.prices();
        if (updatedAt + limits.maxPriceAge < block.timestamp) revert IncentiveRates_StalePrice(updatedAt);
        demandBps = V2GLogic.demandBps(need, limits.peakWh);
        carbonBps = V2GLogic.carbonBps(_carbonNow(), limits.cleanGrams, limits.dirtyGrams);
        price = Math.min(Math.max(price, limits.minBasePrice), limits.maxBasePrice);
        // The bounds have 64 bits.
        rates = _ratesOf(uint64(price), V2GLogic.multiplierDown(demandBps, carbonBps, limits));
    }

    /// @inheritdoc IIncentiveRates
    function highestReward() external view returns (uint256 price) {
        return V2GLogic.rewardPriceDown(_settings.maxBasePrice, _settings.maxMultiplierBps);
    }

    // ------------------------------------------------------------------ internal

    function _ratesOf(uint64 basePrice, uint32 multiplierBps) private pure returns (Rates memory) {
        // A base price has 40 bits and a multiplier 20.
        return Rates(basePrice, multiplierBps, uint64(V2GLogic.rewardPriceDown(basePrice, multiplierBps)));
    }

    /// The newest figure of the last CARBON_HOURS hours, g CO2/kWh.
    function _carbonNow() private view returns (uint256) {
        uint256 hour = block.timestamp / 1 hours;
        for (uint256 back = 0; back < CARBON_HOURS; ++back) {
            (bool known, uint16 grams) = CARBON.intensityOf(uint64(hour - back));
            if (known) return grams;
        }
        revert IncentiveRates_CarbonUnknown(uint64(hour));
    }

    function _setSettings(Settings memory limits) private {
        string memory field = V2GLogic.firstBad(limits);
        if (bytes(field).length != 0) revert IncentiveRates_BadSettings(field);
        _settings = limits;
        emit SettingsChanged(limits);
    }
}

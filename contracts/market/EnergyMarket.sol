// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {MeterId, SwitchId, BillingMode, Registers} from "../Types.sol";
import {IEnergyMarket} from "../interfaces/IEnergyMarket.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {IPowerCoinDesk} from "../interfaces/IPowerCoinDesk.sol";
import {IPriceSource} from "../interfaces/IPriceSource.sol";
import {IPriorityRegistry} from "../interfaces/IPriorityRegistry.sol";
import {ITariffBook} from "../interfaces/ITariffBook.sol";
import {RegisterLib} from "../metering/RegisterLib.sol";
import {INR, ENERGY} from "../tokens/TokenIds.sol";
import {TokenReceiver} from "../tokens/TokenReceiver.sol";

/// @title EnergyMarket
/// @notice See IEnergyMarket. Request numbers start at 1.
/// @dev INR held here = escrow of unfinished requests + refunds not yet withdrawn + takings. Energy held here is the
/// community's inventory. Nothing is pushed to anybody but the caller and, in `topUp`, the meter's holder.
contract EnergyMarket is IEnergyMarket, AccessManaged, Pausable, ReentrancyGuardTransient, TokenReceiver {
    using SafeCast for uint256;
    using RegisterLib for Registers;

    /// The contracts the market works with.
    struct Links {
        IGridToken token;
        IPowerCoinDesk desk;
        IMeterRegistry registry;
        IMeterLedger ledger;
        ITariffBook tariffBook;
        IPriorityRegistry priorities;
        IPriceSource priceSource;
    }

    // ------------------------------------------------------------------ constants

    /// @notice Seconds after a cancellation from which neither a mute board nor an unsettled meter delays the refund.
    uint256 public constant CLOSING_TIMEOUT = 1 days;

    uint256 private constant WH_PER_KWH = 1000;
    /// A cut-off must fit the 40 bits of a register.
    uint256 private constant MAX_REQUEST_BOUND = 2 ** 39;

    // ------------------------------------------------------------------ immutables

    IPowerCoinDesk private immutable DESK;
    IMeterRegistry private immutable REGISTRY;
    IMeterLedger private immutable LEDGER;
    ITariffBook private immutable TARIFF_BOOK;
    IPriorityRegistry private immutable PRIORITIES;
    uint256 private immutable SLOT_SECONDS;

    // ------------------------------------------------------------------ storage

    // slot: what a purchase reads
    /// @inheritdoc IEnergyMarket
    IPriceSource public priceSource;
    uint32 private _maxPriceAge;
    uint64 private _reservedWh;

    // slot
    uint128 private _escrow;
    uint128 private _refunds;

    // slot
    uint64 private _emergencyCreditWh;
    uint64 private _maxRequestWh;

    uint256 private _requestCount;
    mapping(uint256 requestId => SupplyRequest) private _requests;
    mapping(SwitchId switchId => uint256 requestId) private _openRequestOf;
    mapping(address account => uint256 microInr) private _refundOf;
    mapping(MeterId meter => bool) private _suspended;

    // ------------------------------------------------------------------ constructor

    constructor(
        address manager,
        Links memory links,
        uint256 maxPriceAge,
        uint256 emergencyCreditWh,
        uint256 maxRequestWh
    ) AccessManaged(manager) TokenReceiver(links.token) {
        DESK = links.desk;
        REGISTRY = links.registry;
        LEDGER = links.ledger;
        TARIFF_BOOK = links.tariffBook;
        PRIORITIES = links.priorities;
        SLOT_SECONDS = links.ledger.slotSeconds();
        _setPriceSource(links.priceSource);
        _setParameters(maxPriceAge, emergencyCreditWh, maxRequestWh);
    }

    // ------------------------------------------------------------------ admin and operator

    /// @inheritdoc IEnergyMarket
    function setPriceSource(address newSource) external restricted {
        _setPriceSource(IPriceSource(newSource));
    }

    /// @inheritdoc IEnergyMarket
    function setParameters(uint256 maxPriceAge, uint256 emergencyCreditWh, uint256 maxRequestWh) external restricted {
        _setParameters(maxPriceAge, emergencyCreditWh, maxRequestWh);
    }

    /// @inheritdoc IEnergyMarket
    function withdrawTakings(uint256 microInr, address to) external restricted nonReentrant {
        _requireTakings(microInr);
        emit TakingsWithdrawn(to, microInr);
        _sendInr(to, microInr);
    }

    /// @inheritdoc IEnergyMarket
    function cutSupply(uint256 requestId) external restricted nonReentrant {
        _close(requestId, _inState(requestId, RequestState.Open));
    }

    /// @inheritdoc IEnergyMarket
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc IEnergyMarket
    function unpause() external restricted {
        _unpause();
    }

    // ------------------------------------------------------------------ energy units

    /// @inheritdoc IEnergyMarket
    function buyEnergy(uint256 energyWh, uint256 maxCostMicroInr)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 costMicroInr)
    {
        return _buyFor(msg.sender, energyWh, maxCostMicroInr);
    }

    /// @inheritdoc IEnergyMarket
    function sellEnergy(uint256 energyWh, uint256 minProceedsMicroInr)
        external
        whenNotPaused
        nonReentrant
        returns (uint256 proceedsMicroInr)
    {
        if (energyWh == 0) revert EnergyMarket_ZeroAmount();
        (, uint256 price) = _freshPrices();
        proceedsMicroInr = _mulDivDown(energyWh, price);
        if (proceedsMicroInr < minProceedsMicroInr) {
            revert EnergyMarket_Slippage(proceedsMicroInr, minProceedsMicroInr);
        }
        _requireTakings(proceedsMicroInr);
        emit EnergySold(msg.sender, energyWh, proceedsMicroInr, price);
        TOKEN.safeTransferFrom(msg.sender, address(this), ENERGY, energyWh, "");
        _sendInr(msg.sender, proceedsMicroInr);
    }

    /// @inheritdoc IEnergyMarket
    function topUp(MeterId meter, uint256 energyWh, uint256 maxCostMicroInr)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 costMicroInr)
    {
        (address holder,,,,) = REGISTRY.settlementOf(meter);
        if (holder == address(0)) revert EnergyMarket_NotHeld(meter);
        costMicroInr = _buyFor(holder, energyWh, maxCostMicroInr);
        if (LEDGER.debtOf(meter) > 0) LEDGER.repayDebt(meter);
        _enforce(meter);
    }

    // ------------------------------------------------------------------ supply on request

    /// @inheritdoc IEnergyMarket
    function requestSupply(SwitchId switchId, uint256 energyWh, uint256 maxCostMicroInr)
        external
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 requestId)
    {
        if (energyWh > _maxRequestWh) revert EnergyMarket_RequestTooLarge(energyWh, _maxRequestWh);
        MeterId meter = _onRequestMeter(switchId);
        uint256 startWh = _trueImportedWh(switchId, meter);
        (uint256 cost, uint256 price,) = _quoteWithin(energyWh, maxCostMicroInr);

        requestId = ++_requestCount;
        _requests[requestId] = SupplyRequest({
            requester: msg.sender,
            switchId: switchId,
            state: RequestState.Open,
            meter: meter,
            boughtWh: energyWh.toUint64(),
            usedWh: 0,
            startImportedWh: startWh.toUint64(),
            closingSlot: 0,
            priceMicroInrPerKwh: price,
            escrowMicroInr: cost
        });
        _openRequestOf[switchId] = requestId;
        _reservedWh += energyWh.toUint64();
        _escrow += cost.toUint128();
        emit SupplyRequested(requestId, switchId, msg.sender, energyWh, cost);
        PRIORITIES.setSupply(switchId, true, (startWh + energyWh).toUint40());
        _sendInr(msg.sender, _collect(cost));
    }

    /// @inheritdoc IEnergyMarket
    function drawDown(uint256 requestId) external nonReentrant {
        SupplyRequest storage supply = _requests[requestId];
        RequestState state = supply.state;
        if (state != RequestState.Open && state != RequestState.Closing) {
            revert EnergyMarket_WrongState(requestId, state);
        }
        _draw(requestId, supply);
        if (supply.usedWh < supply.boughtWh) return;
        _finish(requestId, supply);
        if (state == RequestState.Open) PRIORITIES.setSupply(supply.switchId, false, 0);
    }

    /// @inheritdoc IEnergyMarket
    function cancelSupply(uint256 requestId) external nonReentrant {
        SupplyRequest storage supply = _inState(requestId, RequestState.Open);
        if (supply.requester != msg.sender) revert EnergyMarket_NotRequester(requestId, msg.sender);
        _close(requestId, supply);
    }

    /// @inheritdoc IEnergyMarket
    function finishSupply(uint256 requestId) external nonReentrant {
        SupplyRequest storage supply = _inState(requestId, RequestState.Closing);
        uint256 timeOutAt = (uint256(supply.closingSlot) + 1) * SLOT_SECONDS + CLOSING_TIMEOUT;
        if (block.timestamp < timeOutAt) {
            _requireSettledAfter(requestId, supply.meter, _lastSupplySlot(supply));
        }
        _draw(requestId, supply);
        _finish(requestId, supply);
    }

    /// @inheritdoc IEnergyMarket
    function withdrawRefund() external nonReentrant returns (uint256 microInr) {
        microInr = _refundOf[msg.sender];
        if (microInr == 0) revert EnergyMarket_NothingToWithdraw(msg.sender);
        delete _refundOf[msg.sender];
        _refunds -= microInr.toUint128();
        emit RefundWithdrawn(msg.sender, microInr);
        _sendInr(msg.sender, microInr);
    }

    // ------------------------------------------------------------------ suspension

    /// @inheritdoc IEnergyMarket
    function enforce(MeterId meter) external nonReentrant returns (bool suspended) {
        return _enforce(meter);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IEnergyMarket
    function quoteBuyUp(uint256 energyWh) external view returns (uint256 costMicroInr) {
        (uint256 price,) = _freshPrices();
        return _mulDivUp(energyWh, price);
    }

    /// @inheritdoc IEnergyMarket
    function quoteSellDown(uint256 energyWh) external view returns (uint256 proceedsMicroInr) {
        (, uint256 price) = _freshPrices();
        return _mulDivDown(energyWh, price);
    }

    /// @inheritdoc IEnergyMarket
    function availableWh() public view returns (uint256) {
        return Math.saturatingSub(TOKEN.balanceOf(address(this), ENERGY) + LEDGER.advanceableWh(), _reservedWh);
    }

    /// @inheritdoc IEnergyMarket
    function reservedWh() external view returns (uint256) {
        return _reservedWh;
    }

    /// @inheritdoc IEnergyMarket
    function escrowMicroInr() external view returns (uint256) {
        return _escrow;
    }

    /// @inheritdoc IEnergyMarket
    function takingsMicroInr() public view returns (uint256) {
        return TOKEN.balanceOf(address(this), INR) - _escrow - _refunds;
    }

    /// @inheritdoc IEnergyMarket
    function refundOf(address account) external view returns (uint256 microInr) {
        return _refundOf[account];
    }

    /// @inheritdoc IEnergyMarket
    function request(uint256 requestId) external view returns (SupplyRequest memory) {
        return _requests[requestId];
    }

    /// @inheritdoc IEnergyMarket
    function openRequestOf(SwitchId switchId) external view returns (uint256 requestId) {
        return _openRequestOf[switchId];
    }

    /// @inheritdoc IEnergyMarket
    function requestCount() external view returns (uint256) {
        return _requestCount;
    }

    /// @inheritdoc IEnergyMarket
    function isSuspended(MeterId meter) external view returns (bool) {
        return _suspended[meter];
    }

    /// @inheritdoc IEnergyMarket
    function parameters() external view returns (uint256 maxPriceAge, uint256 emergencyCreditWh, uint256 maxRequestWh) {
        return (_maxPriceAge, _emergencyCreditWh, _maxRequestWh);
    }

    // ------------------------------------------------------------------ internal: trade

    /// Sells to the caller, who pays, energy that `receiver` gets.
    function _buyFor(address receiver, uint256 energyWh, uint256 maxCostMicroInr) private returns (uint256 cost) {
        uint256 price;
        uint256 stockWh;
        (cost, price, stockWh) = _quoteWithin(energyWh, maxCostMicroInr);
        emit EnergyBought(receiver, energyWh, cost, price);
        uint256 change = _collect(cost);
        if (energyWh > stockWh) LEDGER.advance(energyWh - stockWh);
        TOKEN.safeTransferFrom(address(this), receiver, ENERGY, energyWh, "");
        _sendInr(msg.sender, change);
    }

    function _quoteWithin(uint256 energyWh, uint256 maxCostMicroInr)
        private
        view
        returns (uint256 cost, uint256 price, uint256 stockWh)
    {
        if (energyWh == 0) revert EnergyMarket_ZeroAmount();
        stockWh = TOKEN.balanceOf(address(this), ENERGY);
        // Asks the ledger what may be sold ahead only if the stock does not do.
        if (energyWh > Math.saturatingSub(stockWh, _reservedWh)) {
            uint256 available = availableWh();
            if (energyWh > available) revert EnergyMarket_NoEnergy(energyWh, available);
        }
        (price,) = _freshPrices();
        cost = _mulDivUp(energyWh, price);
        if (cost > maxCostMicroInr) revert EnergyMarket_Slippage(cost, maxCostMicroInr);
    }

    function _freshPrices() private view returns (uint256 buyPrice, uint256 sellPrice) {
        uint256 updatedAt;
        (buyPrice, sellPrice, updatedAt) = priceSource.prices();
        if (block.timestamp > updatedAt + _maxPriceAge) revert EnergyMarket_StalePrice(updatedAt, _maxPriceAge);
    }

    /// Takes `cost` from the caller, in INR or as ether; returns the INR that the ether bought beyond it.
    function _collect(uint256 cost) private returns (uint256 changeMicroInr) {
        if (msg.value == 0) {
            TOKEN.safeTransferFrom(msg.sender, address(this), INR, cost, "");
            return 0;
        }
        uint256 bought = DESK.buyWithEther{value: msg.value}(address(this), 0);
        if (bought < cost) revert EnergyMarket_TooLittleEther(bought, cost);
        return bought - cost;
    }

    function _sendInr(address to, uint256 microInr) private {
        if (microInr > 0) TOKEN.safeTransferFrom(address(this), to, INR, microInr, "");
    }

    function _requireTakings(uint256 microInr) private view {
        uint256 takings = takingsMicroInr();
        if (microInr > takings) revert EnergyMarket_NoFunds(microInr, takings);
    }

    function _mulDivUp(uint256 energyWh, uint256 price) private pure returns (uint256 microInr) {
        return Math.mulDiv(energyWh, price, WH_PER_KWH, Math.Rounding.Ceil);
    }

    function _mulDivDown(uint256 energyWh, uint256 price) private pure returns (uint256 microInr) {
        return Math.mulDiv(energyWh, price, WH_PER_KWH);
    }

    // ------------------------------------------------------------------ internal: supply on request

    function _inState(uint256 requestId, RequestState state) private view returns (SupplyRequest storage supply) {
        supply = _requests[requestId];
        if (supply.state != state) revert EnergyMarket_WrongState(requestId, supply.state);
    }

    /// The meter behind a switch that can be supplied to somebody now.
    function _onRequestMeter(SwitchId switchId) private view returns (MeterId meter) {
        meter = PRIORITIES.switchConfig(switchId).meter;
        if (MeterId.unwrap(meter) == 0) revert EnergyMarket_NotOnRequest(switchId);
        (,, BillingMode mode,,) = REGISTRY.settlementOf(meter);
        if (mode != BillingMode.OnRequest) revert EnergyMarket_NotOnRequest(switchId);
        uint256 current = _openRequestOf[switchId];
        if (current != 0) revert EnergyMarket_SwitchBusy(switchId, current);
    }

    /// The settled import register, once it is certain that the meter counts no further: see IEnergyMarket.
    function _trueImportedWh(SwitchId switchId, MeterId meter) private view returns (uint256) {
        _requireSettledAfter(0, meter, _openedSlot(switchId, PRIORITIES.switchState(switchId)));
        return _settledImportedWh(meter);
    }

    /// The last slot in which a closing supply may still have been used.
    function _lastSupplySlot(SupplyRequest storage supply) private view returns (uint256) {
        SwitchId switchId = supply.switchId;
        IPriorityRegistry.SwitchState memory state = PRIORITIES.switchState(switchId);
        // An authority holds the relay closed: that is no longer this supply.
        if (state.closed && state.overridden == IPriorityRegistry.Override.ForceClosed) return supply.closingSlot;
        return Math.max(supply.closingSlot, _openedSlot(switchId, state));
    }

    /// The slot in which the relay acknowledged the opening that it was last told.
    function _openedSlot(SwitchId switchId, IPriorityRegistry.SwitchState memory state) private view returns (uint256) {
        bool acknowledged = state.acknowledgedAt != 0 && state.acknowledgedSequence == state.sequence;
        if (state.closed || state.acknowledgedClosed || !acknowledged) revert EnergyMarket_SwitchNotOpen(switchId);
        return state.acknowledgedAt / SLOT_SECONDS;
    }

    function _requireSettledAfter(uint256 requestId, MeterId meter, uint256 slot) private view {
        uint64 settled = LEDGER.settledSlot(meter);
        if (settled <= slot) revert EnergyMarket_NotSettledYet(requestId, (slot + 1).toUint64(), settled);
    }

    /// Books what was metered since the last time: escrow becomes takings. The sum over all calls is the use rounded
    /// up once, however often it is called.
    function _draw(uint256 requestId, SupplyRequest storage supply) private {
        uint256 before = supply.usedWh;
        uint256 metered = _settledImportedWh(supply.meter) - supply.startImportedWh;
        uint256 used = Math.min(metered, supply.boughtWh);
        if (used == before) return;
        uint256 price = supply.priceMicroInrPerKwh;
        uint256 earned = _mulDivUp(used, price) - _mulDivUp(before, price);
        supply.usedWh = used.toUint64();
        supply.escrowMicroInr -= earned;
        _escrow -= earned.toUint128();
        _reservedWh -= (used - before).toUint64();
        emit SupplyDrawn(requestId, used, supply.boughtWh - used, earned);
    }

    function _close(uint256 requestId, SupplyRequest storage supply) private {
        uint64 slot = LEDGER.currentSlot();
        supply.state = RequestState.Closing;
        supply.closingSlot = slot;
        emit SupplyClosing(requestId, slot);
        PRIORITIES.setSupply(supply.switchId, false, 0);
    }

    function _finish(uint256 requestId, SupplyRequest storage supply) private {
        uint256 refund = supply.escrowMicroInr;
        supply.state = RequestState.Finished;
        supply.escrowMicroInr = 0;
        delete _openRequestOf[supply.switchId];
        _reservedWh -= supply.boughtWh - supply.usedWh;
        _escrow -= refund.toUint128();
        _refunds += refund.toUint128();
        _refundOf[supply.requester] += refund;
        emit SupplyFinished(requestId, supply.usedWh, refund);
    }

    function _settledImportedWh(MeterId meter) private view returns (uint256) {
        return LEDGER.settledRegisters(meter).importedWh();
    }

    // ------------------------------------------------------------------ internal: suspension

    function _enforce(MeterId meter) private returns (bool) {
        (address holder,, BillingMode mode,,) = REGISTRY.settlementOf(meter);
        bool before = _suspended[meter];
        // Nobody answers for the meter: at most there is a suspension of an earlier household to lift.
        if (holder == address(0) && !before) revert EnergyMarket_NotHeld(meter);
        uint256 debtWh = LEDGER.debtOf(meter);
        // What the holder has bought meanwhile pays first.
        if (debtWh > _emergencyCreditWh) debtWh = LEDGER.repayDebt(meter);
        bool inDebt = debtWh > _emergencyCreditWh;
        bool due = inDebt || (holder != address(0) && TARIFF_BOOK.isOverdue(meter));
        // While nobody can buy, nobody is cut off.
        if (due == before || (due && paused())) return before;

        _suspended[meter] = due;
        if (due) emit MeterSuspended(meter, holder, inDebt ? debtWh : 0);
        else emit MeterResumed(meter, holder);
        SwitchId switchId = PRIORITIES.switchOf(meter);
        // A switch on request is closed for a request and for nothing else.
        if (SwitchId.unwrap(switchId) != 0 && mode != BillingMode.OnRequest) PRIORITIES.setSupply(switchId, !due, 0);
        return due;
    }

    // ------------------------------------------------------------------ internal: settings

    function _setPriceSource(IPriceSource newSource) private {
        if (address(newSource).code.length == 0) revert EnergyMarket_BadParameter("priceSource");
        emit PriceSourceChanged(address(priceSource), address(newSource));
        priceSource = newSource;
    }

    function _setParameters(uint256 maxPriceAge, uint256 emergencyCreditWh, uint256 maxRequestWh) private {
        if (maxPriceAge == 0 || maxPriceAge > type(uint32).max) revert EnergyMarket_BadParameter("maxPriceAge");
        if (emergencyCreditWh > type(uint64).max) revert EnergyMarket_BadParameter("emergencyCreditWh");
        if (maxRequestWh == 0 || maxRequestWh >= MAX_REQUEST_BOUND) revert EnergyMarket_BadParameter("maxRequestWh");
        // Each was just compared with its type's largest value.
        _maxPriceAge = uint32(maxPriceAge);
        _emergencyCreditWh = uint64(emergencyCreditWh);
        _maxRequestWh = uint64(maxRequestWh);
        emit ParametersChanged(maxPriceAge, emergencyCreditWh, maxRequestWh);
    }

    function _accepts(uint256 id) internal pure override returns (bool) {
        return id == INR || id == ENERGY;
    }
}

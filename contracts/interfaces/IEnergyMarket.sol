// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId, SwitchId} from "../Types.sol";
import {IPriceSource} from "./IPriceSource.sol";

/// @title Buying from and selling to the microgrid, supply on request, prepaid suspension
/// @notice Holds the community's energy inventory (minted here by the meter ledger for DER output and grid
/// import) and its takings. Cost = Wh x price / 1000, rounded up when the user pays and down when the user
/// is paid. Functions that pay take ether (converted at the coin desk, the rest returned as INR) or, with no
/// ether sent, INR units, for which the caller must have approved this contract on GridToken.
/// A price older than maxPriceAge is refused. Pausing stops trading (buying, selling, requesting, suspending), never
/// cancellations, refunds or resumptions.
///
/// Supply on request. A request starts at the switch meter's settled import register S, and the relay is told to
/// open by itself at S + bought. That S is the true register: the request is refused unless the relay has
/// acknowledged being open and the meter is settled for a slot after that acknowledgement, since nothing flows
/// while the relay is open. Use is what the settled register has grown since S, up to what was bought; what the
/// relay lets through beyond that is the community's. After a cancellation the use up to the relay's
/// acknowledged opening still counts: the request is finished once the meter is settled for a slot after both.
/// A board that does not acknowledge for CLOSING_TIMEOUT, or a meter that is not settled, no longer holds up the
/// refund: what is settled by then counts.
/// OnRequest meters are settled against the community's inventory; `reservedWh` keeps what open requests have paid
/// for from being sold again.
///
/// @dev Trusted: the meter ledger for registers, the priority registry for acknowledgements, the price source for
/// prices. A meter that is silent keeps its last registers at settlement: what it counted in silence is booked
/// with its next reading.
interface IEnergyMarket {
    enum RequestState {
        None,
        Open,
        Closing,
        Finished
    }

    /// @param startImportedWh the switch meter's register when supply began; consumption counts from here
    /// @param priceMicroInrPerKwh agreed at the request
    /// @param closingSlot slot in which the supply was cancelled or cut; 0 while open
    /// @param escrowMicroInr still held
    struct SupplyRequest {
        address requester;
        SwitchId switchId;
        RequestState state;
        MeterId meter;
        uint64 boughtWh;
        uint64 usedWh;
        uint64 startImportedWh;
        uint64 closingSlot;
        uint256 priceMicroInrPerKwh;
        uint256 escrowMicroInr;
    }

    event EnergyBought(address indexed buyer, uint256 energyWh, uint256 costMicroInr, uint256 priceMicroInrPerKwh);
    event EnergySold(address indexed seller, uint256 energyWh, uint256 proceedsMicroInr, uint256 priceMicroInrPerKwh);
    event SupplyRequested(
        uint256 indexed requestId,
        SwitchId indexed switchId,
        address indexed requester,
        uint256 boughtWh,
        uint256 costMicroInr
    );
    event SupplyDrawn(uint256 indexed requestId, uint256 usedWh, uint256 leftWh, uint256 earnedMicroInr);
    event SupplyClosing(uint256 indexed requestId, uint64 closingSlot);
    event SupplyFinished(uint256 indexed requestId, uint256 usedWh, uint256 refundMicroInr);
    event RefundWithdrawn(address indexed account, uint256 microInr);
    event PriceSourceChanged(address indexed oldSource, address indexed newSource);
    /// `debtWh` is 0 if an overdue bill is the reason.
    event MeterSuspended(MeterId indexed meter, address indexed holder, uint256 debtWh);
    event MeterResumed(MeterId indexed meter, address indexed holder);
    event TakingsWithdrawn(address indexed to, uint256 microInr);
    event ParametersChanged(uint256 maxPriceAge, uint256 emergencyCreditWh, uint256 maxRequestWh);

    error EnergyMarket_ZeroAmount();
    /// Cost above, or proceeds below, the caller's limit.
    error EnergyMarket_Slippage(uint256 result, uint256 limit);
    error EnergyMarket_StalePrice(uint256 updatedAt, uint256 maxAge);
    /// The microgrid has no more unreserved energy to sell.
    error EnergyMarket_NoEnergy(uint256 wantedWh, uint256 availableWh);
    /// The community's takings do not cover the purchase now.
    error EnergyMarket_NoFunds(uint256 wantedMicroInr, uint256 availableMicroInr);
    /// The ether sent buys less INR than the cost.
    error EnergyMarket_TooLittleEther(uint256 boughtMicroInr, uint256 costMicroInr);
    /// The switch has no meter in OnRequest mode.
    error EnergyMarket_NotOnRequest(SwitchId switchId);
    /// The switch's relay has not acknowledged being open, so what it counts now is not settled; try again shortly.
    error EnergyMarket_SwitchNotOpen(SwitchId switchId);
    /// The switch is supplied to somebody already.
    error EnergyMarket_SwitchBusy(SwitchId switchId, uint256 requestId);
    error EnergyMarket_RequestTooLarge(uint256 wh, uint256 max);
    error EnergyMarket_NotRequester(uint256 requestId, address caller);
    error EnergyMarket_WrongState(uint256 requestId, RequestState state);
    /// The meter's reading after the relay opened is not settled yet; try again after the next slot.
    /// `requestId` is 0 if a new request is refused for it.
    error EnergyMarket_NotSettledYet(uint256 requestId, uint64 needsSlot, uint64 settledSlot);
    error EnergyMarket_NothingToWithdraw(address account);
    error EnergyMarket_NotHeld(MeterId meter);
    error EnergyMarket_BadParameter(string name);

    /// @notice Buys energy units at the current price. Gas: 67 000 in INR from stock,
    /// 111 000 if it is sold ahead (IMeterLedger.advance).
    /// @param maxCostMicroInr slippage limit
    function buyEnergy(uint256 energyWh, uint256 maxCostMicroInr) external payable returns (uint256 costMicroInr);
    /// @notice Sells the caller's energy units to the microgrid. The caller must have approved this contract.
    function sellEnergy(uint256 energyWh, uint256 minProceedsMicroInr) external returns (uint256 proceedsMicroInr);
    /// @notice Buys energy for the meter's holder, repays the meter's debt with it and resumes supply, in one step.
    /// Anyone may pay; ether not needed comes back to the payer as INR.
    function topUp(MeterId meter, uint256 energyWh, uint256 maxCostMicroInr)
        external
        payable
        returns (uint256 costMicroInr);

    /// @notice Buys `energyWh` for a switch: the cost goes into escrow and the relay closes until they are used.
    function requestSupply(SwitchId switchId, uint256 energyWh, uint256 maxCostMicroInr)
        external
        payable
        returns (uint256 requestId);
    /// @notice Moves the escrow of metered use to the takings; finishes the request when all is used. Permissionless.
    function drawDown(uint256 requestId) external;
    /// @notice The requester ends the supply: the relay opens; the unused rest is refunded by `finishSupply`.
    function cancelSupply(uint256 requestId) external;
    /// @notice The operator ends a supply. Role: OPERATOR.
    function cutSupply(uint256 requestId) external;
    /// @notice Once a slot after the cancellation and after the relay's acknowledged opening is settled: refunds what
    /// was not used, to `refundOf`. Permissionless.
    function finishSupply(uint256 requestId) external;
    /// @notice Sends the caller's refunds.
    function withdrawRefund() external returns (uint256 microInr);

    /// @notice Suspends a held meter whose debt exceeds the emergency credit (prepaid) or of whose present
    /// subscription a bill is overdue (billed), resumes one for which neither holds. A change of mode clears
    /// neither. Permissionless, idempotent; while paused it only resumes.
    function enforce(MeterId meter) external returns (bool suspended);

    /// @notice Role: OPERATOR.
    function withdrawTakings(uint256 microInr, address to) external;
    /// @notice Role: admin.
    function setPriceSource(address newSource) external;
    /// @param maxPriceAge seconds
    /// @param emergencyCreditWh debt that does not suspend yet
    /// @param maxRequestWh largest supply request, below 2^39
    function setParameters(uint256 maxPriceAge, uint256 emergencyCreditWh, uint256 maxRequestWh) external;
    /// @notice Role: PAUSER.
    function pause() external;
    function unpause() external;

    function quoteBuyUp(uint256 energyWh) external view returns (uint256 costMicroInr);
    function quoteSellDown(uint256 energyWh) external view returns (uint256 proceedsMicroInr);
    /// @notice Inventory and what may be sold ahead of it (IMeterLedger.advance), less what open requests have
    /// reserved.
    function availableWh() external view returns (uint256);
    /// @notice What open requests have paid for and not used yet.
    function reservedWh() external view returns (uint256);
    function escrowMicroInr() external view returns (uint256);
    /// @notice INR that belongs to the community: balance less escrow and refunds.
    function takingsMicroInr() external view returns (uint256);
    function refundOf(address account) external view returns (uint256 microInr);
    function request(uint256 requestId) external view returns (SupplyRequest memory);
    function openRequestOf(SwitchId switchId) external view returns (uint256 requestId);
    function requestCount() external view returns (uint256);
    function isSuspended(MeterId meter) external view returns (bool);
    /// @notice Where the prices come from: PostedPrice, or a feed.
    function priceSource() external view returns (IPriceSource);
    function parameters() external view returns (uint256 maxPriceAge, uint256 emergencyCreditWh, uint256 maxRequestWh);
}

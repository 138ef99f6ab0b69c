// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EvId, Leaf, MeterId} from "../Types.sol";
import {IOrderRules} from "./IOrderRules.sol";

/// @title Cars that charge from the community's surplus and help it out when it is short
/// @notice A car's owner signs once what may be done with the car: the highest price of charging, the lowest reward of
/// discharging, the charge that stays in it, when it leaves and how full. From then on a session runs without the
/// owner:
/// the relayer orders energy slot by slot, and this contract allows only what the signature, the community's committed
/// flows, the car's charge and the money allow. What really flowed is proven slot by slot by the charge point's meter.
///
/// When and what for. Grid state and prices are IIncentiveRates', from what is committed, never a caller's; IOrderRules
/// has the rules. All orders for a slot together take no more than the surplus and give no more than the need.
///   charge:    Cost = Wh x base price, never above the signed price.
///   discharge: Reward = Wh x base price x multiplier, never below the signed reward.
/// A slot is settled at the prices that were in force in it.
///
/// Settlement. Registers of the charge point's meter at the end of a slot are proven by anybody, slot after slot, each
/// once. Energy counts from the end of the slot in which the session began to the end of the slot in which it ended, so
/// sessions of one charge point never share energy. A link that was away loses nothing: registers are cumulative. If a
/// slot's proof is lost, a later slot may be settled after `gapSeconds`, at the prices of the first one left out.
/// Without any proof for `abandonSeconds` after its end, a session is closed and the rest of its escrow goes back.
/// All metered charging is paid for as far as the escrow goes; discharging is rewarded as far as it was ordered.
///
/// SoC. The oracle nodes sign what the car says. A report must lie where the energy metered since the session's first
/// and since its last report can have brought it, given losses and a tolerance (IEvRegistry.Limits).
///
/// Money. INR in the ClearingHouse: a session locks its escrow there; what charging costs goes to the clearing house's
/// backer, the operator, whose inventory the energy came from; rewards come out of a budget, of which each order
/// reserves what it may cost. Escrow here = sum of sessions' escrows + budget.
/// @dev EIP-712 domain "Ohmstead V2GExchange", version "1". Owners sign as EOA or by ERC-1271.
/// Trusted: the oracle quorum for SoC, for which car is plugged in, and for what meters counted.
/// Gas: see forge-test/snapshots/v2g.json.
interface IV2GExchange {
    /// What the owner signs.
    /// @param maxPrice most that a kWh costs
    /// @param minReward least that a kWh is rewarded with
    /// @param reserveBps charge to keep; the car's own reserve holds, too
    /// @param targetBps charge wanted at departure; 0 = charge on surplus only
    /// @param departureSlot last slot of the session
    /// @param maxCostMicroInr most that the session costs; locked
    /// @param nonce the car's
    /// @param validUntil Unix seconds until which the session may begin
    struct Authorisation {
        EvId ev;
        MeterId chargePoint;
        uint64 maxPrice;
        uint64 minReward;
        uint16 reserveBps;
        uint16 targetBps;
        uint64 departureSlot;
        uint128 maxCostMicroInr;
        uint64 nonce;
        uint64 validUntil;
    }

    /// What oracle nodes sign when a car is plugged in.
    /// @param slot in which it was seen plugged in, with that charge
    struct PlugReport {
        EvId ev;
        MeterId chargePoint;
        uint16 socBps;
        uint64 slot;
    }

    /// Registers are the charge point's, cumulative; energy of the session = last - opening.
    /// @param opened a first proof is there
    /// @param startSlot slot in which it began; energy counts from its end
    /// @param endSlot slot in which it ended, 0 = it runs; energy counts to its end
    /// @param settledSlot slot of the last proof
    /// @param orderedUntil last slot that energy was ordered for
    /// @param socBps as last reported, for the end of `socSlot`, when the registers were `socCharged`, `socDischarged`
    /// @param escrow left of what the owner locked, micro-rupees
    /// @param reserved of the budget, for what is ordered and not settled
    /// @param cost, reward settled so far
    struct Session {
        // word 0
        address owner;
        EvId ev;
        MeterId chargePoint;
        bool opened;
        bool closed;
        // word 1
        uint40 startSlot;
        uint40 endSlot;
        uint40 settledSlot;
        uint40 departureSlot;
        uint40 orderedUntil;
        uint16 reserveBps;
        uint16 targetBps;
        // word 2
        uint40 charged;
        uint40 discharged;
        uint40 openingCharged;
        uint40 openingDischarged;
        uint40 socSlot;
        uint16 openingSocBps;
        uint16 socBps;
        // word 3
        uint40 socCharged;
        uint40 socDischarged;
        uint32 capacityWh;
        uint64 maxPrice;
        uint64 minReward;
        // words 4, 5
        uint128 escrow;
        uint128 reserved;
        uint128 cost;
        uint128 reward;
    }

    /// One settled slot of a session.
    struct Flow {
        uint40 slot;
        uint32 chargedWh;
        uint32 dischargedWh;
        uint72 costMicroInr;
        uint72 rewardMicroInr;
    }

    event BudgetFunded(address indexed from, uint256 microInr, uint256 budgetMicroInr);
    event BudgetWithdrawn(address indexed to, uint256 microInr, uint256 budgetMicroInr);
    event AuthorisationsCancelled(EvId indexed ev, uint64 nonce);
    event SessionStarted(
        uint256 indexed sessionId, EvId indexed ev, MeterId indexed chargePoint, Authorisation agreed, uint16 socBps
    );
    /// Slots `fromSlot` to `untilSlot` may take or give `whPerSlot` each; what was ordered for them before is replaced.
    event EnergyOrdered(
        uint256 indexed sessionId,
        IOrderRules.Direction direction,
        uint32 whPerSlot,
        uint64 fromSlot,
        uint64 untilSlot,
        bool due
    );
    /// The registers from which the session counts.
    event SessionOpened(uint256 indexed sessionId, uint64 indexed slot, uint256 chargedWh, uint256 dischargedWh);
    /// `unpaidMicroInr` is what the escrow did not cover, `unorderedWh` what was discharged unasked and not rewarded.
    event FlowSettled(
        uint256 indexed sessionId,
        uint64 indexed slot,
        uint64 previousSlot,
        uint256 chargedWh,
        uint256 dischargedWh,
        uint256 price,
        uint256 rewardPrice,
        uint256 costMicroInr,
        uint256 rewardMicroInr,
        uint256 unpaidMicroInr,
        uint256 unorderedWh
    );
    event SocReported(uint256 indexed sessionId, uint64 indexed slot, uint16 socBps);
    event SessionEnded(uint256 indexed sessionId, uint64 endSlot, address by);
    event SessionClosed(uint256 indexed sessionId, uint256 refundedMicroInr, bool abandoned);

    error V2GExchange_ZeroAmount();
    /// The budget that no order has reserved is smaller.
    error V2GExchange_BudgetShort(uint256 freeMicroInr, uint256 wantedMicroInr);
    error V2GExchange_NotOwner(EvId ev, address caller);
    /// Shares go from 0 to 10000.
    error V2GExchange_BadShare(uint256 bps);
    /// The car is in a session: two at once are impossible.
    error V2GExchange_EvBusy(EvId ev, uint256 sessionId);
    error V2GExchange_ChargePointBusy(MeterId meter, uint256 sessionId);
    /// The authorisation is used, cancelled or not due yet.
    error V2GExchange_WrongNonce(uint64 given, uint64 expected);
    error V2GExchange_Expired(uint64 validUntil);
    error V2GExchange_BadSignature(address owner);
    error V2GExchange_BadDeparture(uint64 departureSlot);
    /// The report is of another car or charge point, or older than it may be.
    error V2GExchange_WrongPlug(EvId ev, MeterId chargePoint);
    error V2GExchange_StaleSoc(uint64 slot, uint64 oldestSlot);
    error V2GExchange_UnknownSession(uint256 sessionId);
    error V2GExchange_SessionOver(uint256 sessionId);
    error V2GExchange_BadOrder(string field);
    /// Slots must be settled before more is ordered.
    error V2GExchange_TooFarBehind(uint64 settledSlot);
    error V2GExchange_WrongMeter(MeterId given, MeterId expected);
    /// Counted already, or from before the session.
    error V2GExchange_SlotSettled(uint64 slot, uint64 settledSlot);
    /// Slots are settled in order. `allowedAt` is when this one may leave others out.
    error V2GExchange_SlotsLeftOut(uint64 slot, uint256 allowedAt);
    error V2GExchange_NotAfterEnd(uint64 slot, uint64 endSlot);
    error V2GExchange_RegisterWentBack(uint256 sessionId);
    /// The charge that is reported cannot come of the energy metered.
    error V2GExchange_ForgedSoc(uint256 socWh, uint256 lowestWh, uint256 highestWh);
    error V2GExchange_SocSlot(uint64 slot, uint64 settledSlot);
    /// Before the departure slot is over only the owner (and the relayer) may end a session.
    error V2GExchange_NotAllowed(address caller);
    error V2GExchange_TooEarly(uint256 allowedAt);

    // ---- money

    /// @notice The caller gives free INR of its account in the ClearingHouse to the budget.
    function fundBudget(uint256 microInr) external;
    /// @notice Unreserved budget goes to the caller's account. Role: OPERATOR.
    function withdrawBudget(uint256 microInr) external;

    // ---- sessions

    /// @notice Begins a session. Anyone may send it; the signatures count: the owner's of EIP-712
    /// Authorisation(uint32 ev,uint32 chargePoint,uint64 maxPrice,uint64 minReward,uint16 reserveBps,uint16 targetBps,
    /// uint64 departureSlot,uint128 maxCostMicroInr,uint64 nonce,uint64 validUntil), the oracle's of
    /// PlugReport(uint32 ev,uint32 chargePoint,uint16 socBps,uint64 slot,uint64 epoch).
    function start(
        Authorisation calldata agreed,
        bytes calldata ownerSignature,
        PlugReport calldata plugged,
        bytes[] calldata oracleSignatures
    ) external returns (uint256 sessionId);

    /// @notice The owner makes all authorisations signed so far worthless. A running session goes on.
    function cancelAuthorisations(EvId ev) external;

    /// @notice Orders energy for the next `slots` slots in place of what was ordered for any later slot. Idle takes all
    /// back. Role: RELAYER.
    function order(uint256 sessionId, IOrderRules.Direction direction, uint32 whPerSlot, uint64 slots) external;

    /// @notice Ends a session: the car is unplugged, or wanted otherwise. By the owner or the relayer at any time, by
    /// anybody after the departure slot.
    function end(uint256 sessionId) external;
    /// @notice The same as `end`, for the service. Role: RELAYER.
    function unplug(uint256 sessionId) external;

    /// @notice Settles a slot of a session by the proof of its charge point's registers. Permissionless. The first one
    /// opens the session, the last one closes it and gives back the rest of the escrow.
    function settle(uint256 sessionId, uint64 slot, Leaf calldata leaf, bytes32[3][] calldata proof, uint256 path)
        external;

    /// @notice Reports the charge at the end of the slot settled last. Anyone may send it; the signatures of EIP-712
    /// SocReport(uint256 sessionId,uint64 slot,uint16 socBps,uint64 epoch) count.
    function reportSoc(uint256 sessionId, uint64 slot, uint16 socBps, bytes[] calldata signatures) external;

    /// @notice Closes a session that nobody could settle for `abandonSeconds` after its end. Permissionless.
    function abandon(uint256 sessionId) external;

    // ---- views

    /// @notice Nonce of the car's next authorisation, and the session that it is in, 0 = none.
    function evState(EvId ev) external view returns (uint64 nonce, uint256 sessionId);
    /// @notice The session that uses a charge point, 0 = none.
    function sessionAt(MeterId chargePoint) external view returns (uint256 sessionId);
    function sessionCount() external view returns (uint256);
    function session(uint256 sessionId) external view returns (Session memory);
    /// @notice Between what bounds the car's charge is by the last report and what was metered since, Wh.
    function socRange(uint256 sessionId) external view returns (uint256 lowestWh, uint256 highestWh);
    /// @notice What was ordered for a slot.
    function ordered(uint256 sessionId, uint64 slot) external view returns (IOrderRules.Direction direction, uint32 wh);
    function budget() external view returns (uint256 freeMicroInr, uint256 reservedMicroInr);
    /// @notice The session's settled slots from `offset` on, at most `limit` of them, as the log has them, too.
    function auditEnergyFlow(uint256 sessionId, uint256 offset, uint256 limit) external view returns (Flow[] memory);
    function authorisationDigest(Authorisation calldata agreed) external view returns (bytes32);
    function plugDigest(PlugReport calldata plugged) external view returns (bytes32);
    function socDigest(uint256 sessionId, uint64 slot, uint16 socBps) external view returns (bytes32);
}

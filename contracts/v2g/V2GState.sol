// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {EvId, MeterId} from "../Types.sol";
import {IClearingHouse} from "../interfaces/IClearingHouse.sol";
import {IEvRegistry} from "../interfaces/IEvRegistry.sol";
import {IIncentiveRates} from "../interfaces/IIncentiveRates.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IOracleQuorum} from "../interfaces/IOracleQuorum.sol";
import {IOrderRules} from "../interfaces/IOrderRules.sol";
import {IV2GExchange} from "../interfaces/IV2GExchange.sol";
import {V2GLogic} from "./V2GLogic.sol";

/// @title V2GState
/// @notice What V2GExchange keeps: sessions, what they are ordered to do, the budget; and who it works with.
abstract contract V2GState is IV2GExchange, EIP712, AccessManaged {
    // ------------------------------------------------------------------ types

    /// Contracts it works with.
    struct Links {
        IEvRegistry vehicles;
        IMeterLedger ledger;
        IOracleQuorum quorum;
        IClearingHouse house;
        IIncentiveRates rates;
        IOrderRules rules;
    }

    struct Car {
        uint64 nonce;
        uint64 sessionId;
    }

    /// What one slot of a session was ordered to do; `reserved` of the budget for it.
    struct Allowance {
        IOrderRules.Direction direction;
        uint32 wh;
        uint96 reserved;
    }

    // ------------------------------------------------------------------ immutables

    IEvRegistry internal immutable VEHICLES;
    IMeterLedger internal immutable LEDGER;
    IOracleQuorum public immutable QUORUM;
    IClearingHouse internal immutable HOUSE;
    IIncentiveRates internal immutable RATES;
    IOrderRules internal immutable RULES;
    uint256 internal immutable SLOT_SECONDS;

    // ------------------------------------------------------------------ storage

    uint128 internal _budgetFree;
    uint128 internal _budgetReserved;
    uint64 internal _sessions;
    mapping(EvId ev => Car) internal _cars;
    /// @inheritdoc IV2GExchange
    mapping(MeterId chargePoint => uint256 sessionId) public sessionAt;
    mapping(uint256 sessionId => Session) internal _records;
    mapping(uint256 sessionId => mapping(uint256 slot => Allowance)) internal _allowances;
    /// What all sessions were ordered to do, Wh.
    mapping(uint256 slot => mapping(IOrderRules.Direction direction => uint256 wh)) internal _totals;
    mapping(uint256 sessionId => Flow[]) internal _flows;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, Links memory links)
        AccessManaged(manager)
        EIP712("Ohmstead V2GExchange", "1")
    {
        (VEHICLES, LEDGER, QUORUM) = (links.vehicles, links.ledger, links.quorum);
        (HOUSE, RATES, RULES) = (links.house, links.rates, links.rules);
        SLOT_SECONDS = links.ledger.slotSeconds();
    }

    // ------------------------------------------------------------------ battery

    /// By the last report and what was settled since.
    function _socRange(Session storage record) internal view returns (uint256 lowestWh, uint256 highestWh) {
        return _rangeSince(record, record.socBps, record.socCharged, record.socDischarged);
    }

    function _rangeSince(Session storage record, uint256 socBps, uint256 chargedThen, uint256 dischargedThen)
        internal
        view
        returns (uint256 lowestWh, uint256 highestWh)
    {
        uint256 capacity = record.capacityWh;
        return V2GLogic.socRange(
            capacity * socBps / V2GLogic.BPS,
            record.charged - chargedThen,
            record.discharged - dischargedThen,
            _limits().minEfficiencyBps,
            capacity
        );
    }

    // ------------------------------------------------------------------ money

    function _takeBudget(uint256 microInr) internal {
        uint256 free = _budgetFree;
        if (microInr > free) revert V2GExchange_BudgetShort(free, microInr);
        unchecked {
            _budgetFree = uint128(free - microInr); // not more than is there
        }
    }

    function _reserve(Session storage record, uint256 microInr) internal {
        if (microInr == 0) return;
        _takeBudget(microInr);
        _budgetReserved += uint128(microInr); // what was free has that type
        record.reserved += uint128(microInr);
    }

    /// What was reserved for a session is free again.
    function _release(Session storage record, uint256 microInr) internal {
        if (microInr == 0) return;
        record.reserved -= uint128(microInr); // at most what is reserved
        _budgetReserved -= uint128(microInr);
        _budgetFree += uint128(microInr);
    }

    // ------------------------------------------------------------------ checks and settings

    /// A session that is not closed.
    function _open(uint256 id) internal view returns (Session storage record) {
        record = _records[id];
        if (record.owner == address(0)) revert V2GExchange_UnknownSession(id);
        if (record.closed) revert V2GExchange_SessionOver(id);
    }

    /// A session that has not ended.
    function _running(uint256 id) internal view returns (Session storage record) {
        record = _open(id);
        if (record.endSlot != 0) revert V2GExchange_SessionOver(id);
    }

    function _requireQuorum(bytes32 digest, bytes[] calldata signatures) internal view {
        QUORUM.requireQuorum(digest, signatures);
    }

    function _epoch() internal view returns (uint64) {
        return QUORUM.epoch();
    }

    function _limits() internal view returns (IEvRegistry.Limits memory) {
        return VEHICLES.limits();
    }

    function _requireShare(uint256 bps) internal pure {
        if (bps > V2GLogic.BPS) revert V2GExchange_BadShare(bps);
    }

    function _currentSlot() internal view returns (uint256) {
        return block.timestamp / SLOT_SECONDS;
    }
}

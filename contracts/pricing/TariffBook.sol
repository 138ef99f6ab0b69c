// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MeterId, EntityKind, BillingMode, Registers} from "../Types.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {ITariffBook} from "../interfaces/ITariffBook.sol";
import {RegisterLib} from "../metering/RegisterLib.sol";
import {INR} from "../tokens/TokenIds.sol";
import {TokenReceiver} from "../tokens/TokenReceiver.sol";
import {SlabTariff} from "./SlabTariff.sol";

/// @title TariffBook
/// @notice See ITariffBook. Tariff and bill numbers start at 1.
contract TariffBook is ITariffBook, AccessManaged, TokenReceiver {
    using SafeCast for uint256;
    using SlabTariff for Tariff;
    using RegisterLib for Registers;

    /// A meter's billing.
    /// @param nextTerms index of the terms after those being billed, or, if none are, of the first not looked at
    /// @param firstUnpaid index into _billsOf; bills before it are paid or of earlier subscriptions
    /// @param running the terms before `nextTerms` are being billed: the fields below count
    /// @param periodSeconds 0 if no tariff was valid when the terms began
    /// @param billed registers up to which bills are issued
    struct Account {
        // slot 0
        uint32 nextTerms;
        uint32 firstUnpaid;
        bool running;
        uint32 periodSeconds;
        uint64 periodStart;
        // slot 1
        Registers billed;
    }

    /// What the next bill covers.
    /// @param ended the terms are over: this is their last bill
    /// @param until registers it counts to; @param endsAt time of the bill's end
    struct Span {
        IMeterRegistry.Terms terms;
        bool ended;
        Registers until;
        uint256 endsAt;
    }

    // ------------------------------------------------------------------ constants

    uint256 private constant MAX_TARIFFS = 128;
    uint256 private constant MAX_SLABS = 16;

    // ------------------------------------------------------------------ immutables

    IMeterRegistry private immutable REGISTRY;
    IMeterLedger private immutable LEDGER;
    uint256 private immutable SLOT_SECONDS;

    // ------------------------------------------------------------------ storage

    Tariff[] private _tariffs;
    Bill[] private _bills;
    mapping(MeterId meter => uint256[]) private _billsOf;
    mapping(MeterId meter => Account) private _accounts;
    mapping(address holder => uint256 microInr) private _credit;
    uint256 private _totalCredit;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, IGridToken token, IMeterRegistry registry, IMeterLedger ledger)
        AccessManaged(manager)
        TokenReceiver(token)
    {
        REGISTRY = registry;
        LEDGER = ledger;
        SLOT_SECONDS = ledger.slotSeconds();
    }

    // ------------------------------------------------------------------ operator

    /// @inheritdoc ITariffBook
    function addTariff(Tariff calldata newTariff) external restricted returns (uint32 tariffId) {
        string memory bad = SlabTariff.firstBadField(newTariff, MAX_SLABS);
        if (bytes(bad).length != 0) revert TariffBook_BadTariff(bad);
        uint256 count = _tariffs.length;
        if (count == MAX_TARIFFS) revert TariffBook_TooManyTariffs(MAX_TARIFFS);
        for (uint256 i = 0; i < count; ++i) {
            Tariff storage other = _tariffs[i];
            if (newTariff.validFrom < other.validUntil && other.validFrom < newTariff.validUntil) {
                revert TariffBook_Overlap((i + 1).toUint32());
            }
        }
        _tariffs.push(newTariff);
        tariffId = (count + 1).toUint32();
        emit TariffAdded(tariffId, newTariff.validFrom, newTariff.validUntil, newTariff.name);
    }

    /// @inheritdoc ITariffBook
    function endTariff(uint32 tariffId, uint64 validUntil) external restricted {
        Tariff storage ended = _tariff(tariffId);
        bool shortens = validUntil > ended.validFrom && validUntil < ended.validUntil;
        if (!shortens || validUntil <= block.timestamp) revert TariffBook_BadEnd(validUntil);
        ended.validUntil = validUntil;
        emit TariffEnded(tariffId, validUntil);
    }

    /// @inheritdoc ITariffBook
    function withdrawTakings(uint256 microInr, address to) external restricted {
        uint256 balance = _inrBalance();
        uint256 available = balance > _totalCredit ? balance - _totalCredit : 0;
        if (microInr > available) revert TariffBook_FundsShort(microInr, available);
        emit TakingsWithdrawn(to, microInr);
        TOKEN.safeTransferFrom(address(this), to, INR, microInr, "");
    }

    // ------------------------------------------------------------------ everyone

    /// @inheritdoc ITariffBook
    function issueBill(MeterId meter) external returns (uint256 billId) {
        Account memory account = _running(meter);
        if (!account.running) revert TariffBook_NotBilled(meter);
        if (account.periodSeconds == 0) revert TariffBook_NoTariff(account.periodStart);
        Span memory span = _span(meter, account);
        uint256 elapsed = span.endsAt - account.periodStart;
        if (!span.ended && elapsed < account.periodSeconds) {
            revert TariffBook_TooEarly(meter, account.periodStart + account.periodSeconds);
        }
        uint256 periods = elapsed / account.periodSeconds;
        if (span.ended) periods = Math.max(1, Math.ceilDiv(elapsed, account.periodSeconds));
        uint256 periodEnd = account.periodStart + periods * account.periodSeconds;
        Tariff storage rates = _tariff(tariffAt(Math.min(periodEnd, span.endsAt)));

        billId = _issue(_newBill(meter, account.billed, span, rates, periods));

        account.running = !span.ended;
        account.billed = span.until;
        account.periodStart = periodEnd.toUint64();
        account.periodSeconds = rates.billingPeriodSeconds;
        account.firstUnpaid = _firstUnpaid(meter, account.firstUnpaid, billId);
        _accounts[meter] = account;
    }

    /// @inheritdoc ITariffBook
    function payBill(uint256 billId) external {
        Bill storage due = _bill(billId);
        if (due.paid) revert TariffBook_AlreadyPaid(billId);
        due.paid = true;
        uint256 microInr = due.chargeMicroInr - due.creditMicroInr;
        Account storage account = _accounts[due.meter];
        account.firstUnpaid = _skipPaid(due.meter, account.firstUnpaid);
        emit BillPaid(billId, msg.sender, microInr);
        TOKEN.safeTransferFrom(msg.sender, address(this), INR, microInr, "");
    }

    /// @inheritdoc ITariffBook
    function withdrawCredit() external returns (uint256 microInr) {
        microInr = _credit[msg.sender];
        if (microInr == 0) revert TariffBook_NothingToWithdraw(msg.sender);
        uint256 available = _inrBalance();
        if (microInr > available) revert TariffBook_FundsShort(microInr, available);
        delete _credit[msg.sender];
        _totalCredit -= microInr;
        emit CreditWithdrawn(msg.sender, microInr);
        TOKEN.safeTransferFrom(address(this), msg.sender, INR, microInr, "");
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc ITariffBook
    function chargeUp(uint32 tariffId, uint256 wh) external view returns (uint256 microInr) {
        return SlabTariff.divUp(_tariff(tariffId).milliCharge(wh));
    }

    /// @inheritdoc ITariffBook
    function tariff(uint32 tariffId) external view returns (Tariff memory) {
        return _tariff(tariffId);
    }

    /// @inheritdoc ITariffBook
    function tariffAt(uint256 time) public view returns (uint32 tariffId) {
        tariffId = _find(time);
        if (tariffId == 0) revert TariffBook_NoTariff(time);
    }

    /// @inheritdoc ITariffBook
    function bill(uint256 billId) external view returns (Bill memory) {
        return _bill(billId);
    }

    /// @inheritdoc ITariffBook
    function billsOf(MeterId meter) external view returns (uint256[] memory) {
        return _billsOf[meter];
    }

    /// @inheritdoc ITariffBook
    function creditOf(address holder) external view returns (uint256 microInr) {
        return _credit[holder];
    }

    /// @inheritdoc ITariffBook
    function isOverdue(MeterId meter) external view returns (bool) {
        uint256[] storage ids = _billsOf[meter];
        uint256 next = _accounts[meter].firstUnpaid;
        if (next >= ids.length) return false;
        Bill storage oldest = _bill(ids[next]);
        return oldest.dueAt < block.timestamp && oldest.subscription == REGISTRY.get(meter).subscription;
    }

    /// @inheritdoc ITariffBook
    function nextBillAt(MeterId meter) external view returns (uint256) {
        Account memory account = _running(meter);
        if (!account.running || account.periodSeconds == 0) return 0;
        Span memory span = _span(meter, account);
        return span.ended ? span.endsAt : uint256(account.periodStart) + account.periodSeconds;
    }

    // ------------------------------------------------------------------ internal: billing

    /// The meter's account, moved on to the next Billed terms if the last ones are billed to their end. Terms that are
    /// not Billed are passed once: each lies between two that are, or came with a claim code of the operator's.
    function _running(MeterId meter) private view returns (Account memory account) {
        account = _accounts[meter];
        if (account.running) return account;
        uint256 count = REGISTRY.termsCount(meter);
        while (account.nextTerms < count) {
            IMeterRegistry.Terms memory terms = REGISTRY.termsAt(meter, account.nextTerms);
            ++account.nextTerms;
            if (terms.mode != BillingMode.Billed) continue;
            account.running = true;
            account.billed = terms.startRegisters;
            account.periodStart = _endOf(terms.afterSlot);
            uint32 tariffId = _find(account.periodStart);
            account.periodSeconds = tariffId == 0 ? 0 : _tariff(tariffId).billingPeriodSeconds;
            return account;
        }
    }

    function _span(MeterId meter, Account memory account) private view returns (Span memory span) {
        span.terms = REGISTRY.termsAt(meter, account.nextTerms - 1);
        span.ended = account.nextTerms < REGISTRY.termsCount(meter);
        if (span.ended) {
            IMeterRegistry.Terms memory following = REGISTRY.termsAt(meter, account.nextTerms);
            (span.until, span.endsAt) = (following.startRegisters, _endOf(following.afterSlot));
        } else {
            (span.until, span.endsAt) = (LEDGER.settledRegisters(meter), block.timestamp);
        }
    }

    function _newBill(MeterId meter, Registers from, Span memory span, Tariff storage rates, uint256 periods)
        private
        view
        returns (Bill memory issued)
    {
        (, EntityKind kind,,,) = REGISTRY.settlementOf(meter);
        (uint256 drawnBefore, uint256 suppliedBefore) = _energyOf(kind, from);
        (uint256 drawn, uint256 supplied) = _energyOf(kind, span.until);
        (drawn, supplied) = (drawn - drawnBefore, supplied - suppliedBefore);
        issued.meter = meter;
        issued.subscription = span.terms.subscription;
        issued.holder = span.terms.holder;
        issued.issuedAt = uint64(block.timestamp);
        issued.dueAt = (block.timestamp + rates.paymentTermSeconds).toUint64();
        issued.consumedWh = drawn.toUint64();
        issued.exportedWh = supplied.toUint64();
        issued.chargeMicroInr = SlabTariff.divUp(rates.milliChargeSpread(drawn, periods));
        issued.creditMicroInr = SlabTariff.divDown(supplied * rates.feedInMicroInrPerKwh);
    }

    /// What a household has drawn from and supplied to the pool. A consumer's export does not count, as in the ledger.
    function _energyOf(EntityKind kind, Registers registers) private pure returns (uint256 drawn, uint256 supplied) {
        if (kind == EntityKind.Ev) return (registers.chargedWh(), registers.dischargedWh());
        return (registers.importedWh(), kind == EntityKind.Consumer ? 0 : registers.exportedWh());
    }

    /// Stores a bill; a credit above the charge goes to the holder, and such a bill is paid.
    function _issue(Bill memory issued) private returns (uint256 billId) {
        if (issued.creditMicroInr >= issued.chargeMicroInr) {
            uint256 excess = issued.creditMicroInr - issued.chargeMicroInr;
            _credit[issued.holder] += excess;
            _totalCredit += excess;
            issued.paid = true;
        }
        _bills.push(issued);
        billId = _bills.length;
        _billsOf[issued.meter].push(billId);
        emit BillIssued(
            billId,
            issued.meter,
            issued.holder,
            issued.consumedWh,
            issued.exportedWh,
            issued.chargeMicroInr,
            issued.creditMicroInr,
            issued.dueAt
        );
    }

    /// The pointer to the oldest unpaid bill, after one more was issued. What an earlier household still owes does not
    /// count against the present one.
    function _firstUnpaid(MeterId meter, uint256 pointer, uint256 newBillId) private view returns (uint32) {
        uint256[] storage ids = _billsOf[meter];
        if (_bill(ids[pointer]).subscription != _bill(newBillId).subscription) pointer = ids.length - 1;
        return _skipPaid(meter, pointer);
    }

    /// Moves the pointer past paid bills. Every bill is passed once, however they are paid.
    function _skipPaid(MeterId meter, uint256 pointer) private view returns (uint32) {
        uint256[] storage ids = _billsOf[meter];
        while (pointer < ids.length && _bill(ids[pointer]).paid) ++pointer;
        return pointer.toUint32();
    }

    // ------------------------------------------------------------------ internal: lookups

    /// Unix seconds at which a slot ends.
    function _endOf(uint256 slot) private view returns (uint64) {
        return ((slot + 1) * SLOT_SECONDS).toUint64();
    }

    /// The tariff valid at a time; 0 if there is none.
    function _find(uint256 time) private view returns (uint32 tariffId) {
        // The newest first: that is the one asked for.
        for (uint256 i = _tariffs.length; i > 0; --i) {
            Tariff storage candidate = _tariffs[i - 1];
            if (candidate.validFrom <= time && time < candidate.validUntil) return i.toUint32();
        }
    }

    function _tariff(uint32 tariffId) private view returns (Tariff storage) {
        if (tariffId == 0 || tariffId > _tariffs.length) revert TariffBook_UnknownTariff(tariffId);
        return _tariffs[tariffId - 1];
    }

    function _bill(uint256 billId) private view returns (Bill storage) {
        if (billId == 0 || billId > _bills.length) revert TariffBook_UnknownBill(billId);
        return _bills[billId - 1];
    }

    function _accepts(uint256 id) internal pure override returns (bool) {
        return id == INR;
    }

    function _inrBalance() private view returns (uint256) {
        return TOKEN.balanceOf(address(this), INR);
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {MeterId, BillingMode, Registers} from "../Types.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {ITariffBook} from "../interfaces/ITariffBook.sol";
import {INR} from "../tokens/TokenIds.sol";
import {TokenReceiver} from "../tokens/TokenReceiver.sol";
import {SlabTariff} from "./SlabTariff.sol";

/// @title TariffBook
/// @notice See ITariffBook. Tariff and bill numbers start at 1.
contract TariffBook is ITariffBook, AccessManaged, TokenReceiver {
    using SafeCast for uint256;
    using SlabTariff for Tariff;

    /// A meter's billing.
    /// @param holder, subscription whose consumption is or was last billed
    /// @param open false once a last bill is issued
    /// @param importedWh, exportedWh registers up to which it is billed
    /// @param firstUnpaid index into _billsOf; bills before it are paid or of earlier subscriptions
    struct Account {
        // slot 0
        address holder;
        uint32 subscription;
        uint32 periodSeconds;
        bool open;
        // slot 1
        uint64 periodStart;
        uint64 importedWh;
        uint64 exportedWh;
        uint32 firstUnpaid;
    }

    // ------------------------------------------------------------------ constants

    uint256 private constant MAX_TARIFFS = 128;
    uint256 private constant MAX_SLABS = 16;

    // ------------------------------------------------------------------ immutables

    IMeterRegistry private immutable REGISTRY;
    IMeterLedger private immutable LEDGER;

    // ------------------------------------------------------------------ storage

    Tariff[] private _tariffs;
    Bill[] private _bills;
    mapping(MeterId meter => uint256[]) private _billsOf;
    mapping(MeterId meter => Account) private _accounts;
    mapping(address holder => uint256 microInr) private _credit;
    uint256 private _totalCredit;

    // ------------------------------------------------------------------ constructor

    constructor(address authority, IGridToken token, IMeterRegistry registry, IMeterLedger ledger)
        AccessManaged(authority)
        TokenReceiver(token)
    {
        REGISTRY = registry;
        LEDGER = ledger;
    }

    // ------------------------------------------------------------------ operator

    /// @inheritdoc ITariffBook
    function addTariff(Tariff calldata tariff_) external restricted returns (uint32 tariffId) {
        string memory bad = SlabTariff.firstBadField(tariff_, MAX_SLABS);
        if (bytes(bad).length != 0) revert TariffBook_BadTariff(bad);
        uint256 count = _tariffs.length;
        if (count == MAX_TARIFFS) revert TariffBook_TooManyTariffs(MAX_TARIFFS);
        for (uint256 i = 0; i < count; ++i) {
            Tariff storage other = _tariffs[i];
            if (tariff_.validFrom < other.validUntil && other.validFrom < tariff_.validUntil) {
                revert TariffBook_Overlap((i + 1).toUint32());
            }
        }
        _tariffs.push(tariff_);
        tariffId = (count + 1).toUint32();
        emit TariffAdded(tariffId, tariff_.validFrom, tariff_.validUntil, tariff_.name);
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
    function startBilling(MeterId meter) external {
        Account memory account = _accounts[meter];
        if (account.open) revert TariffBook_AlreadyStarted(meter);
        IMeterRegistry.Meter memory point = REGISTRY.get(meter);
        if (point.holder == address(0) || point.mode != BillingMode.Billed) revert TariffBook_NotBilled(meter);
        // What an earlier household still owes does not cut off this one.
        if (point.subscription != account.subscription) account.firstUnpaid = _billsOf[meter].length.toUint32();
        (account.holder, account.subscription) = (point.holder, point.subscription);
        (account.importedWh, account.exportedWh) = _settled(meter);
        account.periodStart = uint64(block.timestamp);
        account.periodSeconds = _tariff(tariffAt(block.timestamp)).billingPeriodSeconds;
        account.open = true;
        _accounts[meter] = account;
        emit BillingStarted(
            meter, point.subscription, point.holder, account.periodStart, account.periodStart + account.periodSeconds
        );
    }

    /// @inheritdoc ITariffBook
    function issueBill(MeterId meter) external returns (uint256 billId) {
        Account memory account = _accounts[meter];
        if (!account.open) revert TariffBook_NotBilled(meter);
        bool closing = !_stillBilled(meter, account);
        uint256 elapsed = block.timestamp - account.periodStart;
        if (!closing && elapsed < account.periodSeconds) {
            revert TariffBook_TooEarly(meter, account.periodStart + account.periodSeconds);
        }
        // A last bill counts the period that has begun as a whole one.
        uint256 periods =
            closing ? Math.max(1, Math.ceilDiv(elapsed, account.periodSeconds)) : elapsed / account.periodSeconds;
        uint64 periodEnd = (account.periodStart + periods * account.periodSeconds).toUint64();
        Tariff storage rates = _tariff(tariffAt(Math.min(periodEnd, block.timestamp)));

        (uint64 importedWh, uint64 exportedWh) = _settled(meter);
        uint64 consumedWh = importedWh - account.importedWh;
        uint64 soldWh = exportedWh - account.exportedWh;
        billId = _issue(
            Bill({
                meter: meter,
                subscription: account.subscription,
                holder: account.holder,
                issuedAt: uint64(block.timestamp),
                dueAt: (block.timestamp + rates.paymentTermSeconds).toUint64(),
                consumedWh: consumedWh,
                exportedWh: soldWh,
                chargeMicroInr: SlabTariff.divUp(rates.milliChargeSpread(consumedWh, periods)),
                creditMicroInr: SlabTariff.divDown(uint256(soldWh) * rates.feedInMicroInrPerKwh),
                paid: false
            })
        );

        Account storage stored = _accounts[meter];
        stored.open = !closing;
        stored.periodSeconds = rates.billingPeriodSeconds;
        stored.periodStart = periodEnd;
        (stored.importedWh, stored.exportedWh) = (importedWh, exportedWh);
    }

    /// @inheritdoc ITariffBook
    function payBill(uint256 billId) external {
        Bill storage due = _bill(billId);
        if (due.paid) revert TariffBook_AlreadyPaid(billId);
        due.paid = true;
        uint256 microInr = due.chargeMicroInr - due.creditMicroInr;
        _skipPaid(due.meter);
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
        // The newest first: that is the one asked for.
        for (uint256 i = _tariffs.length; i > 0; --i) {
            Tariff storage candidate = _tariffs[i - 1];
            if (candidate.validFrom <= time && time < candidate.validUntil) return i.toUint32();
        }
        revert TariffBook_NoTariff(time);
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
        Account storage account = _accounts[meter];
        return account.open ? uint256(account.periodStart) + account.periodSeconds : 0;
    }

    // ------------------------------------------------------------------ internal

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
        if (issued.paid) _skipPaid(issued.meter);
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

    /// Moves the pointer to the oldest unpaid bill on. Every bill is passed once, however they are paid.
    function _skipPaid(MeterId meter) private {
        Account storage account = _accounts[meter];
        uint256[] storage ids = _billsOf[meter];
        uint256 next = account.firstUnpaid;
        while (next < ids.length && _bill(ids[next]).paid) ++next;
        account.firstUnpaid = next.toUint32();
    }

    function _stillBilled(MeterId meter, Account memory account) private view returns (bool) {
        IMeterRegistry.Meter memory point = REGISTRY.get(meter);
        return point.mode == BillingMode.Billed && point.holder == account.holder
            && point.subscription == account.subscription;
    }

    function _settled(MeterId meter) private view returns (uint64 importedWh, uint64 exportedWh) {
        uint256 word = Registers.unwrap(LEDGER.settledRegisters(meter));
        importedWh = uint40(word >> 120);
        exportedWh = uint40(word >> 80);
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

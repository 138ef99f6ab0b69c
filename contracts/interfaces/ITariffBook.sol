// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId} from "../Types.sol";

/// @title Slab tariffs as data, and bills in arrears
/// @notice Tariffs have a validity period; a bill uses the tariff valid when its period ended.
/// Consumption of a period is priced by telescopic slabs up to the last telescopic limit; above it one flat
/// rate applies to all units. Charges round up, export credit rounds down, once per bill.
///
/// Bills follow the meter's terms (IMeterRegistry.termsAt). Under Billed terms the first bill counts from the registers
/// with which the terms began, each further one from the registers of the bill before, up to those settled when it
/// is issued; terms that have ended get a last bill up to the registers with which the next ones began, due or not.
/// So every Wh under Billed terms is on exactly one bill, whoever calls when. A bill that covers several periods,
/// being late, spreads its energy evenly over them, so that lateness puts nobody into a dearer slab; a last bill
/// counts the period that had begun as a whole one.
/// @dev Trusted: the meter ledger for the registers, the operator for the tariffs.
interface ITariffBook {
    /// @param uptoWh inclusive upper limit of the slab, per billing period; ascending
    struct Slab {
        uint64 uptoWh;
        uint64 priceMicroInrPerKwh;
    }

    /// @param telescopic each slab's price applies to the units inside it
    /// @param flat above the last telescopic limit, the first band that holds the total prices all units; the last
    /// band's limit is type(uint64).max
    /// @param feedInMicroInrPerKwh what an exported kWh earns
    struct Tariff {
        uint64 validFrom;
        uint64 validUntil;
        uint32 billingPeriodSeconds;
        uint32 paymentTermSeconds;
        uint64 feedInMicroInrPerKwh;
        Slab[] telescopic;
        Slab[] flat;
        string name;
    }

    struct Bill {
        MeterId meter;
        uint32 subscription;
        address holder;
        uint64 issuedAt;
        uint64 dueAt;
        uint64 consumedWh;
        uint64 exportedWh;
        uint256 chargeMicroInr;
        uint256 creditMicroInr;
        bool paid;
    }

    event TariffEnded(uint32 indexed tariffId, uint64 validUntil);
    event TariffAdded(uint32 indexed tariffId, uint64 validFrom, uint64 validUntil, string name);
    event BillIssued(
        uint256 indexed billId,
        MeterId indexed meter,
        address indexed holder,
        uint64 consumedWh,
        uint64 exportedWh,
        uint256 chargeMicroInr,
        uint256 creditMicroInr,
        uint64 dueAt
    );
    event BillPaid(uint256 indexed billId, address indexed payer, uint256 microInr);
    event CreditWithdrawn(address indexed holder, uint256 microInr);
    event TakingsWithdrawn(address indexed to, uint256 microInr);

    /// Slabs must ascend and not be empty, the last flat limit must be open, the period positive.
    error TariffBook_BadTariff(string field);
    /// Periods of tariffs must not overlap.
    error TariffBook_TooManyTariffs(uint256 max);
    error TariffBook_UnknownTariff(uint32 tariffId);
    /// The end must lie in the future and before the present one.
    error TariffBook_BadEnd(uint256 validUntil);
    error TariffBook_Overlap(uint32 tariffId);
    error TariffBook_NoTariff(uint256 time);
    /// The meter has no Billed terms, or none that are not billed to their end.
    error TariffBook_NotBilled(MeterId meter);
    /// The billing period is not over.
    error TariffBook_TooEarly(MeterId meter, uint256 nextBillAt);
    error TariffBook_UnknownBill(uint256 billId);
    error TariffBook_AlreadyPaid(uint256 billId);
    error TariffBook_NothingToWithdraw(address holder);
    error TariffBook_FundsShort(uint256 wanted, uint256 available);

    /// @notice Role: OPERATOR.
    function addTariff(Tariff calldata newTariff) external returns (uint32 tariffId);
    /// @notice Ends a tariff earlier, at a time to come, so that another can follow. Role: OPERATOR.
    function endTariff(uint32 tariffId, uint64 validUntil) external;
    /// @notice Issues the bill of a period that is over, or the last one of Billed terms that are. Permissionless.
    /// Credit above the charge becomes withdrawable.
    function issueBill(MeterId meter) external returns (uint256 billId);
    /// @notice Pays a bill in INR from the caller, who must have approved this contract on GridToken. Anyone may pay.
    function payBill(uint256 billId) external;
    /// @notice Pays out export credit in INR from this contract's takings.
    function withdrawCredit() external returns (uint256 microInr);
    /// @notice Takings above outstanding credit. Role: OPERATOR.
    function withdrawTakings(uint256 microInr, address to) external;

    /// @notice Price of `wh` in one billing period, rounded up.
    function chargeUp(uint32 tariffId, uint256 wh) external view returns (uint256 microInr);
    function tariff(uint32 tariffId) external view returns (Tariff memory);
    function tariffAt(uint256 time) external view returns (uint32 tariffId);
    function bill(uint256 billId) external view returns (Bill memory);
    function billsOf(MeterId meter) external view returns (uint256[] memory);
    function creditOf(address holder) external view returns (uint256 microInr);
    /// @notice Whether a bill of the meter's present subscription is unpaid and past its due time.
    function isOverdue(MeterId meter) external view returns (bool);
    /// @notice When the running billing period of a billed meter ends, or its ended terms did: from then on
    /// `issueBill` succeeds. 0 if nothing is to be billed, or no tariff is valid yet.
    function nextBillAt(MeterId meter) external view returns (uint256);
}

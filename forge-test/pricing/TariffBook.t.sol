// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {BillingMode, MeterId} from "contracts/Types.sol";
import {ITariffBook} from "contracts/interfaces/ITariffBook.sol";
import {TokenReceiver} from "contracts/tokens/TokenReceiver.sol";
import {CommunityTest} from "../market/CommunityTest.sol";

/// tariffs  the KSEB table to the rupee; unusable or overlapping ones are refused by field; ended early
/// bills    from the registers with which Billed terms began to those with which they end, each Wh once
/// paying   by anyone, once; credit by pull; takings are what is not owed
/// overdue  the oldest unpaid bill of the present subscription
contract TariffBookTest is CommunityTest {
    uint32 private constant PERIOD = 30 days;
    uint32 private constant TERM = 15 days;
    uint32 internal kseb;

    function setUp() public override {
        super.setUp();
        kseb = _addKseb(PERIOD, TERM);
        _giveInr(alice, 100_000 * RUPEE);
        _giveInr(bob, 100_000 * RUPEE);
        vm.prank(alice);
        token.setApprovalForAll(address(book), true);
        vm.prank(bob);
        token.setApprovalForAll(address(book), true);
    }

    // ---- the table

    function test_kseb_golden() public view {
        uint256[2][28] memory rows = [
            [uint256(0), 0],
            [uint256(1), 3_150],
            [uint256(1_000), 3_150_000],
            [uint256(50_000), 157_500_000],
            [uint256(50_001), 157_503_950],
            [uint256(51_000), 161_450_000],
            [uint256(100_000), 355_000_000],
            [uint256(101_000), 360_000_000],
            [uint256(150_000), 605_000_000],
            [uint256(151_000), 611_800_000],
            [uint256(200_000), 945_000_000],
            [uint256(201_000), 953_000_000],
            [uint256(250_000), 1_345_000_000],
            [uint256(250_001), 1_550_006_200],
            [uint256(251_000), 1_556_200_000],
            [uint256(300_000), 1_860_000_000],
            [uint256(300_001), 2_100_007_000],
            [uint256(301_000), 2_107_000_000],
            [uint256(350_000), 2_450_000_000],
            [uint256(350_001), 2_572_507_350],
            [uint256(368_000), 2_704_800_000],
            [uint256(400_000), 2_940_000_000],
            [uint256(400_001), 3_040_007_600],
            [uint256(500_000), 3_800_000_000],
            [uint256(500_001), 4_250_008_500],
            [uint256(501_000), 4_258_500_000],
            [uint256(800_000), 6_800_000_000],
            [uint256(839_000), 7_131_500_000]
        ];
        for (uint256 i = 0; i < rows.length; ++i) {
            assertEq(book.chargeUp(kseb, rows[i][0]), rows[i][1], vm.toString(rows[i][0]));
        }
    }

    function test_chargeRoundsUp() public {
        ITariffBook.Tariff memory odd = _later(_kseb());
        odd.telescopic[0].priceMicroInrPerKwh = 1;
        vm.prank(operator);
        uint32 id = book.addTariff(odd);
        assertEq(book.chargeUp(id, 1), 1);
        assertEq(book.chargeUp(id, 1000), 1);
        assertEq(book.chargeUp(id, 1001), 2);
    }

    function test_tariff_isReadable() public {
        ITariffBook.Tariff memory stored = book.tariff(kseb);
        assertEq(stored.name, "KSEB 2022-23");
        assertEq(stored.flat.length, 5);
        assertEq(book.tariffAt(block.timestamp), kseb);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_NoTariff.selector, 1_656_181_799));
        book.tariffAt(1_656_181_799);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_UnknownTariff.selector, 0));
        book.tariff(0);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_UnknownTariff.selector, 2));
        book.chargeUp(2, 1);
    }

    function test_tariff_badOnesNameTheField() public {
        ITariffBook.Tariff memory t = _kseb();
        t.name = "";
        _expectBad(t, "name");
        t = _kseb();
        t.validUntil = t.validFrom;
        _expectBad(t, "validUntil");
        t = _kseb();
        t.billingPeriodSeconds = 0;
        _expectBad(t, "billingPeriodSeconds");
        t = _kseb();
        t.flat = new ITariffBook.Slab[](0);
        _expectBad(t, "flat");
        t = _kseb();
        t.flat = new ITariffBook.Slab[](17);
        _expectBad(t, "flat");
        t = _kseb();
        t.telescopic = new ITariffBook.Slab[](17);
        _expectBad(t, "telescopic");
        t = _kseb();
        t.telescopic[0].uptoWh = 0;
        _expectBad(t, "telescopic");
        t = _kseb();
        t.telescopic[3].uptoWh = t.telescopic[2].uptoWh;
        _expectBad(t, "telescopic");
        t = _kseb();
        t.flat[0].uptoWh = 250_000;
        _expectBad(t, "flat");
        t = _kseb();
        t.flat[4].uptoWh = 1_000_000;
        _expectBad(t, "flat");
    }

    function test_tariff_noTwoAtOnce() public {
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_Overlap.selector, kseb));
        book.addTariff(_kseb());
        ITariffBook.Tariff memory earlier = _kseb();
        (earlier.validFrom, earlier.validUntil) = (1, _kseb().validFrom + 1);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_Overlap.selector, kseb));
        book.addTariff(earlier);
        earlier.validUntil -= 1;
        uint32 id = book.addTariff(earlier);
        assertEq(book.tariffAt(1_656_181_799), id);
        assertEq(book.tariffAt(1_656_181_800), kseb);
    }

    function test_tariff_end() public {
        uint64 end = uint64(block.timestamp + 10 days);
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_BadEnd.selector, block.timestamp));
        book.endTariff(kseb, uint64(block.timestamp));
        vm.expectEmit(address(book));
        emit ITariffBook.TariffEnded(kseb, end);
        book.endTariff(kseb, end);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_BadEnd.selector, end + 1));
        book.endTariff(kseb, end + 1);
        ITariffBook.Tariff memory next = _kseb();
        next.validFrom = end;
        uint32 id = book.addTariff(next);
        assertEq(book.tariffAt(end - 1), kseb);
        assertEq(book.tariffAt(end), id);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_UnknownTariff.selector, 9));
        book.endTariff(9, end);
    }

    function test_tariff_notWithoutLimit() public {
        vm.startPrank(operator);
        ITariffBook.Tariff memory t = _kseb();
        for (uint64 i = 1; i < 128; ++i) {
            (t.validFrom, t.validUntil) = (i, i + 1);
            book.addTariff(t);
        }
        (t.validFrom, t.validUntil) = (500, 501);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_TooManyTariffs.selector, 128));
        book.addTariff(t);
    }

    // ---- bills

    function test_bill_golden368kWh() public {
        _claimBilled(HOUSE, alice);
        _drawInSlots(HOUSE, 368_000, 0);
        uint256 due = book.nextBillAt(HOUSE);
        vm.warp(due - 1);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_TooEarly.selector, HOUSE, due));
        book.issueBill(HOUSE);
        vm.warp(due);
        vm.expectEmit(address(book));
        emit ITariffBook.BillIssued(1, HOUSE, alice, 368_000, 0, 2_704_800_000, 0, uint64(due + TERM));
        assertEq(book.issueBill(HOUSE), 1);
        ITariffBook.Bill memory bill = book.bill(1);
        assertEq(bill.subscription, 1);
        assertEq(bill.issuedAt, due);
        assertTrue(!bill.paid);
        assertEq(book.nextBillAt(HOUSE), due + PERIOD);
        assertEq(book.billsOf(HOUSE), _one(1));
    }

    /// What the household before drew is not on the bill, nor what flowed before the terms began.
    function test_bill_startsWhereTheTermsBegan() public {
        _count(HOUSE, 77_000, 0);
        _closeSlot();
        _count(HOUSE, 5_000, 0);
        _claimBilled(HOUSE, alice);
        _drawInSlots(HOUSE, 100_000, 0);
        vm.warp(book.nextBillAt(HOUSE));
        assertEq(book.bill(book.issueBill(HOUSE)).consumedWh, 100_000);
        _drawInSlots(HOUSE, 50_000, 0);
        vm.warp(book.nextBillAt(HOUSE));
        assertEq(book.bill(book.issueBill(HOUSE)).consumedWh, 50_000);
    }

    function test_bill_export() public {
        _claimBilled(ROOF, bob);
        _drawInSlots(ROOF, 100_000, 500_000);
        vm.warp(book.nextBillAt(ROOF));
        ITariffBook.Bill memory bill = book.bill(book.issueBill(ROOF));
        assertEq(bill.exportedWh, 500_000);
        assertEq(bill.creditMicroInr, 1500 * RUPEE);
        assertEq(bill.chargeMicroInr, 355 * RUPEE);
        assertTrue(bill.paid, "the credit covers it");
        assertEq(book.creditOf(bob), 1145 * RUPEE);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_AlreadyPaid.selector, 1));
        book.payBill(1);
    }

    function test_bill_creditReducesTheCharge() public {
        _claimBilled(ROOF, bob);
        _drawInSlots(ROOF, 100_000, 100_000);
        vm.warp(book.nextBillAt(ROOF));
        book.issueBill(ROOF);
        uint256 before = token.balanceOf(alice, INR);
        vm.expectEmit(address(book));
        emit ITariffBook.BillPaid(1, alice, 55 * RUPEE);
        vm.prank(alice);
        book.payBill(1);
        assertEq(before - token.balanceOf(alice, INR), 55 * RUPEE);
        assertEq(book.creditOf(bob), 0);
    }

    function test_bill_ev() public {
        _claimBilled(CAR, alice);
        _countStorage(CAR, 60_000, 10_000);
        _closeSlot();
        vm.warp(book.nextBillAt(CAR));
        ITariffBook.Bill memory bill = book.bill(book.issueBill(CAR));
        assertEq(bill.consumedWh, 60_000);
        assertEq(bill.exportedWh, 10_000);
    }

    function test_bill_aConsumersExportEarnsNothing() public {
        _claimBilled(HOUSE, alice);
        _drawInSlots(HOUSE, 1_000, 9_000);
        vm.warp(book.nextBillAt(HOUSE));
        assertEq(book.bill(book.issueBill(HOUSE)).exportedWh, 0);
    }

    /// Three periods late: 300 kWh are three times 100 kWh, not once 300.
    function test_bill_lateSpreadsOverItsPeriods() public {
        _claimBilled(HOUSE, alice);
        uint256 start = book.nextBillAt(HOUSE) - PERIOD;
        _drawInSlots(HOUSE, 300_001, 0);
        vm.warp(start + 3 * PERIOD + PERIOD / 2);
        ITariffBook.Bill memory bill = book.bill(book.issueBill(HOUSE));
        assertEq(bill.chargeMicroInr, 3 * 355 * RUPEE + 5_000);
        assertEq(book.nextBillAt(HOUSE), start + 4 * PERIOD, "periods keep their rhythm");
    }

    function test_bill_changeOfModeEndsWithALastBill() public {
        _claimBilled(HOUSE, alice);
        _drawInSlots(HOUSE, 40_000, 0);
        vm.prank(alice);
        registry.setBillingMode(HOUSE, BillingMode.Prepaid);
        _drawInSlots(HOUSE, 10_000, 0); // up to this settlement the old terms go on
        _drawInSlots(HOUSE, 7_000, 0); // prepaid
        ITariffBook.Bill memory bill = book.bill(book.issueBill(HOUSE));
        assertEq(bill.consumedWh, 50_000);
        assertEq(bill.chargeMicroInr, 157_500_000);
        assertEq(ledger.debtOf(HOUSE), 7_000);
        assertEq(book.nextBillAt(HOUSE), 0);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_NotBilled.selector, HOUSE));
        book.issueBill(HOUSE);
    }

    function test_bill_lastOneMayCoverSeveralPeriods() public {
        _claimBilled(HOUSE, alice);
        uint256 start = book.nextBillAt(HOUSE) - PERIOD;
        _drawInSlots(HOUSE, 100_000, 0);
        vm.warp(start + PERIOD + 5 days);
        vm.prank(alice);
        registry.setBillingMode(HOUSE, BillingMode.Prepaid);
        _closeSlot();
        skip(10 * uint256(PERIOD));
        // One period and a bit: two, of 50 kWh each. That nobody called for long does not count.
        assertEq(book.bill(book.issueBill(HOUSE)).chargeMicroInr, 2 * 157_500_000);
    }

    function test_bill_backAndForthLosesAndDoublesNothing() public {
        _claimBilled(HOUSE, alice);
        _drawInSlots(HOUSE, 1_000, 0);
        _switch(BillingMode.Prepaid, 2_000);
        _drawInSlots(HOUSE, 4_000, 0);
        _switch(BillingMode.Billed, 8_000);
        _drawInSlots(HOUSE, 16_000, 0);
        vm.prank(alice);
        registry.requestRelease(HOUSE);
        _drawInSlots(HOUSE, 32_000, 0);
        _drawInSlots(HOUSE, 64_000, 0); // nobody's
        assertEq(book.bill(book.issueBill(HOUSE)).consumedWh, 3_000);
        assertEq(book.bill(book.issueBill(HOUSE)).consumedWh, 48_000);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_NotBilled.selector, HOUSE));
        book.issueBill(HOUSE);
        _claimBilled(HOUSE, bob);
        _drawInSlots(HOUSE, 128_000, 0);
        vm.warp(book.nextBillAt(HOUSE));
        ITariffBook.Bill memory bill = book.bill(book.issueBill(HOUSE));
        assertEq(bill.consumedWh, 128_000);
        assertEq(bill.holder, bob);
        assertEq(bill.subscription, 2);
    }

    function test_bill_usesTheTariffValidAtItsEnd() public {
        _claimBilled(HOUSE, alice);
        uint256 start = book.nextBillAt(HOUSE) - PERIOD;
        _drawInSlots(HOUSE, 1_000, 0);
        vm.startPrank(operator);
        book.endTariff(kseb, uint64(start + PERIOD));
        ITariffBook.Tariff memory dearer = _kseb();
        dearer.validFrom = uint64(start + PERIOD);
        dearer.telescopic[0].priceMicroInrPerKwh = 4_000_000;
        dearer.billingPeriodSeconds = 60 days;
        book.addTariff(dearer);
        vm.stopPrank();
        vm.warp(start + PERIOD);
        assertEq(book.bill(book.issueBill(HOUSE)).chargeMicroInr, 4_000_000);
        assertEq(book.nextBillAt(HOUSE), start + PERIOD + 60 days);
    }

    function test_bill_withoutTariff() public {
        vm.prank(operator);
        book.endTariff(kseb, uint64(block.timestamp + 1));
        _claimBilled(HOUSE, alice);
        assertEq(book.nextBillAt(HOUSE), 0);
        skip(PERIOD);
        vm.expectPartialRevert(ITariffBook.TariffBook_NoTariff.selector);
        book.issueBill(HOUSE);
    }

    function test_bill_unheldOrPrepaid() public {
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_NotBilled.selector, HOUSE));
        book.issueBill(HOUSE);
        _claim(HOUSE, alice, BillingMode.Prepaid);
        _closeSlot();
        assertEq(book.nextBillAt(HOUSE), 0);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_NotBilled.selector, HOUSE));
        book.issueBill(HOUSE);
    }

    // ---- paying

    function test_pay_refusals() public {
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_UnknownBill.selector, 0));
        book.payBill(0);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_UnknownBill.selector, 1));
        book.bill(1);
        _oneBill(HOUSE, alice, 100_000);
        vm.expectRevert(
            abi.encodeWithSelector(IERC1155Errors.ERC1155MissingApprovalForAll.selector, address(book), operator)
        );
        vm.prank(operator);
        book.payBill(1);
        vm.startPrank(alice);
        book.payBill(1);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_AlreadyPaid.selector, 1));
        book.payBill(1);
    }

    function test_credit_fromTakings() public {
        _claimBilled(ROOF, bob);
        _drawInSlots(ROOF, 0, 100_000);
        _oneBill(HOUSE, alice, 100_000);
        vm.warp(book.nextBillAt(ROOF));
        book.issueBill(ROOF);
        assertEq(book.creditOf(bob), 300 * RUPEE);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_FundsShort.selector, 300 * RUPEE, 0));
        book.withdrawCredit();
        vm.prank(alice);
        book.payBill(1);
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_FundsShort.selector, 55 * RUPEE + 1, 55 * RUPEE));
        book.withdrawTakings(55 * RUPEE + 1, operator);
        vm.expectEmit(address(book));
        emit ITariffBook.TakingsWithdrawn(operator, 55 * RUPEE);
        book.withdrawTakings(55 * RUPEE, operator);
        vm.stopPrank();
        uint256 before = token.balanceOf(bob, INR);
        vm.startPrank(bob);
        vm.expectEmit(address(book));
        emit ITariffBook.CreditWithdrawn(bob, 300 * RUPEE);
        assertEq(book.withdrawCredit(), 300 * RUPEE);
        assertEq(token.balanceOf(bob, INR), before + 300 * RUPEE);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_NothingToWithdraw.selector, bob));
        book.withdrawCredit();
        assertEq(token.balanceOf(address(book), INR), 0);
    }

    function test_takings_whenCreditIsAboveTheBalance() public {
        _claimBilled(ROOF, bob);
        _drawInSlots(ROOF, 0, 100_000);
        vm.warp(book.nextBillAt(ROOF));
        book.issueBill(ROOF);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_FundsShort.selector, 1, 0));
        book.withdrawTakings(1, operator);
        // The operator may put in what exporters are owed.
        vm.prank(alice);
        token.safeTransferFrom(alice, address(book), INR, 300 * RUPEE, "");
        vm.prank(bob);
        book.withdrawCredit();
    }

    function test_onlyInrIsTaken() public {
        _shine(10);
        vm.prank(address(market));
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_UnwantedId.selector, ENERGY));
        token.safeTransferFrom(address(market), address(book), ENERGY, 10, "");
        assertTrue(book.supportsInterface(0x4e2312e0));
        assertTrue(book.supportsInterface(0x01ffc9a7));
        assertTrue(!book.supportsInterface(0xffffffff));
    }

    // ---- overdue

    function test_overdue_oldestUnpaidDecides() public {
        _claimBilled(HOUSE, alice);
        uint256[3] memory ids;
        for (uint256 i = 0; i < 3; ++i) {
            _drawInSlots(HOUSE, 10_000, 0);
            vm.warp(book.nextBillAt(HOUSE));
            ids[i] = book.issueBill(HOUSE);
        }
        assertTrue(book.isOverdue(HOUSE));
        vm.startPrank(alice);
        book.payBill(ids[1]);
        assertTrue(book.isOverdue(HOUSE));
        book.payBill(ids[0]);
        assertTrue(!book.isOverdue(HOUSE), "the third is not due yet");
        skip(TERM);
        assertTrue(!book.isOverdue(HOUSE));
        skip(1);
        assertTrue(book.isOverdue(HOUSE));
        book.payBill(ids[2]);
        assertTrue(!book.isOverdue(HOUSE));
    }

    function test_overdue_billsPaidByCreditAreNoDebt() public {
        _claimBilled(ROOF, bob);
        for (uint256 i = 0; i < 3; ++i) {
            _drawInSlots(ROOF, 0, 1_000);
            vm.warp(book.nextBillAt(ROOF));
            book.issueBill(ROOF);
        }
        skip(365 days);
        assertTrue(!book.isOverdue(ROOF));
    }

    function test_overdue_lastBillOfAFormerHouseholdIssuedLate() public {
        _claimBilled(HOUSE, alice);
        _drawInSlots(HOUSE, 10_000, 0);
        vm.prank(alice);
        registry.requestRelease(HOUSE);
        _closeSlot();
        _claimBilled(HOUSE, bob);
        book.issueBill(HOUSE);
        skip(uint256(TERM) + 1);
        assertTrue(!book.isOverdue(HOUSE), "alice's, not bob's");
        _drawInSlots(HOUSE, 10_000, 0);
        vm.warp(book.nextBillAt(HOUSE));
        uint256 bobs = book.issueBill(HOUSE);
        skip(uint256(TERM) + 1);
        assertTrue(book.isOverdue(HOUSE));
        vm.prank(bob);
        book.payBill(bobs);
        assertTrue(!book.isOverdue(HOUSE));
    }

    function test_roles(address stranger) public {
        vm.assume(stranger != operator && stranger != address(manager));
        vm.startPrank(stranger);
        _expectUnauthorized(stranger);
        book.addTariff(_kseb());
        _expectUnauthorized(stranger);
        book.endTariff(kseb, 1);
        _expectUnauthorized(stranger);
        book.withdrawTakings(0, stranger);
    }

    // ---- property

    /// However modes, slots and bill calls fall, the bills hold exactly what was drawn under Billed terms.
    /// forge-config: default.fuzz.runs = 64
    function test_everyBilledWhIsOnOneBill(uint8[24] memory steps) public {
        _claimBilled(HOUSE, alice);
        uint256 drawnBilled;
        for (uint256 i = 0; i < steps.length; ++i) {
            uint256 kind = steps[i] % 4;
            if (kind == 0) {
                BillingMode mode = registry.get(HOUSE).mode;
                vm.prank(alice);
                try registry.setBillingMode(
                    HOUSE, mode == BillingMode.Billed ? BillingMode.Prepaid : BillingMode.Billed
                ) {}
                    catch {}
            } else if (kind == 1) {
                skip(uint256(steps[i]) * 12 hours);
            } else if (kind == 2) {
                try book.issueBill(HOUSE) {} catch {}
            }
            (,, BillingMode applies,,) = registry.settlementOf(HOUSE);
            if (applies == BillingMode.Billed) drawnBilled += steps[i];
            _drawInSlots(HOUSE, steps[i], 0);
        }
        vm.prank(alice);
        registry.requestRelease(HOUSE);
        _closeSlot();
        while (book.nextBillAt(HOUSE) != 0) book.issueBill(HOUSE);
        uint256 billed;
        uint256[] memory ids = book.billsOf(HOUSE);
        for (uint256 i = 0; i < ids.length; ++i) {
            billed += book.bill(ids[i]).consumedWh;
        }
        assertEq(billed, drawnBilled);
    }

    // ---- in short

    function _claimBilled(MeterId meter, address holder) private {
        _claim(meter, holder, BillingMode.Billed);
        _closeSlot();
    }

    function _drawInSlots(MeterId meter, uint256 importedWh, uint256 exportedWh) private {
        _count(meter, importedWh, exportedWh);
        _closeSlot();
    }

    function _switch(BillingMode mode, uint256 wh) private {
        vm.prank(alice);
        registry.setBillingMode(HOUSE, mode);
        _drawInSlots(HOUSE, wh, 0);
    }

    function _oneBill(MeterId meter, address holder, uint256 wh) private {
        _claimBilled(meter, holder);
        _drawInSlots(meter, wh, 0);
        vm.warp(book.nextBillAt(meter));
        book.issueBill(meter);
    }

    function _later(ITariffBook.Tariff memory t) private returns (ITariffBook.Tariff memory) {
        vm.prank(operator);
        book.endTariff(kseb, uint64(block.timestamp + 1));
        t.validFrom = uint64(block.timestamp + 1);
        return t;
    }

    function _expectBad(ITariffBook.Tariff memory t, string memory field) private {
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(ITariffBook.TariffBook_BadTariff.selector, field));
        book.addTariff(t);
    }
}

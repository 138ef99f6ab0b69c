// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {BillingMode, EntityKind} from "contracts/Types.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {MeteringTest} from "./MeteringTest.sol";

/// advance
/// ├── mints to the inventory what it then owes; what comes in repays it first
/// ├── within the limit, by the inventory only, limit by the admin only: else refused
/// └── what was metered is booked whatever the limit says
contract AdvanceTest is MeteringTest {
    uint32 private constant HOUSE = 1;
    uint32 private constant GRID = 2;

    function setUp() public override {
        super.setUp();
        _register(HOUSE, EntityKind.Consumer);
        _register(GRID, EntityKind.Grid);
        _claim(HOUSE, alice, BillingMode.Prepaid);
        _book(_lines(_line(HOUSE, 0, 0), _line(GRID, 0, 0)));
        ledger.setAdvanceLimit(1_000);
    }

    function test_advance_isOwedUntilItComesIn() public {
        vm.expectEmit(address(ledger));
        emit IMeterLedger.EnergyAdvanced(600, 600);
        _advance(600);
        assertEq(_energy(inventory), 600);
        assertEq(ledger.inventoryDebtWh(), 600);
        assertEq(ledger.advanceableWh(), 400);

        // Alice buys it and uses it; what the main grid gives for that is no longer hers to burn and repays.
        vm.prank(inventory);
        token.safeTransferFrom(inventory, alice, ENERGY, 600, "");
        _book(_lines(_line(HOUSE, 450, 0), _line(GRID, 450, 0)));
        assertEq(_energy(alice), 150);
        assertEq(ledger.inventoryDebtWh(), 150, "what households hold is what the inventory owes");
        assertEq(token.totalSupply(ENERGY), 150);
        assertEq(ledger.advanceableWh(), 850);
    }

    function test_advance_toTheLimitAndNoFurther(uint256 wh) public {
        wh = bound(wh, 0, 1_000);
        _advance(wh);
        vm.expectRevert(
            abi.encodeWithSelector(IMeterLedger.MeterLedger_AdvanceTooLarge.selector, 1_001 - wh, 1_000 - wh)
        );
        vm.prank(inventory);
        ledger.advance(1_001 - wh);
    }

    function test_advance_debtByMeteringCountsToo() public {
        _book(_lines(_line(HOUSE, 0, 0), _line(GRID, 0, 700)));
        assertEq(ledger.advanceableWh(), 300);
        // Beyond the limit it is booked all the same, and nothing more is sold ahead.
        _book(_lines(_line(HOUSE, 0, 0), _line(GRID, 0, 1_700)));
        assertEq(ledger.inventoryDebtWh(), 1_700);
        assertEq(ledger.advanceableWh(), 0);
    }

    function test_advance_byTheInventoryOnly(address other) public {
        vm.assume(other != inventory);
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.MeterLedger_NotInventory.selector, other));
        vm.prank(other);
        ledger.advance(1);
    }

    /// A contract that refuses units gets nothing it could sell: they are parked, and owed until they are burned.
    function test_advance_toAnInventoryThatRefusesUnits() public {
        HostileReceiver refusing = new HostileReceiver();
        refusing.behave(HostileReceiver.Manner.Revert);
        ledger.setInventory(address(refusing));
        vm.prank(address(refusing));
        ledger.advance(100);
        assertEq(_energy(address(refusing)), 0);
        assertEq(token.parkedEnergy(address(refusing)), 100);
        assertEq(ledger.inventoryDebtWh(), 100);
    }

    function test_limit_byTheAdminOnly() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, operator));
        vm.prank(operator);
        ledger.setAdvanceLimit(5);
    }

    function test_limit_lowerThanTheDebt() public {
        _advance(800);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.AdvanceLimitChanged(1_000, 10);
        ledger.setAdvanceLimit(10);
        assertEq(ledger.advanceLimitWh(), 10);
        assertEq(ledger.advanceableWh(), 0);
        assertEq(ledger.inventoryDebtWh(), 800);
    }

    function test_limit_tooLarge() public {
        uint256 max = type(uint64).max;
        ledger.setAdvanceLimit(max);
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.MeterLedger_LimitTooLarge.selector, max + 1, max));
        ledger.setAdvanceLimit(max + 1);
    }

    function _advance(uint256 wh) private {
        vm.prank(inventory);
        ledger.advance(wh);
    }
}

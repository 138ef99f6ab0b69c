// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, Registers} from "contracts/Types.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {IMeterRegistry} from "contracts/interfaces/IMeterRegistry.sol";
import {MeteringTest} from "./MeteringTest.sol";
import {TestTree} from "./TestTree.sol";

/// Whose energy it is when a meter changes hands or mode: up to the first settlement of the slot of the request, or of a
/// later one, it is the old terms'; after it the new ones'. To the Wh, whatever was or was not settled before.
contract TermsTest is MeteringTest {
    uint32 internal constant HOUSE = 1;
    uint32 internal constant GRID = 2; // so that the tree has two leaves

    uint40 internal importedWh;
    uint40 internal exportedWh;

    function setUp() public override {
        super.setUp();
        _register(HOUSE, EntityKind.Prosumer);
        _register(GRID, EntityKind.Grid);
        _count(100, 1_000);
        _bookHouse();
    }

    // ---- claims

    function test_claim_beginsWithTheNextSettlement() public {
        assertEq(_inventoryWh(), 900);
        _count(10, 50); // before the claim, in the same slot
        _claim(HOUSE, alice, BillingMode.Prepaid);
        _count(20, 70); // after it, still in that slot
        uint64 slot = _bookHouse();
        assertEq(_inventoryWh(), 900 + 40 + 50);
        assertEq(_energy(alice), 0);
        IMeterRegistry.Terms memory terms = registry.termsAt(_id(HOUSE), 0);
        assertEq(uint256(terms.afterSlot), slot);
        assertEq(Registers.unwrap(terms.startRegisters), Registers.unwrap(_houseRegisters()));

        _count(30, 80);
        _bookHouse();
        assertEq(_energy(alice), 50);
        assertEq(_inventoryWh(), 990);
    }

    /// A slot that ended before the claim is settled after it: the household has nothing to do with it, and its terms
    /// do not begin there.
    function test_claim_laterSettlementOfAnEarlierSlot() public {
        _count(10, 50);
        TestTree.Line[] memory earlier = _house();
        uint64 earlierSlot = _commit(earlier);
        _claim(HOUSE, alice, BillingMode.Prepaid);
        _settle(earlierSlot, earlier, 0);
        assertTrue(registry.get(_id(HOUSE)).changing);
        assertEq(_energy(alice), 0);
        _count(5, 500);
        _bookHouse();
        assertEq(_energy(alice), 0);
        assertEq(_inventoryWh(), 900 + 40 + 495);
        assertTrue(!registry.get(_id(HOUSE)).changing);
    }

    /// Slots missed around the claim cannot be told apart any more: all of it is the old terms'.
    function test_claim_afterMissedSlots() public {
        _count(10, 50);
        _commit(_house());
        _claim(HOUSE, alice, BillingMode.Prepaid);
        _count(1, 2);
        _commit(_house());
        _count(1, 3);
        _bookHouse();
        assertEq(_energy(alice), 0);
        assertEq(_inventoryWh(), 900 + 43);
    }

    function test_claim_beginsEvenIfNothingFlowed() public {
        _claim(HOUSE, alice, BillingMode.Prepaid);
        _bookHouse();
        assertTrue(!registry.get(_id(HOUSE)).changing);
        _count(0, 7);
        _bookHouse();
        assertEq(_energy(alice), 7);
    }

    // ---- modes

    function test_mode_prepaidToBilled() public {
        _hold(alice, BillingMode.Prepaid);
        _count(0, 300);
        vm.prank(alice);
        registry.setBillingMode(_id(HOUSE), BillingMode.Billed);
        _count(0, 20);
        _bookHouse();
        assertEq(_energy(alice), 320);
        _count(0, 40);
        _bookHouse();
        assertEq(_energy(alice), 320);
        assertEq(_inventoryWh(), 940);
    }

    function test_mode_billedToPrepaid() public {
        _hold(alice, BillingMode.Billed);
        _count(60, 0);
        vm.prank(alice);
        registry.setBillingMode(_id(HOUSE), BillingMode.Prepaid);
        _bookHouse();
        assertEq(_inventoryWh(), 840);
        _count(5, 30);
        _bookHouse();
        assertEq(_energy(alice), 25);
        assertEq(_inventoryWh(), 840);
    }

    /// Debt stays with the meter when its holder turns to bills: it can still be repaid, and supply no longer pays it.
    function test_mode_debtOfPrepaidTimes() public {
        _hold(alice, BillingMode.Prepaid);
        vm.prank(alice);
        registry.setBillingMode(_id(HOUSE), BillingMode.Billed);
        _count(50, 0);
        _bookHouse();
        assertEq(ledger.debtOf(_id(HOUSE)), 50);
        _count(0, 10);
        uint64 slot = _commit(_house());
        vm.expectEmit(address(ledger));
        emit IMeterLedger.MeterSettled(_id(HOUSE), slot, _houseRegisters(), 10, 50);
        _settle(slot, _house(), 0);
        assertEq(ledger.debtOf(_id(HOUSE)), 50);
        assertEq(_inventoryWh(), 910);
        vm.prank(inventory);
        token.safeTransferFrom(inventory, alice, ENERGY, 60, "");
        assertEq(ledger.repayDebt(_id(HOUSE)), 0);
        assertEq(_energy(alice), 10);
    }

    // ---- leaving

    function test_release_theNextHouseholdStartsThere() public {
        _hold(alice, BillingMode.Prepaid);
        _count(0, 500);
        vm.prank(alice);
        registry.requestRelease(_id(HOUSE));
        _count(40, 0); // what she uses in the slot she leaves in is hers
        uint64 slot = _commit(_house());
        vm.expectEmit(address(registry));
        emit IMeterRegistry.MeterReleased(_id(HOUSE), 1, alice, _houseRegisters());
        _settle(slot, _house(), 0);
        assertEq(_energy(alice), 460);

        _count(15, 0); // empty, the community's
        _claim(HOUSE, bob, BillingMode.Prepaid);
        _bookHouse();
        assertEq(_inventoryWh(), 885);
        _count(0, 9);
        _bookHouse();
        assertEq(_energy(bob), 9);
        assertEq(_energy(alice), 460);
        assertEq(uint256(registry.get(_id(HOUSE)).subscription), 2);
    }

    function test_release_debtStaysWithTheHousehold() public {
        _hold(alice, BillingMode.Prepaid);
        vm.prank(alice);
        registry.requestRelease(_id(HOUSE));
        _count(70, 0);
        uint64 slot = _commit(_house());
        vm.expectEmit(address(ledger));
        emit IMeterLedger.DebtLeftBehind(_id(HOUSE), alice, 70);
        _settle(slot, _house(), 0);
        assertEq(ledger.debtOf(_id(HOUSE)), 0);
        assertEq(ledger.formerDebtOf(alice), 70);

        _hold(bob, BillingMode.Prepaid);
        _count(0, 100);
        _bookHouse();
        assertEq(_energy(bob), 100, "the next household owes nothing");

        vm.prank(bob);
        token.safeTransferFrom(bob, alice, ENERGY, 30, "");
        vm.expectEmit(address(ledger));
        emit IMeterLedger.FormerDebtRepaid(alice, 30, 40);
        assertEq(ledger.repayFormerDebt(alice), 40);
        vm.prank(bob);
        token.safeTransferFrom(bob, alice, ENERGY, 50, "");
        assertEq(ledger.repayFormerDebt(alice), 0);
        assertEq(ledger.repayFormerDebt(alice), 0);
        assertEq(_energy(alice), 10);
    }

    function test_release_alsoWithinABatch() public {
        _hold(alice, BillingMode.Prepaid);
        vm.prank(alice);
        registry.requestRelease(_id(HOUSE));
        _count(0, 70);
        uint64 slot = _commit(_house());
        _settleAll(slot, _house());
        assertEq(_energy(alice), 70);
        assertEq(registry.get(_id(HOUSE)).holder, address(0));
    }

    // ---- helpers

    function _count(uint40 imported, uint40 exported) private {
        importedWh += imported;
        exportedWh += exported;
    }

    function _house() private view returns (TestTree.Line[] memory) {
        return _lines(_line(HOUSE, importedWh, exportedWh), _line(GRID, 0, 0));
    }

    function _houseRegisters() private view returns (Registers) {
        return _wrap(_house()[0].registers);
    }

    function _bookHouse() private returns (uint64 slot) {
        slot = _commit(_house());
        _settle(slot, _house(), 0);
    }

    function _hold(address wallet, BillingMode mode) private {
        _claim(HOUSE, wallet, mode);
        _bookHouse();
    }

    function _inventoryWh() private view returns (uint256) {
        return _energy(inventory);
    }
}

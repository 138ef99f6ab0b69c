// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Condition, EntityKind, Flows} from "contracts/Types.sol";
import {IGridToken} from "contracts/interfaces/IGridToken.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {IOracleQuorum} from "contracts/interfaces/IOracleQuorum.sol";
import {MeterLedger} from "contracts/metering/MeterLedger.sol";
import {MeteringTest} from "./MeteringTest.sol";
import {TestTree} from "./TestTree.sol";

/// commitSlot
/// ├── not newer than the last, not counted from the last, not over, no leaves: refused
/// ├── a total that went back or is out of range: refused
/// ├── too few signatures, or any field other than what was signed: refused
/// └── committed once, by anyone; balance and condition of the time since the slot before
/// setInventory: the admin's; never zero
contract SlotsTest is MeteringTest {
    using TestTree for TestTree.Tree;

    uint32 internal constant HOUSE = 1;
    uint32 internal constant PROSUMER = 2;
    uint32 internal constant DER = 3;
    uint32 internal constant BANK = 4;
    uint32 internal constant GRID = 5;

    function setUp() public override {
        super.setUp();
        _register(HOUSE, EntityKind.Consumer);
        _register(PROSUMER, EntityKind.Prosumer);
        _register(DER, EntityKind.Der);
        _register(BANK, EntityKind.Battery);
        _register(GRID, EntityKind.Grid);
    }

    // ---- what is committed

    function test_commit_isReadable() public {
        TestTree.Line[] memory lines = _community(600, 200, 300, 400, 500, 70, 80);
        uint64 slot = _endSlot();
        IMeterLedger.Commitment memory commitment = _commitment(slot, lines);
        bytes[] memory signatures = _signatures(ledger.commitmentDigest(commitment), 3);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.SlotCommitted(slot, 0, commitment.root, commitment.totals, 5, 0, Condition.Balanced);
        vm.prank(makeAddr("anybody"));
        ledger.commitSlot(commitment, signatures);

        IMeterLedger.SlotRecord memory record = ledger.slotRecord(slot);
        assertEq(record.root, commitment.root);
        assertEq(record.totals.lo, commitment.totals.lo);
        assertEq(record.totals.hi, commitment.totals.hi);
        assertEq(uint256(record.previousSlot), 0);
        assertEq(uint256(record.committedAt), block.timestamp);
        assertEq(uint256(record.leafCount), 5);
        assertEq(uint256(ledger.latestSlot()), slot);
        assertEq(uint256(ledger.currentSlot()), slot + 1);
        assertEq(uint256(ledger.slotSeconds()), SLOT_SECONDS);
    }

    function test_powerData_countsFromTheSlotBefore() public {
        _commit(_community(1000, 2000, 3000, 4000, 5000, 6000, 7000));
        skip(5 * SLOT_SECONDS); // slots may be missed: nothing is lost
        uint64 slot = _commit(_community(1001, 2002, 3003, 4004, 5005, 6006, 7007));
        IMeterLedger.PowerData memory data = ledger.powerData(slot);
        assertEq(uint256(data.consumptionWh), 1);
        assertEq(uint256(data.prosumerExportWh), 2);
        assertEq(uint256(data.derGenerationWh), 3);
        assertEq(uint256(data.chargedWh), 4);
        assertEq(uint256(data.dischargedWh), 5);
        assertEq(uint256(data.gridImportWh), 6);
        assertEq(uint256(data.gridExportWh), 7);
        assertEq(uint256(data.prosumerGenerationWh), 4); // the prosumer made twice what it exported
        assertEq(ledger.totalGeneration(slot), 2 + 3 + 5);
        assertEq(ledger.totalConsumption(slot), 1 + 4);
    }

    /// The published rows, kWh: consumption, prosumer export, DER, charged, discharged.
    function test_balance_goldenRows() public {
        _assertBalance([uint40(60), 20, 30, 40, 50], 0, Condition.Balanced);
        _assertBalance([uint40(20), 30, 10, 20, 30], -30_000, Condition.Surplus);
        _assertBalance([uint40(80), 40, 20, 10, 20], 10_000, Condition.Deficit);
    }

    /// In any slot: balance = consumption + charged - own sources, and the condition is its sign.
    function test_balance_isTheSumOfItsParts(uint32[7] memory first, uint32[7] memory step) public {
        _commit(_community(first[0], first[1], first[2], first[3], first[4], first[5], first[6]));
        uint64 slot = _commit(
            _community(
                uint40(first[0]) + step[0],
                uint40(first[1]) + step[1],
                uint40(first[2]) + step[2],
                uint40(first[3]) + step[3],
                uint40(first[4]) + step[4],
                uint40(first[5]) + step[5],
                uint40(first[6]) + step[6]
            )
        );
        (int256 balanceWh, Condition condition) = ledger.balance(slot);
        int256 expected = int256(uint256(step[0])) + int256(uint256(step[3])) - int256(uint256(step[1]))
            - int256(uint256(step[2])) - int256(uint256(step[4]));
        assertEq(balanceWh, expected);
        assertEq(balanceWh, int256(ledger.totalConsumption(slot)) - int256(ledger.totalGeneration(slot)));
        Condition sign = expected == 0 ? Condition.Balanced : expected < 0 ? Condition.Surplus : Condition.Deficit;
        assertEq(uint256(condition), uint256(sign));
    }

    function test_unknownSlot() public {
        bytes memory unknown = abi.encodeWithSelector(IMeterLedger.MeterLedger_UnknownSlot.selector, 5);
        vm.expectRevert(unknown);
        ledger.slotRecord(5);
        vm.expectRevert(unknown);
        ledger.powerData(5);
        vm.expectRevert(unknown);
        ledger.balance(5);
        vm.expectRevert(unknown);
        ledger.totalGeneration(5);
        vm.expectRevert(unknown);
        ledger.totalConsumption(5);
    }

    // ---- what is refused

    function test_commit_eachSlotOnce() public {
        TestTree.Line[] memory lines = _community(1, 1, 1, 1, 1, 1, 1);
        uint64 slot = _commit(lines);
        _expectRefusal(
            _commitment(slot, lines), abi.encodeWithSelector(IMeterLedger.MeterLedger_SlotNotNext.selector, slot, slot)
        );
        _expectRefusal(
            _commitment(slot - 1, lines),
            abi.encodeWithSelector(IMeterLedger.MeterLedger_SlotNotNext.selector, slot - 1, slot)
        );
    }

    function test_commit_countsFromTheLatest() public {
        uint64 slot = _commit(_community(1, 1, 1, 1, 1, 1, 1));
        uint64 next = _endSlot();
        IMeterLedger.Commitment memory commitment = _commitment(next, _community(2, 2, 2, 2, 2, 2, 2));
        commitment.previousSlot = slot - 1;
        _expectRefusal(
            commitment, abi.encodeWithSelector(IMeterLedger.MeterLedger_WrongPrevious.selector, slot - 1, slot)
        );
    }

    function test_commit_onlyWhenTheSlotIsOver() public {
        TestTree.Line[] memory lines = _community(1, 1, 1, 1, 1, 1, 1);
        uint64 slot = registry.currentSlot();
        uint256 endsAt = (uint256(slot) + 1) * SLOT_SECONDS;
        vm.warp(endsAt - 1);
        _expectRefusal(
            _commitment(slot, lines), abi.encodeWithSelector(IMeterLedger.MeterLedger_SlotNotOver.selector, slot, endsAt)
        );
        vm.warp(endsAt);
        _commit(slot, lines);
        uint64 farAhead = type(uint64).max;
        _expectRefusal(
            _commitment(farAhead, lines),
            abi.encodeWithSelector(
                IMeterLedger.MeterLedger_SlotNotOver.selector, farAhead, (uint256(farAhead) + 1) * SLOT_SECONDS
            )
        );
    }

    function test_commit_emptyTree() public {
        uint64 slot = _endSlot();
        IMeterLedger.Commitment memory commitment = _commitment(slot, _community(1, 1, 1, 1, 1, 1, 1));
        commitment.leafCount = 0;
        _expectRefusal(commitment, abi.encodeWithSelector(IMeterLedger.MeterLedger_EmptyTree.selector));
        commitment.leafCount = 5;
        commitment.root = 0;
        _expectRefusal(commitment, abi.encodeWithSelector(IMeterLedger.MeterLedger_EmptyTree.selector));
    }

    function test_commit_totalsNeverGoBack(uint8 lane) public {
        lane = uint8(bound(lane, 0, 7));
        _commit(_community(10, 10, 10, 10, 10, 10, 10));
        uint64 slot = _endSlot();
        IMeterLedger.Commitment memory commitment = _commitment(slot, _community(10, 10, 10, 10, 10, 10, 10));
        if (lane < 4) commitment.totals.lo -= uint256(1) << (64 * lane);
        else commitment.totals.hi -= uint256(1) << (64 * (lane - 4));
        _expectRefusal(commitment, abi.encodeWithSelector(IMeterLedger.MeterLedger_TotalsWentBack.selector, lane));
    }

    function test_commit_totalsInRange(uint8 lane) public {
        lane = uint8(bound(lane, 0, 7));
        uint64 slot = _endSlot();
        IMeterLedger.Commitment memory commitment = _commitment(slot, _community(10, 10, 10, 10, 10, 10, 10));
        if (lane < 4) commitment.totals.lo |= uint256(1) << (64 * lane + 63);
        else commitment.totals.hi |= uint256(1) << (64 * (lane - 4) + 63);
        _expectRefusal(commitment, abi.encodeWithSelector(IMeterLedger.MeterLedger_TotalsWentBack.selector, lane));
    }

    function test_commit_tooFewSignatures() public {
        uint64 slot = _endSlot();
        IMeterLedger.Commitment memory commitment = _commitment(slot, _community(1, 1, 1, 1, 1, 1, 1));
        bytes[] memory signatures = _signatures(ledger.commitmentDigest(commitment), 1);
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_TooFewSignatures.selector, 1, 2));
        ledger.commitSlot(commitment, signatures);
    }

    /// Whatever differs from what was signed, the signatures do not count: the root, the totals, the number of leaves.
    function test_commit_signaturesCoverEveryField(uint8 field, uint64 change) public {
        change = uint64(bound(change, 1, 1 << 30));
        uint64 slot = _endSlot();
        IMeterLedger.Commitment memory commitment = _commitment(slot, _community(1, 1, 1, 1, 1, 1, 1));
        bytes[] memory signatures = _signatures(ledger.commitmentDigest(commitment), 2);
        field = field % 5;
        if (field == 0) commitment.slot -= change % slot == 0 ? 1 : change % slot;
        if (field == 1) commitment.root ^= bytes32(uint256(change));
        if (field == 2) commitment.totals.lo += change;
        if (field == 3) commitment.totals.hi += change;
        if (field == 4) commitment.leafCount += uint32(change);
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        ledger.commitSlot(commitment, signatures);
    }

    function test_commit_signaturesOfAnEarlierEpoch() public {
        uint64 slot = _endSlot();
        IMeterLedger.Commitment memory commitment = _commitment(slot, _community(1, 1, 1, 1, 1, 1, 1));
        bytes[] memory signatures = _signatures(ledger.commitmentDigest(commitment), 2);
        quorum.setSigners(nodes, 2); // the same nodes, but what they said before is not said now
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        ledger.commitSlot(commitment, signatures);
    }

    function test_commit_signaturesForAnotherLedgerOrChain() public {
        uint64 slot = _endSlot();
        IMeterLedger.Commitment memory commitment = _commitment(slot, _community(1, 1, 1, 1, 1, 1, 1));
        MeterLedger other = new MeterLedger(address(manager), quorum, IGridToken(address(token)), registry);
        bytes[] memory signatures = _signatures(other.commitmentDigest(commitment), 2);
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        ledger.commitSlot(commitment, signatures);
        signatures = _signatures(ledger.commitmentDigest(commitment), 2);
        vm.chainId(5);
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        ledger.commitSlot(commitment, signatures);
    }

    // ---- inventory

    function test_setInventory() public {
        vm.expectEmit(address(ledger));
        emit IMeterLedger.InventoryChanged(inventory, bob);
        ledger.setInventory(bob);
        assertEq(ledger.inventory(), bob);
        vm.expectRevert(IMeterLedger.MeterLedger_ZeroInventory.selector);
        ledger.setInventory(address(0));
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, operator));
        vm.prank(operator);
        ledger.setInventory(alice);
    }

    // ---- helpers

    /// Cumulative Wh of a house, a prosumer, a DER, a bank and the grid connection.
    function _community(
        uint40 consumption,
        uint40 prosumerExport,
        uint40 der,
        uint40 charged,
        uint40 discharged,
        uint40 gridImport,
        uint40 gridExport
    ) private view returns (TestTree.Line[] memory lines) {
        lines = new TestTree.Line[](5);
        lines[0] = _line(HOUSE, consumption, 0);
        lines[1] = _line(PROSUMER, [2 * prosumerExport, 0, prosumerExport, 0, 0, 0]);
        lines[2] = _line(DER, 0, der);
        lines[3] = _line(BANK, [uint40(0), 0, 0, 0, charged, discharged]);
        lines[4] = _line(GRID, gridImport, gridExport);
    }

    uint40[5] private _countedWh;

    function _assertBalance(uint40[5] memory kwh, int256 expectedWh, Condition expected) private {
        for (uint256 i = 0; i < 5; ++i) {
            _countedWh[i] += 1000 * kwh[i];
        }
        uint40[5] memory c = _countedWh;
        uint64 slot = _commit(_community(c[0], c[1], c[2], c[3], c[4], 9, 9));
        (int256 balanceWh, Condition condition) = ledger.balance(slot);
        assertEq(balanceWh, expectedWh);
        assertEq(uint256(condition), uint256(expected));
    }

    function _expectRefusal(IMeterLedger.Commitment memory commitment, bytes memory refusal) private {
        bytes[] memory signatures = _signatures(ledger.commitmentDigest(commitment), 2);
        vm.expectRevert(refusal);
        ledger.commitSlot(commitment, signatures);
    }
}

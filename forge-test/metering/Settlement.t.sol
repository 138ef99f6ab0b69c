// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, Leaf, Registers} from "contracts/Types.sol";
import {IGridToken} from "contracts/interfaces/IGridToken.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {MeterLedger} from "contracts/metering/MeterLedger.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {MeteringTest} from "./MeteringTest.sol";
import {TestTree} from "./TestTree.sol";

/// settle
/// ├── prepaid consumer, prosumer, EV: minted to and burned from the holder
/// ├── everything else: the inventory's
/// ├── registers as settled: nothing moves; older ones: refused
/// ├── another slot's proof, unknown slot or meter, no inventory: refused
/// └── what the holder cannot pay is debt, which later supply repays first
/// settleMany
/// ├── the same as one by one, in one call to the token
/// ├── meters settled at this or a newer slot are left as they are
/// └── registers back in one lane and forward in another; a meter twice, unsorted, none, too many: refused
contract SettlementTest is MeteringTest {
    using TestTree for TestTree.Tree;
    using TestTree for TestTree.Line;

    uint32 internal constant A = 1; // a prosumer of alice's, prepaid
    uint32 internal constant B = 2; // a prosumer of bob's, prepaid

    function setUp() public override {
        super.setUp();
        _register(A, EntityKind.Prosumer);
        _register(B, EntityKind.Prosumer);
        _claim(A, alice, BillingMode.Prepaid);
        _claim(B, bob, BillingMode.Prepaid);
        _book(_lines(_line(A, 0, 0), _line(B, 0, 0)));
    }

    // ---- one meter

    function test_settle_mintsSupplyAndBurnsDraw() public {
        TestTree.Line[] memory lines = _lines(_line(A, 100, 700), _line(B, 0, 0));
        uint64 slot = _commit(lines);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.MeterSettled(_id(A), slot, _wrap(lines[0].registers), 600, 0);
        _settle(slot, lines, 0);
        assertEq(_energy(alice), 600);
        assertEq(Registers.unwrap(ledger.settledRegisters(_id(A))), TestTree.pack(lines[0].registers));

        lines = _lines(_line(A, 550, 750), _line(B, 0, 0));
        _settle(_commit(lines), lines, 0);
        assertEq(_energy(alice), 200); // 600 + 50 - 450
        assertEq(token.totalSupply(ENERGY), 200);
        assertEq(ledger.debtOf(_id(A)), 0);
        assertEq(uint256(ledger.settledSlot(_id(A))), 0, "kept only where needed");
    }

    /// A slot that nobody settled is in the next one.
    function test_settle_missedSlotsLoseNothing() public {
        _commit(_lines(_line(A, 0, 500), _line(B, 0, 0)));
        _commit(_lines(_line(A, 100, 800), _line(B, 0, 0)));
        TestTree.Line[] memory lines = _lines(_line(A, 150, 900), _line(B, 0, 0));
        _settle(_commit(lines), lines, 0);
        assertEq(_energy(alice), 750);
    }

    function test_settle_evByItsStorage() public {
        _register(3, EntityKind.Ev);
        _claim(3, alice, BillingMode.Prepaid);
        _book(_lines(_line(A, 0, 500), _line(3, [uint40(0), 0, 0, 0, 0, 0])));
        // What the charger imports and exports beside is the same energy and counts once.
        TestTree.Line[] memory lines = _lines(_line(A, 0, 500), _line(3, [uint40(0), 0, 90, 330, 300, 80]));
        _settle(_commit(lines), lines, 1);
        assertEq(_energy(alice), 500 + 80 - 300);
    }

    function test_settle_consumerExportsNothing() public {
        _register(3, EntityKind.Consumer);
        _claim(3, alice, BillingMode.Prepaid);
        _book(_lines(_line(A, 0, 500), _line(3, 0, 0)));
        TestTree.Line[] memory lines = _lines(_line(A, 0, 500), _line(3, 200, 999));
        _settle(_commit(lines), lines, 1);
        assertEq(_energy(alice), 300);
    }

    /// Sources, bank and grid connection; houses nobody holds; billed and on-request houses.
    function test_settle_theRestIsTheInventorys() public {
        _register(3, EntityKind.Der);
        _register(4, EntityKind.Battery);
        _register(5, EntityKind.Grid);
        _register(6, EntityKind.Prosumer);
        _register(7, EntityKind.Consumer);
        _register(8, EntityKind.Prosumer);
        vm.prank(operator);
        registry.setCommunityMode(_id(7), BillingMode.OnRequest);
        _claim(8, alice, BillingMode.Billed);
        TestTree.Line[] memory lines = new TestTree.Line[](8);
        for (uint32 i = 0; i < 8; ++i) {
            lines[i] = _line(i + 1, 0, 0);
        }
        _book(lines);
        lines[2] = _line(3, 4, 10_000); // DER: +10 000 - 4
        lines[3] = _line(4, [uint40(0), 0, 0, 0, 50, 3_000]); // bank: +3 000 - 50
        lines[4] = _line(5, 2_000, 600); // grid: +2 000 - 600
        lines[5] = _line(6, 70, 500); // nobody's: +500 - 70
        lines[6] = _line(7, 800, 0); // on request: - 800
        lines[7] = _line(8, 90, 9); // billed: +9 - 90
        uint64 slot = _commit(lines);
        int256 expected = 9_996 + 2_950 + 1_400 + 430 - 800 - 81;
        vm.expectEmit(address(ledger));
        emit IMeterLedger.InventorySettled(slot, expected, 0);
        _settleAll(slot, lines);
        assertEq(int256(_energy(inventory)), expected);
        assertEq(_energy(alice), 0);
        assertEq(uint256(ledger.settledSlot(_id(7))), slot, "a supply request needs to know");
        assertEq(uint256(ledger.settledSlot(_id(8))), 0);
    }

    function test_settle_registersAsSettledMoveNothing() public {
        TestTree.Line[] memory lines = _lines(_line(A, 100, 700), _line(B, 0, 0));
        uint64 slot = _commit(lines);
        _settle(slot, lines, 0);
        uint64 later = _commit(lines);
        vm.recordLogs();
        _settle(later, lines, 0);
        _settle(slot, lines, 0);
        assertEq(vm.getRecordedLogs().length, 0);
        assertEq(_energy(alice), 600);
    }

    /// Settled again at an older slot with the same registers: the newest slot stays the newest.
    function test_settledSlot_neverGoesBack() public {
        _register(3, EntityKind.Consumer);
        vm.prank(operator);
        registry.setCommunityMode(_id(3), BillingMode.OnRequest);
        TestTree.Line[] memory lines = _lines(_line(A, 0, 0), _line(3, 40, 0));
        uint64 older = _commit(lines);
        uint64 newer = _commit(lines);
        _settle(newer, lines, 1);
        _settle(older, lines, 1);
        assertEq(uint256(ledger.settledSlot(_id(3))), newer);
    }

    function test_settle_olderSlotIsRefused() public {
        TestTree.Line[] memory old = _lines(_line(A, 100, 700), _line(B, 0, 0));
        uint64 oldSlot = _commit(old);
        TestTree.Line[] memory lines = _lines(_line(A, 100, 701), _line(B, 0, 0));
        _settle(_commit(lines), lines, 0);
        (bytes32[3][] memory siblings, uint256 path) = TestTree.build(old).proof(0);
        Leaf memory leaf = old[0].toLeaf();
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.MeterLedger_RegisterWentBack.selector, A));
        ledger.settle(oldSlot, leaf, siblings, path);
        assertEq(_energy(alice), 601);
    }

    function test_settle_proofOfAnotherSlot() public {
        TestTree.Line[] memory lines = _lines(_line(A, 100, 700), _line(B, 0, 0));
        uint64 slot = _commit(lines);
        TestTree.Line[] memory others = _lines(_line(A, 100, 9_700), _line(B, 0, 0));
        _commit(others);
        (bytes32[3][] memory siblings, uint256 path) = TestTree.build(others).proof(0);
        Leaf memory leaf = others[0].toLeaf();
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        ledger.settle(slot, leaf, siblings, path);
    }

    function test_settle_totalsMustBeTheTrees() public {
        TestTree.Line[] memory lines = _lines(_line(A, 100, 700));
        uint64 slot = _endSlot();
        IMeterLedger.Commitment memory commitment = _commitment(slot, lines);
        commitment.totals.lo += 1; // the oracle signed a total that is not the leaves'
        ledger.commitSlot(commitment, _signatures(ledger.commitmentDigest(commitment), 2));
        Leaf memory leaf = lines[0].toLeaf();
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        ledger.settle(slot, leaf, new bytes32[3][](0), 0);
    }

    function test_settle_unknownSlotAndMeter() public {
        Leaf memory leaf = _line(A, 1, 1).toLeaf();
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.MeterLedger_UnknownSlot.selector, 3));
        ledger.settle(3, leaf, new bytes32[3][](0), 0);
        TestTree.Line[] memory lines = _lines(_line(A, 0, 0), _line(77, 5, 5));
        uint64 slot = _commit(lines);
        (bytes32[3][] memory siblings, uint256 path) = TestTree.build(lines).proof(1);
        leaf = lines[1].toLeaf();
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.MeterLedger_UnknownMeter.selector, 77));
        ledger.settle(slot, leaf, siblings, path);
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.MeterLedger_UnknownMeter.selector, 77));
        ledger.requireLeaf(slot, leaf, siblings, path);
    }

    function test_settle_noInventory() public {
        MeterLedger fresh = new MeterLedger(address(manager), quorum, IGridToken(address(token)), registry);
        ledger = fresh;
        TestTree.Line[] memory lines = _lines(_line(A, 1, 1));
        uint64 slot = _commit(lines);
        Leaf memory leaf = lines[0].toLeaf();
        vm.expectRevert(IMeterLedger.MeterLedger_NoInventory.selector);
        fresh.settle(slot, leaf, new bytes32[3][](0), 0);
    }

    function test_requireLeaf() public {
        TestTree.Line[] memory lines = _lines(_line(A, 100, 700), _line(B, 5, 0));
        uint64 slot = _commit(lines);
        (bytes32[3][] memory siblings, uint256 path) = TestTree.build(lines).proof(1);
        Leaf memory leaf = lines[1].toLeaf();
        ledger.requireLeaf(slot, leaf, siblings, path);
        // Swapped sides, a forged register, no proof at all.
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        ledger.requireLeaf(slot, leaf, siblings, path ^ 1);
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        ledger.requireLeaf(slot, leaf, new bytes32[3][](0), 0);
        leaf.registers = _wrap([uint40(0), 0, 6, 5, 0, 0]);
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        ledger.requireLeaf(slot, leaf, siblings, path);
    }

    // ---- debt

    function test_debt_isRepaidBeforeAnythingIsMinted() public {
        _book(_lines(_line(A, 100, 0), _line(B, 0, 0)));
        assertEq(ledger.debtOf(_id(A)), 100);
        assertEq(token.totalSupply(ENERGY), 0);
        _book(_lines(_line(A, 150, 0), _line(B, 0, 0)));
        assertEq(ledger.debtOf(_id(A)), 150);

        uint64 slot = _commit(_lines(_line(A, 150, 120), _line(B, 0, 0)));
        vm.expectEmit(address(ledger));
        emit IMeterLedger.DebtRepaid(_id(A), 120, 30);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.MeterSettled(_id(A), slot, _wrap([uint40(0), 0, 120, 150, 0, 0]), 120, 30);
        _settle(slot, _lines(_line(A, 150, 120), _line(B, 0, 0)), 0);
        assertEq(_energy(alice), 0);

        _book(_lines(_line(A, 150, 200), _line(B, 0, 0)));
        assertEq(ledger.debtOf(_id(A)), 0);
        assertEq(_energy(alice), 50);
        assertEq(Registers.unwrap(ledger.settledRegisters(_id(A))), TestTree.pack([uint40(0), 0, 200, 150, 0, 0]));
    }

    function test_debt_isTakenFromWhatTheHolderHasSinceReceived() public {
        _book(_lines(_line(A, 100, 0), _line(B, 0, 1_000)));
        _give(bob, alice, 300);
        _book(_lines(_line(A, 130, 0), _line(B, 0, 1_000)));
        assertEq(ledger.debtOf(_id(A)), 0);
        assertEq(_energy(alice), 300 - 130);
    }

    /// A settlement that changes neither purse nor debt does not forget that there is one.
    function test_debt_survivesASettlementOfNothing() public {
        _book(_lines(_line(A, 100, 0), _line(B, 0, 0)));
        _book(_lines(_line(A, 140, 40), _line(B, 0, 0)));
        assertEq(ledger.debtOf(_id(A)), 100);
        _book(_lines(_line(A, 140, 200), _line(B, 0, 0)));
        assertEq(ledger.debtOf(_id(A)), 0);
        assertEq(_energy(alice), 60);
    }

    function test_repayDebt_byAnyone() public {
        _book(_lines(_line(A, 100, 0), _line(B, 0, 1_000)));
        assertEq(ledger.repayDebt(_id(A)), 100, "nothing to burn yet");
        _give(bob, alice, 60);
        vm.expectEmit(address(ledger));
        emit IMeterLedger.DebtRepaid(_id(A), 60, 40);
        vm.prank(makeAddr("anybody"));
        assertEq(ledger.repayDebt(_id(A)), 40);
        _give(bob, alice, 60);
        assertEq(ledger.repayDebt(_id(A)), 0);
        assertEq(_energy(alice), 20);
        assertEq(ledger.repayDebt(_id(A)), 0);
        assertEq(_energy(alice), 20);
        // The mark in the settled word is gone: the next supply is minted whole.
        _book(_lines(_line(A, 100, 7), _line(B, 0, 1_000)));
        assertEq(_energy(alice), 27);
    }

    function test_debt_ofTheInventory() public {
        _register(3, EntityKind.Grid);
        _book(_lines(_line(A, 0, 0), _line(3, 0, 0)));
        uint64 slot = _commit(_lines(_line(A, 0, 0), _line(3, 0, 400)));
        vm.expectEmit(address(ledger));
        emit IMeterLedger.InventorySettled(slot, -400, 400);
        _settle(slot, _lines(_line(A, 0, 0), _line(3, 0, 400)), 1);
        assertEq(ledger.inventoryDebtWh(), 400);
        _book(_lines(_line(A, 0, 0), _line(3, 150, 400)));
        assertEq(ledger.inventoryDebtWh(), 250);
        assertEq(_energy(inventory), 0);
        _book(_lines(_line(A, 0, 0), _line(3, 500, 400)));
        assertEq(ledger.inventoryDebtWh(), 0);
        assertEq(_energy(inventory), 100);
    }

    // ---- many meters

    /// In any state, settling any meters together is settling them one by one.
    function test_settleMany_isSettlingOneByOne(uint32[6] memory imported, uint32[6] memory exported, uint8 chosen)
        public
    {
        TestTree.Line[] memory lines = _sixHouses();
        _book(lines);
        for (uint256 i = 0; i < 6; ++i) {
            lines[i].registers[3] = imported[i];
            lines[i].registers[2] = exported[i];
        }
        uint64 slot = _commit(lines);
        uint256[] memory indices = new uint256[](6);
        uint256 count;
        for (uint256 i = 0; i < 6; ++i) {
            if (chosen & (1 << i) != 0) indices[count++] = i;
        }
        vm.assume(count > 0);
        uint256[] memory some = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            some[i] = indices[i];
        }

        uint256 state = vm.snapshotState();
        _settleMany(slot, lines, some);
        bytes32 together = _books(lines);
        vm.revertToState(state);
        for (uint256 i = 0; i < count; ++i) {
            _settle(slot, lines, some[i]);
        }
        assertEq(together, _books(lines));
    }

    function test_settleMany_leavesSettledMetersAsTheyAre() public {
        TestTree.Line[] memory old = _lines(_line(A, 0, 100), _line(B, 0, 100));
        uint64 oldSlot = _commit(old);
        TestTree.Line[] memory lines = _lines(_line(A, 30, 900), _line(B, 0, 300));
        _settle(_commit(lines), lines, 0);
        _settleAll(oldSlot, old); // alice's is newer already
        assertEq(_energy(alice), 870);
        assertEq(_energy(bob), 100);
        _settleAll(oldSlot, old);
        assertEq(_energy(bob), 100);
    }

    function test_settleMany_backInOneLaneForwardInAnother() public {
        _book(_lines(_line(A, 50, 100), _line(B, 0, 100)));
        // The totals do not go back, for bob's registers hide that alice's do.
        TestTree.Line[] memory lines = _lines(_line(A, 60, 90), _line(B, 0, 200));
        uint64 slot = _commit(lines);
        uint256[] memory indices = new uint256[](1);
        (bytes32[3][] memory siblings, bytes memory flags) = TestTree.build(lines).multiproof(indices);
        Leaf[] memory leaves = _leaves(lines, indices);
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.MeterLedger_RegisterWentBack.selector, A));
        ledger.settleMany(slot, leaves, siblings, flags);
    }

    function test_settleMany_order() public {
        TestTree.Line[] memory lines = _lines(_line(A, 0, 100), _line(B, 0, 100));
        uint64 slot = _commit(lines);
        Leaf[] memory leaves = new Leaf[](2);
        (leaves[0], leaves[1]) = (lines[1].toLeaf(), lines[0].toLeaf());
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        ledger.settleMany(slot, leaves, new bytes32[3][](0), hex"03");
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        ledger.settleMany(slot, new Leaf[](0), new bytes32[3][](0), "");
    }

    /// Even an oracle that commits a meter twice books it once.
    function test_settleMany_aTreeThatHoldsAMeterTwice() public {
        TestTree.Line[] memory lines = _lines(_line(A, 0, 100), _line(A, 0, 100));
        uint64 slot = _commit(lines);
        Leaf[] memory leaves = new Leaf[](2);
        (leaves[0], leaves[1]) = (lines[0].toLeaf(), lines[1].toLeaf());
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        ledger.settleMany(slot, leaves, new bytes32[3][](0), hex"03");
        _settle(slot, lines, 0);
        _settle(slot, lines, 1);
        assertEq(_energy(alice), 100);
    }

    function test_settleMany_tooLong() public {
        uint256 max = ledger.MAX_BATCH();
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.MeterLedger_BatchTooLong.selector, max + 1, max));
        ledger.settleMany(1, new Leaf[](max + 1), new bytes32[3][](0), "");
    }

    /// The largest batch is within what the token takes.
    function test_settleMany_largest() public {
        TestTree.Line[] memory lines = new TestTree.Line[](ledger.MAX_BATCH());
        for (uint32 i = 0; i < lines.length; ++i) {
            if (i > 1) _register(i + 1, EntityKind.Prosumer);
            lines[i] = _line(i + 1, 0, 10);
        }
        _book(lines);
        assertEq(_energy(inventory), 10 * (lines.length - 2));
        assertEq(_energy(alice), 10);
    }

    // ---- who may not interfere

    function test_settle_isNotEnteredTwice() public {
        HostileReceiver holder = new HostileReceiver();
        _register(3, EntityKind.Prosumer);
        (address code, uint256 key) = makeAccount("code");
        vm.prank(operator);
        registry.issueClaimCode(_id(3), code);
        bytes memory signature = _sign(key, registry.claimDigest(_id(3), address(holder)));
        vm.prank(address(holder));
        registry.claim(_id(3), BillingMode.Prepaid, signature);
        _book(_lines(_line(A, 0, 0), _line(3, 0, 0)));

        TestTree.Line[] memory lines = _lines(_line(A, 0, 100), _line(3, 0, 500));
        uint64 slot = _commit(lines);
        (bytes32[3][] memory siblings, uint256 path) = TestTree.build(lines).proof(0);
        holder.behaveByCalling(
            address(ledger), abi.encodeCall(ledger.settle, (slot, lines[0].toLeaf(), siblings, path))
        );
        _settle(slot, lines, 1);
        assertEq(holder.received(), 1);
        assertTrue(!holder.callSucceeded());
        holder.behaveByCalling(address(ledger), abi.encodeCall(ledger.repayDebt, (_id(A))));
        lines[1].registers[2] = 600;
        _settle(_commit(lines), lines, 1);
        assertEq(holder.received(), 2);
        assertTrue(!holder.callSucceeded());
        assertEq(_energy(address(holder)), 600);
        _settle(slot, _lines(_line(A, 0, 100), _line(3, 0, 500)), 0); // outside a settlement it may
    }

    // ---- helpers

    function _give(address from, address to, uint256 wh) private {
        vm.prank(from);
        token.safeTransferFrom(from, to, ENERGY, wh, "");
    }

    /// Alice's, bob's (one with a debt), two more of alice's, one billed and one nobody's.
    function _sixHouses() private returns (TestTree.Line[] memory lines) {
        for (uint32 i = 3; i <= 6; ++i) {
            _register(i, EntityKind.Prosumer);
        }
        _claim(3, alice, BillingMode.Prepaid);
        _claim(4, alice, BillingMode.Prepaid);
        _claim(5, bob, BillingMode.Billed);
        lines = new TestTree.Line[](6);
        for (uint32 i = 0; i < 6; ++i) {
            lines[i] = _line(i + 1, 0, 0);
        }
    }

    /// All that a settlement may change, as one hash. Which of two meters of one holder finds the purse empty depends
    /// on the order, which is the same.
    function _books(TestTree.Line[] memory lines) private view returns (bytes32 hash) {
        for (uint256 i = 0; i < lines.length; ++i) {
            hash = keccak256(
                abi.encode(hash, ledger.settledRegisters(_id(lines[i].meter)), ledger.debtOf(_id(lines[i].meter)))
            );
        }
        int256 inventoryWh = int256(_energy(inventory)) - int256(ledger.inventoryDebtWh());
        return keccak256(abi.encode(hash, _energy(alice), _energy(bob), inventoryWh));
    }
}

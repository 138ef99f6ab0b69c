// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {BillingMode, Condition, EntityKind, Flows, Leaf, MeterId, Registers, Standing} from "../Types.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {IOracleQuorum} from "../interfaces/IOracleQuorum.sol";
import {FlowLib} from "./FlowLib.sol";
import {RegisterLib} from "./RegisterLib.sol";
import {StandingLib} from "./StandingLib.sol";
import {SumTree} from "./SumTree.sol";

/// @title MeterLedger
/// @notice See IMeterLedger.
contract MeterLedger is IMeterLedger, EIP712, AccessManaged, ReentrancyGuardTransient {
    using FlowLib for Flows;
    using RegisterLib for Registers;
    using StandingLib for Standing;

    // ------------------------------------------------------------------ types

    /// One meter's part of a settlement, from proof to books.
    /// @param standing by the registry
    /// @param moved registers differ from the settled ones
    /// @param outdated a newer slot is settled already
    /// @param inDebt the meter owed `debtWh` before
    struct Entry {
        MeterId meter;
        bool moved;
        bool outdated;
        bool inDebt;
        Standing standing;
        Registers registers;
        int256 deltaWh;
        uint256 debtWh;
    }

    // ------------------------------------------------------------------ constants

    /// @notice Most meters in one settlement; with the inventory's entry within GridToken's limit.
    uint256 public constant MAX_BATCH = 256;

    bytes32 private constant COMMITMENT_TYPEHASH = keccak256(
        "SlotCommitment(uint64 slot,uint64 previousSlot,bytes32 root,uint256 totalsLo,uint256 totalsHi,"
        "uint32 leafCount,uint64 epoch)"
    );

    /// In a settled word, above the registers: the meter owes something. Saves reading the debt where there is none.
    uint256 private constant IN_DEBT = 1 << 255;

    // ------------------------------------------------------------------ immutables

    IOracleQuorum public immutable QUORUM;
    IGridToken public immutable TOKEN;
    IMeterRegistry public immutable REGISTRY;
    uint32 private immutable SLOT_SECONDS;

    // ------------------------------------------------------------------ storage

    /// @inheritdoc IMeterLedger
    address public inventory;
    /// @inheritdoc IMeterLedger
    uint64 public latestSlot;
    // slot: what the inventory owes, and may owe by selling ahead
    uint128 private _inventoryDebtWh;
    uint128 private _advanceLimitWh;

    mapping(uint64 slot => SlotRecord) private _slots;
    /// Registers, and IN_DEBT.
    mapping(MeterId meter => uint256) private _settled;
    /// @inheritdoc IMeterLedger
    mapping(MeterId meter => uint64) public settledSlot;
    /// @inheritdoc IMeterLedger
    mapping(MeterId meter => uint256) public debtOf;
    /// @inheritdoc IMeterLedger
    mapping(address account => uint256) public formerDebtOf;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, IOracleQuorum quorum, IGridToken token, IMeterRegistry registry)
        AccessManaged(manager)
        EIP712("Ohmstead MeterLedger", "1")
    {
        QUORUM = quorum;
        TOKEN = token;
        REGISTRY = registry;
        SLOT_SECONDS = registry.slotSeconds();
    }

    // ------------------------------------------------------------------ admin

    /// @inheritdoc IMeterLedger
    function setInventory(address newInventory) external restricted {
        if (newInventory == address(0)) revert MeterLedger_ZeroInventory();
        emit InventoryChanged(inventory, newInventory);
        inventory = newInventory;
    }

    /// @inheritdoc IMeterLedger
    function setAdvanceLimit(uint256 wh) external restricted {
        if (wh > type(uint64).max) revert MeterLedger_LimitTooLarge(wh, type(uint64).max);
        emit AdvanceLimitChanged(_advanceLimitWh, wh);
        _advanceLimitWh = uint128(wh);
    }

    // ------------------------------------------------------------------ slots

    /// @inheritdoc IMeterLedger
    function commitSlot(Commitment calldata commitment, bytes[] calldata signatures) external {
        uint64 slot = commitment.slot;
        uint64 latest = latestSlot;
        if (slot <= latest) revert MeterLedger_SlotNotNext(slot, latest);
        if (commitment.previousSlot != latest) revert MeterLedger_WrongPrevious(commitment.previousSlot, latest);
        uint256 endsAt = (uint256(slot) + 1) * SLOT_SECONDS;
        if (block.timestamp < endsAt) revert MeterLedger_SlotNotOver(slot, endsAt);
        if (commitment.leafCount == 0 || commitment.root == bytes32(0)) revert MeterLedger_EmptyTree();
        Flows memory totals = commitment.totals;
        Flows memory previous = _slots[latest].totals;
        uint8 lane = totals.firstBackward(previous);
        if (lane < 8) revert MeterLedger_TotalsWentBack(lane);
        QUORUM.requireQuorum(commitmentDigest(commitment), signatures);

        latestSlot = slot;
        _slots[slot] = SlotRecord(commitment.root, totals, latest, uint64(block.timestamp), commitment.leafCount);
        int256 balanceWh = totals.balanceWh(previous);
        emit SlotCommitted(
            slot, latest, commitment.root, totals, commitment.leafCount, balanceWh, FlowLib.conditionOf(balanceWh)
        );
    }

    // ------------------------------------------------------------------ settlement

    /// @inheritdoc IMeterLedger
    function settle(uint64 slot, Leaf calldata leaf, bytes32[3][] calldata proof, uint256 path)
        external
        nonReentrant
    {
        Entry[] memory entries = new Entry[](1);
        SumTree.Node memory node = _open(entries[0], leaf, _standingOf(leaf.meter));
        _requireRoot(slot, SumTree.root(node, proof, path));
        _book(slot, entries);
        if (entries[0].outdated) revert MeterLedger_RegisterWentBack(leaf.meter);
    }

    /// @inheritdoc IMeterLedger
    function settleMany(uint64 slot, Leaf[] calldata leaves, bytes32[3][] calldata proof, bytes calldata flags)
        external
        nonReentrant
    {
        (Entry[] memory entries, SumTree.Node[] memory nodes) = _openMany(leaves);
        _requireRoot(slot, SumTree.multiRoot(nodes, proof, flags));
        _book(slot, entries);
    }

    /// @inheritdoc IMeterLedger
    function repayDebt(MeterId meter) external nonReentrant returns (uint256 debtWh) {
        uint256 before = debtOf[meter];
        if (before == 0) return 0;
        // While there is debt there is a holder: at a release the debt leaves the meter.
        (address holder,,,,) = REGISTRY.settlementOf(meter);
        debtWh = _burnUpTo(holder, before);
        _setDebt(meter, before, debtWh);
    }

    /// @inheritdoc IMeterLedger
    function repayFormerDebt(address account) external nonReentrant returns (uint256 debtWh) {
        uint256 before = formerDebtOf[account];
        if (before == 0) return 0;
        debtWh = _burnUpTo(account, before);
        formerDebtOf[account] = debtWh;
        emit FormerDebtRepaid(account, before - debtWh, debtWh);
    }

    /// @inheritdoc IMeterLedger
    function advance(uint256 wh) external nonReentrant {
        if (msg.sender != inventory) revert MeterLedger_NotInventory(msg.sender);
        uint256 left = advanceableWh();
        if (wh > left) revert MeterLedger_AdvanceTooLarge(wh, left);
        // Within the limit, which fits.
        uint128 debtWh = _inventoryDebtWh + uint128(wh);
        _inventoryDebtWh = debtWh;
        emit EnergyAdvanced(wh, debtWh);
        _bookOne(msg.sender, int256(wh));
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IMeterLedger
    function requireLeaf(uint64 slot, Leaf calldata leaf, bytes32[3][] calldata proof, uint256 path) external view {
        Entry memory entry;
        _requireRoot(slot, SumTree.root(_open(entry, leaf, _standingOf(leaf.meter)), proof, path));
    }

    /// @inheritdoc IMeterLedger
    function requireLeaves(uint64 slot, Leaf[] calldata leaves, bytes32[3][] calldata proof, bytes calldata flags)
        external
        view
    {
        (, SumTree.Node[] memory nodes) = _openMany(leaves);
        _requireRoot(slot, SumTree.multiRoot(nodes, proof, flags));
    }

    /// @inheritdoc IMeterLedger
    function slotSeconds() external view returns (uint32) {
        return SLOT_SECONDS;
    }

    /// @inheritdoc IMeterLedger
    function currentSlot() external view returns (uint64) {
        return uint64(block.timestamp / SLOT_SECONDS);
    }

    /// @inheritdoc IMeterLedger
    function slotRecord(uint64 slot) external view returns (SlotRecord memory) {
        return _record(slot);
    }

    /// @inheritdoc IMeterLedger
    function powerData(uint64 slot) external view returns (PowerData memory data) {
        (Flows memory current, Flows memory previous) = _totals(slot);
        data.consumptionWh = current.lane(0) - previous.lane(0);
        data.prosumerExportWh = current.lane(1) - previous.lane(1);
        data.derGenerationWh = current.lane(2) - previous.lane(2);
        data.chargedWh = current.lane(3) - previous.lane(3);
        data.dischargedWh = current.lane(4) - previous.lane(4);
        data.gridImportWh = current.lane(5) - previous.lane(5);
        data.gridExportWh = current.lane(6) - previous.lane(6);
        data.prosumerGenerationWh = current.lane(7) - previous.lane(7);
    }

    /// @inheritdoc IMeterLedger
    function totalGeneration(uint64 slot) external view returns (uint256 wh) {
        (Flows memory current, Flows memory previous) = _totals(slot);
        return current.givenWh() - previous.givenWh();
    }

    /// @inheritdoc IMeterLedger
    function totalConsumption(uint64 slot) external view returns (uint256 wh) {
        (Flows memory current, Flows memory previous) = _totals(slot);
        return current.takenWh() - previous.takenWh();
    }

    /// @inheritdoc IMeterLedger
    function balance(uint64 slot) external view returns (int256 balanceWh, Condition condition) {
        (Flows memory current, Flows memory previous) = _totals(slot);
        balanceWh = current.balanceWh(previous);
        condition = FlowLib.conditionOf(balanceWh);
    }

    /// @inheritdoc IMeterLedger
    function inventoryDebtWh() external view returns (uint256) {
        return _inventoryDebtWh;
    }

    /// @inheritdoc IMeterLedger
    function advanceLimitWh() external view returns (uint256) {
        return _advanceLimitWh;
    }

    /// @inheritdoc IMeterLedger
    function advanceableWh() public view returns (uint256) {
        return Math.saturatingSub(_advanceLimitWh, _inventoryDebtWh);
    }

    /// @inheritdoc IMeterLedger
    function settledRegisters(MeterId meter) external view returns (Registers) {
        return Registers.wrap(_settled[meter] & ~IN_DEBT);
    }

    /// @inheritdoc IMeterLedger
    function commitmentDigest(Commitment calldata commitment) public view returns (bytes32) {
        return _hashTypedDataV4(
            keccak256(
                abi.encode(
                    COMMITMENT_TYPEHASH,
                    commitment.slot,
                    commitment.previousSlot,
                    commitment.root,
                    commitment.totals.lo,
                    commitment.totals.hi,
                    commitment.leafCount,
                    QUORUM.epoch()
                )
            )
        );
    }

    // ------------------------------------------------------------------ internal: proofs

    function _record(uint64 slot) private view returns (SlotRecord storage record) {
        record = _slots[slot];
        if (record.root == bytes32(0)) revert MeterLedger_UnknownSlot(slot);
    }

    /// Sums at a slot and at the one committed before it; before the first one they were 0.
    function _totals(uint64 slot) private view returns (Flows memory current, Flows memory previous) {
        SlotRecord storage record = _record(slot);
        return (record.totals, _slots[record.previousSlot].totals);
    }

    function _requireRoot(uint64 slot, SumTree.Node memory node) private view {
        SlotRecord storage record = _record(slot);
        // The sums too: in a tree of one leaf the hash alone does not say them.
        if (node.hash != record.root || node.lo != record.totals.lo || node.hi != record.totals.hi) {
            revert MeterLedger_BadProof();
        }
    }

    // ------------------------------------------------------------------ internal: settlement

    /// The leaves' meters; no meter twice, even if a tree held it twice.
    function _ascendingMeters(Leaf[] calldata leaves) private pure returns (MeterId[] memory ids) {
        ids = new MeterId[](leaves.length);
        uint32 previous = 0;
        for (uint256 i = 0; i < leaves.length; ++i) {
            MeterId id = leaves[i].meter;
            if (MeterId.unwrap(id) <= previous) revert MeterLedger_BadProof();
            previous = MeterId.unwrap(id);
            ids[i] = id;
        }
    }

    function _standingOf(MeterId meter) private view returns (Standing) {
        MeterId[] memory ids = new MeterId[](1);
        ids[0] = meter;
        return REGISTRY.standingsOf(ids)[0];
    }

    /// Begins a meter's entry and returns its leaf's node.
    function _open(Entry memory entry, Leaf calldata leaf, Standing standing)
        private
        pure
        returns (SumTree.Node memory)
    {
        EntityKind kind = standing.kind();
        if (kind == EntityKind.None) revert MeterLedger_UnknownMeter(leaf.meter);
        (entry.meter, entry.registers, entry.standing) = (leaf.meter, leaf.registers, standing);
        return SumTree.leafNode(leaf, kind);
    }

    /// The same for many meters.
    function _openMany(Leaf[] calldata leaves)
        private
        view
        returns (Entry[] memory entries, SumTree.Node[] memory nodes)
    {
        uint256 length = leaves.length;
        if (length > MAX_BATCH) revert MeterLedger_BatchTooLong(length, MAX_BATCH);
        Standing[] memory standings = REGISTRY.standingsOf(_ascendingMeters(leaves));
        entries = new Entry[](length);
        nodes = new SumTree.Node[](length);
        for (uint256 i = 0; i < length; ++i) {
            nodes[i] = _open(entries[i], leaves[i], standings[i]);
        }
    }

    /// What the books say about the meter so far.
    function _compare(Entry memory entry) private view {
        uint256 word = _settled[entry.meter];
        Registers settled = Registers.wrap(word & ~IN_DEBT);
        if (word >= IN_DEBT) {
            entry.inDebt = true;
            entry.debtWh = debtOf[entry.meter];
        }
        if (entry.registers.isAtLeast(settled)) {
            entry.moved = Registers.unwrap(entry.registers) != Registers.unwrap(settled);
            EntityKind kind = entry.standing.kind();
            entry.deltaWh = entry.registers.netSupplyWh(kind) - settled.netSupplyWh(kind);
        } else if (settled.isAtLeast(entry.registers)) {
            entry.outdated = true;
        } else {
            revert MeterLedger_RegisterWentBack(entry.meter);
        }
    }

    /// Writes the registers, has the token book all energy in one call, then writes what it could not burn.
    function _book(uint64 slot, Entry[] memory entries) private {
        uint256 length = entries.length;
        // One entry a meter and the last for the inventory; an entry of 0 Wh books nothing.
        address[] memory accounts = new address[](length + 1);
        int256[] memory deltasWh = new int256[](length + 1);
        accounts[length] = inventory;
        if (accounts[length] == address(0)) revert MeterLedger_NoInventory();

        int256 inventoryWh = 0;
        for (uint256 i = 0; i < length; ++i) {
            Entry memory entry = entries[i];
            _compare(entry);
            if (entry.outdated) continue;
            if (entry.standing.trackSlot() && slot > settledSlot[entry.meter]) settledSlot[entry.meter] = slot;
            if (!entry.moved) continue;
            _settled[entry.meter] = Registers.unwrap(entry.registers) | (entry.inDebt ? IN_DEBT : 0);
            if (_paysByTokens(entry)) {
                accounts[i] = entry.standing.holder();
                // Debts are far below 2^255. What the account has pays them first; the rest comes back as unmet.
                deltasWh[i] = entry.deltaWh - int256(entry.debtWh);
            } else {
                inventoryWh += entry.deltaWh;
            }
        }
        uint256 inventoryDebt = _inventoryDebtWh;
        if (inventoryWh != 0) deltasWh[length] = inventoryWh - int256(inventoryDebt);

        uint256[] memory unmetWh = TOKEN.settleEnergy(accounts, deltasWh);
        for (uint256 i = 0; i < length; ++i) {
            if (!entries[i].outdated) _close(slot, entries[i], unmetWh[i]);
        }
        if (inventoryWh != 0) {
            // A sum of registers: far below 2^128.
            if (unmetWh[length] != inventoryDebt) _inventoryDebtWh = uint128(unmetWh[length]);
            emit InventorySettled(slot, inventoryWh, unmetWh[length]);
        }
    }

    /// After the token has booked: debt, event, and new terms that waited for this settlement.
    function _close(uint64 slot, Entry memory entry, uint256 unmetWh) private {
        uint256 debtWh = entry.debtWh;
        if (entry.moved && _paysByTokens(entry) && unmetWh != debtWh) {
            _setDebt(entry.meter, debtWh, unmetWh);
            debtWh = unmetWh;
        }
        if (entry.moved || entry.standing.trackSlot()) {
            emit MeterSettled(entry.meter, slot, entry.registers, entry.deltaWh, debtWh);
        }
        if (entry.standing.changing() && REGISTRY.startTerms(entry.meter, slot, entry.registers) && debtWh != 0) {
            _setDebt(entry.meter, 0, 0);
            formerDebtOf[entry.standing.holder()] += debtWh;
            emit DebtLeftBehind(entry.meter, entry.standing.holder(), debtWh);
        }
    }

    /// Only meters that households hold ever come into this mode.
    function _paysByTokens(Entry memory entry) private pure returns (bool) {
        return entry.standing.modeInForce() == BillingMode.Prepaid;
    }

    function _setDebt(MeterId meter, uint256 before, uint256 debtWh) private {
        debtOf[meter] = debtWh;
        uint256 registers = _settled[meter] & ~IN_DEBT;
        _settled[meter] = debtWh == 0 ? registers : registers | IN_DEBT;
        if (debtWh < before) emit DebtRepaid(meter, before - debtWh, debtWh);
    }

    /// Burns what `account` has, up to `wh`; returns what was not there.
    function _burnUpTo(address account, uint256 wh) private returns (uint256 unmetWh) {
        return _bookOne(account, -int256(wh)); // debts are far below 2^255
    }

    function _bookOne(address account, int256 deltaWh) private returns (uint256 unmetWh) {
        address[] memory accounts = new address[](1);
        int256[] memory deltasWh = new int256[](1);
        (accounts[0], deltasWh[0]) = (account, deltaWh);
        return TOKEN.settleEnergy(accounts, deltasWh)[0];
    }
}

// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId, Registers, Flows, Leaf, Condition} from "../Types.sol";

/// @title What was metered, slot by slot, and what of it is settled
/// @notice Per slot one commitment, signed by k of n oracle nodes: the root of a Merkle sum tree whose leaves
/// are meters' cumulative registers and whose root carries the community's totals. Committing costs the
/// same gas for ten meters or a hundred thousand. Anyone who has a leaf's proof settles it: export is
/// minted, consumption burned, by the difference to the registers settled before. Registers only grow, so
/// a missed slot loses nothing and nothing can be booked twice.
/// @dev Leaf hash   = keccak256(0x00 || meter u32 || registers u256 || salt b32)           (69 bytes)
///      Node hash   = keccak256(0x01 || hash_l || lo_l || hi_l || hash_r || lo_r || hi_r)  (193 bytes)
///      Node flows  = lane-wise sum; a leaf's flows follow from its registers and the meter's kind:
///        Consumer: consumption = imported
///        Prosumer: consumption = imported, prosumer export = exported, prosumer generation = generated
///        Der:      DER generation = exported, consumption = imported
///        Battery, Ev: charged = charged, discharged = discharged
///        Grid:     grid import = imported, grid export = exported
///      Leaves are ordered by ascending meter id; an odd last node of a level is promoted unchanged.
///      A settlement credits supply to the pool (prosumer export, DER generation, discharged, grid import) and debits
///      draw from it (consumption, charged, grid export), so that all settlements together equal the totals:
///        to the holder's energy tokens: Consumer, Prosumer and Ev in Prepaid mode
///        to the inventory: everything else, netted into one entry a batch
///      What an account cannot pay in tokens becomes debt, of the meter or the inventory; whatever is credited to a
///      debtor repays debt first. Debt of a meter whose holder is released stays that holder's (`formerDebtOf`).
///      As supply equals draw in every slot, what households hold is what the inventory owes: energy that they banked
///      or bought ahead of use, to be fetched from the main grid when they draw it. So the inventory may also sell
///      ahead of what has come in (`advance`), up to a limit that says how much the operator stands for.
///      Holder and mode are those that IMeterRegistry calls the terms in force: they change at a settlement.
///      EIP-712 domain: "Ohmstead MeterLedger", version "1" (see eip712Domain).
///      Trusted: a quorum of oracle nodes for what the meters counted (IOracleQuorum).
interface IMeterLedger {
    /// @param slot strictly greater than the last committed one, and over
    /// @param previousSlot the slot committed before, which this one's balance is counted from (0 for the first)
    struct Commitment {
        uint64 slot;
        uint64 previousSlot;
        bytes32 root;
        Flows totals;
        uint32 leafCount;
    }

    struct SlotRecord {
        bytes32 root;
        Flows totals;
        uint64 previousSlot;
        uint64 committedAt;
        uint32 leafCount;
    }

    /// Energy since the previous committed slot, Wh. The balance is
    /// consumption + charged - prosumer export - DER generation - discharged.
    struct PowerData {
        uint64 consumptionWh;
        uint64 prosumerExportWh;
        uint64 derGenerationWh;
        uint64 chargedWh;
        uint64 dischargedWh;
        uint64 gridImportWh;
        uint64 gridExportWh;
        uint64 prosumerGenerationWh;
    }

    event SlotCommitted(
        uint64 indexed slot,
        uint64 previousSlot,
        bytes32 root,
        Flows totals,
        uint32 leafCount,
        int256 balanceWh,
        Condition condition
    );
    /// `deltaWh` is what the meter put into the pool less what it drew since the settlement before; `debtWh` is what
    /// it owes after it.
    event MeterSettled(MeterId indexed meter, uint64 indexed slot, Registers registers, int256 deltaWh, uint256 debtWh);
    event InventorySettled(uint64 indexed slot, int256 deltaWh, uint256 debtWh);
    event DebtRepaid(MeterId indexed meter, uint256 repaidWh, uint256 debtWh);
    /// The holder was released in debt: the debt stays with the account, the meter starts without.
    event DebtLeftBehind(MeterId indexed meter, address indexed holder, uint256 debtWh);
    event FormerDebtRepaid(address indexed account, uint256 repaidWh, uint256 debtWh);
    event InventoryChanged(address indexed oldInventory, address indexed newInventory);
    event EnergyAdvanced(uint256 wh, uint256 debtWh);
    event AdvanceLimitChanged(uint256 oldLimitWh, uint256 newLimitWh);

    /// Slots are committed in order, each once.
    error MeterLedger_SlotNotNext(uint64 slot, uint64 latest);
    /// `previousSlot` must be the last committed slot.
    error MeterLedger_WrongPrevious(uint64 given, uint64 latest);
    /// The slot is not over yet.
    error MeterLedger_SlotNotOver(uint64 slot, uint256 endsAt);
    error MeterLedger_EmptyTree();
    /// A total is smaller than at the previous slot: registers never go back. Or a lane is out of range.
    error MeterLedger_TotalsWentBack(uint8 lane);
    error MeterLedger_UnknownSlot(uint64 slot);
    /// The leaves (each once, ascending by meter) and the proof do not give the committed root and totals.
    error MeterLedger_BadProof();
    /// A register is below the settled one: an older slot than the last settlement.
    error MeterLedger_RegisterWentBack(MeterId meter);
    error MeterLedger_UnknownMeter(MeterId meter);
    error MeterLedger_NoInventory();
    error MeterLedger_BatchTooLong(uint256 length, uint256 max);
    error MeterLedger_ZeroInventory();
    error MeterLedger_NotInventory(address caller);
    /// The inventory would owe more than the operator stands for.
    error MeterLedger_AdvanceTooLarge(uint256 wh, uint256 advanceableWh);
    error MeterLedger_LimitTooLarge(uint256 wh, uint256 maxWh);

    /// @notice Commits a slot. Anyone may send it; the signatures count.
    /// @param signatures of EIP-712 SlotCommitment(uint64 slot,uint64 previousSlot,bytes32 root,uint256 totalsLo,
    /// uint256 totalsHi,uint32 leafCount,uint64 epoch)
    function commitSlot(Commitment calldata commitment, bytes[] calldata signatures) external;

    /// @notice Settles one meter against a committed slot. Registers equal to the settled ones change no balance;
    /// lower ones (an older slot) are refused.
    /// @param proof siblings from the leaf up, 96 bytes each (hash, lo, hi)
    /// @param path bit i set: the i-th sibling is on the left
    function settle(uint64 slot, Leaf calldata leaf, bytes32[3][] calldata proof, uint256 path) external;

    /// @notice Settles many meters with one multiproof. A meter that is settled at this or a newer slot already is
    /// left as it is, so that whoever settled it cannot block the batch; registers that went back in one lane
    /// and forward in another are refused. Gas: see forge-test/snapshots/metering.json.
    /// @param leaves ascending by meter id, at most MAX_BATCH
    /// @param proof the sibling nodes that do not follow from the leaves, in the order they are needed
    /// @param flags two bits a step; see SumTree
    function settleMany(uint64 slot, Leaf[] calldata leaves, bytes32[3][] calldata proof, bytes calldata flags)
        external;

    /// @notice Burns the holder's energy against the meter's debt. Permissionless: a debt is due.
    function repayDebt(MeterId meter) external returns (uint256 debtWh);

    /// @notice Burns the account's energy against what it owes from meters it held before. Permissionless.
    function repayFormerDebt(address account) external returns (uint256 debtWh);

    /// @notice Who receives DER output, grid import and the energy of community meters. Role: admin.
    function setInventory(address newInventory) external;

    /// @notice Mints energy to the inventory that is still to come in, as debt of the inventory. Only the inventory
    /// itself may ask.
    function advance(uint256 wh) external;

    /// @notice How far the inventory may owe energy for selling ahead. Debt by settlement is not bounded by it: what
    /// was metered is booked. Role: admin.
    function setAdvanceLimit(uint256 wh) external;

    /// @notice Reverts with MeterLedger_BadProof unless the leaf is in the committed slot.
    function requireLeaf(uint64 slot, Leaf calldata leaf, bytes32[3][] calldata proof, uint256 path) external view;
    /// @notice The same for many leaves with one multiproof, as in `settleMany`.
    function requireLeaves(uint64 slot, Leaf[] calldata leaves, bytes32[3][] calldata proof, bytes calldata flags)
        external
        view;

    function slotSeconds() external view returns (uint32);
    function currentSlot() external view returns (uint64);
    function latestSlot() external view returns (uint64);
    function slotRecord(uint64 slot) external view returns (SlotRecord memory);
    function powerData(uint64 slot) external view returns (PowerData memory);
    /// @notice Supply by the community's own sources since the slot before: prosumer export, DER, discharged.
    function totalGeneration(uint64 slot) external view returns (uint256 wh);
    /// @notice Draw since the slot before: consumption and charged.
    function totalConsumption(uint64 slot) external view returns (uint256 wh);
    function balance(uint64 slot) external view returns (int256 balanceWh, Condition condition);
    function settledRegisters(MeterId meter) external view returns (Registers);
    /// @notice Newest slot settled; kept only for meters that are or were OnRequest (else 0).
    function settledSlot(MeterId meter) external view returns (uint64);
    function debtOf(MeterId meter) external view returns (uint256 wh);
    function formerDebtOf(address account) external view returns (uint256 wh);
    function inventory() external view returns (address);
    function inventoryDebtWh() external view returns (uint256);
    function advanceLimitWh() external view returns (uint256);
    /// @notice What `advance` would still give: the limit less the inventory's debt.
    function advanceableWh() external view returns (uint256);
    /// @notice EIP-712 digest that oracle nodes sign.
    function commitmentDigest(Commitment calldata commitment) external view returns (bytes32);
}

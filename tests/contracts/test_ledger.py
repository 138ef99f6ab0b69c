"""MeterLedger through Ape, in the community as it is deployed."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from eth_account.messages import encode_typed_data
from fixtures_money import (
    BILLED,
    ENERGY,
    HALL,
    HOUSE,
    KINDS,
    PREPAID,
    ROOF,
    SALT,
    SLOT_SECONDS,
    SOLAR,
    Microgrid,
)
from refusals import reverts

from backend.chain.types import Condition
from backend.oracle.balance import balance_between_wh, condition
from backend.oracle.registers import Flows
from backend.oracle.sum_tree import Leaf, SumTree, pack_registers

BALANCED, SURPLUS, DEFICIT = Condition


def tree_of(grid: Microgrid) -> SumTree:
    return SumTree.build(Leaf(m, KINDS[m], now, SALT) for m, now in grid.counted.items())


def prepared(grid: Microgrid, tree: SumTree) -> tuple[Any, ...]:
    """The commitment of the slot that just ended."""
    slot = grid.ledger.currentSlot()
    grid.chain.mine(timestamp=max((slot + 1) * SLOT_SECONDS, grid.chain.pending_timestamp))
    totals = (tree.totals.lo, tree.totals.hi)
    return (slot, grid.ledger.latestSlot(), tree.root, totals, tree.leaf_count)


def signed(grid: Microgrid, commitment: tuple[Any, ...], count: int = 2) -> list[bytes]:
    return grid.signed(grid.ledger.commitmentDigest(commitment), count)


def commit(grid: Microgrid) -> tuple[int, SumTree]:
    tree = tree_of(grid)
    commitment = prepared(grid, tree)
    grid.ledger.commitSlot(commitment, signed(grid, commitment), sender=grid.stranger)
    return commitment[0], tree


def settle(grid: Microgrid, slot: int, tree: SumTree, meter: int) -> Any:
    proof = tree.proof(meter)
    leaf = (meter, pack_registers(grid.counted[meter]), SALT)
    siblings = [sibling.words() for sibling in proof.siblings]
    return grid.ledger.settle(slot, leaf, siblings, proof.path, sender=grid.stranger)


def energy(grid: Microgrid, who: Any) -> int:
    return int(grid.token.balanceOf(who, ENERGY))


# ---- slots


def test_commit(grid: Microgrid) -> None:
    before = tree_of(grid).totals
    grid.count(HOUSE, imported_wh=80)
    grid.count(ROOF, imported_wh=10, exported_wh=50)
    tree = tree_of(grid)
    commitment = prepared(grid, tree)
    receipt = grid.ledger.commitSlot(commitment, signed(grid, commitment), sender=grid.stranger)
    (event,) = grid.ledger.SlotCommitted.from_receipt(receipt)
    assert (event.slot, event.previousSlot, event.root) == commitment[:3]
    assert (event.balanceWh, event.condition) == (40, DEFICIT)
    assert balance_between_wh(tree.totals, before) == 40
    record = grid.ledger.slotRecord(event.slot)
    assert (record.root, record.leafCount) == (tree.root, len(KINDS))
    assert Flows.from_words(record.totals.lo, record.totals.hi) == tree.totals
    # An Ape contract's own `balance` is its ether.
    assert tuple(grid.ledger.call_view_method("balance", event.slot)) == (40, condition(40))
    assert grid.ledger.totalConsumption(event.slot) == 90
    assert grid.ledger.totalGeneration(event.slot) == 50
    assert grid.ledger.powerData(event.slot).prosumerExportWh == 50


def test_digest_is_the_published_type(grid: Microgrid) -> None:
    names = ("slot", "previousSlot", "root", "totalsLo", "totalsHi", "leafCount", "epoch")
    types = ("uint64", "uint64", "bytes32", "uint256", "uint256", "uint32", "uint64")
    commitment = prepared(grid, tree_of(grid))
    slot, previous, root, (lo, hi), count = commitment
    values = (slot, previous, root, lo, hi, count, grid.quorum.epoch())
    message = encode_typed_data(
        domain_data={
            "name": "Ohmstead MeterLedger",
            "version": "1",
            "chainId": grid.chain.chain_id,
            "verifyingContract": grid.ledger.address,
        },
        message_types={
            "SlotCommitment": [
                {"name": name, "type": kind} for name, kind in zip(names, types, strict=True)
            ]
        },
        message_data=dict(zip(names, values, strict=True)),
    )
    signatures = [bytes(s.sign_message(message).signature) for s in grid.signers[1:]]
    grid.ledger.commitSlot(commitment, signatures, sender=grid.stranger)


def test_commit_refuses(grid: Microgrid) -> None:
    ledger = grid.ledger
    good = prepared(grid, tree_of(grid))
    slot, previous, root, totals, count = good
    solar_back = (totals[0] - (1 << 128), totals[1])
    for wrong, error in (
        ((previous, previous, root, totals, count), ledger.MeterLedger_SlotNotNext),
        ((slot, previous - 1, root, totals, count), ledger.MeterLedger_WrongPrevious),
        ((slot + 9, previous, root, totals, count), ledger.MeterLedger_SlotNotOver),
        ((slot, previous, root, totals, 0), ledger.MeterLedger_EmptyTree),
        ((slot, previous, root, solar_back, count), ledger.MeterLedger_TotalsWentBack),
    ):
        with reverts(error):
            ledger.commitSlot(wrong, signed(grid, wrong), sender=grid.relayer)
    with reverts(grid.quorum.OracleQuorum_TooFewSignatures):
        ledger.commitSlot(good, signed(grid, good, 1), sender=grid.relayer)
    with reverts(grid.quorum.OracleQuorum_BadSigner):
        ledger.commitSlot(
            (slot, previous, root, totals, 9), signed(grid, good), sender=grid.relayer
        )
    ledger.commitSlot(good, signed(grid, good), sender=grid.relayer)
    with reverts(ledger.MeterLedger_SlotNotNext, slot=slot, latest=slot):
        ledger.commitSlot(good, signed(grid, good), sender=grid.relayer)


def test_unknown_slots(grid: Microgrid) -> None:
    for view in ("slotRecord", "powerData", "balance", "totalGeneration", "totalConsumption"):
        with reverts(grid.ledger.MeterLedger_UnknownSlot, slot=7):
            grid.ledger.call_view_method(view, 7)


# ---- settlement


def test_settle(grid: Microgrid) -> None:
    grid.claim(ROOF, grid.alice, PREPAID)
    grid.count(ROOF, imported_wh=100, exported_wh=900)
    slot, tree = commit(grid)
    receipt = settle(grid, slot, tree, ROOF)
    (event,) = grid.ledger.MeterSettled.from_receipt(receipt)
    assert (event.meter, event.slot, event.deltaWh, event.debtWh) == (ROOF, slot, 800, 0)
    assert event.registers == grid.ledger.settledRegisters(ROOF)
    assert energy(grid, grid.alice) == 800
    assert not settle(grid, slot, tree, ROOF).logs

    grid.count(ROOF, imported_wh=300)
    newer, newer_tree = commit(grid)
    settle(grid, newer, newer_tree, ROOF)
    assert energy(grid, grid.alice) == 500
    old_leaf = (ROOF, event.registers, SALT)
    proof = tree.proof(ROOF)
    siblings = [sibling.words() for sibling in proof.siblings]
    with reverts(grid.ledger.MeterLedger_RegisterWentBack, meter=ROOF):
        grid.ledger.settle(slot, old_leaf, siblings, proof.path, sender=grid.alice)
    with reverts(grid.ledger.MeterLedger_BadProof):
        grid.ledger.settle(newer, old_leaf, siblings, proof.path, sender=grid.alice)


def test_settle_many_leaves_settled_meters_alone(grid: Microgrid) -> None:
    before = energy(grid, grid.market)
    grid.count(SOLAR, exported_wh=5_000)
    grid.count(HALL, imported_wh=700)
    slot, tree = commit(grid)
    settle(grid, slot, tree, SOLAR)
    proof = tree.multiproof(grid.counted)
    leaves = [(m, pack_registers(now), SALT) for m, now in sorted(grid.counted.items())]
    siblings = [sibling.words() for sibling in proof.siblings]
    receipt = grid.ledger.settleMany(slot, leaves, siblings, proof.flags, sender=grid.relayer)
    (event,) = grid.ledger.InventorySettled.from_receipt(receipt)
    assert (event.slot, event.deltaWh, event.debtWh) == (slot, -700, 0)
    assert energy(grid, grid.market) == before + 4_300
    assert grid.ledger.settledSlot(HALL) == slot
    with reverts(grid.ledger.MeterLedger_BadProof):
        grid.ledger.settleMany(slot, leaves[::-1], siblings, proof.flags, sender=grid.relayer)
    longest = grid.ledger.MAX_BATCH()
    with reverts(grid.ledger.MeterLedger_BatchTooLong, max=longest):
        grid.ledger.settleMany(slot, leaves[:1] * (longest + 1), [], b"", sender=grid.relayer)


def test_debt(grid: Microgrid) -> None:
    grid.claim(ROOF, grid.alice, PREPAID)
    grid.count(ROOF, imported_wh=250)
    grid.close_slot()
    assert grid.ledger.debtOf(ROOF) == 250
    grid.approve(grid.bob, grid.market)
    grid.market.buyEnergy(1_000, 2**200, sender=grid.bob)
    grid.token.safeTransferFrom(grid.bob, grid.alice, ENERGY, 100, b"", sender=grid.bob)
    receipt = grid.ledger.repayDebt(ROOF, sender=grid.stranger)
    (event,) = grid.ledger.DebtRepaid.from_receipt(receipt)
    assert (event.meter, event.repaidWh, event.debtWh) == (ROOF, 100, 150)
    grid.count(ROOF, exported_wh=200)
    grid.close_slot()
    assert (grid.ledger.debtOf(ROOF), energy(grid, grid.alice)) == (0, 50)


def test_debt_does_not_stay_with_the_house(grid: Microgrid) -> None:
    grid.claim(ROOF, grid.alice, PREPAID)
    grid.count(ROOF, imported_wh=250)
    grid.registry.requestRelease(ROOF, sender=grid.alice)
    grid.close_slot()
    assert (grid.ledger.debtOf(ROOF), grid.ledger.formerDebtOf(grid.alice)) == (0, 250)
    grid.approve(grid.alice, grid.market)
    grid.market.buyEnergy(1_000, 2**200, sender=grid.alice)
    receipt = grid.ledger.repayFormerDebt(grid.alice, sender=grid.stranger)
    (event,) = grid.ledger.FormerDebtRepaid.from_receipt(receipt)
    assert (event.account, event.repaidWh, event.debtWh) == (grid.alice, 250, 0)
    assert energy(grid, grid.alice) == 750


@pytest.mark.parametrize("mode", [PREPAID, BILLED])
def test_energy_before_a_claim_is_the_communitys(grid: Microgrid, mode: int) -> None:
    before = energy(grid, grid.market)
    grid.count(ROOF, exported_wh=600)
    grid.claim(ROOF, grid.alice, mode)
    assert (energy(grid, grid.alice), energy(grid, grid.market)) == (0, before + 600)
    grid.count(ROOF, exported_wh=40)
    grid.close_slot()
    own = 40 if mode == PREPAID else 0
    assert (energy(grid, grid.alice), energy(grid, grid.market)) == (own, before + 640 - own)


def test_require_leaf(grid: Microgrid) -> None:
    slot, tree = commit(grid)
    proof = tree.proof(ROOF)
    siblings = [sibling.words() for sibling in proof.siblings]
    leaf = (ROOF, pack_registers(grid.counted[ROOF]), SALT)
    grid.ledger.requireLeaf(slot, leaf, siblings, proof.path)
    with reverts(grid.ledger.MeterLedger_BadProof):
        grid.ledger.requireLeaf(slot, leaf, siblings, proof.path ^ 1)
    with reverts(grid.ledger.MeterLedger_UnknownMeter, meter=5):
        grid.ledger.requireLeaf(slot, (5, 0, SALT), siblings, proof.path)


# ---- inventory


def test_inventory(grid: Microgrid) -> None:
    assert grid.ledger.inventory() == grid.market.address
    for who in (grid.operator, grid.relayer, grid.deployer):
        with reverts(grid.ledger.AccessManagedUnauthorized, caller=who.address):
            grid.ledger.setInventory(who, sender=who)
    with reverts(grid.ledger.MeterLedger_ZeroInventory):
        grid.ledger.setInventory(ape.utils.ZERO_ADDRESS, sender=grid.admin)
    receipt = grid.ledger.setInventory(grid.bob, sender=grid.admin)
    (event,) = grid.ledger.InventoryChanged.from_receipt(receipt)
    assert (event.oldInventory, event.newInventory) == (grid.market.address, grid.bob)


def test_selling_ahead(grid: Microgrid) -> None:
    ledger, market = grid.ledger, grid.market
    with reverts(ledger.AccessManagedUnauthorized, caller=grid.alice.address):
        ledger.setAdvanceLimit(1, sender=grid.alice)
    with reverts(ledger.MeterLedger_LimitTooLarge, wh=2**64, maxWh=2**64 - 1):
        ledger.setAdvanceLimit(2**64, sender=grid.admin)
    receipt = ledger.setAdvanceLimit(700, sender=grid.admin)
    assert receipt.events == [ledger.AdvanceLimitChanged(oldLimitWh=0, newLimitWh=700)]
    with reverts(ledger.MeterLedger_NotInventory, caller=grid.alice.address):
        ledger.advance(1, sender=grid.alice)
    ledger.setInventory(grid.bob, sender=grid.admin)
    receipt = ledger.advance(500, sender=grid.bob)
    assert ledger.EnergyAdvanced(wh=500, debtWh=500) in receipt.events
    assert grid.token.balanceOf(grid.bob, ENERGY) == ledger.inventoryDebtWh() == 500
    with reverts(ledger.MeterLedger_AdvanceTooLarge, wh=201, advanceableWh=200):
        ledger.advance(201, sender=grid.bob)
    assert market.availableWh() == 200 + grid.token.balanceOf(market.address, ENERGY)

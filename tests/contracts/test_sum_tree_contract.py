"""The shared vectors of the sum tree through the contract: what holds and what must not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from refusals import reverts

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "sum_tree.json").read_text(encoding="utf-8")
)
TREES = {tree["name"]: tree for tree in VECTORS["trees"]}
SIGNER = Account.from_key(b"\x61" * 32)


def leaf_of(written: Mapping[str, Any]) -> tuple[int, int, bytes]:
    return (
        written["meter"],
        int(written["registers_word"], 16),
        bytes.fromhex(written["salt"][2:]),
    )


def nodes_of(written: list[list[str]]) -> list[list[bytes]]:
    return [[bytes.fromhex(word[2:]) for word in node] for node in written]


class OneTree:
    """A ledger of its own with one of the vectors' trees committed."""

    def __init__(self, project: Any, owner: Any, chain: Any, name: str) -> None:
        self.tree = TREES[name]
        self.owner = owner
        manager = owner.deploy(project.AccessManager, owner)
        quorum = owner.deploy(project.OracleQuorum, manager)
        token = owner.deploy(project.GridToken, manager)
        registry = owner.deploy(project.MeterRegistry, manager, 15)
        self.ledger = owner.deploy(project.MeterLedger, manager, quorum, token, registry)
        quorum.setSigners([SIGNER.address], 1, sender=owner)
        self.ledger.setInventory(owner, sender=owner)
        manager.grantRole(0, self.ledger, 0, sender=owner)  # unassigned functions are role 0's
        for leaf in self.tree["leaves"]:
            registry.register(leaf["meter"], leaf["kind"], 1, 1, b"\0" * 32, sender=owner)
        self.slot = self._commit(chain)

    def _commit(self, chain: Any) -> int:
        slot = int(self.ledger.currentSlot())
        chain.mine(timestamp=(slot + 1) * 15)
        totals = (int(self.tree["totals_lo"], 16), int(self.tree["totals_hi"], 16))
        root = bytes.fromhex(self.tree["root"][2:])
        commitment = (slot, 0, root, totals, len(self.tree["leaves"]))
        digest = self.ledger.commitmentDigest(commitment)
        signature = bytes(SIGNER.unsafe_sign_hash(digest).signature)
        self.ledger.commitSlot(commitment, [signature], sender=self.owner)
        return slot


@pytest.mark.parametrize("name", TREES)
def test_vectors(project: Any, accounts: Any, chain: Any, name: str) -> None:
    one = OneTree(project, accounts[0], chain, name)
    lines = {leaf["meter"]: leaf for leaf in one.tree["leaves"]}
    for proof in one.tree["proofs"]:
        leaf = leaf_of(lines[proof["meter"]])
        one.ledger.requireLeaf(one.slot, leaf, nodes_of(proof["siblings"]), proof["path"])
    for proof in one.tree["multiproofs"]:
        leaves = [leaf_of(lines[meter]) for meter in proof["meters"]]
        flags = bytes.fromhex(proof["flags"][2:])
        siblings = nodes_of(proof["siblings"])
        one.ledger.settleMany(one.slot, leaves, siblings, flags, sender=one.owner)
        for meter in proof["meters"]:
            word = int(lines[meter]["registers_word"], 16)
            assert one.ledger.settledRegisters(meter) == word
    data = one.ledger.powerData(one.slot)
    assert {
        "consumption_wh": str(data.consumptionWh),
        "prosumer_export_wh": str(data.prosumerExportWh),
        "der_generation_wh": str(data.derGenerationWh),
        "charged_wh": str(data.chargedWh),
        "discharged_wh": str(data.dischargedWh),
        "grid_import_wh": str(data.gridImportWh),
        "grid_export_wh": str(data.gridExportWh),
        "prosumer_generation_wh": str(data.prosumerGenerationWh),
    } == one.tree["totals"]


def test_forged_vectors(project: Any, accounts: Any, chain: Any) -> None:
    one = OneTree(project, accounts[0], chain, "thirteen")
    kinds = {leaf["meter"]: leaf["kind"] for leaf in one.tree["leaves"]}
    tried = 0
    for forged in VECTORS["forged"]:
        leaf = forged["leaf"]
        if kinds.get(leaf["meter"]) not in (None, leaf["kind"]):
            continue  # who proves cannot name a kind here: the registry does
        error = one.ledger.MeterLedger_BadProof
        if leaf["meter"] not in kinds:
            error = one.ledger.MeterLedger_UnknownMeter
        siblings = nodes_of(forged["siblings"])
        with reverts(error):
            one.ledger.requireLeaf(one.slot, leaf_of(leaf), siblings, forged["path"])
        tried += 1
    assert tried == len(VECTORS["forged"]) - 1

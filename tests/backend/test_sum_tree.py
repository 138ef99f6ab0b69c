"""The sum tree: vectors, properties of proofs, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unhurried import examples

from backend.oracle.registers import (
    FLOW_NAMES,
    REGISTER_MAX,
    RegisterError,
    flows_of,
    unpack_registers,
)
from backend.oracle.sum_tree import (
    EntityKind,
    Flows,
    Leaf,
    MultiProof,
    Node,
    Proof,
    Registers,
    SumTree,
    SumTreeError,
    leaf_node,
    pack_registers,
    parent_node,
    verify,
    verify_many,
)

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "sum_tree.json").read_text(encoding="utf-8")
)
TREES = {tree["name"]: tree for tree in VECTORS["trees"]}

registers = st.builds(Registers, *[st.integers(0, REGISTER_MAX)] * 6)
kinds = st.sampled_from([kind for kind in EntityKind if kind is not EntityKind.NONE])
leaves = st.builds(
    Leaf, st.integers(1, 2**32 - 1), kinds, registers, st.binary(min_size=32, max_size=32)
)
forests = st.lists(leaves, min_size=1, max_size=40, unique_by=lambda leaf: leaf.meter)


def unhex(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def read_leaf(written: dict[str, Any]) -> Leaf:
    leaf = Leaf(
        written["meter"],
        EntityKind(written["kind"]),
        Registers(**written["registers"]),
        unhex(written["salt"]),
    )
    assert pack_registers(leaf.registers) == int(written["registers_word"], 16)
    return leaf


def read_nodes(written: list[list[str]]) -> tuple[Node, ...]:
    return tuple(Node(unhex(h), int(lo, 16), int(hi, 16)) for h, lo, hi in written)


def read_totals(tree: dict[str, Any]) -> Flows:
    return Flows(**{name: int(value) for name, value in tree["totals"].items()})


# ---- vectors


@pytest.mark.parametrize("name", TREES)
def test_vector_tree(name: str) -> None:
    written = TREES[name]
    lines = [read_leaf(leaf) for leaf in written["leaves"]]
    for leaf, entry in zip(lines, written["leaves"], strict=True):
        assert [leaf_node(leaf)] == list(read_nodes([entry["node"]]))
    tree = SumTree.build(reversed(lines))  # whatever their order
    assert tree.root == unhex(written["root"])
    assert tree.totals == read_totals(written)
    assert (tree.totals.lo, tree.totals.hi) == (
        int(written["totals_lo"], 16),
        int(written["totals_hi"], 16),
    )
    assert Flows.from_words(tree.totals.lo, tree.totals.hi) == tree.totals
    assert tree.leaf_count == len(lines)
    for leaf, entry in zip(lines, written["proofs"], strict=True):
        proof = tree.proof(leaf.meter)
        assert proof == Proof(read_nodes(entry["siblings"]), entry["path"])
        assert verify(tree.root, tree.totals, leaf, proof)
    for entry in written["multiproofs"]:
        meters = tuple(entry["meters"])
        many = tree.multiproof(reversed(meters))
        assert many == MultiProof(meters, read_nodes(entry["siblings"]), unhex(entry["flags"]))
        chosen = [leaf for leaf in lines if leaf.meter in meters]
        assert verify_many(tree.root, tree.totals, chosen, many)


@pytest.mark.parametrize("forged", VECTORS["forged"], ids=lambda forged: str(forged["why"]))
def test_vector_forged(forged: dict[str, Any]) -> None:
    tree = TREES[forged["tree"]]
    proof = Proof(read_nodes(forged["siblings"]), forged["path"])
    leaf = read_leaf(forged["leaf"])
    assert not verify(unhex(tree["root"]), read_totals(tree), leaf, proof)


# ---- properties


@given(forests)
@settings(max_examples=60, deadline=None)
def test_every_leaf_is_proved_and_totals_are_its_sums(forest: list[Leaf]) -> None:
    tree = SumTree.build(forest)
    flows = [flows_of(leaf.kind, leaf.registers) for leaf in forest]
    assert tree.totals == Flows(*(sum(getattr(f, name) for f in flows) for name in FLOW_NAMES))
    for leaf in forest:
        assert verify(tree.root, tree.totals, leaf, tree.proof(leaf.meter))


@given(forests, st.data())
@settings(max_examples=60, deadline=None)
def test_any_leaves_are_proved_together(forest: list[Leaf], data: st.DataObject) -> None:
    tree = SumTree.build(forest)
    chosen = data.draw(st.lists(st.sampled_from(forest), min_size=1, unique=True))
    chosen.sort(key=lambda leaf: leaf.meter)
    proof = tree.multiproof(leaf.meter for leaf in chosen)
    assert verify_many(tree.root, tree.totals, chosen, proof)
    # Not one leaf less, not one changed, none twice, none out of order.
    assert not verify_many(tree.root, tree.totals, chosen[1:], proof)
    salted = dataclasses.replace(chosen[0], salt=bytes(b ^ 1 for b in chosen[0].salt))
    assert not verify_many(tree.root, tree.totals, [salted, *chosen[1:]], proof)
    assert not verify_many(tree.root, tree.totals, [chosen[0], *chosen], proof)
    if len(chosen) > 1:
        assert not verify_many(tree.root, tree.totals, chosen[::-1], proof)


@given(forests, st.data())
@settings(max_examples=examples(100), deadline=None)
def test_any_change_breaks_a_proof(forest: list[Leaf], data: st.DataObject) -> None:
    tree = SumTree.build(forest)
    leaf = data.draw(st.sampled_from(forest))
    proof = tree.proof(leaf.meter)
    bit = 1 << data.draw(st.integers(0, 255))
    if proof.siblings and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(proof.siblings) - 1))
        old = proof.siblings[at]
        field = data.draw(st.sampled_from(["hash", "lo", "hi"]))
        value = getattr(old, field)
        flipped: bytes | int = (
            (int.from_bytes(value, "big") ^ bit).to_bytes(32, "big")
            if field == "hash"
            else value ^ bit
        )
        changed = dataclasses.replace(old, **{field: flipped})
        siblings = (*proof.siblings[:at], changed, *proof.siblings[at + 1 :])
        assert not verify(tree.root, tree.totals, leaf, Proof(siblings, proof.path))
    else:
        assert not verify(tree.root, tree.totals, leaf, Proof(proof.siblings, proof.path ^ bit))
        salt = (int.from_bytes(leaf.salt, "big") ^ bit).to_bytes(32, "big")
        assert not verify(tree.root, tree.totals, dataclasses.replace(leaf, salt=salt), proof)


@given(registers)
def test_registers_pack_and_unpack(values: Registers) -> None:
    word = pack_registers(values)
    assert unpack_registers(word) == values
    assert word < 1 << 240


# ---- refusals


def house(meter: int = 1, **changes: Any) -> Leaf:
    return dataclasses.replace(
        Leaf(meter, EntityKind.CONSUMER, Registers(imported_wh=5), bytes(32)), **changes
    )


@pytest.mark.parametrize(
    ("forest", "message"),
    [
        ([], "at least one"),
        ([house(3), house(3)], "meter 3 has two leaves"),
        ([house(0)], "meter: 0 is not within"),
        ([house(2**32)], "meter: 4294967296 is not within"),
        ([house(-1)], "meter: -1 is not within"),
        ([house(2, salt=bytes(31))], "meter 2: salt has 31 bytes"),
        ([house(2, kind=EntityKind.NONE)], "meter 2: kind .*NONE.* is no metering point"),
        ([house(2, registers=Registers(charged_wh=2**40))], "meter 2: charged_wh: 1099511627776"),
        ([house(2, registers=Registers(charged_wh=-1))], "meter 2: charged_wh: -1"),
        ([house(2, registers=Registers(exported_wh=2**70))], "meter 2: exported_wh: 118059"),
    ],
)
def test_build_refuses(forest: list[Leaf], message: str) -> None:
    with pytest.raises(SumTreeError, match=message):
        SumTree.build(forest)


def test_proofs_of_meters_that_are_not_there() -> None:
    tree = SumTree.build([house(3), house(9)])
    for meter in (0, 4, 10, 2**40):
        with pytest.raises(SumTreeError, match=f"meter {meter} is not in the tree"):
            tree.proof(meter)
    with pytest.raises(SumTreeError, match="not in the tree"):
        tree.multiproof([3, 4])
    with pytest.raises(SumTreeError, match="at least one"):
        tree.multiproof([])
    with pytest.raises(SumTreeError, match="twice"):
        tree.multiproof([3, 3])


def test_words_out_of_range() -> None:
    with pytest.raises(RegisterError, match="imported_wh: 1099511627776"):
        pack_registers(Registers(imported_wh=2**40))
    for word in (1 << 240, -1):
        with pytest.raises(RegisterError, match="above its six lanes"):
            unpack_registers(word)
    with pytest.raises(RegisterError, match="no metering point"):
        flows_of(EntityKind.NONE, Registers())


def test_a_lane_that_could_carry_is_not_joined() -> None:
    for full in (Node(bytes(32), 1 << 127, 0), Node(bytes(32), 0, 1 << 63)):
        with pytest.raises(SumTreeError, match="out of range"):
            parent_node(full, Node(bytes(32), 0, 0))


def test_flags_that_want_more_than_there_is() -> None:
    tree = SumTree.build([house(meter) for meter in range(1, 10)])
    proof = tree.multiproof([2, 5])
    chosen = [house(2), house(5)]
    for broken in (
        dataclasses.replace(proof, siblings=proof.siblings[:-1]),
        dataclasses.replace(proof, siblings=(*proof.siblings, proof.siblings[0])),
        dataclasses.replace(proof, flags=b""),
        dataclasses.replace(proof, flags=b"\xff" * 4),
    ):
        assert not verify_many(tree.root, tree.totals, chosen, broken)
    assert not verify_many(tree.root, tree.totals, [], proof)
    assert verify_many(
        tree.root, tree.totals, chosen, dataclasses.replace(proof, flags=proof.flags + b"\0")
    )


# ---- cost


@pytest.mark.slow
def test_a_town_of_100_000_meters_in_seconds() -> None:
    """The aim is 10 s of one core for closing such a slot; the tree is to be a small part of it."""
    salt = bytes(32)
    town = [
        Leaf(meter, EntityKind(meter % 6 + 1), Registers(meter, 2, 3, meter, 5, 6), salt)
        for meter in range(1, 100_001)
    ]
    started = time.process_time()
    tree = SumTree.build(town)
    assert tree.leaf_count == 100_000
    assert time.process_time() - started < 3
    assert verify(tree.root, tree.totals, town[77_777], tree.proof(77_778))

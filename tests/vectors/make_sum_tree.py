"""Writes tests/vectors/sum_tree.json: `python tests/vectors/make_sum_tree.py`.

Built from the description in contracts/interfaces/IMeterLedger.sol with none of the implementations
(contracts, backend, web page), so that the vectors judge all of them. Words are 0x and 64 hex
digits, hashes too; flags 0x and hex; registers are Wh below 2^40; paths are small integers.

`forged` lists proofs that must be refused, each with the tree it is offered for.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

OUT = Path(__file__).with_name("sum_tree.json")
KINDS = {"consumer": 1, "prosumer": 2, "der": 3, "battery": 4, "ev": 5, "grid": 6}
REGISTERS = (
    "generated_wh",
    "consumed_wh",
    "exported_wh",
    "imported_wh",
    "charged_wh",
    "discharged_wh",
)
FLOWS = (
    "consumption_wh",
    "prosumer_export_wh",
    "der_generation_wh",
    "charged_wh",
    "discharged_wh",
    "grid_import_wh",
    "grid_export_wh",
    "prosumer_generation_wh",
)
MAX = 2**40 - 1


@dataclass(frozen=True)
class Line:
    """A leaf as it is written into the file."""

    meter: int
    kind: str
    registers: tuple[int, int, int, int, int, int]
    salt: bytes


@dataclass(frozen=True)
class Node:
    """Hash and flows, one number a lane."""

    hash: bytes
    flows: tuple[int, ...]

    def words(self) -> bytes:
        return self.hash + word(lanes(self.flows[:4], 64)) + word(lanes(self.flows[4:], 64))


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def lanes(values: tuple[int, ...], bits: int) -> int:
    """Packed, the first value lowest."""
    return sum(value << bits * i for i, value in enumerate(values))


def hexed(value: bytes) -> str:
    return "0x" + value.hex()


def flows(line: Line) -> tuple[int, ...]:
    generated, _consumed, exported, imported, charged, discharged = line.registers
    match line.kind:
        case "consumer":
            return (imported, 0, 0, 0, 0, 0, 0, 0)
        case "prosumer":
            return (imported, exported, 0, 0, 0, 0, 0, generated)
        case "der":
            return (imported, 0, exported, 0, 0, 0, 0, 0)
        case "battery" | "ev":
            return (0, 0, 0, charged, discharged, 0, 0, 0)
        case _:
            return (0, 0, 0, 0, 0, imported, exported, 0)


def leaf_node(line: Line) -> Node:
    registers = word(lanes(line.registers, 40))
    preimage = b"\x00" + line.meter.to_bytes(4, "big") + registers + line.salt
    return Node(keccak(preimage), flows(line))


def parent(left: Node, right: Node) -> Node:
    sums = tuple(a + b for a, b in zip(left.flows, right.flows, strict=True))
    return Node(keccak(b"\x01" + left.words() + right.words()), sums)


def levels_of(lines: list[Line]) -> list[list[Node]]:
    levels = [[leaf_node(line) for line in lines]]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = [parent(*below[i : i + 2]) for i in range(0, len(below) - 1, 2)]
        levels.append(pairs + (below[-1:] if len(below) % 2 else []))
    return levels


def proof(levels: list[list[Node]], index: int) -> tuple[list[Node], int]:
    siblings: list[Node] = []
    path = 0
    for level in levels[:-1]:
        if index ^ 1 < len(level):
            path |= (index & 1) << len(siblings)
            siblings.append(level[index ^ 1])
        index //= 2
    return siblings, path


def multiproof(levels: list[list[Node]], indices: list[int]) -> tuple[list[Node], bytes]:
    siblings: list[Node] = []
    steps: list[int] = []
    for level in levels[:-1]:
        for index in indices:
            other = index ^ 1
            if other >= len(level):
                steps.append(0)  # promote
            elif other not in indices:
                siblings.append(level[other])
                steps.append(1 + (index & 1))  # left, right
            elif index < other:
                steps.append(3)  # both
        indices = sorted({index // 2 for index in indices})
    packed = bytearray(-(-len(steps) // 4))
    for i, step in enumerate(steps):
        packed[i // 4] |= step << 2 * (i % 4)
    return siblings, bytes(packed)


def written_node(node: Node) -> list[str]:
    words = node.words()
    return [hexed(words[i : i + 32]) for i in (0, 32, 64)]


def written_leaf(line: Line) -> dict[str, Any]:
    return {
        "meter": line.meter,
        "kind": KINDS[line.kind],
        "registers": dict(zip(REGISTERS, line.registers, strict=True)),
        "registers_word": hexed(word(lanes(line.registers, 40))),
        "salt": hexed(line.salt),
        "node": written_node(leaf_node(line)),
    }


def written_proof(line: Line, siblings: list[Node], path: int) -> dict[str, Any]:
    return {
        "meter": line.meter,
        "siblings": [written_node(sibling) for sibling in siblings],
        "path": path,
    }


def tree(name: str, lines: list[Line], together: list[list[int]]) -> dict[str, Any]:
    levels = levels_of(lines)
    root = levels[-1][0]
    many = []
    for indices in together:
        siblings, flags = multiproof(levels, indices)
        many.append(
            {
                "meters": [lines[i].meter for i in indices],
                "siblings": [written_node(sibling) for sibling in siblings],
                "flags": hexed(flags),
            }
        )
    _, lo, hi = written_node(root)
    return {
        "name": name,
        "leaves": [written_leaf(line) for line in lines],
        "root": hexed(root.hash),
        "totals": {flow: str(value) for flow, value in zip(FLOWS, root.flows, strict=True)},
        "totals_lo": lo,
        "totals_hi": hi,
        "proofs": [written_proof(line, *proof(levels, i)) for i, line in enumerate(lines)],
        "multiproofs": many,
    }


def random_lines(count: int, seed: str) -> list[Line]:
    lines = []
    meter = 0
    for i in range(count):
        random = keccak(text=f"{seed} {i}")
        meter += 1 + random[0]
        registers = [int.from_bytes(random[4 * lane : 4 * lane + 4], "big") for lane in range(1, 7)]
        kind = list(KINDS)[random[1] % 6]
        lines.append(Line(meter, kind, tuple(registers), keccak(random)))  # type: ignore[arg-type]
    return lines


def forged(trees: dict[str, list[Line]]) -> list[dict[str, Any]]:
    """Proofs that must be refused."""
    lines = trees["thirteen"]
    levels = levels_of(lines)
    siblings, path = proof(levels, 5)
    line = lines[5]
    words = [written_node(sibling) for sibling in siblings]
    honest = {"leaf": written_leaf(line), "siblings": words, "path": path}
    other_siblings, other_path = proof(levels_of(trees["thirteen, a slot later"]), 5)
    inner = levels[1][2]

    def offer(why: str, **changed: Any) -> dict[str, Any]:
        return {"why": why, "tree": "thirteen", **honest, **changed}

    leaf = written_leaf(line)
    other_kind = 3 if leaf["kind"] != 3 else 1
    one_less = {**leaf["registers"], "imported_wh": leaf["registers"]["imported_wh"] - 1}
    one_less_word = hexed(word(lanes(tuple(one_less.values()), 40)))
    top = hexed(word(int(words[0][1], 16) | 1 << 63))
    return [
        offer("sides swapped", path=path ^ 1),
        offer("a path bit beyond the proof", path=path | 1 << len(siblings)),
        offer("truncated", siblings=words[:-1], path=path & (1 << len(words) - 1) - 1),
        offer("extended", siblings=[*words, words[-1]]),
        offer("another meter", leaf={**leaf, "meter": leaf["meter"] + 1}),
        offer("another kind", leaf={**leaf, "kind": other_kind}),
        offer("a Wh less", leaf={**leaf, "registers": one_less, "registers_word": one_less_word}),
        offer("another salt", leaf={**leaf, "salt": hexed(keccak(b"another"))}),
        offer(
            "another slot's proof",
            siblings=[written_node(sibling) for sibling in other_siblings],
            path=other_path,
        ),
        offer("a sibling's sum changed", siblings=[[words[0][0], top, words[0][2]], *words[1:]]),
        offer(
            "an inner node offered as a leaf",
            leaf={**leaf, "salt": hexed(inner.hash)},
            siblings=words[1:],
            path=path >> 1,
        ),
        offer("a leaf offered as the root", siblings=[], path=0),
    ]


def main() -> None:
    thirteen = random_lines(13, "thirteen")
    later = [
        Line(x.meter, x.kind, tuple(r + 7 for r in x.registers), keccak(x.salt))  # type: ignore[arg-type]
        for x in thirteen
    ]
    one_of_each = [
        Line(i + 1, kind, (i + 10, i + 20, i + 30, i + 40, i + 50, i + 60), bytes([i]) * 32)
        for i, kind in enumerate(KINDS)
    ]
    edges = [
        Line(1, "grid", (MAX,) * 6, bytes(32)),
        Line(2, "battery", (MAX,) * 6, b"\xff" * 32),
        Line(2**32 - 1, "prosumer", (MAX,) * 6, bytes(31) + b"\x01"),
    ]
    by_name = {"thirteen": thirteen, "thirteen, a slot later": later}
    together = [[0], [12], [0, 1], [5, 12], [0, 3, 4, 5, 11], list(range(13))]
    content = {
        "trees": [
            tree("one leaf", [Line(7, "consumer", (0, 5, 0, 5, 0, 0), b"\x07" * 32)], [[0]]),
            tree("one leaf, nothing counted", [Line(7, "consumer", (0,) * 6, bytes(32))], [[0]]),
            tree("two leaves", random_lines(2, "two"), [[0], [1], [0, 1]]),
            tree("one of each kind", one_of_each, [[0, 5], [1, 2, 3]]),
            tree("largest values", edges, [[0, 2], [2]]),
            tree("thirteen", thirteen, together),
            tree("thirteen, a slot later", later, [[4, 7]]),
            tree("sixty-five", random_lines(65, "sixty-five"), [[0, 31, 32, 64], [64]]),
        ],
        "forged": forged(by_name),
    }
    OUT.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Forged frames by the hundred thousand against the gateway's real verification (docs/frame.md).

Five kinds of attacker, each with more than an onlooker has: they know ids, boot counters,
sequences, clocks and every genuine frame ever sent; the Sybil even has other nodes' keys. None has
the key of the node it speaks for. All is drawn from one seed.
"""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from backend.ingest.frame import HEADER_BYTES, TAG_BYTES, encode
from backend.ingest.frame_values import (
    Ack,
    AckResult,
    Body,
    Delta,
    Event,
    EventKind,
    Poll,
    Reading,
    Result,
)
from backend.ingest.keyring import Keyring
from backend.ingest.pipeline import Pipeline
from backend.ingest.verify import Limits
from backend.telemetry import nodes, readings
from backend.telemetry.node_tables import frame_counts
from backend.telemetry.nodes import Node
from backend.telemetry.store import open_store
from backend.telemetry.tables import metadata

START = 1_800_000_000
METERS = 20
GENUINE_EACH = 60
HELD_EACH = 30
_BATCH = 1_000

UNAUTHENTIC = frozenset(
    {
        Result.BAD_TAG, Result.UNKNOWN_NODE, Result.TRUNCATED, Result.OVERSIZED, Result.BAD_MAGIC,
        Result.BAD_VERSION, Result.BAD_TYPE, Result.MALFORMED,
    }
)  # fmt: skip
OUTDATED = frozenset({Result.DUPLICATE, Result.REORDERED})


@dataclass(frozen=True, slots=True)
class Attack:
    """One kind of attacker and what is the only thing its frames may be answered with."""

    name: str
    frames: Iterator[bytes]
    allowed: frozenset[Result]


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one kind of attack.

    Attributes:
        results: how the gateway answered
        counted: by how much its counters went up, by answer
        changed: tables that differ afterwards, counters aside
    """

    name: str
    attempts: int
    results: Counter[Result]
    counted: Counter[Result]
    changed: tuple[str, ...]

    @property
    def accepted(self) -> int:
        """Frames that got through."""
        return self.results[Result.ACCEPTED]


def key_of(node_id: int) -> bytes:
    """The secret of a genuine node."""
    return random.Random(node_id).randbytes(32)


def genuine() -> tuple[list[bytes], list[bytes]]:
    """What the meters send, and what the man in the middle keeps back: the last frames before the
    newest of each meter, overtaken by it."""
    sent, held = [], []
    for node_id in range(1, METERS + 1):
        frames = list(_frames_of(node_id, GENUINE_EACH + HELD_EACH + 1))
        sent += [*frames[:GENUINE_EACH], frames[-1]]
        held += frames[GENUINE_EACH:-1]
    return sent, held


def _frames_of(node_id: int, count: int) -> Iterator[bytes]:
    keyframe, at = Reading(*([0] * 14)), 1
    for i in range(1, count + 1):
        reading = Reading(0, i, 0, i, 0, 0, 2300 + i % 9, 4300, 1000, 990, 251, 0xFFFF, 1, 1)
        body: Body = reading
        if i % 16 == 1 or i == count:
            keyframe, at = reading, i
        else:
            body = Delta.between(i - at, keyframe, reading)
        yield encode(node_id, 3, i, START + i, body, key_of(node_id))


# ---- the attackers -------------------------------------------------------------------------------


def attacks(volume: int, seed: int, sent: Sequence[bytes], held: Sequence[bytes]) -> list[Attack]:
    """`volume` frames of each kind."""
    chance = random.Random(seed)

    def many(make: Callable[[random.Random], bytes]) -> Iterator[bytes]:
        return (make(chance) for _ in range(volume))

    return [
        Attack("spoofed", many(_spoofed), frozenset({Result.BAD_TAG})),
        Attack("replayed", many(lambda c: c.choice(sent)), OUTDATED),
        Attack("bit-flipped", many(_flipped), UNAUTHENTIC),
        Attack("Sybil", many(_sybil), frozenset({Result.UNKNOWN_NODE, Result.BAD_TAG})),
        Attack(
            "man in the middle", many(lambda c: _meddled(c, sent, held)), UNAUTHENTIC | OUTDATED
        ),
    ]


def _body(chance: random.Random) -> Body:
    kind = chance.randrange(4)
    if kind == 0:
        wh = chance.randrange(1 << 40)
        return Reading(0, wh, 0, wh, 0, 0, 2300, 4300, 1000, 990, 251, 0xFFFF, 1, 1)
    if kind == 1:
        return Ack(chance.randrange(1 << 64), 0, True, AckResult.APPLIED, chance.randrange(1 << 40))
    if kind == 2:
        return Event(EventKind.OVER_CURRENT, 0, chance.randrange(1 << 31))
    return Poll(chance.randrange(1 << 64), 0)


def _next(chance: random.Random, node_id: int, key: bytes) -> bytes:
    """A frame that would be the node's next, but for the key."""
    sequence = GENUINE_EACH + HELD_EACH + 2 + chance.randrange(1_000)
    return encode(node_id, 3, sequence, START + sequence, _body(chance), key)


def _spoofed(chance: random.Random) -> bytes:
    return _next(chance, chance.randint(1, METERS), chance.randbytes(32))


def _sybil(chance: random.Random) -> bytes:
    """Ids of its own making, or a genuine id with the key of another genuine node."""
    if chance.random() < 0.5:
        unknown = chance.randint(METERS + 1, 0xFFFFFFFF)
        return _next(chance, unknown, chance.randbytes(32))
    node_id = chance.randint(1, METERS)
    return _next(chance, node_id, key_of(node_id % METERS + 1))


def _flipped(chance: random.Random) -> bytes:
    """One to eight different bits of a frame that would be the node's next."""
    fresh = bytearray(_next(chance, node_id := chance.randint(1, METERS), key_of(node_id)))
    for bit in chance.sample(range(8 * len(fresh)), chance.randint(1, 8)):
        fresh[bit // 8] ^= 1 << bit % 8
    return bytes(fresh)


def _meddled(chance: random.Random, sent: Sequence[bytes], held: Sequence[bytes]) -> bytes:
    """Tampered, sent on to another node's account, spliced of two frames, cut, or delayed."""
    frame = chance.choice(sent)
    what = chance.randrange(5)
    if what == 0:  # more energy, the old tag
        at = HEADER_BYTES + chance.randrange(len(frame) - HEADER_BYTES - TAG_BYTES)
        return frame[:at] + bytes([frame[at] ^ chance.randint(1, 255)]) + frame[at + 1 :]
    if what == 1:
        other = int.from_bytes(frame[2:6], "big") % METERS + 1
        return frame[:2] + other.to_bytes(4, "big") + frame[6:]
    if what == 2:
        donor = chance.choice(sent)
        while donor[:HEADER_BYTES] == frame[:HEADER_BYTES]:
            donor = chance.choice(sent)
        return frame[:HEADER_BYTES] + donor[HEADER_BYTES:]
    if what == 3:
        return frame[: chance.randrange(len(frame))]
    return chance.choice(held)


# ---- the trial ---------------------------------------------------------------------------------


def run(volume: int, seed: int = 0) -> list[Trial]:
    """`volume` frames of each kind, through the pipeline all transports share, into a store."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "nodes.json"
        keys.touch(mode=0o600)
        keys.write_text(json.dumps({str(n): key_of(n).hex() for n in range(1, METERS + 1)}))
        store = open_store(f"sqlite:///{folder}/store.sqlite")
        pipeline = Pipeline(store, Keyring(keys), Limits(since=START), lambda: START + 10_000.0)
        with store.write() as connection:
            nodes.provision(
                connection, [Node(n, f"node {n}", 1, n, 10_000) for n in range(1, METERS + 1)]
            )
        sent, held = genuine()
        pipeline.start()
        try:
            outcomes = pipeline.submit(sent)
            assert all(outcome.result is Result.ACCEPTED for outcome in outcomes)
            return [_try(pipeline, store, attack) for attack in attacks(volume, seed, sent, held)]
        finally:
            pipeline.stop()
            store.close()


def _try(pipeline: Pipeline, store: Any, attack: Attack) -> Trial:
    before, counted = _contents(pipeline, store)
    results: Counter[Result] = Counter()
    batch: list[bytes] = []
    for frame in attack.frames:
        batch.append(frame)
        if len(batch) == _BATCH:
            results.update(outcome.result for outcome in pipeline.submit(batch))
            batch.clear()
    if batch:
        results.update(outcome.result for outcome in pipeline.submit(batch))
    after, counted_after = _contents(pipeline, store)
    changed = tuple(name for name in before if before[name] != after[name])
    wrong = set(results) - attack.allowed
    assert not wrong, f"{attack.name}: answered {sorted(wrong)}"
    return Trial(attack.name, results.total(), results, counted_after - counted, changed)


def _contents(pipeline: Pipeline, store: Any) -> tuple[dict[str, list[Any]], Counter[Result]]:
    """Every table but the counters, and the counters."""
    pipeline.stop()  # what is refused is counted within a second, or at the end
    pipeline.start()
    with store.read() as connection:
        tables = {
            name: [tuple(row) for row in connection.execute(sa.select(table))]
            for name, table in metadata.tables.items()
            if table is not frame_counts
        }
        totals = readings.frame_totals(connection)
    return tables, Counter({Result(name): count for name, count in totals.items()})

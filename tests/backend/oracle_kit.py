"""A small community for the oracle's tests: devices that make frames, nodes behind real HTTP."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from werkzeug.serving import BaseWSGIServer

from backend.chain.context import ChainContext
from backend.chain.types import Commitment
from backend.config import Settings
from backend.ingest.frame import decode, encode
from backend.ingest.frame_values import Delta, Reading
from backend.oracle.attestation import build_tree
from backend.oracle.carbon_file import read_carbon_table
from backend.oracle.clock import SlotClock
from backend.oracle.closer import SlotCloser
from backend.oracle.node import OracleNode
from backend.oracle.proposal import ProposedLeaf, SlotProposal
from backend.oracle.quorum import QuorumClient
from backend.oracle.registers import EntityKind
from backend.oracle.salts import salt_of
from backend.oracle.signer import create_signer_app, make_signer_server
from backend.telemetry import readings
from backend.telemetry.readings import StoredReading
from backend.telemetry.slots import pack
from backend.telemetry.store import Store

SALT_KEY = bytes(range(32))
METERS: Mapping[int, EntityKind] = {
    1: EntityKind.GRID,
    2: EntityKind.DER,
    3: EntityKind.BATTERY,
    4: EntityKind.CONSUMER,
    7: EntityKind.PROSUMER,
}
CARBON = read_carbon_table(Settings().carbon_file)
"""What the oracle nodes answer from."""
INSTANT = (2300, 1000, 230, 1000, 250, 0xFFFF, 0, 1)


SLOT = SlotClock(15)


def key_of(node_id: int) -> bytes | None:
    """Every node's key in these tests."""
    return node_id.to_bytes(32, "big") if node_id < 1_000 else None


class SetClock:
    """Time that a test sets. Starts now, as the chain's does."""

    def __init__(self) -> None:
        self.time = time.time()

    def __call__(self) -> float:
        return self.time


@dataclass
class Device:
    """Makes a meter's frames, and books them as the gateway would."""

    store: Store
    node_id: int
    boot: int = 1
    sequence: int = 0
    keyframe: tuple[int, Reading, bytes] | None = None
    offset: tuple[int, ...] = (0,) * 6

    def frame(self, at: int, *registers: int, soc_bp: int = 0xFFFF, delta: bool = False) -> bytes:
        self.sequence += 1
        instant = (*INSTANT[:5], soc_bp, *INSTANT[6:])
        reading = Reading(*registers, *instant)
        key = key_of(self.node_id)
        assert key is not None
        if delta and self.keyframe is not None:
            back = self.sequence - self.keyframe[0]
            body = Delta.between(back, self.keyframe[1], reading)
            return encode(self.node_id, self.boot, self.sequence, at, body, key)
        data = encode(self.node_id, self.boot, self.sequence, at, reading, key)
        self.keyframe = (self.sequence, reading, data)
        return data

    def book(self, data: bytes, measured_at: int | None = None) -> StoredReading:
        frame = decode(data)
        keyframe = None
        body = frame.body
        if isinstance(body, Delta):
            assert self.keyframe is not None
            keyframe = self.keyframe[2]
            body = body.apply(self.keyframe[1])
        assert isinstance(body, Reading)
        booked = tuple(a + b for a, b in zip(body.registers, self.offset, strict=True))
        with self.store.write() as connection:
            row = StoredReading(
                readings.next_id(connection),
                self.node_id,
                frame.boot,
                frame.sequence,
                frame.time if measured_at is None else measured_at,
                int(time.time() * 1000),
                *booked,
                *body[6:],
                data,
                keyframe,
            )
            readings.insert(connection, [row])
        return row

    def read(
        self, at: int, *registers: int, soc_bp: int = 0xFFFF, delta: bool = False
    ) -> StoredReading:
        """Measures, sends, is booked."""
        return self.book(self.frame(at, *registers, soc_bp=soc_bp, delta=delta))


def frame(
    meter: int, at: int, *registers: int, key: bytes | None = None, soc: int = 0xFFFF
) -> bytes:
    reading = Reading(*registers, *INSTANT[:5], soc, *INSTANT[6:])
    return encode(meter, 1, at % 10_000 + 1, at, reading, key or key_of(meter) or b"")


class Proposer:
    """Builds proposals as the gateway does, and wrong ones as it must not."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.at = SLOT.end(slot) - 5

    def leaf(self, meter: int, *registers: int, **changes: Any) -> ProposedLeaf:
        leaf = ProposedLeaf(
            meter,
            int(METERS[meter]),
            pack(registers),
            salt_of(SALT_KEY, self.slot, meter),
            (frame(meter, self.at, *registers),),
        )
        return dataclasses.replace(leaf, **changes)

    def proposal(self, *leaves: ProposedLeaf, previous: int = 0, **changes: Any) -> SlotProposal:
        tree = build_tree(leaves)
        commitment = Commitment(
            self.slot, previous, tree.root, tree.totals.lo, tree.totals.hi, len(leaves)
        )
        return SlotProposal(dataclasses.replace(commitment, **changes), leaves)


@dataclass
class Oracle:
    """Three oracle nodes and their client."""

    nodes: list[OracleNode]
    servers: list[BaseWSGIServer]
    urls: list[str]
    client: QuorumClient
    paths: list[Path] = field(default_factory=list)


def serve(node: OracleNode) -> tuple[BaseWSGIServer, str]:
    server = make_signer_server(create_signer_app(node), "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}"


def make_closer(
    store: Store, chain: ChainContext, client: QuorumClient, clock: SetClock
) -> SlotCloser:
    return SlotCloser(
        store,
        chain,
        client,
        kinds=lambda: {meter: int(kind) for meter, kind in METERS.items()},
        salt_key=SALT_KEY,
        grace_s=2.0,
        wake_sender=lambda: None,
        now=clock,
    )


def rows(store: Store, table: sa.Table) -> list[sa.Row[object]]:
    with store.read() as connection:
        return list(connection.execute(table.select()))

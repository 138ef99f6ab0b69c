"""What reaches the chain, how fast and at what price. JSON lines for `make bench`.

Real anvil, real contracts; for the last two the whole backend with three oracle nodes, each a
process of its own, spoken to over HTTP as devices do. Beside the literature's conventional
contracts, which take a transaction for each reading: 14.52 transactions/s, 2.38 s.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/backend"))

import requests
from eth_account import Account
from local_chain import (
    FIRST_SIGNER,
    OPERATOR,
    RELAYER,
    SLOT_SECONDS,
    STRANGER,
    Anvil,
    add_switch,
    deploy,
    development_account,
    register_meter,
    send,
    transact,
)
from meters import Meter
from whole_backend import WholeBackend, until

from backend.chain.context import ChainContext
from backend.chain.contracts import Contract
from backend.chain.rpc import number
from backend.chain.sender import Sender, SenderPolicy
from backend.chain.types import BillingMode, Commitment
from backend.ingest.frame import decode
from backend.ingest.frame_values import Ack, AckResult, Command, Poll
from backend.oracle.digests import sign, slot_digest
from backend.oracle.domains import read_domains
from backend.oracle.registers import EntityKind, Registers, pack_registers
from backend.oracle.sum_tree import Leaf, SumTree
from backend.telemetry import outbox
from backend.telemetry.outbox import OutboxState
from backend.telemetry.store import open_store

TREE, BATCH = 1_000, 100
LITERATURE_RATE, LITERATURE_S = "14.52 transactions/s", "2.38 s"
BOARD, BATTERY_NODE = 20, 3


def report(name: str, value: float, unit: str, **more: str) -> None:
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit, **more}), flush=True)


def quantiles(values: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    return {"median": statistics.median(values), "95 %": cuts[18], "longest": max(values)}


# ---- settlement --------------------------------------------------------------------------------


def bench_settlement() -> None:
    """Gas of settling one meter and of a hundred together; balances were above zero before."""
    with Anvil() as anvil:
        deployment = deploy(anvil.rpc, SLOT_SECONDS)
        chain = ChainContext(anvil.url, deployment, {}, view_ttl_s=0.0)
        for meter in range(1, BATCH + 2):
            register_meter(anvil.rpc, deployment, meter, int(EntityKind.PROSUMER))
            _claim(anvil, chain, meter)
        meters = list(range(1, BATCH + 1))
        for step in (1, 2, 3):  # the households' terms begin; then their balances
            slot, tree, leaves = _commit_next(chain, anvil, step)
            _settle(chain, anvil, slot, tree, leaves, [*meters, BATCH + 1])
        slot, tree, leaves = _commit_next(chain, anvil, step=4)
        gas = _settle(chain, anvil, slot, tree, leaves, meters)
        report(
            f"settle a meter, in a batch of {BATCH}", gas / BATCH, "gas", aim="< 20000",
            beside="a transaction and an ERC-1155 mint a meter: see bench gas",
        )  # fmt: skip
        report("settle one meter alone", _settle_one(chain, anvil, slot, tree, leaves), "gas")


def _claim(anvil: Anvil, chain: ChainContext, meter: int) -> None:
    """Each meter gets a household of its own."""
    wallet = Account.create().address
    anvil.rpc.call("anvil_setBalance", wallet, hex(10**18))
    anvil.rpc.call("anvil_impersonateAccount", wallet)
    registry = Contract(chain.deployment["MeterRegistry"])
    code = Account.create()
    send(anvil.rpc, OPERATOR, registry.call("issueClaimCode", meter, code.address))
    digest = chain.views.ask(registry.call("claimDigest", meter, wallet))
    signature = bytes(code.unsafe_sign_hash(digest).signature)
    call = registry.call("claim", meter, int(BillingMode.PREPAID), signature)
    transact(anvil.rpc, wallet, call.target, call.data)


def _commit_next(
    chain: ChainContext, anvil: Anvil, step: int
) -> tuple[int, SumTree, dict[int, Leaf]]:
    previous = chain.views.latest_slot()
    slot = max(anvil.now() // SLOT_SECONDS, previous + 1)
    anvil.rpc.call("anvil_setTime", hex((slot + 1) * SLOT_SECONDS + 1))
    anvil.mine()
    leaves = {
        meter: Leaf(
            meter,
            EntityKind.PROSUMER,
            Registers(exported_wh=1_000 * step + meter, imported_wh=10 * step),
            meter.to_bytes(32, "big"),
        )
        for meter in range(1, TREE + 1)
    }
    tree = SumTree.build(leaves.values())
    commitment = Commitment(slot, previous, tree.root, tree.totals.lo, tree.totals.hi, TREE)
    domain = read_domains(chain.rpc, chain.contracts).ledger
    digest = slot_digest(domain, commitment, chain.views.quorum().epoch)
    signers = sorted(
        (development_account(FIRST_SIGNER + i) for i in range(2)),
        key=lambda account: int(account.address, 16),
    )
    call = chain.clients.ledger.commit_slot(commitment, [sign(s, digest) for s in signers])
    send(anvil.rpc, STRANGER, call)
    return slot, tree, leaves


def _leaf(leaves: dict[int, Leaf], meter: int) -> tuple[int, int, bytes]:
    return (meter, pack_registers(leaves[meter].registers), leaves[meter].salt)


def _settle(
    chain: ChainContext,
    anvil: Anvil,
    slot: int,
    tree: SumTree,
    leaves: dict[int, Leaf],
    meters: list[int],
) -> int:
    proof = tree.multiproof(meters)
    call = chain.clients.ledger.settle_many(
        slot,
        [_leaf(leaves, meter) for meter in meters],
        [node.words() for node in proof.siblings],
        proof.flags,
    )
    return number(send(anvil.rpc, STRANGER, call)["gasUsed"])


def _settle_one(
    chain: ChainContext, anvil: Anvil, slot: int, tree: SumTree, leaves: dict[int, Leaf]
) -> int:
    meter = BATCH + 1
    proof = tree.proof(meter)
    siblings = [node.words() for node in proof.siblings]
    call = chain.clients.ledger.settle(slot, _leaf(leaves, meter), siblings, proof.path)
    return number(send(anvil.rpc, STRANGER, call)["gasUsed"])


# ---- the sender --------------------------------------------------------------------------------


def bench_sender(count: int = 3_000) -> None:
    """Transactions a second through the outbox: stored, signed, sent, seen mined, stored again."""
    with Anvil() as anvil, tempfile.TemporaryDirectory() as folder:
        deployment = deploy(anvil.rpc, SLOT_SECONDS)
        relayer = development_account(RELAYER)
        chain = ChainContext(anvil.url, deployment, {"relayer": relayer})
        store = open_store(f"sqlite:///{folder}/store.sqlite")
        with store.write() as connection:
            for index in range(count):
                outbox.add(
                    connection, key=f"x:{index}", sender=relayer.address,
                    target="0x00000000000000000000000000000000000a11ce",
                    data=index.to_bytes(4, "big"), gas=60_000, now_ms=0,
                )  # fmt: skip
        policy = SenderPolicy(max_in_flight=200, poll_s=0.005)
        sender = Sender(store, chain.rpc, chain.contracts, relayer, policy=policy)
        began = time.perf_counter()
        while True:
            sender.step()
            with store.read() as connection:
                if not outbox.in_states(connection, outbox.UNFINISHED, limit=1):
                    break
        rate = count / (time.perf_counter() - began)
        with store.read() as connection:
            assert outbox.counts(connection) == {OutboxState.CONFIRMED: count}
        store.close()
        report("transactions through the outbox", rate, "1/s", beside=LITERATURE_RATE)


# ---- the whole backend -------------------------------------------------------------------------


@contextmanager
def running_backend(kinds: dict[int, EntityKind], slot_seconds: int) -> Iterator[WholeBackend]:
    with tempfile.TemporaryDirectory() as folder:
        backend = WholeBackend(Path(folder), kinds, slot_seconds)
        try:
            yield backend
        finally:
            backend.close()


def bench_readings(meters: int = 1_000, seconds: int = 20, slot_seconds: int = 2) -> None:
    """Each meter sends a reading a second; a reading is on chain when its slot is committed."""
    kinds = dict.fromkeys(range(1, meters + 1), EntityKind.CONSUMER)
    with running_backend(kinds, slot_seconds) as backend:
        backend.start()
        backend.wait_ready()
        until(lambda: _known(backend, meters), 60, "all meters are known to the gateway")
        made = [Meter(meter) for meter in kinds]
        arrived: list[tuple[float, int]] = []
        commits = CommitWatch(backend)
        began = time.time()
        session = requests.Session()
        for second in range(seconds):
            time.sleep(max(0.0, began + second - time.time()))
            for start in range(0, meters, 250):
                frames = b""
                for meter in made[start : start + 250]:
                    meter.count(1)
                    frame = meter.keyframe_at(int(time.time()))
                    frames += bytes([len(frame)]) + frame
                answer = _post(session, backend, frames)
                good = sum(entry["result"] == "accepted" for entry in answer["results"])
                arrived.append((time.time(), good))
        total = sum(good for _, good in arrived)
        until(
            lambda: sum(backend.settled(meter)[3] for meter in (1, meters)) == 2 * seconds,
            60, "the last readings are on chain and settled",
        )  # fmt: skip
        waits = [
            seen - (slot + 1) * slot_seconds
            for slot, seen in commits.end()
            if slot * slot_seconds >= began and (slot + 2) * slot_seconds <= began + seconds
        ]
        report(
            f"readings on chain, {meters:,} meters, slots of {slot_seconds} s", total / seconds,
            "1/s", beside=LITERATURE_RATE, note="bounded by what the meters send",
        )  # fmt: skip
        for name, value in quantiles(waits).items():
            report(
                f"slot's end to its block, {name}", value, "s", beside=LITERATURE_S,
                note="0.3 s of it are grace for late readings; all meters settled every slot",
            )  # fmt: skip


def _known(backend: WholeBackend, meters: int) -> bool:
    answer = requests.get(backend.url + "/api/meters", timeout=10).json()
    return len(answer["meters"]) >= meters


class CommitWatch:
    """Sees when a slot is on chain, by the wall clock."""

    def __init__(self, backend: WholeBackend) -> None:
        self._views = backend.chain.views
        self._seen: list[tuple[int, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        newest = self._views.latest_slot()
        while not self._stop.wait(0.02):
            latest = self._views.latest_slot()
            if latest != newest:
                self._seen.append((latest, time.time()))
                newest = latest

    def end(self) -> list[tuple[int, float]]:
        """Slots and when each was seen first."""
        self._stop.set()
        self._thread.join()
        return self._seen


def _post(session: requests.Session, backend: WholeBackend, frames: bytes) -> Any:
    return session.post(
        backend.url + "/api/readings",
        data=frames,
        headers={"Content-Type": "application/octet-stream"},
        timeout=30,
    ).json()


class Board:
    """A relay board on a long poll, which answers each command at once."""

    def __init__(self, backend: WholeBackend) -> None:
        self.backend = backend
        self.meter = Meter(BOARD)
        self.session = requests.Session()
        self.commanded_at: dict[int, float] = {}
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._poll()
        except requests.RequestException:
            if not self.stop.is_set():
                raise

    def _poll(self) -> None:
        last = 0
        while not self.stop.is_set():
            poll = self.meter.frame(Poll(last, 5), int(time.time()))
            url = f"{self.backend.url}/api/nodes/{BOARD}/commands"
            kind = {"Content-Type": "application/octet-stream"}
            answer = self.session.post(url, data=poll, headers=kind, timeout=15)
            frames = answer.json()["frames"] if answer.status_code == 200 else []
            for text in frames:
                body = decode(bytes.fromhex(text), downlink=True).body
                if isinstance(body, Command):
                    last = body.command_id
                    self.commanded_at.setdefault(body.command_id, time.perf_counter())
                    ack = Ack(body.command_id, body.pin, body.closed, AckResult.APPLIED, 0)
                    frame = self.meter.frame(ack, int(time.time()))
                    _post(self.session, self.backend, bytes([len(frame)]) + frame)


def bench_crossing(crossings: int = 40) -> None:
    """From a battery's reading that crosses a threshold to its relay's answer on chain."""
    kinds = {BATTERY_NODE: EntityKind.BATTERY, 4: EntityKind.CONSUMER}
    with running_backend(kinds, 15) as backend:
        add_switch(backend.anvil.rpc, backend.deployment, 1, board=BOARD, pin=0, battery=1)
        backend.start()
        backend.wait_ready()
        until(lambda: _known(backend, len(kinds)), 30, "the nodes are known")
        board = Board(backend)
        until(lambda: _acknowledged(backend) == 1, 30, "the board has answered once")
        battery, session = Meter(BATTERY_NODE), requests.Session()
        to_board, to_chain = [], []
        chance = random.Random(1)
        for index in range(crossings + 3):  # the first ones warm everything up
            time.sleep(1.1 + chance.random() / 2)  # reports carry whole seconds
            battery.soc_bp = 0 if index % 2 == 0 else 9_000
            before = _acknowledged(backend)
            frame = battery.keyframe_at(int(time.time()))
            began = time.perf_counter()
            _post(session, backend, bytes([len(frame)]) + frame)
            while _acknowledged(backend) == before:
                assert time.perf_counter() - began < 20, "no acknowledgement"
            if index >= 3:
                to_chain.append(time.perf_counter() - began)
                to_board.append(max(board.commanded_at.values()) - began)
        board.stop.set()
    for what, values in (("command at the board", to_board), ("answer on chain", to_chain)):
        for name, value in quantiles(values).items():
            report(f"battery crossing to {what}, {name}", value, "s")


def _acknowledged(backend: WholeBackend) -> int:
    call = backend.chain.clients.priority.switch_state(1)
    return backend.chain.views.ask(call).acknowledged_sequence


def main() -> None:
    """All of it, some two minutes."""
    bench_settlement()
    bench_sender()
    bench_readings()
    bench_crossing()


if __name__ == "__main__":
    main()

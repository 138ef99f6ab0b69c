"""Four oracle nodes as real processes, by the learned agent, agree on prices; one is killed, one
lies."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from local_chain import (
    DEPLOYER,
    FIRST_SIGNER,
    RELAYER,
    ROOT,
    SLOT_SECONDS,
    Anvil,
    deploy,
    development_account,
    document_of,
    free_port,
    register_meter,
    send,
    transact,
)
from oracle_kit import METERS, SLOT, Proposer, frame, key_of

from backend.chain.accounts import save_account
from backend.chain.context import ChainContext
from backend.chain.contracts import Contract
from backend.oracle.digests import BatteryReport, battery_digest, slot_digest
from backend.oracle.domains import read_domains
from backend.oracle.prices import PriceCollector
from backend.oracle.quorum import QuorumClient
from backend.telemetry import outbox, prices
from backend.telemetry.outbox import OutboxRow, OutboxState
from backend.telemetry.store import Store

pytest_plugins = ["chain_fixtures"]

ROUND_S = 2
NODES = 4
LIAR = 3
T = TypeVar("T")


@pytest.fixture
def chain(anvil: Anvil) -> ChainContext:
    signers = [development_account(FIRST_SIGNER + i).address for i in range(NODES)]
    deployment = deploy(anvil.rpc, SLOT_SECONDS, signers, threshold=3)
    for meter, kind in METERS.items():
        register_meter(anvil.rpc, deployment, meter, int(kind))
    market = Contract(deployment["EnergyMarket"])
    send(anvil.rpc, DEPLOYER, market.call("setPriceSource", deployment["QuorumPriceFeed"].address))
    accounts = {"relayer": development_account(RELAYER)}
    return ChainContext(anvil.url, deployment, accounts, view_ttl_s=0.0)


class Nodes:
    """The processes of a home."""

    def __init__(self, chain: ChainContext, home: Path) -> None:
        self.home = home
        self.ports = [free_port() for _ in range(NODES)]
        self.urls = [f"http://127.0.0.1:{port}" for port in self.ports]
        self._rpc_url = chain.rpc.url
        keys = home / "keys"
        for index in range(NODES):
            save_account(keys / f"signer-{index}.json", development_account(FIRST_SIGNER + index))
        ring = {str(meter): (key_of(meter) or b"").hex() for meter in METERS}
        (keys / "nodes.json").write_text(json.dumps(ring))
        (keys / "nodes.json").chmod(0o600)
        (home / "deployments").mkdir()
        file = home / f"deployments/{chain.chain_id}.json"
        file.write_text(json.dumps(document_of(chain.deployment)))
        self.processes = [self._start(index) for index in range(NODES)]

    def _start(self, index: int) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "OHMSTEAD_HOME": str(self.home),
            "OHMSTEAD_RPC_URL": self._rpc_url,
            "OHMSTEAD_SIGNER_URLS": ",".join(self.urls),
            "OHMSTEAD_PRICE_ROUND_S": str(ROUND_S),
            "OHMSTEAD_PRICE_PATIENCE_S": "0.8",
            "OHMSTEAD_PRICE_POLICY": "agent",
            "OHMSTEAD_PRICE_MIDNIGHT": "0",
            "PYTHONPATH": str(ROOT),
        }
        lying = ["tests/backend/lying_signer.py"]
        program = lying if index == LIAR else ["-m", "backend.oracle.signer"]
        where = ["--index", str(index), "--port", str(self.ports[index])]
        command = [sys.executable, *program, *where]
        with (self.home / f"{index}.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    def kill(self, index: int) -> None:
        self.processes[index].kill()
        self.processes[index].wait()

    def end(self) -> None:
        """Asks all that run to end, as the supervisor does; they have nothing to finish."""
        running = [process for process in self.processes if process.poll() is None]
        for process in running:
            process.terminate()
        assert [process.wait(20) for process in running] == [0] * len(running)

    def logs(self) -> str:
        return "\n".join(file.read_text()[-2000:] for file in sorted(self.home.glob("*.log")))


@pytest.fixture
def nodes(chain: ChainContext, tmp_path: Path) -> Iterator[Nodes]:
    made = Nodes(chain, tmp_path)
    try:
        yield made
        made.end()
    finally:
        for index in range(NODES):
            made.kill(index)


def eventually(look: Callable[[], T | None], nodes: Nodes, what: str, within_s: float = 150.0) -> T:
    deadline = time.monotonic() + within_s
    while (found := look()) is None:
        assert time.monotonic() < deadline, f"{what}\n{nodes.logs()}"
        time.sleep(0.05)
    return found


class Sender:
    """Sends what the collector puts into the outbox."""

    def __init__(self, store: Store, chain: ChainContext, collector: PriceCollector) -> None:
        self.store, self.chain, self.collector = store, chain, collector

    def next_round(self) -> int | None:
        """Takes in what is new and sends it; the round that is then in force, if it is new."""
        self.collector.step()
        with self.store.read() as connection:
            rows = outbox.in_states(connection, [OutboxState.PENDING], kind="price")
        for row in rows:
            self._send(row)
        return int(rows[0].key.partition(":")[2]) if rows else None

    def _send(self, row: OutboxRow) -> None:
        transact(self.chain.rpc, row.sender, row.target, row.data)
        with self.store.write() as connection:
            outbox.update(connection, row.id, state=OutboxState.CONFIRMED.value)


def sign_two_slots(chain: ChainContext, client: QuorumClient) -> None:
    """Each node checks two slots: 1 200 Wh drawn between them, 300 Wh given by the sun."""
    quorum, domain = chain.views.quorum(), read_domains(chain.rpc, chain.contracts).ledger
    newest = SLOT.latest_over(time.time())
    for slot, drawn, given in ((newest - 1, 1_000, 100), (newest, 2_200, 400)):
        proposer = Proposer(slot)
        proposal = proposer.proposal(
            proposer.leaf(2, given, 0, given, 0, 0, 0), proposer.leaf(4, 0, drawn, 0, drawn, 0, 0)
        )
        digest = slot_digest(domain, proposal.commitment, quorum.epoch)
        every = type(quorum)(quorum.epoch, NODES, quorum.signers)
        assert len(client.sign_slot(proposal, digest, every)) == NODES


def sign_charge(chain: ChainContext, client: QuorumClient, soc_bps: int) -> None:
    """Each node checks the battery's charge."""
    quorum, domain = chain.views.quorum(), read_domains(chain.rpc, chain.contracts).priority
    at = int(time.time())
    report = BatteryReport(3, soc_bps, at)
    digest = battery_digest(domain, report, quorum.epoch)
    every = type(quorum)(quorum.epoch, NODES, quorum.signers)
    evidence = [frame(3, at, 0, 0, 0, 0, 0, 0, soc=soc_bps)]
    assert len(client.sign_battery(report, evidence, digest, every)) == NODES


@pytest.mark.slow
def test_prices_go_on_with_one_node_killed_and_one_that_lies(
    chain: ChainContext, nodes: Nodes, store: Store
) -> None:
    client = QuorumClient(nodes.urls, development_account(RELAYER), timeout_s=2)
    collector = PriceCollector(
        store, chain, client, round_s=ROUND_S, wake_sender=lambda: None
    )
    sender = Sender(store, chain, collector)
    try:
        eventually(
            lambda: all(state.up for state in client.look()) or None, nodes, "nodes are not up"
        )
        sign_two_slots(chain, client)
        sign_charge(chain, client, 6_000)
        feed = chain.clients.feed
        assert feed is not None
        first = eventually(sender.next_round, nodes, "no price was agreed")
        assert chain.views.ask(feed.latest()).round == first

        # The leader of this round and of the next ones, or node 0 if the liar leads.
        members = sorted(
            (development_account(FIRST_SIGNER + i).address for i in range(NODES)),
            key=lambda address: int(address, 16),
        )
        leader = members[(first // 100) % NODES]
        accounts = [development_account(FIRST_SIGNER + i).address for i in range(NODES)]
        victim = accounts.index(leader) if accounts.index(leader) != LIAR else 0
        nodes.kill(victim)
        rounds = [first]
        while len(rounds) < 4:
            rounds.append(eventually(sender.next_round, nodes, f"no price after {rounds}"))
        assert rounds == sorted(set(rounds))

        latest = chain.views.ask(feed.latest())
        assert latest.round == rounds[-1]
        with store.read() as connection:
            opinions = {o.signer: o for o in prices.opinions(connection, rounds[-1])}
            stored = prices.get(connection, rounds[-1])
        honest = [
            o.price or 0 for signer, o in opinions.items() if signer != accounts[LIAR]
        ]
        assert honest
        assert min(honest) <= latest.median <= max(honest)
        assert stored is not None
        assert len(stored.observations or ()) == 3  # two honest ones and the liar's
        terms = next(o.terms for s, o in opinions.items() if s != accounts[LIAR])
        assert terms is not None
        # 1 200 Wh in a slot of 15 s that stands for a quarter of an hour.
        assert terms["inputs"]["demand_w"] == 4_800
        assert terms["inputs"]["renewable_w"] == 1_200
        # The agent was admitted and knows such slots, so it speaks, and says by what right.
        assert terms["inputs"]["soc_bps"] == 6_000
        assert terms["learned"]["price"] == terms["price"]
        assert "held-out days" in terms["learned"]["reason"]
    finally:
        client.close()


def test_rounds_are_stored_with_their_table(store: Store) -> None:
    with store.read() as connection:
        names = sa.inspect(connection).get_table_names()
    assert {"price_rounds", "price_opinions"} <= set(names)


def test_a_report_that_is_not_one_is_left_out(chain: ChainContext, store: Store) -> None:
    """A node may answer anything: it neither stops the collector nor is it believed."""

    class Babbling(QuorumClient):
        def price_reports(self, after: int) -> list[dict[str, Any]]:
            now = int(time.time() // ROUND_S)
            false = {"price": 1, "observed_at": 1, "signature": "00" * 65}
            return [
                {},
                {"round": "x"},
                {"round": now, "terms": "long"},
                {"round": now, "price": -1},
                {"round": now, "price": 1, "observed_at": 1, "signature": "zz"},
                {"round": now, "decided": {"view": 0, "observations": [1]}},
                {"round": now, "decided": {"view": 0, "observations": [false] * 3}},
                {"round": now, "decided": {"view": 0, "observations": []}},
                {"round": now, **false},
            ]

    client = Babbling([], development_account(RELAYER))
    collector = PriceCollector(store, chain, client, round_s=ROUND_S, wake_sender=lambda: None)
    assert collector.step() > 0
    assert collector.last_error is not None
    with store.read() as connection:
        assert prices.newest_decided(connection) == 0
        assert not outbox.in_states(connection, [OutboxState.PENDING])
        assert not prices.opinions(connection, int(time.time() // ROUND_S))
    client.close()

"""The app on a real node with the real contracts and a real store; only the oracle's threads rest.

node 3  battery bank of battery 1          switch 1  board 5 V0  meter 51 (lift, critical)
node 4  house, held by RESIDENT            switch 2  board 5 V1  meter 52 (pump, critical)
node 7  house, nobody's                    switch 3  board 5 V2  meter 53 (hall)
node 2  solar plant, node 1 grid           switch 4  board 5 V3  meter 54 (workshop)
node 5  the relay board                    switch 9  node 4  V0  meter 4  (the house's contactor)
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account.messages import encode_defunct
from flask import Flask
from flask.testing import FlaskClient
from ingest_kit import write_keys
from local_chain import (
    OPERATOR,
    RELAYER,
    RESIDENT,
    Anvil,
    add_switch,
    claim_meter,
    deploy,
    development_account,
    register_meter,
    send,
)
from meters import Meter

from backend.api.services import Services
from backend.app import create_app, services_of, stop_app
from backend.chain.context import ChainContext
from backend.chain.contracts import Contract
from backend.chain.deployment import Deployment
from backend.chain.follower import EventFollower
from backend.chain.projections import projections
from backend.config import Settings
from backend.ingest.frame_values import Ack, AckResult
from backend.ingest.keyring import Keyring
from backend.oracle.dispatch import RelayDispatcher
from backend.oracle.registers import EntityKind, Registers
from backend.oracle.service import OracleStatus
from backend.oracle.sum_tree import Leaf, SumTree
from backend.telemetry import commands, nodes, slots
from backend.telemetry.nodes import Node
from backend.telemetry.slots import Slot, SlotState, StoredLeaf, pack
from backend.telemetry.store import Store, open_store

SLOT_SECONDS = 15
CONSUMER, PROSUMER, DER, BATTERY, GRID = 1, 2, 3, 4, 6
PREPAID = 1
KINDS = {
    1: GRID, 2: DER, 3: BATTERY, 4: CONSUMER, 5: 0, 7: PROSUMER,
    51: CONSUMER, 52: CONSUMER, 53: CONSUMER, 54: CONSUMER,
}  # fmt: skip
LABELS = {51: "Lift", 52: "Water pump", 53: "Hall", 54: "Workshop", 4: "House C1", 5: "Board"}
BLYNK_TOKEN = "board-five-token-0123456789"
HOUSE_TOKEN = "house-four-token-0123456789"


class RestingOracle:
    """The oracle's parts without its threads: tests say when they work."""

    def __init__(self, store: Store, chain: ChainContext, keyring: Keyring) -> None:
        self.dispatcher = RelayDispatcher(store, chain, keyring.get, wake_sender=lambda: None)
        self.follower = EventFollower(
            store, chain.rpc, chain.contracts, projections, on_moved=chain.views.invalidate
        )
        self.problems: dict[str, str] = {}
        self.unreachable_s: float | None = None

    def start(self) -> None:
        self.follower.catch_up()

    def stop(self) -> None:
        pass

    def pending_frames(self, node_id: int) -> list[bytes]:
        return self.dispatcher.pending_frames(node_id)

    def status(self) -> OracleStatus:
        return OracleStatus(
            running=True,
            signers=(),
            threshold=0,
            outbox_pending=0,
            outbox={"pending": 0},
            commands_pending=0,
            lag_blocks=self.follower.lag_blocks,
            unreachable_s=self.unreachable_s,
            relayer_balance_wei=10**18,
            problems=dict(self.problems),
        )


class World:
    """One app and everything around it."""

    def __init__(self, folder: Path, anvil: Anvil, deployment: Deployment, **options: Any) -> None:
        self.anvil = anvil
        self.deployment = deployment
        self.home = folder
        self.settings = Settings(
            home=folder,
            home_is_set=True,
            rpc_url=anvil.url,
            frontend_dir=folder / "dist",
            **options,
        )
        write_keys(folder / "keys" / "nodes.json", list(KINDS))
        self.write_secret("blynk.json", {"5": BLYNK_TOKEN, "4": HOUSE_TOKEN})
        store = open_store(self.settings.store_url)
        _provision(store)
        store.close()
        self.chain = ChainContext(
            anvil.url, deployment, {"relayer": development_account(RELAYER)}, view_ttl_s=0.0
        )
        self.oracle = RestingOracle(
            open_store(self.settings.store_url),
            self.chain,
            Keyring(folder / "keys" / "nodes.json"),
        )
        self.now = time.time
        self.app: Flask = create_app(self.settings, self.chain, self.oracle, lambda: self.now())
        self.client: FlaskClient = self.app.test_client()
        self.meters: dict[int, Meter] = {}

    @property
    def services(self) -> Services:
        return services_of(self.app)

    @property
    def store(self) -> Store:
        return self.services.store

    def write_secret(self, name: str, document: Any) -> None:
        path = self.home / "keys" / name
        path.touch(mode=0o600)
        path.write_text(json.dumps(document))

    def close(self) -> None:
        stop_app(self.app)

    # ---- devices -------------------------------------------------------------------------------

    def meter(self, node_id: int) -> Meter:
        return self.meters.setdefault(node_id, Meter(node_id))

    def report(self, node_id: int, wh: int = 0, *, lane: int = 3, **fields: int) -> str:
        """A node counts and sends a keyframe; its result."""
        meter = self.meter(node_id)
        meter.count(wh, lane)
        for name, value in fields.items():
            setattr(meter, name, value)
        return self.send(meter.keyframe_at(int(self.now())))[0]

    def send(self, *frames: bytes) -> list[str]:
        body = b"".join(bytes([len(frame)]) + frame for frame in frames)
        answer = self.client.post(
            "/api/readings", data=body, content_type="application/octet-stream"
        )
        assert answer.status_code == 200, answer.json
        return [result["result"] for result in answer.get_json()["results"]]

    # ---- people --------------------------------------------------------------------------------

    def poll(self, node: int, frame: bytes) -> Any:
        """What a node is answered that asks for its commands."""
        return self.client.post(
            f"/api/nodes/{node}/commands", data=frame, content_type="application/octet-stream"
        )

    def close_slot(self, number: int, previous: int, registers: dict[int, int]) -> SumTree:
        """A slot as the closer would store it, of consumers' import registers."""
        leaves = {
            meter: Leaf(meter, EntityKind.CONSUMER, Registers(imported_wh=wh), bytes([meter]) * 32)
            for meter, wh in sorted(registers.items())
        }
        tree = SumTree.build(leaves.values())
        before = None
        with self.store.write() as connection:
            stored = slots.get(connection, previous)
            before = stored.totals_lo if stored else 0
            slots.insert_closed(
                connection,
                Slot(
                    number, previous, tree.root, tree.totals.lo, tree.totals.hi, len(leaves),
                    number * 1000, tree.totals.lo - before, "deficit", SlotState.CLOSED, (),
                    None, None, None,
                ),
                [
                    StoredLeaf(
                        meter, CONSUMER, pack((0, 0, 0, wh, 0, 0)), bytes([meter]) * 32, 0, False
                    )
                    for meter, wh in sorted(registers.items())
                ],
            )  # fmt: skip
        return tree

    def acknowledge(self, switch: int, closed: bool) -> None:
        """The board's word that it has done the switch's newest command."""
        with self.store.read() as connection:
            command = commands.newest(connection)[switch]
        ack = Ack(command.command_id, command.pin, closed, AckResult.APPLIED, 0)
        assert self.send(self.meter(5).frame(ack, int(self.now()))) == ["accepted"]

    def sign_in(self, index: int) -> dict[str, str]:
        """The Authorization header of a development account."""
        account = development_account(index)
        challenge = self.client.get(f"/api/auth/challenge?account={account.address}").get_json()
        signed = account.sign_message(encode_defunct(text=challenge["message"]))
        answer = self.client.post(
            "/api/auth/session",
            json={"message": challenge["message"], "signature": "0x" + signed.signature.hex()},
        )
        assert answer.status_code == 200, answer.json
        return {"Authorization": f"Bearer {answer.get_json()['token']}"}

    # ---- the chain -----------------------------------------------------------------------------

    def transact(self, sender: int, contract: str, function: str, *args: Any) -> None:
        """A transaction, and what follows from it in the store."""
        send(self.anvil.rpc, sender, Contract(self.deployment[contract]).call(function, *args))
        self.oracle.follower.catch_up()

    def get(self, path: str, headers: dict[str, str] | None = None) -> Any:
        answer = self.client.get(path, headers=headers)
        assert answer.status_code == 200, (path, answer.get_json())
        return answer.get_json()

    def refused(self, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Status and code of a refusal."""
        answer = self.client.get(path, headers=headers)
        error = answer.get_json()["error"]
        assert error["message"]
        return answer.status_code, error["code"]


def _provision(store: Store) -> None:
    with store.write() as connection:
        nodes.provision(
            connection,
            [
                Node(
                    node_id,
                    LABELS.get(node_id, f"Node {node_id}"),
                    kind,
                    node_id,
                    50_000 if kind else 0,
                    battery_id=1 if node_id == 3 else None,
                    capacity_wh=60_000 if node_id == 3 else None,
                )
                for node_id, kind in KINDS.items()
            ],
        )


def _settle_in(anvil: Anvil, deployment: Deployment) -> None:
    rpc = anvil.rpc
    for node_id, kind in KINDS.items():
        if kind:
            register_meter(rpc, deployment, node_id, kind)
    for pin in range(4):
        add_switch(
            rpc, deployment, pin + 1, board=5, pin=pin, battery=1, meter=51 + pin, critical=pin < 2
        )
    add_switch(rpc, deployment, 9, board=4, pin=0, battery=0, meter=4)
    claim_meter(rpc, deployment, 4, RESIDENT, PREPAID)


@pytest.fixture(scope="session")
def deployed_community() -> Iterator[tuple[Anvil, Deployment]]:
    """A node with a deployed community, shared: a test that changes it takes a snapshot."""
    with Anvil() as anvil:
        deployment = deploy(anvil.rpc, SLOT_SECONDS)
        _settle_in(anvil, deployment)
        yield anvil, deployment


@pytest.fixture
def chain_state(deployed_community: tuple[Anvil, Deployment]) -> Iterator[tuple[Anvil, Deployment]]:
    """The community as it was deployed; whatever a test does to it is undone."""
    anvil, deployment = deployed_community
    snapshot = anvil.snapshot()
    yield anvil, deployment
    anvil.revert(snapshot)


@pytest.fixture
def world(chain_state: tuple[Anvil, Deployment], tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, *chain_state)
    yield made
    made.close()


@pytest.fixture(scope="session")
def quiet_world(
    deployed_community: tuple[Anvil, Deployment], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world for questions that change nothing, shared."""
    made = World(tmp_path_factory.mktemp("quiet"), *deployed_community)
    yield made
    made.close()


__all__ = ["OPERATOR", "RESIDENT", "World"]

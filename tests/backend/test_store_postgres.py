"""The same store on PostgreSQL, where its programs are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from ingest_kit import METERS, Clock, provision
from local_chain import free_port
from meters import SINCE, Meter

from backend.chain.certificate_projections import certificate_projections
from backend.ingest.frame_values import Ack, AckResult, Result
from backend.ingest.keyring import Keyring
from backend.ingest.pipeline import Pipeline
from backend.ingest.verify import Limits
from backend.telemetry import (
    access,
    certificates,
    commands,
    events,
    nodes,
    quarantine,
    readings,
)
from backend.telemetry.access import AccessEntry
from backend.telemetry.certificates import Sales, Search
from backend.telemetry.chain_tables import chain_events
from backend.telemetry.events import ChainEvent
from backend.telemetry.store import Store, StoreError, open_store
from backend.telemetry.tables import metadata, schema_version


def _programs() -> Path | None:
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


PROGRAMS = _programs()
pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL is not installed")


def _as_owner() -> dict[str, str]:
    """PostgreSQL refuses to run as root: Debian makes a user for it."""
    return {"user": "postgres"} if os.geteuid() == 0 else {}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    assert PROGRAMS is not None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "data"
        if os.geteuid() == 0:
            shutil.chown(name, "postgres")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        initdb = [str(PROGRAMS / "initdb"), "-D", str(folder), "-U", "ohmstead", "-A", "trust"]
        subprocess.run(initdb, check=True, **quiet, **_as_owner())  # type: ignore[call-overload]
        port = free_port()
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={name}"
        control = [str(PROGRAMS / "pg_ctl"), "-D", str(folder), "-w"]
        start = [*control, "-o", options, "start"]
        subprocess.run(start, check=True, **quiet, **_as_owner())  # type: ignore[call-overload]
        try:
            yield f"postgresql+psycopg://ohmstead@127.0.0.1:{port}/postgres"
        finally:
            stop = [*control, "-m", "immediate", "stop"]
            subprocess.run(stop, check=True, **quiet, **_as_owner())  # type: ignore[call-overload]


@pytest.fixture
def store(server: str) -> Iterator[Store]:
    opened = open_store(server)
    yield opened
    with opened.write() as connection:
        metadata.drop_all(connection)
    opened.close()


def test_opening_again_keeps_what_is_there_and_another_version_is_refused(
    store: Store, server: str
) -> None:
    provision(store)
    again = open_store(server)
    with again.read() as connection:
        assert set(nodes.all_nodes(connection)) == set(METERS)
    with again.write() as connection:
        connection.execute(schema_version.update().values(version=99))
    again.close()
    with pytest.raises(StoreError, match="schema 99"):
        open_store(server)


def test_columns_added_since_are_filled_in(store: Store, server: str) -> None:
    provision(store)
    with store.write() as connection:
        connection.exec_driver_sql("ALTER TABLE nodes DROP COLUMN feeder_node")
    with open_store(server).read() as connection:
        assert {node.feeder_node for node in nodes.all_nodes(connection).values()} == {0}


def test_frames_are_booked_once_and_wrong_ones_kept(
    pipeline: Pipeline, store: Store, clock: Clock
) -> None:
    meter = Meter(4)
    first = meter.keyframe_at(SINCE)
    clock.now += 60
    meter.count(20)
    frames = [first, meter.delta_at(SINCE + 60), first, b"junk"]
    assert [outcome.result for outcome in pipeline.submit(frames)] == [
        Result.ACCEPTED,
        Result.ACCEPTED,
        Result.DUPLICATE,
        Result.TRUNCATED,
    ]
    meter.count(1_000_000)
    assert pipeline.submit([meter.keyframe_at(SINCE + 60)])[0].result is Result.QUARANTINED_STEP
    pipeline.stop()
    with store.read() as connection:
        newest = readings.latest_of(connection, 4)
        assert newest is not None
        assert newest.registers[3] == 20
        assert quarantine.count_waiting(connection) == 1
        assert readings.frame_totals(connection) == {
            "accepted": 2, "duplicate": 1, "truncated": 1, "quarantined_step": 1,
        }  # fmt: skip
        rows = readings.last_of_slots(connection, 4, 0, 1 << 40, 15, 10)
        assert [row.measured_at for row in rows] == [SINCE, SINCE + 60]
    pipeline.start()


def test_two_gateways_on_one_store_accept_each_frame_once(
    store: Store, keyring: Keyring, clock: Clock
) -> None:
    provision(store)
    clock.now = SINCE + 3_600
    gateways = [Pipeline(store, keyring, Limits(since=SINCE), clock) for _ in range(2)]
    for gateway in gateways:
        gateway.start()
    streams = {node_id: [] for node_id, kind in METERS.items() if kind}
    for node_id, frames in streams.items():
        meter = Meter(node_id)
        for i in range(25):
            meter.count(1)
            frames.append(meter.keyframe_at(SINCE + i))

    def play(job: tuple[int, int]) -> list[Result]:
        gateway, node_id = job
        return [gateways[gateway].submit([frame])[0].result for frame in streams[node_id]]

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(play, [(g, node) for g in range(2) for node in streams]))
    for gateway in gateways:
        gateway.stop()
    accepted = sum(answer.count(Result.ACCEPTED) for answer in answers)
    with store.read() as connection:
        stored = connection.execute(
            sa.select(sa.func.count()).select_from(metadata.tables["readings"])
        ).scalar_one()
        newest = readings.latest(connection)
    assert accepted == stored == 25 * len(streams)
    assert {reading.registers[3] for reading in newest.values()} == {25}


def test_acknowledgements_and_downlink_numbers(pipeline: Pipeline, store: Store) -> None:
    identifier = commands.command_id(3, 1)
    with store.write() as connection:
        commands.issue(
            connection,
            {
                "command_id": identifier, "switch_id": 3, "board": 5, "pin": 2, "closed": True,
                "cutoff_wh": 0, "reason": "installed", "block": 1, "issued_ms": 0,
            },
        )  # fmt: skip
    ack = Meter(5).frame(Ack(identifier, 2, True, AckResult.APPLIED, 0), SINCE)
    assert pipeline.submit([ack])[0].result is Result.ACCEPTED
    with store.write() as connection:
        assert commands.pending(connection, 5) == []
        assert nodes.reserve_downlink(connection, 5, 77, 100) == (77, 100)
        assert commands.next_downlink(connection, 5, 88) == (77, 101)


def test_a_node_id_may_have_all_its_32_bits(store: Store) -> None:
    with store.write() as connection:
        nodes.provision(connection, [nodes.Node((1 << 32) - 1, "far", 1, 1, 1)])
        assert set(nodes.load_states(connection, [(1 << 32) - 1])) == {(1 << 32) - 1}


def test_sessions_and_looks(store: Store) -> None:
    with store.write() as connection:
        access.open_session(connection, "token", "0xabc", 100)
        assert access.account_of(connection, "token", 99) == "0xabc"
        assert access.account_of(connection, "token", 100) is None
        assert access.drop_expired(connection, 100) == 1
        for at in (10, 20, 200):
            entry = AccessEntry(4, "0xabc", "operator", "readings", at)
            access.record(connection, entry, quiet_s=60)
        assert [entry.at for _, entry in access.of_meter(connection, 4, 10)] == [200, 10]


OWNER, NEIGHBOUR, SALES = ("0x" + digit * 40 for digit in "abc")


def _told(store: Store, *events_: tuple[str, str, dict[str, Any]]) -> None:
    """Events of a block each, stored and projected as the follower does."""
    with store.write() as connection:
        for contract, name, args in events_:
            newest = connection.execute(sa.select(sa.func.max(chain_events.c.block))).scalar()
            event = ChainEvent((newest or 0) + 1, 0, "0x1", "0x2", contract, name, args, SINCE)
            events.store(connection, [event])
            certificate_projections.apply(connection, event)


def test_what_can_be_bought_follows_from_the_events_in_order(store: Store) -> None:
    lot = {
        "fromSlot": 1, "toSlot": 2, "wh": 300, "source": 1, "technology": 1, "zone": 1,
        "storageBehindMeter": False, "evidenceHash": "0x3",
    }  # fmt: skip
    register = "RenewableCertificate"
    asked = {"lotId": 1, "meter": 7, "producer": OWNER, "lot": lot}
    issued = {"id": 1, "lotId": 1, "producer": OWNER, "wh": 300}
    offered = {"id": 1, "seller": OWNER, "priceMicroInr": hex(2**56 - 1), "closesAt": SINCE + 60}
    allowed = {"owner": OWNER, "operator": SALES, "approved": True}
    away = {"from": OWNER, "to": NEIGHBOUR, "tokenId": 1}
    back = {"from": NEIGHBOUR, "to": OWNER, "tokenId": 1}

    def offers(now: int = SINCE) -> list[int]:
        sales = Sales(SALES, now)
        with store.read() as connection:
            found = certificates.find(connection, Search(offered=sales), 10)
            ids = [entry.certificate.certificate_id for entry in found]
            prices = certificates.offers_of(connection, [1, 2], sales)
        assert list(prices) == ids
        return [offer.price_micro_inr for offer in prices.values()]

    _told(store, (register, "CertificateRequested", asked), (register, "CertificateIssued", issued))
    _told(store, ("CertificateSales", "CertificateOffered", offered))
    assert offers() == []
    _told(store, (register, "ApprovalForAll", allowed), (register, "ApprovalForAll", allowed))
    assert offers() == [2**56 - 1]
    assert offers(SINCE + 60) == []
    _told(store, (register, "Transfer", away), (register, "Transfer", back))
    assert offers() == []
    cheaper = {**offered, "priceMicroInr": 5}
    _told(store, ("CertificateSales", "CertificateOffered", cheaper))
    with store.write() as connection:
        certificate_projections.roll_back(connection, 0)
    assert offers() == [5]
    _told(store, (register, "ApprovalForAll", {**allowed, "approved": False}))
    _told(store, (register, "Approval", {"owner": OWNER, "approved": SALES, "tokenId": 1}))
    assert offers() == [5]
    _told(store, ("CertificateSales", "OfferWithdrawn", {"id": 1, "seller": OWNER}))
    assert offers() == []

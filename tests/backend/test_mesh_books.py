"""From a message over the air to rupees on chain and trust on the nodes: a simulated field of the
real firmware's routers, the real gateway, three oracle nodes, the contract, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from api_world import World
from books import Books
from local_chain import OPERATOR, RESIDENT, claim_meter
from mesh_kit import FEE, MeshBackend
from oracle_kit import METERS, Oracle, key_of

from backend.chain.mesh import receipt_fields
from backend.chain.types import BillingMode
from backend.ingest import frame as frames
from backend.ingest import frame_values
from backend.ingest.frame import decode, encode, verify
from backend.ingest.frame_values import Mesh, Result
from backend.mesh.judging import NOT_BROKEN
from backend.mesh.receipts import ReceiptError
from backend.oracle.attestation import Refusal
from backend.oracle.digests import receipts_digest
from backend.oracle.domains import read_domains
from backend.oracle.mesh_evidence import proven
from backend.oracle.quorum import QuorumError
from backend.telemetry import mesh
from devices.esp32.estar import Router
from devices.esp32.estar_trust import Trust
from devices.simulator.mesh_field import MeshField

pytest_plugins = ["oracle_fixtures", "api_world"]

RELAY, OTHER_RELAY, HOUSE, GATEWAY = 2, 3, 4, 1
ROOF = 7


class Silent(Router):
    """Answers, and relays nothing."""

    def relay(self, session: Any, payload: bytes, now_ms: int) -> None:
        session.used_ms = now_ms


class Air(MeshBackend):
    """Nodes 7 - 4 - 2 - 1 in a line, their receipts as frames to the gateway."""

    def __init__(self, books: Books, oracle: Oracle, tmp_path: Path) -> None:
        super().__init__(books, oracle, tmp_path)
        self.sequence = 0
        self.frames: list[bytes] = []
        self.route = (ROOF, HOUSE, RELAY, GATEWAY)

    def field(self, bad: int = 0) -> MeshField:
        places = {node: (80.0 * i, 0.0) for i, node in enumerate(self.route)}
        field = MeshField(places, loss_pm=0, start_s=int(self.books.clock()))
        for node in places:
            router = field.join(node, key_of(node) or b"", Silent if node == bad else Router)
            router.on_receipt = lambda receipt, node=node: self.frames.append(
                self.framed(node, receipt.pack())
            )
        return field

    def framed(self, node: int, content: bytes) -> bytes:
        self.sequence += 1
        now = int(self.books.clock())
        return encode(node, 1, self.sequence, now, Mesh(1, content), key_of(node) or b"")

    def converse(self, messages: int, bad: int = 0) -> None:
        """A session of so many messages, its receipts in `frames`."""
        field = self.field(bad)
        for i in range(messages):
            field.routers[ROOF].send(GATEWAY, b"%d" % i, 20, field.time.now_ms)
            field.run_for_ms(300)
        field.run_for_ms(4_000)
        for router in field.routers.values():
            router.end_sessions()
        self.books.clock.time += 10
        self.catch_up_chain()

    def deliver(self) -> list[Result]:
        outcomes = self.pipeline.submit(self.frames)
        self.books.clock.time += 12
        return [outcome.result for outcome in outcomes]


@pytest.fixture
def air(books: Books, oracle: Oracle, tmp_path: Path) -> Iterator[Air]:
    claim_meter(books.anvil.rpc, books.chain.deployment, ROOF, RESIDENT, int(BillingMode.PREPAID))
    made = Air(books, oracle, tmp_path)
    yield made
    made.close()


def test_messages_become_rupees_once_and_trust_everywhere(air: Air) -> None:
    air.prepay()
    air.converse(7)
    assert air.deliver() == [Result.ACCEPTED] * 4
    assert air.clear() == 1
    assert air.balance("prepaidOf", RESIDENT) == 1_000_000 - 2 * 7 * FEE
    assert air.balance("earnedOf", OPERATOR) == 2 * 7 * FEE
    with air.books.store.read() as connection:
        (session,) = mesh.cleared_since(connection, 0)
    assert session.cleared.route == air.route
    assert (session.cleared.sent, session.cleared.delivered) == (7, 7)
    assert (session.cleared.broken_hop, session.cleared.reporters) == (NOT_BROKEN, 0b1111)
    assert session.paid_micro_inr == 2 * 7 * FEE
    # Nothing more is due, and the same receipts again change nothing.
    air.books.clock.time += 60
    assert air.clear() == 0
    assert set(air.deliver()) <= {Result.DUPLICATE, Result.REORDERED}
    assert air.clear() == 0
    told = read_trust(air, HOUSE)
    assert {told.of(node) for node in METERS} == {1000}
    assert (told.pays(ROOF), told.pays(HOUSE)) == (True, False)


def read_trust(air: Air, node: int) -> Trust:
    """What a node is told when it is next heard."""
    air.books.clock.time += 61
    outcomes = air.pipeline.submit([air.framed(node, air.frames[-1][19:-16])])
    told = air.downlink.for_senders_of(outcomes)[node]
    trust = Trust()
    for raw in told:
        frame = decode(raw, downlink=True)
        verify(frame, key_of(node) or b"")
        assert isinstance(frame.body, Mesh)
        trust.take(frame.body.content)
    assert trust.issued_at
    again = air.pipeline.submit([air.framed(node, air.frames[-1][19:-16])])
    assert air.downlink.for_senders_of(again)[node] == []
    return trust


def test_a_route_that_breaks_is_cleared_unpaid_with_its_hop(air: Air) -> None:
    air.converse(1, bad=RELAY)
    assert set(air.deliver()) == {Result.ACCEPTED}
    assert air.clear() == 1
    with air.books.store.read() as connection:
        found = mesh.cleared_since(connection, 0)
    assert {(one.cleared.sent, one.cleared.delivered) for one in found} == {(1, 0)}
    assert {one.cleared.broken_hop for one in found} == {2}
    table = air.book.table()
    assert {n for n, node in table.nodes.items() if node.breaks} == {RELAY, GATEWAY}


def test_who_has_prepaid_nothing_waits_and_a_liar_keeps_nobody_from_being_paid(air: Air) -> None:
    air.converse(4)
    place = [decode(raw).node_id for raw in air.frames].index(RELAY)
    air.frames[place] = air.framed(RELAY, spoilt(air.frames[place]))
    assert set(air.deliver()) == {Result.ACCEPTED}
    assert air.clear() == 0
    air.prepay()
    air.books.clock.time += 20
    assert air.clear() == 1
    assert air.balance("earnedOf", OPERATOR) == 2 * 4 * FEE


def spoilt(raw: bytes) -> bytes:
    """A receipt whose chain is not the source's."""
    content = bytearray(raw[19:-16])
    content[-50] ^= 1
    return bytes(content)


def test_a_later_receipt_pays_only_what_is_new(air: Air) -> None:
    air.prepay()
    field = air.field()
    seen = []
    for i in range(6):
        field.routers[ROOF].send(GATEWAY, b"%d" % i, 20, field.time.now_ms)
        field.run_for_ms(300)
        (session,) = field.routers[HOUSE].sessions.values()
        if i == 3:  # as if the node told in the middle of it
            seen.append(air.framed(HOUSE, session.receipt.pack()))
    air.frames[:] = seen
    assert air.deliver() == [Result.ACCEPTED]
    assert air.clear() == 1
    assert air.balance("earnedOf", OPERATOR) == 2 * 4 * FEE
    air.frames.clear()
    for router in field.routers.values():
        router.end_sessions()
    air.deliver()
    assert air.clear() == 1
    assert air.balance("earnedOf", OPERATOR) == 2 * 6 * FEE


def test_oracle_nodes_sign_only_what_frames_prove(air: Air, oracle: Oracle) -> None:
    air.converse(2)
    good = list(air.frames)
    node = oracle.nodes[0]
    assert len(node.sign_receipts([good])) == 65
    foreign = bytearray(good[0])
    foreign[-1] ^= 1
    hello = frames.encode(HOUSE, 1, 99, 0, frame_values.Poll(0, 0), key_of(HOUSE) or b"")
    for bad in ([bytes(foreign)], [hello], [good[0][:-1]], [b""]):
        with pytest.raises(Refusal) as refused:
            node.sign_receipts([bad])
        assert refused.value.code == "unproven_receipt"
    # A gateway that claims more than the frames prove gets no signature that counts.
    chain = air.books.chain
    receipt = proven(good, key_of)
    domain, quorum = read_domains(chain.rpc, chain.contracts).mesh, chain.views.quorum()
    assert domain is not None
    digest = receipts_digest(domain, [receipt], quorum.epoch)
    on_chain = air.contract.call("receiptsDigest", [receipt_fields(receipt)])
    assert bytes(chain.views.ask(on_chain)) == digest
    other = receipts_digest(domain, [receipt, receipt], quorum.epoch)
    with pytest.raises(QuorumError):
        oracle.client.sign_receipts([dict(enumerate(good))], other, quorum)


def test_what_proves_nothing_goes_nowhere(air: Air) -> None:
    air.converse(1)
    content, lie = air.frames[0][19:-16], spoilt(air.frames[0])
    air.frames[:] = [air.framed(HOUSE, b"\x01\x02"), air.framed(OTHER_RELAY, content)]
    assert air.deliver() == [Result.MALFORMED, Result.MALFORMED]
    air.frames[:] = [air.framed(HOUSE, lie)]
    assert air.deliver() == [Result.ACCEPTED]
    with pytest.raises(ReceiptError):
        proven(air.frames, key_of)
    assert air.clear() == 0


def test_a_reorganisation_takes_clearings_back(air: Air) -> None:
    air.prepay()
    air.converse(2)
    air.deliver()
    snapshot = air.books.anvil.snapshot()
    assert air.clear() == 1
    air.books.anvil.revert(snapshot)
    air.books.anvil.mine(3)
    air.books.follower.catch_up()
    with air.books.store.read() as connection:
        assert mesh.cleared_since(connection, 0) == []


def test_api(world: World) -> None:
    found: Mapping[str, Any] = world.get("/api/mesh/trust")
    assert found["issued_at"] == 0
    assert found["fee_micro_inr"] == FEE
    assert {node["trust"] for node in found["nodes"]} == {1000}
    assert world.get("/api/mesh/sessions?limit=5") == {"sessions": []}
    assert world.refused("/api/mesh/sessions?limit=0")[0] == 400

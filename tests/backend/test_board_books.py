"""From boards to rupees and back: the firmware's program on boards in simulated air, the gateway
behind the hub's cable, oracle nodes, the contract on a real chain, trust on the boards again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from books import Books
from local_chain import OPERATOR, RESIDENT, claim_meter
from mesh_kit import FEE, MeshBackend
from oracle_kit import Oracle, key_of

from backend.chain.types import BillingMode
from backend.mesh.judging import NOT_BROKEN
from devices.esp32 import cobs, settings
from devices.esp32.estar import Router
from devices.esp32.link import mac_of
from devices.simulator.ether import ESP_NOW, Ether
from devices.simulator.virtual_board import VirtualBoard
from devices.simulator.virtual_time import VirtualTime

pytest_plugins = ["oracle_fixtures"]

HUB, RELAY, OTHER_RELAY, HOUSE, ROOF = 1, 2, 3, 4, 7
PREPAID = 1_000_000
SESSION = 8
ROW = {HUB: (0, 0), RELAY: (60, 0), HOUSE: (120, 0), ROOF: (180, 0)}
FORK = {HUB: (0, 0), RELAY: (45, 40), OTHER_RELAY: (45, -40), HOUSE: (90, 0), ROOF: (90, 5)}
"""HOUSE and ROOF reach the hub over RELAY or over OTHER_RELAY."""


class Dropper(Router):
    """Answers everything and relays no message."""

    def relay(self, session: Any, payload: bytes, now_ms: int) -> None:
        session.used_ms = now_ms


class Boards:
    """Boards at places, and the service behind the hub's cable; all on one virtual clock."""

    def __init__(
        self, backend: MeshBackend, places: dict[int, tuple[int, int]], cut: list[tuple[int, int]]
    ) -> None:
        self.backend = backend
        self.time = VirtualTime()
        self.ether = Ether(self.time, ESP_NOW, 1)
        self._began = backend.books.clock.time
        self._partial = b""
        self.boards = {node: self._board(node, place) for node, place in places.items()}
        self.boards[HUB].on_usb = self._from_hub
        for board in self.boards.values():
            board.power_on()
        self.run(100)
        for one, other in cut:
            self.ether.cut(mac_of(one), mac_of(other))

    def _board(self, node: int, place: tuple[int, int]) -> VirtualBoard:
        config = {
            "node": node, "key": (key_of(node) or b"").hex(), "secret": "a5" * 16, "chip": 0,
            "role": settings.GATEWAY if node == HUB else settings.METER, "session": SESSION,
            "reading_s": 10, "slot_s": 0, "status_s": 15, "sample_ms": 1_000,
        }  # fmt: skip
        return VirtualBoard(self.ether, place, config)

    def router(self, node: int) -> Router:
        app = self.boards[node].app
        assert app is not None
        assert app.mesh is not None
        router: Router = app.mesh.router
        return router

    def run(self, ms: int) -> None:
        self.time.run_for_ms(ms)
        self._clock()

    def until(self, condition: Callable[[], object], within_s: int) -> None:
        """Lets time pass, with the keeper at work every ten seconds."""
        for _ in range(within_s // 10):
            if condition():
                return
            self.run(10_000)
            self.backend.catch_up_chain()
            self.backend.clear()
        assert condition()

    def _clock(self) -> None:
        self.backend.books.clock.time = self._began + self.time.now_us / 1_000_000

    def _from_hub(self, data: bytes) -> None:
        *packets, self._partial = (self._partial + data).split(b"\0")
        self._clock()
        for packet in filter(None, packets):
            (outcome,) = outcomes = self.backend.pipeline.submit([cobs.decode(packet)])
            assert outcome.frame is not None
            node, downlink = outcome.frame.node_id, self.backend.downlink
            told = [
                *downlink.results(node, outcomes),
                *downlink.for_senders_of(outcomes).get(node, []),
            ]
            for made in told:
                self.boards[HUB].type(cobs.encode(made) + b"\0")


@pytest.fixture
def backend(books: Books, oracle: Oracle, tmp_path: Path) -> Iterator[MeshBackend]:
    claim_meter(books.anvil.rpc, books.chain.deployment, ROOF, RESIDENT, int(BillingMode.PREPAID))
    made = MeshBackend(books, oracle, tmp_path)
    made.prepay(PREPAID, (RESIDENT, OPERATOR))
    yield made
    made.close()


def test_boards_pay_each_other_for_what_they_carry(backend: MeshBackend) -> None:
    """Four in a row: what the outer ones send is paid to the inner ones, to the micro-rupee."""
    field = Boards(backend, ROW, [(HUB, HOUSE), (HUB, ROOF), (RELAY, ROOF)])
    field.until(lambda: len(backend.cleared()) >= 4, 300)
    sessions = backend.cleared()
    up = [one for one in sessions if one.cleared.route == (ROOF, HOUSE, RELAY, HUB)]
    assert up
    assert {one.cleared.route[0] for one in sessions} > {ROOF, HOUSE}
    assert all(one.cleared.broken_hop == NOT_BROKEN for one in sessions)
    for one in sessions:
        relays = len(one.cleared.route) - 2
        assert relays >= 1  # where nobody carries, nobody is owed
        assert one.cleared.sent == one.cleared.delivered <= SESSION
        assert one.paid_micro_inr == one.cleared.delivered * relays * FEE
    owned = backend.owned(RESIDENT, OPERATOR)
    paid_by_roof = sum(one.paid_micro_inr for one in sessions if one.cleared.route[0] == ROOF)
    assert owned[RESIDENT][0] == PREPAID - paid_by_roof
    assert sum(map(sum, owned.values())) == 2 * PREPAID
    # What the chain says is told with the answer to their next word of the mesh.
    field.until(lambda: all(field.router(n).trust.issued_at for n in ROW), 120)
    assert {field.router(node).trust.of(RELAY) for node in ROW} == {1000}
    assert backend.book.trust_pm() == dict.fromkeys(ROW, 1000)


def test_a_dropper_among_the_boards_loses_trust_and_is_gone_round(backend: MeshBackend) -> None:
    """What it was given and did not pass on shows at its hop to the hub, over which all send up."""
    field = Boards(backend, FORK, [(HUB, HOUSE), (HUB, ROOF), (RELAY, OTHER_RELAY), (HOUSE, ROOF)])
    field.until(lambda: field.router(RELAY).counts["relayed"] > 0, 120)
    field.router(RELAY).__class__ = Dropper
    field.until(lambda: (HUB, RELAY) in backend.book.table().avoided, 300)
    trust = {node: found.trust for node, found in backend.book.table().nodes.items()}
    assert trust[RELAY] < 900
    assert {node for node, found in trust.items() if found < 1000} == {RELAY}

    now_ms = field.time.now_ms
    field.until(
        lambda: all(field.router(n).trust.avoids(HUB, RELAY, now_ms + 130_000) for n in FORK), 120
    )
    told_at = int(backend.books.clock())
    field.run(
        130_000
    )  # what the nodes found out by themselves is forgotten, what they were told is not
    field.until(
        lambda: sum(one.cleared.started_at > told_at for one in backend.cleared()) >= 8, 120
    )
    later = [one.cleared for one in backend.cleared() if one.cleared.started_at > told_at]
    assert {node for session in later for node in session.route[1:-1]} >= {OTHER_RELAY}
    assert RELAY not in {node for session in later for node in session.route[1:-1]}
    assert all(session.sent == session.delivered for session in later)

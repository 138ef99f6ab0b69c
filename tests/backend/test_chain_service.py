"""The oracle as one service on a real chain: from readings to relays, and from slots to books."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from local_chain import (
    AUTHORITY,
    FIRST_SIGNER,
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
from oracle_kit import METERS, SALT_KEY, Device, key_of, serve

from backend import signals
from backend.chain.context import ChainContext
from backend.chain.contracts import Contract
from backend.chain.types import BillingMode
from backend.config import Settings
from backend.ingest.frame import decode
from backend.ingest.frame_values import Command
from backend.oracle.node import OracleNode
from backend.oracle.registers import EntityKind, unpack_registers
from backend.oracle.service import OracleService
from backend.oracle.signed_state import SignedState
from backend.telemetry import commands, nodes, slots
from backend.telemetry.nodes import Node
from backend.telemetry.store import Store

pytest_plugins = ["chain_fixtures"]

SLOT_SECONDS = 2
BOARD = 20
BATTERY, BATTERY_NODE = 1, 3
SECOND, SECOND_NODE = 9, 9
"""Another battery of the society; nothing hangs on it unless a test says so."""
KINDS = {**METERS, 8: EntityKind.CONSUMER, SECOND_NODE: EntityKind.BATTERY}
SPEAKS = {BATTERY_NODE: BATTERY, SECOND_NODE: SECOND}


@pytest.fixture
def short_chain(anvil: Anvil) -> ChainContext:
    """Slots of two seconds, three switches behind one battery, one for supply on request."""
    deployment = deploy(anvil.rpc, SLOT_SECONDS)
    accounts = {"relayer": development_account(RELAYER)}
    chain = ChainContext(anvil.url, deployment, accounts, view_ttl_s=0.2)
    for meter, kind in KINDS.items():
        register_meter(anvil.rpc, deployment, meter, int(kind))
    for switch, meter in ((1, 4), (2, 7), (3, 8)):
        add_switch(
            anvil.rpc, deployment, switch, board=BOARD, pin=switch - 1, battery=BATTERY,
            meter=meter, supplied=switch != 3,
        )  # fmt: skip
    registry = Contract(deployment["MeterRegistry"])
    mode = int(BillingMode.ON_REQUEST)
    send(anvil.rpc, OPERATOR, registry.call("setCommunityMode", 8, mode))
    return chain


@pytest.fixture
def home(tmp_path: Path) -> Path:
    keys = tmp_path / "home" / "keys"
    keys.mkdir(parents=True)
    secrets = {
        "salt.hex": SALT_KEY.hex(),
        "nodes.json": "{"
        + ",".join(f'"{n}": "{(key_of(n) or b"").hex()}"' for n in range(1, 60))
        + "}",
    }
    for name, text in secrets.items():
        (keys / name).write_text(text)
        os.chmod(keys / name, 0o600)
    return tmp_path / "home"


@pytest.fixture
def service(
    short_chain: ChainContext, store: Store, home: Path, tmp_path: Path
) -> Iterator[OracleService]:
    with store.write() as connection:
        provisioned = [
            Node(meter, f"node {meter}", int(kind), 1, 50_000, battery_id=SPEAKS.get(meter))
            for meter, kind in KINDS.items()
        ]
        provisioned.append(Node(BOARD, "board", 0, 1, 0))
        nodes.provision(connection, provisioned)
    served = []
    for index in range(3):
        chain = ChainContext(short_chain.rpc.url, short_chain.deployment, {})
        node = OracleNode(
            development_account(FIRST_SIGNER + index),
            chain,
            key_of,
            SignedState(tmp_path / f"signer-{index}.sqlite"),
            {BATTERY: BATTERY_NODE},
        )
        served.append(serve(node))
    settings = Settings(home=home, signer_urls=tuple(url for _, url in served), close_grace_s=0.3)
    running = OracleService(settings, store, short_chain)
    running.start()
    yield running
    running.stop()
    for server, _ in served:
        server.shutdown()


@pytest.fixture
def devices(store: Store, service: OracleService) -> Mapping[int, Device]:
    return {meter: Device(store, meter) for meter in (*KINDS, BOARD)}


def until(condition: Callable[[], Any], timeout_s: float = 120.0, what: str = "") -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, what or "waited in vain"
        time.sleep(0.02)
    return found


def measure(device: Device, *registers: int, soc_bp: int = 0xFFFF) -> None:
    """A reading now, as the ingest books and announces it."""
    row = device.read(int(time.time()), *registers, soc_bp=soc_bp)
    signals.readings_stored.send(None, readings=[row])


class Board:
    """A relay board: takes commands as its gateway hands them out, and answers."""

    def __init__(self, service: OracleService, store: Store) -> None:
        self.service = service
        self.store = store
        self.closed: dict[int, bool] = {}
        self.cutoffs: dict[int, int] = {}

    def contact(self, answer: bool = True) -> list[Command]:
        found = []
        for data in self.service.pending_frames(BOARD):
            body = decode(data, downlink=True).body
            assert isinstance(body, Command)
            found.append(body)
            self.closed[body.pin] = body.closed
            self.cutoffs[body.pin] = body.cutoff_wh
            if answer:
                self.acknowledge(body.command_id, body.pin, body.closed)
        return found

    def acknowledge(self, command_id: int, pin: int, closed: bool, result: int = 0) -> None:
        ack = commands.Ack(BOARD, command_id, pin, closed, result, 0)
        with self.store.write() as connection:
            command = commands.record_ack(connection, ack, int(time.time() * 1000))
        if command is not None:
            signals.command_acknowledged.send(None, command_id=command.command_id, closed=closed)


def switch_state(chain: ChainContext, switch: int) -> Any:
    return chain.views.ask(chain.clients.priority.switch_state(switch), max_age_s=0.0)


def test_of_two_batteries_each_sheds_and_restores_its_own(
    service: OracleService,
    devices: Mapping[int, Device],
    store: Store,
    short_chain: ChainContext,
    anvil: Anvil,
) -> None:
    """One is low: its switch goes and comes back, the other's stand. Then the other way round."""
    add_switch(
        anvil.rpc, short_chain.deployment, 9, board=BOARD, pin=5, battery=SECOND, meter=1,
        supplied=True,
    )  # fmt: skip
    board = Board(service, store)
    until(lambda: board.contact() or len(board.closed) == 4, what="installed")
    speaks = {battery: node for node, battery in SPEAKS.items()}
    wh = 0

    def tell(battery: int, soc_bp: int) -> list[tuple[int, bool]]:
        """A report, and what is commanded upon it, acknowledged."""
        nonlocal wh
        wh += 1
        time.sleep(1.1)  # reports carry whole seconds
        measure(devices[speaks[battery]], 0, 0, 0, 0, 9, wh, soc_bp=soc_bp)
        until(lambda: short_chain.views.battery(battery).soc_bps == soc_bp)
        commanded = until(board.contact) if board.closed else []
        return [(command.pin, command.closed) for command in commanded]

    def sequences(*switches: int) -> list[int]:
        return [switch_state(short_chain, switch).sequence for switch in switches]

    for battery in speaks:
        measure(devices[speaks[battery]], 0, 0, 0, 0, 9, 0, soc_bp=9_000)
        until(lambda battery=battery: short_chain.views.battery(battery).soc_bps == 9_000)
    first, second = sequences(1, 2, 3), sequences(9)
    assert tell(SECOND, 0) == [(5, False)]
    assert tell(SECOND, 9_000) == [(5, True)]
    assert sequences(1, 2, 3) == first
    second = sequences(9)
    assert tell(BATTERY, 3_300) == [(1, False)]
    assert tell(BATTERY, 9_000) == [(1, True)]
    assert sequences(9) == second
    assert not any(switch_state(short_chain, switch).shed for switch in (1, 2, 9))


def test_a_crossing_sheds_a_relay_and_its_answer_reaches_the_chain(
    service: OracleService,
    devices: Mapping[int, Device],
    store: Store,
    short_chain: ChainContext,
) -> None:
    board = Board(service, store)
    until(lambda: board.contact() or len(board.closed) == 3, what="installed")
    measure(devices[BATTERY_NODE], 0, 0, 0, 0, 9, 9, soc_bp=9_000)
    until(lambda: short_chain.views.battery(BATTERY).soc_bps == 9_000)
    time.sleep(1.1)  # reports carry whole seconds
    measure(devices[BATTERY_NODE], 0, 0, 0, 0, 9, 10, soc_bp=3_300)
    commanded = until(board.contact)
    assert [(c.pin, c.closed) for c in commanded] == [
        (1, False)
    ]  # the least important of those supplied
    until(lambda: switch_state(short_chain, 2).acknowledged_sequence == 2)
    state = switch_state(short_chain, 2)
    assert (state.shed, state.acknowledged_closed) == (True, False)
    with store.read() as connection:
        command = commands.newest(connection)[2]
    assert command.reason == "shed"
    until(lambda: _reported(store, 2))


def _reported(store: Store, switch: int) -> bool:
    with store.read() as connection:
        return commands.newest(connection)[switch].reported


def test_a_board_that_was_away_gets_the_newest_state_only(
    service: OracleService,
    devices: Mapping[int, Device],
    store: Store,
    short_chain: ChainContext,
    anvil: Anvil,
) -> None:
    board = Board(service, store)
    until(lambda: board.contact() or len(board.closed) == 3)
    priority = Contract(short_chain.deployment["PriorityRegistry"])
    for force in (1, 2, 1):
        until_ = anvil.now() + 1000
        send(anvil.rpc, AUTHORITY, priority.call("setOverride", 1, force, until_))
    until(lambda: _newest(store, 1).sequence == 4)
    (first,) = board.contact(answer=False)
    (again,) = board.contact(answer=False)
    assert first == again  # at least once, until it answers
    assert (first.pin, first.closed) == (0, False)
    assert commands.split_command_id(first.command_id) == (1, 4)
    board.acknowledge(first.command_id, 0, False)
    assert board.contact() == []


def _newest(store: Store, switch: int) -> commands.Command:
    with store.read() as connection:
        return commands.newest(connection)[switch]


def test_a_relay_that_moves_by_itself_is_reported(
    service: OracleService,
    devices: Mapping[int, Device],
    store: Store,
    short_chain: ChainContext,
) -> None:
    board = Board(service, store)
    until(lambda: board.contact() or len(board.closed) == 3)
    until(lambda: switch_state(short_chain, 1).acknowledged_closed)
    board.acknowledge(0, 0, False, result=4)  # fail-safe
    until(lambda: not switch_state(short_chain, 1).acknowledged_closed)
    assert switch_state(short_chain, 1).closed


def test_slots_are_settled_and_a_debtor_is_suspended_and_comes_back(
    service: OracleService,
    devices: Mapping[int, Device],
    store: Store,
    short_chain: ChainContext,
    anvil: Anvil,
) -> None:
    board = Board(service, store)
    until(lambda: board.contact() or len(board.closed) == 3)
    for meter in METERS:
        measure(devices[meter], 0, 0, 0, 0, 0, 0)
    claim_meter(anvil.rpc, short_chain.deployment, 4, RESIDENT, int(BillingMode.PREPAID))
    until(lambda: short_chain.views.meter(4).changing is False, what="terms begin")
    # The solar plant gives 20 kWh, the house draws 3 kWh that it has not paid for.
    measure(devices[2], 20_000, 0, 20_000, 0, 0, 0)
    measure(devices[4], 0, 3_000, 0, 3_000, 0, 0)
    until(lambda: _imported(short_chain, 4) == 3_000, what="settled")
    until(lambda: short_chain.views.is_suspended(4), what="suspended")
    (opened,) = until(board.contact)
    assert (opened.pin, opened.closed) == (0, False)
    # Topping up in ether repays the debt and resumes supply at once.
    market = Contract(short_chain.deployment["EnergyMarket"])
    resident = RESIDENT
    send(anvil.rpc, resident, market.call("topUp", 4, 5_000, 10**12), value=10**18)
    (closed,) = until(board.contact)
    assert (closed.pin, closed.closed) == (0, True)
    with store.read() as connection:
        assert any(slot.settled_at for slot in slots.page(connection, 20))


def _imported(chain: ChainContext, meter: int) -> int:
    return unpack_registers(chain.views.settled_registers(meter)).imported_wh


def test_supply_on_request_is_drawn_down_cut_and_refunded(
    service: OracleService,
    devices: Mapping[int, Device],
    store: Store,
    short_chain: ChainContext,
    anvil: Anvil,
) -> None:
    board = Board(service, store)
    until(lambda: board.contact() or len(board.closed) == 3)
    until(lambda: switch_state(short_chain, 3).acknowledged_sequence == 1)
    measure(devices[2], 9_000, 0, 9_000, 0, 0, 0)
    measure(devices[8], 0, 0, 0, 100, 0, 0)
    market = Contract(short_chain.deployment["EnergyMarket"])
    request = market.call("requestSupply", 3, 500, 10**10)

    def requested() -> bool:
        try:
            send(anvil.rpc, RESIDENT, request, value=10**17)
        except RuntimeError:
            return False  # until the meter is settled after the relay's acknowledgement
        return True

    until(requested)
    (closed,) = until(board.contact)
    assert (closed.pin, closed.closed, closed.cutoff_wh) == (2, True, 600)
    measure(devices[8], 0, 0, 0, 300, 0, 0)
    until(lambda: _request(short_chain).used_wh == 200, what="drawn down")
    send(anvil.rpc, RESIDENT, market.call("cancelSupply", 1))
    (opened,) = until(board.contact)
    assert (opened.pin, opened.closed) == (2, False)
    until(lambda: _request(short_chain).state.name == "FINISHED", what="refunded")
    refund = short_chain.views.ask(market.call("refundOf", development_account(RESIDENT).address))
    assert refund == 300 * 6_000_000 // 1000


def _request(chain: ChainContext) -> Any:
    return chain.views.ask(chain.clients.market.request(1), max_age_s=0.0)


def test_it_stops(
    service: OracleService, devices: Mapping[int, Device], short_chain: ChainContext
) -> None:
    measure(devices[4], 0, 0, 0, 5, 0, 0)
    until(lambda: short_chain.views.latest_slot(max_age_s=0.0) > 0)
    service.stop()
    assert not service.status().running


def test_its_status_says_what_is_wrong(
    service: OracleService, devices: Mapping[int, Device], anvil: Anvil
) -> None:
    until(lambda: service.status().signers_up == 3)
    until(lambda: service.status().threshold == 2)
    assert service.status().problems == {}
    anvil.stop(9)
    until(lambda: service.status().unreachable_s is not None)
    assert "sender" in service.status().problems

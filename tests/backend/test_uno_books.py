"""From the Uno's analogue inputs to the chain: a sine is booked as the Wh that it carries.

Nothing in between is a double but the board itself: compiled firmware on the simulator, its serial
port opened by the gateway, the whole backend, three oracle nodes, a local chain.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from meters import key_of
from whole_backend import WholeBackend, until

from backend.oracle.registers import EntityKind
from backend.telemetry.node_tables import readings
from backend.telemetry.store import Store, open_store

sys.path.append(str(Path(__file__).parents[1] / "devices"))
from uno_board import NODE, UA_PER_COUNT, Board, needs_simulator

SLOT_SECONDS = 5
RATIO = 60
"""Of a current transformer before the sensor, so that seconds are enough."""
VOLTS, AMPERES, DEGREES = 230.0, 6.0, 60.0
LEAST_WH = 100
STATED_ERROR = 0.015
"""Of active power at this phase; docs/hardware.md, Accuracy."""


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    made = Board(tmp_path)
    made.wave(VOLTS, 0)
    made.provision(
        key_of(NODE), slot_s=SLOT_SECONDS, ua_per_count=UA_PER_COUNT * RATIO, limit_ma=0,
        creep_w=100,
    )  # fmt: skip
    yield made
    made.power_off()


@pytest.fixture
def backend(
    board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WholeBackend]:
    monkeypatch.setenv("OHMSTEAD_SERIAL_PORTS", f"{board.port}@115200")
    whole = WholeBackend(tmp_path, {NODE: EntityKind.CONSUMER}, SLOT_SECONDS)
    yield whole
    whole.close()


def _read(store: Store) -> int:
    """The newest imported Wh that is stored, -1 if nothing is."""
    with store.read() as connection:
        found = connection.execute(sa.select(sa.func.max(readings.c.imported_wh))).scalar()
    return -1 if found is None else int(found)


def _stands_still(store: Store) -> bool:
    """The newest readings, some seconds apart, are of the same energy."""
    newest = sa.select(readings.c.imported_wh).order_by(readings.c.sequence.desc()).limit(3)
    with store.read() as connection:
        found = connection.execute(newest).scalars().all()
    return len(found) == 3 and len(set(found)) == 1


@needs_simulator
@pytest.mark.slow
@pytest.mark.e2e
def test_a_sine_on_the_pins_is_booked_on_the_chain(board: Board, backend: WholeBackend) -> None:
    backend.start()
    backend.wait_ready()
    store = open_store(f"sqlite:///{backend.home / 'store.sqlite'}")
    with board.pacing():
        until(lambda: _read(store) >= 0, "the first reading is stored")
    began = board.at.ms
    board.wave(VOLTS, AMPERES, DEGREES)
    with board.pacing():
        until(lambda: _read(store) >= LEAST_WH, "the load is metered")
    ended = board.at.ms
    board.wave(VOLTS, 0)
    watts = VOLTS * AMPERES * RATIO * math.cos(math.radians(DEGREES))
    true_wh = watts * (ended - began) / 3_600_000
    with board.pacing():
        until(lambda: _stands_still(store), "its registers stand still")
        until(lambda: backend.settled(NODE)[3] == _read(store), "they are settled on the chain")
    settled = backend.settled(NODE)
    assert settled[3] == pytest.approx(true_wh, rel=STATED_ERROR, abs=1)
    assert settled == (0, settled[3], 0, settled[3], 0, 0)
    booked = backend.events("MeterLedger", "MeterSettled")
    assert sum(event["deltaWh"] for event in booked if event["meter"] == NODE) == -settled[3]
    store.close()

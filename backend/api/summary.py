"""The microgrid at a glance, made at most once a second however many look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

import sqlalchemy as sa

from backend.api import schemas
from backend.api.price_reader import read_price
from backend.api.relay_reader import RelayReader
from backend.api.slot_reader import SlotReader
from backend.chain.context import ChainContext
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.oracle.registers import EntityKind
from backend.resilience.batteries import Stored, together
from backend.telemetry import contacts, nodes, readings, slots, terms
from backend.telemetry.nodes import Node
from backend.telemetry.readings import StoredReading
from backend.telemetry.store import Store
from backend.telemetry.tallies import EventTally

_FRESH_S = 0.9
_DAY_SLOTS = 96
_NO_BATTERY = 0xFFFF


class SummaryReader:
    """Reads the summary. What the chain alone knows is as it was last while it is out of reach."""

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        slot_reader: SlotReader,
        relay_reader: RelayReader,
        stale_after_s: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._slots = slot_reader
        self._relays = relay_reader
        self._stale_after_s = stale_after_s
        self._clock = clock
        self._lock = threading.Lock()
        self._made: tuple[float, schemas.Summary] | None = None
        self._price: schemas.Price | None = None
        self._settlements = EventTally("MeterLedger", "MeterSettled")

    def read(self) -> schemas.Summary:
        """The summary, at most 0.9 s old."""
        with self._lock:
            if self._made is None or time.monotonic() - self._made[0] > _FRESH_S:
                self._made = (time.monotonic(), self._make())
            return self._made[1]

    def _make(self) -> schemas.Summary:
        now = self._clock()
        seconds = self._chain.deployment.slot_seconds
        since_ms = int((now - self._stale_after_s) * 1000)
        day = self._slots.page(_DAY_SLOTS, None).slots
        with self._store.read() as connection:
            powers = readings.powers_by_kind(connection, since_ms)
            batteries = _batteries(connection)
            counts = self._counts(connection)
            total, stale = nodes.count_metering(connection, since_ms)
            suspended = terms.where(connection, suspended=True)
        held = together([Stored(one.soc_bp, one.capacity_wh) for one in batteries])
        committed = [slot for slot in day if slot.state == "committed"]
        return schemas.Summary(
            at_ms=int(now * 1000),
            slot_seconds=seconds,
            current_slot=int(now) // seconds,
            slot_progress=round(now % seconds / seconds, 4),
            power_w=power_flows(powers),
            soc_bp=held.soc_bp,
            battery_wh=held.stored_wh,
            battery_capacity_wh=held.capacity_wh,
            batteries=batteries,
            price=self._read_price(now),
            latest_slot=committed[0] if committed else (day[0] if day else None),
            counts=counts,
            meters=schemas.MeterCounts(total=total, stale=stale),
            relays=self._read_relays(),
            today=[_slot_energy(slot) for slot in reversed(day)],
            suspended=suspended,
        )

    def _counts(self, connection: sa.Connection) -> schemas.Counts:
        return schemas.Counts(
            slots_committed=slots.count_committed(connection),
            settlements=self._settlements.count(connection),
            sheds=contacts.count_commands(connection, "shed"),
            acknowledgements=contacts.count(connection),
            readings=readings.count_booked(connection),
        )

    def _read_price(self, now: float) -> schemas.Price | None:
        with suppress(NodeUnreachableError, RpcError):
            self._price = read_price(self._chain, now)
        return self._price

    def _read_relays(self) -> list[schemas.Relay]:
        try:
            return self._relays.relays()
        except (NodeUnreachableError, RpcError):
            return []


def power_flows(powers: Iterable[tuple[int, int, int]]) -> schemas.PowerFlows:
    """The flow picture from (EntityKind, W into its nodes, W out of them) of what is heard."""
    solar = feed_in = battery = grid = consumption = 0
    for kind, into_w, out_w in powers:
        if kind == EntityKind.DER:
            solar += out_w
            consumption += into_w
        elif kind in (EntityKind.BATTERY, EntityKind.EV):
            battery += out_w - into_w
        elif kind == EntityKind.GRID:
            grid += into_w - out_w
        else:
            consumption += into_w
            feed_in += out_w
    given = solar + feed_in + battery + grid
    return schemas.PowerFlows(
        solar=solar,
        prosumer_export=feed_in,
        battery=battery,
        grid=grid,
        consumption=consumption,
        unknown=consumption - given,
    )


def _slot_energy(slot: schemas.Slot) -> schemas.SlotEnergy:
    energy = slot.energy
    return schemas.SlotEnergy(
        slot=slot.slot,
        consumption_wh=energy.consumption_wh,
        solar_wh=energy.der_generation_wh + energy.prosumer_export_wh,
        battery_wh=energy.discharged_wh - energy.charged_wh,
        grid_wh=energy.grid_import_wh - energy.grid_export_wh,
    )


def _batteries(connection: sa.Connection) -> list[schemas.Battery]:
    """Every battery that decides about shedding, by id; of several nodes that could speak for one,
    the first that tells a charge."""
    found: dict[int, schemas.Battery] = {}
    for node in nodes.batteries(connection):
        assert node.battery_id is not None
        known = found.get(node.battery_id)
        if known is None or known.soc_bp is None:
            newest = readings.latest_of(connection, node.node_id)
            found[node.battery_id] = _battery(node, node.battery_id, newest)
    return list(found.values())


def _battery(node: Node, battery_id: int, newest: StoredReading | None) -> schemas.Battery:
    soc_bp = newest.soc_bp if newest is not None and newest.soc_bp != _NO_BATTERY else None
    return schemas.Battery(
        battery_id=battery_id,
        node_id=node.node_id,
        label=node.label,
        soc_bp=soc_bp,
        capacity_wh=node.capacity_wh,
        stored_wh=Stored(soc_bp, node.capacity_wh).stored_wh,
        power_w=newest.power_w if newest is not None else None,
        measured_at=newest.measured_at if newest is not None else None,
    )


def is_stale(heard: dict[int, nodes.NodeStatus], node_id: int, since_ms: int) -> bool:
    """True if nothing has been accepted from a node since `since_ms`."""
    status = heard.get(node_id)
    return status is None or status.last_seen_ms < since_ms

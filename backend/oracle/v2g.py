"""Keeps cars' sessions going: begins, orders, settles, reports and ends them, and has charge points
carry out what is ordered.

What owners have signed and the chain allows decides; `backend.dispatch` says what is intended. A
call is written to the outbox only if a simulation shows that it would succeed. Settling and
updating rates anybody could do.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.chain.context import ChainContext
from backend.chain.contracts import Call
from backend.chain.v2g import Authorisation, ChainSession, Plug, Rates, V2GClients
from backend.dispatch import CarState, Direction, GridNeed, Intent, decide, soc_range
from backend.oracle.attestation import build_tree
from backend.oracle.digests import plug_digest, soc_digest
from backend.oracle.domains import read_domains
from backend.oracle.due import Due, DueCalls
from backend.oracle.quorum import QuorumClient, QuorumError
from backend.oracle.soc import soc_at
from backend.telemetry import charging_orders, charging_sessions, slots, v2g
from backend.telemetry.charging_sessions import Session as ChargingSession
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

ORDER_SLOTS = 2
"""Slots that an order is for: the next is given before the last one is over."""
_LEAST_WH = 300
"""Less in a slot is below what a car takes at 6 A for a quarter of an hour."""
_SAME_WITHIN_PERCENT = 15
_SAMPLES = 200
_WH_SECONDS = 3600
_BPS = 10_000

_GAS: Mapping[str, int] = {
    "v2grates": 250_000, "v2gstart": 900_000, "v2gorder": 1_000_000, "v2gsettle": 600_000,
    "v2gsoc": 350_000, "v2gend": 400_000, "v2gabandon": 300_000,
}  # fmt: skip
_PRIORITY: Mapping[str, int] = {
    "v2grates": 3, "v2gstart": 3, "v2gorder": 5, "v2gsettle": 4, "v2gsoc": 4, "v2gend": 4,
    "v2gabandon": 1,
}  # fmt: skip
_ORDER_OF = {
    Direction.IDLE: charging_orders.Direction.IDLE,
    Direction.CHARGE: charging_orders.Direction.CHARGE,
    Direction.DISCHARGE: charging_orders.Direction.DISCHARGE,
}


def _due(kind: str, what: int | str, call: Call[Any]) -> Due:
    return Due(f"{kind}:{what}", call, _GAS[kind], _PRIORITY[kind])


class _Line(NamedTuple):
    meter: int
    kind: int
    registers: bytes
    salt: bytes


class _Word(NamedTuple):
    """What a charge point is told: a direction, W, and until when it holds."""

    direction: charging_orders.Direction
    power_w: int
    until: int


@dataclass(frozen=True, slots=True)
class _Under:
    """A session on chain that is not closed, with what the charge point says of it now."""

    session_id: int
    row: Mapping[str, Any]
    state: ChainSession
    plugged: ChargingSession | None


class V2GKeeper:
    """Looks after cars' sessions.

    Args:
        time_scale: how much faster than the clock meters count (`Settings.time_scale_on`)
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        quorum: QuorumClient,
        *,
        time_scale: float,
        wake_sender: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._quorum = quorum
        self._now = now
        self._slot_s = chain.deployment.slot_seconds
        self._metered_s = self._slot_s * time_scale
        self._due = DueCalls(store, chain, wake_sender=wake_sender, now=now)

    def sweep(self) -> int:
        """Looks at everything once; how many calls were written."""
        clients = self._chain.clients.v2g
        if clients is None:
            return 0
        self._due.note()
        with self._store.read() as connection:
            rows = v2g.unfinished_sessions(connection)
            plugged = charging_sessions.open_sessions(connection)
        calls = [clients.exchange.session(int(row["session_id"])) for row in rows]
        states = self._chain.views.ask_many(calls, max_age_s=0.0)
        under = [
            _Under(int(row["session_id"]), row, state, _at_point(plugged, state))
            for row, state in zip(rows, states, strict=True)
            if not state.closed
        ]
        slot = int(self._now()) // self._slot_s
        due = [*self._rates(clients, slot), *self._starts(clients, plugged, under, slot)]
        for one in under:
            due += self._session(clients, one, slot)
        due += self._orders(clients, under, slot)
        self._carry_out(clients, under, plugged, slot)
        return self._due.write(self._due.that_succeed(due))

    # ---- rates ---------------------------------------------------------------------------------

    def _rates(self, clients: V2GClients, slot: int) -> list[Due]:
        """Other rates for the coming slot, or those in force confirmed before they are too old."""
        rates = clients.rates
        asked: list[Call[Any]] = [
            rates.next_rates(), rates.rates_at(slot + 1), rates.checked_at(), rates.settings(),
            rates.grid_state(),
        ]  # fmt: skip
        answers = self._answered(asked)
        if answers is None:
            return []  # nothing committed, or a source that is too old
        (coming, _, _), in_force, checked_at, settings, (of_slot, _, _) = answers
        if of_slot + settings["maxStateAgeSlots"] <= slot:
            return []  # good in this slot only, and the call may be mined in the next
        old = self._now() - checked_at > settings["maxPriceAge"] / 2
        if coming == in_force and not old:
            return []
        return [_due("v2grates", slot, rates.update())]

    def _answered(self, asked: Sequence[Call[Any]]) -> list[Any] | None:
        """All the answers; None if a contract refuses one of them."""
        answers: list[Any] = list(self._chain.views.try_many(asked, max_age_s=0.0))
        refused = any(isinstance(answer, Exception) for answer in answers)
        return None if refused else answers

    # ---- begin ---------------------------------------------------------------------------------

    def _starts(
        self,
        clients: V2GClients,
        plugged: Sequence[ChargingSession],
        under: Sequence[_Under],
        slot: int,
    ) -> list[Due]:
        """Sessions of cars that are plugged in and whose owners have signed."""
        busy = {one.state.ev for one in under if one.state.end_slot == 0}
        due = []
        for car in plugged:
            if car.ev_id is None or car.ev_id in busy or car.soc_bp is None:
                continue
            if self._due.is_on_its_way(f"v2gstart:{car.ev_id}"):
                continue
            call = self._start(clients, car, slot)
            if call is not None:
                due.append(_due("v2gstart", car.ev_id, call))
        return due

    def _start(self, clients: V2GClients, car: ChargingSession, slot: int) -> Call[int] | None:
        consent = self._consent(clients, car)
        if consent is None:
            return None
        assert car.ev_id is not None
        assert car.soc_bp is not None
        plug = Plug(car.ev_id, car.meter_id, car.soc_bp, slot)
        agreed = Authorisation(**consent.terms)
        if agreed.departure_slot <= slot:
            return None
        signatures = self._signed(
            f"car {car.ev_id} at meter {car.meter_id}",
            lambda domain, epoch: plug_digest(domain, plug, epoch),
            lambda digest, quorum: self._quorum.sign_plug(plug, digest, quorum),
        )
        if signatures is None:
            return None
        return clients.exchange.start(agreed, consent.signature, plug, signatures)

    def _consent(self, clients: V2GClients, car: ChargingSession) -> v2g.Consent | None:
        """What the owner has signed for this car, this charge point and now, if the card is the
        owner's own."""
        assert car.ev_id is not None
        asked = clients.vehicles.ev_of(car.ev_id)
        owner = str(self._chain.views.ask(asked, max_age_s=60.0)["owner"])  # for good
        if (car.account or "").lower() != owner.lower():
            return None
        nonce, busy = self._chain.views.ask(clients.exchange.ev_state(car.ev_id), max_age_s=0.0)
        with self._store.read() as connection:
            consent = v2g.consent(connection, car.ev_id, nonce)
        if busy or consent is None or consent.meter_id != car.meter_id:
            return None
        return consent if consent.terms["valid_until"] >= self._now() else None

    def _signed(self, what: str, digest_of: Any, ask: Any) -> list[bytes] | None:
        quorum = self._chain.views.quorum(max_age_s=0.0)
        domain = read_domains(self._chain.rpc, self._chain.contracts).v2g
        assert domain is not None
        try:
            signatures: list[bytes] = ask(digest_of(domain, quorum.epoch), quorum)
        except QuorumError as error:
            log.warning("%s: %s", what, error)
            return None
        return signatures

    # ---- a session goes on ---------------------------------------------------------------------

    def _session(self, clients: V2GClients, one: _Under, slot: int) -> list[Due]:
        """The next slot to settle; else the charge to report; and the end when it is time."""
        due = []
        settle = self._settlement(clients, one)
        if settle is not None:
            due.append(settle)
        elif one.state.end_slot == 0:
            report = self._report(clients, one)
            due += [report] if report is not None else []
        if one.state.end_slot == 0 and (one.plugged is None or slot > one.state.departure_slot):
            due.append(_due("v2gend", one.session_id, clients.exchange.unplug(one.session_id)))
        if one.state.end_slot != 0:
            abandon = clients.exchange.abandon(one.session_id)
            due.append(_due("v2gabandon", one.session_id, abandon))
        return due

    def _settlement(self, clients: V2GClients, one: _Under) -> Due | None:
        """The next committed slot, by its proof; a later one where that is lost."""
        state = one.state
        counted = state.settled_slot if state.opened else state.start_slot - 1
        with self._store.read() as connection:
            found = slots.committed_after(connection, counted)
        for slot in found:
            line = self._line(slot, state.charge_point)
            if line is None:
                continue  # no longer kept, or the meter was not known yet
            call = clients.exchange.settle(one.session_id, slot, *line)
            return _due("v2gsettle", f"{one.session_id}-{slot}", call)
        return None

    def _line(
        self, slot: int, meter: int
    ) -> tuple[tuple[int, int, bytes], list[tuple[bytes, bytes, bytes]], int] | None:
        with self._store.read() as connection:
            stored = slots.leaves_of(connection, slot)
        leaf = next((leaf for leaf in stored if leaf.meter_id == meter), None)
        if leaf is None:
            return None
        tree = build_tree(_Line(x.meter_id, x.kind, x.registers, x.salt) for x in stored)
        proof = tree.proof(meter)
        registers = int.from_bytes(leaf.registers, "big")
        return (meter, registers, leaf.salt), [n.words() for n in proof.siblings], proof.path

    def _report(self, clients: V2GClients, one: _Under) -> Due | None:
        """What the car says of its charge at the end of the slot settled last."""
        state = one.state
        if one.plugged is None or not state.opened or state.settled_slot <= state.soc_slot:
            return None
        key = f"v2gsoc:{one.session_id}-{state.settled_slot}"
        if self._due.is_on_its_way(key):
            return None
        with self._store.read() as connection:
            samples = charging_sessions.samples_of(connection, one.plugged.session_id, _SAMPLES)
        end_ms = (state.settled_slot + 1) * self._slot_s * 1000
        soc_bps = soc_at(samples, end_ms, self._slot_s * 1000)
        if soc_bps is None:
            return None
        slot, session_id = state.settled_slot, one.session_id
        signatures = self._signed(
            f"charge of session {session_id}",
            lambda domain, epoch: soc_digest(domain, session_id, slot, soc_bps, epoch),
            lambda digest, quorum: self._quorum.sign_soc(session_id, slot, soc_bps, digest, quorum),
        )
        if signatures is None:
            return None
        call = clients.exchange.report_soc(session_id, slot, soc_bps, signatures)
        return Due(key, call, _GAS["v2gsoc"], _PRIORITY["v2gsoc"])

    # ---- orders --------------------------------------------------------------------------------

    def _orders(self, clients: V2GClients, under: Sequence[_Under], slot: int) -> list[Due]:
        """What each running session is to do in the coming slots, where that is news."""
        running = [one for one in under if one.state.end_slot == 0 and one.plugged is not None]
        if not running:
            return []
        views = self._chain.views
        asked: list[Call[Any]] = [clients.rates.grid_state(), clients.rates.rates_at(slot + 1)]
        answers = self._answered(asked)
        if answers is None:
            return []  # the newest committed slot is too old: nothing is ordered
        (_, need, state), rates = answers
        if rates.multiplier_bps == 0:
            return []
        efficiency = views.ask(clients.vehicles.limits(), max_age_s=60.0)["minEfficiencyBps"]
        cars = [self._car(clients, one, rates, efficiency, slot) for one in running]
        intents = decide(
            GridNeed(need, state),
            cars,
            efficiency_bps=efficiency,
            slots=ORDER_SLOTS,
            least_wh=_LEAST_WH,
        )
        exchange = clients.exchange
        return [
            _due(
                "v2gorder",
                one.session_id,
                exchange.order(one.session_id, intent.direction, intent.wh_per_slot, intent.slots),
            )
            for one, intent in zip(running, intents, strict=True)
            if _is_news(one.row, intent, slot)
        ]

    def _car(
        self, clients: V2GClients, one: _Under, rates: Rates, efficiency_bps: int, slot: int
    ) -> CarState:
        state, views = one.state, self._chain.views
        point: tuple[int, int] = views.ask(
            clients.vehicles.charge_point_of(state.charge_point), max_age_s=30.0
        )
        car = views.ask(clients.vehicles.ev_of(state.ev), max_age_s=0.0)
        counted = state.settled_slot if state.opened else state.start_slot
        past = views.ask_many(
            [clients.exchange.ordered(one.session_id, s) for s in range(counted + 1, slot + 1)],
            max_age_s=0.0,
        )
        low, _ = soc_range(
            state.capacity_wh * state.soc_bps // _BPS,
            state.charged - state.soc_charged,
            state.discharged - state.soc_discharged,
            efficiency_bps,
            state.capacity_wh,
        )
        reserve_bps = max(int(car["reserveBps"]), state.reserve_bps)
        return CarState(
            session_id=one.session_id,
            soc_wh=low,
            capacity_wh=state.capacity_wh,
            reserve_wh=-(-state.capacity_wh * reserve_bps // _BPS),
            target_wh=state.capacity_wh * state.target_bps // _BPS,
            slots_left=max(0, state.departure_slot - slot),
            max_charge_wh=point[0],
            max_discharge_wh=point[1],
            most_charge_wh=state.escrow * 1000 // state.max_price if state.max_price else 2**63,
            pending_charge_wh=sum(wh for way, wh in past if way == Direction.CHARGE),
            pending_discharge_wh=sum(wh for way, wh in past if way == Direction.DISCHARGE),
            price_ok=rates.base_price <= state.max_price,
            reward_ok=rates.reward_price >= state.min_reward,
        )

    # ---- carried out ---------------------------------------------------------------------------

    def _carry_out(
        self,
        clients: V2GClients,
        under: Sequence[_Under],
        plugged: Sequence[ChargingSession],
        slot: int,
    ) -> None:
        """Has charge points do in this slot what was ordered for it. A car whose owner has signed
        waits for its first order."""
        running = [one for one in under if one.state.end_slot == 0 and one.plugged is not None]
        both = (slot, slot + 1)
        asked = [clients.exchange.ordered(one.session_id, s) for one in running for s in both]
        told = self._chain.views.ask_many(asked, max_age_s=0.0)
        wanted: dict[int, _Word] = {}
        for one, (way, wh), (then, _) in zip(running, told[::2], told[1::2], strict=True):
            assert one.plugged is not None
            power_w = int(wh * _WH_SECONDS / self._metered_s)
            until = self._lasts_until(Direction(way), then == way, slot)
            wanted[one.plugged.session_id] = _Word(_ORDER_OF[Direction(way)], power_w, until)
        for car in plugged:
            waits = car.ev_id is not None and car.session_id not in wanted
            if waits and self._consent(clients, car) is not None:
                until = self._lasts_until(Direction.IDLE, True, slot)
                wanted[car.session_id] = _Word(_ORDER_OF[Direction.IDLE], 0, until)
        self._give(wanted)

    def _lasts_until(self, way: Direction, goes_on: bool, slot: int) -> int:
        """Unix seconds. What goes on in the next slot lasts into it, until the next word comes;
        what does not ends with its slot: what a car gives unasked earns nothing."""
        end = (slot + 1) * self._slot_s
        if way is Direction.IDLE:
            return end + 3 * self._slot_s
        return end + max(1, self._slot_s // 5) if goes_on else end

    def _give(self, wanted: Mapping[int, _Word]) -> None:
        """Tells charge points what is not what they were told last."""
        with self._store.read() as connection:
            newest = {one: charging_orders.newest(connection, one) for one in wanted}
        news = {
            session_id: word
            for session_id, word in wanted.items()
            if (last := newest[session_id]) is None
            or (last.direction, last.power_w, last.until) != word
        }
        if not news:
            return
        now_ms = int(self._now() * 1000)
        with self._store.write() as connection:
            for session_id, word in news.items():
                charging_orders.give(connection, session_id, *word, now_ms)


def _at_point(plugged: Sequence[ChargingSession], state: ChainSession) -> ChargingSession | None:
    """The car of a session, if it is still plugged in where the session is."""
    for car in plugged:
        if car.ev_id == state.ev and car.meter_id == state.charge_point:
            return car
    return None


def _is_news(row: Mapping[str, Any], intent: Intent, slot: int) -> bool:
    """True if the coming slot is not ordered much like that already."""
    covered = row["order_from_slot"] <= slot + 1 <= row["order_until_slot"]
    last = Direction(row["direction"]) if covered else Direction.IDLE
    if intent.direction is not last:
        return True
    if intent.direction is Direction.IDLE:
        return False
    change = abs(intent.wh_per_slot - row["wh_per_slot"])
    return bool(change * 100 > row["wh_per_slot"] * _SAME_WITHIN_PERCENT)

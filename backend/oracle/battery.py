"""Reports batteries' charge, at once when it decides about somebody's relay."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.chain.context import ChainContext
from backend.chain.contracts import Call
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.oracle.digests import BatteryReport, battery_digest
from backend.oracle.domains import SigningDomains, read_domains
from backend.oracle.quorum import QuorumClient, QuorumError
from backend.telemetry import nodes, outbox
from backend.telemetry.readings import StoredReading
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

FULL_BPS = 10_000
NO_BATTERY = 0xFFFF
CHANGE_BPS = 100
REPORT_PRIORITY = 10
POKE_PRIORITY = 9
_REPORT_GAS = 250_000
_GAS_PER_SWITCH = 80_000


@dataclass(frozen=True, slots=True)
class Charge:
    """A battery's charge in 0.01 % at a Unix second, and the frames that prove it."""

    battery: int
    node: int
    soc_bps: int
    measured_at: int
    frames: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Reported:
    """What the chain was told last. `reported_at` is our clock's; 0 = never."""

    soc_bps: int = 0
    observed_at: int = 0
    reported_at: float = 0.0


def deciding_levels(
    thresholds_bps: Sequence[int], restore_margin_bps: int
) -> list[tuple[int, bool]]:
    """Charges at which a relay moves: (level, True if it is a shedding threshold).

    A switch is shed at or below its threshold and returns at threshold + margin (at 100 % at most).
    """
    shed = [(level, True) for level in thresholds_bps]
    restore = [(min(FULL_BPS, level + restore_margin_bps), False) for level in thresholds_bps]
    return shed + restore


def crosses(before_bps: int, now_bps: int, levels: Iterable[tuple[int, bool]]) -> bool:
    """True if a level lies between two charges, so that a relay may have to move."""
    for level, shedding in levels:
        if shedding and (before_bps <= level) != (now_bps <= level):
            return True
        if not shedding and (before_bps >= level) != (now_bps >= level):
            return True
    return False


def report_reason(
    last: Reported,
    charge: Charge,
    levels: Iterable[tuple[int, bool]],
    now_s: float,
    heartbeat_s: float,
) -> str | None:
    """Why a charge is to be reported: first, crossing, change, heartbeat; None: it is not."""
    if charge.measured_at <= last.observed_at:
        return None
    if last.observed_at == 0:
        return "first"
    if crosses(last.soc_bps, charge.soc_bps, levels):
        return "crossing"
    if abs(charge.soc_bps - last.soc_bps) >= CHANGE_BPS:
        return "change"
    return "heartbeat" if now_s - last.reported_at >= heartbeat_s else None


class BatteryReporter:
    """Turns battery nodes' readings into signed reports, and pokes when time alone moves a relay.

    `on_readings` is connected to the ingest and only takes note; `run` does the work.
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        quorum: QuorumClient,
        *,
        wake_sender: Callable[[], None],
        heartbeat_s: float = 60.0,
        poke_every_s: float = 1.0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._quorum = quorum
        self._wake_sender = wake_sender
        self._heartbeat_s = heartbeat_s
        self._poke_every_s = poke_every_s
        self._now = now
        self._condition = threading.Condition()
        self._newest: dict[int, Charge] = {}
        self._reported: dict[int, Reported] = {}
        self._battery_of: Mapping[int, int] = {}
        self._known_at = 0.0
        self._poked_at = 0.0
        self._domains: SigningDomains | None = None
        self.last_error: str | None = None

    # ---- what comes in -------------------------------------------------------------------------

    def on_readings(self, _sender: object, readings: Sequence[StoredReading]) -> None:
        """Takes note of batteries' readings; quick, as it runs in the ingest's thread."""
        noted = False
        for reading in readings:
            if reading.soc_bp != NO_BATTERY and reading.node_id in self._battery_of:
                noted = self._note(reading) or noted
        if noted:
            self.wake()

    def wake(self) -> None:
        """Makes the thread look now."""
        with self._condition:
            self._condition.notify_all()

    def _note(self, reading: StoredReading) -> bool:
        battery = self._battery_of[reading.node_id]
        frames = tuple(f for f in (reading.keyframe, reading.frame) if f is not None)
        charge = Charge(battery, reading.node_id, reading.soc_bp, reading.measured_at, frames)
        with self._condition:
            known = self._newest.get(battery)
            if known is not None and known.measured_at > charge.measured_at:
                return False
            self._newest[battery] = charge
        return True

    # ---- the thread ----------------------------------------------------------------------------

    def run(self, stop: threading.Event) -> None:
        """Reports and pokes until `stop` is set; call `wake` after setting it."""
        while not stop.is_set():
            pause = self.step()
            with self._condition:
                if not stop.is_set():
                    self._condition.wait(pause)

    def step(self) -> float:
        """Reports what there is to report; seconds until it should look again unasked."""
        try:
            self._learn_batteries()
            with self._condition:
                charges = list(self._newest.values())
            waits = [self._consider(charge) for charge in charges]
            self._poke_if_due()
        except (NodeUnreachableError, RpcError, QuorumError) as error:
            if self.last_error is None:
                log.warning("battery reports wait: %s", error)
            self.last_error = str(error)
            return 1.0
        self.last_error = None
        return min([self._poke_every_s, *waits])

    def _learn_batteries(self) -> None:
        """Which nodes are batteries', from the store; a new one is known within a minute."""
        if self._battery_of and self._now() - self._known_at < 60:
            return
        with self._store.read() as connection:
            found = nodes.all_nodes(connection).values()
        self._battery_of = {n.node_id: n.battery_id for n in found if n.battery_id is not None}
        self._known_at = self._now()

    def _consider(self, charge: Charge) -> float:
        """Reports a charge if there is a reason; seconds until it may be reported."""
        last = self._last(charge.battery)
        priority = self._chain.clients.priority
        calls: list[Call[Any]] = [priority.thresholds(charge.battery), priority.restore_margin()]
        thresholds, margin = self._chain.views.ask_many(calls)
        levels = deciding_levels(thresholds, margin)
        reason = report_reason(last, charge, levels, self._now(), self._heartbeat_s)
        if reason is None:
            return self._poke_every_s
        early_s = charge.measured_at - self._now()
        if early_s > 0:  # the chain takes no report from its future
            return early_s + 0.05
        if not thresholds:
            return self._poke_every_s  # no switch depends on this battery
        self._report(charge, len(thresholds), reason)
        return self._poke_every_s

    def _last(self, battery: int) -> Reported:
        known = self._reported.get(battery)
        if known is None:
            state = self._chain.views.ask(
                self._chain.clients.priority.battery_state(battery), max_age_s=0.0
            )
            known = Reported(state.soc_bps, state.observed_at, state.reported_at)
            self._reported[battery] = known
        return known

    def forget(self) -> None:
        """The chain was reorganised: asks it again what it was told."""
        self._reported.clear()

    def _report(self, charge: Charge, switches: int, reason: str) -> None:
        report = BatteryReport(charge.battery, charge.soc_bps, charge.measured_at)
        quorum = self._chain.views.quorum()
        if self._domains is None:
            self._domains = read_domains(self._chain.rpc, self._chain.contracts)
        digest = battery_digest(self._domains.priority, report, quorum.epoch)
        signatures = self._quorum.sign_battery(report, charge.frames, digest, quorum)
        call = self._chain.clients.priority.report_battery(
            report.battery, report.soc_bps, report.observed_at, signatures
        )
        key = f"battery:{report.battery}:{report.observed_at}"
        with self._store.write() as connection:
            outbox.drop_pending(connection, f"battery:{report.battery}:")  # older news
            self._add(connection, key, call, switches, REPORT_PRIORITY)
        self._reported[charge.battery] = Reported(charge.soc_bps, charge.measured_at, self._now())
        self._wake_sender()
        level = logging.INFO if reason == "crossing" else logging.DEBUG
        log.log(level, "battery %d: %.2f %% (%s)", report.battery, report.soc_bps / 100, reason)

    # ---- poke ----------------------------------------------------------------------------------

    def _poke_if_due(self) -> None:
        now = self._now()
        if now - self._poked_at < self._poke_every_s:
            return
        self._poked_at = now
        views, priority = self._chain.views, self._chain.clients.priority
        batteries = sorted({switch.config.battery for switch in views.switches()})
        asked = views.try_many([priority.poke_due(b) for b in batteries], block="pending")
        for battery, due in zip(batteries, asked, strict=True):
            if due is True:
                self._poke(battery, len(views.order(battery)))

    def _poke(self, battery: int, switches: int) -> None:
        call = self._chain.clients.priority.poke(battery)
        with self._store.write() as connection:
            if outbox.is_unfinished(connection, f"poke:{battery}:"):
                return
            key = f"poke:{battery}:{int(self._now() * 1000)}"
            self._add(connection, key, call, switches, POKE_PRIORITY)
        self._wake_sender()

    def _add(
        self, connection: Any, key: str, call: Call[Any], switches: int, priority: int
    ) -> None:
        outbox.add(
            connection,
            key=key,
            sender=self._chain.relayer.address,
            target=call.target,
            data=call.data,
            gas=_REPORT_GAS + _GAS_PER_SWITCH * switches,
            priority=priority,
            now_ms=int(self._now() * 1000),
        )

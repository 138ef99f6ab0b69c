"""Relays as the API shows them: what the contract computed, what the board acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.api import schemas
from backend.chain.context import ChainContext
from backend.chain.contracts import Call
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.chain.types import BatteryState
from backend.chain.views import SwitchView
from backend.resilience.shedding import Override, default_thresholds_down_bp
from backend.telemetry import commands, contacts, nodes
from backend.telemetry.commands import Command
from backend.telemetry.contacts import Contact
from backend.telemetry.store import Store

_OVERRIDES: Mapping[Override, Literal["force_open", "force_closed"] | None] = {
    Override.NONE: None,
    Override.FORCE_OPEN: "force_open",
    Override.FORCE_CLOSED: "force_closed",
}


@dataclass(frozen=True, slots=True)
class ShedRules:
    """What the chain says of the relays."""

    switches: Sequence[SwitchView] = ()
    restore_margin_bps: int = 0
    orders: Mapping[int, Sequence[int]] = field(default_factory=dict)
    thresholds: Mapping[int, Sequence[int]] = field(default_factory=dict)
    batteries: Mapping[int, BatteryState] = field(default_factory=dict)
    requests: Mapping[int, int] = field(default_factory=dict)


class RelayReader:
    """Reads relays. While the node is out of reach, what it said last is shown."""

    def __init__(self, store: Store, chain: ChainContext) -> None:
        self._store = store
        self._chain = chain
        self._lock = threading.Lock()
        self._last: ShedRules | None = None

    def rules(self) -> ShedRules:
        """What the chain says; NodeUnreachableError if it never said anything yet."""
        try:
            rules = self._ask()
        except (NodeUnreachableError, RpcError):
            with self._lock:
                if self._last is None:
                    raise
                return self._last
        with self._lock:
            self._last = rules
        return rules

    def known_switches(self) -> Sequence[SwitchView]:
        """Every switch; none if the node never answered yet."""
        try:
            return self.rules().switches
        except (NodeUnreachableError, RpcError):
            return ()

    def overview(self) -> schemas.Relays:
        """Every relay with its place in the order."""
        rules = self.rules()
        batteries = [_status(key, state) for key, state in sorted(rules.batteries.items())]
        none = schemas.BatteryStatus(battery_id=None, soc_bp=None, observed_at=None)
        return schemas.Relays(
            battery=batteries[0] if batteries else none,
            batteries=batteries,
            order={str(key): list(order) for key, order in rules.orders.items()},
            thresholds_bps={str(key): list(bps) for key, bps in rules.thresholds.items()},
            restore_margin_bps=rules.restore_margin_bps,
            relays=self.relays(rules),
        )

    def relays(self, rules: ShedRules | None = None) -> list[schemas.Relay]:
        """Every relay, by switch id."""
        rules = rules or self.rules()
        with self._store.read() as connection:
            newest = commands.newest(connection)
            said = contacts.latest(connection)
            labels = nodes.labels(connection, {view.config.meter for view in rules.switches})
        return [
            relay_answer(view, rules, newest.get(view.switch_id), said, labels)
            for view in sorted(rules.switches, key=lambda view: view.switch_id)
        ]

    def _ask(self) -> ShedRules:
        views, clients = self._chain.views, self._chain.clients
        switches = views.switches()
        batteries = sorted({view.config.battery for view in switches} - {0})
        calls: list[Call[Any]] = [clients.priority.restore_margin()]
        for battery in batteries:
            calls += [
                clients.priority.order(battery),
                clients.priority.thresholds(battery),
                clients.priority.battery_state(battery),
            ]
        calls += [clients.market.open_request_of(view.switch_id) for view in switches]
        margin, *rest = views.ask_many(calls)
        of_batteries, requests = rest[: 3 * len(batteries)], rest[3 * len(batteries) :]
        orders = dict(zip(batteries, of_batteries[0::3], strict=True))
        set_bps = dict(zip(batteries, of_batteries[1::3], strict=True))
        return ShedRules(
            switches=switches,
            restore_margin_bps=margin,
            orders=orders,
            thresholds={
                battery: tuple(set_bps[battery]) or default_thresholds_down_bp(len(order))
                for battery, order in orders.items()
            },
            batteries=dict(zip(batteries, of_batteries[2::3], strict=True)),
            requests={
                view.switch_id: request for view, request in zip(switches, requests, strict=True)
            },
        )


def _status(battery: int, state: BatteryState) -> schemas.BatteryStatus:
    """A battery's charge as the chain was told it last."""
    told = state.reported_at > 0
    return schemas.BatteryStatus(
        battery_id=battery,
        soc_bp=state.soc_bps if told else None,
        observed_at=state.observed_at if told else None,
    )


def relay_answer(
    view: SwitchView,
    rules: ShedRules,
    newest: Command | None,
    said: Mapping[tuple[int, int], Contact],
    labels: Mapping[int, str],
) -> schemas.Relay:
    """One relay. Its contact is as its board said last; before that, as the chain has it."""
    config, state = view.config, view.state
    order = rules.orders.get(config.battery, ())
    position = list(order).index(view.switch_id) if view.switch_id in order else None
    bounds = rules.thresholds.get(config.battery, ())
    threshold = bounds[position] if position is not None and position < len(bounds) else None
    contact = said.get((config.board, config.pin))
    overridden = state.overridden is not Override.NONE
    return schemas.Relay(
        switch_id=view.switch_id,
        label=labels.get(config.meter) or f"Switch {view.switch_id}",
        board=config.board,
        pin=config.pin,
        meter_id=config.meter,
        battery_id=config.battery or None,
        critical=config.critical,
        commanded_closed=state.closed,
        acknowledged_closed=contact.closed if contact else state.acknowledged_closed,
        shed=state.shed,
        supplied=state.supplied,
        override=_OVERRIDES[state.overridden],
        override_until=state.override_until if overridden else None,
        cutoff_wh=state.cutoff_wh or None,
        reason=newest.reason if newest else "installed",
        pending=_is_pending(view, newest),
        position=position,
        threshold_bps=threshold,
        request_id=rules.requests.get(view.switch_id) or None,
    )


def _is_pending(view: SwitchView, newest: Command | None) -> bool:
    """True if the newest command, here or on chain, has no answer yet."""
    if newest is None or newest.sequence < view.state.sequence:
        return view.state.sequence > view.state.acknowledged_sequence
    return newest.acked_ms is None

"""Cars, charge points, sessions and prices as the API shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backend.api import v2g_schemas as schemas
from backend.chain.context import ChainContext
from backend.chain.contracts import Call
from backend.chain.v2g import Rates, V2GClients
from backend.dispatch import Direction
from backend.telemetry import charging, charging_sessions, v2g
from backend.telemetry.charging_sessions import Session as ChargingSession
from backend.telemetry.store import Store

Row = Mapping[str, Any]

_HISTORY = 96
_SETTINGS = {
    "minBasePrice": "min_base_price",
    "maxBasePrice": "max_base_price",
    "minMultiplierBps": "min_multiplier_bps",
    "maxMultiplierBps": "max_multiplier_bps",
    "demandWeightBps": "demand_weight_bps",
    "cleanGrams": "clean_grams",
    "dirtyGrams": "dirty_grams",
    "surplusWh": "surplus_wh",
    "stressWh": "stress_wh",
    "peakWh": "peak_wh",
    "maxStateAgeSlots": "max_state_age_slots",
    "maxPriceAge": "max_price_age",
}


class V2GReader:
    """Reads sessions from the store, prices and budget from the chain.

    Args:
        metered_slot_s: length of a slot as meters count
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        clients: V2GClients,
        metered_slot_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._chain = chain
        self._clients = clients
        self._metered_slot_s = metered_slot_s
        self._clock = clock

    # ---- the whole -----------------------------------------------------------------------------

    def overview(self) -> schemas.Overview:
        """Grid, prices, budget, charge points."""
        slot_s = self._chain.deployment.slot_seconds
        slot = int(self._clock()) // slot_s
        rates = self._clients.rates
        asked: list[Call[Any]] = [
            rates.grid_state(), rates.rates_at(slot), rates.rates_at(slot + 1)
        ]  # fmt: skip
        grid, now, coming = self._chain.views.try_many(asked)
        fixed: list[Call[Any]] = [rates.settings(), self._clients.exchange.budget()]
        settings, budget = self._chain.views.ask_many(fixed)
        with self._store.read() as connection:
            history = v2g.rates(connection, _HISTORY)
            running = [r for r in v2g.unfinished_sessions(connection) if r["end_slot"] is None]
            cars = v2g.cars(connection)
        return schemas.Overview(
            slot=slot,
            slot_seconds=slot_s,
            metered_slot_seconds=self._metered_slot_s,
            grid=None
            if isinstance(grid, Exception)
            else schemas.Grid(slot=grid[0], need_wh=grid[1], state=grid[2].name.lower()),
            rates=_rates(now),
            coming_rates=_rates(coming),
            history=[schemas.RatesFrom(**row) for row in history],
            settings=schemas.RateSettings(
                **{ours: settings[name] for name, ours in _SETTINGS.items()}
            ),
            budget_free_micro_inr=budget[0],
            budget_reserved_micro_inr=budget[1],
            points=self._points(running),
            sessions_running=len(running),
            cars=sum(not car["retired"] for car in cars),
        )

    def _points(self, running: Sequence[Row]) -> list[schemas.Point]:
        with self._store.read() as connection:
            found = v2g.points(connection)
            known = {point.meter_id: point for point in charging.every(connection)}
            plugs = {plug.charge_point_id: plug for plug in charging.plugs(connection)}
        busy = {row["meter_id"]: row["session_id"] for row in running}
        points = []
        for row in found:
            ocpp = known.get(row["meter_id"])
            plug = plugs.get(ocpp.charge_point_id) if ocpp else None
            points.append(
                schemas.Point(
                    **row,
                    label=ocpp.label if ocpp else f"Meter {row['meter_id']}",
                    charge_point_id=ocpp.charge_point_id if ocpp else None,
                    connected=ocpp.connected if ocpp else False,
                    plug=plug.state.value if plug else None,
                    session_id=busy.get(row["meter_id"]),
                )
            )
        return points

    # ---- cars ----------------------------------------------------------------------------------

    def cars(self, owner: str | None) -> schemas.Cars:
        """Cars of an owner, or all."""
        with self._store.read() as connection:
            found = v2g.cars(connection, owner=owner)
            plugged = charging_sessions.open_sessions(connection)
        calls = [self._clients.exchange.ev_state(int(row["ev_id"])) for row in found]
        states = self._chain.views.try_many(calls)
        shown = []
        for row, state in zip(found, states, strict=True):
            nonce, session = (None, 0) if isinstance(state, Exception) else state
            shown.append(self._car(row, nonce, session, plugged))
        return schemas.Cars(cars=shown)

    def _car(
        self, row: Row, nonce: int | None, session: int, plugged: Sequence[ChargingSession]
    ) -> schemas.Car:
        here = next((one for one in plugged if one.ev_id == row["ev_id"]), None)
        with self._store.read() as connection:
            consent = None if nonce is None else v2g.consent(connection, row["ev_id"], nonce)
        return schemas.Car(
            **row,
            nonce=nonce,
            session_id=session or None,
            plugged_meter_id=here.meter_id if here else None,
            plugged_state=here.state.value if here else None,
            live_soc_bps=here.soc_bp if here else None,
            authorised=consent is not None and consent.terms["valid_until"] >= self._clock(),
        )

    # ---- sessions ------------------------------------------------------------------------------

    def sessions(
        self, limit: int, before: int | None, ev_id: int | None, owner: str | None
    ) -> schemas.SessionPage:
        """A page of sessions, newest first."""
        with self._store.read() as connection:
            found = v2g.sessions(connection, limit + 1, before=before, ev_id=ev_id, owner=owner)
        shown = found[:limit]
        return schemas.SessionPage(
            sessions=[schemas.Session(**self._session(row)) for row in shown],
            next_before=int(shown[-1]["session_id"]) if len(found) > limit else None,
        )

    def session(self, session_id: int) -> schemas.SessionDetail | None:
        """One session with its flows."""
        with self._store.read() as connection:
            row = v2g.session(connection, session_id)
            flows = v2g.flows(connection, session_id)
        if row is None:
            return None
        return schemas.SessionDetail(
            **self._session(row),
            flows=[
                schemas.Flow(**{name: flow[name] for name in schemas.Flow.model_fields})
                for flow in flows
            ],
        )

    def _session(self, row: Row) -> dict[str, Any]:
        with self._store.read() as connection:
            charged, discharged, cost, reward = v2g.totals(connection, row["session_id"])
            at_point = [
                one
                for one in charging_sessions.open_sessions(connection, ev_id=row["ev_id"])
                if one.meter_id == row["meter_id"] and row["end_slot"] is None
            ]
        live = at_point[-1] if at_point else None
        return {
            **row,
            "closed": row["refunded_micro_inr"] is not None,
            "direction": Direction(row["direction"]).name.lower(),
            "charged_wh": charged,
            "discharged_wh": discharged,
            "cost_micro_inr": cost,
            "reward_micro_inr": reward,
            "power_w": live.power_w if live else None,
            "live_soc_bps": live.soc_bp if live else None,
        }


def _rates(found: Rates | Exception) -> schemas.Rates | None:
    if isinstance(found, Exception) or found.multiplier_bps == 0:
        return None
    return schemas.Rates(
        base_micro_inr_per_kwh=found.base_price,
        multiplier_bps=found.multiplier_bps,
        reward_micro_inr_per_kwh=found.reward_price,
    )

"""The neighbourhood's cars: when each comes, at which charge point, and when it leaves. Pure but
for its stations, which it plugs and unplugs."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from devices.simulator.charging.car import Battery, Model
from devices.simulator.charging.sessions import DAY_MS, Visit, next_visit
from devices.simulator.charging.station import Station
from devices.simulator.plan import CarPlan
from devices.simulator.profiles import SLOT_MS, Profiles

_FAR_MS = 9 * DAY_MS
"""A visit further off than this was planned before somebody set the clock."""


@dataclass(slots=True)
class Car:
    """A car, where it is (None: away) and its present or next visit."""

    plan: CarPlan
    battery: Battery
    visit: Visit
    charger: str | None = None


class Garage:
    """All cars; `step` moves them. The same seed and times give the same visits."""

    def __init__(
        self,
        plans: Sequence[CarPlan],
        stations: Mapping[str, Station],
        profiles: Profiles,
        at_ms: int,
        seed: int = 4,
    ) -> None:
        self._stations = stations
        self._profiles = profiles
        self._rng = random.Random(seed)
        self.cars = [self._begin(plan, at_ms) for plan in plans]

    def step(self, at_ms: int, now_ms: int) -> None:
        """Who has to leave leaves, who has come is plugged in.

        Args:
            at_ms: simulated time
            now_ms: the wall clock, for what stations tell
        """
        for car in self.cars:
            visit = car.visit
            # One that was sent for stays when somebody sets the clock back.
            came = visit.arrives_ms <= at_ms or car.plan.user is None
            if car.charger is not None and not (came and at_ms < visit.leaves_ms):
                self.leave(car, at_ms, now_ms)
            elif car.charger is None and car.plan.user is not None:
                away_too_long = at_ms >= visit.leaves_ms or visit.arrives_ms - at_ms > _FAR_MS
                if away_too_long:
                    car.visit = self._next(car.plan, at_ms)
                elif at_ms >= visit.arrives_ms:
                    self._arrive(car, now_ms)

    def leave(self, car: Car, at_ms: int, now_ms: int) -> None:
        """A car drives off, whatever it was doing."""
        assert car.charger is not None
        self._stations[car.charger].unplug(now_ms)
        car.charger, car.visit = None, self._next(car.plan, at_ms)
        car.battery.drive(car.visit.driven_wh)

    def come(self, car: Car, at_ms: int, minutes: int, now_ms: int) -> bool:
        """A car comes now, for so long. False if no charge point of its is free."""
        if car.charger is not None:
            return False
        before, car.visit = car.visit, Visit(at_ms, at_ms + minutes * 60_000, 0)
        self._arrive(car, now_ms)
        if car.charger is None:
            car.visit = before
        return car.charger is not None

    def _arrive(self, car: Car, now_ms: int) -> None:
        for name in car.plan.chargers:
            station = self._stations.get(name)
            if station is not None and station.session is None:
                car.charger = name
                station.plug(car.battery, car.plan.token, now_ms)
                return

    def _begin(self, plan: CarPlan, at_ms: int) -> Car:
        model = Model(plan.capacity_wh, plan.max_charge_w, plan.max_discharge_w)
        battery = Battery.at(model, plan.soc_bp)
        if plan.here_until is None:
            return Car(plan, battery, self._next(plan, at_ms))
        hours, minutes = map(int, plan.here_until.split(":"))
        leaves_ms = at_ms // DAY_MS * DAY_MS + (hours * 60 + minutes) * 60_000
        leaves_ms += DAY_MS if leaves_ms <= at_ms else 0
        return Car(plan, battery, Visit(at_ms, leaves_ms, 0))

    def _next(self, plan: CarPlan, at_ms: int) -> Visit:
        if plan.user is None:
            return Visit(at_ms, at_ms, 0)
        times = self._profiles.times
        date = times[at_ms // SLOT_MS % len(times)].split(" ")[0]
        weekday = datetime.strptime(date, "%d.%m.%Y").weekday()  # noqa: DTZ007 - a date alone
        return next_visit(plan.user, at_ms, weekday, self._rng)

    # ---- memory --------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What is kept over a stop: batteries, places, visits."""
        return {
            car.plan.name: {
                "stored_wms": car.battery.stored_wms,
                "passed_wms": car.battery.passed_wms,
                "charger": car.charger,
                "visit": asdict(car.visit),
            }
            for car in self.cars
        }

    def recall(self, state: Mapping[str, Any]) -> dict[str, Battery]:
        """Goes on from `state`; the batteries of cars that are plugged in, by charge point."""
        plugged = {}
        for car in self.cars:
            kept = state.get(car.plan.name)
            if kept is None:
                continue
            car.battery.stored_wms = int(kept["stored_wms"])
            car.battery.passed_wms = int(kept["passed_wms"])
            car.visit = Visit(**kept["visit"])
            car.charger = kept["charger"] if kept["charger"] in self._stations else None
            if car.charger is not None:
                plugged[car.charger] = car.battery
        return plugged

"""The neighbourhood's charge points and cars together, and what they remember."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from devices.simulator.charging.charger import Access, Charger
from devices.simulator.charging.garage import Garage
from devices.simulator.charging.station import Rating, Station
from devices.simulator.charging.talk import Talk
from devices.simulator.charging.talk2 import Talk2
from devices.simulator.charging.talk16 import Talk16
from devices.simulator.memory import DamagedMemory, Memory
from devices.simulator.plan import CarPlan, ChargerPlan
from devices.simulator.world import World

PATH = "/ocpp/"


class Where(Protocol):
    """The settings that charge points need (neighbourhood.Settings)."""

    @property
    def home(self) -> Path:
        """Where passwords are and memory goes."""

    @property
    def charging(self) -> str | None:
        """URL of the charging service."""

    @property
    def charging_ca(self) -> Path | None:
        """Certificate of who vouches for it."""


class Fleet:
    """Stations are the world's sockets; chargers carry their news; the garage moves the cars.

    Raises:
        OSError: a charge point's password, or the certificate, cannot be read
        DamagedMemory: what they remember cannot be read
    """

    def __init__(
        self,
        chargers: Sequence[ChargerPlan],
        cars: Sequence[CarPlan],
        world: World,
        where: Where,
        session: aiohttp.ClientSession,
    ) -> None:
        self.stations = {
            plan.name: Station(plan.name, Rating(plan.max_charge_w, plan.max_discharge_w))
            for plan in chargers
        }
        self.chargers = {
            plan.name: Charger(
                self.stations[plan.name], _talk(plan), _access(plan.name, where), session
            )
            for plan in chargers
        }
        self._world = world
        self._memory = Memory(where.home / "charging.json")
        self.garage = Garage(cars if chargers else (), self.stations, world.profiles, world.at_ms)
        self._recall()
        for plan in chargers:
            world.sockets[plan.node] = self.stations[plan.name]

    def step(self) -> None:
        """Before each step of the world: cars come and leave, news are seen."""
        self.garage.step(self._world.at_ms, self._world.rtc_ms)
        for charger in self.chargers.values():
            charger.look()

    async def keep(self) -> None:
        """Writes what is new to be remembered."""
        if draft := self._memory.changed(self._state()):
            await asyncio.to_thread(self._memory.write, draft)

    def save(self) -> None:
        """Writes the memory now; for the end, when no task runs any more."""
        if draft := self._memory.changed(self._state()):
            self._memory.write(draft)

    def _state(self) -> dict[str, Any]:
        if not self.stations:
            return {}
        return {
            "cars": self.garage.state(),
            "stations": {name: station.state() for name, station in self.stations.items()},
            "talks": {name: charger.talk.state() for name, charger in self.chargers.items()},
        }

    def _recall(self) -> None:
        memory = self._memory.read()
        if not memory:
            return
        try:
            plugged = self.garage.recall(memory["cars"])
            for name, station in self.stations.items():
                if name in memory["stations"]:
                    station.recall(memory["stations"][name], plugged.get(name))
                    self.chargers[name].talk.recall(memory["talks"][name])
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedMemory(
                f"{self._memory.path}: {error!r}; restore it, or remove it: charge points then "
                "begin anew, with registers from 0"
            ) from error


def _talk(plan: ChargerPlan) -> Talk:
    if plan.protocol == "ocpp1.6":
        return Talk16(plan.name)
    return Talk2(plan.name, plan.protocol.removeprefix("ocpp"))


def _access(name: str, where: Where) -> Access | None:
    if where.charging is None:
        return None
    password = (where.home / f"charger-{name}.key").read_text().strip()
    tls = ssl.create_default_context(cafile=where.charging_ca) if where.charging_ca else None
    return Access(where.charging.rstrip("/") + PATH, password, tls)

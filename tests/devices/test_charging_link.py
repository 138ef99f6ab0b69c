"""The simulated charge points against the charging service itself, over a socket."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "backend"))

from charging_kit import ALICE, PASSWORD, Service

from backend.telemetry.charging_orders import Direction, OrderState
from backend.telemetry.charging_sessions import Session, SessionState
from devices.simulator.charging.car import Battery, Model
from devices.simulator.charging.charger import Access, Charger
from devices.simulator.charging.station import Rating, Station
from devices.simulator.charging.talk import Talk
from devices.simulator.charging.talk2 import Talk2
from devices.simulator.charging.talk16 import Talk16

MODEL = Model(50_000, 11_000, 10_000)
STEP_MS = 12_000  # of the neighbourhood, in 20 ms of ours
TALKS: dict[str, Callable[[str], Talk]] = {
    "ocpp1.6": Talk16,
    "ocpp2.0.1": lambda name: Talk2(name, "2.0.1"),
    "ocpp2.1": Talk2,
}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path, charging_sample_s=1)
    made.register("CP", 61, max_discharge_w=7000)
    made.link("alice-1", ALICE)
    made.start()
    yield made
    made.stop()
    made.store.close()


class Rig:
    """One charge point that runs; `lost` counts messages after which the line is cut."""

    def __init__(self, service: Service, protocol: str, session: aiohttp.ClientSession) -> None:
        self.service = service
        self.station = Station("CP", Rating(7_400, 7_000))
        url = service.url("CP").removesuffix("CP")
        access = Access(url, PASSWORD)
        self.charger = Charger(self.station, TALKS[protocol]("CP"), access, session)

    async def live(self) -> None:
        while True:
            now = self.now()
            self.station.step(self.station.wanted_w(now, STEP_MS), now, STEP_MS)
            self.charger.look()
            await asyncio.sleep(0.02)

    def now(self) -> int:
        return int(self.service.clock() * 1000)

    async def until(self, ready: Callable[[], Any], timeout_s: float = 120.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not ready():
                await asyncio.sleep(0.02)

    def session(self) -> Session:
        return self.service.sessions()[-1]

    def plug(self, token: str = "alice-1") -> None:
        self.station.plug(Battery.at(MODEL, 5_000), token, self.now())


@asynccontextmanager
async def running(service: Service, protocol: str) -> AsyncIterator[Rig]:
    async with aiohttp.ClientSession() as session:
        rig = Rig(service, protocol, session)
        tasks = [asyncio.create_task(rig.live()), asyncio.create_task(rig.charger.run())]
        try:
            yield rig
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("protocol", list(TALKS))
def test_a_car_charges_gives_back_and_leaves(service: Service, protocol: str) -> None:
    async def scenario() -> None:
        async with running(service, protocol) as rig:
            await rig.until(lambda: rig.charger.connected)
            rig.plug()
            await rig.until(lambda: service.sessions() and rig.session().account == ALICE)
            await rig.until(lambda: rig.session().soc_bp)
            service.order(rig.session(), Direction.CHARGE, 2_000)
            await rig.until(lambda: rig.station.power_w == 2_000)
            service.order(rig.session(), Direction.DISCHARGE, 9_000)
            if protocol == "ocpp1.6":
                order = service.newest_order
                await rig.until(lambda: order(rig.session()).state is OrderState.REFUSED)
            else:
                await rig.until(lambda: rig.station.power_w == -7_000)
                await rig.until(lambda: rig.session().state is SessionState.DISCHARGING)
            rig.station.unplug(rig.now())
            await rig.until(lambda: not rig.session().is_open)
            await rig.until(lambda: not rig.station.news)
            session = rig.session()
            assert session.last_imported_wh == rig.station.imported_wms // 3_600_000
            if protocol != "ocpp1.6":
                assert session.last_exported_wh == rig.station.exported_wms // 3_600_000
            assert session.stop_reason == "EVDisconnected"

    asyncio.run(scenario())


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.1"])
def test_what_happened_without_a_service_is_told_when_it_is_back(
    service: Service, protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.simulator.charging.charger._OFFLINE_AFTER_S", 0.1)

    async def scenario() -> None:
        async with running(service, protocol) as rig:
            rig.charger.link_down = True
            await rig.charger.drop()
            await rig.until(lambda: not rig.charger.connected)
            rig.plug()
            await rig.until(lambda: rig.station.power_w > 0)  # nobody is stranded
            await asyncio.sleep(0.3)
            rig.station.unplug(rig.now())
            assert service.sessions() == []
            rig.charger.link_down = False
            await rig.until(lambda: service.sessions() and not rig.session().is_open)
            await rig.until(lambda: not rig.station.news)
            assert rig.session().account == ALICE
            assert rig.session().imported_wh == rig.station.imported_wms // 3_600_000

    asyncio.run(scenario())


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.1"])
def test_the_line_may_be_cut_after_any_message(service: Service, protocol: str) -> None:
    """Cut while each message waits for its answer: told again, it counts once."""

    async def scenario() -> None:
        async with running(service, protocol) as rig:
            cut: set[str] = set()
            call = rig.charger._call

            async def cutting(message: Any) -> Any:
                answer = await call(message)
                if message.lasting and len(cut) < 4 and str(message) not in cut:
                    cut.add(str(message))
                    await rig.charger.drop()
                    raise aiohttp.ClientConnectionError("cut before the answer was read")
                return answer

            rig.charger._call = cutting  # type: ignore[method-assign]
            await rig.until(lambda: rig.charger.connected)
            rig.plug()
            await rig.until(lambda: rig.station.power_w > 0)
            await rig.until(lambda: len(cut) >= 2)
            rig.station.unplug(rig.now())
            await rig.until(lambda: service.sessions() and not rig.session().is_open)
            await rig.until(lambda: not rig.station.news)
            assert len(service.sessions()) == 1
            assert rig.session().imported_wh == rig.station.imported_wms // 3_600_000
            assert rig.session().account == ALICE

    asyncio.run(scenario())


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.1"])
def test_a_token_that_is_not_known_charges_nothing(service: Service, protocol: str) -> None:
    async def scenario() -> None:
        async with running(service, protocol) as rig:
            await rig.until(lambda: rig.charger.connected)
            rig.plug("stranger-1")
            await rig.until(lambda: rig.station.session and rig.station.session.refused)
            await rig.charger.drop()  # nor when nobody can be asked
            await asyncio.sleep(0.2)
            assert rig.station.imported_wms == 0

    asyncio.run(scenario())


def test_a_wrong_password_leaves_it_alone(service: Service) -> None:
    async def scenario() -> None:
        async with running(service, "ocpp2.1") as rig:
            await rig.until(lambda: rig.charger.connected)
            rig.charger._access = Access(service.url("CP").removesuffix("CP"), "wrong")
            await rig.charger.drop()
            await rig.until(lambda: not rig.charger.connected)
            await asyncio.sleep(0.8)
            assert not rig.charger.connected

    asyncio.run(scenario())

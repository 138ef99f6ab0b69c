"""The control port: the truth, hands, and errors that name the field."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from simulated import Running, running

from devices.simulator.control import Control

Post = Callable[..., Awaitable[tuple[int, Any]]]


@asynccontextmanager
async def controlled(home: Path, nodes: set[int]) -> AsyncIterator[tuple[Running, Post, str]]:
    async with running(home, nodes) as r:
        runner = await Control(r.neighbourhood).serve(0)
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession(url) as session:

            async def post(path: str, **body: Any) -> tuple[int, Any]:
                async with session.post(path, json=body) as answer:
                    return answer.status, await answer.json()

            yield r, post, url
        await runner.cleanup()


def test_the_state_holds_the_true_registers(home: Path) -> None:
    async def scenario() -> None:
        async with controlled(home, {3, 4, 5}) as (r, _post, url):
            await r.gateway.until(lambda: r.gateway.nodes[4].readings)
            async with aiohttp.ClientSession() as session, session.get(f"{url}/state") as answer:
                state = await answer.json()
            assert state["factor"] == 60
            assert 8_000 < state["soc_bp"] <= 8_450
            assert state["grid_present"]
            assert state["simulated_time"].startswith("18.04.2016 17:")
            house = state["nodes"]["4"]
            booked = r.gateway.nodes[4].readings[-1].registers
            assert house["registers"]["imported_wh"] >= booked[3]
            assert house["energy_wms"][3] // 3_600_000 == house["registers"]["imported_wh"]
            assert house["relays"]["0"]["closed"]
            assert house["link"]["up"]
            assert state["nodes"]["5"]["relays"]["2"]["closed"] is False

    asyncio.run(scenario())


def test_cars_come_and_leave(home: Path) -> None:
    async def scenario() -> None:
        async with controlled(home, {1, 3, 61, 62}) as (r, post, url):

            async def state() -> Any:
                async with aiohttp.ClientSession() as session, session.get(f"{url}/state") as said:
                    return await said.json()

            world, car = r.neighbourhood.world, "P1's car"
            await r.until(lambda: world.flows[62].charged > 0)  # it is there at the start
            status, said = await post("/car", name=car, here=True)
            assert (status, said["error"]["field"]) == (400, "here")
            assert await post("/car", name=car, here=False) == (200, {})
            await r.until(lambda: world.flows[62].charged == 0)
            for name in (car, "P4's car"):
                order = {"name": name, "here": True, "minutes": 600, "soc_bp": 3_000}
                assert await post("/car", **order) == (200, {})
            await r.until(lambda: world.flows[61].charged and world.flows[62].charged)
            status, said = await post("/car", name="P2's car", here=True)
            assert (status, said["error"]["field"]) == (400, "name")  # both are taken
            found = await state()
            guest = found["cars"]["Visitor's car"]
            assert (guest["sent_for"], guest["token"]) == (True, "EV-VISITOR-1")
            assert not found["cars"][car]["sent_for"]
            assert found["cars"][car]["charger"] == "CP-2"
            assert 2_900 < found["cars"][car]["soc_bp"] < 3_500
            assert found["chargers"]["CP-2"]["mode"] == "charging"
            assert (await post("/car", name="nobody's", here=True))[0] == 400
            assert await post("/charger", name="CP-1", down=True) == (200, {})
            assert (await post("/charger", name="CP-9", down=True))[0] == 400
            into = r.gateway.nodes[62].readings[-1].registers
            await r.gateway.until(lambda: r.gateway.nodes[62].readings[-1].registers[4] > into[4])

    asyncio.run(scenario())


def test_hands(home: Path) -> None:
    async def scenario() -> None:
        async with controlled(home, {1, 3, 4}) as (r, post, _url):
            world, house = r.neighbourhood.world, r.gateway.nodes[4]
            assert await post("/load", node=4, power_w=1_234) == (200, {})
            await r.until(lambda: world.flows[4].consumed == 1_234)
            assert await post("/load", node=4, power_w=None) == (200, {})
            assert 4 not in world.forced_w
            assert await post("/battery", soc_bp=4_000) == (200, {})
            assert world.soc_bp in (3_999, 4_000)
            assert await post("/time", time="19.04.2016 12:00") == (200, {})
            assert await post("/time", time_of_day="03:30") == (200, {})
            assert world.time_of_day_ms - (3 * 60 + 30) * 60_000 < 60_000 * 10
            assert await post("/grid", present=False) == (200, {})
            await r.gateway.until(lambda: r.gateway.nodes[1].events)
            assert r.gateway.nodes[1].events[0][0] == 5
            assert await post("/tamper", node=4) == (200, {})
            await r.gateway.until(lambda: house.events)
            assert house.events[0][0] == 4
            assert await post("/clock", node=4, offset_s=-30) == (200, {})
            assert r.neighbourhood.meters[4].firmware.clock_offset_ms == -30_000
            assert await post("/link", node=4, down=True, loss_pm=5) == (200, {})
            assert r.faults(4).is_down
            assert r.faults(4).loss_pm == 5
            assert await post("/link", node="all", down=False, duplicate_pm=7) == (200, {})
            assert not r.faults(4).is_down
            assert r.faults(3).duplicate_pm == 7
            assert r.faults(4).loss_pm == 5

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("path", "body", "field", "message"),
    [
        ("/load", {"node": 99, "power_w": 5}, "node", "99 does not run here"),
        ("/load", {"node": 3, "power_w": 5}, "node", "battery, which has no load"),
        ("/load", {"node": 4, "power_w": -1}, "power_w", "greater than or equal to 0"),
        ("/load", {"node": 4}, "power_w", "Field required"),
        ("/load", {"node": "4", "power_w": 1}, "node", "valid integer"),
        ("/battery", {"soc_bp": 10_001}, "soc_bp", "less than or equal to 10000"),
        ("/time", {"time": "01.01.1999 00:00"}, "time", "in none of the weeks"),
        ("/time", {}, "time", "either time or time_of_day"),
        ("/time", {"time_of_day": "24:00"}, "time_of_day", "match"),
        ("/grid", {"present": 1}, "present", "valid boolean"),
        ("/link", {"node": 4, "loss_pm": 1001}, "loss_pm", "less than or equal to 1000"),
        ("/link", {"node": 4, "speed": 1}, "speed", "not permitted"),
        ("/clock", {"node": 77, "offset_s": 1}, "node", "does not run here"),
        ("/tamper", {"node": 77}, "node", "does not run here"),
    ],
)
def test_mistakes_are_named(
    home: Path, path: str, body: dict[str, Any], field: str, message: str
) -> None:
    async def scenario() -> None:
        async with controlled(home, {3, 4}) as (_r, post, _url):
            status, content = await post(path, **body)
            assert status == 400
            assert content["error"]["field"] == field
            assert message in content["error"]["message"]

    asyncio.run(scenario())


def test_a_web_page_cannot_reach_the_hands(home: Path) -> None:
    """A page may post text/plain to any address without asking; JSON needs a permission."""

    async def scenario() -> None:
        async with controlled(home, {4}) as (r, _post, url), aiohttp.ClientSession() as session:
            plain = {"Content-Type": "text/plain"}
            body = b'{"present": false}'
            async with session.post(f"{url}/grid", data=body, headers=plain) as answer:
                assert answer.status == 415
            async with session.options(f"{url}/grid") as answer:
                assert answer.status == 405
            async with session.post(
                f"{url}/grid", data=b"{", headers={"Content-Type": "application/json"}
            ) as answer:
                assert answer.status == 400
            assert r.neighbourhood.world.grid_present

    asyncio.run(scenario())

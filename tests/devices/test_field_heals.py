"""The neighbourhood's radio field with its boards on Python: cuts, other ways, a restart."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
from simulated import Running, running

from devices.simulator.control import Control
from devices.simulator.field import Field
from devices.simulator.stored_board import StoredBoard

NODES = {3, 5, 13, 100}
WITHIN_S = 120.0  # ends a test whose event never comes


def field_of(r: Running) -> Field:
    assert r.neighbourhood.field is not None
    return r.neighbourhood.field


def parent_of(r: Running, node: int) -> int:
    board = field_of(r).nodes[node].board
    assert isinstance(board, StoredBoard)
    way = board.app.mesh.way(board.ticks()) if board.app and board.app.mesh else ()
    return int(way[1]) if way else 0


def test_a_cut_link_is_gone_round_and_no_wh_is_lost(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, NODES, boards="python", reading_s=1.0, battery_reading_s=1.0) as r:
            runner = await Control(r.neighbourhood).serve(0)
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            await r.until((home / "node100.tty").exists)
            house = r.gateway.nodes[13]
            async with r.gateway.attached(home / "node100.tty"), aiohttp.ClientSession(url) as http:
                await r.gateway.until(lambda: house.readings, WITHIN_S)
                await r.gateway.command(13, 1 << 40 | 13, 0, 1)
                r.neighbourhood.world.forced_w[13] = 3_000
                await r.gateway.until(
                    lambda: house.acks and house.readings[-1].registers[3] > 5, WITHIN_S
                )
                before = parent_of(r, 13)
                assert before in (3, 5)
                order = {"a": 13, "b": before, "cut": True}
                async with http.post("/radio", json=order) as answer:
                    assert answer.status == 200
                async with http.get("/field") as answer:
                    links = (await answer.json())["links"]
                assert [{one["a"], one["b"]} for one in links if one["cut"]] == [{13, before}]
                other = {3: 5, 5: 3}[before]
                await r.until(lambda: parent_of(r, 13) == other, WITHIN_S)
                heard = len(house.readings)
                await r.gateway.until(lambda: len(house.readings) > heard + 1, WITHIN_S)
                async with http.post("/radio", json={"a": 13, "b": 13, "cut": True}) as answer:
                    said = await answer.json()
                assert (answer.status, said["error"]["field"]) == (400, "b")
                r.neighbourhood.world.forced_w[13] = 0
                counted = field_of(r).nodes[13].registers
                await r.gateway.until(
                    lambda: list(house.readings[-1].registers) == counted(), WITHIN_S
                )
            await runner.cleanup()

    asyncio.run(scenario())


def test_a_board_without_its_link_keeps_single_cuts(home: Path) -> None:
    """A node whose link is down hears nobody; when it is up again, cuts by hand still count."""

    async def scenario() -> None:
        async with running(home, NODES, boards="python") as r:
            field = field_of(r)

            def cuts() -> set[frozenset[int]]:
                links = field.described()["links"]
                return {frozenset((link["a"], link["b"])) for link in links if link["cut"]}

            field.cut(3, 13, True)
            r.faults(13).set_down(True)
            await r.until(lambda: len(cuts()) == 3)
            r.faults(13).set_down(False)
            await r.until(lambda: len(cuts()) == 1)
            assert cuts() == {frozenset((3, 13))}

    asyncio.run(scenario())


def test_a_board_on_python_goes_on_where_it_stopped(home: Path) -> None:
    async def run() -> tuple[int, int]:
        async with running(home, NODES, boards="python", reading_s=1.0) as r:
            await r.until((home / "node100.tty").exists)
            async with r.gateway.attached(home / "node100.tty"):
                await r.gateway.until(lambda: r.gateway.nodes[5].hellos, WITHIN_S)
                return r.gateway.nodes[5].newest

    async def scenario() -> None:
        first, second = await run(), await run()
        assert second[0] == first[0] + 1  # the boot counter is in its storage
        stored = home / "5.nvs"
        assert stored.stat().st_mode & 0o777 == 0o600
        assert set(json.loads(stored.read_text())) == {"config", "memory"}

    asyncio.run(scenario())


def test_a_program_that_fails_is_restarted_by_its_watchdog(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, NODES, boards="python") as r:
            board = field_of(r).nodes[5].board
            assert isinstance(board, StoredBoard)
            await r.until(lambda: board.app is not None)

            def fail() -> int:
                board._time.after(1_000, lambda: board.type(b"anybody?\n"))
                raise MemoryError("no room")

            board.app.step = fail  # type: ignore[union-attr,method-assign]
            await r.until(lambda: board.starts == 2 and board.is_on)
            assert board.printed == ["MemoryError: no room"]

    asyncio.run(scenario())

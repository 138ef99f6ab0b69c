"""Two neighbourhoods on one line: what one draws, the other gives, and both ends' meters say so."""

from __future__ import annotations

import asyncio
from pathlib import Path

from field_gateway import Gateway
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import fast, key_of, neighbourhood, running
from test_control import controlled

from devices.simulator.control import Control
from devices.simulator.neighbourhood import Neighbourhood, open_session
from devices.simulator.plan import DEFAULT_PLAN, load_plan
from devices.simulator.profiles import load_profiles
from devices.simulator.world import World, banks_of

PLAN = load_plan()
HAMLET = load_plan(DEFAULT_PLAN.with_name("hamlet.toml"))
PROFILES = load_profiles()
assert PLAN.tie is not None
TIE = PLAN.tie.node
FAR_TIE = HAMLET.grid.node


@given(
    tie_w=st.integers(-15_000, 15_000),
    at_slot=st.integers(0, 4 * 672),
    soc_bp=st.integers(0, 10_000),
)
@settings(max_examples=50, deadline=None)
def test_what_goes_over_the_tie_comes_from_bank_and_grid(
    tie_w: int, at_slot: int, soc_bp: int
) -> None:
    world = World(PLAN, PROFILES, banks_of(PLAN, soc_bp), at_slot * 900_000, tie_w=tie_w)
    world.step(60_000)
    assert world.flows[TIE].exported - world.flows[TIE].imported == tie_w
    given = sum(flow.exported + flow.discharged for flow in world.flows.values())
    taken = sum(flow.imported + flow.charged for flow in world.flows.values())
    grid, tie = world.flows[PLAN.grid.node], world.flows[TIE]
    # A grid meter counts the other way round: import comes in, export goes out.
    out = grid.exported + tie.exported
    come = grid.imported + tie.imported
    assert given - out + come == taken - come + out


def test_in_the_dark_nothing_goes_over_the_tie() -> None:
    world = World.at_start(PLAN, PROFILES)
    world.grid_present, world.tie_w = False, 15_000
    world.forced_w[4] = 30_000
    world.step(60_000)
    assert world.dark
    assert world.flows[TIE].lanes() == (0,) * 6


def test_the_control_port_takes_the_neighbours_draw(home: Path) -> None:
    async def scenario() -> None:
        async with controlled(home, {1, 3, TIE}) as (r, post, _url):
            world = r.neighbourhood.world
            status, said = await post("/tie", power_w=4_000)
            assert (status, said["present"]) == (200, True)
            assert abs(said["simulated_ms"] - world.at_ms) < 60_000
            await r.until(lambda: world.flows[TIE].exported == 4_000)
            await post("/tie", power_w=-99_999)  # no more than the line carries
            await r.until(lambda: world.flows[TIE].imported == 15_000)

    asyncio.run(scenario())


def test_a_neighbour_that_is_gone_draws_nothing(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {1, 3, TIE}) as r:
            r.neighbourhood.draw_over_tie(4_000)
            r.neighbourhood._tie_until = 0.0
            world = r.neighbourhood.world
            await r.until(lambda: world.tie_w == 0 and world.flows[TIE].exported == 0)

    asyncio.run(scenario())


def test_both_ends_count_the_same(home: Path, tmp_path: Path) -> None:
    far_home = tmp_path / "far"
    far_home.mkdir()
    for node in HAMLET.nodes:
        (far_home / f"{node.id}.key").write_text(key_of(node.id).hex() + "\n")

    async def scenario() -> None:
        gateway = Gateway({n.id: key_of(n.id) for n in (*PLAN.nodes, *HAMLET.nodes)})
        async with (
            gateway.serving(),
            neighbourhood(home, gateway, {1, 3, TIE}) as near,
            open_session() as session,
        ):
            runner = await Control(near).serve(0)
            control = f"http://127.0.0.1:{runner.addresses[0][1]}"
            settings_ = fast(far_home, gateway.url, None, near_control=control)
            far = Neighbourhood(HAMLET, settings_, session)
            far.world.forced_w[202] = 8_000
            task = asyncio.create_task(far.run())
            async with asyncio.timeout(20):
                while near.world.energy_wms[TIE][2] < 100 * 3_600_000:
                    await asyncio.sleep(0.05)
            out_wh = near.world.energy_wms[TIE][2] // 3_600_000
            in_wh = far.world.energy_wms[FAR_TIE][3] // 3_600_000
            assert abs(out_wh - in_wh) < 100  # what flows between two looks, at 60 times the speed
            near.world.grid_present = False
            near.world.forced_w[4] = 60_000
            async with asyncio.timeout(5):
                while far.world.grid_present:
                    await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.wait((task,))
            await runner.cleanup()

    asyncio.run(scenario())

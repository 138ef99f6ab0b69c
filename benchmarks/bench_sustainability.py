"""Renewable use and carbon of the simulated neighbourhood, by roofs and bank: for `make bench`.

The neighbourhood of `make run` through its four weeks of real profiles, one a season, at the
figures that oracle nodes compute from committed slots (backend/sustainability). Simulated; nobody
in it changes a habit for an incentive, so this is what roofs and bank do, not what a policy does.
The main grid's carbon is the stand-in table's. Cars, the tie and outages are left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from backend.oracle.carbon_file import read_carbon_table
from backend.oracle.registers import EntityKind, Registers, flows_of
from backend.sustainability import EnergyFlows, Measures, SlotFlows, measure
from devices.simulator.plan import Plan, load_plan
from devices.simulator.profiles import SLOT_MS, Profiles, load_profiles
from devices.simulator.world import WMS_PER_WH, World

STEP_MS = 300_000
WEEK_SLOTS = 7 * 96
TABLE = Path(__file__).parents[1] / "backend/oracle/data/carbon-typical-days.json"
GOAL_RUR, GOAL_G_PER_KWH = 0.87, 270
SIZES = ((0, 0), (1, 0), (1, 1), (2, 2), (4, 1), (4, 4))
"""Times the plan's sun and the plan's bank."""


def sized(plan: Plan, sun: int, bank: int) -> Plan:
    """The plan with `sun` times its roofs and plant, and `bank` times its bank; 0: none."""
    nodes = [
        node
        if node.pv is None
        else node.model_copy(
            update={"pv": node.pv.model_copy(update={"peak_w": sun * node.pv.peak_w})}
        )
        for node in plan.nodes
    ]
    power_w = bank * plan.battery.max_power_w
    capacity_wh = max(bank, 1) * plan.battery.capacity_wh
    battery = plan.battery.model_copy(update={"max_power_w": power_w, "capacity_wh": capacity_wh})
    return plan.model_copy(update={"nodes": nodes, "battery": battery, "tie": None})


def lived(plan: Plan, profiles: Profiles) -> list[SlotFlows]:
    """What flowed in each quarter of an hour of the four weeks."""
    world = World.at_start(plan, profiles)
    world.set_time(0)
    kinds = {node.id: EntityKind[node.kind.upper()] for node in plan.nodes if node.kind != "board"}
    slots, before = [], EnergyFlows()
    for slot in range(len(profiles.times)):
        for _ in range(SLOT_MS // STEP_MS):
            world.step(STEP_MS)
        now = EnergyFlows()
        for node, kind in kinds.items():
            registers = Registers(*(wms // WMS_PER_WH for wms in world.energy_wms[node]))
            flows = flows_of(kind, registers)
            now += EnergyFlows(*(getattr(flows, name) for name in EnergyFlows.__slots__))
        slots.append(SlotFlows(slot - 1, slot, now - before))
        before = now
    return slots


def carbon_of(profiles: Profiles) -> Callable[[int], int]:
    """g/kWh of an hour counted from the first row."""
    table = read_carbon_table(TABLE)

    def at(hour: int) -> int:
        local = datetime.strptime(profiles.times[4 * hour], "%d.%m.%Y %H:%M")  # noqa: DTZ007 - local
        return table.g_per_kwh[local.month - 1][local.hour]

    return at


def report(name: str, value: float, unit: str, **more: str) -> None:
    """One figure."""
    print(json.dumps({"name": name, "value": round(value, 3), "unit": unit, **more}), flush=True)


def measured(slots: list[SlotFlows], carbon: Callable[[int], int]) -> Measures:
    """The measures of some slots."""
    return measure(slots, SLOT_MS // 1000, carbon)


def main() -> None:
    """All sizes, some half a minute."""
    plan, profiles = load_plan(), load_profiles()
    carbon = carbon_of(profiles)
    for sun, bank in SIZES:
        slots = lived(sized(plan, sun, bank), profiles)
        year = measured(slots, carbon)
        weeks = [
            measured(slots[i : i + WEEK_SLOTS], carbon) for i in range(0, len(slots), WEEK_SLOTS)
        ]
        shares = [(week.rur_ppm or 0) / 1e6 for week in weeks]
        what = f"sun x {sun}, bank x {bank}"
        report(
            f"renewable use, {what}", (year.rur_ppm or 0) / 1e6, "of use", aim=f">= {GOAL_RUR}",
            note=f"by week {min(shares):.2f} to {max(shares):.2f}",
        )  # fmt: skip
        report(
            f"carbon of what is used, {what}", (year.ci_mg_per_kwh or 0) / 1000, "g/kWh",
            aim=f"<= {GOAL_G_PER_KWH}",
        )  # fmt: skip


if __name__ == "__main__":
    main()

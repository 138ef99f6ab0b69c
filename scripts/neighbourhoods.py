"""Neighbourhoods to replay: the shipped one, and those of folders of open data.

A folder is told by the files in it. What is made up, because the data does not say it, is said in
each neighbourhood's note.
"""

from __future__ import annotations

import csv
import gzip
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.market import FeederTree
from backend.simulation import Household, Neighbourhood
from backend.simulation.neighbourhood import Integers
from devices.simulator import profiles

QUARTERS, HALVES, HOURS = 96, 48, 24
SPAN_M = 40
"""Between neighbours on a feeder whose lengths are not known."""
_PLAN = Path(profiles.__file__).parents[1] / "neighbourhood.toml"
_LOADS, _SUN = "LoadProfile_2016_15min.csv.gz", "PVProfile_2016_15min.csv.gz"
_AUSGRID_HOMES = 8


@dataclass(frozen=True, slots=True)
class Case:
    """A neighbourhood with a name and what is to be known about it."""

    name: str
    note: str
    neighbourhood: Neighbourhood


def shipped() -> Case:
    """The demo's metered loads and roofs on the shipped month."""
    return Case(
        "the neighbourhood in April",
        "twelve metered loads, five roofs (devices/simulator/neighbourhood.toml); SimBench",
        _planned(_arrays(profiles.load_month())),
    )


def four_weeks() -> Case:
    """The same homes in a week of each season: spring, summer, autumn, winter."""
    return Case(
        "the neighbourhood in four weeks",
        "as in April",
        _planned(_arrays(profiles.load_profiles())),
    )


def from_folder(folder: Path) -> list[Case]:
    """The neighbourhoods of a folder. Raises SystemExit if its files are of no known kind."""
    if (folder / _LOADS).exists():
        return simbench(folder)
    if any(folder.glob("Building_*.csv")):
        return [citylearn(folder)]
    if any(folder.glob("customer*_30min.csv")):
        return [ausgrid(folder)]
    raise SystemExit(
        f"--data {folder}: holds neither {_LOADS} (SimBench), Building_*.csv (CityLearn) nor"
        " customer*_30min.csv (Ausgrid)"
    )


def simbench(folder: Path) -> list[Case]:
    """The demo's neighbourhood over a year, and the low-voltage grids that the folder describes."""
    columns = {
        name.removesuffix("_pload"): values
        for file in (_LOADS, _SUN)
        for name, values in _ten_thousandths(folder / file).items()
        if not name.endswith("_qload")
    }
    year = Case(
        "the neighbourhood in 2016", "as shipped, over the year; SimBench", _planned(columns)
    )
    grids = [_grid(folder, columns, grid) for grid in ("LV1.101", "LV4.101")]
    return [year, *grids]


def citylearn(folder: Path) -> Case:
    """Homes in Fontana, California, each with a roof: hourly, a year from August 2016."""
    homes = []
    files = {int(file.stem.split("_")[1]): file for file in folder.glob("Building_*.csv")}
    for number, file in sorted(files.items()):
        rows = _rows(file)
        kwp = 5 if number in (4, 10) else 4  # schema.json's nominal_power
        demand = _wh(float(row["non_shiftable_load"]) * 1000 for row in rows)
        sun = _wh(float(row["solar_generation"]) * kwp for row in rows)
        homes.append(Household(number, number, demand, sun))
    note = f"{len(homes)} homes, all with a roof, hourly; lengths of lines made up; CityLearn 2022"
    return Case("ten homes in Fontana", note, Neighbourhood(tuple(homes), HOURS, _row(max(files))))


def ausgrid(folder: Path) -> Case:
    """One home of Sydney, half-hourly over a year, made into a street: each of its homes lives the
    same year some weeks later under the same sun, and every second one has no roof."""
    file = next(iter(sorted(folder.glob("customer*_30min.csv"))))
    rows = _rows(file)
    demand = _wh(float(row["GC"]) * 1000 for row in rows)
    sun = _wh(float(row["GG"]) * 1000 for row in rows)
    homes = tuple(
        Household(
            number + 1,
            number + 1,
            np.roll(demand, number * 7 * HALVES),
            sun if number % 2 == 0 else np.zeros_like(sun),
        )
        for number in range(_AUSGRID_HOMES)
    )
    note = (
        f"one home eight times, a week later each, every second one without its roof:"
        f" a made-up street; {file.stem.split('_')[0]} of Ausgrid"
    )
    return Case("a street in Sydney", note, Neighbourhood(homes, HALVES, _row(len(homes))))


def _arrays(found: profiles.Profiles) -> dict[str, Integers]:
    return {name: np.array(values) for name, values in found.columns.items()}


def _planned(columns: dict[str, Integers]) -> Neighbourhood:
    """The homes of neighbourhood.toml on profiles of quarter hours, in ten-thousandths."""
    plan = tomllib.loads(_PLAN.read_text())
    homes = []
    for node in plan["node"]:
        if "load" not in node or "battery" in node.get("contactor", {}):
            continue  # what a battery of its own feeds is the society's and no member
        sun = _curve(columns, node["pv"]) if "pv" in node else None
        load = _curve(columns, node["load"])
        generation = np.zeros_like(load) if sun is None else sun
        homes.append(Household(node["id"], node["feeder"], load, generation))
    lines = {to: (start, SPAN_M) for start, to in plan["feeder"]["lines"]}
    return Neighbourhood(tuple(homes), QUARTERS, FeederTree(lines).distance_m)


def _curve(columns: dict[str, Integers], part: Mapping[str, object]) -> Integers:
    """Wh of each quarter of an hour, rounded down."""
    shift, peak_w = part.get("shift_slots", 0), part["peak_w"]
    if not (isinstance(shift, int) and isinstance(peak_w, int)):
        raise SystemExit(f"{part}: shift_slots and peak_w must be whole numbers")
    moved: Integers = np.roll(columns[str(part["profile"])], shift).astype(np.int64)
    return moved * peak_w // 40_000


def _grid(folder: Path, columns: dict[str, Integers], grid: str) -> Case:
    """Loads and roofs of one low-voltage grid, those at one bus behind one meter."""
    demand: dict[str, Integers] = {}
    sun: dict[str, Integers] = {}
    for file, power, found in (("Load", "pLoad", demand), ("RES", "pRES", sun)):
        for row in _rows(folder / f"{file}.csv", ";"):
            if row["subnet"] == grid:
                peak = {"profile": row["profile"], "peak_w": round(float(row[power]) * 1e6)}
                so_far = found.get(row["node"], 0)
                found[row["node"]] = so_far + _curve(columns, peak)
    buses = sorted(demand.keys() | sun.keys(), key=lambda bus: int(bus.split()[-1]))
    numbers = {bus: int(bus.split()[-1]) for bus in buses}
    none = np.zeros(len(columns["PV1"]), dtype=np.int64)
    homes = tuple(
        Household(numbers[bus], numbers[bus], demand.get(bus, none), sun.get(bus, none))
        for bus in buses
    )
    note = f"{len(demand)} connections with loads, {len(sun)} with a roof; SimBench {grid}"
    name = {"LV1.101": "a village", "LV4.101": "a suburb"}[grid]
    return Case(name, note, Neighbourhood(homes, QUARTERS, _feeder(folder, grid).distance_m))


def _feeder(folder: Path, grid: str) -> FeederTree:
    """The grid's lines as a tree. Sections of a busbar (`Bus 7_2`) are one place: `Bus 7`."""
    between: dict[int, dict[int, int]] = {}
    for row in _rows(folder / "Line.csv", ";"):
        if row["subnet"] == grid:
            a, b = (int(row[end].split()[-1].split("_")[0]) for end in ("nodeA", "nodeB"))
            metres = round(float(row["length"]) * 1000)
            between.setdefault(a, {})[b] = between.setdefault(b, {})[a] = metres
    root = min(between)
    lines: dict[int, tuple[int, int]] = {}
    reached, waiting = {root}, [root]
    while waiting:
        here = waiting.pop()
        for there, metres in between[here].items():
            if there not in reached:
                reached.add(there)
                lines[there] = (here, metres)
                waiting.append(there)
    return FeederTree(lines)


def _row(count: int) -> Callable[[int, int], int]:
    return FeederTree({place: (place - 1, SPAN_M) for place in range(2, count + 1)}).distance_m


def _wh(values: Iterable[float]) -> Integers:
    """To the nearest Wh; the tables' tiny negative sums of floats are 0."""
    return np.array([max(0, round(value)) for value in values], dtype=np.int64)


def _ten_thousandths(path: Path) -> dict[str, Integers]:
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.reader(file))
    header, body = rows[0], rows[1:]
    columns: Sequence[Sequence[str]] = list(zip(*body, strict=True))
    return {
        name: np.rint(np.array(column, dtype=np.float64) * 10_000).astype(np.int64)
        for name, column in zip(header[1:], columns[1:], strict=True)
        if not name.endswith("_qload")
    }


def _rows(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file, delimiter=delimiter))

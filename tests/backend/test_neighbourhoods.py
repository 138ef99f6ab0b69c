"""Neighbourhoods from folders of open data, as their publishers lay them out."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from backend.simulation import Household
from devices.simulator import profiles
from scripts import neighbourhoods


def by_id(case: neighbourhoods.Case) -> dict[int, Household]:
    return {home.party_id: home for home in case.neighbourhood.households}


def test_the_shipped_month_is_april_and_the_week_before_it() -> None:
    place = neighbourhoods.shipped().neighbourhood
    month = profiles.load_month()
    assert place.slots == len(month.times) == 37 * 96
    assert month.times[0] == "24.03.2016 23:00"  # summer time began on the 27th
    assert month.times[7 * 96] == "01.04.2016 00:00"
    assert month.times[-1] == "30.04.2016 23:45"
    homes = by_id(neighbourhoods.shipped())
    assert len(homes) == 12
    assert sum(home.generation_wh.any() for home in homes.values()) == 5
    # House P1 hangs on 7, C3 on 13: 7-8, 8-12, 12-13.
    assert place.distance_between(7, 13) == 3 * neighbourhoods.SPAN_M


def test_the_shipped_week_is_the_same_in_both_extracts() -> None:
    week, month = profiles.load_profiles(), profiles.load_month()
    begin = month.times.index(week.times[0])
    for name, values in week.columns.items():
        assert month.columns[name][begin : begin + 7 * 96] == values[: 7 * 96]


def test_an_ausgrid_customer_becomes_a_street(tmp_path: Path) -> None:
    rows = [f"2011-07-01,{row % 48 / 10},{row / 1000}" for row in range(14 * 48)]
    (tmp_path / "customer7_2011-2012_30min.csv").write_text("\n".join([",GC,GG", *rows]))
    (case,) = neighbourhoods.from_folder(tmp_path)
    homes = by_id(case)
    assert "customer7" in case.note
    assert case.neighbourhood.slots_per_day == 48
    assert homes[1].demand_wh[:3].tolist() == [0, 100, 200]
    assert (homes[1].generation_wh == range(14 * 48)).all()
    assert not homes[2].generation_wh.any()
    assert (homes[2].demand_wh[7 * 48 :] == homes[1].demand_wh[: 7 * 48]).all()


def test_citylearn_buildings_become_homes(tmp_path: Path) -> None:
    for number in (1, 4):
        (tmp_path / f"Building_{number}.csv").write_text(
            "hour,non_shiftable_load,solar_generation\n24,2.2758,0.0\n1,0.5,100.0\n"
        )
    (case,) = neighbourhoods.from_folder(tmp_path)
    homes = by_id(case)
    assert case.neighbourhood.slots_per_day == 24
    assert homes[1].demand_wh.tolist() == [2276, 500]
    assert homes[1].generation_wh.tolist() == [0, 400]
    assert homes[4].generation_wh.tolist() == [0, 500]


def test_a_simbench_grid_has_its_loads_roofs_and_lines(tmp_path: Path) -> None:
    month = profiles.load_month()
    loads = [name for name in month.columns if not name.startswith("PV")]
    suns = [name for name in month.columns if name.startswith("PV")]
    for name, header, value in (
        ("LoadProfile_2016_15min", [f"{load}_pload" for load in loads], "0.5"),
        ("PVProfile_2016_15min", suns, "0.25"),
    ):
        row = ["01.01.2016 00:00", *[value] * len(header)]
        text = "\n".join([",".join(["time", *header]), ",".join(row)])
        (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
    tables = {
        "Load": ["id;node;profile;pLoad;subnet"]
        + [f"a;{grid} Bus 3;H0-A;0.004;{grid}" for grid in ("LV1.101", "LV1.101", "LV4.101")],
        "RES": ["id;node;profile;pRES;subnet", "a;LV1.101 Bus 5;PV1;0.008;LV1.101"],
        "Line": ["id;nodeA;nodeB;length;subnet"]
        + [
            f"a;{grid} Bus {a};{grid} Bus {b};{km};{grid}"
            for grid in ("LV1.101", "LV4.101")
            for a, b, km in (("1_1", "3", 0.05), ("3_2", "5", 0.0204))
        ],
    }
    for name, lines in tables.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    year, village, suburb = neighbourhoods.from_folder(tmp_path)
    assert len(year.neighbourhood.households) == 12
    homes = by_id(village)
    assert homes[3].demand_wh.tolist() == [1000]  # two loads of 4 kW at half, a quarter of an hour
    assert homes[5].generation_wh.tolist() == [500]
    assert village.neighbourhood.distance_between(3, 5) == 20
    assert list(by_id(suburb)) == [3]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"--data .* holds neither .*SimBench"):
        neighbourhoods.from_folder(tmp_path)

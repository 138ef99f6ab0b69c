"""A month of the neighbourhood's markets, simulated on real profiles: JSON lines for `make bench`.

    python -m benchmarks.bench_month --write                 April, into docs/month.md and its plot
    python -m benchmarks.bench_month --data FOLDER --write   the back-test on a folder of open data

Without --write nothing is written. FOLDER holds SimBench's profiles and grids, CityLearn's
buildings or an Ausgrid customer (scripts/neighbourhoods.py). Same seed, same figures.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import Progress

from backend.market import GridTerms, TickGrid, clear_call_auction
from backend.simulation import (
    STRATEGIES,
    Bidding,
    Forecast,
    Plan,
    Result,
    forecast_net,
    orders_of_slot,
    replay,
)
from benchmarks.doc_blocks import markdown_table, replace_block, write_plot
from benchmarks.drawing import Panel, bars
from scripts import neighbourhoods
from scripts.neighbourhoods import Case

RUPEE = 1_000_000
GRID = GridTerms(3 * RUPEE, 7 * RUPEE)
TICKS = TickGrid(0, RUPEE // 100, 1000)
HISTORY_DAYS = 7
GATE_HOURS = 12
BACK_TEST = ("no_trade", "bilateral_largest", "bilateral_nearest", "day_ahead")
BACK_TEST += ("real_time", "day_ahead_and_real_time")
HELD_BACK = (0, 50, 75, 100)
Results = dict[str, Result]


class Runs:
    """Replays of one neighbourhood under one set of rules, with progress on stderr."""

    def __init__(self, case: Case, seed: int, bar: Progress) -> None:
        self.case = case
        self._seed = seed
        self._bar = bar

    def plan(self, forecast: Forecast = Forecast.YESTERDAY, held_back_percent: int = 100) -> Plan:
        place = self.case.neighbourhood
        return Plan(
            Bidding(GRID, TICKS, held_back_percent, self._seed),
            forecast,
            GATE_HOURS * place.slots_per_day // 24,
            HISTORY_DAYS * place.slots_per_day,
            place.slots,
        )

    def one(self, name: str, plan: Plan | None = None) -> Result:
        chosen = plan or self.plan()
        words = f"{self.case.name}: {STRATEGIES[name].name}, {chosen.forecast.value}"
        task = self._bar.add_task(words, total=chosen.end_slot - chosen.first_slot)

        def progress(done: int, _: int) -> None:
            if done % 96 == 0:
                self._bar.update(task, completed=done)

        result = replay(self.case.neighbourhood, STRATEGIES[name], chosen, progress)
        self._bar.remove_task(task)
        return result

    def many(self, names: Sequence[str]) -> Results:
        return {name: self.one(name) for name in names}


def kwh(energy_wh: int) -> str:
    return f"{energy_wh / 1000:,.0f}"


def rupees(micro_inr: int) -> str:
    return f"{micro_inr / RUPEE:,.0f}"


def percent(share: Fraction | None) -> str:
    return "" if share is None else f"{float(share) * 100:.1f} %"


def per_kwh(price: Fraction | None) -> str:
    return "" if price is None else f"{float(price) / RUPEE:.2f}"


def saving(result: Result, without: Result) -> Fraction:
    """By how much the community pays less; of what it pays without trade."""
    return 1 - Fraction(result.cost_micro_inr, without.cost_micro_inr)


def worse_off(result: Result, without: Result) -> int:
    """Households that pay more, or get less, than without trade."""
    before = without.received_micro_inr
    return sum(got < before[party] for party, got in result.received_micro_inr.items())


def strategy_rows(results: Results) -> list[list[str]]:
    without = results["no_trade"]
    return [
        [
            result.strategy.name,
            kwh(result.grid_import_wh),
            kwh(result.grid_export_wh),
            rupees(result.cost_micro_inr),
            percent(saving(result, without)) if name != "no_trade" else "",
            kwh(result.traded_wh) if result.strategy.market else "",
            percent(result.match_rate),
            per_kwh(result.mean_quoted_spread),
            percent(result.self_sufficiency),
            str(worse_off(result, without)) if name != "no_trade" else "",
        ]
        for name, result in results.items()
    ]


STRATEGY_HEADER = (
    "",
    "from the grid, kWh",
    "to the grid, kWh",
    "costs the homes, Rs",
    "less than without",
    "agreed ahead, kWh",
    "match rate",
    "spread left, Rs/kWh",
    "self-sufficient",
    "homes worse off",
)


def forecast_rows(runs: Runs, without: Result) -> list[list[str]]:
    """The day-ahead market by what households expect; the last row nobody can have."""
    rows = []
    for forecast in Forecast:
        result = runs.one("day_ahead", runs.plan(forecast=forecast))
        bound = " (a bound: nobody has it)" if forecast is Forecast.PERFECT else ""
        rows.append(
            [
                forecast.value + bound,
                kwh(result.traded_wh),
                kwh(result.deviation_wh),
                kwh(result.grid_import_wh),
                percent(saving(result, without)),
            ]
        )
    return rows


def held_back_rows(runs: Runs, without: Result) -> list[list[str]]:
    """The day-ahead market by how much of the way to the other end limits hold back."""
    rows = []
    for held_back in HELD_BACK:
        result = runs.one("day_ahead", runs.plan(held_back_percent=held_back))
        rows.append(
            [
                f"{held_back} %",
                percent(result.match_rate),
                per_kwh(result.mean_quoted_spread),
                per_kwh(result.mean_limit_gap),
                percent(saving(result, without)),
            ]
        )
    return rows


def discovery_ms(runs: Runs) -> list[float]:
    """How long each slot's price takes from its orders, in one process, wall clock."""
    plan, place = runs.plan(), runs.case.neighbourhood
    expected = forecast_net(place, plan.forecast, plan.gate_slots)
    taken = []
    for slot in range(plan.first_slot, plan.end_slot):
        book = orders_of_slot(place, slot, expected[:, slot], plan.bidding)
        began = time.perf_counter()
        clear_call_auction(book, TICKS)
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def plot(results: Results) -> str:
    every = list(results.values())
    numbers = (
        ("from the main grid, kWh", [result.grid_import_wh / 1000 for result in every]),
        ("to the main grid, kWh", [result.grid_export_wh / 1000 for result in every]),
        ("costs the homes, Rs", [result.cost_micro_inr / RUPEE for result in every]),
    )
    panels = [Panel(title, values, [f"{v:,.0f}" for v in values]) for title, values in numbers]
    labels = [result.strategy.name for result in every]
    marked = [STRATEGIES[name].name for name in ("real_time", "day_ahead_and_real_time")]
    return bars("April in the neighbourhood, by how it trades (simulated)", labels, panels, marked)


def show(name: str, value: float, unit: str, **more: str) -> None:
    print(json.dumps({"name": name, "value": round(value, 3), "unit": unit} | more), flush=True)


def month(seed: int, write: bool, bar: Progress) -> None:
    """April of the shipped neighbourhood: every strategy, forecast and way to hold back."""
    runs = Runs(neighbourhoods.shipped(), seed, bar)
    results = runs.many(list(STRATEGIES))
    without = results["no_trade"]
    for result in results.values():
        show(f"{result.strategy.name}, cost", result.cost_micro_inr / RUPEE, "Rs")
    matched = results["day_ahead"]
    show(
        "day ahead, match rate",
        float(matched.match_rate or 0) * 100,
        "%",
        beside="98.7 % (claimed)",
    )
    spread = float(matched.mean_quoted_spread or 0) / RUPEE
    show("day ahead, spread left", spread, "Rs/kWh", beside="Rs 0.23/kWh (claimed)")
    taken = discovery_ms(runs)
    show("price discovery of a slot, median", median(taken), "ms", beside="450 ms (claimed)")
    note = "wall clock: whatever else the machine does counts"
    show("price discovery of a slot, longest", max(taken), "ms", note=note)
    if not write:
        return
    replace_block("month.md", "strategies", markdown_table(STRATEGY_HEADER, strategy_rows(results)))
    header = ("expects", "agreed, kWh", "off by, kWh", "from the grid, kWh", "less than without")
    replace_block("month.md", "forecasts", markdown_table(header, forecast_rows(runs, without)))
    header = ("held back at most", "match rate", "spread left, Rs/kWh", "limits apart, Rs/kWh")
    header += ("less than without",)
    replace_block("month.md", "limits", markdown_table(header, held_back_rows(runs, without)))
    write_plot("month.svg", plot(results))


def back_test(folder: Path, seed: int, write: bool, bar: Progress) -> None:
    """Every neighbourhood of a folder over all its days."""
    for case in neighbourhoods.from_folder(folder):
        runs = Runs(case, seed, bar)
        results = runs.many(BACK_TEST)
        for result in results.values():
            name = f"{case.name}, {result.strategy.name}"
            show(f"{name}, cost", result.cost_micro_inr / RUPEE, "Rs", note=case.note)
        if write:
            days = runs.plan().end_slot // case.neighbourhood.slots_per_day - HISTORY_DAYS
            table = markdown_table(STRATEGY_HEADER, strategy_rows(results))
            text = f"{case.name[0].upper()}{case.name[1:]}: {case.note}; {days} days.\n\n{table}"
            replace_block("month.md", f"back-test {case.name}", text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="a folder of open data to replay instead")
    parser.add_argument("--write", action="store_true", help="tables into docs/month.md")
    parser.add_argument("--seed", type=int, default=2026, help="of limits (2026)")
    given = parser.parse_args()
    with Progress(console=Console(stderr=True), transient=True) as bar:
        if given.data is None:
            month(given.seed, given.write, bar)
        else:
            back_test(given.data, given.seed, given.write, bar)


if __name__ == "__main__":
    main()

"""E-STAR against shortest path and trust alone, under attack, simulated: tables and plots.

    python -m benchmarks.bench_estar                      run what is missing, show it
    python -m benchmarks.bench_estar --write              the same, into docs/mesh-figures.md
    python -m benchmarks.bench_estar --finished --write   only what has been run so far
    python -m benchmarks.bench_estar --seeds 2 --processes 1

Finished trials are kept in .cache/bench_estar.jsonl, so that an interrupted run goes on; remove the
file to run all anew. Same seeds, same figures. The trial and its assumptions: mesh_trial.py.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from itertools import product
from pathlib import Path
from statistics import mean, stdev

from scipy.stats import t as student

from benchmarks.doc_blocks import markdown_table, replace_block, write_plot
from benchmarks.mesh_plot import Line, lines
from benchmarks.mesh_trial import ATTACKS, STRATEGIES, Outcome, outcome_of

NODES = 30
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4)
MAIN = tuple(strategy for strategy in STRATEGIES if strategy != "estar_best")
SMALL, LARGE = (20, NODES), (60, 100)
SIZES = (*SMALL, *LARGE)
LEAST = 3
"""Trials that a row or a point is of at the least."""
NAMES = {
    "estar": "E-STAR, shortest reliable",
    "estar_best": "E-STAR, best available",
    "trust_only": "trust alone",
    "shortest": "shortest path",
}
CACHE = Path(".cache/bench_estar.jsonl")
Case = tuple[int, float, str, str, int]
Mean = tuple[float, float]
"""A mean and half its 95 % interval."""


def cases(seeds: int) -> list[Case]:
    """Every trial, seed by seed, so that what an interrupted run has is even; the largest fields,
    which take as long as all others together, at last."""
    found: list[Case] = []
    for n in range(1, seeds + 1):
        found += [case for size in SMALL for case in _mixed(size, n, STRATEGIES)]
        found += [(NODES, 0.3, attack, s, n) for attack, s in product(ATTACKS[:-1], STRATEGIES)]
        found += _mixed(60, n, MAIN)
    for n in range(1, seeds + 1):
        found += [case for size in LARGE for case in _mixed(size, n, STRATEGIES)]
    return list(dict.fromkeys(found))


def _mixed(size: int, seed: int, strategies: Sequence[str]) -> list[Case]:
    return [(size, share, "mixed", s, seed) for share, s in product(SHARES, strategies)]


def finished(seeds: int) -> dict[Case, Outcome]:
    """What the cache has of these seeds."""
    known = _cached()
    return {case: known[case] for case in cases(seeds) if case in known}


def run(seeds: int, processes: int) -> dict[Case, Outcome]:
    """Runs what the cache lacks and returns all that it has of these seeds."""
    wanted, known = cases(seeds), _cached()
    CACHE.parent.mkdir(exist_ok=True)
    missing = [case for case in wanted if case not in known]
    with ProcessPoolExecutor(processes) as pool, CACHE.open("a") as kept:
        running = {pool.submit(outcome_of, case): case for case in missing}
        for done in as_completed(running):
            case, outcome = running[done], done.result()
            known[case] = outcome
            kept.write(json.dumps({"case": case, **asdict(outcome)}) + "\n")
            kept.flush()
    return {case: known[case] for case in wanted}


def _cached() -> dict[Case, Outcome]:
    if not CACHE.exists():
        return {}
    found = {}
    for line in CACHE.read_text().splitlines():
        row = json.loads(line)
        nodes, share, attack, strategy, seed = row.pop("case")
        found[(nodes, share, attack, strategy, seed)] = Outcome(**row)
    return found


def mean_of(found: dict[Case, Outcome], field: str, **wanted: object) -> Mean:
    """Mean over seeds of the trials that fit, and half its 95 % interval (Student's t)."""
    names = ("nodes", "share", "attack", "strategy")
    values = [
        getattr(outcome, field)
        for case, outcome in found.items()
        if all(case[names.index(name)] == value for name, value in wanted.items())
    ]
    if not values:
        return math.nan, math.nan
    if len(values) == 1:
        return values[0], math.nan
    quantile = float(student.ppf(0.975, len(values) - 1))
    return mean(values), quantile * stdev(values) / math.sqrt(len(values))


def seeds_of(found: dict[Case, Outcome], of: dict[str, object]) -> int:
    """How many seeds a row is the mean of."""
    nodes, share, attack, strategy = (of[n] for n in ("nodes", "share", "attack", "strategy"))
    return sum(case[:4] == (nodes, share, attack, strategy) for case in found)


def shares_table(found: dict[Case, Outcome], size: int) -> str:
    """All attacks mixed, by their share, in fields of this size."""
    rows: list[list[str]] = []
    for strategy, share in product(STRATEGIES, SHARES):
        of = {"nodes": size, "share": share, "attack": "mixed", "strategy": strategy}
        rows += _row(found, of, f"{share:.0%}")
    return _table("attackers", rows)


def section(found: dict[Case, Outcome], size: int) -> str:
    """The plot and the table of one size, or that there are none yet."""
    if not drawable(found, size):
        rows = shares_table(found, size)
        return rows if rows.count("\n") > 1 else "Too few were run so far."
    shown = f"![{size} nodes under mixed attacks](plots/estar-{size}.svg)"
    return f"{shown}\n\n{shares_table(found, size)}\n"


def drawable(found: dict[Case, Outcome], size: int) -> bool:
    """Whether every share of attackers has enough trials of the routings that are compared."""
    return all(
        seeds_of(found, {"nodes": size, "share": share, "attack": "mixed", "strategy": s}) >= LEAST
        for share, s in product(SHARES, MAIN)
    )


def attacks_table(found: dict[Case, Outcome]) -> str:
    """Each attack by itself at 30 %."""
    rows: list[list[str]] = []
    for attack, strategy in product(ATTACKS[:-1], STRATEGIES):
        of = {"nodes": NODES, "share": 0.3, "attack": attack, "strategy": strategy}
        rows += _row(found, of, attack)
    return _table("attack", rows)


def _row(found: dict[Case, Outcome], of: dict[str, object], what: str) -> list[list[str]]:
    """A row of a table; none of fewer than three trials: their interval says nothing."""
    if seeds_of(found, of) < LEAST:
        return []
    return [[NAMES[str(of["strategy"])], what, *_cells(found, of)]]


def _cells(found: dict[Case, Outcome], of: dict[str, object]) -> list[str]:
    late, late_half = mean_of(found, "late", **of)
    life, life_half = mean_of(found, "lifetime", **of)
    cost, cost_half = mean_of(found, "overhead", **of)
    accused, accused_half = mean_of(found, "accused", **of)
    whole, whole_half = mean_of(found, "delivered", **of)
    return [
        f"{100 * whole:.1f} ± {100 * whole_half:.1f}",
        f"{100 * late:.1f} ± {100 * late_half:.1f}",
        f"{life:.1f} ± {life_half:.1f}",
        f"{cost:.1f} ± {cost_half:.1f}",
        f"{100 * accused:.2f} ± {100 * accused_half:.2f}",
        str(seeds_of(found, of)),
    ]


def _table(what: str, rows: Sequence[Sequence[str]]) -> str:
    header = ["routing", what, "delivered, %", "in the second half, %", "messages a route"]
    header += ["bytes on air per byte", "honest nodes excluded, %", "seeds"]
    return markdown_table(header, rows)


def plot(found: dict[Case, Outcome], size: int) -> str:
    """Losses, route lifetime, overhead and false accusations over the attackers' share."""
    panels = []
    for field, title, zero, scale in (
        ("delivered", "lost, %", 100, -100),
        ("lifetime", "messages a route (of 8)", 0, 1),
        ("overhead", "bytes on air per byte", 0, 1),
        ("accused", "honest excluded, %", 0, 100),
    ):
        drawn = []
        for style, strategy in enumerate(STRATEGIES):
            of = {"nodes": size, "attack": "mixed", "strategy": strategy}
            points = [mean_of(found, field, share=share, **of) for share in SHARES]
            if not any(math.isnan(m) or math.isnan(h) for m, h in points):
                bars = [(zero + scale * m, abs(scale) * h) for m, h in points]
                drawn.append(Line(NAMES[strategy], bars, style))
        panels.append((title, drawn))
    return lines(
        f"{size} nodes under mixed attacks (simulated; bars: 95 % interval)",
        [f"{share:.0%}" for share in SHARES],
        "attackers",
        panels,
    )


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="into docs/mesh-figures.md")
    parser.add_argument("--finished", action="store_true", help="only what is in the cache")
    given = parser.parse_args()
    found = finished(given.seeds) if given.finished else run(given.seeds, given.processes)
    tables = {f"estar {size}": section(found, size) for size in SIZES}
    tables["estar attacks"] = attacks_table(found)
    for name, table in tables.items():
        if given.write:
            replace_block("mesh-figures.md", name, table)
        print(name, table, sep="\n", end="\n\n")
    if given.write:
        for size in (size for size in SIZES if drawable(found, size)):
            write_plot(f"estar-{size}.svg", plot(found, size))


if __name__ == "__main__":
    main()

"""Runs every `bench_*.py` of this folder, prints one table and writes results/latest.json.

A benchmark is a program that prints one JSON object a line: `name`, `value`, `unit`, and whichever
it has of `aim` ("<= 250000" or ">= 50000"), `beside` (what the literature or another tool reports),
`note`. Other lines are its own log and pass through to stderr. A figure that misses its aim is
marked, not hidden; only a benchmark that fails to run makes this command fail.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).resolve().parent
RESULTS = FOLDER / "results/latest.json"
_AIMS = {"<=": float.__le__, ">=": float.__ge__, "<": float.__lt__, ">": float.__gt__}


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure."""

    bench: str
    name: str
    value: float
    unit: str
    aim: str | None = None
    beside: str | None = None
    note: str | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the aim is reached; None without one."""
        if not self.aim:
            return None
        sign, bound = self.aim.split()
        return _AIMS[sign](self.value, float(bound))


def parse(bench: str, line: str) -> Figure | None:
    """The figure in a line of a benchmark's output, or None if it is something else."""
    if not line.startswith("{"):
        return None
    try:
        found: dict[str, Any] = json.loads(line)
        optional = {key: found.get(key) for key in ("aim", "beside", "note")}
        return Figure(
            bench,
            str(found["name"]),
            float(found["value"]),
            str(found["unit"]),
            **{key: None if text is None else str(text) for key, text in optional.items()},
        )
    except (ValueError, KeyError, TypeError):
        return None


def measure(program: Path) -> tuple[list[Figure], int]:
    """Runs one benchmark; its figures and its exit status."""
    bench = program.stem.removeprefix("bench_")
    command = [sys.executable, "-m", f"{FOLDER.name}.{program.stem}"]
    figures = []
    with subprocess.Popen(command, cwd=FOLDER.parent, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            if figure := parse(bench, line):
                figures.append(figure)
            else:
                print(line, end="", file=sys.stderr)
    return figures, process.returncode


def machine() -> dict[str, str | int]:
    """What the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "commit": _commit(),
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def table(figures: Sequence[Figure]) -> Table:
    """All figures, one row each."""
    made = Table("benchmark", "figure", "value", "unit", "aim", "", "beside", "note", box=None)
    made.columns[2].justify = "right"
    for figure in figures:
        verdict = {None: "", True: "reached", False: "missed"}[figure.reached]
        made.add_row(
            figure.bench,
            figure.name,
            f"{figure.value:,.3f}".rstrip("0").rstrip("."),
            figure.unit,
            figure.aim or "",
            verdict,
            figure.beside or "",
            figure.note or "",
        )
    return made


def run(names: Sequence[str]) -> int:
    """Runs the named benchmarks, or all; the exit status."""
    programs = sorted(FOLDER.glob("bench_*.py"))
    if names:
        known = {program.stem.removeprefix("bench_"): program for program in programs}
        if unknown := [name for name in names if name not in known]:
            print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known)}")
            return 2
        programs = [known[name] for name in names]
    figures: list[Figure] = []
    failed: list[str] = []
    for program in programs:
        print(f"{program.stem} ...", file=sys.stderr)
        found, status = measure(program)
        figures += found
        if status or not found:
            failed.append(program.name)
    Console(width=None if sys.stdout.isatty() else 200).print(table(figures))
    if not names:  # a part must not pass for the whole
        rows = [{**asdict(figure), "reached": figure.reached} for figure in figures]
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"machine": machine(), "figures": rows}, indent=2) + "\n")
    for name in failed:
        print(f"{name} failed or printed no figure", file=sys.stderr)
    return 1 if failed else 0


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def _commit() -> str:
    command = ["git", "-C", str(FOLDER), "describe", "--always", "--dirty"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or "unknown"

"""How long and in how much memory a slot's orders are cleared: JSON lines for `make bench`.

Every case runs in a process of its own (`clearing_case`), on the same book for every engine.
ASSUME's engines are measured beside ours if this Python has them, or another one named by
OHMSTEAD_ASSUME_PYTHON: `python -m venv V && V/bin/pip install assume-framework`. A case is stopped
after OHMSTEAD_BENCH_CPU_S seconds of CPU (120), and bigger ones of the same engine are left out.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median

SIZES = (1_000, 10_000, 100_000, 1_000_000)
OURS = ("call auction", "pay as clear", "pay as bid")
THEIRS = ("assume pay_as_clear", "assume pay_as_bid")
SAME_RULE = {"assume pay_as_clear": "pay as clear", "assume pay_as_bid": "pay as bid"}
AIM = {100_000: "<= 500"}
LIMIT_S = int(os.environ.get("OHMSTEAD_BENCH_CPU_S", "120"))
FOLDER = Path(__file__).resolve().parent

Case = dict[str, float]


def show(name: str, value: float, unit: str, **more: str | None) -> None:
    figure = {"name": name, "value": round(value, 3), "unit": unit}
    print(json.dumps(figure | {k: v for k, v in more.items() if v}), flush=True)


def run_once(python: str, engine: str, orders: int) -> Case | None:
    """One case; None if it was stopped for its CPU time."""
    ran = subprocess.run(
        [python, "-m", "benchmarks.clearing_case", engine, str(orders)],
        cwd=FOLDER.parent,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S + 5)),
    )
    if ran.returncode < 0:
        return None
    ran.check_returncode()
    found: Case = json.loads(ran.stdout.splitlines()[-1])
    return found


def measure(python: str, engine: str, orders: int) -> Case | None:
    """The median of three runs; one is enough where it takes seconds."""
    first = run_once(python, engine, orders)
    if first is None or first["cpu_s"] > 3:
        return first
    runs = [first, *(run_once(python, engine, orders) or first for _ in range(2))]
    return first | {"cpu_s": median(run["cpu_s"] for run in runs)}


def assume_python() -> str | None:
    """A Python that has ASSUME, if there is one."""
    named = os.environ.get("OHMSTEAD_ASSUME_PYTHON")
    if named:
        return named
    return sys.executable if importlib.util.find_spec("assume") else None


def beside(theirs: Case, ours: Case) -> str:
    """How another engine compares with ours of the same rule."""
    ratio = f"{theirs['cpu_s'] / ours['cpu_s']:,.0f} times ours"
    if theirs["volume_wh"] == ours["volume_wh"]:
        return f"{ratio}; the same volume"
    return f"{ratio}; clears {theirs['volume_wh']:.0f} Wh, ours {ours['volume_wh']:.0f}"


def bench(python: str, engine: str, reference: dict[tuple[str, int], Case]) -> None:
    for orders in SIZES:
        name = f"{engine}, {orders:,} orders"
        case = measure(python, engine, orders)
        if case is None:
            show(name, LIMIT_S * 1000, "CPU ms", note=f"stopped at {LIMIT_S} s, not finished")
            return
        same = reference.get((SAME_RULE.get(engine, ""), orders))
        if same:
            show(name, case["cpu_s"] * 1000, "CPU ms", note=beside(case, same))
        else:
            show(name, case["cpu_s"] * 1000, "CPU ms", aim=AIM.get(orders))
            reference[engine, orders] = case
        show(f"{name}, peak", case["peak_mib"], "MiB", note="of the whole process")


def main() -> None:
    reference: dict[tuple[str, int], Case] = {}
    for engine in OURS:
        bench(sys.executable, engine, reference)
    discovery = reference["call auction", 1_000]["cpu_s"] * 1000
    show("price discovery, 1,000 orders", discovery, "ms", beside="450 ms (claimed)")
    python = assume_python()
    if python is None:
        print("ASSUME is not installed here and OHMSTEAD_ASSUME_PYTHON is not set: ours alone")
        return
    for engine in THEIRS:
        bench(python, engine, reference)


if __name__ == "__main__":
    main()

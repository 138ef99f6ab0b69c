"""A hundred thousand forged frames of each kind at the gateway: JSON lines for `make bench`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/backend"))

from adversary import run


def main() -> None:
    """All kinds, with how many got through, and what the gateway answered."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--volume", type=int, default=100_000, help="frames of each kind")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.process_time()
    trials = run(options.volume, options.seed)
    spent_s = time.process_time() - began
    for trial in trials:
        answers = ", ".join(f"{n} {result}" for result, n in trial.results.most_common())
        name = f"{trial.name} frames accepted, of {trial.attempts} ({answers})"
        found = {"name": name, "value": trial.accepted, "unit": "frames", "aim": "<= 0"}
        print(json.dumps(found), flush=True)
    attempts = sum(trial.attempts for trial in trials)
    each = {"name": "a forged frame, made and refused", "value": round(1e6 * spent_s / attempts, 1)}
    print(json.dumps({**each, "unit": "us of CPU"}), flush=True)


if __name__ == "__main__":
    main()

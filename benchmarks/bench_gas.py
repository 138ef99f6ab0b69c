"""What the contracts' calls cost, beside what one would do instead, from one run of Forge.

The figures are those of forge-test/snapshots, which this run checks to the gas; the baselines
(one transaction a reading, an ERC-1155 mint a meter, ERC-20 for ERC-20) are forge-test/baseline.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SNAPSHOTS = ROOT / "forge-test/snapshots"
BATCH = 100

AIMS = {
    "commitSlot, 2 of 3 signers": "< 250000",
    "buyEnergy in INR": "< 100000",
}


def measure() -> dict[str, int]:
    """Runs all gas tests as whole transactions; figures by name. Raises CalledProcessError."""
    subprocess.run(
        ["forge", "test", "--isolate", "--match-contract", "Gas"],
        cwd=ROOT,
        env=os.environ | {"FORGE_SNAPSHOT_CHECK": "true"},
        stdout=sys.stderr,
        check=True,
    )
    figures: dict[str, int] = {}
    for path in sorted(SNAPSHOTS.glob("*.json")):
        figures |= {name: int(gas) for name, gas in json.loads(path.read_text()).items()}
    return figures


def report(name: str, value: float, unit: str, **more: str) -> None:
    """One figure as a JSON line."""
    print(json.dumps({"name": name, "value": round(value, 3), "unit": unit, **more}), flush=True)


def main() -> None:
    """Prints every figure, then the ratios to the baselines."""
    gas = measure()
    for name, value in gas.items():
        aim = {"aim": AIMS[name]} if name in AIMS else {}
        report(name, value, "gas", **aim)

    commit = gas["commitSlot, 2 of 3 signers"]
    settle = gas[f"settle {BATCH} of 128, prepaid, all minting"]
    reading = gas["record one reading of one meter"]
    credit = gas["credit one meter"]
    for whose in ("billed", "prepaid, all burning", "prepaid, all minting"):
        per_meter = gas[f"settle {BATCH} of 128, {whose}"] / BATCH
        report(f"settle, per meter in a batch of 100, {whose}", per_meter, "gas", aim="< 20000")
    report(
        "reading and credit of one meter, ours / usual",
        (commit / BATCH + settle / BATCH) / (reading + credit),
        "ratio",
        beside=f"1 = a transaction per reading and an ERC-1155 mint: {reading + credit} gas",
        note="100 meters; commit shared",
    )
    report(
        "readings of 100 000 meters on chain, ours / usual",
        commit / (100_000 * reading),
        "ratio",
        beside=f"1 = a transaction per reading: {reading} gas",
    )
    report(
        "buy energy, ours / ERC-20 for ERC-20",
        gas["buyEnergy in INR"] / gas["buy energy, ERC-20 for ERC-20"],
        "ratio",
        note="ours bounds the price, its age and the inventory",
    )


if __name__ == "__main__":
    main()

"""Writes tests/vectors/local_price.json: `python tests/vectors/make_local_price.py`.

Worked out in decimal rupees and kilowatts, as the formula is written, without the integer code that
the vectors judge.
"""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

OUT = Path(__file__).with_name("local_price.json")
BASES_INR = ("0", "3.00", "6.50", "6.543217", "1000")
DEMANDS_KW = ("0", "0.001", "2.345", "4.999", "5", "5.001", "12.75", "65.536", "2000")
SOLARS_KW = ("0", "0.001", "3.5", "5", "5.001", "32.768", "2000")
BOUNDS_INR = (("3", "8.50"), ("0.000001", "4294.967295"))


def micro(rupees: Decimal) -> int:
    scaled = rupees * 1_000_000
    assert scaled == scaled.to_integral_value(), rupees
    return int(scaled)


def vector(base: str, demand: str, solar: str, low: str, high: str) -> dict[str, Any]:
    price = (
        Decimal(base)
        + Decimal("0.15") * (Decimal(demand) - Decimal("5.0"))
        + Decimal("0.05") * (Decimal("1.0") - Decimal(solar) / Decimal("5.0"))
    )
    return {
        "base_micro_inr_per_kwh": micro(Decimal(base)),
        "demand_w": int(Decimal(demand) * 1000),
        "solar_w": int(Decimal(solar) * 1000),
        "lowest_micro_inr_per_kwh": micro(Decimal(low)),
        "highest_micro_inr_per_kwh": micro(Decimal(high)),
        "unclipped_micro_inr_per_kwh": micro(price),
        "price_micro_inr_per_kwh": micro(min(max(price, Decimal(low)), Decimal(high))),
    }


def main() -> None:
    rows = [
        vector(base, demand, solar, *bounds)
        for base, demand, solar, bounds in product(BASES_INR, DEMANDS_KW, SOLARS_KW, BOUNDS_INR)
    ]
    about = (
        "p = base + 0.15 (demand - 5.0) + 0.05 (1.0 - solar / 5.0) in Rs per kWh and kW, then"
        " clipped. All values fit 32 bits; unclipped is signed. docs/markets.md."
    )
    lines = ",\n  ".join(json.dumps(row) for row in rows)
    OUT.write_text(f'{{\n "about": {json.dumps(about)},\n "vectors": [\n  {lines}\n ]\n}}\n')


if __name__ == "__main__":
    main()

"""Makes the shipped profile extract from SimBench's low-voltage profiles.

    python -m devices.simulator.profiles.extract FOLDER

FOLDER holds LoadProfile_2016_15min.csv.gz and PVProfile_2016_15min.csv.gz.
Writes two files of 15-minute means beside this one, as ten-thousandths of each profile's rated
power: `weeks.csv.gz`, four whole weeks, Monday to Sunday, one a season, and `month.csv.gz`, April
and the week before it. Nobody needs this to run the project.
"""

from __future__ import annotations

import csv
import gzip
import io
import sys
from collections.abc import Iterable
from pathlib import Path

WEEK_STARTS = ("18.04.2016", "11.07.2016", "10.10.2016", "18.01.2016")
"""Mondays; spring first, as its days have sun to store and evenings that empty a battery."""

MONTH_START, MONTH_DAYS, HISTORY_DAYS = "01.04.2016", 30, 7
"""April, half of it cold and dark, half of it sunny, and seven times 24 hours before it to expect
from (they begin at 23:00, as summer time began in between)."""

LOADS = ("H0-A", "H0-B", "H0-C", "H0-G", "H0-L", "G1-A", "G6-A", "L1-A", "L2-A")
PANELS = ("PV1", "PV3", "PV4", "PV5", "PV6", "PV8")
ROWS_PER_DAY = 96

Row = dict[str, str]


def read(path: Path) -> list[Row]:
    """The rows of a gzipped SimBench profile table."""
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def days(rows: list[Row], start: str, count: int, before: int = 0) -> list[Row]:
    """So many days from 00:00 local time of `start`, and `before` times 24 hours before them."""
    first = next(i for i, row in enumerate(rows) if row["time"] == f"{start} 00:00")
    return rows[first - before * ROWS_PER_DAY : first + count * ROWS_PER_DAY]


def ten_thousandths(fraction: str) -> int:
    """SimBench gives four decimals, so nothing is lost."""
    return round(float(fraction) * 10_000)


def extract(source: Path, spans: Iterable[tuple[str, int, int]]) -> str:
    """Spans of (first day, days, days before) as CSV text."""
    loads = read(source / "LoadProfile_2016_15min.csv.gz")
    panels = read(source / "PVProfile_2016_15min.csv.gz")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["time", *LOADS, *PANELS])
    for span in spans:
        for load, panel in zip(days(loads, *span), days(panels, *span), strict=True):
            writer.writerow(
                [
                    load["time"],
                    *(ten_thousandths(load[f"{name}_pload"]) for name in LOADS),
                    *(ten_thousandths(panel[name]) for name in PANELS),
                ]
            )
    return text.getvalue()


def main() -> None:
    """Writes the extracts of the folder named on the command line, the same bytes each time."""
    source = Path(sys.argv[1])
    for name, spans in {
        "weeks": [(start, 7, 0) for start in WEEK_STARTS],
        "month": [(MONTH_START, MONTH_DAYS, HISTORY_DAYS)],
    }.items():
        target = Path(__file__).with_name(f"{name}.csv.gz")
        target.write_bytes(gzip.compress(extract(source, spans).encode(), compresslevel=9, mtime=0))
        print(f"{target.name}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()

"""Line coverage of the contracts from Forge's LCOV report, and its minimum: `make coverage`."""

import argparse
import sys
from pathlib import Path

SOURCES = "contracts/"
NOT_COUNTED = ("contracts/mocks/",)  # stand-ins for tests, never deployed


def line_hits(report: str) -> dict[str, dict[int, int]]:
    """Source file -> line -> times run, of the files that count."""
    files: dict[str, dict[int, int]] = {}
    current: dict[int, int] = {}
    for record in report.splitlines():
        key, _, value = record.partition(":")
        if key == "SF":
            current = {}
            if value.startswith(SOURCES) and not value.startswith(NOT_COUNTED):
                current = files.setdefault(value, {})
        elif key == "DA":
            line, hits = (int(number) for number in value.split(",")[:2])
            current[line] = max(current.get(line, 0), hits)
    return files


def main() -> int:
    """Print a row for each file and fail under the minimum."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("--minimum", type=float, required=True, metavar="PERCENT")
    arguments = parser.parse_args()

    files = line_hits(arguments.report.read_text())
    total = sum(len(hits) for hits in files.values())
    run = sum(1 for hits in files.values() for times in hits.values() if times)
    for name, hits in sorted(files.items()):
        missed = [line for line, times in sorted(hits.items()) if not times]
        share = 100 * (len(hits) - len(missed)) / len(hits) if hits else 100
        left = f"  not run: {', '.join(map(str, missed))}" if missed else ""
        print(f"{share:6.1f} %  {name}{left}")
    percent = 100 * run / total if total else 0
    passed = percent >= arguments.minimum
    print(
        f"contract line coverage {percent:.1f} % ({run} of {total} lines),"
        f" {'at least' if passed else 'UNDER'} {arguments.minimum:g} %"
    )
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())

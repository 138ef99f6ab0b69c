"""Run test suites and close with one plain line: `make test`.

Each argument is a suite, run as `make test-<suite>`, or several joined by `+` that run side by side
because one mostly waits. Every suite runs, also after one has failed; its output passes through,
and the closing lines of the runners inside it make up the summary. What failed is said again
before it by name: the end of a long log is the part that is kept and read.
"""

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

ANSI = re.compile(r"\x1b\[[0-9;]*m")
# How the runners sum themselves up: (what to look for, how to say it).
CLOSING_LINES = [
    (
        re.compile(r"^Ran \d+ test suites? .*?: (\d+) tests passed, (\d+) failed"),
        "forge {0} passed, {1} failed",
    ),
    (re.compile(r"^=+ (.*?(?:passed|failed|error).*?) in [\d.]+s.*=+$"), "pytest {0}"),
    (re.compile(r"^\s*Tests\s+(.*?)\s*\(\d+\)$"), "vitest {0}"),
    (re.compile(r"^[#ℹ] pass (\d+)$"), "node {0} passed"),
    (re.compile(r"^[#ℹ] fail (\d+)$"), "{0} failed"),
    (re.compile(r"^e2e (skipped)"), "{0}"),
]
# A failed test or its reason, as each runner says it: Forge, pytest, node, vitest, make.
FAILURE = re.compile(r"^(\[FAIL\b|FAILED |ERROR |E   |\s*not ok |\s*✖ |\s*FAIL |make.*\*\*\*)")
LINES_KEPT = 40


@dataclass
class Outcome:
    """What came of one suite: whether it passed, its runners' sums, its lines of failure."""

    passed: bool = False
    sums: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def closing_line(line: str) -> str | None:
    """A runner's own sum, if the line is one."""
    plain = ANSI.sub("", line).rstrip()
    for pattern, saying in CLOSING_LINES:
        if match := pattern.search(plain):
            return saying.format(*match.groups())
    return None


def run(suite: str, prefix: str = "") -> Outcome:
    """Run one suite, passing its output through."""
    print(f"\n--- {suite} ---", flush=True)
    outcome = Outcome()
    command = ["make", f"test-{suite}"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            print(prefix + line, end="", flush=True)
            if said := closing_line(line):
                outcome.sums.append(said)
            if FAILURE.match(plain := ANSI.sub("", line).rstrip()):
                outcome.failures.append(plain)
    outcome.passed = process.returncode == 0
    return outcome


def run_side_by_side(suites: list[str]) -> dict[str, Outcome]:
    """The outcomes of suites that run at the same time; each line says whose it is."""
    if len(suites) == 1:
        return {suites[0]: run(suites[0])}
    with ThreadPoolExecutor(len(suites)) as pool:
        outcomes = pool.map(lambda suite: run(suite, f"{suite} | "), suites)
        return dict(zip(suites, outcomes, strict=True))


def main(groups: list[str]) -> int:
    """Run all the suites; 0 only if every one passed."""
    started = time.monotonic()
    outcomes: dict[str, Outcome] = {}
    for group in groups:
        outcomes |= run_side_by_side(group.split("+"))
    for suite, outcome in outcomes.items():
        if not outcome.passed:
            print(f"\n{suite} failed:", *outcome.failures[-LINES_KEPT:], sep="\n  ")
    parts = [
        f"{suite} {'ok' if it.passed else 'FAILED'} ({', '.join(it.sums) or 'no sum'})"
        for suite, it in outcomes.items()
    ]
    all_passed = all(it.passed for it in outcomes.values())
    verdict = "all passed" if all_passed else "FAILED"
    print(f"\ntests: {verdict} in {time.monotonic() - started:.0f} s: {'; '.join(parts)}")
    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

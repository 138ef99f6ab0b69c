"""Run test suites and close with one plain line: `make test`.

Each argument is a suite, run as `make test-<suite>`, or several joined by `+` that run side by side
because one mostly waits. Every suite runs, also after one has failed; its output passes through,
and the closing lines of the runners inside it make up the summary.
"""

import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

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


def closing_line(line: str) -> str | None:
    """A runner's own sum, if the line is one."""
    plain = ANSI.sub("", line).rstrip()
    for pattern, saying in CLOSING_LINES:
        if match := pattern.search(plain):
            return saying.format(*match.groups())
    return None


def run(suite: str, prefix: str = "") -> tuple[bool, list[str]]:
    """Whether the suite passed, and the sums its runners gave."""
    print(f"\n--- {suite} ---", flush=True)
    sums = []
    command = ["make", f"test-{suite}"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            print(prefix + line, end="", flush=True)
            if said := closing_line(line):
                sums.append(said)
    return process.returncode == 0, sums


def run_side_by_side(suites: list[str]) -> dict[str, tuple[bool, list[str]]]:
    """The results of suites that run at the same time; each line says whose it is."""
    if len(suites) == 1:
        return {suites[0]: run(suites[0])}
    with ThreadPoolExecutor(len(suites)) as pool:
        results = pool.map(lambda suite: run(suite, f"{suite} | "), suites)
        return dict(zip(suites, results, strict=True))


def main(groups: list[str]) -> int:
    """Run all the suites; 0 only if every one passed."""
    started = time.monotonic()
    results: dict[str, tuple[bool, list[str]]] = {}
    for group in groups:
        results |= run_side_by_side(group.split("+"))
    parts = [
        f"{suite} {'ok' if passed else 'FAILED'} ({', '.join(sums) or 'no sum'})"
        for suite, (passed, sums) in results.items()
    ]
    all_passed = all(passed for passed, _ in results.values())
    verdict = "all passed" if all_passed else "FAILED"
    print(f"\ntests: {verdict} in {time.monotonic() - started:.0f} s: {'; '.join(parts)}")
    return 0 if all_passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Builds the simulated Uno: the board's firmware with avr-gcc, and its host with libsimavr."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
BUILD = _ROOT / ".cache" / "uno"
_LOW_BYTES = 0xFFFF


class BuildError(RuntimeError):
    """It cannot be built; the message is the compiler's."""


@dataclass(frozen=True, slots=True)
class Built:
    """What runs: the host, the firmware, and where the firmware keeps its live registers."""

    host: Path
    firmware: Path
    live_address: int


def missing() -> list[str]:
    """Debian packages that this machine lacks to build and run one."""
    found = {
        "gcc-avr": shutil.which("avr-g++") is not None,
        "avr-libc": Path("/usr/lib/avr/include/avr/io.h").exists(),
        "libsimavr-dev": Path("/usr/include/simavr/sim_avr.h").exists(),
        "libelf-dev": Path("/usr/include/libelf.h").exists(),
        "make": shutil.which("make") is not None,
        "gcc": shutil.which("cc") is not None,
    }
    return [package for package, there in found.items() if not there]


def build() -> Built:
    """Compiles what changed; processes may share it. Raises BuildError."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["nice", "make", "-s", "-C", str(Path(__file__).parent), f"BUILD={BUILD}"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise BuildError((done.stderr or done.stdout).strip())
    firmware = BUILD / "uno.elf"
    named = subprocess.run(["avr-nm", "-C", str(firmware)], capture_output=True, text=True)
    found = re.search(r"^([0-9a-f]+) \S .*::rescued$", named.stdout, re.MULTILINE)
    if found is None:
        raise BuildError(f"{firmware} has no registers: {named.stderr.strip()}")
    return Built(BUILD / "host", firmware, int(found[1], 16) & _LOW_BYTES)

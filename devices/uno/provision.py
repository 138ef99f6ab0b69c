"""Gives a board number, key and settings: `python -m devices.uno.provision --port /dev/ttyACM0`.

For the Uno and the ESP32, whose consoles are alike. The board serves it while it has no key, or
when it starts with its jumper (D8 of the Uno, GPIO 4 of the ESP32) tied to ground. Key and secret
come from files, go over the cable and can never be read back.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import serial

BAUD = 115_200
_SECRET_BYTES = 16
_ANSWER_S = 3.0
_START_S = 12.0
"""A board that is opened starts anew: a second in its bootloader, two until its watchdog."""


class ConsoleError(RuntimeError):
    """The board refuses something, or does not answer; the message says what to do."""


class Console:
    """The text console of a board."""

    def __init__(self, port: str) -> None:
        try:
            self._line = serial.Serial(port, BAUD, timeout=0.2, write_timeout=2.0)
        except (OSError, serial.SerialException) as error:
            raise ConsoleError(f"{port}: {error}") from error

    def close(self) -> None:
        """Lets go of the port."""
        self._line.close()

    def wait(self) -> None:
        """Returns when the board answers."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            try:
                self.ask("show", 0.6)
            except ConsoleError:
                continue
            return
        raise ConsoleError(
            "no answer: a board that has a key opens its console only when it starts with its "
            "jumper tied to ground (docs/hardware.md, Provisioning)"
        )

    def ask(self, command: str, answer_s: float = _ANSWER_S) -> list[str]:
        """The lines of the answer to a command. Raises ConsoleError."""
        self._line.reset_input_buffer()
        self._line.write(f"\n{command}\n".encode())
        heard, deadline = b"", time.monotonic() + answer_s
        while time.monotonic() < deadline:
            heard += self._line.read(self._line.in_waiting or 1)
            *lines, rest = heard.decode("ascii", "replace").split("\n")
            if lines and not rest and lines[-1] == "ok":
                return lines[:-1]
            if lines and not rest and lines[-1].startswith("error: "):
                what = command.split()[0]
                raise ConsoleError(f"{what}: the board says {lines[-1].removeprefix('error: ')}")
        raise ConsoleError("no answer from the board")


def read_key(path: Path, size: int = 32) -> str:
    """The hex digits in a file that holds `size` bytes. Raises ConsoleError."""
    try:
        text = path.read_text().strip()
        if len(bytes.fromhex(text)) == size:
            return text
    except (OSError, ValueError) as error:
        raise ConsoleError(f"{path}: {error}") from error
    raise ConsoleError(f"{path}: it must hold {2 * size} hexadecimal digits")


def make_key(path: Path, size: int = 32) -> None:
    """A fresh key in `path`, for its owner alone, unless there is one. Raises ConsoleError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise ConsoleError(f"{path}: {error.strerror}") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(size) + "\n")


def provision(
    console: Console, node: int, key: str, settings: Sequence[str], secret: str = ""
) -> list[str]:
    """Writes it all and starts the node; what the board then shows. Raises ConsoleError."""
    console.ask(f"set node {node}")
    console.ask(f"key {key}")
    if secret:
        console.ask(f"secret {secret}")
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise ConsoleError(f"--set {setting}: it must be name=value")
        console.ask(f"set {name} {value}")
    shown = console.ask("show")
    console.ask("save")
    console.ask("restart")
    return shown


def _arguments(given: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m devices.uno.provision", description=__doc__)
    parser.add_argument("--port", required=True, help="serial port, as /dev/ttyACM0 or COM3")
    parser.add_argument("--node", type=int, help="the node's number")
    parser.add_argument("--key-file", type=Path, help="64 hex digits; the gateway has the same")
    parser.add_argument("--secret-file", type=Path, help="ESP32: 32 hex digits, of its network")
    parser.add_argument("--new-key", action="store_true", help="make the files if there are none")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", dest="settings")
    parser.add_argument(
        "--ask", action="append", default=[], metavar="COMMAND",
        help='only ask, as --ask measure or --ask "cal volts 2304" --ask save',
    )  # fmt: skip
    return parser.parse_args(given)


def main(given: Sequence[str]) -> int:
    """Runs the tool; 0 if the board has taken everything."""
    arguments = _arguments(given)
    if not arguments.ask and (arguments.node is None or arguments.key_file is None):
        print("needs --node and --key-file, or --ask", file=sys.stderr)
        return 2
    try:
        if arguments.new_key and arguments.key_file:
            make_key(arguments.key_file)
        if arguments.new_key and arguments.secret_file:
            make_key(arguments.secret_file, _SECRET_BYTES)
        key = read_key(arguments.key_file) if arguments.key_file else ""
        has_secret = arguments.secret_file is not None
        secret = read_key(arguments.secret_file, _SECRET_BYTES) if has_secret else ""
        console = Console(arguments.port)
        try:
            console.wait()
            lines = [line for command in arguments.ask for line in console.ask(command)]
            if not arguments.ask:
                lines = provision(console, arguments.node, key, arguments.settings, secret)
        finally:
            console.close()
    except ConsoleError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""One simulated Uno: a process of its own that runs at the wall clock's pace.

It is told what its sensors see, and tells where its relays are and what it has counted.
"""

from __future__ import annotations

import asyncio
import os
import re
import tty
from collections.abc import Mapping
from pathlib import Path

from devices.simulator.uno.build import Built

_STEP_MS = 20
_MOST_STEPS = 400
_STARTED_MS = 100
_LIVE_BYTES = 16
_TMP36_ZERO_MV = 500
_ANSWER_S = 30.0


class UnoError(RuntimeError):
    """The board does not do what it is told; the message says what."""


class UnoBoard:
    """The process. Call `start`, then `look` as often as its surroundings change.

    Attributes:
        line: its serial line, a file descriptor to read and write.
        pins: bit i: the relay output i is high.
    """

    def __init__(self, built: Built, eeprom: Path) -> None:
        self.pins = 0
        self.line = -1
        self._built = built
        self._eeprom = eeprom
        self._process: asyncio.subprocess.Process | None = None
        self._paces = False

    @property
    def runs(self) -> bool:
        """Its process is there."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Of its process while it runs."""
        return self._process.pid if self._process is not None and self.runs else None

    async def start(self) -> None:
        """Gives it power; its time stands still until it is told something. Raises UnoError."""
        self._paces = False
        self._process = await asyncio.create_subprocess_exec(
            str(self._built.host), str(self._built.firmware), str(self._eeprom),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        answer = await self._answer()
        if not answer.startswith("pty "):
            raise UnoError(f"the host says {answer!r}")
        self.line = os.open(answer.removeprefix("pty "), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.line)

    async def stop(self) -> None:
        """Takes its power; what it has stored, its file keeps."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process = None
        if self.line >= 0:
            os.close(self.line)
            self.line = -1

    async def look(self, volts: float, amperes: float, degrees: float, temperature_dc: int) -> int:
        """Shows its sensors these RMS values from now on, the current lagging by `degrees`, and
        lets it run. Returns its imported energy, microwatt-seconds. Raises UnoError."""
        await self._tell(f"temperature {_TMP36_ZERO_MV + temperature_dc}")
        await self._tell(f"wave {volts:.1f} {amperes:.3f} {degrees:.1f} 50")
        live = await self._ask(f"peek {self._built.live_address} {_LIVE_BYTES}")
        await self._write("pace")
        return int.from_bytes(bytes.fromhex(live)[:8], "little")

    async def provision(self, settings: Mapping[str, int], key: bytes) -> None:
        """Writes settings and key over the console, its jumper set; then power again. Raises
        UnoError."""
        await self._tell("jumper 1")
        await self._tell("reset")
        await self._tell(f"advance {_STARTED_MS}")
        self._read()
        for name, value in settings.items():
            await self._order(f"set {name} {value}")
        await self._order(f"key {key.hex()}")
        await self._order("save")
        await self.stop()
        await self.start()

    async def _order(self, command: str) -> None:
        os.write(self.line, command.encode() + b"\n")
        heard = b""
        for _ in range(_MOST_STEPS):
            await self._tell(f"advance {_STEP_MS}")
            heard += self._read()
            if heard.endswith(b"ok\n"):
                return
            if b"error" in heard and heard.endswith(b"\n"):
                break
        raise UnoError(f"{command.split()[0]}: {heard.decode(errors='replace').strip()!r}")

    def _read(self) -> bytes:
        try:
            return os.read(self.line, 65_536)
        except BlockingIOError:
            return b""

    # ---- the host's own line ---------------------------------------------------------------------

    async def _tell(self, line: str) -> None:
        answer = await self._ask(line)
        found = re.fullmatch(r"at \d+ pins ([0-9a-f]) writes \d+", answer)
        if found is None:
            raise UnoError(f"{line}: the host says {answer!r}")
        self.pins = int(found[1], 16)

    async def _ask(self, line: str) -> str:
        await self._write(line)
        return await self._answer()

    async def _write(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        if self._paces:
            self._paces = False
            self._process.stdin.write(line.encode() + b"\n")
            await self._answer()  # to "pace", which the line has ended
        else:
            self._process.stdin.write(line.encode() + b"\n")
        self._paces = line == "pace"

    async def _answer(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        while True:
            line = await asyncio.wait_for(self._process.stdout.readline(), _ANSWER_S)
            if not line:
                raise UnoError("its process has ended")
            text = line.decode().strip()
            if not text.startswith("Loaded"):
                return text

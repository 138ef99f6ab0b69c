"""A simulated Uno that runs the compiled firmware; a gateway for it with the backend's codec."""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import shutil
import struct
import subprocess
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from backend.ingest import cobs
from backend.ingest.frame import (
    decode,
    encode_command,
    encode_price,
    encode_results,
    encode_time,
    verify,
)
from backend.ingest.frame_values import (
    Ack,
    Command,
    Delta,
    Event,
    Frame,
    FrameError,
    FrameType,
    Hello,
    Reading,
    Result,
)
from devices.simulator.uno.build import BUILD, missing

ROOT = Path(__file__).resolve().parents[2]
SIMULATED = Path(__file__).with_name("simavr")
NODE = 12
KEY = bytes([0x5A]) * 32
START = 1_800_000_000
"""Unix second at which a test's board is switched on."""
STEP_MS = 20
COMMAND_AGAIN_MS = 500
UV_PER_COUNT = 785_000
UA_PER_COUNT = 73_982


# ---- building ----------------------------------------------------------------------------------


MISSING = missing()
needs_simulator = pytest.mark.skipif(
    bool(MISSING), reason=f"needs the Debian packages {' '.join(MISSING)}: apt-get install them"
)
needs_compiler = pytest.mark.skipif(
    shutil.which("c++") is None or shutil.which("make") is None,
    reason="needs the Debian packages g++ make: apt-get install them",
)


def build(target: str) -> Path:
    """Makes `simulated` or `native`; test processes share the result."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "-s", "-C", str(SIMULATED), target, f"BUILD={BUILD}"]
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return BUILD


# ---- the board ---------------------------------------------------------------------------------


class At(NamedTuple):
    """The board after a step: simulated ms since it got power, relay pins, EEPROM bytes written."""

    ms: int
    pins: int
    writes: int


class PowerFailed(Exception):  # noqa: N818 - what a test asked for
    """The board lost power in the middle of a write."""


class Board:
    """The firmware on the simulator. Time passes only in `advance`, or while `pacing`."""

    def __init__(self, folder: Path, firmware: str = "uno.elf") -> None:
        self.folder = folder
        self.eeprom = folder / "eeprom.bin"
        self.at = At(0, 0, 0)
        self._firmware = firmware
        self._process: subprocess.Popen[str] | None = None
        self._line = -1
        self._surroundings: dict[str, str] = {}
        self.port = ""
        self.power_on()

    def power_on(self) -> None:
        build("simulated")
        self._process = subprocess.Popen(
            [str(BUILD / "host"), str(BUILD / self._firmware), str(self.eeprom)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.port = self._answer().removeprefix("pty ")
        self._line = os.open(self.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._line)
        self.at = At(0, 0, 0)
        for what, how in self._surroundings.items():
            self.tell(f"{what} {how}")

    def power_off(self) -> None:
        """Between two instructions; a write of the EEPROM under way is finished."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            os.close(self._line)
            self._process = None

    def _answer(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        while True:
            line = self._process.stdout.readline().strip()
            if line == "dead":
                self.power_off()
                raise PowerFailed
            assert line, "the simulator ended"
            if not line.startswith("Loaded"):
                return line

    def tell(self, line: str) -> str:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        return self._note(self._answer())

    def _note(self, answer: str) -> str:
        found = re.fullmatch(r"at (\d+) pins ([0-9a-f]) writes (\d+)", answer)
        if found:
            self.at = At(int(found[1]), int(found[2], 16), int(found[3]))
        return answer

    def advance(self, ms: float) -> At:
        self.tell(f"advance {ms}")
        return self.at

    def wave(self, volts: float, amperes: float, degrees: float = 0, hertz: float = 50) -> None:
        """RMS values; the current lags by `degrees`."""
        self._surroundings["wave"] = f"{volts} {amperes} {degrees} {hertz}"
        self.tell(f"wave {self._surroundings['wave']}")

    def temperature(self, millivolts: int) -> None:
        """Of the sensor; 750 mV are 25 degrees."""
        self._surroundings["temperature"] = str(millivolts)
        self.tell(f"temperature {millivolts}")

    @contextmanager
    def pacing(self) -> Iterator[None]:
        """Runs as fast as the clock on the wall while the context lasts."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write("pace\n")
        try:
            yield
        finally:
            self.tell("advance 0")  # the answer to "pace"
            self._note(self._answer())

    def write(self, data: bytes) -> None:
        os.write(self._line, data)

    def read(self) -> bytes:
        try:
            return os.read(self._line, 65_536)
        except BlockingIOError:
            return b""

    # ---- console -------------------------------------------------------------------------------

    def ask(self, command: str) -> list[str]:
        """The console's lines in answer to a command, the closing "ok" or error last."""
        self.write(command.encode() + b"\n")
        heard = b""
        for _ in range(400):
            self.advance(STEP_MS)
            heard += self.read()
            lines = heard.decode().split("\n")
            if heard.endswith(b"\n") and (lines[-2] == "ok" or lines[-2].startswith("error")):
                return lines[:-1]
        raise AssertionError(f"no answer to {command}: {heard!r}")

    def provision(self, key: bytes = KEY, **settings: int) -> None:
        """Node 12 with its key, readings every second, a slot of 15 s; then power again."""
        self.advance(100)
        given = {"node": NODE, "reading_s": 1, "slot_s": 15, "active_low": 0, **settings}
        for name, value in given.items():
            assert self.ask(f"set {name} {value}")[-1] == "ok", name
        assert self.ask(f"key {key.hex()}")[-1] == "ok"
        assert self.ask("save")[-1] == "ok"
        self.power_off()
        self.power_on()


# ---- a gateway ---------------------------------------------------------------------------------


@dataclass
class Heard:
    """Frames of the board that verified, decoded."""

    readings: list[tuple[Frame, Reading]] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    hellos: list[tuple[Frame, Hello]] = field(default_factory=list)
    orders: list[tuple[int, int]] = field(default_factory=list)
    sizes: list[tuple[FrameType, int]] = field(default_factory=list)


class Line:
    """The gateway's end of the board's serial line, in the board's own time.

    Attributes:
        result: what is answered to a frame; None if it was lost on its way here.
        answer_is_lost: asked for each answer.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self.heard = Heard()
        self.result: Callable[[Frame], Result | None] = lambda frame: Result.ACCEPTED
        self.answer_is_lost: Callable[[], bool] = lambda: False
        self.noise: list[bytes] = []
        self._since_ms = START * 1000
        self._partial = b""
        self._keyframes: dict[tuple[int, int], Reading] = {}
        self._sent = 0
        self._pending: dict[int, tuple[int, bytes]] = {}

    @property
    def now_ms(self) -> int:
        return self._since_ms + self.board.at.ms

    def power_cycle(self) -> None:
        """The board restarts its clock; time goes on."""
        self._since_ms += self.board.at.ms + 1000
        self.board.power_off()
        self._partial = b""
        self.board.power_on()

    def run(self, ms: int, until: Callable[[], object] = lambda: False) -> None:
        """Lets the time pass and answers, until something is so."""
        ends = self.board.at.ms + ms
        while self.board.at.ms < ends and not until():
            self.board.advance(STEP_MS)
            self._listen()

    def until(self, condition: Callable[[], object], within_ms: int = 10_000) -> None:
        self.run(within_ms, condition)
        assert condition()

    def first_readings(self, count: int = 2) -> None:
        """Until the board has told so many."""
        self.until(lambda: len(self.heard.readings) >= count)

    def _listen(self) -> None:
        *packets, self._partial = (self._partial + self.board.read()).split(b"\0")
        for packet in filter(None, packets):
            try:
                frame = decode(cobs.decode(packet))
                verify(frame, KEY)
            except FrameError:
                self.noise.append(packet)
                continue
            self._take(frame)

    def _take(self, frame: Frame) -> None:
        assert frame.node_id == NODE
        result = self.result(frame)
        if result is Result.ACCEPTED and frame.order not in self.heard.orders:
            self._keep(frame)
        if result is None or self.answer_is_lost():
            return
        entry = (frame.boot, frame.sequence, result)
        self.send(lambda n: encode_results(NODE, 1, n, self.now_ms // 1000, [entry], KEY))
        if frame.time == 0 or result is Result.FUTURE_TIME:
            self.send(lambda n: encode_time(NODE, 1, n, self.now_ms, KEY))
        for command_id, (sent_ms, made) in list(self._pending.items()):
            if self.board.at.ms - sent_ms >= COMMAND_AGAIN_MS:
                self._pending[command_id] = self.board.at.ms, made
                self.board.write(cobs.encode(made) + b"\0")

    def _keep(self, frame: Frame) -> None:
        self.heard.orders.append(frame.order)
        self.heard.sizes.append((frame.type, len(frame.raw)))
        body = frame.body
        if isinstance(body, Reading):
            self._keyframes = {frame.order: body}
            self.heard.readings.append((frame, body))
        elif isinstance(body, Delta):
            keyframe = self._keyframes[frame.boot, frame.sequence - body.back]
            self.heard.readings.append((frame, body.apply(keyframe)))
        elif isinstance(body, Ack):
            self._pending.pop(body.command_id, None)
            self.heard.acks.append(body)
        elif isinstance(body, Event):
            self.heard.events.append(body)
        elif isinstance(body, Hello):
            self.heard.hellos.append((frame, body))

    def send(self, make: Callable[[int], bytes]) -> bytes:
        """Sends the frame that `make` makes of a fresh sequence number."""
        self._sent += 1
        made = make(self._sent)
        self.board.write(cobs.encode(made) + b"\0")
        return made

    def command(
        self, command_id: int, pin: int, closed: bool, cutoff_wh: int = 0, expires: int = 0
    ) -> bytes:
        """Sends a command, and again until it is acknowledged."""
        command = Command(command_id, pin, closed, cutoff_wh, expires)
        made = self.send(
            lambda n: encode_command(NODE, 1, n, self.now_ms // 1000, command, KEY)
        )
        self._pending[command_id] = self.board.at.ms, made
        return made

    def price(self, price: object) -> bytes:
        return self.send(lambda n: encode_price(NODE, 1, n, self.now_ms // 1000, price, KEY))  # type: ignore[arg-type]

    @property
    def last(self) -> Reading:
        return self.heard.readings[-1][1]


# ---- the pure parts ----------------------------------------------------------------------------


class Native:
    """The firmware's pure parts, compiled for this machine."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL(str(build("native") / "bridge.so"))

    def ask(self, op: str, data: bytes) -> bytes:
        out = ctypes.create_string_buffer(400)
        size = self.library.bridge(ctypes.c_uint8(ord(op)), data, ctypes.c_uint16(len(data)), out)
        return out.raw[:size]


class OnBoard:
    """The same, compiled for the board and run by the simulator."""

    def __init__(self, folder: Path) -> None:
        self.board = Board(folder, "bridge.elf")
        self.board.advance(5)

    def ask(self, op: str, data: bytes) -> bytes:
        self.board.write(op.encode() + struct.pack(">H", len(data)) + data)
        heard = b""
        while len(heard) < 2 or len(heard) < 2 + int.from_bytes(heard[:2], "big"):
            self.board.advance(2)
            heard += self.board.read()
        return heard[2:]


# ---- fixtures: `pytest_plugins = ["uno_board"]` ------------------------------------------------


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    made = Board(tmp_path)
    made.wave(230, 5)
    made.temperature(750)
    yield made
    made.power_off()


@pytest.fixture
def line(board: Board) -> Line:
    board.provision(hold_s=3, fail_safe_s=10)
    return Line(board)

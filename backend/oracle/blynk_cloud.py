"""A relay board that lives at Blynk.Cloud: the same commands, sent as virtual pins over HTTP.

Blynk answers an update as soon as its own server has it, so a command counts as acknowledged only
when the hardware is connected and the pin reads back what was asked for. What fails is tried again:
a command is delivered at least once, and its newest one wins.

Cost: two requests a command, one a change of the battery; Blynk allows ten a second to a device.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import requests

from backend import signals
from backend.chain.notices import announce
from backend.telemetry import commands
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

BATTERY_PERCENT_PIN = "v4"
BATTERY_VOLTAGE_PIN = "v5"
_TIMEOUT_S = 5.0
_INTERVAL_S = 0.1
_LONGEST_PAUSE_S = 60.0


class BlynkError(Exception):
    """Blynk did not do it. `passing`: worth trying again; the token never stands in the message."""

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


@dataclass(slots=True)
class BlynkCloud:
    """Blynk's HTTPS API for one device.

    Args:
        token: the device's auth token
        url: server, with its region where needed
    """

    token: str = field(repr=False)
    url: str = "https://blynk.cloud"
    session: requests.Session = field(default_factory=requests.Session, repr=False)
    pause: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    _free_at: float = field(default=0.0, init=False, repr=False)

    def update(self, values: Mapping[str, int | str]) -> None:
        """Writes virtual pins (`v0` and so on). Raises BlynkError."""
        self._get("batch/update", {pin: str(value) for pin, value in values.items()})

    def read(self, pin: str) -> str:
        """A virtual pin's last value, as text. Raises BlynkError."""
        return self._get(f"get?{pin}", {}).strip()

    def hardware_connected(self) -> bool:
        """Whether the device is online. Raises BlynkError."""
        return self._get("isHardwareConnected", {}).strip() == "true"

    def _get(self, call: str, values: Mapping[str, str]) -> str:
        wait = self._free_at - self.clock()
        if wait > 0:
            self.pause(wait)
        self._free_at = self.clock() + _INTERVAL_S
        try:
            answer = self.session.get(
                f"{self.url}/external/api/{call}",
                params={"token": self.token, **values},
                timeout=_TIMEOUT_S,
            )
        except requests.RequestException as error:
            # The error's own text holds the address, and with it the token.
            raise BlynkError(f"no answer ({type(error).__name__})", passing=True) from None
        if answer.ok:
            return answer.text
        passing = answer.status_code == 429 or answer.status_code >= 500
        raise BlynkError(f"{answer.status_code}: {_message(answer)}", passing=passing)


def _message(answer: requests.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return answer.reason or "refused"


@dataclass(frozen=True, slots=True)
class BatteryPins:
    """What V4 and V5 show: charge in percent, voltage in V."""

    percent: int
    volts: str


class BlynkDriver:
    """Keeps a Blynk device at what the chain commands.

    Args:
        pins: virtual pin of each switch, `{"v0": 51}`
        battery: the battery's newest values, or None
    """

    def __init__(
        self,
        cloud: BlynkCloud,
        store: Store,
        pins: Mapping[str, int],
        *,
        battery: Callable[[], BatteryPins | None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._cloud = cloud
        self._store = store
        self._pins = dict(pins)
        self._battery = battery
        self._now = now
        self._wake = threading.Event()
        self._held: dict[str, int] = {}  # command that each pin is known to stand at
        self._shown: BatteryPins | None = None
        self.last_error: str | None = None

    def wake(self, _sender: object = None, **_: object) -> None:
        """Makes the thread look now; connected to `command_issued`."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Drives the device until `stop` is set; call `wake` after setting it."""
        signals.command_issued.connect(self.wake)
        pause = 1.0
        while not stop.is_set():
            try:
                settled = self.step()
                self.last_error, pause = None, 5.0 if settled else 1.0
            except BlynkError as error:
                if str(error) != self.last_error:
                    log.warning("Blynk.Cloud: %s", error)
                self.last_error = str(error)
                pause = min(2 * pause, _LONGEST_PAUSE_S) if error.passing else _LONGEST_PAUSE_S
            self._wake.wait(pause)
            self._wake.clear()

    def step(self) -> bool:
        """Sends what the device lacks; True if it stands as commanded. Raises BlynkError."""
        with self._store.read() as connection:
            newest = commands.newest(connection)
        wanted = {
            pin: newest[switch]
            for pin, switch in self._pins.items()
            if switch in newest and self._held.get(pin) != newest[switch].command_id
        }
        self._show_battery()
        if not wanted:
            return True
        self._cloud.update({pin: int(command.closed) for pin, command in wanted.items()})
        if not self._cloud.hardware_connected():
            return False
        for pin, command in wanted.items():
            if self._cloud.read(pin) == str(int(command.closed)):
                self._held[pin] = command.command_id
                self._acknowledge(command)
        return all(self._held.get(pin) == command.command_id for pin, command in wanted.items())

    def _acknowledge(self, command: commands.Command) -> None:
        if command.acked_ms is not None:
            return  # a board on our own links was faster; this device only mirrors it
        ack = commands.Ack(
            node_id=command.board,
            command_id=command.command_id,
            pin=command.pin,
            closed=command.closed,
            result=0,
            imported_wh=0,
        )
        with self._store.write() as connection:
            stored = commands.record_ack(connection, ack, int(self._now() * 1000))
        if stored is not None:
            announce(signals.command_acknowledged, command_id=command.command_id, closed=ack.closed)

    def _show_battery(self) -> None:
        battery = self._battery()
        if battery is not None and battery != self._shown:
            self._cloud.update(
                {BATTERY_PERCENT_PIN: battery.percent, BATTERY_VOLTAGE_PIN: battery.volts}
            )
            self._shown = battery

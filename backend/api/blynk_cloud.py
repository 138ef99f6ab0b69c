"""Driving a device at Blynk.Cloud: its virtual pins follow our relays and our battery.

What is to be shown is a state, not a queue: each pin is sent until the cloud has taken its newest
value, at least once, also after a restart. A relay's pin carries the command while it waits for an
answer (that is what moves a device of Blynk) and what the board acknowledged afterwards.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

from backend import signals
from backend.api.blynk import PERCENTAGE_PIN, VOLTAGE_PIN
from backend.api.services import Services
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.telemetry import nodes, readings

_LOG = logging.getLogger(__name__)
_NO_BATTERY = 0xFFFF
_LOOK_EVERY_S = 30.0
_APART_S = 0.1  # Blynk takes ten requests a second
_BATTERY_EVERY_S = 15.0
_TIMEOUT_S = 10.0
_FIRST_RETRY_S, _LONGEST_RETRY_S = 1.0, 60.0


class CloudRefusedError(Exception):
    """Blynk answered, and refused."""


class BlynkCloud:
    """Keeps a cloud device's pins as they should be, in a thread of its own."""

    def __init__(
        self,
        services: Services,
        token: str,
        url: str,
        pins: Mapping[str, int],
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._token = token
        self._url = url
        self._switch_of = dict(pins)
        self._session = session or requests.Session()
        self._clock = clock
        self._sent: dict[str, str] = {}
        self._battery_at = -_BATTERY_EVERY_S
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="blynk-cloud", daemon=True)
        self.last_error: str | None = None

    def start(self) -> None:
        """Starts sending."""
        signals.command_issued.connect(self._on_change)
        signals.command_acknowledged.connect(self._on_change)
        signals.readings_stored.connect(self._on_change)
        self._thread.start()

    def stop(self) -> None:
        """Stops sending."""
        signals.command_issued.disconnect(self._on_change)
        signals.command_acknowledged.disconnect(self._on_change)
        signals.readings_stored.disconnect(self._on_change)
        self._stop.set()
        self._wake.set()
        self._thread.join(timeout=2.0)

    def _on_change(self, _sender: object, **_values: Any) -> None:
        self._wake.set()

    def _run(self) -> None:
        retry_s = _FIRST_RETRY_S
        while not self._stop.is_set():
            self._wake.clear()
            try:
                self.push()
            except (requests.RequestException, CloudRefusedError) as error:
                reason = _reason(error)
                if reason != self.last_error:
                    _LOG.warning("Blynk.Cloud: %s; sent again until it is taken", reason)
                self.last_error = reason
                self._stop.wait(retry_s)
                retry_s = min(2 * retry_s, _LONGEST_RETRY_S)
                continue
            except (NodeUnreachableError, RpcError):
                self._stop.wait(retry_s)
                continue
            self.last_error, retry_s = None, _FIRST_RETRY_S
            self._stop.wait(_APART_S)
            self._wake.wait(_LOOK_EVERY_S)

    def push(self) -> int:
        """Sends the pins whose value the cloud has not taken; how many.

        Raises:
            CloudRefusedError, requests.RequestException: not taken; `push` again
        """
        wanted = self.wanted()
        news = {pin: value for pin, value in wanted.items() if self._sent.get(pin) != value}
        if not news:
            return 0
        answer = self._session.get(
            f"{self._url}/external/api/batch/update",
            params={"token": self._token, **news},
            timeout=_TIMEOUT_S,
        )
        if answer.status_code != 200:
            raise CloudRefusedError(_refusal(answer))
        self._sent |= news
        return len(news)

    def wanted(self) -> dict[str, str]:
        """The value each pin should have."""
        relays = {relay.switch_id: relay for relay in self._services.relays.relays()}
        values: dict[str, str] = {}
        for pin, switch_id in self._switch_of.items():
            relay = relays.get(switch_id)
            if relay is not None:
                closed = relay.commanded_closed if relay.pending else relay.acknowledged_closed
                values[pin] = str(int(closed))
        return values | self._battery(values)

    def _battery(self, relays: Mapping[str, str]) -> dict[str, str]:
        """V4 and V5; every 15 s at most, unless a relay's pin is sent anyway."""
        in_step = any(self._sent.get(pin) != value for pin, value in relays.items())
        if not in_step and self._clock() - self._battery_at < _BATTERY_EVERY_S:
            return {}
        self._battery_at = self._clock()
        with self._services.store.read() as connection:
            for node in nodes.batteries(connection):
                newest = readings.latest_of(connection, node.node_id)
                if newest is not None and newest.soc_bp != _NO_BATTERY:
                    return {
                        f"v{PERCENTAGE_PIN}": str(newest.soc_bp // 100),
                        f"v{VOLTAGE_PIN}": f"{newest.voltage_dv / 10:.1f}",
                    }
        return {}


def _reason(error: Exception) -> str:
    """Why, without the address: that holds the token."""
    return str(error) if isinstance(error, CloudRefusedError) else type(error).__name__


def _refusal(answer: requests.Response) -> str:
    try:
        message = str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = "no reason given"
    return f"HTTP {answer.status_code}: {message}"

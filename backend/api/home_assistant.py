"""Meters and relays in Home Assistant, which finds them by MQTT discovery (docs/mqtt.md).

What is published is a state, not a queue: for each topic its newest value, retained. A relay is
shown as its board acknowledged it. Switching one goes the way of a Blynk write: an override on
chain, by a key to which the authority granted its role; without it relays are only shown.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from paho.mqtt.client import MQTTMessage

from backend import signals
from backend.api.blynk import BlynkError, Switcher
from backend.api.schemas import Relay
from backend.api.services import VERSION, Services
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.ingest.mqtt_connection import (
    OFFLINE,
    ONLINE,
    Broker,
    Connection,
    number_in,
    topic_of,
)
from backend.telemetry import nodes, readings
from backend.telemetry.readings import StoredReading

_LOG = logging.getLogger(__name__)
_NO_BATTERY = 0xFFFF
_LOOK_EVERY_S = 5.0
_APART_S = 0.5
_STOP_S = 2.0
_ON, _OFF = "ON", "OFF"
SENSORS: Mapping[str, tuple[str, str, str, str]] = {
    "imported_wh": ("Energy drawn", "energy", "Wh", "total_increasing"),
    "exported_wh": ("Energy given", "energy", "Wh", "total_increasing"),
    "generated_wh": ("Energy generated", "energy", "Wh", "total_increasing"),
    "power_w": ("Power", "power", "W", "measurement"),
    "voltage_v": ("Voltage", "voltage", "V", "measurement"),
}
"""Name, device class, unit and state class of what every meter has."""
BATTERY_SENSORS: Mapping[str, tuple[str, str, str, str]] = {
    "charge_percent": ("Charge", "battery", "%", "measurement"),
    "charged_wh": ("Energy stored", "energy", "Wh", "total_increasing"),
    "discharged_wh": ("Energy taken out", "energy", "Wh", "total_increasing"),
}


def meter_state(reading: StoredReading) -> dict[str, float | int]:
    """What a meter shows: booked registers in Wh, and the moment's values."""
    shown: dict[str, float | int] = {
        "imported_wh": reading.imported_wh,
        "exported_wh": reading.exported_wh,
        "generated_wh": reading.generated_wh,
        "power_w": reading.power_w,
        "voltage_v": reading.voltage_dv / 10,
    }
    if reading.soc_bp != _NO_BATTERY:
        shown |= {
            "charge_percent": reading.soc_bp / 100,
            "charged_wh": reading.charged_wh,
            "discharged_wh": reading.discharged_wh,
        }
    return shown


def read_order(message: MQTTMessage) -> tuple[int, bool] | None:
    """Switch and whether it is to close, from `.../relay/<switch>/set`; None if that is no order.

    What the broker kept is none: it may be from long ago.
    """
    switch_id = number_in(topic_of(message))
    closed = {_ON: True, _OFF: False}.get(message.payload.decode(errors="replace"))
    return None if message.retain or closed is None or switch_id is None else (switch_id, closed)


class HomeAssistant:
    """Keeps the retained topics as they should be, in a thread of its own.

    Args:
        meters: the meters that appear, each with the relay before it; None: all
        switcher: forces relays; None: they are only shown
    """

    def __init__(
        self,
        services: Services,
        broker: Broker,
        client_id: str,
        meters: frozenset[int] | None,
        switcher: Switcher | None,
    ) -> None:
        settings = services.settings
        self._services = services
        self._prefix = settings.mqtt_prefix
        self._discovery = settings.mqtt_home_prefix
        self._id = self._prefix.replace("/", "_")
        self._stale_after_s = settings.stale_after_s
        self._meters = meters
        self._switcher = switcher
        self._said: dict[str, str] = {}
        self._orders: queue.SimpleQueue[tuple[int, bool]] = queue.SimpleQueue()
        self._wake, self._afresh = threading.Event(), threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="home-assistant", daemon=True)
        listens = (f"{self._discovery}/status", *self._set_topics())
        self.connection = Connection(
            broker, client_id, listens, self._status, self._on_message, self._on_online
        )

    def start(self) -> None:
        """Starts publishing."""
        for signal in (signals.command_acknowledged, signals.readings_stored):
            signal.connect(self._on_change)
        self._thread.start()
        self.connection.start()

    def stop(self) -> None:
        """Stops; Home Assistant shows everything as unavailable."""
        for signal in (signals.command_acknowledged, signals.readings_stored):
            signal.disconnect(self._on_change)
        self._stop.set()
        self._wake.set()
        self._thread.join(_STOP_S)
        self.connection.stop()

    @property
    def _status(self) -> str:
        return f"{self._prefix}/home/status"

    def _set_topics(self) -> tuple[str, ...]:
        return (f"{self._prefix}/relay/+/set",) if self._switcher is not None else ()

    # ---- what comes in, in the connection's thread -----------------------------------------------

    def _on_change(self, _sender: object, **_values: Any) -> None:
        self._wake.set()

    def _on_online(self) -> None:
        """The broker may have forgotten what it kept."""
        self._afresh.set()
        self._wake.set()

    def _on_message(self, message: MQTTMessage) -> None:
        self.connection.acknowledge(message.mid, self.connection.epoch)
        topic = topic_of(message)
        if topic == f"{self._discovery}/status":
            self._on_online()
            return
        order = read_order(message)
        if order is None:
            _LOG.warning("MQTT: %.80s: not an order to a relay now", topic)
            return
        self._orders.put(order)
        self._wake.set()

    # ---- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(_LOOK_EVERY_S)
            self._wake.clear()
            try:
                relays = self._relays()
                self._obey(relays)
                self._publish(self.wanted(relays))
            except (NodeUnreachableError, RpcError, sa.exc.SQLAlchemyError) as error:
                _LOG.info("Home Assistant is told later: %s", error)
            self._stop.wait(_APART_S)

    def _obey(self, relays: Mapping[int, Relay]) -> None:
        """Forces relays as ordered. What is refused, the unchanged state shows."""
        while self._switcher is not None:
            try:
                switch_id, closed = self._orders.get_nowait()
            except queue.Empty:
                return
            if switch_id not in relays:
                _LOG.warning("MQTT: switch %d is not one that is shown there", switch_id)
                continue
            try:
                self._switcher.force(switch_id, closed)
            except BlynkError as error:
                _LOG.warning("MQTT: switch %d: %s", switch_id, error.message)
            self._said.pop(f"{self._prefix}/relay/{switch_id}/state", None)

    def _publish(self, wanted: Mapping[str, str]) -> None:
        if not self.connection.connected.is_set():
            return
        if self._afresh.is_set():
            self._afresh.clear()
            self._said.clear()
        for topic, value in wanted.items():
            if self._said.get(topic) != value:
                self.connection.publish(topic, value, retain=True)
                self._said[topic] = value
        for topic in set(self._said) - set(wanted):  # what there is no more
            self.connection.publish(topic, "", retain=True)
            del self._said[topic]

    # ---- what to say -----------------------------------------------------------------------------

    def _shows(self, meter: int) -> bool:
        return self._meters is None or meter in self._meters

    def _relays(self) -> dict[int, Relay]:
        try:
            found = self._services.relays.relays()
        except (NodeUnreachableError, RpcError):
            return {}  # never heard of any yet
        return {relay.switch_id: relay for relay in found if self._shows(relay.meter_id)}

    def wanted(self, relays: Mapping[int, Relay]) -> dict[str, str]:
        """Topic -> value, all of them."""
        since_ms = int((self._services.clock() - self._stale_after_s) * 1000)
        with self._services.store.read() as connection:
            known = nodes.all_nodes(connection)
            heard = nodes.statuses(connection)
            newest = readings.latest(connection)
        said: dict[str, str] = {}
        for meter, node in known.items():
            if not node.kind or not self._shows(meter):
                continue
            status = heard.get(meter)
            is_there = status is not None and status.last_seen_ms >= since_ms
            said[f"{self._prefix}/meter/{meter}/status"] = ONLINE if is_there else OFFLINE
            reading = newest.get(meter)
            if reading is not None:
                said |= self._meter(meter, node.label, reading)
        for relay in relays.values():
            said |= self._relay(relay)
        return said

    def _meter(self, meter: int, label: str, reading: StoredReading) -> dict[str, str]:
        state = meter_state(reading)
        topic = f"{self._prefix}/meter/{meter}/state"
        said = {topic: json.dumps(state)}
        for what, (name, kind, unit, counts) in {**SENSORS, **BATTERY_SENSORS}.items():
            if what not in state:
                continue
            config = self._entity(meter, label, what, name) | {
                "state_topic": topic,
                "value_template": f"{{{{ value_json.{what} }}}}",
                "device_class": kind,
                "unit_of_measurement": unit,
                "state_class": counts,
            }
            said[self._config_topic("sensor", meter, what)] = json.dumps(config)
        return said

    def _relay(self, relay: Relay) -> dict[str, str]:
        base = f"{self._prefix}/relay/{relay.switch_id}"
        what = f"relay_{relay.switch_id}"
        config = self._entity(relay.meter_id, relay.label, what, "Supply") | {
            "state_topic": f"{base}/state",
            "payload_on": _ON,
            "payload_off": _OFF,
        }
        component = "binary_sensor"
        if self._switcher is not None:
            component = "switch"
            config["command_topic"] = f"{base}/set"
        return {
            f"{base}/state": _ON if relay.acknowledged_closed else _OFF,
            self._config_topic(component, relay.meter_id, what): json.dumps(config),
        }

    def _entity(self, meter: int, label: str, what: str, name: str) -> dict[str, Any]:
        device = f"{self._id}_{meter}"
        return {
            "name": name,
            "unique_id": f"{device}_{what}",
            "availability_mode": "all",
            "availability": [
                {"topic": self._status},
                {"topic": f"{self._prefix}/meter/{meter}/status"},
            ],
            "device": {
                "identifiers": [device],
                "name": label or f"Meter {meter}",
                "manufacturer": "Ohmstead",
                "sw_version": VERSION,
            },
        }

    def _config_topic(self, component: str, meter: int, what: str) -> str:
        return f"{self._discovery}/{component}/{self._id}_{meter}/{what}/config"

"""What Home Assistant finds at the broker, and what it may switch."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_world import World
from local_chain import AUTHORITY, development_account
from mosquitto import PATIENCE_S, Listener, Mosquitto, needs_mosquitto

from backend.api.home_assistant import HomeAssistant
from backend.app import stop_app
from backend.chain.accounts import save_account
from backend.ingest.frame_values import Ack, AckResult
from backend.resilience.shedding import Override
from backend.telemetry import commands

pytest_plugins = ["api_world"]
pytestmark = needs_mosquitto

BATTERY, BOARD = 3, 5


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path / "broker")
    made.start()
    yield made
    made.stop()


def _world(folder: Path, chain_state: Any, broker: Mosquitto, meters: Any, **options: Any) -> World:
    url = f"mqtt://127.0.0.1:{broker.port}"
    return World(folder, *chain_state, mqtt_url=url, mqtt_home_meters=meters, **options)


def _acknowledge(world: World, pin: int, closed: bool) -> int:
    with world.store.read() as connection:
        command = next(c for c in commands.pending(connection, BOARD) if c.pin == pin)
    ack = Ack(command.command_id, pin, closed, AckResult.APPLIED, 0)
    assert world.send(world.meter(BOARD).frame(ack, int(world.now()))) == ["accepted"]
    return command.command_id >> 40


def _config(listener: Listener, topic: str) -> dict[str, Any]:
    text = listener.latest(topic)
    assert text, topic
    found: dict[str, Any] = json.loads(text)
    return found


def test_meters_and_relays_appear_and_show_what_was_booked_and_acknowledged(
    chain_state: Any, tmp_path: Path, broker: Mosquitto
) -> None:
    world = _world(tmp_path, chain_state, broker, "all")
    hass = Listener(broker.port, "homeassistant/#", "ohmstead/#").ready()
    try:
        hass.until("ohmstead/home/status", "online")
        assert world.report(4, 1_500) == "accepted"
        assert world.report(BATTERY, soc_bp=7_312) == "accepted"
        hass.until("ohmstead/meter/4/status", "online")
        hass.until("ohmstead/meter/3/status", "online")
        switch = _acknowledge(world, 0, True)
        hass.until(f"ohmstead/relay/{switch}/state", "ON")
        config = _config(hass, "homeassistant/sensor/ohmstead_4/imported_wh/config")
        assert config["device_class"] == "energy"
        assert config["state_class"] == "total_increasing"
        assert config["unit_of_measurement"] == "Wh"
        shown = json.loads(hass.latest(config["state_topic"]) or "{}")
        assert config["value_template"] == "{{ value_json.imported_wh }}"
        assert shown["imported_wh"] == 1_500
        charge = _config(hass, "homeassistant/sensor/ohmstead_3/charge_percent/config")
        battery = json.loads(hass.latest(charge["state_topic"]) or "{}")
        assert battery["charge_percent"] == 73.12
        # No key: relays are shown and have no topic to write to.
        configs = [m.topic for m in hass.heard if m.topic.endswith(f"relay_{switch}/config")]
        assert configs
        assert all(topic.startswith("homeassistant/binary_sensor/") for topic in configs)
        ids = [json.loads(m.payload)["unique_id"] for m in hass.heard if m.topic.endswith("config")]
        assert len(set(ids)) == len({m.topic for m in hass.heard if m.topic.endswith("config")})
        begun = world.now()
        world.now = lambda: begun + world.settings.stale_after_s + 1
        hass.until("ohmstead/meter/4/status", "offline")
    finally:
        stop_app(world.app)
    hass.until("ohmstead/home/status", "offline")
    # Home Assistant, started later, finds everything: the broker has kept it.
    later = Listener(broker.port, "homeassistant/#", "ohmstead/meter/4/state").ready()
    later.until_count(len({m.topic for m in hass.heard if m.topic.startswith("homeassistant")}))
    assert all(message.retain for message in later.heard)
    later.close()
    hass.close()


def test_only_the_meters_named_appear(chain_state: Any, tmp_path: Path, broker: Mosquitto) -> None:
    world = _world(tmp_path, chain_state, broker, (4,))
    hass = Listener(broker.port, "homeassistant/#", "ohmstead/#").ready()
    try:
        world.report(BATTERY, soc_bp=5_000)
        world.report(4, 10)
        hass.until("ohmstead/meter/4/status", "online")
        hass.until_count(10)
        others = [
            m.topic for m in hass.heard if "/meter/" in m.topic and "/meter/4/" not in m.topic
        ]
        assert others == []
        assert {m.topic.split("/")[2] for m in hass.heard if m.topic.startswith("homeass")} == {
            "ohmstead_4"
        }
    finally:
        world.close()
        hass.close()


@pytest.fixture
def switching(chain_state: Any, tmp_path: Path, broker: Mosquitto) -> Iterator[World]:
    key = tmp_path / "authority.json"
    save_account(key, development_account(AUTHORITY))
    made = _world(
        tmp_path, chain_state, broker, "all", mqtt_switching=True, blynk_authority_key=key
    )
    yield made
    made.close()


def test_an_order_is_an_override_on_chain_and_the_state_the_boards(
    switching: World, broker: Mosquitto
) -> None:
    hass = Listener(broker.port, "homeassistant/switch/#", "ohmstead/relay/#").ready()
    switch = _acknowledge(switching, 0, True)
    hass.until(f"ohmstead/relay/{switch}/state", "ON")
    (config,) = [json.loads(m.payload) for m in hass.heard if f"relay_{switch}/config" in m.topic][
        :1
    ]
    assert config["command_topic"] == f"ohmstead/relay/{switch}/set"
    for topic, text, retain in (
        (config["command_topic"], "OFF", True),  # an old order that the broker kept
        (config["command_topic"], "perhaps", False),
        ("ohmstead/relay/999/set", "OFF", False),
        ("ohmstead/relay/x/set", "OFF", False),
    ):
        hass.say(topic, text, retain)
    home = next(
        part
        for part in switching.app.extensions["ohmstead"].parts
        if isinstance(part, HomeAssistant)
    )
    views, clients = switching.chain.views, switching.chain.clients
    hass.say(config["command_topic"], "OFF")

    def overridden() -> bool:
        state = views.ask(clients.priority.switch_state(switch))
        return state.overridden is Override.FORCE_OPEN

    _until(overridden)
    # Ordered and not yet acknowledged: the contact is shown, not the wish.
    assert hass.latest(f"ohmstead/relay/{switch}/state") == "ON"
    assert home.connection.connected.is_set()
    switching.oracle.follower.catch_up()
    _acknowledge(switching, 0, False)
    hass.until(f"ohmstead/relay/{switch}/state", "OFF")
    hass.close()


def test_a_broker_that_forgot_is_told_everything_again(switching: World, broker: Mosquitto) -> None:
    switching.report(4, 10)
    hass = Listener(broker.port, "ohmstead/meter/4/#").ready()
    hass.until("ohmstead/meter/4/status", "online")
    hass.close()
    broker.kill()
    broker.start()
    again = Listener(broker.port, "ohmstead/meter/4/#").ready()
    again.until("ohmstead/meter/4/status", "online")
    again.close()


def _until(condition: Any) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.05)

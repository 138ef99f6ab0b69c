"""A Mosquitto of the test's own, on a free port, which can be killed and restarted."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE_S = 120.0  # ends a test whose event never comes
BINARY = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
needs_mosquitto = pytest.mark.skipif(
    BINARY is None, reason="there is no mosquitto (Debian: apt-get install mosquitto)"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Mosquitto:
    """The broker's process. `options` are lines of its configuration."""

    def __init__(self, folder: Path, *options: str, anonymous: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._file = folder / "mosquitto.conf"
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"allow_anonymous {str(anonymous).lower()}",
            "max_inflight_messages 0",
            "max_queued_messages 0",
            *options,
        ]
        if os.geteuid() == 0:
            lines.append("user root")  # reads the test's own files
        self._file.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert BINARY is not None
        self._process = subprocess.Popen(
            [BINARY, "-c", str(self._file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        ends = time.monotonic() + PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, "mosquitto did not start"
                assert time.monotonic() < ends, "mosquitto does not listen"
                time.sleep(0.02)

    def kill(self) -> None:
        """As a power cut would: what it did not write is gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def _end(self, by: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(PATIENCE_S)
            self._process = None


class Listener:
    """A client that hears some topics and says things."""

    def __init__(
        self,
        port: int,
        *topics: str,
        user: str | None = None,
        password: str | None = None,
        ca: Path | None = None,
    ) -> None:
        self.heard: list[MQTTMessage] = []
        self.refused = threading.Event()
        self._news = threading.Condition()
        self._topics = topics
        self._ready = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2)
        if user is not None:
            self.client.username_pw_set(user, password)
        if ca is not None:
            self.client.tls_set(str(ca))
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port, keepalive=10)
        self.client.loop_start()

    def _on_connect(self, client, _data, _flags, reason, _properties) -> None:  # type: ignore[no-untyped-def]
        if reason.is_failure:
            self.refused.set()
        elif self._topics:
            client.subscribe([(topic, 1) for topic in self._topics])
        else:
            self._ready.set()

    def _on_message(self, _client, _data, message: MQTTMessage) -> None:  # type: ignore[no-untyped-def]
        with self._news:
            self.heard.append(message)
            self._news.notify_all()

    def ready(self) -> Listener:
        assert self._ready.wait(PATIENCE_S), "the broker took no subscription"
        return self

    def say(self, topic: str, payload: bytes | str, retain: bool = False, qos: int = 1) -> None:
        """Returns when the broker has it. A broker may hang up on whom it denied something."""
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            said = self.client.publish(topic, payload, qos=qos, retain=retain)
            try:
                said.wait_for_publish(PATIENCE_S)
            except RuntimeError:  # not connected: it goes out as soon as that is so, or again here
                time.sleep(0.1)
            else:
                return
        raise AssertionError("the broker is away")

    def latest(self, topic: str) -> str | None:
        """The newest text on a topic."""
        found = [m.payload.decode() for m in list(self.heard) if m.topic == topic]
        return found[-1] if found else None

    def until(self, topic: str, text: str) -> None:
        """Waits for a topic's newest text."""
        with self._news:
            assert self._news.wait_for(lambda: self.latest(topic) == text, PATIENCE_S), (
                f"{topic} is {self.latest(topic)!r}, not {text!r}"
            )

    def until_count(self, count: int) -> None:
        with self._news:
            assert self._news.wait_for(lambda: len(self.heard) >= count, PATIENCE_S), (
                f"{len(self.heard)} messages of {count}"
            )

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

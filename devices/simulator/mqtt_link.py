"""A node behind an MQTT broker: its frames go up on its own topic, answers come down on another.

The broker's word that it has a message says nothing of the gateway: a frame is kept until its
result has come, as on a serial line, so that a broker that is killed loses nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from devices.simulator.links import LinkError, Reply

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_KEEPALIVE_S = 15
_AT_LEAST_ONCE = 1
_MOST_WAITING = 64
_FIRST_RETRY_S, _LONGEST_RETRY_S = 1, 15


@dataclass(frozen=True, slots=True)
class MqttBroker:
    """Where the nodes' broker is.

    Args:
        url: `mqtt://host[:port]`, or `mqtts://` for TLS
        prefix: first levels of the microgrid's topics
        ca: PEM certificates that vouch for the broker
        passwords: nodes say who they are, with a password that follows from their key
    """

    url: str
    prefix: str = "ohmstead"
    ca: Path | None = None
    passwords: bool = False


def password_of(key: bytes) -> str:
    """A node's password at the broker, from its device key (docs/mqtt.md)."""
    return hmac.new(key, b"ohmstead mqtt", hashlib.sha256).hexdigest()[:32]


class MqttLink:
    """One node's session at the broker. Make it inside a running event loop."""

    answers_come_later = True

    def __init__(self, broker: MqttBroker, node_id: int, *keys: bytes) -> None:
        """`keys`: the node's, and the one before that the broker may still know it by."""
        parts = urlsplit(broker.url)
        base = f"{broker.prefix}/node/{node_id}"
        self._up, self._down, self._status = f"{base}/up", f"{base}/down", f"{base}/status"
        self._loop = asyncio.get_running_loop()
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{broker.prefix.replace('/', '-')}-node-{node_id}",
            clean_session=False,
        )
        self._user, self._keys = str(node_id) if broker.passwords else "", list(keys)
        if self._user:
            client.username_pw_set(self._user, password_of(keys[0]))
        if parts.scheme == "mqtts":
            client.tls_set(str(broker.ca) if broker.ca else None)
        client.will_set(self._status, "offline", _AT_LEAST_ONCE, retain=True)
        client.reconnect_delay_set(_FIRST_RETRY_S, _LONGEST_RETRY_S)
        client.on_connect = self._on_connect
        client.on_message = self._on_message
        self._client = client
        client.connect_async(
            parts.hostname or "", parts.port or _PORTS[parts.scheme], keepalive=_KEEPALIVE_S
        )
        client.loop_start()

    def close(self) -> None:
        """Says goodbye and leaves."""
        if self._client.is_connected():
            said = self._client.publish(self._status, "offline", _AT_LEAST_ONCE, retain=True)
            said.wait_for_publish(1.0)
        self._client.disconnect()
        self._client.loop_stop()

    def change_key(self, key: bytes) -> None:
        """The node has another key: the broker will know it by that once it is told."""
        self._keys = [self._keys[0], key]

    async def deliver(self, frames: Sequence[bytes]) -> Reply:
        """Publishes the frames; their results come as RESULTS frames."""
        if not self._client.is_connected():
            raise LinkError("the broker is away")
        payload = b"".join(bytes([len(frame)]) + frame for frame in frames)
        self._client.publish(self._up, payload, _AT_LEAST_ONCE)
        return Reply((), ())

    async def downlink(self, poll: bytes, wait_s: int) -> Sequence[bytes]:
        """The next frame that came down; nobody needs to be asked."""
        try:
            return (await asyncio.wait_for(self._received.get(), wait_s),)
        except TimeoutError:
            return ()

    # ---- in the client's thread ------------------------------------------------------------------

    def _on_connect(
        self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure and self._user:
            self._keys.reverse()
            client.username_pw_set(self._user, password_of(self._keys[0]))
        if not reason.is_failure:
            client.subscribe(self._down, _AT_LEAST_ONCE)
            client.publish(self._status, "online", _AT_LEAST_ONCE, retain=True)

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        body, at = bytes(message.payload), 0
        while at < len(body):
            end = at + 1 + body[at]
            self._loop.call_soon_threadsafe(self._take, body[at + 1 : end])
            at = end

    def _take(self, frame: bytes) -> None:
        if self._received.qsize() < _MOST_WAITING:
            self._received.put_nowait(frame)

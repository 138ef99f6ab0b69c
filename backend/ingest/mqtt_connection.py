"""One connection to an MQTT broker: who we are, how we get in, and that it comes back."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

_LOG = logging.getLogger(__name__)
ONLINE, OFFLINE = "online", "offline"
AT_LEAST_ONCE = 1
_PORTS = {"mqtt": 1883, "mqtts": 8883}
_KEEPALIVE_S = 30
_FIRST_RETRY_S, _LONGEST_RETRY_S = 1, 30
_SESSION_S = 86_400
"""How long the broker keeps what arrives while we are away."""
_LARGEST_PACKET = 65_536
_UNANSWERED = 1_000
"""Messages that the broker may send before the first of them is acknowledged."""
_WAITING = 10_000
"""Messages of ours that wait for the broker; more are dropped, and nodes ask again."""
_GOODBYE_S = 1.0
_LONGEST_NUMBER = 10
"""Digits of 2^32; Python refuses to read one of thousands, and anybody may choose a topic."""
_DOWNLINK_EXPIRY_S = 60
"""An older answer helps nobody: the node has repeated its frame by then."""


class BrokerError(ValueError):
    """The broker's address or files cannot be used; the message names the key and the fix."""


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how to get in.

    Args:
        url: `mqtt://host[:port]`, or `mqtts://` for TLS
        ca: PEM certificates that vouch for the broker; None: the system's
        certificate, key: PEM, of ours, where the broker asks for it
    """

    url: str
    user: str | None = None
    password: str | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_secure(self) -> bool:
        """True if the connection is TLS."""
        return urlsplit(self.url).scheme == "mqtts"

    @property
    def is_here(self) -> bool:
        """True if the broker is on this machine."""
        return self.address[0] in ("localhost", "127.0.0.1", "::1")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or _PORTS[parts.scheme]


Taken = Callable[[MQTTMessage], None]


class Connection:
    """A session that outlives its connections, and a retained word on whether we are there.

    What is received is acknowledged by `acknowledge` alone: the broker keeps everything else.
    Callbacks run in the connection's own thread.

    Args:
        status_topic: where `online` or, also by the broker's last will, `offline` stands; None:
            somebody else tells
        subscriptions: topics asked for at each connection
        on_message, on_online: what to do
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        subscriptions: tuple[str, ...],
        status_topic: str | None,
        on_message: Taken,
        on_online: Callable[[], None] = lambda: None,
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._subscriptions = subscriptions
        self._status_topic = status_topic
        self._on_online = on_online
        self._complained = False
        self.epoch = 0
        """Counts connections: what one delivered, another does not acknowledge."""
        self.connected = threading.Event()
        """Set while the broker has taken us and our subscriptions."""
        self._client = self._make_client(on_message)

    def start(self) -> None:
        """Connects, and connects again whenever that ends."""
        host, port = self._broker.address
        properties = _properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = _SESSION_S
        properties.ReceiveMaximum = _UNANSWERED
        properties.MaximumPacketSize = _LARGEST_PACKET
        self._client.connect_async(
            host, port, keepalive=_KEEPALIVE_S, clean_start=False, properties=properties
        )
        self._client.loop_start()

    def stop(self) -> None:
        """Says goodbye, within two seconds; the session stays at the broker."""
        if self._status_topic and self.connected.is_set():
            said = self._client.publish(self._status_topic, OFFLINE, AT_LEAST_ONCE, retain=True)
            try:
                said.wait_for_publish(_GOODBYE_S)
            except (RuntimeError, ValueError):
                _LOG.debug("the broker went before the goodbye")
        self._client.disconnect()
        ending = threading.Thread(target=self._client.loop_stop, daemon=True)
        ending.start()  # a connection that is just being made is not waited for
        ending.join(_GOODBYE_S)
        self.connected.clear()

    def publish(self, topic: str, payload: bytes | str, retain: bool = False) -> None:
        """At least once, now or when the broker is back."""
        properties = _properties(PacketTypes.PUBLISH)
        if not retain:
            properties.MessageExpiryInterval = _DOWNLINK_EXPIRY_S
        self._client.publish(topic, payload, AT_LEAST_ONCE, retain=retain, properties=properties)

    def acknowledge(self, message_id: int, epoch: int) -> None:
        """Tells the broker that a message needs not be kept; nothing if that was another
        connection's: this one gets the message again."""
        if epoch == self.epoch:
            self._client.ack(message_id, AT_LEAST_ONCE)

    # ---- the client ----------------------------------------------------------------------------

    def _make_client(self, on_message: Taken) -> Client:
        broker = self._broker
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            manual_ack=True,
        )
        if broker.user is not None:
            client.username_pw_set(broker.user, broker.password)
        if broker.is_secure:
            try:
                client.tls_set(_name(broker.ca), _name(broker.certificate), _name(broker.key))
            except (OSError, ValueError) as error:  # SSLError is an OSError
                raise BrokerError(
                    "OHMSTEAD_MQTT_CA, OHMSTEAD_MQTT_CERTIFICATE and OHMSTEAD_MQTT_KEY must name "
                    f"readable PEM files that belong together: {error}"
                ) from None
        if self._status_topic:
            client.will_set(self._status_topic, OFFLINE, AT_LEAST_ONCE, retain=True)
        client.reconnect_delay_set(_FIRST_RETRY_S, _LONGEST_RETRY_S)
        client.max_queued_messages_set(_WAITING)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_message = lambda _client, _data, message: on_message(message)
        return client

    def _on_connect(
        self, client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._complain(f"refuses us: {reason}")
            return
        self.epoch += 1
        client.subscribe([(topic, AT_LEAST_ONCE) for topic in self._subscriptions])

    def _on_subscribe(
        self, client: Client, _data: Any, _id: int, reasons: Any, _properties: Any
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            self._complain(f"refuses the subscription to {self._subscriptions}: {refused[0]}")
            return
        _LOG.info("MQTT broker %s:%d: connected as %s", *self._broker.address, self._client_id)
        self._complained = False
        if self._status_topic:
            client.publish(self._status_topic, ONLINE, AT_LEAST_ONCE, retain=True)
        self.connected.set()
        self._on_online()

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        self.connected.clear()
        self.epoch += 1
        if reason.is_failure:
            self._complain(f"is gone ({reason}); waiting for it")

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        self._complain("is not reached; waiting for it")

    def _complain(self, what: str) -> None:
        """Once, until the broker has been there again."""
        if not self._complained:
            self._complained = True
            _LOG.warning("MQTT broker %s:%d %s", *self._broker.address, what)


def topic_of(message: MQTTMessage) -> str:
    """The topic; empty if it is no text, which a broker should have refused."""
    try:
        return message.topic
    except UnicodeDecodeError:
        return ""


def number_in(topic: str) -> int | None:
    """The number before the topic's last level, 1 to 2^32 - 1; None if there is none."""
    name = "".join(topic.split("/")[-2:-1])
    if not name.isdecimal() or len(name) > _LONGEST_NUMBER:
        return None
    return int(name) if 0 < int(name) < 1 << 32 else None


def _properties(packet: int) -> Properties:
    return Properties(packet)  # type: ignore[no-untyped-call]


def _name(path: Path | None) -> str | None:
    return str(path) if path else None

"""Meters behind an MQTT broker (docs/mqtt.md).

A node publishes frames to `<prefix>/node/<its id>/up` and hears `.../down`; results come as on a
serial line, in RESULTS frames. The broker is told to forget a message when the frames in it are
stored or refused, and not before: what a dead service or a store out of reach left is delivered
again. A frame proves its sender by its own tag; the broker's passwords only keep strangers from
the line.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from paho.mqtt.client import MQTTMessage

from backend import signals
from backend.ingest.downlink import Downlink
from backend.ingest.frame_values import Result
from backend.ingest.mqtt_connection import Broker, Connection, number_in, topic_of
from backend.ingest.octets import join_octets, split_octets
from backend.ingest.pipeline import Outcome, Pipeline

_LOG = logging.getLogger(__name__)
_MOST_FRAMES = 500
"""Frames stored together, unless one message has more."""
_STORE_AGAIN_S = 1.0
_STOP_S = 2.0


class _Arrived(NamedTuple):
    """A message; `via` is the node on whose line it came, which may carry others' frames."""

    via: int
    frames: list[bytes]
    message_id: int
    epoch: int


class MqttLine:
    """One connection and its worker. `heard` is told of each node that proves to be behind it."""

    def __init__(
        self,
        broker: Broker,
        prefix: str,
        client_id: str,
        subscription: str,
        status_topic: str | None,
        pipeline: Pipeline,
        downlink: Downlink,
        heard: Callable[[int, MqttLine, int], None],
    ) -> None:
        self._prefix = prefix
        self._pipeline = pipeline
        self._downlink = downlink
        self._heard = heard
        self._jobs: queue.SimpleQueue[_Arrived | tuple[int, int] | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"mqtt {client_id}", daemon=True)
        self.connection = Connection(
            broker, client_id, (subscription,), status_topic, self._on_message
        )

    def start(self) -> None:
        """Connects and takes what comes."""
        self._thread.start()
        self.connection.start()

    def stop(self) -> None:
        """Ends; what is not acknowledged stays at the broker."""
        self._stop.set()
        self._jobs.put(None)
        self._thread.join(_STOP_S)
        self.connection.stop()

    def offer(self, node_id: int, via: int) -> None:
        """A command waits for a node: it is sent at once."""
        self._jobs.put((node_id, via))

    def _on_message(self, message: MQTTMessage) -> None:
        via, frames = read_message(message)
        self._jobs.put(_Arrived(via, frames, message.mid, self.connection.epoch))

    # ---- the worker ----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            arrived, offers = self._next()
            try:
                if arrived:
                    self._take(arrived)
                for node_id, via in offers:
                    self._send(via, self._downlink.pending(node_id))
            except Exception:  # a store out of reach, or a defect: the node asks again
                _LOG.exception("MQTT: frames could not be answered")

    def _next(self) -> tuple[list[_Arrived], list[tuple[int, int]]]:
        """What waits now, after waiting for the first."""
        arrived: list[_Arrived] = []
        offers: list[tuple[int, int]] = []
        frames, job = 0, self._jobs.get()
        while job is not None:
            if isinstance(job, _Arrived):
                arrived.append(job)
                frames += len(job.frames)
            else:
                offers.append(job)
            if frames >= _MOST_FRAMES:
                break
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
        return arrived, offers

    def _take(self, arrived: Sequence[_Arrived]) -> None:
        outcomes = self._stored([frame for message in arrived for frame in message.frames])
        if outcomes is None:
            return  # the service ends: the broker keeps the messages
        for message in arrived:
            self.connection.acknowledge(message.message_id, message.epoch)
        vias = [message.via for message in arrived for _ in message.frames]
        self._answer(vias, outcomes)

    def _stored(self, frames: Sequence[bytes]) -> list[Outcome] | None:
        """What became of the frames; waits for a store that is out of reach. None: stopped."""
        while not self._stop.is_set():
            try:
                outcomes = self._pipeline.submit(frames, "mqtt")
            except Exception:
                _LOG.exception("MQTT: frames could not be judged; their message is dropped")
                return []
            if all(outcome.result is not Result.BUSY for outcome in outcomes):
                return outcomes
            self._stop.wait(_STORE_AGAIN_S)
        return None

    def _answer(self, vias: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        by_line: dict[tuple[int, int], list[Outcome]] = {}
        newest_via: dict[int, int] = {}
        for via, outcome in zip(vias, outcomes, strict=False):
            if not outcome.verified or outcome.frame is None:
                continue
            node_id = outcome.frame.node_id
            by_line.setdefault((via, node_id), []).append(outcome)
            if outcome.result is Result.ACCEPTED:
                newest_via[node_id] = via
                self._heard(node_id, self, via)
            newest_via.setdefault(node_id, via)
        said: dict[int, list[bytes]] = {}
        for (via, node_id), answered in by_line.items():
            said.setdefault(via, []).extend(self._downlink.results(node_id, answered))
        for node_id, frames in self._downlink.for_senders_of(outcomes).items():
            said.setdefault(newest_via[node_id], []).extend(frames)
        for via, frames in said.items():
            self._send(via, frames)

    def _send(self, via: int, frames: Sequence[bytes]) -> None:
        if frames:
            topic = f"{self._prefix}/node/{via}/down"
            self.connection.publish(topic, join_octets(frames))


class MqttGateway:
    """All connections to the broker: one, or several that share what comes (`$share`)."""

    def __init__(
        self,
        broker: Broker,
        prefix: str,
        client_id: str,
        connections: int,
        pipeline: Pipeline,
        downlink: Downlink,
    ) -> None:
        up = f"{prefix}/node/+/up"
        subscription = up if connections == 1 else f"$share/{client_id.rpartition('/')[2]}/{up}"
        self.lines = [
            MqttLine(
                broker,
                prefix,
                client_id if i == 0 else f"{client_id}-{i}",
                subscription,
                f"{prefix}/gateway/status" if i == 0 else None,
                pipeline,
                downlink,
                self._on_heard,
            )
            for i in range(connections)
        ]
        self._line_of: dict[int, tuple[MqttLine, int]] = {}

    def start(self) -> None:
        """Connects."""
        signals.command_issued.connect(self._on_command)
        for line in self.lines:
            line.start()

    def stop(self) -> None:
        """Disconnects."""
        signals.command_issued.disconnect(self._on_command)
        for line in self.lines:
            line.stop()

    def _on_heard(self, node_id: int, line: MqttLine, via: int) -> None:
        self._line_of[node_id] = (line, via)

    def _on_command(self, _sender: object, **values: Any) -> None:
        found = self._line_of.get(values["board"])
        if found is not None:
            line, via = found
            line.offer(values["board"], via)


def read_message(message: MQTTMessage) -> tuple[int, list[bytes]]:
    """The node of a topic `.../node/<id>/up` and the frames; of any other topic 0 and none."""
    via = number_in(topic_of(message))
    return (via, split_octets(bytes(message.payload))) if via is not None else (0, [])

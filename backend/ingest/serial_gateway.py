"""Nodes behind serial lines: COBS packets both ways, one thread a line.

A line that is unplugged is opened again when it is back. Results go out on the line that the frames
came in on, commands on the line on which the node was last heard.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import serial

from backend import signals
from backend.ingest import cobs
from backend.ingest.downlink import Downlink
from backend.ingest.frame import MAX_FRAME_BYTES
from backend.ingest.frame_values import Malformed, Result
from backend.ingest.pipeline import Outcome, Pipeline

_LOG = logging.getLogger(__name__)
DEFAULT_BAUD = 115_200
_LONGEST_PACKET = MAX_FRAME_BYTES + 2
"""COBS adds at most one byte to a frame; one more proves that a packet is too long."""
_READ_TIMEOUT_S = 5.0
_WRITE_TIMEOUT_S = 2.0
_FIRST_RETRY_S, _LONGEST_RETRY_S = 0.2, 5.0


class SerialError(ValueError):
    """A serial line is not described as `path` or `path@baud`."""


class PacketSplitter:
    """Bytes as they come, packets without their closing zero as they are complete."""

    def __init__(self) -> None:
        self._open = bytearray()
        self._too_long = False

    def add(self, data: bytes) -> list[bytes]:
        """The packets that `data` completes, still encoded.

        An overlong packet yields its first 252 bytes once, so that it can be refused and counted;
        the rest is dropped up to the next zero.
        """
        packets: list[bytes] = []
        *ended, rest = data.split(b"\0")
        for part in ended:
            self._append(part, packets)
            if self._open and not self._too_long:
                packets.append(bytes(self._open))
            self._open.clear()
            self._too_long = False
        self._append(rest, packets)
        return packets

    def _append(self, part: bytes, packets: list[bytes]) -> None:
        if self._too_long:
            return
        self._open += part
        if len(self._open) > _LONGEST_PACKET:
            packets.append(bytes(self._open[:_LONGEST_PACKET]))
            self._open.clear()
            self._too_long = True


class SerialLine:
    """One port and its thread. `heard` is told of each node that proves to be on it."""

    def __init__(
        self,
        description: str,
        pipeline: Pipeline,
        downlink: Downlink,
        heard: Callable[[int, SerialLine], None],
    ) -> None:
        self.path, self.baud = parse_port(description)
        self._pipeline = pipeline
        self._downlink = downlink
        self._heard = heard
        self._port: serial.Serial | None = None
        self._wake: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"serial {self.path}", daemon=True)
        self.connected = threading.Event()
        """Set while the port is open."""

    def start(self) -> None:
        """Opens the line and keeps it open."""
        self._thread.start()

    def stop(self) -> None:
        """Closes the line."""
        self._stop.set()
        self._interrupt()
        self._thread.join(timeout=_READ_TIMEOUT_S + _WRITE_TIMEOUT_S)

    def offer(self, node_id: int) -> None:
        """A command waits for a node on this line: it is sent at once."""
        self._wake.put(node_id)
        self._interrupt()

    # ---- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        retry_s, complained = _FIRST_RETRY_S, False
        while not self._stop.is_set():
            try:
                with serial.Serial(
                    self.path,
                    self.baud,
                    timeout=_READ_TIMEOUT_S,
                    write_timeout=_WRITE_TIMEOUT_S,
                ) as port:
                    _LOG.info("serial line %s is open", self.path)
                    self._port = port
                    self.connected.set()
                    retry_s, complained = _FIRST_RETRY_S, False
                    self._serve(port)
            except (OSError, serial.SerialException) as error:
                if not complained and not self._stop.is_set():
                    why = os.strerror(error.errno) if error.errno else error
                    _LOG.warning("serial line %s: %s; waiting for it", self.path, why)
                    complained = True
            finally:
                self._port = None
                self.connected.clear()
            self._stop.wait(retry_s)
            retry_s = min(retry_s * 2, _LONGEST_RETRY_S)

    def _serve(self, port: serial.Serial) -> None:
        splitter = PacketSplitter()
        while not self._stop.is_set():
            data = port.read(port.in_waiting or 1)  # read_until would take a call a byte
            packets = splitter.add(data) if data else []
            if packets:
                self._take(port, packets)
            self._send_woken(port)

    def _take(self, port: serial.Serial, packets: Sequence[bytes]) -> None:
        outcomes = self._pipeline.submit([_unstuffed(packet) for packet in packets], "serial")
        by_node: dict[int, list[Outcome]] = {}
        for outcome in outcomes:
            if outcome.verified and outcome.frame:
                by_node.setdefault(outcome.frame.node_id, []).append(outcome)
        for node_id, answered in by_node.items():
            if any(outcome.result is Result.ACCEPTED for outcome in answered):
                self._heard(node_id, self)
            self._write(port, self._downlink.results(node_id, answered))
        for frames in self._downlink.for_senders_of(outcomes).values():
            self._write(port, frames)

    def _send_woken(self, port: serial.Serial) -> None:
        while True:
            try:
                node_id = self._wake.get_nowait()
            except queue.Empty:
                return
            self._write(port, self._downlink.pending(node_id))

    def _write(self, port: serial.Serial, frames: Sequence[bytes]) -> None:
        if frames:
            port.write(b"".join(cobs.encode(frame) + b"\0" for frame in frames))

    def _interrupt(self) -> None:
        port = self._port
        if port is not None:
            try:
                port.cancel_read()
            except (OSError, AttributeError, TypeError):
                _LOG.debug("serial line %s closed while being woken", self.path)


class SerialGateway:
    """All serial lines."""

    def __init__(self, ports: Sequence[str], pipeline: Pipeline, downlink: Downlink) -> None:
        self.lines = [SerialLine(port, pipeline, downlink, self._on_heard) for port in ports]
        self._line_of: dict[int, SerialLine] = {}

    def start(self) -> None:
        """Opens the lines."""
        signals.command_issued.connect(self._on_command)
        for line in self.lines:
            line.start()

    def stop(self) -> None:
        """Closes them."""
        signals.command_issued.disconnect(self._on_command)
        for line in self.lines:
            line.stop()

    def _on_heard(self, node_id: int, line: SerialLine) -> None:
        self._line_of[node_id] = line

    def _on_command(self, _sender: object, **values: Any) -> None:
        line = self._line_of.get(values["board"])
        if line is not None:
            line.offer(values["board"])


def parse_port(description: str) -> tuple[str, int]:
    """Path and baud rate of `path` or `path@baud`; SerialError if it is neither."""
    path, at, baud = description.partition("@")
    if not path or (at and not (baud.isdecimal() and int(baud) > 0)):
        raise SerialError(
            f"OHMSTEAD_SERIAL_PORTS: {description!r} must be a path, or path@baud as "
            "/dev/ttyUSB0@115200"
        )
    return path, int(baud) if at else DEFAULT_BAUD


def _unstuffed(packet: bytes) -> bytes:
    """The frame; for a packet that is none, bytes that are refused as what they are."""
    if len(packet) >= _LONGEST_PACKET:
        return packet  # longer than any frame: `oversized`
    try:
        return cobs.decode(packet)
    except Malformed:
        return b""  # cut short on the line: `truncated`

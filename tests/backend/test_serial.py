"""A node behind a pseudo-terminal, which the gateway opens with pyserial as any other port."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ingest_kit import Clock
from meters import SINCE, Meter, key_of

from backend import signals
from backend.ingest import cobs
from backend.ingest.downlink import Downlink
from backend.ingest.frame import decode, encode, verify
from backend.ingest.frame_values import Command, Frame, FrameType, Result, Results, SetTime
from backend.ingest.keyring import Keyring
from backend.ingest.pipeline import Pipeline
from backend.ingest.serial_gateway import (
    PacketSplitter,
    SerialError,
    SerialGateway,
    parse_port,
)
from backend.telemetry import readings
from backend.telemetry.store import Store

PATIENCE_S = 120.0  # ends a test whose event never comes


class Node:
    """The other end of the line."""

    def __init__(self, link: Path) -> None:
        self._link = link
        self._fd = -1
        self._buffer = b""
        self.plug_in()

    def plug_in(self) -> None:
        self._fd, other = os.openpty()
        tty.setraw(other)
        draft = self._link.with_suffix(".new")
        draft.symlink_to(os.ttyname(other))
        draft.rename(self._link)
        self._other = other
        self._buffer = b""

    def unplug(self) -> None:
        os.close(self._other)
        os.close(self._fd)

    def send(self, *frames: bytes) -> None:
        os.write(self._fd, b"".join(b"\0" + cobs.encode(frame) + b"\0" for frame in frames))

    def write(self, data: bytes) -> None:
        os.write(self._fd, data)

    def receive(self) -> Frame:
        """The next downlink frame, verified."""
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._fd], [], [], PATIENCE_S)
            assert ready, "nothing came down the line"
            self._buffer += os.read(self._fd, 4096)
        packet, _, self._buffer = self._buffer.partition(b"\0")
        frame = decode(cobs.decode(packet), downlink=True)
        verify(frame, key_of(frame.node_id))
        return frame

    def receive_after(self, frame: bytes) -> Frame:
        """The answer to `frame`, which is repeated until there is one: a port that is being opened
        drops what came before."""
        while b"\0" not in self._buffer:
            self.send(frame)
            if select.select([self._fd], [], [], 0.3)[0]:
                self._buffer += os.read(self._fd, 4096)
        return self.receive()

    def is_quiet(self) -> bool:
        ready, _, _ = select.select([self._fd], [], [], 0.2)
        return not ready and not self._buffer


class Pending:
    """Commands that wait, as the dispatcher would say."""

    def __init__(self) -> None:
        self.frames: dict[int, list[bytes]] = {}
        self.asked = threading.Event()

    def __call__(self, node_id: int) -> list[bytes]:
        found = self.frames.get(node_id, [])
        self.asked.set()
        return found


@pytest.fixture
def pending() -> Pending:
    return Pending()


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "node.tty")


@pytest.fixture
def gateway(
    node: Node,
    pipeline: Pipeline,
    store: Store,
    keyring: Keyring,
    clock: Clock,
    pending: Pending,
    tmp_path: Path,
) -> Iterator[SerialGateway]:
    downlink = Downlink(store, keyring, pending, clock)
    made = SerialGateway([f"{tmp_path / 'node.tty'}@115200"], pipeline, downlink)
    made.start()
    assert made.lines[0].connected.wait(PATIENCE_S)
    yield made
    made.stop()
    downlink.close()


def _results(frame: Frame) -> list[tuple[int, int, Result]]:
    assert isinstance(frame.body, Results)
    return list(frame.body.entries)


def test_a_reading_is_stored_and_its_result_comes_back(
    gateway: SerialGateway, node: Node, store: Store
) -> None:
    meter = Meter(4)
    meter.count(3)
    node.send(meter.keyframe_at(SINCE))
    assert _results(node.receive()) == [(1, 1, Result.ACCEPTED)]
    with store.read() as connection:
        stored = readings.latest_of(connection, 4)
    assert stored is not None
    assert stored.registers[3] == 3


def test_many_frames_at_once_and_byte_by_byte(gateway: SerialGateway, node: Node) -> None:
    meter = Meter(4)
    frames = [meter.keyframe_at(SINCE)] + [meter.delta_at(SINCE) for _ in range(40)]
    node.send(*frames)
    seen: list[int] = []
    while len(seen) < 41:
        seen += [sequence for _, sequence, result in _results(node.receive())]
    assert seen == list(range(1, 42))
    for byte in cobs.encode(meter.keyframe_at(SINCE)) + b"\0":
        node.write(bytes([byte]))
    assert _results(node.receive()) == [(1, 42, Result.ACCEPTED)]


def test_noise_has_no_answer_and_does_not_disturb_what_follows(
    gateway: SerialGateway, node: Node
) -> None:
    meter = Meter(4)
    foreign = encode(4, 1, 1, SINCE, meter.reading(), key_of(7))
    node.write(b"\x05ab\0" + bytes(range(1, 256)) * 3 + b"\0\0\0" + cobs.encode(foreign) + b"\0")
    assert node.is_quiet()
    node.send(meter.keyframe_at(SINCE))
    assert _results(node.receive()) == [(1, 1, Result.ACCEPTED)]


def test_a_node_with_a_wrong_clock_is_told_the_time(
    gateway: SerialGateway, node: Node, clock: Clock
) -> None:
    meter = Meter(4)
    node.send(meter.keyframe_at(SINCE + 500))
    assert _results(node.receive()) == [(1, 1, Result.FUTURE_TIME)]
    told = node.receive()
    assert told.body == SetTime(SINCE, 0)
    node.send(meter.keyframe_at(SINCE))
    assert _results(node.receive()) == [(1, 2, Result.ACCEPTED)]
    node.send(meter.frame(meter.reading(), 0))
    assert _results(node.receive()) == [(1, 3, Result.ACCEPTED)]
    assert node.is_quiet()  # told a moment ago
    clock.now += 11
    node.send(meter.frame(meter.reading(), 0))
    assert _results(node.receive()) == [(1, 4, Result.ACCEPTED)]
    again = node.receive()
    assert again.type is FrameType.TIME
    assert again.order > told.order


def test_a_command_comes_with_the_next_contact_and_at_once(
    gateway: SerialGateway, node: Node, pending: Pending
) -> None:
    board = Meter(5)
    command = Command((3 << 40) + 1, 1, False, 0, 0)
    pending.frames[5] = [encode(5, 9, 1, SINCE, command, key_of(5))]
    node.send(board.keyframe_at(SINCE))
    assert node.receive().type is FrameType.RESULTS
    assert node.receive().body == command
    newer = Command((3 << 40) + 2, 1, True, 0, 0)
    pending.frames[5] = [encode(5, 9, 2, SINCE, newer, key_of(5))]
    signals.command_issued.send(None, command_id=newer.command_id, board=5)
    assert node.receive().body == newer
    signals.command_issued.send(None, command_id=1, board=4)  # not heard on this line
    assert node.is_quiet()


def test_a_repeated_frame_learns_nothing_but_its_result(
    gateway: SerialGateway, node: Node, pending: Pending
) -> None:
    board = Meter(5)
    frame = board.keyframe_at(SINCE)
    node.send(frame)
    assert _results(node.receive()) == [(1, 1, Result.ACCEPTED)]
    assert pending.asked.wait(10)  # what waited when it was new
    pending.frames[5] = [encode(5, 9, 1, SINCE, Command(1, 1, False, 0, 0), key_of(5))]
    node.send(frame)
    assert _results(node.receive()) == [(1, 1, Result.DUPLICATE)]
    assert node.is_quiet()


def test_a_line_unplugged_is_open_again_when_it_is_back(gateway: SerialGateway, node: Node) -> None:
    meter = Meter(4)
    node.send(meter.keyframe_at(SINCE))
    node.receive()
    node.unplug()
    node.plug_in()
    answered = node.receive_after(meter.keyframe_at(SINCE))
    assert _results(answered)[0][:2] == (1, 2)


def test_a_line_that_is_not_there_yet_is_waited_for(
    tmp_path: Path, pipeline: Pipeline, store: Store, keyring: Keyring, clock: Clock
) -> None:
    downlink = Downlink(store, keyring, Pending(), clock)
    gateway = SerialGateway([str(tmp_path / "late.tty")], pipeline, downlink)
    gateway.start()
    assert not gateway.lines[0].connected.is_set()
    node = Node(tmp_path / "late.tty")
    answered = node.receive_after(Meter(4).keyframe_at(SINCE))
    assert _results(answered)[0][:2] == (1, 1)
    gateway.stop()
    downlink.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("serial")]


@pytest.mark.parametrize("description", ["", "@9600", "/dev/x@", "/dev/x@fast", "/dev/x@0"])
def test_a_port_described_wrongly_is_refused_with_the_key(description: str) -> None:
    with pytest.raises(SerialError, match="OHMSTEAD_SERIAL_PORTS"):
        parse_port(description)


@given(st.lists(st.binary(min_size=1, max_size=250), max_size=8), st.integers(1, 300))
def test_packets_come_out_whole_however_the_bytes_come_in(frames: list[bytes], chunk: int) -> None:
    line = b"".join(cobs.encode(frame) + b"\0" for frame in frames)
    splitter = PacketSplitter()
    packets: list[bytes] = []
    for start in range(0, len(line), chunk):
        packets += splitter.add(line[start : start + chunk])
    assert [cobs.decode(packet) for packet in packets] == frames


@given(st.integers(253, 3000), st.integers(1, 500))
def test_an_overlong_packet_comes_out_once_and_holds_no_memory(size: int, chunk: int) -> None:
    splitter = PacketSplitter()
    data = b"\1" * size + b"\0" + cobs.encode(b"next") + b"\0"
    packets: list[bytes] = []
    for start in range(0, len(data), chunk):
        packets += splitter.add(data[start : start + chunk])
        assert len(splitter._open) <= 252
    assert [len(packet) for packet in packets] == [252, 6 - 1]
    assert cobs.decode(packets[1]) == b"next"

"""The node behind a serial line: real bytes through a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import serial
from simulated import PLAN, key_of, running

from devices.esp32 import cobs, frame
from devices.simulator.serial_link import SerialLink


def test_readings_and_commands_pass_the_line(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {12}) as r, r.gateway.attached(home / "node12.tty"):
            house = r.gateway.nodes[12]
            await r.gateway.until(lambda: len(house.readings) >= 10)
            assert house.readings[1].was_delta
            await r.gateway.command(12, 9, 0, 0)
            await r.gateway.until(lambda: house.acks)
            assert house.acks[0][:4] == (9, 0, 0, frame.ACK_APPLIED)
            assert not r.neighbourhood.world.closed[12]
            assert not house.polls  # nobody asks on a line

    asyncio.run(scenario())


def test_the_line_outlives_a_reader_that_goes_and_comes_back(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {12}) as r:
            house, port = r.gateway.nodes[12], home / "node12.tty"
            async with r.gateway.attached(port):
                await r.gateway.until(lambda: len(house.readings) >= 3)
            outbox = r.neighbourhood.meters[12].firmware.outbox
            await r.until(lambda: len(outbox) >= 10)
            async with r.gateway.attached(port):
                known = len(house.readings)
                await r.gateway.until(lambda: len(house.readings) >= known + 10)
            assert r.gateway.seen["quarantined_backward"] == 0
            assert outbox.dropped == 0

    asyncio.run(scenario())


def test_noise_on_the_line_changes_nothing(home: Path) -> None:
    async def scenario() -> None:
        async with running(home, {12}) as r, r.gateway.attached(home / "node12.tty"):
            house = r.gateway.nodes[12]
            await r.gateway.until(lambda: house.readings)
            end = os.open(home / "node12.tty", os.O_RDWR | os.O_NOCTTY)
            forged = frame.put_command(9, 0, 0, 0, 0)
            foreign = frame.encode(frame.COMMAND, 12, 1, 1, 0, forged, bytes(32))
            for noise in (b"\x05abc\0", b"\xff" * 400, b"\0\0\0", cobs.encode(foreign) + b"\0"):
                os.write(end, noise)
            os.close(end)
            await r.until(lambda: r.neighbourhood.meters[12].firmware.rejected)
            known = len(house.readings)
            await r.gateway.until(lambda: len(house.readings) > known)
            assert r.neighbourhood.world.closed[12]
            assert not house.acks

    asyncio.run(scenario())


def test_pyserial_reads_and_answers_the_line(home: Path) -> None:
    """A thread with pyserial, as a gateway would have, takes readings until three are accepted."""
    key, accepted = key_of(12), []

    def read(port: Path) -> None:
        with serial.Serial(str(port), 115_200, timeout=0.05) as line:
            partial, deadline, downlink = b"", time.monotonic() + 10, 0
            while len(accepted) < 3 and time.monotonic() < deadline:
                *packets, partial = (partial + line.read(line.in_waiting or 1)).split(b"\0")
                for packet in filter(None, packets):
                    raw = cobs.decode(packet)
                    frame.check_tag(raw, key)
                    kind, _, boot, sequence, _, _ = frame.decode(raw, False)
                    if kind in (frame.KEYFRAME, frame.DELTA):
                        accepted.append(sequence)
                    downlink += 1
                    payload = frame.put_results([(boot, sequence, 0)])
                    answer = frame.encode(frame.RESULTS, 12, 1, downlink, 0, payload, key)
                    line.write(cobs.encode(answer) + b"\0")

    async def scenario() -> None:
        async with running(home, {12}) as r:
            thread = threading.Thread(target=read, args=(home / "node12.tty",))
            thread.start()
            await asyncio.to_thread(thread.join)
            assert accepted == sorted(set(accepted))
            assert len(accepted) >= 3
            assert r.neighbourhood.meters[12].firmware.outbox.sequence >= accepted[-1]

    asyncio.run(scenario())


def test_the_port_is_replaced_and_taken_away(tmp_path: Path) -> None:
    async def scenario() -> None:
        port = tmp_path / "node12.tty"
        port.symlink_to("/dev/null")  # left by a process that was killed
        link = SerialLink(port)
        assert os.path.realpath(port).startswith("/dev/pts/")
        link.close()
        assert not port.is_symlink()

    asyncio.run(scenario())


def test_the_plan_has_one_house_and_the_radio_hub_behind_a_line() -> None:
    assert [node.id for node in PLAN.nodes if node.transport == "serial"] == [12, 100]

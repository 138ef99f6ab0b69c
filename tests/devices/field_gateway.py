"""A small gateway for tests, written to docs/frame.md alone."""

from __future__ import annotations

import asyncio
import os
import time
import tty
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from devices.esp32 import cobs, frame


@dataclass
class Reading:
    """One accepted reading, whole."""

    boot: int
    sequence: int
    time: int
    values: tuple[int, ...]
    was_delta: bool

    @property
    def registers(self) -> tuple[int, ...]:
        return self.values[:6]


@dataclass
class Sender:
    """What the gateway knows of one node."""

    key: bytes
    newest: tuple[int, int] = (0, 0)
    newest_raw: bytes = b""
    keyframe: tuple[tuple[int, int], tuple[int, ...]] | None = None
    readings: list[Reading] = field(default_factory=list)
    acks: list[tuple[int, int, int, int, int]] = field(default_factory=list)
    events: list[tuple[int, int, int]] = field(default_factory=list)
    hellos: list[tuple[int, ...]] = field(default_factory=list)
    mesh: list[tuple[int, bytes]] = field(default_factory=list)
    polls: list[tuple[int, int]] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    downlink: int = 0


class Gateway:
    """Answers nodes over HTTP, and over a serial line once `attach`ed to one.

    Attributes:
        busy: answers `busy` and stores nothing.
        silent: never answers.
        future_skew_s: how far a frame's time may be ahead.
    """

    def __init__(self, keys: dict[int, bytes], clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.nodes = {node_id: Sender(key) for node_id, key in keys.items()}
        self.busy = False
        self.silent = False
        self.future_skew_s = 5
        self.seen: dict[str, int] = defaultdict(int)
        self.url = ""
        self._news = asyncio.Condition()

    # ---- for tests -------------------------------------------------------------------------------

    async def until(self, condition: Callable[[], Any], timeout_s: float = 120.0) -> None:
        """Waits for what arrives to make `condition` true."""
        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(condition)

    async def send(
        self, node_id: int, kind: int, payload: bytes, key: bytes | None = None
    ) -> bytes:
        """Puts a downlink frame into the node's queue and returns it."""
        sender = self.nodes[node_id]
        sender.downlink += 1
        made = frame.encode(
            kind, node_id, 1, sender.downlink, int(self.clock()), payload, key or sender.key
        )
        await self.repeat(node_id, made)
        return made

    async def repeat(self, node_id: int, made: bytes) -> None:
        """Puts the same bytes into the queue (again)."""
        async with self._news:
            self.nodes[node_id].pending.append(made)
            self._news.notify_all()

    async def command(
        self,
        node_id: int,
        command_id: int,
        pin: int,
        closed: int,
        cutoff_wh: int = 0,
        expires: int = 0,
    ) -> bytes:
        payload = frame.put_command(command_id, pin, closed, cutoff_wh, expires)
        return await self.send(node_id, frame.COMMAND, payload)

    # ---- frames ----------------------------------------------------------------------------------

    async def take(self, raw_frames: Iterable[bytes]) -> list[dict[str, Any]]:
        """The results, in order."""
        answers = []
        for raw in raw_frames:
            node_id, boot, sequence, result = self._take(raw)
            self.seen[result] += 1
            if node_id in self.nodes:
                self.nodes[node_id].results.append(result)
            answers.append({"node": node_id, "boot": boot, "sequence": sequence, "result": result})
        async with self._news:
            self._news.notify_all()
        return answers

    def _take(self, raw: bytes) -> tuple[int | None, int | None, int | None, str]:
        try:
            kind, node_id, boot, sequence, at, fields = frame.decode(raw, False)
        except frame.FrameError as error:
            return None, None, None, error.args[0]
        sender = self.nodes.get(node_id)
        if sender is None:
            return node_id, boot, sequence, "unknown_node"
        try:
            frame.check_tag(raw, sender.key)
        except frame.FrameError:
            return node_id, boot, sequence, "bad_tag"
        return node_id, boot, sequence, self._judge(sender, raw, kind, (boot, sequence), at, fields)

    def _judge(
        self, sender: Sender, raw: bytes, kind: int, order: tuple[int, int], at: int, fields: Any
    ) -> str:
        if self.busy:
            return "busy"
        if raw == sender.newest_raw:
            return "duplicate"
        if order <= sender.newest:
            return "reordered"
        if at > self.clock() + self.future_skew_s:
            node_id = int.from_bytes(raw[2:6], "big")
            self._set_clock(node_id, sender)
            return "future_time"
        values = fields
        if kind == frame.DELTA:
            wanted = order[0], order[1] - fields[0]
            if sender.keyframe is None or sender.keyframe[0] != wanted:
                return "missing_keyframe"
            values = frame.apply_delta(fields, sender.keyframe[1])
        if kind in (frame.KEYFRAME, frame.DELTA) and sender.readings:
            before = sender.readings[-1].registers
            if any(new < old for new, old in zip(values, before, strict=False)):
                return "quarantined_backward"
        sender.newest, sender.newest_raw = order, raw
        self._keep(sender, kind, order, at, values)
        return "accepted"

    def _keep(
        self, sender: Sender, kind: int, order: tuple[int, int], at: int, fields: Any
    ) -> None:
        if kind == frame.KEYFRAME:
            sender.keyframe = order, fields
        if kind in (frame.KEYFRAME, frame.DELTA):
            sender.readings.append(Reading(*order, at, fields, kind == frame.DELTA))
        elif kind == frame.ACK:
            sender.acks.append(fields)
        elif kind == frame.EVENT:
            sender.events.append(fields)
        elif kind == frame.HELLO:
            sender.hellos.append(fields)
        elif kind == frame.MESH:
            sender.mesh.append(fields)
        elif kind == frame.POLL:
            sender.polls.append(fields)

    def _set_clock(self, node_id: int, sender: Sender) -> None:
        sender.downlink += 1
        seconds, milliseconds = divmod(int(self.clock() * 1000), 1000)
        payload = frame.put_time(seconds, milliseconds)
        made = frame.encode(frame.TIME, node_id, 1, sender.downlink, seconds, payload, sender.key)
        sender.pending.append(made)

    def _taken(self, node_id: int) -> list[str]:
        sender = self.nodes[node_id]
        taken, sender.pending = sender.pending, []
        return [made.hex() for made in taken]

    # ---- HTTP ------------------------------------------------------------------------------------

    async def _readings(self, request: web.Request) -> web.Response:
        if self.silent:
            await asyncio.sleep(3600)
        body = await request.read()
        raw_frames = []
        while body:
            size = body[0]
            raw_frames.append(body[1 : 1 + size])
            body = body[1 + size :]
        results = await self.take(raw_frames)
        senders = {answer["node"] for answer in results if answer["node"] in self.nodes}
        commands = [made for node_id in senders for made in self._taken(node_id)]
        return web.json_response({"results": results, "commands": commands})

    async def _commands(self, request: web.Request) -> web.Response:
        if self.silent:
            await asyncio.sleep(3600)
        node_id = int(request.match_info["node"])
        raw = await request.read()
        result = (await self.take([raw]))[0]["result"]
        if result != "accepted":
            return web.json_response({"error": {"code": result, "message": result}}, status=409)
        wait_s = frame.decode(raw, False)[5][1]
        sender = self.nodes[node_id]
        try:
            await self.until(lambda: sender.pending, wait_s)
        except TimeoutError:
            return web.Response(status=204)
        return web.json_response({"frames": self._taken(node_id)})

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[Gateway]:
        """Listens on loopback while the context lasts; `url` says where."""
        app = web.Application()
        app.router.add_post("/api/readings", self._readings)
        app.router.add_post("/api/nodes/{node}/commands", self._commands)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        bound = runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{bound}"
        try:
            yield self
        finally:
            await runner.cleanup()

    # ---- serial ----------------------------------------------------------------------------------

    @asynccontextmanager
    async def attached(self, port: Path) -> AsyncIterator[None]:
        """Reads and answers on a serial line while the context lasts."""
        end = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(end)
        buffer = bytearray()
        packets: asyncio.Queue[bytes] = asyncio.Queue()

        def read() -> None:
            nonlocal buffer
            buffer += os.read(end, 4096)
            *whole, rest = buffer.split(b"\0")
            buffer = bytearray(rest)
            for packet in whole:
                if packet:
                    packets.put_nowait(bytes(packet))

        asyncio.get_running_loop().add_reader(end, read)
        answering = asyncio.create_task(self._answer_line(end, packets))
        try:
            yield
        finally:
            answering.cancel()
            asyncio.get_running_loop().remove_reader(end)
            os.close(end)

    async def _answer_line(self, end: int, packets: asyncio.Queue[bytes]) -> None:
        speaker: int | None = None
        while True:
            waiting = asyncio.create_task(packets.get())
            done, _ = await asyncio.wait((waiting,), timeout=0.02)
            if done:
                answer = (await self.take([cobs.decode(waiting.result())]))[0]
                if answer["result"] in frame.RESULT_NAMES[:8]:
                    speaker = answer["node"]
                    number = frame.RESULT_NAMES.index(answer["result"])
                    entry = (answer["boot"], answer["sequence"], number)
                    await self.send(speaker, frame.RESULTS, frame.put_results([entry]))
            else:
                waiting.cancel()
            if speaker is not None:
                for made in self._taken(speaker):
                    os.write(end, cobs.encode(bytes.fromhex(made)) + b"\0")

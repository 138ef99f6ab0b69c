"""One charge point's connection: its calls in order, ours one at a time."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import sqlalchemy as sa
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from backend.charging import desk, frames
from backend.charging.dialect import Ask, Dialect, Verdict
from backend.charging.said import Boot, Outcome, Refused
from backend.charging.writer import Writer
from backend.telemetry import charging
from backend.telemetry.charging import ChargePoint

_LOG = logging.getLogger(__name__)
_WAITING_CALLS = 32
_BURST = 100.0
_PER_SECOND = 20.0
_TOUCH_EVERY_MS = 10_000


class NoAnswer(RuntimeError):  # noqa: N818 - says what is the matter
    """A charge point did not answer, or not with what was asked."""


@dataclass(slots=True)
class Counts:
    """Of all connections since the service started."""

    messages: int = 0
    refused: int = 0


@dataclass(slots=True)
class Bounds:
    """A bucket that fills by `_PER_SECOND`: whoever sends more messages is read more slowly."""

    left: float = _BURST
    at: float = field(default_factory=time.monotonic)

    def wait_s(self) -> float:
        """Seconds until the next message may be taken."""
        now = time.monotonic()
        self.left = min(_BURST, self.left + (now - self.at) * _PER_SECOND) - 1
        self.at = now
        return max(0.0, -self.left / _PER_SECOND)


class Link:
    """A connected charge point.

    Args:
        started: called when it has booted, to settle in and go on with orders
    """

    def __init__(
        self,
        socket: ServerConnection,
        point: ChargePoint,
        dialect: Dialect,
        writer: Writer,
        counts: Counts,
        heartbeat_s: int,
        started: Callable[[Link], None],
        clock: Callable[[], float],
    ) -> None:
        self.socket = socket
        self.point = point
        self.dialect = dialect
        self.replaced = False
        self._writer = writer
        self._counts = counts
        self._heartbeat_s = heartbeat_s
        self._started = started
        self._clock = clock
        self._calls: asyncio.Queue[frames.Call] = asyncio.Queue(_WAITING_CALLS)
        self._asked: dict[str, asyncio.Future[frames.Result]] = {}
        self._asking = asyncio.Lock()
        self._bounds = Bounds()
        self._touched_ms = 0

    @property
    def name(self) -> str:
        """The charge point's identity."""
        return self.point.charge_point_id

    async def run(self) -> None:
        """Serves the charge point until its connection ends."""
        serving = asyncio.create_task(self._serve())
        try:
            async for raw in self.socket:
                await self._read(raw)
                if wait_s := self._bounds.wait_s():
                    await asyncio.sleep(wait_s)
        except ConnectionClosed:
            pass
        finally:
            serving.cancel()
            for waiting in self._asked.values():
                if not waiting.done():
                    waiting.set_exception(NoAnswer("the connection has ended"))
            await asyncio.gather(serving, return_exceptions=True)

    async def ask(self, ask: Ask, timeout_s: float) -> Verdict:
        """Asks the charge point for something; one call at a time, as OCPP has it.

        Raises:
            NoAnswer: it did not answer in time, or not with what was asked
        """
        async with self._asking:
            unique_id = secrets.token_hex(8)
            answer: asyncio.Future[frames.Result] = asyncio.get_running_loop().create_future()
            self._asked[unique_id] = answer
            try:
                await self.socket.send(frames.call_text(unique_id, ask))
                result = await asyncio.wait_for(answer, timeout_s)
                await frames.check_result(self.dialect, ask, result)
            except TimeoutError:
                raise NoAnswer(f"no answer to {ask.action} in {timeout_s:.0f} s") from None
            except ConnectionClosed:
                raise NoAnswer("the connection has ended") from None
            except Refused as error:
                raise NoAnswer(f"its answer to {ask.action} is malformed: {error}") from None
            finally:
                del self._asked[unique_id]
        return self.dialect.verdict(result.payload)

    # ---- what arrives --------------------------------------------------------------------------

    async def _read(self, raw: str | bytes) -> None:
        self._counts.messages += 1
        try:
            frame = frames.parse(raw)
        except frames.Garbage as garbage:
            await self._refuse_garbage(garbage)
            return
        if isinstance(frame, frames.Call):
            await self._calls.put(frame)
            return
        waiting = self._asked.get(frame.unique_id)
        if waiting is None or waiting.done():
            return  # too late, or never asked
        if isinstance(frame, frames.Result):
            waiting.set_result(frame)
        else:
            waiting.set_exception(NoAnswer(f"{frame.code}: {frame.description:.120}"))

    async def _refuse_garbage(self, garbage: frames.Garbage) -> None:
        self._counts.refused += 1
        _LOG.info("charging: %s: %s", self.name, str(garbage)[:200])
        version = self.dialect.version
        if garbage.unique_id is not None:
            code = "ProtocolError" if version == "1.6" else "RpcFrameworkError"
            text = frames.error_text(garbage.unique_id, code, str(garbage), version)
        elif version == "1.6":
            return  # it has no way to say so
        else:
            text = frames.error_text("-1", "RpcFrameworkError", str(garbage), version)
        await self.socket.send(text)

    async def _serve(self) -> None:
        while True:
            call = await self._calls.get()
            text = await self._answer(call)
            try:
                await self.socket.send(text)
            except ConnectionClosed:
                return  # what was booked stays; the charge point will repeat it

    async def _answer(self, call: frames.Call) -> str:
        version = self.dialect.version
        try:
            payload = await self._take(call)
        except Refused as refused:
            self._counts.refused += 1
            _LOG.info("charging: %s: %s: %s", self.name, call.action[:60], str(refused)[:200])
            return frames.error_text(call.unique_id, refused.code, str(refused), version)
        except sa.exc.SQLAlchemyError:
            text = "it could not be stored: repeat it later"
            return frames.error_text(call.unique_id, "InternalError", text, version)
        except Exception:
            _LOG.exception("charging: %s: %s", self.name, call.action)
            text = "a defect of the service"
            return frames.error_text(call.unique_id, "InternalError", text, version)
        return frames.result_text(call.unique_id, payload)

    async def _take(self, call: frames.Call) -> dict[str, object]:
        await frames.check(self.dialect, call)
        now_ms = int(self._clock() * 1000)
        said = self.dialect.read(call.action, call.payload, now_ms)
        if said is None:
            raise Refused("NotImplemented", f"{call.action} is not served here")
        desk.check_place(self.point, said)
        touches = now_ms - self._touched_ms >= _TOUCH_EVERY_MS
        if touches:
            self._touched_ms = now_ms

        def job(connection: sa.Connection) -> Outcome:
            if touches:
                charging.tell(connection, self.name, last_seen_ms=now_ms)
            return desk.take(connection, self.point, said, now_ms)

        outcome = await self._writer.do(job)
        if isinstance(said, Boot):
            self._started(self)
        return self.dialect.answer(said, outcome, now_ms, self._heartbeat_s)

"""A charge point's connection: OCPP-J over a WebSocket, one call at a time until it is answered."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp

from devices.simulator.charging.station import News, Station
from devices.simulator.charging.talk import Message, Talk

_LOG = logging.getLogger("neighbourhood")
_ANSWER_S = 10.0
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 10.0
_OFFLINE_AFTER_S = 3.0
_PING_S = 30.0
_MOST_BYTES = 65_536
_CALL, _RESULT, _ERROR = 2, 3, 4


class LinkLost(RuntimeError):  # noqa: N818 - what happened
    """The connection, or an answer, did not come; what lasts is told again."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where the service is (`ws://host:port/ocpp/`), and what lets this charge point in."""

    url: str
    password: str
    tls: ssl.SSLContext | None = None


class Charger:
    """Carries a station's news to the service and the service's orders to the station.

    Without `access` nobody is there to ask: the station serves whoever plugs in.
    """

    def __init__(
        self,
        station: Station,
        talk: Talk,
        access: Access | None,
        session: aiohttp.ClientSession,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.station = station
        self.talk = talk
        self.connected = False
        self.link_down = False
        self._access = access
        self._session = session
        self._clock = clock
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._answers: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Event()
        self._heartbeat_s = 60.0
        self._alone_since = time.monotonic()
        self._half_told = 0
        self._served = False

    def look(self) -> None:
        """The station may have news: called after every step of the world."""
        if self.station.news:
            self._changed.set()
        alone_s = time.monotonic() - self._alone_since
        if self._access is None or (not self.connected and alone_s > _OFFLINE_AFTER_S):
            self._serve_alone()

    async def drop(self) -> None:
        """The connection breaks."""
        if self._socket is not None:
            await self._socket.close()

    async def run(self) -> None:
        """Connects, again and again, until cancelled."""
        pause_s = _FIRST_PAUSE_S
        while self._access is not None:
            try:
                if self.link_down:
                    raise LinkLost("its line is cut")
                await self._connect(self._access)
            except (LinkLost, aiohttp.ClientError, OSError, TimeoutError) as error:
                _LOG.info("%s: no charging service: %s", self.station.name, error)
            served, self._served = self._served, False
            pause_s = _FIRST_PAUSE_S if served else min(2 * pause_s, _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s)

    # ---- a connection --------------------------------------------------------------------------

    async def _connect(self, access: Access) -> None:
        async with self._session.ws_connect(
            access.url + self.station.name,
            protocols=(self.talk.subprotocol,),
            headers={"Authorization": f"Basic {_basic(self.station.name, access.password)}"},
            ssl=access.tls or True,
            heartbeat=_PING_S,
            max_msg_size=_MOST_BYTES,
        ) as socket:
            self._socket = socket
            reading = asyncio.create_task(self._read(socket))
            try:
                await self._live(reading)
            finally:
                self.connected, self._socket = False, None
                self._alone_since = time.monotonic()
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reading

    async def _live(self, reading: asyncio.Task[None]) -> None:
        answer = await self._call(self.talk.boot())
        while answer.get("status") != "Accepted":
            await asyncio.sleep(max(1, min(60, int(answer.get("interval", 10)))))
            answer = await self._call(self.talk.boot())
        self._heartbeat_s = max(1.0, float(answer["interval"]))
        self.connected = self._served = True
        _LOG.info("%s: connected, %s", self.station.name, self.talk.subprotocol)
        await self._call(self.talk.status(self.station, self._now_ms()))
        while not reading.done():
            self._changed.clear()
            while self.station.news:
                await self._tell(self.station.news[0])
                self.station.news.popleft()
            with contextlib.suppress(TimeoutError):
                changed = asyncio.create_task(self._changed.wait())
                await asyncio.wait(
                    (changed, reading),
                    timeout=self._heartbeat_s,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not changed.done():
                    changed.cancel()
                    if not reading.done():
                        await self._call(Message("Heartbeat", {}))
        raise LinkLost("the connection has ended")

    async def _tell(self, news: News) -> None:
        """Tells a piece of news; what of it was answered is not told again."""
        for index, message in enumerate(self.talk.tell(news, self._now_ms())):
            if index < self._half_told:
                continue
            answer = await self._call(message)
            self.talk.told(news, message, answer)
            self._half_told = index + 1
            if self.talk.admitted(answer) is False:
                self.station.deauthorise(self._now_ms())
        self._half_told = 0
        if news.what == "plugged":
            await self._ask_for(news)

    async def _ask_for(self, news: News) -> None:
        answer = await self._call(self.talk.authorise(news.id_token))
        session = self.station.session
        if session is not None and session.ref == news.session:
            self.station.authorise(bool(self.talk.admitted(answer)), self._now_ms())

    async def _call(self, message: Message) -> dict[str, Any]:
        socket = self._socket
        if socket is None or socket.closed:
            raise LinkLost("the connection has ended")
        unique_id = secrets.token_hex(8)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[unique_id] = answer
        try:
            await socket.send_str(json.dumps([_CALL, unique_id, message.action, message.payload]))
            return await asyncio.wait_for(answer, _ANSWER_S)
        except ConnectionError as error:
            raise LinkLost(str(error)) from error
        except TimeoutError:
            raise LinkLost(f"no answer to {message.action}") from None
        finally:
            del self._answers[unique_id]

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        try:
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                try:
                    kind, unique_id, *rest = json.loads(message.data)
                except (ValueError, TypeError):
                    continue
                if kind == _CALL and len(rest) == 2:
                    await self._hear(socket, unique_id, *rest)
                elif kind != _CALL and rest:
                    self._answered(kind, unique_id, rest)
        finally:
            for answer in self._answers.values():
                if not answer.done():
                    answer.set_exception(LinkLost("the connection has ended"))

    def _answered(self, kind: int, unique_id: str, rest: list[Any]) -> None:
        answer = self._answers.get(unique_id)
        if answer is None or answer.done():
            return
        if kind == _RESULT:
            answer.set_result(rest[0])
        elif rest[0] == "InternalError":
            answer.set_exception(LinkLost("the charging service cannot store it"))
        else:  # again would be the same
            _LOG.warning("%s: the charging service refuses: %s", self.station.name, rest)
            answer.set_result({})

    async def _hear(
        self, socket: aiohttp.ClientWebSocketResponse, unique_id: str, action: str, payload: Any
    ) -> None:
        try:
            reply = self.talk.hear(action, payload, self.station, self._now_ms())
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            _LOG.warning("%s: %s: %r", self.station.name, action, error)
            await socket.send_str(json.dumps([_ERROR, unique_id, "ProtocolError", "", {}]))
            return
        if reply is None:
            await socket.send_str(json.dumps([_ERROR, unique_id, "NotImplemented", "", {}]))
            return
        await socket.send_str(json.dumps([_RESULT, unique_id, reply.payload]))
        _LOG.info("%s: %s: %s", self.station.name, action, reply.payload.get("status", "done"))
        self.look()
        if reply.restart:
            await socket.close()

    def _serve_alone(self) -> None:
        """Nobody to ask: whoever is plugged in charges, and is told of later."""
        session = self.station.session
        waits = session is not None and not (session.authorised or session.refused)
        if waits and session is not None and not session.stopped:
            self.station.authorise(True, self._now_ms())

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()

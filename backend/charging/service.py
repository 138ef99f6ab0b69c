"""The charging service: its listeners, its connections, what carries out orders."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus

import sqlalchemy as sa
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from backend.charging.carrier import Carrier
from backend.charging.credentials import Credentials, CredentialsError
from backend.charging.dialect import Dialect
from backend.charging.door import Denied, Door, tls_context
from backend.charging.link import Counts, Link, NoAnswer
from backend.charging.ocpp2 import Ocpp2
from backend.charging.ocpp16 import Ocpp16
from backend.charging.writer import Writer
from backend.config import Settings
from backend.telemetry import charging, charging_sessions
from backend.telemetry.charging import ChargePoint, ServiceLife
from backend.telemetry.store import Store

_LOG = logging.getLogger(__name__)
DIALECTS: dict[str, Dialect] = {
    dialect.subprotocol: dialect for dialect in (Ocpp2("2.1"), Ocpp2("2.0.1"), Ocpp16())
}
"""By subprotocol, the one preferred first."""
_MOST_BYTES = 65_536
_WAITING_FRAMES = 8
_PING_S = 30.0
_OPEN_S = 10.0
_CLOSE_S = 1.0
_LIFE_EVERY_S = 5.0
_SWEEP_EVERY_S = 600.0
_SETTLE_IN_S = 20.0
_REPLACED = 4000  # a close code of applications' own


class ChargingServiceError(RuntimeError):
    """The service cannot start; the message names the setting and the fix."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service listens."""

    host: str
    port: int
    tls: bool


class ChargingService:
    """Serves charge points; `start`, then `run` until cancelled."""

    def __init__(
        self, settings: Settings, store: Store, clock: Callable[[], float] = time.time
    ) -> None:
        self.links: dict[str, Link] = {}
        self.counts = Counts()
        self.writer = Writer(store)
        self.carrier = Carrier(store, self.writer, self.links, clock)
        self.addresses: list[Address] = []
        self._settings = settings
        self._store = store
        self._clock = clock
        self._started_ms = int(clock() * 1000)
        self._door = Door(store, Credentials(settings.keys_dir / "chargers.json"))
        self._servers: list[Server] = []
        self._background: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listens. Raises ChargingServiceError."""
        with self._store.write() as connection:
            charging.nobody_is_connected(connection)
        settings = self._settings
        self._tasks = [
            asyncio.create_task(self.writer.run()),
            asyncio.create_task(self.carrier.run()),
            asyncio.create_task(self._live()),
        ]
        await self._listen(settings.charging_port, None)
        if settings.charging_tls_certificate and settings.charging_tls_key:
            try:
                context = tls_context(settings.charging_tls_certificate, settings.charging_tls_key)
            except (OSError, ssl.SSLError) as error:
                raise ChargingServiceError(
                    f"OHMSTEAD_CHARGING_TLS_CERTIFICATE and _KEY do not work: {error}; give a PEM "
                    "certificate (chain) and its key"
                ) from error
            await self._listen(settings.charging_tls_port, context)

    async def run(self) -> None:
        """Serves until cancelled or a part fails; then closes every connection."""
        try:
            ended, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self.stop()
        for task in ended:
            task.result()

    async def stop(self) -> None:
        """Ends connections, then stores what they brought."""
        for server in self._servers:
            server.close()
        for server in self._servers:
            await server.wait_closed()
        writing, *others = self._tasks
        for task in [*others, *self._background]:
            task.cancel()
        await asyncio.gather(*others, *self._background, return_exceptions=True)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        with self._store.write() as connection:
            charging.nobody_is_connected(connection)

    async def _listen(self, port: int, context: ssl.SSLContext | None) -> None:
        host = self._settings.charging_host
        try:
            server = await serve(
                self._serve,
                host,
                port,
                ssl=context,
                process_request=self._knock,
                select_subprotocol=_choose,
                max_size=_MOST_BYTES,
                max_queue=_WAITING_FRAMES,
                ping_interval=_PING_S,
                ping_timeout=_PING_S,
                open_timeout=_OPEN_S,
                close_timeout=_CLOSE_S,
                compression=None,  # half of a connection's memory, for messages of 300 bytes
                server_header=None,
            )
        except (OSError, OverflowError) as error:
            name = "OHMSTEAD_CHARGING_TLS_PORT" if context else "OHMSTEAD_CHARGING_PORT"
            raise ChargingServiceError(f"{name}={port}: {error}; choose another port") from error
        self._servers.append(server)
        bound = next(iter(server.sockets)).getsockname()[1]
        self.addresses.append(Address(host, bound, context is not None))

    # ---- connections ---------------------------------------------------------------------------

    def _knock(self, socket: ServerConnection, request: Request) -> Response | None:
        try:
            remote = socket.remote_address
            authorization = _one(request.headers, "Authorization")
            found = self._door.admit(request.path, authorization, remote[0] if remote else "")
        except (CredentialsError, sa.exc.SQLAlchemyError) as error:
            _LOG.error("charging: %s", error)
            return socket.respond(HTTPStatus.SERVICE_UNAVAILABLE, "try again later\n")
        if isinstance(found, Denied):
            _LOG.info("charging: %s refused: %s", request.path[:100], found.reason)
            response = socket.respond(found.status, found.reason + "\n")
            if found.status is HTTPStatus.UNAUTHORIZED:
                response.headers["WWW-Authenticate"] = 'Basic realm="charge points"'
            return response
        socket.charge_point = found  # type: ignore[attr-defined]
        return None

    async def _serve(self, socket: ServerConnection) -> None:
        point: ChargePoint = socket.charge_point  # type: ignore[attr-defined]
        if socket.subprotocol is None:
            offered = ", ".join(DIALECTS)
            await socket.close(1002, f"offer one of {offered}")
            return
        link = Link(
            socket, point, DIALECTS[socket.subprotocol], self.writer, self.counts,
            self._settings.charging_heartbeat_s, self._booted, self._clock,
        )  # fmt: skip
        await self._replace(link)
        try:
            await self._tell(link, connected=True)
            await link.run()
        finally:
            if self.links.get(link.name) is link:
                del self.links[link.name]
                await self._tell(link, connected=False)

    async def _replace(self, link: Link) -> None:
        """A charge point has one connection: the newest, as the other may be dead for long."""
        earlier = self.links.get(link.name)
        self.links[link.name] = link
        if earlier is not None:
            _LOG.info("charging: %s connects anew", link.name)
            await earlier.socket.close(_REPLACED, "connected again")

    async def _tell(self, link: Link, *, connected: bool) -> None:
        now_ms = int(self._clock() * 1000)
        said: dict[str, object] = {"connected": connected, "last_seen_ms": now_ms}
        if connected:
            said |= {"connected_ms": now_ms, "protocol": link.dialect.subprotocol}
            _LOG.info("charging: %s is here, %s", link.name, link.dialect.subprotocol)
        else:
            _LOG.info("charging: %s is gone", link.name)
        await self.writer.do(lambda connection: charging.tell(connection, link.name, **said))

    # ---- beside them ---------------------------------------------------------------------------

    def _booted(self, link: Link) -> None:
        task = asyncio.create_task(self._settle_in(link))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _settle_in(self, link: Link) -> None:
        try:
            for ask in link.dialect.settle_in(self._settings.charging_sample_s):
                verdict = await link.ask(ask, _SETTLE_IN_S)
                if not verdict.accepted:
                    _LOG.info("charging: %s: %s: %s", link.name, ask.action, verdict.words)
        except NoAnswer as error:
            _LOG.info("charging: %s: %s", link.name, error)
        await self.carrier.repeat(link)

    async def _live(self) -> None:
        swept = time.monotonic()
        while True:
            now_ms = int(self._clock() * 1000)
            life = ServiceLife(
                self._started_ms, now_ms, len(self.links), self.counts.messages, self.counts.refused
            )
            try:
                await self._tell_life(life)
                if time.monotonic() - swept > _SWEEP_EVERY_S:
                    swept = time.monotonic()
                    await self._sweep(now_ms)
            except sa.exc.SQLAlchemyError as error:
                _LOG.warning("charging: %s", error)
            await asyncio.sleep(_LIFE_EVERY_S)

    async def _tell_life(self, life: ServiceLife) -> None:
        await self.writer.do(lambda connection: charging.service_lives(connection, life))

    async def _sweep(self, now_ms: int) -> None:
        before_ms = now_ms - self._settings.keep_readings_days * 86_400_000
        while await self.writer.do(lambda c: charging_sessions.prune(c, before_ms)):
            pass


def _choose(_socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((Subprotocol(name) for name in DIALECTS if name in offered), None)


def _one(headers: Headers, name: str) -> str | None:
    found = headers.get_all(name)
    return found[0] if len(found) == 1 else None

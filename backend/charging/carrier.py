"""Carries out orders and requests: from the store to the charge points, and their answers back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from backend.charging.dialect import Ask, Unsupported
from backend.charging.link import Link, NoAnswer
from backend.charging.writer import Writer
from backend.telemetry import charging_orders, charging_sessions
from backend.telemetry.charging_orders import Order, OrderState, Request, RequestKind
from backend.telemetry.charging_sessions import Session
from backend.telemetry.store import Store

_LOG = logging.getLogger(__name__)
_ANSWER_S = 20.0


@dataclass(frozen=True, slots=True)
class _Open:
    """What is to be done, as the store has it."""

    orders: list[tuple[Order, Session | None]]
    requests: list[tuple[Request, Session | None]]


class Carrier:
    """Looks for what is to be done every `pause_s` seconds; each thing is under way once."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        links: Mapping[str, Link],
        clock: Callable[[], float],
        pause_s: float = 0.5,
    ) -> None:
        self._store = store
        self._writer = writer
        self._links = links
        self._clock = clock
        self._pause_s = pause_s
        self._under_way: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Carries out what there is, until cancelled."""
        try:
            while True:
                try:
                    await self.look()
                except sa.exc.SQLAlchemyError as error:
                    _LOG.warning("charging: orders cannot be read: %s", error)
                await asyncio.sleep(self._pause_s)
        finally:
            for task in self._under_way.values():
                task.cancel()

    async def look(self) -> None:
        """Starts what can be done now; closes what it is too late for."""
        found = await asyncio.to_thread(self._read)
        now_ms = self._now_ms()
        for order, session in found.orders:
            over = session is None or not session.is_open
            if over or order.until * 1000 <= now_ms:
                await self._close_order(order, OrderState.EXPIRED, "too late")
            elif session is not None:
                self._start(("order", order.order_id), session.charge_point_id, order, session)
        for request, session in found.requests:
            if request.expires_ms <= now_ms:
                await self._close_request(request, OrderState.EXPIRED, "too late")
            else:
                key = ("request", request.request_id)
                self._start(key, request.charge_point_id, request, session)

    async def repeat(self, link: Link) -> None:
        """After a charge point has started: orders in force are given again, as it may have
        forgotten them."""
        now_ms = self._now_ms()

        def job(connection: sa.Connection) -> None:
            sessions = charging_sessions.open_sessions(connection, charge_point_id=link.name)
            for session in sessions:
                order = charging_orders.newest(connection, session.session_id)
                accepted = order is not None and order.state is OrderState.ACCEPTED
                if order is not None and accepted and order.until * 1000 > now_ms:
                    charging_orders.give(
                        connection, session.session_id, order.direction, order.power_w,
                        order.until, now_ms,
                    )  # fmt: skip

        await self._writer.do(job)

    def _read(self) -> _Open:
        with self._store.read() as connection:
            orders = [
                (order, charging_sessions.get(connection, order.session_id))
                for order in charging_orders.open_orders(connection)
            ]
            requests = [
                (request, _session_of(connection, request))
                for request in charging_orders.open_requests(connection)
            ]
        return _Open(orders, requests)

    def _start(
        self, key: tuple[str, int], point_id: str, wish: Order | Request, session: Session | None
    ) -> None:
        link = self._links.get(point_id)
        if link is None or key in self._under_way:
            return  # it waits until the charge point is back, or it is too late
        task = asyncio.create_task(self._carry(link, wish, session))
        self._under_way[key] = task
        task.add_done_callback(lambda _: self._under_way.pop(key, None))

    async def _carry(self, link: Link, wish: Order | Request, session: Session | None) -> None:
        try:
            ask = self._ask(link, wish, session)
        except Unsupported as error:
            await self._close(wish, OrderState.REFUSED, str(error))
            return
        try:
            verdict = await link.ask(ask, _ANSWER_S)
        except NoAnswer as error:
            if isinstance(wish, Order):
                _LOG.info("charging: %s: %s; again later", link.name, error)
                await asyncio.sleep(self._pause_s)
            else:  # who asked for it sees this, and may ask again
                await self._close(wish, OrderState.REFUSED, str(error))
            return
        state = OrderState.ACCEPTED if verdict.accepted else OrderState.REFUSED
        await self._close(wish, state, verdict.words)

    def _ask(self, link: Link, wish: Order | Request, session: Session | None) -> Ask:
        if isinstance(wish, Order):
            if session is None:
                raise Unsupported("there is no such session")
            return link.dialect.order(wish, session, link.point, self._now_ms())
        return link.dialect.request(wish, session)

    async def _close(self, wish: Order | Request, state: OrderState, detail: str) -> None:
        if isinstance(wish, Order):
            await self._close_order(wish, state, detail)
        else:
            await self._close_request(wish, state, detail)

    async def _close_order(self, order: Order, state: OrderState, detail: str) -> None:
        now_ms = self._now_ms()
        await self._writer.do(
            lambda connection: charging_orders.answer_order(
                connection, order.order_id, state, now_ms, detail
            )
        )

    async def _close_request(self, request: Request, state: OrderState, detail: str) -> None:
        now_ms = self._now_ms()
        await self._writer.do(
            lambda connection: charging_orders.answer_request(
                connection, request.request_id, state, now_ms, detail
            )
        )

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


def _session_of(connection: sa.Connection, request: Request) -> Session | None:
    """The open session that a request is about, if it is one of its charge point."""
    if request.kind is not RequestKind.STOP:
        return None
    found = charging_sessions.get(connection, int(request.body["sessionId"]))
    own = found is not None and found.charge_point_id == request.charge_point_id
    return found if own and found is not None and found.is_open else None

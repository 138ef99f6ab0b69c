"""Counting events of the chain without reading all of them each time."""

from __future__ import annotations

import threading

import sqlalchemy as sa

from backend.telemetry.chain_tables import chain_events

_MAY_CHANGE_BLOCKS = 128
"""The newest blocks are counted anew: a reorganisation may take them back."""


class EventTally:
    """How many events of one kind there are. Costs what was added since the last look."""

    def __init__(self, contract: str, name: str) -> None:
        self._contract = contract
        self._name = name
        self._lock = threading.Lock()
        self._block = -1
        self._total = 0

    def count(self, connection: sa.Connection) -> int:
        """The number of events stored now."""
        newest = connection.execute(sa.select(sa.func.max(chain_events.c.block))).scalar_one() or 0
        final = max(newest - _MAY_CHANGE_BLOCKS, -1)
        with self._lock:
            if final < self._block:  # the store follows another chain, or an older state of it
                self._block, self._total = -1, 0
            if final > self._block:
                self._total += self._between(connection, self._block, final)
                self._block = final
            return self._total + self._between(connection, final, None)

    def _between(self, connection: sa.Connection, after: int, up_to: int | None) -> int:
        table = chain_events
        statement = (
            sa.select(sa.func.count())
            .select_from(table)
            .where(
                table.c.contract == self._contract,
                table.c.name == self._name,
                table.c.block > after,
            )
        )
        if up_to is not None:
            statement = statement.where(table.c.block <= up_to)
        return int(connection.execute(statement).scalar_one())

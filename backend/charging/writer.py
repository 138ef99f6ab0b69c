"""Many connections, one writer: what came meanwhile is one transaction, answered when on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from backend.telemetry.store import Store

_BATCH = 500

T = TypeVar("T")
Job = Callable[[sa.Connection], T]


@dataclass(slots=True)
class _Waiting:
    job: Job[Any]
    done: asyncio.Future[Any]


class Writer:
    """Runs jobs in transactions. A job that raises leaves nothing; the others are not affected.

    If one of those that share a transaction raises, all are run again, each in its own: jobs may
    be repeated as long as they were not committed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()

    async def do(self, job: Job[T]) -> T:
        """What a job returns, once it is committed; raises what it raises."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        await self._queue.put(_Waiting(job, done))
        return await done

    async def run(self) -> None:
        """Writes until cancelled; then what was queued before."""
        try:
            while True:
                batch = [await self._queue.get()]
                await self._write(self._gather(batch))
        finally:
            while not self._queue.empty():
                await self._write(self._gather([]))

    def _gather(self, batch: list[_Waiting]) -> list[_Waiting]:
        while len(batch) < _BATCH and not self._queue.empty():
            batch.append(self._queue.get_nowait())
        return batch

    async def _write(self, batch: list[_Waiting]) -> None:
        work = asyncio.ensure_future(asyncio.to_thread(self._transaction, batch))
        try:
            results = await asyncio.shield(work)
        except asyncio.CancelledError:
            _settle(batch, await work)
            raise
        _settle(batch, results)

    def _transaction(self, batch: list[_Waiting]) -> list[Any]:
        try:
            with self._store.write() as connection:
                return [waiting.job(connection) for waiting in batch]
        except Exception as error:  # whoever asked is told
            if len(batch) == 1:
                return [error]
        return [self._transaction([waiting])[0] for waiting in batch]


def _settle(batch: list[_Waiting], results: list[Any]) -> None:
    for waiting, result in zip(batch, results, strict=True):
        if waiting.done.done():
            continue  # whoever asked is gone
        if isinstance(result, Exception):
            waiting.done.set_exception(result)
        else:
            waiting.done.set_result(result)

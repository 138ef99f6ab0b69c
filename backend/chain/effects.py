"""Whether the chain already shows what an outbox row is to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backend.chain.contracts import Call
from backend.chain.rpc import RpcClient, RpcError
from backend.telemetry.outbox import OutboxRow

EffectCheck = Callable[[OutboxRow], tuple[Call[Any], Callable[[Any], bool]]]
"""Tells how to ask whether a row's effect is there: a view, and a judge of its answer."""


class Effects:
    """Asks for the effects of rows, by kind; a kind without a check is never known to be done."""

    def __init__(self, rpc: RpcClient, checks: Mapping[str, EffectCheck]) -> None:
        self._rpc = rpc
        self._checks = dict(checks)

    def missing(self, rows: list[OutboxRow]) -> list[OutboxRow]:
        """The rows whose effect the chain does not show, all asked in one request."""
        asked = [(row, self._checks[row.kind](row)) for row in rows if row.kind in self._checks]
        calls = [call.request() for _, (call, _) in asked]
        answers = self._rpc.batch(calls) if calls else []
        done = set()
        for (row, (call, judge)), answer in zip(asked, answers, strict=True):
            if not isinstance(answer, RpcError) and judge(call.read(bytes.fromhex(answer[2:]))):
                done.add(row.id)
        return [row for row in rows if row.id not in done]

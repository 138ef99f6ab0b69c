"""How to ask the chain whether an outbox row's effect is there already, by kind of row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backend.chain.clients import Clients
from backend.chain.contracts import Call
from backend.chain.effects import EffectCheck
from backend.chain.types import RequestState
from backend.telemetry.outbox import OutboxRow

Check = tuple[Call[Any], Callable[[Any], bool]]


def effect_checks(clients: Clients) -> Mapping[str, EffectCheck]:
    """The checks for every kind whose effect a view shows.

    A settlement has none: settling again books nothing, and the ledger skips what is settled.
    Neither has an acknowledgement: the registry ignores one it knows.
    """

    def commit(row: OutboxRow) -> Check:
        slot = _numbers(row)[0]
        return clients.ledger.latest_slot(), lambda latest: latest >= slot

    def battery(row: OutboxRow) -> Check:
        number, observed_at = _numbers(row)[:2]
        return (
            clients.priority.battery_state(number),
            lambda state: state.observed_at >= observed_at,
        )

    def price(row: OutboxRow) -> Check:
        round_id, feed = _numbers(row)[0], clients.feed
        assert feed is not None  # else nothing would have written the row
        return feed.latest(), lambda latest: latest.round >= round_id

    def finish(row: OutboxRow) -> Check:
        request = clients.market.request(_numbers(row)[0])
        return request, lambda found: found.state is RequestState.FINISHED

    return {"commit": commit, "battery": battery, "finish": finish, "price": price}


def _numbers(row: OutboxRow) -> list[int]:
    return [int(part) for part in row.key.split(":")[1:]]

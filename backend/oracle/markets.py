"""What falls due in the markets: members, clearing, claims, reports, closing, settling.

Each call is anyone's to make; the relayer makes it so that nobody has to. As in `upkeep.py` nothing
is sent blindly, and each effect counts once on chain, so that doing it twice is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from backend.chain.contracts import Call
from backend.chain.market_clients import MarketClients
from backend.chain.types import BillingMode
from backend.oracle.due import Due, Keeper
from backend.oracle.settlement import tree_of
from backend.telemetry import markets, slots, terms
from backend.telemetry.slots import StoredLeaf

BATCH = 50
"""Most orders or members in one transaction: some 6 million gas."""

MAX_TICKS = 2_001
"""Every tick of the longest book, once from each side, and the look that finds nothing more."""

_PRIORITY = 2


def _due(key: str, call: Call[Any], gas: int) -> Due:
    return Due(key, call, gas, _PRIORITY)


def _batches(meters: Sequence[int]) -> Iterator[Sequence[int]]:
    for first in range(0, len(meters), BATCH):
        yield meters[first : first + BATCH]


class MarketUpkeep(Keeper):
    """Looks for calls that are due in the markets and writes them to the outbox."""

    def sweep(self) -> int:
        """Looks at everything once; how many calls were written."""
        clients = self._chain.clients.markets
        self._due.note()
        looks: Sequence[Callable[[MarketClients], Iterator[Due]]] = (
            self._memberships,
            self._clearings,
            self._claims,
            self._reports,
            self._closings,
            self._settlements,
        )
        return self._due.write([due for look in looks for due in look(clients)])

    # ---- members -------------------------------------------------------------------------------

    def _memberships(self, clients: MarketClients) -> Iterator[Due]:
        with self._store.read() as connection:
            inside = set(markets.member_meters(connection))
            wanted = set(terms.where(connection, mode=BillingMode.MARKET))
        due = [
            _due(f"pool-join:{meter}", clients.pool.join(meter), 350_000)
            for meter in sorted(wanted - inside)
        ]
        # Also those whose terms ended and began anew: the contract knows, so it is asked.
        due += [
            _due(f"pool-depart:{meter}", clients.pool.depart(meter), 250_000)
            for meter in sorted(inside)
        ]
        yield from self._due.that_succeed(due)

    # ---- day ahead -----------------------------------------------------------------------------

    def _clearings(self, clients: MarketClients) -> Iterator[Due]:
        with self._store.read() as connection:
            found = markets.uncleared(connection)
        market = clients.day_ahead
        due = [_due(f"clear:{s}", market.clear(s, MAX_TICKS), 5_000_000) for s in found]
        yield from self._due.that_succeed(due)

    def _claims(self, clients: MarketClients) -> Iterator[Due]:
        """One batch at a time, so that claims reach the chain in the order of their numbers."""
        with self._store.read() as connection:
            orders = markets.claimable(connection, BATCH)
        if orders:
            call = clients.day_ahead.claim(orders)
            yield from self._due.that_succeed(
                [_due("claim", call, 150_000 + 120_000 * len(orders))]
            )

    # ---- pool ----------------------------------------------------------------------------------

    def _reports(self, clients: MarketClients) -> Iterator[Due]:
        """The next slot of every member; members stand at one slot or, at times, at a few."""
        with self._store.read() as connection:
            meters = markets.member_meters(connection)
        through = self._chain.views.try_many(
            [clients.pool.through(meter) for meter in meters], max_age_s=0.0
        )
        standing: dict[int, list[int]] = {}
        for meter, reached in zip(meters, through, strict=True):
            if isinstance(reached, int):
                standing.setdefault(reached, []).append(meter)
        for previous, group in sorted(standing.items()):
            slot = self._slot_after(previous)
            if slot is not None:
                yield from self._report(clients, previous, slot, group)

    def _slot_after(self, previous: int) -> int | None:
        """The slot on chain that counts from `previous`."""
        with self._store.read() as connection:
            found = slots.following(connection, previous)
        return None if found is None else found.slot

    def _report(
        self, clients: MarketClients, previous: int, slot: int, group: Sequence[int]
    ) -> Iterator[Due]:
        with self._store.read() as connection:
            leaves = {leaf.meter_id: leaf for leaf in slots.leaves_of(connection, slot)}
        known = [meter for meter in group if meter in leaves]
        since = (previous, slot)
        due = [self._reporting(clients, since, batch, leaves) for batch in _batches(known)]
        if any(self._due.is_on_its_way(one.key) for one in due):
            return
        passed = list(self._due.that_succeed(due))
        if len(passed) == len(due) and len(known) == len(group):
            yield from passed
            return
        # Somebody stands in the way: each by itself, and who cannot be reported is declared, as
        # soon as the window allows.
        alone = [self._reporting(clients, since, (meter,), leaves) for meter in known]
        alone += [
            _due(
                f"declare:{slot}:{meter}",
                clients.pool.declare(slot, [meter]),
                300_000 + self._position_gas([meter], since),
            )
            for meter in group
        ]
        taken: set[int] = set()
        for due_one in self._due.that_succeed(alone):
            meter = int(due_one.key.split(":")[2].partition("-")[0])
            if meter not in taken:
                taken.add(meter)
                yield due_one

    def _reporting(
        self,
        clients: MarketClients,
        since: tuple[int, int],
        meters: Sequence[int],
        leaves: dict[int, StoredLeaf],
    ) -> Due:
        _, slot = since
        proof = tree_of(leaves.values()).multiproof(meters)
        lines = [
            (meter, int.from_bytes(leaves[meter].registers, "big"), leaves[meter].salt)
            for meter in meters
        ]
        call = clients.pool.report(slot, lines, [n.words() for n in proof.siblings], proof.flags)
        key = f"report:{slot}:{meters[0]}-{meters[-1]}"
        gas = 300_000 + 150_000 * len(meters) + self._position_gas(meters, since)
        return _due(key, call, gas)

    def _position_gas(self, meters: Sequence[int], since: tuple[int, int]) -> int:
        """What taking over positions may cost: after slots that were missed there are more."""
        with self._store.read() as connection:
            slot_count, open_orders = markets.ordered(connection, meters, *since)
        return 100_000 * slot_count + 120_000 * open_orders

    def _closings(self, clients: MarketClients) -> Iterator[Due]:
        with self._store.read() as connection:
            found = markets.unclosed(connection)
        due = [_due(f"pool-close:{s}", clients.pool.close(s), 400_000) for s in found]
        yield from self._due.that_succeed(due)

    def _settlements(self, clients: MarketClients) -> Iterator[Due]:
        """Members in order of their meters, buyers first (the contract sees to that)."""
        with self._store.read() as connection:
            found = markets.unsettled(connection)
        due = [
            _due(
                f"pool-settle:{slot}:{batch[0]}",
                clients.pool.settle(slot, list(batch)),
                200_000 + 150_000 * len(batch),
            )
            for slot, meters in found.items()
            for batch in _batches(meters)
        ]
        due = self._due.idle(due)
        answers = self._due.simulate([one.call for one in due])
        for one, settled in zip(due, answers, strict=True):
            if isinstance(settled, int) and settled > 0:
                yield one

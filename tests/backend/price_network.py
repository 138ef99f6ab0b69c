"""A simulated network of price nodes: delay, loss, partition, reordering, and nodes that lie."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from hashlib import sha256

from backend.oracle.price_messages import (
    Message,
    Observed,
    Proposed,
    Step,
    ViewChanged,
    Voted,
    content_of,
    prepared_digest,
    statement,
)
from backend.oracle.price_round import PriceRound, RoundRules, Send
from backend.pricing import FeedSettings, PriceBounds

RUPEE = 1_000_000
EPOCH_S = 1_800_000_000.0
TICK_S = 0.1


class ToySigning:
    """Signatures that only their node can make, cheap enough for thousands of rounds."""

    def __init__(self, me: int) -> None:
        self._me = me

    def sign(self, kind: str, round_id: int, view: int, content: bytes) -> bytes:
        return _toy(self._me, statement(b"test", kind, round_id, view, content))

    def is_signed(
        self, sender: int, kind: str, round_id: int, view: int, content: bytes, signature: bytes
    ) -> bool:
        return signature == _toy(sender, statement(b"test", kind, round_id, view, content))

    def observe(self, round_id: int, price: int, at: int) -> Observed:
        bare = Observed(round_id, self._me, price, at, b"")
        return replace(bare, signature=_toy(self._me, content_of(round_id, [bare])))

    def is_observed(self, seen: Observed) -> bool:
        bare = replace(seen, signature=b"")
        return seen.signature == _toy(seen.sender, content_of(seen.round_id, [bare]))


def _toy(node: int, digest: bytes) -> bytes:
    return sha256(b"secret %d" % node + digest).digest() * 2 + b"\0"


def rules(faults: int = 1, **changes: object) -> RoundRules:
    feed = FeedSettings(
        faults, 1, PriceBounds(2 * RUPEE, 12 * RUPEE), max_age_s=60, max_skew_s=5,
        max_step_ppm=100_000,
    )  # fmt: skip
    made = RoundRules(feed, feed.nodes, feed.quorum, tolerance_ppm=200_000)
    return replace(made, **changes)  # type: ignore[arg-type]


@dataclass
class Net:
    """What the network does to a message.

    Args:
        delay_s: shortest and longest time on the way; messages overtake each other.
        loss: part of messages that are lost, until `heals_at`.
        groups: until `heals_at` only nodes of one group hear each other.
        heals_at: seconds after the beginning.
    """

    delay_s: tuple[float, float] = (0.001, 0.05)
    loss: float = 0.0
    groups: tuple[frozenset[int], ...] = ()
    heals_at: float = 0.0

    def carries(self, dice: random.Random, sender: int, to: int, now: float) -> bool:
        if now >= self.heals_at:
            return True
        together = not self.groups or any(sender in g and to in g for g in self.groups)
        return together and dice.random() >= self.loss


Liar = Callable[[PriceRound, ToySigning, Send, int, random.Random], Iterable[Message]]
"""What a faulty node sends to one other node instead of an honest message."""


def silent(
    _round: PriceRound, _own: ToySigning, _send: Send, _to: int, _dice: random.Random
) -> Iterable[Message]:
    return ()


def equivocating(
    machine: PriceRound, own: ToySigning, send: Send, to: int, dice: random.Random
) -> Iterable[Message]:
    """Says one thing to nodes of even number and another to those of odd number."""
    message = send.message
    if to % 2 == 0:
        return (message,)
    if isinstance(message, Observed):
        return (own.observe(message.round_id, dice.randint(1, 100 * RUPEE), message.observed_at),)
    if isinstance(message, Proposed):
        fewer = message.observations[: machine.rules.observers]
        if len(message.observations) > machine.rules.observers:
            fewer = message.observations[1:]
        return (_proposed(machine, own, message, fewer),)
    if isinstance(message, Voted):
        other = sha256(message.content).digest()
        signature = own.sign(message.step.value, message.round_id, message.view, other)
        forged = Voted(
            message.step, message.round_id, message.view, machine.me, other, signature
        )
        return (forged, message)  # the forged one first: an honest node keeps the first
    if isinstance(message, ViewChanged):
        signature = own.sign(
            "view_changed", message.round_id, message.view, prepared_digest(message.round_id, None)
        )
        return (replace(message, prepared=None, signature=signature),)
    return (message,)


def lying(
    machine: PriceRound, own: ToySigning, send: Send, _to: int, dice: random.Random
) -> Iterable[Message]:
    """States absurd prices, leads with what cannot be accepted, and votes for anything at all."""
    message = send.message
    if isinstance(message, Observed):
        price = dice.choice((1, 2 * RUPEE, 12 * RUPEE, 2**100))
        return (own.observe(message.round_id, price, message.observed_at),)
    if isinstance(message, Proposed):
        made = [own.observe(message.round_id, 12 * RUPEE, int(EPOCH_S))] * 3
        wrong = dice.choice(
            (tuple(made), message.observations[:1], tuple(reversed(message.observations)), ())
        )
        return (_proposed(machine, own, message, wrong),)
    return (message, _vote_ahead(machine, own, dice))


def _proposed(
    machine: PriceRound, own: ToySigning, message: Proposed, seen: tuple[Observed, ...]
) -> Proposed:
    signature = own.sign(
        "propose", message.round_id, message.view, content_of(message.round_id, seen)
    )
    return replace(message, observations=seen, signature=signature)


def _vote_ahead(machine: PriceRound, own: ToySigning, dice: random.Random) -> Message:
    view, content = machine.view + dice.randint(0, 3), dice.randbytes(32)
    step = dice.choice(list(Step))
    signature = own.sign(step.value, machine.round_id, view, content)
    return Voted(step, machine.round_id, view, machine.me, content, signature)


@dataclass
class Run:
    """One round on a simulated network, from the first message until all honest nodes decided."""

    rules: RoundRules
    prices: dict[int, int | None]
    net: Net = field(default_factory=Net)
    liars: dict[int, Liar] = field(default_factory=dict)
    dead: frozenset[int] = frozenset()
    round_id: int = 0
    seed: int = 0
    also_right: dict[int, int] = field(default_factory=dict)
    late_s: dict[int, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.machines: dict[int, PriceRound] = {}
        self.own = {i: ToySigning(i) for i in range(self.rules.nodes)}
        self.stated: dict[int, Observed] = {}
        self.decided_at: dict[int, float] = {}
        self.messages = 0
        self._queue: list[tuple[float, int, int, Message | None]] = []
        self._order = itertools.count()

    @property
    def honest(self) -> list[int]:
        return [i for i in range(self.rules.nodes) if i not in self.liars and i not in self.dead]

    def run(self, until_s: float = 60.0) -> Run:
        """Simulates until every honest node has decided, or the time is over."""
        for node in range(self.rules.nodes):
            if node not in self.dead:
                self._push(self.late_s.get(node, self.dice.random() * 0.05), node, None)
        while self._queue and len(self.decided_at) < len(self.honest):
            now, _, node, message = heapq.heappop(self._queue)
            if now > until_s:
                break
            self._step(node, message, now)
        return self

    def _step(self, node: int, message: Message | None, now: float) -> None:
        clock = EPOCH_S + now
        machine = self.machines.get(node)
        if machine is None:
            if message is not None:
                self._push(now + TICK_S, node, message)  # it has not begun: as in a buffer
                return
            machine = self._make(node, clock)
            sends = machine.begin(clock)
            self._push(now + TICK_S, node, None)
        elif message is None:
            sends = machine.tick(clock)
            self._push(now + TICK_S, node, None)
        else:
            sends = machine.receive(message, clock)
        if machine.decided is not None and node in self.honest:
            self.decided_at.setdefault(node, now)
        for send in sends:
            self._deliver(node, send, now)

    def _make(self, node: int, clock: float) -> PriceRound:
        price = self.prices[node]
        own = None if price is None else self.own[node].observe(self.round_id, price, int(clock))
        if own is not None and node in self.honest:
            self.stated[node] = own
        also = (self.also_right[node],) if node in self.also_right else ()
        machine = PriceRound(
            node, self.round_id, self.rules, self.own[node], own, also_right=also
        )
        self.machines[node] = machine
        return machine

    def _deliver(self, sender: int, send: Send, now: float) -> None:
        for to in range(self.rules.nodes) if send.to is None else (send.to,):
            if to == sender or to in self.dead:
                continue
            messages: Iterable[Message] = (send.message,)
            if sender in self.liars:
                liar, machine = self.liars[sender], self.machines[sender]
                messages = liar(machine, self.own[sender], send, to, self.dice)
            for message in messages:
                self.messages += 1
                if self.net.carries(self.dice, sender, to, now):
                    self._push(now + self.dice.uniform(*self.net.delay_s), to, message)

    def _push(self, at: float, node: int, message: Message | None) -> None:
        heapq.heappush(self._queue, (at, next(self._order), node, message))

    # ---- what came of it -----------------------------------------------------------------------

    def decisions(self) -> dict[int, tuple[Observed, ...]]:
        return {
            i: self.machines[i].decided.observations  # type: ignore[union-attr]
            for i in self.decided_at
        }

    def median(self) -> int:
        """Of the decision, which is one."""
        (observations,) = set(self.decisions().values())
        return median(observations)


def median(observations: tuple[Observed, ...]) -> int:
    prices = sorted(seen.price_micro_inr_per_kwh for seen in observations)
    return prices[len(prices) // 2]

"""Trust from cleared receipts: what each node passed on, which hops broke, whose energy was true.

A broken route shows two nodes, one of which is at fault, or neither (the radio). So trust is kept
by hop, and a node's is the **upper median over its counterparts**, never a sum: whoever accuses
falsely spoils one hop, his own with the victim, however often he does it. If of at least
MIN_COUNTERPARTS counterparts with whom a node shared routes no more than half (rounded down) lie,
its trust is at least what one of the honest ones saw of it (`trust_of`; held by a property test).
A counterpart is a registered device that is on a route which both have tagged: inventing
neighbours takes the victim's own tag, inventing devices takes keys that the operator gives out.

Where more than half of a node's counterparts speak against it, who they are is looked at a second
time (`_second_look`): the word of who is excluded itself, with more of its own counterparts against
it, counts no longer. That only ever takes an exclusion back, so the bound above stays.

Trust is in per mille.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from backend.mesh.judging import NOT_BROKEN
from backend.mesh.receipts import MAINS

FULL = 1000
MIN_COUNTERPARTS = 3
"""With fewer, a node is not judged; its hops still are."""
EXCLUDED_BELOW = 500
"""Trust below which routes go round a node."""
_PRIOR = 4
"""Good messages and routes that a hop starts with: a newcomer is trusted until it fails."""
_AVOID_BELOW = 500
_AVOID_AFTER_BREAKS = 3
_ENERGY_SLACK = 2


@dataclass(frozen=True, slots=True)
class Cleared:
    """A session as it was cleared on chain; `reporters` bit by place on the route."""

    started_at: int
    route: tuple[int, ...]
    energies: tuple[int, ...]
    sent: int
    delivered: int
    broken_hop: int
    reporters: int


@dataclass(slots=True)
class Hop:
    """What happened between two neighbours, both ways."""

    tried: int = 0
    passed: int = 0
    routes: int = 0
    broken: int = 0

    @property
    def relayed_pm(self) -> int:
        """Share of messages that got over it."""
        return (self.passed + _PRIOR) * FULL // (self.tried + _PRIOR)

    @property
    def unbroken_pm(self) -> int:
        """Share of routes that did not break there."""
        return (self.routes - self.broken + _PRIOR) * FULL // (self.routes + _PRIOR)

    @property
    def trust_pm(self) -> int:
        """Both shares multiplied."""
        return self.relayed_pm * self.unbroken_pm // FULL


@dataclass(frozen=True, slots=True)
class NodeTrust:
    """One node, by dimension, per mille; `trust` is what routing reads."""

    node: int
    trust: int
    relayed: int
    unbroken: int
    honest_energy: int
    counterparts: int
    routes: int
    breaks: int

    @property
    def excluded(self) -> bool:
        """Whether routes go round it."""
        return self.trust < EXCLUDED_BELOW


@dataclass(frozen=True, slots=True)
class TrustTable:
    """What routing is told: trust by node, and hops to avoid (lower id first)."""

    nodes: Mapping[int, NodeTrust] = field(default_factory=dict)
    avoided: frozenset[tuple[int, int]] = frozenset()


def hops_of(sessions: Iterable[Cleared]) -> dict[tuple[int, int], Hop]:
    """What is known of each hop that some route used, by (lower id, higher id)."""
    hops: defaultdict[tuple[int, int], Hop] = defaultdict(Hop)
    for session in sessions:
        for place in range(len(session.route) - 1):
            broken = session.broken_hop
            if broken != NOT_BROKEN and place > broken:
                tried = passed = session.delivered
            else:
                tried = session.sent
                passed = session.delivered if place == broken else session.sent
            if tried == 0:
                continue  # the route broke before this hop was used
            hop = hops[_pair(session.route[place], session.route[place + 1])]
            hop.tried += tried
            hop.passed += passed
            hop.routes += 1
            hop.broken += place == broken
    return dict(hops)


def trust_of(hops: Sequence[Hop], honest_energy: int = FULL) -> int:
    """Trust of a node from its hops with each of its counterparts."""
    seen = FULL
    if len(hops) >= MIN_COUNTERPARTS:
        seen = _upper_median([hop.trust_pm for hop in hops])
    return seen * honest_energy // FULL


def trust_table(
    sessions: Sequence[Cleared],
    known: Iterable[int],
    recharge_per_hour: Mapping[int, int] | None = None,
) -> TrustTable:
    """The table from the sessions of a window of time.

    Args:
        sessions: cleared ones, in any order.
        known: nodes of the community; others are not in the table and so trusted by nobody.
        recharge_per_hour: messages' worth of energy that a node on battery regains at most; nodes
            not in it are on mains, and their energy is not judged.
    """
    hops = hops_of(sessions)
    of_node: defaultdict[int, dict[int, Hop]] = defaultdict(dict)
    for (one, other), hop in hops.items():
        of_node[one][other] = of_node[other][one] = hop
    honest = energy_honesty(sessions, recharge_per_hour or {})
    trust = {n: trust_of(list(of_node[n].values()), honest.get(n, FULL)) for n in known}
    trust |= _second_look(of_node, trust, honest)
    nodes = {}
    for node in trust:
        mine = list(of_node[node].values())
        judged = len(mine) >= MIN_COUNTERPARTS
        nodes[node] = NodeTrust(
            node,
            trust[node],
            _upper_median([hop.relayed_pm for hop in mine]) if judged else FULL,
            _upper_median([hop.unbroken_pm for hop in mine]) if judged else FULL,
            honest.get(node, FULL),
            len(mine),
            sum(hop.routes for hop in mine),
            sum(hop.broken for hop in mine),
        )
    avoided = frozenset(pair for pair, hop in hops.items() if _to_avoid(hop))
    return TrustTable(nodes, avoided)


def energy_honesty(
    sessions: Sequence[Cleared], recharge_per_hour: Mapping[int, int]
) -> dict[int, int]:
    """Share of a node's energy statements that can be true, per mille, of nodes on battery.

    A statement is false if it is above the one before, less what the node itself said to have
    relayed in between, plus what it can have regained. A session counts as relayed when a later
    one of the same source to the same destination shows that it had ended. Only the node's own
    tagged words are used: nobody else can make it a liar.
    """
    ordered = sorted(sessions, key=lambda session: session.started_at)
    ended_at = _ends(ordered)
    found = {}
    for node, recharge in recharge_per_hour.items():
        mine = [(s, end) for s, end in zip(ordered, ended_at, strict=True) if _relays(node, s)]
        starts = [session.started_at for session, _ in mine]
        checks = false = 0
        for before, after in pairwise(mine):
            stated, now = _energy(node, before[0]), _energy(node, after[0])
            since, until = before[0].started_at, after[0].started_at
            between = mine[bisect_left(starts, since) : bisect_right(starts, until)]
            used = sum(s.delivered for s, end in between if end <= until)
            regained = recharge * (until - since) // 3600 + _ENERGY_SLACK
            checks += 1
            false += now == MAINS or now > stated - used + regained
        found[node] = (checks - false + _PRIOR) * FULL // (checks + _PRIOR)
    return found


def _second_look(
    of_node: Mapping[int, Mapping[int, Hop]], trust: Mapping[int, int], honest: Mapping[int, int]
) -> dict[int, int]:
    """Trust of the nodes that are excluded at first, without the word of those that stay so.

    One after another, who has the largest share of its counterparts against it stays excluded and
    has no word any more; where that leaves a node with EXCLUDED_BELOW or more, it is taken back.
    """
    waiting = {node for node, found in trust.items() if found < EXCLUDED_BELOW}
    gone: set[int] = set()
    found: dict[int, int] = {}
    while waiting:
        worst: tuple[int, int, int] | None = None
        for node in sorted(waiting):
            left = [hop.trust_pm for other, hop in of_node[node].items() if other not in gone]
            seen = _upper_median(left) if left else FULL
            found[node] = seen * honest.get(node, FULL) // FULL
            if found[node] < EXCLUDED_BELOW:
                against = sum(one < EXCLUDED_BELOW for one in left) * FULL // max(1, len(left))
                worst = min(worst or (1, 0, 0), (-against, found[node], node))
        if worst is None:
            break
        gone.add(worst[2])
        waiting.remove(worst[2])
        found[worst[2]] = trust[worst[2]]
    return found


def _ends(ordered: Sequence[Cleared]) -> list[int]:
    """By when each session had ended; far away if nothing shows it."""
    later: dict[tuple[int, int], int] = {}
    ends = [0] * len(ordered)
    for i in range(len(ordered) - 1, -1, -1):
        flow = (ordered[i].route[0], ordered[i].route[-1])
        ends[i] = later.get(flow, 1 << 62)
        later[flow] = ordered[i].started_at
    return ends


def _relays(node: int, session: Cleared) -> bool:
    if node not in session.route[1:-1]:
        return False
    return bool(session.reporters >> session.route.index(node) & 1)


def _energy(node: int, session: Cleared) -> int:
    return session.energies[session.route.index(node)]


def _to_avoid(hop: Hop) -> bool:
    return hop.broken >= _AVOID_AFTER_BREAKS and hop.trust_pm < _AVOID_BELOW


def _upper_median(values: Sequence[int]) -> int:
    return sorted(values)[len(values) // 2]


def _pair(one: int, other: int) -> tuple[int, int]:
    return (one, other) if one < other else (other, one)

"""One neighbourhood's mesh under attack, simulated: E-STAR, shortest path, or trust alone.

What is assumed is written in `devices/simulator/mesh_field.py` (the radio) and here: receipts and
trust tables arrive, since they are frames that are repeated until answered; their bytes are counted
for every hop. A table is made every TABLE_S from the receipts so far.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import random
from collections import Counter, deque
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from backend.mesh.announcement import announcements
from backend.mesh.judging import NOT_BROKEN, judge
from backend.mesh.receipts import MAX_CHAIN, Held, ReceiptError, check, read
from backend.mesh.trust import (
    EXCLUDED_BELOW,
    FULL,
    Cleared,
    NodeTrust,
    TrustTable,
    trust_table,
)
from devices.esp32 import estar_packets as packets
from devices.esp32 import frame, receipts
from devices.esp32 import link as links
from devices.esp32.estar import Router
from devices.simulator.mesh_field import MeshField

GATEWAY = 1
GATEWAY_SESSIONS = 256
"""Of a hub with PSRAM; other nodes have the firmware's default, an ESP32's without."""
REACH_M = 100.0
NEIGHBOURS = 9
EVERY_MS = 3_000
SECONDS = 120
TABLE_S = 10
SESSION_MESSAGES = 8
MESSAGE_BYTES = 82
LOSS_PM = 20
SYBIL_IDS = 10_000
BATTERY = 250
_FRAME_BYTES = 34

STRATEGIES = ("estar", "estar_best", "trust_only", "shortest")
ATTACKS = ("drop", "select", "energy", "forge", "sybil", "mixed")


@cache
def key_of(node: int) -> bytes | None:
    """Keys of the community's devices; Sybils have none."""
    return hashlib.sha256(b"trial %d" % node).digest() if node < SYBIL_IDS else None


class Honest(Router):
    """Does what it says; a battery that is empty carries nothing."""

    def relay(self, session: Any, payload: bytes, now_ms: int) -> None:
        """Relays while it can."""
        if self.energy:
            super().relay(session, payload, now_ms)


class Dropper(Router):
    """Takes part in routes and relays nothing."""

    def relay(self, session: Any, payload: bytes, now_ms: int) -> None:
        """Keeps the message."""
        session.used_ms = now_ms


class Selective(Router):
    """Drops three messages of ten."""

    def relay(self, session: Any, payload: bytes, now_ms: int) -> None:
        """Relays most."""
        if self.random(1)[0] < 77:
            session.used_ms = now_ms
        else:
            super().relay(session, payload, now_ms)


class EnergyLiar(Router):
    """Says that it has energy for hours and has it for forty messages."""

    left = 40

    def relay(self, session: Any, payload: bytes, now_ms: int) -> None:
        """Relays until it has nothing left."""
        self.left -= 1
        self.energy = 60_000
        if self.left >= 0:
            super().relay(session, payload, now_ms)
            self.energy = 60_000


class Forger(Selective):
    """Drops some, denies to have had them, and frames its neighbours as a source."""


_MAKES: dict[str, type[Router]] = {
    "drop": Dropper,
    "select": Selective,
    "energy": EnergyLiar,
    "forge": Forger,
    "sybil": Dropper,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one trial came to.

    Args:
        delivered: share of honest nodes' messages that reached the gateway; `late`: of those sent
            in the second half, when trust has formed
        lifetime: messages that a route of an honest source delivered, mean
        overhead: bytes on air for each byte of message delivered, receipts and tables included
        accused: share of honest nodes that routes go round at the end
        caught: share of attackers that routes go round at the end
    """

    delivered: float
    late: float
    lifetime: float
    overhead: float
    accused: float
    caught: float


class Trial:
    """A field with its attackers; `run` lets SECONDS pass."""

    def __init__(self, count: int, bad_share: float, attack: str, strategy: str, seed: int) -> None:
        self.chance = random.Random(f"{count} {bad_share} {attack} {seed}")
        self.strategy = strategy
        places, bad = self._lay_out(count, bad_share)
        self.kinds = {place: _kind_of(attack, number) for number, place in enumerate(sorted(bad))}
        self.ids = {
            place: place + SYBIL_IDS if self.kinds.get(place) == "sybil" else place
            for place in places
        }
        self.honest = [node for node in places if node not in bad]
        self.senders = sorted(_reached(places, bad) - {GATEWAY})
        self.known = [node for node in self.ids.values() if node < SYBIL_IDS]
        self.field = MeshField(
            {self.ids[place]: where for place, where in places.items()},
            reach_m=REACH_M,
            loss_pm=LOSS_PM,
            seed=seed,
        )
        self.held: dict[tuple[int, int], dict[int, Held]] = {}
        self.judged: dict[tuple[int, int], Cleared | None] = {}
        self.recharge: dict[int, int] = {}
        self.chains: dict[int, list[bytes]] = {}  # of the session that a forger frames with
        self.side_bytes = 0
        self.arrived: set[bytes] = set()
        self.offered: list[bytes] = []
        for place in places:
            self._join(place)

    # ---- who is there ----------------------------------------------------------------------------

    def _lay_out(
        self, count: int, bad_share: float
    ) -> tuple[dict[int, tuple[float, float]], set[int]]:
        """Places at random, the gateway in the middle; who of them attack."""
        side = REACH_M * math.sqrt(count * math.pi / NEIGHBOURS)
        places = {GATEWAY: (side / 2, side / 2)}
        for node in range(2, count + 1):
            places[node] = (self.chance.uniform(0, side), self.chance.uniform(0, side))
        bad = set(self.chance.sample(range(2, count + 1), round(bad_share * (count - 1))))
        return places, bad

    def _join(self, place: int) -> None:
        node, kind = self.ids[place], self.kinds.get(place, "")
        mode = packets.BEST_AVAILABLE if self.strategy == "estar_best" else 0
        trusting = self.strategy == "shortest"
        router = self.field.join(
            node,
            key_of(node) or bytes(32),
            _MAKES.get(kind, Honest),
            mode=mode,
            min_trust=0 if trusting else EXCLUDED_BELOW,
        )
        router.session_messages = SESSION_MESSAGES
        if self.strategy in ("trust_only", "shortest"):
            router.trust.broke = lambda *_: None
            router.score = lambda fields: -len(fields[7])
        else:
            router.min_energy = 2 * SESSION_MESSAGES
        if kind == "energy":
            router.energy, self.recharge[node] = 60_000, 60
        elif not kind and place != GATEWAY and self.chance.random() < 0.3:
            router.energy, self.recharge[node] = BATTERY, 60
        router.on_receipt = lambda receipt: self._told(node, kind, receipt)
        if place == GATEWAY:
            router.most_sessions = GATEWAY_SESSIONS
            router.on_message = lambda _source, message, _now: self.arrived.add(message)

    def _told(self, node: int, kind: str, receipt: Any) -> None:
        """A node's receipt reaches the gateway, or what a liar makes of it."""
        if kind == "forge":
            at = receipt.route.index(node)
            if at == 0 and node in self.chains and receipt.sent < MAX_CHAIN:
                receipt.saw_message(*self._next_message(node, receipt))
            elif at and receipt.sent > receipt.delivered:
                return  # what it dropped it never had
        self.side_bytes += (len(receipt.pack()) + 1 + _FRAME_BYTES) * 3
        try:
            held = read(receipt.pack())
            check(held, key_of)
        except ReceiptError:
            return
        key = (held.session.source, held.session.started_at)
        self.held.setdefault(key, {})[node] = held
        self.judged.pop(key, None)

    def _next_message(self, node: int, receipt: Any) -> tuple[int, bytes, bytes, bytes]:
        """A message that the forger says to have sent and never sent."""
        chain, i, digest = self.chains[node], receipt.sent + 1, bytes(32)
        key = key_of(node) or b""
        tag = receipts.sigma(key, digest, receipt.started_at, receipt.route, i)
        return i, chain[i], digest, tag

    # ---- what happens ----------------------------------------------------------------------------

    def run(self) -> Outcome:
        """The whole trial."""
        senders = self.senders
        framing = [self.ids[p] for p, kind in self.kinds.items() if kind == "forge"]
        phase = {node: self.chance.randrange(EVERY_MS) for node in (*senders, *framing)}
        late_from = 0
        for step in range(SECONDS * 1000 // 100):
            now_ms = step * 100
            if now_ms == SECONDS * 500:
                late_from = len(self.offered)
            for node in senders:
                if (now_ms + phase[node]) % EVERY_MS < 100:
                    self._send(node, now_ms)
            for node in framing:
                if (now_ms + phase[node]) % EVERY_MS < 100:
                    self._frame(node, now_ms)
            self.field.run_for_ms(100)
            if step % (TABLE_S * 10) == TABLE_S * 10 - 1:
                self._tell_trust(step // 10)
        self.field.run_for_ms(10_000)
        return self._outcome(late_from)

    def _send(self, node: int, now_ms: int) -> None:
        message = b"%d %d" % (node, now_ms)
        message += bytes(MESSAGE_BYTES - len(message))
        self.offered.append(message)
        self.field.routers[node].send(GATEWAY, message, 20, now_ms)

    def _frame(self, node: int, now_ms: int) -> None:
        """Uses a route for one true message, then says that its first relay lost the next one."""
        router = self.field.routers[node]
        flow = router.flows.get(GATEWAY)
        if flow is not None and flow.session is not None and flow.session.receipt.delivered:
            self.chains[node] = flow.session.chain
            router._end(flow.session)
        if flow is None or not flow.waiting:
            router.send(GATEWAY, b"framed", 10, now_ms)

    def _tell_trust(self, second: int) -> None:
        if self.strategy == "shortest":
            return
        table = self.table()
        parts = announcements(table, self.field.start_s + second)
        self.side_bytes += sum(len(part) + 1 + _FRAME_BYTES for part in parts) * 3 * len(self.known)
        for router in self.field.routers.values():
            for part in parts:
                router.trust.take(part)

    def table(self) -> TrustTable:
        """What the receipts so far say."""
        if self.strategy == "trust_only":
            return _naive(self.sessions(), self.known)
        return trust_table(self.sessions(), self.known, self.recharge)

    def sessions(self) -> list[Cleared]:
        """Everything judged so far, in the order in which it was first heard of."""
        for key in self.held.keys() - self.judged.keys():
            self.judged[key] = _cleared(self.held[key])
        found = (self.judged[key] for key in self.held)
        return [one for one in found if one is not None]

    def _outcome(self, late_from: int) -> Outcome:
        for router in self.field.routers.values():
            router.end_sessions()
        late = self.offered[late_from:]
        bodies = len(self.arrived & set(self.offered))
        table, honest = self.table(), set(self.honest)
        if self.strategy == "shortest":
            table = TrustTable()
        excluded = {node for node, found in table.nodes.items() if found.excluded}
        judged_bad = [self.ids[place] for place in self.kinds if self.ids[place] < SYBIL_IDS]
        own = [s for s in self.sessions() if s.route[0] in honest]
        return Outcome(
            bodies / len(self.offered),
            len(self.arrived & set(late)) / len(late),
            sum(s.delivered for s in own) / len(own) if own else 0.0,
            (self.field.bytes + self.side_bytes) / max(1, bodies * MESSAGE_BYTES),
            len(excluded & honest) / len(honest),
            len(excluded & set(judged_bad)) / len(judged_bad) if judged_bad else 0.0,
        )


def _cleared(words: dict[int, Held]) -> Cleared | None:
    """What a session's nodes say, judged; None if they contradict each other."""
    try:
        receipt = judge(words)
    except ReceiptError:
        return None
    session = receipt.session
    return Cleared(
        session.started_at,
        session.route,
        session.energies,
        receipt.sent,
        receipt.delivered,
        receipt.broken_hop,
        receipt.reporters,
    )


@cache
def hurry() -> None:
    """Has this process compute pure functions of the firmware once, or in C: the same results."""
    frame.tag = lambda key, data: hmac.digest(key, data, "sha256")[:16]
    links.node_of = cache(links.node_of)
    for name in ("get_request", "get_reply", "get_data"):
        setattr(packets, name, lru_cache(4096)(getattr(packets, name)))


def _kind_of(attack: str, number: int) -> str:
    return ATTACKS[number % 5] if attack == "mixed" else attack


def _reached(places: dict[int, tuple[float, float]], bad: set[int]) -> set[int]:
    """Honest nodes that reach the gateway over honest ones, within the length of a route."""
    found, edge = {GATEWAY}, deque([(GATEWAY, 0)])
    while edge:
        node, hops = edge.popleft()
        for other, where in places.items():
            if other in found or other in bad or hops >= 7:
                continue
            if math.dist(places[node], where) <= REACH_M:
                found.add(other)
                edge.append((other, hops + 1))
    return found


def _naive(sessions: list[Cleared], known: list[int]) -> TrustTable:
    """Trust alone: each node's share of routes that did not break at it, all accusations in."""
    routes: Counter[int] = Counter()
    breaks: Counter[int] = Counter()
    for session in sessions:
        routes.update(session.route)
        if session.broken_hop != NOT_BROKEN:
            breaks.update(session.route[session.broken_hop : session.broken_hop + 2])
    shares = {n: (routes[n] - breaks[n] + 4) * FULL // (routes[n] + 4) for n in known}
    nodes = {
        n: NodeTrust(n, share, share, share, FULL, 0, routes[n], breaks[n])
        for n, share in shares.items()
    }
    return TrustTable(nodes)


def outcome_of(case: tuple[int, float, str, str, int]) -> Outcome:
    """A whole trial; a module's function, so that processes can share the work."""
    hurry()
    return Trial(*case).run()

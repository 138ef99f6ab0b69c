"""E-STAR on a node: finds routes over nodes that others own, carries messages, keeps receipts (docs/mesh.md).

No input, output or clock: the owner hands in time, randomness and what the link brings, and gets messages
(`on_message`), receipts (`on_receipt`) and what could not be delivered (`on_lost`) by calls. One message
of a session is under way at a time; the next goes when the destination has answered.
"""

from devices.esp32 import estar_packets as packets
from devices.esp32 import link as links
from devices.esp32 import receipts
from devices.esp32.estar_sessions import Flow, Session
from devices.esp32.estar_trust import FULL, Trust
from devices.esp32.receipts import DESTINATION, SOURCE, Receipt

DISCOVER_HOPS = 5  # a request is given up after as many of the link's hop_ms
IDLE_MS = 60000
JITTER_MS = 40
MOST_SESSIONS = 24  # what an ESP32 without PSRAM has room for
_REMEMBERED = 192  # requests, tickets and ended sessions, at the least
MOST_WAITING = 16
ATTEMPTS = 4
_REQUEST = links.priority_of(4, 4, 0)
_ANSWER = links.EMERGENCY  # short, and somebody waits for it: as an acknowledgement it goes at once
_SEEN_MS = 10000
_MOST_SKEW_S = 300  # as the contract allows
_LONGEST_WAIT_MS = 1000


class Router:
    """One node's routing. `link`: as in link.py; `random(n)`: n unpredictable bytes."""

    def __init__(self, node_id: int, key: bytes, link, random, mode: int, min_trust: int) -> None:  # type: ignore[no-untyped-def]
        self.node_id = node_id
        self.key = key
        self.link = link
        self.random = random
        self.mode = mode
        self.min_trust = min_trust
        self.min_energy = 0
        self.longest = receipts.MAX_ROUTE
        self.most_sessions = MOST_SESSIONS
        self.session_messages = receipts.CHAIN  # after as many, a new session and so a receipt
        self.energy = receipts.MAINS  # messages that it can relay, told truly; the owner keeps it up
        self.trust = Trust()
        self.clock_s = 0  # Unix seconds, set by the owner; sessions are named after it
        self.on_message = None
        self.on_receipt = None
        self.on_lost = None
        self.counts = {"relayed": 0, "refused": 0, "requests": 0, "broken": 0, "lost": 0}
        self.sessions: dict[tuple[int, int], Session] = {}
        self.flows: dict[int, Flow] = {}
        self._seen: dict = {}  # type: ignore[type-arg]
        self._offers: dict = {}  # type: ignore[type-arg]
        self._later: list = []  # type: ignore[type-arg]  # [due, key, request]
        self._tickets: dict = {}  # type: ignore[type-arg]
        self._last_started = 0
        self._ended: dict[int, int] = {}  # source -> start of its newest session that ended
        link.receiver = self.on_receive
        link.on_done = self.on_done

    # ---- for the owner -------------------------------------------------------------------------------

    def send(self, destination: int, message: bytes, priority: int, now_ms: int) -> bool:
        """Queues a message, unless it waits already; False if too many do for that destination."""
        flow = self.flows.get(destination)
        if flow is None:
            flow = self.flows[destination] = Flow()
        for waiting in flow.waiting:
            if waiting[0] == message:
                return True
        if len(flow.waiting) >= MOST_WAITING:
            return False
        at = 1 if flow.under_way and flow.waiting else 0
        while at < len(flow.waiting) and flow.waiting[at][1] >= priority:
            at += 1
        flow.waiting.insert(at, [message, priority, 0])
        self._go_on(destination, flow, now_ms)
        return True

    def tick(self, now_ms: int) -> int:
        """What time brings; in how many ms there may be more, unless something is sent or received."""
        later, self._later = self._later, []
        for entry in later:
            if entry[0] <= now_ms:
                self.link.send(links.BROADCAST, entry[2], _REQUEST)
            else:
                self._later.append(entry)
        for key in [k for k, offer in self._offers.items() if offer[0] <= now_ms]:
            self._answer(key, self._offers.pop(key)[1], now_ms)
        for session in list(self.sessions.values()):
            if session.due_ms and session.due_ms <= now_ms:
                self._overdue(session, now_ms)
            elif now_ms - session.used_ms > IDLE_MS:
                self._end(session)
        for destination, flow in self.flows.items():
            if flow.asked_at and flow.asked_until_ms <= now_ms:
                flow.asked_at, flow.unanswered = 0, True
                self.trust.forgive()
                self._failed(flow, now_ms)
            self._go_on(destination, flow, now_ms)
        if len(self._seen) > self._most_kept():
            self._seen = {k: v for k, v in self._seen.items() if now_ms - v[0] < _SEEN_MS}
        return self._wait(now_ms)

    def _wait(self, now_ms: int) -> int:
        due_ms = now_ms + _LONGEST_WAIT_MS
        for entry in self._later:
            due_ms = min(due_ms, entry[0])
        for offer in self._offers.values():
            due_ms = min(due_ms, offer[0])
        for session in self.sessions.values():
            if session.due_ms:
                due_ms = min(due_ms, session.due_ms)
        for flow in self.flows.values():
            if flow.asked_at:
                due_ms = min(due_ms, flow.asked_until_ms)
        return max(1, due_ms - now_ms)

    def on_receive(self, src: bytes, payload: bytes, _rssi: int, now_ms: int) -> None:
        """Takes a packet of a neighbour; what is malformed, foreign or forged changes nothing."""
        neighbour = links.node_of(src)
        take = self._TAKE.get(payload[0]) if payload else None
        if take is None or neighbour == 0 or not take(self, neighbour, payload, now_ms):
            self.counts["refused"] += 1

    def on_done(self, ticket: int, ok: bool, now_ms: int) -> None:
        """The link's word on what became of a packet: a message that a neighbour did not take is a broken hop."""
        key = self._tickets.pop(ticket, None)
        session = self.sessions.get(key) if key is not None and not ok else None
        if session is not None and session.due_ms:
            self._overdue(session, now_ms)

    def rekey(self, key: bytes) -> None:
        """The node's tags are made with another key from now on, so its own sessions begin anew."""
        self.key = key
        for flow in self.flows.values():
            if flow.session is not None and not flow.under_way:
                self._end(flow.session)

    def end_sessions(self) -> None:
        """Ends all sessions and gives their receipts: before a restart, or to clear early."""
        for session in list(self.sessions.values()):
            self._end(session)

    # ---- discovery -----------------------------------------------------------------------------------

    def _ask(self, destination: int, flow: Flow, now_ms: int) -> None:
        started_at = max(self.clock_s, self._last_started + 1)
        self._last_started = started_at
        flow.asked_at, flow.asked_until_ms = started_at, now_ms + DISCOVER_HOPS * self.link.hop_ms
        flow.chain = receipts.chain(self.random(receipts.SIZE), self.node_id, started_at, SOURCE)
        self.counts["requests"] += 1
        # Rather a route that nobody vouches for than none: what is not delivered is not paid either.
        last = bool(flow.waiting) and flow.waiting[0][2] == ATTEMPTS - 1
        flow.mode = packets.ANY if last and flow.unanswered else self.mode
        flow.min_trust = min(self.min_trust, 1) if last else self.min_trust
        request = packets.put_request(
            started_at, destination, flow.mode, flow.min_trust, 0 if last else self.min_energy, self.longest,
            flow.chain[0], (self.node_id,), (self.energy,),
        )  # fmt: skip
        self.link.send(links.BROADCAST, request, _REQUEST)

    def _on_request(self, neighbour: int, payload: bytes, now_ms: int) -> bool:
        fields = packets.get_request(payload)
        if fields is None or fields[7][-1] != neighbour or len(fields[7]) >= fields[5]:
            return False
        started_at, destination, mode, min_trust, min_energy, longest, s_root, route, energies = fields
        if self.node_id in route or started_at <= self._ended.get(route[0], 0):
            return True  # a session is paid once: a name that is used up would carry for nothing
        key = (route[0], started_at)
        seen = self._seen.get(key)
        held = None
        if seen is not None and destination != self.node_id:
            if seen[2] != s_root:
                return True
            if seen[1] >= (2 if mode == packets.BEST_AVAILABLE else 1):
                held = self._held(key)
                if held is None:
                    return True  # most of what a flood brings
        if self.clock_s and started_at > self.clock_s + _MOST_SKEW_S:
            return True  # it would use up all names until then
        if not self.trust.fits(route + (self.node_id,), min_trust, mode == packets.ANY, now_ms):
            return True
        if destination != self.node_id and not self.trust.pays(route[0]):
            return True
        if destination == self.node_id:
            self._offer(key, fields, now_ms)
            return True
        if self.energy < min_energy or len(route) + 2 > longest:
            return True
        due_ms = now_ms + self._weakness_ms(route[-1])
        stated = self.energy if seen is None else seen[3]  # one session, one statement
        if held is not None:
            due_ms += JITTER_MS
            if due_ms < held[0]:  # it came over a better hop
                held[0], held[2] = due_ms, self._passed_on(fields, stated)
            return True
        self._seen[key] = (now_ms, 1 if seen is None else seen[1] + 1, s_root, stated)
        due_ms += self.random(1)[0] * JITTER_MS // 256
        self._later.append([due_ms, key, self._passed_on(fields, stated)])
        return True

    def _held(self, key: tuple[int, int]) -> list | None:  # type: ignore[type-arg]
        """The request of this session that waits to be passed on."""
        for entry in self._later:
            if entry[1] == key:
                return entry  # type: ignore[no-any-return]
        return None

    def _passed_on(self, fields: tuple, stated: int) -> bytes:  # type: ignore[type-arg]
        started_at, destination, mode, min_trust, min_energy, longest, s_root, route, energies = fields
        return packets.put_request(
            started_at, destination, mode, min_trust, min_energy, longest, s_root,
            route + (self.node_id,), energies + (stated,),
        )  # fmt: skip

    def _weakness_ms(self, neighbour: int) -> int:
        """How long a request is held that came over a hop on which much is lost: so that one which
        came round by better hops is the first."""
        extra = min(4 * links.COST_ONE, self.link.cost(links.mac_of(neighbour)) - links.COST_ONE)
        return max(0, extra) * self.link.hop_ms // links.COST_ONE

    def _offer(self, key: tuple[int, int], fields: tuple, now_ms: int) -> None:  # type: ignore[type-arg]
        if key in self.sessions or (key in self._seen and key not in self._offers):
            return
        min_energy, energies = fields[4], fields[8]
        if len(energies) > 1 and min(energies[1:]) < min_energy:
            return
        self._seen[key] = (now_ms, 9, fields[6], self.energy)
        best = fields[2] == packets.BEST_AVAILABLE
        wait = self._weakness_ms(fields[7][-1]) + (self.link.hop_ms * 3 // 4 if best else 0)
        known = self._offers.get(key)
        if known is None:
            if wait:
                self._offers[key] = (now_ms + wait, fields)
            else:
                self._answer(key, fields, now_ms)
        elif fields[6] != known[1][6]:
            return
        elif best and self._worth(fields) > self._worth(known[1]):
            self._offers[key] = (known[0], fields)
        elif not best and now_ms + wait < known[0]:
            self._offers[key] = (now_ms + wait, fields)

    def _worth(self, fields: tuple) -> int:  # type: ignore[type-arg]
        cost = self.link.cost(links.mac_of(fields[7][-1]))
        return self.score(fields) * links.COST_ONE // cost

    def score(self, fields: tuple) -> int:  # type: ignore[type-arg]
        """How good an offered route is: its relays' trust multiplied, less where energy will not last a session."""
        route, energies = fields[7], fields[8]
        found = FULL * FULL
        for node in route[1:]:
            found = found * self.trust.of(node) // FULL
        lasts = min(min(energies), receipts.CHAIN)
        return (found * lasts // receipts.CHAIN) * 64 - len(route)

    def _answer(self, key: tuple[int, int], fields: tuple, now_ms: int) -> None:  # type: ignore[type-arg]
        started_at, s_root = fields[0], fields[6]
        route, energies = fields[7] + (self.node_id,), fields[8] + (self._seen[key][3],)
        chain = receipts.chain(self.random(receipts.SIZE), route[0], started_at, DESTINATION)
        receipt = Receipt(started_at, route, energies, s_root, chain[0], receipts.NOTHING)
        session = self._begin(receipt, len(route) - 1, now_ms)
        if session is None:
            return
        session.chain = chain
        tag = receipts.agree(self.key, self._agreement(receipt))
        reply = packets.put_reply(started_at, route, energies, s_root, chain[0], tag)
        self.link.send(links.mac_of(session.next_node(-1)), reply, _ANSWER)

    def _on_reply(self, neighbour: int, payload: bytes, now_ms: int) -> bool:
        fields = packets.get_reply(payload)
        if fields is None or self.node_id not in fields[1][:-1]:
            return False
        started_at, route, energies, s_root, h_root, tags = fields
        at = route.index(self.node_id)
        if route[at + 1] != neighbour or (route[0], started_at) in self.sessions:
            return False
        receipt = Receipt(started_at, route, energies, s_root, h_root, receipts.NOTHING)
        tags = receipts.together(tags, receipts.agree(self.key, self._agreement(receipt)))
        if at == 0:
            return self._found(receipt, tags, now_ms)
        seen = self._seen.get((route[0], started_at))
        if seen is None or seen[1] >= 9 or seen[2] != s_root or seen[3] != energies[at]:
            return False
        if self._begin(receipt, at, now_ms) is None:
            return False
        reply = packets.put_reply(started_at, route, energies, s_root, h_root, tags)
        self.link.send(links.mac_of(route[at - 1]), reply, _ANSWER)
        return True

    def _found(self, receipt: Receipt, tags: bytes, now_ms: int) -> bool:
        flow = self.flows.get(receipt.route[-1])
        if flow is None or not flow.asked_at or flow.asked_at != receipt.started_at:
            return False
        if flow.chain[0] != receipt.s_root:
            return False
        if not self.trust.fits(receipt.route, flow.min_trust, flow.mode == packets.ANY, now_ms):
            return False
        session = self._begin(receipt, 0, now_ms)
        if session is None:
            return False
        receipt.agreed = tags
        session.chain = flow.chain
        flow.session, flow.asked_at, flow.unanswered = session, 0, False
        self._go_on(receipt.route[-1], flow, now_ms)
        return True

    @staticmethod
    def _agreement(receipt: Receipt) -> bytes:
        return receipts.agreement(
            receipt.started_at, receipt.route, receipt.energies, receipt.s_root, receipt.h_root
        )

    # ---- messages ------------------------------------------------------------------------------------

    def _go_on(self, destination: int, flow: Flow, now_ms: int) -> None:
        if flow.under_way or not flow.waiting or flow.asked_at:
            return
        session = flow.session
        if session is None or session.ended or session.receipt.sent >= self.session_messages:
            if session is not None:
                self._end(session)
                flow.session = None
            self._ask(destination, flow, now_ms)
            return
        flow.under_way = True
        message, priority, _ = flow.waiting[0]
        receipt, i = session.receipt, session.receipt.sent + 1
        digest = receipts.digest(message)
        sigma = receipts.sigma(self.key, digest, receipt.started_at, receipt.route, i)
        receipt.saw_message(i, session.chain[i], digest, sigma)
        agreed = b"" if receipt.delivered else receipt.agreed
        session.urgent = priority >= links.EMERGENCY
        data = packets.put_data(
            self.node_id, receipt.started_at, i, session.chain[i], sigma, agreed, message, session.urgent
        )
        self._pass_on(session, data, priority, now_ms)

    def _pass_on(self, session: Session, data: bytes, priority: int, now_ms: int) -> None:
        session.used_ms = now_ms
        session.due_ms = now_ms + self.link.hop_ms * (len(session.receipt.route) - session.at)
        ticket = self.link.send(links.mac_of(session.next_node(1)), data, priority)
        if ticket:
            if len(self._tickets) > self._most_kept():
                self._tickets.clear()
            self._tickets[ticket] = session.key

    def _on_data(self, neighbour: int, payload: bytes, now_ms: int) -> bool:
        fields = packets.get_data(payload)
        if fields is None:
            return False
        session = self.sessions.get(fields[:2])
        if session is None or session.at == 0 or session.next_node(-1) != neighbour:
            return False
        _source, _started_at, i, s_value, sigma, agreed, message, session.urgent = fields
        receipt = session.receipt
        last = session.at == len(receipt.route) - 1
        if i != receipt.sent + 1:
            if last and i == receipt.delivered and s_value == receipt.s_value:
                self._confirm(session, i, now_ms)
            return i == receipt.sent and s_value == receipt.s_value  # a repetition
        if not receipt.saw_message(i, s_value, receipts.digest(message), sigma):
            return False
        if agreed:
            receipt.agreed = agreed
        if not last:
            self.relay(session, payload, now_ms)
            return True
        receipt.saw_delivery(i, session.chain[i])
        self._confirm(session, i, now_ms)
        if self.on_message is not None:
            self.on_message(receipt.route[0], message, now_ms)
        return True

    def relay(self, session: Session, payload: bytes, now_ms: int) -> None:
        """Carries a message of somebody else's one hop further."""
        self.counts["relayed"] += 1
        if self.energy != receipts.MAINS:
            self.energy = max(0, self.energy - 1)
        self._pass_on(session, payload, links.priority_of(10 if session.urgent else 2, 4, session.at), now_ms)

    def _confirm(self, session: Session, i: int, now_ms: int) -> None:
        session.used_ms = now_ms
        source, started_at = session.key
        packet = packets.put_delivered(source, started_at, i, session.chain[i])
        self._send_back(session, packet)

    def _send_back(self, session: Session, packet: bytes) -> None:
        self.link.send(links.mac_of(session.next_node(-1)), packet, _ANSWER)

    def _on_delivered(self, neighbour: int, payload: bytes, now_ms: int) -> bool:
        fields = packets.get_delivered(payload)
        if fields is None:
            return False
        session = self.sessions.get(fields[:2])
        if session is None or session.at == len(session.receipt.route) - 1:
            return False
        if session.next_node(1) != neighbour or not session.receipt.saw_delivery(*fields[2:]):
            return False
        session.due_ms, session.used_ms = 0, now_ms
        if session.at:
            self._send_back(session, payload)
            return True
        destination = session.receipt.route[-1]
        flow = self.flows[destination]
        flow.under_way = False
        flow.waiting.pop(0)
        self._go_on(destination, flow, now_ms)
        return True

    # ---- broken routes -------------------------------------------------------------------------------

    def _overdue(self, session: Session, now_ms: int) -> None:
        """Nothing came back from beyond us: the hop behind us is broken, as far as anybody can tell."""
        self._break(session, session.at, now_ms)

    def _on_broken(self, neighbour: int, payload: bytes, now_ms: int) -> bool:
        fields = packets.get_broken(payload)
        if fields is None:
            return False
        session = self.sessions.get(fields[:2])
        if session is None or fields[2] <= session.at or fields[2] >= len(session.receipt.route) - 1:
            return False
        if session.next_node(1) != neighbour:
            return False
        self._break(session, fields[2], now_ms)
        return True

    def _break(self, session: Session, hop: int, now_ms: int) -> None:
        self.counts["broken"] += 1
        source, started_at = session.key
        if session.at:
            packet = packets.put_broken(source, started_at, hop)
            self._send_back(session, packet)
            self._end(session)
            return
        route = session.receipt.route
        self.trust.broke(route[hop], route[hop + 1], now_ms)
        self._end(session)
        flow = self.flows.get(route[-1])
        if flow is not None and flow.session is session:
            flow.session, flow.under_way = None, False
            self._failed(flow, now_ms)
            self._go_on(route[-1], flow, now_ms)

    def _failed(self, flow: Flow, now_ms: int) -> None:
        """The first message of a flow was tried once more, in vain."""
        if not flow.waiting:
            return
        flow.waiting[0][2] += 1
        if flow.waiting[0][2] >= ATTEMPTS:
            message = flow.waiting.pop(0)[0]
            self.counts["lost"] += 1
            if self.on_lost is not None:
                self.on_lost(message, now_ms)

    # ---- sessions ------------------------------------------------------------------------------------

    def _begin(self, receipt: Receipt, at: int, now_ms: int) -> Session | None:
        if len(self.sessions) >= self.most_sessions:
            oldest = min(self.sessions.values(), key=lambda session: session.used_ms)
            if now_ms - oldest.used_ms < self.link.hop_ms * receipts.MAX_ROUTE:
                return None  # all are in use: a flood of sessions must not end those that work
            self._end(oldest)
        session = Session(receipt, at, now_ms)
        for other in self.sessions.values():
            if other.receipt.route[0] == receipt.route[0] and other.receipt.route[-1] == receipt.route[-1]:
                self._tell(other)  # its source asked for another, so most likely it is through
        self.sessions[session.key] = session
        return session

    def _most_kept(self) -> int:
        return max(_REMEMBERED, 4 * self.most_sessions)

    def _end(self, session: Session) -> None:
        if session.ended:
            return
        session.ended, session.due_ms = True, 0
        self.sessions.pop(session.key, None)
        receipt = session.receipt
        if len(self._ended) >= self._most_kept():
            self._ended.clear()
        self._ended[receipt.route[0]] = max(receipt.started_at, self._ended.get(receipt.route[0], 0))
        self._tell(session)

    def _tell(self, session: Session) -> None:
        """Gives its receipt, if it says more than before."""
        receipt = session.receipt
        counts = (receipt.sent, receipt.delivered)
        if self.on_receipt is not None and counts != session.told and receipt.agreed != receipts.NOTHING:
            session.told = counts
            self.on_receipt(receipt)

    _TAKE = {
        packets.REQUEST: _on_request,
        packets.REPLY: _on_reply,
        packets.DATA: _on_data,
        packets.DELIVERED: _on_delivered,
        packets.BROKEN: _on_broken,
    }

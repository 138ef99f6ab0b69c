"""The ways a node's frames can take to the gateway, and which one they take now.

A board has a mesh over ESP-NOW, and beside it a modem for the power line, or a LoRaWAN module. The first way in the
list that works is taken. One that is out, or on which the gateway answers nothing, is left at once; a better one is
taken again when it has been there for a while, longer each time that it failed at once. Frames are the same bytes on
any way, numbered by their node and answered by the gateway, so what comes twice is booked once, and what did not come
is repeated.
"""

ESP_NOW, LORAWAN, POWER_LINE, WIRE = 0, 1, 2, 3  # as MESH frames of kind 2 tell it

WIRE_AGAIN_MS = 3000
_OUT_MS = 4000  # a new parent is found by then, if there is one
_START_MS = 20000
_BACK_MS = 30000
_BAR_MS = 60000
_LONGEST_BAR_MS = 960000
_NODES = 64


class Way:
    """One of them, and what its medium can bear.

    carrier     a Mesh, or what looks like one: connected, hops, local, send_up, send_down, tick, status
    transport   its number
    again_ms    a frame without an answer is sent again after that, and then ever later
    batch       frames under way at a time; 1 keeps their order
    silent_ms   without an answer for so long the gateway is not there
    pause_s     between readings, at the least
    room        readings that may wait: of those that cannot be told in time the newest are worth most
    """

    def __init__(
        self, carrier, transport: int, again_ms: int, batch: int, silent_ms: int, pause_s: int, room: int
    ) -> None:
        self.carrier = carrier
        self.transport = transport
        self.again_ms = again_ms
        self.batch = batch
        self.silent_ms = silent_ms
        self.pause_s = pause_s
        self.room = room
        self.since_ms = -1  # connected without a break
        self.out_ms = _START_MS  # connected last; a start is not yet an outage
        self.barred_ms = 0  # until when it is not tried
        self.bar_ms = _BAR_MS

    def look(self, now_ms: int) -> None:
        """Notes whether it is there."""
        if not self.carrier.connected:
            self.since_ms = -1
        else:
            self.out_ms = now_ms
            if self.since_ms < 0:
                self.since_ms = now_ms

    def usable(self, now_ms: int) -> bool:
        """It is there, and has not failed lately."""
        return self.since_ms >= 0 and now_ms >= self.barred_ms


def by_esp_now(carrier) -> Way:
    """Frames take milliseconds."""
    return Way(carrier, ESP_NOW, 3000, 4, 20000, 0, 512)


def by_power_line(carrier) -> Way:
    """A frame, its acknowledgement, its result and that one's take some three seconds of a line that all share."""
    return Way(carrier, POWER_LINE, 12000, 1, 90000, 10, 4)


def by_lorawan(carrier) -> Way:
    """One per cent of the time: a frame each ten seconds at the fastest rate, each some minutes at the slowest."""
    return Way(carrier, LORAWAN, 45000, 1, 400000, 60, 4)


class Ways:
    """Attributes:
    current: the way that frames take now.
    changes: how often another one was taken.
    """

    def __init__(self, ways: list) -> None:
        """`ways`: the best first."""
        self.ways = ways
        self.current = ways[0]
        self.changes = 0
        self._asked_ms = -1  # since when the gateway owes an answer on this way
        self._heard: dict = {}  # by node, at the gateway: the way it was heard on last

    @property
    def connected(self) -> bool:
        """There is a way."""
        return self.current.carrier.connected

    @property
    def again_ms(self) -> int:
        """How long a frame's answer may take."""
        hops = min(self.current.carrier.hops, 12)
        return self.current.again_ms + self.current.again_ms * hops // 6

    def carry_for(self, node_id: int) -> None:
        """A node hangs on our own cable: what comes for it is ours."""
        for way in self.ways:
            if node_id not in way.carrier.local:
                way.carrier.local.append(node_id)

    def tick(self, now_ms: int, clock_s: int) -> int:
        """Lets every link do what is due; chooses; how long nothing will be due."""
        wait = 60000
        for way in self.ways:
            wait = min(wait, way.carrier.tick(now_ms, clock_s))
            way.look(now_ms)
        if len(self.ways) > 1:
            self._choose(now_ms)
        return wait

    def send_up(self, data: bytes, now_ms: int) -> bool:
        """One of our own frames; False if there is no way, or no room."""
        sent: bool = self.current.carrier.send_up(data, now_ms)
        if sent and self._asked_ms < 0:
            self._asked_ms = now_ms
        return sent

    def answered(self) -> None:
        """The gateway has answered one of our frames."""
        self._asked_ms = -1
        self.current.bar_ms = _BAR_MS

    def status(self, supply_bp: int, now_ms: int) -> bytes:
        """Content of a MESH frame of kind 2: see docs/frame.md."""
        return self.current.carrier.status(supply_bp, self.current.transport, now_ms)

    # ---- at the gateway ----------------------------------------------------------------------------

    def heard_on(self, node_id: int, way: Way) -> None:
        """A frame of this node came that way: what goes down to it takes the same."""
        if node_id not in self._heard and len(self._heard) >= _NODES:
            del self._heard[next(iter(self._heard))]
        self._heard[node_id] = way

    def send_down(self, data: bytes, now_ms: int) -> bool:
        """A frame to the node it names; False if nobody knows the way."""
        way = self._heard.get(int.from_bytes(data[2:6], "big"), self.current)
        return way.carrier.send_down(data, now_ms)

    # ---- which ---------------------------------------------------------------------------------------

    def _choose(self, now_ms: int) -> None:
        current = self.current
        silent = self._asked_ms >= 0 and now_ms - self._asked_ms > current.silent_ms
        if silent:
            current.barred_ms = now_ms + current.bar_ms
            current.bar_ms = min(2 * current.bar_ms, _LONGEST_BAR_MS)
            self._asked_ms = -1
        out = current.since_ms < 0 and now_ms - current.out_ms > _OUT_MS
        for way in self.ways:
            if way is current:
                if out or silent:
                    continue
                return
            ready = way.usable(now_ms) and (out or silent or now_ms - way.since_ms >= _BACK_MS)
            if ready:
                self.current = way
                self.changes += 1
                self._asked_ms = -1
                return

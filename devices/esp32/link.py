"""What carries packets from one node to those in reach of it, whatever the medium.

A link has no clock and no threads: whoever runs it passes the time in, in milliseconds that never step
back. What is above it (the mesh: who forwards to whom) uses only this; below are ESP-NOW (`espnow_link.py`), the
power line (`plc_link.py`) and LoRaWAN (`lora_link.py`).

    link.address                     six bytes: `mac_of(node_id)`
    link.send(dst, payload, priority) -> ticket
        Queues a payload of 1..MAX_PAYLOAD bytes for a neighbour's address or for BROADCAST. `priority`:
        `priority_of(...)`, 0..100, greater is more urgent; EMERGENCY and above overtake everything. The
        ticket is a number > 0, or 0 if the queue was full of what is more urgent. A unicast is repeated
        until the neighbour has acknowledged it, RETRIES times; a broadcast is sent once or twice.
    link.receiver(src, payload, rssi_dbm, now_ms)
        Set by the owner; called for each payload addressed to us or to all, once. `src` is the neighbour
        that sent it, not the node that made it.
    link.on_done(ticket, ok, now_ms)
        Set by the owner if it wants to know: the neighbour has it (of a broadcast: it was sent), or not
        after all repetitions, which is how a broken hop is noticed.
    link.tick(now_ms) -> ms
        Sends what is due; how long nothing will be due if nothing is received or sent meanwhile.
    link.available(now_ms) -> bool
        Somebody was heard, or took something, lately.
    link.cost(neighbour) -> int
        Transmissions that a payload to this neighbour is expected to take, in COST_ONE-ths.
    link.hop_ms
        How long a payload that is not urgent may take over one hop and back, a repetition or two included.
"""

from devices.esp32.send_queue import SendQueue

BROADCAST = b"\xff\xff\xff\xff\xff\xff"
MAX_PAYLOAD = 700  # more than 234 bytes are several packets on ESP-NOW; 250 is a whole frame
RETRIES = 6
EMERGENCY = 60  # priority_of(10, 0, 0)
COST_ONE = 16
BY_NETWORK = 0xFFFFFFFF  # in place of the gateway's number, where a network leads to it

_PREFIX = b"\x02\x4f"  # locally administered


def mac_of(node_id: int) -> bytes:
    """The address that node `node_id` gives its radio."""
    return _PREFIX + node_id.to_bytes(4, "big")


def node_of(mac: bytes) -> int:
    """The node behind an address made by `mac_of`; 0 if it was not."""
    return int.from_bytes(mac[2:6], "big") if mac[:2] == _PREFIX else 0


def priority_of(critical: int, latency: int, hops: int) -> int:
    """Ten times Q = (0.6 E + 0.3 T + 0.1 N) of the four-node report, each 0..10: an integer 0..100.

    `critical`: 10 for an emergency. `latency`: how much of its time the message has used. `hops`: how
    many nodes have carried it already.
    """
    return 6 * _clamped(critical) + 3 * _clamped(latency) + _clamped(hops)


def _clamped(value: int) -> int:
    return max(0, min(10, value))


class Link:
    """The part that all links share."""

    hop_ms = 400

    def __init__(self, address: bytes) -> None:
        self.address = address
        self.receiver = None
        self.on_done = None

    def send(self, dst: bytes, payload: bytes, priority: int) -> int:
        """See above."""
        raise NotImplementedError

    def tick(self, now_ms: int) -> int:
        """See above."""
        raise NotImplementedError

    def available(self, now_ms: int) -> bool:
        """See above."""
        raise NotImplementedError

    def cost(self, neighbour: bytes) -> int:
        """See above; of a link that knows nothing of its neighbours: each payload arrives."""
        return COST_ONE


class QueuedLink(Link):
    """A link whose payloads wait for their turn, as (ticket, dst, payload, priority)."""

    def __init__(self, address: bytes, capacity: int) -> None:
        super().__init__(address)
        self._queue = SendQueue(capacity)
        self._ticket = 0

    def send(self, dst: bytes, payload: bytes, priority: int) -> int:
        """See above."""
        if not 0 < len(payload) <= MAX_PAYLOAD:
            raise ValueError("a payload has 1..%d bytes" % MAX_PAYLOAD)
        ticket = self._ticket = self._ticket + 1
        gone = self._queue.put(priority, (ticket, dst, payload, priority))
        if gone is not None and gone[0] == ticket:
            return 0
        if gone is not None and self.on_done:
            self.on_done(gone[0], False, -1)
        return ticket

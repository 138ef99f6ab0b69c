"""When a node may send, and on which channel: time slots of its own, and hopping over eight channels.

Network time is cut into dwells of SLOTS slots. A dwell is on one channel; in eight dwells each channel comes
once, in an order that the network's seed and the number of the round decide. Slot 0 is for whoever has
something urgent, each other one for the nodes whose number falls on it. All times are milliseconds.
"""

CHANNELS = (1, 2, 4, 5, 7, 8, 10, 11)  # allowed everywhere
SLOTS = 16
BEACON_EVERY = 9  # dwells; as 8 and 9 have no common divisor, beacons come on every channel


class Schedule:
    """The same on all nodes of a network."""

    def __init__(self, seed: int, slot_ms: int, hop: bool) -> None:
        """`hop` False: one channel and no slots, for networks and tests that want neither."""
        self.seed = seed
        self.slot_ms = slot_ms
        self.dwell_ms = slot_ms * SLOTS
        self.hop = hop
        self._round = -1
        self._order: list[int] = []

    def channel(self, time_ms: int) -> int:
        """The channel of this moment."""
        if not self.hop:
            return CHANNELS[0]
        dwell = time_ms // self.dwell_ms
        number = dwell // len(CHANNELS)
        if number != self._round:
            self._round = number
            self._order = self._shuffled(number)
        return self._order[dwell % len(CHANNELS)]

    def _shuffled(self, number: int) -> list[int]:
        """Fisher and Yates, by a linear congruential generator modulo 2^31."""
        order = list(CHANNELS)
        state = (self.seed * 0x9E3779B1 ^ number * 0x85EBCA6B) & 0x7FFFFFFF
        state = ((state ^ state >> 15) * 0x2C1B3C6D) & 0x7FFFFFFF
        for i in range(len(order) - 1, 0, -1):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
            j = (state >> 16) % (i + 1)
            order[i], order[j] = order[j], order[i]
        return order

    def own_slot(self, node: int) -> int:
        """The slot, 1..SLOTS-1, in which node number `node` sends what is not urgent."""
        return node % (SLOTS - 1) + 1

    def until_slot(self, time_ms: int, node: int) -> int:
        """How long until the node's own slot begins; 0 while it lasts."""
        if not self.hop:
            return 0
        begin = self.own_slot(node) * self.slot_ms
        at = time_ms % self.dwell_ms
        if begin <= at < begin + self.slot_ms:
            return 0
        return (begin - at) % self.dwell_ms

    def until_hop(self, time_ms: int) -> int:
        """How long until the channel changes."""
        return self.dwell_ms - time_ms % self.dwell_ms

    def beacons_in(self, time_ms: int, node: int) -> bool:
        """True if the node says in this dwell that it is there."""
        return (time_ms // self.dwell_ms + node) % BEACON_EVERY == 0

"""What a link has to send: the weighted priority queue.

The greatest priority goes first, and of equals what came first. Every fourth turn is that of whatever has
waited longest, unless it is an emergency: so emergencies overtake everything, and telemetry never starves.
"""

_FAIR_TURN = 4


class SendQueue:
    """At most `capacity` items; what is least urgent gives way to what is more urgent."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.dropped = 0
        self._waiting: list = []  # (priority, item), what came first is first
        self._turn = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def urgency(self) -> int:
        """The greatest priority that waits, -1 if none does."""
        most = -1
        for entry in self._waiting:
            most = max(most, entry[0])
        return most

    def put(self, priority: int, item):
        """Queues the item; returns what gave way: None, another item, or this one itself."""
        if len(self._waiting) < self.capacity:
            self._waiting.append((priority, item))
            return None
        self.dropped += 1
        least = len(self._waiting) - 1
        for i in range(least, -1, -1):  # of equals the youngest
            if self._waiting[i][0] < self._waiting[least][0]:
                least = i
        if priority <= self._waiting[least][0]:
            return item
        gone = self._waiting.pop(least)[1]
        self._waiting.append((priority, item))
        return gone

    def pop(self, least: int = 0):
        """The item whose turn it is, of those of priority `least` and above; None if there is none."""
        if self.urgency() < least:
            return None
        self._turn += 1
        fair = self._turn % _FAIR_TURN == 0 and self._waiting[0][0] >= least
        return self._waiting.pop(0 if fair else self._first(self.urgency()))[1]

    def _first(self, priority: int) -> int:
        i = 0
        while self._waiting[i][0] != priority:
            i += 1
        return i

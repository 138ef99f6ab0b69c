"""The time that all nodes of a network share: that of its root, handed on by beacons.

A root is the gateway, or, where none is heard for a while, whoever elects itself; a gateway, and then the
lower address, wins where two meet. The root numbers its beacons, and only a newer number keeps a node's time
alive, so that nodes cannot go on telling one another the time of a root that is gone.

A beacon can be late, never early: of what beacons say the latest time is believed, and given up slowly, as
crystals drift.
"""

_ELECTION_MS = 6000
_DRIFT_MS = 1  # a beacon


class NetworkTime:
    """Offset to the node's own milliseconds, and whose time it is."""

    def __init__(self, address: bytes, is_root: bool, boot: int, silent_ms: int) -> None:
        """`silent_ms`: without a newer beacon for that long the time is not known any more."""
        self.address = address
        self.is_root = is_root
        self.offset_ms = 0
        self.source = (0 if is_root else 1, address)
        self.synced = is_root
        self.stratum = 0
        self.number = (0, 0)  # boot of the root, and its beacon
        self._boot = boot & 0xFFFF
        self._silent_ms = silent_ms
        self._heard_ms = 0
        self._lost = (2, b"", (0, 0))
        self._alone_ms = -1

    def now(self, now_ms: int) -> int:
        """Network time."""
        return now_ms + self.offset_ms

    @property
    def leads(self) -> bool:
        """This node's own time is the network's."""
        return self.source[1] == self.address

    def tick(self, now_ms: int) -> None:
        """Notices that the root has gone silent, and elects itself when nobody else is there."""
        if self.synced and not self.leads and now_ms - self._heard_ms > self._silent_ms:
            self.synced = False
            self._lost = (self.source[0], self.source[1], self.number)
        if self.synced:
            self._alone_ms = -1
        elif self._alone_ms < 0:
            self._alone_ms = now_ms
        elif now_ms - self._alone_ms > _ELECTION_MS:
            self.source = (1, self.address)
            self.stratum = 0
            self.synced = True

    def beacon(self) -> tuple:
        """(kind, root, (boot, number), stratum) for a beacon; a root counts a new one."""
        if self.leads:
            number = self.number[1] if self.number[0] == self._boot else 0
            self.number = (self._boot, (number + 1) & 0xFFFFFFFF)
        return self.source[0], self.source[1], self.number, self.stratum

    def hear(
        self, kind: int, root: bytes, number: tuple, stratum: int, time_ms: int, now_ms: int
    ) -> bool:
        """A neighbour's beacon, sent at network time `time_ms`; True if its time was taken."""
        if root == self.address or self.is_root:
            return False
        source = (kind, root)
        if source == self._lost[:2] and not _newer(number, self._lost[2]):
            return False
        if self.synced and source == self.source:
            better = _newer(number, self.number)
            better = better or (number == self.number and stratum + 1 < self.stratum)
            same_root = self.number[0] == number[0]
        else:
            better = not self.synced or source < self.source
            same_root = False
        if better:
            offset_ms = time_ms - now_ms
            if same_root:
                offset_ms = max(offset_ms, self.offset_ms - _DRIFT_MS)
            self.source = source
            self.number = number
            self.stratum = stratum + 1
            self.offset_ms = offset_ms
            self._heard_ms = now_ms
            self.synced = True
        return better


def _newer(number: tuple, than: tuple) -> bool:
    if number[0] != than[0]:
        return ((number[0] - than[0]) & 0xFFFF) < 0x8000
    return 0 < ((number[1] - than[1]) & 0xFFFFFFFF) < 0x80000000

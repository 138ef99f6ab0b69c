"""Who is in reach, and how well: at most 20, as ESP-NOW keeps no more peers."""

MOST = 20
_GOOD = 256


class Neighbour:
    """One of them. `quality` is the share of packets that arrive, of 256; `rssi_dbm` is smoothed."""

    def __init__(self, address: bytes, rssi_dbm: int, now_ms: int) -> None:
        self.address = address
        self.quality = _GOOD // 2
        self.tries = 0
        self.heard_ms = now_ms
        self.boot = 0
        self.newest = 0
        self.window = 0
        self.extra = b""
        self._rssi16 = rssi_dbm * 16

    @property
    def rssi_dbm(self) -> int:
        """Mean of what was heard lately."""
        return self._rssi16 // 16

    def heard(self, rssi_dbm: int, now_ms: int) -> None:
        """One more packet of it."""
        self._rssi16 += (rssi_dbm * 16 - self._rssi16) // 8
        self.heard_ms = now_ms
        if self.quality < _GOOD // 2:  # whoever is heard again is worth another try
            self.quality += 1 + (_GOOD // 2 - self.quality) // 8

    def tried(self, arrived: bool) -> None:
        """A packet to it was acknowledged, or not."""
        self.tries += 1
        self.quality += ((_GOOD if arrived else 0) - self.quality) // 8
        if arrived and self.quality < _GOOD:
            self.quality += 1

    def is_new(self, boot: int, counter: int) -> bool:
        """True once for each packet: boots and counters grow; 32 packets may overtake each other."""
        if boot != self.boot:
            if boot < self.boot:
                return False
            self.boot = boot
            self.newest = counter
            self.window = 1
            return True
        ahead = counter - self.newest
        if ahead > 0:
            self.window = (self.window << ahead | 1) & 0xFFFFFFFF if ahead < 32 else 1
            self.newest = counter
            return True
        if ahead <= -32 or self.window >> -ahead & 1:
            return False
        self.window |= 1 << -ahead
        return True


class Neighbours:
    """The table; the one not heard for longest gives way."""

    def __init__(self) -> None:
        self.by_address: dict = {}

    def get(self, address: bytes) -> Neighbour | None:
        """What is known of it."""
        return self.by_address.get(address)

    def heard(self, address: bytes, rssi_dbm: int, now_ms: int) -> Neighbour:
        """Its entry, made or brought up to date."""
        found = self.by_address.get(address)
        if found is None:
            if len(self.by_address) >= MOST:
                del self.by_address[self._longest_silent()]
            found = Neighbour(address, rssi_dbm, now_ms)
            self.by_address[address] = found
        found.heard(rssi_dbm, now_ms)
        return found

    def _longest_silent(self) -> bytes:
        found = b""
        for other in self.by_address.values():
            if not found or other.heard_ms < self.by_address[found].heard_ms:
                found = other.address
        return found

    def present(self, now_ms: int, within_ms: int) -> list:
        """Those heard within the last `within_ms`, by address."""
        known = [self.by_address[address] for address in sorted(self.by_address)]
        return [n for n in known if now_ms - n.heard_ms <= within_ms]

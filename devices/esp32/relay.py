"""One relay of a node: commands, cut-off, local protection, fail-safe; see docs/frame.md, COMMAND.

No input or output: the caller moves the contact to `closed` and sends what the methods return. An ack
is (command_id, pin, closed, result, imported_wh), as `frame.put_ack` takes it.
"""

from devices.esp32 import frame

_TRIP_SAMPLES = 2  # a motor's inrush is over after one


class Relay:
    """State and rules of relay V`pin`."""

    def __init__(
        self, pin: int, closed: int, fail_safe_closed: int, limit_ma: int, hold_ms: int
    ) -> None:
        """`limit_ma` trips it (0 = never); after a trip it refuses to close for `hold_ms`."""
        self.pin = pin
        self.closed = closed
        self.fail_safe_closed = fail_safe_closed
        self.limit_ma = limit_ma
        self.hold_ms = hold_ms
        self.commanded = closed
        self.last_id = 0
        self.last_result = frame.ACK_APPLIED
        self.cutoff_wh = 0
        self.moved_wh = 0
        self.tripped = 0
        self.fail_safe = 0
        self._tripped_ms = 0
        self._over = 0

    # What must survive a restart, as a list for the node's memory.
    def state(self) -> list[int]:
        """Contact, last command and cut-off."""
        return [
            self.closed,
            self.commanded,
            self.last_id,
            self.last_result,
            self.cutoff_wh,
            self.moved_wh,
        ]

    def restore(self, state: list[int]) -> None:
        """Takes up what `state` returned before the restart."""
        self.closed, self.commanded, self.last_id = state[0], state[1], state[2]
        self.last_result, self.cutoff_wh, self.moved_wh = state[3], state[4], state[5]

    def _ack(self, command_id: int, result: int) -> tuple[int, int, int, int, int]:
        return command_id, self.pin, self.closed, result, self.moved_wh

    def _move(self, closed: int, imported_wh: int) -> None:
        if closed != self.closed:
            self.closed = closed
            self.moved_wh = imported_wh
            self._over = 0

    def _cut_off(self, imported_wh: int) -> bool:
        return self.cutoff_wh > 0 and imported_wh >= self.cutoff_wh

    def _held(self, uptime_ms: int) -> bool:
        return bool(self.tripped) and uptime_ms - self._tripped_ms < self.hold_ms

    def command(
        self, fields: tuple[int, int, int, int, int], now_s: int, uptime_ms: int, imported_wh: int
    ) -> tuple[int, int, int, int, int]:
        """Executes a COMMAND's fields, or not; returns the ack.

        `now_s` is Unix time, 0 if the node has no clock; `imported_wh` the relay's register now.
        """
        command_id, _pin, closed, cutoff_wh, expires = fields
        if command_id <= self.last_id:
            repeated = command_id == self.last_id
            return self._ack(command_id, self.last_result if repeated else frame.ACK_APPLIED)
        self.last_id = command_id
        if expires and (now_s == 0 or now_s > expires):
            self.last_result = frame.ACK_EXPIRED
        elif closed and self._held(uptime_ms):
            self.last_result = frame.ACK_REFUSED
        else:
            self.commanded = closed
            self.cutoff_wh = cutoff_wh if closed else 0
            self.tripped = 0
            reached = self._cut_off(imported_wh)
            self._move(0 if reached else closed, imported_wh)
            self.last_result = frame.ACK_CUTOFF if reached else frame.ACK_APPLIED
        return self._ack(command_id, self.last_result)

    def check(
        self, imported_wh: int, current_ma: int, uptime_ms: int
    ) -> tuple[int, int, int, int, int] | None:
        """Looks at register and current; the ack of an own move, or None.

        A trip's ack has result ACK_REFUSED; the caller adds the event.
        """
        if not self.closed:
            return None
        if self._cut_off(imported_wh):
            self._move(0, imported_wh)
            self.last_result = frame.ACK_CUTOFF
            return self._ack(self.last_id, frame.ACK_CUTOFF)
        self._over = self._over + 1 if 0 < self.limit_ma < current_ma else 0
        if self._over < _TRIP_SAMPLES:
            return None
        self._move(0, imported_wh)
        self.tripped = 1
        self._tripped_ms = uptime_ms
        self.commanded = 0  # closing again is for a person to ask
        return self._ack(0, frame.ACK_REFUSED)

    def link_lost(self, imported_wh: int) -> tuple[int, int, int, int, int] | None:
        """Falls to the appliance's fail-safe state; the ack if that moved it."""
        self.fail_safe = 1
        blocked = self.tripped or self._cut_off(imported_wh)
        if self.closed == self.fail_safe_closed or (self.fail_safe_closed and blocked):
            return None
        self._move(self.fail_safe_closed, imported_wh)
        return self._ack(0, frame.ACK_FAIL_SAFE)

    def link_back(self, imported_wh: int) -> tuple[int, int, int, int, int] | None:
        """Returns to the state last commanded; the ack if that moved it."""
        self.fail_safe = 0
        wanted = 0 if self.tripped or self._cut_off(imported_wh) else self.commanded
        if self.closed == wanted:
            return None
        self._move(wanted, imported_wh)
        return self._ack(self.last_id, self.last_result)

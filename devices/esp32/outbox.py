"""What a node has still to deliver: store and forward, urgent messages first.

A frame gets its sequence when it is first sent, so that what overtakes is also newer; from then on it
is repeated as the same bytes until the gateway has said what became of it.
"""

from devices.esp32 import frame

_KEYFRAME_EVERY = 16
_URGENT_IN_A_ROW = 3  # then a reading, if one waits
_READING = -1  # kind of an entry that is encoded as KEYFRAME or DELTA when it is sent


class Outbox:
    """Entries are (kind, time, content, ordinal): a payload, or for a reading its 14 values; a reading
    that is sealed has its seal as a fifth.

    Readings are numbered as they are measured. One is never sent after a newer one: its registers
    would seem to step back, and their energy is in the newer reading anyway.
    """

    def __init__(self, node_id: int, key: bytes, boot: int, capacity: int) -> None:
        """`capacity`: readings kept; the oldest give way, for newer registers hold their energy."""
        self.node_id = node_id
        self.key = key
        self.boot = boot
        self.capacity = capacity
        self.sequence = 0
        self.overflowed = 0
        self.dropped = 0
        self._urgent: list = []  # type: ignore[type-arg]
        self._readings: list = []  # type: ignore[type-arg]
        self._in_flight: list = []  # type: ignore[type-arg]
        self._keyframe: tuple[int, ...] = ()
        self._keyframe_sequence = 0
        self._since_keyframe = 0
        self._measured = 0
        self._booked = 0
        self._urgent_in_a_row = 0

    def __len__(self) -> int:
        return len(self._urgent) + len(self._readings) + len(self._in_flight)

    @property
    def in_flight(self) -> int:
        """How many frames were sent and not answered."""
        return len(self._in_flight)

    @property
    def unsettled(self) -> int:
        """Frames that must be answered before a POLL may be sent: those sent, and urgent ones."""
        return len(self._in_flight) + len(self._urgent)

    def put_reading(self, time: int, values: tuple[int, ...]) -> None:
        """Queues a reading behind the others."""
        self._measured += 1
        self._readings.append((_READING, time, values, self._measured))
        while len(self._readings) > self.capacity:
            self._readings.pop(0)
            self.dropped += 1
            self.overflowed = 1

    def put_sealed(self, time: int, values: tuple[int, ...], seal: bytes) -> None:
        """Queues a reading that a secure element has signed: it goes out whole, as a KEYFRAME."""
        self.put_reading(time, values)
        kind, _time, _values, ordinal = self._readings.pop()
        self._readings.append((kind, time, values, ordinal, seal))

    def put(self, kind: int, time: int, payload: bytes, first: bool = False) -> None:
        """Queues what overtakes readings: acks, events, hellos; `first`: before the others of them.
        Bounded like the readings."""
        self._urgent.insert(0 if first else len(self._urgent), (kind, time, payload, 0))
        if len(self._urgent) > self.capacity:
            self._urgent.pop(0)  # a lost ack is asked for again by the command's repetition

    def next_frame(self, kind: int, time: int, payload: bytes) -> bytes:
        """A frame that is sent once and not kept, such as a POLL."""
        self.sequence += 1
        return frame.encode(
            kind, self.node_id, self.boot, self.sequence, time, payload, self.key
        )

    def rekey(self, key: bytes) -> None:
        """From now on all is made with this key, what is unanswered too: the same bytes with another tag."""
        self.key = key
        self._in_flight = [
            (frame.retagged(sent[0], key), sent[1], sent[2]) for sent in self._in_flight
        ]
        self._keyframe = ()  # what comes is proven with the new key alone

    def batch(self, limit: int) -> list[bytes]:
        """At most `limit` frames to send now: the unanswered ones again, then new ones.

        A quarter of the places is kept for readings, of fewer than four every fourth turn, so that
        urgent messages never starve them.
        """
        self._forget_overtaken()
        while len(self._in_flight) < limit and (self._urgent or self._readings):
            room = limit - len(self._in_flight)
            spared = room <= limit // 4 or (limit < 4 and self._urgent_in_a_row >= _URGENT_IN_A_ROW)
            urgent = self._urgent and not (spared and self._readings)
            self._urgent_in_a_row = self._urgent_in_a_row + 1 if urgent else 0
            entry = (self._urgent if urgent else self._readings).pop(0)
            self._in_flight.append((self._encode(entry), self.sequence, entry))
        return [sent[0] for sent in self._in_flight[:limit]]

    def _forget_overtaken(self) -> None:
        newest = self._booked
        for sent in self._in_flight:
            newest = max(newest, sent[2][3])
        while self._readings and self._readings[0][3] < newest:
            self._readings.pop(0)

    def _encode(self, entry: tuple) -> bytes:  # type: ignore[type-arg]
        kind, time, content = entry[:3]
        if kind != _READING:
            return self.next_frame(kind, time, content)
        seal = entry[4] if len(entry) > 4 else b""
        due = seal or not self._keyframe or self._since_keyframe >= _KEYFRAME_EVERY
        if not due:
            back = self.sequence + 1 - self._keyframe_sequence
            self._since_keyframe += 1
            return self.next_frame(
                frame.DELTA, time, frame.put_delta(back, self._keyframe, content)
            )
        made = self.next_frame(frame.KEYFRAME, time, frame.put_reading(content) + seal)
        self._keyframe = content
        self._keyframe_sequence = self.sequence
        self._since_keyframe = 1
        return made

    def answered(self, boot: int, sequence: int, result: str) -> bool:
        """Takes the gateway's result for one frame; True if the node's clock is ahead."""
        for i in range(len(self._in_flight)):
            if boot == self.boot and self._in_flight[i][1] == sequence:
                return self._settle(i, result)
        return False

    def _settle(self, i: int, result: str) -> bool:
        sequence, entry = self._in_flight[i][1], self._in_flight[i][2]
        if result == "busy":
            return False
        self._in_flight.pop(i)
        if result == "accepted" or result == "duplicate":
            self._booked = max(self._booked, entry[3])
            if entry[0] == _READING and entry[2][frame.STATUS] & frame.STATUS_SPOOL_OVERFLOWED:
                self.overflowed = 0  # the gateway knows
        elif self._keyframe_sequence == sequence:
            self._keyframe = ()  # deltas would have nothing to count from
        if result == "missing_keyframe" and entry[0] == _READING:
            self._keyframe = ()
            at = 0
            while at < len(self._readings) and self._readings[at][3] < entry[3]:
                at += 1
            self._readings.insert(at, entry)
        elif result == "future_time":
            if entry[0] != _READING:  # a reading is measured again
                self._urgent.insert(0, (entry[0], 0, entry[2], 0))
            return True
        return False

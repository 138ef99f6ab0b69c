"""Store and forward: order, repetition, keyframes, and what a bad link cannot do to energy."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from devices.esp32 import frame
from devices.esp32.outbox import Outbox

KEY = bytes(32)
Values = tuple[int, ...]


def values(wh: int, status: int = 1) -> Values:
    return (0, wh, 0, wh, 0, 0, 2300 + wh % 7, 1000 + wh, 230, 970, 250, 0xFFFF, 1, status)


def outbox(capacity: int = 100) -> Outbox:
    return Outbox(4, KEY, 3, capacity)


def opened(raw: bytes) -> tuple[int, int, Any]:
    kind, node_id, boot, sequence, _time, fields = frame.decode(raw, False)
    assert (node_id, boot) == (4, 3)
    frame.check_tag(raw, KEY)
    return kind, sequence, fields


def accept_all(box: Outbox) -> list[tuple[int, int, Any]]:
    taken = []
    while batch := box.batch(16):
        for raw in batch:
            taken.append(opened(raw))
            box.answered(3, taken[-1][1], "accepted")
    return taken


def test_the_first_reading_and_every_sixteenth_is_a_keyframe() -> None:
    box = outbox()
    for n in range(40):
        box.put_reading(n, values(n))
    kinds = [kind for kind, _, _ in accept_all(box)]
    assert [i for i, kind in enumerate(kinds) if kind == frame.KEYFRAME] == [0, 16, 32]


def test_deltas_count_from_the_keyframe_across_other_frames() -> None:
    box = outbox()
    box.put_reading(0, values(10))
    box.put_reading(1, values(11))
    first = accept_all(box)
    box.put(frame.EVENT, 2, frame.put_event(1, 0, 5))
    box.put_reading(2, values(12))
    rest = accept_all(box)
    assert [kind for kind, _, _ in rest] == [frame.EVENT, frame.DELTA]
    assert rest[1][2][0] == rest[1][1] - first[0][1]
    assert frame.apply_delta(rest[1][2], first[0][2]) == values(12)


def test_unanswered_frames_are_repeated_as_the_same_bytes_before_new_ones() -> None:
    box = outbox()
    box.put_reading(0, values(1))
    box.put_reading(1, values(2))
    first = box.batch(16)
    box.put(frame.ACK, 2, frame.put_ack(1, 0, 1, 0, 5))
    assert box.batch(16)[:2] == first
    assert [opened(raw)[1] for raw in box.batch(16)] == [1, 2, 3]
    box.answered(3, 1, "accepted")
    assert box.batch(16)[0] == first[1]
    assert box.in_flight == 2


def test_urgent_messages_overtake_and_do_not_starve_readings() -> None:
    box = outbox()
    for n in range(20):
        box.put_reading(n, values(n))
    for n in range(20):
        box.put(frame.EVENT, n, frame.put_event(1, 0, n))
    kinds = [opened(raw)[0] for raw in box.batch(16)]
    assert kinds[:12] == [frame.EVENT] * 12
    assert kinds[12:] == [frame.KEYFRAME] + [frame.DELTA] * 3
    sequences = [sequence for _, sequence, _ in accept_all(box)]
    assert sequences == sorted(sequences)


def test_a_single_frame_at_a_time_takes_the_urgent_one_first() -> None:
    box = outbox()
    box.put_reading(0, values(0))
    box.put(frame.EVENT, 0, frame.put_event(1, 0, 1))
    assert opened(box.batch(1)[0])[0] == frame.EVENT


def test_a_full_spool_gives_up_the_oldest_and_says_so() -> None:
    box = outbox(capacity=5)
    for n in range(9):
        box.put_reading(n, values(n, status=1 | 16 * box.overflowed))
    assert (box.dropped, box.overflowed) == (4, 1)
    taken = accept_all(box)
    assert len(taken) == 5
    assert box.overflowed == 0  # told in the last readings' status


def test_busy_keeps_and_refusal_drops() -> None:
    box = outbox()
    box.put_reading(0, values(1))
    first = box.batch(16)
    box.answered(3, 1, "busy")
    assert box.batch(16) == first
    for n, result in enumerate(frame.RESULT_NAMES):
        if result in ("busy", "missing_keyframe", "future_time"):
            continue
        box = outbox()
        box.put_reading(n, values(n))
        box.batch(1)
        box.answered(3, 1, result)
        assert len(box) == 0, result


def test_a_missing_keyframe_is_followed_by_one_and_nothing_is_lost() -> None:
    box = outbox()
    for n in range(4):
        box.put_reading(n, values(n))
    sent = [opened(raw) for raw in box.batch(16)]
    box.put_reading(4, values(4))
    for _kind, sequence, _ in sent:
        box.answered(3, sequence, "accepted" if sequence == 1 else "missing_keyframe")
    again = accept_all(box)
    assert [kind for kind, _, _ in again] == [frame.KEYFRAME] + [frame.DELTA] * 3
    assert [sequence for _, sequence, _ in again] == [5, 6, 7, 8]
    assert again[0][2] == values(1)
    assert frame.apply_delta(again[3][2], again[0][2]) == values(4)


def test_a_reading_from_the_future_is_measured_again_and_an_ack_is_kept() -> None:
    box = outbox()
    box.put_reading(99, values(1))
    box.put(frame.ACK, 99, frame.put_ack(1, 0, 1, 0, 5))
    for raw in box.batch(16):
        assert box.answered(3, opened(raw)[1], "future_time")
    (raw,) = box.batch(16)
    assert frame.decode(raw, False)[0] == frame.ACK
    assert frame.decode(raw, False)[4] == 0


def test_answers_to_other_boots_and_unknown_frames_change_nothing() -> None:
    box = outbox()
    box.put_reading(0, values(1))
    box.batch(16)
    box.answered(2, 1, "accepted")
    box.answered(3, 9, "accepted")
    assert len(box) == 1


class ModelGateway:
    """Accepts in order, keeps the keyframe, books registers."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.newest = 0
        self.raw: set[bytes] = set()
        self.keyframe: tuple[int, Values] | None = None
        self.booked: Values = (0,) * 14

    def take(self, raw: bytes) -> str:
        kind, sequence, fields = opened(raw)
        if raw in self.raw:
            return "duplicate"
        if sequence <= self.newest:
            return "reordered"
        if self.rng.random() < 0.05:
            return "busy"
        if kind == frame.DELTA:
            if self.keyframe is None or self.keyframe[0] != sequence - fields[0]:
                return "missing_keyframe"
            fields = frame.apply_delta(fields, self.keyframe[1])
        else:
            self.keyframe = sequence, fields
        assert all(new >= old for new, old in zip(fields[:6], self.booked, strict=False))
        self.newest, self.booked = sequence, fields
        self.raw.add(raw)
        return "accepted"

    def restart_without_keyframe(self) -> None:
        self.keyframe = None


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 40), st.integers(0, 60))
def test_loss_repetition_and_disorder_never_cost_energy(
    seed: int, readings: int, capacity: int, loss_percent: int
) -> None:
    rng = random.Random(seed)
    box, gateway, wh = outbox(capacity), ModelGateway(rng), 0
    old: list[bytes] = []
    for n in range(readings):
        wh += rng.randrange(50)
        box.put_reading(n, values(wh))
        for _ in range(rng.randrange(3)):
            frames = box.batch(rng.choice([1, 4, 16]))
            if rng.randrange(100) < loss_percent:
                continue
            order = rng.sample(frames, len(frames)) if rng.random() < 0.2 else frames
            results = [(opened(raw)[1], gateway.take(raw)) for raw in order]
            for raw in old[-3:]:
                assert gateway.take(raw) in ("duplicate", "reordered")
            old += [raw for raw in order if raw in gateway.raw]
            if rng.randrange(100) >= loss_percent:
                for sequence, result in results:
                    box.answered(3, sequence, result)
            if rng.random() < 0.05:
                gateway.restart_without_keyframe()
    wh += 1
    box.put_reading(readings, values(wh))  # whatever happened, a last reading that arrives
    for _ in range(200):
        for raw in box.batch(16):
            box.answered(3, opened(raw)[1], gateway.take(raw))
        if not len(box):
            break
    assert gateway.booked == values(wh)


def test_a_message_of_the_mesh_is_no_reading() -> None:
    outbox = Outbox(4, KEY, 1, 8)
    outbox.put(frame.MESH, 7, frame.put_mesh(2, b"neighbours"))
    (data,) = outbox.batch(4)
    assert frame.decode(data, False)[0] == frame.MESH
    assert frame.decode(data, False)[5] == (2, b"neighbours")

"""Frames through the whole ingest, into a real store."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_kit import METERS, Clock, booked, provision, send, write_keys
from meters import SINCE, Meter, key_of

from backend import signals
from backend.ingest.fragments import split
from backend.ingest.frame import encode
from backend.ingest.frame_values import (
    Ack,
    AckResult,
    Event,
    EventKind,
    Hello,
    Poll,
    ResetCause,
    Result,
)
from backend.ingest.frame_values import Hardware as Made
from backend.ingest.keyring import Keyring
from backend.ingest.pipeline import Outcome, Pipeline
from backend.ingest.verify import Limits
from backend.telemetry import commands, nodes, quarantine, readings
from backend.telemetry.node_tables import frame_counts, node_events, relay_acks
from backend.telemetry.store import Store, open_store
from backend.telemetry.tables import metadata

# ---- what is in the store ----------------------------------------------------------------------

_MAY_CHANGE = {"frame_counts", "quarantine"}


def contents(store: Store) -> dict[str, list[Any]]:
    """Everything stored, but for what a refused frame may change."""
    with store.read() as connection:
        return {
            name: [tuple(row) for row in connection.execute(sa.select(table))]
            for name, table in metadata.tables.items()
            if name not in _MAY_CHANGE
        }


def counts(pipeline: Pipeline, store: Store) -> dict[str, int]:
    pipeline.stop()  # what is refused is counted within a second, or at the end
    pipeline.start()
    with store.read() as connection:
        return readings.frame_totals(connection)


# ---- the good way ------------------------------------------------------------------------------


def test_what_is_accepted_is_stored_with_its_evidence(
    pipeline: Pipeline, meter: Meter, store: Store, clock: Clock
) -> None:
    told: list[Any] = []

    def receive(_sender: object, **values: Any) -> None:
        told.extend(values["readings"])

    signals.readings_stored.connect(receive)
    meter.count(25)
    meter.relays, meter.power_w = 3, 1500
    delta = meter.delta_at(SINCE + 60)
    assert send(pipeline, delta) == [Result.ACCEPTED]
    with store.read() as connection:
        stored = readings.latest_of(connection, 4)
    assert stored is not None
    assert stored.registers == (0, 0, 0, 25, 0, 0)
    assert (stored.relays, stored.power_w, stored.measured_at) == (3, 1500, SINCE + 60)
    assert stored.frame == delta
    assert stored.keyframe is not None
    assert told == [stored]
    assert counts(pipeline, store) == {"accepted": 2}


def test_a_batch_is_answered_in_order(pipeline: Pipeline, meter: Meter, store: Store) -> None:
    good, junk, delta = meter.keyframe_at(SINCE + 1), b"junk", meter.delta_at(SINCE + 2)
    results = send(pipeline, good, junk, delta, good, delta)
    assert results == [
        Result.ACCEPTED,
        Result.TRUNCATED,
        Result.ACCEPTED,
        Result.DUPLICATE,
        Result.DUPLICATE,
    ]
    assert counts(pipeline, store) == {"accepted": 3, "duplicate": 2, "truncated": 1}


def test_an_older_booked_frame_is_a_duplicate_an_older_lost_one_reordered(
    pipeline: Pipeline, meter: Meter
) -> None:
    first, lost, last = (meter.keyframe_at(SINCE + i) for i in range(3))
    assert send(pipeline, first, last) == [Result.ACCEPTED] * 2
    assert send(pipeline, first, lost, last) == [
        Result.DUPLICATE,
        Result.REORDERED,
        Result.DUPLICATE,
    ]


def test_what_was_accepted_stays_known_across_a_restart(
    pipeline: Pipeline, meter: Meter, store: Store, keyring: Keyring, clock: Clock
) -> None:
    again = meter.keyframe_at(SINCE + 1)
    assert send(pipeline, again) == [Result.ACCEPTED]
    pipeline.stop()
    other = Pipeline(store, keyring, Limits(since=SINCE), clock)
    other.start()
    assert send(other, again, meter.delta_at(SINCE + 2)) == [Result.DUPLICATE, Result.ACCEPTED]
    other.stop()


# ---- the bad ways ------------------------------------------------------------------------------

Make = Callable[[Meter], bytes]


def _flip(raw: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8) if i == bit // 8 else byte for i, byte in enumerate(raw))


def _older(meter: Meter) -> bytes:
    meter.sequence = 0
    return meter.keyframe_at(SINCE + 30)


def _absurd(meter: Meter) -> bytes:
    meter.registers[3] = (1 << 40) - 1
    return meter.keyframe_at(SINCE + 30)


def _backward(meter: Meter) -> bytes:
    meter.registers[3] = 3
    return meter.keyframe_at(SINCE + 30)


def _foreign_key(meter: Meter) -> bytes:
    return encode(4, 1, 50, SINCE + 30, meter.reading(), key_of(7))


def _of(node_id: int) -> Make:
    return lambda meter: encode(node_id, 1, 50, SINCE, meter.reading(), key_of(node_id))


def _no_keyframe(meter: Meter) -> bytes:
    meter.restart()
    meter.keyframe_at(SINCE)
    return meter.delta_at(SINCE + 30)


_NEW: Make = lambda meter: meter.keyframe_at(SINCE + 30)  # noqa: E731
BAD: dict[str, tuple[Make, Result]] = {
    "empty": (lambda _: b"", Result.TRUNCATED),
    "truncated": (lambda m: _NEW(m)[:40], Result.TRUNCATED),
    "cut in the tag": (lambda m: _NEW(m)[:-1], Result.TRUNCATED),
    "oversized": (lambda m: _NEW(m) + bytes(200), Result.OVERSIZED),
    "longer than its type": (lambda m: _NEW(m) + b"\0", Result.MALFORMED),
    "other magic": (lambda m: _flip(_NEW(m), 0), Result.BAD_MAGIC),
    "other version": (lambda m: _flip(_NEW(m), 13), Result.BAD_VERSION),
    "downlink type": (lambda m: _flip(_NEW(m), 11), Result.BAD_TYPE),
    "a bit of a register flipped": (lambda m: _flip(_NEW(m), 18 * 8), Result.BAD_TAG),
    "a bit of the tag flipped": (lambda m: _flip(_NEW(m), 70 * 8), Result.BAD_TAG),
    "a bit of the node flipped": (lambda m: _flip(_NEW(m), 5 * 8), Result.BAD_TAG),
    "foreign key": (_foreign_key, Result.BAD_TAG),
    "unknown node": (_of(1000), Result.UNKNOWN_NODE),
    "a key but not provisioned": (_of(99), Result.UNKNOWN_NODE),
    "replayed": (lambda m: m.keyframe_at(SINCE), Result.DUPLICATE),
    "reordered": (_older, Result.REORDERED),
    "future": (lambda m: m.keyframe_at(SINCE + 1000), Result.FUTURE_TIME),
    "absurd": (_absurd, Result.QUARANTINED_STEP),
    "backward": (_backward, Result.QUARANTINED_BACKWARD),
    "delta without keyframe": (_no_keyframe, Result.MISSING_KEYFRAME),
}


@pytest.mark.parametrize("name", BAD)
def test_each_bad_frame_has_its_own_answer_is_counted_and_changes_nothing(
    name: str, pipeline: Pipeline, store: Store, clock: Clock
) -> None:
    make, result = BAD[name]
    meter = Meter(4)
    meter.count(5)
    start = meter.keyframe_at(SINCE)
    assert send(pipeline, start) == [Result.ACCEPTED]
    clock.now += 60
    bad = start if name == "replayed" else make(meter)
    before, before_counts = contents(store), counts(pipeline, store)
    told: list[Any] = []

    def receive(_sender: object, **values: Any) -> None:
        told.append(values["result"])

    signals.frames_refused.connect(receive)
    (outcome,) = pipeline.submit([bad])
    assert outcome.result is result
    assert outcome.verified == (result in _SPOKEN_TO)
    after = contents(store)
    if result is Result.QUARANTINED_STEP:  # the step is remembered, so that waiting does not help
        _forget_suspects(before, after)
    assert after == before
    expected = before_counts | {result.value: before_counts.get(result.value, 0) + 1}
    assert counts(pipeline, store) == expected
    assert told == ([] if result is Result.DUPLICATE else [result.value])


_SPOKEN_TO = {
    Result.DUPLICATE,
    Result.REORDERED,
    Result.FUTURE_TIME,
    Result.QUARANTINED_STEP,
    Result.QUARANTINED_BACKWARD,
    Result.MISSING_KEYFRAME,
}


def _forget_suspects(*states: dict[str, list[Any]]) -> None:
    column = list(metadata.tables["node_state"].columns.keys()).index("suspect")
    for state in states:
        state["node_state"] = [
            (*row[:column], None, *row[column + 1 :]) for row in state["node_state"]
        ]


def test_after_any_bad_frame_the_next_good_one_is_booked(
    pipeline: Pipeline, store: Store, clock: Clock
) -> None:
    meter = Meter(4)
    for i, (make, _) in enumerate(BAD.values()):
        meter.restart()
        assert send(pipeline, meter.keyframe_at(SINCE)) == [Result.ACCEPTED]
        clock.now = SINCE + 60 * (i + 1)
        honest = list(meter.registers)
        pipeline.submit([make(meter)])
        meter.registers, meter.sequence = honest, 100
        meter.count(2)
        assert send(pipeline, meter.keyframe_at(SINCE + 60 * (i + 1))) == [Result.ACCEPTED]
        assert booked(store, 4) == meter.registers


def test_a_quarantined_frame_is_kept_once(
    pipeline: Pipeline, meter: Meter, store: Store, clock: Clock
) -> None:
    meter.count(100_000)
    leap = meter.keyframe_at(SINCE + 60)
    assert send(pipeline, leap, leap, leap) == [Result.QUARANTINED_STEP] * 3
    assert send(pipeline, leap) == [Result.QUARANTINED_STEP]
    with store.read() as connection:
        (kept,) = quarantine.waiting(connection, 10)
    assert kept.frame == leap
    assert "imported_wh went from 0 to 100000" in kept.detail
    clock.now += 1_000_000
    assert send(pipeline, meter.keyframe_at(int(clock.now))) == [Result.QUARANTINED_STEP]


def test_a_revoked_node_is_refused_from_the_next_frame_on(
    pipeline: Pipeline, meter: Meter, store: Store
) -> None:
    with store.write() as connection:
        assert nodes.revoke(connection, 4, SINCE)
    assert send(pipeline, meter.keyframe_at(SINCE + 60)) == [Result.REVOKED_NODE]
    with store.write() as connection:
        nodes.revoke(connection, 4, None)
    assert send(pipeline, meter.keyframe_at(SINCE + 60)) == [Result.ACCEPTED]


def test_a_forgery_in_the_name_of_a_revoked_node_is_told_so(
    pipeline: Pipeline, store: Store
) -> None:
    with store.write() as connection:
        nodes.revoke(connection, 4, SINCE)
    assert send(pipeline, encode(4, 1, 1, SINCE, Meter(4).reading(), bytes(32))) == [
        Result.REVOKED_NODE
    ]


def test_a_sender_nobody_knows_fills_no_table(pipeline: Pipeline, store: Store) -> None:
    reading = Meter(4).reading()
    forged = [encode(node, 1, 1, SINCE, reading, bytes(32)) for node in range(100, 400)]
    pipeline.submit(forged)
    assert counts(pipeline, store) == {"unknown_node": 300}
    with store.read() as connection:
        senders = set(connection.execute(sa.select(frame_counts.c.node_id)).scalars())
    assert senders == {0}


# ---- frames that are no readings ---------------------------------------------------------------


def test_an_acknowledgement_answers_its_command_in_the_same_transaction(
    pipeline: Pipeline, store: Store
) -> None:
    told: list[Any] = []

    def receive(_sender: object, **values: Any) -> None:
        told.append((values["command_id"], values["closed"]))

    signals.command_acknowledged.connect(receive)
    identifier = commands.command_id(3, 7)
    with store.write() as connection:
        commands.issue(
            connection,
            {
                "command_id": identifier, "switch_id": 3, "board": 5, "pin": 2, "closed": False,
                "cutoff_wh": 0, "reason": "shed", "block": 1, "issued_ms": 0,
            },
        )  # fmt: skip
    board = Meter(5)
    ack = board.frame(Ack(identifier, 2, False, AckResult.APPLIED, 120), SINCE)
    assert send(pipeline, ack, ack) == [Result.ACCEPTED, Result.DUPLICATE]
    with store.read() as connection:
        command = commands.get(connection, identifier)
        assert connection.execute(sa.select(sa.func.count()).select_from(relay_acks)).scalar() == 1
    assert command is not None
    assert (command.ack_closed, command.ack_result, command.ack_imported_wh) == (False, 0, 120)
    assert told == [(identifier, False)]


def test_a_node_introduces_itself_and_reports_events(pipeline: Pipeline, store: Store) -> None:
    board = Meter(5)
    hello = Hello(Made.ESP32, (1, 2, 3), 0b10, ResetCause.WATCHDOG, 12, 3)
    event = Event(EventKind.OVER_CURRENT, 1, 31_000)
    results = send(pipeline, board.frame(hello, 0), board.frame(event, SINCE))
    assert results == [Result.ACCEPTED] * 2
    with store.read() as connection:
        status = nodes.statuses(connection)[5]
        stored = connection.execute(node_events.select()).one()
    assert status.firmware == "1.2.3"
    assert status.hello is not None
    assert status.hello["reset_cause"] == "watchdog"
    assert status.last_seen_ms == SINCE * 1000
    assert (stored.kind, stored.pin, stored.value) == (1, 1, 31_000)


def test_a_message_in_pieces_takes_effect_when_whole_even_across_a_restart(
    pipeline: Pipeline, store: Store, keyring: Keyring, clock: Clock
) -> None:
    board = Meter(5)
    pieces = split(Hello(Made.UNO, (9, 9, 9), 2, ResetCause.SOFTWARE, 1, 0), 1, piece_bytes=5)
    frames = [board.frame(piece, SINCE) for piece in pieces]
    assert send(pipeline, *frames[:2]) == [Result.ACCEPTED] * 2
    pipeline.stop()
    other = Pipeline(store, keyring, Limits(since=SINCE), clock)
    other.start()
    assert send(other, *frames[2:]) == [Result.ACCEPTED] * (len(frames) - 2)
    other.stop()
    with store.read() as connection:
        assert nodes.statuses(connection)[5].firmware == "9.9.9"
        assert connection.execute(sa.select(metadata.tables["fragments"])).all() == []


def test_a_message_with_a_missing_piece_has_no_effect(pipeline: Pipeline, store: Store) -> None:
    board = Meter(5)
    pieces = split(Hello(Made.UNO, (9, 9, 9), 2, ResetCause.SOFTWARE, 1, 0), 1, piece_bytes=5)
    frames = [board.frame(piece, SINCE) for piece in pieces]
    send(pipeline, frames[0], *frames[2:])
    with store.read() as connection:
        assert nodes.statuses(connection)[5].firmware == ""


def test_a_reading_in_pieces_is_refused_because_its_evidence_is_one_frame(
    pipeline: Pipeline, store: Store
) -> None:
    meter = Meter(4)
    frames = [meter.frame(piece, SINCE) for piece in split(meter.reading(), 1, piece_bytes=20)]
    assert send(pipeline, *frames)[-1] is Result.MALFORMED
    assert booked(store, 4) == [0] * 6
    with store.read() as connection:
        assert connection.execute(sa.select(metadata.tables["fragments"])).all() == []


# ---- a store that fails ------------------------------------------------------------------------


def test_while_the_store_is_out_of_reach_the_answer_is_busy_and_nothing_is_lost(
    pipeline: Pipeline, meter: Meter, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter.count(3)
    frame = meter.keyframe_at(SINCE + 60)
    real = readings.insert

    def broken(*_args: Any) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr(readings, "insert", broken)
    (outcome,) = pipeline.submit([frame])
    assert outcome.result is Result.BUSY
    assert "repeat later" in outcome.detail
    assert booked(store, 4) == [0] * 6
    monkeypatch.setattr(readings, "insert", real)
    assert send(pipeline, frame) == [Result.ACCEPTED]
    assert booked(store, 4)[3] == 3
    assert counts(pipeline, store) == {"accepted": 2, "busy": 1}


def test_a_stopped_ingest_is_busy(pipeline: Pipeline, meter: Meter) -> None:
    pipeline.stop()
    assert send(pipeline, meter.keyframe_at(SINCE + 60)) == [Result.BUSY]


def test_one_senders_trouble_is_not_the_others(
    pipeline: Pipeline, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect that one frame meets ends that submission only."""
    from backend.ingest import pipeline as module

    real = module.judge

    def judge(frame: Any, *args: Any) -> Any:
        if frame.node_id == 7:
            raise ZeroDivisionError("a defect")
        return real(frame, *args)

    monkeypatch.setattr(module, "judge", judge)
    gate = threading.Event()
    first = module._Batch.load

    def wait_for_both(self: Any, outcomes: list[Outcome]) -> None:
        gate.wait(0.2)
        first(self, outcomes)

    monkeypatch.setattr(module._Batch, "load", wait_for_both)
    with ThreadPoolExecutor(3) as pool:
        jobs = {
            node_id: pool.submit(pipeline.submit, [Meter(node_id).keyframe_at(SINCE)])
            for node_id in (1, 7, 4)
        }
        gate.set()
        assert jobs[1].result()[0].result is Result.ACCEPTED
        assert jobs[4].result()[0].result is Result.ACCEPTED
        with pytest.raises(ZeroDivisionError):
            jobs[7].result()


# ---- many at once ------------------------------------------------------------------------------


def test_many_threads_each_frame_once(pipeline: Pipeline, store: Store, clock: Clock) -> None:
    """Every frame is sent by three threads; each is accepted exactly once."""
    clock.now = SINCE + 3_600
    streams: dict[int, list[bytes]] = {}
    for node_id in METERS:
        meter = Meter(node_id)
        streams[node_id] = []
        for i in range(60):
            if METERS[node_id]:
                meter.count(1)
            make = meter.delta_at if i % 16 and meter.keyframe else meter.keyframe_at
            streams[node_id].append(make(SINCE + i))

    def play(node_id: int) -> list[Result]:
        return [send(pipeline, frame)[0] for frame in streams[node_id]]

    with ThreadPoolExecutor(18) as pool:
        answers = list(pool.map(play, [node for node in METERS for _ in range(3)]))
    total = sum(answer.count(Result.ACCEPTED) for answer in answers)
    with store.read() as connection:
        stored = connection.execute(
            sa.select(sa.func.count()).select_from(metadata.tables["readings"])
        ).scalar_one()
    assert total == stored == 60 * len(METERS)
    assert all(set(a) <= {Result.ACCEPTED, Result.DUPLICATE} for a in answers)
    for node_id, kind in METERS.items():
        assert booked(store, node_id)[3] == (60 if kind else 0)


# ---- for any stream ----------------------------------------------------------------------------

_fates = st.lists(
    st.tuples(
        st.sampled_from(["send", "lose", "twice", "late", "restart", "busy"]),
        st.integers(0, 3),  # Wh counted before
        st.integers(0, 3),  # seconds passed before
    ),
    min_size=1,
    max_size=50,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(_fates)
def test_any_stream_with_loss_repetition_disorder_and_restarts_books_what_the_meter_counted(
    tmp_path_factory: pytest.TempPathFactory, fates: list[tuple[str, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("stream")
    store = open_store(f"sqlite:///{folder / 'store.sqlite'}")
    provision(store)
    write_keys(folder / "nodes.json", list(METERS))
    clock = Clock()
    pipeline = Pipeline(store, Keyring(folder / "nodes.json"), Limits(since=SINCE), clock)
    pipeline.start()
    meter, late, resend = Meter(4), [], []

    def deliver(frame: bytes) -> Result:
        (result,) = send(pipeline, frame)
        if result is Result.MISSING_KEYFRAME:
            meter.keyframe = None  # the sender follows with a keyframe
        return result

    for fate, wh, seconds in fates:
        meter.count(wh)
        clock.now += seconds
        for frame in resend:
            deliver(frame)
        resend = []
        if fate == "restart":
            meter.restart()
        make = meter.delta_at if meter.keyframe else meter.keyframe_at
        frame = make(int(clock.now))
        if fate == "late":
            late.append(frame)
        elif fate == "busy":
            pipeline.stop()
            assert deliver(frame) is Result.BUSY
            resend = [frame]
            pipeline.start()
        elif fate != "lose":
            for _ in range(2 if fate == "twice" else 1):
                deliver(frame)
            for old in late:
                deliver(old)
    clock.now += 1
    meter.keyframe = None
    assert deliver(meter.keyframe_at(int(clock.now))) is Result.ACCEPTED
    assert booked(store, 4) == meter.registers
    for old in late:
        assert deliver(old) in (Result.REORDERED, Result.DUPLICATE)
    assert booked(store, 4) == meter.registers
    with store.read() as connection:
        rows = readings.between(connection, 4, 0, 1 << 40, 1_000)
    pipeline.stop()
    store.close()
    values = [row.registers[3] for row in rows]
    assert values == sorted(values)
    assert [row.measured_at for row in rows] == sorted(row.measured_at for row in rows)


def test_polling_is_a_frame_like_any_other(pipeline: Pipeline) -> None:
    board = Meter(5)
    poll = board.frame(Poll(0, 20), 0)
    assert send(pipeline, poll, poll) == [Result.ACCEPTED, Result.DUPLICATE]

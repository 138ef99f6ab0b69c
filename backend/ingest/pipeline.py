"""From bytes to booked readings: decoded, verified, judged, stored, and only then answered.

Who submits frames decodes and verifies them in its own thread. One writer thread takes what all
threads have verified meanwhile, judges it against the store and commits it in one transaction (one
fsync for hundreds of meters), then wakes them. Judging and storing are one transaction, so that a
process killed anywhere has booked a frame wholly or not at all, and books none twice.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa

from backend import signals
from backend.ingest.directory import Directory
from backend.ingest.effects import Effects
from backend.ingest.frame import decode, verify
from backend.ingest.frame_values import BadTag, Frame, FrameError, FrameType, Result
from backend.ingest.keyring import Keyring
from backend.ingest.seal import statement_of
from backend.ingest.verify import Booking, Limits, Verdict, judge
from backend.telemetry import nodes, quarantine, readings, statements
from backend.telemetry.node_state import NodeState
from backend.telemetry.readings import StoredReading
from backend.telemetry.store import Store

_LOG = logging.getLogger(__name__)
_BATCH_FRAMES = 2_000
"""Frames in one transaction, unless one submission has more."""
_QUEUE_FRAMES = 50_000
"""Frames waiting for the writer before more are answered `busy`."""
_LOOK_AT_WRITER_S = 5.0
_COUNTS_AFTER_S = 1.0
"""Counts of refused frames are stored that often when no reading comes."""

Line = Literal["http", "serial", "mqtt"]
"""What frames come to the gateway on."""
_READINGS = (FrameType.KEYFRAME, FrameType.DELTA)
_QUARANTINED = (Result.QUARANTINED_BACKWARD, Result.QUARANTINED_STEP)


@dataclass(slots=True)
class Outcome:
    """What became of one frame.

    Args:
        frame: decoded; None if the bytes were no frame
        verified: its tag is right, so that its node may be spoken to
        detail: in words, for a person
    """

    result: Result
    frame: Frame | None = None
    verified: bool = False
    detail: str = ""


@dataclass(slots=True)
class _Job:
    to_judge: list[Outcome]
    done: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class Pipeline:
    """Takes frames from all transports. Threads may share it; `start` before the first frame.

    `submit` costs about 10 microseconds a frame plus its share of a commit.
    """

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        limits: Limits,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._limits = limits
        self._clock = clock
        self._directory = Directory(store)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._waiting = 0
        self._line_of: dict[int, Line] = {}
        self._lock = threading.Lock()
        self._refused: Counter[tuple[int, str]] = Counter()
        self._thread: threading.Thread | None = None
        self._stopped = False

    # ---- for transports ------------------------------------------------------------------------

    def submit(self, raw_frames: Sequence[bytes], via: Line = "http") -> list[Outcome]:
        """What became of each frame, in order; returns when what is accepted is on disk.

        `via`: the line on which they came.
        """
        outcomes = [self._examine(raw) for raw in raw_frames]
        self._count_refused([outcome for outcome in outcomes if not outcome.verified])
        job = _Job([outcome for outcome in outcomes if outcome.verified])
        if job.to_judge:
            if self._enqueue(job):
                self._await(job)
            else:
                _all_busy(job, "the gateway has more frames than it can store: repeat later")
            if job.error is not None:
                raise job.error
            for outcome in job.to_judge:
                if outcome.result is Result.ACCEPTED and outcome.frame:
                    self._line_of[outcome.frame.node_id] = via
            self._count_refused([o for o in job.to_judge if o.result is Result.BUSY])
        return outcomes

    def _await(self, job: _Job) -> None:
        while not job.done.wait(_LOOK_AT_WRITER_S):
            thread = self._thread
            if thread is None or not thread.is_alive():  # a defect: nobody would ever answer
                _all_busy(job, "the gateway's writer has ended: repeat later")
                return

    def line_of(self, node_id: int) -> Line | None:
        """The line on which a node was last heard since the start; None before."""
        return self._line_of.get(node_id)

    def start(self) -> None:
        """Starts the writer."""
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="ingest-writer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stores what was submitted and ends the writer; later frames are answered `busy`."""
        with self._lock:
            self._stopped = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _examine(self, raw: bytes) -> Outcome:
        try:
            frame = decode(raw)
        except FrameError as error:
            return Outcome(error.result, detail=str(error))
        key = self._keyring.get(frame.node_id)
        if key is None:
            return Outcome(Result.UNKNOWN_NODE, frame, detail=f"node {frame.node_id}")
        try:
            verify(frame, key)
        except BadTag as error:
            if not self._made_before_rotation(frame):
                return Outcome(self._directory.refusal(frame.node_id), frame, detail=str(error))
        else:
            self._keyring.spoke(frame.node_id)
        return Outcome(Result.BUSY, frame, verified=True)  # until the writer has judged it

    def _made_before_rotation(self, frame: Frame) -> bool:
        """True if the node's key is being rotated and the frame was made with the one before."""
        previous = self._keyring.previous(frame.node_id)
        if previous is None:
            return False
        try:
            verify(frame, previous)
        except BadTag:
            return False
        return True

    def _enqueue(self, job: _Job) -> bool:
        with self._lock:
            if self._stopped or self._thread is None or self._waiting > _QUEUE_FRAMES:
                return False
            self._waiting += len(job.to_judge)
            self._jobs.put(job)
            return True

    def _count_refused(self, refused: Sequence[Outcome]) -> None:
        """Counts what never reached the store, as node 0: anybody can write an id."""
        if not refused:
            return
        with self._lock:
            self._refused.update((0, outcome.result.value) for outcome in refused)
        for outcome in refused:
            node_id = outcome.frame.node_id if outcome.frame else None
            _send(signals.frames_refused, self, node_id=node_id, result=outcome.result.value)

    # ---- the writer ----------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            jobs, more = self._next_jobs()
            if jobs:
                self._store_jobs(jobs)
            elif self._refused:
                self._store_counts()
            if not more:
                self._store_counts()
                return

    def _next_jobs(self) -> tuple[list[_Job], bool]:
        """What waits now, after waiting for the first; False with the last."""
        try:
            job = self._jobs.get(timeout=_COUNTS_AFTER_S)
        except queue.Empty:
            return [], True
        jobs: list[_Job] = []
        frames = 0
        while job is not None:
            jobs.append(job)
            frames += len(job.to_judge)
            if frames >= _BATCH_FRAMES:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _store_jobs(self, jobs: list[_Job]) -> None:
        batch = None
        try:
            batch = self._store_batch(jobs)
        except sa.exc.SQLAlchemyError as error:
            _LOG.error("readings cannot be stored, senders are told to repeat them: %s", error)
            for job in jobs:
                _all_busy(job, "the store is out of reach: repeat later")
        except Exception as error:
            if len(jobs) > 1:  # one frame of one sender must not stop the others
                for job in jobs:
                    self._store_jobs([job])
                return
            _LOG.exception("a frame could not be judged")
            jobs[0].error = error
        with self._lock:
            self._waiting -= sum(len(job.to_judge) for job in jobs)
        for job in jobs:
            job.done.set()
        if batch is not None:
            batch.announce(self)

    def _store_batch(self, jobs: list[_Job]) -> _Batch:
        with self._store.write() as connection:
            readings.keep_writers_out(connection)
            now_ms = int(self._clock() * 1000)
            batch = _Batch(connection, self._limits, now_ms)
            outcomes = [outcome for job in jobs for outcome in job.to_judge]
            batch.load(outcomes)
            for outcome in outcomes:
                batch.take(outcome)
            refused = self._take_counts()
            try:
                batch.write(refused)
            except BaseException:
                self._give_back(refused)
                raise
            return batch

    def _store_counts(self) -> None:
        refused = self._take_counts()
        if not refused:
            return
        try:
            with self._store.write() as connection:
                readings.count_frames(connection, refused)
        except sa.exc.SQLAlchemyError as error:
            self._give_back(refused)
            _LOG.warning("counts of refused frames cannot be stored yet: %s", error)

    def _take_counts(self) -> Counter[tuple[int, str]]:
        with self._lock:
            taken, self._refused = self._refused, Counter()
        return taken

    def _give_back(self, counts: Counter[tuple[int, str]]) -> None:
        with self._lock:
            self._refused.update(counts)


class _Batch:
    """The frames of one transaction."""

    def __init__(self, connection: sa.Connection, limits: Limits, now_ms: int) -> None:
        self._connection = connection
        self._limits = limits
        self._now_ms = now_ms
        self._states: dict[int, NodeState] = {}
        self._changed: dict[int, NodeState] = {}
        self._next_id = 0
        self._effects = Effects(connection, now_ms)
        self._doubtful: list[Outcome] = []
        self._outcomes: list[Outcome] = []
        self._statements: list[tuple[statements.Statement, int]] = []
        self.booked: list[StoredReading] = []

    def load(self, outcomes: Sequence[Outcome]) -> None:
        """Reads what is known of the senders."""
        node_ids = {outcome.frame.node_id for outcome in outcomes if outcome.frame}
        self._states = nodes.load_states(self._connection, node_ids)
        self._next_id = readings.next_id(self._connection)

    def take(self, outcome: Outcome) -> None:
        """Judges one frame and notes what follows."""
        self._outcomes.append(outcome)
        frame = outcome.frame
        assert frame is not None
        state = self._states.get(frame.node_id)
        if state is None:
            outcome.result, outcome.verified = Result.UNKNOWN_NODE, False
            return
        if state.revoked:
            outcome.result, outcome.verified = Result.REVOKED_NODE, False
            return
        verdict = judge(frame, state, self._limits, self._now_ms)
        if verdict.result is Result.ACCEPTED and frame.type not in _READINGS:
            verdict = self._effects.apply(frame, verdict)
        outcome.result, outcome.detail = verdict.result, verdict.detail
        self._note(frame, verdict, outcome)

    def _note(self, frame: Frame, verdict: Verdict, outcome: Outcome) -> None:
        if verdict.booking is not None and verdict.state is not None:
            verdict.state.reading_id = self._next_id
            self.booked.append(_stored(self._next_id, frame, verdict.booking, self._now_ms))
            if (statement := statement_of(frame)) is not None:
                self._statements.append((statement, self._next_id))
            self._next_id += 1
        if verdict.state is not None:
            self._states[frame.node_id] = self._changed[frame.node_id] = verdict.state
        if verdict.result is Result.REORDERED and frame.type in _READINGS:
            self._doubtful.append(outcome)

    def write(self, refused: Counter[tuple[int, str]]) -> None:
        """Puts everything into the transaction."""
        readings.insert(self._connection, self.booked)
        statements.insert(self._connection, self._statements)
        nodes.save_states(self._connection, list(self._changed.values()))
        self._effects.write()
        self._tell_repetitions()
        self._quarantine()
        counts = refused + Counter(
            (o.frame.node_id if o.verified and o.frame else 0, o.result.value)
            for o in self._outcomes
        )
        readings.count_frames(self._connection, counts)

    def _tell_repetitions(self) -> None:
        """An older frame that was booked is a duplicate, not a reordered one."""
        keys = [(o.frame.node_id, *o.frame.order) for o in self._doubtful if o.frame]
        stored = readings.frames_of(self._connection, keys) if keys else {}
        for key, outcome in zip(keys, self._doubtful, strict=True):
            if outcome.frame is not None and stored.get(key) == outcome.frame.raw:
                outcome.result = Result.DUPLICATE

    def _quarantine(self) -> None:
        found = [o for o in self._outcomes if o.result in _QUARANTINED and o.frame]
        if not found:
            return
        senders = {o.frame.node_id for o in found if o.frame}
        kept = quarantine.open_frames(self._connection, senders)
        for outcome in found:
            frame = outcome.frame
            if frame is None or frame.raw in kept:
                continue
            kept.add(frame.raw)
            quarantine.add(
                self._connection,
                frame.node_id,
                outcome.result.value,
                outcome.detail,
                frame.raw,
                self._now_ms,
            )

    def announce(self, sender: object) -> None:
        """Tells the other stages, after the commit; a receiver's error is its own."""
        if self.booked:
            _send(signals.readings_stored, sender, readings=self.booked)
        self._effects.announce(sender, _send)
        for outcome in self._outcomes:
            if outcome.result is Result.ACCEPTED and outcome.frame:
                _send(signals.node_seen, sender, node_id=outcome.frame.node_id)
            elif outcome.result is not Result.DUPLICATE and outcome.frame:
                _send(
                    signals.frames_refused,
                    sender,
                    node_id=outcome.frame.node_id,
                    result=outcome.result.value,
                )


def _all_busy(job: _Job, detail: str) -> None:
    for outcome in job.to_judge:
        outcome.result, outcome.detail = Result.BUSY, detail


def _send(signal: Any, sender: object, **values: Any) -> None:
    try:
        signal.send(sender, **values)
    except Exception:
        _LOG.exception("a receiver of %s failed", signal.name)


def _stored(reading_id: int, frame: Frame, booking: Booking, now_ms: int) -> StoredReading:
    return StoredReading._make(
        (
            reading_id,
            frame.node_id,
            frame.boot,
            frame.sequence,
            booking.measured_at,
            now_ms,
            *booking.registers,
            *booking.reading[6:],
            frame.raw,
            booking.keyframe,
        )
    )

"""The rules of docs/frame.md for authentic frames, without a store."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meters import SINCE, Meter

from backend.ingest.frame import decode
from backend.ingest.frame_values import MAX_REGISTER_WH, Delta, Poll, Result
from backend.ingest.verify import SLACK_WH, Limits, Verdict, allowed_step_wh, judge
from backend.telemetry.node_state import NodeState

LIMITS = Limits(since=SINCE)
POWER_W = 3_600  # one Wh a second


class Line:
    """A meter, and what the gateway knows of it after each frame."""

    def __init__(self, limits: Limits = LIMITS, power_w: int = POWER_W) -> None:
        self.meter = Meter(4)
        self.state = NodeState(4, power_w)
        self.limits = limits

    def send(self, raw: bytes, now: float) -> Verdict:
        verdict = judge(decode(raw), self.state, self.limits, int(now * 1000))
        if verdict.state is not None:
            self.state = verdict.state
        return verdict

    def keyframe(self, time: int, now: float | None = None) -> Verdict:
        return self.send(self.meter.keyframe_at(time), time if now is None else now)

    def delta(self, time: int, now: float | None = None) -> Verdict:
        return self.send(self.meter.delta_at(time), time if now is None else now)


@pytest.fixture
def line() -> Line:
    made = Line()
    assert made.keyframe(SINCE).result is Result.ACCEPTED
    return made


# ---- order -------------------------------------------------------------------------------------


def test_the_newest_frame_again_is_a_duplicate_and_an_older_one_reordered(line: Line) -> None:
    first = line.meter.keyframe_at(SINCE + 1)
    second = line.meter.keyframe_at(SINCE + 2)
    assert line.send(second, SINCE + 2).result is Result.ACCEPTED
    assert line.send(second, SINCE + 2) == Verdict(Result.DUPLICATE)
    assert line.send(first, SINCE + 2) == Verdict(Result.REORDERED)


def test_other_bytes_at_the_newest_order_are_no_duplicate(line: Line) -> None:
    line.meter.sequence -= 1
    assert line.send(line.meter.frame(Poll(0, 0), SINCE), SINCE).result is Result.REORDERED


def test_a_restart_orders_by_boot_first(line: Line) -> None:
    line.meter.restart()
    verdict = line.keyframe(SINCE + 1)
    assert verdict.result is Result.ACCEPTED
    assert line.state.order == (2, 1)
    line.meter.boot = 1
    line.meter.sequence = 500
    assert line.keyframe(SINCE + 2).result is Result.REORDERED


def test_frames_that_are_no_readings_only_move_the_order(line: Line) -> None:
    verdict = line.send(line.meter.frame(Poll(0, 9), SINCE + 1), SINCE + 1)
    assert verdict.result is Result.ACCEPTED
    assert verdict.booking is None
    assert line.state.order == (1, 2)
    assert line.state.measured_at == SINCE


# ---- deltas ------------------------------------------------------------------------------------


def test_a_delta_is_the_whole_reading(line: Line) -> None:
    line.meter.count(2)
    line.meter.power_w = 3600
    verdict = line.delta(SINCE + 2)
    assert verdict.result is Result.ACCEPTED
    assert verdict.booking is not None
    assert verdict.booking.reading == line.meter.reading()
    assert verdict.booking.registers[3] == 2
    assert verdict.booking.keyframe == line.state.keyframe


def test_a_lost_delta_costs_only_itself(line: Line) -> None:
    line.meter.count(1)
    line.meter.delta_at(SINCE + 1)  # lost
    line.meter.count(1)
    verdict = line.delta(SINCE + 2)
    assert verdict.booking is not None
    assert verdict.booking.registers[3] == 2


def test_a_delta_without_its_keyframe_asks_for_one_and_changes_nothing() -> None:
    line = Line()
    line.meter.keyframe_at(SINCE)  # lost
    before = line.state
    assert line.delta(SINCE + 1).result is Result.MISSING_KEYFRAME
    assert line.state is before
    assert line.keyframe(SINCE + 2).result is Result.ACCEPTED


def test_a_delta_of_another_boots_keyframe_is_not_guessed(line: Line) -> None:
    line.meter.boot = 2
    assert line.delta(SINCE + 1).result is Result.MISSING_KEYFRAME


def test_a_delta_that_leaves_its_range_is_malformed(line: Line) -> None:
    raw = line.meter.frame(Delta(1, 1 << 3, (-1,)), SINCE + 1)
    verdict = line.send(raw, SINCE + 1)
    assert verdict.result is Result.MALFORMED
    assert "imported_wh" in verdict.detail


# ---- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead_s", "result"),
    [(5, Result.ACCEPTED), (6, Result.FUTURE_TIME), (1 << 29, Result.FUTURE_TIME)],
)
def test_the_future_begins_after_five_seconds(line: Line, ahead_s: int, result: Result) -> None:
    now = SINCE + 100
    assert line.keyframe(now + ahead_s, now).result is result


def test_a_reading_from_the_future_changes_nothing(line: Line) -> None:
    before = line.state
    verdict = line.keyframe(SINCE + 100, SINCE)
    assert verdict == Verdict(Result.FUTURE_TIME, detail="100 s ahead of the gateway")
    assert line.state is before


def test_without_a_clock_a_reading_counts_when_it_arrives(line: Line) -> None:
    verdict = line.keyframe(0, SINCE + 50.9)
    assert verdict.booking is not None
    assert verdict.booking.measured_at == SINCE + 50


def test_a_clock_set_back_books_at_the_newest_readings_time(line: Line) -> None:
    line.keyframe(SINCE + 100)
    line.meter.count(5)
    verdict = line.keyframe(SINCE + 40, SINCE + 105)
    assert verdict.booking is not None
    assert verdict.booking.measured_at == SINCE + 100
    assert verdict.booking.registers[3] == 5


def test_a_clock_set_back_is_not_mistaken_for_a_leap(line: Line) -> None:
    """By the node no time passed, by the gateway 100 s: what it counted then is believable."""
    line.keyframe(SINCE + 1000)
    line.meter.count(100)
    assert line.keyframe(SINCE + 10, SINCE + 1100).result is Result.ACCEPTED


def test_a_spool_sent_at_once_is_not_mistaken_for_a_leap(line: Line) -> None:
    """By the gateway no time passed, by the node hours."""
    now = SINCE + 36_000
    for hour in range(1, 10):
        line.meter.count(3_600)
        assert line.keyframe(SINCE + 3_600 * hour, now).result is Result.ACCEPTED


# ---- belief ------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", range(6))
def test_a_register_steps_as_far_as_the_meter_can_and_no_further(lane: int) -> None:
    limit = allowed_step_wh(POWER_W, 11, 1.0)
    assert limit == 13 + SLACK_WH  # 11 s of 3600 W, a fifth more, rounded down
    for step, result in ((limit, Result.ACCEPTED), (limit + 1, Result.QUARANTINED_STEP)):
        line = Line()
        line.keyframe(SINCE)
        line.meter.count(step, lane)
        verdict = line.keyframe(SINCE + 10)
        assert verdict.result is result
        assert (verdict.booking is None) == (result is not Result.ACCEPTED)


def test_simulated_time_counts_faster() -> None:
    line = Line(Limits(time_scale=60, since=SINCE))
    line.keyframe(SINCE)
    line.meter.count(60 * 10)
    assert line.keyframe(SINCE + 10).result is Result.ACCEPTED


def test_the_first_reading_holds_no_more_than_since_the_community_began() -> None:
    line = Line()
    line.meter.count(1_000)
    assert line.keyframe(SINCE + 10).result is Result.QUARANTINED_STEP
    line = Line()
    line.meter.count(1_000)
    assert line.keyframe(SINCE + 1_000).result is Result.ACCEPTED


@pytest.mark.parametrize("lane", range(6))
def test_a_register_that_goes_back_is_kept_and_not_booked(lane: int) -> None:
    line = Line()
    line.meter.count(10, lane)
    line.keyframe(SINCE + 10)
    line.meter.registers[lane] = 9
    before = line.state
    verdict = line.keyframe(SINCE + 20)
    assert verdict.result is Result.QUARANTINED_BACKWARD
    assert "went back from 10 to 9" in verdict.detail
    assert verdict.booking is None
    assert line.state is before


def test_a_momentary_zero_books_nothing(line: Line) -> None:
    """Peers booked 53.7 MWh for such a glitch."""
    line.meter.registers[3] = 0
    for second in range(1, 60):
        line.meter.count(1)
        line.keyframe(SINCE + second)
    counted = list(line.meter.registers)
    line.meter.registers = [0] * 6
    assert line.keyframe(SINCE + 60).result is Result.QUARANTINED_BACKWARD
    line.meter.registers = counted
    verdict = line.keyframe(SINCE + 61)
    assert verdict.result is Result.ACCEPTED
    assert line.state.registers == tuple(counted)


def test_a_momentary_leap_books_nothing(line: Line) -> None:
    line.meter.registers[3] = 50_000
    assert line.keyframe(SINCE + 1).result is Result.QUARANTINED_STEP
    line.meter.registers[3] = 2
    assert line.keyframe(SINCE + 2).result is Result.ACCEPTED
    assert line.state.suspect is None


def test_a_leap_does_not_become_believable_by_waiting(line: Line) -> None:
    line.meter.registers[3] = 50_000
    assert line.keyframe(SINCE + 1).result is Result.QUARANTINED_STEP
    for hours in (1, 24, 24 * 365):
        line.meter.count(1)
        verdict = line.keyframe(SINCE + 3_600 * hours)
        assert verdict.result is Result.QUARANTINED_STEP
    assert "in quarantine" in verdict.detail
    line.meter.registers[3] = 40_000  # fell below the leap: what is left is believable by now
    assert line.keyframe(SINCE + 3_600 * 24 * 365).result is Result.ACCEPTED


def test_only_the_register_that_leapt_is_suspected(line: Line) -> None:
    line.meter.registers[0] = 50_000
    line.keyframe(SINCE + 1)
    line.meter.registers[0] = 0
    line.meter.count(30, lane=3)
    assert line.keyframe(SINCE + 30).result is Result.ACCEPTED


def test_a_board_without_a_meter_counts_nothing() -> None:
    line = Line(power_w=0)
    assert line.keyframe(SINCE).result is Result.ACCEPTED
    line.meter.count(SLACK_WH + 1)
    assert line.keyframe(SINCE + 10_000).result is Result.QUARANTINED_STEP


# ---- replaced devices --------------------------------------------------------------------------


def _rebase(line: Line, before: int, after: int) -> None:
    shift = tuple(before - after if lane == 3 else 0 for lane in range(6))
    start = tuple(before if lane == 3 else 0 for lane in range(6))
    line.state = replace(line.state, offset=shift, rebase_before=start, suspect=None)


def test_after_a_rebase_the_new_device_goes_on_where_the_old_one_ended(line: Line) -> None:
    line.meter.count(100)
    line.keyframe(SINCE + 100)
    line.meter.restart()
    line.meter.registers[3] = 7
    assert line.keyframe(SINCE + 200).result is Result.QUARANTINED_BACKWARD
    _rebase(line, before=150, after=7)
    line.meter.count(3)
    verdict = line.keyframe(SINCE + 201)
    assert verdict.result is Result.ACCEPTED
    assert line.state.registers is not None
    assert line.state.registers[3] == 153


def test_the_operators_start_value_needs_no_time_to_be_believed(line: Line) -> None:
    _rebase(line, before=5_000_000, after=0)
    assert line.keyframe(SINCE + 1).result is Result.ACCEPTED
    assert line.state.registers is not None
    assert line.state.registers[3] == 5_000_000


def test_a_second_hand_meter_starts_at_zero_by_a_rebase() -> None:
    line = Line()
    line.meter.registers[3] = 9_000_000
    assert line.keyframe(SINCE + 60).result is Result.QUARANTINED_STEP
    _rebase(line, before=0, after=9_000_000)
    assert line.keyframe(SINCE + 61).result is Result.ACCEPTED
    assert line.state.registers == (0,) * 6


@pytest.mark.parametrize(("device", "offset"), [(5, -6), (MAX_REGISTER_WH, 1)])
def test_booked_registers_stay_in_range(line: Line, device: int, offset: int) -> None:
    line.state = replace(line.state, offset=(0, 0, 0, offset, 0, 0))
    line.meter.registers[3] = device
    line.limits = replace(LIMITS, time_scale=1e9)
    verdict = line.keyframe(SINCE + 100_000)
    assert verdict.booking is None
    assert verdict.result in (Result.QUARANTINED_BACKWARD, Result.QUARANTINED_STEP)


# ---- for any history ---------------------------------------------------------------------------

_steps = st.lists(
    st.tuples(
        st.integers(0, 40),  # seconds until the next reading
        st.integers(-30, 80),  # what the register shows besides what it was
        st.integers(-20, 20),  # how wrong the node's clock is
        st.booleans(),  # a delta, where there is a keyframe
    ),
    max_size=60,
)


@given(_steps)
def test_what_is_booked_only_grows_and_never_faster_than_the_meter(
    steps: list[tuple[int, int, int, bool]],
) -> None:
    line, now = Line(), SINCE
    line.keyframe(now)
    booked = line.state
    for seconds, change, error_s, as_delta in steps:
        now += seconds
        line.meter.registers[3] = max(0, line.meter.registers[3] + change)
        send = line.delta if as_delta else line.keyframe
        verdict = send(max(1, now + error_s), now)
        if verdict.booking is None:
            assert line.state.registers == booked.registers
            assert line.state.order == booked.order
            continue
        assert booked.registers is not None
        step = verdict.booking.registers[3] - booked.registers[3]
        by_node_s = verdict.booking.measured_at - booked.measured_at
        by_gateway_s = now - booked.received_ms / 1000
        assert 0 <= step <= allowed_step_wh(POWER_W, max(by_node_s, by_gateway_s) + 1, 1.0)
        assert by_node_s >= 0
        booked = line.state

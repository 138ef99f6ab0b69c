"""Readings that are kept, those that may go, and events that are counted."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_kit import Clock
from meters import SINCE, Meter

from backend.ingest.frame_values import Result
from backend.ingest.pipeline import Pipeline
from backend.telemetry import events, readings
from backend.telemetry.chain_tables import leaves
from backend.telemetry.events import ChainEvent
from backend.telemetry.node_tables import readings as readings_table
from backend.telemetry.store import Store
from backend.telemetry.tallies import EventTally


def _ids(store: Store) -> list[int]:
    with store.read() as connection:
        return [row.id for row in connection.execute(readings_table.select())]


def test_old_readings_go_but_not_the_newest_nor_what_a_line_refers_to(
    pipeline: Pipeline, store: Store, clock: Clock
) -> None:
    meter, other = Meter(4), Meter(7)
    for i in range(6):
        clock.now = SINCE + 100 * i
        meter.count(1)
        assert pipeline.submit([meter.keyframe_at(int(clock.now))])[0].result is Result.ACCEPTED
    pipeline.submit([other.keyframe_at(SINCE)])
    assert _ids(store) == [1, 2, 3, 4, 5, 6, 7]
    with store.write() as connection:
        connection.execute(
            leaves.insert().values(
                slot=1, meter_id=4, kind=1, registers=b"", salt=b"", reading_id=2, stale=False
            )
        )
        assert readings.prune(connection, SINCE + 10_000, at_most=2) == 2
        assert readings.prune(connection, SINCE + 10_000) == 2
        assert readings.prune(connection, SINCE + 10_000) == 0
    assert _ids(store) == [2, 6, 7]
    again = meter.keyframe_at(SINCE + 500)
    assert pipeline.submit([again])[0].result is Result.ACCEPTED


def _event(block: int, index: int, name: str = "MeterSettled") -> ChainEvent:
    return ChainEvent(block, index, "0x", "0x", "MeterLedger", name, {}, 0)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "other", "far", "undo"]), st.integers(0, 40), st.booleans()
        ),
        max_size=25,
    )
)
def test_a_tally_is_what_a_full_count_would_be(
    store: Store, steps: list[tuple[str, int, bool]]
) -> None:
    tally = EventTally("MeterLedger", "MeterSettled")
    with store.write() as connection:
        events.forget_after(connection, -1)
    newest = 0
    for index, (step, size, look) in enumerate(steps):
        with store.write() as connection:
            if step == "undo":  # as deep as a reorganisation may go
                newest = max(newest - size, 0)
                events.forget_after(connection, newest)
            else:
                newest += 300 if step == "far" else size
                name = "Other" if step == "other" else "MeterSettled"
                events.store(connection, [_event(newest, index, name)])
        if look:
            with store.read() as connection:
                full = events.count(connection, "MeterLedger", "MeterSettled")
                assert tally.count(connection) == full

"""One relay: commands once, cut-off, protection, fail-safe."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices.esp32 import frame
from devices.esp32.relay import Relay

HOLD_MS = 30_000


def relay(closed: int = 1, fail_safe_closed: int = 0) -> Relay:
    return Relay(2, closed, fail_safe_closed, limit_ma=20_000, hold_ms=HOLD_MS)


def order(
    relay: Relay, command_id: int, closed: int, cutoff: int = 0, expires: int = 0,
    now_s: int = 1000, uptime_ms: int = 0, wh: int = 100,
) -> tuple[int, int, int, int, int]:  # fmt: skip
    return relay.command((command_id, relay.pin, closed, cutoff, expires), now_s, uptime_ms, wh)


def test_a_command_moves_the_contact_and_says_at_which_register() -> None:
    r = relay(closed=0)
    assert order(r, 7, 1, wh=123) == (7, 2, 1, frame.ACK_APPLIED, 123)
    assert r.closed


def test_a_repeated_command_is_acknowledged_and_not_executed() -> None:
    r = relay(closed=0)
    first = order(r, 7, 1, wh=123)
    assert order(r, 7, 1, wh=500) == first
    assert order(r, 8, 0, wh=600) == (8, 2, 0, frame.ACK_APPLIED, 600)
    assert order(r, 7, 1, wh=700) == (7, 2, 0, frame.ACK_APPLIED, 600)
    assert order(r, 3, 1, wh=700)[2] == 0
    assert not r.closed


def test_an_expired_command_counts_as_seen() -> None:
    r = relay(closed=0)
    assert order(r, 7, 1, expires=999)[2:4] == (0, frame.ACK_EXPIRED)
    assert order(r, 7, 1, expires=2000)[2:4] == (0, frame.ACK_EXPIRED)
    assert order(r, 8, 1, expires=1000)[2:4] == (1, frame.ACK_APPLIED)


def test_without_a_clock_nothing_that_can_expire_is_executed() -> None:
    r = relay(closed=0)
    assert order(r, 7, 1, expires=5000, now_s=0)[3] == frame.ACK_EXPIRED
    assert order(r, 8, 1, now_s=0)[2:4] == (1, frame.ACK_APPLIED)


def test_the_cutoff_opens_with_the_commands_id() -> None:
    r = relay(closed=0)
    order(r, 7, 1, cutoff=500)
    assert r.check(499, 0, 0) is None
    assert r.check(500, 0, 0) == (7, 2, 0, frame.ACK_CUTOFF, 500)
    assert r.check(501, 0, 0) is None
    assert order(r, 7, 1, cutoff=500)[2:4] == (0, frame.ACK_CUTOFF)  # repeated: the same answer
    assert order(r, 8, 1, cutoff=500, wh=501)[2:4] == (0, frame.ACK_CUTOFF)
    assert order(r, 9, 1, cutoff=900, wh=501)[2:4] == (1, frame.ACK_APPLIED)
    assert order(r, 10, 1, wh=901)[2:4] == (1, frame.ACK_APPLIED)
    assert r.check(10_000, 0, 0) is None


def test_an_inrush_does_not_trip_and_a_fault_does() -> None:
    r = relay()
    assert r.check(100, 40_000, 0) is None
    assert r.check(100, 5_000, 0) is None
    assert r.check(100, 40_000, 0) is None
    assert r.check(110, 40_000, 0) == (0, 2, 0, frame.ACK_REFUSED, 110)
    assert r.tripped


def test_after_a_trip_it_refuses_to_close_for_a_while() -> None:
    r = relay()
    r.check(100, 40_000, 1000)
    r.check(100, 40_000, 1000)
    assert order(r, 7, 1, uptime_ms=1000 + HOLD_MS - 1)[2:4] == (0, frame.ACK_REFUSED)
    assert order(r, 8, 1, uptime_ms=1000 + HOLD_MS)[2:4] == (1, frame.ACK_APPLIED)
    assert not r.tripped


def test_a_lost_link_brings_the_fail_safe_state_and_the_link_the_commanded_one() -> None:
    r = relay(closed=0, fail_safe_closed=1)
    order(r, 7, 0)
    assert r.link_lost(200) == (0, 2, 1, frame.ACK_FAIL_SAFE, 200)
    assert r.link_back(300) == (7, 2, 0, frame.ACK_APPLIED, 300)
    assert relay(closed=1, fail_safe_closed=1).link_lost(1) is None


def test_fail_safe_closes_neither_a_tripped_relay_nor_one_at_its_cutoff() -> None:
    r = relay(closed=0, fail_safe_closed=1)
    order(r, 7, 1, cutoff=500)
    r.check(500, 0, 0)
    assert r.link_lost(500) is None
    assert r.link_back(500) is None
    assert not r.closed
    tripped = relay(fail_safe_closed=1)
    tripped.check(1, 40_000, 0)
    tripped.check(1, 40_000, 0)
    assert tripped.link_lost(1) is None
    assert not tripped.closed


def test_a_command_during_fail_safe_wins() -> None:
    r = relay(closed=1)
    r.link_lost(10)
    assert not r.closed
    order(r, 7, 1)
    assert r.closed
    assert r.link_back(20) is None


steps = st.lists(
    st.one_of(
        st.tuples(st.just("command"), st.integers(0, 6), st.integers(0, 1), st.integers(0, 50)),
        st.tuples(st.just("check"), st.integers(0, 5), st.integers(0, 40_000)),
        st.tuples(st.just("lost")),
        st.tuples(st.just("back")),
        st.tuples(st.just("restart")),
    ),
    max_size=40,
)


@given(steps, st.integers(0, 1))
def test_every_move_is_acknowledged_and_ids_only_grow(
    history: list[tuple[str, ...]], fail_safe_closed: int
) -> None:
    r, wh, uptime_ms = relay(fail_safe_closed=fail_safe_closed), 0, 0
    told = r.closed
    for step in history:
        uptime_ms += 10_000
        last_id, ack = r.last_id, None
        match step:
            case ("command", int(command_id), int(closed), int(cutoff)):
                ack = order(r, command_id, closed, cutoff, uptime_ms=uptime_ms, wh=wh)
                assert ack[0] == command_id
                if command_id <= last_id:
                    assert r.closed == told
            case ("check", int(more), int(current_ma)):
                wh += more if r.closed else 0
                ack = r.check(wh, current_ma, uptime_ms)
            case ("lost",):
                ack = r.link_lost(wh)
            case ("back",):
                ack = r.link_back(wh)
            case _:
                restarted = relay(fail_safe_closed=fail_safe_closed)
                restarted.restore(r.state())
                r = restarted
        if ack is not None:
            told = ack[2]
        assert r.closed == told
        assert r.last_id >= last_id
        if r.closed and r.cutoff_wh:
            assert r.cutoff_wh > wh or step[0] == "check" or wh == r.cutoff_wh

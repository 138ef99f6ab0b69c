"""The firmware's core: counting, clock, events, downlink, fail-safe, restart."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.esp32 import frame
from devices.esp32.node import Node
from devices.esp32.relay import Relay

KEY = bytes([0x33]) * 32
RTC_MS = 1_790_000_000_000
CALM = (2300, 1000, 230, 970, 250, frame.NO_BATTERY)


def node(memory: dict[str, Any] | None = None, relays: int = 1) -> Node:
    made = [Relay(pin, 1, 0, 20_000, 30_000) for pin in range(relays)]
    return Node(4, KEY, memory, made, 3, (1, 2, 3), 0, fail_safe_ms=60_000, spool=50)


def sent(n: Node) -> list[tuple[int, int, Any]]:
    """Kind, time and fields of everything waiting, which counts as delivered."""
    out = []
    while batch := n.outbox.batch(16):
        for raw in batch:
            kind, _, boot, sequence, time, fields = frame.decode(raw, False)
            n.answered(boot, sequence, "accepted")
            out.append((kind, time, fields))
    return out


def down(kind: int, payload: bytes, order: tuple[int, int] = (1, 1), **wrong: Any) -> bytes:
    node_id, key = wrong.get("node_id", 4), wrong.get("key", KEY)
    return frame.encode(kind, node_id, *order, 0, payload, key)


def receive(n: Node, raw: bytes, register_wh: int = 0) -> str:
    return n.receive(raw, 0, RTC_MS, {relay.pin: register_wh for relay in n.relays})


# ---- counting ------------------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(0, 10**7), min_size=6, max_size=6), max_size=30))
def test_registers_lose_nothing_to_rounding(parts: list[list[int]]) -> None:
    n = node()
    before = [0] * 6
    for part in parts:
        n.count(part)
        registers = [n.register_wh(i) for i in range(6)]
        assert all(new >= old for new, old in zip(registers, before, strict=True))
        before = registers
    assert before == [sum(column) // 3_600_000 for column in zip(*parts, strict=True)] or not parts


def test_a_register_stops_at_its_end_and_never_wraps() -> None:
    n = node()
    n.count([0, 0, 0, (1 << 40) * 3_600_000, 0, 0])
    assert n.register_wh(frame.IMPORTED_WH) == (1 << 40) - 1
    n.sense(CALM, True, True, RTC_MS)
    n.read(RTC_MS)
    assert sent(n)[0][2][frame.IMPORTED_WH] == (1 << 40) - 1


def test_a_reading_holds_registers_instant_relays_and_status() -> None:
    n = node(relays=3)
    n.relays[1].closed = 0
    n.count([3_600_000, 7_199_999, 0, 0, 0, 0])
    n.sense(CALM, True, True, RTC_MS)
    n.read(RTC_MS)
    ((kind, time, fields),) = sent(n)
    assert (kind, time) == (frame.KEYFRAME, RTC_MS // 1000)
    assert fields == (1, 1, 0, 0, 0, 0, *CALM, 0b101, frame.STATUS_GRID_PRESENT)


def test_a_restart_goes_on_where_it_was_with_a_higher_boot() -> None:
    n = node()
    n.count([5 * 3_600_000 + 7] * 6)
    receive(n, down(frame.COMMAND, frame.put_command(9, 0, 0, 0, 0)))
    receive(n, down(frame.TIME, frame.put_time(1, 0), (2, 7)))
    again = node(json.loads(json.dumps(n.state())))
    assert again.boot == n.boot + 1 == 2
    assert again.energy_wms == n.energy_wms
    assert (again.relays[0].closed, again.relays[0].last_id) == (0, 9)
    assert again.downlink == [2, 7]
    assert again.last_command_id == 9
    again.read(RTC_MS)
    assert sent(again)[0][0] == frame.KEYFRAME


# ---- what happens locally ------------------------------------------------------------------------


def test_voltage_events_come_once_per_excursion() -> None:
    n = node()
    for voltage in (2300, 2069, 2000, 2070, 2531, 2530, 0):
        n.sense((voltage, *CALM[1:]), True, True, RTC_MS)
    assert [fields for _, _, fields in sent(n)] == [
        (frame.EVENT_UNDER_VOLTAGE, 0xFF, 2069),
        (frame.EVENT_OVER_VOLTAGE, 0xFF, 2531),
        (frame.EVENT_UNDER_VOLTAGE, 0xFF, 0),
    ]


def test_the_battery_s_voltage_has_no_mains_limits() -> None:
    n = node()
    n.sense((520, *CALM[1:]), True, False, RTC_MS)
    assert sent(n) == []


def test_losing_and_regaining_the_grid_is_told() -> None:
    n = node()
    for present in (True, False, False, True):
        n.sense(CALM, present, True, RTC_MS)
    kinds = [fields[0] for _, _, fields in sent(n)]
    assert kinds == [frame.EVENT_GRID_LOST, frame.EVENT_GRID_BACK]
    n.sense(CALM, False, True, RTC_MS)
    assert n.status() & frame.STATUS_GRID_PRESENT == 0


def test_over_current_opens_tells_and_shows() -> None:
    n = node()
    relay = n.relays[0]
    assert not n.watch_relay(relay, 10, 30_000, 0, RTC_MS)
    assert n.watch_relay(relay, 10, 30_000, 0, RTC_MS)
    assert [(kind, fields) for kind, _, fields in sent(n)] == [
        (frame.EVENT, (frame.EVENT_OVER_CURRENT, 0, 30_000)),
        (frame.ACK, (0, 0, 0, frame.ACK_REFUSED, 10)),
    ]
    assert n.status() & frame.STATUS_TRIPPED


def test_tamper_is_told_once_and_remembered() -> None:
    n = node()
    n.tamper(RTC_MS)
    n.tamper(RTC_MS)
    assert [fields for _, _, fields in sent(n)] == [(frame.EVENT_TAMPER, 0xFF, 0)]
    assert node(n.state()).status() & frame.STATUS_TAMPER


def test_hello_at_the_start_and_every_minute() -> None:
    n = node()
    for uptime_ms in range(0, 130_000, 10_000):
        n.tick(uptime_ms, RTC_MS, {0: 0})
        n.heard(uptime_ms, RTC_MS, {0: 0})
    hellos = [fields for kind, _, fields in sent(n) if kind == frame.HELLO]
    assert [fields[6] for fields in hellos] == [0, 60, 120]
    assert hellos[0][:6] == (0, 1, 2, 3, 3, 0)


# ---- downlink ------------------------------------------------------------------------------------


def test_a_command_is_executed_acknowledged_and_repeated() -> None:
    n = node()
    raw = down(frame.COMMAND, frame.put_command(9, 0, 0, 0, 0))
    assert receive(n, raw, 55) == "command"
    assert receive(n, raw, 60) == "command"
    assert [fields for _, _, fields in sent(n)] == [(9, 0, 0, frame.ACK_APPLIED, 55)] * 2


def test_commands_of_two_relays_may_overtake_each_other() -> None:
    n = node(relays=2)
    second = down(frame.COMMAND, frame.put_command(9, 1, 0, 0, 0), (1, 2))
    first = down(frame.COMMAND, frame.put_command(5, 0, 0, 0, 0), (1, 1))
    assert [receive(n, second), receive(n, first)] == ["command", "command"]
    assert [relay.closed for relay in n.relays] == [0, 0]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (down(frame.COMMAND, frame.put_command(9, 0, 0, 0, 0), key=bytes(32)), "bad_tag"),
        (down(frame.COMMAND, frame.put_command(9, 0, 0, 0, 0), node_id=5), "unknown_node"),
        (down(frame.COMMAND, frame.put_command(9, 5, 0, 0, 0)), "no_such_pin"),
        (frame.encode(frame.POLL, 4, 1, 1, 0, frame.put_poll(0, 0), KEY), "bad_type"),
        (b"", "truncated"),
        (bytes(251), "oversized"),
    ],
)
def test_bad_downlink_changes_nothing(raw: bytes, reason: str) -> None:
    n = node()
    before = n.state()
    assert receive(n, raw) == reason
    assert n.state() == before
    assert n.rejected == 1
    assert sent(n) == []


def test_time_and_price_must_be_newer_than_the_last() -> None:
    n = node()
    assert receive(n, down(frame.TIME, frame.put_time(1_790_000_100, 500), (1, 5))) == "time"
    assert n.clock_offset_ms == 100_500
    assert receive(n, down(frame.TIME, frame.put_time(1, 0), (1, 5))) == "reordered"
    assert receive(n, down(frame.TIME, frame.put_time(1, 0), (1, 4))) == "reordered"
    assert n.clock_offset_ms == 100_500
    assert receive(n, down(frame.PRICE, frame.put_price(6, 3, 9), (1, 6))) == "price"
    assert n.price == (6, 3, 9)
    assert receive(n, down(frame.PRICE, frame.put_price(7, 3, 9), (2, 1))) == "price"


def test_a_clock_ahead_is_distrusted_until_it_is_set() -> None:
    n = node()
    n.sense(CALM, True, True, RTC_MS)
    n.read(RTC_MS)
    (raw,) = n.outbox.batch(16)
    n.answered(n.boot, frame.decode(raw, False)[3], "future_time")
    n.read(RTC_MS)
    _, time, fields = sent(n)[0]
    assert time == 0
    assert fields[frame.STATUS] & frame.STATUS_CLOCK_NOT_SET
    receive(n, down(frame.TIME, frame.put_time(RTC_MS // 1000 - 60, 0)))
    n.read(RTC_MS)
    assert sent(n)[-1][1] == RTC_MS // 1000 - 60


def test_results_over_a_line_settle_frames() -> None:
    n = node()
    n.read(RTC_MS)
    (raw,) = n.outbox.batch(16)
    entry = (n.boot, frame.decode(raw, False)[3], 0)
    assert receive(n, down(frame.RESULTS, frame.put_results([entry]))) == "results"
    assert len(n.outbox) == 0


def test_a_command_may_come_in_pieces() -> None:
    n = node()
    pieces = frame.split(frame.COMMAND, frame.put_command(9, 0, 0, 0, 0), 1, piece_size=8)
    what = [
        receive(n, down(frame.FRAGMENT_DOWN, piece, (1, 1 + i))) for i, piece in enumerate(pieces)
    ]
    assert what == ["fragment", "fragment", "command"]
    assert not n.relays[0].closed


# ---- fail-safe -----------------------------------------------------------------------------------


def test_silence_brings_the_fail_safe_state_and_the_gateway_ends_it() -> None:
    n = node()
    n.heard(1_000, RTC_MS, {0: 0})
    sent(n)
    assert not n.tick(60_999, RTC_MS, {0: 0})
    assert n.tick(61_000, RTC_MS, {0: 77})
    assert not n.tick(62_000, RTC_MS, {0: 77})
    assert not n.relays[0].closed
    assert n.status() & frame.STATUS_FAIL_SAFE
    assert n.heard(70_000, RTC_MS, {0: 78})
    assert n.relays[0].closed
    acks = [fields for kind, _, fields in sent(n) if kind == frame.ACK]
    assert acks == [(0, 0, 0, frame.ACK_FAIL_SAFE, 77), (0, 0, 1, frame.ACK_APPLIED, 78)]
    assert not n.status() & frame.STATUS_FAIL_SAFE


def test_only_news_shows_that_the_gateway_is_there() -> None:
    """Whoever has recorded the gateway's frames can say them again after it is gone."""
    n = node()
    n.read(RTC_MS)
    (raw,) = n.outbox.batch(16)
    entry = (n.boot, frame.decode(raw, False)[3], 0)
    recorded = [
        down(frame.RESULTS, frame.put_results([entry])),
        down(frame.COMMAND, frame.put_command(9, 0, 0, 0, 0), (1, 2)),
        down(frame.TIME, frame.put_time(1_700_000_000, 0), (1, 3)),
    ]
    for data in recorded:
        receive(n, data)
        assert n.news, frame.decode(data, False)[0]
    for data in recorded:
        receive(n, data)
        assert not n.news, frame.decode(data, False)[0]
    receive(n, down(frame.COMMAND, frame.put_command(10, 0, 0, 0, 0), (1, 4)))
    assert n.news
    receive(n, recorded[2][:-1] + b"\0")
    assert not n.news, "nor does a frame that nobody of ours has made"


def test_a_poll_names_the_last_command() -> None:
    n = node()
    receive(n, down(frame.COMMAND, frame.put_command(9, 0, 0, 0, 0)))
    assert frame.decode(n.poll(25, RTC_MS), False)[5] == (9, 25)

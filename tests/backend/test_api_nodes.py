"""What nodes say and ask over HTTP: frames in, commands and the time out."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import (
    World,
)
from hypothesis import given
from hypothesis import strategies as st
from local_chain import AUTHORITY
from meters import Meter, key_of

from backend.ingest.frame import encode
from backend.ingest.frame_values import Poll
from backend.ingest.octets import split_octets

pytest_plugins = ["api_world"]


# ---- nodes over HTTP ---------------------------------------------------------------------------


def test_frames_as_octets_and_as_hex(world: World) -> None:
    meter = world.meter(7)
    first, second = meter.keyframe_at(int(world.now())), meter.delta_at(int(world.now()))
    assert world.send(first) == ["accepted"]
    answer = world.client.post("/api/readings", json={"frames": [first.hex(), second.hex()]})
    assert answer.get_json() == {
        "results": [
            {"node": 7, "boot": 1, "sequence": 1, "result": "duplicate", "detail": None},
            {"node": 7, "boot": 1, "sequence": 2, "result": "accepted", "detail": None},
        ],
        "commands": [],
    }


def test_bytes_that_are_no_frames_are_answered_one_by_one(world: World) -> None:
    good = world.meter(4).keyframe_at(int(world.now()))
    body = b"\x03abc" + bytes([len(good)]) + good + b"\x00" + b"\x50cut"
    answer = world.client.post(
        "/api/readings", data=body, content_type="application/octet-stream"
    ).get_json()
    assert [result["result"] for result in answer["results"]] == [
        "truncated", "accepted", "truncated", "truncated",
    ]  # fmt: skip
    assert answer["results"][0]["node"] is None


@pytest.mark.parametrize(
    ("body", "kind", "status", "code", "field"),
    [
        (b"", "application/octet-stream", 400, "no_frames", "frames"),
        (b"{", "application/json", 400, "malformed_json", None),
        (b"[]", "application/json", 400, "missing_field", "frames"),
        (b'{"frames": "00"}', "application/json", 400, "missing_field", "frames"),
        (b'{"frames": []}', "application/json", 400, "no_frames", "frames"),
        (b'{"frames": ["00", "xy"]}', "application/json", 400, "invalid_field", "frames.1"),
        (b'{"frames": [7]}', "application/json", 400, "invalid_field", "frames.0"),
        (b'{"frames": ["00"], "x": 1}', "application/json", 400, "unknown_field", "x"),
        (b"\xff\xfe", "application/json", 400, "malformed_json", None),
        (b"00", "text/plain", 415, "unsupported_media_type", None),
        (b"00", "", 415, "unsupported_media_type", None),
        (b"\0" * 5_001, "application/octet-stream", 413, "too_many_frames", "frames"),
        (b"\0" * (1 << 20 | 1), "application/octet-stream", 413, "too_large", None),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_body_that_holds_no_frames_is_refused_and_changes_nothing(
    quiet_world: World, body: bytes, kind: str, status: int, code: str, field: str | None
) -> None:
    answer = quiet_world.client.post("/api/readings", data=body, content_type=kind)
    error = answer.get_json()["error"]
    assert (answer.status_code, error["code"], error.get("field")) == (status, code, field)
    assert quiet_world.get("/api/summary")["counts"]["readings"] == 0


@given(st.lists(st.binary(max_size=250), max_size=20))
def test_frames_come_out_of_octets_as_they_went_in(frames: list[bytes]) -> None:
    body = b"".join(bytes([len(frame)]) + frame for frame in frames)
    assert split_octets(body) == frames


def test_a_node_without_a_clock_is_told_the_time(world: World) -> None:
    body = world.meter(7).frame(world.meter(7).reading(), 0)
    answer = world.client.post("/api/readings", json={"frames": [body.hex()]}).get_json()
    assert answer["results"][0]["result"] == "accepted"
    (told,) = answer["commands"]
    assert bytes.fromhex(told)[1] & 0xF == 9


def test_a_board_is_handed_its_commands_until_it_answers(world: World) -> None:
    board = world.meter(5)
    answer = world.poll(5, board.frame(Poll(0, 0), int(world.now())))
    assert answer.status_code == 200
    frames = answer.get_json()["frames"]
    assert len(frames) == 4  # each relay's first command
    again = world.poll(5, board.frame(Poll(0, 0), int(world.now())))
    assert len(again.get_json()["frames"]) == 4
    for switch in (1, 2, 3, 4):
        world.acknowledge(switch, closed=True)
    assert world.poll(5, board.frame(Poll(0, 0), int(world.now()))).status_code == 204


def test_a_waiting_board_hears_of_a_command_at_once(world: World) -> None:
    import threading
    import time

    board = world.meter(5)
    for switch in (1, 2, 3, 4):
        world.acknowledge(switch, closed=True)
    answers: list[Any] = []

    def wait() -> None:
        frame = board.frame(Poll(0, 30), int(world.now()))
        client = world.app.test_client()
        answers.append(
            client.post(
                "/api/nodes/5/commands", data=frame, content_type="application/octet-stream"
            )
        )

    thread = threading.Thread(target=wait)
    thread.start()
    downlink = world.services.downlink
    while 5 not in downlink._waiting:  # until it waits
        time.sleep(0.005)
    until = world.anvil.now() + 600
    began = time.monotonic()
    world.transact(AUTHORITY, "PriorityRegistry", "setOverride", 4, 1, until)
    thread.join(60)
    assert time.monotonic() - began < 20  # it would have waited half a minute
    assert len(answers[0].get_json()["frames"]) == 1
    assert downlink._waiting == {}


def test_waiting_for_nothing_ends_with_204(world: World) -> None:
    frame = world.meter(4).frame(Poll(0, 1), int(world.now()))
    world.send(world.meter(5).frame(Poll(0, 0), 0))
    with world.store.write() as connection:
        connection.exec_driver_sql("DELETE FROM commands")
    assert world.poll(4, frame).status_code == 204


def test_a_poll_that_is_refused_says_why(world: World) -> None:
    now = int(world.now())
    poll = world.meter(5).frame(Poll(0, 0), now)
    world.poll(5, poll)
    cases = [
        (world.poll(5, poll), 409, "duplicate"),
        (world.poll(4, world.meter(5).frame(Poll(0, 0), now)), 400, "wrong_node"),
        (world.poll(4, world.meter(4).keyframe_at(now)), 400, "not_a_poll"),
        (world.poll(5, encode(5, 1, 99, now, Poll(0, 0), bytes(32))), 401, "bad_tag"),
        (world.poll(77, encode(77, 1, 1, now, Poll(0, 0), key_of(77))), 404, "unknown_node"),
        (world.poll(5, b"x"), 400, "truncated"),
        (world.poll(5, bytes(251)), 413, "oversized"),
    ]
    for answer, status, code in cases:
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (status, code)
    plain = world.client.post("/api/nodes/5/commands", data=poll, content_type="text/plain")
    assert plain.status_code == 415


def test_a_replayed_frame_is_told_no_commands(world: World) -> None:
    board = Meter(5)
    frame = board.keyframe_at(int(world.now()))
    first = world.client.post("/api/readings", json={"frames": [frame.hex()]}).get_json()
    assert len(first["commands"]) == 4
    again = world.client.post("/api/readings", json={"frames": [frame.hex()]}).get_json()
    assert again["results"][0]["result"] == "duplicate"
    assert again["commands"] == []

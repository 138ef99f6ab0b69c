"""The field layer on the API, from MESH frames through the gateway."""

from __future__ import annotations

import struct

import pytest
from api_world import World
from hypothesis import given
from hypothesis import strategies as st

from backend.ingest.frame import Mesh
from backend.mesh.neighbours import KIND, NO_WAY, Neighbour, Report, parse

pytest_plugins = ["api_world"]


def content(hops: int, parent: int, *neighbours: tuple[int, int, int]) -> bytes:
    head = struct.pack(">BIBHHHB", hops, parent, 0, 0xFFFF, 3, 1, len(neighbours))
    return head + b"".join(struct.pack(">IBB", *near) for near in neighbours)


def test_a_report_is_read_as_the_firmware_writes_it() -> None:
    assert parse(content(2, 5, (5, 71, 255), (9, 90, 12))) == Report(
        2, 5, "esp-now", None, 3, 1, (Neighbour(5, -71, 255), Neighbour(9, -90, 12))
    )


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    found = parse(data)
    assert found is None or len(data) == 13 + 6 * len(found.neighbours)


@pytest.mark.slow
def test_the_field_is_what_nodes_say(world: World) -> None:
    meters = {node["node_id"]: node for node in world.get("/api/field")["nodes"]}
    assert not any(node["has_radio"] for node in meters.values())
    first, second = sorted(meters)[:2]

    def say(node: int, what: bytes) -> None:
        frame = world.meter(node).frame(Mesh(KIND, what), int(world.now()))
        assert world.send(frame) == ["accepted"]

    say(first, content(1, 0x64, (second, 60, 255)))
    say(second, content(2, first, (first, 61, 128)))
    field = world.get("/api/field")
    nodes = {node["node_id"]: node for node in field["nodes"]}
    assert nodes[second]["hops"] == 2
    assert nodes[second]["route"] == [second, first, 0x64]
    assert nodes[second]["waiting"] == 3
    names = ("node_id", "neighbour_id", "rssi_dbm", "quality_pm", "parent")
    assert [tuple(link[name] for name in names) for link in field["links"]] == [
        (first, second, -60, 1000, False),
        (second, first, -61, 501, True),
    ]

    # Two that name each other make no circle, and nonsense changes nothing.
    say(first, content(3, second))
    say(second, b"nonsense")
    nodes = {node["node_id"]: node for node in world.get("/api/field")["nodes"]}
    assert nodes[second]["route"] == [second, first]
    say(second, content(NO_WAY, 0))
    nodes = {node["node_id"]: node for node in world.get("/api/field")["nodes"]}
    assert nodes[second]["hops"] is None
    assert nodes[second]["route"] == []

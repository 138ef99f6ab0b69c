"""The field layer on the API, from MESH frames through the gateway."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from api_world import World
from hypothesis import given
from hypothesis import strategies as st
from local_chain import Anvil
from test_socket import Browser

from backend.chain.deployment import Deployment
from backend.ingest.frame_values import Hardware, Hello, Mesh, ResetCause
from backend.ingest.pipeline import Line
from backend.mesh.neighbours import KIND, NO_WAY, Neighbour, Report, parse, routes, whole_routes
from backend.telemetry import routes as changes
from backend.telemetry import statements
from backend.telemetry.statements import Statement

pytest_plugins = ["api_world"]


def content(
    hops: int, parent: int, *neighbours: tuple[int, int, int], onward: tuple[int, ...] = ()
) -> bytes:
    head = struct.pack(">BIBHHHB", hops, parent, 0, 0xFFFF, 3, 1, len(neighbours))
    near = b"".join(struct.pack(">IBB", *near) for near in neighbours)
    return head + near + b"".join(struct.pack(">I", node) for node in onward)


def test_a_report_is_read_as_the_firmware_writes_it() -> None:
    assert parse(content(2, 5, (5, 71, 255), (9, 90, 12))) == Report(
        2, 5, "esp-now", None, 3, 1, (Neighbour(5, -71, 255), Neighbour(9, -90, 12))
    )
    whole = parse(content(3, 5, (5, 71, 255), onward=(4, 100)))
    assert whole is not None
    assert whole.onward == (4, 100)


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    found = parse(data)
    told = found and 13 + 6 * len(found.neighbours) + 4 * len(found.onward)
    assert found is None or len(data) == told


reports = st.dictionaries(
    st.integers(1, 9),
    st.fixed_dictionaries(
        {"hops": st.sampled_from([0, 1, 5, NO_WAY]), "parent": st.integers(0, 9)}
    ),
)


@given(reports)
def test_routes_follow_parents_and_end_whatever_nodes_say(said: dict[int, dict[str, int]]) -> None:
    found = routes(said)
    assert set(found) == set(said)
    for node, route in found.items():
        if said[node]["hops"] == NO_WAY:
            assert route == []
            continue
        assert route[0] == node
        assert len(set(route)) == len(route)
        for one, after in pairwise(route):
            assert said[one]["parent"] == after
        last = said.get(route[-1], {"parent": 0})["parent"]
        assert last == 0 or last in route
    for node, route in whole_routes(said).items():
        assert route == found[node]
        assert said[route[-1]]["hops"] == (0 if len(route) > 1 else 1)


@pytest.mark.slow
def test_the_field_is_what_nodes_say(world: World) -> None:
    meters = {node["node_id"]: node for node in world.get("/api/field")["nodes"]}
    assert not any(node["has_radio"] for node in meters.values())
    first, second = sorted(meters)[:2]

    def say(node: int, what: bytes) -> None:
        tell(world, node, what)

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


def tell(world: World, node: int, what: bytes) -> None:
    frame = world.meter(node).frame(Mesh(KIND, what), int(world.now()))
    assert world.send(frame) == ["accepted"]


def test_a_change_of_way_is_noted_for_all_whom_it_moves(world: World) -> None:
    tell(world, 1, content(0, 0))
    tell(world, 3, content(1, 1))
    tell(world, 5, content(1, 1))
    tell(world, 4, content(2, 3))
    tell(world, 7, content(3, 4))
    before = world.get("/api/field")["changes"][0]["id"]
    tell(world, 7, content(3, 4))  # the same again
    assert world.get("/api/field")["changes"][0]["id"] == before
    tell(world, 4, content(2, 5))
    told = [one for one in world.get("/api/field")["changes"] if one["id"] > before]
    assert {one["node_id"]: (one["before"], one["route"]) for one in told} == {
        4: ([4, 3, 1], [4, 5, 1]),
        7: ([7, 4, 3, 1], [7, 4, 5, 1]),
    }
    tell(world, 7, content(3, 4, onward=(3, 1)))  # its own frames go another way than node 4's
    assert world.get("/api/field")["changes"][0]["route"] == [7, 4, 3, 1]
    tell(world, 7, content(3, 4))
    tell(world, 4, content(NO_WAY, 0))
    newest = world.get("/api/field")["changes"][:2]
    assert {one["node_id"]: one["route"] for one in newest} == {4: [], 7: []}


def test_only_the_newest_changes_are_kept(quiet_world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(changes, "_KEPT", 5)
    with quiet_world.store.write() as connection:
        for at in range(20):
            changes.record(connection, 4, [4, at], [], "esp-now", at)
        kept = changes.newest(connection, 100)
    assert [one.received_ms for one in kept] == [19, 18, 17, 16, 15]


@pytest.mark.parametrize("line", ["http", "serial", "mqtt"])
def test_it_is_known_on_which_line_a_node_was_heard(world: World, line: Line) -> None:
    def node() -> Any:
        return next(n for n in world.get("/api/field")["nodes"] if n["node_id"] == 4)

    assert node()["line"] is None
    frame = world.meter(4).keyframe_at(int(world.now()))
    forged = frame[:-1] + bytes([frame[-1] ^ 1])
    world.services.pipeline.submit([forged], "mqtt" if line == "http" else "http")
    assert node()["line"] is None  # whoever writes its number is not it
    world.services.pipeline.submit([frame], line)
    assert node()["line"] == line


def test_what_a_node_says_of_itself_is_shown(world: World) -> None:
    hello = Hello(Hardware.UNO, (1, 2, 3), 1, ResetCause.WATCHDOG, 60, 2)
    assert world.send(world.meter(4).frame(hello, int(world.now()))) == ["accepted"]
    node = next(n for n in world.get("/api/field")["nodes"] if n["node_id"] == 4)
    shown = {name: node[name] for name in ("hardware", "firmware", "boot_cause", "uptime_s")}
    assert shown == {
        "hardware": "uno", "firmware": "1.2.3", "boot_cause": "watchdog", "uptime_s": 60,
    }  # fmt: skip
    assert (node["element"], node["trust_pm"]) == (None, None)


def test_a_meters_element_is_shown_with_what_it_signed_last(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = statements.Element(1, 1, 2, since=50, until=90)
    enrolled = {7: [old, statements.Element(2, 3, 4, since=90)]}
    monkeypatch.setattr(statements, "elements", lambda _connection: enrolled)

    def element() -> Any:
        return next(n for n in world.get("/api/field")["nodes"] if n["node_id"] == 7)["element"]

    bare = {"enrolment": 2, "since": 90, "until": None}
    assert element() == {**bare, "counter": None, "signed_at": None}
    with world.store.write() as connection:
        said = [
            (Statement(7, enrolment, counter, at, (0,) * 6, bytes(64)), counter)
            for enrolment, counter, at in ((1, 99, 80), (2, 5, 100), (2, 6, 115))
        ]
        statements.insert(connection, said)
    assert element() == {**bare, "counter": 6, "signed_at": 115}


# ---- live notices --------------------------------------------------------------------------------


def test_browsers_hear_what_nodes_tell(world: World) -> None:
    browser = Browser(world)
    browser.until("summary")
    tell(world, 1, content(0, 0))
    tell(world, 3, content(1, 1, (1, 70, 255)))
    news = browser.until("field", lambda body: body["links"])
    assert 3 in [node["node_id"] for node in news["nodes"]]
    assert [(link["neighbour_id"], link["rssi_dbm"]) for link in news["links"]] == [(1, -70)]
    assert [(one["node_id"], one["route"]) for one in news["changes"]] == [(3, [3, 1])]
    tell(world, 3, content(1, 1, (1, 71, 255)))
    later = browser.until(
        "field", lambda body: body["links"] and body["links"][0]["rssi_dbm"] == -71
    )
    assert later["changes"] == []
    browser.close()


# ---- the simulated air ---------------------------------------------------------------------------


class Air:
    """What a neighbourhood's control port answers."""

    def __init__(self) -> None:
        self.cuts: list[tuple[int, int]] = []
        self.jammed = False
        self.here: dict[str, Any] = {}
        air = self

        class Handler(BaseHTTPRequestHandler):
            def _say(self, status: int, document: Any) -> None:
                body = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self) -> None:
                self._say(200, air.state() if self.path == "/state" else air.field())

            def do_POST(self) -> None:
                order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if "jam" in order:
                    air.jammed = order["jam"]
                    self._say(200, {})
                    return
                if self.path == "/car":
                    air.here = order
                    self._say(200, {})
                    return
                pair = (order["a"], order["b"])
                if 9 in pair:
                    error = {"field": "a", "message": "node 9 has no radio", "code": "bad_request"}
                    self._say(400, {"error": error})
                    return
                air.cuts = [cut for cut in air.cuts if cut != pair] + [pair] * order["cut"]
                self._say(200, {})

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def state(self) -> Any:
        """As control.py tells it, as far as it is asked for."""
        charger = "CP-2" if self.here.get("here") else None
        return {
            "cars": {
                "Guest": {"token": "EV-1", "sent_for": True, "charger": charger},
                "P1's car": {"token": "EV-2", "sent_for": False, "charger": "CP-1"},
            }
        }

    def field(self) -> Any:
        places = [{"node_id": n, "x_m": n, "y_m": 0, "on": True, "starts": 1} for n in (3, 5)]
        links = [{"a": a, "b": b, "cut": True} for a, b in self.cuts]
        links.append({"a": 5, "b": 13, "cut": False})
        return {"nodes": places, "links": links, "jammed": self.jammed}


@pytest.fixture
def air() -> Iterator[Air]:
    made = Air()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def demo(chain_state: tuple[Anvil, Deployment], tmp_path: Path, air: Air) -> Iterator[World]:
    made = World(tmp_path, *chain_state, demo_control_url=air.url)
    yield made
    made.close()


def test_links_of_the_simulation_are_cut_and_restored(demo: World, air: Air) -> None:
    assert demo.get("/api/config")["demo_field"] is True
    places = [{"node_id": n, "x_m": n, "y_m": 0, "on": True} for n in (3, 5)]
    assert demo.get("/api/demo/field") == {"nodes": places, "cuts": [], "jammed": False}
    browser = Browser(demo)
    browser.until("summary")
    answer = demo.client.post("/api/demo/links", json={"a": 3, "b": 5, "cut": True})
    assert answer.get_json()["cuts"] == [{"a": 3, "b": 5}]
    assert air.cuts == [(3, 5)]
    assert browser.until("field")["nodes"] == []  # others look again
    browser.close()
    demo.client.post("/api/demo/links", json={"a": 3, "b": 5, "cut": False})
    assert air.cuts == []
    assert demo.client.post("/api/demo/jam", json={"jam": True}).get_json()["jammed"] is True
    assert air.jammed


def test_a_car_is_sent_for_and_no_other_is_moved(demo: World, air: Air) -> None:
    away = {"name": "Guest", "id_token": "EV-1", "charge_point_id": None}
    assert demo.get("/api/demo/cars") == {"cars": [away]}
    answer = demo.client.post("/api/demo/cars", json={"name": "Guest", "here": True})
    assert answer.get_json() == {"cars": [{**away, "charge_point_id": "CP-2"}]}
    assert air.here == {"name": "Guest", "here": True, "minutes": 7 * 1440}
    for body, field in (
        ({"name": "P1's car", "here": False}, "name"),
        ({"name": "Guest"}, "here"),
        ({"name": "Guest", "here": False, "soc_bp": 0}, "soc_bp"),
    ):
        answer = demo.client.post("/api/demo/cars", json=body)
        assert (answer.status_code, answer.get_json()["error"]["field"]) == (400, field)
    demo.client.post("/api/demo/cars", json={"name": "Guest", "here": False})
    assert air.here == {"name": "Guest", "here": False}


def test_what_cannot_be_cut_is_refused_by_field(demo: World, air: Air) -> None:
    for body, field in (
        ({"a": 3, "b": 9, "cut": True}, "a"),
        ({"a": 3, "b": 5}, "cut"),
        ({"a": 0, "b": 5, "cut": True}, "a"),
        ({"a": 3, "b": 5, "cut": True, "jam": 1}, "jam"),
    ):
        answer = demo.client.post("/api/demo/links", json=body)
        assert (answer.status_code, answer.get_json()["error"]["field"]) == (400, field)
    # A form of another site can be sent without being asked: it is not taken.
    order = json.dumps({"a": 3, "b": 5, "cut": True})
    form = demo.client.post("/api/demo/links", data=order, content_type="text/plain")
    assert form.status_code == 400
    assert air.cuts == []


@pytest.mark.parametrize(
    ("address", "host"),
    [("192.0.2.7", "localhost"), ("127.0.0.1", "rebound.example"), ("127.0.0.1", "192.0.2.1:5000")],
)
def test_nobody_elsewhere_disturbs_the_simulation(
    demo: World, air: Air, address: str, host: str
) -> None:
    there = {"environ_base": {"REMOTE_ADDR": address}, "headers": {"Host": host}}
    order = {"a": 3, "b": 5, "cut": True}
    for answer in (
        demo.client.get("/api/demo/field", **there),
        demo.client.post("/api/demo/links", json=order, **there),
        demo.client.get("/api/demo/cars", **there),
        demo.client.post("/api/demo/cars", json={"name": "Guest", "here": True}, **there),
    ):
        assert (answer.status_code, answer.get_json()["error"]["code"]) == (403, "not_here")
    assert (air.cuts, air.here) == ([], {})


@pytest.mark.parametrize("host", ["localhost:5000", "127.0.0.1:5000", "[::1]:5000", "localhost"])
def test_this_machine_has_several_names(demo: World, host: str) -> None:
    demo.get("/api/demo/field", {"Host": host})


def test_a_neighbourhood_that_is_away_is_said_to_be(demo: World, air: Air) -> None:
    air.server.shutdown()
    air.server.server_close()
    answer = demo.client.get("/api/demo/field")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (503, "simulation_away")


def test_without_a_simulation_there_is_nothing_to_cut(quiet_world: World) -> None:
    assert quiet_world.get("/api/config")["demo_field"] is False
    assert quiet_world.refused("/api/demo/field") == (404, "not_found")


def test_on_another_chain_there_is_nothing_to_cut(
    chain_state: tuple[Anvil, Deployment], tmp_path: Path, air: Air, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.chain.context import ChainContext

    real = ChainContext.__init__

    def elsewhere(self: ChainContext, *args: Any, **options: Any) -> None:
        real(self, *args, **options)
        self.chain_id = 11155111

    monkeypatch.setattr(ChainContext, "__init__", elsewhere)
    made = World(tmp_path, *chain_state, demo_control_url=air.url)
    assert made.get("/api/config")["demo_field"] is False
    assert made.refused("/api/demo/field") == (404, "not_found")
    made.close()

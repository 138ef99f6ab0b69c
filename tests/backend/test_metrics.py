"""What Prometheus sees."""

from __future__ import annotations

from typing import Any

from api_world import World
from prometheus_client.parser import text_string_to_metric_families

pytest_plugins = ["api_world"]


def scrape(world: World) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = world.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(samples: Any, name: str, **labels: str) -> float:
    found: float = samples[(name, tuple(sorted(labels.items())))]
    return found


def test_frames_are_counted_by_what_became_of_them(world: World) -> None:
    frame = world.meter(4).keyframe_at(int(world.now()))
    world.send(frame, frame, b"junk")
    world.services.pipeline.stop()
    samples = scrape(world)
    assert value(samples, "ohmstead_frames_total", result="accepted") == 1
    assert value(samples, "ohmstead_frames_total", result="duplicate") == 1
    assert value(samples, "ohmstead_frames_total", result="truncated") == 1
    assert value(samples, "ohmstead_readings_total") == 1
    assert value(samples, "ohmstead_meters") == 9
    assert value(samples, "ohmstead_meters_silent") == 8


def test_requests_are_timed_by_route_not_by_address(world: World) -> None:
    for slot in (1, 2, 3):
        world.client.get(f"/api/slots/{slot}")
    samples = scrape(world)
    name = "ohmstead_http_request_seconds_count"
    assert value(samples, name, method="GET", route="/api/slots/<int:slot>", status="404") == 3


def test_the_oracles_state_and_troubles_show(world: World) -> None:
    world.oracle.problems["closer"] = "no quorum"
    samples = scrape(world)
    assert value(samples, "ohmstead_problem", part="closer") == 1
    assert value(samples, "ohmstead_outbox", state="pending") == 0
    assert value(samples, "ohmstead_relayer_ether") == 1


def test_without_the_store_metrics_are_still_answered(world: World) -> None:
    with world.store.write() as connection:
        connection.exec_driver_sql("DROP TABLE frame_counts")
    samples = scrape(world)
    assert ("ohmstead_live_clients", ()) in samples
    assert ("ohmstead_meters", ()) not in samples


def test_two_apps_do_not_share_their_metrics(world: World, quiet_world: World) -> None:
    world.report(4, 1)
    assert value(scrape(world), "ohmstead_readings_total") == 1
    assert value(scrape(quiet_world), "ohmstead_readings_total") == 0

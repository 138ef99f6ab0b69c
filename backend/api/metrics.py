"""What Prometheus may ask: `/metrics`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

import sqlalchemy as sa
from flask import Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from backend.api.services import VERSION, Services
from backend.telemetry import nodes, quarantine, readings, slots

_LOG = logging.getLogger(__name__)
_REQUEST_BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 60.0)


def register_metrics(app: Flask, services: Services, live_clients: Callable[[], int]) -> None:
    """Serves metrics from a registry of this app's own."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_State(services, live_clients))
    took = Histogram(
        "ohmstead_http_request_seconds",
        "Time to answer a request, by route and status",
        ["method", "route", "status"],
        buckets=_REQUEST_BUCKETS_S,
        registry=registry,
    )

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        began = g.get("began")
        if began is not None:
            seconds = time.perf_counter() - began
            took.labels(request.method, route, response.status_code).observe(seconds)
        return response

    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    app.add_url_rule("/metrics", "metrics", metrics)


class _State(Collector):
    """Reads the state when it is asked for."""

    def __init__(self, services: Services, live_clients: Callable[[], int]) -> None:
        self._services = services
        self._live_clients = live_clients

    def describe(self) -> Iterable[Metric]:
        """Nothing in advance: registering must not ask the store."""
        return []

    def collect(self) -> Iterable[Metric]:
        """All of it; without the store only what needs none."""
        yield _gauge("ohmstead_live_clients", "Connected Socket.IO clients", self._live_clients())
        info = GaugeMetricFamily("ohmstead_build_info", "The running version", labels=["version"])
        info.add_metric([VERSION], 1)
        yield info
        try:
            yield from self._from_store()
            yield from self._from_oracle()
        except sa.exc.SQLAlchemyError as error:
            _LOG.warning("metrics without the store: %s", error)

    def _from_store(self) -> Iterable[Metric]:
        stale_ms = int((self._services.clock() - self._services.settings.stale_after_s) * 1000)
        with self._services.store.read() as connection:
            frames = readings.frame_totals(connection)
            booked = readings.count_booked(connection)
            waiting = quarantine.count_waiting(connection)
            metering, silent = nodes.count_metering(connection, stale_ms)
            committed = slots.count_committed(connection)
            newest = slots.latest_committed(connection)
        counted = CounterMetricFamily(
            "ohmstead_frames", "Frames by what became of them", labels=["result"]
        )
        for result, count in sorted(frames.items()):
            counted.add_metric([result], count)
        yield counted
        yield CounterMetricFamily("ohmstead_readings", "Readings booked", value=booked)
        yield CounterMetricFamily("ohmstead_slots_committed", "Slots on chain", value=committed)
        yield _gauge("ohmstead_quarantine_waiting", "Readings that wait for a person", waiting)
        yield _gauge("ohmstead_meters", "Metering nodes", metering)
        yield _gauge("ohmstead_meters_silent", "Meters not heard for a while", silent)
        if newest is not None:
            yield _gauge("ohmstead_slot_latest", "The newest slot on chain", newest.slot)

    def _from_oracle(self) -> Iterable[Metric]:
        status = self._services.oracle.status()
        outbox = GaugeMetricFamily("ohmstead_outbox", "Transactions by state", labels=["state"])
        for state, count in sorted(status.outbox.items()):
            outbox.add_metric([state], count)
        yield outbox
        yield _gauge("ohmstead_commands_pending", "Commands unanswered", status.commands_pending)
        yield _gauge("ohmstead_signers_up", "Oracle nodes that answer", status.signers_up)
        yield _gauge("ohmstead_signers_threshold", "Oracle nodes that must", status.threshold)
        yield _gauge("ohmstead_chain_lag_blocks", "Blocks not read yet", status.lag_blocks)
        away = status.unreachable_s or 0
        yield _gauge("ohmstead_chain_unreachable_seconds", "Since the node answered", away)
        if status.relayer_balance_wei is not None:
            ether = status.relayer_balance_wei / 1e18
            yield _gauge("ohmstead_relayer_ether", "What the relayer can spend", ether)
        problems = GaugeMetricFamily("ohmstead_problem", "Parts in trouble", labels=["part"])
        for part in sorted(status.problems):
            problems.add_metric([part], 1)
        yield problems


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)

"""The service: every part made, joined and started. Wiring only.

`create_app(settings, chain)` starts the parts, in the process that will serve (after any fork).
`stop_app(app)` ends them within two seconds; what was accepted is stored before.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa
from flask import Flask
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from werkzeug.middleware.proxy_fix import ProxyFix

from backend import signals
from backend.api.access import AccessRules
from backend.api.blynk import BlynkTokens, blynk_blueprint
from backend.api.blynk_cloud import BlynkCloud
from backend.api.blynk_switch import AuthoritySwitcher
from backend.api.certificate_routes import certificate_blueprint
from backend.api.charging_routes import charging_blueprint
from backend.api.demo_routes import demo_blueprint
from backend.api.errors import invalid_request, register_errors
from backend.api.home_assistant import HomeAssistant
from backend.api.household_routes import household_blueprint
from backend.api.incentive_routes import incentive_blueprint
from backend.api.live import Live
from backend.api.market_routes import market_blueprint
from backend.api.mesh_routes import mesh_blueprint
from backend.api.metrics import register_metrics
from backend.api.node_routes import node_blueprint
from backend.api.operator_routes import operator_blueprint
from backend.api.pages import register_headers, register_pages
from backend.api.public_routes import public_blueprint
from backend.api.relay_reader import RelayReader
from backend.api.schemas import ErrorAnswer
from backend.api.services import VERSION, Oracle, Services
from backend.api.sign_in import SignIn
from backend.api.slot_reader import ProofReader, SlotReader
from backend.api.summary import SummaryReader
from backend.api.trade_routes import trade_blueprint
from backend.api.v2g_routes import v2g_blueprint
from backend.api.witness_routes import witness_blueprint
from backend.chain.accounts import load_account, refuse_development_keys
from backend.chain.context import ChainContext
from backend.config import Settings
from backend.ingest import rebase, rotation
from backend.ingest.downlink import Downlink
from backend.ingest.key_epochs import KeyEpochs
from backend.ingest.keyring import Keyring
from backend.ingest.mqtt_connection import Broker
from backend.ingest.mqtt_gateway import MqttGateway
from backend.ingest.pipeline import Pipeline
from backend.ingest.registration import Registration, read_speakers
from backend.ingest.serial_gateway import SerialGateway
from backend.ingest.verify import Limits
from backend.oracle.mesh import MeshBook
from backend.oracle.service import OracleService
from backend.request_json import RequestJson
from backend.telemetry import access, readings
from backend.telemetry.events import ChainEvent
from backend.telemetry.store import Store, open_store

_LOG = logging.getLogger(__name__)
_EXTENSION = "ohmstead"
_HOUSEKEEPING_S = 600.0


class Part(Protocol):
    """Something that runs beside the requests."""

    def start(self) -> None:
        """Begins."""

    def stop(self) -> None:
        """Ends, within two seconds."""


class RunnableOracle(Oracle, Part, Protocol):
    """The oracle as the app runs it."""


@dataclass(slots=True)
class _Running:
    """What `stop_app` ends: parts in the order of their start, then the store."""

    store: Store
    services: Services
    parts: list[Part] = field(default_factory=list)
    closers: list[Callable[[], None]] = field(default_factory=list)
    receivers: list[tuple[Any, Any]] = field(default_factory=list)


def create_app(
    settings: Settings,
    chain: ChainContext,
    oracle: RunnableOracle | None = None,
    clock: Callable[[], float] = time.time,
) -> Flask:
    """The running service as a WSGI app with Socket.IO.

    Args:
        oracle, clock: others than the real ones, for tests

    Raises:
        StoreError, KeyringError, SpeakersError, SerialError, BrokerError, AccountError,
            SaltKeyError: with what to do
    """
    _set_up_log(settings)
    store = open_store(settings.store_url)
    ring_file = settings.keys_dir / "nodes.json"
    keyring = Keyring(ring_file, keep_used=rotation.note_used)
    serves = oracle or OracleService(settings, store, chain)
    deployment = chain.deployment
    limits = Limits(
        time_scale=settings.time_scale_on(chain.chain_id, deployment.slot_seconds),
        max_clock_skew_s=settings.max_clock_skew_s,
        since=deployment.deployed_at,
    )
    pipeline = Pipeline(store, keyring, limits, clock)
    mesh_book = MeshBook(store, chain, settings.mesh_recharge_per_hour, clock)
    downlink = Downlink(store, keyring, serves.pending_frames, clock, mesh_book.announcement)
    sign_in = SignIn(store, chain, settings.session_hours * 3600, clock)
    slots, relays = SlotReader(store, chain), RelayReader(store, chain)
    services = Services(
        settings=settings,
        store=store,
        chain=chain,
        oracle=serves,
        pipeline=pipeline,
        downlink=downlink,
        access=AccessRules(store, chain, sign_in, clock),
        slots=slots,
        proofs=ProofReader(store),
        relays=relays,
        mesh=mesh_book,
        summary=SummaryReader(store, chain, slots, relays, settings.stale_after_s, clock),
        clock=clock,
    )
    running = _Running(store, services)
    running.parts += [pipeline, SerialGateway(settings.serial_ports, pipeline, downlink)]
    running.closers.append(downlink.close)
    hours, frames = settings.key_epoch_hours, settings.key_epoch_frames
    running.parts.append(KeyEpochs(store, ring_file, hours, frames, clock))
    switcher = _blynk_switcher(services)
    if switcher is not None:
        running.parts.append(switcher)
    if settings.blynk_cloud_token is not None:
        running.parts.append(_blynk_cloud(services, settings.blynk_cloud_token))
    running.parts += _mqtt_parts(services, switcher)
    live = Live(services, sign_in)
    running.parts += [live, _Housekeeping(store, settings, clock), serves]
    app = _wsgi(services, sign_in, switcher, live)
    app.extensions[_EXTENSION] = running
    _start(running)
    return app


def stop_app(app: Flask) -> None:
    """Ends every part: first what takes work in, at last the store."""
    running: _Running = app.extensions[_EXTENSION]
    for close in running.closers:
        close()
    for signal, receiver in running.receivers:
        signal.disconnect(receiver)
    for part in running.parts:
        part.stop()
    running.store.close()


def services_of(app: Flask) -> Services:
    """The parts of an app."""
    running: _Running = app.extensions[_EXTENSION]
    return running.services


def _set_up_log(settings: Settings) -> None:
    """Our lines with time and place at the level asked for; others' only from warnings on."""
    if not logging.getLogger().handlers:
        logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("backend").setLevel(settings.log_level)


# ---- the WSGI app ------------------------------------------------------------------------------


def _wsgi(
    services: Services, sign_in: SignIn, switcher: AuthoritySwitcher | None, live: Live
) -> Flask:
    settings = services.settings
    app = OpenAPI(
        "ohmstead",
        info=Info(
            title="Ohmstead",
            version=VERSION,
            description="A community microgrid whose books and rules are smart contracts. Energy "
            "in Wh, power in W, money in micro-rupees, time in Unix seconds.",
        ),
        security_schemes={"session": {"type": "http", "scheme": "bearer"}},
        doc_ui=False,
        validation_error_status=400,
        validation_error_model=ErrorAnswer,
        validation_error_callback=invalid_request,
        static_folder=None,
    )
    app.json = RequestJson(app)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    if settings.trusted_proxies:
        n = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=n)  # type: ignore[method-assign]
    register_errors(app)
    register_headers(app, settings)
    register_metrics(app, services, live.client_count)
    app.register_api(public_blueprint(services))
    app.register_api(node_blueprint(services))
    app.register_api(household_blueprint(services, sign_in))
    app.register_api(operator_blueprint(services))
    app.register_api(trade_blueprint(services))
    app.register_api(certificate_blueprint(services))
    app.register_api(incentive_blueprint(services))
    app.register_api(witness_blueprint(services))
    app.register_api(market_blueprint(services))
    app.register_api(charging_blueprint(services))
    app.register_api(v2g_blueprint(services))
    app.register_api(mesh_blueprint(services))
    if services.is_demo and settings.demo_control_url is not None:
        app.register_api(demo_blueprint(services))
    tokens = BlynkTokens(settings.keys_dir / "blynk.json", _configured_token(settings))
    app.register_blueprint(blynk_blueprint(services, tokens, switcher))
    app.add_url_rule("/api/openapi.json", "openapi", lambda: app.api_doc)
    register_pages(app, settings)
    live.attach(app)
    return app


def _configured_token(settings: Settings) -> list[tuple[int, str]]:
    if settings.blynk_auth_token is None or settings.blynk_board is None:
        return []
    return [(settings.blynk_board, settings.blynk_auth_token)]


# ---- parts -------------------------------------------------------------------------------------


def _start(running: _Running) -> None:
    store = running.store
    registration = Registration(
        store, read_speakers(running.services.settings.keys_dir / "batteries.json")
    )
    registration.catch_up()
    rebase.catch_up(store)

    def on_chain_event(_sender: object, event: ChainEvent) -> None:
        registration.on_chain_event(event)
        rebase.on_chain_event(store, event)

    running.receivers.append((signals.chain_event, on_chain_event))
    for signal, receiver in running.receivers:
        signal.connect(receiver)
    for part in running.parts:
        part.start()


def _blynk_switcher(services: Services) -> AuthoritySwitcher | None:
    settings = services.settings
    if settings.blynk_authority_key is None:
        return None
    account = load_account(settings.blynk_authority_key)
    refuse_development_keys({"Blynk's authority key": account.address}, services.chain.chain_id)
    return AuthoritySwitcher(
        services.store,
        services.chain,
        account,
        settings.blynk_override_s,
        settings.confirmations,
        services.clock,
    )


def _blynk_cloud(services: Services, token: str) -> BlynkCloud:
    settings = services.settings
    return BlynkCloud(services, token, settings.blynk_cloud_url, settings.blynk_cloud_pins)


def _mqtt_parts(services: Services, switcher: AuthoritySwitcher | None) -> list[Part]:
    """The gateway behind the broker, and Home Assistant's view, as far as they are asked for."""
    settings = services.settings
    if settings.mqtt_url is None:
        return []
    broker = Broker(
        settings.mqtt_url,
        settings.mqtt_user,
        settings.mqtt_password,
        settings.mqtt_ca,
        settings.mqtt_certificate,
        settings.mqtt_key,
    )
    if settings.mqtt_password is not None and not (broker.is_secure or broker.is_here):
        _LOG.warning("the MQTT password goes to %s in clear: use mqtts://", broker.address[0])
    session = settings.mqtt_session
    parts: list[Part] = [
        MqttGateway(
            broker,
            settings.mqtt_prefix,
            session,
            settings.mqtt_connections,
            services.pipeline,
            services.downlink,
        )
    ]
    shown = settings.mqtt_home_meters
    if shown:
        meters = None if shown == "all" else frozenset(shown)
        may_switch = switcher if settings.mqtt_switching else None
        parts.append(HomeAssistant(services, broker, f"{session}-home", meters, may_switch))
    return parts


class _Housekeeping:
    """Forgets what is too old to be of use."""

    def __init__(self, store: Store, settings: Settings, clock: Callable[[], float]) -> None:
        self._store = store
        self._keep_s = settings.keep_readings_days * 86_400
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        while not self._stop.wait(_HOUSEKEEPING_S):
            try:
                self._sweep()
            except sa.exc.SQLAlchemyError as error:
                _LOG.warning("housekeeping: %s", error)

    def _sweep(self) -> None:
        now = int(self._clock())
        with self._store.write() as connection:
            access.drop_expired(connection, now)
        deleted = 1
        while deleted and not self._stop.is_set():
            with self._store.write() as connection:  # in parts: readings come meanwhile
                deleted = readings.prune(connection, now - self._keep_s)

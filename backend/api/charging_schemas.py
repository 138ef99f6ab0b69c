"""What the service answers about charge points and charging. Wh, W, 0.01 %; `_ms`: Unix ms."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.api.schemas import Answer

PlugStateName = Literal["available", "occupied", "reserved", "unavailable", "faulted"]
SessionStateName = Literal["plugged", "charging", "discharging", "suspended", "ended"]
WishStateName = Literal["pending", "sent", "accepted", "refused", "superseded", "expired"]


class ServiceLife(Answer):
    """The charging service, a process of its own."""

    alive: bool = Field(description="it gave a sign of life within the last 20 seconds")
    alive_ms: int | None
    connections: int
    messages: int = Field(description="since it started")
    refused: int = Field(description="of these, what was no OCPP or not acceptable")


class Plug(Answer):
    """A connector of a charge point."""

    evse_id: int
    connector_id: int
    state: PlugStateName
    error: str
    changed_ms: int


class ChargePoint(Answer):
    """A charge point."""

    charge_point_id: str
    label: str
    meter_id: int
    max_charge_w: int
    max_discharge_w: int = Field(description="0: it takes no energy from cars")
    open_to_all: bool = Field(description="serves tokens without a wallet, at tariff")
    connected: bool
    protocol: str = Field(description="ocpp1.6, ocpp2.0.1 or ocpp2.1; empty: never connected")
    vendor: str
    model: str
    last_seen_ms: int | None
    power_w: int = Field(description="of all its sessions, as it says; negative: out of cars")
    plugs: list[Plug]


class Charging(Answer):
    """Charge points and the service that talks to them."""

    service: ServiceLife
    charge_points: list[ChargePoint]


class Session(Answer):
    """A charging session. Energy is as the charge point counts it; its meter settles."""

    session_id: int
    charge_point_id: str
    evse_id: int
    meter_id: int
    id_token: str | None
    account: str | None
    ev_id: int | None
    state: SessionStateName
    soc_bp: int | None
    power_w: int
    started_ms: int
    stopped_ms: int | None
    stop_reason: str | None
    imported_wh: int = Field(description="into the car")
    exported_wh: int = Field(description="out of the car")


class Sessions(Answer):
    """Sessions, newest first."""

    sessions: list[Session]
    next_before: int | None


class Order(Answer):
    """What a session was last told to do."""

    direction: Literal["charge", "discharge", "idle"]
    power_w: int
    until: int
    state: WishStateName
    detail: str


class Sample(Answer):
    """What a charge point measured."""

    at_ms: int
    imported_wh: int | None
    exported_wh: int | None
    power_w: int | None
    soc_bp: int | None


class Comparison(Answer):
    """The same energy, counted by the charge point and by its Ohmstead meter."""

    ocpp_imported_wh: int
    ocpp_exported_wh: int
    meter_imported_wh: int | None = Field(description="null: no readings about both ends")
    meter_exported_wh: int | None


class SessionDetail(Session):
    """A session, what it was told, what was measured."""

    order: Order | None
    samples: list[Sample]
    comparison: Comparison


class Token(Answer):
    """A token that the account answers for."""

    id_token: str
    ev_id: int | None
    label: str
    blocked: bool
    expires_at: int | None
    linked_at: int


class Tokens(Answer):
    """Tokens of an account."""

    tokens: list[Token]


class LinkText(Answer):
    """What to sign."""

    text: str
    issued_at: int


class Request(Answer):
    """Something asked of a charge point, and what became of it."""

    request_id: int
    charge_point_id: str
    kind: Literal["start", "stop", "reset", "unlock"]
    state: WishStateName
    detail: str

"""What the service answers about the field layer: nodes, radios, ways. Units as in `schemas`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.api.schemas import Answer

Transport = Literal["esp-now", "lorawan", "power line", "wire"]


class FieldLink(Answer):
    """A link as one of its ends sees it; both ends' words are given where both tell."""

    node_id: int = Field(description="who tells")
    neighbour_id: int
    rssi_dbm: int = Field(description="of what the neighbour sends, smoothed")
    quality_pm: int = Field(description="share of packets to it that arrive, per mille")
    parent: bool = Field(description="what the node has for the gateway goes this way")


class FieldElement(Answer):
    """The newest secure element of a meter (docs/witness.md), and what it signed last."""

    enrolment: int
    since: int
    until: int | None = Field(description="null: in force")
    counter: int | None = Field(description="of its newest statement; null before the first")
    signed_at: int | None


class FieldNode(Answer):
    """A node as it tells of itself; what it has no radio for is null."""

    node_id: int
    label: str
    kind: str
    hardware: str | None = Field(description="simulated, esp32 or uno, by its own word")
    feeder_node: int
    line: Literal["http", "serial", "mqtt"] | None = Field(
        description="on which the gateway last heard it; null: not since the service started"
    )
    has_radio: bool
    hops: int | None = Field(description="to the gateway; null without a radio or a way")
    route: list[int] = Field(description="the nodes from here to the gateway, both included")
    parent_id: int | None
    transport: Transport | None
    supply_bp: int | None = Field(description="charge of what feeds it; null on the mains")
    waiting: int | None = Field(description="payloads in its radio's queue")
    lost: int | None = Field(description="payloads its radio has given up since it started")
    trust_pm: int | None = Field(description="by the last day's cleared sessions; null if in none")
    firmware: str | None
    uptime_s: int | None
    boot_cause: str | None
    spooled: int | None = Field(description="frames it had not delivered, when it said hello")
    last_seen_ms: int | None
    reported_ms: int | None = Field(description="when it told of its radio last")
    stale: bool
    revoked: bool
    element: FieldElement | None = Field(description="null: no secure element was enrolled")


class RouteChange(Answer):
    """A node's way to the gateway changed; routes as in FieldNode, empty: none."""

    id: int
    node_id: int
    route: list[int]
    before: list[int]
    transport: Transport
    at_ms: int


class FieldLayer(Answer):
    """The field layer, or in a live notice the part of it that changed."""

    nodes: list[FieldNode]
    links: list[FieldLink]
    changes: list[RouteChange] = Field(description="newest first, 50 at most")


class DemoPlace(Answer):
    """Where a simulated board stands, and whether it has power."""

    node_id: int
    x_m: float
    y_m: float
    on: bool


class DemoCut(Answer):
    """Two boards between which nothing passes."""

    a: int
    b: int


class DemoField(Answer):
    """What only a simulation can know."""

    nodes: list[DemoPlace]
    cuts: list[DemoCut]
    jammed: bool = Field(description="noise destroys everything on ESP-NOW's channels")


class DemoCar(Answer):
    """A simulated car that is sent for; `charge_point_id` None: it is away."""

    name: str
    id_token: str
    charge_point_id: str | None


class DemoCars(Answer):
    """Such cars."""

    cars: list[DemoCar]

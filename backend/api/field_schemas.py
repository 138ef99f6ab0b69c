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


class FieldNode(Answer):
    """A node as it tells of itself; what it has no radio for is null."""

    node_id: int
    label: str
    kind: str
    feeder_node: int
    has_radio: bool
    hops: int | None = Field(description="to the gateway; null without a radio or a way")
    route: list[int] = Field(description="the nodes from here to the gateway, both included")
    parent_id: int | None
    transport: Transport | None
    supply_bp: int | None = Field(description="charge of what feeds it; null on the mains")
    waiting: int | None = Field(description="payloads in its radio's queue")
    lost: int | None = Field(description="payloads its radio has given up since it started")
    trust_pm: int | None = Field(description="what routing thinks of it; null if nothing yet")
    firmware: str | None
    uptime_s: int | None
    boot_cause: str | None
    spooled: int | None = Field(description="frames it had not delivered, when it said hello")
    last_seen_ms: int | None
    reported_ms: int | None = Field(description="when it told of its radio last")
    stale: bool
    revoked: bool


class FieldLayer(Answer):
    """The field layer."""

    nodes: list[FieldNode]
    links: list[FieldLink]

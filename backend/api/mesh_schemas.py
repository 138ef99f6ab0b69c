"""The mesh on the API: trust, hops to avoid, cleared sessions."""

from __future__ import annotations

from pydantic import Field

from backend.api.schemas import Answer


class MeshNode(Answer):
    """A node's trust by dimension, per mille, from the last day's cleared sessions."""

    node_id: int
    trust: int = Field(description="what routing reads; below 500 routes go round it")
    relayed: int = Field(description="share of messages passed on, median over counterparts")
    unbroken: int = Field(description="share of routes that did not break, likewise")
    honest_energy: int = Field(description="share of energy statements that can be true")
    counterparts: int = Field(description="neighbours on routes; with fewer than 3 not judged")
    routes: int
    breaks: int
    excluded: bool
    earned_micro_inr: int = Field(description="by relaying, in the sessions of the last day")


class MeshHop(Answer):
    """Two neighbours between whom routes broke too often."""

    nodes: tuple[int, int]


class MeshTrust(Answer):
    """Trust as routing is told it."""

    issued_at: int = Field(description="Unix seconds; 0: no session is cleared, all trust all")
    window_s: int
    fee_micro_inr: int | None = Field(
        description="for each message and relay now; None: no contract, or the chain is away"
    )
    nodes: list[MeshNode]
    avoided: list[MeshHop]


class MeshSession(Answer):
    """A session as the chain cleared it."""

    receipt_id: str
    started_at: int
    route: list[int] = Field(description="nodes from source to destination")
    energies: list[int] = Field(description="stated, in messages; 65535: on mains")
    sent: int
    delivered: int
    broken_hop: int | None = Field(description="place on the route behind which nothing arrived")
    reporters: list[int] = Field(description="nodes that told what they hold of it")
    payer: str
    paid_micro_inr: int
    cleared_at: int
    tx_hash: str


class MeshSessions(Answer):
    """Cleared sessions of the last day, newest first."""

    sessions: list[MeshSession]

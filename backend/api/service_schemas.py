"""What the service answers about itself, its nodes and its sessions. Units as in `schemas`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from backend.api.schemas import Answer, Kind


class ChainHealth(Answer):
    """The chain as the service sees it. `lag_s`: since it last knew all of it."""

    id: int
    block: int | None
    synced: bool
    lag_s: float | None


class OracleHealth(Answer):
    """The oracle nodes and what waits to be sent."""

    signers_up: int
    threshold: int
    outbox_pending: int


class Health(Answer):
    """Whether the service does its work; `problems` says what it does not."""

    status: Literal["ok", "degraded"]
    chain: ChainHealth
    store: Literal["ok", "unreachable"]
    oracle: OracleHealth
    problems: list[str]
    version: str


class DeployedContract(Answer):
    """Where a contract is, and how to speak to it."""

    address: str
    abi: list[dict[str, Any]]


class DemoWallet(Answer):
    """A well-known development key, on a local chain only."""

    name: str
    role: str
    address: str
    private_key: str
    meters: list[int] = Field(default_factory=list)


class PublicConfig(Answer):
    """What a page needs to begin."""

    chain_id: int
    chain_name: str
    rpc_url: str
    explorer_url: str | None
    slot_seconds: int
    deployment: dict[str, DeployedContract]
    demo_wallets: list[DemoWallet] | None = Field(None, description="on chain 31337 only")
    demo_field: bool = Field(description="links of the simulated air can be cut: /api/demo")


class Challenge(Answer):
    """An EIP-4361 message to sign, once, before it expires."""

    message: str
    expires_at: int


class Session(Answer):
    """The token goes into `Authorization: Bearer`."""

    token: str
    account: str
    expires_at: int


class FrameResult(Answer):
    """What became of one frame (docs/frame.md); without node if the bytes were no frame."""

    node: int | None
    boot: int | None
    sequence: int | None
    result: str
    detail: str | None = None


class Ingested(Answer):
    """A result for each frame, in order; and frames for their senders, hex."""

    results: list[FrameResult]
    commands: list[str]


class DownlinkFrames(Answer):
    """Frames for a node, hex."""

    frames: list[str]


class QuarantineEntry(Answer):
    """A reading kept for a person."""

    id: int
    node_id: int
    at: int
    result: str
    detail: str
    frame: str


class NodeHealth(Answer):
    """A node's last signs of life, and what became of its frames."""

    node_id: int
    label: str
    kind: Kind
    max_power_w: int
    stale: bool
    last_seen_ms: int | None
    measured_at: int | None
    firmware: str | None
    hello: dict[str, Any] | None = Field(description="what it last said of itself")
    frames: dict[str, int] = Field(description="result -> number")
    revoked_at: int | None
    key_offered: bool = Field(description="it is being given a new key and has not used it yet")


class Nodes(Answer):
    """Every node; `forgeries`: frames by result whose sender could not be told."""

    nodes: list[NodeHealth]
    forgeries: dict[str, int]


class NodeEvent(Answer):
    """What happened locally at a node; `value` is mA, 0.1 V or 0 by kind."""

    id: int
    node_id: int
    kind: str
    pin: int | None
    value: int
    at: int


class NodeEvents(Answer):
    """Events of nodes, newest first."""

    events: list[NodeEvent]
    next_before: int | None


class QuarantinePage(Answer):
    """What waits for a person, newest first."""

    quarantine: list[QuarantineEntry]
    next_before: int | None

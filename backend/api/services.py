"""What the blueprints answer from; made once by `create_app`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from backend.api.access import AccessRules
from backend.api.relay_reader import RelayReader
from backend.api.slot_reader import ProofReader, SlotReader
from backend.api.summary import SummaryReader
from backend.chain.context import ChainContext
from backend.config import Settings
from backend.ingest.downlink import Downlink
from backend.ingest.pipeline import Pipeline
from backend.oracle.mesh import MeshBook
from backend.oracle.service import OracleStatus
from backend.telemetry.store import Store

DEMO_CHAIN = 31337
"""The chain of `make run`."""
try:
    VERSION = version("ohmstead")
except PackageNotFoundError:  # run from a folder that was never installed
    VERSION = "0"


class Oracle(Protocol):
    """What the API uses of the oracle."""

    def status(self) -> OracleStatus:
        """How it is."""

    def pending_frames(self, node_id: int) -> list[bytes]:
        """COMMAND frames that wait for a board."""


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one app."""

    settings: Settings
    store: Store
    chain: ChainContext
    oracle: Oracle
    pipeline: Pipeline
    downlink: Downlink
    access: AccessRules
    slots: SlotReader
    proofs: ProofReader
    relays: RelayReader
    mesh: MeshBook
    summary: SummaryReader
    clock: Callable[[], float] = time.time

    @property
    def is_demo(self) -> bool:
        """True where well-known keys are shown and the simulation may be disturbed."""
        return self.chain.chain_id == DEMO_CHAIN

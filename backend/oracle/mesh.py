"""The mesh's keeper: sessions that have ended are judged, signed by the oracle nodes and cleared;
what the chain then says of them is the trust that nodes are told.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from backend.chain.context import ChainContext
from backend.chain.contracts import ContractError
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.mesh.announcement import announcements
from backend.mesh.judging import Receipt
from backend.mesh.receipts import KeyOf
from backend.mesh.trust import TrustTable, trust_table
from backend.oracle.digests import receipts_digest
from backend.oracle.domains import read_domains
from backend.oracle.due import Due, Keeper
from backend.oracle.mesh_evidence import MAX_BATCH, provable, proven
from backend.oracle.quorum import QuorumClient, QuorumError
from backend.telemetry import mesh, nodes
from backend.telemetry.mesh import SessionKey
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

MAX_AGE_S = 7 * 86_400
"""Older sessions the contract does not clear."""
TRUST_WINDOW_S = 86_400
"""Trust is from the last day's sessions: whoever mends is trusted again after it."""
_QUIET_S = 15.0
_EVERY_S = 10.0
_TELL_EVERY_S = 60.0
_SHOW_EVERY_S = 5.0
_GAS_RECEIPT, _GAS_CALL, _PRIORITY = 220_000, 120_000, 1


class MeshKeeper(Keeper):
    """Writes clearings to the outbox, each session's as soon as its receipts are in.

    Args:
        quiet_s: how long nothing new of a session must have come: its other nodes' receipts decide
            where it broke, and the first to come is not the furthest.
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        quorum: QuorumClient,
        key_of: KeyOf,
        *,
        wake_sender: Callable[[], None],
        quiet_s: float = _QUIET_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(store, chain, wake_sender=wake_sender, now=now)
        self._quorum = quorum
        self._key_of = key_of
        self._quiet_s = quiet_s
        self._looked_at = 0.0
        self._refused: dict[SessionKey, int] = {}

    def sweep(self) -> int:
        """Looks at everything once; how many calls were written."""
        client = self._chain.clients.mesh
        if client is None or self._now() - self._looked_at < min(_EVERY_S, self._quiet_s):
            return 0
        self._looked_at = self._now()
        self._due.note()
        if self._due.is_on_its_way("receipts:batch"):
            return 0
        judged = self._judged()
        if not judged:
            return 0
        domain = read_domains(self._chain.rpc, self._chain.contracts).mesh
        assert domain is not None
        quorum = self._chain.views.quorum(max_age_s=0.0)
        receipts = [receipt for _, receipt, _ in judged]
        evidence = [frames for _, _, frames in judged]
        digest = receipts_digest(domain, receipts, quorum.epoch)
        try:
            signatures = self._quorum.sign_receipts(evidence, digest, quorum)
        except QuorumError as error:
            log.warning("%d mesh sessions: %s", len(receipts), error)
            return 0
        gas = _GAS_CALL + _GAS_RECEIPT * len(receipts)
        due = Due("receipts:batch", client.clear(receipts, signatures), gas, _PRIORITY)
        return self._due.write(self._due.that_succeed([due]))

    def _judged(self) -> list[tuple[SessionKey, Receipt, dict[int, bytes]]]:
        now = self._now()
        quiet_since_ms = int((now - self._quiet_s) * 1000)
        with self._store.read() as connection:
            waiting = mesh.waiting(connection, int(now) - MAX_AGE_S, quiet_since_ms, 4 * MAX_BATCH)
        found = []
        for key, frames in waiting.items():
            if self._refused.get(key) == len(frames):
                continue
            good = provable(frames, self._key_of)
            if good:
                found.append((key, proven(good.values(), self._key_of), good))
            else:
                self._refused[key] = len(frames)
                log.warning("mesh session of node %d from %d: nothing is proven", *key)
        return found[:MAX_BATCH]


class MeshBook:
    """Trust as the chain's cleared sessions make it, and as nodes are told it. Threads share it.

    Args:
        recharge_per_hour: nodes on battery, and the messages' worth of energy they regain at most
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        recharge_per_hour: Mapping[int, int],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._recharge = recharge_per_hour
        self._now = now
        self._lock = threading.Lock()
        self._made_at = 0.0
        self._shown = (0.0, TrustTable())
        self._told: tuple[int, list[bytes]] = (0, [])
        self._content: Any = None

    def table(self) -> TrustTable:
        """Trust of every node of the community, from the last day's cleared sessions."""
        since = int(self._now()) - TRUST_WINDOW_S
        with self._store.read() as connection:
            known = sorted(nodes.all_nodes(connection))
            sessions = [one.cleared for one in mesh.cleared_since(connection, since)]
        return trust_table(sessions, known, self._recharge)

    def shown(self) -> TrustTable:
        """The table for who only looks: some seconds old, however many look."""
        made_at, table = self._shown
        if self._now() - made_at >= _SHOW_EVERY_S:
            table = self.table()
            self._shown = self._now(), table
        return table

    def trust_pm(self) -> dict[int, int]:
        """Trust by node, per mille, of those that cleared sessions speak of; some seconds old."""
        return {node: one.trust for node, one in self.shown().nodes.items() if one.routes}

    def announcement(self) -> tuple[int, list[bytes]]:
        """(issued at, parts) of the table that nodes are to have; 0 and none before the first
        session is cleared: until then all trust all."""
        with self._lock:
            if self._now() - self._made_at >= _TELL_EVERY_S:
                self._made_at = self._now()
                self._make()
            return self._told

    def _make(self) -> None:
        if self._chain.clients.mesh is None:
            return
        table = self.table()
        if not any(node.routes for node in table.nodes.values()):
            return
        unfunded = self.unfunded(table)
        content = ({n: t.trust for n, t in table.nodes.items()}, table.avoided, unfunded)
        if content != self._content:
            self._content = content
            issued_at = max(int(self._now()), self._told[0] + 1)
            self._told = issued_at, announcements(table, issued_at, unfunded)

    def unfunded(self, table: TrustTable) -> frozenset[int]:
        """Nodes whose account has prepaid nothing; none while the chain is away."""
        client, views = self._chain.clients.mesh, self._chain.views
        assert client is not None
        known = list(table.nodes)
        try:
            accounts = views.ask_many([client.account_of(n) for n in known], max_age_s=60.0)
            prepaid = views.ask_many([client.prepaid_of(a) for a in accounts], max_age_s=60.0)
        except (NodeUnreachableError, RpcError, ContractError) as error:
            log.warning("who has prepaid for the mesh is not known: %s", error)
            return frozenset()
        return frozenset(n for n, paid in zip(known, prepaid, strict=True) if paid == 0)

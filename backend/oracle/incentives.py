"""What incentives need done: each policy epoch reported, and projects that are too late ended.

All of it anyone could do with the nodes' signatures; the community's relayer does it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from backend.chain.context import ChainContext
from backend.chain.contracts import Call
from backend.oracle.attestation import Refusal
from backend.oracle.digests import policy_digest
from backend.oracle.domains import read_domains
from backend.oracle.due import Due, Keeper
from backend.oracle.policy_epoch import epoch_metrics, read_epoch
from backend.oracle.proposal import PolicyProposal, ProposedLeaf
from backend.oracle.quorum import QuorumClient, QuorumError
from backend.sustainability import target
from backend.telemetry import incentives, slots
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 5.0
_AT_ONCE = 16
_GAS = {"policy": 600_000, "expire": 150_000}
_PRIORITY = 1


def _due(kind: str, what: int, call: Call[Any]) -> Due:
    return Due(f"{kind}:{what}", call, _GAS[kind], _PRIORITY)


class IncentiveKeeper(Keeper):
    """Looks for calls that incentives wait for, and writes them to the outbox."""

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        quorum: QuorumClient,
        *,
        wake_sender: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(store, chain, wake_sender=wake_sender, now=now)
        self._quorum = quorum
        self._looked_at = 0.0
        self._told = 0

    def sweep(self) -> int:
        """Looks at everything once; how many calls were written."""
        clients = self._chain.clients.incentives
        if clients is None:
            return 0
        self._due.note()
        with self._store.read() as connection:
            late = incentives.overdue(connection, int(self._now()), _AT_ONCE)
        expired = [_due("expire", n, clients.incentive.expire_project(n)) for n in late]
        return self._due.write(self._due.that_succeed([*expired, *self._policy()]))

    # ---- policy ----------------------------------------------------------------------------------

    def _policy(self) -> list[Due]:
        """The update of the newest epoch that is wholly committed, signed; older ones are past."""
        if self._now() - self._looked_at < _LOOK_EVERY_S:
            return []
        self._looked_at = self._now()
        clients = self._chain.clients.incentives
        assert clients is not None
        views = self._chain.views
        epoch_seconds = views.ask(clients.policy.epoch_seconds(), max_age_s=600.0)
        latest, _ = views.ask(clients.policy.latest_epochs(), max_age_s=0.0)
        committed_s = (views.latest_slot() + 1) * self._chain.deployment.slot_seconds
        epoch = committed_s // epoch_seconds - 1
        if epoch <= latest or self._due.is_on_its_way(f"policy:{epoch}"):
            return []
        try:
            return [_due("policy", epoch, self._signed(epoch, epoch_seconds))]
        except (Refusal, QuorumError) as error:
            if self._told != epoch:  # once: it is asked again until the next epoch
                log.warning("policy epoch %d: %s", epoch, error)
            self._told = epoch
            return []

    def _signed(self, epoch: int, epoch_seconds: int) -> Call[Any]:
        clients, views = self._chain.clients.incentives, self._chain.views
        assert clients is not None
        found = read_epoch(self._chain, epoch, epoch_seconds)
        first, last = (self._leaves(found.numbers[end]) for end in (0, -1))
        metrics = epoch_metrics(self._chain, found, first, last)
        wanted = target(metrics, views.ask(clients.policy.parameters(), max_age_s=0.0))
        quorum = views.quorum(max_age_s=0.0)
        domain = read_domains(self._chain.rpc, self._chain.contracts).policy
        assert domain is not None
        digest = policy_digest(domain, epoch, metrics, wanted, quorum.epoch)
        proposal = PolicyProposal(epoch, metrics, wanted, first, last)
        return clients.policy.update(
            epoch, metrics, wanted, self._quorum.sign_policy(proposal, digest, quorum)
        )

    def _leaves(self, slot: int) -> tuple[ProposedLeaf, ...]:
        with self._store.read() as connection:
            stored = slots.leaves_of(connection, slot)
        return tuple(ProposedLeaf(x.meter_id, x.kind, x.registers, x.salt, ()) for x in stored)

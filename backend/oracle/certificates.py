"""What certificates need done: approved ones issued, credits given, carbon intensity published.

All of it anyone could do; the community's relayer does it so that nobody has to. A call is written
to the outbox only if a simulation shows that it would succeed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from backend.chain.context import ChainContext
from backend.chain.contracts import Call
from backend.oracle.digests import carbon_digest
from backend.oracle.domains import read_domains
from backend.oracle.due import Due, Keeper
from backend.oracle.quorum import QuorumClient, QuorumError
from backend.sustainability import CarbonTable
from backend.telemetry import certificates
from backend.telemetry.certificates import LotState
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

HOUR_S = 3600
_LOOK_BACK_HOURS = 24
_CARBON_EVERY_S = 30.0
_AT_ONCE = 32
_GAS = {"certificate": 400_000, "credits": 250_000, "carbon": 1_200_000}
_PRIORITY = 1


def _due(kind: str, what: int | str, call: Call[Any]) -> Due:
    return Due(f"{kind}:{what}", call, _GAS[kind], _PRIORITY)


class CertificateKeeper(Keeper):
    """Looks for calls that certificates wait for, and writes them to the outbox.

    Args:
        table: what the oracle nodes are asked to sign; they answer from their own
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        quorum: QuorumClient,
        table: CarbonTable,
        *,
        wake_sender: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(store, chain, wake_sender=wake_sender, now=now)
        self._quorum = quorum
        self._table = table
        self._looked_at = 0.0

    def sweep(self) -> int:
        """Looks at everything once; how many calls were written."""
        clients = self._chain.clients.certificates
        if clients is None:
            return 0
        self._due.note()
        with self._store.read() as connection:
            approved = certificates.lots_in(connection, [LotState.APPROVED], _AT_ONCE)
            uncredited = certificates.uncredited(connection, _AT_ONCE)
        register = clients.register
        due = [
            *(_due("certificate", lot.lot_id, register.issue([lot.lot_id])) for lot in approved),
            *(_due("credits", number, register.credit(number)) for number in uncredited),
            *self._carbon(),
        ]
        return self._due.write(self._due.that_succeed(due))

    # ---- carbon --------------------------------------------------------------------------------

    def _carbon(self) -> list[Due]:
        """The oldest run of hours of the last day that nobody has published, signed."""
        if self._now() - self._looked_at < _CARBON_EVERY_S:
            return []
        self._looked_at = self._now()
        clients = self._chain.clients.certificates
        assert clients is not None
        views = self._chain.views
        lead = views.ask(clients.carbon.lead_seconds(), max_age_s=600.0)
        newest = int(self._now() + lead) // HOUR_S - 1
        hours = range(newest - _LOOK_BACK_HOURS + 1, newest + 1)
        answers = views.ask_many([clients.carbon.intensity_of(h) for h in hours], max_age_s=0.0)
        unknown = [h for h, (known, _) in zip(hours, answers, strict=True) if not known]
        run = _first_run(unknown)
        if not run:
            return []
        return self._signed(run)

    def _signed(self, hours: Sequence[int]) -> list[Due]:
        figures = [self._table.at(hour) for hour in hours]
        quorum = self._chain.views.quorum(max_age_s=0.0)
        domain = read_domains(self._chain.rpc, self._chain.contracts).carbon
        clients = self._chain.clients.certificates
        assert domain is not None
        assert clients is not None
        digest = carbon_digest(domain, hours[0], figures, quorum.epoch)
        try:
            signatures = self._quorum.sign_carbon(hours[0], figures, digest, quorum)
        except QuorumError as error:
            log.warning("carbon intensity of hour %d: %s", hours[0], error)
            return []
        call = clients.carbon.publish(hours[0], figures, signatures)
        return [_due("carbon", f"{hours[0]}-{len(hours)}", call)]


def _first_run(hours: Sequence[int]) -> list[int]:
    """The hours at the beginning that follow each other."""
    run: list[int] = []
    for hour in hours:
        if run and hour != run[-1] + 1:
            break
        run.append(hour)
    return run

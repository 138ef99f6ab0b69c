"""Switching a relay by Blynk: an override by a key to which the authority granted its role.

The admin can withdraw the role on chain at any time; the override ends by itself; and every one
is an event on chain, like the authority's own.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from eth_account.signers.local import LocalAccount

from backend.api.blynk import BlynkError
from backend.api.sign_in import RateLimit
from backend.chain.context import ChainContext
from backend.chain.contracts import ContractError
from backend.chain.sender import Sender, SenderPolicy
from backend.chain.types import Role
from backend.resilience.shedding import Override
from backend.telemetry import outbox
from backend.telemetry.store import Store

_GAS = 400_000
_PRIORITY = 7
_WRITES_A_MINUTE = 10
_LONG_ENOUGH = 0.5
"""An override that lasts for half of what a new one would is not renewed: it would cost gas."""


class AuthoritySwitcher:
    """Writes overrides to the outbox; a sender of its own brings them to the chain."""

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        account: LocalAccount,
        override_s: int,
        confirmations: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._account = account
        self._override_s = override_s
        self._clock = clock
        self._limit = RateLimit(_WRITES_A_MINUTE, 60.0)
        self._sender = Sender(
            store,
            chain.rpc,
            chain.contracts,
            account,
            policy=SenderPolicy(confirmations=confirmations),
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._sender.run, args=(self._stop,), name="blynk-sender", daemon=True
        )

    def start(self) -> None:
        """Starts sending."""
        self._thread.start()

    def stop(self) -> None:
        """Stops sending; what is in the outbox goes on at the next start."""
        self._stop.set()
        self._sender.wake()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    def force(self, switch_id: int, closed: bool) -> None:
        """Has a relay closed or opened for a while. Returns when that is on its way for sure.

        Raises:
            BlynkError: the key lacks the role, or the contract refuses
            NodeUnreachableError: whether it may be cannot be told now
        """
        if not self._chain.views.has_role(Role.AUTHORITY, self._account.address):
            raise BlynkError(
                "The key for Blynk writes does not hold the authority's role: the admin grants it.",
                403,
            )
        wanted = Override.FORCE_CLOSED if closed else Override.FORCE_OPEN
        now = int(self._clock())
        if self._holds(switch_id, wanted, now):
            return
        if self._limit.wait_s(str(switch_id)) > 0:
            raise BlynkError("This relay was switched too often. Wait a minute.", 429)
        contract = self._chain.contracts["PriorityRegistry"]
        call = contract.call("setOverride", switch_id, int(wanted), now + self._override_s)
        (simulated,) = self._chain.views.try_many([call], sender=self._account.address)
        if isinstance(simulated, ContractError):
            raise BlynkError(f"The contract refuses: {simulated.message}.", 403)
        if isinstance(simulated, Exception):
            raise simulated
        with self._store.write() as connection:
            outbox.add(
                connection,
                key=f"override:{switch_id}:{int(self._clock() * 1000)}",
                sender=self._account.address,
                target=call.target,
                data=call.data,
                gas=_GAS,
                priority=_PRIORITY,
                now_ms=int(self._clock() * 1000),
            )
        self._sender.wake()

    def _holds(self, switch_id: int, wanted: Override, now: int) -> bool:
        state = self._chain.views.ask(self._chain.clients.priority.switch_state(switch_id))
        lasts_s = state.override_until - now
        return state.overridden is wanted and lasts_s > self._override_s * _LONG_ENOUGH

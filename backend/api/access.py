"""Who may see whose data. The chain says who holds a meter and who is the operator.

A household sees what was measured since it took the meter over, not what the household before it
used. The operator sees what billing needs, and each look is noted where the household sees it. What
the community owns (DER, batteries, the interconnection) everybody may see.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from flask import request

from backend.api.errors import ApiError
from backend.api.sign_in import SignIn
from backend.chain.context import ChainContext
from backend.chain.contracts import ContractError
from backend.chain.types import Meter, Role
from backend.oracle.registers import EntityKind
from backend.telemetry import access, events
from backend.telemetry.access import AccessEntry
from backend.telemetry.store import Store

_PUBLIC_KINDS = (EntityKind.DER, EntityKind.BATTERY, EntityKind.GRID)
_SAME_LOOK_S = 60
"""A page that refreshes itself is one look a minute, not one a second."""


@dataclass(frozen=True, slots=True)
class Permission:
    """What somebody may see of a meter: what was measured from Unix second `since` on."""

    meter_id: int
    account: str | None
    role: Literal["holder", "operator", "anyone"]
    since: int = 0


class AccessRules:
    """Answers who may, for requests with a session token."""

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        sign_in: SignIn,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._sign_in = sign_in
        self._clock = clock

    def account(self) -> str:
        """Who is signed in with this request; ApiError 401 if nobody."""
        account = self.account_or_none()
        if account is None:
            raise ApiError(401, "not_signed_in", "sign in with your wallet to see this")
        return account

    def account_or_none(self) -> str | None:
        """Who is signed in with this request; ApiError 401 if the token is no longer good."""
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ApiError(
                401, "bad_authorization", "Authorization must be `Bearer <session token>`"
            )
        account = self._sign_in.account_of(token.strip())
        if account is None:
            raise ApiError(401, "session_over", "the session is over: sign in again")
        return account

    def operator(self) -> str:
        """The operator who is signed in; ApiError 401 or 403."""
        account = self.account()
        if not self.is_operator(account):
            raise ApiError(403, "not_operator", f"{account} does not hold the operator's role")
        return account

    def is_operator(self, account: str) -> bool:
        """True if the account holds the operator's role on chain."""
        return self._chain.views.has_role(Role.OPERATOR, account)

    def meter(self, meter_id: int) -> Meter:
        """A registered meter; ApiError 404 if there is none."""
        try:
            found = self._chain.views.meter(meter_id)
            known = found.kind != EntityKind.NONE
        except ContractError as error:
            if error.name != "MeterRegistry_Unknown":
                raise
            known = False
        if not known:
            raise ApiError(404, "unknown_meter", f"there is no meter {meter_id}", "meter")
        return found

    def holder(self, meter_id: int) -> Permission:
        """The holder who is signed in; ApiError if it is somebody else."""
        permission = self.see(meter_id, what=None)
        if permission.role != "holder":
            raise ApiError(403, "not_holder", f"only who holds meter {meter_id} may see this")
        return permission

    def see(self, meter_id: int, what: str | None, *, public: bool = False) -> Permission:
        """What the caller may see of a meter; ApiError if nothing.

        Args:
            what: noted in the household's access log if an operator looks; None: no look
            public: what the community owns may be seen without signing in
        """
        meter = self.meter(meter_id)
        if public and meter.kind in _PUBLIC_KINDS:
            return Permission(meter_id, None, "anyone")
        account = self.account()
        permission = self.permission(meter_id, meter, account)
        if permission is None:
            raise ApiError(
                403, "not_holder", f"only who holds meter {meter_id} and the operator may see this"
            )
        if permission.role == "operator" and what is not None:
            self._note(meter_id, account, what)
        return permission

    def watch(self, meter_id: int, token: str) -> Permission:
        """What who signed in with `token` may see of a meter as it comes; ApiError if nothing."""
        account = self._sign_in.account_of(token)
        if account is None:
            raise ApiError(401, "session_over", "the session is over: sign in again")
        permission = self.permission(meter_id, self.meter(meter_id), account)
        if permission is None:
            raise ApiError(403, "not_holder", f"only who holds meter {meter_id} may watch it")
        if permission.role == "operator":
            self._note(meter_id, account, "live readings")
        return permission

    def permission(self, meter_id: int, meter: Meter, account: str) -> Permission | None:
        """What an account may see of a meter."""
        if meter.claimed and meter.holder.lower() == account.lower():
            return Permission(meter_id, account, "holder", self._since(meter_id, account))
        if self.is_operator(account):
            return Permission(meter_id, account, "operator")
        return None

    def _since(self, meter_id: int, account: str) -> int:
        """The first second in which the meter was the account's.

        Until the claim's event has been read here, that is now.
        """
        with self._store.read() as connection:
            claims = events.query(
                connection,
                contract="MeterRegistry",
                name="MeterClaimed",
                account=account,
                limit=1_000,
            )
        found = (claim.timestamp + 1 for claim in claims if claim.args["meter"] == meter_id)
        return next(found, int(self._clock()))

    def _note(self, meter_id: int, account: str, what: str) -> None:
        entry = AccessEntry(meter_id, account, "operator", what, int(self._clock()))
        with self._store.write() as connection:
            access.record(connection, entry, quiet_s=_SAME_LOOK_S)

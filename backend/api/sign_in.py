"""Signing in with a wallet: an EIP-4361 message, signed once, becomes a session."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from backend.api.wallet_signature import is_signed
from backend.chain.context import ChainContext
from backend.telemetry import access
from backend.telemetry.store import Store

CHALLENGE_S = 300
_MOST_CHALLENGES = 10_000
_STATEMENT = "Sign in to Ohmstead to see what your meter measured. This costs nothing."


class SignInError(ValueError):
    """The sign-in is refused; `code` is for programs, the text for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Challenge:
    """A message to sign; good once, until Unix second `expires_at`."""

    account: str
    domain: str
    message: str
    expires_at: int


class SignIn:
    """Challenges, sessions, and their ends."""

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        session_s: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._session_s = session_s
        self._clock = clock
        self._lock = threading.Lock()
        self._open: OrderedDict[str, Challenge] = OrderedDict()

    def challenge(self, account: str, domain: str, uri: str) -> Challenge:
        """A message for a checksummed account, bound to the host and the chain."""
        now = int(self._clock())
        nonce = secrets.token_hex(16)
        made = Challenge(
            account,
            domain,
            _message(account, domain, uri, self._chain.chain_id, nonce, now),
            now + CHALLENGE_S,
        )
        with self._lock:
            self._open[nonce] = made
            self._forget_old(now)
        return made

    def open_session(self, message: str, signature: bytes, domain: str) -> tuple[str, str, int]:
        """Token, account and Unix second of expiry for a signed challenge.

        A challenge is used up by the attempt, right or wrong. Raises SignInError.
        """
        challenge = self._take(message)
        if challenge is None or challenge.message != message:
            raise SignInError(
                "unknown_challenge",
                "this message was not asked for here, or was used before: ask for a new challenge",
            )
        now = int(self._clock())
        if challenge.expires_at <= now:
            raise SignInError("expired_challenge", "the challenge is too old: ask for a new one")
        if challenge.domain != domain:
            raise SignInError("wrong_domain", f"the challenge is for {challenge.domain}")
        if not is_signed(self._chain, challenge.account, message, signature):
            raise SignInError("bad_signature", f"the signature is not by {challenge.account}")
        token = secrets.token_urlsafe(32)
        with self._store.write() as connection:
            access.drop_expired(connection, now)
            access.open_session(connection, token, challenge.account, now + self._session_s)
        return token, challenge.account, now + self._session_s

    def account_of(self, token: str) -> str | None:
        """Who signed in with `token`, while that holds."""
        with self._store.read() as connection:
            return access.account_of(connection, token, int(self._clock()))

    def close_session(self, token: str) -> None:
        """Signs out."""
        with self._store.write() as connection:
            access.close_session(connection, token)

    def _take(self, message: str) -> Challenge | None:
        nonce = next((line[7:] for line in message.split("\n") if line.startswith("Nonce: ")), "")
        with self._lock:
            return self._open.pop(nonce, None)

    def _forget_old(self, now: int) -> None:
        while self._open:
            oldest = next(iter(self._open.values()))
            if oldest.expires_at > now and len(self._open) <= _MOST_CHALLENGES:
                return
            self._open.popitem(last=False)


class RateLimit:
    """At most `count` events per key in `window_s` seconds."""

    def __init__(
        self, count: int, window_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._count = count
        self._window_s = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """0 if one more is allowed now (and counted), else seconds until it is."""
        now = self._clock()
        with self._lock:
            times = self._seen.setdefault(key, deque())
            self._seen.move_to_end(key)
            while times and times[0] <= now - self._window_s:
                times.popleft()
            while len(self._seen) > 10_000:  # the one that was quiet longest
                self._seen.popitem(last=False)
            if len(times) >= self._count:
                return times[0] + self._window_s - now
            times.append(now)
            return 0.0


def _message(account: str, domain: str, uri: str, chain_id: int, nonce: str, now: int) -> str:
    return (
        f"{domain} wants you to sign in with your Ethereum account:\n"
        f"{account}\n\n"
        f"{_STATEMENT}\n\n"
        f"URI: {uri}\n"
        "Version: 1\n"
        f"Chain ID: {chain_id}\n"
        f"Nonce: {nonce}\n"
        f"Issued At: {_iso(now)}\n"
        f"Expiration Time: {_iso(now + CHALLENGE_S)}"
    )


def _iso(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""Who may connect: a registered charge point with its password, over a path that ends in its name.

OCPP's security profiles 1 (password) and 2 (password under TLS); without a password nobody.
"""

from __future__ import annotations

import base64
import binascii
import re
import ssl
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import unquote

from backend.charging.credentials import Credentials
from backend.telemetry import charging
from backend.telemetry.charging import ChargePoint
from backend.telemetry.store import Store

PATH = "/ocpp/"
_NAME = re.compile(r"[A-Za-z0-9*_=:+|@.\-]{1,48}\Z")  # OCPP 2: identifierString
_FAILURES = 10
_FAILURES_IN_S = 60.0
_MOST_REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class Denied:
    """Why nobody is let in."""

    status: HTTPStatus
    reason: str


class Door:
    """Decides who may connect. Wrong passwords in quick succession are not looked at any more."""

    def __init__(
        self,
        store: Store,
        credentials: Credentials,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def admit(self, path: str, authorization: str | None, address: str) -> ChargePoint | Denied:
        """The charge point that knocks, or why it is sent away. Raises CredentialsError."""
        name = _name(path)
        if name is None:
            return Denied(HTTPStatus.NOT_FOUND, f"connect to {PATH}<charge point>")
        if self._is_guessing(name, address):
            return Denied(HTTPStatus.TOO_MANY_REQUESTS, "too many wrong passwords: wait a minute")
        with self._store.read() as connection:
            point = charging.get(connection, name)
        if point is None or point.removed_at is not None:
            return Denied(HTTPStatus.NOT_FOUND, "no such charge point is registered")
        user, password = _basic(authorization)
        if user != name or not self._credentials.check(name, password):
            self._note_failure(name, address)
            return Denied(HTTPStatus.UNAUTHORIZED, "user name (the charge point) or password")
        return point

    def _is_guessing(self, name: str, address: str) -> bool:
        since = self._clock() - _FAILURES_IN_S
        failures = self._failures.get((name, address))
        while failures and failures[0] < since:
            failures.popleft()
        return failures is not None and len(failures) >= _FAILURES

    def _note_failure(self, name: str, address: str) -> None:
        failures = self._failures.setdefault((name, address), deque(maxlen=_FAILURES))
        failures.append(self._clock())
        self._failures.move_to_end((name, address))
        while len(self._failures) > _MOST_REMEMBERED:
            self._failures.popitem(last=False)


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or later with the service's certificate. Raises OSError, ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context


def _name(path: str) -> str | None:
    path = path.partition("?")[0]
    if not path.startswith(PATH):
        return None
    name = unquote(path.removeprefix(PATH))
    return name if _NAME.match(name) else None


def _basic(authorization: str | None) -> tuple[str, str]:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return user, password

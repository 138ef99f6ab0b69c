"""OCPP's timestamps. Pure."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from backend.charging.said import Refused

_AHEAD_MS = 300_000
_CLOCKS_SINCE_MS = 1_577_836_800_000  # 2020: a clock that says less was never set


def text_of(at_ms: int) -> str:
    """RFC 3339 in UTC with milliseconds."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reader(now_ms: int) -> Callable[[str], int]:
    """From a timestamp's text to ms. One ahead of our clock, or from a clock that was never set, is
    now: nothing can have happened later, and a wrong year is no reason to lose a session."""

    def when(text: str) -> int:
        try:
            moment = datetime.fromisoformat(text)
        except (TypeError, ValueError):
            raise Refused("FormatViolation", f"timestamp {text!r:.40} is not RFC 3339") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        try:
            at_ms = round(moment.timestamp() * 1000)
        except (OverflowError, ValueError):
            return now_ms
        return at_ms if _CLOCKS_SINCE_MS <= at_ms <= now_ms + _AHEAD_MS else now_ms

    return when

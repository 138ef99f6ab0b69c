"""Sending notices so that one receiver's fault is not the sender's."""

from __future__ import annotations

import logging
from typing import Any

from blinker import NamedSignal

log = logging.getLogger(__name__)


def announce(signal: NamedSignal, **arguments: Any) -> None:
    """Tells every receiver; one that fails is logged and does not stop the others."""
    for receiver in list(signal.receivers_for(None)):
        try:
            receiver(None, **arguments)
        except Exception:
            log.exception("a receiver of %s failed", signal.name)

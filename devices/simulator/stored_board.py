"""A board whose program runs on Python and remembers in the file that a compiled board keeps.

Either goes on where the other stopped. For real time; tests in virtual time take `VirtualBoard`.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

from Crypto.Cipher import AES

from devices.esp32 import settings
from devices.esp32.ccm import Ccm
from devices.simulator.boards import WATCHDOG
from devices.simulator.ether import Ether
from devices.simulator.metering_chips import Bus
from devices.simulator.virtual_board import VirtualBoard

_LOG = logging.getLogger("neighbourhood")


class StoredBoard(VirtualBoard):
    """As `VirtualBoard`; a program that fails is restarted, as its watchdog would do it."""

    def __init__(
        self, ether: Ether, place: tuple[float, float], storage: Path, bus: Bus | None = None
    ) -> None:
        super().__init__(ether, place, {}, bus, _ccm)
        self.path = storage

    def _step(self) -> int | None:
        try:
            return super()._step()
        except Exception as error:
            _LOG.exception("board %s", self.path.stem)
            self.printed.append(f"{type(error).__name__}: {error}")
            self._restart(WATCHDOG)
            return None

    def random(self, count: int) -> bytes:
        """Unpredictable, as it is no test's."""
        return os.urandom(count)

    # ---- its non-volatile storage ----------------------------------------------------------------

    def load(self) -> dict[str, Any]:
        return {**settings.defaults(), "key": "", "secret": "", **self._read("config")}

    def save(self, config: dict[str, Any]) -> None:
        self._write("config", json.dumps(config))

    def load_memory(self) -> dict[str, Any] | None:
        return self._read("memory") or None

    def save_memory(self, text: str) -> None:
        self._write("memory", text)

    def _stored(self) -> dict[str, str]:
        return dict(json.loads(self.path.read_text())) if self.path.exists() else {}

    def _read(self, name: str) -> dict[str, Any]:
        text = self._stored().get(name)
        return dict(json.loads(bytes.fromhex(text))) if text else {}

    def _write(self, name: str, text: str) -> None:
        whole = {**self._stored(), name: text.encode().hex()}
        draft = self.path.with_name(self.path.name + ".draft")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(json.dumps(whole))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


def _ccm(secret: bytes) -> Ccm:
    return Ccm(secret, AES.new(secret, AES.MODE_ECB).encrypt)

"""A node's non-volatile memory: one JSON file, written whole or not at all."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, NamedTuple


class Draft(NamedTuple):
    """Content to be written; a higher number is newer."""

    number: int
    text: str


class DamagedMemory(RuntimeError):  # noqa: N818 - says what is the matter
    """A memory file cannot be read; the message names it and what to do."""


class Memory:
    """What a simulated node keeps when it loses power.

    `write` returns when the disk has it, so that a frame sent afterwards can never be contradicted
    by what the node remembers after a crash.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._made = self._kept = Draft(0, "")
        self._lock = threading.Lock()

    def read(self) -> dict[str, Any] | None:
        """What was written last; None if nothing ever was.

        Raises:
            DamagedMemory: the file is damaged.
        """
        try:
            text = self.path.read_text()
            content = json.loads(text)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DamagedMemory(
                f"{self.path}: {error}; restore it, or remove it to let the device start from zero "
                "(its meter must then be rebased by the operator)"
            ) from error
        if not isinstance(content, dict):
            raise DamagedMemory(f"{self.path} holds no JSON object; restore it or remove it")
        return content

    def changed(self, content: dict[str, Any]) -> Draft | None:
        """`content`, to be given to `write`; None if it is what was written last."""
        text = json.dumps(content)
        if text == self._kept.text:
            return None
        self._made = Draft(self._made.number + 1, text)
        return self._made

    def write(self, made: Draft) -> None:
        """Replaces the file, durably, unless a newer draft is there. Threads may share it."""
        with self._lock:
            if made.number > self._kept.number:
                self._replace(made.text)
                self._kept = made

    def _replace(self, text: str) -> None:
        draft = self.path.with_name(self.path.name + ".draft")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, text.encode())
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(draft, self.path)

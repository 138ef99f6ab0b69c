"""Files that hold secrets: for their owner alone, and whole whenever the machine stops."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path


def write_secret(path: Path, text: str) -> None:
    """Writes `text` with mode 600 so that a crash leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def secret_once(path: Path, make: Callable[[], str]) -> str:
    """The secret in `path`, made by `make` the first time."""
    if not path.exists():
        write_secret(path, make() + "\n")
    return path.read_text().strip()

"""A node's memory: whole or not at all, and never older than what it said."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from devices.simulator.memory import DamagedMemory, Memory


def test_what_was_written_is_read(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "4.nvm.json")
    assert memory.read() is None
    draft = memory.changed({"boot": 1})
    assert draft is not None
    memory.write(draft)
    assert memory.read() == {"boot": 1}
    assert memory.changed({"boot": 1}) is None
    assert [path.name for path in tmp_path.iterdir()] == ["4.nvm.json"]
    assert (tmp_path / "4.nvm.json").stat().st_mode & 0o777 == 0o600


def test_an_older_draft_never_replaces_a_newer_one(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "x")
    drafts = [draft for n in range(50) if (draft := memory.changed({"n": n}))]
    threads = [threading.Thread(target=memory.write, args=(draft,)) for draft in reversed(drafts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert memory.read() == {"n": 49}


def test_a_half_written_draft_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "x.draft").write_text('{"boot"')
    memory = Memory(tmp_path / "x")
    assert memory.read() is None
    draft = memory.changed({"boot": 2})
    assert draft is not None
    memory.write(draft)
    assert memory.read() == {"boot": 2}


def test_an_unreadable_memory_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(DamagedMemory, match="restore it, or remove it"):
        Memory(tmp_path / "x").read()

"""`make reset`: forgets the local chain and everything measured on it, and nothing else."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from scripts.supervise.surroundings import ROOT, Surroundings, SurroundingsError, lock_home

LOCAL_CHAINS = (31337, 1337)
_FOLDERS = ("chain", "keys", "signers", "devices", "logs")
_FILES = (
    "store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "claim-codes.json",
    "provisioned.json", "run.json",
)  # fmt: skip


def reset(home: Path, deployments: Path) -> None:
    """Removes a local run's state from `home` and its deployment file.

    Raises:
        SurroundingsError: it runs, or the home also belongs to a public network.
    """
    public = [
        path.stem
        for folder in (home / "deploy", home / "deployments")
        for path in folder.glob("*.json")
        if path.stem.isdecimal() and int(path.stem) not in LOCAL_CHAINS
    ]
    if public:
        raise SurroundingsError(
            f"{home} also holds keys and state of chain {', '.join(sorted(set(public)))}: nothing "
            "was removed; give the demo a home of its own by OHMSTEAD_HOME"
        )
    if home.exists():
        lock = lock_home(home)
        for name in _FOLDERS:
            shutil.rmtree(home / name, ignore_errors=True)
        for name in _FILES:
            (home / name).unlink(missing_ok=True)
        for chain_id in LOCAL_CHAINS:
            (home / "deploy" / f"{chain_id}.json").unlink(missing_ok=True)
        lock.close()
        (home / "run.lock").unlink(missing_ok=True)
    for chain_id in LOCAL_CHAINS:
        (deployments / f"{chain_id}.json").unlink(missing_ok=True)
    for folder in (home / "deploy", home / "deployments", home):
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def run() -> int:
    """The exit status."""
    try:
        home = Surroundings.from_environment(os.environ).home
        folder = home if os.environ.get("OHMSTEAD_HOME") else ROOT
        reset(home, folder / "deployments")
    except SurroundingsError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"removed the local chain and what was measured on it ({home})")
    return 0


if __name__ == "__main__":
    sys.exit(run())

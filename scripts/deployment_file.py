"""Writes `deployments/<chainId>.json`, from which the service and the page know the contracts."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_deployment(
    folder: Path, chain_id: int, slot_seconds: int, contracts: Mapping[str, Mapping[str, Any]]
) -> Path:
    """Writes the file, whole or not at all, and keeps `deployedAt` of an unchanged deployment.

    Args:
        folder: where deployments are.
        slot_seconds: length of a slot in the deployed ledger.
        contracts: name -> address, abi, block.
    """
    path = folder / f"{chain_id}.json"
    deployed_at = _same_deployment(path, contracts) or int(time.time())
    document = {
        "chainId": chain_id,
        "slotSeconds": slot_seconds,
        "deployedAt": deployed_at,
        "contracts": contracts,
    }
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(document, indent=1) + "\n")
    draft.replace(path)
    return path


def _same_deployment(path: Path, contracts: Mapping[str, Mapping[str, Any]]) -> int | None:
    try:
        old = json.loads(path.read_text())
        addresses = {name: entry["address"] for name, entry in old["contracts"].items()}
        deployed_at = int(old["deployedAt"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    new = {name: entry["address"] for name, entry in contracts.items()}
    return deployed_at if addresses == new else None

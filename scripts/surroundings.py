"""The settings of a script: the service's own, with the network that Ape resolved."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from backend.chain.accounts import LOCAL_CHAINS
from backend.config import PROJECT, Settings, load_settings

_NETWORKS = {11155111: "sepolia", 17000: "holesky", 560048: "hoodi", 1: "mainnet"}


def network_name(chain_id: int) -> str:
    """'sepolia', or 'chain-<id>' for one that has no name here."""
    return _NETWORKS.get(chain_id, f"chain-{chain_id}")


def settings_on(
    chain_id: int, rpc_url: str, environment: Mapping[str, str] | None = None
) -> Settings:
    """The service's settings for the chain Ape is connected to.

    A public network has a home of its own (`.ohmstead-sepolia`), unless OHMSTEAD_HOME names one, so
    that its keys and store never meet those of a demo, nor `make reset`.

    Raises:
        backend.config.ConfigError: a setting is wrong.
    """
    environment = os.environ if environment is None else environment
    settings = load_settings({**environment, "OHMSTEAD_RPC_URL": rpc_url})
    if chain_id in LOCAL_CHAINS or settings.home_is_set:
        return settings
    return settings.model_copy(update={"home": PROJECT / f".ohmstead-{network_name(chain_id)}"})


def plan_file(settings: Settings, chain_id: int, environment: Mapping[str, str]) -> Path:
    """The plan of the deployment: OHMSTEAD_PLAN, or `<network>.toml` beside the deployments."""
    named = environment.get("OHMSTEAD_PLAN")
    if named:
        return Path(named).expanduser().resolve()
    return settings.deployments_dir / f"{network_name(chain_id)}.toml"

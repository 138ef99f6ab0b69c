"""`ape run provision`: the simulated neighbourhood on a deployment that is there already."""

from __future__ import annotations

from typing import Any

import click
from ape.cli import ConnectedProviderCommand


@click.command(cls=ConnectedProviderCommand)
def cli(provider: Any) -> None:
    """Register the neighbourhood's meters and switches, issue one-time codes."""
    from backend.chain.accounts import AccountError
    from backend.chain.deployment import DeploymentError
    from backend.config import ConfigError
    from scripts.provisioning import ProvisionError, provision_demo
    from scripts.surroundings import settings_on
    from scripts.transactions import TransactionError

    try:
        settings = settings_on(int(provider.chain_id), str(provider.uri))
        provision_demo(settings, int(provider.chain_id), click.echo)
    except (
        AccountError, ConfigError, DeploymentError, ProvisionError, TransactionError
    ) as error:  # fmt: skip
        raise click.ClickException(str(error)) from error

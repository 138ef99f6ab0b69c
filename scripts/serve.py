"""`ape run serve`: the service on the network that Ape is connected to.

Ape resolves the network; this resolves the deployment on it and the relayer's key, and hands them
to the app.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import click
from ape.cli import ConnectedProviderCommand

_AWAIT_S = 180.0
_BOOT_ERROR = 3  # gunicorn's master then ends too, instead of trying again


@click.command(cls=ConnectedProviderCommand)
@click.option(
    "--await-deployment", is_flag=True, help="Wait for a deployment that is under way beside."
)
def cli(provider: Any, await_deployment: bool) -> None:
    """Serve ingest, API and web page."""
    from flask import Flask

    from backend.app import create_app, stop_app
    from backend.chain.accounts import AccountError, load_account
    from backend.chain.context import ChainContext
    from backend.chain.deployment import DeploymentError, load_for_chain
    from backend.config import ConfigError
    from backend.ingest.keyring import KeyringError
    from backend.ingest.serial_gateway import SerialError
    from backend.oracle.salts import SaltKeyError
    from backend.telemetry.store import StoreError
    from scripts.surroundings import settings_on
    from scripts.web_server import WebServer

    try:
        settings = settings_on(provider.chain_id, str(provider.uri))
        relayer_file = settings.keys_dir / "relayer.json"
        if await_deployment:
            # Written last: keys, meters and the deployment's file are all there by then.
            _await((settings.home / "provisioned.json").exists)
        deployment = load_for_chain(settings.deployments_dir, provider.chain_id)
        relayer = load_account(relayer_file, os.environ.get("OHMSTEAD_PASSPHRASE"))
        chain = ChainContext(settings.rpc_url, deployment, {"relayer": relayer})
        chain.check()
    except (ConfigError, DeploymentError, AccountError) as error:
        raise click.ClickException(str(error)) from error

    def make_app() -> Flask:
        # Anew after the fork: connections are not shared between processes.
        mine = ChainContext(settings.rpc_url, deployment, {"relayer": relayer})
        try:
            return create_app(settings, mine)
        except (AccountError, KeyringError, SaltKeyError, SerialError, StoreError) as error:
            click.echo(f"Error: {error}", err=True)
            raise SystemExit(_BOOT_ERROR) from error

    click.echo(f"chain {provider.chain_id}, http://{settings.host}:{settings.port}")
    WebServer(settings.host, settings.port, make_app, stop_app).serve()


def _await(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _AWAIT_S
    while not ready() and time.monotonic() < deadline:
        time.sleep(0.1)

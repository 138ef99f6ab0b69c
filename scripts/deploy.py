"""`ape run deploy`: the contracts on the network that Ape is connected to, and their roles.

Run again after an interruption it does what is missing, and after that nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from ape.cli import ConnectedProviderCommand

if TYPE_CHECKING:
    from backend.config import Settings
    from scripts.deployer import Deployer
    from scripts.plan import Plan

_LOCAL_SLOT_SECONDS = 15


@click.command(cls=ConnectedProviderCommand)
@click.option("--demo", is_flag=True, help="Also set up the simulated neighbourhood.")
@click.option(
    "--hamlet",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Deployment file of the demo: deploy and set up the small microgrid next door to it.",
)
def cli(provider: Any, demo: bool, hamlet: Path | None) -> None:
    """Deploy the contracts, grant the roles, write deployments/<chainId>.json."""
    from ape import project
    from ape.exceptions import ApeException
    from ape.logging import logger

    from backend.chain.accounts import LOCAL_CHAINS, AccountError
    from backend.chain.deployment import load_deployment
    from backend.config import ConfigError
    from scripts import development
    from scripts.accounts import sending_account
    from scripts.deployer import Deployed, Deployer, DeployError
    from scripts.hamlet import OMITTED, set_up_hamlet
    from scripts.keyfiles import KeyFileError, random_hex, secret_once
    from scripts.plan import PlanError
    from scripts.provisioning import ProvisionError, provision_demo
    from scripts.surroundings import settings_on
    from scripts.transactions import TransactionError

    logger.set_level("ERROR")  # this says itself what it sends
    chain_id = int(provider.chain_id)
    local = chain_id in LOCAL_CHAINS
    if hamlet is not None and not local:
        raise click.UsageError("--hamlet is for the demo on a local chain")
    try:
        settings = settings_on(chain_id, str(provider.uri))
        account = sending_account(chain_id, development.DEPLOYER)
        near = load_deployment(hamlet) if hamlet is not None else None
        tie = near["Interconnection"] if near is not None else None
        plan = (
            _local_plan(settings, near is not None) if local else _public_plan(settings, chain_id)
        )
        deployer = Deployer(
            project,
            account,
            chain_id,
            plan,
            settings.home / "deploy" / f"{chain_id}.json",
            click.echo,
            adopted={tie.name: Deployed(tie.address, tie.block)} if tie is not None else None,
            omitted=OMITTED if near is not None else (),
        )
        _deploy(deployer, settings, chain_id)
        secret_once(settings.keys_dir / "salt.hex", random_hex)  # the service cannot begin without
        if demo:
            provision_demo(settings, chain_id, click.echo)
        if near is not None:
            set_up_hamlet(settings, chain_id, near, click.echo)
    except (
        AccountError, ApeException, ConfigError, DeployError, KeyFileError, PlanError,
        ProvisionError, TransactionError,
    ) as error:  # fmt: skip
        raise click.ClickException(str(error)) from error
    if not local:
        _verify_sources(chain_id, deployer)
        _next_steps(plan, settings)


def _deploy(deployer: Deployer, settings: Settings, chain_id: int) -> None:
    from scripts.deployment_file import write_deployment

    deployed = deployer.deploy()
    contracts = {
        name: {"address": found.address, "abi": deployer.abi(name), "block": found.block}
        for name, found in deployed.items()
    }
    slot_seconds = deployer.slot_seconds()
    path = write_deployment(settings.deployments_dir, chain_id, slot_seconds, contracts)
    spent = f"{deployer.gas_used:,} gas, {deployer.fee_wei / 1e18:.6f} ether"
    click.echo(f"wrote {path} ({spent if deployer.gas_used else 'nothing was missing'})")


def _local_plan(settings: Settings, hamlet: bool) -> Plan:
    from eth_account import Account

    from backend.chain.accounts import save_account
    from scripts import development
    from scripts.keyfiles import account_once
    from scripts.new_keys import SIGNERS
    from scripts.plan import local_plan

    keys = settings.keys_dir
    count, whose = (1, development.HAMLET) if hamlet else (SIGNERS, 0)
    signers = [str(account_once(keys / f"signer-{i}.json").address) for i in range(count)]
    if not (keys / "relayer.json").exists():
        relayer = development.account(development.RELAYER, whose)
        save_account(keys / "relayer.json", Account.from_key(relayer.private_key))
    slot_seconds = int(os.environ.get("OHMSTEAD_SLOT_SECONDS") or _LOCAL_SLOT_SECONDS)
    source: Literal["posted", "feed"] = "posted" if hamlet else "feed"
    return local_plan(signers, slot_seconds, source, whose)


def _public_plan(settings: Settings, chain_id: int) -> Plan:
    from scripts.accounts import PASSPHRASE
    from scripts.keyfiles import KeyFileError
    from scripts.new_keys import make_plan
    from scripts.plan import read_plan
    from scripts.surroundings import plan_file

    path: Path = plan_file(settings, chain_id, os.environ)
    if not path.exists():
        passphrase = os.environ.get(PASSPHRASE)
        if not passphrase:
            raise KeyFileError(
                f"there is no plan {path}: write it after deployments/sepolia.example.toml, or set "
                f"{PASSPHRASE} and a key is made for every role"
            )
        made = make_plan(path, settings.keys_dir, passphrase)
        click.echo(f"no plan was there: wrote {path} with a fresh key for every role in")
        for file in made:
            click.echo(f"  {file}")
        click.echo("keep copies of these files; whoever has one and its passphrase has the role")
    return read_plan(path, chain_id)


def _verify_sources(chain_id: int, deployer: Deployer) -> None:
    from scripts.etherscan import API, Etherscan, EtherscanError

    key = os.environ.get("ETHERSCAN_API_KEY")
    if not key:
        click.echo("sources not verified: set ETHERSCAN_API_KEY and run again to do so")
        return
    etherscan = Etherscan(chain_id, key, os.environ.get("ETHERSCAN_API_URL") or API)
    for name, (address, source) in deployer.sources().items():
        try:
            etherscan.verify(address, source)
            click.echo(f"source of {name} verified")
        except EtherscanError as error:  # the deployment stands, verified or not
            click.echo(f"source of {name} not verified: {error}")


def _next_steps(plan: Plan, settings: Settings) -> None:
    click.echo(
        f"next: send ether to the relayer {plan.roles.relayer}, start the signers, then "
        f"`make serve` (keys and state in {settings.home})"
    )

"""What one deployment is to be: its roles, prices, rates and tariffs, from a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Self

from eth_utils.address import is_address, to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from backend.chain.accounts import refuse_development_keys
from scripts import development
from scripts.roles import ADMIN_DELAY_SECONDS, RoleHolders

TARIFF_FOLDER = Path(__file__).parent / "tariffs"
EXAMPLE = "deployments/sepolia.example.toml"


class PlanError(ValueError):
    """The plan is not acceptable; each line of the message names a key and the fix."""


def _address(value: str) -> str:
    if not is_address(value) or int(value, 16) == 0:
        raise ValueError(f"{value!r} is not an account's address (0x and 40 hex digits)")
    return to_checksum_address(value)


def _tariff(name: str) -> str:
    known = sorted(path.stem for path in TARIFF_FOLDER.glob("*.json"))
    if name not in known:
        raise ValueError(f"no tariff {name!r} in scripts/tariffs: choose from {', '.join(known)}")
    return name


Address = Annotated[str, AfterValidator(_address)]
Positive = Annotated[int, Field(gt=0)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Roles(_Strict):
    """The roles' accounts as the file names them."""

    admin: Address
    operator: Address
    authorities: tuple[Address, ...]
    certifier: Address
    relayer: Address
    pauser: Address
    signers: tuple[Address, ...]
    signer_threshold: Positive

    def holders(self) -> RoleHolders:
        """The checked assignment.

        Raises:
            RoleError: two roles have one key, too few authorities, a wrong threshold.
        """
        return RoleHolders(
            admin=self.admin,
            operator=self.operator,
            authorities=self.authorities,
            certifier=self.certifier,
            relayer=self.relayer,
            pauser=self.pauser,
            signers=self.signers,
            threshold=self.signer_threshold,
        )


class Stablecoin(_Strict):
    """An ERC-20 that the desk takes for INR."""

    address: Address
    micro_inr_per_token: Positive = 1_000_000


class Parameters(_Strict):
    """Figures that the contracts start with; the operator and the admin can change them later."""

    slot_seconds: Positive = 900
    admin_delay_seconds: Annotated[int, Field(ge=0, lt=2**32)] = ADMIN_DELAY_SECONDS
    ether_rate_micro_inr: Positive = 250_000_000_000
    buy_price_micro_inr_per_kwh: Positive = 6_000_000
    sell_price_micro_inr_per_kwh: Positive = 3_000_000
    tariffs: tuple[Annotated[str, AfterValidator(_tariff)], ...] = ("kseb-2022-23",)


class Plan(_Strict):
    """Roles, figures and the stablecoin, if any, of one deployment."""

    roles: Roles
    parameters: Parameters = Parameters()
    stablecoin: Stablecoin | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.roles.holders()
        figures = self.parameters
        if figures.sell_price_micro_inr_per_kwh > figures.buy_price_micro_inr_per_kwh:
            raise ValueError(
                "parameters: sell_price_micro_inr_per_kwh is above buy_price_micro_inr_per_kwh; "
                "the microgrid must not pay more for a kWh than it takes"
            )
        return self


def read_plan(path: Path, chain_id: int) -> Plan:
    """The plan in `path`, checked for use on `chain_id`.

    Raises:
        PlanError: the file is missing or wrong; names the keys.
        backend.chain.accounts.AccountError: a well-known key on a public chain.
    """
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}; {EXAMPLE} shows what belongs in it") from error
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path} is not TOML: {error}") from error
    try:
        plan = Plan.model_validate(content)
    except ValidationError as error:
        raise PlanError("\n".join(_problems(path, error))) from error
    refuse_development_keys(dict(plan.roles.holders().named()), chain_id)
    return plan


def _problems(path: Path, error: ValidationError) -> list[str]:
    """One line for each problem: file, key, what is wrong."""
    return [
        ": ".join(
            filter(
                None,
                (
                    str(path),
                    ".".join(map(str, problem["loc"])),
                    problem["msg"].removeprefix("Value error, "),
                ),
            )
        )
        for problem in error.errors()
    ]


def local_plan(signers: list[str], slot_seconds: int) -> Plan:
    """The plan of a local chain: development accounts, no delays, the demo's slots.

    Args:
        signers: addresses of the oracle nodes' keys.
        slot_seconds: length of a slot on the wall clock.
    """
    address = [development.account(index).address for index in range(development.ACCOUNTS)]
    return Plan(
        roles=Roles(
            admin=address[development.ADMIN],
            operator=address[development.OPERATOR],
            authorities=(address[development.AUTHORITY], address[development.SECOND_AUTHORITY]),
            certifier=address[development.CERTIFIER],
            relayer=address[development.RELAYER],
            pauser=address[development.PAUSER],
            signers=tuple(signers),
            signer_threshold=len(signers) // 2 + 1,
        ),
        parameters=Parameters(slot_seconds=slot_seconds, admin_delay_seconds=0),
    )

"""What one deployment is to be: its roles, prices, rates and tariffs, from a TOML file."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from eth_utils.address import is_address, to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from backend.chain.accounts import refuse_development_keys
from scripts import development
from scripts.roles import ADMIN_DELAY_SECONDS, RoleHolders

TARIFF_FOLDER = Path(__file__).parent / "tariffs"
_FEED_MAX_AGE_S = 900
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


class EtherRate(_Strict):
    """What an ether is worth, and how far and how fast the operator may move that."""

    micro_inr: Positive = 250_000_000_000
    min_micro_inr: Positive = 25_000_000_000
    max_micro_inr: Positive = 2_500_000_000_000
    max_step_bps: Annotated[int, Field(gt=0, le=10_000)] = 1_000
    min_interval_seconds: Annotated[int, Field(ge=0, lt=2**24)] = 3_600
    max_age_seconds: Annotated[int, Field(gt=0, lt=2**24)] = 86_400


class Prices(_Strict):
    """The microgrid's posted prices in micro-rupees per kWh, and the bounds of later ones."""

    buy_micro_inr_per_kwh: Positive = 6_000_000
    sell_micro_inr_per_kwh: Positive = 3_000_000
    min_micro_inr_per_kwh: Positive = 500_000
    max_micro_inr_per_kwh: Positive = 30_000_000
    max_age_seconds: Positive = 7 * 86_400
    source: Literal["posted", "feed"] = "posted"
    """Where the market takes its prices from at first; the admin can change that later."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        figures = (
            self.min_micro_inr_per_kwh,
            self.sell_micro_inr_per_kwh,
            self.buy_micro_inr_per_kwh,
            self.max_micro_inr_per_kwh,
        )
        if list(figures) != sorted(figures):
            raise ValueError(
                "must be min <= sell <= buy <= max (micro_inr_per_kwh), but are "
                + ", ".join(f"{figure:,}" for figure in figures)
            )
        return self


class Feed(_Strict):
    """What price rounds are held to; prices in micro-rupees per kWh."""

    number: Annotated[int, Field(ge=0, lt=2**32)] = 1
    start_micro_inr_per_kwh: Positive = 6_000_000
    min_micro_inr_per_kwh: Positive = 3_000_000
    max_micro_inr_per_kwh: Annotated[int, Field(gt=0, lt=2**32)] = 12_000_000
    max_age_seconds: Annotated[int, Field(gt=0, lt=2**32)] = 60
    max_skew_seconds: Annotated[int, Field(ge=0, lt=2**32)] = 5
    max_step_ppm: Annotated[int, Field(gt=0, lt=2**32)] = 10_000
    sell_share_bps: Annotated[int, Field(ge=0, le=10_000)] = 5_000

    @model_validator(mode="after")
    def _check(self) -> Self:
        figures = (
            self.min_micro_inr_per_kwh, self.start_micro_inr_per_kwh, self.max_micro_inr_per_kwh
        )  # fmt: skip
        if list(figures) != sorted(figures):
            raise ValueError(
                "must be min <= start <= max (micro_inr_per_kwh), but are "
                + ", ".join(f"{figure:,}" for figure in figures)
            )
        return self


class Carbon(_Strict):
    """What the feed of the main grid's carbon intensity is held to, g CO2/kWh."""

    min_g_per_kwh: Annotated[int, Field(ge=0, lt=65_535)] = 0
    max_g_per_kwh: Annotated[int, Field(gt=0, lt=65_535)] = 1_500
    max_age_seconds: Annotated[int, Field(gt=0, lt=2**32)] = 30 * 86_400
    lead_seconds: Annotated[int, Field(ge=0, le=3_600)] = 0
    """How long before its end an hour may be published: a table can, a measurement cannot."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min_g_per_kwh > self.max_g_per_kwh:
            raise ValueError(
                f"min_g_per_kwh {self.min_g_per_kwh} is above max_g_per_kwh {self.max_g_per_kwh}"
            )
        return self


class Vehicles(_Strict):
    """Charging from surplus and discharging under stress: prices, grid states, a session's limits.

    Prices in micro-rupees per kWh, energies in Wh a slot, shares in 0.01 %.
    """

    min_micro_inr_per_kwh: Annotated[int, Field(gt=0, lt=2**40)] = 2_000_000
    max_micro_inr_per_kwh: Annotated[int, Field(gt=0, lt=2**40)] = 12_000_000
    min_multiplier_bps: Annotated[int, Field(gt=0, le=1_000_000)] = 10_000
    max_multiplier_bps: Annotated[int, Field(gt=0, le=1_000_000)] = 20_000
    demand_weight_bps: Annotated[int, Field(ge=0, le=10_000)] = 6_000
    clean_g_per_kwh: Annotated[int, Field(ge=0, lt=65_535)] = 300
    dirty_g_per_kwh: Annotated[int, Field(gt=0, lt=65_535)] = 900
    surplus_wh: Annotated[int, Field(gt=0, lt=2**32)] = 500
    stress_wh: Annotated[int, Field(gt=0, lt=2**32)] = 1_300
    peak_wh: Annotated[int, Field(gt=0, lt=2**32)] = 2_500
    max_state_age_slots: Annotated[int, Field(gt=0, lt=2**16)] = 2
    max_price_age_seconds: Annotated[int, Field(gt=0, lt=2**32)] = 3_600
    max_soc_age_slots: Annotated[int, Field(gt=0, lt=2**16)] = 4
    min_efficiency_bps: Annotated[int, Field(ge=5_000, le=10_000)] = 8_500
    soc_tolerance_bps: Annotated[int, Field(ge=0, le=1_000)] = 300
    gap_seconds: Annotated[int, Field(gt=0, lt=2**32)] = 86_400
    abandon_seconds: Annotated[int, Field(gt=0, lt=2**32)] = 7 * 86_400

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.min_micro_inr_per_kwh > self.max_micro_inr_per_kwh:
            raise ValueError("min_micro_inr_per_kwh is above max_micro_inr_per_kwh")
        if self.min_multiplier_bps > self.max_multiplier_bps:
            raise ValueError("min_multiplier_bps is above max_multiplier_bps")
        if self.clean_g_per_kwh >= self.dirty_g_per_kwh:
            raise ValueError("dirty_g_per_kwh must be above clean_g_per_kwh")
        if self.abandon_seconds < self.gap_seconds:
            raise ValueError("abandon_seconds must be at least gap_seconds")
        return self


class Witness(_Strict):
    """What meters' own signatures can cost the oracle nodes, and how long that takes."""

    window_seconds: Positive = 7 * 86_400
    rebuttal_seconds: Positive = 86_400
    grace_seconds: Annotated[int, Field(ge=0, lt=2**64)] = 86_400
    skew_seconds: Annotated[int, Field(ge=0, lt=2**64)] = 120
    unbonding_seconds: Positive = 14 * 86_400
    prover_share_bps: Annotated[int, Field(ge=0, lt=5_000)] = 3_000
    deposit_wei: Annotated[int, Field(gt=0, lt=2**127)] = 10**16
    bond_wei: Annotated[int, Field(ge=0, lt=2**127)] = 0
    """What the deployer puts behind each signer at first; 0 leaves that to the nodes."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.unbonding_seconds < self.window_seconds:
            raise ValueError(
                f"unbonding_seconds: {self.unbonding_seconds} is below window_seconds"
                f" {self.window_seconds}; a liar could take its bond away in time"
            )
        return self


Ppm = Annotated[int, Field(ge=0, lt=2**32)]


class Policy(_Strict):
    """Where the sustainability policy starts, and how far and fast it may move; millionths.

    The lists are in the contract's order: multiplier, kappa and cap of the equity boost, w1..w4.
    """

    epoch_seconds: Annotated[int, Field(gt=0, lt=2**32)] = 86_400
    start: tuple[Ppm, Ppm, Ppm, Ppm, Ppm, Ppm, Ppm] = (
        1_000_000, 500_000, 300_000, 300_000, 300_000, 300_000, 100_000,
    )  # fmt: skip
    lowest: tuple[Ppm, Ppm, Ppm, Ppm, Ppm, Ppm, Ppm] = (
        500_000, 100_000, 100_000, 50_000, 50_000, 50_000, 50_000,
    )  # fmt: skip
    highest: tuple[Ppm, Ppm, Ppm, Ppm, Ppm, Ppm, Ppm] = (
        1_500_000, 1_000_000, 500_000, 700_000, 700_000, 700_000, 700_000,
    )  # fmt: skip
    max_step: tuple[Ppm, Ppm, Ppm, Ppm, Ppm, Ppm, Ppm] = (
        20_000, 20_000, 20_000, 10_000, 10_000, 10_000, 10_000,
    )  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> Self:
        rows = zip(self.lowest, self.start, self.highest, self.max_step, strict=True)
        for index, (low, start, high, step) in enumerate(rows):
            if not low <= start <= high:
                raise ValueError(f"entry {index}: must be lowest <= start <= highest")
            if step == 0:
                raise ValueError(f"max_step, entry {index}: 0 would never move")
        return self


class Incentives(_Strict):
    """What projects are held to."""

    max_request_micro_inr: Annotated[int, Field(gt=0, lt=2**96)] = 50_000_000_000
    decision_seconds: Annotated[int, Field(gt=0, lt=2**32)] = 30 * 86_400
    claim_seconds: Annotated[int, Field(gt=0, lt=2**32)] = 90 * 86_400
    epoch_share_bps: Annotated[int, Field(gt=0, le=10_000)] = 2_000
    """Most of the pool that is granted in one policy epoch."""


class Parameters(_Strict):
    """Figures that the contracts start with; the operator and the admin can change most later."""

    slot_seconds: Positive = 900
    admin_delay_seconds: Annotated[int, Field(ge=0, lt=2**32)] = ADMIN_DELAY_SECONDS
    emergency_credit_wh: Annotated[int, Field(ge=0)] = 1_000
    max_request_wh: Positive = 50_000
    advance_limit_wh: Annotated[int, Field(ge=0, lt=2**64)] = 500_000
    auction_min_bond_micro_inr: Annotated[int, Field(gt=0, lt=2**64)] = 5_000_000
    relay_fee_micro_inr: Annotated[int, Field(ge=0, le=1_000_000)] = 100
    """What a source pays each relay for one delivered message."""
    tariffs: tuple[Annotated[str, AfterValidator(_tariff)], ...] = ("kseb-domestic-2022-23",)


class Markets(_Strict):
    """The day-ahead market and the pool: ticks, times, and the main grid's prices at the start."""

    tick_micro_inr_per_kwh: Positive = 50_000
    tick_count: Annotated[int, Field(gt=0, le=1_000)] = 600
    gate_seconds: Annotated[int, Field(ge=0, lt=2**32)] = 3_600
    horizon_seconds: Annotated[int, Field(gt=0, lt=2**32)] = 2 * 86_400
    min_order_wh: Annotated[int, Field(gt=0, lt=2**31)] = 10
    report_seconds: Positive = 3_600
    buyback_micro_inr_per_kwh: Annotated[int, Field(ge=0, lt=2**32)] = 3_000_000
    retail_micro_inr_per_kwh: Annotated[int, Field(ge=0, lt=2**32)] = 7_000_000
    min_micro_inr_per_kwh: Annotated[int, Field(ge=0, lt=2**32)] = 0
    max_micro_inr_per_kwh: Annotated[int, Field(ge=0, lt=2**32)] = 30_000_000

    @model_validator(mode="after")
    def _check(self) -> Self:
        figures = (
            self.min_micro_inr_per_kwh,
            self.buyback_micro_inr_per_kwh,
            self.retail_micro_inr_per_kwh,
            self.max_micro_inr_per_kwh,
        )
        if list(figures) != sorted(figures):
            raise ValueError(
                "must be min <= buyback <= retail <= max (micro_inr_per_kwh), but are "
                + ", ".join(f"{figure:,}" for figure in figures)
            )
        if self.tick_micro_inr_per_kwh * self.tick_count >= 2**32:
            raise ValueError(
                "tick_count: the last tick would cost 2^32 micro-rupees or more; take fewer ticks"
            )
        if self.horizon_seconds <= self.gate_seconds:
            raise ValueError("horizon_seconds: must exceed gate_seconds, or no order is taken")
        return self


class Plan(_Strict):
    """Roles, figures and the stablecoin, if any, of one deployment."""

    roles: Roles
    parameters: Parameters = Parameters()
    ether_rate: EtherRate = EtherRate()
    prices: Prices = Prices()
    markets: Markets = Markets()
    feed: Feed = Feed()
    carbon: Carbon = Carbon()
    vehicles: Vehicles = Vehicles()
    witness: Witness = Witness()
    policy: Policy = Policy()
    incentives: Incentives = Incentives()
    stablecoin: Stablecoin | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.roles.holders()
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


def local_plan(
    signers: list[str],
    slot_seconds: int,
    source: Literal["posted", "feed"] = "posted",
    whose: int = 0,
) -> Plan:
    """The plan of a local chain: development accounts, no delays, the demo's slots.

    Args:
        signers: addresses of the oracle nodes' keys.
        slot_seconds: length of a slot on the wall clock.
        source: where the market takes its prices from.
        whose: whose development accounts (see there).
    """
    address = [development.account(index, whose).address for index in range(development.ACCOUNTS)]
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
        parameters=Parameters(
            slot_seconds=slot_seconds, admin_delay_seconds=0, emergency_credit_wh=3_000
        ),
        # A demo is left alone for weeks and must still take a newcomer's ether the day after.
        ether_rate=EtherRate(min_interval_seconds=0, max_age_seconds=180 * 86_400),
        # Rounds begin again with the nodes; nobody posts for the operator of a demo.
        prices=Prices(
            source=source, max_age_seconds=_FEED_MAX_AGE_S if source == "feed" else 180 * 86_400
        ),
        # Who retires a certificate in a demo sees its credits at once: the table knows the hour.
        carbon=Carbon(lead_seconds=3_600),
        # A day of the neighbourhood passes in 24 minutes: settlements wait for minutes.
        vehicles=Vehicles(gap_seconds=40 * slot_seconds, abandon_seconds=200 * slot_seconds),
        # Long enough to see, short enough to see the end of it.
        witness=Witness(
            window_seconds=40 * slot_seconds,
            rebuttal_seconds=4 * slot_seconds,
            grace_seconds=4 * slot_seconds,
            skew_seconds=slot_seconds // 3,
            unbonding_seconds=80 * slot_seconds,
            bond_wei=10**18,
        ),
        # Who watches a demo sees the policy move.
        policy=Policy(epoch_seconds=8 * slot_seconds),
        # Orders until two slots before the slot begins: a newcomer sees one cleared and settled.
        markets=Markets(
            gate_seconds=2 * slot_seconds, horizon_seconds=40 * slot_seconds, report_seconds=60
        ),
    )

"""What each contract's constructor takes, from the plan and the contracts deployed before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.plan import Plan

ORDER = (
    "AccessManager",
    "OracleQuorum",
    "Stablecoin",
    "GridToken",
    "PowerCoinDesk",
    "PostedPrice",
    "QuorumPriceFeed",
    "MeterRegistry",
    "MeterLedger",
    "TariffBook",
    "PriorityRegistry",
    "EnergyMarket",
    "ClearingHouse",
    "SurplusAuction",
    "Interconnection",
    "RealTimePool",
    "DayAheadMarket",
    "CarbonIntensity",
    "CertificateFace",
    "RenewableCertificate",
    "CertificateSales",
    "EvRegistry",
    "IncentiveRates",
    "OrderRules",
    "V2GExchange",
    "ElementRegistry",
    "OracleBond",
    "MeterWitness",
    "RelayCredits",
    "SustainabilityPolicy",
    "RenewableIncentive",
)
"""Names in the deployment file, in the order in which one needs the next."""

_DEMO_COIN_MICRO_INR = 1_000_000
"""What a token of the demo's coin is worth: a rupee."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where contracts are put up.

    Attributes:
        deployer: who pays
        of: the address of a contract by name, zero if there is none
    """

    plan: Plan
    deployer: str
    of: Callable[[str], str]

    def arguments(self, name: str) -> Sequence[Any]:
        """The constructor's arguments of one of ORDER."""
        return _ARGUMENTS[name](self)

    @property
    def manager(self) -> str:
        """Where roles are asked."""
        return self.of("AccessManager")

    @property
    def operator(self) -> str:
        """Who runs the community."""
        return self.plan.roles.operator

    @property
    def price_source(self) -> str:
        """Where prices come from at first."""
        return self.of("QuorumPriceFeed" if self.plan.prices.source == "feed" else "PostedPrice")

    @property
    def stablecoin_micro_inr(self) -> int:
        """What a token of the stablecoin is worth."""
        coin = self.plan.stablecoin
        return coin.micro_inr_per_token if coin else _DEMO_COIN_MICRO_INR


_Table = Mapping[str, Callable[[Site], Sequence[Any]]]


def _desk(s: Site) -> Sequence[Any]:
    rate = s.plan.ether_rate
    bounds = (
        rate.min_micro_inr, rate.max_micro_inr, rate.max_step_bps, rate.min_interval_seconds,
        rate.max_age_seconds,
    )  # fmt: skip
    token, coin = s.of("GridToken"), s.of("Stablecoin")
    return [s.manager, token, coin, s.stablecoin_micro_inr, rate.micro_inr, bounds]


def _posted_price(s: Site) -> Sequence[Any]:
    prices = s.plan.prices
    return [
        s.manager, prices.min_micro_inr_per_kwh, prices.max_micro_inr_per_kwh,
        prices.buy_micro_inr_per_kwh, prices.sell_micro_inr_per_kwh,
    ]  # fmt: skip


def _price_feed(s: Site) -> Sequence[Any]:
    feed = s.plan.feed
    settings = (
        feed.min_micro_inr_per_kwh, feed.max_micro_inr_per_kwh, feed.max_age_seconds,
        feed.max_skew_seconds, feed.max_step_ppm, feed.sell_share_bps,
    )  # fmt: skip
    start = feed.start_micro_inr_per_kwh
    return [s.manager, s.of("OracleQuorum"), feed.number, settings, start]


_TOKENS_AND_PRICES: _Table = {
    "AccessManager": lambda s: [s.deployer],
    "OracleQuorum": lambda s: [s.manager],
    "Stablecoin": lambda s: [s.operator],
    "GridToken": lambda s: [s.manager],
    "PowerCoinDesk": _desk,
    "PostedPrice": _posted_price,
    "QuorumPriceFeed": _price_feed,
}


def _energy_market(s: Site) -> Sequence[Any]:
    links = (
        s.of("GridToken"), s.of("PowerCoinDesk"), s.of("MeterRegistry"), s.of("MeterLedger"),
        s.of("TariffBook"), s.of("PriorityRegistry"), s.price_source,
    )  # fmt: skip
    figures = s.plan.parameters
    age = s.plan.prices.max_age_seconds
    return [s.manager, links, age, figures.emergency_credit_wh, figures.max_request_wh]


_METERING: _Table = {
    "MeterRegistry": lambda s: [s.manager, s.plan.parameters.slot_seconds],
    "MeterLedger": lambda s: [
        s.manager, s.of("OracleQuorum"), s.of("GridToken"), s.of("MeterRegistry"),
    ],
    "TariffBook": lambda s: [
        s.manager, s.of("GridToken"), s.of("MeterRegistry"), s.of("MeterLedger"),
    ],
    "PriorityRegistry": lambda s: [s.manager, s.of("OracleQuorum")],
    "EnergyMarket": _energy_market,
}  # fmt: skip


def _pool(s: Site) -> Sequence[Any]:
    markets = s.plan.markets
    prices = (
        markets.min_micro_inr_per_kwh, markets.max_micro_inr_per_kwh,
        markets.buyback_micro_inr_per_kwh, markets.retail_micro_inr_per_kwh,
    )  # fmt: skip
    links = [s.of("MeterRegistry"), s.of("MeterLedger"), s.of("ClearingHouse")]
    return [s.manager, *links, markets.report_seconds, prices]


def _day_ahead(s: Site) -> Sequence[Any]:
    markets = s.plan.markets
    settings = (
        markets.tick_micro_inr_per_kwh, markets.tick_count, markets.gate_seconds,
        markets.horizon_seconds, markets.min_order_wh,
    )  # fmt: skip
    house, pool = s.of("ClearingHouse"), s.of("RealTimePool")
    return [s.manager, house, pool, s.plan.parameters.slot_seconds, settings]


_MARKETS: _Table = {
    "ClearingHouse": lambda s: [s.manager, s.of("GridToken"), s.of("PowerCoinDesk"), s.operator],
    "SurplusAuction": lambda s: [
        s.manager, s.of("GridToken"), s.of("ClearingHouse"), s.of("MeterRegistry"),
        s.of("PriorityRegistry"), s.plan.parameters.auction_min_bond_micro_inr,
    ],
    "Interconnection": lambda s: [s.of("ClearingHouse")],
    "RealTimePool": _pool,
    "DayAheadMarket": _day_ahead,
}  # fmt: skip


def _carbon(s: Site) -> Sequence[Any]:
    carbon = s.plan.carbon
    bounds = (
        carbon.min_g_per_kwh, carbon.max_g_per_kwh, carbon.max_age_seconds, carbon.lead_seconds,
    )  # fmt: skip
    return [s.manager, s.of("OracleQuorum"), bounds]


def _policy(s: Site) -> Sequence[Any]:
    policy = s.plan.policy
    limits = (policy.lowest, policy.highest, policy.max_step)
    return [s.manager, s.of("OracleQuorum"), policy.epoch_seconds, limits, policy.start]


def _incentive(s: Site) -> Sequence[Any]:
    figures = s.plan.incentives
    settings = (
        figures.max_request_micro_inr, figures.decision_seconds, figures.claim_seconds,
        figures.epoch_share_bps,
    )  # fmt: skip
    links = [s.of("GridToken"), s.of("MeterLedger"), s.of("MeterRegistry")]
    return [s.manager, *links, s.of("SustainabilityPolicy"), settings]


_CERTIFICATES: _Table = {
    "CarbonIntensity": _carbon,
    "CertificateFace": lambda _s: [],
    "RenewableCertificate": lambda s: [
        s.manager, s.of("MeterLedger"), s.of("MeterRegistry"), s.of("GridToken"),
        s.of("CarbonIntensity"), s.of("CertificateFace"),
    ],
    "CertificateSales": lambda s: [
        s.manager, s.of("RenewableCertificate"), s.of("GridToken"), s.of("PowerCoinDesk"),
    ],
    "SustainabilityPolicy": _policy,
    "RenewableIncentive": _incentive,
}  # fmt: skip


def _ev_registry(s: Site) -> Sequence[Any]:
    cars = s.plan.vehicles
    limits = (
        cars.max_soc_age_slots, cars.min_efficiency_bps, cars.soc_tolerance_bps,
        cars.gap_seconds, cars.abandon_seconds,
    )  # fmt: skip
    return [s.manager, s.of("MeterRegistry"), limits]


def _rates(s: Site) -> Sequence[Any]:
    cars = s.plan.vehicles
    settings = (
        cars.min_micro_inr_per_kwh, cars.max_micro_inr_per_kwh, cars.min_multiplier_bps,
        cars.max_multiplier_bps, cars.demand_weight_bps, cars.clean_g_per_kwh,
        cars.dirty_g_per_kwh, cars.surplus_wh, cars.stress_wh, cars.peak_wh,
        cars.max_state_age_slots, cars.max_price_age_seconds,
    )  # fmt: skip
    links = [s.of("MeterLedger"), s.price_source, s.of("CarbonIntensity")]
    return [s.manager, *links, settings]


def _exchange(s: Site) -> Sequence[Any]:
    links = (
        s.of("EvRegistry"), s.of("MeterLedger"), s.of("OracleQuorum"), s.of("ClearingHouse"),
        s.of("IncentiveRates"), s.of("OrderRules"),
    )  # fmt: skip
    return [s.manager, links]


_CARS: _Table = {
    "EvRegistry": _ev_registry,
    "IncentiveRates": _rates,
    "OrderRules": lambda s: [s.of("IncentiveRates")],
    "V2GExchange": _exchange,
}


def _bond(s: Site) -> Sequence[Any]:
    figures = s.plan.witness
    return [s.manager, figures.unbonding_seconds, figures.prover_share_bps, s.operator]


def _witness(s: Site) -> Sequence[Any]:
    figures = s.plan.witness
    settings = (
        figures.window_seconds, figures.rebuttal_seconds, figures.grace_seconds,
        figures.skew_seconds, figures.deposit_wei,
    )  # fmt: skip
    return [s.of("MeterLedger"), s.of("ElementRegistry"), s.of("OracleBond"), settings]


_WITNESS_AND_MESH: _Table = {
    "ElementRegistry": lambda s: [s.manager, s.of("MeterRegistry"), s.of("MeterLedger")],
    "OracleBond": _bond,
    "MeterWitness": _witness,
    "RelayCredits": lambda s: [
        s.manager, s.of("GridToken"), s.of("OracleQuorum"), s.of("MeterRegistry"),
        s.operator, s.plan.parameters.relay_fee_micro_inr,
    ],
}  # fmt: skip

_ARGUMENTS: _Table = {
    **_TOKENS_AND_PRICES,
    **_METERING,
    **_MARKETS,
    **_CERTIFICATES,
    **_CARS,
    **_WITNESS_AND_MESH,
}

"""What the service answers about cars that charge and discharge. Units as in `schemas`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.api.schemas import Answer

StateName = Literal["balanced", "surplus", "stress"]
DirectionName = Literal["idle", "charge", "discharge"]


class Rates(Answer):
    """Prices of a slot."""

    base_micro_inr_per_kwh: int
    multiplier_bps: int = Field(description="10000 = 1")
    reward_micro_inr_per_kwh: int = Field(description="base price x multiplier, down")


class RatesFrom(Answer):
    """Rates since a slot, and what made the multiplier: need and carbon intensity, 0.01 %."""

    from_slot: int
    base_micro_inr_per_kwh: int
    multiplier_bps: int
    demand_bps: int
    carbon_bps: int


class Grid(Answer):
    """What the newest committed slot says."""

    slot: int
    need_wh: int = Field(description="before storage and the main grid answered; < 0: left over")
    state: StateName


class Point(Answer):
    """A charge point of the contract."""

    meter_id: int
    label: str
    charge_point_id: str | None = Field(description="OCPP identity, if it is known here")
    connected: bool
    plug: str | None = Field(description="OCPP's word for its connector")
    max_charge_wh: int = Field(description="a slot")
    max_discharge_wh: int
    session_id: int | None = Field(description="the session that runs there")


class RateSettings(Answer):
    """Bounds and weights of the rates, thresholds of grid states (Wh a slot)."""

    min_base_price: int
    max_base_price: int
    min_multiplier_bps: int
    max_multiplier_bps: int
    demand_weight_bps: int
    clean_grams: int
    dirty_grams: int
    surplus_wh: int
    stress_wh: int
    peak_wh: int
    max_state_age_slots: int
    max_price_age: int


class Overview(Answer):
    """Grid, prices, budget and charge points. None: not known, or too old to count."""

    slot: int = Field(description="the one that runs")
    slot_seconds: int
    metered_slot_seconds: float = Field(description="as meters count, in simulated time")
    grid: Grid | None
    rates: Rates | None = Field(description="in the slot that runs")
    coming_rates: Rates | None
    history: list[RatesFrom] = Field(description="newest first")
    settings: RateSettings
    budget_free_micro_inr: int
    budget_reserved_micro_inr: int
    points: list[Point]
    sessions_running: int
    cars: int


class Flow(Answer):
    """What flowed in a slot, and what came of it."""

    slot: int
    previous_slot: int
    charged_wh: int
    discharged_wh: int
    price_micro_inr_per_kwh: int
    reward_micro_inr_per_kwh: int
    cost_micro_inr: int
    reward_micro_inr: int
    unpaid_micro_inr: int
    unordered_wh: int
    at: int
    tx_hash: str


class Session(Answer):
    """A session of a car. Totals are of settled slots."""

    session_id: int
    ev_id: int
    meter_id: int
    started_at: int
    departure_slot: int
    end_slot: int | None
    closed: bool
    opened_slot: int | None = Field(description="energy counts from its end")
    soc_bps: int = Field(description="as reported last")
    soc_slot: int | None
    reserve_bps: int
    target_bps: int
    max_micro_inr_per_kwh: int
    min_reward_micro_inr_per_kwh: int
    escrow_micro_inr: int
    refunded_micro_inr: int | None
    direction: DirectionName = Field(description="as ordered last")
    wh_per_slot: int
    order_from_slot: int
    order_until_slot: int
    order_due: bool = Field(description="for a departure that cannot wait")
    charged_wh: int
    discharged_wh: int
    cost_micro_inr: int
    reward_micro_inr: int
    power_w: int | None = Field(description="now, by the charge point; negative: out of the car")
    live_soc_bps: int | None = Field(description="now, by the car")
    tx_hash: str


class SessionDetail(Session):
    """A session and its settled slots, oldest first."""

    flows: list[Flow]


class SessionPage(Answer):
    """Sessions, newest first."""

    sessions: list[Session]
    next_before: int | None


class Car(Answer):
    """A car of the registry, and where it is."""

    ev_id: int
    owner: str
    capacity_wh: int
    reserve_bps: int
    retired: bool
    nonce: int | None = Field(description="of its next authorisation; None: not known now")
    session_id: int | None = Field(description="that it is in")
    plugged_meter_id: int | None = Field(description="where it is plugged in")
    plugged_state: str | None
    live_soc_bps: int | None
    authorised: bool = Field(description="a session waits for the car to be plugged in")


class Cars(Answer):
    """Cars by number."""

    cars: list[Car]


class Accepted(Answer):
    """The authorisation is kept; the session begins when the car is plugged in."""

    ev_id: int
    nonce: int
    charge_point: int

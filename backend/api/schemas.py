"""What the service answers.

Energy in Wh, power in W, money in micro-rupees, prices per kWh, time in Unix seconds (`_ms`:
milliseconds), 256-bit values as 0x hex.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["none", "consumer", "prosumer", "der", "battery", "ev", "grid"]
Mode = Literal["community", "prepaid", "billed", "on_request", "market"]
SlotStateName = Literal["closed", "signed", "sent", "committed", "refused", "superseded"]
ConditionName = Literal["balanced", "surplus", "deficit"]


class Answer(BaseModel):
    """Nothing goes out that is not written here."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ErrorBody(Answer):
    """Why a request was refused."""

    code: str = Field(description="stable, for programs")
    message: str = Field(description="a sentence for people, with the way out")
    field: str | None = Field(None, description="what in the request is wrong")


class ErrorAnswer(Answer):
    """A refusal."""

    error: ErrorBody


# ---- slots -------------------------------------------------------------------------------------


class Flows(Answer):
    """The community's eight flows, Wh."""

    consumption_wh: int
    prosumer_export_wh: int
    der_generation_wh: int
    charged_wh: int
    discharged_wh: int
    grid_import_wh: int
    grid_export_wh: int
    prosumer_generation_wh: int


class Slot(Answer):
    """A slot: what was metered in it, and where its commitment stands."""

    slot: int
    starts_at: int
    ends_at: int
    previous_slot: int = Field(description="the committed slot before; 0 for the first")
    root: str = Field(description="of the sum tree")
    totals: Flows = Field(description="cumulative")
    energy: Flows = Field(description="since the previous slot")
    balance_wh: int = Field(description="below 0 surplus, above 0 deficit")
    condition: ConditionName
    leaf_count: int
    state: SlotStateName
    transaction: str | None
    block: int | None
    closed_ms: int
    settled_at: int | None


class SlotPage(Answer):
    """Slots, newest first; `next_before` is the `before` of the next page."""

    slots: list[Slot]
    next_before: int | None


class Registers(Answer):
    """A meter's six cumulative registers, Wh."""

    generated_wh: int
    consumed_wh: int
    exported_wh: int
    imported_wh: int
    charged_wh: int
    discharged_wh: int


class ProofLeaf(Answer):
    """A meter's line in the sum tree."""

    meter: int
    kind: Kind
    registers: Registers
    packed: str
    salt: str


class ProofSibling(Answer):
    """A node beside the way from the leaf to the root; `left`: it stands on the left."""

    hash: str
    lo: str
    hi: str
    left: bool


class LeafProof(Answer):
    """What it takes to compute the root and totals from one's own line."""

    slot: int
    leaf: ProofLeaf
    siblings: list[ProofSibling]
    path: str
    root: str
    totals_lo: str
    totals_hi: str


# ---- meters ------------------------------------------------------------------------------------


class Meter(Answer):
    """A metering point, as everybody may see it."""

    meter_id: int
    label: str
    kind: Kind
    feeder_node: int
    mode: Mode
    claimed: bool
    stale: bool = Field(description="not heard for a while; its registers stay as they are")
    last_seen_ms: int | None
    relays: list[int] = Field(description="switch ids")


class Meters(Answer):
    """Every metering point."""

    meters: list[Meter]


class Reading(Registers):
    """A booked reading."""

    measured_at: int
    received_ms: int
    voltage_dv: int
    current_ma: int
    power_w: int = Field(description="positive flows into the node")
    power_factor_pm: int
    temperature_dc: int
    soc_bp: int | None = Field(description="state of charge in 0.01 %; null without storage")
    relays: int
    status: int


class Readings(Answer):
    """Readings, oldest first; `next_from` is the `from` of the rest, if the limit cut it off."""

    readings: list[Reading]
    next_from: int | None


class AccessEntry(Answer):
    """Somebody looked at a meter's data."""

    meter_id: int
    at: int
    account: str
    role: Literal["holder", "operator"]
    what: str


class AccessPage(Answer):
    """Looks, newest first."""

    entries: list[AccessEntry]
    next_before: int | None


class Bill(Answer):
    """A bill in arrears."""

    bill_id: int
    issued_at: int
    due_at: int
    consumed_wh: int
    exported_wh: int
    charge_micro_inr: int
    credit_micro_inr: int
    paid: bool


class MeterAccount(Answer):
    """What a household owes and is owed."""

    meter_id: int
    registers: Registers | None = Field(description="newest booked reading")
    settled_registers: Registers
    debt_wh: int
    mode: Mode
    changing: bool = Field(description="other terms begin with the next settlement")
    leaving: bool
    suspended: bool
    subscription: int
    bills: list[Bill]


# ---- relays ------------------------------------------------------------------------------------


class Relay(Answer):
    """A switch: what it should be, what its board says it is."""

    switch_id: int
    label: str
    board: int
    pin: int
    meter_id: int
    battery_id: int | None = Field(description="the battery that sheds it; null: none does")
    critical: bool
    commanded_closed: bool
    acknowledged_closed: bool
    shed: bool
    supplied: bool
    override: Literal["force_open", "force_closed"] | None
    override_until: int | None
    cutoff_wh: int | None
    reason: str
    pending: bool = Field(description="the newest command is not acknowledged yet")
    position: int | None = Field(description="0 = most important of its battery")
    threshold_bps: int | None = Field(description="charge at which it is shed, 0.01 %")
    request_id: int | None = Field(description="the running supply request")


class BatteryStatus(Answer):
    """The battery's charge as the chain was told last."""

    battery_id: int | None
    soc_bp: int | None
    observed_at: int | None


class Relays(Answer):
    """Every relay, and the order in which they are shed."""

    battery: BatteryStatus = Field(description="the first of `batteries`; nulls without any")
    batteries: list[BatteryStatus] = Field(description="each sheds its own switches")
    order: dict[str, list[int]] = Field(description="battery -> switches, most important first")
    thresholds_bps: dict[str, list[int]]
    restore_margin_bps: int
    relays: list[Relay]


# ---- prices, events, summary -------------------------------------------------------------------


PriceSource = Literal["posted", "feed", "other"]
"""Where the market's price comes from: the operator, the nodes' rounds, or another contract."""


class Price(Answer):
    """What a kWh and an ether are worth. `stale`: too old for the market to trade at."""

    source: PriceSource
    buy_micro_inr_per_kwh: int
    sell_micro_inr_per_kwh: int
    updated_at: int
    stale: bool
    ether_micro_inr: int


class PriceAt(Answer):
    """Prices from `at` on. `round`: of the feed, which GET /api/prices/<round> explains."""

    at: int
    buy_micro_inr_per_kwh: int
    sell_micro_inr_per_kwh: int
    round: int | None


class PriceHistory(Price):
    """Prices now and before, oldest first, of the source that is in force."""

    history: list[PriceAt]


class LearnedTerms(Answer):
    """The learned agent's part in a node's price, micro-rupees per kWh.

    `price` is null where it may not speak; `reason` says why, or what it was admitted by.
    """

    reason: str
    price_micro_inr_per_kwh: int | None
    price_before_micro_inr_per_kwh: int | None
    closed_form_micro_inr_per_kwh: int


class PriceTerms(Answer):
    """What a node's price follows from, by its own word; micro-rupees per kWh unless named.

    `best` = (alpha + beta cost + 2 gamma average) / (2 (beta + gamma)), where alpha is less the
    sun; the closed form's price is `best` within the tariff's bounds (`clamped` if it was beyond
    one). `local` is what the local formula says of the same demand and sun, for comparison.
    `formed_by` names the policy that formed the price; `learned` is null where no agent was asked.
    """

    demand_w: int
    renewable_w: int
    soc_bp: int | None
    bid_micro_inr_per_kwh: int | None
    average_micro_inr_per_kwh: int
    cost_micro_inr_per_kwh: int
    alpha_milliwatt: int
    beta_milliwatt_per_inr: int
    gamma_milliwatt_per_inr: int
    net_alpha_milliwatt: int
    best_micro_inr_per_kwh: int
    local_micro_inr_per_kwh: int
    clamped: bool
    formed_by: Literal["closed_form", "agent"]
    learned: LearnedTerms | None


class PriceOpinion(Answer):
    """What one node stated in a round. `counted`: it is among those the median was taken of."""

    signer: str
    price_micro_inr_per_kwh: int
    observed_at: int
    counted: bool
    terms: PriceTerms | None


class PriceRound(Answer):
    """A round of the feed. `capped`: the circuit breaker held the price short of the median.

    Before the chain accepted it (`accepted_at` null) the price is what it is expected to be.
    """

    round: int
    epoch: int
    leader: str
    view: int
    median_micro_inr_per_kwh: int | None
    buy_micro_inr_per_kwh: int | None
    sell_micro_inr_per_kwh: int | None
    previous_micro_inr_per_kwh: int | None
    observed_at: int | None
    accepted_at: int | None
    transaction: str | None
    capped: bool
    opinions: list[PriceOpinion]


class ChainEvent(Answer):
    """A decoded event of the contracts."""

    name: str
    contract: str
    args: dict[str, Any]
    transaction: str
    block: int
    log_index: int
    at: int


class EventPage(Answer):
    """Events, newest first; `next_before` is the `before` of the next page."""

    events: list[ChainEvent]
    next_before: int | None


class PowerFlows(Answer):
    """Power now, W. Battery and grid: positive gives; unknown: drawn, and no meter says whence."""

    solar: int
    prosumer_export: int
    battery: int
    grid: int
    consumption: int
    unknown: int


class Counts(Answer):
    """How much has happened so far."""

    slots_committed: int
    settlements: int
    sheds: int
    acknowledgements: int
    readings: int


class MeterCounts(Answer):
    """How many meters there are, and how many are silent."""

    total: int
    stale: int


class SlotEnergy(Answer):
    """A slot in the day's curve, Wh. Battery and grid: positive gives."""

    slot: int
    consumption_wh: int
    solar_wh: int
    battery_wh: int
    grid_wh: int


class Battery(Answer):
    """One of the society's batteries, as its node said last; `power_w` > 0 charges it."""

    battery_id: int
    node_id: int
    label: str
    soc_bp: int | None
    capacity_wh: int | None
    stored_wh: int | None
    power_w: int | None
    measured_at: int | None


class Summary(Answer):
    """The microgrid at a glance."""

    at_ms: int
    slot_seconds: int
    current_slot: int
    slot_progress: float
    power_w: PowerFlows
    soc_bp: int | None = Field(description="of all batteries, by their capacity, rounded down")
    battery_wh: int | None = Field(description="what they hold together")
    battery_capacity_wh: int | None
    batteries: list[Battery] = Field(description="each sheds its own switches")
    price: Price | None
    latest_slot: Slot | None
    counts: Counts
    meters: MeterCounts
    relays: list[Relay]
    today: list[SlotEnergy]
    suspended: list[int]

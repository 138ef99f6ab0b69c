"""Values the contracts speak in. Energy in Wh, money in micro-rupees, time in Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from backend.resilience.shedding import Override

ZERO_ADDRESS = "0x" + "0" * 40


class BillingMode(IntEnum):
    """How consumption at a metering point is paid."""

    COMMUNITY = 0
    PREPAID = 1
    BILLED = 2
    ON_REQUEST = 3
    MARKET = 4


class Condition(IntEnum):
    """Energy condition of a slot."""

    BALANCED = 0
    SURPLUS = 1
    DEFICIT = 2


class RequestState(IntEnum):
    """Where a supply request stands."""

    NONE = 0
    OPEN = 1
    CLOSING = 2
    FINISHED = 3


class Role(IntEnum):
    """Roles of the AccessManager."""

    ADMIN = 0
    OPERATOR = 1
    AUTHORITY = 2
    CERTIFIER = 3
    RELAYER = 4
    PAUSER = 5


@dataclass(frozen=True, slots=True)
class Commitment:
    """What oracle nodes sign about a slot. Totals are the two packed words of Flows."""

    slot: int
    previous_slot: int
    root: bytes
    totals_lo: int
    totals_hi: int
    leaf_count: int

    def as_tuple(self) -> tuple[int, int, bytes, tuple[int, int], int]:
        """As the ABI's struct."""
        totals = (self.totals_lo, self.totals_hi)
        return (self.slot, self.previous_slot, self.root, totals, self.leaf_count)


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """A committed slot on chain; `committed_at` 0 = not committed."""

    root: bytes
    totals_lo: int
    totals_hi: int
    previous_slot: int
    committed_at: int
    leaf_count: int


@dataclass(frozen=True, slots=True)
class Meter:
    """A metering point as registered. `holder` is the zero address while it is the community's.

    While `changing`, holder and mode apply only after a settlement of `change_slot` or later.
    """

    holder: str
    kind: int
    mode: BillingMode
    leaving: bool
    changing: bool
    feeder_node: int
    max_power_w: int
    claim_key: str
    subscription: int
    change_slot: int
    device_key_hash: bytes

    @property
    def claimed(self) -> bool:
        """True if a household holds it."""
        return self.holder != ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class SwitchConfig:
    """A switch as installed."""

    meter: int
    board: int
    pin: int
    battery: int
    critical: bool
    fail_safe_closed: bool
    min_on_seconds: int
    min_off_seconds: int


@dataclass(frozen=True, slots=True)
class SwitchState:
    """What the contract computes for a relay, and what its board acknowledged."""

    closed: bool
    shed: bool
    supplied: bool
    acknowledged_closed: bool
    overridden: Override
    override_until: int
    changed_at: int
    sequence: int
    acknowledged_sequence: int
    acknowledged_at: int
    cutoff_wh: int


@dataclass(frozen=True, slots=True)
class BatteryState:
    """The last report of a battery's state of charge, in 0.01 %."""

    soc_bps: int
    observed_at: int
    reported_at: int


@dataclass(frozen=True, slots=True)
class Prices:
    """Posted prices, micro-rupees per kWh."""

    buy_micro_inr_per_kwh: int
    sell_micro_inr_per_kwh: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class FeedRound:
    """The last round of the price feed; `round` 0 = none yet. Micro-rupees per kWh."""

    round: int
    observed_at: int
    price: int
    median: int


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """What price rounds are held to on chain. Micro-rupees per kWh, seconds, shares."""

    min_price: int
    max_price: int
    max_age: int
    max_skew: int
    max_step_ppm: int
    sell_share_bps: int


@dataclass(frozen=True, slots=True)
class EtherRate:
    """Micro-rupees per ether, posted at `updated_at`."""

    micro_inr_per_ether: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class SupplyRequest:
    """Supply bought for a switch."""

    requester: str
    switch_id: int
    state: RequestState
    meter: int
    bought_wh: int
    used_wh: int
    start_imported_wh: int
    closing_slot: int
    price_micro_inr_per_kwh: int
    escrow_micro_inr: int


@dataclass(frozen=True, slots=True)
class Bill:
    """A bill in arrears."""

    meter: int
    subscription: int
    holder: str
    issued_at: int
    due_at: int
    consumed_wh: int
    exported_wh: int
    charge_micro_inr: int
    credit_micro_inr: int
    paid: bool


@dataclass(frozen=True, slots=True)
class MarketParameters:
    """Limits of the energy market."""

    max_price_age_s: int
    emergency_credit_wh: int
    max_request_wh: int


@dataclass(frozen=True, slots=True)
class Quorum:
    """Who may sign for the oracle: `threshold` of `signers`, in this epoch."""

    epoch: int
    threshold: int
    signers: tuple[str, ...]

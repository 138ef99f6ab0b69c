"""What the service answers about auctions and ties. Units as in `schemas`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.api.schemas import Answer

LotStateName = Literal["open", "finalised", "cancelled"]
LotPhase = Literal["commit", "reveal", "over"]
RuleName = Literal["first_price", "second_price"]
BidStateName = Literal["committed", "revealed", "forfeited"]
BasisName = Literal["opening", "both_ends", "one_end", "silence"]
VerdictName = Literal["agreed", "arbitrated", "timed_out"]
FlowState = Literal["settled", "disputed", "resolved"]


class Lot(Answer):
    """Surplus that was offered."""

    lot_id: int
    seller: str
    meter_id: int
    energy_wh: int
    reserve_micro_inr_per_kwh: int
    bond_micro_inr: int = Field(description="deposit of every bid, the same for all")
    rule: RuleName
    state: LotStateName
    phase: LotPhase = Field(description="what can be done now: commit, reveal, or neither")
    commit_until: int
    reveal_until: int
    first_slot: int
    slot_count: int = Field(description="slots over which the units become free")
    sold_wh: int
    unsold_wh: int
    taken_back_wh: int
    proceeds_micro_inr: int


class Bid(Answer):
    """A bid; price and energy are unknown until it is revealed."""

    bid_id: int
    bidder: str
    meter_id: int
    node_priority: int = Field(description="0 = the most important; 65535 = in no order")
    state: BidStateName
    committed_at: int
    price_micro_inr_per_kwh: int | None
    energy_wh: int | None
    won_wh: int
    taken_wh: int
    payment_micro_inr: int


class LotWithBids(Lot):
    """A lot and its bids in order of commitment."""

    bids: list[Bid]


class LotPage(Answer):
    """Lots, newest first."""

    lots: list[Lot]
    next_before: int | None


class Party(Answer):
    """One end of a tie: whose microgrid, which meter, and its money in the agreement."""

    account: str
    ledger: str | None = Field(description="None: the main grid, which has no ledger")
    meter_id: int | None
    here: bool = Field(description="this service's microgrid")
    guarantee_micro_inr: int | None = Field(description="None: the node does not answer")
    owed_micro_inr: int | None


class TieFlow(Answer):
    """What crossed a tie between two readings. Wh are positive from A to B."""

    slot: int
    previous_slot: int = Field(description="0 = none before")
    reading_a_wh: int
    reading_b_wh: int
    state: FlowState
    basis: BasisName | None = Field(description="None: both ends differ above the tolerance")
    verdict: VerdictName | None
    settled_wh: int
    micro_inr: int = Field(description="paid by the receiver")
    frozen_a_micro_inr: int
    frozen_b_micro_inr: int
    at: int


class WaitingReading(Answer):
    """What one end has shown for a slot, while the other has not."""

    slot: int
    end: Literal["a", "b"]
    net_wh: int = Field(description="cumulative, from A to B")
    shown_at: int


class Agreement(Answer):
    """An agreement between two grids, and what has flowed under it."""

    agreement_id: int
    a: Party
    b: Party
    metering: Literal["both_ends", "one_end"]
    arbiter: str
    begun_at: int
    first_slot: int
    last_slot: int
    limit_wh_per_slot: int
    max_power_w: int
    price_a_to_b_micro_inr_per_kwh: int
    price_b_to_a_micro_inr_per_kwh: int
    tolerance_bps: int
    tolerance_wh: int
    a_to_b_wh: int = Field(description="settled so far")
    b_to_a_wh: int
    paid_by_b_micro_inr: int
    paid_by_a_micro_inr: int
    flows: list[TieFlow] = Field(description="newest first")
    disputes: list[TieFlow] = Field(description="all that have not ended, newest first")
    waiting: list[WaitingReading] = Field(description="slots after the settled one, newest first")


class Interconnection(Answer):
    """Every agreement this microgrid's chain knows."""

    agreements: list[Agreement]

"""A strategy replayed over a neighbourhood's slots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from backend.market import (
    GridTerms,
    Imbalance,
    MarketReport,
    cost_up,
    proceeds_down,
    report,
    settle_pool,
)
from backend.simulation.bidding import Bidding, orders_of_slot
from backend.simulation.forecast import Forecast, forecast_net, warm_up_slots
from backend.simulation.neighbourhood import Integers, Neighbourhood, SimulationError
from backend.simulation.results import Result, SlotRecord
from backend.simulation.strategies import Agreement, Deviations, Strategy, positions_wh

Progress = Callable[[int, int], None]
"""Told (slots done, slots in all) after each slot."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is replayed, and under which rules.

    Args:
        bidding: how households bid.
        forecast: what they expect.
        gate_slots: how many slots before a slot begins its gate closes.
        first_slot: where the replay begins; what is before it is history to the forecasts.
        end_slot: the slot at which it ends, itself not replayed.
    """

    bidding: Bidding
    forecast: Forecast
    gate_slots: int
    first_slot: int
    end_slot: int


@dataclass(frozen=True, slots=True)
class SlotSettlement:
    """How deviations were settled: the parties' money, the grid's and the rounding add up to 0.

    Attributes:
        received_micro_inr: by party; negative: pays.
        grid_import_wh: bought from the main grid.
        grid_export_wh: sold to it.
        grid_received_micro_inr: what it gets; negative if it pays.
    """

    received_micro_inr: dict[int, int]
    grid_import_wh: int
    grid_export_wh: int
    grid_received_micro_inr: int


def settle_slot(
    deviation_wh: Mapping[int, int], deviations: Deviations, grid: GridTerms
) -> SlotSettlement:
    """Settles what each party gave beyond its position (negative: what it lacked), Wh."""
    if deviations is Deviations.POOL:
        pool = settle_pool([Imbalance(party, wh) for party, wh in deviation_wh.items()], grid)
        return SlotSettlement(
            {payment.party_id: payment.received_micro_inr for payment in pool.payments},
            pool.grid_import_wh,
            pool.grid_export_wh,
            pool.grid_received_micro_inr,
        )
    received = {
        party: proceeds_down(wh, grid.buyback_micro_inr_per_kwh)
        if wh > 0
        else -cost_up(-wh, grid.retail_micro_inr_per_kwh)
        for party, wh in deviation_wh.items()
    }
    return SlotSettlement(
        received,
        sum(-wh for wh in deviation_wh.values() if wh < 0),
        sum(wh for wh in deviation_wh.values() if wh > 0),
        -sum(received.values()),
    )


def replay(
    neighbourhood: Neighbourhood, strategy: Strategy, plan: Plan, progress: Progress | None = None
) -> Result:
    """Replays one strategy.

    Raises:
        SimulationError: the plan begins before anything can be expected, or goes beyond the data.
    """
    _require_within(neighbourhood, plan)
    expected = forecast_net(neighbourhood, plan.forecast, plan.gate_slots)
    window = slice(plan.first_slot, plan.end_slot)
    records: list[SlotRecord] = []
    received: Counter[int] = Counter()
    for slot in range(plan.first_slot, plan.end_slot):
        record, money = _replay_slot(neighbourhood, strategy, plan, slot, expected[:, slot])
        records.append(record)
        received.update(money)
        if progress is not None:
            progress(len(records), plan.end_slot - plan.first_slot)
    net = neighbourhood.net_wh[:, window].sum(axis=1).tolist()
    parties = [household.party_id for household in neighbourhood.households]
    return Result(
        strategy,
        tuple(records),
        {party: received[party] for party in parties},
        dict(zip(parties, net, strict=True)),
        int(neighbourhood.demand_wh[:, window].sum()),
    )


def _replay_slot(
    neighbourhood: Neighbourhood,
    strategy: Strategy,
    plan: Plan,
    slot: int,
    expected_wh: Integers,
) -> tuple[SlotRecord, Counter[int]]:
    """What is kept of the slot, and what each party gets."""
    grid = plan.bidding.grid
    metered = neighbourhood.net_wh[:, slot].tolist()
    deviation = dict(
        zip((home.party_id for home in neighbourhood.households), metered, strict=True)
    )
    money: Counter[int] = Counter()
    found: MarketReport | None = None
    smaller_side = rounding = 0
    if strategy.market is not None:
        book = orders_of_slot(neighbourhood, slot, expected_wh, plan.bidding)
        agreed: Agreement = strategy.market(book, plan.bidding.ticks, neighbourhood)
        found = report(book, agreed.filled_wh, grid)
        sides = np.bincount(book.side, weights=book.energy_wh, minlength=2)
        smaller_side, rounding = int(sides.min()), agreed.rounding_micro_inr
        money.update(agreed.received_micro_inr)
        for party, sold in positions_wh(book, agreed.filled_wh).items():
            deviation[party] -= sold
    settled = settle_slot(deviation, strategy.deviations, grid)
    money.update(settled.received_micro_inr)
    record = SlotRecord(
        slot,
        smaller_side,
        found.volume_wh if found else 0,
        int((found.mean_limit_gap or 0) * found.volume_wh) if found else 0,
        found.quoted_spread_micro_inr_per_kwh if found else None,
        sum(map(abs, deviation.values())),
        settled.grid_import_wh,
        settled.grid_export_wh,
        settled.grid_received_micro_inr,
        rounding,
    )
    return record, money


def _require_within(neighbourhood: Neighbourhood, plan: Plan) -> None:
    warm_up = warm_up_slots(plan.forecast, neighbourhood.slots_per_day, plan.gate_slots)
    if plan.first_slot < warm_up:
        raise SimulationError(
            f"first_slot: {plan.first_slot} is before anything can be expected by"
            f" {plan.forecast.value}; begin at {warm_up} or later"
        )
    if not plan.first_slot < plan.end_slot <= neighbourhood.slots:
        raise SimulationError(
            f"end_slot: {plan.end_slot} is not in {plan.first_slot + 1}..{neighbourhood.slots}"
        )

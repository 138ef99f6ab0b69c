"""A month of markets: nothing gets lost, nobody knows the future, and strategies compare."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unhurried import unhurried

from backend.market import GridTerms, TickGrid
from backend.simulation import (
    STRATEGIES,
    Bidding,
    Deviations,
    Forecast,
    Household,
    Neighbourhood,
    Plan,
    Result,
    SimulationError,
    forecast_net,
    orders_of_slot,
    replay,
    settle_slot,
)
from backend.simulation.forecast import warm_up_slots
from scripts import neighbourhoods

RUPEE = 1_000_000
GRID = GridTerms(3 * RUPEE, 7 * RUPEE)
TICKS = TickGrid(0, 10_000, 1000)
DAY, GATE = 4, 2
"""Days of four slots, gates half a day before."""

wh = st.integers(0, 3000)


@st.composite
def neighbourhood(draw: st.DrawFn, days: int = 4) -> Neighbourhood:
    column = st.lists(wh, min_size=days * DAY, max_size=days * DAY).map(np.array)
    homes = tuple(
        Household(party, party, draw(column), draw(column))
        for party in range(1, draw(st.integers(2, 5)) + 1)
    )
    return Neighbourhood(homes, DAY, lambda a, b: abs(a - b))


def plan(
    place: Neighbourhood, forecast: Forecast = Forecast.YESTERDAY, held_back: int = 100
) -> Plan:
    return Plan(Bidding(GRID, TICKS, held_back, 7), forecast, GATE, DAY, place.slots)


# ---- nothing gets lost


@pytest.mark.parametrize("name", STRATEGIES)
@given(place=neighbourhood(), held_back=st.integers(0, 100))
@settings(unhurried, max_examples=15)
def test_energy_and_money_add_up_exactly(name: str, place: Neighbourhood, held_back: int) -> None:
    result = replay(place, STRATEGIES[name], plan(place, held_back=held_back))
    metered = sum(result.net_wh.values())
    assert result.grid_export_wh - result.grid_import_wh == metered
    assert metered == place.net_wh[:, DAY:].sum()
    money = result.cost_micro_inr - result.grid_received_micro_inr
    assert money == result.rounding_micro_inr
    # Less than a micro-rupee an order.
    assert 0 <= money <= len(result.slots) * len(place.households)


@given(place=neighbourhood())
@settings(unhurried, max_examples=15)
def test_without_trade_each_pays_for_itself(place: Neighbourhood) -> None:
    result = replay(place, STRATEGIES["no_trade"], plan(place))
    for row, home in enumerate(place.households):
        net = place.net_wh[row, DAY:]
        paid = 7000 * -net[net < 0].sum() - 3000 * net[net > 0].sum()
        assert result.received_micro_inr[home.party_id] == -paid


@given(place=neighbourhood())
@settings(unhurried, max_examples=15)
def test_the_pool_leaves_nobody_worse_off_than_the_grid(place: Neighbourhood) -> None:
    alone = replay(place, STRATEGIES["no_trade"], plan(place)).received_micro_inr
    pooled = replay(place, STRATEGIES["real_time"], plan(place)).received_micro_inr
    slack = 2 * place.slots  # two micro-rupees a slot: see settle_pool
    assert all(pooled[party] >= alone[party] - slack for party in alone)


@given(place=neighbourhood())
@settings(unhurried, max_examples=15)
def test_trading_ahead_moves_money_not_power_once_deviations_are_pooled(
    place: Neighbourhood,
) -> None:
    alone = replay(place, STRATEGIES["real_time"], plan(place))
    ahead = replay(place, STRATEGIES["day_ahead_and_real_time"], plan(place))
    assert (alone.grid_import_wh, alone.grid_export_wh) == (
        ahead.grid_import_wh,
        ahead.grid_export_wh,
    )
    assert alone.grid_received_micro_inr == ahead.grid_received_micro_inr


def test_a_deviation_is_settled_at_the_grids_prices_in_the_grids_favour() -> None:
    settled = settle_slot({1: 3, 2: -1}, Deviations.GRID, GridTerms(1500, 2500))
    assert settled.received_micro_inr == {1: 4, 2: -3}
    assert (settled.grid_import_wh, settled.grid_export_wh) == (1, 3)
    assert settled.grid_received_micro_inr == -1


# ---- nobody knows the future


@given(
    place=neighbourhood(days=20),
    forecast=st.sampled_from([f for f in Forecast if f is not Forecast.PERFECT]),
    gate=st.integers(0, 3 * DAY),
    data=st.data(),
)
@settings(unhurried, max_examples=40)
def test_what_is_metered_after_the_gate_changes_no_expectation(
    place: Neighbourhood, forecast: Forecast, gate: int, data: st.DataObject
) -> None:
    slot = data.draw(st.integers(warm_up_slots(forecast, DAY, gate), place.slots - 1))
    known = slot - gate
    changed = [
        Household(
            home.party_id,
            home.place,
            np.where(np.arange(place.slots) < known, home.demand_wh, 99_999),
            home.generation_wh,
        )
        for home in place.households
    ]
    other = Neighbourhood(tuple(changed), DAY, place.distance_m)
    expected = forecast_net(place, forecast, gate)[:, slot]
    assert (forecast_net(other, forecast, gate)[:, slot] == expected).all()


def counting(days: int) -> Neighbourhood:
    home = Household(1, 1, np.arange(days * DAY), np.zeros(days * DAY, dtype=np.int64))
    return Neighbourhood((home,), DAY, lambda a, b: 0)


@pytest.mark.parametrize(
    ("forecast", "gate", "expected"),
    [
        (Forecast.YESTERDAY, 0, 41 - DAY),
        (Forecast.YESTERDAY, DAY - 1, 41 - DAY),
        (Forecast.YESTERDAY, DAY, 41 - 2 * DAY),  # yesterday's slot begins at the gate: unknown
        (Forecast.LAST_WEEK, GATE, 41 - 7 * DAY),
        (Forecast.LAST_WEEK, 7 * DAY - 1, 41 - 7 * DAY),
        (Forecast.WEEK_MEAN, GATE, 41 - 4 * DAY),
        (Forecast.PERFECT, GATE, 41),
    ],
)
def test_the_newest_day_known_at_the_gate_is_expected_again(
    forecast: Forecast, gate: int, expected: int
) -> None:
    assert forecast_net(counting(14), forecast, gate)[0, 41] == -expected


def test_a_plan_that_begins_too_early_says_when_it_may() -> None:
    place = counting(14)
    early = Plan(Bidding(GRID, TICKS, 0, 0), Forecast.LAST_WEEK, GATE, 7 * DAY - 1, place.slots)
    with pytest.raises(SimulationError, match=r"first_slot: 27 .* begin at 28"):
        replay(place, STRATEGIES["day_ahead"], early)
    late = Plan(Bidding(GRID, TICKS, 0, 0), Forecast.LAST_WEEK, GATE, 7 * DAY, place.slots + 1)
    with pytest.raises(SimulationError, match=r"end_slot: 57 is not in 29\.\.56"):
        replay(place, STRATEGIES["day_ahead"], late)


# ---- bidding


@given(place=neighbourhood(), held_back=st.integers(0, 100), slot=st.integers(DAY, 4 * DAY - 1))
@settings(unhurried, max_examples=40)
def test_limits_lie_between_the_grids_prices(
    place: Neighbourhood, held_back: int, slot: int
) -> None:
    bidding = Bidding(GRID, TICKS, held_back, 7)
    for order in orders_of_slot(place, slot, place.net_wh[:, slot], bidding).orders():
        limit = order.price_micro_inr_per_kwh
        best = 7 * RUPEE - limit if order.side == 0 else limit - 3 * RUPEE
        assert 0 <= best <= 4 * RUPEE * held_back // 100


def test_the_seed_decides_limits_and_what_is_expected_does_not() -> None:
    home = np.full(DAY, 500)
    place = Neighbourhood(
        (Household(1, 1, home, 0 * home), Household(2, 2, home, 0 * home)), DAY, lambda a, b: 1
    )

    def limits(expected: list[int], seed: int) -> list[int]:
        bidding = Bidding(GRID, TICKS, 100, seed)
        book = orders_of_slot(place, 1, np.array(expected), bidding)
        return [int(price) for price in book.price_micro_inr_per_kwh]

    assert limits([-500, -1], 7) == limits([-20, -900], 7)
    assert limits([-500, 0], 7) == limits([-500, 800], 7)[:1]
    assert limits([-500, -1], 7) != limits([-500, -1], 8)


@pytest.mark.parametrize(
    ("held_back", "seed", "grid", "named"),
    [
        (101, 0, GRID, "held_back_percent: 101"),
        (-1, 0, GRID, "held_back_percent: -1"),
        (0, -1, GRID, "seed: -1"),
        (0, 0, GridTerms(3 * RUPEE + 1, 7 * RUPEE), "ticks: buyback_micro_inr_per_kwh"),
        (0, 0, GridTerms(3 * RUPEE, 11 * RUPEE), "ticks: retail_micro_inr_per_kwh"),
    ],
)
def test_rules_that_cannot_be_are_refused(
    held_back: int, seed: int, grid: GridTerms, named: str
) -> None:
    with pytest.raises(SimulationError, match=named):
        Bidding(grid, TICKS, held_back, seed)


# ---- neighbourhoods


def test_homes_that_cannot_be_are_refused() -> None:
    some, more = np.array([1, 2]), np.array([1, 2, 3])
    with pytest.raises(SimulationError, match="generation_wh of party 4: 3 slots, demand_wh has 2"):
        Household(4, 1, some, more)
    with pytest.raises(SimulationError, match=r"demand_wh of party 4: -1\.\.2 is not in"):
        Household(4, 1, np.array([-1, 2]), some)
    with pytest.raises(SimulationError, match="demand_wh of party 4: must be one column"):
        Household(4, 1, np.array([0.5, 2.0]), some)
    with pytest.raises(SimulationError, match="party_id: -1"):
        Household(-1, 1, some, some)
    home, longer = Household(4, 1, some, some), Household(5, 1, more, more)
    for homes, slots, named in (
        ((), 1, "there is none"),
        ((home, home), 1, "given twice"),
        ((home, longer), 1, "same number of slots"),
        ((home,), 0, "slots_per_day: 0"),
    ):
        with pytest.raises(SimulationError, match=named):
            Neighbourhood(homes, slots, lambda a, b: 0)


# ---- on real profiles


@cache
def three_days(name: str, forecast: Forecast = Forecast.YESTERDAY) -> Result:
    place = neighbourhoods.shipped().neighbourhood
    bidding = Bidding(GRID, TICKS, 100, 2026)
    begin = 12 * place.slots_per_day
    return replay(
        place,
        STRATEGIES[name],
        Plan(bidding, forecast, 48, begin, begin + 3 * place.slots_per_day),
    )


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "no_trade"])
def test_every_strategy_needs_the_grid_less_and_costs_less_than_no_trade(name: str) -> None:
    without, traded = three_days("no_trade"), three_days(name)
    assert traded.grid_import_wh < without.grid_import_wh
    assert traded.grid_export_wh < without.grid_export_wh
    assert traded.cost_micro_inr < without.cost_micro_inr
    assert (traded.self_sufficiency or 0) > (without.self_sufficiency or 0)


def test_nobody_who_expects_honestly_beats_foresight() -> None:
    best = three_days("day_ahead", Forecast.PERFECT)
    for forecast in (Forecast.YESTERDAY, Forecast.WEEK_MEAN):
        assert three_days("day_ahead", forecast).cost_micro_inr > best.cost_micro_inr


def test_a_replay_is_the_same_every_time_and_reports_progress() -> None:
    place = neighbourhoods.shipped().neighbourhood
    whole = Plan(Bidding(GRID, TICKS, 100, 2026), Forecast.YESTERDAY, 48, 1152, 1152 + 96)
    told: list[tuple[int, int]] = []
    first = replay(place, STRATEGIES["day_ahead"], whole, lambda *at: told.append(at))
    again = replay(place, STRATEGIES["day_ahead"], whole)
    assert first.slots == again.slots
    assert first.received_micro_inr == again.received_micro_inr
    assert told == [(done, 96) for done in range(1, 97)]


def test_metrics_of_a_replay() -> None:
    result = three_days("day_ahead")
    assert 0 < (result.match_rate or 0) < 1
    assert (result.mean_quoted_spread or 0) > 0
    assert 0 < (result.mean_limit_gap or 0) <= 4 * RUPEE
    assert result.traded_wh <= sum(slot.smaller_side_wh for slot in result.slots)
    alone = three_days("no_trade")
    assert (alone.match_rate, alone.mean_limit_gap, alone.mean_quoted_spread) == (None,) * 3
    assert alone.deviation_wh == alone.grid_import_wh + alone.grid_export_wh

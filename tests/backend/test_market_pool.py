"""The real-time pool: its closed forms and limits, and books that add up to the micro-rupee."""

from __future__ import annotations

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unhurried import unhurried

from backend.market import (
    GridTerms,
    Imbalance,
    MarketError,
    PoolPayment,
    imbalance,
    pool_prices,
    settle_pool,
)

RUPEE = 1_000_000
GRID = GridTerms(buyback_micro_inr_per_kwh=3 * RUPEE, retail_micro_inr_per_kwh=8 * RUPEE)

energies = st.integers(0, 10**9)
surpluses = st.lists(st.one_of(st.integers(-5, 5), st.integers(-(10**6), 10**6)), max_size=20)


@st.composite
def grids(draw: st.DrawFn) -> GridTerms:
    low = draw(st.one_of(st.just(0), st.integers(0, 20 * RUPEE)))
    return GridTerms(low, low + draw(st.one_of(st.just(0), st.integers(0, 20 * RUPEE))))


def parties(values: list[int]) -> list[Imbalance]:
    return [Imbalance(who, wh) for who, wh in enumerate(values)]


# ---- prices


@unhurried
@given(energies, energies, grids())
def test_prices_are_the_closed_form(supply_wh: int, demand_wh: int, grid: GridTerms) -> None:
    prices = pool_prices(supply_wh, demand_wh, grid)
    low, high = grid.buyback_micro_inr_per_kwh, grid.retail_micro_inr_per_kwh
    if demand_wh == 0 or supply_wh >= demand_wh:
        return
    ratio = Fraction(supply_wh, demand_wh)
    if (high - low) * ratio + low:
        sell = low * high / ((high - low) * ratio + low)
        if supply_wh:
            assert prices.sell == sell
            assert prices.buy == sell * ratio + high * (1 - ratio)


@unhurried
@given(energies, energies, grids())
def test_prices_lie_between_the_grids(supply_wh: int, demand_wh: int, grid: GridTerms) -> None:
    prices = pool_prices(supply_wh, demand_wh, grid)
    low, high = grid.buyback_micro_inr_per_kwh, grid.retail_micro_inr_per_kwh
    assert low <= prices.sell <= prices.buy <= high
    assert low <= prices.sell_down <= prices.sell
    assert prices.buy <= prices.buy_up <= high
    assert prices.sell - prices.sell_down < 1
    assert prices.buy_up - prices.buy < 1


@unhurried
@given(energies, energies, energies, grids())
def test_more_sun_never_raises_a_price(
    supply_wh: int, more_wh: int, demand_wh: int, grid: GridTerms
) -> None:
    before = pool_prices(supply_wh, demand_wh, grid)
    after = pool_prices(supply_wh + more_wh, demand_wh, grid)
    assert after.sell <= before.sell
    assert after.buy <= before.buy


def test_limit_no_supply() -> None:
    prices = pool_prices(0, 1000, GRID)
    assert (prices.sell, prices.buy) == (8 * RUPEE, 8 * RUPEE)
    one = pool_prices(1, 10**12, GRID)  # R -> 0 goes there steadily
    assert 8 * RUPEE - one.sell < 1
    assert 8 * RUPEE - one.buy < 1


@pytest.mark.parametrize("supply_wh", [1000, 1001, 10**9])
def test_limit_enough_supply(supply_wh: int) -> None:
    prices = pool_prices(supply_wh, 1000, GRID)
    assert (prices.sell, prices.buy) == (3 * RUPEE, 3 * RUPEE)


def test_prices_meet_at_balance() -> None:
    nearly = pool_prices(10**12 - 1, 10**12, GRID)
    assert nearly.sell - 3 * RUPEE < 1
    assert nearly.buy - 3 * RUPEE < 1


def test_golden_half_supplied() -> None:
    # R = 1/2: 3 x 8 / (5/2 + 3) = 48/11; 48/11 / 2 + 8/2 = 68/11
    prices = pool_prices(500, 1000, GRID)
    assert prices.sell == Fraction(48 * RUPEE, 11)
    assert prices.buy == Fraction(68 * RUPEE, 11)
    assert (prices.sell_down, prices.buy_up) == (4_363_636, 6_181_819)


def test_an_empty_slot_shows_what_the_next_to_come_would_meet() -> None:
    prices = pool_prices(0, 0, GRID)
    assert (prices.sell, prices.buy) == (3 * RUPEE, 8 * RUPEE)


@pytest.mark.parametrize(("low", "high"), [(0, 0), (0, 8 * RUPEE), (5 * RUPEE, 5 * RUPEE)])
def test_a_free_or_flat_grid_has_prices_too(low: int, high: int) -> None:
    prices = pool_prices(300, 1000, GridTerms(low, high))
    assert prices.sell == low
    assert prices.buy == Fraction(3 * low + 7 * high, 10)


# ---- settlement


@unhurried
@given(surpluses, grids())
def test_the_pool_breaks_even_to_the_unit(values: list[int], grid: GridTerms) -> None:
    settled = settle_pool(parties(values), grid)
    received = sum(payment.received_micro_inr for payment in settled.payments)
    assert received + settled.grid_received_micro_inr == 0


@unhurried
@given(surpluses, grids())
def test_energy_balances_with_the_grid(values: list[int], grid: GridTerms) -> None:
    settled = settle_pool(parties(values), grid)
    assert sum(values) == settled.grid_export_wh - settled.grid_import_wh
    assert 0 in (settled.grid_export_wh, settled.grid_import_wh)
    assert [p.surplus_wh for p in settled.payments] == values


@unhurried
@given(surpluses, grids())
def test_everybody_pays_the_exact_price_within_two_units(
    values: list[int], grid: GridTerms
) -> None:
    settled = settle_pool(parties(values), grid)
    for payment in settled.payments:
        wh = payment.surplus_wh
        price = settled.prices.sell if wh > 0 else settled.prices.buy
        assert abs(payment.received_micro_inr - wh * price / 1000) < 2
        assert payment.received_micro_inr * wh >= 0  # sellers never pay, buyers never get
    total = settled.grid_import_wh * grid.retail_micro_inr_per_kwh
    total -= settled.grid_export_wh * grid.buyback_micro_inr_per_kwh
    assert abs(settled.grid_received_micro_inr - Fraction(total, 1000)) < 1


@unhurried
@given(surpluses, grids())
def test_nobody_does_worse_than_with_the_grid_alone(values: list[int], grid: GridTerms) -> None:
    for payment in settle_pool(parties(values), grid).payments:
        wh = payment.surplus_wh
        low, high = grid.buyback_micro_inr_per_kwh, grid.retail_micro_inr_per_kwh
        alone = Fraction(wh * (low if wh > 0 else high), 1000)
        assert payment.received_micro_inr > alone - 2


@unhurried
@given(surpluses, st.randoms(use_true_random=False))
def test_input_order_changes_nothing(values: list[int], random: Random) -> None:
    given_ = parties(values)
    shuffled = list(given_)
    random.shuffle(shuffled)
    assert settle_pool(given_, GRID) == settle_pool(shuffled, GRID)


def test_golden_slot() -> None:
    settled = settle_pool(
        [Imbalance(4, -700), Imbalance(1, 400), Imbalance(2, 100), Imbalance(3, -300)], GRID
    )
    # 500 of 1000 Wh: sellers get 500 Wh x 48/11 = Rs 2.181818 18.., the grid 500 Wh x 8 = Rs 4.
    assert settled.payments == (
        PoolPayment(1, 400, 1_745_454),
        PoolPayment(2, 100, 436_364),
        PoolPayment(3, -300, -1_854_546),
        PoolPayment(4, -700, -4_327_272),
    )
    assert settled.grid_received_micro_inr == 4 * RUPEE
    assert (settled.grid_import_wh, settled.grid_export_wh) == (500, 0)


def test_golden_surplus_slot() -> None:
    settled = settle_pool([Imbalance(1, 1001), Imbalance(2, -1)], GRID)
    assert settled.payments == (PoolPayment(1, 1001, 3_003_000), PoolPayment(2, -1, -3000))
    assert settled.grid_received_micro_inr == -3_000_000


def test_nobody_and_nothing_settle_to_nothing() -> None:
    assert settle_pool([], GRID).payments == ()
    settled = settle_pool([Imbalance(1, 0), Imbalance(2, 0)], GRID)
    assert [payment.received_micro_inr for payment in settled.payments] == [0, 0]
    assert settled.grid_received_micro_inr == 0


# ---- positions


@pytest.mark.parametrize(
    ("exported", "imported", "sold", "bought", "surplus"),
    [
        (1000, 0, 1000, 0, 0),  # delivered what was sold
        (700, 0, 1000, 0, -300),  # fell short: buys the rest
        (1200, 0, 1000, 0, 200),  # delivered more: sells the rest
        (0, 400, 0, 400, 0),  # drew what was bought
        (0, 300, 0, 400, 100),  # drew less: sells it back
        (0, 500, 0, 400, -100),  # drew more: buys it
        (0, 50, 100, 0, -150),  # sold and drew instead
        (0, 500, 0, 0, -500),  # no position: all in the pool
    ],
)
def test_imbalance_is_delivery_less_position(
    exported: int, imported: int, sold: int, bought: int, surplus: int
) -> None:
    found = imbalance(7, exported_wh=exported, imported_wh=imported, sold_wh=sold, bought_wh=bought)
    assert found == Imbalance(7, surplus)


@unhurried
@given(st.lists(st.tuples(energies, energies), min_size=1, max_size=10), st.data())
def test_positions_that_balance_leave_the_metered_sum_to_the_pool(
    metered: list[tuple[int, int]], data: st.DataObject
) -> None:
    """What was traded ahead between members cancels out: the grid sees only meters."""
    traded = [data.draw(energies) for _ in metered]
    found = [
        imbalance(
            who,
            exported_wh=exported,
            imported_wh=imported,
            sold_wh=traded[who],
            bought_wh=traded[who - 1],
        )
        for who, (exported, imported) in enumerate(metered)
    ]
    settled = settle_pool(found, GRID)
    net = sum(exported - imported for exported, imported in metered)
    assert settled.grid_export_wh - settled.grid_import_wh == net


# ---- bad input


def test_a_party_given_twice_is_refused() -> None:
    with pytest.raises(MarketError, match=r"^party_id: 3 is given twice"):
        settle_pool([Imbalance(3, 1), Imbalance(1, 1), Imbalance(3, -1)], GRID)


@pytest.mark.parametrize("name", ["exported_wh", "imported_wh", "sold_wh", "bought_wh"])
def test_negative_energy_names_the_field(name: str) -> None:
    given_ = {"exported_wh": 0, "imported_wh": 0, "sold_wh": 0, "bought_wh": 0, name: -1}
    with pytest.raises(MarketError, match=f"^{name}: -1 of party 7"):
        imbalance(7, **given_)


@pytest.mark.parametrize(("supply_wh", "demand_wh"), [(-1, 5), (5, -1)])
def test_negative_supply_or_demand_is_refused(supply_wh: int, demand_wh: int) -> None:
    with pytest.raises(MarketError, match="must not be negative"):
        pool_prices(supply_wh, demand_wh, GRID)


@pytest.mark.parametrize(
    ("low", "high", "field"),
    [
        (-1, 5, "buyback_micro_inr_per_kwh"),
        (6, 5, "retail_micro_inr_per_kwh"),
        (6, 2**32, "retail_micro_inr_per_kwh"),
    ],
)
def test_bad_grid_terms_name_the_field(low: int, high: int, field: str) -> None:
    with pytest.raises(MarketError, match=f"^{field}: "):
        GridTerms(low, high)

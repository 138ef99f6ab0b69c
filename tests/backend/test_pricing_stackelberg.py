"""The operator's price: closed form, its limits, and that no other integer is better."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from unhurried import unhurried

from backend.pricing import DemandModel, LeaderProblem, PriceBounds, PriceError

RUPEE = 1_000_000
WIDE = PriceBounds(1, 2**32 - 1)

prices = st.integers(0, 100 * RUPEE)
weights = st.integers(0, 10**9)


@st.composite
def problems(draw: st.DrawFn) -> LeaderProblem:
    beta, gamma = draw(weights), draw(weights)
    assume(beta + gamma > 0)
    low = draw(st.integers(1, 50 * RUPEE))
    return LeaderProblem(
        DemandModel(draw(st.integers(0, 10**10)), beta),
        cost_micro_inr_per_kwh=draw(prices),
        average_micro_inr_per_kwh=draw(prices),
        gamma_milliwatt_per_inr=gamma,
        bounds=PriceBounds(low, low + draw(st.integers(0, 50 * RUPEE))),
    )


def closed_form(problem: LeaderProblem) -> Fraction:
    """p* in Rs/kWh, as it is written."""
    alpha, beta = problem.demand.alpha_milliwatt, problem.demand.beta_milliwatt_per_inr
    gamma = problem.gamma_milliwatt_per_inr
    cost = Fraction(problem.cost_micro_inr_per_kwh, RUPEE)
    average = Fraction(problem.average_micro_inr_per_kwh, RUPEE)
    return (alpha + beta * cost + 2 * gamma * average) / (2 * (beta + gamma))


def problem(**changes: int) -> LeaderProblem:
    """10 kW for nothing, 1 kW less per rupee, power at Rs 4, usually Rs 6."""
    fields = {"alpha": 10**7, "beta": 10**6, "cost": 4 * RUPEE, "average": 6 * RUPEE, "gamma": 0}
    fields.update(changes)
    return LeaderProblem(
        DemandModel(fields["alpha"], fields["beta"]),
        cost_micro_inr_per_kwh=fields["cost"],
        average_micro_inr_per_kwh=fields["average"],
        gamma_milliwatt_per_inr=fields["gamma"],
        bounds=WIDE,
    )


@unhurried
@given(problems())
def test_is_the_closed_form_to_the_nearest_micro_rupee(case: LeaderProblem) -> None:
    assert abs(case.price_unbounded_nearest() - closed_form(case) * RUPEE) <= Fraction(1, 2)


@unhurried
@given(problems(), st.data())
def test_no_allowed_price_is_better(case: LeaderProblem, data: st.DataObject) -> None:
    price = case.price()
    assert price in case.bounds
    best = case.objective(price)
    others = [price - 1, price + 1, case.bounds.lowest, case.bounds.highest]
    others.append(data.draw(st.integers(case.bounds.lowest, case.bounds.highest)))
    assert all(case.objective(other) <= best for other in others if other in case.bounds)


@unhurried
@given(problems())
def test_moves_with_demand_cost_and_habit(case: LeaderProblem) -> None:
    def with_(alpha: int = 0, cost: int = 0, average: int = 0) -> int:
        return LeaderProblem(
            DemandModel(case.demand.alpha_milliwatt + alpha, case.demand.beta_milliwatt_per_inr),
            cost_micro_inr_per_kwh=case.cost_micro_inr_per_kwh + cost,
            average_micro_inr_per_kwh=case.average_micro_inr_per_kwh + average,
            gamma_milliwatt_per_inr=case.gamma_milliwatt_per_inr,
            bounds=case.bounds,
        ).price()

    assert min(with_(alpha=10**8), with_(cost=RUPEE), with_(average=RUPEE)) >= case.price()


def test_without_weight_on_stability_it_is_the_monopolists_price() -> None:
    # (alpha / beta + c) / 2 = (10 + 4) / 2
    assert problem(gamma=0).price() == 7 * RUPEE


def test_with_all_weight_on_stability_it_is_the_average() -> None:
    assert problem(gamma=10**18).price() == 6 * RUPEE


def test_between_the_limits_it_goes_from_one_to_the_other() -> None:
    path = [problem(gamma=10**exponent).price() for exponent in range(19)]
    assert path == sorted(path, reverse=True)
    assert (path[0], path[-1]) == (6_999_999, 6 * RUPEE)
    assert problem(gamma=10**6).price() == 6_500_000  # beta = gamma: half way


def test_demand_that_ignores_price_leaves_only_stability() -> None:
    # alpha / (2 gamma) above the average: 10 kW / (2 x 5 kW per rupee) = Rs 1
    assert problem(beta=0, gamma=5 * 10**6).price() == 7 * RUPEE


def test_demand_at_a_price_is_rounded_down_and_never_negative() -> None:
    model = DemandModel(10**7, 3)
    assert model.demand_down_milliwatt(1) == 10**7 - 1
    assert DemandModel(10, 10**6).demand_down_milliwatt(RUPEE) == 0


def test_less_sun_raises_the_price_15_percent_only_if_a_third_of_demand_is_solar_and_free() -> None:
    """The claim "solar -30 % raises the price 15 %", put to the closed form.

    Sun lowers what the operator must serve, so alpha = potential demand - solar. At no cost and no
    weight on stability p* = alpha / (2 beta): +15 % needs 0.3 solar = 0.15 (demand - solar).
    """

    def price(solar: int, cost: int, gamma: int) -> int:
        return problem(alpha=15 * 10**6 - solar, cost=cost, gamma=gamma).price()

    def rise(solar: int, cost: int, gamma: int) -> Fraction:
        before = price(solar, cost, gamma)
        return Fraction(price(solar * 7 // 10, cost, gamma) - before, before)

    third = 5 * 10**6
    assert rise(third, cost=0, gamma=0) == Fraction(15, 100)
    assert rise(third, cost=4 * RUPEE, gamma=0) == Fraction(15, 140)
    assert rise(third, cost=4 * RUPEE, gamma=10**6) == Fraction(75, 1300)
    assert rise(2 * third, cost=0, gamma=0) == Fraction(60, 100)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"alpha": -1}, "alpha_milliwatt"),
        ({"beta": -1}, "beta_milliwatt_per_inr"),
        ({"cost": -1}, "cost_micro_inr_per_kwh"),
        ({"average": 2**32}, "average_micro_inr_per_kwh"),
        ({"gamma": -1}, "gamma_milliwatt_per_inr"),
        ({"beta": 0, "gamma": 0}, "beta_milliwatt_per_inr"),
    ],
)
def test_bad_input_names_the_field(changes: dict[str, int], field: str) -> None:
    with pytest.raises(PriceError, match=f"^{field}: "):
        problem(**changes)

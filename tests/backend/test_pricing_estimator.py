"""Demand learned from prices: exactly weighted least squares, bounded, and never drifting."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unhurried import unhurried

from backend.pricing import DemandEstimator, DemandModel, EstimatorSettings, PriceError

RUPEE = 1_000_000
GUESS = DemandModel(20_000_000, 1_000_000)


def learning(**changes: float) -> EstimatorSettings:
    fields: dict[str, float] = {"prior_weight": 1.0, "forgetting": 0.98, "low": 1000, "high": 10**8}
    fields.update(changes)
    return EstimatorSettings(
        GUESS,
        typical_price_micro_inr_per_kwh=6 * RUPEE,
        prior_weight=fields["prior_weight"],
        forgetting=fields["forgetting"],
        beta_lowest_milliwatt_per_inr=int(fields["low"]),
        beta_highest_milliwatt_per_inr=int(fields["high"]),
    )


def taught(
    how: EstimatorSettings, seen: list[tuple[int, int]], start: DemandEstimator | None = None
) -> DemandEstimator:
    estimator = start or DemandEstimator(how)
    for price, demand in seen:
        estimator = estimator.observe(price, demand)
    return estimator


observations = st.lists(st.tuples(st.integers(0, 30 * RUPEE), st.integers(0, 200_000)), max_size=60)


def least_squares(how: EstimatorSettings, seen: list[tuple[int, int]]) -> tuple[float, float]:
    """(alpha in W, beta in W per rupee) by NumPy on the whole history at once, unbounded."""
    p0 = how.typical_price_micro_inr_per_kwh / RUPEE
    alpha0, beta0 = GUESS.alpha_milliwatt / 1000, GUESS.beta_milliwatt_per_inr / 1000
    rows, values = [], []
    for age, (price, demand) in enumerate(reversed(seen)):
        root = how.forgetting ** (age / 2)
        rows.append([root, -root * price / RUPEE])
        values.append(root * demand)
    root = how.prior_weight**0.5
    rows += [[root, -root * p0], [0.0, root]]
    values += [root * (alpha0 - beta0 * p0), root * beta0]
    alpha, beta = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)[0]
    return float(alpha), float(beta)


@unhurried
@given(observations, st.sampled_from([0.5, 0.9, 0.99, 1.0]), st.sampled_from([0.1, 1.0, 50.0]))
def test_recursion_is_weighted_least_squares_over_the_whole_history(
    seen: list[tuple[int, int]], forgetting: float, prior_weight: float
) -> None:
    how = learning(forgetting=forgetting, prior_weight=prior_weight, low=0, high=10**12)
    alpha, beta = least_squares(how, seen)
    model = taught(how, seen).model()
    if beta >= 0:
        assert model.beta_milliwatt_per_inr == pytest.approx(1000 * beta, rel=1e-6, abs=2)
        assert model.alpha_milliwatt == pytest.approx(1000 * alpha, rel=1e-6, abs=20)
    else:
        assert model.beta_milliwatt_per_inr == 0


@unhurried
@given(observations)
def test_estimate_is_bounded_whatever_is_seen(seen: list[tuple[int, int]]) -> None:
    model = taught(learning(low=500_000, high=2_000_000), seen).model()
    assert 500_000 <= model.beta_milliwatt_per_inr <= 2_000_000
    assert model.alpha_milliwatt >= 0


@unhurried
@given(observations)
def test_at_a_bound_alpha_is_the_best_one_for_it(seen: list[tuple[int, int]]) -> None:
    how = learning(low=1_500_000, high=1_500_000)
    model = taught(how, seen).model()
    weights = [how.forgetting**age for age in reversed(range(len(seen)))] + [how.prior_weight]
    at_zero = [demand + 1500 * price / RUPEE for price, demand in seen] + [20_000 - 6000 + 9000]
    assert model.alpha_milliwatt / 1000 == pytest.approx(np.average(at_zero, weights=weights))


def test_nothing_seen_is_the_guess() -> None:
    assert DemandEstimator(learning()).model() == GUESS


def test_finds_the_truth_from_noisy_answers() -> None:
    rng = random.Random(5)
    seen = []
    for _ in range(2000):
        price = rng.randrange(4 * RUPEE, 9 * RUPEE)
        seen.append((price, round(30_000 - 1800 * price / RUPEE + rng.gauss(0, 300))))
    model = taught(learning(forgetting=0.999, prior_weight=0.01), seen).model()
    assert model.alpha_milliwatt == pytest.approx(30_000_000, rel=0.01)
    assert model.beta_milliwatt_per_inr == pytest.approx(1_800_000, rel=0.03)


def test_follows_a_change_of_habits() -> None:
    prices = [(5 + step % 4) * RUPEE for step in range(600)]
    before = [(price, 30_000 - 2 * price // 1000) for price in prices]
    after = [(price, 22_000 - price // 1000) for price in prices]
    learned = taught(learning(), before)
    assert learned.model().beta_milliwatt_per_inr == pytest.approx(2_000_000, rel=0.03)
    relearned = taught(learning(), after, start=learned)
    assert relearned.model().beta_milliwatt_per_inr == pytest.approx(1_000_000, rel=0.03)
    assert relearned.model().alpha_milliwatt == pytest.approx(22_000_000, rel=0.03)


def test_a_price_that_never_moves_teaches_the_level_and_leaves_the_slope_at_the_guess() -> None:
    """Plain forgetting winds up here: its covariance grows until one odd reading throws it off."""
    steady = taught(learning(), [(6 * RUPEE, 18_000)] * 20_000)
    assert steady.model().beta_milliwatt_per_inr == GUESS.beta_milliwatt_per_inr
    assert steady.model().demand_down_milliwatt(6 * RUPEE) == pytest.approx(18_000_000, rel=0.01)
    jolted = steady.observe(6_000_100, 25_000).model()
    assert jolted.beta_milliwatt_per_inr == pytest.approx(GUESS.beta_milliwatt_per_inr, rel=0.01)


@settings(unhurried, max_examples=20)
@given(observations)
def test_a_refused_observation_teaches_nothing(seen: list[tuple[int, int]]) -> None:
    estimator = taught(learning(), seen)
    for price, demand in [(-1, 5), (2**32, 5), (5, -1), (5, 10**9 + 1), (5, True)]:
        with pytest.raises(PriceError, match=r"^(price_micro_inr_per_kwh|demand_w): "):
            estimator.observe(price, demand)
    assert taught(learning(), seen) == estimator


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"prior_weight": 0.0}, "prior_weight"),
        ({"prior_weight": float("nan")}, "prior_weight"),
        ({"forgetting": 0.4}, "forgetting"),
        ({"forgetting": 1.01}, "forgetting"),
        ({"forgetting": float("nan")}, "forgetting"),
        ({"low": -1}, "beta_lowest_milliwatt_per_inr"),
        ({"low": 10, "high": 9}, "beta_lowest_milliwatt_per_inr"),
    ],
)
def test_bad_settings_name_the_field(changes: dict[str, float], field: str) -> None:
    with pytest.raises(PriceError, match=f"^{field}: "):
        learning(**changes)


def test_a_guess_with_negative_demand_is_refused() -> None:
    with pytest.raises(PriceError, match=r"^guess: "):
        EstimatorSettings(DemandModel(5_000_000, 1_000_000), 6 * RUPEE, 1.0, 0.99, 1, 10)

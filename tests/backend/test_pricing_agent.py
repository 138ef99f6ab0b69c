"""The learned price agent: its network, and what it takes to be let near a price."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from importlib.resources import files
from math import inf
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_pricing_environment import RULES, RUPEE
from unhurried import unhurried

from backend.pricing import PriceError
from backend.pricing.admission import DAYS_AT_LEAST, RUNS_AT_LEAST, admit
from backend.pricing.agent import AgentWeights, LearnedPrice, observation
from backend.pricing.environment import first_state
from backend.pricing.policies import CostRule
from scripts import neighbourhoods
from scripts.train_price_agent import RULES as PLAYED_BY
from scripts.train_price_agent import WARM_UP_DAYS, ClosedForm, Span, Split, shipped_split, train

SEEN = len(observation(RULES, first_state(RULES, 0, 0, 0)))


def network(seed: int, *widths: int, size: float = 1.0) -> AgentWeights:
    drawn = random.Random(seed)
    layers = []
    before = SEEN
    for width in widths:
        rows = [[drawn.gauss(0, size) for _ in range(before)] for _ in range(width)]
        layers.append((rows, [drawn.gauss(0, size) for _ in range(width)]))
        before = width
    return AgentWeights.of(layers)


# ---- the network


@given(
    seed=st.integers(0, 999),
    size=st.floats(0, 50),
    charge=st.integers(0, 60_000),
    price=st.integers(4 * RUPEE, 10 * RUPEE),
)
@unhurried
def test_the_agent_stays_within_step_and_bounds(
    seed: int, size: float, charge: int, price: int
) -> None:
    state = replace(first_state(RULES, 40, 5000, charge), price_micro_inr_per_kwh=price)
    wanted = LearnedPrice(RULES, network(seed, 4, 1, size=size)).wanted(state)
    assert wanted in RULES.bounds
    assert abs(wanted - price) <= RULES.max_step_micro_inr_per_kwh


def test_what_is_seen_is_of_size_one() -> None:
    state = replace(first_state(RULES, 24, 20_000, 60_000), solar_w=20_000)
    assert observation(RULES, state) == pytest.approx((1.5, 2.0, 1.0, 1.0, 0.0, 0.0, 0.0))
    cheapest = replace(
        state, price_micro_inr_per_kwh=4 * RUPEE, average_micro_inr_per_kwh=10 * RUPEE
    )
    assert observation(RULES, cheapest)[-2:] == (-1, 1)


def test_weights_survive_json() -> None:
    weights = network(1, 5, 3, 1)
    assert AgentWeights.from_json(weights.to_json({})) == weights


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ([], "last one must give one number"),
        ([([[0.0]], [0.0]), ([[0.0], [0.0]], [0.0, 0.0])], "last one must give one number"),
        ([([[0.0], [0.0]], [0.0, 0.0]), ([[0.0]], [0.0])], "layer 1 does not fit"),
        ([([[0.0], [0.0, 1.0]], [0.0, 0.0]), ([[0.0, 0.0]], [0.0])], "layer 0 does not fit"),
        ([([[inf]], [0.0])], "no finite number"),
    ],
)
def test_weights_that_make_no_network_are_refused(
    layers: list[tuple[list[list[float]], list[float]]], named: str
) -> None:
    with pytest.raises(PriceError, match=named):
        AgentWeights.of(layers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '{"layers": [1]}',
        '{"layers": [{"weights": [["a"]], "biases": [0]}]}',
        '{"layers": [{"weights": [[1, 2]], "biases": [0, 0]}]}',
    ],
)
def test_json_that_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(PriceError):
        AgentWeights.from_json(text)


@pytest.mark.slow
def test_a_short_training_run_gives_a_network_that_answers_as_torch_does() -> None:
    for extra in ("torch", "stable_baselines3", "gymnasium"):
        pytest.importorskip(extra, reason="needs the extra `ai`")
    import numpy as np
    import torch

    weights = train(shipped_split(), run=0, steps=3072)
    layers = weights.layers
    assert [len(biases) for _, biases in layers] == [32, 32, 1]
    for hour in range(24):
        seen = observation(RULES, first_state(RULES, 4 * hour, 300 * hour, 2000 * hour))
        values = torch.tensor(np.array(seen))
        for number, (rows, biases) in enumerate(layers):
            values = torch.tensor(rows).double() @ values + torch.tensor(biases).double()
            values = values if number == 2 else torch.tanh(values)
        assert weights.answer(seen) == pytest.approx(float(values.clamp(-1, 1)), abs=1e-6)


# ---- admission

days = st.lists(st.floats(-100, 100), min_size=DAYS_AT_LEAST, max_size=30)


def scattered(mean: float, seed: int = 0, count: int = 30) -> list[float]:
    drawn = random.Random(seed)
    return [mean + drawn.gauss(0, 1) for _ in range(count)]


FLAT = {"closed form": [100.0] * 30}


def test_who_is_better_in_every_run_and_by_more_than_chance_is_admitted() -> None:
    verdict = admit([scattered(102, seed) for seed in range(3)], FLAT)
    assert verdict.admitted
    assert "better in every run; over closed form" in verdict.reason
    (gain,) = verdict.gains
    assert 1.5 < gain.surely_at_least < gain.mean < 2.5
    assert gain.days_won >= 28
    assert len(gain.by_run) == 3


def test_one_run_that_is_no_better_is_enough_to_refuse() -> None:
    verdict = admit([scattered(110, 0), scattered(110, 1), [99.9] * 30], FLAT)
    assert not verdict.admitted
    assert "training run 2 is no better than closed form" in verdict.reason


def test_a_few_lucky_days_are_not_enough() -> None:
    lucky = [99.0] * 28 + [200.0] * 2
    verdict = admit([lucky] * 3, FLAT)
    assert verdict.gains[0].mean > 5
    assert not verdict.admitted
    assert "may be chance" in verdict.reason


def test_every_incumbent_must_be_beaten() -> None:
    agent = [scattered(102, seed) for seed in range(3)]
    verdict = admit(agent, FLAT | {"constant": [103.0] * 30})
    assert not verdict.admitted
    assert "constant" in verdict.reason
    assert [gain.over for gain in verdict.gains] == ["closed form", "constant"]


@given(scores=days)
@unhurried
def test_nobody_beats_oneself(scores: list[float]) -> None:
    assert not admit([scores] * RUNS_AT_LEAST, {"closed form": scores}).admitted


@given(scores=days, order=st.permutations(range(3)))
@unhurried
def test_the_order_of_runs_and_days_does_not_matter(scores: list[float], order: list[int]) -> None:
    runs = [[score + run - 1 for score in scores] for run in range(3)]
    closed = {"closed form": scores[::-1]}
    there = admit(runs, closed)
    back = admit([runs[run][::-1] for run in order], {"closed form": scores})
    assert there.admitted == back.admitted
    assert there.gains[0].mean == pytest.approx(back.gains[0].mean)


def test_too_little_to_judge_by_is_refused() -> None:
    enough = [[1.0] * DAYS_AT_LEAST] * RUNS_AT_LEAST
    closed = {"closed form": [0.0] * DAYS_AT_LEAST}
    with pytest.raises(PriceError, match="2 training runs"):
        admit(enough[:2], closed)
    with pytest.raises(PriceError, match="19 held-out days"):
        admit([run[1:] for run in enough], {"closed form": [0.0] * 19})
    with pytest.raises(PriceError, match="give the closed form"):
        admit(enough, {})
    with pytest.raises(PriceError, match="closed form: 21 days, run 0 has 20"):
        admit(enough, {"closed form": [0.0] * 21})
    with pytest.raises(PriceError, match="run 2: 19 days"):
        admit([*enough[:2], [1.0] * 19], closed)


# ---- what is shipped


def test_the_shipped_agent_was_admitted_and_beats_the_closed_form_on_days_it_never_saw() -> None:
    text = files("backend.pricing").joinpath("price_agent.json").read_text()
    admission = json.loads(text)["admission"]
    assert admission["held_out_days"] >= DAYS_AT_LEAST
    assert admission["runs"] >= RUNS_AT_LEAST
    assert min(gain["at_least"] for gain in admission["over"].values()) > 0

    weights = AgentWeights.from_json(text)
    april = neighbourhoods.shipped().neighbourhood
    # A week it was judged by and not trained on (15 to 21 April), after three days to settle.
    never_seen = Split((), (Span(april, 21 - WARM_UP_DAYS, 7 + WARM_UP_DAYS),))
    closed_form = ClosedForm(0.5, 1, CostRule.LAST_KWH, 1)
    mean_w = float(april.demand_wh.sum(axis=0).mean() * 4)
    learned = never_seen.on_held_out_days(lambda: LearnedPrice(PLAYED_BY, weights))
    formula = never_seen.on_held_out_days(lambda: closed_form.made(mean_w))
    assert fmean(learned) > fmean(formula)

"""Trains the learned price agent and compares it with the closed form on days it never saw.

    pip install -c constraints.txt -e '.[ai]'
    python -m scripts.train_price_agent [--data FOLDER] [--runs 5] [--steps 300000] [--export FILE]

Homes and sun are the demo's neighbourhood on its shipped profiles. Trained on a summer, an autumn
and a winter week and on 25 March to 10 April; held out are 11 to 30 April. With SimBench's tables
in FOLDER: a whole year, of which every second week is held out. Demand answers to price as in the
Stackelberg model, with noise and a slope that drifts from day to day; what is invented stands in
this file. What the agent would replace is tuned on the training days, too. Prints tables and the
verdict; --export writes the weights of the run that is best on the training days, if admitted.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backend.pricing import DemandModel, EstimatorSettings, PriceBounds
from backend.pricing.admission import Admission, admit
from backend.pricing.agent import AgentWeights, LearnedPrice, observation
from backend.pricing.environment import (
    PricingRules,
    SlotConditions,
    Storage,
    first_state,
    step,
)
from backend.pricing.learned_opinion import rules_document
from backend.pricing.policies import (
    ClosedFormPrice,
    ConstantPrice,
    CostRule,
    PricePolicy,
    Replay,
)
from backend.simulation import Neighbourhood
from scripts import neighbourhoods

RUPEE = 1_000_000
SLOTS = 96
RULES = PricingRules(
    bounds=PriceBounds(4 * RUPEE, 10 * RUPEE),
    max_step_micro_inr_per_kwh=RUPEE // 2,
    reference_micro_inr_per_kwh=7 * RUPEE,
    gamma_milliwatt_per_inr=1_000_000,
    average_slots=SLOTS,
    buyback_micro_inr_per_kwh=3 * RUPEE,
    retail_micro_inr_per_kwh=7 * RUPEE,
    storage=Storage(60_000, 6_000, 20_000, 922),
    slot_seconds=900,
)
BETA_MILLIWATT_PER_INR = 1_500_000
"""About a fifth of the homes' mean demand a rupee. So elastic that a price within the bounds is
best, as the model needs; homes as they are answer far less, and then the highest price is."""
DRIFT, DRIFT_MOST = 0.1, 0.4
"""The slope's random walk from day to day, as a share of it, and how far it goes."""
NOISE_W = 680
"""A tenth of the mean demand, from slot to slot."""
DRAWS = 5
"""Of noise and drift; a held-out day's score is the mean over them."""
WARM_UP_DAYS = 3
GAMES = 8
"""Played side by side when training."""

Day = list[SlotConditions]
MadePolicy = Callable[[], PricePolicy]


# ---- days


@dataclass(frozen=True, slots=True)
class Span:
    """Days that follow one another."""

    place: Neighbourhood
    first_day: int
    days: int

    def drawn(self, random: np.random.Generator) -> list[Day]:
        """The days with a draw of noise and drift."""
        found: list[Day] = []
        drift = 0.0
        for day in range(self.first_day, self.first_day + self.days):
            drift = float(np.clip(drift + random.normal(0, DRIFT), -DRIFT_MOST, DRIFT_MOST))
            beta = round(BETA_MILLIWATT_PER_INR * (1 + drift))
            slots = slice(day * SLOTS, (day + 1) * SLOTS)
            demand, sun = (
                (wh[:, slots].sum(axis=0) * 4).tolist()
                for wh in (self.place.demand_wh, self.place.generation_wh)
            )
            noise = random.normal(0, NOISE_W, SLOTS).round().astype(int).tolist()
            found.append(
                [
                    SlotConditions(demand_w, sun_w, beta, off_w)
                    for demand_w, sun_w, off_w in zip(demand, sun, noise, strict=True)
                ]
            )
        return found


@dataclass(frozen=True)
class Split:
    """Days to learn from and days to be judged by; the latter begin with a warm-up."""

    training: tuple[Span, ...]
    held_out: tuple[Span, ...]

    @cached_property
    def _training_days(self) -> list[list[Day]]:
        return [
            span.drawn(np.random.default_rng((1, number)))
            for number, span in enumerate(self.training)
        ]

    @cached_property
    def _held_out_draws(self) -> list[list[list[Day]]]:
        return [
            [
                span.drawn(np.random.default_rng((2, number, draw)))
                for number, span in enumerate(self.held_out)
            ]
            for draw in range(DRAWS)
        ]

    def on_training_days(self, made: MadePolicy) -> float:
        """Mean Rs a day, under one draw."""
        return fmean(score for days in self._training_days for score in played(made(), days))

    def on_held_out_days(self, made: MadePolicy) -> list[float]:
        """Rs of each day, mean over the draws; the same draws for every policy."""
        every = [
            [score for days in draw for score in played(made(), days)[WARM_UP_DAYS:]]
            for draw in self._held_out_draws
        ]
        return [fmean(day) for day in zip(*every, strict=True)]


def shipped_split() -> Split:
    """By the shipped profiles; its spring week is part of the month, so it is left out."""
    weeks = neighbourhoods.four_weeks().neighbourhood
    april = neighbourhoods.shipped().neighbourhood
    return Split(
        (*(Span(weeks, 7 * week, 7) for week in (1, 2, 3)), Span(april, 0, 17)),
        (Span(april, 17 - WARM_UP_DAYS, WARM_UP_DAYS + 20),),
    )


def year_split(folder: Path) -> Split:
    """By a year's profiles: weeks in turn; a held-out week is warmed up on the one before."""
    year = neighbourhoods.simbench(folder)[0].neighbourhood
    weeks = range(0, year.slots // SLOTS - 6, 7)
    return Split(
        tuple(Span(year, day, 7) for day in weeks[::2]),
        tuple(Span(year, day - WARM_UP_DAYS, 7 + WARM_UP_DAYS) for day in weeks[1::2]),
    )


def played(policy: PricePolicy, days: Sequence[Day]) -> list[float]:
    """Rs of each day, played one after another from a half-full battery."""
    start = first_state(RULES, 0, days[0][0].reference_demand_w, RULES.storage.capacity_wh // 2)
    replay = Replay(RULES, start, policy)
    return [replay.over(day) / RUPEE for day in days]


# ---- what the agent must beat


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """A setting of the closed form.

    Attributes:
        forgetting, prior_weight: of the demand estimator, whose first guess is the truth's mean.
        cost: what it takes for c.
        caution: how many times the objective's own gamma it plays with.
    """

    forgetting: float
    prior_weight: float
    cost: CostRule
    caution: int

    def made(self, mean_demand_w: float) -> ClosedFormPrice:
        """It, before anything was observed."""
        price, beta = RULES.reference_micro_inr_per_kwh, BETA_MILLIWATT_PER_INR
        guess = DemandModel(round(mean_demand_w * 1000) + beta * price // RUPEE, beta)
        settings = EstimatorSettings(
            guess, price, self.prior_weight, self.forgetting, beta // 10, beta * 3
        )
        gamma = self.caution * RULES.gamma_milliwatt_per_inr
        rules = replace(RULES, gamma_milliwatt_per_inr=gamma)
        return ClosedFormPrice.at_start(rules, settings, self.cost)


@dataclass(frozen=True, slots=True)
class Row:
    """One way to set prices: each held-out day, and the mean of the training days, Rs."""

    name: str
    held_out: list[float]
    training: float


def incumbents(split: Split) -> list[Row]:
    """What an agent would replace, each as it does best on the training days."""
    prices = range(RULES.bounds.lowest, RULES.bounds.highest + 1, RUPEE // 4)
    constant = max(
        map(ConstantPrice, prices),
        key=lambda policy: split.on_training_days(lambda: policy),
    )
    mean_w = float(
        np.mean([span.place.demand_wh.sum(axis=0).mean() * 4 for span in split.training])
    )
    plain, careful = (_best_closed_form(split, mean_w, caution) for caution in ((1,), (2, 3)))
    ways: list[tuple[str, MadePolicy]] = [
        (f"constant, Rs {constant.price_micro_inr_per_kwh / RUPEE:.2f}", lambda: constant),
        ("closed form", lambda: plain.made(mean_w)),
        (f"closed form, gamma x {careful.caution}", lambda: careful.made(mean_w)),
    ]
    print(f"tuned: {plain}, {careful}", file=sys.stderr)
    return [
        Row(name, split.on_held_out_days(made), split.on_training_days(made)) for name, made in ways
    ]


def _best_closed_form(split: Split, mean_w: float, cautions: Sequence[int]) -> ClosedForm:
    choices = itertools.product((0.5, 0.6, 0.7, 0.9, 0.97), (1, 10, 100), CostRule, cautions)
    return max(
        (ClosedForm(*choice) for choice in choices),
        key=lambda form: split.on_training_days(lambda: form.made(mean_w)),
    )


# ---- the agent


def train(split: Split, run: int, steps: int) -> AgentWeights:
    """One training run of PPO, seeded by its number (needs the extra `ai`)."""
    import torch
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import DummyVecEnv

    torch.set_num_threads(1)
    game = _game_class()
    model = PPO(
        "MlpPolicy",
        DummyVecEnv([lambda n=n: game(split, (3, run, n)) for n in range(GAMES)]),
        seed=run,
        device="cpu",
        n_steps=4 * SLOTS,
        batch_size=512,
        n_epochs=6,
        gamma=0.995,
        gae_lambda=0.95,
        learning_rate=lambda left: 1e-3 * left + 5e-5,
        policy_kwargs={"net_arch": [32, 32], "log_std_init": -0.7},
    )
    model.learn(steps, callback=_progress(run, steps))
    layers = [*model.policy.mlp_extractor.policy_net, model.policy.action_net]
    # To six decimals, so that what is judged is what an export holds.
    return AgentWeights.of(
        (
            layer.weight.double().detach().numpy().round(6),
            layer.bias.double().detach().numpy().round(6),
        )
        for layer in layers
        if hasattr(layer, "weight")
    )


def _game_class() -> Any:
    """The pure environment as Gymnasium's, which is imported only where it is needed."""
    import gymnasium

    width = len(observation(RULES, first_state(RULES, 0, 0, 0)))

    class Game(gymnasium.Env):  # type: ignore[misc]
        """One or two training days from a random charge and price."""

        observation_space = gymnasium.spaces.Box(-4.0, 4.0, (width,))
        action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,))

        def __init__(self, split: Split, seed: tuple[int, ...]) -> None:
            self._split = split
            self._random = np.random.default_rng(seed)

        def reset(self, **_: Any) -> tuple[NDArray[np.float32], dict[str, Any]]:
            random, spans = self._random, self._split.training
            lengths = np.array([span.days for span in spans])
            span = spans[random.choice(len(spans), p=lengths / lengths.sum())]
            begin = int(random.integers(span.days))
            days = Span(span.place, span.first_day + begin, min(2, span.days - begin)).drawn(random)
            self._slots = [conditions for day in days for conditions in day]
            self._at = 0
            storage, bounds = RULES.storage, RULES.bounds
            charge = int(random.integers(storage.reserve_wh, storage.capacity_wh + 1))
            price = int(random.integers(bounds.lowest, bounds.highest + 1))
            self._state = replace(
                first_state(RULES, 0, self._slots[0].reference_demand_w, charge),
                price_micro_inr_per_kwh=price,
                average_micro_inr_per_kwh=bounds.clip(price + int(random.normal(0, RUPEE // 2))),
            )
            return self._seen(), {}

        def step(
            self, action: NDArray[np.float32]
        ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
            change = float(np.clip(action[0], -1, 1)) * RULES.max_step_micro_inr_per_kwh
            wanted = self._state.price_micro_inr_per_kwh + round(change)
            self._state, outcome = step(RULES, self._state, self._slots[self._at], wanted)
            self._at += 1
            # A slot's score is some Rs 5; around 0 and of size 1 learns best.
            reward = outcome.score_micro_inr / (4 * RUPEE) - 1
            return self._seen(), reward, False, self._at == len(self._slots), {}

        def _seen(self) -> NDArray[np.float32]:
            return np.array(observation(RULES, self._state), dtype=np.float32)

    return Game


def _progress(run: int, steps: int) -> Any:
    from stable_baselines3.common.callbacks import BaseCallback

    class Told(BaseCallback):  # type: ignore[misc]
        """A line every fifth of the way."""

        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            done, before = self.num_timesteps, self.num_timesteps - GAMES * 4 * SLOTS
            if done * 5 // steps != before * 5 // steps:
                print(f"run {run}: {min(done, steps)} of {steps} slots", file=sys.stderr)

    return Told()


# ---- the comparison


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an agent would replace, its training runs (each with its weights), and the verdict."""

    known: list[Row]
    agents: list[Row]
    weights: list[AgentWeights]
    verdict: Admission
    highest_demand_w: int

    def best(self) -> AgentWeights:
        """The run to ship: chosen by the training days, as the held-out ones only judge."""
        run = max(range(len(self.agents)), key=lambda run: self.agents[run].training)
        return self.weights[run]


def compare(split: Split, runs: int, steps: int) -> Comparison:
    """Trains and judges."""
    known = incumbents(split)
    began = time.process_time()
    weights = [train(split, run, steps) for run in range(runs)]
    print(f"{time.process_time() - began:.0f} s of CPU for {runs} runs", file=sys.stderr)
    agents = [
        Row(f"run {run}", split.on_held_out_days(made), split.on_training_days(made))
        for run, made in enumerate(map(_learned, weights))
    ]
    verdict = admit([row.held_out for row in agents], {row.name: row.held_out for row in known})
    return Comparison(known, agents, weights, verdict, highest_demand_w(split))


def highest_demand_w(split: Split) -> int:
    """The most that homes drew at the reference price in any slot of the days, W."""
    places = {id(span.place): span.place for span in (*split.training, *split.held_out)}
    return max(int(place.demand_wh.sum(axis=0).max()) * 4 for place in places.values())


def _learned(weights: AgentWeights) -> MadePolicy:
    return lambda: LearnedPrice(RULES, weights)


def show(found: Comparison) -> str:
    """Tables and verdict as Markdown."""
    agents, verdict = found.agents, found.verdict
    lines = ["| | Rs a held-out day | from run to run | Rs a training day |", "|---|---|---|---|"]
    for row in found.known:
        lines.append(f"| {row.name} | {fmean(row.held_out):.1f} | | {row.training:.1f} |")
    means = [fmean(row.held_out) for row in agents]
    lines.append(
        f"| learned, mean of {len(agents)} runs | {fmean(means):.1f} |"
        f" {min(means):.1f} to {max(means):.1f} | {fmean(row.training for row in agents):.1f} |"
    )
    lines += ["", "| the learned agent over | Rs a day | at least (95 %) | by run | days won |"]
    lines.append("|---|---|---|---|---|")
    days = len(agents[0].held_out)
    for gain in verdict.gains:
        lines.append(
            f"| {gain.over} | {gain.mean:+.1f} | {gain.surely_at_least:+.1f} |"
            f" {min(gain.by_run):+.1f} to {max(gain.by_run):+.1f} | {gain.days_won} of {days} |"
        )
    word = "Admitted" if verdict.admitted else "Not admitted"
    return "\n".join([*lines, "", f"{word}: {verdict.reason}."])


def _admission(found: Comparison) -> dict[str, Any]:
    """What the weights were admitted by, kept beside them."""
    return {
        "held_out_days": len(found.agents[0].held_out),
        "runs": len(found.agents),
        "highest_demand_w": found.highest_demand_w,
        "rules": rules_document(RULES),
        "over": {
            gain.over: {
                "inr_a_day": round(gain.mean, 2),
                "at_least": round(gain.surely_at_least, 2),
            }
            for gain in found.verdict.gains
        },
    }


def main() -> None:
    """Trains, compares, judges."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="SimBench's tables: a year of days")
    parser.add_argument("--runs", type=int, default=5, help="training runs (5)")
    parser.add_argument("--steps", type=int, default=300_000, help="slots each plays (300000)")
    parser.add_argument("--export", type=Path, help="where to write the weights, if admitted")
    given = parser.parse_args()
    if importlib.util.find_spec("stable_baselines3") is None:
        raise SystemExit("the extra `ai` is missing: pip install -c constraints.txt -e '.[ai]'")
    split = year_split(given.data) if given.data else shipped_split()
    found = compare(split, given.runs, given.steps)
    print(show(found))
    if given.export and found.verdict.admitted:
        given.export.write_text(found.best().to_json(_admission(found)))


if __name__ == "__main__":
    main()

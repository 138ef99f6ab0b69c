"""Where the incentives' parameters should be, from what an epoch came to (spec 7.5). Pure, exact.

Each oracle node computes this by itself and signs only what it gets too. The contract then moves
each parameter by its step at most (ISustainabilityPolicy). All parameters are millionths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.sustainability.metrics import PPM


@dataclass(frozen=True, slots=True)
class Parameters:
    """As in the contract: see ISustainabilityPolicy."""

    multiplier_ppm: int
    equity_kappa_ppm: int
    equity_cap_ppm: int
    rur_weight_ppm: int
    ci_weight_ppm: int
    par_weight_ppm: int
    npv_weight_ppm: int


@dataclass(frozen=True, slots=True)
class EpochMetrics:
    """As in the contract: what the slots (from_slot, to_slot] come to."""

    from_slot: int
    to_slot: int
    ci_mg_per_kwh: int
    rur_ppm: int
    par_ppm: int
    jain_ppm: int
    mean_access_wh: int


@dataclass(frozen=True, slots=True)
class Goals:
    """What the community aims at, and how hard it pulls.

    Args:
        gain_ppm: how far the multiplier goes from 1 if everything is missed wholly
        learning_ppm: how far a weight goes in an epoch if its goal is missed wholly
    """

    rur_ppm: int = 870_000
    ci_mg_per_kwh: int = 270_000
    par_ppm: int = 1_500_000
    jain_ppm: int = 900_000
    gain_ppm: int = 500_000
    learning_ppm: int = 10_000


GOALS = Goals()
"""What every oracle node of a community must agree on."""


def misses_ppm(metrics: EpochMetrics, goals: Goals = GOALS) -> Mapping[str, int]:
    """How far each goal is missed, by weight's name: 0 reached, below 0 surpassed, within +-1."""
    above_ci = metrics.ci_mg_per_kwh - goals.ci_mg_per_kwh
    return {
        "rur": _within_one(goals.rur_ppm - metrics.rur_ppm),
        "ci": _within_one(above_ci * PPM // goals.ci_mg_per_kwh),
        "par": _within_one((metrics.par_ppm - goals.par_ppm) * PPM // goals.par_ppm),
    }


def pulls_ppm(
    metrics: EpochMetrics, before: Parameters, goals: Goals = GOALS
) -> Mapping[str, int]:
    """What each goal adds to the multiplier's target: why it moves."""
    weights = {
        "rur": before.rur_weight_ppm,
        "ci": before.ci_weight_ppm,
        "par": before.par_weight_ppm,
    }
    whole = sum(weights.values())
    if whole == 0:
        return dict.fromkeys(weights, 0)
    misses = misses_ppm(metrics, goals)
    return {
        name: goals.gain_ppm * weight * misses[name] // (whole * PPM)
        for name, weight in weights.items()
    }


def target(metrics: EpochMetrics, before: Parameters, goals: Goals = GOALS) -> Parameters:
    """Where the parameters should be after this epoch.

    The multiplier goes to 1 + gain x (weighted mean of the misses): more is paid while the goals
    are missed. A weight grows if its goal is missed more than the others. Kappa and cap grow while
    access is less even than the goal. w4 waits for projects' NPVs, which no slot shows.
    """
    misses = misses_ppm(metrics, goals)
    mean = sum(misses.values()) // len(misses)
    uneven = goals.learning_ppm * (goals.jain_ppm - metrics.jain_ppm) // PPM
    moved = {name: goals.learning_ppm * (miss - mean) // PPM for name, miss in misses.items()}
    return Parameters(
        multiplier_ppm=_word(PPM + sum(pulls_ppm(metrics, before, goals).values())),
        equity_kappa_ppm=_word(before.equity_kappa_ppm + uneven),
        equity_cap_ppm=_word(before.equity_cap_ppm + uneven),
        rur_weight_ppm=_word(before.rur_weight_ppm + moved["rur"]),
        ci_weight_ppm=_word(before.ci_weight_ppm + moved["ci"]),
        par_weight_ppm=_word(before.par_weight_ppm + moved["par"]),
        npv_weight_ppm=before.npv_weight_ppm,
    )


def _within_one(value: int) -> int:
    return min(max(value, -PPM), PPM)


def _word(value: int) -> int:
    """What a field of the contract holds."""
    return min(max(value, 0), 2**32 - 1)

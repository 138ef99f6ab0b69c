"""Whether a learned price agent may publish: only if it beats what it would replace on days it
never saw.

One lucky training run is not enough, nor one lucky day: every run of the training must be better
on average, and the mean of all runs by more than the days' scatter explains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

from backend.pricing.bounds import PriceError

RUNS_AT_LEAST = 3
DAYS_AT_LEAST = 20
_ONE_SIDED_95 = 1.729
"""Student's t for 20 days; a little strict for more."""


@dataclass(frozen=True, slots=True)
class Gain:
    """An agent's scores less those of another way to set prices, Rs a day.

    Attributes:
        over: the other way's name.
        mean: of all training runs and days.
        surely_at_least: what the mean is above with 95 % confidence, days taken as independent.
        by_run: mean of each training run.
        days_won: days on which the mean of the runs is better.
    """

    over: str
    mean: float
    surely_at_least: float
    by_run: tuple[float, ...]
    days_won: int


@dataclass(frozen=True, slots=True)
class Admission:
    """The answer and what it rests on.

    Attributes:
        admitted: whether the agent may publish.
        reason: one sentence.
        gains: over each incumbent.
    """

    admitted: bool
    reason: str
    gains: tuple[Gain, ...]


def admit(agent: Sequence[Sequence[float]], incumbents: Mapping[str, Sequence[float]]) -> Admission:
    """Judges a way to train an agent by its scores on held-out days.

    Args:
        agent: for each training run (seed) the score of each held-out day, Rs.
        incumbents: by name, the score of the same days under the same noise, Rs; the closed form
            at least.

    Raises:
        PriceError: too few runs or days, no incumbent, or the days do not match.
    """
    if len(agent) < RUNS_AT_LEAST:
        raise PriceError(f"agent: {len(agent)} training runs; at least {RUNS_AT_LEAST} are needed")
    if not incumbents:
        raise PriceError("incumbents: give the closed form's scores at least")
    days = len(agent[0])
    if days < DAYS_AT_LEAST:
        raise PriceError(f"agent: {days} held-out days; at least {DAYS_AT_LEAST} are needed")
    for name, found in {**{f"run {n}": run for n, run in enumerate(agent)}, **incumbents}.items():
        if len(found) != days:
            raise PriceError(f"{name}: {len(found)} days, run 0 has {days}; all play the same ones")
    gains = tuple(_gain(agent, name, theirs) for name, theirs in incumbents.items())
    for gain in gains:
        if min(gain.by_run) <= 0:
            worst = gain.by_run.index(min(gain.by_run))
            return Admission(
                False,
                f"training run {worst} is no better than {gain.over}: Rs {min(gain.by_run):+.2f}",
                gains,
            )
        if gain.surely_at_least <= 0:
            return Admission(
                False,
                f"Rs {gain.mean:+.2f} a day over {gain.over} may be chance:"
                f" at least Rs {gain.surely_at_least:+.2f}",
                gains,
            )
    least = min(gains, key=lambda gain: gain.surely_at_least)
    return Admission(
        True,
        f"better in every run; over {least.over} by Rs {least.mean:+.2f} a day,"
        f" at least Rs {least.surely_at_least:+.2f}",
        gains,
    )


def _gain(agent: Sequence[Sequence[float]], name: str, theirs: Sequence[float]) -> Gain:
    by_run = tuple(fmean(run) - fmean(theirs) for run in agent)
    by_day = [fmean(run[day] for run in agent) - score for day, score in enumerate(theirs)]
    mean = fmean(by_day)
    return Gain(
        name,
        mean,
        mean - _ONE_SIDED_95 * stdev(by_day) / sqrt(len(by_day)),
        by_run,
        sum(gain > 0 for gain in by_day),
    )

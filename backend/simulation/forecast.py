"""What a household expects of a slot when it must bid for it, from what it has metered by then.

The gate of a slot closes some slots before it begins; what was metered in slots that had ended by
then is known, nothing later. The expectations are the simplest honest ones: the newest same time
of day that is known, or the mean of several.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

from backend.simulation.neighbourhood import (
    DAYS_PER_WEEK,
    Integers,
    Neighbourhood,
    SimulationError,
)


class Forecast(Enum):
    """What the next day is expected to be like."""

    YESTERDAY = "yesterday"
    """The newest day of which the same slot is known."""
    LAST_WEEK = "last week"
    """The newest such day of the same weekday."""
    WEEK_MEAN = "mean of a week"
    """Demand and sun: the mean (rounded down) of the newest seven days known."""
    PERFECT = "perfect foresight"
    """What will be metered. Nobody has it: a bound, to be labelled as one."""


def warm_up_slots(forecast: Forecast, slots_per_day: int, gate_slots: int) -> int:
    """How many slots must have passed before every later one can be expected."""
    newest = _newest_known_day(gate_slots, slots_per_day)
    if forecast is Forecast.PERFECT:
        return 0
    if forecast is Forecast.YESTERDAY:
        return newest * slots_per_day
    if forecast is Forecast.LAST_WEEK:
        return -(-newest // DAYS_PER_WEEK) * DAYS_PER_WEEK * slots_per_day
    return (newest + DAYS_PER_WEEK - 1) * slots_per_day


def forecast_net(neighbourhood: Neighbourhood, forecast: Forecast, gate_slots: int) -> Integers:
    """What each household expects to give (negative: take), Wh, households x slots.

    Slots of the warm-up, of which nothing can be expected, are 0.

    Args:
        neighbourhood: the meters.
        forecast: which rule.
        gate_slots: how many slots before a slot begins its gate closes; 0 or more.

    Raises:
        SimulationError: `gate_slots` is negative.
    """
    if gate_slots < 0:
        raise SimulationError(f"gate_slots: {gate_slots} is negative; the gate closes beforehand")
    if forecast is Forecast.PERFECT:
        return neighbourhood.net_wh
    slots_per_day = neighbourhood.slots_per_day
    warm_up = warm_up_slots(forecast, slots_per_day, gate_slots)
    if forecast is Forecast.WEEK_MEAN:
        newest = _newest_known_day(gate_slots, slots_per_day)
        lags = [(newest + day) * slots_per_day for day in range(DAYS_PER_WEEK)]
    else:
        lags = [warm_up]
    demand = _mean_of_delayed_down(neighbourhood.demand_wh, lags)
    expected: Integers = _mean_of_delayed_down(neighbourhood.generation_wh, lags) - demand
    expected[:, :warm_up] = 0
    return expected


def _newest_known_day(gate_slots: int, slots_per_day: int) -> int:
    """How many days back the same slot had ended when the gate closed."""
    return -(-(gate_slots + 1) // slots_per_day)


def _mean_of_delayed_down(metered: Integers, lags: list[int]) -> Integers:
    total = np.zeros_like(metered)
    for lag in lags:
        total[:, lag:] += metered[:, : metered.shape[1] - lag]
    return total // len(lags)

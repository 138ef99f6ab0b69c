"""Hypothesis without a stopwatch: how long an example takes says nothing on a busy machine."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def examples(share: int) -> int:
    """A share, in percent, of the examples that the profile in force gives a property."""
    return max(1, settings.default.max_examples * share // 100)

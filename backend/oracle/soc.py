"""A car's charge at a moment, from what its charge point reported around it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from backend.telemetry.charging_sessions import Sample


def soc_at(samples: Sequence[Sample], at_ms: int, most_ms: int) -> int | None:
    """Charge in 0.01 % at `at_ms`: between the reports before and after it, in proportion.

    Without one after it, the last before; None if there is none within `most_ms` on a side.
    """
    known = [(s.at_ms, s.soc_bp) for s in samples if s.soc_bp is not None]
    before = [(t, soc) for t, soc in known if at_ms - most_ms <= t <= at_ms]
    after = [(t, soc) for t, soc in known if at_ms < t <= at_ms + most_ms]
    if not before:
        return after[0][1] if after else None
    if not after:
        return before[-1][1]
    (t0, soc0), (t1, soc1) = before[-1], after[0]
    return soc0 + (soc1 - soc0) * (at_ms - t0) // (t1 - t0)

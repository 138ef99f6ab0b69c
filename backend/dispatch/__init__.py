"""Who charges, who discharges: pure decisions about flexible energy."""

from backend.dispatch.v2g import CarState, Direction, GridNeed, GridState, Intent, decide, soc_range

__all__ = [
    "CarState", "Direction", "GridNeed", "GridState", "Intent", "decide", "soc_range",
]  # fmt: skip

"""The local price, which a node works out by itself from what it measures.

    p = base + 0.15 (demand - 5.0) + 0.05 (1.0 - solar / 5.0)      in Rs per kWh and kW

In watts and micro-rupees every factor is a whole number, so an 8-bit board gets the same result to
the micro-rupee. With the ranges below no intermediate value leaves 32 signed bits. Any firmware
must reproduce tests/vectors/local_price.json.
"""

from __future__ import annotations

from backend.pricing.bounds import PriceBounds, require_range

MAX_BASE_MICRO_INR_PER_KWH = 1_000_000_000
MAX_POWER_W = 2_000_000

_PER_DEMAND_W = 150
"""Rs 0.15 per kW, in micro-rupees per W."""
_NEUTRAL_DEMAND_W = 5000
_SCARCE_SUN = 50_000
"""Rs 0.05 when there is no sun."""
_PER_SOLAR_W = 10
"""Rs 0.05 less at 5 kW, in micro-rupees per W."""


def local_price_unclipped(base_micro_inr_per_kwh: int, demand_w: int, solar_w: int) -> int:
    """The formula's value, micro-rupees per kWh, exact; it can be negative.

    Args:
        base_micro_inr_per_kwh: price at 5 kW of demand and 5 kW of sun.
        demand_w: power drawn, W.
        solar_w: solar power, W.

    Raises:
        PriceError: an argument is out of its range.
    """
    require_range("base_micro_inr_per_kwh", base_micro_inr_per_kwh, 0, MAX_BASE_MICRO_INR_PER_KWH)
    require_range("demand_w", demand_w, 0, MAX_POWER_W)
    require_range("solar_w", solar_w, 0, MAX_POWER_W)
    price = base_micro_inr_per_kwh + _PER_DEMAND_W * (demand_w - _NEUTRAL_DEMAND_W)
    return price + _SCARCE_SUN - _PER_SOLAR_W * solar_w


def local_price(
    base_micro_inr_per_kwh: int, demand_w: int, solar_w: int, bounds: PriceBounds
) -> int:
    """The local price within bounds, micro-rupees per kWh. Raises PriceError."""
    return bounds.clip(local_price_unclipped(base_micro_inr_per_kwh, demand_w, solar_w))

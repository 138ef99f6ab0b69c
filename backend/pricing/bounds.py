"""The range within which any price stays: the tariff's."""

from __future__ import annotations

from dataclasses import dataclass

MAX_PRICE_MICRO_INR_PER_KWH = 2**32 - 1
"""Rs 4294.967295 per kWh: what a PRICE frame can carry."""


class PriceError(ValueError):
    """Input from which no price follows. The message names the field, what is wrong and the fix."""


@dataclass(frozen=True, slots=True)
class PriceBounds:
    """Lowest and highest price, both allowed, micro-rupees per kWh.

    Raises:
        PriceError: the lowest is not positive, or above the highest, or the highest too high.
    """

    lowest: int
    highest: int

    def __post_init__(self) -> None:
        require_range("lowest", self.lowest, 1, MAX_PRICE_MICRO_INR_PER_KWH)
        require_range("highest", self.highest, self.lowest, MAX_PRICE_MICRO_INR_PER_KWH)

    def __contains__(self, price_micro_inr_per_kwh: int) -> bool:
        return self.lowest <= price_micro_inr_per_kwh <= self.highest

    def clip(self, price_micro_inr_per_kwh: int) -> int:
        """The price, or the bound that it is beyond."""
        return min(max(price_micro_inr_per_kwh, self.lowest), self.highest)


def require_range(field: str, value: int, low: int, high: int) -> None:
    """Raises PriceError naming `field` unless `value` is an integer in low..high."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise PriceError(f"{field}: {value!r} is not an integer")
    if not low <= value <= high:
        raise PriceError(f"{field}: {value} is not in {low}..{high}")

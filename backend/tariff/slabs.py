"""A slab tariff and its arithmetic in integers: Wh and micro-rupees (1e6 = Rs 1)."""

from __future__ import annotations

from dataclasses import dataclass

OPEN_END = 2**64 - 1
"""Limit of the last band (Wh), and end of a tariff without one (Unix seconds)."""

MAX_SLABS = 16
"""Most telescopic slabs, and most flat bands, that the contract takes."""

_WH_PER_KWH = 1000
_U64_MAX = 2**64 - 1
_U32_MAX = 2**32 - 1


class TariffError(ValueError):
    """A tariff that cannot be used. The message names the field, what is wrong and the fix."""


@dataclass(frozen=True, slots=True)
class Slab:
    """A price up to a limit.

    Args:
        upto_wh: inclusive upper limit, Wh per billing period; OPEN_END = none.
        price_micro_inr_per_kwh: micro-rupees per kWh.
    """

    upto_wh: int
    price_micro_inr_per_kwh: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """A tariff as the TariffBook contract takes it; the fields are in the contract's order.

    Args:
        valid_from: Unix seconds, inclusive.
        valid_until: Unix seconds, exclusive; OPEN_END = until it is ended.
        telescopic: slabs whose price applies to the units inside each.
        flat: bands above the last telescopic limit; the first that holds the total prices it all.

    Raises:
        TariffError: a field is out of range, limits do not ascend, or the last band is not open.
    """

    valid_from: int
    valid_until: int
    billing_period_s: int
    payment_term_s: int
    feed_in_micro_inr_per_kwh: int
    telescopic: tuple[Slab, ...]
    flat: tuple[Slab, ...]
    name: str

    def __post_init__(self) -> None:
        if not self.name:
            raise TariffError("name: empty; say which utility, class and year it is")
        _require_range("valid_from", self.valid_from, 0, _U64_MAX)
        if not self.valid_from < self.valid_until <= _U64_MAX:
            raise TariffError("valid_until: must be later than valid_from")
        _require_range("billing_period_s", self.billing_period_s, 1, _U32_MAX)
        _require_range("payment_term_s", self.payment_term_s, 0, _U32_MAX)
        _require_range("feed_in_micro_inr_per_kwh", self.feed_in_micro_inr_per_kwh, 0, _U64_MAX)
        if not 1 <= len(self.flat) <= MAX_SLABS:
            raise TariffError(f"flat: needs 1 to {MAX_SLABS} bands, has {len(self.flat)}")
        if len(self.telescopic) > MAX_SLABS:
            raise TariffError(f"telescopic: at most {MAX_SLABS} slabs, has {len(self.telescopic)}")
        below = _require_ascending("telescopic", self.telescopic, 0)
        if _require_ascending("flat", self.flat, below) != OPEN_END:
            raise TariffError(
                "flat: the last band must be open (no limit), so that every total has a price"
            )

    def contract_arguments(
        self,
    ) -> tuple[int, int, int, int, int, list[tuple[int, int]], list[tuple[int, int]], str]:
        """The `Tariff` struct of `TariffBook.addTariff`."""
        return (
            self.valid_from,
            self.valid_until,
            self.billing_period_s,
            self.payment_term_s,
            self.feed_in_micro_inr_per_kwh,
            [(slab.upto_wh, slab.price_micro_inr_per_kwh) for slab in self.telescopic],
            [(slab.upto_wh, slab.price_micro_inr_per_kwh) for slab in self.flat],
            self.name,
        )


def charge_up(tariff: Tariff, wh: int) -> int:
    """Price of `wh` drawn in one billing period, micro-rupees, rounded up.

    Raises:
        ValueError: `wh` is negative.
    """
    return charge_spread_up(tariff, wh, periods=1)


def charge_spread_up(tariff: Tariff, wh: int, periods: int) -> int:
    """Price of `wh` drawn evenly over `periods` billing periods, micro-rupees, rounded up once.

    This is what a late bill costs: no period gets more than its share, so none reaches a dearer
    slab.

    Raises:
        ValueError: `wh` is negative or `periods` is less than 1.
    """
    if wh < 0:
        raise ValueError(f"wh: {wh} is negative")
    if periods < 1:
        raise ValueError(f"periods: {periods} is less than 1")
    share, with_one_more = divmod(wh, periods)
    milli = (periods - with_one_more) * _milli_charge(tariff, share)
    if with_one_more:
        milli += with_one_more * _milli_charge(tariff, share + 1)
    return -(-milli // _WH_PER_KWH)


def export_credit_down(tariff: Tariff, wh: int) -> int:
    """What `wh` supplied to the pool earn, micro-rupees, rounded down.

    Raises:
        ValueError: `wh` is negative.
    """
    if wh < 0:
        raise ValueError(f"wh: {wh} is negative")
    return wh * tariff.feed_in_micro_inr_per_kwh // _WH_PER_KWH


def _milli_charge(tariff: Tariff, wh: int) -> int:
    """Exact price in thousandths of a micro-rupee (Wh x micro-rupees per kWh)."""
    milli = below = 0
    for slab in tariff.telescopic:
        if wh <= slab.upto_wh:
            return milli + (wh - below) * slab.price_micro_inr_per_kwh
        milli += (slab.upto_wh - below) * slab.price_micro_inr_per_kwh
        below = slab.upto_wh
    band = next(band for band in tariff.flat if wh <= band.upto_wh)
    return wh * band.price_micro_inr_per_kwh


def _require_range(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise TariffError(f"{field}: {value} is not in {low}..{high}")


def _require_ascending(field: str, slabs: tuple[Slab, ...], below: int) -> int:
    """The last limit; `below` if there is none."""
    for position, slab in enumerate(slabs):
        _require_range(
            f"{field}[{position}].price_micro_inr_per_kwh",
            slab.price_micro_inr_per_kwh,
            0,
            _U64_MAX,
        )
        if not below < slab.upto_wh <= OPEN_END:
            raise TariffError(f"{field}[{position}].upto_wh: {slab.upto_wh} must be above {below}")
        below = slab.upto_wh
    return below

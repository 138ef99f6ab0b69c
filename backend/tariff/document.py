"""Tariff documents: a utility's table as JSON, in rupees and kWh, made exact integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from backend.tariff.slabs import OPEN_END, Slab, Tariff, TariffError

_WH_PER_KWH = 1000
_MICRO = 1_000_000
_SECONDS_PER_DAY = 86_400

_REQUIRED = {
    "name",
    "valid_from",
    "valid_until",
    "billing_period_days",
    "payment_term_days",
    "feed_in_inr_per_kwh",
    "telescopic",
    "flat",
}
_OPTIONAL = {"source", "note"}


def parse_tariff(document: Mapping[str, Any]) -> Tariff:
    """A tariff from its JSON document (see scripts/tariffs).

    Prices are rupees per kWh and limits kWh, both as decimal strings, so that nothing is lost in
    floats; times are ISO 8601 with a time zone; `valid_until` null is until it is ended; the last
    flat band's limit is null.

    Raises:
        TariffError: names the field and the fix.
    """
    missing = sorted(_REQUIRED - document.keys())
    if missing:
        raise TariffError(f"{missing[0]}: missing")
    unknown = sorted(document.keys() - _REQUIRED - _OPTIONAL)
    if unknown:
        raise TariffError(
            f"{unknown[0]}: unknown field; known are {', '.join(sorted(_REQUIRED | _OPTIONAL))}"
        )
    until = document["valid_until"]
    return Tariff(
        valid_from=_time("valid_from", document["valid_from"]),
        valid_until=OPEN_END if until is None else _time("valid_until", until),
        billing_period_s=_scaled(
            "billing_period_days", document["billing_period_days"], _SECONDS_PER_DAY
        ),
        payment_term_s=_scaled(
            "payment_term_days", document["payment_term_days"], _SECONDS_PER_DAY
        ),
        feed_in_micro_inr_per_kwh=_scaled(
            "feed_in_inr_per_kwh", document["feed_in_inr_per_kwh"], _MICRO
        ),
        telescopic=_slabs("telescopic", document["telescopic"]),
        flat=_slabs("flat", document["flat"]),
        name=_text("name", document["name"]),
    )


def _slabs(field: str, rows: Any) -> tuple[Slab, ...]:
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        raise TariffError(f"{field}: must be a list of {{upto_kwh, price_inr_per_kwh}}")
    slabs = []
    for position, row in enumerate(rows):
        where = f"{field}[{position}]"
        if not isinstance(row, Mapping) or row.keys() != {"upto_kwh", "price_inr_per_kwh"}:
            raise TariffError(f"{where}: must have exactly upto_kwh and price_inr_per_kwh")
        upto = row["upto_kwh"]
        slabs.append(
            Slab(
                OPEN_END if upto is None else _scaled(f"{where}.upto_kwh", upto, _WH_PER_KWH),
                _scaled(f"{where}.price_inr_per_kwh", row["price_inr_per_kwh"], _MICRO),
            )
        )
    return tuple(slabs)


def _scaled(field: str, value: Any, factor: int) -> int:
    """`value` x `factor` as an exact integer."""
    if isinstance(value, float | bool):
        raise TariffError(f'{field}: write {value} as a decimal string, like "3.15"')
    try:
        scaled = Decimal(str(value)) * factor
    except InvalidOperation:
        raise TariffError(f"{field}: {value!r} is not a decimal number") from None
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise TariffError(f"{field}: {value!r} is finer than 1/{factor} of its unit, or not finite")
    return int(scaled)


def _time(field: str, value: Any) -> int:
    """Unix seconds."""
    try:
        moment = datetime.fromisoformat(_text(field, value))
    except ValueError as error:
        if isinstance(error, TariffError):
            raise
        raise TariffError(f"{field}: {value!r} is not an ISO 8601 time") from None
    if moment.tzinfo is None:
        raise TariffError(f"{field}: {value!r} has no time zone; add one, like +05:30")
    return int(moment.timestamp())


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TariffError(f"{field}: must be text, not {type(value).__name__}")
    return value

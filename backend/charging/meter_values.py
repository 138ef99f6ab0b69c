"""Meter values of OCPP 1.6 and 2.x as integers: Wh, W, 0.1 V, mA, 0.01 %. Pure.

To the nearest; what is absurd, unsigned or of a single phase is left out. Both versions default to
the energy register into the car, in Wh.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from backend.charging.said import Measured

_CONTEXTS = {
    "Transaction.Begin": "begin",
    "Transaction.End": "end",
    "Sample.Periodic": "periodic",
    "Sample.Clock": "clock",
}
_SCALE = {"": 1, "Wh": 1, "kWh": 1000, "W": 1, "kW": 1000, "V": 1, "A": 1, "Percent": 1, "%": 1}
_FIELDS: dict[str, tuple[str, int, int]] = {
    "Energy.Active.Import.Register": ("imported_wh", 1, 10**12),
    "Energy.Active.Export.Register": ("exported_wh", 1, 10**12),
    "Power.Active.Import": ("power_in_w", 1, 10**7),
    "Power.Active.Export": ("power_out_w", 1, 10**7),
    "SoC": ("soc_bp", 100, 10_000),
    "Voltage": ("voltage_dv", 10, 20_000),
    "Current.Import": ("current_ma", 1000, 10**7),
}
"""Measurand -> our name, our units in one of theirs, the most that is believed."""
_PHASES_OF_ALL = ("N", None)
_MOST_MOMENTS = 1_000


def moments_of(
    meter_values: Iterable[Mapping[str, Any]], when: Any, default_context: str = "periodic"
) -> tuple[Measured, ...]:
    """What a list of OCPP MeterValue says.

    Args:
        when: from a timestamp's text to ms
        default_context: where none is told
    """
    found = []
    for meter_value in list(meter_values)[:_MOST_MOMENTS]:
        at_ms = when(meter_value["timestamp"])
        by_context: dict[str, dict[str, int]] = {}
        for sampled in meter_value["sampledValue"]:
            context = _context(sampled, default_context)
            for name, value in _read(sampled):
                by_context.setdefault(context, {})[name] = value
        found += [_measured(at_ms, context, values) for context, values in by_context.items()]
    return tuple(found)


def _context(sampled: Mapping[str, Any], default: str) -> str:
    told = sampled.get("context")
    return default if told is None else _CONTEXTS.get(told, "other")


def _read(sampled: Mapping[str, Any]) -> Iterable[tuple[str, int]]:
    known = _FIELDS.get(sampled.get("measurand", "Energy.Active.Import.Register"))
    if known is None or sampled.get("phase") not in _PHASES_OF_ALL:
        return
    if sampled.get("format", "Raw") != "Raw" or sampled.get("location") == "Inlet":
        return
    name, per_unit, most = known
    unit, exponent = _unit(sampled)
    if unit not in _SCALE or not -9 <= exponent <= 9:
        return
    try:
        number = Decimal(str(sampled["value"]))
    except (InvalidOperation, ValueError):
        return
    if not number.is_finite() or abs(number.adjusted()) > 20:
        return
    value = math.floor(number.scaleb(exponent) * _SCALE[unit] * per_unit + Decimal("0.5"))
    signed = name.startswith("power")
    if (-most if signed else 0) <= value <= most:
        yield name, value


def _unit(sampled: Mapping[str, Any]) -> tuple[str, int]:
    """1.6: `unit`; 2.x: `unitOfMeasure` with a power of ten."""
    measure = sampled.get("unitOfMeasure")
    if isinstance(measure, Mapping):
        return str(measure.get("unit", "")), int(measure.get("multiplier", 0))
    return str(sampled.get("unit", "")), 0


def _measured(at_ms: int, context: str, values: dict[str, int]) -> Measured:
    into, out = values.pop("power_in_w", None), values.pop("power_out_w", None)
    power_w = None if into is None and out is None else (into or 0) - (out or 0)
    return Measured(at_ms, context, power_w=power_w, **values)

"""Slab tariffs: what a household owes for energy drawn and earns for energy supplied.

The same arithmetic as the TariffBook contract, to the micro-rupee, for quotes and checks off chain.
"""

from backend.tariff.document import parse_tariff
from backend.tariff.slabs import (
    OPEN_END,
    Slab,
    Tariff,
    TariffError,
    charge_spread_up,
    charge_up,
    export_credit_down,
)

__all__ = [
    "OPEN_END",
    "Slab",
    "Tariff",
    "TariffError",
    "charge_spread_up",
    "charge_up",
    "export_credit_down",
    "parse_tariff",
]

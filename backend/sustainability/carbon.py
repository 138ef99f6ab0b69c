"""How much CO2 a kWh of the main grid carries, from a table of typical days. Pure.

A table stands in where no measurement is at hand: it says what an hour of a month usually is, not
what it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

MONTHS, HOURS = 12, 24
HIGHEST_G_PER_KWH = 65_533
"""What a lane of the contract holds."""


class CarbonTableError(ValueError):
    """The table is not what it should be; names the field."""


@dataclass(frozen=True, slots=True)
class CarbonTable:
    """g CO2/kWh by month and local hour of a typical day.

    Args:
        utc_offset_minutes: local time less UTC, where the table is used
        g_per_kwh: 12 rows of 24
        source: where the figures are from
    """

    utc_offset_minutes: int
    g_per_kwh: Sequence[Sequence[int]]
    source: str

    def at(self, hour: int) -> int:
        """The figure of an hour of the clock (Unix seconds // 3600): that of its middle."""
        middle = hour * 3600 + 1800 + self.utc_offset_minutes * 60
        local = datetime.fromtimestamp(middle, UTC)
        return self.g_per_kwh[local.month - 1][local.hour]


def parse_carbon_table(document: Mapping[str, Any]) -> CarbonTable:
    """A table from its file's content. Raises CarbonTableError."""
    offset, source = document.get("utc_offset_minutes"), document.get("source")
    if not isinstance(offset, int) or isinstance(offset, bool) or not -720 <= offset <= 840:
        raise CarbonTableError(f"utc_offset_minutes: {offset!r} is not within -720..840")
    if not isinstance(source, str) or not source:
        raise CarbonTableError("source: say where the figures are from")
    rows = document.get("g_per_kwh")
    if not isinstance(rows, list) or len(rows) != MONTHS:
        raise CarbonTableError(f"g_per_kwh: needs {MONTHS} rows, one a month")
    for month, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != HOURS:
            raise CarbonTableError(f"g_per_kwh, month {month}: needs {HOURS} figures, one an hour")
        for figure in row:
            good = isinstance(figure, int) and not isinstance(figure, bool)
            if not good or not 0 <= figure <= HIGHEST_G_PER_KWH:
                raise CarbonTableError(
                    f"g_per_kwh, month {month}: {figure!r} is not within 0..{HIGHEST_G_PER_KWH}"
                )
    return CarbonTable(offset, rows, source)

"""Who answers for a meter and how it pays, as the registry's events tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backend.telemetry.tables import meter_terms
from backend.telemetry.upsert import insert_or_replace


@dataclass(frozen=True, slots=True)
class MeterTerms:
    """A meter's terms in force. `mode` is the BillingMode; `changing`: others are to come."""

    meter_id: int
    mode: int
    changing: bool
    holder: str | None


def put(connection: sa.Connection, meter_id: int, **changes: Any) -> None:
    """Sets some of a meter's terms."""
    insert_or_replace(connection, meter_terms, [{"meter_id": meter_id, **changes}])


def clear(connection: sa.Connection) -> None:
    """Forgets all terms, to be told again from the start."""
    connection.execute(meter_terms.delete())


def all_terms(connection: sa.Connection) -> Mapping[int, MeterTerms]:
    """Every meter whose terms were ever set."""
    rows = connection.execute(meter_terms.select())
    return {row.meter_id: MeterTerms(*row) for row in rows}

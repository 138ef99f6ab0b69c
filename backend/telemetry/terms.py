"""What each meter is, who answers for it and how it pays, as the chain's events tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from backend.telemetry.chain_tables import meter_terms
from backend.telemetry.upsert import insert_or_replace


@dataclass(frozen=True, slots=True)
class MeterTerms:
    """A meter's terms in force.

    Args:
        kind: EntityKind
        mode: BillingMode
        changing: other terms begin with its next settlement
        billed: it is, or once was, billed in arrears
        suspended: supply is cut for debt or an overdue bill
    """

    meter_id: int
    kind: int
    mode: int
    changing: bool
    holder: str | None
    billed: bool
    suspended: bool


def put(connection: sa.Connection, meter_id: int, **changes: Any) -> None:
    """Sets some of a meter's terms."""
    insert_or_replace(connection, meter_terms, [{"meter_id": meter_id, **changes}])


def clear(connection: sa.Connection) -> None:
    """Forgets all terms, to be told again from the start."""
    connection.execute(meter_terms.delete())


def kinds(connection: sa.Connection) -> dict[int, int]:
    """EntityKind of every registered meter."""
    table = meter_terms
    rows = connection.execute(sa.select(table.c.meter_id, table.c.kind).where(table.c.kind != 0))
    return {row.meter_id: row.kind for row in rows}


def where(
    connection: sa.Connection,
    *,
    changing: bool | None = None,
    mode: int | None = None,
    billed: bool | None = None,
    suspended: bool | None = None,
) -> list[int]:
    """Meters for which all that is given holds, ascending."""
    columns = {"changing": changing, "mode": mode, "billed": billed, "suspended": suspended}
    statement = sa.select(meter_terms.c.meter_id).order_by(meter_terms.c.meter_id)
    for name, value in columns.items():
        if value is not None:
            statement = statement.where(meter_terms.c[name] == value)
    return list(connection.execute(statement).scalars())


def all_terms(connection: sa.Connection) -> Mapping[int, MeterTerms]:
    """Every meter whose terms were ever set."""
    rows = connection.execute(meter_terms.select())
    return {row.meter_id: MeterTerms(*row) for row in rows}

"""Incentive projects, as the chain's events tell them. Accounts in lower case, micro-rupees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from backend.telemetry.certificate_tables import incentive_projects as projects
from backend.telemetry.upsert import insert_or_replace


class ProjectState(StrEnum):
    """Where a project stands; one whose deadline is past may still be told as it was."""

    SUBMITTED = "submitted"
    VERIFIED = "verified"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    CLAIMED = "claimed"


@dataclass(frozen=True, slots=True)
class StoredProject:
    """A project. Grant, multiplier and boost once it is verified."""

    project_id: int
    meter_id: int
    submitter: str
    kind: int
    state: ProjectState
    requested_micro_inr: int
    granted_micro_inr: int | None
    multiplier_ppm: int | None
    boost_ppm: int | None
    shortfall_ppm: int
    evidence_hash: str
    evidence_uri: str
    certifier: str | None
    reason: str | None
    submitted_at: int
    deadline: int
    changed_at: int
    tx_hash: str


def put(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Stores a project."""
    insert_or_replace(connection, projects, [dict(row)])


def change(connection: sa.Connection, project_id: int, **changes: Any) -> None:
    """Changes fields of a project."""
    statement = projects.update().where(projects.c.project_id == project_id)
    connection.execute(statement.values(**changes))


def clear(connection: sa.Connection) -> None:
    """Forgets all, to be told again."""
    connection.execute(projects.delete())


def find(
    connection: sa.Connection,
    *,
    states: Sequence[ProjectState] = tuple(ProjectState),
    submitter: str | None = None,
    before: int | None = None,
    limit: int = 100,
) -> list[StoredProject]:
    """Projects, newest first."""
    statement = projects.select().where(projects.c.state.in_([state.value for state in states]))
    if submitter is not None:
        statement = statement.where(projects.c.submitter == submitter.lower())
    if before is not None:
        statement = statement.where(projects.c.project_id < before)
    statement = statement.order_by(projects.c.project_id.desc()).limit(limit)
    return [_project(row) for row in connection.execute(statement)]


def overdue(connection: sa.Connection, now_s: int, limit: int) -> list[int]:
    """Projects whose deadline is past and that nobody ended."""
    open_states = [ProjectState.SUBMITTED.value, ProjectState.VERIFIED.value]
    statement = (
        sa.select(projects.c.project_id)
        .where(projects.c.state.in_(open_states), projects.c.deadline < now_s)
        .order_by(projects.c.project_id)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def claimed_micro_inr(connection: sa.Connection) -> int:
    """What has been fetched so far."""
    claimed = projects.c.state == ProjectState.CLAIMED.value
    statement = sa.select(sa.func.sum(projects.c.granted_micro_inr)).where(claimed)
    return int(connection.execute(statement).scalar_one() or 0)


def totals_by_state(connection: sa.Connection) -> dict[ProjectState, int]:
    """How many projects stand where."""
    statement = sa.select(projects.c.state, sa.func.count()).group_by(projects.c.state)
    return {ProjectState(state): int(count) for state, count in connection.execute(statement)}


def _project(row: sa.Row[Any]) -> StoredProject:
    fields = dict(row._mapping)
    return StoredProject(**{**fields, "state": ProjectState(fields["state"])})

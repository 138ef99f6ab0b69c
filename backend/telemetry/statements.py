"""What meters' secure elements signed, and which elements count (docs/witness.md)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from backend.telemetry import events
from backend.telemetry.events import ChainEvent
from backend.telemetry.node_tables import readings, statements
from backend.telemetry.slots import pack, unpack
from backend.telemetry.upsert import insert_or_keep

_ELEMENT_EVENTS = ("ElementEnrolled", "ElementEnded")


@dataclass(frozen=True, slots=True)
class Statement:
    """The registers that an element signed, the device's own; `signature` is r || s."""

    meter: int
    enrolment: int
    counter: int
    time: int
    registers: tuple[int, ...]
    signature: bytes


@dataclass(frozen=True, slots=True)
class Element:
    """A meter's secure element as the chain has it.

    Args:
        enrolment: its number, from 1
        x, y: the public key
        offsets: booked registers less the device's own, Wh by lane
        since, until: Unix seconds; until 0 = in force
    """

    enrolment: int
    x: int
    y: int
    offsets: tuple[int, ...] = (0,) * 6
    since: int = 0
    until: int = 0

    @property
    def public_key(self) -> bytes:
        """x || y, 64 bytes."""
        return self.x.to_bytes(32, "big") + self.y.to_bytes(32, "big")

    def booked(self, statement: Statement) -> tuple[int, ...]:
        """The registers of a statement as they are booked."""
        return tuple(a + b for a, b in zip(statement.registers, self.offsets, strict=True))


@dataclass(frozen=True, slots=True)
class Lodged:
    """A statement that was put before everybody on chain at Unix second `at`."""

    at: int
    enrolment: int
    counter: int
    booked: tuple[int, ...]


# ---- statements --------------------------------------------------------------------------------


def insert(connection: sa.Connection, found: Iterable[tuple[Statement, int]]) -> None:
    """Stores statements with the readings they came with; one that repeats a count is not kept."""
    for statement, reading_id in found:
        row = {
            "meter_id": statement.meter,
            "enrolment": statement.enrolment,
            "counter": statement.counter,
            "time": statement.time,
            "registers": pack(statement.registers),
            "signature": statement.signature,
            "reading_id": reading_id,
        }
        insert_or_keep(connection, statements, row)


def newest(
    connection: sa.Connection, meter_id: int, enrolment: int, before: int
) -> tuple[Statement, int] | None:
    """A meter's newest statement under an enrolment, of a reading from before Unix second `before`,
    and that reading's number."""
    statement = (
        sa.select(statements)
        .join(readings, readings.c.id == statements.c.reading_id)
        .where(
            statements.c.meter_id == meter_id,
            statements.c.enrolment == enrolment,
            statements.c.time < before,
            readings.c.measured_at < before,
        )
        .order_by(statements.c.counter.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return (_statement(row), row.reading_id) if row is not None else None


def last(connection: sa.Connection, meter_id: int, enrolment: int) -> Statement | None:
    """The newest statement of an element by its own counter."""
    statement = (
        statements.select()
        .where(statements.c.meter_id == meter_id, statements.c.enrolment == enrolment)
        .order_by(statements.c.counter.desc())
        .limit(1)
    )
    row = connection.execute(statement).one_or_none()
    return _statement(row) if row is not None else None


def of_meter(
    connection: sa.Connection,
    meter_id: int,
    *,
    since: int = 0,
    until: int | None = None,
    limit: int = 100,
) -> list[Statement]:
    """A meter's statements dated from `since` to `until`, both included, newest first."""
    statement = (
        statements.select()
        .where(statements.c.meter_id == meter_id, statements.c.time >= since)
        .order_by(statements.c.time.desc(), statements.c.counter.desc())
        .limit(limit)
    )
    if until is not None:
        statement = statement.where(statements.c.time <= until)
    return [_statement(row) for row in connection.execute(statement)]


def prune(connection: sa.Connection, before: int) -> int:
    """Forgets statements dated before a Unix second; how many."""
    return connection.execute(statements.delete().where(statements.c.time < before)).rowcount


def _statement(row: sa.Row[tuple[object, ...]]) -> Statement:
    return Statement(
        row.meter_id, row.enrolment, row.counter, row.time, unpack(row.registers), row.signature
    )


# ---- elements, from the chain's events -----------------------------------------------------------


def elements(connection: sa.Connection) -> dict[int, list[Element]]:
    """Every meter's enrolments, oldest first; number n is at n - 1."""
    return elements_in(events.in_order(connection, "ElementRegistry", _ELEMENT_EVENTS))


def elements_in(told: Iterable[ChainEvent]) -> dict[int, list[Element]]:
    """The enrolments that events tell of."""
    found: dict[int, list[Element]] = {}
    for event in told:
        args, enrolled = event.args, found.setdefault(event.args["meter"], [])
        if event.name == "ElementEnded":
            last = enrolled[-1]
            enrolled[-1] = Element(
                last.enrolment, last.x, last.y, last.offsets, last.since, event.timestamp
            )
            continue
        before, after = _lanes(args["before"]), _lanes(args["afterReset"])
        enrolled.append(
            Element(
                args["enrolment"],
                int(args["x"], 16),
                int(args["y"], 16),
                tuple(a - b for a, b in zip(before, after, strict=True)),
                event.timestamp,
            )
        )
    return found


def in_force(connection: sa.Connection) -> dict[int, Element]:
    """The elements that count now: enrolled, not ended, and of the device that is in the meter."""
    rebased = {
        event.args["meter"]: event.timestamp
        for event in events.in_order(connection, "MeterRegistry", ["RegistersRebased"])
    }
    return {
        meter: enrolled[-1]
        for meter, enrolled in elements(connection).items()
        if enrolled[-1].until == 0 and rebased.get(meter, 0) <= enrolled[-1].since
    }


def lodged(connection: sa.Connection) -> dict[int, list[Lodged]]:
    """What was lodged on chain of each meter, oldest first."""
    found: dict[int, list[Lodged]] = {}
    for event in events.in_order(connection, "MeterWitness", ["StatementLodged"]):
        args = event.args
        found.setdefault(args["meter"], []).append(
            Lodged(event.timestamp, args["enrolment"], args["counter"], _lanes(args["booked"]))
        )
    return found


def at_least(left: Sequence[int], right: Sequence[int]) -> bool:
    """True if no lane of `left` is below the same lane of `right`."""
    return all(a >= b for a, b in zip(left, right, strict=True))


def _lanes(word: int | str) -> tuple[int, ...]:
    number = word if isinstance(word, int) else int(word, 16)
    return unpack(number.to_bytes(30, "big"))

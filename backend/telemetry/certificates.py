"""The register of renewable certificates, as the chain's events tell it. Accounts in lower case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from backend.telemetry.certificate_tables import certificate_lots as lots
from backend.telemetry.certificate_tables import certificate_offers as offers
from backend.telemetry.certificate_tables import certificate_operators as operators
from backend.telemetry.certificate_tables import certificates
from backend.telemetry.upsert import insert_or_keep, insert_or_replace


class LotState(StrEnum):
    """Where a request stands."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    ISSUED = "issued"
    WITHDRAWN = "withdrawn"


class CertificateState(StrEnum):
    """Where a certificate stands, whatever became of its lot."""

    ACTIVE = "active"
    SPLIT = "split"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class StoredLot:
    """A request: Wh that a meter generated in the slots (from_slot, to_slot]."""

    lot_id: int
    meter_id: int
    producer: str
    from_slot: int
    to_slot: int
    wh: int
    source: int
    technology: int
    zone: int
    storage: bool
    evidence_hash: str
    state: LotState
    issuer: str | None
    reason: str | None
    requested_at: int
    decided_at: int | None
    tx_hash: str


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """A certificate; beneficiary and purpose once it is retired, grams once it is credited.

    `approved` is who may hand it over, beside the owner and the owner's operators.
    """

    certificate_id: int
    lot_id: int
    parent: int
    wh: int
    owner: str
    state: CertificateState
    changed_at: int
    beneficiary: str | None
    purpose: str | None
    co2_grams: int | None
    tx_hash: str
    approved: str | None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a certificate costs whom it may be sold to before `closes_at`, Unix seconds."""

    certificate_id: int
    seller: str
    price_micro_inr: int
    closes_at: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate with its lot."""

    certificate: StoredCertificate
    lot: StoredLot


@dataclass(frozen=True, slots=True)
class Sales:
    """Where and when certificates are sold: offers count that can be taken there at that time.

    Args:
        contract: the sales contract, in lower case; what it may not hand over is not for sale
        now: Unix seconds
    """

    contract: str
    now: int


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; None: whatever. `offered`: what can be bought there and then."""

    owner: str | None = None
    meter_id: int | None = None
    state: CertificateState | None = None
    beneficiary: str | None = None
    from_slot: int | None = None
    to_slot: int | None = None
    offered: Sales | None = None


# ---- what events write ---------------------------------------------------------------------------


def put_lot(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Stores a request."""
    insert_or_replace(connection, lots, [dict(row)])


def decide(connection: sa.Connection, lot_id: int, state: LotState, **changes: Any) -> None:
    """A lot's new state."""
    connection.execute(
        lots.update().where(lots.c.lot_id == lot_id).values(state=state.value, **changes)
    )


def put(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Stores a certificate."""
    insert_or_replace(connection, certificates, [dict(row)])


def change(connection: sa.Connection, certificate_id: int, **changes: Any) -> None:
    """Changes fields of a certificate."""
    statement = certificates.update().where(certificates.c.certificate_id == certificate_id)
    connection.execute(statement.values(**changes))


def put_offer(connection: sa.Connection, offer: Offer) -> None:
    """Stores an offer in place of an earlier one."""
    insert_or_replace(connection, offers, [asdict(offer)])


def end_offer(connection: sa.Connection, certificate_id: int) -> None:
    """Forgets an offer, if there is one."""
    connection.execute(offers.delete().where(offers.c.certificate_id == certificate_id))


def set_operator(connection: sa.Connection, owner: str, operator: str, approved: bool) -> None:
    """Whether `operator` may hand over all certificates of `owner`."""
    if approved:
        insert_or_keep(connection, operators, {"owner": owner, "operator": operator})
        return
    same = sa.and_(operators.c.owner == owner, operators.c.operator == operator)
    connection.execute(operators.delete().where(same))


def clear(connection: sa.Connection) -> None:
    """Forgets the register, to tell it again."""
    for table in (offers, operators, certificates, lots):
        connection.execute(table.delete())


# ---- what readers ask ----------------------------------------------------------------------------


def get(connection: sa.Connection, certificate_id: int) -> Entry | None:
    """A certificate and its lot."""
    found = connection.execute(
        _entries().where(certificates.c.certificate_id == certificate_id)
    ).one_or_none()
    return None if found is None else _entry(found)


def children(connection: sa.Connection, certificate_id: int) -> list[int]:
    """Certificates that one was split into."""
    statement = sa.select(certificates.c.certificate_id).where(
        certificates.c.parent == certificate_id
    )
    return list(connection.execute(statement.order_by(certificates.c.certificate_id)).scalars())


def find(
    connection: sa.Connection, search: Search, limit: int, before: int | None = None
) -> list[Entry]:
    """Certificates, newest first."""
    statement = _entries().order_by(certificates.c.certificate_id.desc()).limit(limit)
    for clause in _clauses(search):
        statement = statement.where(clause)
    if before is not None:
        statement = statement.where(certificates.c.certificate_id < before)
    return [_entry(row) for row in connection.execute(statement)]


def offers_of(
    connection: sa.Connection, certificate_ids: Sequence[int], sales: Sales
) -> dict[int, Offer]:
    """Which of these certificates can be bought, and for what."""
    statement = (
        sa.select(offers)
        .join(certificates, certificates.c.certificate_id == offers.c.certificate_id)
        .join(lots, lots.c.lot_id == certificates.c.lot_id)
        .where(offers.c.certificate_id.in_(list(certificate_ids)), *_for_sale(sales))
    )
    found = (Offer(**row._mapping) for row in connection.execute(statement))
    return {offer.certificate_id: offer for offer in found}


def lots_in(
    connection: sa.Connection,
    states: Sequence[LotState],
    limit: int,
    *,
    producer: str | None = None,
    meter_id: int | None = None,
) -> list[StoredLot]:
    """Requests in one of these states, the newest first."""
    statement = (
        lots.select()
        .where(lots.c.state.in_([state.value for state in states]))
        .order_by(lots.c.lot_id.desc())
        .limit(limit)
    )
    if producer is not None:
        statement = statement.where(lots.c.producer == producer)
    if meter_id is not None:
        statement = statement.where(lots.c.meter_id == meter_id)
    return [_lot(row) for row in connection.execute(statement)]


def taken_periods(connection: sa.Connection, meter_id: int, after: int) -> list[tuple[int, int]]:
    """(from_slot, to_slot] of a meter's lots that were not refused and end after a slot."""
    statement = sa.select(lots.c.from_slot, lots.c.to_slot).where(
        lots.c.meter_id == meter_id,
        lots.c.to_slot > after,
        lots.c.state != LotState.REFUSED.value,
    )
    return [(row[0], row[1]) for row in connection.execute(statement)]


def uncredited(connection: sa.Connection, limit: int) -> list[int]:
    """Retired certificates that have no CO2 credits yet, the oldest first."""
    statement = (
        sa.select(certificates.c.certificate_id)
        .join(lots, lots.c.lot_id == certificates.c.lot_id)
        .where(
            certificates.c.state == CertificateState.RETIRED.value,
            certificates.c.co2_grams.is_(None),
            lots.c.state == LotState.ISSUED.value,
        )
        .order_by(certificates.c.certificate_id)
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


def retired_for(
    connection: sa.Connection, beneficiary: str, from_slot: int, to_slot: int
) -> list[Entry]:
    """What was retired for an account, of periods that touch the slots (from_slot, to_slot]; not
    what was withdrawn for cause."""
    statement = _entries().where(
        certificates.c.beneficiary == beneficiary,
        certificates.c.state == CertificateState.RETIRED.value,
        lots.c.state == LotState.ISSUED.value,
        lots.c.to_slot > from_slot,
        lots.c.from_slot < to_slot,
    )
    return [_entry(row) for row in connection.execute(statement)]


def _clauses(search: Search) -> list[sa.ColumnElement[bool]]:
    equal = {
        certificates.c.owner: search.owner,
        lots.c.meter_id: search.meter_id,
        certificates.c.state: search.state,
        certificates.c.beneficiary: search.beneficiary,
    }
    clauses = [column == value for column, value in equal.items() if value is not None]
    if search.from_slot is not None:
        clauses.append(lots.c.to_slot > search.from_slot)
    if search.to_slot is not None:
        clauses.append(lots.c.from_slot < search.to_slot)
    if search.offered is not None:
        own = offers.c.certificate_id == certificates.c.certificate_id
        clauses.append(sa.exists().where(own, *_for_sale(search.offered)))
    return clauses


def _for_sale(sales: Sales) -> tuple[sa.ColumnElement[bool], ...]:
    """As the contract has it: the seller owns it, it stands, is open, and may be handed over."""
    operator = sa.exists().where(
        operators.c.owner == certificates.c.owner, operators.c.operator == sales.contract
    )
    return (
        offers.c.seller == certificates.c.owner,
        offers.c.closes_at > sales.now,
        certificates.c.state == CertificateState.ACTIVE.value,
        lots.c.state == LotState.ISSUED.value,
        sa.or_(certificates.c.approved == sales.contract, operator),
    )


_LOT = "lot__"


def _entries() -> sa.Select[Any]:
    named = [column.label(_LOT + column.name) for column in lots.c]
    return sa.select(*certificates.c, *named).join(lots, lots.c.lot_id == certificates.c.lot_id)


def _entry(row: sa.Row[Any]) -> Entry:
    values = dict(row._mapping)
    lot = {key.removeprefix(_LOT): value for key, value in values.items() if key.startswith(_LOT)}
    own = {key: value for key, value in values.items() if not key.startswith(_LOT)}
    own["state"] = CertificateState(own["state"])
    return Entry(StoredCertificate(**own), StoredLot(**{**lot, "state": LotState(lot["state"])}))


def _lot(row: sa.Row[Any]) -> StoredLot:
    values = dict(row._mapping)
    return StoredLot(**{**values, "state": LotState(values["state"])})

"""Closed slots: their leaves, signatures and fate; and the readings the next one is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from backend.telemetry.chain_tables import leaves, settled_meters, slots
from backend.telemetry.node_tables import nodes, readings
from backend.telemetry.upsert import insert_or_replace

REGISTER_NAMES = (
    "generated_wh",
    "consumed_wh",
    "exported_wh",
    "imported_wh",
    "charged_wh",
    "discharged_wh",
)
"""The registers in order of their lanes, lowest first."""

LANE_BITS = 40


class SlotState(StrEnum):
    """Where a slot stands.

    closed: leaves and root stored. signed: a quorum signed. sent: with the sender. committed: on
    chain. refused: the oracle nodes would not sign. superseded: the chain holds another instead.
    """

    CLOSED = "closed"
    SIGNED = "signed"
    SENT = "sent"
    COMMITTED = "committed"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


WAITING = (SlotState.CLOSED, SlotState.SIGNED, SlotState.SENT)
"""States of slots that are to be on chain and are not yet."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A closed slot. Totals are the two packed words of the community's cumulative flows, Wh."""

    slot: int
    previous_slot: int
    root: bytes
    totals_lo: int
    totals_hi: int
    leaf_count: int
    closed_ms: int
    balance_wh: int
    condition: str
    state: SlotState
    signatures: tuple[bytes, ...]
    tx_hash: str | None
    committed_block: int | None
    settled_at: int | None


@dataclass(frozen=True, slots=True)
class StoredLeaf:
    """A meter's line in a slot: its packed registers, and the reading they come from (0 = none)."""

    meter_id: int
    kind: int
    registers: bytes
    salt: bytes
    reading_id: int
    stale: bool


@dataclass(frozen=True, slots=True)
class CommittedLine:
    """A meter's packed registers at the end of a committed slot."""

    slot: int
    kind: int
    registers: bytes


@dataclass(frozen=True, slots=True)
class NewestReading:
    """A meter's newest reading before some time, with packed registers."""

    meter_id: int
    reading_id: int
    registers: bytes


@dataclass(frozen=True, slots=True)
class SettledMeter:
    """A meter's last settlement on chain."""

    meter_id: int
    slot: int
    registers: bytes
    debt_wh: int


# ---- slots -------------------------------------------------------------------------------------


def insert_closed(connection: sa.Connection, slot: Slot, slot_leaves: Iterable[StoredLeaf]) -> None:
    """Stores a closed slot with its leaves."""
    connection.execute(
        slots.insert().values(
            slot=slot.slot,
            previous_slot=slot.previous_slot,
            root="0x" + slot.root.hex(),
            totals_lo=hex(slot.totals_lo),
            totals_hi=hex(slot.totals_hi),
            leaf_count=slot.leaf_count,
            closed_ms=slot.closed_ms,
            balance_wh=slot.balance_wh,
            condition=slot.condition,
            state=slot.state.value,
        )
    )
    rows = [
        {
            "slot": slot.slot,
            "meter_id": leaf.meter_id,
            "kind": leaf.kind,
            "registers": leaf.registers,
            "salt": leaf.salt,
            "reading_id": leaf.reading_id,
            "stale": leaf.stale,
        }
        for leaf in slot_leaves
    ]
    connection.execute(leaves.insert(), rows)


def get(connection: sa.Connection, slot: int) -> Slot | None:
    """One slot."""
    found = connection.execute(slots.select().where(slots.c.slot == slot)).one_or_none()
    return _slot(found) if found is not None else None


def latest(connection: sa.Connection) -> Slot | None:
    """The newest closed slot whose lines the oracle nodes have not refused."""
    statement = (
        slots.select()
        .where(slots.c.state != SlotState.REFUSED.value)
        .order_by(slots.c.slot.desc())
        .limit(1)
    )
    found = connection.execute(statement).one_or_none()
    return _slot(found) if found is not None else None


def newest_number(connection: sa.Connection) -> int:
    """The number of the newest slot closed, whatever became of it; 0 = none."""
    return connection.execute(sa.select(sa.func.max(slots.c.slot))).scalar_one() or 0


def page(connection: sa.Connection, limit: int, before: int | None = None) -> list[Slot]:
    """Slots, newest first."""
    statement = slots.select().order_by(slots.c.slot.desc()).limit(limit)
    if before is not None:
        statement = statement.where(slots.c.slot < before)
    return [_slot(row) for row in connection.execute(statement)]


def in_states(connection: sa.Connection, states: Iterable[SlotState]) -> list[Slot]:
    """Slots in some states, oldest first."""
    wanted = [state.value for state in states]
    statement = slots.select().where(slots.c.state.in_(wanted)).order_by(slots.c.slot)
    return [_slot(row) for row in connection.execute(statement)]


def latest_committed(connection: sa.Connection) -> Slot | None:
    """The newest slot on chain."""
    statement = (
        slots.select()
        .where(slots.c.state == SlotState.COMMITTED.value)
        .order_by(slots.c.slot.desc())
        .limit(1)
    )
    found = connection.execute(statement).one_or_none()
    return _slot(found) if found is not None else None


def following(connection: sa.Connection, previous: int) -> Slot | None:
    """The slot on chain that counts from `previous`, as closed here; None before there is one."""
    statement = slots.select().where(
        slots.c.previous_slot == previous,
        slots.c.state.in_([SlotState.COMMITTED.value, SlotState.SUPERSEDED.value]),
    )
    found = connection.execute(statement.order_by(slots.c.slot).limit(1)).one_or_none()
    return None if found is None else _slot(found)


def committed_after(connection: sa.Connection, slot: int, limit: int = 16) -> list[int]:
    """Slots on chain after `slot`, the oldest first."""
    statement = sa.select(slots.c.slot).where(
        slots.c.state == SlotState.COMMITTED.value, slots.c.slot > slot
    )
    return list(connection.execute(statement.order_by(slots.c.slot).limit(limit)).scalars())


def committed_between(connection: sa.Connection, first: int, last: int, limit: int) -> list[Slot]:
    """Slots on chain from `first` to `last`, oldest first, `limit` of them at most."""
    statement = (
        slots.select()
        .where(slots.c.state == SlotState.COMMITTED.value, slots.c.slot.between(first, last))
        .order_by(slots.c.slot)
        .limit(limit)
    )
    return [_slot(row) for row in connection.execute(statement)]


def count_committed(connection: sa.Connection, after: int = 0) -> int:
    """How many slots newer than `after` are on chain."""
    statement = sa.select(sa.func.count()).where(
        slots.c.state == SlotState.COMMITTED.value, slots.c.slot > after
    )
    return int(connection.execute(statement.select_from(slots)).scalar_one())


def set_signed(connection: sa.Connection, slot: int, signatures: Sequence[bytes]) -> None:
    """Stores a quorum's signatures, in the order the chain wants them."""
    connection.execute(
        slots.update()
        .where(slots.c.slot == slot)
        .values(
            state=SlotState.SIGNED.value,
            signatures=["0x" + signature.hex() for signature in signatures],
        )
    )


def set_state(connection: sa.Connection, slot: int, state: SlotState, **changes: Any) -> None:
    """Moves a slot on."""
    connection.execute(
        slots.update().where(slots.c.slot == slot).values(state=state.value, **changes)
    )


def set_sent(connection: sa.Connection, slot: int, tx_hash: str | None) -> None:
    """The slot's transaction is with the sender; a slot seen on chain stays committed."""
    connection.execute(
        slots.update()
        .where(slots.c.slot == slot, slots.c.state.in_([s.value for s in WAITING]))
        .values(state=SlotState.SENT.value, tx_hash=tx_hash)
    )


def set_settled(connection: sa.Connection, slot: int, at: int) -> None:
    """The slot's settlements are done, at Unix second `at`."""
    connection.execute(slots.update().where(slots.c.slot == slot).values(settled_at=at))


def uncommit_after(connection: sa.Connection, block: int) -> None:
    """Slots that were committed in blocks no longer part of the chain are sent again."""
    lost = sa.or_(slots.c.committed_block > block, slots.c.committed_block.is_(None))
    connection.execute(
        slots.update()
        .where(slots.c.state == SlotState.COMMITTED.value, lost)
        .values(state=SlotState.SENT.value, committed_block=None, settled_at=None)
    )


# ---- leaves ------------------------------------------------------------------------------------


def leaves_of(connection: sa.Connection, slot: int) -> list[StoredLeaf]:
    """A slot's leaves, by ascending meter."""
    statement = leaves.select().where(leaves.c.slot == slot).order_by(leaves.c.meter_id)
    return [_leaf(row) for row in connection.execute(statement)]


def leaves_with_evidence(
    connection: sa.Connection, slot: int
) -> list[tuple[StoredLeaf, tuple[bytes, ...]]]:
    """A slot's leaves, by ascending meter, each with the frames its registers follow from."""
    statement = (
        sa.select(*leaves.c, readings.c.keyframe, readings.c.frame)
        .select_from(leaves.outerjoin(readings, readings.c.id == leaves.c.reading_id))
        .where(leaves.c.slot == slot)
        .order_by(leaves.c.meter_id)
    )
    return [
        (_leaf(row), tuple(part for part in (row.keyframe, row.frame) if part is not None))
        for row in connection.execute(statement)
    ]


def leaf_of(connection: sa.Connection, slot: int, meter_id: int) -> StoredLeaf | None:
    """One meter's leaf in a slot."""
    statement = leaves.select().where(leaves.c.slot == slot, leaves.c.meter_id == meter_id)
    found = connection.execute(statement).one_or_none()
    return _leaf(found) if found is not None else None


def committed_registers(
    connection: sa.Connection, meter_id: int, after: int, through: int | None = None
) -> list[CommittedLine]:
    """A meter's registers at the committed slots after `after`, in order."""
    statement = (
        sa.select(leaves.c.slot, leaves.c.kind, leaves.c.registers)
        .join(slots, slots.c.slot == leaves.c.slot)
        .where(
            leaves.c.meter_id == meter_id,
            leaves.c.slot > after,
            slots.c.state == SlotState.COMMITTED.value,
        )
        .order_by(leaves.c.slot)
    )
    if through is not None:
        statement = statement.where(leaves.c.slot <= through)
    rows = connection.execute(statement)
    return [CommittedLine(row.slot, row.kind, row.registers) for row in rows]


def prune_leaves(connection: sa.Connection, before_slot: int) -> int:
    """Deletes leaves of slots before `before_slot`; how many."""
    return connection.execute(leaves.delete().where(leaves.c.slot < before_slot)).rowcount


# ---- readings a slot is made of ----------------------------------------------------------------


def newest_readings(connection: sa.Connection, before: int) -> list[NewestReading]:
    """Each metering node's newest reading measured before Unix second `before`.

    One index look-up a node: readings of a node never go back in time, so the newest by time is the
    newest there is.
    """
    newest = (
        sa.select(readings.c.id)
        .where(readings.c.node_id == nodes.c.node_id, readings.c.measured_at < before)
        .order_by(readings.c.measured_at.desc(), readings.c.id.desc())
        .limit(1)
        .correlate(nodes)
        .scalar_subquery()
    )
    columns = [readings.c[name] for name in REGISTER_NAMES]
    statement = (
        sa.select(readings.c.node_id, readings.c.id, *columns)
        .select_from(nodes.join(readings, readings.c.id == newest))
        .where(nodes.c.kind != 0)
        .order_by(readings.c.node_id)
    )
    return [NewestReading(row[0], row[1], pack(row[2:8])) for row in connection.execute(statement)]


def pack(registers: Sequence[int]) -> bytes:
    """Six registers as 30 bytes, lane 5 first: the packed word without its leading zeros.

    Raises ValueError if a register does not fit 40 bits.
    """
    word = 0
    for lane, value in enumerate(registers):
        if not 0 <= value < 1 << LANE_BITS:
            raise ValueError(f"{REGISTER_NAMES[lane]}: {value} Wh does not fit 40 bits")
        word |= value << LANE_BITS * lane
    return word.to_bytes(30, "big")


def unpack(registers: bytes) -> tuple[int, ...]:
    """The six registers of a packed word, lane 0 first."""
    word = int.from_bytes(registers, "big")
    mask = (1 << LANE_BITS) - 1
    return tuple(word >> LANE_BITS * lane & mask for lane in range(6))


# ---- settlements -------------------------------------------------------------------------------


def record_settlement(connection: sa.Connection, row: Mapping[str, Any]) -> None:
    """Stores a meter's settlement, from its event."""
    insert_or_replace(connection, settled_meters, [row])


def settled(connection: sa.Connection) -> dict[int, SettledMeter]:
    """Each meter's last settlement known here."""
    return {
        row.meter_id: SettledMeter(row.meter_id, row.slot, row.registers, row.debt_wh)
        for row in connection.execute(settled_meters.select())
    }


def in_debt(connection: sa.Connection) -> list[int]:
    """Meters that owe energy, ascending."""
    statement = sa.select(settled_meters.c.meter_id).where(settled_meters.c.debt_wh > 0)
    return list(connection.execute(statement.order_by(settled_meters.c.meter_id)).scalars())


def set_debt(connection: sa.Connection, meter_id: int, debt_wh: int) -> None:
    """A meter's debt changed outside a settlement."""
    connection.execute(
        settled_meters.update().where(settled_meters.c.meter_id == meter_id).values(debt_wh=debt_wh)
    )


def forget_settlements_after(connection: sa.Connection, block: int) -> None:
    """Forgets settlements of blocks no longer part of the chain: those meters are settled again."""
    connection.execute(settled_meters.delete().where(settled_meters.c.block > block))


def _slot(row: sa.Row[Any]) -> Slot:
    return Slot(
        slot=row.slot,
        previous_slot=row.previous_slot,
        root=bytes.fromhex(row.root[2:]),
        totals_lo=int(row.totals_lo, 16),
        totals_hi=int(row.totals_hi, 16),
        leaf_count=row.leaf_count,
        closed_ms=row.closed_ms,
        balance_wh=row.balance_wh,
        condition=row.condition,
        state=SlotState(row.state),
        signatures=tuple(bytes.fromhex(text[2:]) for text in row.signatures or ()),
        tx_hash=row.tx_hash,
        committed_block=row.committed_block,
        settled_at=row.settled_at,
    )


def _leaf(row: Any) -> StoredLeaf:
    return StoredLeaf(
        row.meter_id, row.kind, row.registers, row.salt, row.reading_id, bool(row.stale)
    )

"""Meters' own signatures against what was committed: accused, answered and concluded by itself.

Anybody may do all of it with what the chain and the meters told; the community's relayer does it so
that nobody has to. Lines are taken from our own slots and, where somebody else's root is on chain,
from whatever settled them: to be cashed a lie must be shown.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from backend.chain.context import ChainContext
from backend.chain.contracts import integer
from backend.chain.witness import Evidence, LeafWords, ProofWords, WitnessSettings
from backend.ingest.seal import is_signed
from backend.oracle.attestation import build_tree
from backend.oracle.clock import SlotClock
from backend.oracle.due import Due, Keeper
from backend.telemetry import events, slots, statements
from backend.telemetry.events import ChainEvent
from backend.telemetry.slots import unpack
from backend.telemetry.statements import Element, Lodged, Statement, at_least
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

_GAS = {"accuse": 1_500_000, "rebut": 700_000, "conclude": 2_500_000}
_PRIORITY = 4
_STATEMENTS_AT_ONCE = 200
_SLOTS_AT_ONCE = 64
_SETTLED_AT_ONCE = 200
_COMMITTED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class ProvenLines:
    """Lines of a committed slot with their proof, and which of them is meant."""

    index: int
    leaves: Sequence[LeafWords]
    proof: Sequence[ProofWords]
    flags: bytes


@dataclass(frozen=True, slots=True)
class CommittedLine:
    """A meter's booked registers in a committed slot; `prove` gives the proof if there is one."""

    slot: int
    meter: int
    registers: tuple[int, ...]
    prove: Callable[[], ProvenLines | None]


@dataclass(frozen=True, slots=True)
class OpenAccusation:
    """An accusation that nobody has answered or concluded."""

    number: int
    meter: int
    slot: int
    too_high: bool
    line: tuple[int, ...]
    accusing: Statement
    at: int


# ---- what contradicts what: pure -----------------------------------------------------------------


def contradicts(
    line: Sequence[int],
    ends_at: int,
    statement: Statement,
    booked: Sequence[int],
    lodged_at: int | None,
    settings: WitnessSettings,
) -> bool:
    """True if the line and the statement cannot both be true; as MeterWitness decides it.

    Args:
        line: committed registers of the slot that ends at Unix second `ends_at`
        booked: the statement's registers as they are booked
        lodged_at: when the statement was lodged on chain, if it was
    """
    if statement.time >= ends_at + settings.skew_seconds and not at_least(booked, line):
        return True
    in_time = lodged_at is not None and lodged_at + settings.grace_seconds <= ends_at
    return in_time and not at_least(line, booked)


def bears_out(
    accusation: OpenAccusation, ends_at: int, statement: Statement, booked: Sequence[int]
) -> bool:
    """True if the statement answers the accusation; as MeterWitness decides it."""
    if accusation.too_high:
        return statement.time <= ends_at and at_least(booked, accusation.line)
    order = (statement.enrolment, statement.counter)
    accusing = (accusation.accusing.enrolment, accusation.accusing.counter)
    return order > accusing and at_least(accusation.line, booked)


# ---- the keeper ----------------------------------------------------------------------------------


class WitnessKeeper(Keeper):
    """Looks for contradictions, for accusations to answer, and for those to conclude."""

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        *,
        wake_sender: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(store, chain, wake_sender=wake_sender, now=now)
        self._clock = SlotClock(chain.deployment.slot_seconds)
        self._ledger = bytes.fromhex(chain.contracts["MeterLedger"].address[2:])
        self._checked: dict[tuple[int, int, int], bool] = {}

    def sweep(self) -> int:
        """Looks at everything once; how many calls were written."""
        clients = self._chain.clients.witness
        if clients is None:
            return 0
        with self._store.read() as connection:
            elements = statements.elements(connection)
            if not elements:
                return 0
            accusations = _accusations(connection)
        self._due.note()
        settings = self._chain.views.ask(clients.witness.settings(), max_age_s=600.0)
        due = [
            *self._accuse(elements, settings),
            *self._answers(elements, accusations),
            *self._conclusions(accusations, settings),
        ]
        return self._due.write(self._due.that_succeed(due))

    # ---- accuse ----------------------------------------------------------------------------------

    def _accuse(
        self, elements: Mapping[int, list[Element]], settings: WitnessSettings
    ) -> list[Due]:
        since = int(self._now()) - settings.window_seconds
        with self._store.read() as connection:
            accused = _accused(connection)
            lodged = statements.lodged(connection)
            lines = [
                *self._own_lines(connection, elements, since),
                *self._shown_lines(connection, elements, since),
            ]
            found = [
                (line, statement)
                for line in lines
                if (line.meter, line.slot) not in accused
                and (statement := self._contradiction(connection, line, elements, lodged, settings))
            ]
        clients = self._chain.clients.witness
        assert clients is not None
        due = []
        for line, statement in found:
            evidence = self._evidence(line, statement)
            if evidence is not None:
                log.error("slot %d: meter %d signed otherwise", line.slot, line.meter)
                key = f"accuse:{line.slot}-{line.meter}"
                due.append(Due(key, clients.witness.accuse(evidence), _GAS["accuse"], _PRIORITY))
        return due

    def _contradiction(
        self,
        connection: sa.Connection,
        line: CommittedLine,
        elements: Mapping[int, list[Element]],
        lodged: Mapping[int, list[Lodged]],
        settings: WitnessSettings,
    ) -> Statement | None:
        ends_at = self._clock.end(line.slot)
        put = {(one.enrolment, one.counter): one.at for one in lodged.get(line.meter, ())}
        said = statements.of_meter(connection, line.meter, limit=_STATEMENTS_AT_ONCE)
        for statement in said:
            element = _element(elements, statement)
            at = put.get((statement.enrolment, statement.counter))
            if (
                element is not None
                and statement.time <= self._now()
                and contradicts(
                    line.registers, ends_at, statement, element.booked(statement), at, settings
                )
                and self._is_signed(statement, element)
            ):
                return statement
        return None

    def _own_lines(
        self, connection: sa.Connection, elements: Iterable[int], since: int
    ) -> list[CommittedLine]:
        """Lines of the slots that we closed and that are on chain."""
        return [
            CommittedLine(
                slot.slot, meter, unpack(leaf.registers), partial(self._prove, slot.slot, meter)
            )
            for slot in self._ours(connection)
            if self._clock.end(slot.slot) >= since
            for meter in elements
            if (leaf := slots.leaf_of(connection, slot.slot, meter)) is not None
        ]

    @staticmethod
    def _ours(connection: sa.Connection) -> list[slots.Slot]:
        newest = slots.page(connection, _SLOTS_AT_ONCE)
        return [slot for slot in newest if slot.state is slots.SlotState.COMMITTED]

    def _prove(self, slot: int, meter: int) -> ProvenLines:
        with self._store.read() as connection:
            stored = slots.leaves_of(connection, slot)
        proof = build_tree([_Line(leaf) for leaf in stored]).multiproof([meter])
        leaf = next(leaf for leaf in stored if leaf.meter_id == meter)
        words = (meter, int.from_bytes(leaf.registers, "big"), leaf.salt)
        return ProvenLines(0, [words], [node.words() for node in proof.siblings], proof.flags)

    def _shown_lines(
        self, connection: sa.Connection, elements: Iterable[int], since: int
    ) -> list[CommittedLine]:
        """Lines of slots with somebody else's root, from the transactions that settled them."""
        ours = {slot.slot for slot in self._ours(connection)}
        return [
            CommittedLine(
                integer(event.args["slot"]),
                event.args["meter"],
                unpack(integer(event.args["registers"]).to_bytes(30, "big")),
                partial(self._shown, event),
            )
            for event in events.newest(connection, "MeterLedger", "MeterSettled", _SETTLED_AT_ONCE)
            if event.timestamp >= since
            and event.args["meter"] in elements
            and integer(event.args["slot"]) not in ours
        ]

    def _shown(self, event: ChainEvent) -> ProvenLines | None:
        data = self._input_of(event.tx_hash)
        try:
            name, args = self._chain.contracts["MeterLedger"].decode_input(data)
        except ValueError:
            return None  # settled by way of another contract
        if name == "settle":
            leaves, flags = [args["leaf"]], _flags_of(args["path"], len(args["proof"]))
        elif name == "settleMany":
            leaves, flags = args["leaves"], args["flags"]
        else:
            return None
        words = [(leaf["meter"], leaf["registers"], leaf["salt"]) for leaf in leaves]
        index = [leaf[0] for leaf in words].index(event.args["meter"])
        return ProvenLines(index, words, [tuple(node) for node in args["proof"]], flags)

    def _evidence(self, line: CommittedLine, statement: Statement) -> Evidence | None:
        """With the signatures that committed the slot, and the epoch they were made in."""
        proven = line.prove()
        if proven is None:
            return None
        with self._store.read() as connection:
            committed = next(
                (
                    event
                    for event in events.newest(
                        connection, "MeterLedger", "SlotCommitted", _COMMITTED_AT_ONCE
                    )
                    if integer(event.args["slot"]) == line.slot
                ),
                None,
            )
            if committed is None:
                return None
            changed = events.in_order(connection, "OracleQuorum", ["SignersChanged"])
        epochs = [
            integer(event.args["epoch"])
            for event in changed
            if (event.block, event.log_index) < (committed.block, committed.log_index)
        ]
        try:
            _, args = self._chain.contracts["MeterLedger"].decode_input(
                self._input_of(committed.tx_hash)
            )
        except ValueError:
            return None  # committed by way of another contract
        return Evidence(
            line.slot,
            epochs[-1] if epochs else 1,
            proven.index,
            proven.leaves,
            proven.proof,
            proven.flags,
            args["signatures"],
            statement,
        )

    def _input_of(self, tx_hash: str) -> bytes:
        found = self._chain.rpc.call("eth_getTransactionByHash", tx_hash)
        return bytes.fromhex(found["input"][2:]) if found else b""

    # ---- answer and conclude ---------------------------------------------------------------------

    def _answers(
        self, elements: Mapping[int, list[Element]], accusations: Sequence[OpenAccusation]
    ) -> list[Due]:
        clients = self._chain.clients.witness
        assert clients is not None
        due = []
        for accusation in accusations:
            answer = self._answer(elements, accusation)
            if answer is not None:
                call = clients.witness.rebut(accusation.number, answer)
                due.append(Due(f"rebut:{accusation.number}", call, _GAS["rebut"], _PRIORITY + 1))
        return due

    def _answer(
        self, elements: Mapping[int, list[Element]], accusation: OpenAccusation
    ) -> Statement | None:
        ends_at = self._clock.end(accusation.slot)
        with self._store.read() as connection:
            said = statements.of_meter(
                connection,
                accusation.meter,
                until=ends_at if accusation.too_high else None,
                limit=_STATEMENTS_AT_ONCE,
            )
        for statement in said:
            element = _element(elements, statement)
            if (
                element is not None
                and bears_out(accusation, ends_at, statement, element.booked(statement))
                and self._is_signed(statement, element)
            ):
                return statement
        return None

    def _conclusions(
        self, accusations: Sequence[OpenAccusation], settings: WitnessSettings
    ) -> list[Due]:
        clients = self._chain.clients.witness
        assert clients is not None
        return [
            Due(
                f"conclude:{accusation.number}",
                clients.witness.conclude(accusation.number),
                _GAS["conclude"],
                _PRIORITY,
            )
            for accusation in accusations
            if self._now() > accusation.at + settings.rebuttal_seconds
        ]

    def _is_signed(self, statement: Statement, element: Element) -> bool:
        key = (statement.meter, statement.enrolment, statement.counter)
        if key not in self._checked:
            if len(self._checked) > 10_000:
                self._checked.clear()
            self._checked[key] = is_signed(statement, element, self._chain.chain_id, self._ledger)
        return self._checked[key]


@dataclass(frozen=True, slots=True)
class _Line:
    """A stored leaf as `build_tree` wants it."""

    leaf: slots.StoredLeaf

    @property
    def meter(self) -> int:
        return self.leaf.meter_id

    @property
    def kind(self) -> int:
        return self.leaf.kind

    @property
    def registers(self) -> bytes:
        return self.leaf.registers

    @property
    def salt(self) -> bytes:
        return self.leaf.salt


def _element(elements: Mapping[int, list[Element]], statement: Statement) -> Element | None:
    enrolled = elements.get(statement.meter, [])
    return enrolled[statement.enrolment - 1] if statement.enrolment <= len(enrolled) else None


def _flags_of(path: int, length: int) -> bytes:
    """The steps of a single leaf's proof: it is the left child (1) or the right one (2)."""
    steps = [2 if path >> i & 1 else 1 for i in range(length)]
    packed = bytearray(-(-length // 4))
    for i, step in enumerate(steps):
        packed[i // 4] |= step << 2 * (i % 4)
    return bytes(packed)


def _accusations(connection: sa.Connection) -> list[OpenAccusation]:
    """Accusations that are neither answered nor concluded."""
    names = ("SignersAccused", "AccusationRebutted", "AccusationUpheld")
    found: dict[int, OpenAccusation] = {}
    for event in events.in_order(connection, "MeterWitness", names):
        number = integer(event.args["accusation"])
        if event.name == "SignersAccused":
            found[number] = accusation_of(event)
        else:
            found.pop(number, None)
    return list(found.values())


def accusation_of(event: ChainEvent) -> OpenAccusation:
    """The accusation that a SignersAccused event tells of."""
    args, said = event.args, event.args["statement"]
    accusing = Statement(
        said["meter"],
        said["enrolment"],
        said["counter"],
        said["time"],
        unpack(integer(said["registers"]).to_bytes(30, "big")),
        b"",
    )
    return OpenAccusation(
        integer(args["accusation"]),
        args["meter"],
        integer(args["slot"]),
        args["tooHigh"],
        unpack(integer(args["line"]).to_bytes(30, "big")),
        accusing,
        event.timestamp,
    )


def _accused(connection: sa.Connection) -> set[tuple[int, int]]:
    """(meter, slot) of all accusations ever made."""
    made = events.in_order(connection, "MeterWitness", ["SignersAccused"])
    return {(event.args["meter"], integer(event.args["slot"])) for event in made}

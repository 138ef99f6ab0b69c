"""A meter with a secure element against the oracle: a lying quorum loses its bond, an honest one
cannot be robbed by a tampered meter; on a real chain, with and without the P-256 precompile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from books import Books
from local_chain import (
    FIRST_SIGNER,
    OPERATOR,
    RELAYER,
    SLOT_SECONDS,
    STRANGER,
    Anvil,
    development_account,
    send,
)
from oracle_kit import METERS, SALT_KEY, key_of

from backend.chain.contracts import Contract
from backend.chain.types import Commitment
from backend.chain.witness import WitnessSettings
from backend.ingest.frame import decode, encode
from backend.ingest.frame_values import Reading, Seal
from backend.ingest.seal import is_signed, statement_of
from backend.oracle.attestation import build_tree
from backend.oracle.digests import sign, slot_digest
from backend.oracle.domains import read_domains
from backend.oracle.proposal import ProposedLeaf
from backend.oracle.salts import salt_of
from backend.oracle.witness import WitnessKeeper, contradicts
from backend.telemetry import events, node_tables, slots, statements
from backend.telemetry.slots import pack, unpack
from backend.telemetry.statements import Element, Statement
from devices.esp32.element import Atecc608, Sealer
from devices.simulator.element import SimulatedAtecc
from devices.simulator.neighbourhood import read_sealer
from devices.simulator.plan import load_plan
from scripts.provisioning import Chain as Provisioned

pytest_plugins = ["oracle_fixtures"]

ROOF = 7
BOND_WEI = 10**18
DEPOSIT_WEI = 10**16
SETTINGS = WitnessSettings(600, 60, 60, 5, DEPOSIT_WEI)
SIGNERS = [development_account(FIRST_SIGNER + i) for i in range(3)]
INSTANT = (2300, 1000, 230, 1000, 250, 0xFFFF, 0, 1)


@pytest.fixture
def anvil(request: pytest.FixtureRequest) -> Iterator[Anvil]:
    """A chain with the P-256 precompile; one without, where a test asks for Prague."""
    with Anvil(options=["--hardfork", getattr(request, "param", "osaka")]) as node:
        yield node


class Roof:
    """The roof's meter with its element, and the community around it."""

    def __init__(self, books: Books, home: Path) -> None:
        self.books = books
        deployment = books.chain.deployment
        self.elements = Contract(deployment["ElementRegistry"])
        self.bond = Contract(deployment["OracleBond"])
        self.witness = Contract(deployment["MeterWitness"])
        self.element = Atecc608(SimulatedAtecc(home / "element.json"), lambda _ms: None)
        ledger = bytes.fromhex(deployment["MeterLedger"].address[2:])
        self.sealer = Sealer(self.element, books.chain.chain_id, ledger, ROOF, 1)
        self.keeper = WitnessKeeper(
            books.store, books.chain, wake_sender=lambda: None, now=books.clock
        )
        key = self.element.public_key()
        self.act(OPERATOR, self.elements.call("enrol", ROOF, key[:32], key[32:], 0, 0))
        for signer in SIGNERS:
            self.act(STRANGER, self.bond.call("deposit", signer.address), BOND_WEI)
        relayer = development_account(RELAYER).address
        self.act(STRANGER, self.bond.call("creditTo", relayer), 5 * DEPOSIT_WEI)

    def act(self, who: int, call: Any, value: int = 0) -> None:
        send(self.books.anvil.rpc, who, call, value)
        self.books.follower.catch_up()

    def says(
        self, exported_wh: int, at: int | None = None, sealer: Sealer | None = None
    ) -> Statement:
        """Sends a sealed reading, as the firmware does just before a slot ends."""
        time = int(self.books.clock.time) if at is None else at
        device, registers = self.books.devices[ROOF], (exported_wh, 0, exported_wh, 50, 0, 0)
        device.sequence += 1
        seal = Seal(*(sealer or self.sealer).seal(time, registers))
        body, key = Reading(*registers, *INSTANT), key_of(ROOF) or b""
        frame = decode(encode(ROOF, 1, device.sequence, time, body, key, seal))
        row = device.book(frame.raw)
        statement = statement_of(frame)
        assert statement is not None
        with self.books.store.write() as connection:
            statements.insert(connection, [(statement, row.id)])
        return statement

    def line(self, slot: int) -> tuple[int, ...]:
        with self.books.store.read() as connection:
            leaf = slots.leaf_of(connection, slot, ROOF)
        assert leaf is not None
        return unpack(leaf.registers)

    def lie(self, exported_wh: int) -> int:
        """Two signers commit a slot in which the roof exported that much, and settle it."""
        books, chain = self.books, self.books.chain
        slot = int(books.clock.time // SLOT_SECONDS)
        books.clock.time = (slot + 1) * SLOT_SECONDS + 2.5
        books.anvil.rpc.call("anvil_setTime", hex(int(books.clock.time)))
        books.anvil.mine()
        with books.store.read() as connection:
            before = slots.latest_committed(connection)
            assert before is not None
            stored = slots.leaves_of(connection, before.slot)
        lie = pack((exported_wh, 0, exported_wh, 50, 0, 0))
        lines = [
            ProposedLeaf(
                leaf.meter_id,
                leaf.kind,
                lie if leaf.meter_id == ROOF else leaf.registers,
                salt_of(SALT_KEY, slot, leaf.meter_id),
                (),
            )
            for leaf in stored
        ]
        tree = build_tree(lines)
        commitment = Commitment(
            slot, before.slot, tree.root, tree.totals.lo, tree.totals.hi, tree.leaf_count
        )
        epoch = chain.views.quorum(max_age_s=0.0).epoch
        digest = slot_digest(read_domains(chain.rpc, chain.contracts).ledger, commitment, epoch)
        liars = sorted(SIGNERS[:2], key=lambda account: int(account.address, 16))
        ledger = chain.clients.ledger
        self.act(STRANGER, ledger.commit_slot(commitment, [sign(liar, digest) for liar in liars]))
        proof = tree.proof(ROOF)
        leaf = next(line for line in lines if line.meter == ROOF)
        words = (ROOF, int.from_bytes(leaf.registers, "big"), leaf.salt)
        siblings = [node.words() for node in proof.siblings]
        self.act(STRANGER, ledger.settle(slot, words, siblings, proof.path))
        return slot

    def pass_seconds(self, seconds: int) -> None:
        self.books.clock.time += seconds
        self.books.anvil.rpc.call("anvil_setTime", hex(int(self.books.clock.time)))
        self.books.anvil.mine()

    def sweep(self) -> int:
        written = self.keeper.sweep()
        self.books.to_chain()
        return written

    def bond_of(self, index: int) -> int:
        found = self.books.chain.views.ask(self.bond.call("bondOf", SIGNERS[index].address))
        return int(found["bondWei"])

    def told(self, name: str) -> list[events.ChainEvent]:
        with self.books.store.read() as connection:
            return events.in_order(connection, "MeterWitness", [name])


@pytest.fixture
def roof(books: Books, tmp_path: Path) -> Roof:
    return Roof(books, tmp_path)


def begin(roof: Roof) -> int:
    """A first slot in which every meter is heard; the roof by its element."""
    for meter in METERS:
        if meter != ROOF:
            roof.books.read(meter, *(0,) * 6)
    roof.says(1_000)
    return roof.books.run_slot()


@pytest.mark.parametrize("anvil", ["osaka", "prague"], indirect=True)
def test_lying_oracle_loses_its_bond_end_to_end(roof: Roof) -> None:
    slot = begin(roof)
    assert roof.line(slot)[2] == 1_000
    lied = roof.lie(5_000)
    assert roof.sweep() == 0  # the meter has said nothing since
    roof.pass_seconds(10)
    roof.says(1_100)
    assert roof.sweep() == 1
    (accused,) = roof.told("SignersAccused")
    assert accused.args["slot"] == lied
    assert accused.args["tooHigh"] is True
    assert roof.sweep() == 0  # once
    roof.pass_seconds(61)
    assert roof.sweep() == 1
    assert [roof.bond_of(index) for index in range(3)] == [0, 0, BOND_WEI]
    relayer = development_account(RELAYER).address
    credit = roof.books.chain.views.ask(roof.bond.call("creditOf", relayer))
    assert credit == 5 * DEPOSIT_WEI + 2 * BOND_WEI * 3 // 10
    assert roof.sweep() == 0


def test_tampered_meter_takes_no_honest_bond(roof: Roof) -> None:
    """Its owner makes the element sign less than it signed before, and accuses the honest slot."""
    slot = begin(roof)
    roof.pass_seconds(20)
    roof.says(0)
    assert roof.sweep() == 1  # even our own keeper believes the meter, and accuses
    assert roof.sweep() == 1  # ... until it finds what the meter signed in time
    assert len(roof.told("AccusationRebutted")) == 1
    roof.pass_seconds(61)
    roof.sweep()
    assert [roof.bond_of(index) for index in range(3)] == [BOND_WEI] * 3
    assert roof.told("AccusationUpheld") == []
    assert roof.line(slot)[2] == 1_000


def test_line_of_a_sealed_meter_is_what_its_element_signed(roof: Roof) -> None:
    begin(roof)
    roof.books.read(ROOF, 3_000, 0, 3_000, 50, 0, 0)  # an unsealed reading, by the same device key
    unsealed = roof.books.run_slot()
    assert roof.line(unsealed)[2] == 1_000
    roof.says(3_000)
    assert roof.line(roof.books.run_slot())[2] == 3_000


def test_seal_of_another_key_books_nothing(roof: Roof, tmp_path: Path) -> None:
    begin(roof)
    stolen = Atecc608(SimulatedAtecc(tmp_path / "other.json"), lambda _ms: None)
    roof.says(9_000, sealer=Sealer(stolen, roof.sealer.chain_id, roof.sealer.ledger, ROOF, 1))
    assert roof.line(roof.books.run_slot())[2] == 1_000


def test_signer_refuses_a_line_that_the_element_did_not_sign(roof: Roof) -> None:
    """A gateway that forgot about elements proposes by the frame's tag alone."""
    begin(roof)
    roof.books.read(ROOF, 3_000, 0, 3_000, 50, 0, 0)
    roof.books.closer._sealed_lines = lambda *_: {}  # type: ignore[method-assign]
    slot = roof.books.pass_slot()
    with roof.books.store.read() as connection:
        found = slots.get(connection, slot)
    assert found is not None
    assert found.state is slots.SlotState.REFUSED


def test_lodged_statement_is_booked_though_no_frame_came(roof: Roof) -> None:
    """The link is down; somebody puts what the meter signed on chain, and the nodes sign it."""
    begin(roof)
    lodged = roof.says(2_000)
    with roof.books.store.write() as connection:  # it never reached the gateway
        connection.execute(node_tables.statements.delete())
    roof.act(STRANGER, roof.books.chain.clients.witness.witness.lodge(lodged))  # type: ignore[union-attr]
    slot = roof.books.run_slot()
    assert roof.line(slot)[2] == 2_000
    assert roof.books.settled(ROOF)[2] == 2_000


def test_ended_element_binds_nobody(roof: Roof) -> None:
    begin(roof)
    roof.act(OPERATOR, roof.elements.call("end", ROOF))
    roof.books.read(ROOF, 3_000, 0, 3_000, 50, 0, 0)
    assert roof.line(roof.books.run_slot())[2] == 3_000


def test_demo_meters_element_is_enrolled_once(roof: Roof, tmp_path: Path) -> None:
    books = roof.books
    views, contracts = books.chain.views, books.chain.contracts
    provisioned = Provisioned(books.chain.rpc, books.chain.chain_id, contracts, views)
    operator = provisioned.wallet(development_account(OPERATOR))
    plan = load_plan()
    assert [node.id for node in plan.nodes if node.element] == [ROOF]
    assert provisioned.enrol_elements(operator, plan, tmp_path) == 1
    assert provisioned.enrol_elements(operator, plan, tmp_path) == 0
    sealer = read_sealer(tmp_path, ROOF)
    assert sealer is not None
    assert sealer.enrolment == 2  # after the one of the other tests
    books.follower.catch_up()
    with books.store.read() as connection:
        element = statements.in_force(connection)[ROOF]
    enrolment, counter, signature = sealer.seal(77, (1, 2, 3, 4, 5, 6))
    said = Statement(ROOF, enrolment, counter, 77, (1, 2, 3, 4, 5, 6), signature)
    assert is_signed(said, element, books.chain.chain_id, sealer.ledger)


# ---- pure ----------------------------------------------------------------------------------------


def _statement(**changes: Any) -> Statement:
    return replace(Statement(ROOF, 1, 1, 1_000, (0, 0, 10, 0, 0, 0), b"\0" * 64), **changes)


@pytest.mark.parametrize(
    ("line_wh", "time", "lodged_at", "wrong"),
    [
        (11, 1_005, None, True),
        (11, 1_004, None, False),  # within the clock's slack
        (10, 1_005, None, False),
        (9, 1_005, None, False),
        (9, 900, 940, True),
        (9, 900, 941, False),  # within the grace
        (10, 900, 940, False),
        (11, 900, 940, False),
    ],
)
def test_contradictions(line_wh: int, time: int, lodged_at: int | None, wrong: bool) -> None:
    line = (0, 0, line_wh, 0, 0, 0)
    statement = _statement(time=time)
    found = contradicts(line, 1_000, statement, statement.registers, lodged_at, SETTINGS)
    assert found is wrong


def test_element_signs_for_one_ledger_on_one_chain_and_counts(tmp_path: Path) -> None:
    part = SimulatedAtecc(tmp_path / "element.json")
    element = Atecc608(part, lambda _ms: None)
    key = element.public_key()
    known = Element(1, int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big"))
    ledger, registers = b"\x11" * 20, (1, 2, 3, 4, 5, (1 << 40) - 1)
    counts = []
    for _ in range(20):
        seal = Sealer(element, 31337, ledger, ROOF, 1).seal(77, registers)
        counts.append(seal[1])
        said = Statement(ROOF, seal[0], seal[1], 77, registers, seal[2])
        assert is_signed(said, known, 31337, ledger)
        assert not is_signed(said, known, 31338, ledger)
        assert not is_signed(said, known, 31337, b"\x12" * 20)
        assert not is_signed(replace(said, time=78), known, 31337, ledger)
        assert not is_signed(said, replace(known, enrolment=2), 31337, ledger)
    assert counts == list(range(1, 21))
    again = Atecc608(SimulatedAtecc(tmp_path / "element.json"), lambda _ms: None)
    assert again.public_key() == key
    assert again.next_count() == 21


def test_part_answers_only_what_it_knows(tmp_path: Path) -> None:
    part = SimulatedAtecc(tmp_path / "element.json")
    element = Atecc608(part, lambda _ms: None)
    with pytest.raises(OSError, match="error 03"):
        element._ask(0x02, 0, 0, b"", 32)  # READ: the key cannot be asked for
    with pytest.raises(OSError, match="error 0f"):
        element.shared(b"\x01" * 64)  # no point of the curve
    part.writeto(0x60, b"\x03\x07\x30\x00\x00\x00\x00\x00")  # a damaged packet
    answer = bytearray(4)
    part.readfrom_into(0x60, answer)
    assert answer[1] == 0xFF
    other = Atecc608(SimulatedAtecc(tmp_path / "other.json"), lambda _ms: None)
    assert element.shared(other.public_key()) == other.shared(element.public_key())

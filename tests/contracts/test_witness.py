"""ElementRegistry, OracleBond and MeterWitness through Ape, in the community as it is deployed.

What a meter signs is made by the firmware's driver on a simulated part.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS
from fixtures_money import HOUSE, PLAN, ROOF, SLOT_SECONDS, Microgrid
from refusals import reverts

from backend.oracle.registers import register_values
from backend.oracle.sum_tree import Registers, pack_registers
from devices.esp32.element import Atecc608, statement
from devices.simulator.element import SimulatedAtecc
from scripts.roles import Role

FIGURES = PLAN.witness
DEPOSIT = FIGURES.deposit_wei
ETHER = 10**18
OPEN, REBUTTED, UPHELD = 1, 2, 3
HIGHEST = 2**40 - 1
NO_REGISTERS = pack_registers(Registers())


class Element:
    """The secure element in the roof's meter."""

    def __init__(self, grid: Microgrid, path: Path) -> None:
        self.grid = grid
        self.part = Atecc608(SimulatedAtecc(path), lambda _ms: None)
        self.enrolment = 0

    def enrol(self, before: int = NO_REGISTERS, after_reset: int = NO_REGISTERS) -> Any:
        """The operator puts the key into the registry."""
        key = self.part.public_key()
        receipt = self.grid.elements.enrol(
            ROOF, key[:32], key[32:], before, after_reset, sender=self.grid.operator
        )
        self.enrolment = self.grid.elements.enrolmentCount(ROOF)
        return receipt

    def says(self, exported_wh: int, at: int | None = None) -> tuple[Any, ...]:
        """A statement of now or another time, and its signature: (words, r, s)."""
        grid, registers = self.grid, Registers(exported_wh=exported_wh)
        time = grid.chain.pending_timestamp if at is None else at
        counter = self.part.next_count()
        words = (ROOF, self.enrolment, counter, time, pack_registers(registers))
        ledger = bytes.fromhex(grid.ledger.address[2:])
        lanes = register_values(registers)
        message = statement(grid.chain.chain_id, ledger, *words[:4], lanes)
        digest = hashlib.sha256(message).digest()
        assert bytes(grid.elements.statementDigest(words)) == digest
        signature = self.part.sign(digest)
        return words, signature[:32], signature[32:]


@pytest.fixture
def element(grid: Microgrid, tmp_path: Path) -> Element:
    element = Element(grid, tmp_path / "element.json")
    element.enrol()
    return element


def evidence(grid: Microgrid, slot: int, said: tuple[Any, ...], **changes: Any) -> tuple[Any, ...]:
    """Against whoever signed the roof's line of a slot."""
    leaves, proof, flags = grid.lines(slot, [ROOF])
    words, r, s = said
    epoch = grid.quorum.epoch()
    fields = {
        "slot": slot, "epoch": epoch, "index": 0, "leaves": leaves, "proof": proof, "flags": flags,
        "signatures": grid.signed(grid.witness.commitmentDigest(slot, epoch)),
        "statement": words, "r": r, "s": s,
    }  # fmt: skip
    return tuple((fields | changes).values())


def too_high(element: Element) -> tuple[int, tuple[Any, ...]]:
    """The oracle commits 1 000 Wh, and the meter signs 900 well after the slot."""
    grid = element.grid
    grid.count(ROOF, exported_wh=1_000)
    slot = grid.close_slot()
    grid.wait(2 * FIGURES.skew_seconds)
    return slot, element.says(900)


def accuse(element: Element) -> tuple[int, Any]:
    slot, said = too_high(element)
    grid = element.grid
    return slot, grid.witness.accuse(
        evidence(grid, slot, said), value=DEPOSIT, sender=grid.stranger
    )


# ---- ElementRegistry


def test_enrolments_follow_each_other(grid: Microgrid, tmp_path: Path) -> None:
    elements, first = grid.elements, Element(grid, tmp_path / "first.json")
    receipt = first.enrol()
    key = first.part.public_key()
    (event,) = elements.ElementEnrolled.from_receipt(receipt)
    assert (event.meter, event.enrolment, event.x, event.y) == (ROOF, 1, key[:32], key[32:])
    said = first.says(5)
    receipt = Element(grid, tmp_path / "second.json").enrol(before=7)
    assert receipt.events.filter(elements.ElementEnded) == [
        elements.ElementEnded(meter=ROOF, enrolment=1)
    ]
    assert elements.enrolmentCount(ROOF) == 2
    ended, now = elements.enrolmentAt(ROOF, 1), elements.enrolmentAt(ROOF, 2)
    assert (ended.until, now.since, now.until, now.before) == (now.since, now.since, 0, 7)
    assert elements.requireSigned(*said) == said[0][4]  # what it said before still counts
    grid.wait(1)
    late = first.says(6)
    with reverts(elements.ElementRegistry_AfterEnd, enrolment=1, until=ended.until):
        elements.requireSigned(*late)
    elements.end(ROOF, sender=grid.operator)
    with reverts(elements.ElementRegistry_NoElement, meter=ROOF):
        elements.end(ROOF, sender=grid.operator)


def test_statements_are_booked_with_the_enrolments_offset(grid: Microgrid, tmp_path: Path) -> None:
    element = Element(grid, tmp_path / "element.json")
    before, after_reset = Registers(exported_wh=1_000), Registers(exported_wh=40)
    element.enrol(pack_registers(before), pack_registers(after_reset))
    said = element.says(100)
    assert grid.elements.requireSigned(*said) == pack_registers(Registers(exported_wh=1_060))
    with reverts(grid.elements.ElementRegistry_OutOfRange):
        grid.elements.requireSigned(*element.says(HIGHEST))


def test_enrolments_are_refused_by_name(grid: Microgrid, element: Element) -> None:
    elements, key = grid.elements, element.part.public_key()
    x, y, wide = key[:32], key[32:], 1 << 240
    for arguments, error in (
        ((999, x, y, 0, 0), elements.ElementRegistry_UnknownMeter),
        ((ROOF, y, x, 0, 0), elements.ElementRegistry_BadKey),
        ((ROOF, x, y, wide, 0), elements.ElementRegistry_BadRegisters),
        ((ROOF, x, y, 0, wide), elements.ElementRegistry_BadRegisters),
    ):
        with reverts(error):
            elements.enrol(*arguments, sender=grid.operator)
    for who in ("admin", "relayer", "certifier", "alice"):
        caller = getattr(grid, who)
        with reverts(elements.AccessManagedUnauthorized, caller=caller):
            elements.enrol(ROOF, x, y, 0, 0, sender=caller)
        with reverts(elements.AccessManagedUnauthorized, caller=caller):
            elements.end(ROOF, sender=caller)
    with reverts(elements.ElementRegistry_NoElement, meter=HOUSE):
        elements.end(HOUSE, sender=grid.operator)


def test_statements_are_refused_by_name(grid: Microgrid, element: Element) -> None:
    elements = grid.elements
    words, r, s = element.says(5)
    assert elements.requireSigned(words, r, s) == words[4]
    with reverts(elements.ElementRegistry_BadSignature):
        elements.requireSigned((*words[:4], words[4] + 1), r, s)
    with reverts(elements.ElementRegistry_BadSignature):
        elements.requireSigned(words, s, r)
    with reverts(elements.ElementRegistry_BadRegisters):
        elements.requireSigned((*words[:4], 1 << 240), r, s)
    for none in (0, 2):
        with reverts(elements.ElementRegistry_NoSuchEnrolment, meter=ROOF, enrolment=none):
            elements.requireSigned((ROOF, none, *words[2:]), r, s)
    elements.requireOffsetKnown(ROOF, 1)
    grid.wait(1)
    grid.registry.recordRebase(ROOF, words[4], 0, "replaced", sender=grid.operator)
    with reverts(elements.ElementRegistry_Outdated, meter=ROOF, enrolment=1):
        elements.requireOffsetKnown(ROOF, 1)


# ---- OracleBond


def test_a_bond_is_the_signers_and_leaves_after_notice(grid: Microgrid) -> None:
    bond = grid.bond
    receipt = bond.deposit(grid.alice, value=ETHER, sender=grid.stranger)
    (event,) = bond.BondDeposited.from_receipt(receipt)
    assert (event.signer, event.payer, event.amountWei) == (grid.alice, grid.stranger, ETHER)
    receipt = bond.startUnbonding(ETHER // 4, grid.bob, sender=grid.alice)
    (event,) = bond.UnbondingStarted.from_receipt(receipt)
    started = grid.chain.blocks[receipt.block_number].timestamp
    assert (event.to, event.readyAt) == (grid.bob, started + FIGURES.unbonding_seconds)
    with reverts(bond.OracleBond_NotReady, readyAt=event.readyAt):
        bond.release(grid.alice, sender=grid.stranger)
    grid.wait(FIGURES.unbonding_seconds)
    receipt = bond.release(grid.alice, sender=grid.stranger)
    (event,) = bond.BondReleased.from_receipt(receipt)
    assert (event.to, event.amountWei) == (grid.bob, ETHER // 4)
    assert bond.bondOf(grid.alice).bondWei == ETHER - ETHER // 4
    before = grid.bob.balance
    receipt = bond.withdraw(sender=grid.bob)
    assert receipt.events == [bond.Withdrawn(account=grid.bob, amountWei=ETHER // 4)]
    assert grid.bob.balance == before + ETHER // 4 - receipt.total_fees_paid
    with reverts(bond.OracleBond_NothingToWithdraw, account=grid.bob):
        bond.withdraw(sender=grid.bob)


def test_bonds_are_refused_by_name(grid: Microgrid) -> None:
    bond = grid.bond
    with reverts(bond.OracleBond_ZeroAddress):
        bond.deposit(ZERO_ADDRESS, value=1, sender=grid.alice)
    with reverts(bond.OracleBond_ZeroAmount):
        bond.deposit(grid.alice, sender=grid.alice)
    with reverts(bond.OracleBond_TooMuch, askedWei=1, bondWei=0):
        bond.startUnbonding(1, grid.alice, sender=grid.alice)
    with reverts(bond.OracleBond_NothingUnbonding, signer=grid.alice):
        bond.release(grid.alice, sender=grid.alice)


def test_only_the_witness_holds_slashes_and_moves(grid: Microgrid) -> None:
    bond, signer = grid.bond, grid.signers[0].address
    assert grid.manager.hasRole(int(Role.WITNESS), grid.witness)[0]
    for who in ("admin", "operator", "relayer", "stranger"):
        caller = getattr(grid, who)
        for refused in (
            lambda by: bond.hold(signer, sender=by),
            lambda by: bond.drop(signer, sender=by),
            lambda by: bond.slash(signer, by, sender=by),
            lambda by: bond.moveCredit(grid.relayer, by, 1, sender=by),
        ):
            with reverts(bond.AccessManagedUnauthorized, caller=caller):
                refused(caller)


# ---- MeterWitness


def test_whoever_signed_more_than_the_meter_counted_loses_the_bond(element: Element) -> None:
    grid, witness, bond = element.grid, element.grid.witness, element.grid.bond
    liars = [signer.address for signer in grid.signers[:2]]
    bonded, honest = bond.totalBondedWei(), bond.bondOf(grid.signers[2].address).bondWei
    slot, receipt = accuse(element)
    (event,) = witness.SignersAccused.from_receipt(receipt)
    assert (event.meter, event.slot, event.accuser) == (ROOF, slot, grid.stranger)
    assert (event.tooHigh, list(event.signers)) == (True, liars)
    assert witness.accusationAt(0).state == OPEN
    assert [bond.bondOf(liar).holds for liar in liars] == [1, 1]
    until = witness.accusationAt(0).answerUntil
    with reverts(witness.MeterWitness_TooEarly, answerUntil=until):
        witness.conclude(0, sender=grid.bob)
    grid.wait(FIGURES.rebuttal_seconds + 1)
    receipt = witness.conclude(0, sender=grid.bob)
    slashed = 2 * FIGURES.bond_wei
    assert receipt.events.filter(witness.AccusationUpheld) == [
        witness.AccusationUpheld(accusation=0, slashedWei=slashed)
    ]
    share = FIGURES.bond_wei * FIGURES.prover_share_bps // 10_000
    assert bond.creditOf(grid.stranger) == 2 * share + DEPOSIT
    assert bond.creditOf(grid.operator) == slashed - 2 * share
    assert [bond.bondOf(liar).bondWei for liar in liars] == [0, 0]
    assert bond.bondOf(grid.signers[2].address).bondWei == honest
    assert bond.totalBondedWei() == bonded - slashed
    again = evidence(grid, slot, element.says(900))
    with reverts(witness.MeterWitness_NobodyLiable):
        witness.accuse(again, value=DEPOSIT, sender=grid.stranger)
    with reverts(witness.MeterWitness_NotOpen, accusation=0):
        witness.conclude(0, sender=grid.bob)


def test_a_line_that_the_meter_signed_in_time_is_borne_out(element: Element) -> None:
    grid, witness, bond = element.grid, element.grid.witness, element.grid.bond
    backing = element.says(1_000)
    short = element.says(999)
    accuse(element)
    with reverts(witness.MeterWitness_NoRebuttal):
        witness.rebut(0, *short, sender=grid.bob)
    receipt = witness.rebut(0, *backing, sender=grid.bob)
    assert receipt.events.filter(witness.AccusationRebutted) == [
        witness.AccusationRebutted(accusation=0, answerer=grid.bob)
    ]
    assert (bond.creditOf(grid.bob), bond.creditOf(witness)) == (DEPOSIT, 0)
    assert witness.accusationAt(0).state == REBUTTED
    assert bond.bondOf(grid.signers[0].address).bondWei == FIGURES.bond_wei
    with reverts(witness.MeterWitness_NotOpen, accusation=0):
        witness.rebut(0, *backing, sender=grid.bob)


def test_a_line_below_what_was_lodged_is_a_lie(element: Element) -> None:
    grid, witness = element.grid, element.grid.witness
    said = element.says(1_000)
    receipt = witness.lodge(*said, sender=grid.stranger)
    (event,) = witness.StatementLodged.from_receipt(receipt)
    assert (event.meter, event.registers, event.booked) == (ROOF, said[0][4], said[0][4])
    digest = grid.elements.statementDigest(said[0])
    assert witness.lodgedAt(digest) == grid.chain.blocks[receipt.block_number].timestamp
    with reverts(witness.MeterWitness_AlreadyLodged, meter=ROOF, enrolment=1):
        witness.lodge(*said, sender=grid.stranger)
    grid.count(ROOF, exported_wh=900)
    early = grid.close_slot()
    with reverts(witness.MeterWitness_NoContradiction):  # the nodes may not have seen it yet
        witness.accuse(evidence(grid, early, said), value=DEPOSIT, sender=grid.bob)
    grid.wait(FIGURES.grace_seconds)
    slot = grid.close_slot()
    # The relayer's deposit is taken from what the community put there for it.
    credit = grid.bond.creditOf(grid.relayer)
    witness.accuse(evidence(grid, slot, said), sender=grid.relayer)
    assert grid.bond.creditOf(grid.relayer) == credit - DEPOSIT
    assert not witness.accusationAt(0).tooHigh
    late = element.says(900)
    grid.wait(FIGURES.rebuttal_seconds + 1)
    with reverts(witness.MeterWitness_TooLate):
        witness.rebut(0, *late, sender=grid.bob)
    witness.conclude(0, sender=grid.bob)
    assert witness.accusationAt(0).state == UPHELD


def test_accusations_are_refused_by_name(element: Element) -> None:
    grid, witness = element.grid, element.grid.witness
    slot, said = too_high(element)

    def refused(error: Any, deposit: int = DEPOSIT, **changes: Any) -> None:
        shown = evidence(grid, slot, changes.pop("said", said), **changes)
        with reverts(error):
            witness.accuse(shown, value=deposit, sender=grid.bob)

    refused(witness.MeterWitness_WrongDeposit, deposit=DEPOSIT - 1)
    refused(grid.bond.OracleBond_TooLittleCredit, deposit=0)
    refused(witness.MeterWitness_BadIndex, index=1)
    refused(witness.MeterWitness_NoContradiction, said=element.says(1_000))
    refused(witness.MeterWitness_NoContradiction, said=element.says(900, slot * SLOT_SECONDS))
    refused(grid.elements.ElementRegistry_BadSignature, r=said[2])
    leaves, proof, flags = grid.lines(slot, [HOUSE])
    refused(witness.MeterWitness_OtherMeter, leaves=leaves, proof=proof, flags=flags)
    forged = [(ROOF, said[0][4] + 1, leaves[0][2])]
    refused(grid.ledger.MeterLedger_BadProof, leaves=forged)
    one, two = grid.signed(witness.commitmentDigest(slot, grid.quorum.epoch()))
    refused(witness.MeterWitness_BadSigner, signatures=[two, one])
    refused(witness.MeterWitness_TooManySigners, signatures=[one] * 33)
    stranger = grid.signed(b"\x01" * 32)  # of something else: unknown keys without a bond
    refused(witness.MeterWitness_NobodyLiable, signatures=stranger[:1])
    with reverts(witness.MeterWitness_NotOpen, accusation=0):
        witness.conclude(0, sender=grid.bob)
    grid.wait(FIGURES.window_seconds)
    refused(witness.MeterWitness_WindowOver)
    figures = witness.settings()
    assert tuple(figures) == (
        FIGURES.window_seconds, FIGURES.rebuttal_seconds, FIGURES.grace_seconds,
        FIGURES.skew_seconds, DEPOSIT,
    )  # fmt: skip
    assert witness.accusationCount() == 0

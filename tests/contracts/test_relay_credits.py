"""RelayCredits through Ape, in the community as it is deployed: functions, events, roles, refusals;
receipts as the service makes them from real sessions over a simulated radio."""

from __future__ import annotations

import hashlib
from typing import Any

import ape
import pytest
from fixtures_money import HOUSE, PREPAID, ROOF, RUPEE, SOLAR, Microgrid
from refusals import reverts

from backend.chain.mesh import receipt_fields
from backend.mesh.judging import Receipt, judge
from backend.mesh.receipts import check, read
from devices.simulator.mesh_field import MeshField

FEE = 100
GATEWAY = 1
DAY = 86_400


def key_of(node: int) -> bytes:
    return hashlib.sha256(b"ape %d" % node).digest()


def session(grid: Microgrid, messages: int, route: tuple[int, ...] = ()) -> Receipt:
    """A session from the prosumer's node over the house's and the solar field's to the gateway."""
    nodes = route or (ROOF, HOUSE, SOLAR, GATEWAY)
    now = grid.chain.pending_timestamp
    field = MeshField({n: (80.0 * i, 0.0) for i, n in enumerate(nodes)}, loss_pm=0, start_s=now)
    told: list[Any] = []
    for node in nodes:
        field.join(node, key_of(node)).on_receipt = told.append
    for i in range(messages):
        field.routers[nodes[0]].send(nodes[-1], b"%d" % i, 20, field.time.now_ms)
        field.run_for_ms(300)
    for router in field.routers.values():
        router.end_sessions()
    held = [read(one.pack()) for one in told]
    for one in held:
        check(one, key_of)
    return judge(dict(zip(nodes, held, strict=True)))


def signed(grid: Microgrid, *receipts: Receipt, by: int = 2) -> tuple[list[Any], list[bytes]]:
    fields = [receipt_fields(receipt) for receipt in receipts]
    return fields, grid.signed(grid.credits.receiptsDigest(fields), by)


def prepay(grid: Microgrid, who: Any, micro_inr: int) -> Any:
    grid.give_inr(who, micro_inr)
    grid.approve(who, grid.credits)
    return grid.credits.depositFor(who, micro_inr, sender=who)


@pytest.fixture
def mesh(grid: Microgrid) -> Microgrid:
    """Alice holds the prosumer's meter, bob the house's; the field is the community's."""
    grid.claim(ROOF, grid.alice, PREPAID)
    grid.claim(HOUSE, grid.bob, PREPAID)
    return grid


def test_a_session_is_paid_once_and_withdrawn(mesh: Microgrid) -> None:
    receipt = prepay(mesh, mesh.alice, RUPEE)
    (event,) = mesh.credits.Deposited.from_receipt(receipt)
    assert (event.payer, event.account, event.microInr) == (mesh.alice, mesh.alice, RUPEE)
    one = session(mesh, 5)
    fields, signatures = signed(mesh, one)
    receipt = mesh.credits.clear(fields, signatures, sender=mesh.stranger)
    (event,) = mesh.credits.ReceiptCleared.from_receipt(receipt)
    assert (event.source, event.payer, event.sent, event.delivered) == (ROOF, mesh.alice, 5, 5)
    assert (event.brokenHop, event.reporters, event.paid) == (255, 15, 2 * 5 * FEE)
    assert mesh.credits.clearedOf(event.id) == (5, 5)
    assert mesh.credits.prepaidOf(mesh.alice) == RUPEE - 2 * 5 * FEE
    operator = mesh.credits.community()
    assert mesh.credits.earnedOf(mesh.bob) == mesh.credits.earnedOf(operator) == 5 * FEE
    with reverts(mesh.credits.RelayCredits_NothingToClear):
        mesh.credits.clear(fields, signatures, sender=mesh.stranger)
    before = mesh.token.balanceOf(mesh.bob, 0)
    receipt = mesh.credits.withdraw(5 * FEE, sender=mesh.bob)
    (event,) = mesh.credits.Withdrawn.from_receipt(receipt)
    assert (event.account, event.microInr) == (mesh.bob, 5 * FEE)
    assert mesh.token.balanceOf(mesh.bob, 0) == before + 5 * FEE
    with reverts(mesh.credits.RelayCredits_TooLittleEarned):
        mesh.credits.withdraw(1, sender=mesh.bob)


def test_without_a_deposit_it_waits(mesh: Microgrid) -> None:
    poor, paid = session(mesh, 2), session(mesh, 3, (HOUSE, SOLAR, GATEWAY))
    prepay(mesh, mesh.bob, RUPEE)
    receipt = mesh.credits.clear(*signed(mesh, poor, paid), sender=mesh.relayer)
    (skipped,) = mesh.credits.ReceiptSkipped.from_receipt(receipt)
    assert skipped.reason == 2
    prepay(mesh, mesh.alice, RUPEE)
    mesh.credits.clear(*signed(mesh, poor), sender=mesh.relayer)


def test_one_signature_is_not_enough(mesh: Microgrid) -> None:
    fields, signatures = signed(mesh, session(mesh, 1), by=1)
    with reverts(mesh.quorum.OracleQuorum_TooFewSignatures):
        mesh.credits.clear(fields, signatures, sender=mesh.relayer)


def test_a_raised_count_does_not_follow_from_the_chain(mesh: Microgrid) -> None:
    fields, _ = signed(mesh, session(mesh, 2))
    raised = [(fields[0][0], 3, 3, *fields[0][3:])]
    signatures = mesh.signed(mesh.credits.receiptsDigest(raised))
    with reverts(mesh.credits.RelayCredits_BadChain, index=0):
        mesh.credits.clear(raised, signatures, sender=mesh.relayer)


def test_refunds_after_notice(mesh: Microgrid) -> None:
    prepay(mesh, mesh.alice, RUPEE)
    with reverts(mesh.credits.RelayCredits_NoRefundRequested):
        mesh.credits.refund(sender=mesh.alice)
    receipt = mesh.credits.requestRefund(RUPEE, sender=mesh.alice)
    (event,) = mesh.credits.RefundRequested.from_receipt(receipt)
    assert event.availableAt == mesh.chain.blocks[receipt.block_number].timestamp + DAY
    with reverts(mesh.credits.RelayCredits_RefundNotYet):
        mesh.credits.refund(sender=mesh.alice)
    mesh.wait(DAY)
    receipt = mesh.credits.refund(sender=mesh.alice)
    (event,) = mesh.credits.Refunded.from_receipt(receipt)
    assert (event.account, event.microInr) == (mesh.alice, RUPEE)


def test_keep_earned(mesh: Microgrid) -> None:
    prepay(mesh, mesh.alice, RUPEE)
    mesh.credits.clear(*signed(mesh, session(mesh, 4)), sender=mesh.relayer)
    receipt = mesh.credits.keepEarned(4 * FEE, sender=mesh.bob)
    (event,) = mesh.credits.EarnedKept.from_receipt(receipt)
    assert event.microInr == mesh.credits.prepaidOf(mesh.bob) == 4 * FEE


def test_roles(mesh: Microgrid) -> None:
    for who, function, argument in (
        ("admin", "setFee", [1]),
        ("stranger", "setFee", [1]),
        ("operator", "setCommunity", [mesh.alice]),
        ("operator", "pause", []),
        ("relayer", "unpause", []),
    ):
        caller = getattr(mesh, who)
        with reverts(mesh.credits.AccessManagedUnauthorized, caller=caller.address):
            getattr(mesh.credits, function)(*argument, sender=caller)
    receipt = mesh.credits.setFee(7, sender=mesh.operator)
    (event,) = mesh.credits.FeeChanged.from_receipt(receipt)
    assert event.microInrPerMessage == 7
    with reverts(mesh.credits.RelayCredits_FeeChangePending):
        mesh.credits.setFee(8, sender=mesh.operator)
    mesh.credits.setCommunity(mesh.bob, sender=mesh.admin)
    assert mesh.credits.accountOf(SOLAR) == mesh.bob
    mesh.credits.pause(sender=mesh.pauser)
    with reverts(mesh.credits.EnforcedPause):
        mesh.credits.clear(*signed(mesh, session(mesh, 1)), sender=mesh.relayer)
    mesh.credits.unpause(sender=mesh.pauser)


def test_deposits_are_refused_by_name(mesh: Microgrid) -> None:
    with reverts(mesh.credits.RelayCredits_ZeroAmount):
        mesh.credits.depositFor(mesh.alice, 0, sender=mesh.alice)
    with reverts(mesh.credits.RelayCredits_ZeroAccount):
        mesh.credits.depositFor(ape.utils.ZERO_ADDRESS, 1, sender=mesh.alice)
    with reverts(mesh.credits.RelayCredits_TooLittlePrepaid):
        mesh.credits.requestRefund(10**18, sender=mesh.alice)

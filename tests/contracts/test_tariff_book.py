"""TariffBook through Ape: the shipped table, bills, and the same arithmetic off chain."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixtures_money import (
    BILLED,
    ENERGY,
    HOUSE,
    INR,
    PREPAID,
    ROOF,
    RUPEE,
    SLOT_SECONDS,
    Microgrid,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from refusals import reverts

from backend.tariff import (
    OPEN_END,
    Slab,
    Tariff,
    charge_spread_up,
    charge_up,
    export_credit_down,
    parse_tariff,
)

KSEB = parse_tariff(
    json.loads(
        (Path(__file__).parents[2] / "scripts/tariffs/kseb-domestic-2022-23.json").read_text()
    )
)
PERIOD, TERM = KSEB.billing_period_s, KSEB.payment_term_s

FEW = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    limits = sorted(draw(st.sets(st.integers(1, 10**6), max_size=8)))
    cut = draw(st.integers(0, len(limits)))
    price = st.integers(0, 20 * RUPEE)
    return replace(
        KSEB,
        name="drawn",
        feed_in_micro_inr_per_kwh=draw(price),
        telescopic=tuple(Slab(limit, draw(price)) for limit in limits[:cut]),
        flat=tuple(Slab(limit, draw(price)) for limit in [*limits[cut:], OPEN_END]),
    )


def bill_now(grid: Microgrid, meter: int) -> Any:
    """Time passes to the end of the period, and the bill is issued."""
    grid.chain.mine(timestamp=max(grid.book.nextBillAt(meter), grid.chain.pending_timestamp))
    grid.book.issueBill(meter, sender=grid.stranger)
    return grid.book.bill(grid.book.billsOf(meter)[-1])


# ---- the table


@pytest.mark.parametrize(
    ("kwh", "rupees"), [(50, 157.5), (51, 161.45), (250, 1345), (251, 1556.2), (368, 2704.8),
                        (500, 3800), (501, 4258.5), (800, 6800), (839, 7131.5)]
)  # fmt: skip
def test_the_deployed_table(grid: Microgrid, kwh: int, rupees: float) -> None:
    assert grid.book.chargeUp(1, kwh * 1000) == round(rupees * RUPEE)
    assert grid.book.tariff(1).name == KSEB.name
    assert grid.book.tariff(1).feedInMicroInrPerKwh == 3 * RUPEE


def test_every_edge_agrees_with_the_arithmetic_off_chain(grid: Microgrid) -> None:
    edges = [slab.upto_wh for slab in (*KSEB.telescopic, *KSEB.flat[:-1])]
    for wh in [0, 1, *(edge + step for edge in edges for step in (-1, 0, 1)), 10**9]:
        assert grid.book.chargeUp(1, wh) == charge_up(KSEB, wh)


@FEW
@given(drawn=tariffs(), amounts=st.lists(st.integers(0, 2 * 10**6), min_size=8, max_size=8))
def test_any_tariff_agrees_with_the_arithmetic_off_chain(
    grid: Microgrid, chain: Any, drawn: Tariff, amounts: list[int]
) -> None:
    with chain.isolate():
        now = chain.pending_timestamp
        grid.book.endTariff(1, now + 10, sender=grid.operator)
        drawn = replace(drawn, valid_from=now + 10)
        grid.book.addTariff(drawn.contract_arguments(), sender=grid.operator)
        for wh in amounts:
            assert grid.book.chargeUp(2, wh) == charge_up(drawn, wh)


# ---- tariffs as data


def test_add_and_end(grid: Microgrid, chain: Any) -> None:
    with reverts(grid.book.TariffBook_Overlap, tariffId=1):
        grid.book.addTariff(KSEB.contract_arguments(), sender=grid.operator)
    end = chain.pending_timestamp + 1000
    receipt = grid.book.endTariff(1, end, sender=grid.operator)
    assert receipt.events == [grid.book.TariffEnded(tariffId=1, validUntil=end)]
    later = replace(KSEB, valid_from=end, name="the year after")
    receipt = grid.book.addTariff(later.contract_arguments(), sender=grid.operator)
    assert receipt.events == [
        grid.book.TariffAdded(tariffId=2, validFrom=end, validUntil=OPEN_END, name=later.name)
    ]
    assert (grid.book.tariffAt(end - 1), grid.book.tariffAt(end)) == (1, 2)
    with reverts(grid.book.TariffBook_BadEnd, validUntil=1):
        grid.book.endTariff(2, 1, sender=grid.operator)
    with reverts(grid.book.TariffBook_NoTariff, time=1):
        grid.book.tariffAt(1)


def test_a_bad_tariff_names_the_field(grid: Microgrid) -> None:
    good = list(KSEB.contract_arguments())
    for field, index, value in (
        ("name", 7, ""),
        ("validUntil", 1, KSEB.valid_from),
        ("billingPeriodSeconds", 2, 0),
        ("telescopic", 5, [(5, 1), (5, 1)]),
        ("flat", 6, [(300_000, 1)]),
    ):
        with reverts(grid.book.TariffBook_BadTariff, field=field):
            bad = [*good[:index], value, *good[index + 1 :]]
            grid.book.addTariff(tuple(bad), sender=grid.operator)


@pytest.mark.parametrize("function", ["addTariff", "endTariff", "withdrawTakings"])
def test_roles(grid: Microgrid, function: str) -> None:
    arguments = {
        "addTariff": (KSEB.contract_arguments(),),
        "endTariff": (1, 2**40),
        "withdrawTakings": (0, grid.stranger),
    }[function]
    for who in ("stranger", "admin", "pauser", "relayer", "authority"):
        with reverts(grid.book.AccessManagedUnauthorized, caller=getattr(grid, who).address):
            getattr(grid.book, function)(*arguments, sender=getattr(grid, who))


# ---- bills


def test_a_households_bill(grid: Microgrid) -> None:
    grid.claim(HOUSE, grid.alice, BILLED)
    grid.count(HOUSE, imported_wh=368_000)
    grid.close_slot()
    due = grid.book.nextBillAt(HOUSE)
    with reverts(grid.book.TariffBook_TooEarly, meter=HOUSE, nextBillAt=due):
        grid.book.issueBill(HOUSE, sender=grid.stranger)
    bill = bill_now(grid, HOUSE)
    assert (bill.holder, bill.consumedWh, bill.exportedWh) == (grid.alice, 368_000, 0)
    assert bill.chargeMicroInr == 2_704_800_000
    assert bill.dueAt == bill.issuedAt + TERM
    assert grid.book.nextBillAt(HOUSE) == due + PERIOD

    grid.approve(grid.alice, grid.book)
    receipt = grid.book.payBill(1, sender=grid.alice)
    assert grid.book.BillPaid(billId=1, payer=grid.alice, microInr=2_704_800_000) in receipt.events
    with reverts(grid.book.TariffBook_AlreadyPaid, billId=1):
        grid.book.payBill(1, sender=grid.alice)
    grid.book.withdrawTakings(2_704_800_000, grid.operator, sender=grid.operator)
    with reverts(grid.book.TariffBook_FundsShort, wanted=1, available=0):
        grid.book.withdrawTakings(1, grid.operator, sender=grid.operator)


def test_a_prosumers_credit(grid: Microgrid) -> None:
    grid.claim(ROOF, grid.bob, BILLED)
    grid.count(ROOF, imported_wh=40_000, exported_wh=600_000)
    grid.close_slot()
    bill = bill_now(grid, ROOF)
    assert bill.creditMicroInr == 1800 * RUPEE == export_credit_down(KSEB, 600_000)
    assert bill.paid
    assert grid.book.creditOf(grid.bob) == 1674 * RUPEE
    with reverts(grid.book.TariffBook_FundsShort):
        grid.book.withdrawCredit(sender=grid.bob)
    grid.token.safeTransferFrom(grid.alice, grid.book, INR, 2000 * RUPEE, b"", sender=grid.alice)
    receipt = grid.book.withdrawCredit(sender=grid.bob)
    assert grid.book.CreditWithdrawn(holder=grid.bob, microInr=1674 * RUPEE) in receipt.events
    with reverts(grid.book.TariffBook_NothingToWithdraw, holder=grid.bob.address):
        grid.book.withdrawCredit(sender=grid.bob)


def test_a_late_bill_is_spread(grid: Microgrid) -> None:
    grid.claim(HOUSE, grid.alice, BILLED)
    start = grid.book.nextBillAt(HOUSE) - PERIOD
    grid.count(HOUSE, imported_wh=700_001)
    grid.close_slot()
    grid.chain.mine(timestamp=start + 2 * PERIOD)
    grid.book.issueBill(HOUSE, sender=grid.stranger)
    assert grid.book.bill(1).chargeMicroInr == charge_spread_up(KSEB, 700_001, periods=2)


def test_overdue_and_last_bill(grid: Microgrid) -> None:
    grid.claim(HOUSE, grid.alice, BILLED)
    grid.count(HOUSE, imported_wh=1_000)
    grid.close_slot()
    grid.registry.setBillingMode(HOUSE, PREPAID, sender=grid.alice)
    grid.close_slot()
    grid.book.issueBill(HOUSE, sender=grid.stranger)  # the last one is due at once
    assert grid.book.bill(1).consumedWh == 1_000
    assert not grid.book.isOverdue(HOUSE)
    grid.wait(TERM + SLOT_SECONDS)
    assert grid.book.isOverdue(HOUSE)
    with reverts(grid.book.TariffBook_NotBilled, meter=HOUSE):
        grid.book.issueBill(HOUSE, sender=grid.stranger)


def test_unknown_things(grid: Microgrid) -> None:
    with reverts(grid.book.TariffBook_UnknownTariff, tariffId=9):
        grid.book.tariff(9)
    with reverts(grid.book.TariffBook_UnknownBill, billId=9):
        grid.book.bill(9)
    with reverts(grid.book.TariffBook_UnknownBill, billId=9):
        grid.book.payBill(9, sender=grid.alice)
    assert list(grid.book.billsOf(HOUSE)) == []
    assert grid.book.nextBillAt(HOUSE) == 0
    with reverts(grid.book.TokenReceiver_UnwantedId, id=ENERGY):
        grid.token.safeTransferFrom(grid.alice, grid.book, ENERGY, 0, b"", sender=grid.alice)

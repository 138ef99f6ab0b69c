"""Cars, charge points, prices and sessions through Ape: functions, events, roles and refusals.

What sessions settle to, slot by slot, is in forge-test/v2g; the whole way is in tests/backend.
"""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from fixtures_money import RUPEE, SLOT_SECONDS, Microgrid
from refusals import reverts

POINT = 61
EV_KIND = 5
CHARGE, DISCHARGE = 1, 2
MOST_WH = 1_750
CAPACITY = 40_000


@pytest.fixture
def garage(grid: Microgrid) -> Microgrid:
    """A charge point, alice's car, money in accounts, a budget."""
    grid.registry.register(POINT, EV_KIND, 1, 10_000, b"\0" * 32, sender=grid.operator)
    grid.vehicles.setChargePoint(POINT, MOST_WH, MOST_WH, sender=grid.operator)
    grid.vehicles.registerEv(CAPACITY, 3_000, sender=grid.alice)
    for person in (grid.alice, grid.operator):
        grid.clearing.deposit(0, value=10**16, sender=person)
    grid.exchange.fundBudget(500 * RUPEE, sender=grid.operator)
    return grid


def authorisation(grid: Microgrid, **changes: int) -> tuple[int, ...]:
    slot = grid.ledger.currentSlot()
    terms = {
        "ev": 1, "point": POINT, "max_price": 8 * RUPEE, "min_reward": 5 * RUPEE, "reserve": 2_000,
        "target": 0, "departure": slot + 96, "cost": 100 * RUPEE, "nonce": 0,
        "until": grid.chain.pending_timestamp + 3_600,
    }  # fmt: skip
    return tuple((terms | changes).values())


def begin(grid: Microgrid, agreed: tuple[int, ...]) -> Any:
    plug = (1, POINT, 5_000, grid.ledger.currentSlot())
    signatures = grid.signed(grid.exchange.plugDigest(plug))
    key = grid.alice.private_key
    owner = Account.from_key(key)
    signed = bytes(owner.unsafe_sign_hash(grid.exchange.authorisationDigest(agreed)).signature)
    return grid.exchange.start(agreed, signed, plug, signatures, sender=grid.stranger)


def test_cars_and_charge_points(garage: Microgrid) -> None:
    car = garage.vehicles.evOf(1)
    assert (car.owner, car.capacityWh, car.reserveBps) == (garage.alice, CAPACITY, 3_000)
    receipt = garage.vehicles.setReserve(1, 4_000, sender=garage.alice)
    assert receipt.events == [garage.vehicles.ReserveChanged(ev=1, oldBps=3_000, newBps=4_000)]
    receipt = garage.vehicles.setChargePoint(POINT, 1_000, 0, sender=garage.operator)
    assert receipt.events == [
        garage.vehicles.ChargePointSet(chargePoint=POINT, maxChargeWh=1_000, maxDischargeWh=0)
    ]
    receipt = garage.vehicles.retireEv(1, sender=garage.alice)
    assert receipt.events == [garage.vehicles.EvRetired(ev=1)]
    with reverts(garage.vehicles.EvRegistry_EvRetired):
        garage.vehicles.setReserve(1, 0, sender=garage.alice)
    with reverts(garage.vehicles.EvRegistry_BadCapacity):
        garage.vehicles.registerEv(0, 0, sender=garage.alice)
    with reverts(garage.vehicles.EvRegistry_BadMeter):
        garage.vehicles.setChargePoint(1, 1, 1, sender=garage.operator)


def test_roles(garage: Microgrid) -> None:
    stranger = garage.stranger
    limits, settings = garage.vehicles.limits(), garage.rates.settings()
    for contract, refused in (
        (garage.vehicles, lambda c: c.setChargePoint(POINT, 1, 1, sender=stranger)),
        (garage.vehicles, lambda c: c.setLimits(tuple(limits), sender=stranger)),
        (garage.rates, lambda c: c.setSettings(tuple(settings), sender=stranger)),
        (garage.exchange, lambda c: c.order(1, CHARGE, 1, 1, sender=stranger)),
        (garage.exchange, lambda c: c.unplug(1, sender=stranger)),
        (garage.exchange, lambda c: c.withdrawBudget(1, sender=stranger)),
    ):
        with reverts(contract.AccessManagedUnauthorized):
            refused(contract)
    garage.vehicles.setLimits(tuple(limits), sender=garage.operator)
    garage.rates.setSettings(tuple(settings), sender=garage.operator)


def test_budget(garage: Microgrid) -> None:
    assert garage.exchange.budget() == (500 * RUPEE, 0)
    receipt = garage.exchange.withdrawBudget(200 * RUPEE, sender=garage.operator)
    assert receipt.events.filter(garage.exchange.BudgetWithdrawn)
    assert garage.exchange.budget() == (300 * RUPEE, 0)
    with reverts(garage.exchange.V2GExchange_BudgetShort):
        garage.exchange.withdrawBudget(301 * RUPEE, sender=garage.operator)


def test_a_session_begins_once_and_ends(garage: Microgrid) -> None:
    agreed = authorisation(garage)
    free = garage.clearing.balanceOf(garage.alice)
    receipt = begin(garage, agreed)
    (started,) = receipt.events.filter(garage.exchange.SessionStarted)
    assert (started.sessionId, started.ev, started.socBps) == (1, 1, 5_000)
    assert garage.clearing.balanceOf(garage.alice) == free - 100 * RUPEE
    assert garage.exchange.evState(1) == (1, 1)
    with reverts(garage.exchange.V2GExchange_EvBusy):
        begin(garage, authorisation(garage, nonce=1))
    with reverts(garage.exchange.V2GExchange_NotAllowed):
        garage.exchange.end(1, sender=garage.bob)
    receipt = garage.exchange.unplug(1, sender=garage.relayer)
    assert receipt.events.filter(garage.exchange.SessionEnded)
    with reverts(garage.exchange.V2GExchange_WrongNonce):
        begin(garage, agreed)
    with reverts(garage.exchange.V2GExchange_TooEarly):
        garage.exchange.abandon(1, sender=garage.stranger)
    garage.wait(garage.vehicles.limits().abandonSeconds + 2 * SLOT_SECONDS)
    garage.exchange.abandon(1, sender=garage.stranger)
    assert garage.clearing.balanceOf(garage.alice) == free


def test_orders_and_rates_need_what_is_committed(garage: Microgrid) -> None:
    begin(garage, authorisation(garage))
    with reverts(garage.rates.IncentiveRates_NoRates):
        garage.exchange.order(1, CHARGE, 500, 1, sender=garage.relayer)
    with reverts(garage.exchange.V2GExchange_BadOrder):
        garage.exchange.order(1, DISCHARGE, 500, 9, sender=garage.relayer)
    garage.wait(5 * SLOT_SECONDS)
    with reverts(garage.rates.IncentiveRates_StaleState):
        garage.rates.updateIncentiveRates(sender=garage.stranger)

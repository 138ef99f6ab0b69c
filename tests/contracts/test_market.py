"""EnergyMarket through Ape: trade, supply on request, prepaid suspension, with the real wiring."""

from __future__ import annotations

from typing import Any

import pytest
from fixtures_money import (
    ENERGY,
    HALL,
    HALL_SWITCH,
    HOUSE,
    HOUSE_SWITCH,
    INR,
    LIMITLESS,
    PREPAID,
    ROOF,
    RUPEE,
    Microgrid,
)
from refusals import reverts

BUY, SELL = 6 * RUPEE, 3 * RUPEE
ETHER = 10**18
OPEN, CLOSING, FINISHED = 1, 2, 3


@pytest.fixture
def market(grid: Microgrid) -> Any:
    """The market, which alice and bob have approved."""
    grid.approve(grid.alice, grid.market)
    grid.approve(grid.bob, grid.market)
    return grid.market


# ---- trade


def test_buy_and_sell(grid: Microgrid, market: Any) -> None:
    receipt = market.buyEnergy(10_000, 60 * RUPEE, sender=grid.alice)
    assert (
        market.EnergyBought(
            buyer=grid.alice,
            energyWh=10_000,
            costMicroInr=60 * RUPEE,
            priceMicroInrPerKwh=BUY,
        )
        in receipt.events
    )
    assert grid.token.balanceOf(grid.alice, ENERGY) == 10_000
    assert market.takingsMicroInr() == 60 * RUPEE
    assert market.availableWh() == 490_000
    receipt = market.sellEnergy(4_000, 12 * RUPEE, sender=grid.alice)
    assert (
        market.EnergySold(
            seller=grid.alice,
            energyWh=4_000,
            proceedsMicroInr=12 * RUPEE,
            priceMicroInrPerKwh=SELL,
        )
        in receipt.events
    )
    assert grid.token.balanceOf(grid.alice, INR) == (10_000 - 48) * RUPEE


def test_rounding_is_for_the_pool(grid: Microgrid, market: Any) -> None:
    grid.posted.setPrices(BUY + 1, SELL - 1, sender=grid.operator)
    assert market.quoteBuyUp(1) == 6_001
    assert market.quoteSellDown(1) == 2_999
    market.buyEnergy(1, 6_001, sender=grid.alice)
    market.sellEnergy(1, 2_999, sender=grid.alice)
    assert market.takingsMicroInr() == 6_001 - 2_999


def test_buy_with_ether_gives_change_in_inr(grid: Microgrid, market: Any) -> None:
    before = grid.token.balanceOf(grid.stranger, INR)
    bought = grid.desk.quoteEther(ETHER // 1000)
    market.buyEnergy(10_000, 60 * RUPEE, value=ETHER // 1000, sender=grid.stranger)
    assert grid.token.balanceOf(grid.stranger, ENERGY) == 10_000
    assert grid.token.balanceOf(grid.stranger, INR) == before + bought - 60 * RUPEE
    with reverts(market.EnergyMarket_TooLittleEther):
        market.buyEnergy(10_000, 60 * RUPEE, value=10**12, sender=grid.stranger)


def test_trade_refusals(grid: Microgrid, market: Any) -> None:
    alice = grid.alice
    with reverts(market.EnergyMarket_ZeroAmount):
        market.buyEnergy(0, 0, sender=alice)
    with reverts(market.EnergyMarket_ZeroAmount):
        market.sellEnergy(0, 0, sender=alice)
    with reverts(market.EnergyMarket_NoEnergy, wantedWh=500_001, availableWh=500_000):
        market.buyEnergy(500_001, LIMITLESS, sender=alice)
    with reverts(market.EnergyMarket_Slippage, result=6_000, limit=5_999):
        market.buyEnergy(1, 5_999, sender=alice)
    with reverts(market.EnergyMarket_Slippage, result=3_000, limit=3_001):
        market.sellEnergy(1, 3_001, sender=alice)
    with reverts(market.EnergyMarket_NoFunds, wantedMicroInr=3_000, availableMicroInr=0):
        market.sellEnergy(1, 3_000, sender=alice)
    with reverts(grid.token.ERC1155MissingApprovalForAll):
        market.buyEnergy(1, LIMITLESS, sender=grid.stranger)


def test_a_stale_price_sells_nothing(grid: Microgrid, market: Any) -> None:
    grid.wait(market.parameters()[0] + 1)
    with reverts(market.EnergyMarket_StalePrice):
        market.buyEnergy(1, LIMITLESS, sender=grid.alice)
    grid.posted.setPrices(BUY, SELL, sender=grid.operator)
    market.buyEnergy(1, LIMITLESS, sender=grid.alice)


# ---- supply on request


def test_supply_to_its_end(grid: Microgrid, market: Any) -> None:
    receipt = market.requestSupply(HALL_SWITCH, 10_000, 60 * RUPEE, sender=grid.alice)
    assert (
        market.SupplyRequested(
            requestId=1,
            switchId=HALL_SWITCH,
            requester=grid.alice,
            boughtWh=10_000,
            costMicroInr=60 * RUPEE,
        )
        in receipt.events
    )
    (command,) = grid.priorities.RelayCommand.from_receipt(receipt)
    assert (command.closed, command.cutoffWh) == (True, 10_000)
    assert market.openRequestOf(HALL_SWITCH) == market.requestCount() == 1
    assert (market.escrowMicroInr(), market.reservedWh()) == (60 * RUPEE, 10_000)
    with reverts(market.EnergyMarket_SwitchBusy, switchId=HALL_SWITCH, requestId=1):
        market.requestSupply(HALL_SWITCH, 1, LIMITLESS, sender=grid.bob)

    grid.acknowledge(HALL_SWITCH)
    grid.count(HALL, imported_wh=7_000)
    grid.close_slot()
    receipt = market.drawDown(1, sender=grid.stranger)
    assert receipt.events == [
        market.SupplyDrawn(requestId=1, usedWh=7_000, leftWh=3_000, earnedMicroInr=42 * RUPEE)
    ]
    grid.count(HALL, imported_wh=3_000)
    grid.close_slot()
    receipt = market.drawDown(1, sender=grid.stranger)
    (command,) = grid.priorities.RelayCommand.from_receipt(receipt)
    assert not command.closed
    assert market.request(1).state == FINISHED
    assert market.takingsMicroInr() == 60 * RUPEE
    assert market.openRequestOf(HALL_SWITCH) == 0
    with reverts(market.EnergyMarket_WrongState, requestId=1, state=FINISHED):
        market.drawDown(1, sender=grid.stranger)


def test_supply_cancelled_and_refunded(grid: Microgrid, market: Any) -> None:
    market.requestSupply(HALL_SWITCH, 10_000, 60 * RUPEE, sender=grid.alice)
    grid.acknowledge(HALL_SWITCH)
    with reverts(market.EnergyMarket_NotRequester, requestId=1, caller=grid.bob.address):
        market.cancelSupply(1, sender=grid.bob)
    with reverts(market.EnergyMarket_WrongState, requestId=1, state=OPEN):
        market.finishSupply(1, sender=grid.bob)
    receipt = market.cancelSupply(1, sender=grid.alice)
    slot = grid.ledger.currentSlot()
    assert market.SupplyClosing(requestId=1, closingSlot=slot) in receipt.events
    assert market.request(1).state == CLOSING
    with reverts(market.EnergyMarket_SwitchNotOpen, switchId=HALL_SWITCH):
        market.finishSupply(1, sender=grid.bob)
    grid.count(HALL, imported_wh=500)
    grid.acknowledge(HALL_SWITCH)
    with reverts(market.EnergyMarket_NotSettledYet):
        market.finishSupply(1, sender=grid.bob)
    grid.close_slot()
    grid.close_slot()
    receipt = market.finishSupply(1, sender=grid.bob)
    assert (
        market.SupplyFinished(requestId=1, usedWh=500, refundMicroInr=57 * RUPEE) in receipt.events
    )
    assert market.refundOf(grid.alice) == 57 * RUPEE
    receipt = market.withdrawRefund(sender=grid.alice)
    assert market.RefundWithdrawn(account=grid.alice, microInr=57 * RUPEE) in receipt.events
    assert grid.token.balanceOf(grid.alice, INR) == (10_000 - 3) * RUPEE
    with reverts(market.EnergyMarket_NothingToWithdraw, account=grid.alice.address):
        market.withdrawRefund(sender=grid.alice)


def test_supply_cut_by_the_operator(grid: Microgrid, market: Any) -> None:
    market.requestSupply(HALL_SWITCH, 1_000, LIMITLESS, sender=grid.alice)
    market.cutSupply(1, sender=grid.operator)
    assert market.request(1).state == CLOSING


def test_supply_refusals(grid: Microgrid, market: Any) -> None:
    alice = grid.alice
    with reverts(grid.priorities.PriorityRegistry_UnknownSwitch, switchId=99):
        market.requestSupply(99, 1, LIMITLESS, sender=alice)
    with reverts(market.EnergyMarket_NotOnRequest, switchId=HOUSE_SWITCH):
        market.requestSupply(HOUSE_SWITCH, 1, LIMITLESS, sender=alice)
    most = market.parameters()[2]
    with reverts(market.EnergyMarket_RequestTooLarge, wh=most + 1, max=most):
        market.requestSupply(HALL_SWITCH, most + 1, LIMITLESS, sender=alice)
    market.buyEnergy(500_000 - 999, LIMITLESS, sender=alice)
    with reverts(market.EnergyMarket_NoEnergy, wantedWh=1_000, availableWh=999):
        market.requestSupply(HALL_SWITCH, 1_000, LIMITLESS, sender=alice)


# ---- prepaid


def test_suspended_and_resumed(grid: Microgrid, market: Any) -> None:
    grid.claim(HOUSE, grid.alice, PREPAID)
    grid.count(HOUSE, imported_wh=1_001)
    grid.close_slot()
    receipt = market.enforce(HOUSE, sender=grid.stranger)
    assert market.MeterSuspended(meter=HOUSE, holder=grid.alice, debtWh=1_001) in receipt.events
    assert market.isSuspended(HOUSE)
    assert not grid.priorities.switchState(HOUSE_SWITCH).closed
    receipt = market.topUp(HOUSE, 5_000, 30 * RUPEE, sender=grid.bob)
    assert market.MeterResumed(meter=HOUSE, holder=grid.alice) in receipt.events
    assert grid.priorities.switchState(HOUSE_SWITCH).closed
    assert grid.token.balanceOf(grid.alice, ENERGY) == 5_000 - 1_001
    with reverts(market.EnergyMarket_NotHeld, meter=ROOF):
        market.topUp(ROOF, 1, LIMITLESS, sender=grid.bob)
    with reverts(market.EnergyMarket_NotHeld, meter=ROOF):
        market.enforce(ROOF, sender=grid.bob)


# ---- settings


def test_pause_stops_trade_and_no_way_out(grid: Microgrid, market: Any) -> None:
    market.requestSupply(HALL_SWITCH, 1_000, LIMITLESS, sender=grid.alice)
    market.pause(sender=grid.pauser)
    for call, arguments in (
        ("buyEnergy", (1, LIMITLESS)),
        ("sellEnergy", (1, 0)),
        ("topUp", (HOUSE, 1, LIMITLESS)),
        ("requestSupply", (HALL_SWITCH, 1, LIMITLESS)),
    ):
        with reverts(market.EnforcedPause):
            getattr(market, call)(*arguments, sender=grid.alice)
    market.drawDown(1, sender=grid.stranger)
    market.cancelSupply(1, sender=grid.alice)
    grid.acknowledge(HALL_SWITCH)
    grid.close_slot()
    grid.close_slot()
    market.finishSupply(1, sender=grid.stranger)
    market.withdrawRefund(sender=grid.alice)
    market.unpause(sender=grid.pauser)
    market.buyEnergy(1, LIMITLESS, sender=grid.alice)


def test_settings(grid: Microgrid, market: Any) -> None:
    receipt = market.setParameters(60, 5, 7, sender=grid.admin)
    assert receipt.events == [
        market.ParametersChanged(maxPriceAge=60, emergencyCreditWh=5, maxRequestWh=7)
    ]
    assert tuple(market.parameters()) == (60, 5, 7)
    with reverts(market.EnergyMarket_BadParameter, name="maxPriceAge"):
        market.setParameters(0, 5, 7, sender=grid.admin)
    with reverts(market.EnergyMarket_BadParameter, name="priceSource"):
        market.setPriceSource(grid.stranger, sender=grid.admin)
    receipt = market.setPriceSource(grid.posted, sender=grid.admin)
    assert receipt.events == [
        market.PriceSourceChanged(oldSource=grid.posted, newSource=grid.posted)
    ]


def test_takings(grid: Microgrid, market: Any) -> None:
    market.buyEnergy(1_000, LIMITLESS, sender=grid.alice)
    market.requestSupply(HALL_SWITCH, 1_000, LIMITLESS, sender=grid.alice)
    with reverts(
        market.EnergyMarket_NoFunds, wantedMicroInr=6 * RUPEE + 1, availableMicroInr=6 * RUPEE
    ):
        market.withdrawTakings(6 * RUPEE + 1, grid.operator, sender=grid.operator)
    receipt = market.withdrawTakings(6 * RUPEE, grid.bob, sender=grid.operator)
    assert market.TakingsWithdrawn(to=grid.bob, microInr=6 * RUPEE) in receipt.events


@pytest.mark.parametrize(
    ("function", "arguments", "holder"),
    [
        ("cutSupply", (1,), "operator"),
        ("withdrawTakings", (0, "0x" + "1" * 40), "operator"),
        ("setPriceSource", ("0x" + "1" * 40,), "admin"),
        ("setParameters", (1, 1, 1), "admin"),
        ("pause", (), "pauser"),
        ("unpause", (), "pauser"),
    ],
)
def test_roles(grid: Microgrid, function: str, arguments: tuple[Any, ...], holder: str) -> None:
    for who in {"stranger", "operator", "pauser", "admin", "relayer", "authority"} - {holder}:
        with reverts(grid.market.AccessManagedUnauthorized, caller=getattr(grid, who).address):
            getattr(grid.market, function)(*arguments, sender=getattr(grid, who))

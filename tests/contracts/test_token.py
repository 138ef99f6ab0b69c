"""GridToken through Ape, in the community as it is deployed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fixtures_money import CO2, ENERGY, INR, RUPEE, Microgrid
from refusals import reverts


def test_uri_says_what_a_unit_is(grid: Microgrid) -> None:
    for number, (name, decimals) in enumerate((("INR", 6), ("energy", 3), ("CO2 credit", 3))):
        head, _, body = grid.token.uri(number).partition(",")
        assert head == "data:application/json;base64"
        metadata = json.loads(base64.b64decode(body))
        assert metadata["name"] == f"Ohmstead {name}"
        assert metadata["decimals"] == decimals
    with reverts(grid.token.GridToken_UnknownId, id=3):
        grid.token.uri(3)


def test_batch_transfer(grid: Microgrid) -> None:
    receivers = [grid.bob, grid.stranger, grid.bob]
    receipt = grid.token.batchTransfer(receivers, [INR] * 3, [5, 7, 9], sender=grid.alice)
    events = list(grid.token.TransferSingle.from_receipt(receipt))
    assert [event["to"] for event in events] == receivers
    assert [event.value for event in events] == [5, 7, 9]
    assert grid.token.balanceOf(grid.bob, INR) == 10_000 * RUPEE + 14
    assert grid.token.balanceOf(grid.alice, INR) == 10_000 * RUPEE - 21


@pytest.mark.parametrize(("ids", "amounts"), [([INR], [1, 2]), ([INR, INR], [1]), ([INR], [1])])
def test_batch_transfer_checks_its_arrays(
    grid: Microgrid, ids: list[int], amounts: list[int]
) -> None:
    with reverts(
        grid.token.GridToken_LengthMismatch, receivers=2, ids=len(ids), amounts=len(amounts)
    ):
        grid.token.batchTransfer([grid.bob, grid.bob], ids, amounts, sender=grid.alice)


def test_batch_transfer_is_bounded(grid: Microgrid) -> None:
    longest = grid.token.MAX_BATCH()
    with reverts(grid.token.GridToken_BatchTooLong, length=longest + 1, max=longest):
        grid.token.batchTransfer(
            [grid.bob] * (longest + 1),
            [INR] * (longest + 1),
            [0] * (longest + 1),
            sender=grid.alice,
        )


@pytest.mark.parametrize("issue", ["mintInr", "burnInr", "mintCo2"])
@pytest.mark.parametrize("who", ["stranger", "operator", "admin", "relayer", "deployer"])
def test_nobody_issues_by_hand(grid: Microgrid, issue: str, who: str) -> None:
    with reverts(grid.token.AccessManagedUnauthorized, caller=getattr(grid, who).address):
        getattr(grid.token, issue)(grid.stranger, 1, sender=getattr(grid, who))
    with reverts(grid.token.AccessManagedUnauthorized):
        grid.token.settleEnergy([grid.stranger], [1], sender=getattr(grid, who))


def test_energy_follows_the_meters(grid: Microgrid) -> None:
    supply = grid.token.totalSupply(ENERGY)
    assert supply == grid.token.balanceOf(grid.market, ENERGY) == 500_000
    grid.shine(1_234)
    assert grid.token.totalSupply(ENERGY) == supply + 1_234
    assert grid.token.totalSupply(CO2) == 0


def test_a_contract_that_refuses_is_parked(
    grid: Microgrid, project: Any, accounts: Any, chain: Any
) -> None:
    refuser = grid.stranger.deploy(project.HostileReceiver)
    refuser.behave(1, sender=grid.stranger)  # reverts on receipt
    chain.set_balance(grid.ledger.address, 10**18)
    ledger = accounts[grid.ledger.address]  # the node sends in its name
    receipt = grid.token.settleEnergy([refuser, grid.bob], [70, 30], sender=ledger)
    (parked,) = grid.token.EnergyParked.from_receipt(receipt)
    assert (parked.account, parked.energyWh) == (refuser.address, 70)
    assert grid.token.parkedEnergy(refuser) == 70
    assert grid.token.balanceOf(grid.bob, ENERGY) == 30
    call = grid.token.withdrawParked.encode_input(grid.alice)
    refuser.execute(grid.token, call, sender=grid.stranger)
    assert grid.token.balanceOf(grid.alice, ENERGY) == 70
    with reverts(grid.token.GridToken_NothingParked, account=grid.alice.address):
        grid.token.withdrawParked(grid.alice, sender=grid.alice)

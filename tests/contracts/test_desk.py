"""PowerCoinDesk through Ape: ether and the stablecoin, in and out of INR."""

from __future__ import annotations

from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from fixtures_money import INR, LIMITLESS, RUPEE, Microgrid
from refusals import reverts

from scripts.plan import EtherRate

ETHER = 10**18
ZERO = "0x" + "0" * 40
RATE = EtherRate().micro_inr
"""As deployed."""


@pytest.fixture
def coins(grid: Microgrid) -> Any:
    """The demo stablecoin, of which alice has Rs 1000 that the desk may take."""
    grid.coin.mint(grid.alice, 1000 * RUPEE, sender=grid.operator)
    grid.coin.approve(grid.desk, LIMITLESS, sender=grid.alice)
    return grid.coin


def test_ether_in_and_out(grid: Microgrid) -> None:
    desk, alice = grid.desk, grid.alice
    supply = desk.supplyMicroInr()
    receipt = desk.buyWithEther(grid.bob, RATE, value=ETHER, sender=alice)
    assert receipt.events == [
        desk.Bought(payer=alice, to=grid.bob, asset=ZERO, assetAmount=ETHER, microInr=RATE),
        grid.token.TransferSingle(
            operator=desk.address, **{"from": ZERO}, to=grid.bob, id=INR, value=RATE
        ),
    ]
    assert desk.supplyMicroInr() == supply + RATE
    assert desk.reserveMicroInr() >= desk.supplyMicroInr()
    before = grid.bob.balance
    receipt = desk.redeemForEther(RATE, ETHER, sender=grid.bob)
    assert grid.bob.balance == before + ETHER - receipt.total_fees_paid
    assert desk.Redeemed(holder=grid.bob, asset=ZERO, microInr=RATE, assetAmount=ETHER) in (
        receipt.events
    )
    assert desk.supplyMicroInr() == supply


def test_stablecoin_in_and_out(grid: Microgrid, coins: Any) -> None:
    before = grid.token.balanceOf(grid.alice, INR)
    grid.desk.buyWithToken(grid.alice, 400 * RUPEE, 400 * RUPEE, sender=grid.alice)
    assert grid.token.balanceOf(grid.alice, INR) == before + 400 * RUPEE
    grid.desk.redeemForToken(150 * RUPEE, 150 * RUPEE, sender=grid.alice)
    assert coins.balanceOf(grid.alice) == 750 * RUPEE
    assert grid.desk.stablecoin() == (coins.address, RUPEE)


def test_stablecoin_with_a_permit(grid: Microgrid, chain: Any, accounts: Any) -> None:
    """As a wallet signs it: EIP-712 typed data, one transaction."""
    carol = Account.from_key("0x" + "c0" * 32)
    chain.set_balance(carol.address, ETHER)
    grid.coin.mint(carol.address, 100 * RUPEE, sender=grid.operator)
    deadline = chain.pending_timestamp + 600
    signed = carol.sign_message(
        encode_typed_data(
            domain_data={
                "name": "Demo rupee",
                "version": "1",
                "chainId": chain.chain_id,
                "verifyingContract": grid.coin.address,
            },
            message_types={
                "Permit": [
                    {"name": "owner", "type": "address"},
                    {"name": "spender", "type": "address"},
                    {"name": "value", "type": "uint256"},
                    {"name": "nonce", "type": "uint256"},
                    {"name": "deadline", "type": "uint256"},
                ]
            },
            message_data={
                "owner": carol.address,
                "spender": grid.desk.address,
                "value": 100 * RUPEE,
                "nonce": grid.coin.nonces(carol.address),
                "deadline": deadline,
            },
        )
    )
    r, s = signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")
    # A front-runner uses the permit first, and gains nothing.
    grid.coin.permit(
        carol.address, grid.desk, 100 * RUPEE, deadline, signed.v, r, s, sender=grid.stranger
    )
    grid.desk.buyWithTokenPermit(
        carol.address, 100 * RUPEE, 0, deadline, signed.v, r, s, sender=accounts[carol.address]
    )
    assert grid.token.balanceOf(carol.address, INR) == 100 * RUPEE


def test_refusals(grid: Microgrid, coins: Any) -> None:
    desk, alice = grid.desk, grid.alice
    with reverts(desk.PowerCoinDesk_ZeroAmount):
        desk.buyWithEther(alice, 0, value=0, sender=alice)
    with reverts(desk.PowerCoinDesk_Slippage, result=RATE, limit=RATE + 1):
        desk.buyWithEther(alice, RATE + 1, value=ETHER, sender=alice)
    with reverts(desk.PowerCoinDesk_Slippage, result=5, limit=6):
        desk.buyWithToken(alice, 5, 6, sender=alice)
    with reverts(desk.PowerCoinDesk_AssetShortfall, asset=coins.address, wanted=1, available=0):
        desk.redeemForToken(1, 0, sender=alice)
    with reverts(desk.PowerCoinDesk_ZeroAmount):
        desk.redeemForEther(0, 0, sender=alice)
    with reverts(coins.ERC20InsufficientAllowance):
        desk.buyWithToken(grid.bob, 5, 0, sender=grid.bob)
    with reverts(grid.token.ERC1155InsufficientBalance):
        desk.redeemForEther(1, 0, sender=grid.stranger)


def test_pause_and_age_stop_buying_only(grid: Microgrid, coins: Any) -> None:
    desk, alice = grid.desk, grid.alice
    desk.pause(sender=grid.pauser)
    with reverts(desk.EnforcedPause):
        desk.buyWithEther(alice, 0, value=ETHER, sender=alice)
    with reverts(desk.EnforcedPause):
        desk.buyWithToken(alice, 1, 0, sender=alice)
    desk.redeemForEther(RUPEE, 0, sender=alice)
    desk.unpause(sender=grid.pauser)
    grid.wait(desk.rateLimits().maxAge + 1)
    with reverts(desk.PowerCoinDesk_StaleRate):
        desk.buyWithEther(alice, 0, value=ETHER, sender=alice)
    desk.redeemForEther(RUPEE, 0, sender=alice)
    desk.setEtherRate(RATE, sender=grid.operator)
    desk.buyWithEther(alice, 0, value=ETHER, sender=alice)


def test_rate_moves_in_steps_and_never_below_the_reserve(grid: Microgrid) -> None:
    desk = grid.desk
    with reverts(
        desk.PowerCoinDesk_RateOutOfBounds, rate=2 * RATE, min=RATE * 9 // 10, max=RATE * 11 // 10
    ):
        desk.setEtherRate(2 * RATE, sender=grid.operator)
    with reverts(desk.PowerCoinDesk_ReserveShortfall):
        desk.setEtherRate(RATE * 9 // 10, sender=grid.operator)
    funded = desk.fundReserve(value=ETHER, sender=grid.donor)
    assert funded.events == [desk.ReserveFunded(**{"from": grid.donor}, asset=ZERO, amount=ETHER)]
    changed = desk.setEtherRate(RATE * 9 // 10, sender=grid.operator)
    assert changed.events == [
        desk.EtherRateChanged(oldMicroInrPerEther=RATE, newMicroInrPerEther=RATE * 9 // 10)
    ]
    assert desk.etherRate()[0] == RATE * 9 // 10


def test_surplus(grid: Microgrid) -> None:
    desk, operator = grid.desk, grid.operator
    desk.fundReserve(value=ETHER, sender=grid.donor)
    with reverts(desk.PowerCoinDesk_ReserveShortfall):
        desk.withdrawSurplus(ZERO, ETHER + 10**15, operator, sender=operator)
    with reverts(desk.PowerCoinDesk_UnknownAsset, asset=grid.token.address):
        desk.withdrawSurplus(grid.token, 1, operator, sender=operator)
    receipt = desk.withdrawSurplus(ZERO, ETHER, grid.stranger, sender=operator)
    assert receipt.events == [desk.SurplusWithdrawn(to=grid.stranger, asset=ZERO, amount=ETHER)]


@pytest.mark.parametrize(
    ("function", "arguments", "holder"),
    [
        ("setEtherRate", (RATE,), "operator"),
        ("withdrawSurplus", (ZERO, 0, ZERO), "operator"),
        ("pause", (), "pauser"),
        ("unpause", (), "pauser"),
    ],
)
def test_roles(grid: Microgrid, function: str, arguments: tuple[Any, ...], holder: str) -> None:
    for who in {"stranger", "operator", "pauser", "admin", "relayer", "authority"} - {holder}:
        with reverts(grid.desk.AccessManagedUnauthorized, caller=getattr(grid, who).address):
            getattr(grid.desk, function)(*arguments, sender=getattr(grid, who))


def test_quotes_match_what_happens(grid: Microgrid) -> None:
    desk = grid.desk
    for micro_inr in (1, 999_999, 12_345_678_901):
        wei = desk.etherFor(micro_inr)
        assert desk.quoteEther(wei) >= micro_inr > desk.quoteEther(wei - 1)
        before = grid.token.balanceOf(grid.alice, INR)
        desk.buyWithEther(grid.alice, micro_inr, value=wei, sender=grid.alice)
        assert grid.token.balanceOf(grid.alice, INR) == before + desk.quoteEther(wei)

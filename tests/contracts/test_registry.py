"""MeterRegistry through Ape, in the community as it is deployed."""

from __future__ import annotations

from typing import Any

import pytest
from ape.utils import ZERO_ADDRESS
from eth_account import Account
from eth_account.messages import encode_typed_data
from fixtures_money import (
    BILLED,
    COMMUNITY,
    HALL,
    HOUSE,
    ON_REQUEST,
    PREPAID,
    ROOF,
    SLOT_SECONDS,
    SOLAR,
    Microgrid,
)
from refusals import reverts

CONSUMER, PROSUMER, DER, BATTERY, EV, GRID = range(1, 7)
CODE = Account.from_key(b"\x0c" * 32)
KEY_HASH = b"\x2a" * 32


def signed_claim(grid: Microgrid, meter: int, wallet: Any, subscription: int = 1) -> bytes:
    """What a browser signs with the household's code, by the published EIP-712 type."""
    message = encode_typed_data(
        domain_data={
            "name": "Ohmstead MeterRegistry",
            "version": "1",
            "chainId": grid.chain.chain_id,
            "verifyingContract": grid.registry.address,
        },
        message_types={
            "Claim": [
                {"name": "meter", "type": "uint32"},
                {"name": "wallet", "type": "address"},
                {"name": "subscription", "type": "uint32"},
            ]
        },
        message_data={"meter": meter, "wallet": wallet.address, "subscription": subscription},
    )
    return bytes(CODE.sign_message(message).signature)


def issue(grid: Microgrid, meter: int) -> None:
    grid.registry.issueClaimCode(meter, CODE.address, sender=grid.operator)


# ---- registering


def test_register(grid: Microgrid) -> None:
    count = grid.registry.meterCount()
    receipt = grid.registry.register(77, EV, 9, 7_400, KEY_HASH, sender=grid.operator)
    (event,) = grid.registry.MeterRegistered.from_receipt(receipt)
    assert (event.meter, event.kind, event.feederNode, event.maxPowerW) == (77, EV, 9, 7_400)
    meter = grid.registry.get(77)
    assert (meter.holder, meter.kind, meter.mode, meter.subscription) == (ZERO_ADDRESS, EV, 0, 1)
    assert meter.deviceKeyHash == KEY_HASH
    assert grid.registry.meterCount() == count + 1
    assert grid.registry.meters(count, 10) == [77]
    assert list(grid.registry.findEntities()) == [0, 2, 1, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("meter", "kind", "power", "error"),
    [
        (0, CONSUMER, 1, "MeterRegistry_ZeroId"),
        (78, 0, 1, "MeterRegistry_BadKind"),
        (78, CONSUMER, 0, "MeterRegistry_ZeroMaxPower"),
        (HOUSE, CONSUMER, 1, "MeterRegistry_AlreadyRegistered"),
    ],
)
def test_register_refuses(grid: Microgrid, meter: int, kind: int, power: int, error: str) -> None:
    with reverts(getattr(grid.registry, error)):
        grid.registry.register(meter, kind, 1, power, KEY_HASH, sender=grid.operator)


def test_unknown_meters(grid: Microgrid) -> None:
    with reverts(grid.registry.MeterRegistry_Unknown, meter=99):
        grid.registry.get(99)
    assert grid.registry.settlementOf(99).kind == 0
    assert grid.registry.standingsOf([99]) == [0]


def test_device_keys_and_replaced_devices(grid: Microgrid) -> None:
    receipt = grid.registry.rotateDeviceKey(HOUSE, KEY_HASH, sender=grid.operator)
    (event,) = grid.registry.DeviceKeyRotated.from_receipt(receipt)
    assert (event.oldKeyHash, event.newKeyHash) == (b"\0" * 32, KEY_HASH)
    receipt = grid.registry.recordRebase(HOUSE, 5 << 120, 0, "burnt", sender=grid.operator)
    (event,) = grid.registry.RegistersRebased.from_receipt(receipt)
    assert (event.before, event.afterReset, event.reason) == (5 << 120, 0, "burnt")
    with reverts(grid.registry.MeterRegistry_BadRegisters, registers=1 << 240):
        grid.registry.recordRebase(HOUSE, 1 << 240, 0, "", sender=grid.operator)


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("register", (77, EV, 9, 7_400, KEY_HASH)),
        ("rotateDeviceKey", (HOUSE, KEY_HASH)),
        ("issueClaimCode", (HOUSE, CODE.address)),
        ("setCommunityMode", (HOUSE, ON_REQUEST)),
        ("recordRebase", (HOUSE, 0, 0, "")),
        ("startTerms", (HOUSE, 1, 0)),
    ],
)
@pytest.mark.parametrize("who", ["admin", "relayer", "stranger"])
def test_roles(grid: Microgrid, function: str, arguments: tuple[Any, ...], who: str) -> None:
    caller = getattr(grid, who)
    with reverts(grid.registry.AccessManagedUnauthorized, caller=caller.address):
        getattr(grid.registry, function)(*arguments, sender=caller)


# ---- joining and leaving


def test_a_household_joins_and_leaves(grid: Microgrid) -> None:
    issue(grid, HOUSE)
    signature = signed_claim(grid, HOUSE, grid.alice)
    receipt = grid.registry.claim(HOUSE, PREPAID, signature, sender=grid.alice)
    (event,) = grid.registry.MeterClaimed.from_receipt(receipt)
    assert (event.meter, event.subscription, event.holder) == (HOUSE, 1, grid.alice)
    meter = grid.registry.get(HOUSE)
    assert (meter.holder, meter.mode, meter.changing) == (grid.alice, PREPAID, True)
    assert grid.registry.settlementOf(HOUSE).mode == COMMUNITY
    assert grid.registry.metersOf(grid.alice) == [HOUSE]

    grid.count(HOUSE, imported_wh=40)
    slot = grid.close_slot()
    assert not grid.registry.get(HOUSE).changing
    terms = grid.registry.termsAt(HOUSE, 0)
    assert (terms.holder, terms.mode, terms.subscription) == (grid.alice, PREPAID, 1)
    assert (terms.afterSlot, terms.startRegisters) == (slot, 40 << 120)

    grid.registry.requestRelease(HOUSE, sender=grid.alice)
    assert grid.registry.get(HOUSE).leaving
    grid.close_slot()
    meter = grid.registry.get(HOUSE)
    assert (meter.holder, meter.subscription, meter.leaving) == (ZERO_ADDRESS, 2, False)
    assert grid.registry.termsCount(HOUSE) == 2
    assert grid.registry.metersOf(grid.alice) == []


def test_a_copied_claim_is_worth_nothing(grid: Microgrid) -> None:
    issue(grid, HOUSE)
    signature = signed_claim(grid, HOUSE, grid.alice)
    with reverts(grid.registry.MeterRegistry_BadClaimCode, meter=HOUSE):
        grid.registry.claim(HOUSE, PREPAID, signature, sender=grid.bob)
    with reverts(grid.registry.MeterRegistry_BadClaimCode, meter=ROOF):
        grid.registry.claim(ROOF, PREPAID, signature, sender=grid.alice)
    later = signed_claim(grid, HOUSE, grid.alice, subscription=2)
    with reverts(grid.registry.MeterRegistry_BadClaimCode, meter=HOUSE):
        grid.registry.claim(HOUSE, PREPAID, later, sender=grid.alice)
    grid.registry.claim(HOUSE, BILLED, signature, sender=grid.alice)
    with reverts(grid.registry.MeterRegistry_AlreadyClaimed, holder=grid.alice.address):
        grid.registry.claim(HOUSE, BILLED, signature, sender=grid.bob)


def test_digest_is_the_published_type(grid: Microgrid) -> None:
    digest = grid.registry.claimDigest(HOUSE, grid.alice)
    signature = bytes(CODE.unsafe_sign_hash(digest).signature)
    assert signature == signed_claim(grid, HOUSE, grid.alice)


def test_codes_are_for_households(grid: Microgrid) -> None:
    with reverts(grid.registry.MeterRegistry_BadKind, kind=DER):
        issue(grid, SOLAR)
    with reverts(grid.registry.MeterRegistry_ModeNotAllowed, mode=ON_REQUEST):
        issue(grid, HALL)


def test_modes(grid: Microgrid) -> None:
    grid.claim(HOUSE, grid.alice, PREPAID)
    with reverts(grid.registry.MeterRegistry_ModeNotAllowed, mode=ON_REQUEST):
        grid.registry.setBillingMode(HOUSE, ON_REQUEST, sender=grid.alice)
    with reverts(grid.registry.MeterRegistry_NotHolder, caller=grid.bob.address):
        grid.registry.setBillingMode(HOUSE, BILLED, sender=grid.bob)
    receipt = grid.registry.setBillingMode(HOUSE, BILLED, sender=grid.alice)
    (event,) = grid.registry.BillingModeChanged.from_receipt(receipt)
    assert (event.oldMode, event.newMode) == (PREPAID, BILLED)
    with reverts(grid.registry.MeterRegistry_ChangePending, meter=HOUSE):
        grid.registry.setBillingMode(HOUSE, PREPAID, sender=grid.alice)
    grid.close_slot()
    assert grid.registry.settlementOf(HOUSE).mode == BILLED
    with reverts(grid.registry.MeterRegistry_AlreadyClaimed):
        grid.registry.setCommunityMode(HOUSE, ON_REQUEST, sender=grid.operator)
    with reverts(grid.registry.MeterRegistry_ModeNotAllowed, mode=BILLED):
        grid.registry.setCommunityMode(ROOF, BILLED, sender=grid.operator)


def test_leaving_is_the_holders(grid: Microgrid) -> None:
    grid.claim(HOUSE, grid.alice, PREPAID)
    with reverts(grid.registry.MeterRegistry_NotHolder, caller=grid.bob.address):
        grid.registry.requestRelease(HOUSE, sender=grid.bob)
    grid.registry.requestRelease(HOUSE, sender=grid.alice)
    with reverts(grid.registry.MeterRegistry_AlreadyLeaving, meter=HOUSE):
        grid.registry.requestRelease(HOUSE, sender=grid.alice)


def test_slots(grid: Microgrid) -> None:
    assert grid.registry.slotSeconds() == SLOT_SECONDS == grid.ledger.slotSeconds()
    grid.chain.mine()
    now = grid.chain.blocks.head.timestamp
    assert grid.registry.currentSlot() == now // SLOT_SECONDS == grid.ledger.currentSlot()

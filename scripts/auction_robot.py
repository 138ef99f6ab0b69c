"""What demo households do at the surplus auction: one offers what its roof has earned, others bid.

Pure. A bid follows from the household, the lot and a secret of its own, so that a robot that was
restarted opens what it had sealed.
"""

from __future__ import annotations

from dataclasses import dataclass

from eth_utils.crypto import keccak

SLOTS_A_DAY = 96
KEEP_WH = 3_500
"""What a seller keeps of its units: more than a household ever buys ahead, so that only what a roof
has earned is auctioned."""
LEAST_WH, MOST_WH = 500, 4_000
"""Of a lot."""
COMMIT_SLOTS, REVEAL_SLOTS, DELIVERY_SLOTS = 4, 3, 4
_SHARE_PERCENT = 60
"""Most of a lot that one household bids for, so that the best two share it."""
_CENT = 10_000
_SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Invitation:
    """A lot as a seller asks for it, as ISurplusAuction has it; money in micro-rupees."""

    meter: int
    energy_wh: int
    reserve_micro_inr_per_kwh: int
    bond_micro_inr: int
    second_price: bool
    commit_seconds: int
    reveal_seconds: int
    first_slot: int
    slot_count: int

    def as_tuple(self) -> tuple[int, ...]:
        """For the contract."""
        return (
            self.meter, self.energy_wh, self.reserve_micro_inr_per_kwh, self.bond_micro_inr,
            int(self.second_price), self.commit_seconds, self.reveal_seconds, self.first_slot,
            self.slot_count,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class MarketPrices:
    """What the energy market takes and pays for a kWh, micro-rupees; `sell` is the lower one."""

    buy: int
    sell: int


def invitation_for(
    meter: int,
    units_wh: int,
    prices: MarketPrices,
    *,
    lots_before: int,
    bond_micro_inr: int,
    now: int,
    slot_seconds: int,
) -> Invitation | None:
    """The lot a household opens now; None if it has too little to spare.

    The reserve is nine tenths of what the energy market would pay: that pays only out of its
    takings, which may be empty. First and second price take turns.
    """
    energy_wh = min(units_wh - KEEP_WH, MOST_WH)
    if energy_wh < LEAST_WH:
        return None
    commit_s, reveal_s = COMMIT_SLOTS * slot_seconds, REVEAL_SLOTS * slot_seconds
    first_slot = (now + commit_s + reveal_s) // slot_seconds + 2  # the block may be a little later
    return Invitation(
        meter,
        energy_wh,
        prices.sell * 9 // 10 // _CENT * _CENT,
        bond_micro_inr,
        lots_before % 2 == 1,
        commit_s,
        reveal_s,
        first_slot,
        DELIVERY_SLOTS,
    )


def is_new_day(last_opened_at: int | None, now: int, slot_seconds: int) -> bool:
    """Whether a simulated day has passed since the household's last lot."""
    return last_opened_at is None or now - last_opened_at >= SLOTS_A_DAY * slot_seconds


@dataclass(frozen=True, slots=True)
class SealedBid:
    """What a household bids; `salt` seals it."""

    price_micro_inr_per_kwh: int
    energy_wh: int
    salt: bytes


def bid_for(
    secret: bytes, meter: int, lot: int, *, energy_wh: int, reserve: int, needs_energy: bool
) -> SealedBid:
    """A household's bid for a lot, the same whenever it is asked.

    The reserve is nine tenths of what the energy market paid when the lot was opened. To who wants
    to sell again the lot is worth that price, and it bids 1 to 5 percent less; to a household that
    has to buy it is worth more, and it bids 1 to 5 percent more.

    Args:
        secret: known to the household alone.
        energy_wh, reserve: of the lot.
    """
    salt = keccak(b"auction bid" + secret + lot.to_bytes(_SALT_BYTES, "big"))
    own_percent = 1 + salt[0] % 5
    percent = 100 + own_percent if needs_energy else 100 - own_percent
    price = max(reserve, reserve * 10 * percent // 900 // _CENT * _CENT)
    wanted = energy_wh * (_SHARE_PERCENT - (meter + lot) % 3 * 10) // 100
    return SealedBid(price, max(1, wanted), salt)


def is_worth_it(bid: SealedBid, prices: MarketPrices, *, needs_energy: bool) -> bool:
    """Whether the lot still is worth the bid at the energy market's prices now."""
    return bid.price_micro_inr_per_kwh <= (prices.buy if needs_energy else prices.sell)

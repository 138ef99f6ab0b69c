"""Exchanging partners, so that nobody trades with oneself and everybody keeps the same energy."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np

from backend.market.book import Integers

_Piece = tuple[int, int, int]
"""Row of the bid, row of the offer, Wh."""


def exchange_partners(
    participant_id: Integers, bid_row: Integers, offer_row: Integers, energy_wh: Integers
) -> tuple[Integers, Integers, Integers]:
    """Trades (bid row, offer row, Wh) with the same energy for every order and no self-trade.

    A trade of somebody with himself gives its bid to another trade's offer and takes that one's
    bid. Self-trades of different people exchange with each other first; what is left is one
    person's and exchanges with trades he has no part in, first come first. There are enough of
    them if nobody buys and sells more together than is traded (the caller sees to that). Linear.

    Args:
        participant_id: whose each row of the book is.
        bid_row, offer_row, energy_wh: the trades.
    """
    people: list[int] = participant_id.tolist()
    selfish = participant_id[bid_row] == participant_id[offer_row]
    mutual, left = _exchange_among_themselves(
        people, _pieces(bid_row[selfish], offer_row[selfish], energy_wh[selfish])
    )
    plain = _pieces(bid_row[~selfish], offer_row[~selfish], energy_wh[~selfish])
    done = list(_exchange_with_others(people, left, chain(mutual, plain)))
    bids, offers, energies = np.array(done, dtype=np.int64).reshape(-1, 3).T
    return bids.copy(), offers.copy(), energies.copy()


def _exchange_among_themselves(
    people: list[int], selfish: Iterable[_Piece]
) -> tuple[list[_Piece], deque[_Piece]]:
    """Self-trades of two people become two trades between them; what is left is one person's."""
    done: list[_Piece] = []
    left: deque[_Piece] = deque()
    for bid, offer, energy in selfish:
        while energy and left and people[left[0][0]] != people[bid]:
            other_bid, other_offer, other_energy = left.popleft()
            common = min(energy, other_energy)
            done += [(other_bid, offer, common), (bid, other_offer, common)]
            energy -= common
            if other_energy > common:
                left.appendleft((other_bid, other_offer, other_energy - common))
        if energy:
            left.append((bid, offer, energy))
    return done, left


def _exchange_with_others(
    people: list[int], selfish: deque[_Piece], others: Iterable[_Piece]
) -> Iterator[_Piece]:
    """One person's self-trades exchanged with the first trades that he has no part in."""
    for bid, offer, energy in others:
        while energy and selfish and people[selfish[0][0]] not in (people[bid], people[offer]):
            own_bid, own_offer, own_energy = selfish.popleft()
            common = min(energy, own_energy)
            yield own_bid, offer, common
            yield bid, own_offer, common
            energy -= common
            if own_energy > common:
                selfish.appendleft((own_bid, own_offer, own_energy - common))
        if energy:
            yield bid, offer, energy
    assert not selfish  # nobody buys and sells more together than is traded


def _pieces(bid_row: Integers, offer_row: Integers, energy_wh: Integers) -> Iterator[_Piece]:
    return zip(bid_row.tolist(), offer_row.tolist(), energy_wh.tolist(), strict=True)

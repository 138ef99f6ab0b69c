"""Sharing a whole number of units in proportion, so that the shares add up to it exactly."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, pairwise

import numpy as np

from backend.market.book import Integers
from backend.market.orders import MarketError

_INT64_MAX = 2**63 - 1


def share_cumulative_down(total: int, weights: Iterable[int]) -> list[int]:
    """`total` units in proportion to `weights`, in their order; the shares add up to `total`.

    The first k shares together are floor(total x weight of the first k / weight of all). So each
    share is less than one unit from the exact one, and whoever shares out the units one claim at a
    time (a contract) keeps only the weight claimed so far.

    Raises:
        MarketError: `total` or a weight is negative, or there are units but no weight.
    """
    return _share(total, list(weights), up=False)


def share_cumulative_up(total: int, weights: Iterable[int]) -> list[int]:
    """As `share_cumulative_down`, with the running sums rounded up: the first pay first."""
    return _share(total, list(weights), up=True)


def _share(total: int, weights: list[int], *, up: bool) -> list[int]:
    if total < 0:
        raise MarketError(f"total: {total} is negative")
    if any(weight < 0 for weight in weights):
        raise MarketError(f"weights: {min(weights)} is negative")
    whole = sum(weights)
    if whole == 0:
        if total:
            raise MarketError(f"weights: all are 0, so {total} units have nowhere to go")
        return [0] * len(weights)
    plus = whole - 1 if up else 0
    reached = ((total * weight + plus) // whole for weight in accumulate(weights, initial=0))
    return [after - before for before, after in pairwise(reached)]


def share_column_down(total: int, weights: Integers) -> Integers:
    """`share_cumulative_down` for a column of weights whose sum fits 63 bits."""
    whole = int(weights.sum())
    if whole == 0 or whole * total > _INT64_MAX:
        return np.array(share_cumulative_down(total, weights.tolist()), dtype=np.int64)
    reached = np.cumsum(weights) * total // whole
    return np.diff(reached, prepend=np.int64(0))

"""What members bid for coming energy, as the day-ahead market's book on chain has it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from backend.chain.context import ChainContext
from backend.chain.contracts import Call, Contract

_MARKET = "DayAheadMarket"


class StandingBids:
    """The mean bid for the first slot whose gate is open; None without bids or without a market."""

    def __init__(self, chain: ChainContext, now: Callable[[], float] = time.time) -> None:
        self._chain = chain
        self._now = now
        self._terms: tuple[int, int] | None = None
        present = _MARKET in chain.deployment.contracts
        self._market: Contract | None = chain.contracts[_MARKET] if present else None

    def __call__(self) -> int | None:
        """Micro-rupees per kWh. Raises NodeUnreachableError, RpcError or ContractError."""
        if self._market is None:
            return None
        if self._terms is None:
            asked: list[Call[Any]] = [
                self._market.call("gateSeconds"),
                self._market.call("tickSizeMicroInrPerKwh"),
            ]
            gate_s, tick_size = self._chain.views.ask_many(asked)
            self._terms = (gate_s, tick_size)
        gate_s, tick_size = self._terms
        slot = int(self._now() + gate_s) // self._chain.deployment.slot_seconds + 1
        bids, _offers = self._chain.views.ask(self._market.call("bookOf", slot), max_age_s=0.0)
        return mean_bid_down(bids, tick_size)


def mean_bid_down(bids_wh: Sequence[int], tick_size_micro_inr_per_kwh: int) -> int | None:
    """The mean of bids by energy, rounded down; entry i is the energy bid at i + 1 ticks."""
    total = sum(bids_wh)
    if total == 0:
        return None
    weighted = sum(tick * wh for tick, wh in enumerate(bids_wh, 1))
    return weighted * tick_size_micro_inr_per_kwh // total

"""A price round as the price feed accepts it: the median of what 2f+1 of 3f+1 nodes signed.

With at most f nodes lying, at least f+1 of any 2f+1 observations are honest, so the middle one is
never outside what honest nodes saw. Signatures are checked where they arrive; here is what follows
from the observations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from backend.pricing.bounds import PriceBounds, PriceError, require_range

_PPM = 1_000_000
_BPS = 10_000
_MAX_FAULTS = 10
_U64_MAX = 2**64 - 1


class RoundFault(Enum):
    """Why a round is refused."""

    TOO_FEW = "too few observations"
    SIGNERS_NOT_ASCENDING = "signer indexes must ascend strictly"
    UNKNOWN_SIGNER = "no such signer"
    WRONG_ROUND = "an observation is of another round"
    WRONG_EPOCH = "an observation is of another set of signers"
    ROUND_NOT_NEW = "the round must be above the last one"
    TOO_OLD = "an observation is too old"
    FROM_THE_FUTURE = "an observation is ahead of the clock"
    OUT_OF_BOUNDS = "the median is outside the price bounds"


class RoundRefusedError(PriceError):
    """A round the feed does not take; `fault` says why."""

    def __init__(self, fault: RoundFault, where: str) -> None:
        super().__init__(f"{fault.value}: {where}")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """Of a price feed.

    Args:
        faults: f; of 3f+1 nodes, 2f+1 must sign.
        members: how many nodes there are, if not 3f+1 but one or two more.
        epoch: of the present set of signers.
        bounds: outside which no median is accepted.
        max_age_s: how old an observation may be.
        max_skew_s: how far ahead of the clock one may be.
        max_step_ppm: most that the price moves in a round, parts per million of the last price.
        sell_share_bps: what is paid for a kWh, in 0.01 % of what is taken for it.

    Raises:
        PriceError: a field is out of range.
    """

    faults: int
    epoch: int
    bounds: PriceBounds
    max_age_s: int
    max_skew_s: int
    max_step_ppm: int
    sell_share_bps: int = 10_000
    members: int | None = None

    def __post_init__(self) -> None:
        require_range("faults", self.faults, 0, _MAX_FAULTS)
        require_range("epoch", self.epoch, 0, _U64_MAX)
        require_range("max_age_s", self.max_age_s, 1, _U64_MAX)
        require_range("max_skew_s", self.max_skew_s, 0, _U64_MAX)
        require_range("max_step_ppm", self.max_step_ppm, 1, _U64_MAX)
        require_range("sell_share_bps", self.sell_share_bps, 0, _BPS)
        fewest = 3 * self.faults + 1
        require_range("members", self.nodes, fewest, fewest + 2)

    @property
    def nodes(self) -> int:
        """n; 3f + 1 unless said otherwise."""
        return 3 * self.faults + 1 if self.members is None else self.members

    @property
    def quorum(self) -> int:
        """2f + 1."""
        return 2 * self.faults + 1

    def sell_price_down(self, price_micro_inr_per_kwh: int) -> int:
        """What is paid for a kWh at this price: its share, or the lower bound; never above it."""
        share = price_micro_inr_per_kwh * self.sell_share_bps // _BPS
        return min(max(share, self.bounds.lowest), price_micro_inr_per_kwh)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a price node signed.

    Args:
        signer: the node's index, 0 .. 3f.
        round_id: the round it is for.
        epoch: the set of signers it speaks in.
        price_micro_inr_per_kwh: the price it worked out.
        observed_at: when, Unix seconds.
    """

    signer: int
    round_id: int
    epoch: int
    price_micro_inr_per_kwh: int
    observed_at: int


@dataclass(frozen=True, slots=True)
class PriceRound:
    """An accepted round.

    Attributes:
        round_id: strictly increasing.
        price_micro_inr_per_kwh: the price in force.
        median_micro_inr_per_kwh: what the nodes said; differs where the step was capped.
        observed_at: the oldest observation's time: the price is at least as fresh as that.
        by_price: positions of the observations by ascending price (equal ones by signer), which
            spares a contract the sorting: it checks that prices do not fall along it.
    """

    round_id: int
    price_micro_inr_per_kwh: int
    median_micro_inr_per_kwh: int
    observed_at: int
    by_price: tuple[int, ...]


def settle_round(
    round_id: int,
    observations: Sequence[Observation],
    *,
    settings: FeedSettings,
    now: int,
    last: PriceRound | None,
) -> PriceRound:
    """Accepts a round or says why not.

    The median of an even number is the upper of the two in the middle; it, too, is between honest
    observations. A median outside the bounds is refused; one that is far from the last price is
    accepted, but the price in force moves by at most `max_step_ppm` (rounded up, so it can always
    move).

    Args:
        round_id: the round.
        observations: in strictly ascending order of signer.
        settings: of the feed.
        now: Unix seconds.
        last: the round before; None for the first.

    Raises:
        RoundRefusedError: the first rule that is broken.
    """
    if last is not None and round_id <= last.round_id:
        raise RoundRefusedError(RoundFault.ROUND_NOT_NEW, f"{round_id} after {last.round_id}")
    if len(observations) < settings.quorum:
        raise RoundRefusedError(
            RoundFault.TOO_FEW, f"{len(observations)} of the {settings.quorum} needed"
        )
    for before, after in pairwise(observations):
        if before.signer >= after.signer:
            raise RoundRefusedError(
                RoundFault.SIGNERS_NOT_ASCENDING, f"{after.signer} after {before.signer}"
            )
    for seen in observations:
        _require_current(seen, round_id, settings, now)
    prices = [seen.price_micro_inr_per_kwh for seen in observations]
    by_price = sorted(range(len(prices)), key=lambda at: (prices[at], at))
    median = prices[by_price[len(prices) // 2]]
    if median not in settings.bounds:
        raise RoundRefusedError(
            RoundFault.OUT_OF_BOUNDS,
            f"{median}, allowed are {settings.bounds.lowest}..{settings.bounds.highest}",
        )
    return PriceRound(
        round_id,
        _within_step(median, settings, last),
        median,
        # A price from a node's fast clock must not outlive others.
        min(now, *(seen.observed_at for seen in observations)),
        tuple(by_price),
    )


def _require_current(seen: Observation, round_id: int, settings: FeedSettings, now: int) -> None:
    who = f"signer {seen.signer}"
    if not 0 <= seen.signer < settings.nodes:
        raise RoundRefusedError(RoundFault.UNKNOWN_SIGNER, f"{who} of {settings.nodes}")
    if seen.round_id != round_id:
        raise RoundRefusedError(RoundFault.WRONG_ROUND, f"{who} signed {seen.round_id}")
    if seen.epoch != settings.epoch:
        raise RoundRefusedError(
            RoundFault.WRONG_EPOCH, f"{who} signed in {seen.epoch}, now is {settings.epoch}"
        )
    age = now - seen.observed_at
    if age > settings.max_age_s:
        raise RoundRefusedError(
            RoundFault.TOO_OLD, f"{who}, {age} s; at most {settings.max_age_s} s"
        )
    if -age > settings.max_skew_s:
        raise RoundRefusedError(
            RoundFault.FROM_THE_FUTURE, f"{who}, {-age} s; at most {settings.max_skew_s} s"
        )


def _within_step(median: int, settings: FeedSettings, last: PriceRound | None) -> int:
    if last is None:
        return median
    # The bounds may have moved since the last round; a price in force is always inside them.
    start = settings.bounds.clip(last.price_micro_inr_per_kwh)
    step_up = -(-start * settings.max_step_ppm // _PPM)
    return min(max(median, start - step_up), start + step_up)

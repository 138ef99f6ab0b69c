"""What one oracle node knows of the microgrid, from evidence it has checked itself.

Slots and battery reports that it signed, and prices that were in force. From these it learns how
homes answer to the price, and forms its own. Everything is kept beside what it has signed.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from backend.oracle.registers import Flows
from backend.pricing import DemandEstimator, DemandModel, EstimatorSettings, PriceError
from backend.pricing.learned_opinion import LearnedPolicy
from backend.pricing.opinion import (
    Opinion,
    OpinionSettings,
    PriceInputs,
    first_guess,
    form_price,
)
from backend.resilience.batteries import Stored, together

RECENT_PRICES = 40
"""Prices in force that p_avg is the mean of: ten minutes of rounds of 15 s."""
DAY_SLOTS = 96
"""A day's average forgets a price over so many slots, as the learned agent was taught."""
_SECONDS_PER_HOUR = 3600


class Memory(Protocol):
    """Where a view is kept."""

    def recall(self, name: str) -> str | None:
        """What was kept under a name."""

    def keep(self, name: str, text: str) -> None:
        """Keeps a text under a name."""


@dataclass(frozen=True, slots=True)
class SlotPower:
    """Mean power over the last slot that was checked, W."""

    slot: int
    demand_w: int
    renewable_w: int


def mean_power(
    slot: int, flows: Flows, before_slot: int, before: Flows, slot_metered_s: float
) -> SlotPower:
    """Mean power between two slots.

    Args:
        slot_metered_s: seconds that meters count in a slot (in simulated time more than it lasts).
    """
    hours = (slot - before_slot) * slot_metered_s / _SECONDS_PER_HOUR
    drawn = flows.consumption_wh - before.consumption_wh
    given = (
        flows.prosumer_export_wh
        + flows.der_generation_wh
        - before.prosumer_export_wh
        - before.der_generation_wh
    )
    return SlotPower(slot, max(0, round(drawn / hours)), max(0, round(given / hours)))


class PriceView:
    """One node's view. Threads may share it.

    Args:
        memory: where it is kept over a restart.
        slot_metered_s: seconds that meters count in a slot.
    """

    _NAME = "price_view"

    def __init__(self, memory: Memory, slot_metered_s: float) -> None:
        self._memory = memory
        self._slot_metered_s = slot_metered_s
        self._lock = threading.Lock()
        self._slot = 0
        self._flows = Flows()
        self._power: SlotPower | None = None
        self._charges: dict[int, int] = {}
        self._estimator: DemandEstimator | None = None
        self._recent: deque[int] = deque(maxlen=RECENT_PRICES)
        self._slot_price: int | None = None
        self._day_average: int | None = None
        text = memory.recall(self._NAME)
        if text is not None:
            self._restore(json.loads(text))

    # ---- what it sees --------------------------------------------------------------------------

    def note_slot(self, slot: int, totals_lo: int, totals_hi: int) -> None:
        """A slot's totals, checked leaf by leaf; an older slot changes nothing."""
        with self._lock:
            if slot <= self._slot:
                return
            flows = Flows.from_words(totals_lo, totals_hi)
            if self._slot:
                self._power = mean_power(slot, flows, self._slot, self._flows, self._slot_metered_s)
                self._learn(self._power.demand_w)
                self._note_slot_price(slot - self._slot)
            self._slot, self._flows = slot, flows
            self._keep()

    def note_charge(self, battery: int, soc_bps: int) -> None:
        """A battery's charge in 0.01 %, checked."""
        with self._lock:
            self._charges[battery] = soc_bps

    def note_price(self, price_micro_inr_per_kwh: int) -> None:
        """The price in force, once a round."""
        with self._lock:
            self._recent.append(price_micro_inr_per_kwh)

    # ---- what it thinks ------------------------------------------------------------------------

    def opinion(
        self,
        settings: OpinionSettings,
        bid_micro_inr_per_kwh: int | None,
        policy: LearnedPolicy | None = None,
    ) -> Opinion | None:
        """Its price; None before it has seen two slots with demand, and a price.

        Args:
            policy: the learned agent, which speaks instead of the closed form where it may.
        """
        with self._lock:
            if self._estimator is None and self._power is not None:
                self._learn(self._power.demand_w)  # no price was known when it was measured
            if self._power is None or self._estimator is None or not self._recent:
                return None
            # All banks alike: their capacities are not on chain.
            banks = together([Stored(soc_bps) for soc_bps in self._charges.values()])
            inputs = PriceInputs(
                demand_w=self._power.demand_w,
                renewable_w=self._power.renewable_w,
                soc_bps=banks.soc_bp,
                bid_micro_inr_per_kwh=bid_micro_inr_per_kwh,
                average_micro_inr_per_kwh=sum(self._recent) // len(self._recent),
            )
            opinion = form_price(inputs, self._estimator.model(), settings)
            if policy is None:
                return opinion
            if self._slot_price is None or self._day_average is None:
                self._note_slot_price(1)  # the price came after the slots
            assert self._slot_price is not None
            assert self._day_average is not None
            return policy.form(
                opinion,
                settings,
                slot=self._slot + 1,
                price_before=self._slot_price,
                day_average=self._day_average,
            )

    # ---- parts ---------------------------------------------------------------------------------

    def _note_slot_price(self, slots_passed: int) -> None:
        """The price in force at the end of a slot: nodes that check it at about the same time, as
        they do, go on from the same one."""
        if not self._recent:
            return
        price = self._recent[-1]
        average = price if self._day_average is None else self._day_average
        for _ in range(min(slots_passed, DAY_SLOTS)):
            average += (price - average) // DAY_SLOTS
        self._slot_price, self._day_average = price, average

    def _learn(self, demand_w: int) -> None:
        if not self._recent or demand_w == 0:
            return
        price = self._recent[-1]
        try:
            if self._estimator is None:
                self._estimator = DemandEstimator(first_guess(price, demand_w))
            self._estimator = self._estimator.observe(price, demand_w)
        except PriceError:  # a slot that cannot be true teaches nothing
            return

    def _keep(self) -> None:
        power, made = self._power, self._estimator
        document = {
            "slot": self._slot,
            "totals": [hex(self._flows.lo), hex(self._flows.hi)],
            "power": None if power is None else [power.slot, power.demand_w, power.renewable_w],
            "recent": list(self._recent),
            "slot_price": self._slot_price,
            "day_average": self._day_average,
            "charges": list(self._charges.items()),
            "estimator": None if made is None else _estimator_document(made),
        }
        self._memory.keep(self._NAME, json.dumps(document))

    def _restore(self, document: dict[str, Any]) -> None:
        self._slot = document["slot"]
        self._flows = Flows.from_words(*(int(word, 16) for word in document["totals"]))
        if document["power"] is not None:
            self._power = SlotPower(*document["power"])
        self._recent.extend(document["recent"])
        self._charges = dict(document["charges"])
        self._slot_price = document.get("slot_price")
        self._day_average = document.get("day_average")
        if document["estimator"] is not None:
            self._estimator = _estimator_from(document["estimator"])


def _estimator_document(made: DemandEstimator) -> dict[str, Any]:
    settings = made.settings
    return {
        "guess": [settings.guess.alpha_milliwatt, settings.guess.beta_milliwatt_per_inr],
        "settings": [
            settings.typical_price_micro_inr_per_kwh,
            settings.prior_weight,
            settings.forgetting,
            settings.beta_lowest_milliwatt_per_inr,
            settings.beta_highest_milliwatt_per_inr,
        ],
        "sums": [made.weight, made.x, made.y, made.xx, made.xy],
    }


def _estimator_from(document: dict[str, Any]) -> DemandEstimator:
    settings = EstimatorSettings(DemandModel(*document["guess"]), *document["settings"])
    return DemandEstimator(settings, *document["sums"])

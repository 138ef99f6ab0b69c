"""The learned agent in a price node: whether it may speak there, and what it says.

It may where it was judged: `admit` said yes, slots are as long, the main grid's prices are the
same, and homes draw no more than on the days it was judged by. Elsewhere the closed form speaks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from backend.pricing.admission import DAYS_AT_LEAST, RUNS_AT_LEAST
from backend.pricing.agent import AgentWeights, LearnedPrice, observation
from backend.pricing.bounds import PriceBounds, PriceError
from backend.pricing.environment import PricingRules, PricingState, Storage
from backend.pricing.opinion import Learned, Opinion, OpinionSettings, PriceInputs

INCUMBENT = "closed form"
"""What it has to have beaten, by the name under which the record has it."""
_DAY_S = 86_400
_FULL_BPS = 10_000


@dataclass(frozen=True, slots=True)
class AdmissionRecord:
    """What `admit` found, as it is kept with the weights.

    Attributes:
        held_out_days, runs: it was judged by.
        surely_at_least: by what it replaces, Rs a day that it is better by with 95 % confidence.
        highest_demand_w: of any slot of the days it learned from and was judged by.
    """

    held_out_days: int
    runs: int
    surely_at_least: Mapping[str, float]
    highest_demand_w: int

    def objection(self) -> str | None:
        """Why it does not allow the agent to speak; None if it does."""
        if self.runs < RUNS_AT_LEAST or self.held_out_days < DAYS_AT_LEAST:
            return (
                f"not admitted: {self.runs} runs on {self.held_out_days} held-out days, at least"
                f" {RUNS_AT_LEAST} on {DAYS_AT_LEAST} are needed"
            )
        if INCUMBENT not in self.surely_at_least:
            return "not admitted: it was never compared with the closed form"
        for name, gain in self.surely_at_least.items():
            if not gain > 0:
                return f"not admitted: over {name} it is better by Rs {gain:+.2f} a day at least"
        return None


@dataclass(frozen=True, slots=True)
class JudgedAgent:
    """An agent, the world it was judged in, and the judgement."""

    weights: AgentWeights
    rules: PricingRules
    record: AdmissionRecord

    @classmethod
    def from_json(cls, text: str) -> JudgedAgent:
        """From what scripts/train_price_agent.py exports.

        Raises:
            PriceError: weights, rules or record cannot be read.
        """
        weights = AgentWeights.from_json(text)
        try:
            found = json.loads(text)["admission"]
            record = AdmissionRecord(
                int(found["held_out_days"]),
                int(found["runs"]),
                {name: float(gain["at_least"]) for name, gain in found["over"].items()},
                int(found["highest_demand_w"]),
            )
            return cls(weights, rules_from(found["rules"]), record)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PriceError(f"agent: no `admission` to be read ({error!r})") from None


def rules_document(rules: PricingRules) -> dict[str, Any]:
    """Rules as they are kept with the weights."""
    storage = rules.storage
    return {
        "bounds": [rules.bounds.lowest, rules.bounds.highest],
        "max_step": rules.max_step_micro_inr_per_kwh,
        "reference": rules.reference_micro_inr_per_kwh,
        "gamma": rules.gamma_milliwatt_per_inr,
        "average_slots": rules.average_slots,
        "buyback": rules.buyback_micro_inr_per_kwh,
        "retail": rules.retail_micro_inr_per_kwh,
        "storage": [
            storage.capacity_wh, storage.reserve_wh, storage.max_power_w, storage.efficiency_pm
        ],
        "slot_seconds": rules.slot_seconds,
    }  # fmt: skip


def rules_from(document: Mapping[str, Any]) -> PricingRules:
    """The inverse of `rules_document`. Raises PriceError, KeyError, TypeError or ValueError."""
    return PricingRules(
        bounds=PriceBounds(*document["bounds"]),
        max_step_micro_inr_per_kwh=document["max_step"],
        reference_micro_inr_per_kwh=document["reference"],
        gamma_milliwatt_per_inr=document["gamma"],
        average_slots=document["average_slots"],
        buyback_micro_inr_per_kwh=document["buyback"],
        retail_micro_inr_per_kwh=document["retail"],
        storage=Storage(*document["storage"]),
        slot_seconds=document["slot_seconds"],
    )


@dataclass(frozen=True, slots=True)
class LearnedPolicy:
    """The agent at a node's place.

    Args:
        slot_s: length of a slot by the clock.
        slot_metered_s: seconds that meters count in it (more, where time is simulated).
        midnight: a Unix second at which a day began where the homes are; None = nobody said.
    """

    agent: JudgedAgent
    slot_s: int
    slot_metered_s: float
    midnight: int | None

    def form(
        self,
        opinion: Opinion,
        settings: OpinionSettings,
        *,
        slot: int,
        price_before: int,
        day_average: int,
    ) -> Opinion:
        """The closed form's opinion with the agent's price in its place, if the agent may speak.

        Args:
            slot: to be priced.
            price_before: in force when the slot before was closed; the agent moves it by at most
                its largest step a slot, however many rounds there are in one.
            day_average: p_avg over a day of slots.
        """
        objection = self._objection(opinion.inputs, settings)
        if objection is not None:
            return replace(opinion, learned=Learned(objection, opinion.price, None, None, ()))
        state = self._state(opinion.inputs, slot, price_before, day_average)
        wanted = LearnedPrice(self.agent.rules, self.agent.weights).wanted(state)
        price = settings.bounds.clip(wanted)
        seen = tuple(round(number, 6) for number in observation(self.agent.rules, state))
        record = self.agent.record
        reason = (
            f"admitted on {record.held_out_days} held-out days: better than the closed form by"
            f" Rs {record.surely_at_least[INCUMBENT]:.2f} a day at least"
        )
        learned = Learned(reason, opinion.price, price, price_before, seen)
        return replace(opinion, price=price, learned=learned)

    def _objection(self, inputs: PriceInputs, settings: OpinionSettings) -> str | None:
        rules, record = self.agent.rules, self.agent.record
        found = record.objection()
        if found is not None:
            return found
        if round(self.slot_metered_s) != rules.slot_seconds:
            return f"slots last {self.slot_metered_s:.0f} s here, it knows {rules.slot_seconds} s"
        grid = (settings.grid_export, settings.grid_import)
        judged = (rules.buyback_micro_inr_per_kwh, rules.retail_micro_inr_per_kwh)
        if grid != judged:
            return f"the main grid's prices are {grid} micro-rupees, it knows {judged}"
        if self.midnight is None:
            return "the hour of the day is not known: price_midnight is not set"
        if inputs.soc_bps is None:
            return "no battery's charge is known"
        if inputs.demand_w > record.highest_demand_w:
            return f"homes draw {inputs.demand_w} W, it knows {record.highest_demand_w} W at most"
        return None

    def _state(
        self, inputs: PriceInputs, slot: int, price_before: int, day_average: int
    ) -> PricingState:
        rules = self.agent.rules
        assert self.midnight is not None
        assert inputs.soc_bps is not None
        passed_s = (slot * self.slot_s - self.midnight) * self.slot_metered_s / self.slot_s
        clip = rules.bounds.clip
        return PricingState(
            slot_of_day=int(passed_s % _DAY_S) // rules.slot_seconds,
            demand_w=inputs.demand_w,
            solar_w=inputs.renewable_w,
            charge_wh=rules.storage.capacity_wh * inputs.soc_bps // _FULL_BPS,
            price_micro_inr_per_kwh=clip(price_before),
            average_micro_inr_per_kwh=clip(day_average),
            # The agent does not look at what energy cost.
            energy_cost_micro_inr_per_kwh=rules.retail_micro_inr_per_kwh,
            last_kwh_cost_micro_inr_per_kwh=rules.retail_micro_inr_per_kwh,
        )

"""Ways to set the operator's price, each a step at a time, and what they score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from backend.pricing.demand_estimator import DemandEstimator, EstimatorSettings
from backend.pricing.environment import (
    PricingRules,
    PricingState,
    SlotConditions,
    SlotOutcome,
    step,
)
from backend.pricing.stackelberg import LeaderProblem


class PricePolicy(Protocol):
    """Sets prices from what is known before each slot."""

    def wanted(self, state: PricingState) -> int:
        """The price it would have, micro-rupees per kWh."""

    def learn(self, outcome: SlotOutcome) -> None:
        """Told what came of the slot."""


@dataclass(frozen=True, slots=True)
class ConstantPrice:
    """The same price always."""

    price_micro_inr_per_kwh: int

    def wanted(self, state: PricingState) -> int:
        """The price."""
        return self.price_micro_inr_per_kwh

    def learn(self, outcome: SlotOutcome) -> None:
        """Learns nothing."""


class CostRule(Enum):
    """What the closed form takes for c."""

    AVERAGE = "average"
    """What a kWh cost on average in the slot before."""
    LAST_KWH = "last kWh"
    """What one more would have cost in it."""


@dataclass(slots=True)
class ClosedFormPrice:
    """The Stackelberg leader's p* on what the demand estimator has learned so far."""

    rules: PricingRules
    estimator: DemandEstimator
    cost: CostRule

    @classmethod
    def at_start(
        cls, rules: PricingRules, settings: EstimatorSettings, cost: CostRule
    ) -> ClosedFormPrice:
        """Before anything was observed."""
        return cls(rules, DemandEstimator(settings), cost)

    def wanted(self, state: PricingState) -> int:
        """p*, within the bounds."""
        cost = (
            state.energy_cost_micro_inr_per_kwh
            if self.cost is CostRule.AVERAGE
            else state.last_kwh_cost_micro_inr_per_kwh
        )
        return LeaderProblem(
            self.estimator.model(),
            cost,
            state.average_micro_inr_per_kwh,
            self.rules.gamma_milliwatt_per_inr,
            self.rules.bounds,
        ).price()

    def learn(self, outcome: SlotOutcome) -> None:
        """One more observation of demand under a price."""
        self.estimator = self.estimator.observe(outcome.price_micro_inr_per_kwh, outcome.demand_w)


@dataclass(slots=True)
class Replay:
    """A policy at play; goes on from where it is."""

    rules: PricingRules
    state: PricingState
    policy: PricePolicy
    outcomes: list[SlotOutcome] = field(default_factory=list)

    def over(self, slots: Iterable[SlotConditions]) -> int:
        """Plays the slots; their score, micro-rupees."""
        score = 0
        for conditions in slots:
            wanted = self.policy.wanted(self.state)
            self.state, outcome = step(self.rules, self.state, conditions, wanted)
            self.policy.learn(outcome)
            self.outcomes.append(outcome)
            score += outcome.score_micro_inr
        return score

"""A learned price agent at work: what it sees, and its small network in plain Python.

Learning needs the extra `ai`; using what was learned needs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import cos, isfinite, pi, sin, tanh

from backend.pricing.bounds import PriceError
from backend.pricing.environment import PricingRules, PricingState, SlotOutcome

_TYPICAL_W = 10_000
_RUPEE = 1_000_000

Layer = tuple[Iterable[Iterable[float]], Iterable[float]]


def observation(rules: PricingRules, state: PricingState) -> tuple[float, ...]:
    """What the agent sees, each around -1..1: demand, sun, charge, time of day; and the last price
    and the recent average, without which a change of price means nothing."""
    angle = 2 * pi * state.slot_of_day * rules.slot_seconds / 86_400
    middle = (rules.bounds.lowest + rules.bounds.highest) / 2
    half = max(1, rules.bounds.highest - rules.bounds.lowest) / 2
    return (
        state.demand_w / _TYPICAL_W - 0.5,
        state.solar_w / _TYPICAL_W,
        2 * state.charge_wh / max(1, rules.storage.capacity_wh) - 1,
        sin(angle),
        cos(angle),
        (state.price_micro_inr_per_kwh - middle) / half,
        (state.average_micro_inr_per_kwh - middle) / half,
    )


@dataclass(frozen=True, slots=True)
class AgentWeights:
    """A network of tanh layers; the last one is linear and gives one number.

    Args:
        layers: (weights by output and input, biases) of each layer.

    Raises:
        PriceError: layers that do not fit together, or a weight that is no finite number.
    """

    layers: tuple[tuple[tuple[tuple[float, ...], ...], tuple[float, ...]], ...]

    def __post_init__(self) -> None:
        if not self.layers or len(self.layers[-1][1]) != 1:
            raise PriceError("layers: the last one must give one number")
        width = len(self.layers[0][0][0]) if self.layers[0][0] else 0
        for number, (weights, biases) in enumerate(self.layers):
            if len(weights) != len(biases) or any(len(row) != width for row in weights):
                raise PriceError(f"layers: layer {number} does not fit the one before")
            if not all(map(isfinite, (*biases, *(w for row in weights for w in row)))):
                raise PriceError(f"layers: layer {number} has a weight that is no finite number")
            width = len(biases)

    @classmethod
    def of(cls, layers: Iterable[Layer]) -> AgentWeights:
        """From lists, as a training run has them."""
        return cls(
            tuple(
                (tuple(tuple(map(float, row)) for row in weights), tuple(map(float, biases)))
                for weights, biases in layers
            )
        )

    @classmethod
    def from_json(cls, text: str) -> AgentWeights:
        """Reads what `to_json` wrote. Raises PriceError."""
        try:
            layers = json.loads(text)["layers"]
            return cls.of((layer["weights"], layer["biases"]) for layer in layers)
        except PriceError:
            raise
        except (ValueError, KeyError, TypeError) as error:
            raise PriceError(f"agent weights: no `layers` to be read ({error})") from error

    def to_json(self, admission: Mapping[str, object]) -> str:
        """With a record of what they were admitted by, for people; reading ignores it."""
        layers = [{"weights": weights, "biases": biases} for weights, biases in self.layers]
        return json.dumps({"admission": admission, "layers": layers}) + "\n"

    def answer(self, seen: Sequence[float]) -> float:
        """The network's number for what is seen, within -1..1."""
        values = list(seen)
        for number, (weights, biases) in enumerate(self.layers):
            sums = [
                sum(w * value for w, value in zip(row, values, strict=True)) + bias
                for row, bias in zip(weights, biases, strict=True)
            ]
            values = sums if number == len(self.layers) - 1 else [tanh(total) for total in sums]
        return min(1.0, max(-1.0, values[0]))


@dataclass(frozen=True, slots=True)
class LearnedPrice:
    """The agent as a policy: it changes the last price by at most the largest step."""

    rules: PricingRules
    weights: AgentWeights

    def wanted(self, state: PricingState) -> int:
        """The price it would have; the tariff's bounds hold for it as for any other."""
        share = self.weights.answer(observation(self.rules, state))
        change = round(share * self.rules.max_step_micro_inr_per_kwh)
        return self.rules.bounds.clip(state.price_micro_inr_per_kwh + change)

    def learn(self, outcome: SlotOutcome) -> None:
        """Learns nothing any more."""

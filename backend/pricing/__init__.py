"""Prices as pure functions: the local formula, the operator's best price, the quorum's median.

Micro-rupees per kWh throughout. See docs/markets.md.
"""

from backend.pricing.bounds import MAX_PRICE_MICRO_INR_PER_KWH, PriceBounds, PriceError
from backend.pricing.demand_estimator import DemandEstimator, EstimatorSettings
from backend.pricing.local import local_price, local_price_unclipped
from backend.pricing.median import (
    FeedSettings,
    Observation,
    PriceRound,
    RoundFault,
    RoundRefusedError,
    settle_round,
)
from backend.pricing.stackelberg import DemandModel, LeaderProblem

__all__ = [
    "MAX_PRICE_MICRO_INR_PER_KWH",
    "DemandEstimator",
    "DemandModel",
    "EstimatorSettings",
    "FeedSettings",
    "LeaderProblem",
    "Observation",
    "PriceBounds",
    "PriceError",
    "PriceRound",
    "RoundFault",
    "RoundRefusedError",
    "local_price",
    "local_price_unclipped",
    "settle_round",
]

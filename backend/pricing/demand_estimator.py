"""How demand answers to price, learned as it happens: recursive least squares with forgetting.

Each observation (price, demand) counts `forgetting` times as much as the next one. A first guess
counts like a fixed number of observations for ever, so that a direction in which nothing has been
seen for long falls back to it instead of drifting. The estimate is exactly the alpha and beta that
minimise

    sum of weight (demand - alpha + beta price)^2
      + prior_weight ((alpha - beta p0 - alpha0 + beta0 p0)^2 + (beta - beta0)^2 (Rs 1/kWh)^2)

within the bounds, where p0 is a typical price. Five sums carry everything, so an update costs the
same for ever. Estimation is in floating point; the model that comes out is in integers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite

from backend.pricing.bounds import MAX_PRICE_MICRO_INR_PER_KWH, PriceError, require_range
from backend.pricing.stackelberg import DemandModel

_MICRO = 1e6
_MILLI = 1e3
_MAX_DEMAND_W = 10**9


@dataclass(frozen=True, slots=True)
class EstimatorSettings:
    """How the estimator learns.

    Args:
        guess: the model before anything is seen.
        typical_price_micro_inr_per_kwh: p0; what the guess is trusted around.
        prior_weight: how many observations the guess counts for; above 0.
        forgetting: in 0.5..1; 1 never forgets, 0.99 looks back some 100 observations.
        beta_lowest_milliwatt_per_inr: bound of beta; above 0 keeps demand falling in price.
        beta_highest_milliwatt_per_inr: the other bound.

    Raises:
        PriceError: a field is out of range.
    """

    guess: DemandModel
    typical_price_micro_inr_per_kwh: int
    prior_weight: float
    forgetting: float
    beta_lowest_milliwatt_per_inr: int
    beta_highest_milliwatt_per_inr: int

    def __post_init__(self) -> None:
        require_range(
            "typical_price_micro_inr_per_kwh",
            self.typical_price_micro_inr_per_kwh,
            0,
            MAX_PRICE_MICRO_INR_PER_KWH,
        )
        if not (isfinite(self.prior_weight) and self.prior_weight > 0):
            raise PriceError(f"prior_weight: {self.prior_weight} must be above 0 and finite")
        if not 0.5 <= self.forgetting <= 1:
            raise PriceError(f"forgetting: {self.forgetting} is not in 0.5..1")
        if self.guess_at_typical_w < 0:
            raise PriceError(
                "guess: demand would be negative at typical_price_micro_inr_per_kwh;"
                " raise alpha_milliwatt or lower beta_milliwatt_per_inr"
            )
        low, high = self.beta_lowest_milliwatt_per_inr, self.beta_highest_milliwatt_per_inr
        if not 0 <= low <= high:
            raise PriceError(
                f"beta_lowest_milliwatt_per_inr: {low} must be 0 or more and at most"
                f" beta_highest_milliwatt_per_inr, {high}"
            )

    @property
    def guess_at_typical_w(self) -> float:
        """Demand that the guess expects at the typical price, W."""
        price = self.typical_price_micro_inr_per_kwh / _MICRO
        guess = self.guess
        return (guess.alpha_milliwatt - guess.beta_milliwatt_per_inr * price) / _MILLI


@dataclass(frozen=True, slots=True)
class DemandEstimator:
    """What has been learned; a value: `observe` gives the next one.

    Sums are over observations by their weight, of x = price - p0 in Rs/kWh and y = demand in W
    less the guess at p0.
    """

    settings: EstimatorSettings
    weight: float = 0.0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0

    def observe(self, price_micro_inr_per_kwh: int, demand_w: int) -> DemandEstimator:
        """The estimator after one more observation.

        Args:
            price_micro_inr_per_kwh: price that was in force.
            demand_w: power drawn under it, W.

        Raises:
            PriceError: a value is out of range; nothing is learned from it.
        """
        require_range(
            "price_micro_inr_per_kwh", price_micro_inr_per_kwh, 0, MAX_PRICE_MICRO_INR_PER_KWH
        )
        require_range("demand_w", demand_w, 0, _MAX_DEMAND_W)
        x = (price_micro_inr_per_kwh - self.settings.typical_price_micro_inr_per_kwh) / _MICRO
        y = demand_w - self.settings.guess_at_typical_w
        keep = self.settings.forgetting
        return replace(
            self,
            weight=keep * self.weight + 1,
            x=keep * self.x + x,
            y=keep * self.y + y,
            xx=keep * self.xx + x * x,
            xy=keep * self.xy + x * y,
        )

    def model(self) -> DemandModel:
        """The estimate: least squares within the bounds, to the nearest milliwatt.

        Where a bound of beta holds, alpha is the best one for that beta.
        """
        settings = self.settings
        prior = settings.prior_weight
        guess_beta = settings.guess.beta_milliwatt_per_inr / _MILLI
        # Normal equations of y = level - beta x. Their determinant is positive: prior > 0.
        level_weight, slope_weight = self.weight + prior, self.xx + prior
        slope_sum = prior * guess_beta - self.xy
        beta = (level_weight * slope_sum + self.x * self.y) / (
            level_weight * slope_weight - self.x * self.x
        )
        beta = min(
            max(beta, settings.beta_lowest_milliwatt_per_inr / _MILLI),
            settings.beta_highest_milliwatt_per_inr / _MILLI,
        )
        level = (self.y + beta * self.x) / level_weight + settings.guess_at_typical_w
        alpha = level + beta * settings.typical_price_micro_inr_per_kwh / _MICRO
        return DemandModel(max(0, round(alpha * _MILLI)), round(beta * _MILLI))

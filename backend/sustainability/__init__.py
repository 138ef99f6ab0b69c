"""What green energy is worth: periods to certify, claims matched to use, carbon of an hour, what a
community's energy comes to, and where incentives should go from there."""

from backend.sustainability.carbon import CarbonTable, CarbonTableError, parse_carbon_table
from backend.sustainability.economics import Investment, worth
from backend.sustainability.matching import GreenClaim, SlotUse, match_claims
from backend.sustainability.metrics import (
    EnergyFlows,
    Measures,
    SlotFlows,
    equity_boost_ppm_down,
    jain_ppm_down,
    measure,
    shortfall_ppm_down,
)
from backend.sustainability.periods import Generation, Period, open_periods
from backend.sustainability.policy import (
    GOALS,
    EpochMetrics,
    Goals,
    Parameters,
    misses_ppm,
    pulls_ppm,
    target,
)

__all__ = [
    "GOALS",
    "CarbonTable",
    "CarbonTableError",
    "EnergyFlows",
    "EpochMetrics",
    "Generation",
    "Goals",
    "GreenClaim",
    "Investment",
    "Measures",
    "Parameters",
    "Period",
    "SlotFlows",
    "SlotUse",
    "equity_boost_ppm_down",
    "jain_ppm_down",
    "match_claims",
    "measure",
    "misses_ppm",
    "open_periods",
    "parse_carbon_table",
    "pulls_ppm",
    "shortfall_ppm_down",
    "target",
    "worth",
]

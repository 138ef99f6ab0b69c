"""What green energy is worth: periods to certify, claims matched to use, carbon of an hour."""

from backend.sustainability.carbon import CarbonTable, CarbonTableError, parse_carbon_table
from backend.sustainability.matching import GreenClaim, SlotUse, match_claims
from backend.sustainability.periods import Generation, Period, open_periods

__all__ = [
    "CarbonTable",
    "CarbonTableError",
    "Generation",
    "GreenClaim",
    "Period",
    "SlotUse",
    "match_claims",
    "open_periods",
    "parse_carbon_table",
]

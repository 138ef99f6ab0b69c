"""A neighbourhood's markets over weeks, slot by slot: profiles in, results out. See docs/month.md.

Wh, micro-rupees and micro-rupees per kWh, integers throughout. Nothing here reads a clock or a
file; the only randomness comes from the seed that is handed in.
"""

from backend.simulation.bidding import Bidding, orders_of_slot
from backend.simulation.forecast import Forecast, forecast_net
from backend.simulation.neighbourhood import Household, Neighbourhood, SimulationError
from backend.simulation.replay import Plan, Progress, SlotSettlement, replay, settle_slot
from backend.simulation.results import Result, SlotRecord
from backend.simulation.strategies import STRATEGIES, Agreement, Deviations, Strategy

__all__ = [
    "STRATEGIES",
    "Agreement",
    "Bidding",
    "Deviations",
    "Forecast",
    "Household",
    "Neighbourhood",
    "Plan",
    "Progress",
    "Result",
    "SimulationError",
    "SlotRecord",
    "SlotSettlement",
    "Strategy",
    "forecast_net",
    "orders_of_slot",
    "replay",
    "settle_slot",
]

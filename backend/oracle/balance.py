"""The energy balance of a slot and what it means. Wh; pure."""

from __future__ import annotations

from backend.chain.types import Condition
from backend.oracle.registers import Flows


def balance_wh(
    consumption_wh: int,
    prosumer_export_wh: int,
    der_generation_wh: int,
    charged_wh: int,
    discharged_wh: int,
) -> int:
    """What the community drew less what its own sources gave; the main grid fills the difference.

    0 is balanced, below it surplus, above it deficit. The order is that of the flows' lanes.
    """
    return consumption_wh + charged_wh - prosumer_export_wh - der_generation_wh - discharged_wh


def balance_between_wh(current: Flows, previous: Flows) -> int:
    """The balance of the time between two cumulative sums."""
    return _balance_so_far_wh(current) - _balance_so_far_wh(previous)


def condition(balance: int) -> Condition:
    """What a balance in Wh means."""
    if balance == 0:
        return Condition.BALANCED
    return Condition.SURPLUS if balance < 0 else Condition.DEFICIT


def _balance_so_far_wh(flows: Flows) -> int:
    return balance_wh(
        flows.consumption_wh,
        flows.prosumer_export_wh,
        flows.der_generation_wh,
        flows.charged_wh,
        flows.discharged_wh,
    )

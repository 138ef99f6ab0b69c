"""Who serves the neighbourhood's deficit, or takes its surplus: banks and main grid. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What the banks together and the connection can do in this step, W, all >= 0.

    Attributes:
        discharge_w: most the banks can give; down to empty, whatever the reserve.
        charge_w: most the banks can take.
        contract_w: power agreed with the utility; more is drawn only when the banks have none left.
        spare_w: what of `discharge_w` is of banks above their reserve that do not charge now.
        top_up_w: what of `charge_w` may come from the main grid (cheap hours, banks that are not
            yet at their night target).
        grid_present: the main grid has voltage.
    """

    discharge_w: int
    charge_w: int
    contract_w: int
    spare_w: int
    top_up_w: int
    grid_present: bool


@dataclass(frozen=True, slots=True)
class Supply:
    """Powers in W: banks together positive = discharging, grid positive = import.

    Attributes:
        dark: cut off and too weak: the inverter trips and nothing flows.
        curtailed_w: generation that nobody can take.
    """

    bank_w: int
    grid_w: int
    dark: bool = False
    curtailed_w: int = 0


def dispatch(deficit_w: int, limits: Limits) -> Supply:
    """Balances `deficit_w` (load less generation; negative = surplus), exactly.

    The banks serve first, down to their reserve; then the main grid, up to the contract; then what
    is left of the banks; then the grid beyond the contract. Surplus goes into the banks, then to
    the grid. Cheap hours spare the banks and fill them from what the contract leaves.
    """
    if not limits.grid_present:
        return _island(deficit_w, limits)
    if deficit_w <= 0:
        bank_w = -min(-deficit_w, limits.charge_w)
    else:
        last_resort_w = min(max(0, deficit_w - limits.contract_w), limits.discharge_w)
        bank_w = max(min(deficit_w, limits.spare_w), last_resort_w)
    if limits.top_up_w and bank_w <= 0:
        from_grid_w = min(limits.top_up_w, max(0, limits.contract_w - max(0, deficit_w)))
        bank_w = -min(limits.charge_w, -bank_w + from_grid_w)
    return Supply(bank_w, deficit_w - bank_w)


def _island(deficit_w: int, limits: Limits) -> Supply:
    if deficit_w > limits.discharge_w:
        return Supply(0, 0, dark=True)
    bank_w = max(deficit_w, -limits.charge_w)
    return Supply(bank_w, 0, curtailed_w=bank_w - deficit_w)


def shared(power_w: int, first: Sequence[int], most: Sequence[int]) -> list[int]:
    """`power_w` >= 0 divided among banks: as far as it goes by what each can give `first`, the rest
    by what it still can up to `most`; to the watt. At most the sum of `most` is divided."""
    found = _in_proportion(min(power_w, sum(first)), first)
    left = [can - has for can, has in zip(most, found, strict=True)]
    rest = _in_proportion(min(power_w - sum(found), sum(left)), left)
    return [one + other for one, other in zip(found, rest, strict=True)]


def _in_proportion(power_w: int, can: Sequence[int]) -> list[int]:
    """Rounded down; the watts that are left go to the first that have room for them."""
    total = sum(can)
    found = [power_w * one // total for one in can] if total else [0] * len(can)
    left = power_w - sum(found)
    for i, one in enumerate(can):
        more = min(left, one - found[i])
        found[i] += more
        left -= more
    return found

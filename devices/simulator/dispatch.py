"""Who serves the neighbourhood's deficit, or takes its surplus: bank and main grid. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What bank and connection can do in this step, W, all >= 0.

    Attributes:
        discharge_w: most the bank can give; down to empty, whatever the reserve.
        charge_w: most the bank can take.
        contract_w: power agreed with the utility; more is drawn only when the bank has none left.
        above_reserve: the bank holds more than its reserve.
        top_up: the bank may charge from the main grid (cheap hours, not yet at its night target).
        grid_present: the main grid has voltage.
    """

    discharge_w: int
    charge_w: int
    contract_w: int
    above_reserve: bool
    top_up: bool
    grid_present: bool


@dataclass(frozen=True, slots=True)
class Supply:
    """Powers in W: bank positive = discharging, grid positive = import.

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

    The bank serves first, down to its reserve; then the main grid, up to the contract; then what is
    left of the bank; then the grid beyond the contract. Surplus goes into the bank, then to the
    grid. Cheap hours spare the bank and fill it from what the contract leaves.
    """
    if not limits.grid_present:
        return _island(deficit_w, limits)
    if deficit_w <= 0:
        bank_w = -min(-deficit_w, limits.charge_w)
    elif limits.above_reserve and not limits.top_up:
        bank_w = min(deficit_w, limits.discharge_w)
    else:
        bank_w = min(max(0, deficit_w - limits.contract_w), limits.discharge_w)
    if limits.top_up and bank_w <= 0:
        spare_w = limits.contract_w - max(0, deficit_w)
        bank_w = -min(limits.charge_w, -bank_w + max(0, spare_w))
    return Supply(bank_w, deficit_w - bank_w)


def _island(deficit_w: int, limits: Limits) -> Supply:
    if deficit_w > limits.discharge_w:
        return Supply(0, 0, dark=True)
    bank_w = max(deficit_w, -limits.charge_w)
    return Supply(bank_w, 0, curtailed_w=bank_w - deficit_w)

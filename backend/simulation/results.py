"""What a replay adds up to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from backend.simulation.strategies import Strategy


@dataclass(frozen=True, slots=True)
class SlotRecord:
    """What is kept of a slot.

    Attributes:
        slot: its number.
        smaller_side_wh: the less of what was bid for and offered ahead; what could be matched.
        traded_wh: what was agreed ahead.
        gap_milli_micro_inr: how far bids were above offers, summed over what was agreed
            (Wh x micro-rupees per kWh).
        quoted_spread_micro_inr_per_kwh: cheapest offer left less dearest bid left; None if a side
            has nothing left.
        deviation_wh: by how much deliveries were off the positions, all households' together.
        grid_import_wh: bought from the main grid.
        grid_export_wh: sold to it.
        grid_received_micro_inr: what the main grid gets; negative if it pays.
        rounding_micro_inr: what rounding leaves over.
    """

    slot: int
    smaller_side_wh: int
    traded_wh: int
    gap_milli_micro_inr: int
    quoted_spread_micro_inr_per_kwh: int | None
    deviation_wh: int
    grid_import_wh: int
    grid_export_wh: int
    grid_received_micro_inr: int
    rounding_micro_inr: int


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A strategy over all slots that were replayed.

    Attributes:
        strategy: what was replayed.
        slots: one record each.
        received_micro_inr: what each party got over all slots (negative: paid).
        net_wh: what each party's meter gave over all slots (negative: took).
        demand_wh: what all households used, whoever it came from.
    """

    strategy: Strategy
    slots: tuple[SlotRecord, ...]
    received_micro_inr: Mapping[int, int]
    net_wh: Mapping[int, int]
    demand_wh: int

    @property
    def grid_import_wh(self) -> int:
        """Bought from the main grid."""
        return sum(slot.grid_import_wh for slot in self.slots)

    @property
    def grid_export_wh(self) -> int:
        """Sold to the main grid."""
        return sum(slot.grid_export_wh for slot in self.slots)

    @property
    def cost_micro_inr(self) -> int:
        """What the households together paid, for energy and roundings; between them it cancels."""
        return -sum(self.received_micro_inr.values())

    @property
    def grid_received_micro_inr(self) -> int:
        """What the main grid got."""
        return sum(slot.grid_received_micro_inr for slot in self.slots)

    @property
    def rounding_micro_inr(self) -> int:
        """What roundings left over."""
        return sum(slot.rounding_micro_inr for slot in self.slots)

    @property
    def traded_wh(self) -> int:
        """Agreed ahead."""
        return sum(slot.traded_wh for slot in self.slots)

    @property
    def match_rate(self) -> Fraction | None:
        """Share of what could be matched that was; None if nothing could."""
        could = sum(slot.smaller_side_wh for slot in self.slots)
        return Fraction(self.traded_wh, could) if could else None

    @property
    def mean_limit_gap(self) -> Fraction | None:
        """How far bids were above offers per kWh agreed, micro-rupees; None if nothing was."""
        gap = sum(slot.gap_milli_micro_inr for slot in self.slots)
        return Fraction(gap, self.traded_wh) if self.traded_wh else None

    @property
    def mean_quoted_spread(self) -> Fraction | None:
        """Mean, micro-rupees per kWh, over the slots that have orders left on both sides."""
        quoted = [slot.quoted_spread_micro_inr_per_kwh for slot in self.slots]
        spreads = [spread for spread in quoted if spread is not None]
        return Fraction(sum(spreads), len(spreads)) if spreads else None

    @property
    def deviation_wh(self) -> int:
        """How far deliveries were off positions."""
        return sum(slot.deviation_wh for slot in self.slots)

    @property
    def self_sufficiency(self) -> Fraction | None:
        """Share of what households used that was not bought from the main grid."""
        if not self.demand_wh:
            return None
        return 1 - Fraction(self.grid_import_wh, self.demand_wh)

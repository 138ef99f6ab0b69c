"""What energy was used, where it came from and what it emitted: each figure defined once. Pure.

Whole numbers throughout, so that every oracle node gets the same. Energy in Wh, emissions in mg
CO2, shares and ratios in millionths (ppm). Each function's name says which way it rounds: figures
that are better when low are rounded up, those that are better when high down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

PPM = 1_000_000
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class EnergyFlows:
    """Sums over metering points, Wh; the order is that of the ledger's lanes.

    `consumption_wh` is what households and sources drew from the community: what a roof gives its
    own house is in neither consumption nor export.
    """

    consumption_wh: int = 0
    prosumer_export_wh: int = 0
    der_generation_wh: int = 0
    charged_wh: int = 0
    discharged_wh: int = 0
    grid_import_wh: int = 0
    grid_export_wh: int = 0
    prosumer_generation_wh: int = 0

    def __add__(self, other: EnergyFlows) -> EnergyFlows:
        return EnergyFlows(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __sub__(self, other: EnergyFlows) -> EnergyFlows:
        return EnergyFlows(*(a - b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def used_wh(self) -> int:
        """What people used: drawn, and generated behind their own meters and not given away."""
        return self.consumption_wh + max(0, self.prosumer_generation_wh - self.prosumer_export_wh)

    @property
    def generated_wh(self) -> int:
        """What the community's own sources generated, all of it renewable here."""
        return self.prosumer_generation_wh + self.der_generation_wh

    @property
    def storage_change_wh(self) -> int:
        """What storage took in, less what it gave."""
        return self.charged_wh - self.discharged_wh

    @property
    def grid_flow_wh(self) -> int:
        """P_grid = P_load + dP_storage - P_gen (spec 7.4): above 0 the main grid gives."""
        return self.used_wh + self.storage_change_wh - self.generated_wh

    @property
    def renewable_used_wh(self) -> int:
        """Own generation that was used: not sent to the main grid, and out of storage when it comes
        out. Within 0..used; what a battery took from the main grid counts as renewable later, which
        a community that charges from the sun does not do."""
        used = self.generated_wh - self.grid_export_wh - self.storage_change_wh
        return min(max(used, 0), self.used_wh)

    @property
    def met_locally_wh(self) -> int:
        """Use that the main grid did not have to give."""
        return max(0, self.used_wh - self.grid_import_wh)


@dataclass(frozen=True, slots=True)
class SlotFlows:
    """What flowed in the slots (previous_slot, slot]."""

    previous_slot: int
    slot: int
    flows: EnergyFlows

    @property
    def slots(self) -> int:
        """How many slots these are; more than one where some were not committed."""
        return self.slot - self.previous_slot


@dataclass(frozen=True, slots=True)
class Measures:
    """What a span of committed slots comes to. None: nothing was used, or carbon is not known.

    Args:
        ci_mg_per_kwh: CI, mg CO2 per kWh used
        rur_ppm: RUR, renewable energy used over energy used
        par_ppm: PAR, peak load over average load, by slot
        resilience_ppm: R_f, demand met locally over total demand
    """

    from_slot: int
    to_slot: int
    flows: EnergyFlows
    ci_mg_per_kwh: int | None
    rur_ppm: int | None
    par_ppm: int | None
    resilience_ppm: int | None


def measure(
    slots: Sequence[SlotFlows], slot_seconds: int, g_per_kwh: Callable[[int], int | None]
) -> Measures:
    """The measures of slots in order, at least one.

    Args:
        g_per_kwh: the main grid's figure of an hour of the clock (Unix seconds // 3600), if known
    """
    flows = sum((slot.flows for slot in slots), EnergyFlows())
    used = flows.used_wh
    emitted = emissions_mg(slots, slot_seconds, g_per_kwh)
    intensity = rur = par = resilience = None
    if used > 0:
        rur = share_ppm_down(flows.renewable_used_wh, used)
        par = peak_to_average_ppm_up([(slot.flows.used_wh, slot.slots) for slot in slots])
        resilience = share_ppm_down(flows.met_locally_wh, used)
        intensity = None if emitted is None else intensity_mg_per_kwh_up(emitted, used)
    return Measures(
        from_slot=slots[0].previous_slot,
        to_slot=slots[-1].slot,
        flows=flows,
        ci_mg_per_kwh=intensity,
        rur_ppm=rur,
        par_ppm=par,
        resilience_ppm=resilience,
    )


def emissions_mg(
    slots: Sequence[SlotFlows], slot_seconds: int, g_per_kwh: Callable[[int], int | None]
) -> int | None:
    """What the energy from the main grid emitted; None if an hour's figure is not known.

    Wh x g/kWh = mg. Own sun and wind emit nothing while they run.
    """
    total = 0
    for slot in slots:
        if slot.flows.grid_import_wh == 0:
            continue
        figure = g_per_kwh(slot.slot * slot_seconds // HOUR_S)
        if figure is None:
            return None
        total += slot.flows.grid_import_wh * figure
    return total


def intensity_mg_per_kwh_up(emitted_mg: int, used_wh: int) -> int:
    """CI = emissions / energy; ValueError if nothing was used."""
    if used_wh <= 0:
        raise ValueError("no energy, no carbon intensity")
    return -(-emitted_mg * 1000 // used_wh)


def share_ppm_down(part: int, whole: int) -> int:
    """A part of a whole; ValueError if there is no whole."""
    if whole <= 0:
        raise ValueError("a share of nothing")
    return part * PPM // whole


def peak_to_average_ppm_up(loads: Sequence[tuple[int, int]]) -> int:
    """PAR = peak load / average load, of (Wh, number of slots) pairs; ValueError without load."""
    total_wh, total_slots = sum(wh for wh, _ in loads), sum(count for _, count in loads)
    if total_wh <= 0:
        raise ValueError("no load, no peak")
    return max(-(-wh * total_slots * PPM // (count * total_wh)) for wh, count in loads)


def jain_ppm_down(values: Sequence[int]) -> int:
    """Jain's fairness index (sum x)^2 / (n sum x^2): all alike is 1, one has all is 1/n.

    Nobody has anything, or there is nobody: alike.
    """
    squares = sum(value * value for value in values)
    if squares == 0:
        return PPM
    return sum(values) ** 2 * PPM // (len(values) * squares)


def shortfall_ppm_down(access: int, mean: int) -> int:
    """max(0, (mean - access) / mean); 0 if the mean is 0."""
    return (mean - access) * PPM // mean if access < mean else 0


def equity_boost_ppm_down(access: int, mean: int, kappa_ppm: int, cap_ppm: int) -> int:
    """b = min(cap, kappa max(0, (mean - access) / mean)), rounded as the contract does."""
    return min(cap_ppm, kappa_ppm * shortfall_ppm_down(access, mean) // PPM)

"""An electric car's battery, as a charge point meets it: what it takes, gives and loses.

Pure, in integers: W at the plug, watt-milliseconds in the cells. It takes its full power up to a
knee and then less and less (constant current, then constant voltage), loses some on the way in and
out, and ages with what has passed through it. Not modelled: its temperature, its own consumption
while it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WMS_PER_WH: Final = 3_600_000
_KNEE_BP: Final = 8_000
"""From here the cells' voltage is held and the current falls, in a straight line to the tail."""
_TAIL_PM: Final = 50
"""Per mille of full power that a full battery would still take."""
_LOSS_PER_CYCLE_PPM: Final = 200
"""Of capacity, for each full cycle: 20 % after a thousand. A proxy, not a chemistry."""
_LEAST_HEALTH_PPM: Final = 700_000


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of car.

    Attributes:
        capacity_wh: usable, when new.
        max_charge_w, max_discharge_w: of its inverter, at the plug; 0: it gives nothing back.
        efficiency_pm: each way, per mille.
    """

    capacity_wh: int
    max_charge_w: int
    max_discharge_w: int = 0
    efficiency_pm: int = 930


@dataclass(slots=True)
class Battery:
    """The battery of one car.

    Attributes:
        stored_wms: in the cells now.
        passed_wms: into or out of the cells, ever: what it ages by.
    """

    model: Model
    stored_wms: int
    passed_wms: int = 0

    @classmethod
    def at(cls, model: Model, soc_bp: int) -> Battery:
        """A new battery at a state of charge."""
        return cls(model, model.capacity_wh * WMS_PER_WH * soc_bp // 10_000)

    @property
    def health_ppm(self) -> int:
        """What is left of the capacity, millionths."""
        cycles_ppm = self.passed_wms * 1_000_000 // (2 * self.model.capacity_wh * WMS_PER_WH)
        lost_ppm = cycles_ppm * _LOSS_PER_CYCLE_PPM // 1_000_000
        return max(_LEAST_HEALTH_PPM, 1_000_000 - lost_ppm)

    @property
    def capacity_wms(self) -> int:
        """What it holds when full, at its age."""
        return self.model.capacity_wh * WMS_PER_WH * self.health_ppm // 1_000_000

    @property
    def soc_bp(self) -> int:
        """State of charge, 0.01 %, rounded down."""
        return min(10_000, self.stored_wms * 10_000 // self.capacity_wms)

    def most_charge_w(self, dt_ms: int) -> int:
        """What it takes for `dt_ms` at the plug, rounded down; 0 when full."""
        room_wms = max(0, self.capacity_wms - self.stored_wms)
        room_w = room_wms * 1000 // (self.model.efficiency_pm * dt_ms)
        return min(room_w, self._tapered_w())

    def most_discharge_w(self, dt_ms: int) -> int:
        """What it gives for `dt_ms` at the plug, rounded down; 0 when empty."""
        most_w = self.stored_wms * self.model.efficiency_pm // (1000 * dt_ms)
        return min(most_w, self.model.max_discharge_w)

    def step(self, power_w: int, dt_ms: int) -> None:
        """Lets `power_w` flow at the plug for `dt_ms`: positive into the car.

        No more than `most_charge_w` or `most_discharge_w`; what the cells lose is rounded up.
        """
        if power_w >= 0:
            into_wms = power_w * dt_ms * self.model.efficiency_pm // 1000
        else:
            into_wms = -(-power_w * dt_ms * 1000 // self.model.efficiency_pm + 1)
        before = self.stored_wms
        self.stored_wms = min(self.capacity_wms, max(0, before + into_wms))
        self.passed_wms += abs(self.stored_wms - before)

    def drive(self, wh: int) -> None:
        """The car was away and used energy, as far as it had any."""
        used = min(self.stored_wms, wh * WMS_PER_WH)
        self.stored_wms -= used
        self.passed_wms += used

    def _tapered_w(self) -> int:
        full_w, soc_bp = self.model.max_charge_w, self.soc_bp
        if soc_bp <= _KNEE_BP:
            return full_w
        span = 10_000 - _KNEE_BP
        share_pm = _TAIL_PM + (1000 - _TAIL_PM) * (10_000 - soc_bp) // span
        return full_w * share_pm // 1000

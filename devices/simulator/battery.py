"""Batteries: a bank that sags and warms, the four-appliance demonstration cell, an ADC's view.

Integers throughout: mV, mA, milliampere-milliseconds. Powers are at the inverter's grid side.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_HOUR_MS: Final = 3_600_000
CELLS: Final = 16
"""Of a bank, in series."""
_CELL_OCV_MV: Final = (
    (0, 2500), (500, 2900), (1000, 3130), (2000, 3215), (3000, 3255), (4000, 3275), (5000, 3285),
    (6000, 3295), (7000, 3325), (8000, 3335), (9000, 3340), (9500, 3355), (10000, 3450),
)  # fmt: skip
"""Open-circuit voltage of a LiFePO4 cell over state of charge in 0.01 %, as datasheets draw it."""


def open_circuit_mv(soc_bp: int) -> int:
    """Voltage of the resting bank of 16 cells, interpolated."""
    for (low, low_mv), (high, high_mv) in pairwise(_CELL_OCV_MV):
        if soc_bp <= high:
            return CELLS * (low_mv + (high_mv - low_mv) * (soc_bp - low) // (high - low))
    return CELLS * _CELL_OCV_MV[-1][1]


@dataclass(slots=True)
class Bank:
    """A battery bank behind an inverter: coulomb counting, sag, heat.

    Attributes:
        capacity_ma_ms: charge it holds when full.
        charge_ma_ms: charge it holds now.
        resistance_uohm: of cells and wiring; makes voltage sag under load and heats.
        efficiency_pm: of the inverter, each way, per mille.
        temperature_mk: above ambient, thousandths of a kelvin.
    """

    capacity_ma_ms: int
    charge_ma_ms: int
    resistance_uohm: int = 6_000
    efficiency_pm: int = 960
    temperature_mk: int = 0
    current_ma: int = 0

    @classmethod
    def of_energy(cls, capacity_wh: int, soc_bp: int, efficiency_pm: int = 960) -> Bank:
        """A bank whose charge at nominal voltage amounts to `capacity_wh`."""
        capacity = capacity_wh * 1_000_000 * _HOUR_MS // open_circuit_mv(5000)
        return cls(capacity, capacity * soc_bp // 10_000, efficiency_pm=efficiency_pm)

    @property
    def soc_bp(self) -> int:
        """State of charge in 0.01 %, 0..10000."""
        return self.charge_ma_ms * 10_000 // self.capacity_ma_ms

    @property
    def terminal_mv(self) -> int:
        """Voltage at the terminals: sags while discharging, rises while charging."""
        return open_circuit_mv(self.soc_bp) - self.current_ma * self.resistance_uohm // 1_000_000

    def most_discharge_w(self, dt_ms: int) -> int:
        """Power that it can give for `dt_ms` before it is empty, rounded down."""
        cells_mw = self.charge_ma_ms // dt_ms * self.terminal_mv // 1000
        return cells_mw * self.efficiency_pm // 1_000_000

    def most_charge_w(self, dt_ms: int) -> int:
        """Power that it can take for `dt_ms` before it is full, rounded down."""
        room_ma = (self.capacity_ma_ms - self.charge_ma_ms) // dt_ms
        return room_ma * self.terminal_mv // 1000 // self.efficiency_pm

    def step(self, power_w: int, dt_ms: int) -> None:
        """Lets `power_w` flow for `dt_ms`: positive discharges, negative charges.

        More than `most_discharge_w` or `most_charge_w` finds an empty or full bank and is lost.
        """
        if power_w >= 0:
            cells_mw = power_w * 1_000_000 // self.efficiency_pm
        else:
            cells_mw = power_w * self.efficiency_pm
        self.current_ma = cells_mw * 1000 // max(1, self.terminal_mv)
        moved = self.charge_ma_ms - self.current_ma * dt_ms
        self.charge_ma_ms = min(self.capacity_ma_ms, max(0, moved))
        self._warm(dt_ms)

    def _warm(self, dt_ms: int) -> None:
        """First-order heat: copper losses in, an hour's time constant out; 300 kJ/K."""
        loss_mw = self.current_ma * self.current_ma // 1000 * self.resistance_uohm // 1_000_000
        self.temperature_mk += loss_mw * dt_ms // 300_000_000
        self.temperature_mk -= self.temperature_mk * dt_ms // _HOUR_MS


@dataclass(slots=True)
class DemonstrationCell:
    """The tabletop battery of the four-appliance demonstration.

    It loses as many percent a second as appliances are on; its clock is the demonstration's.
    """

    percent: int = 100

    @property
    def adc(self) -> int:
        """What a 12-bit converter reads behind the cell's 1:2 divider; converters truncate."""
        return (2800 + 14 * self.percent) * 4095 // 6600

    @property
    def sensed_mv(self) -> int:
        """The cell's voltage as its node computes it."""
        return adc_millivolts(self.adc)

    def tick(self, appliances_on: int) -> int:
        """One second later: the percentage left, never below 0."""
        self.percent = max(0, self.percent - appliances_on)
        return self.percent


def adc_millivolts(reading: int, full_scale: int = 4095, calibration_mv: int = 0) -> int:
    """Cell voltage from an ADC behind a 1:2 divider with a 3.3 V reference.

    Args:
        reading: raw value, 0..full_scale.
        full_scale: 4095 on an ESP32, 1023 on an Uno.
        calibration_mv: added after scaling, of this node.

    Raises:
        ValueError: the reading is outside the converter's range.
    """
    if not 0 <= reading <= full_scale:
        raise ValueError(f"reading: {reading} is outside 0..{full_scale}")
    return reading * 6600 // full_scale + calibration_mv


def percentage(millivolts: int) -> int:
    """Linear map of 2.8..4.2 V to 0..100 %, to the nearest, clamped: an empty battery reads 0."""
    return min(100, max(0, ((millivolts - 2800) * 100 + 700) // 1400))

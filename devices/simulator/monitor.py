"""What a simulated battery's node knows of its bank: sensors that err, the firmware's filter."""

from __future__ import annotations

import random
from collections.abc import Sequence

from devices.esp32.charge import LIFEPO4, Charge
from devices.simulator.battery import CELLS, Bank
from devices.simulator.plan import BatteryPlan

DIVIDER = 20
"""Of the voltage, so that a bank of 16 cells fits a converter of 3.3 V."""
_HOUR_MS = 3_600_000
_OFFSET_SHARE_PM = 2
"""A current sensor is off by up to so much of its range, per mille: 0.8 A of 400."""
_GAIN_PM = 8
_OFFSET_MV, _NOISE_MV = 40, 20
_NOISE_SHARE_PM = 2


class Sensors:
    """A bank's shunt, divider and thermometer, each off in its own way: the same for a seed.

    Attributes:
        current_offset_ma, current_gain_pm, voltage_offset_mv: what they are off by.
    """

    def __init__(self, seed: int, range_ma: int) -> None:
        self._random = random.Random(seed)
        most_ma = range_ma * _OFFSET_SHARE_PM // 1000
        self.current_offset_ma = self._random.randint(-most_ma, most_ma)
        self.current_gain_pm = self._random.randint(-_GAIN_PM, _GAIN_PM)
        self.voltage_offset_mv = self._random.randint(-_OFFSET_MV, _OFFSET_MV)
        self._noise_ma = range_ma * _NOISE_SHARE_PM // 1000

    def current_ma(self, bank: Bank) -> int:
        """Current out of the bank, as the sensor shows it."""
        noise = self._random.randint(-self._noise_ma, self._noise_ma)
        return (
            bank.current_ma * (1000 + self.current_gain_pm) // 1000 + self.current_offset_ma + noise
        )

    def voltage_mv(self, bank: Bank) -> int:
        """Voltage at the terminals, as the divider shows it."""
        return (
            bank.terminal_mv + self.voltage_offset_mv + self._random.randint(-_NOISE_MV, _NOISE_MV)
        )

    def power_w(self, true_w: int, bank: Bank) -> int:
        """The same current's error in the power at the inverter's grid side, W into it."""
        off_w = self.current_offset_ma * bank.terminal_mv // 1_000_000
        return true_w * (1000 + self.current_gain_pm) // 1000 - off_w


def sensors_of(battery: BatteryPlan) -> Sensors:
    """Those of one battery of the plan."""
    return Sensors(battery.node, battery.max_power_w * 1_000_000 // (CELLS * 3_200))


def settings_of(battery: BatteryPlan, bank: Bank) -> dict[str, int]:
    """What a board that watches this bank is provisioned with (docs/hardware-esp32.md)."""
    return {
        "capacity_mah": bank.capacity_ma_ms // _HOUR_MS,
        "cells": CELLS,
        "chemistry": LIFEPO4,
        "resistance_uohm": bank.resistance_uohm,
        "inverter_pm": battery.efficiency_pm,
        "divider": DIVIDER,
    }


def commissioned(soc_bp: int) -> list[int]:
    """What a monitor remembers once whoever installs it has told it the charge (`Charge.state`)."""
    return [soc_bp, 0]


class Monitor:
    """A battery's node on Python: looks at the bank as often as it is called.

    Attributes:
        voltage_mv, current_ma: what the sensors showed last.
    """

    def __init__(
        self, battery: BatteryPlan, bank: Bank, lived_ms: int, kept: Sequence[int] | None
    ) -> None:
        """`kept`: what `state` gave before a restart; None at the first start."""
        self._battery, self._bank = battery, bank
        self._sensors = sensors_of(battery)
        self._looked_ms = lived_ms
        self.voltage_mv = self.current_ma = 0
        self._charge = self._begin(kept or commissioned(battery.soc_bp))

    def _begin(self, kept: Sequence[int]) -> Charge:
        known = settings_of(self._battery, self._bank)
        return Charge(
            known["capacity_mah"], known["cells"], known["chemistry"], known["resistance_uohm"],
            tuple(kept),
        )  # fmt: skip

    def look(self, lived_ms: int, temperature_dc: int) -> int:
        """The state of charge as the filter has it, 0.01 %.

        Args:
            lived_ms: `World.lived_ms`
            temperature_dc: 0.1 degree Celsius
        """
        self.voltage_mv = self._sensors.voltage_mv(self._bank)
        self.current_ma = self._sensors.current_ma(self._bank)
        passed_ms, self._looked_ms = lived_ms - self._looked_ms, lived_ms
        return self._charge.step(self.voltage_mv, self.current_ma, temperature_dc, passed_ms)

    def commission(self, soc_bp: int) -> None:
        """Somebody tells it the bank's charge, as after the bank was replaced."""
        self._charge = self._begin(commissioned(soc_bp))

    def state(self) -> list[int]:
        """What to keep over a restart."""
        return list(self._charge.state())

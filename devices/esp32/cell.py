"""The battery monitor's voltage, and the demonstration's percentage: a 12-bit converter behind a divider, which for a
single cell is two equal resistors. A battery of a known capacity is counted: `charge.py`.

The source report divides by 1024 where the converter counts to 4095, and shows 1 % for an empty cell; neither is
repeated here.
"""

FULL_SCALE = 4095
REFERENCE_MV = 3300
EMPTY_MV = 2800
FULL_MV = 4200


def millivolts(counts: int, calibration_mv: int, divider: int = 2) -> int:
    """counts / full scale x 3.3 V x divider + calibration, to the nearest mV, never below 0."""
    measured = (2 * counts * divider * REFERENCE_MV + FULL_SCALE) // (2 * FULL_SCALE)
    return max(0, measured + calibration_mv)


def charge_bp(cell_mv: int) -> int:
    """2.8 V to 4.2 V as 0 to 10 000 (0.01 %), a straight line, rounded down and clamped."""
    above = (cell_mv - EMPTY_MV) * 10000 // (FULL_MV - EMPTY_MV)
    return max(0, min(10000, above))


def current_ma(power_w: int, battery_mv: int, inverter_pm: int) -> int:
    """Current out of the battery for a power into its inverter, which loses on either way; 0 without voltage."""
    if battery_mv <= 0:
        return 0
    if power_w >= 0:
        return -(power_w * inverter_pm * 1000 // battery_mv)
    return -power_w * 1000000000 // inverter_pm // battery_mv

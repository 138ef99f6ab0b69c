"""The battery monitor's voltage and percentage: a 12-bit converter behind a divider of two equal resistors.

The source report divides by 1024 where the converter counts to 4095, and shows 1 % for an empty cell; neither is
repeated here.
"""

FULL_SCALE = 4095
REFERENCE_MV = 3300
EMPTY_MV = 2800
FULL_MV = 4200


def millivolts(counts: int, calibration_mv: int) -> int:
    """counts / full scale x 3.3 V x 2 + calibration, to the nearest mV, never below 0."""
    measured = (2 * counts * 2 * REFERENCE_MV + FULL_SCALE) // (2 * FULL_SCALE)
    return max(0, measured + calibration_mv)


def charge_bp(cell_mv: int) -> int:
    """2.8 V to 4.2 V as 0 to 10 000 (0.01 %), a straight line, rounded down and clamped."""
    above = (cell_mv - EMPTY_MV) * 10000 // (FULL_MV - EMPTY_MV)
    return max(0, min(10000, above))

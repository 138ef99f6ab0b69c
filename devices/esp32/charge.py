"""What a battery holds: its current counted, and put right by its voltage where that knows better.

Counting alone drifts with the current sensor's offset; voltage alone is wrong under load and says little where the
curve is flat. A Kalman filter of two states weighs them: the charge, and the sensor's offset. Between two looks the
charge falls by (current - offset) x time; a look at the voltage gives a charge by the curve of the resting cell, as
uncertain as the voltage is (sensor, what a load hides, a battery that has not come to rest) over the curve's slope.
The voltage's own error is the same at the next look, so it is heard only while it knows better than the count.

Integers throughout: mV, mA (out of the battery is positive), ms, and charge in mA ms. A charge's variance is (mA ms)^2.
"""

FULL_BP = 10000
LI_ION = 0
LIFEPO4 = 1
# Open-circuit voltage of one cell, mV, over state of charge in 0.01 %, at 25 degrees.
CURVES = (
    (
        (0, 2800), (500, 3300), (1000, 3450), (2000, 3550), (3000, 3610), (4000, 3650), (5000, 3700),
        (6000, 3780), (7000, 3880), (8000, 3980), (9000, 4080), (10000, 4200),
    ),
    (
        (0, 2500), (500, 2900), (1000, 3130), (2000, 3215), (3000, 3255), (4000, 3275), (5000, 3285),
        (6000, 3295), (7000, 3325), (8000, 3335), (9000, 3340), (9500, 3355), (10000, 3450),
    ),
)  # fmt: skip
_LOOK_MS = 60000  # between looks at the voltage
_REST_MS = 600000  # so long without load, and the voltage is the open circuit's
_REST_SHARE = 50  # less than a fiftieth of the capacity an hour is no load
_SENSOR_MV = 3  # a cell's share of the voltage sensor's error
_RELAXING_MV = 25  # a cell's voltage may be off by this until it rests
_UNSURE_SHARE = 5  # a fifth of the sag: resistance is not known better
_OFFSET_MA = 1000  # what a current sensor may be off by
_DRIFT_MA = 5  # how far that may wander in a minute
_GAIN_SHARE = 100  # a current is known to a hundredth
_HOUR_MS = 3600000
_COLD_DC = 250  # below this (25.0 degrees) resistance grows
_COLD_PM = 25  # by so many thousandths a degree


class Charge:
    """State of charge of one battery of `cells` in series. `kept`: what `state` gave before a restart, or None."""

    def __init__(
        self, capacity_mah: int, cells: int, chemistry: int, resistance_uohm: int, kept: tuple | list | None
    ) -> None:
        self.capacity = capacity_mah * _HOUR_MS
        self._cells = cells
        self._curve = CURVES[chemistry]
        self._resistance = resistance_uohm
        self.offset_ma = 0
        self.charge = -1  # nobody has looked yet
        self._variance = 0
        self._shared = 0  # covariance of charge and offset
        self._offset_variance = _OFFSET_MA * _OFFSET_MA
        self._quiet_ms = 0
        self._since_look_ms = 0
        if kept:
            self.charge = min(self.capacity, max(0, kept[0] * self.capacity // FULL_BP))
            self.offset_ma = kept[1]
            self._variance = (self.capacity // 20) * (self.capacity // 20)  # it was off, who knows how long

    @property
    def bp(self) -> int:
        """State of charge in 0.01 %, rounded down; 0xFFFF before the first `step`."""
        return 0xFFFF if self.charge < 0 else self.charge * FULL_BP // self.capacity

    @property
    def error_bp(self) -> int:
        """One standard deviation of `bp`, as far as the filter knows."""
        return _root(self._variance) * FULL_BP // self.capacity

    def state(self) -> tuple:
        """What to keep over a restart, in steps that spare the memory: charge in whole percent, offset in 50 mA."""
        return (self.bp // 100 * 100 + 50, self.offset_ma // 50 * 50) if self.charge >= 0 else ()

    def step(self, voltage_mv: int, current_ma: int, temperature_dc: int, dt_ms: int) -> int:
        """`dt_ms` have passed at this current; `bp`.

        Raises ValueError if time goes back.
        """
        if dt_ms < 0:
            raise ValueError("dt_ms is below 0")
        if self.charge < 0:
            self.charge, sigma = self._by_voltage(voltage_mv, current_ma, temperature_dc)
            self._variance = sigma * sigma
            return self.bp
        self._count(current_ma, dt_ms)
        quiet = abs(current_ma - self.offset_ma) * _REST_SHARE * _HOUR_MS < self.capacity
        self._quiet_ms = self._quiet_ms + dt_ms if quiet else 0
        self._since_look_ms += dt_ms
        if self._since_look_ms >= _LOOK_MS:
            self._since_look_ms = 0
            self._correct(*self._by_voltage(voltage_mv, current_ma, temperature_dc))
        return self.bp

    def _count(self, current_ma: int, dt_ms: int) -> None:
        true_ma = current_ma - self.offset_ma
        self.charge = min(self.capacity, max(0, self.charge - true_ma * dt_ms))
        gain = true_ma * dt_ms // _GAIN_SHARE
        self._variance += 2 * self._shared * dt_ms + self._offset_variance * dt_ms * dt_ms
        self._variance += gain * gain * (_HOUR_MS // max(1, dt_ms))  # the same error for about an hour
        self._shared += self._offset_variance * dt_ms
        self._offset_variance += _DRIFT_MA * _DRIFT_MA * dt_ms // _LOOK_MS
        self._offset_variance = min(self._offset_variance, _OFFSET_MA * _OFFSET_MA)

    def _by_voltage(self, voltage_mv: int, current_ma: int, temperature_dc: int) -> tuple:
        """The charge that the voltage means, and its standard deviation."""
        cold = max(0, _COLD_DC - temperature_dc) * _COLD_PM // 10
        sag_mv = (current_ma - self.offset_ma) * self._resistance * (1000 + cold) // 1000000000
        cell_mv = (voltage_mv + sag_mv) // self._cells
        sigma_mv = _SENSOR_MV + abs(sag_mv) // self._cells // _UNSURE_SHARE
        if self._quiet_ms < _REST_MS:
            sigma_mv += _RELAXING_MV
        low_bp, high_bp = _on(self._curve, cell_mv - sigma_mv), _on(self._curve, cell_mv + sigma_mv)
        found_bp = _on(self._curve, cell_mv)
        spread_bp = max(high_bp - found_bp, found_bp - low_bp, 50)
        return found_bp * self.capacity // FULL_BP, spread_bp * self.capacity // FULL_BP

    def _correct(self, found: int, sigma: int) -> None:
        noise = sigma * sigma
        if self._variance <= noise:
            return
        total = self._variance + noise
        error = found - self.charge
        self.charge = min(self.capacity, max(0, self.charge + self._variance * error // total))
        # `charge` falls with (current - offset): a charge above the count means that the offset is larger.
        self.offset_ma += self._shared * error // total
        self.offset_ma = min(_OFFSET_MA, max(-_OFFSET_MA, self.offset_ma))
        self._offset_variance -= self._shared * self._shared // total
        self._shared -= self._shared * self._variance // total
        self._variance -= self._variance * self._variance // total


def _on(curve: tuple, cell_mv: int) -> int:
    """State of charge at which the resting cell has this voltage, 0.01 %, clamped."""
    if cell_mv <= curve[0][1]:
        return curve[0][0]
    for i in range(1, len(curve)):
        bp, mv = curve[i]
        if cell_mv <= mv:
            low_bp, low_mv = curve[i - 1]
            return low_bp + (bp - low_bp) * (cell_mv - low_mv) // (mv - low_mv)
    return FULL_BP


def _root(value: int) -> int:
    """The integer square root."""
    guess = 1 << ((value.bit_length() if hasattr(value, "bit_length") else len(bin(value))) + 1) // 2
    while True:
        better = (guess + value // guess) // 2 if guess else 0
        if better >= guess:
            return guess
        guess = better

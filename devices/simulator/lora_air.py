"""LoRaWAN's air in Europe (EU868): data rates, channels, receive windows and shares of time.

Figures of the LoRaWAN Regional Parameters, EU863-870; sensitivities of the SX1276's data sheet.
Simulated with them; what else the simulated air assumes stands in `ether.py`.
"""

from __future__ import annotations

from dataclasses import replace

from devices.simulator.ether import LORAWAN, Medium
from devices.simulator.virtual_time import VirtualTime

FASTEST = 5
"""Data rates 0..5 are spreading factors 12..7 at 125 kHz."""
MAX_PAYLOAD = (51, 51, 51, 115, 222, 222)
"""Most bytes of an application's payload at each data rate."""
_FLOORS_DBM = (-137.0, -134.5, -132.0, -129.0, -126.0, -123.0)

UPLINK_CHANNELS = (0, 1, 2)
"""868.1, 868.3 and 868.5 MHz: one sub-band, of which a sender may use one per cent of the time."""
RX2_CHANNEL, RX2_DATA_RATE = 3, 3
"""869.525 MHz, ten per cent; the data rate is the network's choice, told at the join."""
RX1_DELAY_US, JOIN_DELAY_US = 1_000_000, 5_000_000
"""Until the first window, after data and after a join request."""
BETWEEN_WINDOWS_US = 1_000_000
UPLINK_DUTY_PM, RX2_DUTY_PM = 10, 100


def _rate(data_rate: int) -> Medium:
    factor = 12 - data_rate
    symbol_us = (1 << factor) * 8  # at 125 kHz
    return replace(
        LORAWAN,
        rate_bps=factor * 800_000 // symbol_us,  # four bits of five carry data
        preamble_us=symbol_us * 49 // 4,
        floor_dbm=_FLOORS_DBM[data_rate],
    )


DATA_RATES = tuple(_rate(data_rate) for data_rate in range(FASTEST + 1))


def air_channel(channel: int, data_rate: int) -> int:
    """The ether's: transmissions of different spreading factors do not disturb each other."""
    return channel * 8 + data_rate


class Share:
    """The share of time that one sender has on one or several channels: after a transmission it is
    silent for so long that the share is kept."""

    def __init__(self, time: VirtualTime, duty_pm: int) -> None:
        self._time = time
        self._duty_pm = duty_pm
        self.silent_until_us = 0

    @property
    def free(self) -> bool:
        """It may send now."""
        return self._time.now_us >= self.silent_until_us

    def use(self, airtime_us: int, begin_us: int) -> None:
        """It sends."""
        self.silent_until_us = begin_us + airtime_us * 1000 // self._duty_pm

"""`network` of a simulated ESP32."""

from _host import io

STA_IF = 0


class WLAN:
    def __init__(self, interface: int) -> None:
        self._active = False

    def active(self, on=None):
        if on is None:
            return self._active
        self._active = on

    def config(self, mac=None, channel=None) -> None:
        if mac is not None:
            io("air.address " + mac.hex())
        if channel is not None:
            io("air.channel %d" % channel)

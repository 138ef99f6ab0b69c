"""Nodes' links in virtual time: the firmware's ESP-NOW link on the simulated ether."""

from __future__ import annotations

from typing import Any

from devices.esp32 import link as links
from devices.esp32.espnow_link import EspNowLink
from devices.esp32.hopping import Schedule
from devices.simulator.ether import Ether, Station

SLOT_MS = 8
"""A whole frame and its acknowledgement take 4 ms on air."""


class _Radio:
    """The link's radio: a station of the ether."""

    def __init__(self, station: Station) -> None:
        self._station = station

    def send(self, dst: bytes, packet: bytes) -> None:
        """A chip whose queue is full drops it; the link repeats."""
        self._station.send(dst, packet)

    def set_channel(self, number: int) -> None:
        """The channel to send and listen on."""
        self._station.channel = number


class Mote:
    """A node's link at a place. What is above sets `link.receiver` and sends through `send`.

    Attributes:
        link: the firmware's own.
        at_wake: called with now in ms whenever the link was, for what is above; returns in how many
            ms it wants to be called again, or None.
    """

    def __init__(
        self,
        ether: Ether,
        node_id: int,
        place: tuple[float, float],
        is_root: bool = False,
        schedule: Schedule | None = None,
        boot: int = 1,
        cipher: Any = None,
    ) -> None:
        self.node_id = node_id
        self.address = links.mac_of(node_id)
        self.at_wake: Any = None
        self._time = ether.time
        self.station = ether.join(self.address, place, self._on_packet)
        self.link = EspNowLink(
            self.address,
            boot,
            _Radio(self.station),
            schedule or Schedule(1, SLOT_MS, hop=True),
            is_root,
            cipher,
        )
        self._turn = 0
        self.wake()

    def send(self, dst: bytes, payload: bytes, priority: int) -> int:
        """As the link's; what can go out at once does."""
        ticket = self.link.send(dst, payload, priority)
        self.wake()
        return int(ticket)

    def wake(self) -> None:
        """The link looks at the clock, now and when it next wants to."""
        self._turn += 1
        turn = self._turn
        now_ms = self._time.now_ms
        wait_ms = self.link.tick(now_ms)
        if self.at_wake is not None:
            own_ms = self.at_wake(now_ms)
            wait_ms = wait_ms if own_ms is None else min(wait_ms, max(1, own_ms))
        again_us = (now_ms + wait_ms) * 1000
        self._time.at(again_us, lambda: self.wake() if turn == self._turn else None)

    def power_off(self) -> None:
        """It is silent from now on."""
        self._turn += 1
        self.station.leave()

    def _on_packet(self, src: bytes, data: bytes, rssi_dbm: int, now_ms: int) -> None:
        self.link.on_packet(src, data, rssi_dbm, now_ms)
        self.wake()

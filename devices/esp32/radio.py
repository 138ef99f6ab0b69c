"""ESP-NOW as MicroPython has it."""

import time

import espnow
import network

_PEERS = 19  # of 20 one is the broadcast address
_OLDEST_MS = 500  # more is not believed: the table knows a neighbour's last packet only
_BROADCAST = b"\xff\xff\xff\xff\xff\xff"


class Radio:
    """Sends and receives packets; the link above does the rest."""

    def __init__(self, address: bytes) -> None:
        self._wlan = network.WLAN(network.STA_IF)
        self._wlan.active(False)
        self._wlan.config(mac=address)
        self._wlan.active(True)
        self._espnow = espnow.ESPNow()
        self._espnow.active(True)
        self._espnow.add_peer(_BROADCAST)
        self._peers: list = []
        self.dropped = 0

    def set_channel(self, number: int) -> None:
        """The channel to send and listen on."""
        self._wlan.config(channel=number)

    def send(self, dst: bytes, packet: bytes) -> None:
        """Hands a packet to the chip; what it does not take is repeated by the link."""
        if dst != _BROADCAST and dst not in self._peers:
            if len(self._peers) >= _PEERS:
                self._espnow.del_peer(self._peers.pop(0))
            self._espnow.add_peer(dst)
            self._peers.append(dst)
        try:
            self._espnow.send(dst, packet, False)
        except OSError:
            self.dropped += 1

    def receive(self):
        """(source, packet, dBm, how many ms ago) of the next packet, or None."""
        if not self._espnow.any():
            return None
        source, packet = self._espnow.recv(0)
        if source is None:
            return None
        seen = self._espnow.peers_table.get(source)
        if seen is None:
            return bytes(source), bytes(packet), -90, 0
        age_ms = time.ticks_diff(time.ticks_ms(), seen[1])
        return bytes(source), bytes(packet), seen[0], max(0, min(_OLDEST_MS, age_ms))

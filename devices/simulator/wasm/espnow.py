"""`espnow` of a simulated ESP32, with the limits of the real one: 250 bytes, 20 peers."""

import time

from _host import io


class ESPNow:
    def __init__(self) -> None:
        self.peers_table = {}
        self._peers = []

    def active(self, on=None) -> None:
        pass

    def add_peer(self, address: bytes) -> None:
        if len(self._peers) >= 20:
            raise OSError(-12391, "ESP_ERR_ESPNOW_FULL")
        self._peers.append(bytes(address))

    def del_peer(self, address: bytes) -> None:
        self._peers.remove(bytes(address))

    def send(self, address: bytes, packet: bytes, sync: bool = True) -> bool:
        if bytes(address) not in self._peers:
            raise OSError(-12393, "ESP_ERR_ESPNOW_NOT_FOUND")
        if not 0 < len(packet) <= 250:
            raise ValueError("ESPNow: Invalid buffer length")
        io("air.send " + address.hex() + " " + packet.hex())
        return True

    def any(self) -> bool:
        return io("air.any") == "1"

    def recv(self, timeout_ms: int = 0):
        received = io("air.read")
        if not received:
            return None, None
        source, packet, rssi = received.split(" ")
        source = bytes.fromhex(source)
        if len(self.peers_table) > 32:
            self.peers_table = {}
        self.peers_table[source] = [int(rssi), time.ticks_ms()]
        return source, bytes.fromhex(packet)

"""Runs on MicroPython and CPython alike: a session over four routers, one of which has a table; prints what is told."""

import json

from devices.esp32 import estar_trust, link, receipts
from devices.esp32.estar import Router

NODES = (7, 4, 2, 1)
air = []
clock = [0]
told = []
arrived = []


class Neighbours(link.Link):
    """Each node hears the next and the one before."""

    def __init__(self, node):
        link.Link.__init__(self, link.mac_of(node))
        self.node = node
        self.tickets = 0

    def send(self, dst, payload, priority):
        self.tickets += 1
        air.append((self.node, dst, payload))
        return self.tickets


def counted(node):
    state = [node]

    def random(count):
        state[0] = (state[0] * 1103515245 + 12345) & 0x7FFFFFFF
        return receipts.digest(state[0].to_bytes(4, "big"))[:count]

    return random


routers = {}
for node in NODES:
    made = Router(node, receipts.digest(bytes([node])), Neighbours(node), counted(node), 1, 500)
    made.clock_s = 1790000000
    made.on_receipt = lambda receipt, node=node: told.append((node, receipt.pack().hex()))
    routers[node] = made
routers[1].on_message = lambda source, message, now: arrived.append((source, message.decode()))
content = bytes.fromhex("6ab13b80" + "00" + "01" + "04")
for node in NODES:
    content += node.to_bytes(4, "big") + (900).to_bytes(2, "big")
table = estar_trust.Trust()
assert table.take(content) and table.of(4) == 900 and table.of(9) == 0
for node in NODES:
    assert routers[node].trust.take(content)


def carry():
    while air:
        sender, dst, payload = air.pop(0)
        at = NODES.index(sender)
        for other in NODES[max(0, at - 1) : at + 2]:
            if other != sender and dst in (link.BROADCAST, link.mac_of(other)):
                routers[other].on_receive(link.mac_of(sender), payload, -60, clock[0])


for i in range(5):
    routers[7].send(1, b"message %d" % i, 20, clock[0])
    for _ in range(12):
        carry()
        clock[0] += 100
        for node in NODES:
            routers[node].tick(clock[0])
for node in NODES:
    routers[node].end_sessions()
print(json.dumps({"told": told, "arrived": arrived}))

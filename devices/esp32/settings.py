"""What a board is told when it is provisioned: names, limits, defaults; see docs/hardware-esp32.md.

Two more things are told and never shown: the node's key, and the secret that all radios of a network share.
"""

METER = 1
RELAY = 2
BATTERY = 3
GATEWAY = 4
UNO = 3  # `chip`
POWER_LINE = 1  # `modem`
LORAWAN = 2
ROLES = ("", "meter", "relay", "battery", "gateway")

# name: (least, most, default)
LIMITS = {
    "node": (1, 0xFFFFFFFF, 0),
    "role": (METER, GATEWAY, METER),
    "network": (1, 0xFFFF, 1),  # numbers the hopping sequence
    "slot_ms": (4, 250, 8),  # of the radio
    "hop": (0, 1, 1),
    "route": (0, 1, 0),  # 0 the shortest reliable, 1 the best available
    "min_trust": (0, 1000, 500),  # per mille, of whoever carries its frames
    "session": (1, 64, 64),  # messages over one route, then a receipt
    "chip": (0, 3, 1),  # on the second UART: 0 nothing, 1 PZEM-004T, 2 SDM120, 3 an Arduino Uno, a node of its own
    "modem": (0, 2, 0),  # beside ESP-NOW, on the first UART: 0 none, 1 power line, 2 LoRaWAN
    "chips": (0, 4, 1),  # how many, at addresses 1, 2, ..
    "generates": (0, 1, 0),  # a chip of one direction counts what the roof gives
    "relays": (0, 4, 0),
    "active_low": (0, 1, 1),
    "closed": (0, 15, 15),  # at the first start: the sum of 1, 2, 4, 8 for V0..V3
    "fail_safe_closed": (0, 15, 0),
    "limit_ma": (0, 100000, 16000),
    "hold_s": (1, 3600, 60),
    "fail_safe_s": (5, 86400, 300),
    "reading_s": (1, 3600, 60),
    "critical_s": (1, 3600, 10),
    "slot_s": (0, 86400, 900),
    "status_s": (5, 3600, 60),
    "sample_ms": (100, 10000, 200),  # between looks at chips and limits
    "spool": (8, 512, 96),
    "adc_mv": (-500, 500, 0),  # calibration of the battery's divider
    "divider": (2, 40, 2),  # by how much it divides
    "capacity_mah": (0, 10000000, 0),  # of the battery; 0: a demonstration cell, whose charge is a straight line
    "cells": (1, 24, 1),  # in series
    "chemistry": (0, 1, 0),  # 0 Li-ion, 1 LiFePO4
    "resistance_uohm": (0, 1000000, 50000),  # of cells and wiring
    "inverter_pm": (500, 1000, 960),  # what its inverter passes, each way
    "pace": (1, 3600, 1),  # how much faster than the clock the battery lives: above 1 in simulations only
}

RELAY_PINS = (25, 13, 26, 27)  # V0..V3
KEY_SIZE = 32
SECRET_SIZE = 16


def defaults() -> dict:
    """The settings of a new board."""
    return {name: LIMITS[name][2] for name in LIMITS}


def check(name: str, text: str) -> int:
    """The value; raises ValueError with what is wrong and what is allowed."""
    if name not in LIMITS:
        raise ValueError("no setting " + name)
    if name == "role" and text in ROLES[1:]:
        return ROLES.index(text)
    least, most, _default = LIMITS[name]
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise ValueError("%s is %d..%d" % (name, least, most))
    return value

"""How much smaller deltas make a node's readings: JSON lines for `make bench`.

Power is that of a real week of households and a roof (devices/simulator/profiles), energy follows
from it, current from power and voltage. Voltage, power factor and temperature are in no profile:
they stray by what sensors and a low-voltage feeder show. Every 16th reading is a keyframe, counted.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator

from backend.ingest.frame_payloads import payload_of
from backend.ingest.frame_values import Delta, Reading
from devices.simulator.profiles import SLOT_MS, load_profiles

KEYFRAME_EVERY = 16
KEYFRAME_BYTES = 48
AROUND_BYTES = 34
"""Header and tag of each frame."""
PROFILES = (("H0-A", 4_000, 1), ("H0-C", 4_000, 1), ("H0-L", 6_000, 1), ("PV3", 5_000, -1))
RHYTHMS_S = (60, 10)
CLAIMED = "62 % claimed by the four-node report"


def readings(name: str, peak_w: int, sign: int, every_s: int) -> Iterator[Reading]:
    """What a meter of that profile measures, from the first week's first moment."""
    chance, profiles = random.Random(f"{name} {every_s}"), load_profiles()
    voltage, wms = 2_300.0, 0
    for at_ms in range(0, 7 * 96 * SLOT_MS, every_s * 1_000):
        power = profiles.power_w(name, peak_w, at_ms)
        wms += power * every_s * 1_000
        voltage += chance.gauss(0, 3) - 0.05 * (voltage - 2_300)
        factor = 960 + chance.randrange(-8, 9) if power else 1_000
        current = round(power * 10_000_000 / (voltage * factor)) + chance.randrange(-9, 10)
        wh, temperature = wms // 3_600_000, 250 + round(60 * math.sin(at_ms / 13_750_000))
        registers = (0, wh, 0, wh, 0, 0) if sign > 0 else (wh, 0, wh, 0, 0, 0)
        yield Reading(
            *registers, round(voltage), max(current, 0), sign * power, sign * factor, temperature,
            0xFFFF, 1, 1,
        )  # fmt: skip


def payload_bytes(every_s: int) -> tuple[int, int]:
    """Bytes of all payloads with deltas, and how many readings they are."""
    total = count = 0
    for profile in PROFILES:
        keyframe = None
        for i, reading in enumerate(readings(*profile, every_s)):
            body = reading
            if keyframe is None or i % KEYFRAME_EVERY == 0:
                keyframe = reading
            else:
                body = Delta.between(i % KEYFRAME_EVERY, keyframe, reading)
            total += len(payload_of(body)[1])
            count += 1
    return total, count


def main() -> None:
    for every_s in RHYTHMS_S:
        total, count = payload_bytes(every_s)
        for what, around in (("reading", 0), ("whole frame, with header and tag", AROUND_BYTES)):
            smaller = 100 * (1 - (total + around * count) / ((KEYFRAME_BYTES + around) * count))
            print(json.dumps({
                "name": f"deltas make a {what} smaller, one every {every_s} s", "unit": "%",
                "value": round(smaller, 1), "beside": CLAIMED,
            }))  # fmt: skip


if __name__ == "__main__":
    main()

"""The power line's watermark: false alarms against misses over noise; `--write` draws docs/plots.

`python -m benchmarks.bench_watermark [--write]`. Simulated: Gaussian noise on one packet's samples.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

from devices.simulator.watermark import BIT_RATE, SAMPLE_HZ, STRENGTH, rates

OUT = Path(__file__).parents[1] / "docs/plots/watermark.svg"
SHORTEST_FRAME_BITS = 34 * 8
NOISE = (0.5, 0.75, 1.0, 2.0)
COLOURS = ("#1d4e89", "#2b7a4b", "#b8860b", "#8a3b12")
LEAST = 1e-6
LEFT, TOP, SIDE = 70, 30, 360


def curve(noise: float) -> list[tuple[float, float]]:
    """(false alarms, misses) of thresholds from none to the whole mark, for the shortest frame."""
    samples = SHORTEST_FRAME_BITS * SAMPLE_HZ // BIT_RATE
    steps = [STRENGTH * i / 200 for i in range(-40, 241)]
    found = [rates(samples, noise, threshold) for threshold in steps]
    return [pair for pair in found if pair[0] >= LEAST and pair[1] >= LEAST]


def _at(rate: float) -> float:
    return SIDE * (math.log10(rate) - math.log10(LEAST)) / -math.log10(LEAST)


def drawn() -> str:
    """The curves, both axes logarithmic."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 620 450" font-family="sans-serif" '
        'font-size="13" role="img" aria-label="False alarms against misses of the watermark">',
        '<rect width="620" height="450" fill="#fbfaf7"/>',
        f'<rect x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}" fill="#fff" stroke="#333"/>',
    ]
    for power in range(-6, 1, 2):
        at = _at(10.0**power)
        parts.append(f'<text x="{LEFT + at - 14:.0f}" y="{TOP + SIDE + 18}">1e{power}</text>')
        parts.append(f'<text x="{LEFT - 36}" y="{TOP + SIDE - at + 4:.0f}">1e{power}</text>')
    parts.append(f'<text x="{LEFT + 120}" y="{TOP + SIDE + 42}">false alarms</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 10}">misses</text>')
    for i, noise in enumerate(NOISE):
        points = " ".join(
            f"{LEFT + _at(alarms):.1f},{TOP + SIDE - _at(misses):.1f}"
            for alarms, misses in curve(noise)
        )
        colour, at_y = COLOURS[i], TOP + 20 + 24 * i
        style = f'fill="none" stroke="{colour}" stroke-width="2"'
        parts.append(f'<polyline points="{points}" {style}/>')
        parts.append(
            f'<text x="{LEFT + SIDE + 14}" y="{at_y}" fill="{colour}">noise {noise}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    samples = SHORTEST_FRAME_BITS * SAMPLE_HZ // BIT_RATE
    for noise in NOISE:
        alarms, misses = rates(samples, noise, STRENGTH / 2)
        print(f"noise {noise}: at half the mark {alarms:.2g} false alarms, {misses:.2g} misses")
    if "--write" in sys.argv:
        OUT.write_text(drawn())


if __name__ == "__main__":
    main()

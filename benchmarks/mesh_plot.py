"""Lines with intervals as SVG text, several panels side by side, for light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 900, 330
_TOP, _BOTTOM, _LEFT, _GAP = 64, 78, 44, 46
_COLOURS = ("#2f6fb2", "#2e8b57", "#b45f06", "#8a3ffc")
_DASHES = ("", "6 3", "2 3", "8 3 2 3")
_STYLE = """
  .page { fill: #ffffff; } text { font: 12px system-ui, sans-serif; fill: #1f2933; }
  .title { font-size: 14px; font-weight: 600; } .axis { stroke: #98a3ab; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #15191e; } text { fill: #e6e9ec; }
  }"""


@dataclass(frozen=True, slots=True)
class Line:
    """One strategy: (value, half its interval) at each place of the axis; `style`: its colour and
    dashes, the same in every plot."""

    name: str
    points: Sequence[tuple[float, float]]
    style: int


def lines(
    title: str,
    labels: Sequence[str],
    axis: str,
    panels: Sequence[tuple[str, Sequence[Line]]],
) -> str:
    """One panel each (title, lines); the vertical axis begins at 0."""
    width = (WIDTH - _LEFT - _GAP * len(panels)) / len(panels)
    parts = [f'<text class="title" x="16" y="26">{escape(title)}</text>']
    for number, (name, drawn) in enumerate(panels):
        parts += _panel(_LEFT + number * (width + _GAP), width, name, labels, axis, drawn)
    for number, line in enumerate(panels[0][1]):
        x = 16 + number * 215
        parts.append(_stroke(line.style, [(x, HEIGHT - 14), (x + 28, HEIGHT - 14)]))
        parts.append(f'<text x="{x + 34}" y="{HEIGHT - 10}">{escape(line.name)}</text>')
    body = "\n  ".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' aria-label="{escape(title)}">\n  <style>{_STYLE}\n  </style>\n'
        f'  <rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="8"/>\n  {body}\n</svg>\n'
    )


def _panel(
    left: float, width: float, name: str, labels: Sequence[str], axis: str, drawn: Sequence[Line]
) -> list[str]:
    top = max((value + half for line in drawn for value, half in line.points), default=0) or 1.0
    floor = HEIGHT - _BOTTOM

    def x(i: int) -> float:
        return left + width * i / max(1, len(labels) - 1)

    def y(value: float) -> float:
        return floor - (floor - _TOP) * max(0.0, value) / top

    parts = [
        f'<text x="{left:.1f}" y="50">{escape(name)}</text>',
        f'<line class="axis" x1="{left:.1f}" y1="{floor}" x2="{left + width:.1f}" y2="{floor}"/>',
        f'<text x="{left - 6:.1f}" y="{_TOP + 4}" text-anchor="end">{top:.3g}</text>',
        f'<text x="{left - 6:.1f}" y="{floor + 4}" text-anchor="end">0</text>',
        f'<text x="{left + width / 2:.1f}" y="{floor + 32}" text-anchor="middle">'
        f"{escape(axis)}</text>",
    ]
    for i, label in enumerate(labels):
        parts.append(
            f'<text x="{x(i):.1f}" y="{floor + 16}" text-anchor="middle">{escape(label)}</text>'
        )
    for line in drawn:
        parts.append(_stroke(line.style, [(x(i), y(v)) for i, (v, _) in enumerate(line.points)]))
        for i, (value, half) in enumerate(line.points):
            low, high = y(value - half), y(value + half)
            parts.append(
                f'<line x1="{x(i):.1f}" y1="{low:.1f}" x2="{x(i):.1f}" y2="{high:.1f}"'
                f' stroke="{_COLOURS[line.style]}"/>'
            )
    return parts


def _stroke(number: int, points: Sequence[tuple[float, float]]) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{_COLOURS[number]}" stroke-width="2"'
        f' stroke-dasharray="{_DASHES[number]}"/>'
    )

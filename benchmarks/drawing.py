"""Small charts as SVG text: rows of bars and of points, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 860
_LABEL_WIDTH, _ROW, _TOP, _GAP = 220, 26, 64, 24
_STYLE = """
  .page { fill: #ffffff; } text { font: 13px system-ui, sans-serif; fill: #1f2933; }
  .title { font-weight: 600; } .quiet { fill: #5b6770; font-size: 12px; }
  .bar { fill: #2f6fb2; } .marked { fill: #b45f06; } .line { stroke: #5b6770; }
  .point { fill: #2f6fb2; fill-opacity: 0.55; } .mean { stroke: #b45f06; stroke-width: 3; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #15191e; } text { fill: #e6e9ec; } .quiet { fill: #a3adb5; }
    .bar { fill: #6aa9e8; } .marked { fill: #f0a04b; } .line { stroke: #a3adb5; }
    .point { fill: #6aa9e8; } .mean { stroke: #f0a04b; }
  }"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure of every row; bars start at 0."""

    title: str
    values: Sequence[float]
    shown: Sequence[str]


def bars(title: str, labels: Sequence[str], panels: Sequence[Panel], marked: Sequence[str]) -> str:
    """Panels side by side, one row of bars each label; `marked` labels stand out.

    Values are 0 or more.
    """
    width = (WIDTH - _LABEL_WIDTH - _GAP * len(panels)) / len(panels)
    parts = [_text(16, 26, title, "title")]
    for row, label in enumerate(labels):
        parts.append(_text(16, _TOP + row * _ROW + 16, label))
    for number, panel in enumerate(panels):
        left = _LABEL_WIDTH + number * (width + _GAP)
        parts.append(_text(left, 50, panel.title, "quiet"))
        most = max(panel.values) or 1
        for row, (value, shown) in enumerate(zip(panel.values, panel.shown, strict=True)):
            kind = "marked" if labels[row] in marked else "bar"
            length = max(1.0, value / most * (width - 62))
            top = _TOP + row * _ROW
            parts.append(
                f'<rect class="{kind}" x="{left:.1f}" y="{top + 4}" width="{length:.1f}"'
                f' height="16" rx="2"/>'
            )
            parts.append(_text(left + length + 6, top + 16, shown, "quiet"))
    return _page(_TOP + len(labels) * _ROW + 14, title, parts)


def points(title: str, unit: str, rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    """One row of points each label, with its mean as a line; a thin line marks 0 if in range."""
    every = [value for _, values in rows for value in values]
    low, high = min(*every, 0.0), max(*every, 0.0)
    span = (high - low) or 1.0
    across = WIDTH - _LABEL_WIDTH - 90

    def at(value: float) -> float:
        return _LABEL_WIDTH + 10 + (value - low) / span * across

    bottom = _TOP + len(rows) * _ROW
    parts = [
        _text(16, 26, title, "title"),
        _text(_LABEL_WIDTH + 10, 50, unit, "quiet"),
        f'<line class="line" x1="{at(0):.1f}" y1="{_TOP}" x2="{at(0):.1f}" y2="{bottom}"/>',
    ]
    for row, (label, values) in enumerate(rows):
        top, mean = _TOP + row * _ROW, sum(values) / len(values)
        parts.append(_text(16, top + 17, label))
        parts += [
            f'<circle class="point" cx="{at(value):.1f}" cy="{top + 13}" r="4"/>'
            for value in values
        ]
        parts.append(
            f'<line class="mean" x1="{at(mean):.1f}" y1="{top + 4}" x2="{at(mean):.1f}"'
            f' y2="{top + 22}"/>'
        )
        parts.append(_text(WIDTH - 74, top + 17, f"{mean:+.2f}", "quiet"))
    return _page(bottom + 14, title, parts)


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y}">{escape(words)}</text>'


def _page(height: int, title: str, parts: Sequence[str]) -> str:
    body = "\n  ".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        f' aria-label="{escape(title)}">\n  <style>{_STYLE}\n  </style>\n'
        f'  <rect class="page" width="{WIDTH}" height="{height}" rx="8"/>\n  {body}\n</svg>\n'
    )

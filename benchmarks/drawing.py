"""Small charts as SVG text: rows of bars, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH = 860
_LABEL_WIDTH, _ROW, _TOP, _GAP = 220, 26, 64, 24
_STYLE = """
  .page { fill: #ffffff; } text { font: 13px system-ui, sans-serif; fill: #1f2933; }
  .title { font-weight: 600; } .quiet { fill: #5b6770; font-size: 12px; }
  .bar { fill: #2f6fb2; } .marked { fill: #b45f06; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #15191e; } text { fill: #e6e9ec; } .quiet { fill: #a3adb5; }
    .bar { fill: #6aa9e8; } .marked { fill: #f0a04b; }
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

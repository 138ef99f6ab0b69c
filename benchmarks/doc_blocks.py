"""Generated parts of documents: what stands between `<!-- name -->` and `<!-- /name -->`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def replace_block(document: str, name: str, text: str) -> None:
    """Writes a block anew; the rest of the document stays. Raises SystemExit if there is none."""
    path = DOCS / document
    before, opened, rest = path.read_text().partition(f"<!-- {name} -->\n")
    _, closed, after = rest.partition(f"<!-- /{name} -->")
    if not (opened and closed):
        raise SystemExit(f"docs/{document} has no block <!-- {name} --> ... <!-- /{name} -->")
    path.write_text(f"{before}{opened}{text}\n{closed}{after}")


def write_plot(name: str, svg: str) -> None:
    target = DOCS / "plots" / name
    target.parent.mkdir(exist_ok=True)
    target.write_text(svg)

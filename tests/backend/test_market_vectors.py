"""The vectors that hold the market contracts to the engines are what the engines say."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def maker() -> Any:
    spec = importlib.util.spec_from_file_location(
        "make_market_books", VECTORS / "make_market_books.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_file_is_what_the_engines_say() -> None:
    made = maker()
    stored = json.loads(made.FILE.read_text())
    assert stored == made.vectors(), "run tests/vectors/make_market_books.py"
    books = [stored[f"book{i}"] for i in range(stored["books"])]
    assert {book["rationed"] for book in books} == {0, 1, 2}
    assert any(book["tick"] == 0 for book in books)

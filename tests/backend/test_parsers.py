"""Bytes of anybody's making against whatever reads bytes: only the errors that are promised."""

from __future__ import annotations

import pytest
from fuzz_targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st

NOISE = st.binary(max_size=700)
FRAMELIKE = st.builds(
    lambda kind, rest: bytes([0x4F, 0x10 | kind]) + rest, st.integers(0, 15), NOISE
)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60, deadline=None)
@given(data=NOISE | FRAMELIKE)
def test_parser_raises_nothing_but_what_it_promises(name: str, data: bytes) -> None:
    TARGETS[name](data)

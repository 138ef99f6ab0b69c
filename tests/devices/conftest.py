"""A provisioned home for the simulated nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulated import provision


@pytest.fixture
def home(tmp_path: Path) -> Path:
    provision(tmp_path)
    return tmp_path

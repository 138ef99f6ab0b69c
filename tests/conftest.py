"""How many examples a property is tried on: some by day, many by night (`make nightly`)."""

from __future__ import annotations

import os

from hypothesis import settings

# The day judges every change by the same examples; the night looks for new ones.
settings.register_profile("day", max_examples=40, deadline=None, derandomize=True)
settings.register_profile("night", max_examples=400, deadline=None)
settings.load_profile("night" if os.environ.get("OHMSTEAD_NIGHT") else "day")

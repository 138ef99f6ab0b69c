"""Atheris on a target of fuzz_targets.py: `python tests/backend/fuzz.py NAME [libFuzzer options]`.

`make fuzz` runs all. A finding ends it with an error and leaves the input in a file.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(
    include=[
        "fuzz_targets",
        "backend.api.blynk",
        "backend.api.home_assistant",
        "backend.api.node_routes",
        "backend.charging",
        "backend.ingest",
        "backend.mesh",
        "backend.oracle.proposal",
        "devices.esp32",
    ]
):
    from fuzz_targets import TARGETS

if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()

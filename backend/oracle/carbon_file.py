"""The table of the main grid's carbon intensity that an oracle node answers from."""

from __future__ import annotations

import json
from pathlib import Path

from backend.config import ConfigError
from backend.sustainability import CarbonTable, CarbonTableError, parse_carbon_table


def read_carbon_table(path: Path) -> CarbonTable:
    """The table in a file. Raises ConfigError, which names the file and the field."""
    try:
        document = json.loads(path.read_text())
        if not isinstance(document, dict):
            raise CarbonTableError("must be an object")
        return parse_carbon_table(document)
    except (OSError, ValueError) as error:
        raise ConfigError(f"carbon_file: {path}: {error}") from error

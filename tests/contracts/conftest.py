"""Fixtures that the contracts' tests share, named by role."""

from fixtures_members import members
from fixtures_money import deployed_grid, grid

__all__ = ["deployed_grid", "grid", "members"]

"""Fixtures that the contracts' tests share, named by role."""

from fixtures_members import members
from fixtures_money import deployed_grid, grid
from quick_ape import quick_ape
from refusals import quick_refusals

__all__ = ["deployed_grid", "grid", "members", "quick_ape", "quick_refusals"]

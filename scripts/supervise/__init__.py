"""Keeping a few processes running together: start, watch, restart, stop in order."""

"""Market engines."""

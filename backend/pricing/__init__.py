"""Price engines."""

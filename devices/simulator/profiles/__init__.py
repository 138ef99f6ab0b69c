"""Load and sun profiles of four real weeks (SimBench; see NOTICE.md)."""

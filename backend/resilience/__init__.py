"""Who keeps power when there is not enough: pure rules, no I/O."""

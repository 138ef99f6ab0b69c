"""Our figures beside those of what else one would pick: `make bench`."""

"""A simulated Arduino Uno that runs the compiled firmware, in simavr."""

"""The simulated neighbourhood: homes, sun, battery and relays around real frames."""

"""Field devices: firmware and the simulated neighbourhood that runs it."""

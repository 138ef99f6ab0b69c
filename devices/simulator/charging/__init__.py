"""Simulated charge points and cars: they speak real OCPP over a real socket."""

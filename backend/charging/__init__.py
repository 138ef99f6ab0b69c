"""Charging stations over OCPP 1.6, 2.0.1 and 2.1: a process, `python -m backend.charging`."""

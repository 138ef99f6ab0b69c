"""Firmware of the ESP32 nodes: the subset of Python that MicroPython runs, integers only."""

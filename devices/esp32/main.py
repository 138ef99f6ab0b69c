"""What a board runs when it gets power."""

import time

from devices.esp32.app import App
from devices.esp32.board import Board

_NAP_MS = 2  # the radio's slots are some milliseconds long


def run() -> None:
    """For ever; a fault ends in the watchdog's reset."""
    app = App(Board())
    while True:
        time.sleep_ms(min(_NAP_MS, app.step()))

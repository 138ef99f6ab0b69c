"""`python -m devices.simulator --home DIR --gateway URL`: the neighbourhood, until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from aiohttp import web

from devices.simulator.boards import missing
from devices.simulator.control import Control
from devices.simulator.memory import DamagedMemory
from devices.simulator.mqtt_link import MqttBroker
from devices.simulator.neighbourhood import (
    Neighbourhood,
    NeighbourhoodError,
    Settings,
    open_session,
)
from devices.simulator.plan import DEFAULT_PLAN, load_plan
from devices.simulator.uno.build import missing as missing_for_uno

_LOG = logging.getLogger("neighbourhood")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.01 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds, 0.01 to 86400")
    return value


def _nodes(text: str) -> frozenset[int]:
    try:
        return frozenset(int(part) for part in text.split(","))
    except ValueError:
        problem = f"{text!r}: give node numbers with commas between, such as 4,12"
        raise argparse.ArgumentTypeError(problem) from None


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line's values, defaults filled in; exits with a message on a mistake."""
    parser = argparse.ArgumentParser(prog="python -m devices.simulator", description=__doc__)
    add = parser.add_argument
    add("--home", type=Path, required=True, help="keys, memories and the serial port's name")
    add("--gateway", required=True, help="URL of the gateway, such as http://127.0.0.1:5000")
    add("--plan", type=Path, default=DEFAULT_PLAN, help="the neighbourhood's description")
    add("--slot-seconds", type=_seconds, default=15.0, help="what 15 minutes last (default 15)")
    add("--reading-seconds", type=_seconds, help="between readings (default a sixth of a slot)")
    add("--battery-seconds", type=_seconds, help="of the battery (default a fifteenth)")
    add("--fail-safe-seconds", type=_seconds, help="silence until relays fall (default 60 or more)")
    add("--nodes", type=_nodes, help="only these, such as 4,12 (default all)")
    add("--battery", choices=("bank", "demonstration"), default="bank",
        help="the bank, or the tabletop cell that loses a percent a second and outlet")  # fmt: skip
    add("--near-control", help="control port of the neighbourhood that is our main grid")
    add("--charging", help="URL of the charging service, such as ws://127.0.0.1:9016")
    add("--charging-ca", type=Path, help="PEM certificate that vouches for a wss charging service")
    add("--mqtt", help="broker of the plan's mqtt nodes, such as mqtt://127.0.0.1:1883")
    add("--mqtt-prefix", default="ohmstead", help="first levels of its topics (default ohmstead)")
    add("--mqtt-ca", type=Path, help="PEM certificate that vouches for an mqtts broker")
    add("--mqtt-passwords", action="store_true",
        help="nodes log in, with passwords from their keys (docs/mqtt.md)")  # fmt: skip
    add("--uno", action="store_true",
        help="nodes of an Arduino Uno run its compiled firmware, if this machine can")  # fmt: skip
    add("--boards", choices=("none", "python", "compiled"), default="none",
        help="what runs the firmware of radio nodes (default none: no radio)")  # fmt: skip
    add("--control", type=int, help="loopback port to look and interfere")
    return parser.parse_args(arguments)


def settings_of(options: argparse.Namespace) -> Settings:
    """How to run, from the command line."""
    reading_s = options.reading_seconds or options.slot_seconds / 6
    return Settings(
        home=options.home,
        gateway=options.gateway.rstrip("/"),
        slot_seconds=options.slot_seconds,
        reading_s=reading_s,
        battery_reading_s=options.battery_seconds or options.slot_seconds / 15,
        fail_safe_s=options.fail_safe_seconds or max(60.0, 4 * reading_s),
        nodes=options.nodes,
        demonstration=options.battery == "demonstration",
        near_control=options.near_control,
        boards=_boards(options.boards),
        uno=_uno(options.uno),
        charging=options.charging,
        charging_ca=options.charging_ca,
        mqtt=_broker(options),
    )


def _broker(options: argparse.Namespace) -> MqttBroker | None:
    if options.mqtt is None:
        return None
    parts = urlsplit(options.mqtt)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise NeighbourhoodError(
            f"--mqtt {options.mqtt}: give mqtt://host:port, or mqtts:// for TLS"
        )
    return MqttBroker(options.mqtt, options.mqtt_prefix, options.mqtt_ca, options.mqtt_passwords)


def _uno(wanted: bool) -> bool:
    lacking = " ".join(missing_for_uno()) if wanted else ""
    if lacking:
        _LOG.warning("the Uno's node runs on Python, not on its firmware: no %s", lacking)
    return wanted and not lacking


def _boards(wanted: Literal["none", "python", "compiled"]) -> Literal["none", "python", "compiled"]:
    if wanted == "compiled" and (lacking := missing()):
        _LOG.warning("radio nodes run their firmware on Python, not compiled: no %s", lacking)
        return "python"
    return wanted


async def _control(neighbourhood: Neighbourhood, port: int | None) -> web.AppRunner | None:
    if port is None:
        return None
    try:
        return await Control(neighbourhood).serve(port)
    except (OSError, OverflowError) as error:
        raise NeighbourhoodError(f"--control {port}: {error}; choose another port") from error


async def run(options: argparse.Namespace) -> None:
    """Runs until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with open_session() as session:
        neighbourhood = Neighbourhood(load_plan(options.plan), settings_of(options), session)
        control = await _control(neighbourhood, options.control)
        running = asyncio.create_task(neighbourhood.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        running.cancel()
        try:
            await running
        except asyncio.CancelledError:
            _LOG.info("stopped")
        finally:
            if control:
                await control.cleanup()


def main() -> int:
    """The process's exit status."""
    options = parse(sys.argv[1:])
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stdout
    )
    try:
        asyncio.run(run(options))
    except (NeighbourhoodError, DamagedMemory, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

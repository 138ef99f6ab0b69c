"""`python -m backend.charging`: serves charge points until SIGTERM; `... add`, `remove`, `list`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time

from backend.charging import credentials
from backend.charging.credentials import CredentialsError
from backend.charging.door import PATH
from backend.charging.service import ChargingService, ChargingServiceError
from backend.config import ConfigError, Settings, load_settings
from backend.telemetry import charging
from backend.telemetry.store import Store, StoreError, open_store


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line's values; exits with a message on a mistake."""
    parser = argparse.ArgumentParser(prog="python -m backend.charging", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="[add|remove|list]")
    add = commands.add_parser("add", help="registers a charge point and prints its new password")
    add.add_argument("charge_point", help="its identity, as it is set in the charge point")
    add.add_argument("--meter", type=int, required=True, help="its Ohmstead meter, of kind EV")
    add.add_argument("--label", default="")
    add.add_argument("--charge-w", type=int, required=True, help="most power into a car, W")
    add.add_argument("--discharge-w", type=int, default=0, help="most power out of a car, W")
    add.add_argument("--evses", type=int, default=1, help="how many cars at once (default 1)")
    add.add_argument("--open", action="store_true", help="serves tokens without a wallet, too")
    remove = commands.add_parser("remove", help="refuses a charge point from now on")
    remove.add_argument("charge_point")
    commands.add_parser("list", help="registered charge points")
    return parser.parse_args(arguments)


def add(settings: Settings, store: Store, options: argparse.Namespace) -> None:
    """Registers a charge point and gives it a password; one it had no longer works."""
    point = charging.Registered(
        options.charge_point, options.meter, options.label or options.charge_point,
        options.charge_w, options.discharge_w, options.evses, options.open,
    )  # fmt: skip
    password = credentials.new_password()
    with store.write() as connection:
        charging.register(connection, [point])
    credentials.keep(settings.keys_dir / "chargers.json", {point.charge_point_id: password})
    print(f"path      {PATH}{point.charge_point_id}")
    print(f"user      {point.charge_point_id}")
    print(f"password  {password}")


def remove(settings: Settings, store: Store, charge_point_id: str) -> None:
    """Refuses a charge point when it next connects. Raises LookupError."""
    with store.write() as connection:
        if not charging.remove(connection, charge_point_id, int(time.time())):
            raise LookupError(f"{charge_point_id} is not registered: `list` shows who is")
    credentials.keep(settings.keys_dir / "chargers.json", {charge_point_id: None})


def show(store: Store) -> None:
    """Registered charge points, one a line."""
    with store.read() as connection:
        for point in charging.every(connection):
            here = point.protocol if point.connected else "not connected"
            print(
                f"{point.charge_point_id}  meter {point.meter_id}  {point.max_charge_w} W in, "
                f"{point.max_discharge_w} W out  {here}"
            )


async def serve(settings: Settings, store: Store) -> None:
    """Serves until SIGTERM or SIGINT. Raises ChargingServiceError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    service = ChargingService(settings, store)
    try:
        await service.start()
        for address in service.addresses:
            scheme = "wss" if address.tls else "ws"
            print(f"charge points: {scheme}://{address.host}:{address.port}{PATH}", flush=True)
        running = asyncio.create_task(service.run())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait((running, stopping), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    except ChargingServiceError:
        await service.stop()
        raise


def main() -> int:
    """The process's exit status."""
    options = parse(sys.argv[1:])
    try:
        settings = load_settings()
        store = open_store(settings.store_url)
    except (ConfigError, StoreError) as error:
        print(error, file=sys.stderr)
        return 1
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stdout)
    logging.getLogger("backend").setLevel(settings.log_level)
    try:
        match options.command:
            case "add":
                add(settings, store, options)
            case "remove":
                remove(settings, store, options.charge_point)
            case "list":
                show(store)
            case _:
                asyncio.run(serve(settings, store))
    except (ChargingServiceError, CredentialsError, LookupError, StoreError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

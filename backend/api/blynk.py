"""Blynk's HTTP API, answered here, so that a phone's or a script's habit works without a cloud.

A token stands for one relay board: V0..V3 are its relays, V4 its battery's percentage, V5 its
voltage. Answers and errors are word for word those of Blynk's documentation, where it has one.

A Blynk token travels in addresses and ends up in logs, so it is worth little: it shows what the
public pages show too. Writing a relay is the authority's to do. The service does it only if it was
given a key that holds the authority's role, and only as an override that ends by itself.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import stat
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from flask import Blueprint, Response, jsonify, request

from backend.api import schemas
from backend.api.services import Services
from backend.api.sign_in import RateLimit
from backend.telemetry import nodes, readings

_LOG = logging.getLogger(__name__)

RELAY_PINS = 4
PERCENTAGE_PIN, VOLTAGE_PIN = 4, 5
PRODUCT = "Ohmstead"
_NO_BATTERY = 0xFFFF
_MOST_POINTS = 10_000
_MONTH_MS = 31 * 86_400_000
_WRONG_TOKENS_A_MINUTE = 60
_PIN = re.compile(r"[vV](\d{1,3})\Z")
_INTEGER = re.compile(r"[+-]?\d{1,9}\Z")

INVALID_TOKEN = "Invalid token."
NO_TOKEN = "No token provided."
WRONG_PIN = "Wrong pin format."
WRONG_STREAM = "Wrong dataStreamId format."
NO_STREAM = "No datastream setup for that pin."
NO_SUCH_STREAM = f"Requested dataStream doesn't exist in the product {PRODUCT}"
WRONG_VALUE = "Value doesn't match the Datastream data type."
WRONG_TYPE = "Unknown content type."
TOO_MUCH = f"Too much data in batch. Maximum batch size is {_MOST_POINTS} points."


class BlynkError(Exception):
    """A refusal in Blynk's form."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class Switcher(Protocol):
    """Forces relays on behalf of the authority."""

    def force(self, switch_id: int, closed: bool) -> None:
        """Has a relay closed or opened for a while; BlynkError if that may not be."""


@dataclass(frozen=True, slots=True)
class BlynkBoard:
    """What a token sees: relays by pin, and the battery that sheds them."""

    node_id: int
    relays: dict[int, schemas.Relay]
    soc_bp: int | None
    voltage_dv: int | None

    def values(self) -> dict[int, int | float]:
        """The value of every pin there is."""
        found: dict[int, int | float] = {
            pin: int(relay.acknowledged_closed) for pin, relay in self.relays.items()
        }
        if self.soc_bp is not None:
            found[PERCENTAGE_PIN] = self.soc_bp // 100
        if self.voltage_dv is not None:
            found[VOLTAGE_PIN] = self.voltage_dv / 10
        return found


class BlynkTokens:
    """Tokens of boards, from `keys/blynk.json` and the settings.

    The file holds `{"<board>": "<token>"}` and has mode 600; a change counts at once.
    """

    def __init__(self, path: Path, more: Iterable[tuple[int, str]] = ()) -> None:
        self._path = path
        self._more = [(token, board) for board, token in more]
        self._stamp: tuple[int, int] | None = None
        self._tokens: list[tuple[str, int]] = []

    def board_of(self, token: str) -> int | None:
        """The board a token stands for. Takes as long for a wrong token as for a right one."""
        self._look()
        found = None
        for known, board in [*self._tokens, *self._more]:
            if hmac.compare_digest(known.encode(), token.encode()):
                found = board
        return found

    def _look(self) -> None:
        try:
            now = self._path.stat()
        except OSError:
            return
        stamp = (now.st_mtime_ns, now.st_size)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        if stat.S_IMODE(now.st_mode) & 0o077:
            _LOG.error("%s is open to others: chmod 600 %s; it is not used", self._path, self._path)
            return
        try:
            document = json.loads(self._path.read_text())
            self._tokens = [(str(token), int(board)) for board, token in document.items()]
        except (OSError, ValueError, AttributeError) as error:
            _LOG.error('%s must be {"<board>": "<token>"}: %s', self._path, error)


def blynk_blueprint(
    services: Services, tokens: BlynkTokens, switcher: Switcher | None
) -> Blueprint:
    """`/external/api`."""
    api = Blueprint("blynk", __name__, url_prefix="/external/api")
    guesses = RateLimit(_WRONG_TOKENS_A_MINUTE, 60.0)

    def board() -> BlynkBoard:
        token = request.args.get("token", "")
        if not token:
            raise BlynkError(NO_TOKEN)
        node_id = tokens.board_of(token)
        if node_id is None:
            if guesses.wait_s(request.remote_addr or "") > 0:
                raise BlynkError("Too many wrong tokens. Wait a minute.", 429)
            raise BlynkError(INVALID_TOKEN)
        return read_board(services, node_id)

    def write(target: BlynkBoard, values: dict[int, int]) -> None:
        for pin in values:
            if pin in (PERCENTAGE_PIN, VOLTAGE_PIN) and pin in target.values():
                raise BlynkError(f"V{pin} is measured by a meter and cannot be written.", 403)
            if pin not in target.relays:
                raise BlynkError(NO_STREAM)
        if switcher is None:
            raise BlynkError(
                "This service shows relays and may not switch them: it holds no key with the "
                "authority's role (OHMSTEAD_BLYNK_AUTHORITY_KEY).",
                403,
            )
        for pin, value in values.items():
            switcher.force(target.relays[pin].switch_id, value > 0)

    @api.errorhandler(BlynkError)
    def refused(error: BlynkError) -> tuple[Response, int]:
        return jsonify({"error": {"message": error.message}}), error.status

    _read_routes(api, services, board)
    _write_routes(api, board, write)
    return api


# ---- reading -----------------------------------------------------------------------------------


def _read_routes(api: Blueprint, services: Services, board: Callable[[], BlynkBoard]) -> None:
    @api.get("/get")
    def get() -> Response:
        values = board().values()
        pins = _pins_asked(values)
        if len(pins) == 1:
            return _text(_value_text(values[pins[0]]))
        return jsonify({f"v{pin}": values[pin] for pin in pins})

    @api.get("/getAll")
    def get_all() -> Response:
        return jsonify({f"v{pin}": value for pin, value in sorted(board().values().items())})

    @api.get("/isHardwareConnected")
    def is_hardware_connected() -> Response:
        node_id = board().node_id
        with services.store.read() as connection:
            status = nodes.statuses(connection).get(node_id)
        since_ms = (services.clock() - services.settings.stale_after_s) * 1000
        return _text("true" if status and status.last_seen_ms >= since_ms else "false")


def _pins_asked(values: dict[int, int | float]) -> list[int]:
    """The pins a `get` names: `&v1&v2`, `&pin=v1`, or `&dataStreamId=1` (stream n is pin Vn)."""
    stream = request.args.get("dataStreamId")
    if stream is not None:
        if not _INTEGER.match(stream):
            raise BlynkError(WRONG_PIN)
        if int(stream) not in values:
            raise BlynkError(NO_SUCH_STREAM)
        return [int(stream)]
    names = [name for name in request.args if name not in ("token", "pin")]
    pins = [_pin(name) for name in [*request.args.getlist("pin"), *names]]
    if not pins:
        raise BlynkError(WRONG_PIN)
    for pin in pins:
        if pin not in values:
            raise BlynkError(NO_STREAM)
    return list(dict.fromkeys(pins))


def _value_text(value: int | float) -> str:
    """A value as Blynk writes it: integers bare, doubles with five decimals."""
    return str(value) if isinstance(value, int) else f"{value:.5f}"


def read_board(services: Services, node_id: int) -> BlynkBoard:
    """A board's relays and the battery that sheds them."""
    overview = services.relays.overview()
    relays = {
        relay.pin: relay
        for relay in overview.relays
        if relay.board == node_id and relay.pin < RELAY_PINS
    }
    batteries = {
        view.config.battery
        for view in services.relays.known_switches()
        if view.config.board == node_id
    } - {0}
    soc_bp = voltage_dv = None
    if batteries:
        with services.store.read() as connection:
            for node in nodes.batteries(connection):
                newest = readings.latest_of(connection, node.node_id)
                if node.battery_id == min(batteries) and newest is not None:
                    soc_bp = newest.soc_bp if newest.soc_bp != _NO_BATTERY else None
                    voltage_dv = newest.voltage_dv
    return BlynkBoard(node_id, relays, soc_bp, voltage_dv)


# ---- writing -----------------------------------------------------------------------------------

Write = Callable[[BlynkBoard, dict[int, int]], None]


def _write_routes(api: Blueprint, board: Callable[[], BlynkBoard], write: Write) -> None:
    @api.get("/update")
    def update() -> Response:
        target = board()
        write(target, _update_values(target))
        return _text("")

    @api.get("/batch/update")
    def batch_update() -> Response:
        target = board()
        names = [name for name in request.args if name != "token"]
        if not names:
            raise BlynkError(WRONG_PIN)
        without_stop = WRONG_VALUE.rstrip(".")  # as Blynk's page on this call has it
        write(target, {_pin(n): _bounded(request.args.getlist(n), without_stop) for n in names})
        return _text("")

    @api.post("/batch/update")
    def upload() -> Response:
        target = board()
        pin = _pin(request.args.get("pin", ""))
        if request.mimetype != "application/json":
            raise BlynkError(WRONG_TYPE)
        newest = _newest_point(request.get_json(silent=True))
        write(target, {pin: newest})
        return _text("OK")


def _update_values(target: BlynkBoard) -> dict[int, int]:
    stream = request.args.get("dataStreamId")
    if stream is not None:
        if not _INTEGER.match(stream):
            raise BlynkError(WRONG_STREAM)
        if int(stream) not in target.values():
            raise BlynkError(NO_STREAM)
        return {int(stream): _bounded(request.args.getlist("value"), WRONG_VALUE.rstrip("."))}
    if "pin" in request.args:
        return {_pin(request.args["pin"]): _bounded(request.args.getlist("value"), WRONG_VALUE)}
    names = [name for name in request.args if name not in ("token", "value")]
    if not names:
        raise BlynkError(WRONG_PIN)
    return {_pin(name): _bounded(request.args.getlist(name), WRONG_VALUE) for name in names}


def _newest_point(points: Any) -> int:
    """The value with the latest time of `[[ms, value], ...]`: a relay has no history to fill."""
    wrong = BlynkError(WRONG_VALUE)
    if not isinstance(points, list) or not points:
        raise wrong
    if len(points) > _MOST_POINTS:
        raise BlynkError(TOO_MUCH)
    for point in points:
        if not (isinstance(point, list) and len(point) == 2):
            raise wrong
        if not all(isinstance(part, int) for part in point) or isinstance(point[0], bool):
            raise wrong
    at_ms, value = max(points, key=lambda point: point[0])
    if at_ms < time.time() * 1000 - _MONTH_MS:
        raise BlynkError("Timestamps could be only one month in the past.")
    return _bounded([str(int(value))], WRONG_VALUE)


def _pin(name: str) -> int:
    match = _PIN.match(name)
    if match is None or int(match[1]) > 255:
        raise BlynkError(WRONG_PIN)
    return int(match[1])


def _bounded(texts: list[str], message: str) -> int:
    """A relay's value: an integer, bounded to 0..1 as the datastream's settings would."""
    if len(texts) != 1 or not _INTEGER.match(texts[0]):
        raise BlynkError(message)
    return min(max(int(texts[0]), 0), 1)


def _text(body: str) -> Response:
    return Response(body, mimetype="text/plain")

"""OCPP-J frames: what arrives is checked against the version's schemas before anything reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import ocpp.messages
from ocpp.exceptions import OCPPError

from backend.charging.dialect import Ask, Dialect
from backend.charging.said import Refused

ocpp.messages.ASYNC_VALIDATION = False  # in the loop: a thread costs more than a check

_CALL, _RESULT, _ERROR = 2, 3, 4
_LONGEST_ID = 36
_DESCRIPTION = 255


class Garbage(ValueError):  # noqa: N818 - what it is
    """These bytes are no OCPP frame. `unique_id`: what may be answered to, if it was readable."""

    def __init__(self, reason: str, unique_id: str | None = None) -> None:
        super().__init__(reason)
        self.unique_id = unique_id


@dataclass(frozen=True, slots=True)
class Call:
    """A request."""

    unique_id: str
    action: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """An answer to our request."""

    unique_id: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Error:
    """Our request was not understood, or not served."""

    unique_id: str
    code: str
    description: str


def parse(raw: str | bytes) -> Call | Result | Error:
    """A frame's parts. Raises Garbage."""
    if isinstance(raw, bytes):
        raise Garbage("binary frames are not OCPP-J")
    try:
        frame = json.loads(raw)
        if "\\u" in raw:
            json.dumps(frame, ensure_ascii=False).encode()  # half a character cannot be stored
    except (ValueError, RecursionError) as error:
        raise Garbage(f"not JSON: {error}") from None
    if not isinstance(frame, list) or len(frame) < 3:
        raise Garbage("not a list of three or more")
    kind, unique_id, *rest = frame
    if not isinstance(unique_id, str) or not 0 < len(unique_id) <= _LONGEST_ID:
        raise Garbage("the message id is not a text of 1 to 36 characters")
    if kind == _CALL and len(rest) == 2 and isinstance(rest[0], str) and isinstance(rest[1], dict):
        return Call(unique_id, rest[0], rest[1])
    if kind == _RESULT and len(rest) == 1 and isinstance(rest[0], dict):
        return Result(unique_id, rest[0])
    if kind == _ERROR and len(rest) >= 2:
        return Error(unique_id, str(rest[0]), str(rest[1]))
    raise Garbage("neither call, result nor error", unique_id if kind == _CALL else None)


async def check(dialect: Dialect, call: Call) -> None:
    """Returns if a call's payload is as its schema says. Raises Refused."""
    if call.action not in _actions(
        dialect.version
    ):  # before its name becomes part of a schema's path
        raise Refused("NotSupported", f"OCPP {dialect.version} has no {call.action!r:.60}")
    message = ocpp.messages.Call(call.unique_id, call.action, call.payload)
    await _validate(message, dialect)


async def check_result(dialect: Dialect, ask: Ask, result: Result) -> None:
    """Returns if an answer is as the schema of what was asked says. Raises Refused."""
    message = ocpp.messages.CallResult(result.unique_id, result.payload, ask.action)
    await _validate(message, dialect)


def call_text(unique_id: str, ask: Ask) -> str:
    """A call to a charge point."""
    return json.dumps([_CALL, unique_id, ask.action, ask.payload], separators=(",", ":"))


def result_text(unique_id: str, payload: dict[str, Any]) -> str:
    """An answer to a charge point's call."""
    return json.dumps([_RESULT, unique_id, payload], separators=(",", ":"))


def error_text(unique_id: str, code: str, description: str, version: str) -> str:
    """A refusal of a charge point's call. 1.6 spells one code its own way."""
    if version == "1.6" and code == "FormatViolation":
        code = "FormationViolation"
    frame = [_ERROR, unique_id, code, description[:_DESCRIPTION], {}]
    return json.dumps(frame, separators=(",", ":"))


@cache
def _actions(version: str) -> frozenset[str]:
    """What may be asked in a version: what the package has schemas of. (Its lists of actions come
    with every data class of the version, which takes longer to load than all of this service.)"""
    folder = Path(ocpp.messages.__file__).parent / f"v{version.replace('.', '')}" / "schemas"
    suffix = "" if version == "1.6" else "Request"
    names = (path.stem for path in folder.glob("*.json"))
    found = {name.removesuffix(suffix) for name in names if name.endswith(suffix)}
    return frozenset(name for name in found if not name.endswith("Response"))


async def _validate(message: Any, dialect: Dialect) -> None:
    try:
        await ocpp.messages.validate_payload(message, dialect.version)
    except OCPPError as error:
        cause = (error.details or {}).get("cause") or error.description
        raise Refused(error.code, str(cause)) from None
    except RecursionError:
        raise Refused("FormatViolation", "nested too deeply") from None

"""A schema's instance as a response, and the refusals that an operation's description lists."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response
from flask_openapi3.types import ResponseDict
from pydantic import BaseModel

from backend.api.schemas import ErrorAnswer

JSON = "application/json"


def answer(body: BaseModel, status: int = 200, *, max_age_s: int = 0) -> Response:
    """`body` as JSON. `max_age_s`: how long others may keep it; 0 = not at all."""
    response = Response(body.model_dump_json(exclude_none=False), status, mimetype=JSON)
    response.headers["Cache-Control"] = f"public, max-age={max_age_s}" if max_age_s else "no-store"
    return response


def described(success: type[BaseModel], *refusals: int) -> ResponseDict:
    """Responses of an operation, for its description."""
    responses: ResponseDict = {"200": success}
    for code in refusals:
        responses[str(code)] = {
            "description": HTTPStatus(code).phrase,
            "content": {JSON: {"schema": {"$ref": _ERROR}}},
        }
    return responses


_ERROR = f"#/components/schemas/{ErrorAnswer.__name__}"


def signed_in(*, or_not: bool = False) -> list[dict[str, list[Any]]]:
    """The security requirement of operations that need a session, or take one."""
    return [{"session": []}, {}] if or_not else [{"session": []}]

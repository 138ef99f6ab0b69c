"""What nodes send and ask (docs/frame.md). Their proof is each frame's tag, not a session."""

from __future__ import annotations

import threading
from typing import Any

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from backend.api import requests, service_schemas
from backend.api.answer import JSON, answer, described
from backend.api.errors import ApiError
from backend.api.services import Services
from backend.ingest.frame import MAX_FRAME_BYTES
from backend.ingest.frame_values import Poll, Result
from backend.ingest.octets import split_octets
from backend.ingest.pipeline import Outcome

OCTETS = "application/octet-stream"
MOST_FRAMES = 5_000
_LONGEST_WAIT_S = 55
_MOST_WAITING = 120
"""Long polls at once; whoever comes later is answered at once and asks again."""

_STATUS = {
    Result.BAD_TAG: 401,
    Result.REVOKED_NODE: 403,
    Result.UNKNOWN_NODE: 404,
    Result.DUPLICATE: 409,
    Result.REORDERED: 409,
    Result.OVERSIZED: 413,
    Result.BUSY: 503,
}
_FRAMES_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            OCTETS: {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "each frame preceded by its length as one byte",
                }
            },
            JSON: {
                "schema": {
                    "type": "object",
                    "required": ["frames"],
                    "additionalProperties": False,
                    "properties": {
                        "frames": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MOST_FRAMES,
                            "items": {"type": "string", "pattern": "^([0-9a-fA-F]{2})*$"},
                        }
                    },
                }
            },
        },
    }
}
_POLL_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            OCTETS: {"schema": {"type": "string", "format": "binary", "description": "a POLL"}}
        },
    }
}


def node_blueprint(services: Services) -> APIBlueprint:
    """Routes for nodes."""
    api = APIBlueprint(
        "nodes",
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name="nodes", description="Frames of docs/frame.md")],
    )
    seats = threading.BoundedSemaphore(_MOST_WAITING)

    @api.post(
        "/readings",
        responses=described(service_schemas.Ingested, 400, 413, 415),
        openapi_extensions=_FRAMES_BODY,
    )
    def readings() -> Response:
        """Takes frames. Each is answered in order; what is `accepted` is on disk."""
        outcomes = services.pipeline.submit(_frames_of_request())
        frames = services.downlink.for_senders_of(outcomes)
        return answer(
            service_schemas.Ingested(
                results=[_result(outcome) for outcome in outcomes],
                commands=[frame.hex() for part in frames.values() for frame in part],
            )
        )

    @api.post(
        "/nodes/<int:node>/commands",
        responses=described(service_schemas.DownlinkFrames, 400, 401, 403, 404, 409, 413, 415, 503)
        | {"204": {"description": "nothing came while waiting"}},
        openapi_extensions=_POLL_BODY,
    )
    def commands(path: requests.NodePath) -> Response:
        """Frames for a node as soon as there are any; the POLL says how long to wait."""
        poll, frames = _poll(services, path.node)
        if not frames and poll.wait_s and seats.acquire(blocking=False):
            try:
                frames = services.downlink.wait(path.node, min(poll.wait_s, _LONGEST_WAIT_S))
            finally:
                seats.release()
        if not frames:
            return Response(status=204)
        return answer(service_schemas.DownlinkFrames(frames=[frame.hex() for frame in frames]))

    return api


def _poll(services: Services, node_id: int) -> tuple[Poll, list[bytes]]:
    """The accepted POLL of this request, and what waits for its sender already."""
    if request.mimetype not in (OCTETS, ""):
        raise ApiError(415, "unsupported_media_type", f"send the POLL frame as {OCTETS}")
    raw = request.get_data(cache=False)
    if len(raw) > MAX_FRAME_BYTES:
        raise ApiError(413, "oversized", f"a frame has at most {MAX_FRAME_BYTES} bytes")
    (outcome,) = services.pipeline.submit([raw])
    frame = outcome.frame
    if outcome.result is not Result.ACCEPTED or frame is None:
        status = _STATUS.get(outcome.result, 400)
        raise ApiError(status, outcome.result.value, outcome.detail or outcome.result.value)
    if frame.node_id != node_id:
        message = f"the frame is node {frame.node_id}'s, the address names node {node_id}"
        raise ApiError(400, "wrong_node", message, "node")
    if not isinstance(frame.body, Poll):
        raise ApiError(400, "not_a_poll", f"a POLL frame is wanted here, not {frame.type.name}")
    return frame.body, services.downlink.for_senders_of([outcome]).get(node_id, [])


# ---- the body ----------------------------------------------------------------------------------


def _frames_of_request() -> list[bytes]:
    kind = request.mimetype
    if kind == OCTETS:
        frames = split_octets(request.get_data(cache=False))
    elif kind == JSON:
        frames = _frames_of_json()
    else:
        raise ApiError(
            415,
            "unsupported_media_type",
            f"send frames as {OCTETS} or {JSON}, not {kind or 'without a content type'}",
        )
    if not frames:
        raise ApiError(400, "no_frames", "the body holds no frame", "frames")
    if len(frames) > MOST_FRAMES:
        message = f"{len(frames)} frames at once, at most {MOST_FRAMES}"
        raise ApiError(413, "too_many_frames", message, "frames")
    return frames


def _frames_of_json() -> list[bytes]:
    document: Any = request.get_json(silent=True, cache=False)
    if document is None:
        raise ApiError(400, "malformed_json", 'the body is not JSON; send {"frames": ["<hex>"]}')
    if not isinstance(document, dict) or not isinstance(document.get("frames"), list):
        message = 'the body must be {"frames": ["<hex>", ...]}'
        raise ApiError(400, "missing_field", message, "frames")
    for unknown in sorted(set(document) - {"frames"}):
        raise ApiError(400, "unknown_field", f"{unknown} is not known here: remove it", unknown)
    frames: list[bytes] = []
    for i, text in enumerate(document["frames"]):
        try:
            frames.append(bytes.fromhex(text.removeprefix("0x")))
        except (AttributeError, TypeError, ValueError):
            field = f"frames.{i}"
            raise ApiError(400, "invalid_field", f"{field} is not a frame in hex", field) from None
    return frames


def _result(outcome: Outcome) -> service_schemas.FrameResult:
    frame = outcome.frame
    return service_schemas.FrameResult(
        node=frame.node_id if frame else None,
        boot=frame.boot if frame else None,
        sequence=frame.sequence if frame else None,
        result=outcome.result.value,
        detail=outcome.detail or None,
    )

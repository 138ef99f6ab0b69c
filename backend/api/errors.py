"""Every refusal as `{"error": {"code", "message", "field"}}`, with the fitting status."""

from __future__ import annotations

import logging

import sqlalchemy as sa
from flask import Flask, Response, jsonify
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from backend.api.schemas import ErrorAnswer, ErrorBody
from backend.chain.contracts import ContractError
from backend.chain.rpc import NodeUnreachableError, RpcError

_LOG = logging.getLogger(__name__)

_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    408: "timeout",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
}


class ApiError(Exception):
    """A refusal. `field` names what in the request is wrong; `retry_after_s` when to try again."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s


def refusal(
    status: int, code: str, message: str, field: str | None = None, retry_after_s: int | None = None
) -> Response:
    """The answer to a request that is refused."""
    body = ErrorAnswer(error=ErrorBody(code=code, message=message, field=field))
    response = jsonify(body.model_dump(exclude_none=True))
    response.status_code = status
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def invalid_request(error: ValidationError) -> Response:
    """A parameter or body that does not fit its schema: the first fault, by name."""
    fault = error.errors()[0]
    field = ".".join(str(part) for part in fault["loc"]) or "body"
    if fault["type"] == "extra_forbidden":
        return refusal(400, "unknown_field", f"{field} is not known here: remove it", field)
    if fault["type"] == "missing":
        return refusal(400, "missing_field", f"{field} is missing", field)
    if not fault["loc"]:
        message = "the body must be a JSON object, with content type application/json"
        return refusal(400, "bad_request", message, field)
    message = fault["msg"].removeprefix("Value error, ")
    return refusal(400, "invalid_field", f"{field}: {message}", field)


def register_errors(app: Flask) -> None:
    """Makes the app answer every exception as JSON."""
    app.register_error_handler(ApiError, _on_api_error)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(NodeUnreachableError, _on_node_unreachable)
    app.register_error_handler(RpcError, _on_rpc_error)
    app.register_error_handler(ContractError, _on_contract_error)
    app.register_error_handler(sa.exc.SQLAlchemyError, _on_store_error)
    app.register_error_handler(Exception, _on_defect)


def _on_api_error(error: ApiError) -> Response:
    return refusal(error.status, error.code, error.message, error.field, error.retry_after_s)


def _on_http_error(error: HTTPException) -> Response:
    if error.response is not None and isinstance(error.response, Response):
        return error.response  # made by `invalid_request`
    status = error.code or 500
    return refusal(status, _CODES.get(status, "refused"), error.description or error.name)


def _on_node_unreachable(error: NodeUnreachableError) -> Response:
    _LOG.warning("the chain does not answer: %s", error)
    message = "the Ethereum node does not answer: what is on chain cannot be told now"
    return refusal(503, "chain_unreachable", message, retry_after_s=5)


def _on_rpc_error(error: RpcError) -> Response:
    _LOG.warning("the node refuses: %s", error)
    message = "the Ethereum node refused the question: what is on chain cannot be told now"
    return refusal(503, "chain_unreachable", message, retry_after_s=5)


def _on_contract_error(error: ContractError) -> Response:
    return refusal(409, "contract_refused", f"the contract refuses: {error.message}")


def _on_store_error(error: sa.exc.SQLAlchemyError) -> Response:
    _LOG.error("the store does not answer: %s", error)
    return refusal(503, "store_unreachable", "the store does not answer", retry_after_s=5)


def _on_defect(error: Exception) -> Response:
    _LOG.exception("a request met a defect", exc_info=error)
    return refusal(500, "internal", "something went wrong here; it is in the service's log")

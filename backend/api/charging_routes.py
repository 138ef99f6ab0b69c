"""Charge points, sessions and tokens; and what people ask of charge points.

Everybody sees charge points and whether they are free. Sessions are seen by whose token began them
and by the operator.
"""

from __future__ import annotations

from typing import Literal

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field, field_validator

from backend.api import charging_reader, requests
from backend.api import charging_schemas as schemas
from backend.api.answer import answer, described, signed_in
from backend.api.charging_reader import ChargingReader
from backend.api.errors import ApiError
from backend.api.services import Services
from backend.api.v2g_routes import owner_of_car
from backend.api.wallet_signature import is_signed
from backend.charging.desk import PRESENTED_MS, adopt
from backend.charging.linking import HOLDS_S, TOKEN, Link
from backend.telemetry import charging, charging_orders
from backend.telemetry.charging import IdToken
from backend.telemetry.charging_orders import RequestKind
from backend.telemetry.charging_sessions import Session

_U31 = (1 << 31) - 1
_REQUEST_HOLDS_MS = 60_000
_MOST_TOKENS = 20
_MOST_OPEN_REQUESTS = 10


class SessionPath(requests.Asked):
    """A charging session."""

    session: int = Field(ge=1, le=_U31)


class TokenPath(requests.Asked):
    """A token."""

    id_token: str = Field(min_length=4, max_length=20)


class RequestPath(requests.Asked):
    """A request."""

    request: int = Field(ge=1, le=_U31)


class LinkQuery(requests.Asked):
    """Which token is to be answered for."""

    id_token: str
    ev_id: int = Field(0, ge=0, le=_U31, description="car of the V2G contract; 0: none")

    @field_validator("id_token")
    @classmethod
    def _carried(cls, value: str) -> str:
        if not TOKEN.match(value.lower()):
            raise ValueError("must be 4 to 20 letters, digits or one of * _ = : + | @ . -")
        return value.lower()


class LinkBody(LinkQuery):
    """The text of `GET /charging/tokens/text`, signed."""

    issued_at: int = Field(ge=0, le=1 << 40)
    label: str = Field("", max_length=40)
    signature: str = Field(pattern=r"^0x([0-9a-fA-F]{2})+$", max_length=2 + 2 * 4096)


class AskBody(requests.Asked):
    """What a charge point is asked: start (with a token), stop (a session), reset or unlock."""

    charge_point: str = Field(min_length=1, max_length=48)
    kind: Literal["start", "stop", "reset", "unlock"]
    evse_id: int = Field(1, ge=1, le=100)
    id_token: str | None = Field(None, max_length=20, description="start: one of one's own")
    session: int | None = Field(None, ge=1, le=_U31, description="stop: which")
    hard: bool = Field(False, description="reset: at once")


def charging_blueprint(services: Services) -> APIBlueprint:
    """Charge points for all; sessions and tokens for whose they are."""
    api = APIBlueprint(
        "charging",
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name="charging", description="Charge points and charging sessions")],
    )
    reader = ChargingReader(services.store, services.clock)
    _public_routes(api, reader)
    _session_routes(api, services, reader)
    _token_routes(api, services)
    _request_routes(api, services, reader)
    return api


def _public_routes(api: APIBlueprint, reader: ChargingReader) -> None:
    @api.get("/charging", responses=described(schemas.Charging))
    def overview() -> Response:
        """Charge points, their plugs, and the service that talks to them."""
        return answer(reader.overview())


def _session_routes(api: APIBlueprint, services: Services, reader: ChargingReader) -> None:
    @api.get(
        "/charging/sessions", responses=described(schemas.Sessions, 400, 401), security=signed_in()
    )
    def charging_sessions(query: requests.Page) -> Response:
        """One's own sessions, newest first; the operator sees all."""
        account = services.access.account()
        of = None if services.access.is_operator(account) else account
        return answer(reader.sessions(of, query.limit, query.before))

    @api.get(
        "/charging/sessions/<int:session>",
        responses=described(schemas.SessionDetail, 401, 403, 404),
        security=signed_in(),
    )
    def charging_session(path: SessionPath) -> Response:
        """A session, what it was told, and its energy as charge point and meter count it."""
        return answer(reader.detail(_seen(services, reader, path.session)))


def _token_routes(api: APIBlueprint, services: Services) -> None:
    @api.get("/charging/tokens", responses=described(schemas.Tokens, 401), security=signed_in())
    def tokens() -> Response:
        """Tokens that the account answers for."""
        account = services.access.account()
        with services.store.read() as connection:
            return answer(charging_reader.tokens(charging.tokens_of(connection, account)))

    @api.get(
        "/charging/tokens/text",
        responses=described(schemas.LinkText, 400, 401, 403, 404),
        security=signed_in(),
    )
    def link_text(query: LinkQuery) -> Response:
        """The text that links a token to the account when it is signed."""
        now = int(services.clock())
        link = _link(services, query, services.access.account(), now)
        _check_car(services, link)
        return answer(schemas.LinkText(text=link.text, issued_at=now))

    @api.post(
        "/charging/tokens",
        responses=described(schemas.Tokens, 400, 401, 403, 404, 409),
        security=signed_in(),
    )
    def link_token(body: LinkBody) -> Response:
        """Links a token that was held to a charge point in the last ten minutes, or one's own; what
        it has begun where anybody may charge is then one's own too."""
        account = services.access.account()
        link = _link(services, body, account, body.issued_at)
        _check_signed(services, link, bytes.fromhex(body.signature[2:]))
        _check_car(services, link)
        evidence = {"text": link.text, "signature": body.signature}
        made = IdToken(
            link.id_token, account, body.ev_id or None, body.label, False, None,
            body.issued_at, evidence,
        )  # fmt: skip
        with services.store.write() as connection:
            _check_free(services, charging.token(connection, link.id_token), account, link)
            known = charging.token(connection, link.id_token)
            since_ms = int(services.clock() * 1000) - PRESENTED_MS
            if known is None and not charging.presented_since(connection, link.id_token, since_ms):
                message = "hold the token to a charge point first, then link it within ten minutes"
                raise ApiError(409, "not_presented", message, "id_token")
            mine = charging.tokens_of(connection, account)
            if len(mine) >= _MOST_TOKENS and known is None:
                message = f"an account answers for {_MOST_TOKENS} tokens at most: unlink one"
                raise ApiError(409, "too_many_tokens", message, "id_token")
            charging.put_token(connection, made)
            adopt(connection, made.id_token)
            return answer(charging_reader.tokens(charging.tokens_of(connection, account)))

    @api.delete(
        "/charging/tokens/<string:id_token>",
        responses=described(schemas.Tokens, 401, 404),
        security=signed_in(),
    )
    def unlink_token(path: TokenPath) -> Response:
        """Blocks one's own token: nobody charges with it until it is linked again."""
        account = services.access.account()
        with services.store.write() as connection:
            known = charging.token(connection, path.id_token)
            if known is None or known.account != account.lower():
                message = f"{path.id_token} is no token of this account"
                raise ApiError(404, "unknown_token", message, "id_token")
            charging.block(connection, known.id_token)
            return answer(charging_reader.tokens(charging.tokens_of(connection, account)))


def _request_routes(api: APIBlueprint, services: Services, reader: ChargingReader) -> None:
    @api.post(
        "/charging/requests",
        responses=described(schemas.Request, 400, 401, 403, 404, 409),
        security=signed_in(),
    )
    def ask(body: AskBody) -> Response:
        """Asks a charge point to start with one's token, to stop one's session, or (the operator)
        to reset or unlock."""
        account = services.access.account()
        kind, details = _allowed(services, reader, body, account)
        now_ms = int(services.clock() * 1000)
        with services.store.write() as connection:
            point = charging.get(connection, body.charge_point)
            if point is None or point.removed_at is not None:
                message = f"there is no charge point {body.charge_point}"
                raise ApiError(404, "unknown_charge_point", message, "charge_point")
            if not point.connected:
                message = f"{point.label} is not connected: it serves by itself"
                raise ApiError(409, "not_connected", message, "charge_point")
            waiting = [r for r in charging_orders.open_requests(connection) if r.account == account]
            if len(waiting) >= _MOST_OPEN_REQUESTS:
                message = "wait until what was asked before is answered"
                raise ApiError(409, "too_many_requests", message)
            request_id = charging_orders.ask(
                connection, body.charge_point, kind, details, account=account, now_ms=now_ms,
                expires_ms=now_ms + _REQUEST_HOLDS_MS,
            )  # fmt: skip
            found = charging_orders.request(connection, request_id)
        assert found is not None
        return answer(charging_reader.request(found))

    @api.get(
        "/charging/requests/<int:request>",
        responses=described(schemas.Request, 401, 404),
        security=signed_in(),
    )
    def asked(path: RequestPath) -> Response:
        """What became of a request of one's own."""
        account = services.access.account()
        with services.store.read() as connection:
            found = charging_orders.request(connection, path.request)
        if found is None or found.account != account:
            raise ApiError(404, "unknown_request", f"there is no request {path.request}", "request")
        return answer(charging_reader.request(found))


# ---- who may -------------------------------------------------------------------------------------


def _seen(services: Services, reader: ChargingReader, session_id: int) -> Session:
    account = services.access.account()
    found = reader.session(session_id)
    if found is None:
        raise ApiError(404, "unknown_session", f"there is no session {session_id}", "session")
    if found.account != account.lower() and not services.access.is_operator(account):
        message = "only whose token began a session and the operator may see it"
        raise ApiError(403, "not_yours", message)
    return found


def _allowed(
    services: Services, reader: ChargingReader, body: AskBody, account: str
) -> tuple[RequestKind, dict[str, object]]:
    """The request's kind and body; ApiError if it is not the caller's to ask."""
    match body.kind:
        case "start":
            with services.store.read() as connection:
                token = charging.token(connection, body.id_token or "")
            if token is None or token.account != account.lower() or token.blocked:
                message = "give a token that this account answers for"
                raise ApiError(403, "not_your_token", message, "id_token")
            return RequestKind.START, {"evseId": body.evse_id, "idToken": token.id_token}
        case "stop":
            if body.session is None:
                raise ApiError(400, "bad_request", "say which session", "session")
            session = _seen(services, reader, body.session)
            if session.charge_point_id != body.charge_point or not session.is_open:
                message = f"session {body.session} does not run at {body.charge_point}"
                raise ApiError(409, "not_running", message, "session")
            return RequestKind.STOP, {"sessionId": body.session}
    services.access.operator()
    if body.kind == "reset":
        return RequestKind.RESET, {"hard": body.hard}
    return RequestKind.UNLOCK, {"evseId": body.evse_id, "connectorId": 1}


def _link(services: Services, query: LinkQuery, account: str, issued_at: int) -> Link:
    return Link(query.id_token, account, query.ev_id, services.chain.chain_id, issued_at)


def _check_signed(services: Services, link: Link, signature: bytes) -> None:
    age_s = int(services.clock()) - link.issued_at
    if not -60 <= age_s <= HOLDS_S:
        raise ApiError(400, "too_old", "ask for a new text and sign that", "issued_at")
    if not is_signed(services.chain, link.account, link.text, signature):
        message = f"the signature is not of this text by {link.account}"
        raise ApiError(403, "bad_signature", message, "signature")


def _check_car(services: Services, link: Link) -> None:
    """A card speaks for a car of its account: with another's it could begin what that owner has
    signed, with any car at the plug."""
    if link.ev_id == 0:
        return
    owner = owner_of_car(services.chain, link.ev_id, "ev_id")
    if owner.lower() != link.account.lower():
        raise ApiError(403, "not_your_car", f"car {link.ev_id} is another wallet's", "ev_id")


def _check_free(services: Services, known: IdToken | None, account: str, link: Link) -> None:
    """A token is its account's until that lets go of it; a message that was used is used up."""
    if known is None:
        return
    others = known.account is not None and known.account != account.lower()
    if others and not known.blocked:
        message = "another account answers for this token: it must be unlinked there first"
        raise ApiError(409, "taken", message, "id_token")
    if link.issued_at <= known.linked_at:
        raise ApiError(409, "used", "this text was used before: ask for a new one", "issued_at")

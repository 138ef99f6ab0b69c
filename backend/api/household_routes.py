"""What a household may ask about its own meter, and signing in to do so."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from backend.api import requests, schemas, service_schemas
from backend.api.answer import answer, described, signed_in
from backend.api.errors import ApiError
from backend.api.public_routes import mode_name
from backend.api.services import Services
from backend.api.sign_in import RateLimit, SignIn, SignInError
from backend.api.slot_reader import register_answer
from backend.chain.contracts import Call
from backend.oracle.registers import Registers, unpack_registers
from backend.telemetry import access, readings
from backend.telemetry.readings import StoredReading

_NO_BATTERY = 0xFFFF
_MOST_BILLS = 60
_FOREVER = (1 << 62) - 1


def household_blueprint(services: Services, sign_in: SignIn) -> APIBlueprint:
    """Routes that need a wallet's session."""
    api = APIBlueprint(
        "household",
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name="household", description="With a session, for one's own meter")],
    )
    _session_routes(api, services, sign_in)
    _meter_routes(api, services)
    _proof_route(api, services)
    return api


# ---- signing in --------------------------------------------------------------------------------


def _session_routes(api: APIBlueprint, services: Services, sign_in: SignIn) -> None:
    limit = RateLimit(services.settings.auth_requests_per_minute, 60.0)

    def slow_down() -> None:
        wait_s = limit.wait_s(request.remote_addr or "")
        if wait_s > 0:
            raise ApiError(
                429,
                "too_many_requests",
                "too many sign-in requests from this address: wait a little",
                retry_after_s=int(wait_s) + 1,
            )

    @api.get("/auth/challenge", responses=described(service_schemas.Challenge, 400, 429))
    def challenge(query: requests.ChallengeQuery) -> Response:
        """An EIP-4361 message for a wallet to sign."""
        slow_down()
        made = sign_in.challenge(query.account, *_site(services))
        return answer(service_schemas.Challenge(message=made.message, expires_at=made.expires_at))

    @api.post("/auth/session", responses=described(service_schemas.Session, 400, 401, 403, 429))
    def open_session(body: requests.SessionBody) -> Response:
        """Trades a signed challenge for a session."""
        slow_down()
        domain, _ = _site(services)
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != domain:
            raise ApiError(403, "wrong_origin", f"sign in on {domain} itself, not from {origin}")
        signature = bytes.fromhex(body.signature[2:])
        try:
            token, account, expires_at = sign_in.open_session(body.message, signature, domain)
        except SignInError as error:
            raise ApiError(401, error.code, str(error)) from None
        return answer(service_schemas.Session(token=token, account=account, expires_at=expires_at))

    @api.delete(
        "/auth/session", responses={"204": {"description": "signed out"}}, security=signed_in()
    )
    def close_session() -> Response:
        """Ends the session of this request's token."""
        _, _, token = request.headers.get("Authorization", "").partition(" ")
        sign_in.close_session(token.strip())
        return Response(status=204)


def _site(services: Services) -> tuple[str, str]:
    """Host and address by which people know this service: what a wallet shows."""
    url = services.settings.public_url or request.url_root.rstrip("/")
    return urlsplit(url).netloc, url


# ---- one's own meter ---------------------------------------------------------------------------


def _meter_routes(api: APIBlueprint, services: Services) -> None:
    @api.get(
        "/meters/<int:meter>/readings",
        responses=described(schemas.Readings, 400, 401, 403, 404),
        security=signed_in(or_not=True),
    )
    def meter_readings(path: requests.MeterPath, query: requests.ReadingsQuery) -> Response:
        """A meter's readings, for its holder and the operator; the community's own for all."""
        permission = services.access.see(path.meter, "readings", public=True)
        start = max(query.start or 0, permission.since)
        end = _FOREVER if query.end is None else query.end
        return answer(_read_readings(services, path.meter, start, end, query))

    @api.get(
        "/meters/<int:meter>/account",
        responses=described(schemas.MeterAccount, 401, 403, 404, 503),
        security=signed_in(),
    )
    def account(path: requests.MeterPath) -> Response:
        """Registers, debt, terms and bills of a meter."""
        services.access.see(path.meter, "account")
        return answer(_read_account(services, path.meter))

    @api.get(
        "/meters/<int:meter>/access-log",
        responses=described(schemas.AccessPage, 401, 403, 404),
        security=signed_in(),
    )
    def access_log(path: requests.MeterPath, query: requests.Page) -> Response:
        """Who looked at a meter's data, for its holder."""
        permission = services.access.holder(path.meter)
        with services.store.read() as connection:
            found = access.of_meter(connection, path.meter, query.limit + 1, query.before)
        mine = [(key, entry) for key, entry in found if entry.at >= permission.since]
        return answer(access_page(mine, query.limit))


def _proof_route(api: APIBlueprint, services: Services) -> None:
    @api.get(
        "/slots/<int:slot>/proof/<int:meter>",
        responses=described(schemas.LeafProof, 401, 403, 404),
        security=signed_in(),
    )
    def proof(path: requests.ProofPath) -> Response:
        """What it takes to check a meter's line against the root on chain.

        A proof shows the sums of its siblings: only the meter's holder and the operator get it.
        """
        permission = services.access.see(path.meter, f"proof of slot {path.slot}")
        slot_seconds = services.chain.deployment.slot_seconds
        if (path.slot + 1) * slot_seconds <= permission.since:
            raise ApiError(
                403, "before_your_time", f"meter {path.meter} was another household's then", "slot"
            )
        found = services.proofs.proof(path.slot, path.meter)
        if found is None:
            message = f"slot {path.slot} has no line of meter {path.meter} here"
            raise ApiError(404, "unknown_leaf", message, "slot")
        return answer(found)


# ---- readers -----------------------------------------------------------------------------------


def _read_readings(
    services: Services, meter: int, start: int, end: int, query: requests.ReadingsQuery
) -> schemas.Readings:
    with services.store.read() as connection:
        if query.resolution == "slot":
            seconds = services.chain.deployment.slot_seconds
            found = readings.last_of_slots(connection, meter, start, end, seconds, query.limit + 1)
        else:
            found = readings.between(connection, meter, start, end, query.limit + 1)
    more = found[query.limit].measured_at if len(found) > query.limit else None
    return schemas.Readings(
        readings=[reading_answer(reading) for reading in found[: query.limit]], next_from=more
    )


def reading_answer(reading: StoredReading) -> schemas.Reading:
    """A booked reading as the API shows it."""
    return schemas.Reading(
        **readings.registers_by_name(reading),
        measured_at=reading.measured_at,
        received_ms=reading.received_ms,
        voltage_dv=reading.voltage_dv,
        current_ma=reading.current_ma,
        power_w=reading.power_w,
        power_factor_pm=reading.power_factor_pm,
        temperature_dc=reading.temperature_dc,
        soc_bp=None if reading.soc_bp == _NO_BATTERY else reading.soc_bp,
        relays=reading.relays,
        status=reading.status,
    )


def _read_account(services: Services, meter_id: int) -> schemas.MeterAccount:
    views, clients = services.chain.views, services.chain.clients
    meter = views.meter(meter_id)
    calls: list[Call[Any]] = [
        clients.ledger.settled_registers(meter_id),
        clients.ledger.debt_of(meter_id),
        clients.market.is_suspended(meter_id),
        clients.tariff.bills_of(meter_id),
    ]
    settled, debt, suspended, bill_ids = views.ask_many(calls)
    newest_bills = bill_ids[-_MOST_BILLS:]
    bills = views.ask_many([clients.tariff.bill(bill_id) for bill_id in newest_bills])
    with services.store.read() as connection:
        newest = readings.latest_of(connection, meter_id)
    mine = [
        (bill_id, bill)
        for bill_id, bill in zip(newest_bills, bills, strict=True)
        if bill.holder.lower() == meter.holder.lower()
    ]
    return schemas.MeterAccount(
        meter_id=meter_id,
        registers=register_answer(Registers(*newest.registers)) if newest else None,
        settled_registers=register_answer(unpack_registers(settled)),
        debt_wh=debt,
        mode=mode_name(meter.mode),
        changing=meter.changing,
        leaving=meter.leaving,
        suspended=suspended,
        subscription=meter.subscription,
        bills=[
            schemas.Bill(
                bill_id=bill_id,
                issued_at=bill.issued_at,
                due_at=bill.due_at,
                consumed_wh=bill.consumed_wh,
                exported_wh=bill.exported_wh,
                charge_micro_inr=bill.charge_micro_inr,
                credit_micro_inr=bill.credit_micro_inr,
                paid=bill.paid,
            )
            for bill_id, bill in reversed(mine)
        ],
    )


def access_page(found: list[tuple[int, access.AccessEntry]], limit: int) -> schemas.AccessPage:
    """A page of looks from one entry more than it shows."""
    shown = found[:limit]
    return schemas.AccessPage(
        entries=[
            schemas.AccessEntry(
                meter_id=entry.meter_id,
                at=entry.at,
                account=entry.account,
                role="operator" if entry.role == "operator" else "holder",
                what=entry.what,
            )
            for _, entry in shown
        ],
        next_before=shown[-1][0] if len(found) > limit else None,
    )

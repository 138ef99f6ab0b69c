"""Renewable certificates: the public register, its export, and what a producer and a user need."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from flask import Response, stream_with_context
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from flask_openapi3.types import ResponseDict
from pydantic import Field, field_validator

from backend.api import certificate_schemas as schemas
from backend.api import requests
from backend.api.access import Permission
from backend.api.answer import answer, described, signed_in
from backend.api.certificate_reader import CertificateReader
from backend.api.errors import ApiError
from backend.api.services import Services
from backend.telemetry.certificates import CertificateState, LotState, Search

_U63 = (1 << 63) - 1
_DAY_S = 86_400
_LONGEST_S = 31 * _DAY_S


class CertificatePath(requests.Asked):
    """A certificate."""

    certificate: int = Field(ge=1, le=_U63)


class CertificatesQuery(requests.Page):
    """Which certificates; without a filter, all."""

    owner: requests.Address | None = None
    beneficiary: requests.Address | None = None
    meter: requests.MeterId | None = None
    state: CertificateState | None = None
    offered: bool = Field(False, description="only what can be bought now")


class RequestsQuery(requests.Asked):
    """Which requests."""

    state: LotState | None = None
    producer: requests.Address | None = None
    limit: int = Field(100, ge=1, le=500)


class ClaimQuery(requests.Asked):
    """A period: slots after `from` up to `to`."""

    from_slot: int = Field(alias="from", ge=0, le=_U63)
    to_slot: int = Field(alias="to", ge=0, le=_U63)

    @field_validator("to_slot")
    @classmethod
    def _ends_later(cls, value: int, info: object) -> int:
        start = getattr(info, "data", {}).get("from_slot")
        if start is not None and value <= start:
            raise ValueError("must be later than `from`")
        return value


class SpanQuery(requests.Asked):
    """A span of time; by default the last day."""

    start: int | None = Field(None, alias="from", ge=0, le=_U63, description="Unix seconds")
    end: int | None = Field(None, alias="to", ge=0, le=_U63, description="Unix seconds, exclusive")


def certificate_blueprint(services: Services) -> APIBlueprint:
    """The register is on chain for everybody; proofs and use are for who holds the meter."""
    api = APIBlueprint(
        "certificates",
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name="certificates", description="Renewable certificates and green use")],
    )
    reader = CertificateReader(services.store, services.chain, services.proofs, services.clock)
    _register_routes(api, reader)
    _export_routes(api, reader)
    _producer_routes(api, services, reader)
    _use_routes(api, services, reader)
    return api


def _register_routes(api: APIBlueprint, reader: CertificateReader) -> None:
    @api.get("/certificates", responses=described(schemas.CertificatePage, 400))
    def certificates(query: CertificatesQuery) -> Response:
        """The register, newest first."""
        search = Search(
            owner=_lower(query.owner),
            meter_id=query.meter,
            state=query.state,
            beneficiary=_lower(query.beneficiary),
            offered=reader.sales() if query.offered else None,
        )
        return answer(reader.page(search, query.limit, query.before))

    @api.get("/certificates/<int:certificate>", responses=described(schemas.CertificateDetail, 404))
    def certificate(path: CertificatePath) -> Response:
        """One certificate and its lot."""
        found = reader.get(path.certificate)
        if found is None:
            message = f"there is no certificate {path.certificate}"
            raise ApiError(404, "unknown_certificate", message, "certificate")
        return answer(found)

    @api.get("/certificates/requests", responses=described(schemas.Lots, 400))
    def certificate_requests(query: RequestsQuery) -> Response:
        """Requests and what became of them, newest first."""
        return answer(reader.requests(query.state, _lower(query.producer), query.limit))


def _export_routes(api: APIBlueprint, reader: CertificateReader) -> None:
    @api.get("/certificates/export.json", responses=described(schemas.Export))
    def export_json() -> Response:
        """The whole register by the names of EnergyTag's registries."""
        return answer(schemas.Export(registry=reader.registry, bundles=list(reader.bundles())))

    described_csv: ResponseDict = {
        "200": {
            "description": "one line a certificate, the columns of Bundle",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    }

    @api.get("/certificates/export.csv", responses=described_csv)
    def export_csv() -> Response:
        """The same as a table."""
        body = stream_with_context(csv_lines(reader.bundles()))
        response = Response(body, mimetype="text/csv")
        response.headers["Cache-Control"] = "no-store"
        response.headers["Content-Disposition"] = "attachment; filename=certificates.csv"
        return response


def _producer_routes(api: APIBlueprint, services: Services, reader: CertificateReader) -> None:
    @api.get(
        "/meters/<int:meter>/certifiable",
        responses=described(schemas.OpenPeriods, 400, 401, 403, 404),
        security=signed_in(),
    )
    def certifiable(path: requests.MeterPath, query: SpanQuery) -> Response:
        """What a meter generated and nobody has asked to certify: the last week's, by default."""
        permission = services.access.see(path.meter, "generation")
        start = query.start if query.start is not None else int(services.clock()) - 7 * _DAY_S
        return answer(reader.open_periods(path.meter, max(start, permission.since)))

    @api.get(
        "/meters/<int:meter>/certificate-claim",
        responses=described(schemas.Claim, 400, 401, 403, 404, 409),
        security=signed_in(),
    )
    def certificate_claim(path: requests.MeterPath, query: ClaimQuery) -> Response:
        """Proofs of both ends of a period, for a request on chain.

        A proof shows the sums of its siblings: only the meter's holder and the operator get it.
        """
        what = f"proofs of slots {query.from_slot} and {query.to_slot}"
        permission = services.access.see(path.meter, what)
        _require_own(services, permission, query.from_slot)
        return answer(reader.claim(path.meter, query.from_slot, query.to_slot))


def _use_routes(api: APIBlueprint, services: Services, reader: CertificateReader) -> None:
    @api.get(
        "/meters/<int:meter>/green-share",
        responses=described(schemas.GreenShare, 400, 401, 403, 404),
        security=signed_in(),
    )
    def green_share(path: requests.MeterPath, query: SpanQuery) -> Response:
        """Which part of a meter's use retired certificates cover, hour by hour."""
        permission = services.access.see(path.meter, "green share")
        end = query.end if query.end is not None else int(services.clock())
        start = query.start if query.start is not None else end - _DAY_S
        if not start < end <= start + _LONGEST_S:
            message = "`to` must be after `from`, by 31 days at most"
            raise ApiError(400, "bad_span", message, "to")
        return answer(reader.green_share(path.meter, max(start, permission.since), end))


def csv_lines(bundles: Iterator[schemas.Bundle]) -> Iterator[str]:
    """A table with a heading; what people wrote cannot become a spreadsheet's formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(schemas.Bundle.model_fields)
    yield buffer.getvalue()
    for bundle in bundles:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(_harmless(value) for value in bundle.model_dump().values())
        yield buffer.getvalue()


def _harmless(value: object) -> object:
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value


def _require_own(services: Services, permission: Permission, slot: int) -> None:
    """The period begins in the time that the caller may see."""
    if (slot + 1) * services.chain.deployment.slot_seconds <= permission.since:
        message = f"meter {permission.meter_id} was another household's then"
        raise ApiError(403, "before_your_time", message, "from")


def _lower(account: str | None) -> str | None:
    return None if account is None else account.lower()

"""Incentives: projects, the policy's path, what the community's energy comes to, and what an
investment is worth."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from backend.api import incentive_schemas as schemas
from backend.api import requests
from backend.api.answer import answer, described, signed_in
from backend.api.errors import ApiError
from backend.api.incentive_reader import IncentiveReader
from backend.api.services import Services
from backend.sustainability import Investment, worth
from backend.telemetry.incentives import ProjectState

_U63 = (1 << 63) - 1
_DAY_S = 86_400
_LONGEST_S = 31 * _DAY_S
_SPANS_S = {"hour": 3_600, "day": _DAY_S, "minute": 60}


class ProjectsQuery(requests.Page):
    """Which projects; without a filter, all."""

    state: ProjectState | None = None
    submitter: requests.Address | None = None


class UpdatesQuery(requests.Asked):
    """How many policy updates."""

    limit: int = Field(60, ge=1, le=500)


class MeasuresQuery(requests.Asked):
    """A span of time, by default the last day, in parts."""

    start: int | None = Field(None, alias="from", ge=0, le=_U63, description="Unix seconds")
    end: int | None = Field(None, alias="to", ge=0, le=_U63, description="Unix seconds, exclusive")
    by: str = Field("hour", pattern="^(minute|hour|day)$")


class WorthQuery(requests.Asked):
    """An investment; see backend/sustainability/economics.py."""

    cost_micro_inr: int = Field(gt=0, le=10**18)
    yearly_cost_micro_inr: int = Field(0, ge=0, le=10**18)
    first_year_wh: int = Field(gt=0, le=10**13)
    decline_ppm: int = Field(5_000, ge=0, le=500_000)
    years: int = Field(20, ge=1, le=60)
    value_micro_inr_per_kwh: int = Field(ge=0, le=10**12)
    discount_ppm: int = Field(80_000, ge=0, le=1_000_000)
    grant_micro_inr: int = Field(0, ge=0, le=10**18)


def incentive_blueprint(services: Services) -> APIBlueprint:
    """Projects and policy are on chain for everybody; proofs are for who holds the meter."""
    api = APIBlueprint(
        "incentives",
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name="incentives", description="Incentives and the sustainability policy")],
    )
    reader = IncentiveReader(services.store, services.chain, services.proofs)
    _project_routes(api, services, reader)
    _measure_routes(api, services, reader)
    return api


def _project_routes(api: APIBlueprint, services: Services, reader: IncentiveReader) -> None:
    @api.get("/incentives", responses=described(schemas.Overview, 404))
    def overview() -> Response:
        """The budget, what projects are held to, and the parameters in force."""
        return answer(reader.overview())

    @api.get("/incentives/projects", responses=described(schemas.ProjectPage, 400))
    def projects(query: ProjectsQuery) -> Response:
        """Projects and what became of them, newest first."""
        states = list(ProjectState) if query.state is None else [query.state]
        now_s = int(services.clock())
        return answer(reader.projects(states, query.submitter, query.limit, query.before, now_s))

    @api.get("/incentives/policy", responses=described(schemas.PolicyUpdates, 400, 404))
    def policy(query: UpdatesQuery) -> Response:
        """What the oracle nodes signed of the policy's epochs, newest first, and why it moved."""
        return answer(reader.updates(query.limit))

    @api.get(
        "/meters/<int:meter>/access-claim",
        responses=described(schemas.AccessClaim, 401, 403, 404),
        security=signed_in(),
    )
    def access_claim(path: requests.MeterPath) -> Response:
        """Proofs of a household's use in the newest policy epoch, for a project's equity boost.

        A proof shows the sums of its siblings: only the meter's holder and the operator get it.
        """
        permission = services.access.see(path.meter, "proofs of a policy epoch")
        found = reader.access_claim(path.meter)
        if (found.from_slot + 1) * services.chain.deployment.slot_seconds <= permission.since:
            message = f"meter {path.meter} was another household's when this epoch began"
            raise ApiError(403, "before_your_time", message)
        return answer(found)


def _measure_routes(api: APIBlueprint, services: Services, reader: IncentiveReader) -> None:
    @api.get("/incentives/measures", responses=described(schemas.Measured, 400))
    def measures(query: MeasuresQuery) -> Response:
        """CI, RUR, PAR, the resilience factor and the grid's flow, from committed slots."""
        end = query.end if query.end is not None else int(services.clock())
        start = query.start if query.start is not None else end - _DAY_S
        if not start < end <= start + _LONGEST_S:
            raise ApiError(400, "bad_span", "`to` must be after `from`, by 31 days at most", "to")
        return answer(reader.measured(start, end, _SPANS_S[query.by]))

    @api.get("/incentives/worth", responses=described(schemas.Worth, 400))
    def what_it_is_worth(query: WorthQuery) -> Response:
        """Net present value and levelised cost of energy, without and with a grant."""
        if query.grant_micro_inr > query.cost_micro_inr:
            message = "a grant is at most what it is for: cost_micro_inr"
            raise ApiError(400, "grant_above_cost", message, "grant_micro_inr")
        plant = Investment(**query.model_dump(exclude={"grant_micro_inr"}))
        npv, lcoe = worth(plant)
        granted_npv, granted_lcoe = worth(plant, query.grant_micro_inr)
        return answer(
            schemas.Worth(
                npv_micro_inr=npv,
                lcoe_micro_inr_per_kwh=lcoe,
                npv_with_grant_micro_inr=granted_npv,
                lcoe_with_grant_micro_inr_per_kwh=granted_lcoe,
            )
        )

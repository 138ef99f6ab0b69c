"""Hands for the simulation, in the demonstration and nowhere else.

The routes exist where the chain is the demo's and the service was told the control port of a
neighbourhood on this machine (`create_app`). They pass on cuts of links, jamming, and visits of
cars that are sent for, and take them from this machine alone: whoever runs the demo may disturb it.
"""

from __future__ import annotations

import ipaddress
from typing import Any

import requests as http
from flask import Response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from backend import signals
from backend.api import field_schemas as schemas
from backend.api import requests
from backend.api.answer import answer, described
from backend.api.errors import ApiError
from backend.api.services import Services

_TIMEOUT_S = 3.0
_STAYS_MINUTES = 7 * 1440
"""Simulated: until it is sent away."""
_NAMES_OF_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "[::1]"})


class LinkBody(requests.Asked):
    """Whether anything passes by radio between two boards."""

    a: requests.MeterId
    b: requests.MeterId
    cut: bool


class JamBody(requests.Asked):
    """Whether ESP-NOW is jammed for all boards."""

    jam: bool


class CarBody(requests.Asked):
    """A car that is sent for comes to a charge point that is free, or leaves."""

    name: str = Field(min_length=1, max_length=60)
    here: bool


def demo_blueprint(services: Services) -> APIBlueprint:
    """The simulated air, and cars that are sent for."""
    api = APIBlueprint(
        "demo",
        __name__,
        url_prefix="/api/demo",
        abp_tags=[Tag(name="demo", description="The simulation; only in the demonstration")],
    )

    @api.get("/field", responses=described(schemas.DemoField, 403, 503))
    def field() -> Response:
        """Where boards stand, and which links are cut."""
        _only_from_here()
        return answer(_read(services))

    @api.post("/links", responses=described(schemas.DemoField, 400, 403, 503))
    def link(body: LinkBody) -> Response:
        """Cuts a link, or restores it; the air as it is then."""
        _only_from_here()
        return _disturb(services, body.model_dump())

    @api.post("/jam", responses=described(schemas.DemoField, 400, 403, 503))
    def jam(body: JamBody) -> Response:
        """Jams ESP-NOW, or no longer; the air as it is then."""
        _only_from_here()
        return _disturb(services, body.model_dump())

    @api.get("/cars", responses=described(schemas.DemoCars, 403, 503))
    def cars() -> Response:
        """Cars that come when they are sent for."""
        _only_from_here()
        return answer(_cars(services))

    @api.post("/cars", responses=described(schemas.DemoCars, 400, 403, 503))
    def car(body: CarBody) -> Response:
        """Sends for such a car, or sends it away; where they are then."""
        _only_from_here()
        if body.name not in {one.name for one in _cars(services).cars}:
            raise ApiError(400, "invalid_field", f"nobody can send for {body.name}", "name")
        stays = {"minutes": _STAYS_MINUTES} if body.here else {}
        _ask(services, "/car", {"name": body.name, "here": body.here, **stays})
        return answer(_cars(services))

    return api


def _disturb(services: Services, order: dict[str, Any]) -> Response:
    _ask(services, "/radio", order)
    signals.field_told.send(services, node_id=0)
    return answer(_read(services))


def _only_from_here() -> None:
    """Refuses who is not at this machine, and pages of other names that resolve to it."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    try:
        here = ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        here = False
    if not here or host not in _NAMES_OF_THIS_MACHINE:
        message = "the simulation is changed from the machine that runs it: open localhost"
        raise ApiError(403, "not_here", message)


def _read(services: Services) -> schemas.DemoField:
    found = _ask(services, "/field")
    return schemas.DemoField(
        nodes=[
            schemas.DemoPlace(
                node_id=node["node_id"], x_m=node["x_m"], y_m=node["y_m"], on=node["on"]
            )
            for node in found["nodes"]
        ],
        cuts=[schemas.DemoCut(a=link["a"], b=link["b"]) for link in found["links"] if link["cut"]],
        jammed=bool(found.get("jammed")),
    )


def _cars(services: Services) -> schemas.DemoCars:
    found = _ask(services, "/state")["cars"]
    return schemas.DemoCars(
        cars=[
            schemas.DemoCar(name=name, id_token=car["token"], charge_point_id=car["charger"])
            for name, car in found.items()
            if car["sent_for"]
        ]
    )


def _ask(services: Services, path: str, body: dict[str, Any] | None = None) -> Any:
    url = f"{services.settings.demo_control_url}{path}"
    try:
        method = "GET" if body is None else "POST"
        said = http.request(method, url, json=body, timeout=_TIMEOUT_S)
        document = said.json()
    except (http.RequestException, ValueError):
        message = "the simulated neighbourhood does not answer: try again when it runs"
        raise ApiError(503, "simulation_away", message, retry_after_s=2) from None
    if said.status_code == 400:
        error = document["error"]
        raise ApiError(400, "invalid_field", error["message"], error["field"])
    if not said.ok:
        raise ApiError(503, "simulation_away", f"the simulated neighbourhood: {said.status_code}")
    return document

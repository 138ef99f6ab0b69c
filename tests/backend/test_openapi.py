"""The API's description: valid, whole, and true of what is answered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from api_world import OPERATOR, RESIDENT, World
from jsonschema import Draft202012Validator
from local_chain import Anvil, development_account
from openapi_spec_validator import validate
from price_kit import terms
from referencing import Registry, Resource

from backend.chain.deployment import Deployment
from backend.ingest.frame_values import Event, EventKind
from backend.telemetry import prices
from backend.telemetry.prices import StoredOpinion, StoredRound

pytest_plugins = ["api_world"]

RESIDENT_ADDRESS = development_account(RESIDENT).address


@pytest.fixture
def document(quiet_world: World) -> Any:
    return quiet_world.get("/api/openapi.json")


def test_it_is_valid_openapi(document: Any) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


def test_every_route_of_the_api_is_in_it(quiet_world: World, document: Any) -> None:
    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for rule in quiet_world.app.url_map.iter_rules()
        if rule.rule.startswith("/api/") and "openapi" not in rule.rule
    }
    assert routes == set(document["paths"])


def test_every_operation_says_what_it_does_and_how_it_refuses(document: Any) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["tags"], where
            codes = set(operation["responses"])
            assert codes & {"200", "204"}, where
            for code in codes - {"200", "204"}:
                schema = operation["responses"][code]["content"]["application/json"]["schema"]
                assert "ErrorAnswer" in str(schema), (where, code)
            if operation.get("security"):
                assert "401" in codes or path == "/api/auth/session", where


_ROUND = StoredRound(
    7, 1, "0x" + "1" * 40, 0, 100_000, [], 6_000_000, 6_000_000, None, 100, 6_000_000,
    None, None, None,
)  # fmt: skip


@pytest.fixture(scope="module")
def lived_in(
    deployed_community: tuple[Anvil, Deployment], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A community with something to show of each kind."""
    world = World(tmp_path_factory.mktemp("lived-in"), *deployed_community)
    world.report(4, 10)
    world.report(3, 0, soc_bp=5000)
    world.meter(4).count(10_000_000)
    assert world.report(4) == "quarantined_step"
    event = Event(EventKind.GRID_LOST, 0xFF, 0)
    assert world.send(world.meter(1).frame(event, int(world.now()))) == ["accepted"]
    world.close_slot(100, 0, {4: 10})
    with world.oracle.follower._store.write() as connection:
        prices.put_decision(connection, _ROUND)
        prices.put_opinions(
            connection, [StoredOpinion(7, "0x" + "1" * 40, 6_000_000, 100, terms(5_000))]
        )
    world.get("/api/meters/4/account", world.sign_in(OPERATOR))
    yield world
    world.close()


def _schema_of(document: Any, path: str, method: str = "get") -> Any:
    content = document["paths"][path][method]["responses"]["200"]["content"]
    return content["application/json"]["schema"]


@pytest.mark.parametrize(
    ("path", "request_path", "who"),
    [
        ("/api/health", "/api/health", None),
        ("/api/summary", "/api/summary", None),
        ("/api/config", "/api/config", None),
        ("/api/slots", "/api/slots", None),
        ("/api/slots/{slot}", "/api/slots/100", None),
        ("/api/slots/latest", "/api/slots/latest", None),
        ("/api/history", f"/api/history?account={RESIDENT_ADDRESS}", None),
        ("/api/meters", "/api/meters", None),
        ("/api/relays", "/api/relays", None),
        ("/api/prices", "/api/prices", None),
        ("/api/prices/{round}", "/api/prices/7", None),
        ("/api/events", "/api/events?limit=500", None),
        ("/api/auctions", "/api/auctions", None),
        ("/api/interconnection", "/api/interconnection?limit=5", None),
        ("/api/v2g", "/api/v2g", None),
        ("/api/v2g/cars", "/api/v2g/cars", None),
        ("/api/v2g/sessions", "/api/v2g/sessions?limit=5", None),
        ("/api/certificates", "/api/certificates?limit=5", None),
        ("/api/certificates/requests", "/api/certificates/requests?state=requested", None),
        ("/api/certificates/export.json", "/api/certificates/export.json", None),
        ("/api/witness", "/api/witness", None),
        ("/api/meters/{meter}/signed", "/api/meters/4/signed", RESIDENT),
        ("/api/meters/{meter}/certifiable", "/api/meters/4/certifiable", RESIDENT),
        ("/api/meters/{meter}/green-share", "/api/meters/4/green-share", RESIDENT),
        ("/api/markets", "/api/markets", None),
        ("/api/markets/day-ahead/{slot}", "/api/markets/day-ahead/100", None),
        ("/api/meters/{meter}/orders", "/api/meters/4/orders", RESIDENT),
        ("/api/meters/{meter}/statements", "/api/meters/4/statements?from=0&to=900", RESIDENT),
        ("/api/meters/{meter}/readings", "/api/meters/4/readings", RESIDENT),
        ("/api/meters/{meter}/account", "/api/meters/4/account", RESIDENT),
        ("/api/meters/{meter}/access-log", "/api/meters/4/access-log", RESIDENT),
        ("/api/operator/quarantine", "/api/operator/quarantine", OPERATOR),
        ("/api/operator/nodes", "/api/operator/nodes", OPERATOR),
        ("/api/operator/node-events", "/api/operator/node-events", OPERATOR),
        ("/api/operator/access", "/api/operator/access", OPERATOR),
    ],
)
def test_what_is_answered_is_as_it_is_described(
    lived_in: World, path: str, request_path: str, who: int | None
) -> None:
    document = lived_in.get("/api/openapi.json")
    headers = lived_in.sign_in(who) if who is not None else None
    answer = lived_in.get(request_path, headers)
    resource = Resource.from_contents(
        document | {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    )
    registry = Registry().with_resource("urn:api", resource)
    schema = _schema_of(document, path)
    assert schema, path
    wrapped = {"$ref": "urn:api" + schema["$ref"]}
    Draft202012Validator(wrapped, registry=registry).validate(answer)

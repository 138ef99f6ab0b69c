"""A price node's doors: who may ask, what is refused, and that nothing said there stops it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from local_chain import FIRST_SIGNER, RELAYER, STRANGER, development_account
from price_kit import use_feed

from backend.chain.context import ChainContext
from backend.oracle.digests import request_digest, sign
from backend.oracle.node import OracleNode
from backend.oracle.price_messages import Observed
from backend.oracle.price_node import PriceNode, PriceSettings
from backend.oracle.price_transport import PATH, SIGNER_HEADER, PeerLink
from backend.oracle.price_view import PriceView
from backend.oracle.signed_state import SignedState
from backend.oracle.signer import create_signer_app, make_signer_server

pytest_plugins = ["oracle_fixtures"]

ROUNDS = "/v1/price/rounds"


@pytest.fixture
def price(chain: ChainContext, tmp_path: Any) -> PriceNode:
    """A node whose rounds a test steps by itself; the other two of the quorum are away."""
    use_feed(chain)
    view = PriceView(SignedState(tmp_path / "price.sqlite"), 900.0)
    account = development_account(FIRST_SIGNER)
    settings = PriceSettings(round_s=15)
    return PriceNode(account, chain, view, [], settings, opinion_of=lambda _round: 6_500_000)


@pytest.fixture
def client(make_oracle_node: Callable[..., OracleNode], price: PriceNode) -> FlaskClient:
    return create_signer_app(make_oracle_node(0), price).test_client()


def ask(client: FlaskClient, body: bytes, account: int = RELAYER) -> Any:
    signature = sign(development_account(account), request_digest(ROUNDS, body))
    headers = {"Authorization": "Ohmstead 0x" + signature.hex()}
    return client.post(ROUNDS, data=body, headers=headers)


def test_a_round_begins_and_is_reported(client: FlaskClient, price: PriceNode) -> None:
    price.step()
    (report,) = ask(client, b'{"after": 0}').get_json()["rounds"]
    assert report["signer"] == development_account(FIRST_SIGNER).address
    assert report["price"] == 6_500_000
    assert report["decided"] is None
    after = json.dumps({"after": report["round"]}).encode()
    assert ask(client, after).get_json()["rounds"] == []


def test_where_the_market_follows_another_source_no_round_begins(
    chain: ChainContext, tmp_path: Any
) -> None:
    view = PriceView(SignedState(tmp_path / "price.sqlite"), 900.0)
    account = development_account(FIRST_SIGNER)
    node = PriceNode(account, chain, view, [], PriceSettings(), opinion_of=lambda _round: 1)
    node.step()
    assert node.reports(0) == []


def test_one_that_is_no_signer_takes_no_part(chain: ChainContext, tmp_path: Any) -> None:
    use_feed(chain)
    view = PriceView(SignedState(tmp_path / "price.sqlite"), 900.0)
    stranger = development_account(STRANGER)
    node = PriceNode(stranger, chain, view, [], PriceSettings(), opinion_of=lambda _round: 1)
    node.step()
    assert node.reports(0) == []


def test_reports_are_for_relayers(client: FlaskClient) -> None:
    assert client.post(ROUNDS, data=b'{"after": 0}').status_code == 401
    assert ask(client, b'{"after": 0}', STRANGER).status_code == 401


@pytest.mark.parametrize("body", [b"", b"[]", b'{"after": -1}', b'{"after": "0"}'])
def test_malformed_questions(client: FlaskClient, body: bytes) -> None:
    refused = ask(client, body)
    assert (refused.status_code, refused.get_json()["error"]["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"rain", "a message must be an object"),
        (b"[1]", "a message must be an object"),
        (b'[{"kind": "rumour"}]', "kind"),
        (b'[{"kind": "observed", "round": 1}]', "sender"),
    ],
)
def test_messages_that_are_none(client: FlaskClient, body: bytes, names: str) -> None:
    refused = client.post(PATH, data=body, content_type="application/json")
    assert refused.status_code == 400
    assert names in refused.get_json()["error"]["message"]


def test_good_messages_are_taken_and_the_node_says_who_it_is(client: FlaskClient) -> None:
    taken = client.post(PATH, json=[])
    assert taken.status_code == 204
    assert taken.headers[SIGNER_HEADER] == development_account(FIRST_SIGNER).address


# ---- the way to a peer ---------------------------------------------------------------------------

SEEN = Observed(1, 0, 6_000_000, 1_800_000_000, b"\1" * 65)


@pytest.fixture
def link_to(client: FlaskClient) -> Iterator[PeerLink]:
    server = make_signer_server(client.application, "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    link = PeerLink(f"http://127.0.0.1:{server.server_port}")
    link.start()
    yield link
    link.stop()
    server.shutdown()


def test_messages_reach_a_peer_over_a_kept_connection(
    link_to: PeerLink, price: PriceNode
) -> None:
    for _ in range(3):
        link_to.send(SEEN)
    deadline = time.monotonic() + 10
    while price._inbox.qsize() < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert link_to.address == development_account(FIRST_SIGNER).address


def test_a_peer_that_is_away_costs_nothing() -> None:
    link = PeerLink("http://127.0.0.1:9")
    link.start()
    for _ in range(10_000):
        link.send(SEEN)  # never blocks, however many wait
    link.stop()

"""`python -m backend.oracle.signer`: one oracle node as a process of its own.

    POST /v1/slots      a SlotProposal (application/octet-stream)   -> {"signer", "signature"}
    POST /v1/batteries  {"battery", "soc_bps", "observed_at", "frames": ["<hex>"]} -> the same
    POST /v1/carbon     {"first_hour", "g_per_kwh": [...]} -> the same
    POST /v1/plugs      {"ev", "charge_point", "soc_bps", "slot"} -> the same
    POST /v1/charges    {"session", "slot", "soc_bps"} -> the same
    POST /v1/receipts   {"sessions": [["<frame hex>", ...], ...]}: mesh sessions -> the same
    POST /v1/policy     a PolicyProposal (application/octet-stream) -> the same
    POST /v1/leaves     {"latest_slot", "registers": {"<meter>": "<hex>"}}: what it signed last
    POST /v1/price/rounds   {"after": <round>}: its prices and the decisions it knows, newer ones
    POST /v1/price/messages [<message>, ...] of other price nodes (price_messages.py), each signed
    GET  /v1/status     {"signer", "latest_slot"}

A POST, but for price messages, carries `Authorization: Ohmstead 0x<signature>` by an account with
the chain's RELAYER role. It listens on loopback unless told otherwise; put TLS before it when it
leaves the machine. Refusals are 409 {"error": {"code", "message", "meters"}}; 503: the chain is out
of reach, ask again.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, jsonify, request
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from backend.chain.accounts import load_account, refuse_development_keys
from backend.chain.context import ChainContext
from backend.chain.contracts import ContractError
from backend.chain.deployment import load_for_chain
from backend.chain.rpc import NodeUnreachableError, RpcClient, RpcError, number
from backend.chain.v2g import Plug
from backend.config import ConfigError, Settings, load_settings
from backend.ingest.keyring import Keyring
from backend.mesh.receipts import MAX_ROUTE
from backend.oracle.attestation import Refusal
from backend.oracle.carbon_file import read_carbon_table
from backend.oracle.digests import BatteryReport
from backend.oracle.mesh_evidence import MAX_BATCH
from backend.oracle.node import OracleNode
from backend.oracle.price_bids import StandingBids
from backend.oracle.price_messages import MessageError
from backend.oracle.price_node import PriceNode, PriceSettings
from backend.oracle.price_transport import PATH, SIGNER_HEADER
from backend.oracle.price_view import PriceView
from backend.oracle.proposal import PolicyProposal, ProposalError, SlotProposal
from backend.oracle.signed_state import SignedState
from backend.pricing.learned_opinion import JudgedAgent, LearnedPolicy
from backend.request_json import RequestJson

log = logging.getLogger(__name__)

_MAX_BODY_BYTES = 128 << 20
_MAX_MESSAGES_BYTES = 4 << 20
_NODE_WAIT_S = 60.0
_MOST_HOURS = 48


def create_signer_app(node: OracleNode, price: PriceNode | None = None) -> Flask:
    """The node's HTTP interface; without `price` it takes no part in price rounds."""
    app = Flask(__name__)
    app.json = RequestJson(app)
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY_BYTES

    @app.get("/v1/status")
    def status() -> Response:
        return jsonify(signer=node.address, latest_slot=node.latest_slot())

    @app.post("/v1/slots")
    def slots() -> Response:
        body = request.get_data()
        node.authorise("/v1/slots", body, _signature_header())
        return _signed(node, node.sign_slot(SlotProposal.from_bytes(body)))

    @app.post("/v1/batteries")
    def batteries() -> Response:
        body = request.get_data()
        node.authorise("/v1/batteries", body, _signature_header())
        report, frames = parse_battery_request(body)
        return _signed(node, node.sign_battery(report, frames))

    @app.post("/v1/carbon")
    def carbon() -> Response:
        body = request.get_data()
        node.authorise("/v1/carbon", body, _signature_header())
        return _signed(node, node.sign_carbon(*parse_carbon_request(body)))

    @app.post("/v1/plugs")
    def plugs() -> Response:
        body = request.get_data()
        node.authorise("/v1/plugs", body, _signature_header())
        return _signed(node, node.sign_plug(parse_plug_request(body)))

    @app.post("/v1/charges")
    def charges() -> Response:
        body = request.get_data()
        node.authorise("/v1/charges", body, _signature_header())
        return _signed(node, node.sign_soc(*parse_charge_request(body)))

    @app.post("/v1/receipts")
    def receipts() -> Response:
        body = request.get_data()
        node.authorise("/v1/receipts", body, _signature_header())
        return _signed(node, node.sign_receipts(parse_receipts_request(body)))

    @app.post("/v1/policy")
    def policy() -> Response:
        body = request.get_data()
        node.authorise("/v1/policy", body, _signature_header())
        return _signed(node, node.sign_policy(PolicyProposal.from_bytes(body)))

    @app.post("/v1/leaves")
    def leaves() -> Response:
        node.authorise("/v1/leaves", request.get_data(), _signature_header())
        registers = {str(meter): word.hex() for meter, word in node.registers().items()}
        return jsonify(latest_slot=node.latest_slot(), registers=registers)

    if price is not None:
        _price_routes(app, node, price)

    @app.errorhandler(Refusal)
    def refused(reason: Refusal) -> tuple[Response, int]:
        log.warning("refused: %s: %s", reason.code, reason.message)
        error = {"code": reason.code, "message": reason.message, "meters": list(reason.meters)}
        return jsonify(error=error), 401 if reason.code == "unauthorised" else 409

    @app.errorhandler(ProposalError)
    @app.errorhandler(MessageError)
    def malformed(error: Exception) -> tuple[Response, int]:
        return jsonify(error={"code": "malformed", "message": str(error), "meters": []}), 400

    @app.errorhandler(NodeUnreachableError)
    @app.errorhandler(RpcError)
    @app.errorhandler(ContractError)
    def unreachable(error: Exception) -> tuple[Response, int]:
        return jsonify(error={"code": "no_chain", "message": str(error), "meters": []}), 503

    return app


def _price_routes(app: Flask, node: OracleNode, price: PriceNode) -> None:
    @app.post(PATH)
    def price_messages() -> tuple[str, int, dict[str, str]]:
        if (request.content_length or 0) > _MAX_MESSAGES_BYTES:
            raise MessageError(f"at most {_MAX_MESSAGES_BYTES} bytes of messages at once")
        price.take(request.get_json(force=True, silent=True))
        return "", 204, {SIGNER_HEADER: node.address}

    @app.post("/v1/price/rounds")
    def price_rounds() -> Response:
        body = request.get_data()
        node.authorise("/v1/price/rounds", body, _signature_header())
        document = _object(body)
        return jsonify(rounds=price.reports(_bounded(document, "after", 2**64 - 1)))


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        raise ProposalError("the body is not JSON") from None
    if not isinstance(document, dict):
        raise ProposalError("the body must be an object")
    return document


def parse_battery_request(body: bytes) -> tuple[BatteryReport, tuple[bytes, ...]]:
    """A battery report and its frames; ProposalError names the field that is wrong."""
    document = _object(body)
    battery = _bounded(document, "battery", 2**16 - 1)
    soc_bps = _bounded(document, "soc_bps", 10_000)
    observed_at = _bounded(document, "observed_at", 2**40 - 1)
    frames = document.get("frames")
    try:
        return BatteryReport(battery, soc_bps, observed_at), tuple(map(bytes.fromhex, frames or ()))
    except (TypeError, ValueError):
        raise ProposalError("frames must be a list of hex strings") from None


def parse_carbon_request(body: bytes) -> tuple[int, list[int]]:
    """The first hour and the figures; ProposalError names the field that is wrong."""
    document = _object(body)
    figures = document.get("g_per_kwh")
    if not isinstance(figures, list) or not 1 <= len(figures) <= _MOST_HOURS:
        raise ProposalError(f"g_per_kwh must be a list of 1..{_MOST_HOURS} figures")
    bounded = [_bounded({"g_per_kwh": figure}, "g_per_kwh", 2**16 - 1) for figure in figures]
    return _bounded(document, "first_hour", 2**40 - 1), bounded


def parse_plug_request(body: bytes) -> Plug:
    """A car at a charge point; ProposalError names the field that is wrong."""
    document = _object(body)
    return Plug(
        _bounded(document, "ev", 2**32 - 1),
        _bounded(document, "charge_point", 2**32 - 1),
        _bounded(document, "soc_bps", 10_000),
        _bounded(document, "slot", 2**40 - 1),
    )


def parse_charge_request(body: bytes) -> tuple[int, int, int]:
    """Session, slot and charge; ProposalError names the field that is wrong."""
    document = _object(body)
    return (
        _bounded(document, "session", 2**64 - 1),
        _bounded(document, "slot", 2**40 - 1),
        _bounded(document, "soc_bps", 10_000),
    )


def parse_receipts_request(body: bytes) -> list[list[bytes]]:
    """The frames of each mesh session; ProposalError names the field that is wrong."""
    sessions = _object(body).get("sessions")
    if not isinstance(sessions, list) or not 1 <= len(sessions) <= MAX_BATCH:
        raise ProposalError(f"sessions must be a list of 1..{MAX_BATCH} lists of frames")
    try:
        found = [[bytes.fromhex(frame) for frame in frames] for frames in sessions]
    except (TypeError, ValueError):
        raise ProposalError("sessions must be lists of hex strings") from None
    if not all(1 <= len(frames) <= MAX_ROUTE for frames in found):
        raise ProposalError(f"a session has 1..{MAX_ROUTE} frames")
    return found


def _bounded(document: Mapping[str, Any], field: str, most: int) -> int:
    value = document.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ProposalError(f"{field} must be an integer within 0..{most}, not {value!r}")
    return value


def _signature_header() -> bytes:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    try:
        return bytes.fromhex(text.removeprefix("0x")) if scheme == "Ohmstead" else b""
    except ValueError:
        return b""


def _signed(node: OracleNode, signature: bytes) -> Response:
    return jsonify(signer=node.address, signature="0x" + signature.hex())


# ---- the process -------------------------------------------------------------------------------


def read_battery_nodes(path: Path) -> dict[int, int]:
    """Battery -> the node that speaks for it, from `keys/batteries.json`; empty without a file."""
    if not path.exists():
        return {}
    try:
        return {int(battery): int(node) for battery, node in json.loads(path.read_text()).items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f'{path} must be {{"<battery id>": <node id>}}: {error}') from None


def build_parts(
    settings: Settings, index: int, address: tuple[str, int], key_file: Path | None = None
) -> tuple[OracleNode, PriceNode | None]:
    """The node `index` of a home, which listens on `address`, and its part in price rounds where
    the deployment has a feed. Raises what names the file or setting to mend."""
    rpc = RpcClient(settings.rpc_url)
    chain_id = number(rpc.call("eth_chainId"))
    deployment = load_for_chain(settings.deployments_dir, chain_id)
    path = key_file or settings.keys_dir / f"signer-{index}.json"
    account = load_account(path, os.environ.get("OHMSTEAD_SIGNER_PASSPHRASE"))
    refuse_development_keys({f"signer {index} ({path})": account.address}, chain_id)
    state = SignedState(settings.home / "signers" / f"{index}.sqlite")
    slot_s = deployment.slot_seconds
    view = PriceView(state, slot_s * settings.time_scale_on(chain_id, slot_s))
    chain = ChainContext(rpc, deployment)
    keyring = Keyring(settings.keys_dir / "nodes.json")
    node = OracleNode(
        account,
        chain,
        keyring.get,
        state,
        read_battery_nodes(settings.keys_dir / "batteries.json"),
        view=view,
        carbon=read_carbon_table(settings.carbon_file),
        previous_key_of=keyring.evidence,
    )
    if chain.clients.feed is None:
        return node, None
    peers = [url for url in settings.signer_urls if not _is_own(url, address)]
    bids = StandingBids(chain)
    policy = learned_policy(settings, slot_s, chain_id)
    formed = price_settings(settings)
    return node, PriceNode(account, chain, view, peers, formed, bids=bids, policy=policy)


def learned_policy(settings: Settings, slot_s: int, chain_id: int) -> LearnedPolicy | None:
    """The learned agent that ships, if the settings ask for it."""
    if settings.price_policy != "agent":
        return None
    text = files("backend.pricing").joinpath("price_agent.json").read_text()
    metered_s = slot_s * settings.time_scale_on(chain_id, slot_s)
    return LearnedPolicy(JudgedAgent.from_json(text), slot_s, metered_s, settings.price_midnight)


def price_settings(settings: Settings) -> PriceSettings:
    """What the service's settings say of price rounds."""
    return PriceSettings(
        round_s=settings.price_round_s,
        patience_s=settings.price_patience_s,
        tolerance_ppm=settings.price_tolerance_bps * 100,
        base=settings.price_base_micro_inr,
        grid_import=settings.price_grid_import_micro_inr,
        grid_export=settings.price_grid_export_micro_inr,
        stability_permille=settings.price_stability_permille,
    )


def _is_own(url: str, address: tuple[str, int]) -> bool:
    parts = urlsplit(url)
    return parts.port == address[1] and parts.hostname in (address[0], "127.0.0.1", "localhost")


class _Handler(WSGIRequestHandler):
    """Keeps connections: price nodes speak to each other several times a round."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True


def make_signer_server(app: Flask, host: str, port: int) -> BaseWSGIServer:
    """A server of a node's interface; port 0 takes a free one."""
    return make_server(host, port, app, threaded=True, request_handler=_Handler)


def main(arguments: list[str] | None = None) -> int:
    """Runs an oracle node until SIGTERM; the process's exit status."""
    parser = argparse.ArgumentParser(prog="backend.oracle.signer", description=main.__doc__)
    parser.add_argument("--index", type=int, required=True, help="which of the oracle's nodes")
    parser.add_argument("--home", type=Path, help="state folder; default OHMSTEAD_HOME")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, required=True, help="port to listen on")
    parser.add_argument("--key", type=Path, help="key file; default keys/signer-<index>.json")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    stop = threading.Event()
    for number_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number_, lambda *_: stop.set())
    try:
        node, price = _wait_for_node(options, stop)
    except (ValueError, NodeUnreachableError) as error:  # each of ours names what to mend
        print(error, file=sys.stderr)
        return 2
    server = make_signer_server(create_signer_app(node, price), options.host, options.port)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="http", daemon=True)
    thread.start()
    if price is not None:
        price.start()
    where = f"{options.host}:{options.port}"
    log.info("oracle node %d: %s on %s", options.index, node.address, where)
    stop.wait()
    # All it has answered is written down, and what it has not is asked again: nothing to finish.
    if price is not None:
        price.stop()
    server.shutdown()
    return 0


def _wait_for_node(
    options: argparse.Namespace, stop: threading.Event
) -> tuple[OracleNode, PriceNode | None]:
    settings = load_settings()
    if options.home is not None:
        settings = settings.model_copy(update={"home": options.home.expanduser().resolve()})
    address = (options.host, options.port)
    waited = 0.0
    while True:
        try:
            return build_parts(settings, options.index, address, options.key)
        except NodeUnreachableError as error:  # a chain that starts beside us
            if waited >= _NODE_WAIT_S or stop.wait(0.5):
                raise
            if waited == 0:
                log.warning("waiting for the chain: %s", error)
            waited += 0.5


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # Taking the interpreter down decently costs a busy machine seconds, and serves nobody.
    os._exit(status)

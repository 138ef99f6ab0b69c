"""Deployment files, keys, the ABI codec, JSON-RPC and views."""

from __future__ import annotations

import copy
import json
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from local_chain import (
    OPERATOR,
    RELAYER,
    RESIDENT,
    STRANGER,
    Anvil,
    add_switch,
    development_account,
    document_of,
    register_meter,
    send,
)
from web3 import HTTPProvider, IPCProvider, Web3

from backend.chain.accounts import (
    DEVELOPMENT_ADDRESSES,
    DEVELOPMENT_MNEMONICS,
    AccountError,
    load_account,
    refuse_development_keys,
    save_account,
)
from backend.chain.context import ChainContext
from backend.chain.contracts import Contract, ContractError, integer, json_value
from backend.chain.deployment import (
    Deployment,
    DeploymentError,
    load_deployment,
    load_for_chain,
    parse_deployment,
)
from backend.chain.fees import FeePolicy, least_gas
from backend.chain.refusals import Refusal, classify
from backend.chain.rpc import BATCH_LIMIT, NodeUnreachableError, RpcClient, RpcError
from backend.chain.types import Role
from backend.resilience.shedding import Override

pytest_plugins = ["chain_fixtures"]

# ---- the deployment file -----------------------------------------------------------------------


def test_a_deployment_survives_its_file(deployment: Deployment, tmp_path: Path) -> None:
    path = tmp_path / f"{deployment.chain_id}.json"
    path.write_text(json.dumps(document_of(deployment)))
    assert load_for_chain(tmp_path, deployment.chain_id) == deployment


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda d: d.pop("chainId"), "chainId must be an integer"),
        (lambda d: d.update(slotSeconds=0), "slotSeconds must be an integer of at least 1"),
        (lambda d: d.update(slotSeconds=True), "slotSeconds"),
        (lambda d: d.update(contracts=[]), "contracts must be an object"),
        (lambda d: d["contracts"].pop("MeterLedger"), "contracts lacks MeterLedger"),
        (lambda d: d["contracts"]["GridToken"].pop("abi"), r"contracts\.GridToken\.abi"),
        (lambda d: d["contracts"]["GridToken"].update(address="0x12"), r"GridToken\.address"),
        (lambda d: d["contracts"]["GridToken"].update(address="0x" + "0" * 40), "GridToken"),
        (lambda d: d["contracts"]["GridToken"].update(block=-1), "block must be an integer"),
        (lambda d: d["contracts"].update(GridToken=7), r"contracts\.GridToken must be"),
    ],
)
def test_a_wrong_deployment_names_the_field(
    deployment: Deployment, spoil: Callable[[dict[str, Any]], Any], says: str
) -> None:
    document = copy.deepcopy(document_of(deployment))
    spoil(document)
    with pytest.raises(DeploymentError, match=says):
        parse_deployment(document)


def test_a_missing_or_broken_file_names_the_fix(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="deploy first"):
        load_deployment(tmp_path / "1.json")
    (tmp_path / "1.json").write_text("{")
    with pytest.raises(DeploymentError, match="not valid JSON"):
        load_deployment(tmp_path / "1.json")
    (tmp_path / "1.json").write_text("[]")
    with pytest.raises(DeploymentError, match="must be an object"):
        load_deployment(tmp_path / "1.json")


def test_a_file_of_another_chain_is_refused(deployment: Deployment, tmp_path: Path) -> None:
    (tmp_path / "5.json").write_text(json.dumps(document_of(deployment)))
    with pytest.raises(DeploymentError, match="chainId is 31337"):
        load_for_chain(tmp_path, 5)


# ---- keys --------------------------------------------------------------------------------------


def test_development_addresses_are_those_of_the_mnemonics() -> None:
    Account.enable_unaudited_hdwallet_features()
    derived = {
        Account.from_mnemonic(words, account_path=f"m/44'/60'/0'/0/{i}").address.lower()
        for words in DEVELOPMENT_MNEMONICS
        for i in (0, 1, 9, 19)
    }
    assert derived <= DEVELOPMENT_ADDRESSES
    assert len(DEVELOPMENT_ADDRESSES) == 60


@pytest.mark.parametrize("chain_id", [1, 11155111, 137])
def test_development_keys_are_refused_on_real_chains(chain_id: int) -> None:
    address = development_account(RELAYER).address
    with pytest.raises(AccountError, match=f"relayer is {address}.*chain {chain_id}"):
        refuse_development_keys({"relayer": address}, chain_id)


def test_development_keys_are_welcome_locally_and_own_keys_everywhere() -> None:
    for chain_id in (31337, 1337):
        refuse_development_keys({"relayer": development_account(RELAYER).address}, chain_id)
    refuse_development_keys({"relayer": Account.create().address}, 11155111)


def test_a_context_refuses_a_development_key(deployment: Deployment) -> None:
    document = {**document_of(deployment), "chainId": 11155111}
    with pytest.raises(AccountError, match="development account"):
        ChainContext(
            "http://127.0.0.1:9",
            parse_deployment(document),
            {"relayer": development_account(RELAYER)},
        )


def test_key_files_of_every_form(tmp_path: Path) -> None:
    account = Account.create()
    plain, bare, store = (tmp_path / name for name in ("plain", "bare", "store"))
    save_account(plain, account)
    assert plain.stat().st_mode & 0o777 == 0o600
    bare.write_text(bytes(account.key).hex() + "\n")
    store.write_text(json.dumps(Account.encrypt(account.key, "secret", kdf="pbkdf2", iterations=2)))
    for path in (bare, store):
        os.chmod(path, 0o600)
    assert load_account(plain).address == account.address
    assert load_account(bare).address == account.address
    assert load_account(store, "secret").address == account.address
    with pytest.raises(AccountError, match="no passphrase"):
        load_account(store)
    with pytest.raises(AccountError, match="no usable key"):
        load_account(store, "wrong")


@pytest.mark.parametrize(
    ("text", "mode", "says"),
    [
        ("zz", 0o600, "64 hex digits"),
        ('{"address": "0x"}', 0o600, "private_key"),
        ("{", 0o600, "no usable key"),
        ("0" * 64, 0o600, "no usable key"),
        ("1" * 64, 0o640, "chmod 600"),
    ],
)
def test_bad_key_files_are_named(tmp_path: Path, text: str, mode: int, says: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    os.chmod(path, mode)
    with pytest.raises(AccountError, match=says) as caught:
        load_account(path)
    assert str(path) in str(caught.value)


# ---- the ABI codec -----------------------------------------------------------------------------


def test_structs_are_read_by_field_name(chain: ChainContext, anvil: Anvil) -> None:
    register_meter(anvil.rpc, chain.deployment, 4, 2, max_power_w=12_345)
    meter = chain.views.meter(4)
    assert (meter.kind, meter.max_power_w, meter.claimed) == (2, 12_345, False)
    add_switch(anvil.rpc, chain.deployment, 9, board=20, pin=3, battery=1, meter=4, critical=True)
    (switch,) = chain.views.switches()
    assert (switch.switch_id, switch.config.board, switch.config.pin) == (9, 20, 3)
    assert switch.config.critical
    assert switch.state.overridden is Override.NONE
    assert switch.state.sequence == 1


def test_calldata_is_decoded_by_name(chain: ChainContext) -> None:
    ledger = chain.contracts["MeterLedger"]
    node = (b"\1" * 32, b"\2" * 32, b"\3" * 32)
    call = chain.clients.ledger.settle_many(7, [(4, 99, b"\4" * 32)], [node], b"\5")
    name, arguments = ledger.decode_input(call.data)
    assert name == "settleMany"
    assert arguments["slot"] == 7
    assert arguments["leaves"] == [{"meter": 4, "registers": 99, "salt": b"\4" * 32}]
    with pytest.raises(ValueError, match="selector"):
        ledger.decode_input(b"\0\0\0\0")


def test_refusals_become_sentences(chain: ChainContext) -> None:
    with pytest.raises(ContractError) as caught:
        chain.views.slot_record(99)
    assert caught.value.name == "MeterLedger_UnknownSlot"
    assert caught.value.values == {"slot": 99}
    assert caught.value.message == "slot 99 is not committed"
    unknown = chain.contracts.explain(b"\xde\xad\xbe\xef")
    assert "unknown error 0xdeadbeef" in unknown.message
    assert chain.contracts.explain(b"").message == "refused without a reason"


def test_every_error_of_the_contracts_can_be_explained(chain: ChainContext) -> None:
    for contract in chain.deployment.contracts.values():
        for item in contract.abi:
            if item["type"] == "error":
                types = [collapse_if_tuple(part) for part in item["inputs"]]
                selector = keccak(text=f"{item['name']}({','.join(types)})")[:4]
                data = selector + bytes(32 * 12)
                error = chain.contracts.explain(data)
                assert error.name == item["name"]
                assert error.message


@given(
    st.recursive(
        st.integers(-(2**255), 2**256 - 1) | st.binary(max_size=40) | st.booleans() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_events_survive_json(value: Any) -> None:
    stored = json.loads(json.dumps(json_value(value)))
    if isinstance(value, int) and not isinstance(value, bool):
        assert integer(stored) == value
        assert isinstance(stored, str) == (abs(value) >= 2**53)
    if isinstance(value, bytes):
        assert bytes.fromhex(stored[2:]) == value


def test_an_unknown_function_or_contract_is_named(chain: ChainContext) -> None:
    with pytest.raises(DeploymentError, match="no function fly"):
        chain.contracts["GridToken"].call("fly")
    with pytest.raises(DeploymentError, match="no contract Nothing"):
        chain.contracts["Nothing"]


# ---- views -------------------------------------------------------------------------------------


def test_views_are_cached_until_told_otherwise(
    anvil: Anvil, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = ChainContext(anvil.url, deployment, {}, view_ttl_s=60)
    price = Contract(deployment["PostedPrice"])
    assert chain.views.prices().buy_micro_inr_per_kwh == 6_000_000
    send(anvil.rpc, OPERATOR, price.call("setPrices", 5_000_000, 1_000_000))
    assert chain.views.prices().buy_micro_inr_per_kwh == 6_000_000
    assert chain.views.ask(chain.clients.price.prices(), max_age_s=0).buy_micro_inr_per_kwh == (
        5_000_000
    )
    chain.views.invalidate()
    assert chain.views.prices().buy_micro_inr_per_kwh == 5_000_000


def test_many_views_take_one_request(chain: ChainContext, monkeypatch: pytest.MonkeyPatch) -> None:
    posts = []
    post = chain.rpc._post
    monkeypatch.setattr(chain.rpc, "_post", lambda body: posts.append(1) or post(body))
    chain.views.ask_many([chain.clients.ledger.debt_of(meter) for meter in range(1, 51)])
    assert len(posts) == 1


def test_one_refused_view_does_not_spoil_the_others(chain: ChainContext) -> None:
    ledger = chain.clients.ledger
    latest, refused = chain.views.try_many([ledger.latest_slot(), ledger.slot_record(5)])
    assert latest == 0
    assert isinstance(refused, ContractError)


def test_roles_and_balances(chain: ChainContext) -> None:
    assert chain.views.has_role(Role.OPERATOR, development_account(OPERATOR).address)
    assert not chain.views.has_role(Role.OPERATOR, development_account(STRANGER).address)
    balances = chain.views.balances(development_account(RESIDENT).address)
    assert (balances.micro_inr, balances.energy_wh, balances.co2_g) == (0, 0, 0)


def test_meters_are_listed_page_by_page(chain: ChainContext, anvil: Anvil) -> None:
    ids = [7, 3, 11]
    for meter in ids:
        register_meter(anvil.rpc, chain.deployment, meter, 1)
    assert chain.views.meter_ids() == ids
    assert [meter.kind for meter in chain.views.meters(ids)] == [1, 1, 1]


def test_an_empty_address_is_no_contract(chain: ChainContext, deployment: Deployment) -> None:
    document = document_of(deployment)
    document["contracts"]["MeterLedger"]["address"] = "0x" + "11" * 20
    other = ChainContext(chain.rpc, parse_deployment(document), {})
    with pytest.raises(NodeUnreachableError, match="no contract answers"):
        other.views.latest_slot()
    with pytest.raises(DeploymentError, match="no code for MeterLedger"):
        other.check()


# ---- context -----------------------------------------------------------------------------------


def test_a_context_takes_a_provider(anvil: Anvil, deployment: Deployment) -> None:
    chain = ChainContext(Web3(HTTPProvider(anvil.url)), deployment, {})
    chain.check()
    assert chain.block_number() > 0
    assert chain.operator is None
    with pytest.raises(DeploymentError, match="role relayer"):
        _ = chain.relayer
    with pytest.raises(DeploymentError, match="rpc_url"):
        ChainContext(Web3(IPCProvider("/nowhere")), deployment, {})


def test_a_node_of_another_chain_is_named(deployment: Deployment) -> None:
    with Anvil(options=["--chain-id", "1337"]) as other:
        chain = ChainContext(other.url, deployment, {})
        with pytest.raises(DeploymentError, match="is chain 1337"):
            chain.check()


# ---- JSON-RPC ----------------------------------------------------------------------------------


class Answer(BaseHTTPRequestHandler):
    body = b""
    status = 200

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def odd_node() -> Iterator[tuple[type[Answer], RpcClient]]:
    handler = type("Handler", (Answer,), {})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, RpcClient(f"http://127.0.0.1:{server.server_port}", timeout_s=2)
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"<html>"), (502, b""), (200, b"[]"), (200, b'"text"'), (200, b'[{"id": 99}]')],
)
def test_a_node_that_talks_nonsense_counts_as_away(
    odd_node: tuple[type[Answer], RpcClient], status: int, body: bytes
) -> None:
    handler, rpc = odd_node
    handler.status, handler.body = status, body
    with pytest.raises(NodeUnreachableError):
        rpc.batch([("eth_chainId", []), ("eth_blockNumber", [])])
    with pytest.raises(NodeUnreachableError):
        rpc.call("eth_chainId")


def test_a_batch_refused_as_a_whole_counts_as_away(
    odd_node: tuple[type[Answer], RpcClient],
) -> None:
    handler, rpc = odd_node
    handler.body = b'{"error": {"code": -32005, "message": "too many"}}'
    with pytest.raises(NodeUnreachableError, match="too many"):
        rpc.batch([("eth_chainId", [])])


def test_long_batches_are_cut(chain: ChainContext) -> None:
    results = chain.rpc.batch([("eth_chainId", [])] * (2 * BATCH_LIMIT + 1))
    assert results == ["0x7a69"] * (2 * BATCH_LIMIT + 1)


def test_an_error_keeps_its_place_in_a_batch(chain: ChainContext) -> None:
    good, bad, also_good = chain.rpc.batch(
        [("eth_chainId", []), ("eth_nothing", []), ("eth_blockNumber", [])]
    )
    assert good == "0x7a69"
    assert isinstance(bad, RpcError)
    assert isinstance(also_good, str)


@pytest.mark.parametrize("url", ["ws://x", "localhost:8545", ""])
def test_only_http_addresses(url: str) -> None:
    with pytest.raises(ValueError, match="rpc_url"):
        RpcClient(url)


@pytest.mark.parametrize(
    "data", ["0x08c379a0", {"data": "0x08c379a0"}, "Reverted 0x08c379a0", {"result": "0x08c379a0"}]
)
def test_revert_data_in_every_wrapping(data: Any) -> None:
    error = RpcError.from_json({"code": 3, "message": "execution reverted", "data": data})
    assert error.data == bytes.fromhex("08c379a0")


# ---- fees and refusals -------------------------------------------------------------------------


@given(st.integers(0, 10**12), st.integers(0, 8), st.integers(0, 10**11))
def test_each_offer_is_a_tenth_better_until_the_cap(
    base: int, attempts: int, previous: int
) -> None:
    policy = FeePolicy()
    offer = policy.offer(base, attempts, previous)
    assert offer.priority_fee <= offer.max_fee <= policy.cap
    if previous and offer.max_fee < policy.cap:
        assert offer.max_fee * 10 >= previous * 11
    following = policy.offer(base, attempts + 1, offer.max_fee)
    if following.max_fee < policy.cap:
        assert following.priority_fee * 10 >= offer.priority_fee * 11


def test_the_first_offer_covers_rising_base_fees() -> None:
    offer = FeePolicy(priority_fee=10**9).offer(30 * 10**9)
    assert offer.max_fee == 61 * 10**9
    assert offer.priority_fee == 10**9


@pytest.mark.parametrize(
    ("data", "gas"),
    [(b"", 21_000), (b"\0", 21_010), (b"\1", 21_040), (b"\0\1" * 10, 21_500)],
)
def test_the_least_gas_of_calldata(data: bytes, gas: int) -> None:
    assert least_gas(data) == gas


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        ("already known", Refusal.KNOWN),
        ("AlreadyKnown", Refusal.KNOWN),
        ("nonce too low: next nonce 7, tx nonce 5", Refusal.NONCE_TOO_LOW),
        ("replacement transaction underpriced", Refusal.UNDERPRICED),
        ("max fee per gas less than block base fee", Refusal.UNDERPRICED),
        ("FeeTooLow, MaxFeePerGas too low", Refusal.UNDERPRICED),
        ("insufficient funds for gas * price + value", Refusal.NO_FUNDS),
        ("intrinsic gas too low", Refusal.PERMANENT),
        ("exceeds block gas limit", Refusal.PERMANENT),
        ("invalid chain id for signer", Refusal.PERMANENT),
        ("txpool is full", Refusal.UNKNOWN),
    ],
)
def test_what_nodes_say(message: str, refusal: Refusal) -> None:
    """Words of geth, Anvil, Nethermind and Erigon."""
    assert classify(message) is refusal

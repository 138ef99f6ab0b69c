"""An oracle node: what it refuses, that it tells one story, and who it answers."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from local_chain import (
    OPERATOR,
    RELAYER,
    ROOT,
    STRANGER,
    Anvil,
    development_account,
    document_of,
    free_port,
    send,
)
from oracle_kit import (
    METERS,
    SLOT,
    Device,
    Oracle,
    Proposer,
    SetClock,
    frame,
    key_of,
)

from backend.chain.accounts import save_account
from backend.chain.context import ChainContext
from backend.chain.contracts import Contract
from backend.chain.types import Commitment
from backend.oracle.attestation import Refusal
from backend.oracle.digests import (
    BatteryReport,
    battery_digest,
    request_digest,
    sign,
    signer_of,
    slot_digest,
)
from backend.oracle.domains import read_domains
from backend.oracle.node import OracleNode
from backend.oracle.proposal import ProposalError, ProposedLeaf, SlotProposal
from backend.oracle.quorum import NodeRefusedError, QuorumClient, QuorumError
from backend.oracle.signed_state import SignedState
from backend.oracle.signer import read_battery_nodes

pytest_plugins = ["oracle_fixtures"]

@pytest.fixture
def node(
    make_oracle_node: Callable[..., OracleNode], community: object, slot_clock: SetClock
) -> OracleNode:
    return make_oracle_node(0)


@pytest.fixture
def proposer(slot_clock: SetClock) -> Proposer:
    return Proposer(SLOT.latest_over(slot_clock.time))


def refusal_of(node: OracleNode, proposal: SlotProposal) -> Refusal:
    with pytest.raises(Refusal) as caught:
        node.sign_slot(proposal)
    return caught.value


# ---- slots -------------------------------------------------------------------------------------


def test_signs_what_is_proven(node: OracleNode, proposer: Proposer, chain: ChainContext) -> None:
    proposal = proposer.proposal(
        proposer.leaf(4, 0, 0, 0, 7, 0, 0), proposer.leaf(7, 1, 2, 3, 4, 5, 6)
    )
    signature = node.sign_slot(proposal)
    domain = read_domains(chain.rpc, chain.contracts).ledger
    epoch = chain.views.quorum().epoch
    assert signer_of(slot_digest(domain, proposal.commitment, epoch), signature) == node.address
    assert node.sign_slot(proposal) == signature  # asked again, it says the same
    assert node.latest_slot() == proposer.slot


REGISTERS = (0, 0, 0, 7, 0, 0)


def _forged(p: Proposer) -> ProposedLeaf:
    return p.leaf(4, *REGISTERS, frames=(frame(4, p.at, *REGISTERS, key=b"\1" * 32),))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda p: p.leaf(4, *REGISTERS, frames=()), "without a frame"),
        (_forged, "node 4"),
        (lambda p: p.leaf(4, 0, 0, 0, 8, 0, 0, frames=(frame(4, p.at, *REGISTERS),)), "frame says"),
        (lambda p: p.leaf(4, *REGISTERS, frames=(frame(7, p.at, *REGISTERS),)), "of node 7"),
        (lambda p: p.leaf(4, *REGISTERS, kind=2), "kind 2"),
        (lambda p: p.leaf(4, *REGISTERS, frames=(b"\x4f\x11",)), "bytes"),
        (
            lambda p: p.leaf(4, *REGISTERS, frames=(frame(4, SLOT.end(p.slot), *REGISTERS),)),
            "after the slot's end",
        ),
        (
            lambda p: p.leaf(4, *REGISTERS, frames=(frame(4, p.at, *REGISTERS),) * 2),
            "no DELTA",
        ),
        (
            lambda p: p.leaf(4, *REGISTERS, frames=(frame(4, p.at, *REGISTERS),) * 3),
            "without a frame",
        ),
    ],
)
def test_refuses_a_line_that_is_not_proven(
    node: OracleNode, proposer: Proposer, spoil: Callable[[Proposer], ProposedLeaf], says: str
) -> None:
    """Whatever is wrong with one line: nothing is signed, and the meter is named."""
    good = proposer.leaf(7, 1, 2, 3, 4, 5, 6)
    reason = refusal_of(node, proposer.proposal(spoil(proposer), good))
    assert reason.code == "unproven"
    assert says in reason.message
    assert reason.meters == (4,)
    assert node.latest_slot() == 0


def test_refuses_a_meter_that_is_not_on_chain(node: OracleNode, proposer: Proposer) -> None:
    leaf = dataclasses.replace(proposer.leaf(4, *REGISTERS), meter=55)
    assert refusal_of(node, proposer.proposal(leaf)).meters == (55,)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"root": b"\1" * 32}, "wrong_root"),
        ({"totals_lo": 1}, "wrong_totals"),
        ({"totals_hi": 1}, "wrong_totals"),
        ({"leaf_count": 2}, "wrong_count"),
        ({"previous_slot": 2**40}, "bad_previous"),
    ],
)
def test_refuses_a_commitment_that_does_not_follow(
    node: OracleNode, proposer: Proposer, changes: Mapping[str, Any], code: str
) -> None:
    proposal = proposer.proposal(proposer.leaf(4, *REGISTERS), **changes)
    assert refusal_of(node, proposal).code == code


def test_refuses_a_slot_that_is_not_over(
    node: OracleNode, slot_clock: SetClock, proposer: Proposer
) -> None:
    running = Proposer(proposer.slot + 2)
    assert refusal_of(node, running.proposal(running.leaf(4, *REGISTERS))).code == "slot_not_over"


def test_a_meter_twice_makes_no_tree(node: OracleNode, proposer: Proposer) -> None:
    leaf = proposer.leaf(4, *REGISTERS)
    commitment = proposer.proposal(leaf).commitment
    assert refusal_of(node, SlotProposal(commitment, (leaf, leaf))).code == "bad_tree"


def test_tells_one_story_for_a_slot(
    node: OracleNode,
    proposer: Proposer,
    make_oracle_node: Callable[..., OracleNode],
) -> None:
    node.sign_slot(proposer.proposal(proposer.leaf(4, *REGISTERS)))
    other = proposer.proposal(proposer.leaf(4, 0, 0, 0, 8, 0, 0))
    assert refusal_of(node, other).code == "second_root"
    same_tree = proposer.proposal(proposer.leaf(4, *REGISTERS), previous=3)
    assert refusal_of(node, same_tree).code == "second_root"
    restarted = make_oracle_node(0)  # from what it wrote down before it answered
    assert refusal_of(restarted, other).code == "second_root"
    earlier = Proposer(proposer.slot - 1)
    old = earlier.proposal(earlier.leaf(4, *REGISTERS))
    assert refusal_of(restarted, old).code == "old_slot"


def test_registers_never_go_back_and_no_meter_disappears(
    node: OracleNode, proposer: Proposer, slot_clock: SetClock
) -> None:
    seven = proposer.leaf(7, 1, 2, 3, 4, 5, 6)
    node.sign_slot(proposer.proposal(proposer.leaf(4, *REGISTERS), seven))
    slot_clock.time += 15
    following = Proposer(proposer.slot + 1)
    unchanged = following.leaf(7, 1, 2, 3, 4, 5, 6, frames=())
    back = following.leaf(4, 0, 0, 0, 6, 0, 0)
    reason = refusal_of(node, following.proposal(back, unchanged))
    assert "went back" in reason.message
    gone = refusal_of(node, following.proposal(following.leaf(4, 0, 0, 0, 8, 0, 0)))
    assert (gone.code, gone.meters) == ("meters_missing", (7,))
    node.sign_slot(following.proposal(following.leaf(4, 0, 0, 0, 8, 0, 0), unchanged))


def test_deltas_prove_a_line_and_foreign_keyframes_do_not(
    node: OracleNode, proposer: Proposer, store: Any
) -> None:
    device = Device(store, 4)
    first = device.frame(proposer.at - 2, 0, 0, 0, 5, 0, 0)
    delta = device.frame(proposer.at - 1, *REGISTERS, delta=True)
    other = Device(store, 4, boot=2).frame(proposer.at - 2, 0, 0, 0, 5, 0, 0)
    wrong = proposer.leaf(4, *REGISTERS, frames=(other, delta))
    assert "another KEYFRAME" in refusal_of(node, proposer.proposal(wrong)).message
    alone = proposer.leaf(4, *REGISTERS, frames=(delta,))
    assert "no KEYFRAME" in refusal_of(node, proposer.proposal(alone)).message
    node.sign_slot(proposer.proposal(proposer.leaf(4, *REGISTERS, frames=(first, delta))))


def test_a_replaced_device_counts_from_what_was_booked(
    node: OracleNode,
    proposer: Proposer,
    chain: ChainContext,
    anvil: Anvil,
    slot_clock: SetClock,
) -> None:
    node.sign_slot(proposer.proposal(proposer.leaf(4, 0, 0, 0, 900, 0, 0)))
    slot_clock.time += 15
    following = Proposer(proposer.slot + 1)
    new_device = (frame(4, following.at, 0, 0, 0, 9, 0, 0),)
    leaf = following.leaf(4, 0, 0, 0, 902, 0, 0, frames=new_device)
    assert "frame says" in refusal_of(node, following.proposal(leaf)).message
    registry = Contract(chain.deployment["MeterRegistry"])
    send(anvil.rpc, OPERATOR, registry.call("recordRebase", 4, 900 << 120, 7 << 120, "new"))
    node.sign_slot(following.proposal(leaf))
    # Long after the replacement, the old offset proves nothing any more.
    slot_clock.time += 600
    later = Proposer(SLOT.latest_over(slot_clock.time))
    with_old = later.leaf(4, 0, 0, 0, 1_000, 0, 0)
    assert "frame says" in refusal_of(node, later.proposal(with_old)).message


# ---- batteries ---------------------------------------------------------------------------------


def test_signs_a_batterys_own_charge(
    node: OracleNode, slot_clock: SetClock, chain: ChainContext
) -> None:
    at = int(slot_clock.time)
    report = BatteryReport(1, 7_400, at)
    signature = node.sign_battery(report, (frame(3, at, *REGISTERS, soc=7_400),))
    domain = read_domains(chain.rpc, chain.contracts).priority
    digest = battery_digest(domain, report, chain.views.quorum().epoch)
    assert signer_of(digest, signature) == node.address


@pytest.mark.parametrize(
    ("battery", "soc_bps", "late", "maker", "says"),
    [
        (1, 7_500, 0, 3, "the frame says 7400"),
        (1, 7_400, 1, 3, "measured at"),
        (4, 7_400, 0, 4, "not a battery"),
        (9, 7_400, 0, 3, "not a battery"),
        (1, 7_400, 0, 4, "of node 4"),
    ],
)
def test_refuses_a_charge_that_is_not_proven(
    node: OracleNode,
    slot_clock: SetClock,
    battery: int,
    soc_bps: int,
    late: int,
    maker: int,
    says: str,
) -> None:
    at = int(slot_clock.time)
    report = BatteryReport(battery, soc_bps, at + late)
    with pytest.raises(Refusal, match=says):
        node.sign_battery(report, (frame(maker, at, *REGISTERS, soc=7_400),))


def test_batteries_go_forward_and_have_one_charge_a_second(
    node: OracleNode, slot_clock: SetClock
) -> None:
    at = int(slot_clock.time)

    def ask(at: int, soc: int) -> bytes:
        return node.sign_battery(BatteryReport(1, soc, at), (frame(3, at, *REGISTERS, soc=soc),))

    assert ask(at, 7_400) == ask(at, 7_400)
    with pytest.raises(Refusal, match="another charge"):
        ask(at, 7_300)
    with pytest.raises(Refusal, match="signed already"):
        ask(at - 1, 7_300)
    with pytest.raises(Refusal, match="future"):
        ask(at + 60, 7_300)


# ---- who is answered ---------------------------------------------------------------------------


def test_only_a_relayer_is_answered(oracle: Oracle, community: object, proposer: Proposer) -> None:
    body = proposer.proposal(proposer.leaf(4, *REGISTERS)).to_bytes()
    url = oracle.urls[0] + "/v1/slots"
    digest = request_digest("/v1/slots", body)
    headers = {
        "none": {},
        "nonsense": {"Authorization": "Ohmstead zz"},
        "stranger": {"Authorization": _token(STRANGER, digest)},
        "other path": {"Authorization": _token(RELAYER, request_digest("/v1/batteries", body))},
        "other body": {"Authorization": _token(RELAYER, request_digest("/v1/slots", b""))},
    }
    for name, header in headers.items():
        answer = requests.post(url, data=body, headers=header, timeout=5)
        assert (name, answer.status_code) == (name, 401)
    good = {"Authorization": _token(RELAYER, digest)}
    assert requests.post(url, data=body, headers=good, timeout=5).status_code == 200


def _token(account: int, digest: bytes) -> str:
    return "Ohmstead 0x" + sign(development_account(account), digest).hex()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/slots", b""),
        ("/v1/slots", b"OSP1" + b"\0" * 20),
        ("/v1/slots", b"XXXX" + b"\0" * 200),
        ("/v1/batteries", b"[]"),
        ("/v1/batteries", b"not json"),
        ("/v1/batteries", b'{"battery": -1, "soc_bps": 5, "observed_at": 5}'),
        ("/v1/batteries", b'{"battery": 1, "soc_bps": 10001, "observed_at": 5}'),
        ("/v1/batteries", b'{"battery": 1, "soc_bps": 1, "observed_at": 5, "frames": [7]}'),
    ],
)
def test_malformed_requests_get_a_clear_answer(
    oracle: Oracle, community: object, path: str, body: bytes
) -> None:
    headers = {"Authorization": _token(RELAYER, request_digest(path, body))}
    answer = requests.post(oracle.urls[0] + path, data=body, headers=headers, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "malformed"


def test_without_its_chain_it_signs_nothing(
    oracle: Oracle, community: object, proposer: Proposer, anvil: Anvil, chain: ChainContext
) -> None:
    quorum = chain.views.quorum()
    proposal = proposer.proposal(proposer.leaf(4, *REGISTERS))
    anvil.stop(9)
    with pytest.raises(QuorumError) as caught:
        oracle.client.sign_slot(proposal, b"\0" * 32, quorum)
    assert not caught.value.impossible  # worth asking again
    assert "503" in str(caught.value)


def test_the_client_ignores_signatures_that_do_not_count(
    oracle: Oracle, community: object, proposer: Proposer, chain: ChainContext
) -> None:
    """A digest of another epoch: every signature recovers to a stranger."""
    proposal = proposer.proposal(proposer.leaf(4, *REGISTERS))
    domain = read_domains(chain.rpc, chain.contracts).ledger
    with pytest.raises(QuorumError, match="no current oracle node"):
        oracle.client.sign_slot(
            proposal, slot_digest(domain, proposal.commitment, 77), chain.views.quorum()
        )


def test_refusals_of_most_nodes_are_final(
    oracle: Oracle, community: object, proposer: Proposer, chain: ChainContext
) -> None:
    spoiled = proposer.proposal(proposer.leaf(4, *REGISTERS, frames=()))
    with pytest.raises(QuorumError) as caught:
        oracle.client.sign_slot(spoiled, b"\0" * 32, chain.views.quorum())
    assert caught.value.impossible
    assert caught.value.meters == [4]
    assert all(isinstance(r, NodeRefusedError) for r in caught.value.refusals.values())


def test_signatures_come_in_the_chains_order(
    oracle: Oracle, community: object, proposer: Proposer, chain: ChainContext
) -> None:
    proposal = proposer.proposal(proposer.leaf(4, *REGISTERS))
    quorum = chain.views.quorum()
    domain = read_domains(chain.rpc, chain.contracts).ledger
    digest = slot_digest(domain, proposal.commitment, quorum.epoch)
    signers = [
        int(signer_of(digest, signature) or "0", 16)
        for signature in oracle.client.sign_slot(proposal, digest, quorum)
    ]
    assert len(signers) == quorum.threshold
    assert signers == sorted(signers)


# ---- wire format -------------------------------------------------------------------------------

LEAVES = st.lists(
    st.builds(
        ProposedLeaf,
        st.integers(1, 2**32 - 1),
        st.integers(0, 6),
        st.binary(min_size=30, max_size=30),
        st.binary(min_size=32, max_size=32),
        st.lists(st.binary(min_size=1, max_size=250), max_size=2).map(tuple),
    ),
    max_size=8,
).map(tuple)
PROPOSALS = st.builds(
    lambda slot, previous, root, lo, hi, leaves: SlotProposal(
        Commitment(slot, previous, root, lo, hi, len(leaves)), leaves
    ),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**256 - 1),
    st.integers(0, 2**256 - 1),
    LEAVES,
)


@given(PROPOSALS)
def test_a_proposal_survives_the_wire(proposal: SlotProposal) -> None:
    assert SlotProposal.from_bytes(proposal.to_bytes()) == proposal


@given(PROPOSALS, st.data())
def test_a_cut_or_padded_proposal_is_refused(proposal: SlotProposal, data: st.DataObject) -> None:
    whole = proposal.to_bytes()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ProposalError):
        SlotProposal.from_bytes(whole[:cut])
    with pytest.raises(ProposalError, match="left over"):
        SlotProposal.from_bytes(whole + b"\0")


def test_signatures_that_are_none() -> None:
    account = development_account(RELAYER)
    digest = b"\7" * 32
    good = sign(account, digest)
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    high_s = good[:32] + (order - int.from_bytes(good[32:64], "big")).to_bytes(32, "big")
    assert signer_of(digest, good) == account.address
    assert signer_of(digest, good[:64]) is None
    assert signer_of(digest, good[:64] + b"\5") is None
    assert signer_of(digest, high_s + bytes([55 - good[64]])) is None
    assert signer_of(digest, b"\xff" * 64 + b"\x1b") is None


# ---- its memory --------------------------------------------------------------------------------


def test_memory_is_private_and_survives(tmp_path: Path) -> None:
    path = tmp_path / "signers" / "0.sqlite"
    state = SignedState(path)
    state.remember_slot(7, b"\1" * 32, 5, {4: b"\2" * 30})
    state.remember_battery(1, 100, 5_000)
    assert path.stat().st_mode & 0o777 == 0o600
    state.close()
    again = SignedState(path)
    assert again.root_of(7) == (b"\1" * 32, 5)
    assert again.registers == {4: b"\2" * 30}
    assert again.battery(1) == (100, 5_000)
    assert again.latest_slot() == 7


def test_the_battery_file_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "batteries.json"
    assert read_battery_nodes(path) == {}
    path.write_text('{"1": 3}')
    assert read_battery_nodes(path) == {1: 3}
    path.write_text('{"one": 3}')
    with pytest.raises(ValueError, match=r"batteries\.json"):
        read_battery_nodes(path)


# ---- the process -------------------------------------------------------------------------------


def make_home(tmp_path: Path, chain: ChainContext) -> Path:
    home = tmp_path / "home"
    (home / "keys").mkdir(parents=True)
    (home / "deployments").mkdir()
    document = json.dumps(document_of(chain.deployment))
    (home / "deployments" / f"{chain.chain_id}.json").write_text(document)
    save_account(home / "keys" / "signer-0.json", development_account(10))
    nodes = home / "keys" / "nodes.json"
    nodes.write_text(json.dumps({str(m): (key_of(m) or b"").hex() for m in METERS}))
    os.chmod(nodes, 0o600)
    return home


def run_signer(home: Path, url: str, port: int) -> subprocess.Popen[str]:
    environment = {**os.environ, "OHMSTEAD_HOME": str(home), "OHMSTEAD_RPC_URL": url}
    return subprocess.Popen(
        [sys.executable, "-m", "backend.oracle.signer", "--index", "0", "--port", str(port)],
        env=environment,
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_runs_as_a_process_of_its_own(
    tmp_path: Path, chain: ChainContext, community: object, proposer: Proposer
) -> None:
    home, port = make_home(tmp_path, chain), free_port()
    process = run_signer(home, chain.rpc.url, port)
    url = f"http://127.0.0.1:{port}"
    try:
        client = QuorumClient([url], chain.relayer)
        deadline = time.monotonic() + 20
        while not client.look()[0].up:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        assert client.states()[0].signer == development_account(10).address
        proposal = proposer.proposal(proposer.leaf(4, *REGISTERS))
        domain = read_domains(chain.rpc, chain.contracts).ledger
        quorum = dataclasses.replace(chain.views.quorum(), threshold=1)
        digest = slot_digest(domain, proposal.commitment, quorum.epoch)
        assert len(client.sign_slot(proposal, digest, quorum)) == 1
        client.close()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda home: (home / "keys" / "signer-0.json").chmod(0o644), "chmod 600"),
        (lambda home: (home / "keys" / "signer-0.json").unlink(), "does not exist"),
        (lambda home: (home / "deployments" / "31337.json").unlink(), "deploy first"),
        (lambda home: (home / "keys" / "nodes.json").write_text("{"), "nodes.json"),
    ],
)
def test_a_process_that_cannot_start_says_why(
    tmp_path: Path, chain: ChainContext, spoil: Callable[[Path], None], says: str
) -> None:
    home = make_home(tmp_path, chain)
    spoil(home)
    process = run_signer(home, chain.rpc.url, free_port())
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 2
    assert says in errors

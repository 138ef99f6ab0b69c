"""Closing a slot of 10, 1 000 and 100 000 meters: CPU, memory, gas. JSON lines for `make bench`.

Every meter has sent one genuine KEYFRAME. Closing: newest readings from the store, salts, sum tree,
all stored in one transaction, and the proposal as it goes to the oracle nodes. An oracle node:
parses it, checks every frame's tag and reading, computes the tree anew, remembers what it signs.
Committed on a real node; what the contract is asked to do is the same for any number of meters.
The meters' kinds are given to the oracle node instead of read from 100 000 registrations.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/backend"))

from local_chain import FIRST_SIGNER, RELAYER, STRANGER, Anvil, deploy, development_account, send

from backend.chain.context import ChainContext
from backend.chain.rpc import number
from backend.ingest.frame import encode
from backend.ingest.frame_values import Reading
from backend.oracle.attestation import SlotChecks, check_slot
from backend.oracle.clock import SlotClock
from backend.oracle.closer import SlotCloser, commitment_of
from backend.oracle.digests import sign, slot_digest
from backend.oracle.domains import read_domains
from backend.oracle.facts import Rebase
from backend.oracle.proposal import SlotProposal
from backend.oracle.quorum import QuorumClient
from backend.oracle.signed_state import SignedState
from backend.telemetry import nodes, readings, slots
from backend.telemetry.nodes import Node
from backend.telemetry.readings import StoredReading
from backend.telemetry.store import Store, open_store

SIZES = (10, 1_000, 100_000)
SLOT_SECONDS = 900
AIM_CPU_S, AIM_GAS = "< 10", "< 250000"


class KnownKinds:
    """What the chain would say: every meter is a consumer, none was replaced."""

    def kind(self, _meter: int) -> int:
        return 1

    def rebases(self, _meter: int) -> Sequence[Rebase]:
        return ()


def key_of(node_id: int) -> bytes:
    return node_id.to_bytes(32, "big")


def fill(store: Store, count: int, at: int) -> None:
    """One reading of each of `count` meters."""
    with store.write() as connection:
        nodes.provision(connection, [Node(meter, "", 1, 1, 5_000) for meter in range(1, count + 1)])
    rows = []
    for meter in range(1, count + 1):
        registers = (0, meter, 0, meter, 0, 0)
        reading = Reading(*registers, 2300, 1000, 230, 1000, 250, 0xFFFF, 0, 1)
        frame = encode(meter, 1, 1, at, reading, key_of(meter))
        rows.append(StoredReading(meter, meter, 1, 1, at, at * 1000, *reading, frame, None))
    for start in range(0, count, 10_000):
        with store.write() as connection:
            readings.insert(connection, rows[start : start + 10_000])


def close(count: int, folder: Path) -> None:
    """Measures one size and prints its figures."""
    now = int(time.time())
    slot = now // SLOT_SECONDS - 1
    store = open_store(f"sqlite:///{folder / 'store.sqlite'}")
    with Anvil() as anvil:
        deployment = deploy(anvil.rpc, SLOT_SECONDS)
        chain = ChainContext(anvil.url, deployment, {"relayer": development_account(RELAYER)})
        fill(store, count, (slot + 1) * SLOT_SECONDS - 1)
        client = QuorumClient([], chain.relayer)
        kinds = dict.fromkeys(range(1, count + 1), 1)
        closer = SlotCloser(
            store, chain, client, kinds=lambda: kinds, salt_key=bytes(32), grace_s=0.0,
            wake_sender=lambda: None,
        )  # fmt: skip
        before_mb = _peak_mb()
        began_cpu, began = time.process_time(), time.perf_counter()
        closed = closer.close_due()
        assert closed == slot
        with store.read() as connection:
            row = slots.get(connection, slot)
        assert row is not None
        body = closer.proposal(row).to_bytes()
        cpu_s, wall_s = time.process_time() - began_cpu, time.perf_counter() - began
        aim = {"aim": AIM_CPU_S} if count == SIZES[-1] else {}
        report(f"close a slot of {count:,} meters", cpu_s, "CPU s", **aim)
        report(f"close a slot of {count:,} meters", wall_s, "s")
        report(f"memory to close {count:,} meters", _peak_mb(), "MB", note=f"{before_mb} MB before")
        _attest(count, body, folder)
        gas = _commit(chain, anvil, row)
        report(f"commit a slot of {count:,} meters", gas, "gas", aim=AIM_GAS)
        client.close()
    store.close()


def _attest(count: int, body: bytes, folder: Path) -> None:
    state = SignedState(folder / "signer.sqlite")
    began = time.process_time()
    proposal = SlotProposal.from_bytes(body)
    checks = SlotChecks(SlotClock(SLOT_SECONDS), time.time(), key_of, KnownKinds(), state.registers)
    changed = check_slot(proposal, checks)
    commitment = proposal.commitment
    state.remember_slot(commitment.slot, commitment.root, commitment.previous_slot, changed)
    report(
        f"an oracle node's check of {count:,} meters", time.process_time() - began, "CPU s",
        note=f"proposal of {len(body) / 1e6:.1f} MB",
    )  # fmt: skip
    state.close()


def _commit(chain: ChainContext, anvil: Anvil, row: slots.Slot) -> int:
    domain = read_domains(chain.rpc, chain.contracts).ledger
    commitment = commitment_of(row)
    digest = slot_digest(domain, commitment, chain.views.quorum().epoch)
    signers = [development_account(FIRST_SIGNER + index) for index in range(2)]
    signers.sort(key=lambda account: int(account.address, 16))
    signatures = [sign(account, digest) for account in signers]
    call = chain.clients.ledger.commit_slot(commitment, signatures)
    return number(send(anvil.rpc, STRANGER, call)["gasUsed"])


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def report(name: str, value: float, unit: str, **more: str) -> None:
    line = {"name": name, "value": round(value, 3), "unit": unit, **more}
    print(json.dumps(line), flush=True)


def main() -> int:
    """Each size in a process of its own, so that its memory is its own."""
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory() as folder:
            close(int(sys.argv[1]), Path(folder))
        return 0
    command = [sys.executable, "-m", "benchmarks.bench_slot"]
    return max(subprocess.run([*command, str(size)], check=False).returncode for size in SIZES)


if __name__ == "__main__":
    sys.exit(main())

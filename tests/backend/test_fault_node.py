"""The chain's node hangs, dies, comes back older; oracle nodes die: the books come right."""

from __future__ import annotations

import gzip
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from local_chain import RESIDENT, claim_meter
from meters import Meter
from test_fault_kill import (
    KINDS,
    _each_wh_is_booked_once,
    _every_accepted_reading_is_stored_once,
    _nothing_is_left_over,
    _slots_follow_each_other,
)
from whole_backend import PATIENCE_S, HttpMeter, WholeBackend, until

from backend.chain.types import BillingMode

SEED = 7


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[WholeBackend]:
    whole = WholeBackend(tmp_path, KINDS, slot_seconds=2)
    for meter in (4, 7):
        mode = int(BillingMode.PREPAID)
        claim_meter(whole.anvil.rpc, whole.deployment, meter, RESIDENT, mode)
    yield whole
    whole.close()


def latest(backend: WholeBackend) -> int:
    return backend.chain.views.latest_slot()


def save_chain(backend: WholeBackend, path: Path) -> None:
    dump = bytes.fromhex(backend.anvil.rpc.call("anvil_dumpState")[2:])
    path.write_bytes(gzip.decompress(dump))


def restart_chain(backend: WholeBackend, state: Path) -> None:
    backend.anvil.stop(signal.SIGKILL)
    time.sleep(1.0)
    backend.anvil.start(load=state)


@pytest.mark.nightly  # over a minute; single faults are by day in test_sender, test_follower
@pytest.mark.e2e
def test_every_fault_of_the_chains_node(backend: WholeBackend, tmp_path: Path) -> None:
    meters = {m: HttpMeter(backend.url, Meter(m), random.Random(SEED + m)) for m in KINDS}
    threads = [threading.Thread(target=meter.run, daemon=True) for meter in meters.values()]
    backend.start()
    backend.wait_ready()
    for thread in threads:
        thread.start()
    old, newer = tmp_path / "old.json", tmp_path / "newer.json"
    until(lambda: latest(backend) > 0, "the first slot")
    save_chain(backend, old)

    # It hangs: connections are taken and never answered.
    before = latest(backend)
    backend.anvil.pause()
    time.sleep(3)
    backend.anvil.resume()
    until(lambda: latest(backend) > before + 1, "slots after a hang")

    # It is killed and comes back as it was a moment ago.
    save_chain(backend, newer)
    before = latest(backend)
    restart_chain(backend, newer)
    until(lambda: latest(backend) > before + 1, "slots after a restart")

    # A reorganisation takes the last blocks away and mines them empty.
    before = latest(backend)
    backend.anvil.rpc.call("anvil_reorg", 3, [])
    until(lambda: latest(backend) > before + 1, "slots after a reorganisation")

    # It comes back as it was long ago: slots, settlements and nonces are missing.
    before = latest(backend)
    restart_chain(backend, old)
    until(lambda: latest(backend) > before + 1, "slots on an older chain")

    # Two of three oracle nodes are dead: slots wait, readings are still accepted.
    for index in (0, 1):
        backend.signers[index].kill()
        backend.signers[index].wait()
    waited_at = latest(backend)
    accepted = sum(len(meter.accepted) for meter in meters.values())
    time.sleep(6)  # slots would be over meanwhile
    until(
        lambda: sum(len(meter.accepted) for meter in meters.values()) > accepted + 50,
        "readings while oracle nodes are dead",
    )
    assert latest(backend) <= waited_at + 1

    def problems() -> list[str]:
        found: list[str] = requests.get(f"{backend.url}/api/health", timeout=30).json()["problems"]
        return found

    until(lambda: any("oracle nodes answer" in one for one in problems()), "word of it")
    for index in (0, 1):
        backend.signers[index] = backend._signer(index)
    until(lambda: latest(backend) > waited_at + 2, "slots when the oracle nodes are back")

    for meter in meters.values():
        meter.stop.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    counted = {meter: tuple(m.meter.registers) for meter, m in meters.items()}
    until(
        lambda: all(backend.settled(meter) == counted[meter] for meter in KINDS),
        "the chain knows every meter's registers",
    )
    _every_accepted_reading_is_stored_once(backend, meters)
    _slots_follow_each_other(backend)
    _each_wh_is_booked_once(backend, counted)
    _nothing_is_left_over(backend)

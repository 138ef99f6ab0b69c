"""The backend dies again and again while readings arrive; the books say what the meters counted."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from local_chain import RESIDENT, claim_meter, development_account
from meters import Meter
from whole_backend import PATIENCE_S, HttpMeter, WholeBackend, until

from backend.chain.contracts import Contract
from backend.chain.types import BillingMode
from backend.oracle.registers import EntityKind, Registers, flows_of
from backend.telemetry.chain_tables import outbox
from backend.telemetry.node_tables import readings
from backend.telemetry.store import open_store

KINDS = {
    1: EntityKind.GRID,
    2: EntityKind.DER,
    3: EntityKind.BATTERY,
    4: EntityKind.CONSUMER,
    7: EntityKind.PROSUMER,
    8: EntityKind.PROSUMER,
}
HELD = (4, 7)
SLOT_SECONDS = 2
SEED = 20261121


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[WholeBackend]:
    whole = WholeBackend(tmp_path, KINDS, SLOT_SECONDS)
    for meter in HELD:
        mode = int(BillingMode.PREPAID)
        claim_meter(whole.anvil.rpc, whole.deployment, meter, RESIDENT, mode)
    yield whole
    whole.close()


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.parametrize("kills", [8, pytest.param(50, marks=pytest.mark.nightly)])
def test_deaths_change_nothing(backend: WholeBackend, kills: int) -> None:
    chance = random.Random(SEED)
    meters = {
        meter: HttpMeter(backend.url, Meter(meter), random.Random(SEED + meter)) for meter in KINDS
    }
    threads = [threading.Thread(target=meter.run, daemon=True) for meter in meters.values()]
    backend.start()
    backend.wait_ready()
    for thread in threads:
        thread.start()
    for kill in range(kills):
        # From the first moments of its start to the middle of its work.
        time.sleep(chance.uniform(0.1, 1.9))
        backend.kill()
        if kill % 5 == 4:
            backend.restart_signer(kill // 5 % 3)
        backend.start()
    backend.wait_ready()
    # On a busy machine it may have died each time before it had committed anything.
    until(lambda: len(backend.events("MeterLedger", "SlotCommitted")) > 2, "slots after the deaths")
    for meter in meters.values():
        meter.stop.set()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    counted = {meter: tuple(m.meter.registers) for meter, m in meters.items()}
    until(
        lambda: all(backend.settled(meter) == counted[meter] for meter in KINDS),
        "the chain knows every meter's registers",
    )
    assert {meter: m.refused for meter, m in meters.items() if m.refused} == {}
    _every_accepted_reading_is_stored_once(backend, meters)
    _slots_follow_each_other(backend)
    _each_wh_is_booked_once(backend, counted)
    _nothing_is_left_over(backend)


def _every_accepted_reading_is_stored_once(
    backend: WholeBackend, meters: dict[int, HttpMeter]
) -> None:
    store = open_store(f"sqlite:///{backend.home / 'store.sqlite'}")
    with store.read() as connection:
        columns = sa.select(readings.c.node_id, readings.c.boot, readings.c.sequence)
        stored = [tuple(row) for row in connection.execute(columns)]
    store.close()
    accepted = [(node, *order) for node, meter in meters.items() for order in meter.accepted]
    assert all(meter.accepted for meter in meters.values())  # readings did arrive
    assert sorted(stored) == sorted(accepted)


def _slots_follow_each_other(backend: WholeBackend) -> None:
    """One line of slots, each committed once, each counted from the one before."""
    committed = backend.events("MeterLedger", "SlotCommitted")
    assert len(committed) > 2  # or nothing is shown
    numbers = [event["slot"] for event in committed]
    assert numbers == sorted(set(numbers))
    assert committed[0]["previousSlot"] == 0
    for before, after in itertools.pairwise(committed):
        assert after["previousSlot"] == before["slot"]


def _each_wh_is_booked_once(backend: WholeBackend, counted: dict[int, tuple[int, ...]]) -> None:
    """Settlements add up to the registers; tokens less debts to what the meters gave and drew."""
    settlements = backend.events("MeterLedger", "MeterSettled")
    for meter, registers in counted.items():
        booked = sum(event["deltaWh"] for event in settlements if event["meter"] == meter)
        assert booked == _supply(KINDS[meter], registers)
    views, ledger = backend.chain.views, Contract(backend.deployment["MeterLedger"])
    accounts = [
        development_account(RESIDENT).address,
        backend.deployment["EnergyMarket"].address,
    ]
    held = sum(views.balances(account).energy_wh for account in accounts)
    debts = views.ask(ledger.call("inventoryDebtWh")) + sum(views.debt_wh(m) for m in HELD)
    token = Contract(backend.deployment["GridToken"])
    held += sum(views.ask(token.call("parkedEnergy", account)) for account in accounts)
    assert held - debts == sum(_supply(KINDS[m], r) for m, r in counted.items())


def _supply(kind: EntityKind, registers: tuple[int, ...]) -> int:
    flows = flows_of(kind, Registers(*registers))
    given = flows.prosumer_export_wh + flows.der_generation_wh + flows.discharged_wh
    drawn = flows.consumption_wh + flows.charged_wh
    return given + flows.grid_import_wh - drawn - flows.grid_export_wh


def _nothing_is_left_over(backend: WholeBackend) -> None:
    """The outbox comes to rest, and nothing in it has failed for good.

    But rates: they follow the newest slot, and the chain refuses those that a fault made late.
    """

    def failed() -> list[str]:
        store = open_store(f"sqlite:///{backend.home / 'store.sqlite'}")
        with store.read() as connection:
            keys = connection.execute(sa.select(outbox.c.key).where(outbox.c.state == "failed"))
            found = [key for (key,) in keys if not key.startswith("v2grates:")]
        store.close()
        return found

    try:
        until(lambda: not failed(), "no failed transactions")
    except AssertionError as error:
        raise AssertionError(f"{error}: {failed()}") from None

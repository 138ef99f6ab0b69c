"""Whose frames count: keys, replaced devices, and what is registered on chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ingest_kit import Clock, booked, provision, send, write_keys
from meters import SINCE, Meter, key_of

from backend.ingest.frame_values import Result
from backend.ingest.keyring import Keyring, KeyringError
from backend.ingest.pipeline import Pipeline
from backend.ingest.rebase import catch_up, on_chain_event
from backend.ingest.registration import Registration, SpeakersError, read_speakers
from backend.telemetry import events, nodes, quarantine
from backend.telemetry.events import ChainEvent
from backend.telemetry.slots import pack, unpack
from backend.telemetry.store import Store

# ---- keys --------------------------------------------------------------------------------------


def test_a_new_key_counts_within_a_second(tmp_path: Path) -> None:
    path = tmp_path / "nodes.json"
    now = Clock(0)
    write_keys(path, [1])
    keyring = Keyring(path, now)
    assert keyring.get(2) is None
    write_keys(path, [1, 2])
    now.now += 1
    assert keyring.get(2) == key_of(2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "must be"),
        ('{"x": "00"}', "'x' is not a node id"),
        ('{"0": "00"}', "'0' is not a node id"),
        ('{"4": "00"}', "key of node 4 must be 64 hex digits"),
        ('{"4": 5}', "key of node 4 must be 64 hex digits"),
    ],
)
def test_a_wrong_key_file_is_refused_at_the_start_and_ignored_later(
    tmp_path: Path, text: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "nodes.json"
    write_keys(path, [1])
    now = Clock(0)
    keyring = Keyring(path, now)
    path.write_text(text)
    with pytest.raises(KeyringError, match=said):
        Keyring(path)
    now.now += 1
    assert keyring.get(1) == key_of(1)
    assert said in caplog.text


def test_a_key_file_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nodes.json"
    write_keys(path, [1])
    path.chmod(0o644)
    with pytest.raises(KeyringError, match="chmod 600"):
        Keyring(path)


# ---- replaced devices --------------------------------------------------------------------------


def _rebased(before: int, after: int, block: int, log_index: int = 0) -> ChainEvent:
    packed = [int.from_bytes(pack((0, 0, 0, wh, 0, 0)), "big") for wh in (before, after)]
    args = {
        "meter": 4,
        "before": hex(packed[0]),
        "afterReset": packed[1],
        "reason": "replaced",
    }
    return ChainEvent(
        block, log_index, "0x", "0x", "MeterRegistry", "RegistersRebased", args, SINCE + block
    )


def test_a_rebase_counts_once_and_settles_the_quarantine(
    pipeline: Pipeline, meter: Meter, store: Store, clock: Clock
) -> None:
    meter.count(50)
    send(pipeline, meter.keyframe_at(SINCE + 60))
    meter.restart()
    meter.registers[3] = 5
    assert send(pipeline, meter.keyframe_at(SINCE + 61)) == [Result.QUARANTINED_BACKWARD]
    first = _rebased(50, 5, block=10)
    with store.write() as connection:
        events.store(connection, [first])
    on_chain_event(store, first)
    on_chain_event(store, first)
    catch_up(store)
    with store.read() as connection:
        assert quarantine.count_waiting(connection) == 0
    clock.now += 10
    meter.count(4)
    assert send(pipeline, meter.keyframe_at(SINCE + 70)) == [Result.ACCEPTED]
    assert booked(store, 4)[3] == 54


def test_the_newest_rebase_holds_in_whatever_order_they_are_heard(
    pipeline: Pipeline, store: Store
) -> None:
    older, newer = _rebased(100, 0, block=10), _rebased(300, 40, block=10, log_index=1)
    for event in (newer, older):
        on_chain_event(store, event)
    with store.read() as connection:
        state = nodes.load_states(connection, [4])[4]
    assert state.offset[3] == 260
    assert state.rebase_before == (0, 0, 0, 300, 0, 0)


def test_other_events_are_not_its_business(store: Store) -> None:
    provision(store)
    event = _rebased(100, 0, block=10)
    on_chain_event(store, ChainEvent(10, 0, "", "", "Other", event.name, event.args, 0))
    with store.read() as connection:
        assert nodes.load_states(connection, [4])[4].offset == (0,) * 6


def test_packing_is_the_chains() -> None:
    registers = (1, 2, 3, 4, 5, (1 << 40) - 1)
    assert unpack(pack(registers)) == registers


# ---- registered on chain -----------------------------------------------------------------------


def _registered(meter: int, power_w: int) -> ChainEvent:
    args = {"meter": meter, "kind": 4, "feederNode": 3, "maxPowerW": power_w}
    return ChainEvent(1, 0, "0x", "0x", "MeterRegistry", "MeterRegistered", args, SINCE)


def _switch_added(board: int, battery: int) -> ChainEvent:
    config = {"meter": 53, "board": board, "pin": 2, "battery": battery, "critical": False}
    args = {"switchId": 3, "config": config}
    return ChainEvent(2, 0, "0x", "0x", "PriorityRegistry", "SwitchAdded", args, SINCE)


def test_what_is_registered_on_chain_is_known_here(store: Store) -> None:
    registration = Registration(store, {1: 61})
    with store.write() as connection:
        events.store(connection, [_registered(61, 9_000), _switch_added(70, 1)])
    registration.catch_up()
    registration.on_chain_event(_rebased(0, 0, 1))  # not its business
    with store.read() as connection:
        known = nodes.all_nodes(connection)
        assert set(nodes.load_states(connection, [61, 70])) == {61, 70}
    assert known[61] == nodes.Node(61, "Meter 61", 4, 3, 9_000, battery_id=1)
    assert known[70] == nodes.Node(70, "Board 70", 0, 0, 0)


def test_provisioned_labels_stay_and_the_chain_says_the_rest(store: Store) -> None:
    provision(store)
    Registration(store, {}).on_chain_event(_registered(4, 1_234))
    with store.read() as connection:
        node = nodes.get(connection, 4)
    assert node is not None
    assert (node.label, node.max_power_w, node.kind) == ("node 4", 1_234, 4)


def test_a_wrong_file_of_speakers_is_refused_by_name(tmp_path: Path) -> None:
    assert read_speakers(tmp_path / "none.json") == {}
    file = tmp_path / "batteries.json"
    for text in ("[]", "{", '{"x": 1}', '{"1": null}'):
        file.write_text(text)
        with pytest.raises(SpeakersError, match=r"batteries\.json must be"):
            read_speakers(file)
    file.write_text('{"1": 3}')
    assert read_speakers(file) == {1: 3}


def test_a_writer_that_ended_leaves_nobody_waiting(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.ingest import pipeline as module

    class Gone(BaseException):
        """Nothing catches it."""

    def die(*_args: Any) -> None:
        raise Gone

    monkeypatch.setattr(module, "_LOOK_AT_WRITER_S", 0.05)
    monkeypatch.setattr(module.threading, "excepthook", lambda _: None)
    monkeypatch.setattr(pipeline, "_store_batch", die)
    (outcome,) = pipeline.submit([Meter(4).keyframe_at(SINCE)])
    assert outcome.result is Result.BUSY
    assert "repeat later" in outcome.detail
    assert send(pipeline, Meter(4).keyframe_at(SINCE)) == [Result.BUSY]
    monkeypatch.undo()
    pipeline.start()
    # What waited in the queue is stored after all: repeating it, as told, books it once.
    assert send(pipeline, Meter(4).keyframe_at(SINCE)) == [Result.DUPLICATE]

"""The sender on a real node: every fault it must outlive, and what it must never do twice."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_chain import RELAYER, STRANGER, Anvil, development_account, transact

from backend.chain.context import ChainContext
from backend.chain.fees import GWEI, FeePolicy, least_gas
from backend.chain.rpc import NodeUnreachableError, RpcClient, number
from backend.chain.sender import Sender, SenderPolicy
from backend.telemetry import outbox
from backend.telemetry.outbox import OutboxState
from backend.telemetry.store import Store, open_store

pytest_plugins = ["chain_fixtures"]

TARGET = "0x00000000000000000000000000000000000a11ce"
PATIENT = SenderPolicy(poll_s=0.05, idle_s=0.05, bump_after_s=60, longest_back_off_s=0.1)
RELAYER_ADDRESS = development_account(RELAYER).address


def make_sender(store: Store, chain: ChainContext, **options: Any) -> Sender:
    options.setdefault("policy", PATIENT)
    return Sender(store, chain.rpc, chain.contracts, chain.relayer, **options)


def write(
    store: Store, *keys: str, data: bytes = b"", target: str = TARGET, gas: int = 60_000
) -> None:
    with store.write() as connection:
        for key in keys:
            outbox.add(
                connection,
                key=key,
                sender=RELAYER_ADDRESS,
                target=target,
                data=data or key.encode(),
                gas=gas,
                now_ms=0,
            )


def states(store: Store) -> dict[str, OutboxState]:
    with store.read() as connection:
        rows = outbox.in_states(connection, list(OutboxState))
    return {row.key: row.state for row in rows}


def settle(sender: Sender, store: Store, rounds: int = 200) -> None:
    """Runs rounds until nothing is unfinished."""
    for _ in range(rounds):
        sender.step()
        if not any(state in outbox.UNFINISHED for state in states(store).values()):
            return
        time.sleep(0.005)
    raise AssertionError(f"unfinished: {states(store)}")


def calldata_on_chain(rpc: RpcClient) -> list[bytes]:
    """Calldata of every transaction to the target, in order of the chain."""
    found = []
    for block in range(number(rpc.call("eth_blockNumber")) + 1):
        for entry in rpc.call("eth_getBlockByNumber", hex(block), True)["transactions"]:
            if (entry.get("to") or "").lower() == TARGET.lower():
                found.append(bytes.fromhex(entry["input"][2:]))
    return found


# ---- the plain way -----------------------------------------------------------------------------


def test_sends_each_row_once_and_in_order(store: Store, chain: ChainContext) -> None:
    keys = [f"x:{i}" for i in range(70)]
    write(store, *keys)
    settle(make_sender(store, chain), store)
    assert set(states(store).values()) == {OutboxState.CONFIRMED}
    assert calldata_on_chain(chain.rpc) == [key.encode() for key in keys]


def test_a_key_is_written_once(store: Store, chain: ChainContext) -> None:
    write(store, "x:1")
    write(store, "x:1", data=b"other")
    settle(make_sender(store, chain), store)
    assert calldata_on_chain(chain.rpc) == [b"x:1"]


def test_urgent_rows_go_first(store: Store, chain: ChainContext) -> None:
    write(store, "slow:1", "slow:2")
    with store.write() as connection:
        outbox.add(
            connection, key="fast:1", sender=RELAYER_ADDRESS, target=TARGET, data=b"fast",
            gas=60_000, now_ms=0, priority=5,
        )  # fmt: skip
    settle(make_sender(store, chain), store)
    assert calldata_on_chain(chain.rpc)[0] == b"fast"


def test_never_more_in_flight_than_allowed(store: Store, chain: ChainContext, anvil: Anvil) -> None:
    anvil.automine(False)
    write(store, *[f"x:{i}" for i in range(20)])
    sender = make_sender(store, chain, policy=SenderPolicy(max_in_flight=6, poll_s=0.01))
    for _ in range(5):
        sender.step()
    assert list(states(store).values()).count(OutboxState.SENT) == 6


def test_gas_used_and_block_are_kept(store: Store, chain: ChainContext) -> None:
    write(store, "x:1")
    settle(make_sender(store, chain), store)
    with store.read() as connection:
        row = outbox.get(connection, "x:1")
    assert row is not None
    assert row.gas_used is not None
    assert 21_000 < row.gas_used < 60_000
    receipt = chain.rpc.call("eth_getTransactionReceipt", row.tx_hash)
    assert number(receipt["blockNumber"]) == row.block


def test_a_row_counts_as_final_only_when_deep_enough(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    write(store, "x:1")
    sender = make_sender(store, chain, policy=SenderPolicy(confirmations=3, poll_s=0.01))
    sender.step()
    sender.step()
    assert states(store) == {"x:1": OutboxState.MINED}
    anvil.mine(2)
    sender.step()
    assert states(store) == {"x:1": OutboxState.CONFIRMED}


# ---- effects -----------------------------------------------------------------------------------


def test_a_row_whose_effect_is_there_is_not_sent(store: Store, chain: ChainContext) -> None:
    write(store, "poke:1")
    effects = {"poke": lambda _row: (chain.clients.ledger.latest_slot(), lambda slot: slot == 0)}
    settle(make_sender(store, chain, effects=effects), store)
    assert states(store) == {"poke:1": OutboxState.OBSOLETE}
    assert calldata_on_chain(chain.rpc) == []


def test_a_refused_transaction_fails_with_the_contracts_reason(
    store: Store, chain: ChainContext
) -> None:
    call = chain.clients.priority.poke(7)
    acknowledge = chain.clients.priority.acknowledge([99], [1], [True])
    write(store, "ack:1", data=acknowledge.data, target=acknowledge.target, gas=200_000)
    settle(make_sender(store, chain), store)
    with store.read() as connection:
        row = outbox.get(connection, "ack:1")
    assert row is not None
    assert row.state is OutboxState.FAILED
    assert "PriorityRegistry_UnknownSwitch" in (row.error or "")
    assert call.name == "PriorityRegistry.poke"


def test_running_out_of_gas_is_named(store: Store, chain: ChainContext) -> None:
    call = chain.clients.priority.acknowledge([99], [1], [True])
    write(store, "ack:1", data=call.data, target=call.target, gas=least_gas(call.data))
    settle(make_sender(store, chain), store)
    with store.read() as connection:
        row = outbox.get(connection, "ack:1")
    assert row is not None
    assert row.state is OutboxState.FAILED
    assert "ran out of gas" in (row.error or "")


def test_a_transaction_that_can_never_be_mined_does_not_block_the_others(
    store: Store, chain: ChainContext
) -> None:
    write(store, "x:1", gas=100)
    write(store, "x:2", "x:3")
    settle(make_sender(store, chain), store)
    assert states(store) == {
        "x:1": OutboxState.FAILED,
        "x:2": OutboxState.CONFIRMED,
        "x:3": OutboxState.CONFIRMED,
    }


# ---- the node ----------------------------------------------------------------------------------


def test_outlives_a_node_that_is_away(
    store: Store, tmp_path: Path, anvil: Anvil, chain: ChainContext
) -> None:
    sender = make_sender(store, chain)
    write(store, "x:1")
    settle(sender, store)
    state = tmp_path / "state.json"
    dump = chain.rpc.call("anvil_dumpState")
    anvil.stop(9)
    write(store, "x:2", "x:3")
    for _ in range(5):
        assert sender.step() <= 0.2
    assert sender.status().unreachable_since is not None
    assert states(store)["x:2"] is OutboxState.PENDING
    anvil.start()
    chain.rpc.call("anvil_loadState", dump)
    settle(sender, store)
    assert sender.status().unreachable_since is None
    assert states(store)["x:3"] is OutboxState.CONFIRMED
    assert not state.exists()


def test_outlives_a_node_that_hangs(store: Store, anvil: Anvil, chain: ChainContext) -> None:
    chain.rpc.timeout_s = 0.2
    sender = make_sender(store, chain)
    write(store, "x:1")
    anvil.pause()
    sender.step()
    assert states(store)["x:1"] in (OutboxState.PENDING, OutboxState.SENT)
    anvil.resume()
    settle(sender, store)
    assert calldata_on_chain(chain.rpc) == [b"x:1"]


def test_an_answer_that_is_lost_is_no_second_transaction(
    store: Store, chain: ChainContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node takes the transaction and the connection breaks before it says so."""
    write(store, "x:1", "x:2")
    sender = make_sender(store, chain)
    batch = chain.rpc.batch
    broken: list[str] = []

    def breaking(calls: Any) -> Any:
        answers = batch(calls)
        if calls and calls[0][0] == "eth_sendRawTransaction" and not broken:
            broken.append("now")
            raise NodeUnreachableError("connection reset")
        return answers

    monkeypatch.setattr(chain.rpc, "batch", breaking)
    settle(sender, store)
    assert calldata_on_chain(chain.rpc) == [b"x:1", b"x:2"]


# ---- reorganisations and older chains ----------------------------------------------------------


def test_goes_out_again_after_a_reorganisation(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    sender = make_sender(store, chain, policy=SenderPolicy(confirmations=4, poll_s=0.01))
    snapshot = anvil.snapshot()
    write(store, "x:1", "x:2")
    for _ in range(3):
        sender.step()
    assert set(states(store).values()) == {OutboxState.MINED}
    anvil.revert(snapshot)
    assert calldata_on_chain(chain.rpc) == []
    for _ in range(4):
        sender.step()
    anvil.mine(5)
    settle(sender, store)
    assert calldata_on_chain(chain.rpc) == [b"x:1", b"x:2"]


def test_final_rows_go_out_again_if_the_chain_is_an_older_one(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    sender = make_sender(store, chain)
    write(store, "x:1")
    settle(sender, store)
    snapshot = anvil.snapshot()
    write(store, "x:2", "x:3", "x:4")
    settle(sender, store)
    anvil.revert(snapshot)
    write(store, "x:5")
    settle(sender, store)
    assert calldata_on_chain(chain.rpc) == [f"x:{i}".encode() for i in range(1, 6)]
    assert set(states(store).values()) == {OutboxState.CONFIRMED}


def test_rows_behind_a_lost_nonce_get_new_ones(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    """On an older chain a failed row's nonce is unused again: nothing fills it but the rest."""
    sender = make_sender(store, chain)
    snapshot = anvil.snapshot()
    call = chain.clients.priority.acknowledge([99], [1], [True])
    write(store, "ack:1", data=call.data, target=call.target, gas=200_000)
    write(store, "x:1", "x:2")
    settle(sender, store)
    anvil.revert(snapshot)
    settle(sender, store)
    assert states(store)["ack:1"] is OutboxState.FAILED
    assert sorted(calldata_on_chain(chain.rpc)) == [b"x:1", b"x:2"]


# ---- nonces and fees ---------------------------------------------------------------------------


def test_a_foreign_transaction_takes_our_nonce(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    anvil.automine(False)
    write(store, "x:1", "x:2")
    sender = make_sender(store, chain)
    sender.step()
    # Another process with the same key outbids the first of them at the same nonce.
    account = chain.relayer
    nonce = number(chain.rpc.call("eth_getTransactionCount", account.address, "latest"))
    foreign = account.sign_transaction(
        {
            "type": 2, "chainId": chain.chain_id, "nonce": nonce, "to": RELAYER_ADDRESS, "value": 0,
            "gas": 21_000, "maxFeePerGas": 100 * GWEI, "maxPriorityFeePerGas": 50 * GWEI,
        }
    )  # fmt: skip
    chain.rpc.call("eth_sendRawTransaction", "0x" + bytes(foreign.raw_transaction).hex())
    anvil.mine()
    anvil.automine(True)
    settle(sender, store)
    assert sorted(calldata_on_chain(chain.rpc)) == [b"x:1", b"x:2"]


def test_offers_more_when_the_base_fee_outruns_it(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    anvil.automine(False)
    write(store, "x:1", "x:2")
    policy = SenderPolicy(bump_after_s=0.02, poll_s=0.01, fees=FeePolicy(priority_fee=GWEI))
    sender = make_sender(store, chain, policy=policy)
    sender.step()
    with store.read() as connection:
        first = outbox.get(connection, "x:1")
    chain.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(40 * GWEI))
    anvil.mine()
    assert set(states(store).values()) == {OutboxState.SENT}  # its offer is below the base fee now
    for _ in range(4):
        time.sleep(0.03)
        sender.step()
    anvil.automine(True)
    anvil.mine()
    settle(sender, store)
    with store.read() as connection:
        last = outbox.get(connection, "x:1")
    assert first
    assert last
    assert first.max_fee_per_gas
    assert last.max_fee_per_gas
    assert last.max_fee_per_gas > first.max_fee_per_gas
    assert calldata_on_chain(chain.rpc) == [b"x:1", b"x:2"]


def test_a_receipt_under_an_earlier_hash_counts(
    store: Store, chain: ChainContext, anvil: Anvil
) -> None:
    """Both versions are out; the node mines the first."""
    anvil.automine(False)
    write(store, "x:1")
    sender = make_sender(store, chain, policy=SenderPolicy(bump_after_s=0.0, poll_s=0.01))
    sender.step()
    with store.read() as connection:
        first = outbox.get(connection, "x:1")
    assert first is not None
    assert first.raw is not None
    time.sleep(0.01)
    sender.step()
    chain.rpc.call("anvil_dropAllTransactions")
    chain.rpc.call("eth_sendRawTransaction", "0x" + first.raw.hex())
    anvil.mine()
    settle(sender, store)
    with store.read() as connection:
        row = outbox.get(connection, "x:1")
    assert row is not None
    assert row.tx_hash == first.tx_hash
    assert calldata_on_chain(chain.rpc) == [b"x:1"]


def test_an_empty_account_waits_and_says_so(store: Store, chain: ChainContext) -> None:
    chain.rpc.call("anvil_setBalance", RELAYER_ADDRESS, "0x0")
    write(store, "x:1")
    sender = make_sender(store, chain, policy=SenderPolicy(bump_after_s=0.0, poll_s=0.01))
    for _ in range(3):
        sender.step()
    assert states(store) == {"x:1": OutboxState.SENT}
    assert "x:1" in (sender.status().last_error or "")
    assert sender.status().balance_wei == 0
    chain.rpc.call("anvil_setBalance", RELAYER_ADDRESS, hex(10**20))
    time.sleep(0.01)
    settle(sender, store)
    assert calldata_on_chain(chain.rpc) == [b"x:1"]


# ---- its own death -----------------------------------------------------------------------------


class Death(BaseException):
    """What SIGKILL is to a process: nothing after it runs."""


@pytest.mark.parametrize(
    "seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(4, 12))]
)
def test_resumes_after_death_at_any_instant(
    tmp_path: Path, chain: ChainContext, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender dies again and again at a random one of its calls to node and store."""
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    store = open_store(url)
    keys = [f"x:{i}" for i in range(25)]
    write(store, *keys)
    store.close()
    chance = random.Random(seed)
    for _ in range(60):
        store = open_store(url)
        try:
            with monkeypatch.context() as patch:
                _mortal(patch, chain.rpc, store, chance)
                sender = make_sender(store, chain)
                for _ in range(chance.randrange(1, 6)):
                    sender.step()
        except Death:
            pass
        finally:
            store.close()
    store = open_store(url)
    settle(make_sender(store, chain), store)
    assert set(states(store).values()) == {OutboxState.CONFIRMED}
    store.close()
    assert sorted(calldata_on_chain(chain.rpc)) == sorted(key.encode() for key in keys)


def _mortal(patch: pytest.MonkeyPatch, rpc: RpcClient, store: Store, chance: random.Random) -> None:
    def mortal(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if chance.random() < 0.08:
                raise Death
            result = function(*args, **kwargs)
            if chance.random() < 0.08:
                raise Death
            return result

        return call

    patch.setattr(rpc, "batch", mortal(rpc.batch))
    patch.setattr(rpc, "call", mortal(rpc.call))
    patch.setattr(store, "write", mortal(store.write))


# ---- its thread --------------------------------------------------------------------------------


def test_a_woken_thread_sends_at_once(store: Store, chain: ChainContext) -> None:
    sender = make_sender(store, chain, policy=SenderPolicy(idle_s=60))
    stop = threading.Event()
    thread = threading.Thread(target=sender.run, args=(stop,))
    thread.start()
    try:
        write(store, "x:1")
        begun = time.monotonic()
        sender.wake()
        while states(store)["x:1"] is not OutboxState.CONFIRMED:
            assert time.monotonic() - begun < 30  # it would have slept a minute
            time.sleep(0.005)
    finally:
        stop.set()
        sender.wake()
        thread.join(2)
    assert not thread.is_alive()


def test_a_stranger_cannot_disturb(store: Store, chain: ChainContext, anvil: Anvil) -> None:
    write(store, "x:1")
    transact(chain.rpc, development_account(STRANGER).address, TARGET, b"noise")
    settle(make_sender(store, chain), store)
    assert b"x:1" in calldata_on_chain(anvil.rpc)

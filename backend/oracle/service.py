"""The oracle's parts as threads that outlive their faults."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from backend import signals
from backend.chain import trade_projections
from backend.chain.context import ChainContext
from backend.chain.contracts import ContractError
from backend.chain.effects import EffectCheck
from backend.chain.follower import ChainEvent, EventFollower, FollowerPolicy
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.chain.sender import Sender, SenderPolicy
from backend.config import Settings
from backend.ingest.keyring import Keyring
from backend.oracle.battery import BatteryReporter
from backend.oracle.carbon_file import read_carbon_table
from backend.oracle.certificates import CertificateKeeper
from backend.oracle.closer import SlotCloser
from backend.oracle.dispatch import RelayDispatcher
from backend.oracle.due import SweepThread
from backend.oracle.effects import effect_checks
from backend.oracle.incentives import IncentiveKeeper
from backend.oracle.markets import MarketUpkeep
from backend.oracle.mesh import MAX_AGE_S, MeshKeeper
from backend.oracle.prices import PriceCollector
from backend.oracle.quorum import QuorumClient, QuorumError, SignerState
from backend.oracle.salts import read_salt_key
from backend.oracle.settlement import Settler
from backend.oracle.trading import TradeKeeper
from backend.oracle.upkeep import Upkeep
from backend.oracle.v2g import V2GKeeper
from backend.oracle.witness import WitnessKeeper
from backend.telemetry import commands, mesh, outbox, slots, terms
from backend.telemetry.outbox import OutboxRow, OutboxState
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

KEEP_LEAF_SLOTS = 10_000
"""Leaves of older slots are deleted: a household can check as far back."""
_KEEP_OUTBOX_MS = 7 * 86_400_000
_STOP_S = 2.0
_LONGEST_PAUSE_S = 30.0
_PASSING = (NodeUnreachableError, RpcError, ContractError, QuorumError)
_STIRS_UPKEEP = frozenset(
    {
        "MeterSettled",
        "DebtRepaid",
        "BillIssued",
        "BillPaid",
        "SupplyRequested",
        "SupplyClosing",
        "RelayAcknowledged",
        "TermsStarted",
        "ReadingShown",
        "LotFinalised",
        "RequestApproved",
        "CertificateRetired",
        "IntensityPublished",
    }
)


_STIRS_MARKETS = frozenset(
    {
        "TermsStarted",
        "MemberJoined",
        "SlotCleared",
        "OrderClaimed",
        "SlotCommitted",
        "MeterSettled",
        "MemberReported",
        "SlotClosed",
        "Deposited",
    }
)


_STIRS_CARS = frozenset(
    {"SlotCommitted", "SessionStarted", "FlowSettled", "SessionOpened", "RatesUpdated"}
)


@dataclass(frozen=True, slots=True)
class OracleStatus:
    """How the oracle is.

    Args:
        outbox_pending: transactions that are not final yet; `outbox`: how many in each state
        lag_blocks: blocks the follower has not read
        unreachable_s: seconds since the node stopped answering; None = it answers
        problems: what is wrong now, by part
        relayer_balance_wei: what the relayer can still spend; None = not known yet
    """

    running: bool
    signers: tuple[SignerState, ...]
    threshold: int
    outbox_pending: int
    outbox: Mapping[str, int]
    commands_pending: int
    lag_blocks: int
    unreachable_s: float | None
    relayer_balance_wei: int | None
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def signers_up(self) -> int:
        """How many oracle nodes answered last."""
        return sum(signer.up for signer in self.signers)


class OracleService:
    """Closer, sender, follower, battery reporter, price collector, relay dispatcher, settlement,
    upkeep and the markets' upkeep.

    Args:
        settings: keys_dir, signer_urls, close_grace_s, confirmations, settle_every_slots,
            price_round_s
        store: the telemetry store
        chain: with the relayer's account
    """

    def __init__(self, settings: Settings, store: Store, chain: ChainContext) -> None:
        self._settings = settings
        self._store = store
        self._chain = chain
        local = chain.deployment.slot_seconds < 120
        poll_s = 0.25 if local else 2.0
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._problems: dict[str, str] = {}
        self._threshold = 0
        self._pruned_at = 0.0
        self.sender = self._make_sender(poll_s)
        self.follower = EventFollower(
            store,
            chain.rpc,
            chain.contracts,
            trade_projections.projections,
            policy=FollowerPolicy(confirmations=settings.confirmations, poll_s=poll_s),
            on_moved=chain.views.invalidate,
            on_rolled_back=self._on_rolled_back,
        )
        self.quorum = QuorumClient(settings.signer_urls, chain.relayer)
        wake_sender = self.sender.wake
        self.closer = SlotCloser(
            store,
            chain,
            self.quorum,
            kinds=self._kinds,
            salt_key=read_salt_key(settings.keys_dir / "salt.hex"),
            grace_s=settings.close_grace_s,
            wake_sender=wake_sender,
        )
        self.battery = BatteryReporter(
            store,
            chain,
            self.quorum,
            wake_sender=wake_sender,
            poke_every_s=min(12.0, max(1.0, chain.deployment.slot_seconds / 15)),
        )
        keyring = Keyring(settings.keys_dir / "nodes.json")
        self.dispatcher = RelayDispatcher(store, chain, keyring.speaking, wake_sender=wake_sender)
        self.settler = Settler(
            store, chain, every_slots=settings.settle_every_slots, wake_sender=wake_sender
        )
        self.prices = PriceCollector(
            store,
            chain,
            self.quorum,
            round_s=settings.price_round_s,
            wake_sender=wake_sender,
        )
        self.upkeep = Upkeep(store, chain, wake_sender=wake_sender)
        self.trades = TradeKeeper(store, chain, wake_sender=wake_sender)
        self.witness = WitnessKeeper(store, chain, wake_sender=wake_sender)
        self.certificates = CertificateKeeper(
            store,
            chain,
            self.quorum,
            read_carbon_table(settings.carbon_file),
            wake_sender=wake_sender,
        )
        self.mesh = MeshKeeper(store, chain, self.quorum, keyring.get, wake_sender=wake_sender)
        self.incentives = IncentiveKeeper(store, chain, self.quorum, wake_sender=wake_sender)
        self._upkeep_thread = SweepThread(
            self._sweep, every_s=min(60.0, float(chain.deployment.slot_seconds))
        )
        self.markets = MarketUpkeep(store, chain, wake_sender=wake_sender)
        self._markets_thread = SweepThread(
            self.markets.sweep, every_s=min(30.0, chain.deployment.slot_seconds / 3)
        )
        slot_s = chain.deployment.slot_seconds
        self.v2g = V2GKeeper(
            store,
            chain,
            self.quorum,
            time_scale=settings.time_scale_on(chain.deployment.chain_id, slot_s),
            wake_sender=wake_sender,
        )
        self._v2g_thread = SweepThread(self.v2g.sweep, every_s=min(10.0, slot_s / 10))
        self._closer_wake = threading.Event()
        self._settler_wake = threading.Event()

    def _make_sender(self, poll_s: float) -> Sender:
        return Sender(
            self._store,
            self._chain.rpc,
            self._chain.contracts,
            self._chain.relayer,
            policy=SenderPolicy(
                confirmations=self._settings.confirmations,
                poll_s=poll_s,
                idle_s=min(5.0, 8 * poll_s),
                # A local node mines at once; if not, its pool has lost track and wants a new offer.
                bump_after_s=5.0 if poll_s < 1 else 30.0,
            ),
            effects=self._effects(),
            on_transition=self._on_transition,
            on_mined=lambda: self.follower.wake(),
        )

    def _effects(self) -> Mapping[str, EffectCheck]:
        return effect_checks(self._chain.clients)

    # ---- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Starts every part. A part that fails is started again, later and later."""
        if self._threads:
            return
        self._stop.clear()
        signals.readings_stored.connect(self.battery.on_readings)
        signals.command_acknowledged.connect(self.dispatcher.on_acknowledged)
        signals.chain_event.connect(self._on_chain_event)
        signals.slot_committed.connect(self._on_slot_committed)
        parts: list[tuple[str, Callable[[threading.Event], None]]] = [
            ("follower", self.follower.run),
            ("sender", self.sender.run),
            ("closer", self._run_closer),
            ("battery", self.battery.run),
            ("dispatcher", self.dispatcher.run),
            ("settlement", self._run_settlement),
            ("prices", self.prices.run),
            ("upkeep", self._upkeep_thread.run),
            ("markets", self._markets_thread.run),
            ("cars", self._v2g_thread.run),
            ("signers", self._run_signer_watch),
        ]
        for name, run in parts:
            thread = threading.Thread(
                target=self._supervise, args=(name, run), name=f"oracle-{name}", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Stops every part within 2 s. What is unfinished goes on at the next start."""
        self._stop.set()
        signals.readings_stored.disconnect(self.battery.on_readings)
        signals.command_acknowledged.disconnect(self.dispatcher.on_acknowledged)
        signals.chain_event.disconnect(self._on_chain_event)
        signals.slot_committed.disconnect(self._on_slot_committed)
        for wake in (self.sender, self.follower, self.battery, self.dispatcher):
            wake.wake()
        self._upkeep_thread.wake()
        self._markets_thread.wake()
        self._v2g_thread.wake()
        self._closer_wake.set()
        self._settler_wake.set()
        deadline = time.monotonic() + _STOP_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        alive = [thread.name for thread in self._threads if thread.is_alive()]
        if alive:
            log.warning("still busy, left behind: %s", ", ".join(alive))
        self._threads.clear()
        self.quorum.close()

    def status(self) -> OracleStatus:
        """How it is. Costs two small queries."""
        sender = self.sender.status()
        unfinished = sum(sender.counts.get(state, 0) for state in outbox.UNFINISHED)
        since = sender.unreachable_since
        with self._store.read() as connection:
            pending = commands.pending_count(connection)
        problems = dict(self._problems)
        for name, error in (
            ("closer", self.closer.last_error),
            ("battery", self.battery.last_error),
            ("dispatcher", self.dispatcher.last_error),
            ("prices", self.prices.last_error),
            ("sender", sender.last_error),
        ):
            if error is not None:
                problems[name] = error
        return OracleStatus(
            running=any(thread.is_alive() for thread in self._threads),
            signers=tuple(self.quorum.states()),
            threshold=self._threshold,
            outbox_pending=unfinished,
            outbox=sender.counts,
            commands_pending=pending,
            lag_blocks=self.follower.lag_blocks,
            unreachable_s=None if since is None else time.monotonic() - since,
            relayer_balance_wei=sender.balance_wei,
            problems=problems,
        )

    def pending_frames(self, node_id: int) -> list[bytes]:
        """COMMAND frames that wait for a board; see RelayDispatcher."""
        return self.dispatcher.pending_frames(node_id)

    # ---- parts without a class of their own ------------------------------------------------------

    def _run_closer(self, stop: threading.Event) -> None:
        while not stop.is_set():
            pause = self.closer.step()
            if self.closer.last_error is not None:
                pause = min(pause, 2.0)
            self._closer_wake.wait(min(pause, 5.0))
            self._closer_wake.clear()

    def _run_settlement(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.settler.step()
            self._prune()
            self._settler_wake.wait(2.0)
            self._settler_wake.clear()

    def _run_signer_watch(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self.quorum.look()
            self._threshold = self._chain.views.quorum(max_age_s=60.0).threshold
            stop.wait(5.0)

    def _prune(self) -> None:
        if time.monotonic() - self._pruned_at < 600:
            return
        self._pruned_at = time.monotonic()
        with self._store.read() as connection:
            newest = slots.newest_number(connection)
        with self._store.write() as connection:
            slots.prune_leaves(connection, newest - KEEP_LEAF_SLOTS)
            mesh.prune(connection, int(time.time()) - MAX_AGE_S)
            outbox.prune(connection, int(time.time() * 1000) - _KEEP_OUTBOX_MS)

    def _supervise(self, name: str, run: Callable[[threading.Event], None]) -> None:
        pause = 0.25
        while not self._stop.is_set():
            begun = time.monotonic()
            try:
                run(self._stop)
                self._problems.pop(name, None)
            except _PASSING as error:
                self._problems[name] = str(error)
                log.warning("%s: %s", name, error)
            except Exception as error:
                self._problems[name] = f"{type(error).__name__}: {error}"
                log.exception("%s failed and is started again", name)
            lasted = time.monotonic() - begun
            pause = 0.25 if lasted > _LONGEST_PAUSE_S else min(2 * pause, _LONGEST_PAUSE_S)
            self._stop.wait(pause)

    # ---- what one part means for another ---------------------------------------------------------

    def _kinds(self) -> Mapping[int, int]:
        with self._store.read() as connection:
            return terms.kinds(connection)

    def _on_transition(self, connection: Any, row: OutboxRow, state: OutboxState) -> None:
        if row.kind == "commit" and state in (OutboxState.SENT, OutboxState.MINED):
            slots.set_sent(connection, int(row.key.partition(":")[2]), row.tx_hash)
        if state is OutboxState.FAILED:
            self._settler_wake.set()
            self._closer_wake.set()

    def _on_rolled_back(self) -> None:
        self.battery.forget()
        self._closer_wake.set()
        self.dispatcher.wake()

    def _sweep(self) -> int:
        greens = (self.certificates, self.incentives)
        keepers = (self.upkeep, self.trades, *greens, self.witness, self.mesh)
        return sum(keeper.sweep() for keeper in keepers)

    def _on_slot_committed(self, _sender: object, **_: object) -> None:
        self._settler_wake.set()
        self._upkeep_thread.wake()
        self._closer_wake.set()

    def _on_chain_event(self, _sender: object, event: ChainEvent) -> None:
        if event.name in _STIRS_UPKEEP:
            self._upkeep_thread.wake()
        elif event.name == "RelayCommand":
            self.battery.wake()
        if event.name in _STIRS_MARKETS:
            self._markets_thread.wake()
        if event.name in _STIRS_CARS:
            self._v2g_thread.wake()

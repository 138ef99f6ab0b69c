"""A price node: forms its price every round and agrees on the round with the others.

Rounds are numbered by time, round = floor(Unix seconds / round_s), so nodes that were away need
nobody to tell them where the others are.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from eth_account.signers.local import LocalAccount

from backend.chain.clients import PriceFeedClient
from backend.chain.context import ChainContext
from backend.chain.contracts import Call, ContractError
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.chain.types import FeedRound, FeedSettings, Quorum
from backend.oracle.domains import read_domains
from backend.oracle.price_messages import Decided, Message, Observed, from_document
from backend.oracle.price_round import PriceRound, RoundRules, Send
from backend.oracle.price_signing import FeedIdentity, NodeSigning, members_of
from backend.oracle.price_transport import Peers
from backend.oracle.price_view import PriceView
from backend.pricing import FeedSettings as EngineSettings
from backend.pricing import PriceBounds, PriceError
from backend.pricing.learned_opinion import LearnedPolicy
from backend.pricing.opinion import Opinion, OpinionSettings

log = logging.getLogger(__name__)

_TICK_S = 0.05
_WAITING = 4096
_EARLY = 256
_KEPT = 40
_CHAIN_ERRORS = (NodeUnreachableError, RpcError, ContractError)


@dataclass(frozen=True, slots=True)
class PriceSettings:
    """How a node takes part.

    Args:
        round_s: length of a round.
        patience_s: how long a leader has.
        tolerance_ppm: how far a median may be from the own price.
        base, grid_import, grid_export, stability_permille: see OpinionSettings.
    """

    round_s: int = 15
    patience_s: float = 2.0
    tolerance_ppm: int = 100_000
    base: int = 6_000_000
    grid_import: int = 7_000_000
    grid_export: int = 3_000_000
    stability_permille: int = 1000


@dataclass(frozen=True, slots=True)
class FeedState:
    """What the chain says of the feed, asked once a round."""

    quorum: Quorum
    settings: FeedSettings
    latest: FeedRound
    feed: int


class Bids(Protocol):
    """What members bid for coming energy."""

    def __call__(self) -> int | None:
        """Mean bid, micro-rupees per kWh; None if there is none."""


def no_bids() -> int | None:
    """Where there is no market for coming energy."""
    return None


class PriceNode:
    """Runs the rounds in a thread of its own; `take` may be called from any.

    Args:
        view: what this node knows
        peers: the other nodes
        policy: the learned agent, asked before the closed form
        opinion_of: forms the price, if not the view's own (tests and benchmarks)
    """

    def __init__(
        self,
        account: LocalAccount,
        chain: ChainContext,
        view: PriceView,
        peers: Sequence[str],
        settings: PriceSettings,
        *,
        bids: Bids = no_bids,
        policy: LearnedPolicy | None = None,
        now: Callable[[], float] = time.time,
        opinion_of: Callable[[int], int] | None = None,
    ) -> None:
        self._account = account
        self._chain = chain
        self._view = view
        self._settings = settings
        self._bids = bids
        self._policy = policy
        self._objection: str | None = None
        self._now = now
        self._opinion_of = opinion_of
        self._peers = Peers(peers)
        self._inbox: queue.Queue[Message] = queue.Queue(_WAITING)
        self._early: list[Message] = []
        self._round: PriceRound | None = None
        self._previous: PriceRound | None = None
        self._signing: NodeSigning | None = None
        self._reports: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._tried = -1
        self._thread = threading.Thread(target=self._run, name="price", daemon=True)

    # ---- life ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins with the next round."""
        self._peers.start()
        self._thread.start()

    def stop(self) -> None:
        """Ends within a second."""
        self._stop.set()
        self._thread.join(1.0)
        self._peers.stop()

    def take(self, documents: Any) -> None:
        """Takes messages in as they came over the wire. MessageError names what is wrong."""
        if not isinstance(documents, list):
            documents = [documents]
        for message in [from_document(document) for document in documents]:
            try:
                self._inbox.put_nowait(message)
            except queue.Full:
                return  # it is said again

    def reports(self, after: int) -> list[dict[str, Any]]:
        """What this node knows of rounds above `after`: its price, and the decision if there is
        one."""
        with self._lock:
            return [dict(report) for number, report in self._reports.items() if number > after]

    # ---- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.step()
            except _CHAIN_ERRORS as error:
                log.warning("price: the chain cannot be asked: %s", error)
                self._stop.wait(0.5)
            except Exception:
                log.exception("price: a step failed")
                self._stop.wait(0.5)
            self._wait_for_message()

    def step(self) -> None:
        """Begins a round that is due, and lets time pass in the one that runs."""
        now = self._now()
        due = int(now // self._settings.round_s)
        if due > self._tried:
            self._begin(due, now)
            self._tried = due
        if self._round is not None:
            self._send(self._round.tick(now))
            self._note_decision(self._round)

    def _wait_for_message(self) -> None:
        try:
            self._hand_over(self._inbox.get(timeout=_TICK_S))
            while True:
                self._hand_over(self._inbox.get_nowait())
        except queue.Empty:
            return

    def _hand_over(self, message: Message) -> None:
        current, previous = self._round, self._previous
        if current is not None and message.round_id == current.round_id:
            self._send(current.receive(message, self._now()))
            self._note_decision(current)
        elif previous is not None and message.round_id == previous.round_id:
            self._send(previous.receive(message, self._now()))
        elif message.round_id == self._tried + 1 and len(self._early) < _EARLY:
            self._early.append(message)  # of a node whose clock is a little ahead

    def _begin(self, number: int, now: float) -> None:
        state = self._ask_chain()
        if state is None:
            return
        self._previous, self._round = self._round, None
        signing = self._signing_in(state)
        if signing is None:
            return
        self._view.note_price(state.latest.price)
        opinion, price = self._form(number, state)
        own = None if price is None else signing.observe(number, price, int(now))
        rules = self._rules(state)
        # It computes both prices itself; nodes that go by the closed form alone are right, too.
        learned = None if opinion is None else opinion.learned
        also = () if learned is None else (learned.closed_form,)
        current = PriceRound(signing.me, number, rules, signing, own, also_right=also)
        self._report(number, signing, own, opinion, rules.leader(number, 0))
        self._round = current
        self._send(current.begin(now))
        early, self._early = self._early, []
        for message in early:
            self._send(current.receive(message, now))

    def _form(self, number: int, state: FeedState) -> tuple[Opinion | None, int | None]:
        bounds = PriceBounds(state.settings.min_price, state.settings.max_price)
        if self._opinion_of is not None:
            return None, bounds.clip(self._opinion_of(number))
        mine = self._settings
        settings = OpinionSettings(
            mine.base, mine.grid_import, mine.grid_export, mine.stability_permille, bounds
        )
        try:
            opinion = self._view.opinion(settings, self._bids(), self._policy)
        except PriceError as error:
            log.warning("price: no price follows from what is seen: %s", error)
            return None, None
        self._tell_objection(opinion)
        return opinion, None if opinion is None else opinion.price

    def _tell_objection(self, opinion: Opinion | None) -> None:
        """Says once why the closed form speaks although the agent is asked."""
        learned = None if opinion is None else opinion.learned
        objection = None if learned is None or learned.price is not None else learned.reason
        if objection is not None and objection != self._objection:
            log.warning("price: the closed form, as the learned agent may not: %s", objection)
        self._objection = objection

    # ---- the chain -----------------------------------------------------------------------------

    def _ask_chain(self) -> FeedState | None:
        feed = self._chain.clients.feed
        if feed is None or self._chain.views.price_source() is not feed:
            return None  # nobody goes by it
        quorum = self._chain.views.quorum(max_age_s=0.0)
        settings, latest, number = self._ask_feed(feed)
        return FeedState(quorum, settings, latest, number)

    def _ask_feed(self, feed: PriceFeedClient) -> tuple[FeedSettings, FeedRound, int]:
        calls: list[Call[Any]] = [feed.settings(), feed.latest(), feed.feed()]
        settings, latest, number = self._chain.views.ask_many(calls, max_age_s=0.0)
        return settings, latest, number

    def _signing_in(self, state: FeedState) -> NodeSigning | None:
        """Signing under the present set of signers; None if this node is none of them."""
        members = members_of(state.quorum)
        if self._account.address not in members:
            who, epoch = self._account.address, state.quorum.epoch
            log.warning("price: %s is no signer in epoch %d", who, epoch)
            return None
        known = self._signing
        if known is None or known.identity.epoch != state.quorum.epoch:
            domain = read_domains(self._chain.rpc, self._chain.contracts).feed
            if domain is None:
                return None
            identity = FeedIdentity(domain, state.feed, state.quorum.epoch)
            self._signing = NodeSigning(self._account, members, identity)
        return self._signing

    def _rules(self, state: FeedState) -> RoundRules:
        members = len(state.quorum.signers)
        engine = engine_settings(state.settings, state.quorum)
        return RoundRules(
            feed=engine,
            nodes=members,
            observers=max(engine.quorum, state.quorum.threshold),
            tolerance_ppm=self._settings.tolerance_ppm,
            patience_s=self._settings.patience_s,
            collect_s=min(0.25, self._settings.patience_s / 4),
            resend_s=max(0.25, self._settings.patience_s / 4),
        )

    # ---- what is said --------------------------------------------------------------------------

    def _send(self, sends: Sequence[Send]) -> None:
        for send in sends:
            members = self._signing.members if self._signing is not None else ()
            to = None if send.to is None or send.to >= len(members) else members[send.to]
            self._peers.send(send.message, to)

    def _report(
        self,
        number: int,
        signing: NodeSigning,
        own: Observed | None,
        opinion: Opinion | None,
        leader: int,
    ) -> None:
        report = {
            "round": number,
            "signer": self._account.address,
            "epoch": signing.identity.epoch,
            "leader": signing.members[leader],
            "price": None if own is None else own.price_micro_inr_per_kwh,
            "observed_at": None if own is None else own.observed_at,
            "signature": None if own is None else own.signature.hex(),
            "terms": None if opinion is None else asdict(opinion),
            "decided": None,
            "took_ms": None,
        }
        with self._lock:
            self._reports[number] = report
            while len(self._reports) > _KEPT:
                self._reports.popitem(last=False)

    def _note_decision(self, current: PriceRound) -> None:
        decided = current.decided
        with self._lock:
            report = self._reports.get(current.round_id)
            if decided is None or report is None or report["decided"] is not None:
                return
            members = self._signing.members if self._signing is not None else ()
            report["decided"] = decided_document(decided, members)
            # From the moment that the round's number begins on every node's clock.
            took_s = self._now() - current.round_id * self._settings.round_s
            report["took_ms"] = round(1000 * took_s)
            leader = current.rules.leader(current.round_id, decided.commits.view)
            report["leader"] = members[leader]
        view = decided.commits.view
        took_ms = 1000 * took_s
        log.info("price round %d: view %d, %.0f ms", current.round_id, view, took_ms)


def engine_settings(settings: FeedSettings, quorum: Quorum) -> EngineSettings:
    """The feed's rules as the engine knows them."""
    members = len(quorum.signers)
    return EngineSettings(
        faults=(members - 1) // 3,
        epoch=quorum.epoch,
        bounds=PriceBounds(settings.min_price, settings.max_price),
        max_age_s=settings.max_age,
        max_skew_s=settings.max_skew,
        max_step_ppm=settings.max_step_ppm,
        sell_share_bps=settings.sell_share_bps,
        members=members,
    )


def decided_document(decided: Decided, members: Sequence[str]) -> Mapping[str, Any]:
    """A decision as the service gets it: everything the contract wants."""
    return {
        "view": decided.commits.view,
        "observations": [
            {
                "signer": members[seen.sender],
                "price": seen.price_micro_inr_per_kwh,
                "observed_at": seen.observed_at,
                "signature": seen.signature.hex(),
            }
            for seen in decided.observations
        ],
    }

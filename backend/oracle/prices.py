"""Brings the price nodes' rounds to the chain, and keeps what each node thought."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from backend.chain.context import ChainContext
from backend.chain.contracts import Call
from backend.chain.types import FeedRound, Quorum
from backend.oracle.digests import signer_of
from backend.oracle.domains import read_domains
from backend.oracle.price_messages import MAX_NODES
from backend.oracle.price_node import engine_settings
from backend.oracle.price_signing import FeedIdentity, members_of
from backend.oracle.quorum import QuorumClient
from backend.pricing import Observation, PriceRound, RoundRefusedError, settle_round
from backend.telemetry import outbox, prices
from backend.telemetry.prices import StoredOpinion, StoredRound
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

PRICE_PRIORITY = 5
KEEP_ROUNDS = 50_000
"""Older rounds are deleted: a week of rounds of 15 s, which take some 100 MB."""
_GAS = 250_000
_GAS_PER_OBSERVATION = 25_000
_FAST_S = 0.5
_LOOK_BACK = 4
_PRUNE_EVERY = 1_000
_LONGEST_TERMS = 4_096
_HIGHEST_STORED = 2**63 - 1


class ReportError(ValueError):
    """A price node's report that is not what it should be; names the field."""


@dataclass(frozen=True, slots=True)
class SignedPrice:
    """A price as a node signed it, micro-rupees per kWh at a Unix second."""

    price: int
    observed_at: int
    signature: bytes

    @classmethod
    def of(cls, document: Any) -> SignedPrice:
        """From a report. Raises ReportError."""
        if not isinstance(document, dict):
            raise ReportError("an observation must be an object")
        price, at = document.get("price"), document.get("observed_at")
        for field, value, most in (("price", price, 2**128), ("observed_at", at, 2**63)):
            if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < most:
                raise ReportError(f"{field}: {value!r} is no such number")
        try:
            signature = bytes.fromhex(document["signature"])
        except (KeyError, TypeError, ValueError):
            raise ReportError("signature: must be hex") from None
        return cls(cast(int, price), cast(int, at), signature)

    def document(self, signer: str) -> dict[str, Any]:
        """As it is stored."""
        return {
            "signer": signer,
            "price": self.price,
            "observed_at": self.observed_at,
            "signature": self.signature.hex(),
        }


@dataclass(frozen=True, slots=True)
class PriceReport:
    """One node's word on a round. Only what is signed is believed; the rest explains."""

    round_id: int
    own: SignedPrice | None
    terms: Mapping[str, Any] | None
    leader: str
    view: int
    decided: tuple[SignedPrice, ...] | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> PriceReport:
        """From what a node answered. Raises ReportError."""
        round_id, terms = document.get("round"), document.get("terms")
        if not isinstance(round_id, int) or isinstance(round_id, bool):
            raise ReportError(f"round: {round_id!r} is no number")
        if terms is not None and (
            not isinstance(terms, dict) or len(json.dumps(terms)) > _LONGEST_TERMS
        ):
            raise ReportError(f"terms: must be an object of at most {_LONGEST_TERMS} characters")
        own = None if document.get("price") is None else SignedPrice.of(document)
        decided = document.get("decided")
        if decided is None:
            return cls(round_id, own, terms, "", 0, None)
        seen = decided.get("observations") if isinstance(decided, dict) else None
        view = decided.get("view") if isinstance(decided, dict) else None
        if not isinstance(seen, list) or len(seen) > MAX_NODES or not isinstance(view, int):
            raise ReportError("decided: must have a view and a list of observations")
        leader = str(document.get("leader", ""))[:42]
        signed = tuple(SignedPrice.of(item) for item in seen)
        return cls(round_id, own, terms, leader, view, signed)


class PriceCollector:
    """Asks the price nodes for decided rounds; whichever node answers first will do.

    Args:
        round_s: length of a round
        wake_sender: called when a round is in the outbox
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        quorum: QuorumClient,
        *,
        round_s: int,
        wake_sender: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._quorum = quorum
        self._round_s = round_s
        self._wake_sender = wake_sender
        self._now = now
        self._identity: FeedIdentity | None = None
        self._steps = 0
        self.last_error: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Collects until `stop` is set, while the market takes its prices from the feed."""
        views, feed = self._chain.views, self._chain.clients.feed
        while not stop.is_set():
            in_force = feed is not None and views.price_source() is feed
            stop.wait(self.step() if in_force else float(self._round_s))

    def step(self) -> float:
        """Takes in what is new; seconds until there may be more.

        Raises:
            NodeUnreachableError, RpcError: the chain cannot be asked.
        """
        now = self._now()
        running = int(now // self._round_s)
        with self._store.read() as connection:
            newest = prices.newest_decided(connection)
        after = max(0, running - _LOOK_BACK)
        reports = self._read(self._quorum.price_reports(after), after, running + 1)
        quorum = self._chain.views.quorum(max_age_s=0.0) if reports else None
        if quorum is not None:
            self._keep_opinions(reports, quorum)
            decided = [r for r in reports if r.decided is not None and r.round_id > newest]
            for report in sorted(decided, key=lambda r: r.round_id, reverse=True):
                if self._take(report, quorum):
                    newest = report.round_id
                    break  # older ones are of no use any more
        self._prune(running)
        if newest >= running:  # until the next round, and a moment for it to be decided
            return float((running + 1) * self._round_s - now + _FAST_S)
        return _FAST_S

    def _read(
        self, documents: Sequence[Mapping[str, Any]], after: int, latest: int
    ) -> list[PriceReport]:
        """The reports that are well-formed and of the present."""
        found = []
        for document in documents:
            try:
                report = PriceReport.of(document)
            except ReportError as error:
                log.warning("a price node's report is not used: %s", error)
                continue
            if after < report.round_id <= latest:
                found.append(report)
        return found

    # ---- decisions -----------------------------------------------------------------------------

    def _take(self, report: PriceReport, quorum: Quorum) -> bool:
        """Has a decided round sent; False if the chain would not take it."""
        try:
            observations = self._checked(report, quorum)
            expected, last = self._expected(report.round_id, observations, quorum)
        except (ReportError, RoundRefusedError) as error:
            self.last_error = f"round {report.round_id}: {error}"
            log.warning("price %s", self.last_error)
            return False
        self.last_error = None
        self._store_and_send(report, quorum, observations, expected, last)
        self._wake_sender()
        rupees = expected.price_micro_inr_per_kwh / 1e6
        log.info("price round %d: %.6f rupees a kWh", expected.round_id, rupees)
        return True

    def _checked(self, report: PriceReport, quorum: Quorum) -> list[tuple[int, SignedPrice]]:
        """A decision's observations by their node's index, if all are of current nodes."""
        members = {address: index for index, address in enumerate(members_of(quorum))}
        found = []
        for seen in report.decided or ():
            signer = self._signer(report.round_id, seen, quorum)
            if signer not in members:
                raise ReportError(f"an observation is signed by {signer}, who is no current node")
            found.append((members[signer], seen))
        return sorted(found, key=lambda pair: pair[0])

    def _signer(self, round_id: int, seen: SignedPrice, quorum: Quorum) -> str | None:
        digest = self._identity_in(quorum).digest(round_id, seen.price, seen.observed_at)
        return signer_of(digest, seen.signature)

    def _expected(
        self, round_id: int, observations: Sequence[tuple[int, SignedPrice]], quorum: Quorum
    ) -> tuple[PriceRound, FeedRound]:
        """The round as the contract will settle it. Raises RoundRefusedError."""
        feed = self._chain.clients.feed
        assert feed is not None  # the thread does nothing without
        calls: list[Call[Any]] = [feed.settings(), feed.latest()]
        settings, last = self._chain.views.ask_many(calls, max_age_s=0.0)
        engine = engine_settings(settings, quorum)
        if len(observations) < quorum.threshold:
            raise ReportError(f"{len(observations)} observations, {quorum.threshold} are needed")
        return settle_round(
            round_id,
            [
                Observation(index, round_id, engine.epoch, seen.price, seen.observed_at)
                for index, seen in observations
            ],
            settings=engine,
            now=int(self._now()),
            last=PriceRound(last.round, last.price, last.median, last.observed_at, ()),
        ), last

    def _store_and_send(
        self,
        report: PriceReport,
        quorum: Quorum,
        observations: Sequence[tuple[int, SignedPrice]],
        expected: PriceRound,
        last: FeedRound,
    ) -> None:
        feed = self._chain.clients.feed
        assert feed is not None
        now_ms = int(self._now() * 1000)
        call = feed.submit_round(
            expected.round_id, [(o.price, o.observed_at, o.signature) for _, o in observations]
        )
        members = members_of(quorum)
        decided = StoredRound(
            round_id=expected.round_id,
            epoch=quorum.epoch,
            leader=report.leader,
            view=report.view,
            decided_ms=now_ms,
            observations=[seen.document(members[index]) for index, seen in observations],
            median=expected.median_micro_inr_per_kwh,
            price=expected.price_micro_inr_per_kwh,
            sell_price=None,
            observed_at=expected.observed_at,
            previous_price=last.price,
            accepted_block=None,
            accepted_at=None,
            tx_hash=None,
        )
        with self._store.write() as connection:
            prices.put_decision(connection, decided)
            outbox.drop_pending(connection, "price:")  # older prices
            outbox.add(
                connection,
                key=f"price:{expected.round_id}",
                sender=self._chain.relayer.address,
                target=call.target,
                data=call.data,
                gas=_GAS + _GAS_PER_OBSERVATION * len(observations),
                priority=PRICE_PRIORITY,
                now_ms=now_ms,
            )

    def _identity_in(self, quorum: Quorum) -> FeedIdentity:
        known = self._identity
        if known is None or known.epoch != quorum.epoch:
            domain = read_domains(self._chain.rpc, self._chain.contracts).feed
            feed = self._chain.clients.feed
            assert domain is not None
            assert feed is not None
            known = FeedIdentity(domain, self._chain.views.ask(feed.feed()), quorum.epoch)
            self._identity = known
        return known

    # ---- opinions ------------------------------------------------------------------------------

    def _keep_opinions(self, reports: Sequence[PriceReport], quorum: Quorum) -> None:
        found = []
        for report in reports:
            if report.own is None:
                continue
            signer = self._signer(report.round_id, report.own, quorum)
            if signer in quorum.signers:
                own = report.own
                found.append(
                    StoredOpinion(
                        report.round_id,
                        signer,
                        min(own.price, _HIGHEST_STORED),
                        own.observed_at,
                        report.terms,
                    )
                )
        if found:
            with self._store.write() as connection:
                prices.put_opinions(connection, found)

    def _prune(self, running: int) -> None:
        self._steps += 1
        if self._steps % _PRUNE_EVERY == 0:
            with self._store.write() as connection:
                prices.prune(connection, running - KEEP_ROUNDS)


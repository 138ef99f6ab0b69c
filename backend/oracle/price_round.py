"""One price round among 3f+1 nodes, of which f may be silent, late or lying. Pure: messages and the
time in, messages out.

After PBFT. Every node states its price (Observed). The leader proposes 2f+1 or more of these; a
node accepts if the contract would take them and their median is near its own price; once 2f+1 have
accepted it commits; 2f+1 commits decide. A leader that is silent, or proposes what cannot be
accepted, is replaced: 2f+1 nodes ask for the next view, each with the newest content that a quorum
accepted (if any), which the next leader has to propose again. So

- two honest nodes never decide differently in a round, whatever f nodes do;
- the median is within what honest nodes stated, since 2f+1 statements are in it;
- a round comes to its end once messages arrive again, as some leader is honest. What nodes have
  said is repeated until then; who has decided shows the others.

The leader of view v is node (floor(height / 100) + v) mod n; the height is the round's number.
A round that did not end before the next begins is given up: the next one's price is newer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from backend.oracle.price_messages import (
    Decided,
    Message,
    Observed,
    Prepared,
    Proposed,
    Step,
    ViewChanged,
    Voted,
    Votes,
    content_of,
    prepared_digest,
)
from backend.pricing import FeedSettings, Observation, RoundRefusedError, settle_round

LEADER_ROUNDS = 100
"""For so many heights the same node leads first."""
_MAX_VIEWS_AHEAD = 64
_SILENT_SHARE = 4
"""A leader nobody has heard of in this round gets this part of the time."""


class Crypto(Protocol):
    """Signing as this node, and telling whether others signed."""

    def sign(self, kind: str, round_id: int, view: int, content: bytes) -> bytes:
        """This node's signature of a statement."""

    def is_signed(
        self, sender: int, kind: str, round_id: int, view: int, content: bytes, signature: bytes
    ) -> bool:
        """Whether `sender` signed a statement."""

    def is_observed(self, seen: Observed) -> bool:
        """Whether its sender signed an observation as the contract wants it."""


@dataclass(frozen=True, slots=True)
class RoundRules:
    """What all nodes go by.

    Args:
        feed: of the price feed; its `faults` are f.
        nodes: n; 3f+1 or a little more.
        observers: observations that the contract needs, at least 2f+1.
        tolerance_ppm: how far a median may be from a node's own price.
        patience_s: how long a leader has in the first view; later views have more.
        collect_s: how long after the round's beginning a leader waits for more observations than
            needed.
        resend_s: after this time what was said is repeated.
    """

    feed: FeedSettings
    nodes: int
    observers: int
    tolerance_ppm: int = 100_000
    patience_s: float = 2.0
    collect_s: float = 0.25
    resend_s: float = 0.5

    @property
    def quorum(self) -> int:
        """Votes that bind: two quorums share an honest node."""
        return (self.nodes + self.feed.faults) // 2 + 1

    def leader(self, round_id: int, view: int) -> int:
        """Who proposes in a view."""
        return (round_id // LEADER_ROUNDS + view) % self.nodes


@dataclass(frozen=True, slots=True)
class Send:
    """A message to one node, or to all others if `to` is None."""

    message: Message
    to: int | None = None


@dataclass(slots=True)
class _View:
    """What was said in one view."""

    proposal: Proposed | None = None
    accepts: dict[int, Voted] = field(default_factory=dict)
    commits: dict[int, Voted] = field(default_factory=dict)
    changes: dict[int, ViewChanged] = field(default_factory=dict)


class PriceRound:
    """A node's part in one round.

    Args:
        me: this node's index.
        own: its price; None if it cannot tell one, then it votes without.
        also_right: other prices that it finds right by what it knows, though it states its own.
    """

    def __init__(
        self,
        me: int,
        round_id: int,
        rules: RoundRules,
        crypto: Crypto,
        own: Observed | None,
        *,
        also_right: Sequence[int] = (),
    ) -> None:
        self.me = me
        self.round_id = round_id
        self.rules = rules
        self.view = 0
        self.decided: Decided | None = None
        self._crypto = crypto
        self._own = own
        self._also_right = tuple(also_right)
        self._entered = True
        self._begun = 0.0
        self._view_since = 0.0
        self._sent_at = 0.0
        self._observed: dict[int, Observed] = {}
        self._views: dict[int, _View] = {}
        self._contents: dict[bytes, tuple[Observed, ...]] = {}
        self._prepared: Prepared | None = None
        self._said: list[Message] = []
        self._heard: set[int] = {me}
        self._out: list[Send] = []

    @property
    def observed(self) -> Mapping[int, Observed]:
        """What nodes stated, by sender, as far as it came here."""
        return self._observed

    # ---- what comes in -------------------------------------------------------------------------

    def begin(self, now: float) -> list[Send]:
        """States the own price."""
        self._begun = self._view_since = self._sent_at = now
        if self._own is not None:
            self._observed[self.me] = self._own
            self._say(self._own)
        self._go_on(now)
        return self._taken()

    def tick(self, now: float) -> list[Send]:
        """What time brings about: a leader's patience ends, what was said is repeated."""
        if self.decided is None:
            if self._entered and now - self._view_since >= self._patience_s():
                self._ask_for(self.view + 1)
            self._go_on(now)
            if now - self._sent_at >= self.rules.resend_s:
                self._sent_at = now
                self._out += [Send(message) for message in self._said]
        return self._taken()

    def receive(self, message: Message, now: float) -> list[Send]:
        """Takes a message in; one that is not what its sender signed changes nothing."""
        if message.round_id != self.round_id or not 0 <= message.sender < self.rules.nodes:
            return []
        if self.decided is not None:
            wants = isinstance(message, Observed | ViewChanged) and message.sender != self.me
            return [Send(self.decided, message.sender)] if wants else []
        if isinstance(message, Decided):
            self._take_decision(message)
        elif isinstance(message, Observed):
            self._take_observation(message)
        elif isinstance(message, Proposed):
            self._take_proposal(message, now)
        elif isinstance(message, Voted):
            self._take_vote(message)
        else:
            self._take_view_change(message)
        self._go_on(now)
        return self._taken()

    def _take_observation(self, seen: Observed) -> None:
        if seen.sender not in self._observed and self._crypto.is_observed(seen):
            self._observed[seen.sender] = seen
            self._heard.add(seen.sender)

    def _take_proposal(self, proposal: Proposed, now: float) -> None:
        view, content = proposal.view, content_of(self.round_id, proposal.observations)
        if (
            not self.view <= view <= self.view + _MAX_VIEWS_AHEAD
            or proposal.sender != self.rules.leader(self.round_id, view)
            or self._at(view).proposal is not None
            or not self._signed(proposal, "propose", content)
        ):
            return
        self._heard.add(proposal.sender)
        if view > 0:
            if not self._is_reason(proposal.because, view):
                return
            if view > self.view or not self._entered:
                self._enter(view, now)
        self._at(view).proposal = proposal
        bound = _newest(proposal.because)
        fault = self._fault(proposal.observations, now)
        if bound is not None:
            wrong = fault or content != content_of(self.round_id, bound.observations)
        else:
            wrong = fault or not self._is_near(proposal.observations)
        if wrong:
            self._ask_for(view + 1)
            return
        self._contents[content] = proposal.observations
        self._vote(Step.ACCEPT, view, content)

    def _take_vote(self, vote: Voted) -> None:
        if vote.view > self.view + _MAX_VIEWS_AHEAD:
            return
        at = self._at(vote.view)
        votes = at.accepts if vote.step is Step.ACCEPT else at.commits
        if vote.sender not in votes and self._signed(vote, vote.step.value, vote.content):
            votes[vote.sender] = vote
            self._heard.add(vote.sender)

    def _take_view_change(self, change: ViewChanged) -> None:
        if not self.view <= change.view <= self.view + _MAX_VIEWS_AHEAD:
            return
        if change.sender in self._at(change.view).changes or not self._is_view_change(change):
            return
        self._at(change.view).changes[change.sender] = change
        self._heard.add(change.sender)

    def _take_decision(self, decided: Decided) -> None:
        content = content_of(self.round_id, decided.observations)
        if self._is_quorum(decided.commits, Step.COMMIT, content):
            self.decided = decided

    # ---- what follows --------------------------------------------------------------------------

    def _go_on(self, now: float) -> None:
        """Takes every step that what is known allows."""
        self._join(now)
        if self.decided is None and self._entered:
            self._propose(now)
            self._commit()
        self._decide()

    def _join(self, now: float) -> None:
        """Follows f+1 others to a later view, as one of them is honest; enters it with a quorum."""
        ahead: dict[int, int] = {}  # sender -> the highest view it asks for
        for view, at in self._views.items():
            if view > self.view:
                for sender in at.changes:
                    ahead[sender] = max(view, ahead.get(sender, 0))
        if len(ahead) > self.rules.feed.faults:
            self._ask_for(sorted(ahead.values(), reverse=True)[self.rules.feed.faults])
        if not self._entered and len(self._at(self.view).changes) >= self.rules.quorum:
            self._enter(self.view, now)

    def _ask_for(self, view: int) -> None:
        if view <= self.view:
            return
        self.view, self._entered = view, False
        content = prepared_digest(self.round_id, self._prepared)
        signature = self._crypto.sign("view_changed", self.round_id, view, content)
        change = ViewChanged(self.round_id, view, self.me, self._prepared, signature)
        self._at(view).changes[self.me] = change
        self._said = [self._own] if self._own is not None else []
        self._say(change)

    def _enter(self, view: int, now: float) -> None:
        self.view, self._entered, self._view_since = view, True, now

    def _propose(self, now: float) -> None:
        at = self._at(self.view)
        if self.rules.leader(self.round_id, self.view) != self.me or at.proposal is not None:
            return
        because = tuple(at.changes[sender] for sender in sorted(at.changes))
        if self.view > 0 and len(because) < self.rules.quorum:
            return
        bound = _newest(because)
        if bound is not None:
            observations = bound.observations
        else:
            waited = now - self._begun >= self.rules.collect_s
            observations = self._usable(now)
            if len(observations) < (self.rules.observers if waited else self.rules.nodes):
                return
        content = content_of(self.round_id, observations)
        signature = self._crypto.sign("propose", self.round_id, self.view, content)
        at.proposal = Proposed(
            self.round_id, self.view, self.me, observations, because, signature
        )
        self._say(at.proposal)
        self._contents[content] = observations
        self._vote(Step.ACCEPT, self.view, content)

    def _commit(self) -> None:
        at = self._at(self.view)
        if self.me in at.commits:
            return
        content = self._agreed(at.accepts.values())
        if content is None or content not in self._contents:
            return
        accepts = _votes(self.view, at.accepts.values(), content)
        self._prepared = Prepared(self._contents[content], accepts)
        self._vote(Step.COMMIT, self.view, content)

    def _decide(self) -> None:
        for view, at in self._views.items():
            content = self._agreed(at.commits.values())
            if self.decided is None and content is not None and content in self._contents:
                commits = _votes(view, at.commits.values(), content)
                self.decided = Decided(self.round_id, self.me, self._contents[content], commits)

    def _vote(self, step: Step, view: int, content: bytes) -> None:
        at = self._at(view)
        votes = at.accepts if step is Step.ACCEPT else at.commits
        if self.me in votes:
            return
        signature = self._crypto.sign(step.value, self.round_id, view, content)
        votes[self.me] = Voted(step, self.round_id, view, self.me, content, signature)
        self._say(votes[self.me])

    # ---- what is checked -----------------------------------------------------------------------

    def _fault(self, observations: Sequence[Observed], now: float) -> str | None:
        """Why the contract would refuse these observations now."""
        if len(observations) < self.rules.observers:
            return "too few observations"
        if not all(
            seen.round_id == self.round_id and self._crypto.is_observed(seen)
            for seen in observations
        ):
            return "an observation is not its sender's"
        try:
            settle_round(
                self.round_id,
                [_engine_view(seen, self.rules.feed.epoch) for seen in observations],
                settings=self.rules.feed,
                now=int(now),
                last=None,
            )
        except RoundRefusedError as refused:
            return str(refused)
        return None

    def _is_near(self, observations: Sequence[Observed]) -> bool:
        if self._own is None:
            return True
        prices = sorted(seen.price_micro_inr_per_kwh for seen in observations)
        median, tolerance = prices[len(prices) // 2], self.rules.tolerance_ppm
        return any(
            abs(median - right) * 1_000_000 <= right * tolerance
            for right in (self._own.price_micro_inr_per_kwh, *self._also_right)
        )

    def _usable(self, now: float) -> tuple[Observed, ...]:
        """The observations the contract would take now, ascending."""
        feed = self.rules.feed
        return tuple(
            seen
            for _, seen in sorted(self._observed.items())
            if -feed.max_skew_s <= int(now) - seen.observed_at <= feed.max_age_s
        )

    def _is_reason(self, because: Sequence[ViewChanged], view: int) -> bool:
        senders = {change.sender for change in because}
        return (
            len(senders) == len(because) >= self.rules.quorum
            and all(change.view == view for change in because)
            and all(self._is_view_change(change) for change in because)
        )

    def _is_view_change(self, change: ViewChanged) -> bool:
        prepared = change.prepared
        if change.round_id != self.round_id or not 0 <= change.sender < self.rules.nodes:
            return False
        if not self._signed(change, "view_changed", prepared_digest(self.round_id, prepared)):
            return False
        return prepared is None or (
            prepared.accepts.view < change.view
            and self._is_quorum(
                prepared.accepts, Step.ACCEPT, content_of(self.round_id, prepared.observations)
            )
        )

    def _is_quorum(self, votes: Votes, step: Step, content: bytes) -> bool:
        senders = {sender for sender, _ in votes.signatures}
        return len(senders) == len(votes.signatures) >= self.rules.quorum and all(
            0 <= sender < self.rules.nodes
            and self._crypto.is_signed(
                sender, step.value, self.round_id, votes.view, content, signature
            )
            for sender, signature in votes.signatures
        )

    def _signed(self, message: Proposed | Voted | ViewChanged, kind: str, content: bytes) -> bool:
        return self._crypto.is_signed(
            message.sender, kind, self.round_id, message.view, content, message.signature
        )

    def _agreed(self, votes: Iterable[Voted]) -> bytes | None:
        """The content that a quorum votes for, if there is one."""
        counts: dict[bytes, int] = {}
        for vote in votes:
            counts[vote.content] = counts.get(vote.content, 0) + 1
        return next((c for c, count in counts.items() if count >= self.rules.quorum), None)

    # ---- parts ---------------------------------------------------------------------------------

    def _at(self, view: int) -> _View:
        return self._views.setdefault(view, _View())

    def _patience_s(self) -> float:
        patience = self.rules.patience_s * (self.view + 1)
        leader = self.rules.leader(self.round_id, self.view)
        return patience if leader in self._heard else patience / _SILENT_SHARE

    def _say(self, message: Message) -> None:
        self._said.append(message)
        self._out.append(Send(message))

    def _taken(self) -> list[Send]:
        out, self._out = self._out, []
        return out


def _newest(because: Iterable[ViewChanged]) -> Prepared | None:
    """What the newest quorum among those behind the changes accepted."""
    found = [change.prepared for change in because if change.prepared is not None]
    return max(found, key=lambda prepared: prepared.accepts.view, default=None)


def _votes(view: int, votes: Iterable[Voted], content: bytes) -> Votes:
    named = sorted((v.sender, v.signature) for v in votes if v.content == content)
    return Votes(view, tuple(named))


def _engine_view(seen: Observed, epoch: int) -> Observation:
    return Observation(
        seen.sender, seen.round_id, epoch, seen.price_micro_inr_per_kwh, seen.observed_at
    )

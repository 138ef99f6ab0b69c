"""Priority shedding: which relays of a battery are open, and why.

The same rules as the contract PriorityRegistry (contracts/priority/ShedLogic.sol), so that anybody
can predict or check off chain what the chain decides. Pure: states go in, states and commands come
out. Charge and thresholds are in 0.01 % (0..10 000), time in Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

FULL_BP = 10_000
DEFAULT_RESTORE_MARGIN_BP = 500
MAX_RESTORE_MARGIN_BP = 5_000
MAX_OVERRIDE_S = 86_400


class SheddingError(ValueError):
    """An order, threshold or override that the rules do not allow; the message says why."""


class Override(IntEnum):
    """What an authority forces a relay to, whatever the battery says."""

    NONE = 0
    FORCE_OPEN = 1
    FORCE_CLOSED = 2


class Reason(IntEnum):
    """Why a relay was told to move."""

    INSTALLED = 0
    SHED = 1
    RESTORED = 2
    SUPPLY_STARTED = 3
    SUPPLY_ENDED = 4
    OVERRIDE = 5
    OVERRIDE_ENDED = 6


@dataclass(frozen=True, slots=True)
class SwitchRule:
    """What never changes of a switch.

    Args:
        critical: lift, pump, medical; not below an ordinary one without a second authority.
        min_on_s, min_off_s: it does not open or close sooner after its last move (compressors).
    """

    critical: bool = False
    min_on_s: int = 0
    min_off_s: int = 0


@dataclass(frozen=True, slots=True)
class Relay:
    """What is commanded of one switch.

    Args:
        deferred: why the move was due that a minimum time holds back.
        sequence: counts the commands given.
        cutoff_wh: import register at which its paid supply ends; 0 = none.
    """

    closed: bool
    shed: bool = False
    supplied: bool = True
    overridden: Override = Override.NONE
    deferred: Reason = Reason.INSTALLED
    override_until: int = 0
    changed_at: int = 0
    sequence: int = 1
    cutoff_wh: int = 0

    @property
    def target(self) -> bool:
        """Closed if the override says so, else if it is supplied and not shed."""
        if self.overridden is not Override.NONE:
            return self.overridden is Override.FORCE_CLOSED
        return self.supplied and not self.shed

    @property
    def commanded_cutoff_wh(self) -> int:
        """The cut-off its board is told: none while it is open or forced."""
        return self.cutoff_wh if self.closed and self.overridden is Override.NONE else 0


@dataclass(frozen=True, slots=True)
class RelayCommand:
    """What the board of `switch` is told."""

    switch: int
    closed: bool
    sequence: int
    cutoff_wh: int
    reason: Reason


# ---- how many are shed ---------------------------------------------------------------------------


def default_threshold_down_bp(position: int, length: int) -> int:
    """Threshold at `position` (0 = most important) of an order of `length` switches.

    The k-th least important of n is shed at 100 (n-k)/n %: four are at 0, 25, 50 and 75 %. Rounded
    down, so that nobody is shed early.
    """
    return FULL_BP * position // length


def default_thresholds_down_bp(length: int) -> tuple[int, ...]:
    """The default thresholds by position, most important first."""
    return tuple(default_threshold_down_bp(position, length) for position in range(length))


def shed_count(soc_bp: int, thresholds_bp: Sequence[int], margin_bp: int, previous: int) -> int:
    """How many switches at the end of the order a charge of `soc_bp` does not serve.

    A switch is shed at or below its threshold and restored at or above threshold + margin (at 100 %
    at the latest); in between it stays as it was.

    Args:
        thresholds_bp: by position, most important first, never falling.
        previous: how many were shed before.
    """
    must = sum(soc_bp <= threshold for threshold in thresholds_bp)
    may = sum(soc_bp < min(FULL_BP, threshold + margin_bp) for threshold in thresholds_bp)
    return max(must, min(previous, may))


# ---- one relay -----------------------------------------------------------------------------------


def next_state(
    before: Relay, wanted: Relay, rule: SwitchRule, now: int, cause: Reason
) -> tuple[Relay, Reason | None]:
    """What becomes of a relay, and why its board must be told (None: it need not be).

    Ends an override that is over and moves the relay to its target, or notes the reason if a
    minimum time holds it back; an override does not wait for minimum times.

    Args:
        before: the relay as last commanded.
        wanted: the same with shed, supplied, cutoff_wh or override changed, if any.
        cause: of that change.
    """
    relay, reason = wanted, cause
    if relay.overridden is not Override.NONE and now >= relay.override_until:
        relay = replace(relay, overridden=Override.NONE, override_until=0)
        reason = Reason.OVERRIDE_ENDED
    moves = relay.target != relay.closed
    if moves:
        held_s = rule.min_on_s if relay.closed else rule.min_off_s
        if relay.overridden is Override.NONE and now < relay.changed_at + held_s:
            relay, moves = replace(relay, deferred=reason), False
        else:
            ended = relay.closed and not relay.supplied
            cutoff_wh = 0 if ended else relay.cutoff_wh
            relay = replace(relay, closed=not relay.closed, changed_at=now, cutoff_wh=cutoff_wh)
    if not moves and relay.commanded_cutoff_wh == before.commanded_cutoff_wh:
        return relay, None
    return replace(relay, sequence=relay.sequence + 1), reason


# ---- a battery and its switches ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery's switches, their order and what is commanded of them.

    Its methods return the battery as it is afterwards and the commands in the order they are given.

    Args:
        order: switch ids, most important first.
        own_thresholds_bp: by position in the order, or empty for the default rule.
        soc_bp: last reported charge; None while nobody has reported.
        shed: how many at the end of the order are shed.
    """

    order: tuple[int, ...] = ()
    rules: Mapping[int, SwitchRule] = field(default_factory=dict)
    relays: Mapping[int, Relay] = field(default_factory=dict)
    own_thresholds_bp: tuple[int, ...] = ()
    restore_margin_bp: int = DEFAULT_RESTORE_MARGIN_BP
    soc_bp: int | None = None
    shed: int = 0

    @property
    def thresholds_bp(self) -> tuple[int, ...]:
        """The thresholds in force, by position in the order."""
        return self.own_thresholds_bp or default_thresholds_down_bp(len(self.order))

    def add_switch(
        self, switch: int, rule: SwitchRule, supplied: bool, now: int
    ) -> tuple[Battery, list[RelayCommand]]:
        """Installs a switch as the least important of its class; thresholds are the default again.

        Raises:
            SheddingError: the id is taken.
        """
        if switch in self.relays:
            raise SheddingError(f"switch {switch} is there already")
        order = list(self.order)
        ordinary = [i for i, other in enumerate(order) if not self.rules[other].critical]
        order.insert(ordinary[0] if rule.critical and ordinary else len(order), switch)
        rules = {**self.rules, switch: rule}
        grown = replace(self, order=tuple(order), rules=rules, own_thresholds_bp=())
        grown = replace(grown, shed=grown._reassessed())
        is_shed = switch in grown._shed_switches()
        relay = Relay(supplied and not is_shed, is_shed, supplied, changed_at=now)
        grown = replace(grown, relays={**self.relays, switch: relay})
        installed = RelayCommand(switch, relay.closed, 1, 0, Reason.INSTALLED)
        after, commands = grown._reassigned(now)
        return after, [installed, *commands]

    def report(self, soc_bp: int, now: int) -> tuple[Battery, list[RelayCommand]]:
        """Sheds or restores what a charge of `soc_bp` asks for.

        Raises:
            SheddingError: the charge is outside 0..10000.
        """
        if not 0 <= soc_bp <= FULL_BP:
            raise SheddingError(f"soc_bp {soc_bp} is outside 0..{FULL_BP}")
        return replace(self, soc_bp=soc_bp)._reassess(now)

    def set_order(
        self, order: Sequence[int], now: int, second_authority: bool = False
    ) -> tuple[Battery, list[RelayCommand]]:
        """The same number is shed as before, of the new order.

        Raises:
            SheddingError: not each switch exactly once, or a critical one below an ordinary one
                without a second authority's approval.
        """
        if sorted(order) != sorted(self.order):
            raise SheddingError("order: name each switch of the battery exactly once")
        misplaced = critical_below_ordinary(order, self.rules)
        if misplaced is not None and not second_authority:
            raise SheddingError(
                f"order: critical switch {misplaced} is below an ordinary one; "
                "a second authority must approve that"
            )
        return replace(self, order=tuple(order))._reassigned(now)

    def set_thresholds(
        self, thresholds_bp: Sequence[int], now: int
    ) -> tuple[Battery, list[RelayCommand]]:
        """Own thresholds by position; none = the default rule.

        Raises:
            SheddingError: not one for each switch, falling along the order, or not in 0..9999.
        """
        given = tuple(thresholds_bp)
        if given and len(given) != len(self.order):
            raise SheddingError(f"thresholds_bp: {len(given)} given, {len(self.order)} needed")
        if list(given) != sorted(given) or any(not 0 <= bp < FULL_BP for bp in given):
            raise SheddingError(f"thresholds_bp {given}: never falling, each in 0..{FULL_BP - 1}")
        return replace(self, own_thresholds_bp=given)._reassess(now)

    def set_override(
        self, switch: int, override: Override, until: int, now: int
    ) -> tuple[Battery, list[RelayCommand]]:
        """Forces a relay until Unix time `until`; NONE ends it.

        Raises:
            SheddingError: an unknown switch, or `until` is past or more than a day ahead.
        """
        self._known(switch)
        ends = override is Override.NONE
        if not ends and not now < until <= now + MAX_OVERRIDE_S:
            raise SheddingError(f"until {until}: between now and {MAX_OVERRIDE_S} s ahead")
        wanted = replace(
            self.relays[switch], overridden=override, override_until=0 if ends else until
        )
        return self._settle(switch, wanted, now, Reason.OVERRIDE_ENDED if ends else Reason.OVERRIDE)

    def set_supply(
        self, switch: int, supplied: bool, cutoff_wh: int, now: int
    ) -> tuple[Battery, list[RelayCommand]]:
        """Starts or ends a switch's supply; `cutoff_wh` is the register at which it opens itself.

        At the end the old cut-off stands until the relay is open: a minimum time must not lift it.
        """
        self._known(switch)
        relay = self.relays[switch]
        kept_wh = cutoff_wh if supplied else relay.cutoff_wh if relay.closed else 0
        wanted = replace(relay, supplied=supplied, cutoff_wh=kept_wh)
        cause = Reason.SUPPLY_STARTED if supplied else Reason.SUPPLY_ENDED
        return self._settle(switch, wanted, now, cause)

    def poke(self, now: int) -> tuple[Battery, list[RelayCommand]]:
        """Applies what time alone has made due: minimum times over, overrides expired."""
        after, commands = self._reassess(now)
        for switch in reversed(after.order):
            relay = after.relays[switch]
            after, more = after._settle(switch, relay, now, relay.deferred)
            commands += more
        return after, commands

    def _known(self, switch: int) -> None:
        if switch not in self.relays:
            raise SheddingError(f"switch {switch} is unknown")

    def _reassessed(self) -> int:
        if self.soc_bp is None:
            return 0  # nobody has said that anything is short
        return shed_count(self.soc_bp, self.thresholds_bp, self.restore_margin_bp, self.shed)

    def _shed_switches(self) -> tuple[int, ...]:
        return self.order[len(self.order) - self.shed :]

    def _reassess(self, now: int) -> tuple[Battery, list[RelayCommand]]:
        """The least important opens first; the most important closes first."""
        before, after = self._shed_switches(), replace(self, shed=self._reassessed())
        shed = after._shed_switches()
        opening = [switch for switch in reversed(shed) if switch not in before]
        closing = [switch for switch in before if switch not in shed]
        return after._set_shed([(s, True) for s in opening] + [(s, False) for s in closing], now)

    def _reassigned(self, now: int) -> tuple[Battery, list[RelayCommand]]:
        """After the order changed; the least important first: relays open before others close."""
        shed = self._shed_switches()
        moves = [(switch, switch in shed) for switch in reversed(self.order)]
        return self._set_shed(
            [(s, is_shed) for s, is_shed in moves if self.relays[s].shed != is_shed], now
        )

    def _set_shed(
        self, moves: list[tuple[int, bool]], now: int
    ) -> tuple[Battery, list[RelayCommand]]:
        after, commands = self, list[RelayCommand]()
        for switch, is_shed in moves:
            wanted = replace(after.relays[switch], shed=is_shed)
            cause = Reason.SHED if is_shed else Reason.RESTORED
            after, more = after._settle(switch, wanted, now, cause)
            commands += more
        return after, commands

    def _settle(
        self, switch: int, wanted: Relay, now: int, cause: Reason
    ) -> tuple[Battery, list[RelayCommand]]:
        relay, reason = next_state(self.relays[switch], wanted, self.rules[switch], now, cause)
        after = replace(self, relays={**self.relays, switch: relay})
        if reason is None:
            return after, []
        cutoff_wh = relay.commanded_cutoff_wh
        return after, [RelayCommand(switch, relay.closed, relay.sequence, cutoff_wh, reason)]


def critical_below_ordinary(order: Sequence[int], rules: Mapping[int, SwitchRule]) -> int | None:
    """The first critical switch that stands below an ordinary one, or None."""
    ordinary_seen = False
    for switch in order:
        if not rules[switch].critical:
            ordinary_seen = True
        elif ordinary_seen:
            return switch
    return None

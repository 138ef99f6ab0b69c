"""Event handlers as plain decorated functions; the follower does the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import sqlalchemy as sa

from backend.telemetry import events
from backend.telemetry.events import ChainEvent

Handler = Callable[[sa.Connection, ChainEvent], None]
Undo = Callable[[sa.Connection, int], None]


class EventHandlers:
    """Which function is called for which event, and how its effect is taken back."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, str], list[Handler]] = defaultdict(list)
        self._undo: list[Undo] = []

    def on(self, contract: str, *names: str) -> Callable[[Handler], Handler]:
        """Calls the function for these events, in the transaction that stores them.

        It may be called again for an event it has seen: after a crash or a reorganisation.
        """

        def register(handler: Handler) -> Handler:
            for name in names:
                self._handlers[(contract, name)].append(handler)
            return handler

        return register

    def undo(self, function: Undo) -> Undo:
        """Calls the function with the last block that still counts when later ones do not."""
        self._undo.append(function)
        return function

    def include(self, other: EventHandlers) -> None:
        """Also calls all that another set of handlers calls."""
        for key, handlers in other._handlers.items():
            self._handlers[key].extend(handlers)
        self._undo.extend(other._undo)

    def apply(self, connection: sa.Connection, event: ChainEvent) -> None:
        """Runs an event's handlers."""
        for handler in self._handlers.get((event.contract, event.name), ()):
            handler(connection, event)

    def tell_again(self, connection: sa.Connection, contract: str, names: Iterable[str]) -> None:
        """Applies what is stored of these events: for an undo that forgets all and begins anew."""
        for event in events.in_order(connection, contract, names):
            self.apply(connection, event)

    def tell_all_again(self, connection: sa.Connection) -> None:
        """Applies what is stored of every event that has a handler, in the chain's order.

        For an undo where one contract's events count by what another's did before them.
        """
        for event in events.all_in_order(connection, self.names()):
            self.apply(connection, event)

    def roll_back(self, connection: sa.Connection, block: int) -> None:
        """Takes back what events after `block` did."""
        for function in self._undo:
            function(connection, block)

    def names(self) -> Sequence[tuple[str, str]]:
        """(contract, event) of every handler: each must exist in the deployment."""
        return list(self._handlers)

"""What became of a session, from what its nodes hold: what to pay, and where it broke.

Oracle nodes judge by the same function from the same frames, so that the gateway's word is not
enough; only what it keeps back nobody sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.mesh.receipts import MAX_ROUTE, Held, ReceiptError, Session

NOT_BROKEN = 0xFF


@dataclass(frozen=True, slots=True)
class Receipt:
    """A judged session, as the contract clears it.

    Args:
        broken_hop: number of the node on the route behind which nothing arrived, or NOT_BROKEN.
        reporters: bit i set: node i of the route told what it holds.
    """

    session: Session
    sent: int
    delivered: int
    broken_hop: int
    reporters: int
    s_value: bytes
    h_value: bytes

    @property
    def counts(self) -> tuple[int, int]:
        """(sent, delivered), which only grow from one clearing to the next."""
        return self.sent, self.delivered


def judge(held: Mapping[int, Held]) -> Receipt:
    """The receipt of a session from the checked word of some nodes of its route, by node.

    Delivered is what the destination answered, as any node can show. Sent is what any node saw. If
    more was sent than delivered, the route broke behind the last node that saw the newest message:
    its word and its successor's silence are all that is known, so both answer for the hop.

    Raises:
        ReceiptError: `other_session`: they speak of different ones; `not_on_route`.
    """
    session = next(iter(held.values())).session
    for node, one in held.items():
        if one.session != session:
            raise ReceiptError("other_session", f"node {node}")
        if node not in session.route:
            raise ReceiptError("not_on_route", f"node {node} is not on {session.route}")
    furthest = max(held.values(), key=lambda one: one.sent)
    answered = max(held.values(), key=lambda one: one.delivered)
    places = {session.route.index(node): one for node, one in held.items()}
    broken = NOT_BROKEN
    if furthest.sent > answered.delivered:
        last = max(place for place, one in places.items() if one.sent == furthest.sent)
        broken = min(last, len(session.route) - 2)
    return Receipt(
        session,
        furthest.sent,
        answered.delivered,
        broken,
        sum(1 << place for place in places),
        furthest.s_value,
        answered.h_value,
    )


assert MAX_ROUTE <= 8  # reporters fit eight bits

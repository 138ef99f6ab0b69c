"""What a router keeps of each session, and of each destination that it sends to."""

from devices.esp32 import receipts
from devices.esp32.receipts import Receipt


class Session:
    """A route that this node is part of, as its node number `at`."""

    def __init__(self, receipt: Receipt, at: int, now_ms: int) -> None:
        self.receipt = receipt
        self.at = at
        self.used_ms = now_ms
        self.due_ms = 0  # when an answer is overdue; 0 = none is awaited
        self.chain: receipts.Chain = None  # type: ignore[assignment]
        self.urgent = False  # the message under way is
        self.told = (0, 0)  # sent and delivered, when its receipt was last given
        self.ended = False

    @property
    def key(self) -> tuple[int, int]:
        """(source, started_at)."""
        return self.receipt.route[0], self.receipt.started_at

    def next_node(self, step: int) -> int:
        """The neighbour towards the destination (1) or the source (-1)."""
        return self.receipt.route[self.at + step]


class Flow:
    """What this node sends to one destination."""

    def __init__(self) -> None:
        self.waiting: list = []  # type: ignore[type-arg]  # [message, priority, attempts]
        self.session: Session | None = None
        self.under_way = False
        self.asked_at = 0  # started_at of the request that is out; 0 = none
        self.asked_until_ms = 0
        self.unanswered = False  # no route was found when one was last asked for
        self.chain: receipts.Chain = None  # type: ignore[assignment]
        self.mode = 0  # of the request that is out
        self.min_trust = 0

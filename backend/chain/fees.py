"""What a transaction offers to pay (EIP-1559). Pure; wei."""

from __future__ import annotations

from dataclasses import dataclass

GWEI = 10**9


@dataclass(frozen=True, slots=True)
class Fees:
    """Upper bound per gas, and what of it goes to the block's builder."""

    max_fee: int
    priority_fee: int


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """Twice the base fee, which five full blocks in a row do not outrun; each bump a quarter more.

    Nodes replace a waiting transaction only if both fees rise by a tenth. `cap` bounds `max_fee`.
    """

    priority_fee: int = GWEI
    cap: int = 500 * GWEI

    def offer(self, base_fee: int, attempts: int = 0, previous_max_fee: int = 0) -> Fees:
        """Fees for the next try after `attempts` earlier ones, the last at `previous_max_fee`.

        At the cap the offer no longer rises: the node will refuse it as underpriced, and it waits.
        """
        priority = _raised(self.priority_fee, attempts)
        wanted = max(
            2 * base_fee + priority, _raised(previous_max_fee, 1) if previous_max_fee else 0
        )
        max_fee = min(wanted, self.cap)
        return Fees(max_fee, min(priority, max_fee))


def least_gas(data: bytes) -> int:
    """Gas below which no block can hold a call with this data (EIP-2028, EIP-7623).

    Some nodes accept such a transaction and never mine it, which would block every later nonce.
    """
    zero = data.count(0)
    rest = len(data) - zero
    return 21_000 + max(4 * zero + 16 * rest, 10 * (zero + 4 * rest))


def _raised(fee: int, times: int) -> int:
    for _ in range(times):
        fee = -(-fee * 5 // 4)  # up: a rounded-down rise of a small fee would be no rise
    return fee

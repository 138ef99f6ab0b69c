"""An oracle node as a process that states absurd prices and votes for whatever is proposed.

It is honest about slots. One that also held back its votes would be the second fault of four nodes
where another is dead: then no price is agreed, as it must be.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from itertools import cycle

from backend.oracle import signer
from backend.oracle.price_node import PriceNode

if __name__ == "__main__":
    prices = cycle((2_000_000, 12_000_000, 11_999_999))
    honest = signer.price_settings
    signer.price_settings = lambda settings: replace(honest(settings), tolerance_ppm=10**9)
    signer.PriceNode = partial(  # type: ignore[misc,assignment]
        PriceNode, opinion_of=lambda _round: next(prices)
    )
    sys.exit(signer.main())

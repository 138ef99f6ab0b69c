"""A real oracle node for bench_consensus, with a price of its own instead of a microgrid's."""

from __future__ import annotations

import os
import random
import sys
from functools import partial

from backend.oracle import signer
from backend.oracle.price_node import PriceNode

if __name__ == "__main__":
    dice = random.Random(int(os.environ["BENCH_SEED"]))
    signer.PriceNode = partial(  # type: ignore[misc,assignment]
        PriceNode, opinion_of=lambda _round: 6_000_000 + dice.randint(-60_000, 60_000)
    )
    sys.exit(signer.main())

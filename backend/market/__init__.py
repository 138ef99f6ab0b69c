"""Markets as pure engines: who trades with whom, how much, at what price. See docs/markets.md.

Integers throughout: Wh, micro-rupees, micro-rupees per kWh. No engine depends on the order in
which orders come in.
"""

from backend.market.bilateral import Preference, match_bilaterally
from backend.market.book import MAX_ORDERS, OrderBook
from backend.market.double_auction import AuctionResult, Pricing, clear_double_auction
from backend.market.metrics import MarketReport, filled_by_trades, report
from backend.market.money import Payments, cost_up, payments, proceeds_down
from backend.market.network import FeederTree
from backend.market.orders import (
    MAX_ENERGY_WH,
    MAX_PRICE_MICRO_INR_PER_KWH,
    Fill,
    MarketError,
    Order,
    Side,
    Trade,
)
from backend.market.proration import share_cumulative_down, share_cumulative_up
from backend.market.real_time_pool import (
    GridTerms,
    Imbalance,
    PoolPayment,
    PoolPrices,
    PoolSettlement,
    imbalance,
    pool_prices,
    settle_pool,
)
from backend.market.surplus_auction import (
    AuctionOutcome,
    Award,
    Lot,
    LotOutcome,
    PaymentRule,
    Refusal,
    SealedBid,
    determine_winners,
)
from backend.market.uniform_price import (
    MAX_TICKS,
    CallResult,
    TickClearing,
    TickGrid,
    clear_call_auction,
    clear_ticks,
    own_crossings,
)
from backend.market.verify import (
    Claim,
    MarginRule,
    Rule,
    VerificationError,
    claim_of,
    verify,
)

__all__ = [
    "MAX_ENERGY_WH",
    "MAX_ORDERS",
    "MAX_PRICE_MICRO_INR_PER_KWH",
    "MAX_TICKS",
    "AuctionOutcome",
    "AuctionResult",
    "Award",
    "CallResult",
    "Claim",
    "FeederTree",
    "Fill",
    "GridTerms",
    "Imbalance",
    "Lot",
    "LotOutcome",
    "MarginRule",
    "MarketError",
    "MarketReport",
    "Order",
    "OrderBook",
    "PaymentRule",
    "Payments",
    "PoolPayment",
    "PoolPrices",
    "PoolSettlement",
    "Preference",
    "Pricing",
    "Refusal",
    "Rule",
    "SealedBid",
    "Side",
    "TickClearing",
    "TickGrid",
    "Trade",
    "VerificationError",
    "claim_of",
    "clear_call_auction",
    "clear_double_auction",
    "clear_ticks",
    "cost_up",
    "determine_winners",
    "filled_by_trades",
    "imbalance",
    "match_bilaterally",
    "own_crossings",
    "payments",
    "pool_prices",
    "proceeds_down",
    "report",
    "settle_pool",
    "share_cumulative_down",
    "share_cumulative_up",
    "verify",
]

"""The demo's households at the surplus auction, on chain: they open lots, seal, reveal, sell again.

What falls due after that (finalising, delivery) is anybody's, and the service's relayer does it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from eth_account.signers.local import LocalAccount

from backend.chain.clients import Clients
from backend.chain.contracts import ContractSet
from backend.chain.trading import BidState, LotState
from backend.chain.views import ChainViews
from scripts.auction_robot import (
    COMMIT_SLOTS,
    MarketPrices,
    SealedBid,
    bid_for,
    invitation_for,
    is_new_day,
    is_worth_it,
)
from scripts.transactions import Wallet

log = logging.getLogger(__name__)

SELLER = 7
"""House P1, whose roof earns more than it uses."""
BIDDERS: Mapping[int, bool] = {8: False, 9: True, 10: False}
"""Who bids, and whether it needs the energy or sells it again."""
_NEWEST_LOTS = 8
_HIGHEST_BOND_MICRO_INR = 50_000_000
_DEPOSIT_BELOW_MICRO_INR = 100_000_000
_POCKET_MONEY_WEI = 10**16
_RESELL_FROM_WH = 200
_SLIPPAGE_PERCENT = 3


class AuctionPlayers:
    """What a household does at the auction when it is its turn.

    Args:
        approve: has a wallet let a contract take its tokens.
        seller: the meter whose household sells.
        bidders: who bids, and whether it needs the energy.
    """

    def __init__(
        self,
        views: ChainViews,
        contracts: ContractSet,
        clients: Clients,
        slot_seconds: int,
        approve: Callable[[Wallet, str], None],
        *,
        seller: int = SELLER,
        bidders: Mapping[int, bool] = BIDDERS,
    ) -> None:
        self._views = views
        self._contracts = contracts
        self._clients = clients
        self._slot_seconds = slot_seconds
        self._approve = approve
        self._seller = seller
        self._bidders = bidders

    def act(self, meter: int, account: LocalAccount, wallet: Wallet, now: int) -> None:
        """Everything that is due for one household.

        Raises:
            TransactionError, ContractError, RpcError: it could not, and says why.
        """
        if meter == self._seller:
            self._sell(meter, wallet, now)
        elif meter in self._bidders:
            for lot_id, lot in self._newest_lots():
                if lot["state"] == LotState.OPEN and lot["seller"] != wallet.address:
                    self._bid(meter, account, wallet, lot_id, lot, now)
            if not self._bidders[meter]:
                self._resell(meter, wallet)

    # ---- selling -------------------------------------------------------------------------------

    def _sell(self, meter: int, wallet: Wallet, now: int) -> None:
        own = [lot for _, lot in self._newest_lots() if lot["seller"] == wallet.address]
        last = own[0]["commitUntil"] - COMMIT_SLOTS * self._slot_seconds if own else None
        if not is_new_day(last, now, self._slot_seconds):
            return
        auction = self._clients.auction.contract
        invitation = invitation_for(
            meter,
            self._views.balances(wallet.address).energy_wh,
            self._prices(),
            lots_before=self._views.ask(auction.call("lotCount")),
            bond_micro_inr=self._views.ask(auction.call("minBondMicroInr")),
            now=now,
            slot_seconds=self._slot_seconds,
        )
        if invitation is None:
            return
        self._approve(wallet, "SurplusAuction")
        wallet.send(auction.call("openLot", invitation.as_tuple()))
        log.info("household %d auctions %d Wh", meter, invitation.energy_wh)

    def _resell(self, meter: int, wallet: Wallet) -> None:
        """What it has won and does not use itself, as far as the energy market has takings."""
        units = self._views.balances(wallet.address).energy_wh
        if units < _RESELL_FROM_WH:
            return
        market = self._contracts["EnergyMarket"]
        proceeds = self._views.ask(market.call("quoteSellDown", units))
        if self._views.ask(market.call("takingsMicroInr")) < proceeds:
            return
        self._approve(wallet, "EnergyMarket")
        least = proceeds - proceeds * _SLIPPAGE_PERCENT // 100
        wallet.send(market.call("sellEnergy", units, least))
        log.info("household %d sold %d Wh that it had won", meter, units)

    # ---- bidding -------------------------------------------------------------------------------

    def _bid(
        self,
        meter: int,
        account: LocalAccount,
        wallet: Wallet,
        lot_id: int,
        lot: Mapping[str, Any],
        now: int,
    ) -> None:
        auction, needs_energy = self._clients.auction.contract, self._bidders[meter]
        bid_id = self._views.ask(auction.call("bidBy", lot_id, wallet.address), max_age_s=0.0)
        bid = bid_for(
            bytes(account.key),
            meter,
            lot_id,
            energy_wh=lot["energyWh"],
            reserve=lot["reserveMicroInrPerKwh"],
            needs_energy=needs_energy,
        )
        if bid_id == 0 and now < lot["commitUntil"]:
            worth_it = is_worth_it(bid, self._prices(), needs_energy=needs_energy)
            if worth_it and lot["bondMicroInr"] <= _HIGHEST_BOND_MICRO_INR:
                self._commit(meter, wallet, lot_id, bid)
        elif bid_id != 0 and lot["commitUntil"] <= now < lot["revealUntil"]:
            state = self._views.ask(auction.call("bid", bid_id), max_age_s=0.0)["state"]
            if state == BidState.COMMITTED:
                opened = (bid_id, bid.price_micro_inr_per_kwh, bid.energy_wh, bid.salt)
                wallet.send(auction.call("revealBid", *opened))
                log.info("household %d revealed its bid for lot %d", meter, lot_id)

    def _commit(self, meter: int, wallet: Wallet, lot_id: int, bid: SealedBid) -> None:
        house, auction = self._clients.markets.house, self._clients.auction
        if self._views.ask(house.balance_of(wallet.address)) < _DEPOSIT_BELOW_MICRO_INR:
            wallet.send(house.deposit(0), _POCKET_MONEY_WEI)
        terms = (bid.price_micro_inr_per_kwh, bid.energy_wh, bid.salt)
        sealed = self._views.ask(auction.commitment_of(lot_id, wallet.address, *terms))
        wallet.send(auction.contract.call("commitBid", lot_id, meter, sealed))
        log.info("household %d bid for lot %d", meter, lot_id)

    # ---- what is there -------------------------------------------------------------------------

    def _newest_lots(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """The newest lots, newest first."""
        auction = self._clients.auction.contract
        count = self._views.ask(auction.call("lotCount"), max_age_s=0.0)
        ids = list(range(count, max(0, count - _NEWEST_LOTS), -1))
        lots = self._views.ask_many([auction.call("lot", i) for i in ids], max_age_s=0.0)
        return iter(zip(ids, lots, strict=True))

    def _prices(self) -> MarketPrices:
        found = self._views.ask(self._views.price_source().prices(), max_age_s=0.0)
        return MarketPrices(found.buy_micro_inr_per_kwh, found.sell_micro_inr_per_kwh)

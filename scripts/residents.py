"""The demo's households: they buy energy before it runs out, sell what is left over, pay bills, or
trade it slot by slot; one auctions what it has over, and neighbours bid.

Only on a local chain, with development accounts. One household forgets to buy until its supply is
suspended, so that suspension and resumption can be seen. `python -m scripts.residents`
"""

from __future__ import annotations

import logging
import signal
import sys
import threading
from dataclasses import dataclass

import requests
from eth_account import Account

from backend.chain.accounts import LOCAL_CHAINS
from backend.chain.clients import Clients
from backend.chain.contracts import Call, ContractError, ContractSet
from backend.chain.deployment import DeploymentError, load_for_chain
from backend.chain.rpc import NodeUnreachableError, RpcClient, RpcError, number
from backend.chain.types import BillingMode
from backend.chain.views import ChainViews
from backend.config import Settings, load_settings
from backend.oracle.registers import unpack_registers
from scripts import development
from scripts.auction_players import AuctionPlayers
from scripts.market_robot import NetHistory, limits_of, orders_for
from scripts.project_robot import ProjectRobot
from scripts.provisioning import household_account, households
from scripts.transactions import TransactionError, Wallet
from scripts.vehicles import Drivers

log = logging.getLogger(__name__)

FORGETFUL_METER = 9
PROJECT_METER = 8
"""Whose household asks for the demo's first incentive."""
_BUY_BELOW_WH = 500
_AHEAD_WH = 3_000
_SELL_ABOVE_WH = 6_000
_KEEP_WH = 3_000
_SLIPPAGE_PERCENT = 3
"""How far the price may move between the quote and the block."""
_POCKET_MONEY_WEI = 10**16
_DEPOSIT_BELOW_MICRO_INR = 200_000_000
_ORDER_AHEAD_SLOTS = 4


@dataclass(frozen=True, slots=True)
class Household:
    """What a household sees before it decides. Energy in Wh, money in micro-rupees."""

    energy_wh: int
    debt_wh: int
    suspended: bool
    forgetful: bool
    market_has_wh: int


def wants_wh(household: Household) -> int:
    """How much a household buys (positive) or sells (negative) now."""
    low = household.energy_wh < _BUY_BELOW_WH and not household.forgetful
    if household.suspended or low:
        wanted = household.debt_wh + _AHEAD_WH
        return wanted if wanted <= household.market_has_wh else 0
    if household.energy_wh > _SELL_ABOVE_WH:
        return _KEEP_WH - household.energy_wh
    return 0


class Residents:
    """All demo households of a local chain."""

    def __init__(self, settings: Settings) -> None:
        self._rpc = RpcClient(settings.rpc_url)
        self._chain_id = number(self._rpc.call("eth_chainId"))
        if self._chain_id not in LOCAL_CHAINS:
            raise DeploymentError(
                f"chain {self._chain_id}: demo households live on a local chain only"
            )
        deployment = load_for_chain(settings.deployments_dir, self._chain_id)
        self.slot_seconds = deployment.slot_seconds
        self._contracts = ContractSet(deployment)
        self._clients = Clients(self._contracts)
        self._views = ChainViews(self._rpc, self._contracts, self._clients, 0.0)
        self._histories: dict[int, NetHistory] = {}
        accounts = [household_account(meter) for meter in households()]
        self._drivers = Drivers(
            f"http://127.0.0.1:{settings.port}",
            self._clients,
            self._chain_id,
            self.slot_seconds,
            {account.address.lower(): account.private_key for account in accounts},
        )
        self._auction = AuctionPlayers(
            self._views, self._contracts, self._clients, self.slot_seconds, self._approve
        )
        self._projects = ProjectRobot(
            self._contracts, self._views, self._clients, PROJECT_METER, self._who
        )

    def act(self) -> None:
        """Lets each household do what it wants; one that cannot says why in the log."""
        for meter, mode in households().items():
            try:
                if mode is BillingMode.PREPAID:
                    self._trade(meter)
                elif mode is BillingMode.MARKET:
                    self._order(meter)
                else:
                    self._pay_bills(meter)
                self._at_the_auction(meter)
            except (TransactionError, ContractError, RpcError) as error:
                log.warning("household %d: %s", meter, error)
        try:
            self._projects.act()
        except (TransactionError, ContractError, RpcError) as error:
            log.warning("incentives: %s", error)

    def _at_the_auction(self, meter: int) -> None:
        account = Account.from_key(household_account(meter).private_key)
        self._auction.act(meter, account, self._wallet(meter), self._chain_time())

    def drive(self) -> None:
        """Lets whose car is plugged in sign a plan for it."""
        try:
            self._drivers.act()
        except requests.RequestException as error:
            log.warning("cars: %s", error)

    def _trade(self, meter: int) -> None:
        wallet = self._wallet(meter)
        household = Household(
            energy_wh=self._views.balances(wallet.address).energy_wh,
            debt_wh=self._views.debt_wh(meter),
            suspended=self._views.is_suspended(meter),
            forgetful=meter == FORGETFUL_METER,
            market_has_wh=self._views.ask(self._clients.market.available_wh()),
        )
        wanted = wants_wh(household)
        market = self._contracts["EnergyMarket"]
        if wanted > 0:
            cost = self._views.ask(market.call("quoteBuyUp", wanted))
            most = cost + cost * _SLIPPAGE_PERCENT // 100
            self._have_inr(wallet, most)
            wallet.send(market.call("topUp", meter, wanted, most))
            log.info("household %d bought %d Wh", meter, wanted)
        elif wanted < 0:
            proceeds = self._views.ask(market.call("quoteSellDown", -wanted))
            if self._views.ask(market.call("takingsMicroInr")) < proceeds:
                return
            self._approve(wallet, "EnergyMarket")
            least = proceeds - proceeds * _SLIPPAGE_PERCENT // 100
            wallet.send(market.call("sellEnergy", -wanted, least))
            log.info("household %d sold %d Wh", meter, -wanted)

    def _order(self, meter: int) -> None:
        """Orders for the coming slots that it has not ordered for, and money for them."""
        markets = self._clients.markets
        wallet = self._wallet(meter)
        history = self._histories.setdefault(meter, NetHistory())
        registers = unpack_registers(self._views.settled_registers(meter))
        history.note(self._views.latest_slot(), registers)
        if self._views.ask(markets.pool.trader_of(meter)) != wallet.address:
            return  # its terms begin with a settlement
        now = self._chain_time()
        gate_s = self._views.ask(markets.day_ahead.gate_seconds())
        first = (now + gate_s) // self.slot_seconds + 2
        coming = range(first, first + _ORDER_AHEAD_SLOTS)
        placed = self._views.ask_many([markets.day_ahead.unclaimed(meter, s) for s in coming])
        open_slots = [slot for slot, orders in zip(coming, placed, strict=True) if not orders]
        buyback, retail = self._views.ask(markets.pool.grid_prices_at(first))
        orders = orders_for(
            open_slots,
            {slot: history.expected(slot) for slot in open_slots},
            limits_of(meter, buyback, retail),
            tick=self._views.ask(markets.day_ahead.tick_size()),
            min_order_wh=self._views.ask(markets.day_ahead.min_order_wh()),
        )
        if not orders:
            return
        if self._views.ask(markets.house.balance_of(wallet.address)) < _DEPOSIT_BELOW_MICRO_INR:
            wallet.send(markets.house.deposit(0), _POCKET_MONEY_WEI)
        wallet.send(markets.day_ahead.place(meter, orders))
        log.info("household %d placed %d orders", meter, len(orders))

    def _chain_time(self) -> int:
        return number(self._rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"])

    def _pay_bills(self, meter: int) -> None:
        wallet, book = self._wallet(meter), self._clients.tariff
        for bill_id in self._views.ask(book.bills_of(meter)):
            bill = self._views.ask(book.bill(bill_id))
            due = bill.charge_micro_inr - bill.credit_micro_inr
            if not bill.paid and due > 0:
                self._have_inr(wallet, due)
                wallet.send(self._contracts["TariffBook"].call("payBill", bill_id))
                log.info("household %d paid bill %d", meter, bill_id)

    def _have_inr(self, wallet: Wallet, micro_inr: int) -> None:
        while self._views.balances(wallet.address).micro_inr < micro_inr:
            desk = self._contracts["PowerCoinDesk"]
            wallet.send(desk.call("buyWithEther", wallet.address, 0), _POCKET_MONEY_WEI)

    def _approve(self, wallet: Wallet, spender: str) -> None:
        token, address = self._contracts["GridToken"], self._contracts[spender].address
        approved: Call[bool] = token.call("isApprovedForAll", wallet.address, address)
        if not self._views.ask(approved):
            wallet.send(token.call("setApprovalForAll", address, True))

    def _who(self, role: str) -> Wallet:
        """The demo's person in a role of the first incentive."""
        if role == "household":
            return self._wallet(PROJECT_METER)
        index = {"operator": development.OPERATOR, "certifier": development.CERTIFIER}[role]
        account = Account.from_key(development.account(index).private_key)
        return Wallet(self._rpc, self._chain_id, self._contracts, account)

    def _wallet(self, meter: int) -> Wallet:
        account = Account.from_key(household_account(meter).private_key)
        return Wallet(self._rpc, self._chain_id, self._contracts, account)


def run() -> int:
    """Acts once a slot until SIGTERM; the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number_, lambda *_: stop.set())
    try:
        residents = Residents(load_settings())
    except (DeploymentError, NodeUnreachableError) as error:
        print(error, file=sys.stderr)
        return 2
    while not stop.wait(residents.slot_seconds):
        try:
            residents.drive()
            residents.act()
        except NodeUnreachableError as error:
            log.warning("%s", error)
    return 0


if __name__ == "__main__":
    sys.exit(run())

"""The small microgrid next door: its meters, and its operator's agreement with the neighbourhood's.

For the demo on a local chain, with development keys. The main grid gets an agreement, too: the
utility's account signs that the neighbourhood's own meter counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from eth_account import Account
from eth_account.signers.local import LocalAccount

from backend.chain.clients import Clients
from backend.chain.contracts import Call, ContractSet
from backend.chain.deployment import Deployment
from backend.chain.rpc import RpcClient, number
from backend.chain.trading import Terms, signable_terms
from backend.chain.views import ChainViews
from backend.config import Settings
from devices.simulator.plan import DEFAULT_PLAN, Plan, load_plan
from scripts import development
from scripts.provisioning import mark_provisioned, provision_plan
from scripts.transactions import Wallet

PLAN = DEFAULT_PLAN.with_name("hamlet.toml")
OMITTED = ("QuorumPriceFeed", "EvRegistry", "IncentiveRates", "OrderRules", "V2GExchange")
"""One oracle node agrees with itself; the hamlet's operator posts its prices. It has no cars."""

_ETHER = 10**18
_DEPOSIT_WEI = 20 * _ETHER
_YEARS_S = 10 * 365 * 86_400
_RUPEE = 1_000_000
_NOBODY = "0x" + "0" * 40


def set_up_hamlet(
    settings: Settings, chain_id: int, near: Deployment, say: Callable[[str], None]
) -> None:
    """Sets up whatever is missing of the hamlet that `settings` are of, beside `near`.

    Raises:
        ProvisionError, TransactionError: with what to do.
    """
    plan, rpc = load_plan(PLAN), RpcClient(settings.rpc_url)
    people = (development.OPERATOR, development.RELAYER)
    ties = Ties(rpc, chain_id, near)
    ties.fund([_account(index, development.HAMLET).address for index in people])
    ties.fund([_account(development.UTILITY, development.OUTSIDERS).address])
    operator = _account(development.OPERATOR, development.HAMLET)
    chain, _, sent = provision_plan(settings, chain_id, plan, operator, say)
    say(f"the hamlet's meters are on chain ({sent} calls sent)")
    begun = ties.begin_missing(chain.contracts["MeterLedger"].address, load_plan(), plan)
    say(f"agreements with the hamlet and the main grid stand ({begun} begun now)")
    mark_provisioned(settings, chain)


class Ties:
    """The neighbourhood's side: its clearing house, and what its operator signs."""

    def __init__(self, rpc: RpcClient, chain_id: int, near: Deployment) -> None:
        self._rpc, self._chain_id, self._near = rpc, chain_id, near
        self._contracts = ContractSet(near)
        self._clients = Clients(self._contracts)
        self._views = ChainViews(rpc, self._contracts, self._clients, 0.0)

    def fund(self, people: list[str]) -> None:
        """Ether for accounts that a node gives none."""
        giver = self._wallet(_account(development.DEPLOYER))
        for person in people:
            if number(self._rpc.call("eth_getBalance", person, "latest")) < 10 * _ETHER:
                ether = Call(person, b"", lambda _answer: None, f"ether for {person}")
                giver.send(ether, 100 * _ETHER)

    def begin_missing(self, ledger: str, plan: Plan, hamlet: Plan) -> int:
        """The two agreements, unless they were begun before; how many were now."""
        if self._views.ask(self._clients.tie.agreement_count()) != 0:
            return 0
        assert plan.tie is not None
        operator = _account(development.OPERATOR)
        neighbour = _account(development.OPERATOR, development.HAMLET)
        utility = _account(development.UTILITY, development.OUTSIDERS)
        for party in (operator, neighbour, utility):
            house = self._contracts["ClearingHouse"]
            self._wallet(party).send(house.call("deposit", 0), _DEPOSIT_WEI)
        own = self._near["MeterLedger"].address
        tie_w = plan.tie.max_power_w
        between = self._terms(
            (own, plan.tie.node, operator), (ledger, hamlet.grid.node, neighbour), tie_w,
            (5 * _RUPEE, 4_500_000),
        )  # fmt: skip
        main_w = plan.node(plan.grid.node).max_power_w
        main = self._terms(
            (own, plan.grid.node, operator), (_NOBODY, 0, utility), main_w, (3 * _RUPEE, 7 * _RUPEE)
        )
        self._begin(between, operator, neighbour)
        self._begin(main, operator, utility)
        return 2

    def _terms(
        self,
        a: tuple[str, int, LocalAccount],
        b: tuple[str, int, LocalAccount],
        power_w: int,
        prices: tuple[int, int],
    ) -> Terms:
        """Ledger, meter and party of both ends; prices from A to B and back."""
        slot_s = self._near.slot_seconds
        slot = int(time.time()) // slot_s
        return Terms(
            ledger_a=a[0],
            ledger_b=b[0],
            meter_a=a[1],
            meter_b=b[1],
            party_a=a[2].address,
            party_b=b[2].address,
            arbiter=_account(development.ARBITER, development.OUTSIDERS).address,
            first_slot=slot,
            last_slot=slot + _YEARS_S // slot_s,
            limit_wh_per_slot=power_w // 4,  # a slot stands for a quarter of an hour
            max_power_w=power_w,
            price_a_to_b=prices[0],
            price_b_to_a=prices[1],
            tolerance_bps=500,
            # Both meters read at a slot's end; the line's power is told a quarter second later.
            tolerance_wh=100,
            guarantee_micro_inr=1_000 * _RUPEE,
            silence_seconds=max(120, 4 * slot_s),
            resolve_seconds=max(120, 4 * slot_s),
            notice_slots=40,
            salt=bytes(32),
        )

    def _begin(self, terms: Terms, a: LocalAccount, b: LocalAccount) -> None:
        tie = self._clients.tie
        message = signable_terms(terms, tie.contract.address, self._chain_id)
        signatures = [bytes(party.sign_message(message).signature) for party in (a, b)]
        self._wallet(a).send(tie.begin(terms, *signatures))

    def _wallet(self, account: LocalAccount) -> Wallet:
        return Wallet(self._rpc, self._chain_id, self._contracts, account)


def _account(index: int, whose: int = 0) -> LocalAccount:
    account: LocalAccount = Account.from_key(development.account(index, whose).private_key)
    return account

"""The demo's first incentive: the operator fills the pool, a household with a roof asks, the
certifier verifies, the household fetches. Development keys of a local chain only; a step a turn."""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import IntEnum
from typing import Any

from backend.chain.clients import Clients
from backend.chain.contracts import Call, ContractSet
from backend.chain.views import ChainViews
from scripts.transactions import Wallet

log = logging.getLogger(__name__)

POOL_MICRO_INR = 20_000_000_000
REQUEST_MICRO_INR = 1_500_000_000
_ETHER_WEI = 10**17
_SOLAR = 1
_EVIDENCE = bytes.fromhex("5f" * 32)
_PAPERS = "Offer 12/2026, Sunny Roofs"
_NO_LEAF = (0, 0, bytes(32))
_NO_PROOF: tuple[Any, ...] = (0, _NO_LEAF, [], 0, _NO_LEAF, [], 0)


class Step(IntEnum):
    """What is next."""

    FUND = 0
    SUBMIT = 1
    VERIFY = 2
    CLAIM = 3
    NOTHING = 4


_SUBMITTED, _VERIFIED = 1, 2


def next_step(pool_micro_inr: int, count: int, state: int) -> Step:
    """What the demo's people do next: they show one project, and leave the others to visitors.

    Args:
        pool_micro_inr: what is in the pool, granted or not
        count: how many projects there are
        state: of the first one, as the contract numbers it
    """
    if count == 0:
        return Step.FUND if pool_micro_inr < POOL_MICRO_INR else Step.SUBMIT
    return {_SUBMITTED: Step.VERIFY, _VERIFIED: Step.CLAIM}.get(state, Step.NOTHING)


class ProjectRobot:
    """Does the next step whenever asked.

    Args:
        meter: a roof of a demo household
        wallets: of "operator", "certifier" and "household", who holds the meter
    """

    def __init__(
        self,
        contracts: ContractSet,
        views: ChainViews,
        clients: Clients,
        meter: int,
        wallets: Callable[[str], Wallet],
    ) -> None:
        self._contracts = contracts
        self._views = views
        self._clients = clients
        self._meter = meter
        self._wallets = wallets

    def act(self) -> Step:
        """One step; raises TransactionError, ContractError or RpcError if it cannot."""
        clients = self._clients.incentives
        if clients is None:
            return Step.NOTHING
        incentive = clients.incentive.contract
        count: int = self._views.ask(incentive.call("projectCount"))
        state = 0 if count == 0 else int(self._views.ask(incentive.call("projectOf", 1))["state"])
        pool = sum(
            self._views.ask_many(
                [clients.incentive.available_micro_inr(), clients.incentive.reserved_micro_inr()]
            )
        )
        step = next_step(pool, count, state)
        if step is Step.FUND:
            self._fund(incentive.address)
        elif step is Step.SUBMIT:
            asked = (self._meter, _SOLAR, REQUEST_MICRO_INR, _EVIDENCE, _PAPERS)
            self._send("household", incentive.call("submitProject", asked, _NO_PROOF))
        elif step is Step.VERIFY:
            self._send("certifier", incentive.call("verifyProject", 1))
        elif step is Step.CLAIM:
            to = self._wallets("household").address
            self._send("household", incentive.call("claim", 1, to))
        if step is not Step.NOTHING:
            log.info("incentives: %s", step.name.lower())
        return step

    def _fund(self, pool: str) -> None:
        operator, token = self._wallets("operator"), self._contracts["GridToken"]
        desk = self._contracts["PowerCoinDesk"]
        while self._views.balances(operator.address).micro_inr < POOL_MICRO_INR:
            operator.send(desk.call("buyWithEther", operator.address, 0), _ETHER_WEI)
        sent = (operator.address, pool, 0, POOL_MICRO_INR, b"")
        operator.send(token.call("safeTransferFrom", *sent))

    def _send(self, who: str, call: Call[None]) -> None:
        self._wallets(who).send(call)

"""The demo's cars on chain: charge points, a budget for rewards, households' cars; and drivers who
sign a plan whenever their car is plugged in.

Only on a local chain, with development accounts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import requests
from eth_account import Account

from backend.chain.clients import Clients
from backend.chain.v2g import Authorisation, V2GClients, signable_authorisation
from backend.chain.views import ChainViews
from devices.simulator.plan import Plan
from scripts.transactions import Wallet

log = logging.getLogger(__name__)

_RUPEE = 1_000_000
_BUDGET = 2_000 * _RUPEE
_POCKET_MONEY_WEI = 10**16  # Rs 2 500 at the demo's first rate
_RESERVE_BPS = 3_000
_TARGET_BPS = 7_000
_STAYS_SLOTS = 48
_MOST_COST = 300 * _RUPEE
_MAX_PRICE = 12 * _RUPEE
_MIN_REWARD = 4 * _RUPEE
_VALID_S = 3_600
_ASK_S = 5.0


def set_up(
    plan: Plan,
    views: ChainViews,
    clients: Clients,
    operator: Wallet,
    owner_of: Callable[[int], Wallet],
    metered_slot_s: float,
) -> dict[str, int]:
    """Charge points, budget and cars, whatever is missing; the car's number by its token."""
    v2g = clients.v2g
    if v2g is None or not plan.chargers:
        return {}
    for charger in plan.chargers:
        limits = (
            int(charger.max_charge_w * metered_slot_s / 3_600),
            int(charger.max_discharge_w * metered_slot_s / 3_600),
        )
        known_limits: tuple[int, int] = views.ask(
            v2g.vehicles.charge_point_of(charger.node), max_age_s=0.0
        )
        if known_limits != limits:
            operator.send(v2g.vehicles.set_charge_point(charger.node, *limits))
    budget: tuple[int, int] = views.ask(v2g.exchange.budget(), max_age_s=0.0)
    if sum(budget) == 0:
        _have(operator, views, clients, _BUDGET)
        operator.send(v2g.exchange.fund_budget(_BUDGET))
    known = _known(views, v2g)
    numbers = {}
    for car in plan.cars:
        if car.owner is None:
            continue  # whoever links its card registers it
        owner = owner_of(car.owner)
        key = (owner.address.lower(), car.capacity_wh)
        if key not in known:
            owner.send(v2g.vehicles.register_ev(car.capacity_wh, _RESERVE_BPS))
            known[key] = views.ask(v2g.vehicles.ev_count(), max_age_s=0.0)
        numbers[car.token] = known[key]
        _have(owner, views, clients, _MOST_COST)
    return numbers


def _known(views: ChainViews, v2g: V2GClients) -> dict[tuple[str, int], int]:
    """Registered cars by owner and capacity."""
    count = views.ask(v2g.vehicles.ev_count(), max_age_s=0.0)
    cars = views.ask_many([v2g.vehicles.ev_of(ev) for ev in range(1, count + 1)], max_age_s=0.0)
    return {
        (str(car["owner"]).lower(), int(car["capacityWh"])): ev for ev, car in enumerate(cars, 1)
    }


def _have(wallet: Wallet, views: ChainViews, clients: Clients, micro_inr: int) -> None:
    house = clients.markets.house
    while views.ask(house.balance_of(wallet.address), max_age_s=0.0) < micro_inr:
        wallet.send(house.deposit(0), _POCKET_MONEY_WEI)


class Drivers:
    """Owners of the demo's cars: who finds the car plugged in and without a plan signs one.

    Args:
        service_url: where the service listens
        keys: private keys of the owners by address, lower case
    """

    def __init__(
        self,
        service_url: str,
        clients: Clients,
        chain_id: int,
        slot_seconds: int,
        keys: Mapping[str, str],
    ) -> None:
        self._url = service_url.rstrip("/")
        self._clients = clients
        self._chain_id = chain_id
        self._slot_s = slot_seconds
        self._keys = dict(keys)

    def act(self) -> int:
        """Looks at every car once; how many plans were signed."""
        if self._clients.v2g is None:
            return 0
        found = requests.get(f"{self._url}/api/v2g/cars", timeout=_ASK_S)
        if not found.ok:
            return 0
        return sum(self._sign(car) for car in found.json()["cars"] if self._wants(car))

    def _wants(self, car: Mapping[str, Any]) -> bool:
        free = car["session_id"] is None and not car["authorised"] and not car["retired"]
        here = car["plugged_meter_id"] is not None and car["nonce"] is not None
        return free and here and str(car["owner"]).lower() in self._keys

    def _sign(self, car: Mapping[str, Any]) -> bool:
        v2g = self._clients.v2g
        assert v2g is not None
        now = int(time.time())
        agreed = Authorisation(
            ev=car["ev_id"],
            charge_point=car["plugged_meter_id"],
            max_price=_MAX_PRICE,
            min_reward=_MIN_REWARD,
            reserve_bps=_RESERVE_BPS,
            target_bps=_TARGET_BPS,
            departure_slot=now // self._slot_s + _STAYS_SLOTS,
            max_cost_micro_inr=_MOST_COST,
            nonce=car["nonce"],
            valid_until=now + _VALID_S,
        )
        message = signable_authorisation(agreed, v2g.exchange.contract.address, self._chain_id)
        account = Account.from_key(self._keys[str(car["owner"]).lower()])
        signature = account.sign_message(message).signature.to_0x_hex()
        answer = requests.post(
            f"{self._url}/api/v2g/authorisations",
            json={**asdict(agreed), "signature": signature},
            timeout=_ASK_S,
        )
        if not answer.ok:
            log.warning("car %d: %s", car["ev_id"], answer.text)
        return answer.ok

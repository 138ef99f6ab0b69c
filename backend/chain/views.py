"""Reading the chain: typed views with a short cache, many in one request."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from backend.chain.clients import Clients, PriceClient
from backend.chain.contracts import Call, Contract, ContractSet
from backend.chain.rpc import NodeUnreachableError, RpcClient, RpcError
from backend.chain.types import (
    BatteryState,
    EtherRate,
    Meter,
    Prices,
    Quorum,
    Role,
    SlotRecord,
    SwitchConfig,
    SwitchState,
)

T = TypeVar("T")

FOREVER_S = float("inf")


@dataclass(frozen=True, slots=True)
class Balances:
    """An account's units: money in micro-rupees, energy in Wh, CO2 in grams."""

    micro_inr: int
    energy_wh: int
    co2_g: int


@dataclass(frozen=True, slots=True)
class SwitchView:
    """A switch: how it is installed and where it stands."""

    switch_id: int
    config: SwitchConfig
    state: SwitchState


class ChainViews:
    """Typed reads. An answer is reused for `ttl_s` seconds, or until `invalidate`.

    Every method raises NodeUnreachableError if the node does not answer, and ContractError if the
    contract refuses.
    """

    def __init__(
        self, rpc: RpcClient, contracts: ContractSet, clients: Clients, ttl_s: float = 1.0
    ) -> None:
        self._rpc = rpc
        self._contracts = contracts
        self._clients = clients
        self._ttl_s = ttl_s
        self._lock = threading.Lock()
        self._cache: dict[tuple[str, bytes], tuple[float, bytes]] = {}

    def ask(self, call: Call[T], max_age_s: float | None = None) -> T:
        """One view's answer, at most `max_age_s` old (default: the cache's)."""
        return self.ask_many([call], max_age_s)[0]

    def ask_many(self, calls: Sequence[Call[T]], max_age_s: float | None = None) -> list[T]:
        """Many views' answers in one request, in order."""
        answers = self.try_many(calls, max_age_s)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers  # type: ignore[return-value]

    def try_many(
        self,
        calls: Sequence[Call[T]],
        max_age_s: float | None = None,
        *,
        block: str = "latest",
        sender: str | None = None,
    ) -> list[T | Exception]:
        """Like `ask_many`, but a refused call's place holds its ContractError or RpcError.

        With a `block` other than latest, or a `sender`, the call is simulated afresh, uncached.
        """
        cacheable = block == "latest" and sender is None
        raw: list[bytes | Exception | None] = [
            self._cached(call, max_age_s) if cacheable else None for call in calls
        ]
        missing = [i for i, answer in enumerate(raw) if answer is None]
        fetched = (
            self._rpc.batch([calls[i].request(block, sender) for i in missing]) if missing else []
        )
        now = time.monotonic()
        for i, answer in zip(missing, fetched, strict=True):
            raw[i] = self._data_of(calls[i], answer)
            data = raw[i]
            if cacheable and isinstance(data, bytes):
                self._keep(calls[i], now, data)
        answers: list[T | Exception] = []
        for call, data in zip(calls, raw, strict=True):
            answers.append(data if isinstance(data, Exception) else call.read(data or b""))
        return answers

    def invalidate(self) -> None:
        """Forgets every answer; the follower calls it when the chain has moved."""
        with self._lock:
            self._cache.clear()

    # ---- named views ---------------------------------------------------------------------------

    def prices(self) -> Prices:
        """The prices in force."""
        return self.ask(self.price_source().prices())

    def price_source(self) -> PriceClient:
        """Where the market takes its prices from: posted, the feed, or another contract."""
        clients = self._clients
        if clients.feed is None:  # a deployment from before there was one
            return clients.price
        address = self.ask(clients.market.price_source())
        for known in (clients.price, clients.feed):
            if known.contract.address.lower() == address.lower():
                return known
        posted = self._contracts.deployment["PostedPrice"]
        return PriceClient(Contract(dataclasses.replace(posted, address=address)))

    def ether_rate(self) -> EtherRate:
        """The posted ether rate."""
        return self.ask(self._clients.desk.ether_rate())

    def meter(self, meter_id: int) -> Meter:
        """A metering point as registered."""
        return self.ask(self._clients.registry.get(meter_id))

    def meters(self, meter_ids: Sequence[int]) -> list[Meter]:
        """Many metering points."""
        return self.ask_many([self._clients.registry.get(meter) for meter in meter_ids])

    def meter_ids(self) -> list[int]:
        """Every registered metering point, in order of registration."""
        count = self.ask(self._clients.registry.meter_count())
        pages = [self._clients.registry.meters(offset, 500) for offset in range(0, count, 500)]
        return [meter for page in self.ask_many(pages) for meter in page]

    def balances(self, account: str) -> Balances:
        """An account's money, energy and CO2 units."""
        token = self._clients.token
        return Balances(
            *self.ask_many(
                [token.balance_of(account, i) for i in (token.INR, token.ENERGY, token.CO2)]
            )
        )

    def switches(self) -> list[SwitchView]:
        """Every switch with its configuration and state."""
        ids = self.ask(self._clients.priority.switches())
        configs = self.ask_many(
            [self._clients.priority.switch_config(i) for i in ids], max_age_s=FOREVER_S
        )
        states = self.ask_many([self._clients.priority.switch_state(i) for i in ids])
        return [
            SwitchView(i, config, state)
            for i, config, state in zip(ids, configs, states, strict=True)
        ]

    def order(self, battery: int) -> list[int]:
        """A battery's switches, most important first."""
        return self.ask(self._clients.priority.order(battery))

    def thresholds(self, battery: int) -> list[int]:
        """Shedding thresholds by position in the order, 0.01 %; empty = the default rule."""
        return self.ask(self._clients.priority.thresholds(battery))

    def restore_margin(self) -> int:
        """How far above its threshold a switch returns, 0.01 %."""
        return self.ask(self._clients.priority.restore_margin())

    def battery(self, battery: int) -> BatteryState:
        """The last report of a battery."""
        return self.ask(self._clients.priority.battery_state(battery))

    def has_role(self, role: Role | int, account: str) -> bool:
        """True if the account holds the AccessManager role."""
        return self.ask(self._clients.access.has_role(int(role), account))

    def is_suspended(self, meter_id: int) -> bool:
        """True if a meter's supply is suspended for debt or an overdue bill."""
        return self.ask(self._clients.market.is_suspended(meter_id))

    def debt_wh(self, meter_id: int) -> int:
        """Energy a meter owes, Wh."""
        return self.ask(self._clients.ledger.debt_of(meter_id))

    def settled_registers(self, meter_id: int) -> int:
        """The packed registers a meter is settled up to."""
        return self.ask(self._clients.ledger.settled_registers(meter_id))

    def latest_slot(self, max_age_s: float | None = None) -> int:
        """The last committed slot; 0 = none."""
        return self.ask(self._clients.ledger.latest_slot(), max_age_s)

    def slot_record(self, slot: int, max_age_s: float | None = None) -> SlotRecord:
        """A committed slot as the chain holds it."""
        return self.ask(self._clients.ledger.slot_record(slot), max_age_s)

    def quorum(self, max_age_s: float | None = None) -> Quorum:
        """The current signer set."""
        quorum = self._clients.quorum
        calls: list[Call[Any]] = [quorum.epoch(), quorum.threshold(), quorum.signers()]
        epoch, threshold, signers = self.ask_many(calls, max_age_s)
        return Quorum(epoch, threshold, signers)

    # ---- cache ---------------------------------------------------------------------------------

    def _cached(self, call: Call[Any], max_age_s: float | None) -> bytes | None:
        limit = self._ttl_s if max_age_s is None else max_age_s
        with self._lock:
            entry = self._cache.get((call.target, call.data))
        return entry[1] if entry is not None and time.monotonic() - entry[0] < limit else None

    def _keep(self, call: Call[Any], now: float, data: bytes) -> None:
        with self._lock:
            if len(self._cache) > 50_000:  # a bound, not a policy: entries are short-lived
                self._cache.clear()
            self._cache[(call.target, call.data)] = (now, data)

    def _data_of(self, call: Call[Any], answer: Any) -> bytes | Exception:
        if isinstance(answer, RpcError):
            return self._contracts.revert_of(answer) or answer
        data = bytes.fromhex(answer[2:])
        if not data and call.read is not _ignore:
            return _empty(call, data)
        return data


def _ignore(_data: bytes) -> None:
    return None


def _empty(call: Call[Any], data: bytes) -> bytes | Exception:
    """Empty is right for a call without outputs; else there is no contract at the address."""
    try:
        call.read(data)
    except Exception:
        return NodeUnreachableError(
            f"no contract answers at {call.target} ({call.name}): has the chain been reset?"
        )
    return data

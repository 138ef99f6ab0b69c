"""Cars that charge and discharge: what an owner signs, and typed clients of the V2G contracts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import Any

from eth_abi.abi import encode
from eth_account.messages import SignableMessage
from eth_utils.crypto import keccak

from backend.chain.contracts import Call, Client
from backend.chain.trading import ProofNode
from backend.dispatch import Direction, GridState

_FIELDS = (
    ("uint32", "ev"), ("uint32", "chargePoint"), ("uint64", "maxPrice"), ("uint64", "minReward"),
    ("uint16", "reserveBps"), ("uint16", "targetBps"), ("uint64", "departureSlot"),
    ("uint128", "maxCostMicroInr"), ("uint64", "nonce"), ("uint64", "validUntil"),
)  # fmt: skip
_TYPE = "Authorisation(" + ",".join(f"{kind} {name}" for kind, name in _FIELDS) + ")"


@dataclass(frozen=True, slots=True)
class Authorisation:
    """What an owner signs, in the order of the contract's struct; see IV2GExchange."""

    ev: int
    charge_point: int
    max_price: int
    min_reward: int
    reserve_bps: int
    target_bps: int
    departure_slot: int
    max_cost_micro_inr: int
    nonce: int
    valid_until: int


@dataclass(frozen=True, slots=True)
class Plug:
    """A car seen at a charge point in a slot, with that charge; what oracle nodes sign."""

    ev: int
    charge_point: int
    soc_bps: int
    slot: int


@dataclass(frozen=True, slots=True)
class ChainSession:
    """A session as the contract holds it; 0 where nothing is known yet."""

    owner: str
    ev: int
    charge_point: int
    opened: bool
    closed: bool
    start_slot: int
    end_slot: int
    settled_slot: int
    departure_slot: int
    ordered_until: int
    reserve_bps: int
    target_bps: int
    soc_slot: int
    soc_bps: int
    capacity_wh: int
    max_price: int
    min_reward: int
    escrow: int
    charged: int
    discharged: int
    soc_charged: int
    soc_discharged: int


_SESSION = (
    "owner", "ev", "chargePoint", "opened", "closed", "startSlot", "endSlot", "settledSlot",
    "departureSlot", "orderedUntil", "reserveBps", "targetBps", "socSlot", "socBps", "capacityWh",
    "maxPrice", "minReward", "escrow", "charged", "discharged", "socCharged", "socDischarged",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices of a slot, micro-rupees per kWh."""

    base_price: int
    multiplier_bps: int
    reward_price: int


def signable_authorisation(agreed: Authorisation, contract: str, chain_id: int) -> SignableMessage:
    """What the owner signs (EIP-712)."""
    body = keccak(keccak(text=_TYPE) + encode([kind for kind, _ in _FIELDS], astuple(agreed)))
    kind = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
    domain = encode(
        ("bytes32", "bytes32", "bytes32", "uint256", "address"),
        (
            keccak(text=kind), keccak(text="Ohmstead V2GExchange"), keccak(text="1"),
            chain_id, contract,
        ),
    )  # fmt: skip
    return SignableMessage(b"\x01", keccak(domain), body)


@dataclass(frozen=True, slots=True)
class V2GClients:
    """All three clients."""

    exchange: V2GExchangeClient
    vehicles: EvRegistryClient
    rates: IncentiveRatesClient


class V2GExchangeClient(Client):
    """IV2GExchange."""

    def start(
        self,
        agreed: Authorisation,
        owner_signature: bytes,
        plug: Plug,
        signatures: Sequence[bytes],
    ) -> Call[int]:
        """Begins a session."""
        return self.contract.call(
            "start", astuple(agreed), owner_signature, astuple(plug), list(signatures)
        )

    def order(self, session: int, direction: Direction, wh: int, slots: int) -> Call[None]:
        """Orders energy for the next slots."""
        return self.contract.call("order", session, int(direction), wh, slots)

    def unplug(self, session: int) -> Call[None]:
        """Ends a session."""
        return self.contract.call("unplug", session)

    def settle(
        self,
        session: int,
        slot: int,
        leaf: tuple[int, int, bytes],
        proof: Sequence[ProofNode],
        path: int,
    ) -> Call[None]:
        """Settles a slot by the proof of the charge point's registers."""
        return self.contract.call("settle", session, slot, leaf, list(proof), path)

    def report_soc(
        self, session: int, slot: int, soc_bps: int, signatures: Sequence[bytes]
    ) -> Call[None]:
        """Reports the charge at the end of the slot settled last."""
        return self.contract.call("reportSoc", session, slot, soc_bps, list(signatures))

    def abandon(self, session: int) -> Call[None]:
        """Closes a session that nobody could settle."""
        return self.contract.call("abandon", session)

    def session(self, session: int) -> Call[ChainSession]:
        """A session as it stands."""
        call = self.contract.call("session", session)

        def read(data: bytes) -> ChainSession:
            struct = call.read(data)
            return ChainSession(*(struct[name] for name in _SESSION))

        return Call(call.target, call.data, read, call.name)

    def ev_state(self, ev: int) -> Call[tuple[int, int]]:
        """Nonce of the car's next authorisation, and its session (0 = none)."""
        return self.contract.call("evState", ev)

    def session_at(self, charge_point: int) -> Call[int]:
        """The session that uses a charge point; 0 = none."""
        return self.contract.call("sessionAt", charge_point)

    def soc_range(self, session: int) -> Call[tuple[int, int]]:
        """Lowest and highest charge that the battery can have, Wh."""
        return self.contract.call("socRange", session)

    def ordered(self, session: int, slot: int) -> Call[tuple[int, int]]:
        """Direction and Wh ordered for a slot."""
        return self.contract.call("ordered", session, slot)

    def budget(self) -> Call[tuple[int, int]]:
        """Free and reserved budget of rewards, micro-rupees."""
        return self.contract.call("budget")

    def fund_budget(self, micro_inr: int) -> Call[None]:
        """Gives the caller's free INR to the budget."""
        return self.contract.call("fundBudget", micro_inr)


class EvRegistryClient(Client):
    """IEvRegistry."""

    def register_ev(self, capacity_wh: int, reserve_bps: int) -> Call[int]:
        """The caller registers a car."""
        return self.contract.call("registerEv", capacity_wh, reserve_bps)

    def set_charge_point(self, meter: int, max_charge_wh: int, max_discharge_wh: int) -> Call[None]:
        """Makes a meter a charge point."""
        return self.contract.call("setChargePoint", meter, max_charge_wh, max_discharge_wh)

    def ev_of(self, ev: int) -> Call[dict[str, Any]]:
        """owner, capacityWh, reserveBps, retired."""
        return self.contract.call("evOf", ev)

    def ev_count(self) -> Call[int]:
        """How many cars were ever registered."""
        return self.contract.call("evCount")

    def charge_point_of(self, meter: int) -> Call[tuple[int, int]]:
        """Most Wh a slot, in and out; 0 and 0: no charge point."""
        call = self.contract.call("chargePointOf", meter)

        def read(data: bytes) -> tuple[int, int]:
            struct = call.read(data)
            return struct["maxChargeWh"], struct["maxDischargeWh"]

        return Call(call.target, call.data, read, call.name)

    def limits(self) -> Call[dict[str, int]]:
        """What sessions are held to."""
        return self.contract.call("limits")


class IncentiveRatesClient(Client):
    """IIncentiveRates."""

    def update(self) -> Call[None]:
        """Computes rates for the slots from the next one on."""
        return self.contract.call("updateIncentiveRates")

    def settings(self) -> Call[dict[str, int]]:
        """Bounds, weights and thresholds."""
        return self.contract.call("settings")

    def grid_state(self) -> Call[tuple[int, int, GridState]]:
        """The newest committed slot, its need in Wh, and what that means."""
        call = self.contract.call("gridState")

        def read(data: bytes) -> tuple[int, int, GridState]:
            slot, need, state = call.read(data)
            return slot, need, GridState(state)

        return Call(call.target, call.data, read, call.name)

    def rates_at(self, slot: int) -> Call[Rates]:
        """Rates in force in a slot; all 0 before the first."""
        return _rates(self.contract.call("ratesAt", slot))

    def next_rates(self) -> Call[tuple[Rates, int, int]]:
        """What an update would set now, and demand's and carbon's part of it, 0.01 %."""
        call = self.contract.call("nextRates")

        def read(data: bytes) -> tuple[Rates, int, int]:
            struct, demand, carbon = call.read(data)
            return _rates_of(struct), demand, carbon

        return Call(call.target, call.data, read, call.name)

    def checked_at(self) -> Call[int]:
        """When rates were last computed, Unix seconds."""
        return self.contract.call("checkedAt")


def _rates(call: Call[Any]) -> Call[Rates]:
    return Call(call.target, call.data, lambda data: _rates_of(call.read(data)), call.name)


def _rates_of(struct: dict[str, int]) -> Rates:
    return Rates(struct["basePrice"], struct["multiplierBps"], struct["rewardPrice"])

"""Typed clients: one class per contract, one method per call the service makes.

Every method builds a `Call` and does nothing else: ask it through `ChainViews`, or put it in the
outbox.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from backend.chain.certificates import (
    CarbonIntensityClient,
    CertificateClients,
    CertificateSalesClient,
    RenewableCertificateClient,
)
from backend.chain.contracts import Call, Client, ContractSet
from backend.chain.incentives import (
    IncentiveClients,
    RenewableIncentiveClient,
    SustainabilityPolicyClient,
)
from backend.chain.market_clients import (
    ClearingHouseClient,
    DayAheadClient,
    MarketClients,
    PoolClient,
)
from backend.chain.mesh import RelayCreditsClient
from backend.chain.trading import InterconnectionClient, SurplusAuctionClient
from backend.chain.types import (
    BatteryState,
    Bill,
    BillingMode,
    Commitment,
    EtherRate,
    FeedRound,
    FeedSettings,
    MarketParameters,
    Meter,
    Prices,
    RequestState,
    SlotRecord,
    SupplyRequest,
    SwitchConfig,
    SwitchState,
)
from backend.chain.v2g import (
    EvRegistryClient,
    IncentiveRatesClient,
    V2GClients,
    V2GExchangeClient,
)
from backend.chain.witness import MeterWitnessClient, OracleBondClient, WitnessClients
from backend.resilience.shedding import Override

T = TypeVar("T")
ProofNode = tuple[bytes, bytes, bytes]
"""A sibling: hash, lo, hi, 32 bytes each."""


def _as(call: Call[Any], read: Callable[[Any], T]) -> Call[T]:
    return Call(call.target, call.data, lambda data: read(call.read(data)), call.name)


def _struct(call: Call[Any], into: type[T], **convert: Callable[[Any], Any]) -> Call[T]:
    """Reads a struct by its field names: one that gained a field is still read right."""
    names = {_camel(field.name): field.name for field in dataclasses.fields(cast(Any, into))}

    def read(struct: dict[str, Any]) -> T:
        values = {name: struct[key] for key, name in names.items()}
        for name, function in convert.items():
            values[name] = function(values[name])
        return into(**values)

    return _as(call, read)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _slot_record(struct: dict[str, Any]) -> SlotRecord:
    totals = struct["totals"]
    return SlotRecord(
        root=struct["root"],
        totals_lo=totals["lo"],
        totals_hi=totals["hi"],
        previous_slot=struct["previousSlot"],
        committed_at=struct["committedAt"],
        leaf_count=struct["leafCount"],
    )


class MeterLedgerClient(Client):
    """IMeterLedger."""

    def commit_slot(self, commitment: Commitment, signatures: Sequence[bytes]) -> Call[None]:
        """Commits a slot signed by a quorum."""
        return self.contract.call("commitSlot", commitment.as_tuple(), list(signatures))

    def settle_many(
        self,
        slot: int,
        leaves: Sequence[tuple[int, int, bytes]],
        proof: Sequence[ProofNode],
        flags: bytes,
    ) -> Call[None]:
        """Settles meters; leaves are (meter, packed registers, salt), ascending."""
        return self.contract.call("settleMany", slot, list(leaves), list(proof), flags)

    def settle(
        self, slot: int, leaf: tuple[int, int, bytes], proof: Sequence[ProofNode], path: int
    ) -> Call[None]:
        """Settles one meter."""
        return self.contract.call("settle", slot, leaf, list(proof), path)

    def latest_slot(self) -> Call[int]:
        """The last committed slot; 0 = none."""
        return self.contract.call("latestSlot")

    def slot_record(self, slot: int) -> Call[SlotRecord]:
        """A committed slot."""
        return _as(self.contract.call("slotRecord", slot), _slot_record)

    def settled_registers(self, meter: int) -> Call[int]:
        """The packed registers a meter is settled up to."""
        return self.contract.call("settledRegisters", meter)

    def settled_slot(self, meter: int) -> Call[int]:
        """Slot of the last settlement of an OnRequest or leaving meter."""
        return self.contract.call("settledSlot", meter)

    def debt_of(self, meter: int) -> Call[int]:
        """Energy a meter owes, Wh."""
        return self.contract.call("debtOf", meter)

    def commitment_digest(self, commitment: Commitment) -> Call[bytes]:
        """The digest oracle nodes sign, by the contract itself."""
        return self.contract.call("commitmentDigest", commitment.as_tuple())


class PriorityRegistryClient(Client):
    """IPriorityRegistry."""

    def report_battery(
        self, battery: int, soc_bps: int, observed_at: int, signatures: Sequence[bytes]
    ) -> Call[None]:
        """Reports a battery's state of charge, signed by a quorum."""
        return self.contract.call("reportBattery", battery, soc_bps, observed_at, list(signatures))

    def poke(self, battery: int) -> Call[None]:
        """Applies what time alone has made due."""
        return self.contract.call("poke", battery)

    def poke_due(self, battery: int) -> Call[bool]:
        """True if `poke` would change a relay now."""
        return self.contract.call("pokeDue", battery)

    def acknowledge(
        self, switches: Sequence[int], sequences: Sequence[int], closed: Sequence[bool]
    ) -> Call[None]:
        """Reports what boards acknowledged."""
        return self.contract.call("acknowledge", list(switches), list(sequences), list(closed))

    def switches(self) -> Call[list[int]]:
        """Every switch."""
        return _as(self.contract.call("switches"), list)

    def switch_config(self, switch_id: int) -> Call[SwitchConfig]:
        """A switch as installed."""
        return _struct(self.contract.call("switchConfig", switch_id), SwitchConfig)

    def switch_state(self, switch_id: int) -> Call[SwitchState]:
        """What a relay should be and what it was acknowledged to be."""
        return _struct(
            self.contract.call("switchState", switch_id), SwitchState, overridden=Override
        )

    def order(self, battery: int) -> Call[list[int]]:
        """A battery's switches, most important first."""
        return _as(self.contract.call("order", battery), list)

    def thresholds(self, battery: int) -> Call[list[int]]:
        """Thresholds in 0.01 % by position in the order; empty = the default rule."""
        return _as(self.contract.call("thresholds", battery), list)

    def restore_margin(self) -> Call[int]:
        """How far above its threshold a switch returns, 0.01 %."""
        return self.contract.call("restoreMargin")

    def battery_state(self, battery: int) -> Call[BatteryState]:
        """The last report."""
        return _struct(self.contract.call("batteryState", battery), BatteryState)

    def report_digest(self, battery: int, soc_bps: int, observed_at: int) -> Call[bytes]:
        """The digest oracle nodes sign, by the contract itself."""
        return self.contract.call("reportDigest", battery, soc_bps, observed_at)


class MeterRegistryClient(Client):
    """IMeterRegistry."""

    def get(self, meter: int) -> Call[Meter]:
        """A metering point."""
        return _struct(self.contract.call("get", meter), Meter, mode=BillingMode)

    def meter_count(self) -> Call[int]:
        """How many are registered."""
        return self.contract.call("meterCount")

    def meters(self, offset: int, limit: int) -> Call[list[int]]:
        """A page of ids in order of registration."""
        return _as(self.contract.call("meters", offset, limit), list)

    def meters_of(self, holder: str) -> Call[list[int]]:
        """What an account holds."""
        return _as(self.contract.call("metersOf", holder), list)

    def find_entities(self) -> Call[list[int]]:
        """Counts by kind."""
        return _as(self.contract.call("findEntities"), list)

    def issue_claim_code(self, meter: int, claim_key: str) -> Call[None]:
        """Sets the address of a fresh one-time code."""
        return self.contract.call("issueClaimCode", meter, claim_key)


class OracleQuorumClient(Client):
    """IOracleQuorum."""

    def epoch(self) -> Call[int]:
        """Number of the signer set."""
        return self.contract.call("epoch")

    def threshold(self) -> Call[int]:
        """Signatures needed."""
        return self.contract.call("threshold")

    def signers(self) -> Call[tuple[str, ...]]:
        """Who may sign."""
        return _as(self.contract.call("signers"), tuple)


class EnergyMarketClient(Client):
    """IEnergyMarket."""

    def draw_down(self, request_id: int) -> Call[None]:
        """Moves the escrow of metered use to the takings."""
        return self.contract.call("drawDown", request_id)

    def finish_supply(self, request_id: int) -> Call[None]:
        """Refunds what a closed request did not use."""
        return self.contract.call("finishSupply", request_id)

    def enforce(self, meter: int) -> Call[bool]:
        """Suspends or resumes a meter as its debt or bills demand."""
        return self.contract.call("enforce", meter)

    def is_suspended(self, meter: int) -> Call[bool]:
        """True if supply is suspended for debt."""
        return self.contract.call("isSuspended", meter)

    def request(self, request_id: int) -> Call[SupplyRequest]:
        """A supply request."""
        return _struct(self.contract.call("request", request_id), SupplyRequest, state=RequestState)

    def request_count(self) -> Call[int]:
        """How many were made."""
        return self.contract.call("requestCount")

    def open_request_of(self, switch_id: int) -> Call[int]:
        """The running request of a switch; 0 = none."""
        return self.contract.call("openRequestOf", switch_id)

    def price_source(self) -> Call[str]:
        """Address of the contract that the prices come from."""
        return self.contract.call("priceSource")

    def parameters(self) -> Call[MarketParameters]:
        """The market's limits."""
        return _as(self.contract.call("parameters"), lambda v: MarketParameters(*v))

    def available_wh(self) -> Call[int]:
        """Inventory that is not reserved."""
        return self.contract.call("availableWh")


class TariffBookClient(Client):
    """ITariffBook."""

    def issue_bill(self, meter: int) -> Call[int]:
        """Issues the bill of a period that is over."""
        return self.contract.call("issueBill", meter)

    def next_bill_at(self, meter: int) -> Call[int]:
        """When the running billing period ends; 0 = none has begun."""
        return self.contract.call("nextBillAt", meter)

    def is_overdue(self, meter: int) -> Call[bool]:
        """True if a bill is unpaid after its due date."""
        return self.contract.call("isOverdue", meter)

    def bills_of(self, meter: int) -> Call[list[int]]:
        """Ids of a meter's bills."""
        return _as(self.contract.call("billsOf", meter), list)

    def bill(self, bill_id: int) -> Call[Bill]:
        """A bill."""
        return _struct(self.contract.call("bill", bill_id), Bill)


class PriceClient(Client):
    """IPriceSource."""

    def prices(self) -> Call[Prices]:
        """The current prices."""
        return _as(self.contract.call("prices"), lambda v: Prices(*v))


class PriceFeedClient(PriceClient):
    """IQuorumPriceFeed."""

    def submit_round(
        self, round_id: int, observations: Sequence[tuple[int, int, bytes]]
    ) -> Call[None]:
        """Puts a round into force; observations are (price, observed at, signature), ascending."""
        return self.contract.call("submitRound", round_id, list(observations))

    def latest(self) -> Call[FeedRound]:
        """The last round."""
        return _struct(self.contract.call("latest"), FeedRound)

    def settings(self) -> Call[FeedSettings]:
        """What rounds are held to."""
        return _struct(self.contract.call("settings"), FeedSettings)

    def feed(self) -> Call[int]:
        """The feed's number, which is signed with every observation."""
        return self.contract.call("FEED")

    def observation_digest(self, round_id: int, price: int, observed_at: int) -> Call[bytes]:
        """The digest price nodes sign, by the contract itself."""
        return self.contract.call("observationDigest", round_id, price, observed_at)


class CoinDeskClient(Client):
    """IPowerCoinDesk."""

    def ether_rate(self) -> Call[EtherRate]:
        """The posted ether rate."""
        return _as(self.contract.call("etherRate"), lambda v: EtherRate(*v))


class GridTokenClient(Client):
    """IGridToken."""

    INR, ENERGY, CO2 = 0, 1, 2

    def balance_of(self, account: str, token_id: int) -> Call[int]:
        """An account's units of one id."""
        return self.contract.call("balanceOf", account, token_id)

    def total_supply(self, token_id: int) -> Call[int]:
        """Units in existence."""
        return self.contract.call("totalSupply", token_id)


class AccessClient(Client):
    """OpenZeppelin's AccessManager."""

    def has_role(self, role: int, account: str) -> Call[bool]:
        """True if the account holds the role now."""
        return _as(self.contract.call("hasRole", role, account), lambda v: bool(v[0]))


class Clients:
    """The typed clients of one deployment."""

    def __init__(self, contracts: ContractSet) -> None:
        self.ledger = MeterLedgerClient(contracts["MeterLedger"])
        self.priority = PriorityRegistryClient(contracts["PriorityRegistry"])
        self.registry = MeterRegistryClient(contracts["MeterRegistry"])
        self.quorum = OracleQuorumClient(contracts["OracleQuorum"])
        self.market = EnergyMarketClient(contracts["EnergyMarket"])
        self.tariff = TariffBookClient(contracts["TariffBook"])
        self.price = PriceClient(contracts["PostedPrice"])
        self.feed: PriceFeedClient | None = None
        if "QuorumPriceFeed" in contracts.deployment.contracts:
            self.feed = PriceFeedClient(contracts["QuorumPriceFeed"])
        self.markets = MarketClients(
            ClearingHouseClient(contracts["ClearingHouse"]),
            DayAheadClient(contracts["DayAheadMarket"]),
            PoolClient(contracts["RealTimePool"]),
        )
        self.certificates: CertificateClients | None = None
        if "RenewableCertificate" in contracts.deployment.contracts:
            self.certificates = CertificateClients(
                RenewableCertificateClient(contracts["RenewableCertificate"]),
                CertificateSalesClient(contracts["CertificateSales"]),
                CarbonIntensityClient(contracts["CarbonIntensity"]),
            )
        self.v2g: V2GClients | None = None
        if "V2GExchange" in contracts.deployment.contracts:
            self.v2g = V2GClients(
                V2GExchangeClient(contracts["V2GExchange"]),
                EvRegistryClient(contracts["EvRegistry"]),
                IncentiveRatesClient(contracts["IncentiveRates"]),
            )
        self.witness: WitnessClients | None = None
        if "MeterWitness" in contracts.deployment.contracts:
            self.witness = WitnessClients(
                contracts["ElementRegistry"],
                OracleBondClient(contracts["OracleBond"]),
                MeterWitnessClient(contracts["MeterWitness"]),
            )
        self.mesh: RelayCreditsClient | None = None
        if "RelayCredits" in contracts.deployment.contracts:
            self.mesh = RelayCreditsClient(contracts["RelayCredits"])
        self.incentives: IncentiveClients | None = None
        if "RenewableIncentive" in contracts.deployment.contracts:
            self.incentives = IncentiveClients(
                RenewableIncentiveClient(contracts["RenewableIncentive"]),
                SustainabilityPolicyClient(contracts["SustainabilityPolicy"]),
            )
        self.desk = CoinDeskClient(contracts["PowerCoinDesk"])
        self.token = GridTokenClient(contracts["GridToken"])
        self.access = AccessClient(contracts["AccessManager"])
        self.auction = SurplusAuctionClient(contracts["SurplusAuction"])
        self.tie = InterconnectionClient(contracts["Interconnection"])

"""A community deployed as in use, whose meters the test moves and whose slots it closes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from backend.oracle.sum_tree import EntityKind, Leaf, Registers, SumTree, pack_registers
from scripts import development
from scripts.deployer import Deployer
from scripts.plan import local_plan

RUPEE = 1_000_000
INR, ENERGY, CO2 = 0, 1, 2
COMMUNITY, PREPAID, BILLED, ON_REQUEST = range(4)
SLOT_SECONDS = 15
LIMITLESS = 2**256 - 1

SOLAR, HOUSE, ROOF, HALL = 2, 10, 11, 51
HALL_SWITCH, HOUSE_SWITCH = 1, 3
KINDS = {
    SOLAR: EntityKind.DER,
    HOUSE: EntityKind.CONSUMER,
    ROOF: EntityKind.PROSUMER,
    HALL: EntityKind.CONSUMER,
}
SALT = b"\x05" * 32


def _signers() -> list[LocalAccount]:
    made = [Account.from_key(bytes(31) + bytes([number])) for number in (0x51, 0x52, 0x53)]
    return sorted(made, key=lambda account: int(account.address, 16))


SIGNERS = _signers()
PLAN = local_plan([signer.address for signer in SIGNERS], SLOT_SECONDS)


def _tree(counted: Mapping[int, Registers]) -> SumTree:
    return SumTree.build([Leaf(meter, KINDS[meter], now, SALT) for meter, now in counted.items()])


@dataclass
class Microgrid:
    """Contracts by name, people by role, and the meters' true registers."""

    contracts: dict[str, Any]
    people: dict[str, Any]
    chain: Any
    signers: list[LocalAccount]
    addresses: dict[str, str]
    counted: dict[int, Registers] = field(default_factory=lambda: {m: Registers() for m in KINDS})
    closed: dict[int, dict[int, Registers]] = field(default_factory=dict)
    """What was counted, by closed slot."""

    def __getattr__(self, name: str) -> Any:
        """`grid.market`, `grid.alice`."""
        contracts, people = self.__dict__["contracts"], self.__dict__["people"]
        if name in contracts:
            return contracts[name]
        if name in people:
            return people[name]
        raise AttributeError(name)

    # ---- meters and slots

    def count(self, meter: int, imported_wh: int = 0, exported_wh: int = 0) -> None:
        """The device counts on."""
        now = self.counted[meter]
        self.counted[meter] = Registers(
            imported_wh=now.imported_wh + imported_wh, exported_wh=now.exported_wh + exported_wh
        )

    def close_slot(self) -> int:
        """Ends the running slot, commits it with two signatures and settles every meter."""
        slot: int = self.ledger.currentSlot()
        self.chain.mine(timestamp=max((slot + 1) * SLOT_SECONDS, self.chain.pending_timestamp))
        tree = _tree(self.counted)
        totals = (tree.totals.lo, tree.totals.hi)
        commitment = (slot, self.ledger.latestSlot(), tree.root, totals, tree.leaf_count)
        signatures = self.signed(self.ledger.commitmentDigest(commitment))
        self.ledger.commitSlot(commitment, signatures, sender=self.relayer)
        self.closed[slot] = dict(self.counted)
        self.ledger.settleMany(slot, *self.lines(slot, self.counted), sender=self.relayer)
        return slot

    def signed(self, digest: bytes, by: int = 2) -> list[bytes]:
        """What so many oracle nodes sign, ascending by address."""
        return [bytes(s.unsafe_sign_hash(digest).signature) for s in self.signers[:by]]

    def line(self, slot: int, meter: int) -> tuple[Any, list[Any], int]:
        """Leaf, proof and path of a meter's line in a closed slot."""
        proof = _tree(self.closed[slot]).proof(meter)
        leaf = (meter, pack_registers(self.closed[slot][meter]), SALT)
        return leaf, [node.words() for node in proof.siblings], proof.path

    def lines(self, slot: int, meters: Iterable[int]) -> tuple[list[Any], list[Any], bytes]:
        """Leaves of several meters in a closed slot, with their proof and its flags."""
        shown = sorted(meters)
        proof = _tree(self.closed[slot]).multiproof(shown)
        leaves = [(meter, pack_registers(self.closed[slot][meter]), SALT) for meter in shown]
        return leaves, [node.words() for node in proof.siblings], proof.flags

    def shine(self, wh: int) -> None:
        """The sun puts energy into the inventory."""
        self.count(SOLAR, exported_wh=wh)
        self.close_slot()

    def claim(self, meter: int, holder: Any, mode: int) -> None:
        """The household's wallet claims the meter with a one-time code; the terms begin."""
        code = Account.from_key(b"\x07" * 32)
        self.registry.issueClaimCode(meter, code.address, sender=self.operator)
        digest = self.registry.claimDigest(meter, holder)
        self.registry.claim(
            meter, mode, bytes(code.unsafe_sign_hash(digest).signature), sender=holder
        )
        self.close_slot()

    def acknowledge(self, switch: int) -> None:
        """The board does what it was told and says so."""
        state = self.priorities.switchState(switch)
        self.priorities.acknowledge([switch], [state.sequence], [state.closed], sender=self.relayer)

    # ---- money

    def give_inr(self, to: Any, micro_inr: int) -> None:
        """Somebody buys INR for `to`."""
        wei = self.desk.etherFor(micro_inr)
        self.desk.buyWithEther(to, micro_inr, value=wei, sender=self.donor)

    def approve(self, holder: Any, spender: Any) -> None:
        """Lets a contract take the holder's units."""
        self.token.setApprovalForAll(spender, True, sender=holder)

    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.chain.mine(timestamp=self.chain.pending_timestamp + seconds)


def _set_up(grid: Microgrid) -> None:
    """Figures the tests count on, meters, switches, energy and a little money."""
    grid.posted.setPrices(6 * RUPEE, 3 * RUPEE, sender=grid.operator)
    max_price_age = grid.market.parameters()[0]
    grid.market.setParameters(max_price_age, 1_000, 50_000, sender=grid.admin)
    grid.ledger.setAdvanceLimit(0, sender=grid.admin)
    for meter, kind in KINDS.items():
        grid.registry.register(meter, kind, 1, 10_000, b"\0" * 32, sender=grid.operator)
    grid.registry.setCommunityMode(HALL, ON_REQUEST, sender=grid.operator)
    for switch, meter, pin, supplied in (
        (HALL_SWITCH, HALL, 0, False),
        (HOUSE_SWITCH, HOUSE, 2, True),
    ):
        config = (meter, 5, pin, 1, False, False, 0, 0)
        grid.priorities.addSwitch(switch, config, supplied, sender=grid.operator)
    grid.acknowledge(HALL_SWITCH)
    grid.close_slot()
    grid.shine(500_000)
    for person in (grid.alice, grid.bob):
        grid.give_inr(person, 10_000 * RUPEE)


NAMES = {
    "manager": "AccessManager",
    "quorum": "OracleQuorum",
    "coin": "DemoRupee",
    "token": "GridToken",
    "desk": "PowerCoinDesk",
    "posted": "PostedPrice",
    "feed": "QuorumPriceFeed",
    "registry": "MeterRegistry",
    "ledger": "MeterLedger",
    "book": "TariffBook",
    "priorities": "PriorityRegistry",
    "market": "EnergyMarket",
    "clearing": "ClearingHouse",
    "pool": "RealTimePool",
    "day_ahead": "DayAheadMarket",
    "intensity": "CarbonIntensity",
    "certificates": "RenewableCertificate",
    "sales": "CertificateSales",
    "vehicles": "EvRegistry",
    "rates": "IncentiveRates",
    "rules": "OrderRules",
    "exchange": "V2GExchange",
    "elements": "ElementRegistry",
    "bond": "OracleBond",
    "witness": "MeterWitness",
    "credits": "RelayCredits",
    "policy": "SustainabilityPolicy",
    "incentive": "RenewableIncentive",
}


@pytest.fixture(scope="session")
def deployed_grid(project: Any, accounts: Any, chain: Any, tmp_path_factory: Any) -> Microgrid:
    """Deployed once; every test gets it as it was (Ape isolates the chain)."""
    progress: Path = tmp_path_factory.mktemp("deployment") / "progress.json"
    deployer = accounts[development.DEPLOYER]
    deployed = Deployer(
        project, deployer, chain.chain_id, PLAN, progress, lambda _line: None
    ).deploy()
    people = {
        "deployer": deployer,
        "admin": accounts[development.ADMIN],
        "operator": accounts[development.OPERATOR],
        "authority": accounts[development.AUTHORITY],
        "pauser": accounts[development.PAUSER],
        "relayer": accounts[development.RELAYER],
        "certifier": accounts[development.CERTIFIER],
        "alice": accounts[development.NEWCOMER],
        "bob": accounts[development.FIRST_HOUSEHOLD],
        "stranger": accounts[development.FIRST_HOUSEHOLD + 1],
        "donor": accounts[development.FIRST_HOUSEHOLD + 2],
    }
    contracts = {}
    for short, name in NAMES.items():
        key = "Stablecoin" if name == "DemoRupee" else name
        contracts[short] = getattr(project, name).at(deployed[key].address)
    addresses = {name: found.address for name, found in deployed.items()}
    grid = Microgrid(contracts, people, chain, SIGNERS, addresses)
    _set_up(grid)
    return grid


@pytest.fixture
def grid(deployed_grid: Microgrid) -> Iterator[Microgrid]:
    """The community; what a test's meters counted is forgotten with the chain's state."""
    counted = dict(deployed_grid.counted)
    yield deployed_grid
    deployed_grid.counted = counted

"""Who may call what: the role table of every contract, as data, and who may hold a role.

OpenZeppelin's AccessManager asks a role for every `restricted` function; this table says which.
A function missing here would stay with ADMIN, so a test compares the table with the contracts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import combinations
from typing import Any

from eth_utils.abi import function_abi_to_4byte_selector
from eth_utils.address import is_address, to_checksum_address


class Role(IntEnum):
    """Role ids of the AccessManager. From 10 on a contract holds the role, not a person."""

    ADMIN = 0
    OPERATOR = 1
    AUTHORITY = 2
    CERTIFIER = 3
    RELAYER = 4
    PAUSER = 5
    DESK = 10
    LEDGER = 11
    MARKET = 12
    CERTIFICATE = 13
    CLEARING = 14
    WITNESS = 18


FUNCTION_ROLES: Mapping[str, Mapping[str, Role]] = {
    "OracleQuorum": {"setSigners": Role.ADMIN},
    "GridToken": {
        "mintInr": Role.DESK,
        "burnInr": Role.DESK,
        "mintCo2": Role.CERTIFICATE,
        "settleEnergy": Role.LEDGER,
    },
    "PowerCoinDesk": {
        "setEtherRate": Role.OPERATOR,
        "withdrawSurplus": Role.OPERATOR,
        "pause": Role.PAUSER,
        "unpause": Role.PAUSER,
    },
    "PostedPrice": {
        "setPrices": Role.OPERATOR,
        "setBuyPrice": Role.OPERATOR,
        "setSellPrice": Role.OPERATOR,
        "setBounds": Role.ADMIN,
    },
    "QuorumPriceFeed": {"setSettings": Role.ADMIN},
    "MeterRegistry": {
        "register": Role.OPERATOR,
        "rotateDeviceKey": Role.OPERATOR,
        "issueClaimCode": Role.OPERATOR,
        "setCommunityMode": Role.OPERATOR,
        "recordRebase": Role.OPERATOR,
        "startTerms": Role.LEDGER,
    },
    "MeterLedger": {"setInventory": Role.ADMIN, "setAdvanceLimit": Role.ADMIN},
    "TariffBook": {
        "addTariff": Role.OPERATOR,
        "endTariff": Role.OPERATOR,
        "withdrawTakings": Role.OPERATOR,
    },
    "PriorityRegistry": {
        "addSwitch": Role.OPERATOR,
        "setOrder": Role.AUTHORITY,
        "proposeOrder": Role.AUTHORITY,
        "approveOrder": Role.AUTHORITY,
        "setThresholds": Role.AUTHORITY,
        "setRestoreMargin": Role.AUTHORITY,
        "setOverride": Role.AUTHORITY,
        "setSupply": Role.MARKET,
        "acknowledge": Role.RELAYER,
    },
    "EnergyMarket": {
        "cutSupply": Role.OPERATOR,
        "withdrawTakings": Role.OPERATOR,
        "setPriceSource": Role.ADMIN,
        "setParameters": Role.ADMIN,
        "pause": Role.PAUSER,
        "unpause": Role.PAUSER,
    },
    "ClearingHouse": {
        "lock": Role.CLEARING,
        "unlock": Role.CLEARING,
        "payFromLocked": Role.CLEARING,
        "pay": Role.CLEARING,
        "passLock": Role.CLEARING,
        "charge": Role.CLEARING,
        "setBacker": Role.ADMIN,
        "pause": Role.PAUSER,
        "unpause": Role.PAUSER,
    },
    "SurplusAuction": {
        "pause": Role.PAUSER,
        "unpause": Role.PAUSER,
    },
    "CarbonIntensity": {"setBounds": Role.ADMIN},
    "RenewableCertificate": {
        "requestForCommunity": Role.OPERATOR,
        "approveRequests": Role.CERTIFIER,
        "refuseRequest": Role.CERTIFIER,
        "withdrawLot": Role.CERTIFIER,
    },
    "CertificateSales": {
        "pause": Role.PAUSER,
        "unpause": Role.PAUSER,
    },
    "ElementRegistry": {"enrol": Role.OPERATOR, "end": Role.OPERATOR},
    "OracleBond": {
        "hold": Role.WITNESS,
        "drop": Role.WITNESS,
        "slash": Role.WITNESS,
        "moveCredit": Role.WITNESS,
    },
    "RelayCredits": {
        "setFee": Role.OPERATOR,
        "setCommunity": Role.ADMIN,
        "pause": Role.PAUSER,
        "unpause": Role.PAUSER,
    },
    "SustainabilityPolicy": {"setLimits": Role.ADMIN},
    "RenewableIncentive": {
        "verifyProject": Role.CERTIFIER,
        "refuseProject": Role.CERTIFIER,
        "withdrawBudget": Role.ADMIN,
        "setSettings": Role.ADMIN,
    },
    "RealTimePool": {"setGridPrices": Role.OPERATOR, "setDayAhead": Role.ADMIN},
    "EvRegistry": {"setChargePoint": Role.OPERATOR, "setLimits": Role.OPERATOR},
    "IncentiveRates": {"setSettings": Role.OPERATOR},
    "V2GExchange": {
        "order": Role.RELAYER,
        "unplug": Role.RELAYER,
        "withdrawBudget": Role.OPERATOR,
    },
    "DayAheadMarket": {
        "deliver": Role.CLEARING,
        "pause": Role.PAUSER,
        "unpause": Role.PAUSER,
    },
}
"""Contract -> function -> role. ADMIN's functions are listed too, so that the table is whole."""

CONTRACT_ROLES: Mapping[Role, tuple[str, ...]] = {
    Role.DESK: ("PowerCoinDesk",),
    Role.LEDGER: ("MeterLedger",),
    Role.MARKET: ("EnergyMarket",),
    Role.CERTIFICATE: ("RenewableCertificate",),
    Role.CLEARING: (
        "SurplusAuction",
        "Interconnection",
        "RealTimePool",
        "DayAheadMarket",
        "V2GExchange",
    ),
    Role.WITNESS: ("MeterWitness",),
}
"""Roles held by contracts."""

ADMIN_DELAY_SECONDS = 2 * 24 * 3600
"""How long ahead ADMIN announces what it does (setSigners, setInventory, setAdvanceLimit,
setPriceSource, setBounds, setLimits, withdrawBudget, and every change of roles), so that all can
see it coming and leave first. Zero on a local chain."""


class RoleError(ValueError):
    """The assignment of roles is not acceptable; the message names the roles and the fix."""


@dataclass(frozen=True, slots=True)
class RoleHolders:
    """Addresses that hold the roles of one deployment.

    Args:
        authorities: at least two; a second one approves orders that shed a critical switch early.
        signers: oracle nodes' keys; they never send transactions.
        threshold: signatures a slot or a battery report needs, more than half of the signers.
    """

    admin: str
    operator: str
    authorities: tuple[str, ...]
    certifier: str
    relayer: str
    pauser: str
    signers: tuple[str, ...]
    threshold: int

    def __post_init__(self) -> None:
        for name, address in self.named():
            if not is_address(address) or int(address, 16) == 0:
                raise RoleError(f"{name}: {address!r} is not an account's address")
        if len(self.authorities) < 2:
            raise RoleError(
                "authorities: two different accounts are needed, as an order that sheds a critical "
                "switch early must be approved by a second one"
            )
        if not len(self.signers) // 2 < self.threshold <= len(self.signers) <= 32:
            raise RoleError(
                f"signer_threshold: {self.threshold} of {len(self.signers)} signers; it must be "
                "more than half of them and at most all (32 signers at most)"
            )
        for (name, address), (other, same) in combinations(self.named(), 2):
            if address.lower() == same.lower():
                raise RoleError(
                    f"{name} and {other} are the same account {address}: whoever issues, measures, "
                    "pauses and administers must be different keys"
                )

    def named(self) -> list[tuple[str, str]]:
        """Every holder with the name it has in the roles file."""
        return [
            ("admin", self.admin),
            ("operator", self.operator),
            ("certifier", self.certifier),
            ("relayer", self.relayer),
            ("pauser", self.pauser),
            *((f"authorities[{i}]", address) for i, address in enumerate(self.authorities)),
            *((f"signers[{i}]", address) for i, address in enumerate(self.signers)),
        ]

    def grants(self) -> list[tuple[Role, str]]:
        """(role, account) for every person and server; the admin comes last."""
        return [
            (Role.OPERATOR, self.operator),
            *((Role.AUTHORITY, authority) for authority in self.authorities),
            (Role.CERTIFIER, self.certifier),
            (Role.RELAYER, self.relayer),
            (Role.PAUSER, self.pauser),
            (Role.ADMIN, self.admin),
        ]

    def signers_ascending(self) -> list[str]:
        """Checksummed signer addresses in the order that OracleQuorum wants."""
        checksummed = (to_checksum_address(signer) for signer in self.signers)
        return sorted(checksummed, key=lambda address: int(address, 16))


def selectors(abi: Sequence[Mapping[str, Any]], function: str) -> list[bytes]:
    """The 4-byte selectors of all overloads of `function`.

    Raises:
        RoleError: the contract has no such function.
    """
    found = [
        function_abi_to_4byte_selector(entry)  # type: ignore[arg-type]  # plain JSON, not a TypedDict
        for entry in abi
        if entry.get("type") == "function" and entry.get("name") == function
    ]
    if not found:
        raise RoleError(f"no function {function}: scripts/roles.py is behind the contracts")
    return found


def functions_by_role(contract: str, abi: Sequence[Mapping[str, Any]]) -> dict[Role, list[bytes]]:
    """Selectors of `contract` to assign, grouped by role; ADMIN's need none, being the default."""
    grouped: dict[Role, list[bytes]] = {}
    for function, role in FUNCTION_ROLES.get(contract, {}).items():
        if role is not Role.ADMIN:
            grouped.setdefault(role, []).extend(selectors(abi, function))
    return grouped

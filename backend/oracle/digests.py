"""What oracle nodes sign: EIP-712 digests, signatures, and who made them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from coincurve import PublicKey
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from backend.chain.mesh import receipt_fields
from backend.chain.types import Commitment
from backend.chain.v2g import Plug
from backend.mesh.judging import Receipt
from backend.sustainability import EpochMetrics, Parameters

_DOMAIN = keccak(
    text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
_SLOT_COMMITMENT = keccak(
    text="SlotCommitment(uint64 slot,uint64 previousSlot,bytes32 root,uint256 totalsLo,"
    "uint256 totalsHi,uint32 leafCount,uint64 epoch)"
)
_BATTERY_REPORT = keccak(
    text="BatteryReport(uint16 battery,uint16 socBps,uint40 observedAt,uint64 epoch)"
)
_PRICE_OBSERVATION = keccak(
    text="PriceObservation(uint32 feed,uint64 round,uint128 priceMicroInrPerKwh,"
    "uint64 observedAt,uint64 epoch)"
)
_CARBON_INTENSITY = keccak(
    text="CarbonIntensity(uint64 firstHour,uint16[] gramsPerKwh,uint64 epoch)"
)
_PLUG_REPORT = keccak(
    text="PlugReport(uint32 ev,uint32 chargePoint,uint16 socBps,uint64 slot,uint64 epoch)"
)
_SOC_REPORT = keccak(text="SocReport(uint256 sessionId,uint64 slot,uint16 socBps,uint64 epoch)")
_RECEIPT_FIELDS = (
    "Receipt(uint32 startedAt,uint16 sent,uint16 delivered,uint8 brokenHop,uint8 reporters,"
    "bytes16 sRoot,bytes16 sValue,bytes16 hRoot,bytes16 hValue,bytes route)"
)
_RECEIPT = keccak(text=_RECEIPT_FIELDS)
_RECEIPTS = keccak(text="Receipts(Receipt[] receipts,uint64 epoch)" + _RECEIPT_FIELDS)
_METRICS_TYPE = (
    "Metrics(uint48 fromSlot,uint48 toSlot,uint32 ciMgPerKwh,uint32 rurPpm,uint32 parPpm,"
    "uint32 jainPpm,uint32 meanAccessWh)"
)
_PARAMETERS_TYPE = (
    "Parameters(uint32 multiplierPpm,uint32 equityKappaPpm,uint32 equityCapPpm,"
    "uint32 rurWeightPpm,uint32 ciWeightPpm,uint32 parWeightPpm,uint32 npvWeightPpm)"
)
_METRICS, _PARAMETERS = keccak(text=_METRICS_TYPE), keccak(text=_PARAMETERS_TYPE)
_POLICY_UPDATE = keccak(
    text="PolicyUpdate(uint64 policyEpoch,Metrics metrics,Parameters target,uint64 epoch)"
    + _METRICS_TYPE
    + _PARAMETERS_TYPE
)
_REQUEST = b"\x19Ohmstead oracle request:\n"
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0


@dataclass(frozen=True, slots=True)
class SigningDomain:
    """The EIP-712 domain of one contract on one chain."""

    name: str
    version: str
    chain_id: int
    contract: str

    def digest(self, struct_hash: bytes) -> bytes:
        """The digest of a struct in this domain."""
        separator = keccak(
            encode(
                ["bytes32", "bytes32", "bytes32", "uint256", "address"],
                [
                    _DOMAIN,
                    keccak(text=self.name),
                    keccak(text=self.version),
                    self.chain_id,
                    self.contract,
                ],
            )
        )
        return keccak(b"\x19\x01" + separator + struct_hash)


@dataclass(frozen=True, slots=True)
class BatteryReport:
    """A battery's state of charge in 0.01 % at a Unix second."""

    battery: int
    soc_bps: int
    observed_at: int


def slot_digest(domain: SigningDomain, commitment: Commitment, epoch: int) -> bytes:
    """What is signed about a slot, in the ledger's domain."""
    types = ["bytes32", "uint64", "uint64", "bytes32", "uint256", "uint256", "uint32", "uint64"]
    values = [
        _SLOT_COMMITMENT,
        commitment.slot,
        commitment.previous_slot,
        commitment.root,
        commitment.totals_lo,
        commitment.totals_hi,
        commitment.leaf_count,
        epoch,
    ]
    return domain.digest(keccak(encode(types, values)))


def battery_digest(domain: SigningDomain, report: BatteryReport, epoch: int) -> bytes:
    """What is signed about a battery, in the priority registry's domain."""
    types = ["bytes32", "uint16", "uint16", "uint40", "uint64"]
    values = [_BATTERY_REPORT, report.battery, report.soc_bps, report.observed_at, epoch]
    return domain.digest(keccak(encode(types, values)))


def price_digest(
    domain: SigningDomain, feed: int, round_id: int, price: int, observed_at: int, epoch: int
) -> bytes:
    """What is signed about a price (micro-rupees per kWh), in the price feed's domain."""
    types = ["bytes32", "uint32", "uint64", "uint128", "uint64", "uint64"]
    values = [_PRICE_OBSERVATION, feed, round_id, price, observed_at, epoch]
    return domain.digest(keccak(encode(types, values)))


def carbon_digest(
    domain: SigningDomain, first_hour: int, grams_per_kwh: Sequence[int], epoch: int
) -> bytes:
    """What is signed about hours of the main grid (g CO2/kWh), in the intensity feed's domain."""
    figures = keccak(b"".join(grams.to_bytes(32, "big") for grams in grams_per_kwh))
    types = ["bytes32", "uint64", "bytes32", "uint64"]
    values = [_CARBON_INTENSITY, first_hour, figures, epoch]
    return domain.digest(keccak(encode(types, values)))


def plug_digest(domain: SigningDomain, plug: Plug, epoch: int) -> bytes:
    """What is signed about a car at a charge point, in the V2G exchange's domain."""
    types = ["bytes32", "uint32", "uint32", "uint16", "uint64", "uint64"]
    values = [_PLUG_REPORT, plug.ev, plug.charge_point, plug.soc_bps, plug.slot, epoch]
    return domain.digest(keccak(encode(types, values)))


def soc_digest(domain: SigningDomain, session: int, slot: int, soc_bps: int, epoch: int) -> bytes:
    """What is signed about a car's charge at the end of a slot, in the V2G exchange's domain."""
    types = ["bytes32", "uint256", "uint64", "uint16", "uint64"]
    values = [_SOC_REPORT, session, slot, soc_bps, epoch]
    return domain.digest(keccak(encode(types, values)))


def receipts_digest(domain: SigningDomain, receipts: Sequence[Receipt], epoch: int) -> bytes:
    """What is signed about mesh sessions, in the domain of the contract that clears them."""
    hashes = b"".join(_receipt_hash(receipt) for receipt in receipts)
    return domain.digest(
        keccak(encode(["bytes32", "bytes32", "uint64"], [_RECEIPTS, keccak(hashes), epoch]))
    )


def _receipt_hash(receipt: Receipt) -> bytes:
    types = ["bytes32", "uint32", "uint16", "uint16", "uint8", "uint8"]
    types += ["bytes16", "bytes16", "bytes16", "bytes16", "bytes32"]
    *fields, route = receipt_fields(receipt)
    return keccak(encode(types, [_RECEIPT, *fields, keccak(route)]))


def policy_digest(
    domain: SigningDomain, policy_epoch: int, metrics: EpochMetrics, target: Parameters, epoch: int
) -> bytes:
    """What is signed about a policy epoch, in the policy's domain."""
    parts = [
        keccak(encode(["bytes32", *["uint256"] * 7], [typehash, *astuple(struct)]))
        for typehash, struct in ((_METRICS, metrics), (_PARAMETERS, target))
    ]
    types = ["bytes32", "uint64", "bytes32", "bytes32", "uint64"]
    return domain.digest(keccak(encode(types, [_POLICY_UPDATE, policy_epoch, *parts, epoch])))


def request_digest(path: str, body: bytes) -> bytes:
    """What the relayer signs to show an oracle node who asks."""
    return keccak(_REQUEST + path.encode() + b"\n" + keccak(body))


def sign(account: LocalAccount, digest: bytes) -> bytes:
    """A 65-byte signature: r, s, v (27 or 28)."""
    return bytes(account.unsafe_sign_hash(Hash32(digest)).signature)


def signer_of(digest: bytes, signature: bytes) -> str | None:
    """The checksummed address that made a signature; None if it is malformed or malleable."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > _HALF_ORDER:
        return None
    try:
        recoverable = signature[:64] + bytes([signature[64] - 27])
        key = PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except Exception:  # coincurve raises bare Exception and ValueError for impossible points
        return None
    return to_checksum_address(keccak(key.format(compressed=False)[1:])[12:])

"""What the service answers about renewable certificates. Units as in `schemas`; CO2 in grams."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.api.schemas import Answer, LeafProof

SourceName = Literal["none", "solar", "wind", "hydro", "biomass", "other"]
TechnologyName = Literal[
    "unspecified",
    "rooftop_photovoltaic",
    "ground_photovoltaic",
    "wind_turbine",
    "run_of_river",
    "biogas",
    "solid_biomass",
]
LotStateName = Literal["requested", "approved", "refused", "issued", "withdrawn"]
StateName = Literal["active", "split", "retired", "withdrawn"]
BundleStatus = Literal["Active", "Bundle Split", "Claimed", "Withdrawn"]


class Lot(Answer):
    """A request, and what its certificates have in common."""

    lot_id: int
    meter_id: int
    producer: str
    from_slot: int
    to_slot: int
    starts_at: int
    ends_at: int
    wh: int
    source: SourceName
    technology: TechnologyName
    zone: int = Field(description="feeder node of the meter")
    storage_behind_meter: bool
    evidence_hash: str
    state: LotStateName
    issuer: str | None = Field(description="certifier who decided last")
    reason: str | None = Field(description="why it was refused or withdrawn")
    requested_at: int
    decided_at: int | None
    transaction: str


class Lots(Answer):
    """Requests, newest first."""

    lots: list[Lot]


class Offer(Answer):
    """For what a certificate can be bought, before `closes_at` (Unix seconds)."""

    seller: str
    price_micro_inr: int = Field(description="of the whole certificate")
    closes_at: int


class Certificate(Answer):
    """A certificate and its lot."""

    certificate_id: int
    parent: int | None = Field(description="certificate that was split into this one")
    wh: int
    owner: str
    state: StateName = Field(description="withdrawn: its lot was; a retired one stays retired")
    changed_at: int
    beneficiary: str | None
    purpose: str | None
    co2_grams: int | None = Field(description="credits minted; null: not retired or not known yet")
    transaction: str
    lot: Lot
    offer: Offer | None = Field(description="null: it cannot be bought now")


class CertificatePage(Answer):
    """Certificates, newest first."""

    certificates: list[Certificate]
    next_before: int | None


class CertificateDetail(Certificate):
    """A certificate with what it was split into."""

    children: list[int]


class Bundle(Answer):
    """A certificate by the names of EnergyTag's registries, times as ISO 8601 in UTC."""

    certificate_bundle_id: int
    certificate_bundle_status: BundleStatus
    issuance_id: str
    registry: str
    account_id: str
    device_id: int
    energy_carrier: Literal["Electricity"] = "Electricity"
    energy_source: SourceName
    technology: TechnologyName
    zone: int
    is_storage: bool = Field(description="energy out of storage; never, here")
    storage_behind_meter: bool
    face_value: Literal[1] = Field(1, description="Wh that a unit of the quantity stands for")
    bundle_quantity: int
    production_starting_interval: str
    production_ending_interval: str
    issuance_datestamp: str | None
    issuing_body: str | None
    evidence_hash: str
    beneficiary: str | None
    purpose: str | None
    claimed_at: str | None
    co2_grams: int | None


class Export(Answer):
    """The whole register."""

    registry: str
    bundles: list[Bundle]


class OpenPeriod(Answer):
    """An hour or less that can be certified."""

    from_slot: int
    to_slot: int
    starts_at: int
    ends_at: int
    wh: int


class OpenPeriods(Answer):
    """What of a meter's generation is not in any request, newest first."""

    periods: list[OpenPeriod]


class Claim(Answer):
    """What RenewableCertificate.request takes to check a claim."""

    from_slot: int
    to_slot: int
    terms_index: int
    wh: int
    start: LeafProof
    end: LeafProof


class GreenSlot(Answer):
    """What was used in an hour of the clock, and what of it retired certificates cover."""

    starts_at: int
    used_wh: int
    covered_wh: int


class GreenShare(Answer):
    """A meter's use matched to retired certificates, slot by slot, shown by the hour."""

    meter_id: int
    used_wh: int
    covered_wh: int
    hours: list[GreenSlot]
    slots: list[GreenSlot]

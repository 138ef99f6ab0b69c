"""Typed clients of renewable certificates, of their sales and of the carbon intensity feed.

As in `clients.py`, every method builds a `Call` and does nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from backend.chain.contracts import Call, Client


class Source(IntEnum):
    """What energy comes from."""

    NONE = 0
    SOLAR = 1
    WIND = 2
    HYDRO = 3
    BIOMASS = 4
    OTHER = 5


class Technology(IntEnum):
    """What generates it."""

    UNSPECIFIED = 0
    ROOFTOP_PHOTOVOLTAIC = 1
    GROUND_PHOTOVOLTAIC = 2
    WIND_TURBINE = 3
    RUN_OF_RIVER = 4
    BIOGAS = 5
    SOLID_BIOMASS = 6


@dataclass(frozen=True, slots=True)
class CertificateClients:
    """All three clients."""

    register: RenewableCertificateClient
    sales: CertificateSalesClient
    carbon: CarbonIntensityClient


class RenewableCertificateClient(Client):
    """IRenewableCertificate, as far as the service calls it."""

    def issue(self, lot_ids: Sequence[int]) -> Call[None]:
        """Mints approved certificates to their producers."""
        return self.contract.call("issue", list(lot_ids))

    def credit(self, certificate_id: int) -> Call[int]:
        """Mints the CO2 credits of a retirement."""
        return self.contract.call("credit", certificate_id)


@dataclass(frozen=True, slots=True)
class SaleOffer:
    """ICertificateSales.Offer, and whether the certificate would be sold now."""

    seller: str
    price_micro_inr: int
    closes_at: int
    is_open: bool


class CertificateSalesClient(Client):
    """ICertificateSales. Prices in micro-rupees, times in Unix seconds."""

    def offer(self, certificate_id: int, price_micro_inr: int, closes_at: int) -> Call[None]:
        """Offers a certificate, or offers it anew."""
        return self.contract.call("offer", certificate_id, price_micro_inr, closes_at)

    def withdraw_offer(self, certificate_id: int) -> Call[None]:
        """Ends an offer."""
        return self.contract.call("withdrawOffer", certificate_id)

    def buy(self, certificate_id: int, price_micro_inr: int) -> Call[None]:
        """Buys a certificate at the price that was shown."""
        return self.contract.call("buy", certificate_id, price_micro_inr)

    def offer_of(self, certificate_id: int) -> Call[SaleOffer]:
        """A certificate's offer; the zero address offers nothing."""
        found = self.contract.call("offerOf", certificate_id)

        def read(data: bytes) -> SaleOffer:
            offer, is_open = found.read(data)
            return SaleOffer(offer["seller"], offer["priceMicroInr"], offer["closesAt"], is_open)

        return Call(found.target, found.data, read, found.name)


class CarbonIntensityClient(Client):
    """ICarbonIntensity."""

    def publish(
        self, first_hour: int, grams_per_kwh: Sequence[int], signatures: Sequence[bytes]
    ) -> Call[None]:
        """Publishes hours that follow each other, signed by a quorum."""
        return self.contract.call("publish", first_hour, list(grams_per_kwh), list(signatures))

    def intensity_of(self, hour: int) -> Call[tuple[bool, int]]:
        """Whether an hour's figure is known, and the figure, g CO2/kWh."""
        return self.contract.call("intensityOf", hour)

    def lead_seconds(self) -> Call[int]:
        """How long before its end an hour may be published."""
        found = self.contract.call("bounds")
        return Call(
            found.target, found.data, lambda data: int(found.read(data)["leadSeconds"]), found.name
        )

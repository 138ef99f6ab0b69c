"""Typed clients of renewable certificates and of the carbon intensity feed.

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
    """Both clients."""

    register: RenewableCertificateClient
    carbon: CarbonIntensityClient


class RenewableCertificateClient(Client):
    """IRenewableCertificate, as far as the service calls it."""

    def issue(self, lot_ids: Sequence[int]) -> Call[None]:
        """Mints approved certificates to their producers."""
        return self.contract.call("issue", list(lot_ids))

    def credit(self, certificate_id: int) -> Call[int]:
        """Mints the CO2 credits of a retirement."""
        return self.contract.call("credit", certificate_id)


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

"""Typed clients of the incentives and of the sustainability policy.

As in `clients.py`, every method builds a `Call` and does nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from backend.chain.contracts import Call, Client
from backend.sustainability import EpochMetrics, Parameters


@dataclass(frozen=True, slots=True)
class IncentiveSettings:
    """What projects are held to; money in micro-rupees."""

    max_request_micro_inr: int
    decision_seconds: int
    claim_seconds: int
    epoch_share_bps: int


@dataclass(frozen=True, slots=True)
class IncentiveClients:
    """Both clients."""

    incentive: RenewableIncentiveClient
    policy: SustainabilityPolicyClient


def parameters_of(struct: Mapping[str, Any]) -> Parameters:
    """A contract's Parameters."""
    return Parameters(
        multiplier_ppm=struct["multiplierPpm"],
        equity_kappa_ppm=struct["equityKappaPpm"],
        equity_cap_ppm=struct["equityCapPpm"],
        rur_weight_ppm=struct["rurWeightPpm"],
        ci_weight_ppm=struct["ciWeightPpm"],
        par_weight_ppm=struct["parWeightPpm"],
        npv_weight_ppm=struct["npvWeightPpm"],
    )


def metrics_of(struct: Mapping[str, Any]) -> EpochMetrics:
    """A contract's Metrics."""
    return EpochMetrics(
        from_slot=struct["fromSlot"],
        to_slot=struct["toSlot"],
        ci_mg_per_kwh=struct["ciMgPerKwh"],
        rur_ppm=struct["rurPpm"],
        par_ppm=struct["parPpm"],
        jain_ppm=struct["jainPpm"],
        mean_access_wh=struct["meanAccessWh"],
    )


class SustainabilityPolicyClient(Client):
    """ISustainabilityPolicy, as far as the service calls it."""

    def update(
        self,
        policy_epoch: int,
        metrics: EpochMetrics,
        target: Parameters,
        signatures: Sequence[bytes],
    ) -> Call[None]:
        """Reports an epoch, signed by a quorum."""
        return self.contract.call(
            "update", policy_epoch, astuple(metrics), astuple(target), list(signatures)
        )

    def parameters(self) -> Call[Parameters]:
        """What is in force."""
        found = self.contract.call("parameters")
        return Call(
            found.target, found.data, lambda data: parameters_of(found.read(data)), found.name
        )

    def latest_epochs(self) -> Call[tuple[int, int]]:
        """The newest updated epoch and the one before; 0 = none."""
        return self.contract.call("latestEpochs")

    def epoch_seconds(self) -> Call[int]:
        """How long an epoch is."""
        return self.contract.call("epochSeconds")


class RenewableIncentiveClient(Client):
    """IRenewableIncentive, as far as the service calls it."""

    def expire_project(self, project_id: int) -> Call[None]:
        """Ends a project whose deadline is past."""
        return self.contract.call("expireProject", project_id)

    def available_micro_inr(self) -> Call[int]:
        """INR that is not granted."""
        return self.contract.call("availableMicroInr")

    def reserved_micro_inr(self) -> Call[int]:
        """Granted and not fetched."""
        return self.contract.call("reservedMicroInr")

    def epoch_left_micro_inr(self) -> Call[int]:
        """What the policy's epoch may still grant."""
        return self.contract.call("epochLeftMicroInr")

    def settings(self) -> Call[IncentiveSettings]:
        """What projects are held to."""
        found = self.contract.call("settings")

        def read(data: bytes) -> IncentiveSettings:
            struct = found.read(data)
            return IncentiveSettings(
                max_request_micro_inr=struct["maxRequestMicroInr"],
                decision_seconds=struct["decisionSeconds"],
                claim_seconds=struct["claimSeconds"],
                epoch_share_bps=struct["epochShareBps"],
            )

        return Call(found.target, found.data, read, found.name)

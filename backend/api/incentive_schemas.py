"""What the service answers about incentives and the policy. Shares and factors in millionths."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.api.schemas import Answer, LeafProof

KindName = Literal[
    "none", "solar", "storage", "efficient_appliance", "flexible_load", "ev_charger", "other"
]
GoalName = Literal["rur", "ci", "par"]
StateName = Literal["submitted", "verified", "refused", "withdrawn", "expired", "claimed"]


class PolicyParameters(Answer):
    """What is paid for and rewarded; see ISustainabilityPolicy."""

    multiplier_ppm: int
    equity_kappa_ppm: int
    equity_cap_ppm: int
    rur_weight_ppm: int
    ci_weight_ppm: int
    par_weight_ppm: int
    npv_weight_ppm: int


class PolicyGoals(Answer):
    """What the oracle nodes' targets aim at."""

    rur_ppm: int
    ci_mg_per_kwh: int
    par_ppm: int
    jain_ppm: int


class Overview(Answer):
    """The budget, what projects are held to, and what is in force."""

    available_micro_inr: int = Field(description="not granted")
    reserved_micro_inr: int = Field(description="granted and not fetched")
    claimed_micro_inr: int = Field(description="fetched so far")
    epoch_left_micro_inr: int = Field(description="what the policy's epoch may still grant")
    max_request_micro_inr: int
    decision_seconds: int
    claim_seconds: int
    epoch_share_bps: int
    epoch_seconds: int
    parameters: PolicyParameters
    goals: PolicyGoals
    projects: dict[StateName, int]


class Project(Answer):
    """A project."""

    project_id: int
    meter_id: int
    submitter: str
    kind: KindName
    state: StateName
    overdue: bool = Field(description="its deadline is past and nobody has ended it yet")
    requested_micro_inr: int
    granted_micro_inr: int | None
    multiplier_ppm: int | None
    boost_ppm: int | None
    shortfall_ppm: int = Field(description="how far access was below the mean, proven")
    evidence_hash: str
    evidence_uri: str
    certifier: str | None
    reason: str | None
    submitted_at: int
    deadline: int = Field(description="to decide by or, once verified, to fetch by")
    changed_at: int
    transaction: str


class ProjectPage(Answer):
    """Projects, newest first."""

    projects: list[Project]
    next_before: int | None


class Pull(Answer):
    """Why the multiplier's target is where it is."""

    goal: GoalName
    missed_ppm: int = Field(description="how far the goal is missed; below 0: surpassed")
    adds_ppm: int = Field(description="what that adds to the target")


class PolicyUpdate(Answer):
    """An epoch as the oracle nodes signed it."""

    policy_epoch: int
    starts_at: int
    ends_at: int
    from_slot: int
    to_slot: int
    ci_mg_per_kwh: int
    rur_ppm: int
    par_ppm: int
    jain_ppm: int
    mean_access_wh: int
    target: PolicyParameters
    applied: PolicyParameters
    before: PolicyParameters | None = Field(description="None: not stored here")
    pulls: list[Pull]
    at: int
    transaction: str


class PolicyUpdates(Answer):
    """Updates, newest first."""

    updates: list[PolicyUpdate]


class MeasuredSpan(Answer):
    """What committed slots come to. None: nothing was used, or carbon is not known."""

    starts_at: int
    ends_at: int
    used_wh: int
    generated_wh: int
    grid_import_wh: int
    grid_export_wh: int
    grid_flow_wh: int = Field(description="load + storage change - generation")
    ci_mg_per_kwh: int | None
    rur_ppm: int | None
    par_ppm: int | None
    resilience_ppm: int | None


class Measured(Answer):
    """Spans, oldest first, and the whole."""

    spans: list[MeasuredSpan]
    whole: MeasuredSpan | None


class Worth(Answer):
    """What an investment is worth, without and with a grant; rounded against it."""

    npv_micro_inr: int
    lcoe_micro_inr_per_kwh: int
    npv_with_grant_micro_inr: int
    lcoe_with_grant_micro_inr_per_kwh: int


class AccessClaim(Answer):
    """Proofs of what a household used in a policy epoch, for a project on chain."""

    policy_epoch: int
    from_slot: int
    to_slot: int
    used_wh: int
    mean_wh: int
    shortfall_ppm: int
    boost_ppm: int = Field(description="with the parameters now in force")
    start: LeafProof
    end: LeafProof

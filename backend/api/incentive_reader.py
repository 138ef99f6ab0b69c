"""Reads incentives, the policy's path, and what the community's energy comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, astuple
from itertools import pairwise
from typing import Any, get_args

from backend.api import incentive_schemas as schemas
from backend.api.errors import ApiError
from backend.api.slot_reader import ProofReader
from backend.chain.context import ChainContext
from backend.chain.contracts import Call, integer
from backend.chain.incentives import IncentiveClients, metrics_of, parameters_of
from backend.oracle.policy_epoch import used_so_far
from backend.oracle.proposal import ProposedLeaf
from backend.oracle.registers import Flows
from backend.sustainability import (
    GOALS,
    EnergyFlows,
    Measures,
    Parameters,
    SlotFlows,
    equity_boost_ppm_down,
    measure,
    misses_ppm,
    pulls_ppm,
    shortfall_ppm_down,
)
from backend.telemetry import events, incentives, slots
from backend.telemetry.events import ChainEvent
from backend.telemetry.incentives import ProjectState, StoredProject
from backend.telemetry.slots import Slot
from backend.telemetry.store import Store

_HOUR_S = 3600
_INTENSITY_KEPT_S = 30.0
_MOST_SLOTS = 12_000
_KINDS: tuple[schemas.KindName, ...] = get_args(schemas.KindName)
_GOALS: tuple[schemas.GoalName, ...] = get_args(schemas.GoalName)


class IncentiveReader:
    """Reads incentives for the API."""

    def __init__(self, store: Store, chain: ChainContext, proofs: ProofReader) -> None:
        self._store = store
        self._chain = chain
        self._proofs = proofs
        self._slot_seconds = chain.deployment.slot_seconds

    @property
    def _clients(self) -> IncentiveClients:
        clients = self._chain.clients.incentives
        if clients is None:
            raise ApiError(404, "no_incentives", "this deployment has no incentives")
        return clients

    # ---- projects ----------------------------------------------------------------------------

    def overview(self) -> schemas.Overview:
        """The budget and what is in force, from the chain."""
        incentive, policy = self._clients.incentive, self._clients.policy
        calls: list[Call[Any]] = [
            incentive.available_micro_inr(),
            incentive.reserved_micro_inr(),
            incentive.epoch_left_micro_inr(),
            incentive.settings(),
            policy.epoch_seconds(),
            policy.parameters(),
        ]
        available, reserved, left, held_to, epoch_s, in_force = self._chain.views.ask_many(calls)
        with self._store.read() as connection:
            counts = incentives.totals_by_state(connection)
            claimed = incentives.claimed_micro_inr(connection)
        return schemas.Overview(
            available_micro_inr=available,
            reserved_micro_inr=reserved,
            claimed_micro_inr=claimed,
            epoch_left_micro_inr=left,
            **asdict(held_to),
            epoch_seconds=epoch_s,
            parameters=_parameters(in_force),
            goals=schemas.PolicyGoals(
                rur_ppm=GOALS.rur_ppm,
                ci_mg_per_kwh=GOALS.ci_mg_per_kwh,
                par_ppm=GOALS.par_ppm,
                jain_ppm=GOALS.jain_ppm,
            ),
            projects={state.value: count for state, count in counts.items()},
        )

    def projects(
        self,
        states: Sequence[ProjectState],
        submitter: str | None,
        limit: int,
        before: int | None,
        now_s: int,
    ) -> schemas.ProjectPage:
        """Projects, newest first."""
        with self._store.read() as connection:
            found = incentives.find(
                connection, states=states, submitter=submitter, before=before, limit=limit + 1
            )
        shown = found[:limit]
        return schemas.ProjectPage(
            projects=[_project(project, now_s) for project in shown],
            next_before=shown[-1].project_id if len(found) > limit else None,
        )

    # ---- policy --------------------------------------------------------------------------------

    def updates(self, limit: int) -> schemas.PolicyUpdates:
        """The newest epochs and why the multiplier moved."""
        epoch_s = self._chain.views.ask(self._clients.policy.epoch_seconds(), max_age_s=600.0)
        with self._store.read() as connection:
            found = events.query(
                connection, contract="SustainabilityPolicy", name="PolicyUpdated", limit=limit + 1
            )
        befores: list[ChainEvent | None] = [*found[1:], None]
        return schemas.PolicyUpdates(
            updates=[
                _update(event, before, epoch_s)
                for event, before in zip(found[:limit], befores, strict=False)
            ]
        )

    def access_claim(self, meter: int) -> schemas.AccessClaim:
        """What a project's boost takes, for the newest epoch. ApiError if it cannot be proven."""
        with self._store.read() as connection:
            newest = events.latest(connection, "SustainabilityPolicy", "PolicyUpdated")
            if newest is None:
                raise ApiError(404, "no_epoch", "no policy epoch is reported yet: wait for one")
            metrics = metrics_of(newest.args["metrics"])
            leaves = [
                slots.leaf_of(connection, slot, meter)
                for slot in (metrics.from_slot, metrics.to_slot)
            ]
        start, end = (self._proofs.proof(s, meter) for s in (metrics.from_slot, metrics.to_slot))
        if start is None or end is None or leaves[0] is None or leaves[1] is None:
            message = f"meter {meter} has no line at both ends of the newest policy epoch"
            raise ApiError(404, "unknown_leaf", message)
        before, after = (
            used_so_far(ProposedLeaf(x.meter_id, x.kind, x.registers, x.salt, ()))
            for x in leaves
            if x is not None
        )
        used = max(0, after - before)
        in_force = self._chain.views.ask(self._clients.policy.parameters())
        mean, kappa, cap = (
            metrics.mean_access_wh, in_force.equity_kappa_ppm, in_force.equity_cap_ppm
        )  # fmt: skip
        return schemas.AccessClaim(
            policy_epoch=integer(newest.args["policyEpoch"]),
            from_slot=metrics.from_slot,
            to_slot=metrics.to_slot,
            used_wh=used,
            mean_wh=mean,
            shortfall_ppm=shortfall_ppm_down(used, mean),
            boost_ppm=equity_boost_ppm_down(used, mean, kappa, cap),
            start=start,
            end=end,
        )

    # ---- measures ------------------------------------------------------------------------------

    def measured(self, start: int, end: int, span_seconds: int) -> schemas.Measured:
        """CI, RUR, PAR, R_f and the grid's flow of committed slots, span by span."""
        first, last = start // self._slot_seconds, (end - 1) // self._slot_seconds
        with self._store.read() as connection:
            found = slots.committed_between(connection, first, last, _MOST_SLOTS + 1)
        if len(found) > _MOST_SLOTS:
            message = f"more than {_MOST_SLOTS} slots: choose a shorter span"
            raise ApiError(400, "too_long", message, "from")
        flows = [
            SlotFlows(before.slot, after.slot, _sums(after) - _sums(before))
            for before, after in pairwise(found)
            if after.previous_slot == before.slot
        ]
        by_span: dict[int, list[SlotFlows]] = {}
        for slot in flows:
            begins = slot.slot * self._slot_seconds // span_seconds * span_seconds
            by_span.setdefault(begins, []).append(slot)
        carbon = self._carbon(flows)
        return schemas.Measured(
            spans=[
                _span(begins, begins + span_seconds, self._measure(part, carbon))
                for begins, part in sorted(by_span.items())
            ],
            whole=_span(start, end, self._measure(flows, carbon)) if flows else None,
        )

    def _measure(self, flows: Sequence[SlotFlows], carbon: dict[int, int]) -> Measures:
        return measure(flows, self._slot_seconds, carbon.get)

    def _carbon(self, flows: Sequence[SlotFlows]) -> dict[int, int]:
        clients = self._chain.clients.certificates
        hours = sorted({slot.slot * self._slot_seconds // _HOUR_S for slot in flows})
        if clients is None or not hours:
            return {}
        calls = [clients.carbon.intensity_of(hour) for hour in hours]
        answers = self._chain.views.ask_many(calls, max_age_s=_INTENSITY_KEPT_S)
        return {hour: grams for hour, (known, grams) in zip(hours, answers, strict=True) if known}


def _sums(slot: Slot) -> EnergyFlows:
    return EnergyFlows(*astuple(Flows.from_words(slot.totals_lo, slot.totals_hi)))


def _span(starts_at: int, ends_at: int, found: Measures) -> schemas.MeasuredSpan:
    flows = found.flows
    return schemas.MeasuredSpan(
        starts_at=starts_at,
        ends_at=ends_at,
        used_wh=flows.used_wh,
        generated_wh=flows.generated_wh,
        grid_import_wh=flows.grid_import_wh,
        grid_export_wh=flows.grid_export_wh,
        grid_flow_wh=flows.grid_flow_wh,
        ci_mg_per_kwh=found.ci_mg_per_kwh,
        rur_ppm=found.rur_ppm,
        par_ppm=found.par_ppm,
        resilience_ppm=found.resilience_ppm,
    )


def _parameters(found: Parameters) -> schemas.PolicyParameters:
    return schemas.PolicyParameters(**asdict(found))


def _project(project: StoredProject, now_s: int) -> schemas.Project:
    standing = project.state in (ProjectState.SUBMITTED, ProjectState.VERIFIED)
    fields = {k: v for k, v in asdict(project).items() if k not in ("kind", "state", "tx_hash")}
    return schemas.Project(
        **fields,
        kind=_KINDS[project.kind],
        state=project.state.value,
        overdue=standing and project.deadline < now_s,
        transaction=project.tx_hash,
    )


def _update(event: ChainEvent, before: ChainEvent | None, epoch_s: int) -> schemas.PolicyUpdate:
    epoch, metrics = integer(event.args["policyEpoch"]), metrics_of(event.args["metrics"])
    was = None if before is None else parameters_of(before.args["applied"])
    misses = misses_ppm(metrics)
    pulls = {} if was is None else pulls_ppm(metrics, was)
    return schemas.PolicyUpdate(
        policy_epoch=epoch,
        starts_at=epoch * epoch_s,
        ends_at=(epoch + 1) * epoch_s,
        **asdict(metrics),
        target=_parameters(parameters_of(event.args["target"])),
        applied=_parameters(parameters_of(event.args["applied"])),
        before=None if was is None else _parameters(was),
        pulls=[
            schemas.Pull(goal=goal, missed_ppm=misses[goal], adds_ppm=pulls[goal])
            for goal in _GOALS
            if goal in pulls
        ],
        at=event.timestamp,
        transaction=event.tx_hash,
    )

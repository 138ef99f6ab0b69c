"""Incentive projects from the chain's events."""

from __future__ import annotations

import sqlalchemy as sa

from backend.chain.contracts import integer
from backend.chain.handlers import EventHandlers
from backend.telemetry import incentives
from backend.telemetry.events import ChainEvent
from backend.telemetry.incentives import ProjectState

incentive_projections = EventHandlers()

_CONTRACT = "RenewableIncentive"
_ENDS = {
    "ProjectRefused": ProjectState.REFUSED,
    "ProjectWithdrawn": ProjectState.WITHDRAWN,
    "ProjectExpired": ProjectState.EXPIRED,
    "ProjectClaimed": ProjectState.CLAIMED,
}
_NAMES = ("ProjectSubmitted", "ProjectVerified", *_ENDS)


@incentive_projections.on(_CONTRACT, "ProjectSubmitted")
def store_project(connection: sa.Connection, event: ChainEvent) -> None:
    """A household asks."""
    project = event.args["project"]
    incentives.put(
        connection,
        {
            "project_id": integer(event.args["id"]),
            "meter_id": event.args["meter"],
            "submitter": event.args["submitter"].lower(),
            "kind": project["kind"],
            "state": ProjectState.SUBMITTED.value,
            "requested_micro_inr": integer(project["requestedMicroInr"]),
            "granted_micro_inr": None,
            "multiplier_ppm": None,
            "boost_ppm": None,
            "shortfall_ppm": integer(project["shortfallPpm"]),
            "evidence_hash": project["evidenceHash"],
            "evidence_uri": event.args["evidenceUri"],
            "certifier": None,
            "reason": None,
            "submitted_at": event.timestamp,
            "deadline": integer(project["deadline"]),
            "changed_at": event.timestamp,
            "tx_hash": event.tx_hash,
        },
    )


@incentive_projections.on(_CONTRACT, "ProjectVerified")
def store_grant(connection: sa.Connection, event: ChainEvent) -> None:
    """The certifier verifies."""
    args = event.args
    incentives.change(
        connection,
        integer(args["id"]),
        state=ProjectState.VERIFIED.value,
        certifier=args["certifier"].lower(),
        granted_micro_inr=integer(args["grantedMicroInr"]),
        multiplier_ppm=integer(args["multiplierPpm"]),
        boost_ppm=integer(args["boostPpm"]),
        deadline=integer(args["deadline"]),
        changed_at=event.timestamp,
        tx_hash=event.tx_hash,
    )


@incentive_projections.on(_CONTRACT, *_ENDS)
def store_end(connection: sa.Connection, event: ChainEvent) -> None:
    """A project is refused, taken back, too late, or paid."""
    changes: dict[str, object] = {}
    if event.name == "ProjectRefused":
        changes = {"certifier": event.args["certifier"].lower(), "reason": event.args["reason"]}
    incentives.change(
        connection,
        integer(event.args["id"]),
        state=_ENDS[event.name].value,
        changed_at=event.timestamp,
        tx_hash=event.tx_hash,
        **changes,
    )


@incentive_projections.undo
def tell_again(connection: sa.Connection, _block: int) -> None:
    """The projects follow from what is left of the events."""
    incentives.clear(connection)
    incentive_projections.tell_again(connection, _CONTRACT, _NAMES)

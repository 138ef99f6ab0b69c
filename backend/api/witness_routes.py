"""Meters' secure elements, the oracle nodes' bonds and accusations, as the chain has them; what a
meter signed, for who holds it."""

from __future__ import annotations

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import Field

from backend.api import requests
from backend.api.answer import answer, described, signed_in
from backend.api.errors import ApiError
from backend.api.schemas import Answer
from backend.api.services import Services
from backend.chain.contracts import integer
from backend.oracle.witness import accusation_of
from backend.telemetry import events, statements

_OUTCOME = {"AccusationRebutted": "rebutted", "AccusationUpheld": "upheld"}
_MOST_STATEMENTS = 100


class ElementAnswer(Answer):
    """One enrolment of a meter's element."""

    meter_id: int
    enrolment: int
    x: str = Field(description="0x, 32 bytes")
    y: str
    since: int
    until: int | None = Field(description="null: in force")


class BondAnswer(Answer):
    """What stands behind an oracle node, wei as text."""

    signer: str
    bond_wei: str
    unbonding_wei: str
    ready_at: int | None
    open_accusations: int


class AccusationAnswer(Answer):
    """Signers accused of a line that a meter's element contradicts."""

    accusation: int
    meter_id: int
    slot: int
    accuser: str
    too_high: bool
    signers: list[str]
    state: str = Field(description="open, rebutted or upheld")
    opened_at: int
    slashed_wei: str | None


class WitnessAnswer(Answer):
    """Everything about it that is on chain."""

    window_s: int
    rebuttal_s: int
    grace_s: int
    skew_s: int
    deposit_wei: str
    elements: list[ElementAnswer]
    bonds: list[BondAnswer]
    accusations: list[AccusationAnswer]


class StatementAnswer(Answer):
    """What an element signed; registers are the device's own, Wh, as in a reading."""

    enrolment: int
    counter: int
    time: int
    registers: list[int]
    signature: str = Field(description="r and s, 0x, 64 bytes")


class StatementsAnswer(Answer):
    """A meter's newest statements, newest first."""

    meter_id: int
    statements: list[StatementAnswer]


def witness_blueprint(services: Services) -> APIBlueprint:
    """The chain's part is public; statements are for who holds the meter, and the operator."""
    api = APIBlueprint(
        "witness",
        __name__,
        url_prefix="/api",
        abp_tags=[Tag(name="witness", description="What meters sign against the oracle")],
    )

    @api.get("/witness", responses=described(WitnessAnswer, 404))
    def witness() -> Response:
        """Elements, bonds of the signers of now, accusations with what became of them."""
        return answer(_witness(services))

    @api.get(
        "/meters/<int:meter>/signed",
        responses=described(StatementsAnswer, 401, 403, 404),
        security=signed_in(),
    )
    def signed(path: requests.MeterPath) -> Response:
        """What the meter's element signed: enough to lodge it or to accuse with it."""
        permission = services.access.see(path.meter, "signed registers")
        with services.store.read() as connection:
            found = statements.of_meter(
                connection, path.meter, since=permission.since, limit=_MOST_STATEMENTS
            )
        return answer(
            StatementsAnswer(
                meter_id=path.meter,
                statements=[
                    StatementAnswer(
                        enrolment=one.enrolment,
                        counter=one.counter,
                        time=one.time,
                        registers=list(one.registers),
                        signature="0x" + one.signature.hex(),
                    )
                    for one in found
                ],
            )
        )

    return api


def _witness(services: Services) -> WitnessAnswer:
    clients, views = services.chain.clients.witness, services.chain.views
    if clients is None:
        raise ApiError(404, "no_witness", "the deployment has no MeterWitness contract")
    figures = views.ask(clients.witness.settings(), max_age_s=600.0)
    signers = views.ask(services.chain.contracts["OracleQuorum"].call("signers"))
    bonds = views.ask_many([clients.bond.bond_of(signer) for signer in signers])
    with services.store.read() as connection:
        enrolled = statements.elements(connection)
        told = events.in_order(connection, "MeterWitness", ["SignersAccused", *_OUTCOME])
    return WitnessAnswer(
        window_s=figures.window_seconds,
        rebuttal_s=figures.rebuttal_seconds,
        grace_s=figures.grace_seconds,
        skew_s=figures.skew_seconds,
        deposit_wei=str(figures.deposit_wei),
        elements=[
            ElementAnswer(
                meter_id=meter,
                enrolment=one.enrolment,
                x=f"0x{one.x:064x}",
                y=f"0x{one.y:064x}",
                since=one.since,
                until=one.until or None,
            )
            for meter, found in sorted(enrolled.items())
            for one in found
        ],
        bonds=[
            BondAnswer(
                signer=signer,
                bond_wei=str(bond["bondWei"]),
                unbonding_wei=str(bond["unbondingWei"]),
                ready_at=bond["readyAt"] or None,
                open_accusations=bond["holds"],
            )
            for signer, bond in zip(signers, bonds, strict=True)
        ],
        accusations=_accusations(told),
    )


def _accusations(told: list[events.ChainEvent]) -> list[AccusationAnswer]:
    """Newest first."""
    found: dict[int, AccusationAnswer] = {}
    for event in told:
        number = integer(event.args["accusation"])
        if event.name == "SignersAccused":
            made = accusation_of(event)
            found[number] = AccusationAnswer(
                accusation=number,
                meter_id=made.meter,
                slot=made.slot,
                accuser=event.args["accuser"],
                too_high=made.too_high,
                signers=event.args["signers"],
                state="open",
                opened_at=event.timestamp,
                slashed_wei=None,
            )
        else:
            slashed = event.args.get("slashedWei")
            found[number] = found[number].model_copy(
                update={
                    "state": _OUTCOME[event.name],
                    "slashed_wei": None if slashed is None else str(integer(slashed)),
                }
            )
    return list(reversed(found.values()))

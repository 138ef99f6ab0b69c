"""The register of renewable certificates, and what of it is for sale, from the chain's events."""

from __future__ import annotations

import sqlalchemy as sa

from backend.chain.contracts import integer
from backend.chain.handlers import EventHandlers
from backend.telemetry import certificates
from backend.telemetry.certificates import CertificateState, LotState, Offer
from backend.telemetry.events import ChainEvent

certificate_projections = EventHandlers()

_CONTRACT = "RenewableCertificate"
_SALES = "CertificateSales"
_DECISIONS = {
    "RequestApproved": LotState.APPROVED,
    "RequestRefused": LotState.REFUSED,
    "LotWithdrawn": LotState.WITHDRAWN,
}
_CERTIFICATE_EVENTS = (
    "CertificateIssued",
    "CertificateSplit",
    "CertificateRetired",
    "CreditsMinted",
    "Transfer",
)


@certificate_projections.on(_CONTRACT, "CertificateRequested")
def store_request(connection: sa.Connection, event: ChainEvent) -> None:
    """A producer asks."""
    lot = event.args["lot"]
    certificates.put_lot(
        connection,
        {
            "lot_id": integer(event.args["lotId"]),
            "meter_id": event.args["meter"],
            "producer": event.args["producer"].lower(),
            "from_slot": integer(lot["fromSlot"]),
            "to_slot": integer(lot["toSlot"]),
            "wh": integer(lot["wh"]),
            "source": lot["source"],
            "technology": lot["technology"],
            "zone": lot["zone"],
            "storage": lot["storageBehindMeter"],
            "evidence_hash": lot["evidenceHash"],
            "state": LotState.REQUESTED.value,
            "issuer": None,
            "reason": None,
            "requested_at": event.timestamp,
            "decided_at": None,
            "tx_hash": event.tx_hash,
        },
    )


@certificate_projections.on(_CONTRACT, *_DECISIONS)
def store_decision(connection: sa.Connection, event: ChainEvent) -> None:
    """The certifier approves, refuses or withdraws."""
    certificates.decide(
        connection,
        integer(event.args["lotId"]),
        _DECISIONS[event.name],
        issuer=event.args["certifier"].lower(),
        reason=event.args.get("reason"),
        decided_at=event.timestamp,
    )


@certificate_projections.on(_CONTRACT, *_CERTIFICATE_EVENTS)
def store_certificate(connection: sa.Connection, event: ChainEvent) -> None:
    """A certificate begins, ends, moves or earns its credits."""
    _WRITERS[event.name](connection, event)


def _issued(connection: sa.Connection, event: ChainEvent) -> None:
    args = event.args
    lot_id, owner = integer(args["lotId"]), args["producer"].lower()
    row = _row(event, integer(args["id"]), lot_id, integer(args["wh"]), owner)
    certificates.put(connection, row)
    certificates.decide(connection, lot_id, LotState.ISSUED)


def _split(connection: sa.Connection, event: ChainEvent) -> None:
    parent_id, first = integer(event.args["id"]), integer(event.args["firstChild"])
    parent = certificates.get(connection, parent_id)
    if parent is None:
        return
    known = parent.certificate
    for offset, wh in enumerate(event.args["wh"]):
        row = _row(event, first + offset, known.lot_id, integer(wh), known.owner, parent_id)
        certificates.put(connection, row)
    _set_state(connection, event, parent_id, CertificateState.SPLIT)


def _retired(connection: sa.Connection, event: ChainEvent) -> None:
    args = event.args
    _set_state(
        connection,
        event,
        integer(args["id"]),
        CertificateState.RETIRED,
        beneficiary=args["beneficiary"].lower(),
        purpose=args["purpose"],
    )


def _credited(connection: sa.Connection, event: ChainEvent) -> None:
    grams = integer(event.args["grams"])
    certificates.change(connection, integer(event.args["id"]), co2_grams=grams)


def _moved(connection: sa.Connection, event: ChainEvent) -> None:
    """A mint or a burn is told by the events above, and says nothing new of the owner.

    What the owner before had promised, an offer or an approval, ends: the contracts have it so.
    """
    if integer(event.args["to"]) != 0:
        identifier, owner = integer(event.args["tokenId"]), event.args["to"].lower()
        certificates.change(connection, identifier, owner=owner, approved=None)
        certificates.end_offer(connection, identifier)


_WRITERS = {
    "CertificateIssued": _issued,
    "CertificateSplit": _split,
    "CertificateRetired": _retired,
    "CreditsMinted": _credited,
    "Transfer": _moved,
}


@certificate_projections.on(_CONTRACT, "Approval")
def store_approval(connection: sa.Connection, event: ChainEvent) -> None:
    """The owner lets somebody hand over one certificate, or nobody any more."""
    approved = event.args["approved"]
    certificates.change(
        connection,
        integer(event.args["tokenId"]),
        approved=approved.lower() if integer(approved) != 0 else None,
    )


@certificate_projections.on(_CONTRACT, "ApprovalForAll")
def store_operator(connection: sa.Connection, event: ChainEvent) -> None:
    """An owner lets somebody hand over all certificates, or no longer."""
    owner, operator = event.args["owner"].lower(), event.args["operator"].lower()
    certificates.set_operator(connection, owner, operator, event.args["approved"])


@certificate_projections.on(_SALES, "CertificateOffered")
def store_offer(connection: sa.Connection, event: ChainEvent) -> None:
    """A certificate is for sale, or for another price."""
    args = event.args
    offer = Offer(
        certificate_id=integer(args["id"]),
        seller=args["seller"].lower(),
        price_micro_inr=integer(args["priceMicroInr"]),
        closes_at=integer(args["closesAt"]),
    )
    certificates.put_offer(connection, offer)


@certificate_projections.on(_SALES, "OfferWithdrawn", "CertificateSold")
def end_offer(connection: sa.Connection, event: ChainEvent) -> None:
    """It is not for sale any more; who owns it now, its transfer says."""
    certificates.end_offer(connection, integer(event.args["id"]))


def _row(
    event: ChainEvent, identifier: int, lot_id: int, wh: int, owner: str, parent: int = 0
) -> dict[str, object]:
    return {
        "certificate_id": identifier,
        "lot_id": lot_id,
        "parent": parent,
        "wh": wh,
        "owner": owner,
        "state": CertificateState.ACTIVE.value,
        "changed_at": event.timestamp,
        "beneficiary": None,
        "purpose": None,
        "co2_grams": None,
        "tx_hash": event.tx_hash,
        "approved": None,
    }


def _set_state(
    connection: sa.Connection,
    event: ChainEvent,
    identifier: int,
    state: CertificateState,
    **changes: object,
) -> None:
    certificates.change(
        connection,
        identifier,
        state=state.value,
        changed_at=event.timestamp,
        tx_hash=event.tx_hash,
        **changes,
    )


@certificate_projections.undo
def tell_again(connection: sa.Connection, _block: int) -> None:
    """The register follows from what is left of the events."""
    certificates.clear(connection)
    certificate_projections.tell_all_again(connection)

"""Reads the register of certificates, what can be certified, and how green a meter's use was."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import sqlalchemy as sa

from backend.api import certificate_schemas as schemas
from backend.api.errors import ApiError
from backend.api.slot_reader import ProofReader
from backend.chain.certificates import Source, Technology
from backend.chain.context import ChainContext
from backend.chain.contracts import integer
from backend.oracle.registers import EntityKind
from backend.sustainability import Generation, GreenClaim, SlotUse, match_claims, open_periods
from backend.telemetry import certificates, events, slots, terms
from backend.telemetry.certificates import (
    CertificateState,
    Entry,
    LotState,
    Sales,
    Search,
    StoredCertificate,
    StoredLot,
)
from backend.telemetry.store import Store

_HOUR_S = 3600
_EXPORT_PART = 500
_GENERATED, _CONSUMED, _EXPORTED, _IMPORTED = range(4)


class CertificateReader:
    """Reads certificates for the API."""

    def __init__(
        self, store: Store, chain: ChainContext, proofs: ProofReader, now: Callable[[], float]
    ) -> None:
        self._store = store
        self._chain = chain
        self._proofs = proofs
        self._now = now
        self._slot_seconds = chain.deployment.slot_seconds

    # ---- the register --------------------------------------------------------------------------

    def page(self, search: Search, limit: int, before: int | None) -> schemas.CertificatePage:
        """Certificates, newest first."""
        with self._store.read() as connection:
            found = certificates.find(connection, search, limit + 1, before)
            shown = found[:limit]
            offers = self._offers(connection, shown)
        more = len(found) > limit
        return schemas.CertificatePage(
            certificates=[self._answer(entry, offers) for entry in shown],
            next_before=shown[-1].certificate.certificate_id if shown and more else None,
        )

    def get(self, certificate_id: int) -> schemas.CertificateDetail | None:
        """One certificate."""
        with self._store.read() as connection:
            found = certificates.get(connection, certificate_id)
            if found is None:
                return None
            children = certificates.children(connection, certificate_id)
            offers = self._offers(connection, [found])
        return schemas.CertificateDetail(**dict(self._answer(found, offers)), children=children)

    def sales(self) -> Sales:
        """The sales contract now: what can be bought."""
        contract = self._chain.deployment["CertificateSales"].address
        return Sales(contract.lower(), int(self._now()))

    def requests(self, state: LotState | None, producer: str | None, limit: int) -> schemas.Lots:
        """Requests, newest first."""
        states = list(LotState) if state is None else [state]
        with self._store.read() as connection:
            found = certificates.lots_in(connection, states, limit, producer=producer)
        return schemas.Lots(lots=[self._lot(lot) for lot in found])

    def bundles(self) -> Iterator[schemas.Bundle]:
        """The whole register, newest first, part by part."""
        before: int | None = None
        while True:
            with self._store.read() as connection:
                found = certificates.find(connection, Search(), _EXPORT_PART, before)
            yield from (self._bundle(entry) for entry in found)
            if len(found) < _EXPORT_PART:
                return
            before = found[-1].certificate.certificate_id

    @property
    def registry(self) -> str:
        """The register's own name: chain and contract (CAIP-10)."""
        contract = self._chain.deployment["RenewableCertificate"].address
        return f"eip155:{self._chain.chain_id}:{contract}"

    # ---- what can be certified -------------------------------------------------------------------

    def open_periods(self, meter: int, since: int) -> schemas.OpenPeriods:
        """What a meter generated from Unix second `since` on and nobody asked for."""
        after = since // self._slot_seconds
        with self._store.read() as connection:
            lines = slots.committed_registers(connection, meter, after)
            taken = certificates.taken_periods(connection, meter, after)
            terms_end = self._terms_started(connection, meter)
        registers = [Generation(line.slot, generation_of(line)) for line in lines]
        return schemas.OpenPeriods(
            periods=[
                schemas.OpenPeriod(
                    from_slot=period.from_slot,
                    to_slot=period.to_slot,
                    starts_at=(period.from_slot + 1) * self._slot_seconds,
                    ends_at=(period.to_slot + 1) * self._slot_seconds,
                    wh=period.wh,
                )
                for period in open_periods(registers, taken, self._slot_seconds, terms_end)
            ]
        )

    def claim(self, meter: int, from_slot: int, to_slot: int) -> schemas.Claim:
        """What a request for a period takes. ApiError if it cannot be proven."""
        start, end = self._proofs.proof(from_slot, meter), self._proofs.proof(to_slot, meter)
        with self._store.read() as connection:
            lines = {
                line.slot: line
                for line in slots.committed_registers(connection, meter, from_slot - 1, to_slot)
            }
            index = self._terms_index(connection, meter, from_slot, to_slot)
        for slot, proof in ((from_slot, start), (to_slot, end)):
            if proof is None or slot not in lines:
                message = f"slot {slot} has no committed line of meter {meter} here"
                raise ApiError(404, "unknown_leaf", message)
        if index is None:
            message = f"meter {meter} changed hands between slots {from_slot} and {to_slot}"
            raise ApiError(409, "terms_changed", f"{message}: choose a period within one holding")
        assert start is not None
        assert end is not None
        wh = generation_of(lines[to_slot]) - generation_of(lines[from_slot])
        return schemas.Claim(
            from_slot=from_slot, to_slot=to_slot, terms_index=index, wh=wh, start=start, end=end
        )

    def _terms_index(
        self, connection: sa.Connection, meter: int, from_slot: int, to_slot: int
    ) -> int | None:
        """Which terms cover the whole period: 0 the community's first, then as they began."""
        started = self._terms_started(connection, meter)
        index = sum(after <= from_slot for after in started)
        covers = index == len(started) or to_slot <= started[index]
        return index if covers else None

    @staticmethod
    def _terms_started(connection: sa.Connection, meter: int) -> list[int]:
        """The slots after which terms of the meter began, in order."""
        return [
            integer(event.args["afterSlot"])
            for event in events.in_order(connection, "MeterRegistry", ("TermsStarted",))
            if event.args["meter"] == meter
        ]

    # ---- how green -------------------------------------------------------------------------------

    def green_share(self, meter: int, start: int, end: int) -> schemas.GreenShare:
        """A meter's use between two Unix seconds, matched to what was retired for its holder.

        All meters that the account holds share its certificates, so that none counts twice.
        """
        after, through = start // self._slot_seconds - 1, end // self._slot_seconds
        with self._store.read() as connection:
            in_force = terms.all_terms(connection)
            holder = in_force[meter].holder if meter in in_force else None
            account = None if holder is None else holder.lower()
            shared = [meter]
            if account is not None:
                shared = [i for i, t in in_force.items() if (t.holder or "").lower() == account]
            uses = [
                use
                for other in sorted({meter, *shared})
                for use in _uses(connection, other, after, through)
            ]
            retired = (
                []
                if account is None
                else certificates.retired_for(connection, account, after, through)
            )
        claims = [_claim(entry) for entry in retired]
        covered = match_claims(uses, claims)
        own = [(use, part) for use, part in zip(uses, covered, strict=True) if use.meter == meter]
        hours: dict[int, tuple[int, int]] = {}
        for use, part in own:
            hour = use.slot * self._slot_seconds // _HOUR_S * _HOUR_S
            used, green = hours.get(hour, (0, 0))
            hours[hour] = (used + use.wh, green + part)
        return schemas.GreenShare(
            meter_id=meter,
            used_wh=sum(use.wh for use, _ in own),
            covered_wh=sum(part for _, part in own),
            hours=[
                schemas.GreenSlot(starts_at=hour, used_wh=used, covered_wh=green)
                for hour, (used, green) in sorted(hours.items())
            ],
            slots=[
                schemas.GreenSlot(
                    starts_at=use.slot * self._slot_seconds, used_wh=use.wh, covered_wh=part
                )
                for use, part in own
            ],
        )

    # ---- answers -------------------------------------------------------------------------------

    def _offers(
        self, connection: sa.Connection, shown: Sequence[Entry]
    ) -> Mapping[int, certificates.Offer]:
        ids = [entry.certificate.certificate_id for entry in shown]
        return certificates.offers_of(connection, ids, self.sales())

    def _answer(
        self, entry: Entry, offers: Mapping[int, certificates.Offer]
    ) -> schemas.Certificate:
        own = entry.certificate
        offer = offers.get(own.certificate_id)
        return schemas.Certificate(
            certificate_id=own.certificate_id,
            parent=own.parent or None,
            wh=own.wh,
            owner=own.owner,
            state=state_of(own, entry.lot),
            changed_at=own.changed_at,
            beneficiary=own.beneficiary,
            purpose=own.purpose,
            co2_grams=own.co2_grams,
            transaction=own.tx_hash,
            lot=self._lot(entry.lot),
            offer=None if offer is None else _offer(offer),
        )

    def _lot(self, lot: StoredLot) -> schemas.Lot:
        return schemas.Lot(
            lot_id=lot.lot_id,
            meter_id=lot.meter_id,
            producer=lot.producer,
            from_slot=lot.from_slot,
            to_slot=lot.to_slot,
            starts_at=(lot.from_slot + 1) * self._slot_seconds,
            ends_at=(lot.to_slot + 1) * self._slot_seconds,
            wh=lot.wh,
            source=_source_name(lot.source),
            technology=_technology_name(lot.technology),
            zone=lot.zone,
            storage_behind_meter=lot.storage,
            evidence_hash=lot.evidence_hash,
            state=lot.state.value,
            issuer=lot.issuer,
            reason=lot.reason,
            requested_at=lot.requested_at,
            decided_at=lot.decided_at,
            transaction=lot.tx_hash,
        )

    def _bundle(self, entry: Entry) -> schemas.Bundle:
        own, lot = entry.certificate, entry.lot
        retired = own.state is CertificateState.RETIRED
        return schemas.Bundle(
            certificate_bundle_id=own.certificate_id,
            certificate_bundle_status=_STATUS[state_of(own, lot)],
            issuance_id=f"{lot.meter_id}-{_iso((lot.from_slot + 1) * self._slot_seconds)}",
            registry=self.registry,
            account_id=own.owner,
            device_id=lot.meter_id,
            energy_source=_source_name(lot.source),
            technology=_technology_name(lot.technology),
            zone=lot.zone,
            is_storage=False,
            storage_behind_meter=lot.storage,
            face_value=1,
            bundle_quantity=own.wh,
            production_starting_interval=_iso((lot.from_slot + 1) * self._slot_seconds),
            production_ending_interval=_iso((lot.to_slot + 1) * self._slot_seconds),
            issuance_datestamp=None if lot.decided_at is None else _iso(lot.decided_at),
            issuing_body=lot.issuer,
            evidence_hash=lot.evidence_hash,
            beneficiary=own.beneficiary,
            purpose=own.purpose,
            claimed_at=_iso(own.changed_at) if retired else None,
            co2_grams=own.co2_grams,
        )


_STATUS: dict[schemas.StateName, schemas.BundleStatus] = {
    "active": "Active",
    "split": "Bundle Split",
    "retired": "Claimed",
    "withdrawn": "Withdrawn",
}


def state_of(certificate: StoredCertificate, lot: StoredLot) -> schemas.StateName:
    """What state a certificate is in, its lot considered."""
    if certificate.state is CertificateState.ACTIVE and lot.state is LotState.WITHDRAWN:
        return "withdrawn"
    return certificate.state.value


def _offer(offer: certificates.Offer) -> schemas.Offer:
    return schemas.Offer(
        seller=offer.seller, price_micro_inr=offer.price_micro_inr, closes_at=offer.closes_at
    )


def generation_of(line: slots.CommittedLine) -> int:
    """What counts as a meter's generation so far, Wh: as the contract has it."""
    registers = slots.unpack(line.registers)
    return registers[_EXPORTED if line.kind == EntityKind.DER else _GENERATED]


def _uses(connection: sa.Connection, meter: int, after: int, through: int) -> list[SlotUse]:
    """What a meter used in each committed slot: its own sun included, where it counts that."""
    lines = slots.committed_registers(connection, meter, after, through)
    uses = []
    for before, now in pairwise(lines):
        first, last = slots.unpack(before.registers), slots.unpack(now.registers)
        used = max(last[lane] - first[lane] for lane in (_CONSUMED, _IMPORTED))
        uses.append(SlotUse(before.slot, now.slot, meter, max(0, used)))
    return uses


def _claim(entry: Entry) -> GreenClaim:
    own, lot = entry.certificate, entry.lot
    return GreenClaim(own.certificate_id, lot.from_slot, lot.to_slot, own.wh)


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _source_name(value: int) -> schemas.SourceName:
    name: schemas.SourceName = Source(value).name.lower()  # type: ignore[assignment]  # by a test
    return name


def _technology_name(value: int) -> schemas.TechnologyName:
    name: schemas.TechnologyName = Technology(value).name.lower()  # type: ignore[assignment]
    return name

"""One oracle node: checks, remembers, signs. `signer.py` serves it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from eth_account.signers.local import LocalAccount

from backend.chain.context import ChainContext
from backend.chain.contracts import Call
from backend.chain.types import Role
from backend.chain.v2g import Plug, V2GClients
from backend.ingest.frame_values import FrameError
from backend.mesh.receipts import ReceiptError
from backend.oracle.attestation import KeyOf, Refusal, SlotChecks, check_battery, check_slot, no_key
from backend.oracle.clock import SlotClock
from backend.oracle.digests import (
    BatteryReport,
    battery_digest,
    carbon_digest,
    plug_digest,
    policy_digest,
    receipts_digest,
    request_digest,
    sign,
    signer_of,
    slot_digest,
    soc_digest,
)
from backend.oracle.domains import SigningDomains, read_domains
from backend.oracle.facts import ChainFacts
from backend.oracle.mesh_evidence import proven
from backend.oracle.policy_epoch import epoch_metrics, read_epoch
from backend.oracle.price_view import PriceView
from backend.oracle.proposal import PolicyProposal, SlotProposal
from backend.oracle.signed_state import SignedState
from backend.sustainability import CarbonTable, target

log = logging.getLogger(__name__)

_ROLE_TTL_S = 60.0


class OracleNode:
    """Signs slots and battery reports that it can prove, each slot with one root only.

    Trusted: the device keys it was given, the chain it reads, its clock. Not trusted: who asks.
    Only holders of the chain's RELAYER role are answered, so that nobody else can use up a slot's
    one signature with other salts than the gateway's.
    """

    def __init__(
        self,
        account: LocalAccount,
        chain: ChainContext,
        key_of: KeyOf,
        state: SignedState,
        battery_nodes: Mapping[int, int],
        clock_now: Callable[[], float] = time.time,
        view: PriceView | None = None,
        carbon: CarbonTable | None = None,
        previous_key_of: KeyOf = no_key,
    ) -> None:
        self._account = account
        self._chain = chain
        self._key_of = key_of
        self._state = state
        self._battery_nodes = battery_nodes
        self._now = clock_now
        self._view = view
        self._carbon = carbon
        self._previous_key_of = previous_key_of
        self._clock = SlotClock(chain.deployment.slot_seconds)
        self._facts = ChainFacts(chain.rpc, chain.contracts)
        self._domains: SigningDomains | None = None
        self._lock = threading.Lock()
        self._relayers: dict[str, float] = {}

    @property
    def address(self) -> str:
        """The signing account."""
        return self._account.address

    def latest_slot(self) -> int:
        """The newest slot it signed."""
        return self._state.latest_slot()

    def registers(self) -> Mapping[int, bytes]:
        """Packed registers of each meter as last signed."""
        return dict(self._state.registers)

    def authorise(self, path: str, body: bytes, signature: bytes) -> None:
        """Returns if a relayer signed this request. Raises Refusal, NodeUnreachableError."""
        sender = signer_of(request_digest(path, body), signature)
        if sender is None:
            raise Refusal("unauthorised", "the request carries no signature of a relayer")
        if self._relayers.get(sender, 0.0) > time.monotonic():
            return
        if not self._chain.views.has_role(Role.RELAYER, sender):
            raise Refusal("unauthorised", f"{sender} does not have the RELAYER role on chain")
        self._relayers[sender] = time.monotonic() + _ROLE_TTL_S

    def sign_slot(self, proposal: SlotProposal) -> bytes:
        """A signature of the proposal's commitment.

        Raises:
            Refusal: it is not proven, or another root was signed for the slot.
            NodeUnreachableError, RpcError: the chain cannot be asked.
        """
        commitment = proposal.commitment
        with self._lock:
            epoch = self._epoch()
            self._facts.refresh()
            signed = self._state.root_of(commitment.slot)
            if signed is None:
                self._check_new(proposal)
            elif signed != (commitment.root, commitment.previous_slot):
                raise Refusal("second_root", f"another root is signed for slot {commitment.slot}")
            else:
                check_slot(proposal, self._checks(dict(self._as_proposed(proposal))))
            if self._view is not None:
                totals = (commitment.totals_lo, commitment.totals_hi)
                self._view.note_slot(commitment.slot, *totals)
            digest = slot_digest(self._read_domains().ledger, commitment, epoch)
            return sign(self._account, digest)

    def sign_battery(self, report: BatteryReport, frames: tuple[bytes, ...]) -> bytes:
        """A signature of a battery's charge. Raises as `sign_slot`."""
        node = self._battery_nodes.get(report.battery, report.battery)
        with self._lock:
            epoch = self._epoch()
            self._facts.refresh()
            check_battery(report, node, frames, self._checks(self._state.registers))
            self._remember_battery(report)
            if self._view is not None:
                self._view.note_charge(report.battery, report.soc_bps)
            digest = battery_digest(self._read_domains().priority, report, epoch)
            return sign(self._account, digest)

    def sign_carbon(self, first_hour: int, grams_per_kwh: Sequence[int]) -> bytes:
        """A signature of hours of the main grid's carbon intensity, if its own table says so too.

        Raises:
            Refusal: it has no table, or another.
            NodeUnreachableError, RpcError: the chain cannot be asked.
        """
        if self._carbon is None:
            raise Refusal("no_table", "this node has no table of carbon intensity")
        for hour, figure in enumerate(grams_per_kwh, first_hour):
            own = self._carbon.at(hour)
            if figure != own:
                raise Refusal("other_intensity", f"hour {hour} has {own} g/kWh, not {figure}")
        domain = self._read_domains().carbon
        if domain is None:
            raise Refusal("no_feed", "the deployment has no CarbonIntensity contract")
        digest = carbon_digest(domain, first_hour, grams_per_kwh, self._epoch())
        return sign(self._account, digest)

    def sign_plug(self, plug: Plug) -> bytes:
        """A signature of a car at a charge point: the charging service's word, checked against the
        chain and the clock.

        Raises:
            Refusal: there is no such car or charge point, either is in a session, or the slot is
                not the present one or the one before.
            NodeUnreachableError, RpcError: the chain cannot be asked.
        """
        clients = self._v2g()
        if not 0 <= self._clock.slot_at(self._now()) - plug.slot <= 1:
            raise Refusal("other_slot", f"slot {plug.slot} is not the present one")
        asked: list[Call[Any]] = [
            clients.vehicles.ev_of(plug.ev),
            clients.vehicles.charge_point_of(plug.charge_point),
            clients.exchange.ev_state(plug.ev),
            clients.exchange.session_at(plug.charge_point),
        ]
        car, point, (_, busy), other = self._chain.views.ask_many(asked, max_age_s=0.0)
        if int(car["owner"], 16) == 0 or car["retired"]:
            raise Refusal("unknown_car", f"the chain knows no car {plug.ev} in use")
        if not any(point):
            raise Refusal("unknown_point", f"meter {plug.charge_point} is no charge point")
        if busy or other:
            raise Refusal("busy", f"car {plug.ev} or meter {plug.charge_point} is in a session")
        domain = self._read_domains().v2g
        assert domain is not None
        return sign(self._account, plug_digest(domain, plug, self._epoch()))

    def sign_soc(self, session: int, slot: int, soc_bps: int) -> bytes:
        """A signature of a car's charge at the end of a slot, if what the meter counted can have
        brought it there. Raises as `sign_plug`."""
        clients = self._v2g()
        asked: list[Call[Any]] = [
            clients.exchange.session(session),
            clients.exchange.soc_range(session),
            clients.vehicles.limits(),
        ]
        found, (low, high), limits = self._chain.views.ask_many(asked, max_age_s=0.0)
        if found.closed or found.settled_slot != slot:
            raise Refusal("other_slot", f"session {session} is settled to {found.settled_slot}")
        tolerance = found.capacity_wh * limits["socToleranceBps"] // 10_000
        soc_wh = found.capacity_wh * soc_bps // 10_000
        if not low - tolerance <= soc_wh <= high + tolerance:
            raise Refusal("impossible_charge", f"{soc_wh} Wh are not within {low} to {high} Wh")
        domain = self._read_domains().v2g
        assert domain is not None
        return sign(self._account, soc_digest(domain, session, slot, soc_bps, self._epoch()))

    def sign_receipts(self, evidence: Sequence[Sequence[bytes]]) -> bytes:
        """A signature of what the frames of each mesh session prove, judged by itself.

        Raises:
            Refusal: frames prove nothing, or there is no contract to clear in.
            NodeUnreachableError, RpcError: the chain cannot be asked.
        """
        domain = self._read_domains().mesh
        if domain is None:
            raise Refusal("no_mesh", "the deployment has no RelayCredits contract")
        try:
            receipts = [proven(frames, self._key_of) for frames in evidence]
        except (FrameError, ReceiptError) as error:
            raise Refusal("unproven_receipt", str(error)) from None
        return sign(self._account, receipts_digest(domain, receipts, self._epoch()))

    def sign_policy(self, proposal: PolicyProposal) -> bytes:
        """A signature of a policy epoch's update, if its own books come to the same.

        Raises:
            Refusal: the epoch is not committed, its leaves are others, or it comes to something
                else.
            NodeUnreachableError, RpcError: the chain cannot be asked.
        """
        clients, domain = self._chain.clients.incentives, self._read_domains().policy
        if clients is None or domain is None:
            raise Refusal("no_policy", "the deployment has no SustainabilityPolicy contract")
        views = self._chain.views
        epoch_seconds = views.ask(clients.policy.epoch_seconds(), max_age_s=600.0)
        found = read_epoch(self._chain, proposal.policy_epoch, epoch_seconds)
        metrics = epoch_metrics(self._chain, found, proposal.first, proposal.last)
        if metrics != proposal.metrics:
            raise Refusal("other_metrics", f"the epoch comes to {metrics}")
        wanted = target(metrics, views.ask(clients.policy.parameters(), max_age_s=0.0))
        if wanted != proposal.target:
            raise Refusal("other_target", f"the parameters should go to {wanted}")
        digest = policy_digest(domain, proposal.policy_epoch, metrics, wanted, self._epoch())
        return sign(self._account, digest)

    # ---- parts ---------------------------------------------------------------------------------

    def _check_new(self, proposal: SlotProposal) -> None:
        commitment = proposal.commitment
        latest = self._state.latest_slot()
        if commitment.slot <= latest:
            raise Refusal("old_slot", f"slot {latest} is signed already")
        changed = check_slot(proposal, self._checks(self._state.registers))
        self._state.remember_slot(
            commitment.slot, commitment.root, commitment.previous_slot, changed
        )
        log.info(
            "slot %d: %d meters, %d changed", commitment.slot, len(proposal.leaves), len(changed)
        )

    @staticmethod
    def _as_proposed(proposal: SlotProposal) -> list[tuple[int, bytes]]:
        """A root that was signed before was proven then: only that the root follows is checked."""
        return [(leaf.meter, leaf.registers) for leaf in proposal.leaves]

    def _remember_battery(self, report: BatteryReport) -> None:
        last = self._state.battery(report.battery)
        if last is not None:
            observed_at, soc_bps = last
            if report.observed_at < observed_at:
                raise Refusal("old_report", f"a report of second {observed_at} is signed already")
            if report.observed_at == observed_at and report.soc_bps != soc_bps:
                raise Refusal("second_report", f"another charge is signed for {observed_at}")
        self._state.remember_battery(report.battery, report.observed_at, report.soc_bps)

    def _checks(self, signed: Mapping[int, bytes]) -> SlotChecks:
        return SlotChecks(
            self._clock, self._now(), self._key_of, self._facts, signed, self._previous_key_of
        )

    def _v2g(self) -> V2GClients:
        clients = self._chain.clients.v2g
        if clients is None:
            raise Refusal("no_exchange", "the deployment has no V2GExchange contract")
        return clients

    def _epoch(self) -> int:
        return self._chain.views.quorum(max_age_s=0.0).epoch

    def _read_domains(self) -> SigningDomains:
        if self._domains is None:
            self._domains = read_domains(self._chain.rpc, self._chain.contracts)
        return self._domains

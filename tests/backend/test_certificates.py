"""A prosumer's noon becomes a certificate, is retired for a resident, and shows in what they used:
on a real chain, with oracle nodes that sign, the relayer that issues and credits, and the store."""

from __future__ import annotations

import csv
import io
from itertools import pairwise
from typing import Any

import pytest
from api_world import OPERATOR as WORLD_OPERATOR
from api_world import World
from books import Books
from local_chain import CERTIFIER, OPERATOR, RESIDENT, STRANGER, development_account, send
from oracle_kit import CARBON, Oracle

from backend.api.certificate_reader import CertificateReader
from backend.api.certificate_routes import csv_lines
from backend.api.certificate_schemas import Bundle, Claim, Offer
from backend.api.errors import ApiError
from backend.api.slot_reader import ProofReader
from backend.chain.certificate_projections import certificate_projections
from backend.chain.context import ChainContext
from backend.chain.contracts import Call, Contract
from backend.oracle.attestation import Refusal
from backend.oracle.carbon_file import read_carbon_table
from backend.oracle.certificates import CertificateKeeper
from backend.oracle.digests import carbon_digest, signer_of
from backend.oracle.domains import read_domains
from backend.sustainability import CarbonTable
from backend.telemetry import certificates, events
from backend.telemetry.certificates import LotState, Search

pytest_plugins = ["oracle_fixtures", "api_world"]

ROOF, HOUSE = 7, 4
RUPEE = 1_000_000
SOLAR, ROOFTOP = 1, 1
EVIDENCE = b"\x22" * 32


class Market:
    """What the tests do with certificates."""

    def __init__(self, books: Books, oracle: Oracle) -> None:
        self.books = books
        self.contract = Contract(books.chain.deployment["RenewableCertificate"])
        clients = books.chain.clients.certificates
        assert clients is not None
        self.sales = clients.sales
        self.reader = CertificateReader(
            books.store, books.chain, ProofReader(books.store), books.clock
        )
        self.keeper = CertificateKeeper(
            books.store, books.chain, oracle.client, CARBON, wake_sender=lambda: None,
            now=books.clock,
        )  # fmt: skip
        self.people = {
            index: development_account(index).address.lower() for index in (RESIDENT, STRANGER)
        }

    def act(self, who: int, function: str, *arguments: Any) -> None:
        self.send(who, self.contract.call(function, *arguments))

    def send(self, who: int, call: Call[Any], wei: int = 0) -> None:
        send(self.books.anvil.rpc, who, call, wei)
        self.books.follower.catch_up()

    def issue(self, start: int, end: int, parts: int = 1) -> list[int]:
        """The roof's certificate of a period of 600 Wh, in equal parts."""
        self.request(STRANGER, ROOF, start, end)
        lot = self.reader.requests(LotState.REQUESTED, None, 1).lots[0].lot_id
        self.act(CERTIFIER, "approveRequests", [lot])
        self.keep()
        (issued,) = self.reader.page(Search(), 1, None).certificates
        if parts == 1:
            return [issued.certificate_id]
        self.act(STRANGER, "split", issued.certificate_id, [600 // parts] * parts)
        return [issued.certificate_id + 1 + i for i in range(parts)]

    def offer(self, who: int, certificate: int, micro_inr: int, seconds: int = 3_600) -> int:
        """For sale, for so long; returns when the offer closes."""
        closes_at = int(self.books.anvil.now()) + seconds
        self.act(who, "approve", self.sales.contract.address, certificate)
        self.send(who, self.sales.offer(certificate, micro_inr, closes_at))
        return closes_at

    def offered(self) -> list[int]:
        """What the service says can be bought, which the chain must say, too."""
        page = self.reader.page(Search(offered=self.reader.sales()), 100, None)
        shown = [entry.certificate_id for entry in page.certificates]
        assert all(entry.offer is not None for entry in page.certificates)
        known = [
            entry.certificate_id for entry in self.reader.page(Search(), 500, None).certificates
        ]
        answers = self.books.chain.views.ask_many(
            [self.sales.offer_of(identifier) for identifier in known], max_age_s=0.0
        )
        open_now = [i for i, answer in zip(known, answers, strict=True) if answer.is_open]
        assert open_now == shown
        return shown

    def keep(self) -> None:
        """Sweeps until nothing is due."""
        while self.keeper.sweep():
            self.books.to_chain()

    def request(self, who: int, meter: int, from_slot: int, to_slot: int) -> None:
        claim = as_tuple(self.reader.claim(meter, from_slot, to_slot))
        self.act(who, "request", claim, (SOLAR, ROOFTOP, False, EVIDENCE))


@pytest.fixture
def market(books: Books, oracle: Oracle) -> Market:
    return Market(books, oracle)


def as_tuple(claim: Claim) -> tuple[Any, ...]:
    def end(proof: Any) -> tuple[Any, ...]:
        leaf = (proof.leaf.meter, int(proof.leaf.packed, 16), bytes.fromhex(proof.leaf.salt[2:]))
        siblings = [
            tuple(bytes.fromhex(part[2:]) for part in (s.hash, s.lo, s.hi)) for s in proof.siblings
        ]
        return leaf, siblings, int(proof.path, 16)

    ends = (*end(claim.start), *end(claim.end))
    return (claim.from_slot, claim.to_slot, claim.terms_index, *ends)


def sunny_slots(books: Books, count: int, generated: int, used: int) -> list[int]:
    """Slots in which the roof generates and the house draws, after one that ends the old terms."""
    books.hold(ROOF, STRANGER)
    books.hold(HOUSE, RESIDENT)
    found = []
    i = 0
    while len(found) <= count:
        books.read(ROOF, i * generated, 0, i * generated, 0, 0, 0)
        books.read(HOUSE, 0, i * used, 0, i * used, 0, 0)
        slot = books.run_slot()
        # On a slow machine the wall may have moved on: terms asked for later begin later.
        if i > 0 or _terms_began(books):
            found.append(slot)
            i += 1
    return found


def _terms_began(books: Books) -> bool:
    with books.store.read() as connection:
        started = events.in_order(connection, "MeterRegistry", ("TermsStarted",))
    return {ROOF, HOUSE} <= {event.args["meter"] for event in started}


def test_from_noon_to_the_green_share(books: Books, market: Market) -> None:
    numbers = sunny_slots(books, 2, 300, 200)
    (start, *_, end) = numbers
    periods = market.reader.open_periods(ROOF, 0).periods
    assert sum(period.wh for period in periods) == 600
    market.request(STRANGER, ROOF, start, end)
    (lot,) = market.reader.requests(None, None, 10).lots
    assert (lot.state, lot.wh, lot.source, lot.technology) == (
        "requested", 600, "solar", "rooftop_photovoltaic",
    )  # fmt: skip
    assert market.reader.open_periods(ROOF, 0).periods == []

    market.act(CERTIFIER, "approveRequests", [lot.lot_id])
    market.keep()  # the relayer issues, and publishes the carbon of the hours
    (issued,) = market.reader.page(Search(), 10, None).certificates
    assert (issued.owner, issued.state, issued.wh) == (market.people[STRANGER], "active", 600)

    buyer = development_account(RESIDENT).address
    seller = development_account(STRANGER).address
    market.act(STRANGER, "transferFrom", seller, buyer, issued.certificate_id)
    market.act(RESIDENT, "retire", issued.certificate_id, 350, buyer, "my evenings")
    market.keep()
    rest, retired, whole = market.reader.page(Search(), 10, None).certificates
    assert [rest.state, retired.state, whole.state] == ["active", "retired", "split"]
    assert (retired.wh, retired.purpose, retired.owner) == (
        350, "my evenings", market.people[RESIDENT],
    )  # fmt: skip
    hours = {lot.starts_at // 3600, (lot.ends_at - 1) // 3600}
    assert retired.co2_grams == 350 * min(CARBON.at(hour) for hour in hours) // 1000
    detail = market.reader.get(whole.certificate_id)
    assert detail is not None
    assert detail.children == [retired.certificate_id, rest.certificate_id]

    share = market.reader.green_share(HOUSE, lot.starts_at - 15, lot.ends_at)
    assert (share.used_wh, share.covered_wh) == (400, 350)
    assert sum(hour.covered_wh for hour in share.hours) == 350
    assert market.reader.green_share(ROOF, lot.starts_at, lot.ends_at).covered_wh == 0

    bundles = list(market.reader.bundles())
    assert [b.certificate_bundle_status for b in bundles] == ["Active", "Claimed", "Bundle Split"]
    table = list(csv.DictReader(io.StringIO("".join(csv_lines(iter(bundles))))))
    assert [int(row["bundle_quantity"]) for row in table] == [250, 350, 600]
    assert table[1]["beneficiary"] == market.people[RESIDENT]


def test_refusal_and_withdrawal_in_the_register(books: Books, market: Market) -> None:
    start, middle, end = sunny_slots(books, 2, 300, 0)
    market.request(STRANGER, ROOF, start, middle)
    market.request(STRANGER, ROOF, middle, end)
    market.act(CERTIFIER, "refuseRequest", 1, "no papers")
    market.act(CERTIFIER, "approveRequests", [2])
    market.keep()
    market.act(CERTIFIER, "withdrawLot", 2, "the inverter was on loan")
    second, first = market.reader.requests(None, None, 10).lots
    assert (first.state, first.reason) == ("refused", "no papers")
    assert (second.state, second.reason) == ("withdrawn", "the inverter was on loan")
    (certificate,) = market.reader.page(Search(), 10, None).certificates
    assert certificate.state == "withdrawn"
    assert [p.from_slot for p in market.reader.open_periods(ROOF, 0).periods] == [start]


def test_the_register_is_told_again_after_a_reorganisation(books: Books, market: Market) -> None:
    start, middle, end = sunny_slots(books, 2, 300, 0)
    market.request(STRANGER, ROOF, start, middle)
    market.act(CERTIFIER, "approveRequests", [1])
    market.keep()
    market.request(STRANGER, ROOF, middle, end)
    seller = development_account(STRANGER).address
    market.act(STRANGER, "split", 1, [100, 200])
    market.act(STRANGER, "retire", 2, 40, seller, "an evening")
    before = (market.reader.page(Search(), 10, None), market.reader.requests(None, None, 10))
    with books.store.write() as connection:
        certificate_projections.roll_back(connection, 0)
    after = (market.reader.page(Search(), 10, None), market.reader.requests(None, None, 10))
    assert after == before


def test_the_search_finds_by_owner_meter_state_and_beneficiary(
    books: Books, market: Market
) -> None:
    start, _, end = sunny_slots(books, 2, 300, 0)
    market.request(STRANGER, ROOF, start, end)
    market.act(CERTIFIER, "approveRequests", [1])
    market.keep()
    market.act(STRANGER, "retire", 1, 10, development_account(RESIDENT).address, "a gift")

    def found(search: Search) -> list[int]:
        page = market.reader.page(search, 10, None)
        return [entry.certificate_id for entry in page.certificates]

    active = certificates.CertificateState.ACTIVE
    assert found(Search(owner=market.people[STRANGER], state=active)) == [3]
    assert found(Search(beneficiary=market.people[RESIDENT])) == [2]
    assert found(Search(meter_id=HOUSE)) == []
    assert found(Search(meter_id=ROOF, from_slot=end)) == []
    assert found(Search(meter_id=ROOF, from_slot=start, to_slot=end)) == [3, 2, 1]
    page = market.reader.page(Search(), 2, None)
    assert page.next_before == 2
    rest = market.reader.page(Search(), 2, page.next_before)
    assert [entry.certificate_id for entry in rest.certificates] == [1]
    assert rest.next_before is None


# ---- sales -------------------------------------------------------------------------------------


def test_a_certificate_is_offered_bought_and_offered_on(books: Books, market: Market) -> None:
    start, _, end = sunny_slots(books, 2, 300, 0)
    (certificate,) = market.issue(start, end)
    assert market.reader.get(certificate).offer is None  # type: ignore[union-attr]
    closes_at = market.offer(STRANGER, certificate, 25 * RUPEE)
    detail = market.reader.get(certificate)
    assert detail is not None
    assert detail.offer == Offer(
        seller=market.people[STRANGER], price_micro_inr=25 * RUPEE, closes_at=closes_at
    )
    (listed,) = market.reader.page(Search(), 10, None).certificates
    assert listed.offer == detail.offer
    assert market.offered() == [certificate]

    market.send(STRANGER, market.sales.offer(certificate, 20 * RUPEE, closes_at))
    (listed,) = market.reader.page(Search(), 10, None).certificates
    assert listed.offer is not None
    assert listed.offer.price_micro_inr == 20 * RUPEE

    market.send(RESIDENT, market.sales.buy(certificate, 20 * RUPEE), 10**15)
    bought = market.reader.get(certificate)
    assert bought is not None
    assert (bought.owner, bought.offer, bought.state) == (market.people[RESIDENT], None, "active")
    assert market.offered() == []
    with books.store.read() as connection:
        (sold,) = events.query(connection, account=market.people[RESIDENT], name="CertificateSold")
    assert sold.args["priceMicroInr"] == 20 * RUPEE

    market.offer(RESIDENT, certificate, 30 * RUPEE)
    assert market.offered() == [certificate]
    market.send(RESIDENT, market.sales.withdraw_offer(certificate))
    assert market.offered() == []


def test_what_can_be_bought_is_what_the_chain_would_sell(books: Books, market: Market) -> None:
    """Of ten offers some end: each in its own way, the service as the chain."""
    start, _, end = sunny_slots(books, 2, 300, 0)
    parts = market.issue(start, end, parts=10)
    first = parts[0]
    for certificate in parts:
        market.offer(STRANGER, certificate, RUPEE, 3_600 if certificate != first else 600)
    seller, other = market.people[STRANGER], market.people[RESIDENT]
    nobody = "0x" + "0" * 40
    assert market.offered() == parts[::-1]

    market.act(STRANGER, "retire", parts[1], 60, seller, "an evening")
    market.act(STRANGER, "retire", parts[2], 20, seller, "an hour")
    market.act(STRANGER, "split", parts[3], [10, 50])
    market.act(STRANGER, "transferFrom", seller, other, parts[4])
    market.act(STRANGER, "approve", nobody, parts[5])
    market.act(STRANGER, "approve", other, parts[6])
    assert market.offered() == [parts[9], parts[8], parts[7], parts[0]]

    market.act(STRANGER, "setApprovalForAll", market.sales.contract.address, True)
    market.act(RESIDENT, "setApprovalForAll", market.sales.contract.address, True)
    market.act(RESIDENT, "transferFrom", other, seller, parts[4])
    assert market.offered() == [*parts[:4:-1], parts[0]]  # what was handed on and back is not
    market.act(STRANGER, "setApprovalForAll", market.sales.contract.address, False)
    assert market.offered() == [parts[9], parts[8], parts[7], parts[0]]

    books.clock.time += 700
    books.anvil.rpc.call("anvil_setTime", hex(int(books.clock.time)))
    books.anvil.mine()
    assert market.offered() == [parts[9], parts[8], parts[7]]
    page = market.reader.page(Search(offered=market.reader.sales()), 2, None)
    assert page.next_before == parts[8]
    market.act(CERTIFIER, "withdrawLot", 1, "the inverter was on loan")
    assert market.offered() == []


def test_offers_are_told_again_in_the_chains_order(books: Books, market: Market) -> None:
    """An offer before a transfer ends with it, one after it stands: also after a reorganisation."""
    start, _, end = sunny_slots(books, 2, 300, 0)
    given, back, sold, kept = market.issue(start, end, parts=4)
    seller, other = market.people[STRANGER], market.people[RESIDENT]
    market.act(STRANGER, "setApprovalForAll", market.sales.contract.address, True)
    for certificate in (given, back, sold, kept):
        market.offer(STRANGER, certificate, RUPEE)
    market.act(STRANGER, "transferFrom", seller, other, given)
    market.act(STRANGER, "transferFrom", seller, other, back)
    market.act(RESIDENT, "transferFrom", other, seller, back)
    market.send(RESIDENT, market.sales.buy(sold, RUPEE), 10**15)
    market.offer(RESIDENT, given, 2 * RUPEE)
    before = market.reader.page(Search(), 10, None)
    assert market.offered() == [kept, given]
    with books.store.write() as connection:
        certificate_projections.roll_back(connection, 0)
    assert market.reader.page(Search(), 10, None) == before
    assert market.offered() == [kept, given]


def test_a_sale_that_the_chain_takes_back_is_taken_back(books: Books, market: Market) -> None:
    start, _, end = sunny_slots(books, 2, 300, 0)
    (certificate,) = market.issue(start, end)
    market.offer(STRANGER, certificate, RUPEE)
    snapshot = books.anvil.rpc.call("evm_snapshot")
    market.send(RESIDENT, market.sales.buy(certificate, RUPEE), 10**15)
    assert market.offered() == []
    books.anvil.rpc.call("evm_revert", snapshot)
    for _ in range(3):
        books.anvil.mine()
    books.follower.catch_up()
    assert market.offered() == [certificate]
    found = market.reader.get(certificate)
    assert found is not None
    assert found.owner == market.people[STRANGER]


def test_a_claim_over_a_change_of_hands_is_refused(books: Books, market: Market) -> None:
    books.read(ROOF, 0, 0, 0, 0, 0, 0)
    first = books.run_slot()
    numbers = sunny_slots(books, 1, 300, 0)
    with pytest.raises(ApiError) as refusal:
        market.reader.claim(ROOF, first, numbers[-1])
    assert refusal.value.code == "terms_changed"
    with pytest.raises(ApiError) as refusal:
        market.reader.claim(ROOF, numbers[0], numbers[-1] + 9)
    assert refusal.value.code == "unknown_leaf"
    assert market.reader.claim(ROOF, *numbers).terms_index == 1


# ---- carbon ------------------------------------------------------------------------------------


def test_the_last_day_of_carbon_is_published_once(books: Books, market: Market) -> None:
    market.keep()
    hour = int(books.clock.time) // 3600
    carbon = Contract(books.chain.deployment["CarbonIntensity"])
    calls = [carbon.call("intensityOf", h) for h in range(hour - 23, hour + 1)]
    answers = books.chain.views.ask_many(calls, max_age_s=0.0)
    assert [tuple(a) for a in answers] == [(True, CARBON.at(h)) for h in range(hour - 23, hour + 1)]
    books.clock.time += 60
    assert market.keeper.sweep() == 0


def test_nodes_sign_only_what_their_own_table_says(oracle: Oracle, chain: ChainContext) -> None:
    node, hour = oracle.nodes[0], 497_000
    good = [CARBON.at(hour), CARBON.at(hour + 1)]
    domain = read_domains(chain.rpc, chain.contracts).carbon
    assert domain is not None
    digest = carbon_digest(domain, hour, good, chain.views.quorum().epoch)
    assert signer_of(digest, node.sign_carbon(hour, good)) == node.address
    with pytest.raises(Refusal, match=str(hour + 1)):
        node.sign_carbon(hour, [good[0], good[1] + 1])
    quorum = chain.views.quorum()
    signed = oracle.client.sign_carbon(hour, good, digest, quorum)
    assert len(signed) == quorum.threshold


def test_without_a_quorum_nothing_is_published(books: Books, oracle: Oracle) -> None:
    rows = [[figure + 1 for figure in row] for row in CARBON.g_per_kwh]
    other = CarbonTable(CARBON.utc_offset_minutes, rows, "another")
    keeper = CertificateKeeper(
        books.store, books.chain, oracle.client, other, wake_sender=lambda: None, now=books.clock
    )
    assert keeper.sweep() == 0


def test_a_wrong_carbon_file_names_itself(tmp_path: Any) -> None:
    path = tmp_path / "carbon.json"
    with pytest.raises(ValueError, match=r"carbon_file.*carbon\.json"):
        read_carbon_table(path)
    path.write_text("[]")
    with pytest.raises(ValueError, match="must be an object"):
        read_carbon_table(path)


# ---- who may ask -------------------------------------------------------------------------------


def test_proofs_and_use_are_for_the_holder_and_the_operator(quiet_world: World) -> None:
    paths = (
        "/api/meters/4/certifiable",
        "/api/meters/4/green-share",
        "/api/meters/4/certificate-claim?from=1&to=2",
    )
    stranger = quiet_world.sign_in(STRANGER)
    for path in paths:
        assert quiet_world.refused(path) == (401, "not_signed_in")
        assert quiet_world.refused(path, stranger) == (403, "not_holder")
    operator = quiet_world.sign_in(WORLD_OPERATOR)
    assert quiet_world.get(paths[0], operator) == {"periods": []}
    assert quiet_world.refused(paths[2], operator) == (404, "unknown_leaf")


def test_what_is_wrong_is_named(quiet_world: World) -> None:
    operator = quiet_world.sign_in(OPERATOR)
    assert quiet_world.refused("/api/certificates/5") == (404, "unknown_certificate")
    assert quiet_world.refused("/api/certificates?owner=me")[0] == 400
    assert quiet_world.refused("/api/certificates?state=lost")[0] == 400
    assert quiet_world.refused("/api/certificates?offered=perhaps")[0] == 400
    nothing = {"certificates": [], "next_before": None}
    assert quiet_world.get("/api/certificates?offered=true") == nothing
    late = "/api/meters/4/certificate-claim?from=5&to=5"
    assert quiet_world.refused(late, operator)[0] == 400
    long = "/api/meters/4/green-share?from=0&to=99999999"
    assert quiet_world.refused(long, operator) == (400, "bad_span")


def test_a_purpose_cannot_become_a_spreadsheets_formula() -> None:
    fields: dict[str, Any] = dict.fromkeys(Bundle.model_fields)
    bundle = Bundle.model_construct(**{**fields, "purpose": "=HYPERLINK(1)"})
    heading, line = csv_lines(iter([bundle]))
    (row,) = csv.DictReader(io.StringIO(heading + line))
    assert row["purpose"] == "'=HYPERLINK(1)"


def test_a_table_has_a_line_a_certificate(quiet_world: World) -> None:
    answer = quiet_world.client.get("/api/certificates/export.csv")
    assert answer.mimetype == "text/csv"
    (heading,) = csv.reader(io.StringIO(answer.get_data(as_text=True)))
    assert heading == list(Bundle.model_fields)
    assert all(first != second for first, second in pairwise(heading))

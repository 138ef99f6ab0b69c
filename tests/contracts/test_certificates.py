"""A certificate's way through Ape: from the sun's registers to its picture and its CO2 credits."""

from __future__ import annotations

import base64
import json
from typing import Any
from xml.etree import ElementTree

import pytest
from fixtures_money import CO2, INR, ROOF, RUPEE, SOLAR, Microgrid
from refusals import reverts

from backend.oracle.digests import SigningDomain, carbon_digest

CHAIN_ID = 31337
FIELD = (1, 2, False, b"\x11" * 32)
"""Declaration: solar, ground-mounted, no storage, evidence."""
ISSUED, WITHDRAWN = 4, 5
ZERO = "0x" + "0" * 40


def shine(grid: Microgrid, wh: int) -> int:
    """The field counts on; the slot that shows it."""
    grid.count(SOLAR, exported_wh=wh)
    return grid.close_slot()


def claim_of(grid: Microgrid, from_slot: int, to_slot: int) -> tuple[Any, ...]:
    return (from_slot, to_slot, 0, *grid.line(from_slot, SOLAR), *grid.line(to_slot, SOLAR))


def publish(grid: Microgrid, first_hour: int, grams: list[int]) -> Any:
    domain = SigningDomain("Ohmstead CarbonIntensity", "1", CHAIN_ID, grid.intensity.address)
    digest = carbon_digest(domain, first_hour, grams, grid.quorum.epoch())
    assert bytes(grid.intensity.publicationDigest(first_hour, grams)) == digest
    return grid.intensity.publish(first_hour, grams, grid.signed(digest), sender=grid.stranger)


def issued(grid: Microgrid, wh: int) -> int:
    """The operator's certificate of one slot of the field."""
    claim = claim_of(grid, shine(grid, 0), shine(grid, wh))
    grid.certificates.requestForCommunity(claim, FIELD, sender=grid.operator)
    lot = grid.certificates.lotCount()
    grid.certificates.approveRequests([lot], sender=grid.certifier)
    grid.certificates.issue([lot], sender=grid.stranger)
    return int(grid.certificates.certificateCount())


def decoded(uri: str, kind: str) -> bytes:
    head, _, body = uri.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(body, validate=True)


def test_from_the_sun_to_credits(grid: Microgrid) -> None:
    certificates = grid.certificates
    certificate = issued(grid, 5_000)
    assert certificates.ownerOf(certificate) == grid.operator
    certificates.transferFrom(grid.operator, grid.bob, certificate, sender=grid.operator)
    lot = certificates.lotOf(1)
    start, end = certificates.periodOf(1)
    assert (lot.meter, lot.wh, lot.issuer, end - start) == (SOLAR, 5_000, grid.certifier, 15)
    publish(grid, start // 3600, [700] if start // 3600 == (end - 1) // 3600 else [700, 700])
    before = grid.token.balanceOf(grid.alice, CO2)
    receipt = certificates.retire(certificate, 2_001, grid.alice, "a year's bread", sender=grid.bob)
    (credits,) = certificates.CreditsMinted.from_receipt(receipt)
    assert credits.grams == 1_400  # of 1 400.7
    assert grid.token.balanceOf(grid.alice, CO2) - before == 1_400
    retirement, purpose = certificates.retirementOf(certificate + 1)
    assert (retirement[0], retirement[3], purpose) == (grid.alice, True, "a year's bread")
    assert certificates.verify(certificate + 2)[0]
    assert not certificates.verify(certificate + 1)[0]


def test_the_picture_shows_source_period_energy_and_state(grid: Microgrid) -> None:
    certificates = grid.certificates
    certificate = issued(grid, 5_000)
    document = json.loads(decoded(certificates.tokenURI(certificate), "application/json"))
    assert document["name"] == f"Renewable certificate {certificate}"
    traits = {entry["trait_type"]: entry["value"] for entry in document["attributes"]}
    start, end = certificates.periodOf(1)
    assert traits == {
        "start": start, "end": end, "lot": 1, "wh": 5_000, "meter": SOLAR, "zone": 1,
        "source": "solar", "state": "active",
    }  # fmt: skip
    picture = ElementTree.fromstring(decoded(document["image"], "image/svg+xml"))
    words = [node.text for node in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert words[1:3] == ["5000 Wh", "solar"]
    assert words[4] == "active"
    assert words[3] in document["description"]

    def state(number: int) -> str:
        shown = json.loads(decoded(certificates.tokenURI(number), "application/json"))
        return str(shown["attributes"][-1]["value"])

    certificates.retire(certificate, 1_000, grid.alice, "home", sender=grid.operator)
    with reverts(certificates.ERC721NonexistentToken, tokenId=certificate):
        certificates.tokenURI(certificate)  # split
    assert state(certificate + 1) == "retired"
    certificates.withdrawLot(1, "the field was not connected", sender=grid.certifier)
    assert state(certificate + 1) == "retired, lot withdrawn"
    assert state(certificate + 2) == "withdrawn"


@pytest.mark.parametrize(
    ("time", "shown"),
    [
        (0, "1970-01-01 00:00"),
        (951_782_399, "2000-02-28 23:59"),
        (951_782_400, "2000-02-29 00:00"),
        (1_709_251_140, "2024-02-29 23:59"),
        (4_107_542_400, "2100-03-01 00:00"),
        (1_798_761_540, "2026-12-31 23:59"),
    ],
)
def test_dates_of_pictures(project: Any, grid: Microgrid, time: int, shown: str) -> None:
    face = _face(project, grid)
    certificate, lot = (1, 0, 1, 0, 1, 0), (1, 0, 0, 1, 1, 1, 1, False, ISSUED, *_nobody())
    document = json.loads(
        decoded(face.tokenUri(1, certificate, lot, time, time), "application/json")
    )
    assert f"{shown} - {shown} UTC" in document["description"]


def test_what_the_certifier_alone_may(grid: Microgrid) -> None:
    certificates = grid.certificates
    claim = claim_of(grid, shine(grid, 0), shine(grid, 100))
    with reverts(certificates.AccessManagedUnauthorized, caller=grid.alice):
        certificates.requestForCommunity(claim, FIELD, sender=grid.alice)
    certificates.requestForCommunity(claim, FIELD, sender=grid.operator)
    for who in ("operator", "relayer", "authority", "pauser", "admin", "stranger"):
        caller = getattr(grid, who)
        with reverts(certificates.AccessManagedUnauthorized, caller=caller):
            certificates.approveRequests([1], sender=caller)
        for method in (certificates.refuseRequest, certificates.withdrawLot):
            with reverts(certificates.AccessManagedUnauthorized, caller=caller):
                method(1, "no", sender=caller)
    with reverts(certificates.RenewableCertificate_AlreadyCertified, meter=SOLAR):
        certificates.requestForCommunity(claim, FIELD, sender=grid.operator)
    certificates.refuseRequest(1, "another field's papers", sender=grid.certifier)
    assert certificates.reasonOf(1) == "another field's papers"
    certificates.requestForCommunity(claim, FIELD, sender=grid.operator)


def test_only_certificates_mint_credits_and_only_the_admin_sets_bounds(grid: Microgrid) -> None:
    for who in ("operator", "certifier", "admin", "relayer"):
        caller = getattr(grid, who)
        with reverts(grid.token.AccessManagedUnauthorized, caller=caller):
            grid.token.mintCo2(grid.alice, 1, sender=caller)
    limits = (0, 900, 86_400, 0)
    with reverts(grid.intensity.AccessManagedUnauthorized, caller=grid.operator):
        grid.intensity.setBounds(limits, sender=grid.operator)
    grid.intensity.setBounds(limits, sender=grid.admin)
    assert tuple(grid.intensity.bounds()) == limits


def test_a_roof_that_nobody_claimed_is_the_communitys(grid: Microgrid) -> None:
    claim = list(claim_of(grid, shine(grid, 0), shine(grid, 100)))
    claim[3] = (ROOF, *claim[3][1:])
    with reverts(grid.certificates.RenewableCertificate_TwoMeters):
        grid.certificates.request(tuple(claim), FIELD, sender=grid.alice)


# ---- sales -------------------------------------------------------------------------------------


def test_a_certificate_is_bought_from_a_neighbour(grid: Microgrid) -> None:
    """In INR, then in ether, whose change comes back; the deployment's links and roles hold."""
    certificates, sales = grid.certificates, grid.sales
    certificate = issued(grid, 5_000)
    offer(grid, grid.operator, certificate, 25 * RUPEE)
    (seller, price, _closes), is_open = sales.offerOf(certificate)
    assert (seller, price, is_open) == (grid.operator, 25 * RUPEE, True)
    grid.approve(grid.bob, sales)
    before = grid.token.balanceOf(grid.operator, INR)
    receipt = sales.buy(certificate, 25 * RUPEE, sender=grid.bob)
    (sold,) = sales.CertificateSold.from_receipt(receipt)
    assert (sold.seller, sold.buyer, sold.priceMicroInr) == (grid.operator, grid.bob, 25 * RUPEE)
    assert certificates.ownerOf(certificate) == grid.bob
    assert grid.token.balanceOf(grid.operator, INR) - before == 25 * RUPEE

    offer(grid, grid.bob, certificate, 30 * RUPEE)
    before = grid.token.balanceOf(grid.bob, INR)
    wei = 2 * grid.desk.etherFor(30 * RUPEE)
    sales.buy(certificate, 30 * RUPEE, value=wei, sender=grid.stranger)
    assert certificates.ownerOf(certificate) == grid.stranger
    assert grid.token.balanceOf(grid.bob, INR) - before == 30 * RUPEE
    assert grid.token.balanceOf(grid.stranger, INR) == grid.desk.quoteEther(wei) - 30 * RUPEE
    assert grid.token.balanceOf(sales, INR) == 0


def test_an_offer_ends_when_the_certificate_is_handed_on_and_back(grid: Microgrid) -> None:
    certificates, sales = grid.certificates, grid.sales
    certificate = issued(grid, 5_000)
    certificates.setApprovalForAll(sales, True, sender=grid.operator)
    offer(grid, grid.operator, certificate, RUPEE)
    certificates.transferFrom(grid.operator, grid.alice, certificate, sender=grid.operator)
    certificates.transferFrom(grid.alice, grid.operator, certificate, sender=grid.alice)
    assert sales.offerOf(certificate) == ((ZERO, 0, 0), False)
    grid.approve(grid.bob, sales)
    with reverts(sales.CertificateSales_NotOffered, id=certificate):
        sales.buy(certificate, RUPEE, sender=grid.bob)


def test_sales_refuse_what_was_not_shown_or_does_not_stand(grid: Microgrid) -> None:
    certificates, sales = grid.certificates, grid.sales
    certificate = issued(grid, 5_000)
    closes = grid.chain.pending_timestamp + 600
    with reverts(sales.CertificateSales_NotOwner, id=certificate, caller=grid.bob):
        sales.offer(certificate, RUPEE, closes, sender=grid.bob)
    with reverts(sales.CertificateSales_NotApproved, id=certificate, owner=grid.operator):
        sales.offer(certificate, RUPEE, closes, sender=grid.operator)
    offer(grid, grid.operator, certificate, RUPEE)
    with reverts(sales.CertificateSales_PriceDiffers, givenMicroInr=RUPEE - 1):
        sales.buy(certificate, RUPEE - 1, sender=grid.bob)
    with reverts(grid.token.ERC1155MissingApprovalForAll, owner=grid.bob):
        sales.buy(certificate, RUPEE, sender=grid.bob)
    with reverts(sales.CertificateSales_NotSeller, id=certificate, caller=grid.bob):
        sales.withdrawOffer(certificate, sender=grid.bob)
    certificates.withdrawLot(1, "the field was not connected", sender=grid.certifier)
    with reverts(sales.CertificateSales_NotStanding, id=certificate):
        sales.buy(certificate, RUPEE, sender=grid.bob)
    sales.withdrawOffer(certificate, sender=grid.operator)


def test_the_pauser_alone_stops_sales(grid: Microgrid) -> None:
    sales = grid.sales
    for who in ("operator", "certifier", "admin", "stranger"):
        caller = getattr(grid, who)
        with reverts(sales.AccessManagedUnauthorized, caller=caller):
            sales.pause(sender=caller)
    sales.pause(sender=grid.pauser)
    with reverts(sales.EnforcedPause):
        sales.buy(1, RUPEE, sender=grid.bob)
    sales.unpause(sender=grid.pauser)


def offer(grid: Microgrid, seller: Any, certificate: int, price_micro_inr: int) -> None:
    """The owner offers a certificate for ten minutes."""
    grid.certificates.approve(grid.sales, certificate, sender=seller)
    closes_at = grid.chain.pending_timestamp + 600
    grid.sales.offer(certificate, price_micro_inr, closes_at, sender=seller)


def _face(project: Any, grid: Microgrid) -> Any:
    return grid.deployer.deploy(project.CertificateFace)


def _nobody() -> tuple[Any, ...]:
    return ZERO, 0, ZERO, 0, b"\0" * 32

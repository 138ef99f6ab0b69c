"""Slab tariffs: goldens of the KSEB table, properties, and documents that must be refused."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.tariff import (
    OPEN_END,
    Slab,
    Tariff,
    TariffError,
    charge_spread_up,
    charge_up,
    export_credit_down,
    parse_tariff,
)

KSEB_FILE = Path(__file__).parents[2] / "scripts/tariffs/kseb-domestic-2022-23.json"
KSEB_DOCUMENT: dict[str, Any] = json.loads(KSEB_FILE.read_text())
KSEB = parse_tariff(KSEB_DOCUMENT)
RUPEE = 1_000_000


@st.composite
def tariffs(draw: st.DrawFn) -> Tariff:
    limits = sorted(draw(st.sets(st.integers(1, 10**7), max_size=12)))
    cut = draw(st.integers(0, len(limits)))
    price = st.integers(0, 20 * RUPEE)
    telescopic = tuple(Slab(limit, draw(price)) for limit in limits[:cut])
    flat = tuple(Slab(limit, draw(price)) for limit in [*limits[cut:], OPEN_END])
    return replace(KSEB, telescopic=telescopic, flat=flat)


def exact_charge(tariff: Tariff, wh: int) -> Fraction:
    """The charge in micro-rupees, written down anew and slowly: unit by unit of the slabs."""
    limits = [0] + [slab.upto_wh for slab in tariff.telescopic]
    if wh <= limits[-1]:
        return sum(
            (
                Fraction(max(0, min(wh, high) - low) * slab.price_micro_inr_per_kwh, 1000)
                for low, high, slab in zip(limits, limits[1:], tariff.telescopic, strict=False)
            ),
            Fraction(0),
        )
    price = min(
        (band.upto_wh, band.price_micro_inr_per_kwh) for band in tariff.flat if band.upto_wh >= wh
    )[1]
    return Fraction(wh * price, 1000)


# ---- the table


@pytest.mark.parametrize(
    ("kwh", "rupees"),
    [
        ("0", "0"),
        ("1", "3.15"),
        ("50", "157.50"),
        ("51", "161.45"),
        ("100", "355"),
        ("101", "360"),
        ("150", "605"),
        ("151", "611.80"),
        ("200", "945"),
        ("201", "953"),
        ("250", "1345"),
        ("251", "1556.20"),
        ("300", "1860"),
        ("301", "2107"),
        ("350", "2450"),
        ("351", "2579.85"),
        ("368", "2704.80"),
        ("400", "2940"),
        ("401", "3047.60"),
        ("500", "3800"),
        ("501", "4258.50"),
        ("800", "6800"),
        ("839", "7131.50"),
        # between the edges, in Wh
        ("0.001", "0.00315"),
        ("50.001", "157.50395"),
        ("250.001", "1550.0062"),
        ("300.001", "2100.007"),
        ("500.001", "4250.0085"),
    ],
)
def test_kseb_golden(kwh: str, rupees: str) -> None:
    assert charge_up(KSEB, int(Fraction(kwh) * 1000)) == Fraction(rupees) * RUPEE


def test_kseb_export_earns_three_rupees() -> None:
    assert export_credit_down(KSEB, 500_000) == 1500 * RUPEE
    assert export_credit_down(KSEB, 1) == 3000


def test_kseb_data_as_the_contract_takes_it() -> None:
    arguments = KSEB.contract_arguments()
    assert arguments[:5] == (1656181800, OPEN_END, 30 * 86_400, 15 * 86_400, 3 * RUPEE)
    assert arguments[5][0] == (50_000, 3_150_000)
    assert arguments[6][-1] == (OPEN_END, 8_500_000)
    assert arguments[7] == "KSEB domestic (LT-I A) 2022-23"


# ---- properties


@given(tariffs(), st.integers(0, 2 * 10**7))
def test_charge_is_the_exact_one_rounded_up(tariff: Tariff, wh: int) -> None:
    assert charge_up(tariff, wh) == ceil(exact_charge(tariff, wh))


@given(tariffs(), st.integers(0, 10**7), st.integers(1, 40))
def test_spread_is_the_sum_of_even_periods_rounded_once(
    tariff: Tariff, wh: int, periods: int
) -> None:
    shares = [wh // periods + (1 if i < wh % periods else 0) for i in range(periods)]
    assert sum(shares) == wh
    assert max(shares) - min(shares) <= 1
    exact = sum((exact_charge(tariff, share) for share in shares), Fraction(0))
    assert charge_spread_up(tariff, wh, periods) == ceil(exact)


@given(st.integers(0, 10**7), st.integers(1, 40))
def test_lateness_is_never_dearer(wh: int, periods: int) -> None:
    assert charge_spread_up(KSEB, wh, periods) <= charge_up(KSEB, wh)


@given(tariffs(), st.integers(0, 10**9), st.integers(0, 20 * RUPEE))
def test_credit_is_rounded_down(tariff: Tariff, wh: int, price: int) -> None:
    tariff = replace(tariff, feed_in_micro_inr_per_kwh=price)
    assert export_credit_down(tariff, wh) == floor(Fraction(wh * price, 1000))


def test_negative_energy_and_no_period_are_refused() -> None:
    for refused in (
        lambda: charge_up(KSEB, -1),
        lambda: export_credit_down(KSEB, -1),
        lambda: charge_spread_up(KSEB, 1, 0),
    ):
        with pytest.raises(ValueError, match=r"negative|less than 1"):
            refused()


# ---- documents


def changed(**changes: Any) -> dict[str, Any]:
    return {**KSEB_DOCUMENT, **changes}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({k: v for k, v in KSEB_DOCUMENT.items() if k != "flat"}, "flat: missing"),
        (changed(slabs=[]), "slabs: unknown field"),
        (changed(name=""), "name: empty"),
        (changed(name=7), "name: must be text"),
        (changed(valid_from="last summer"), "valid_from: 'last summer' is not an ISO 8601 time"),
        (changed(valid_from="2022-06-26T00:00:00"), "valid_from: .* has no time zone"),
        (
            changed(valid_until="2022-06-25T00:00:00+05:30"),
            "valid_until: must be later than valid_from",
        ),
        (changed(valid_until=12), "valid_until: must be text"),
        (changed(billing_period_days=0), "billing_period_s: 0 is not in"),
        (changed(payment_term_days=-1), "payment_term_s: -86400 is not in"),
        (changed(feed_in_inr_per_kwh=3.0), "feed_in_inr_per_kwh: write 3.0 as a decimal string"),
        (
            changed(feed_in_inr_per_kwh="three"),
            "feed_in_inr_per_kwh: 'three' is not a decimal number",
        ),
        (
            changed(feed_in_inr_per_kwh="3.0000001"),
            "feed_in_inr_per_kwh: '3.0000001' is finer than",
        ),
        (
            changed(feed_in_inr_per_kwh="NaN"),
            "feed_in_inr_per_kwh: 'NaN' is finer than .* or not finite",
        ),
        (changed(feed_in_inr_per_kwh="-3"), "feed_in_micro_inr_per_kwh: -3000000 is not in"),
        (changed(flat=[]), "flat: needs 1 to 16 bands, has 0"),
        (changed(flat="none"), "flat: must be a list"),
        (changed(flat=[{"upto_kwh": None}]), r"flat\[0\]: must have exactly"),
        (changed(flat=KSEB_DOCUMENT["flat"][:-1]), "flat: the last band must be open"),
        (changed(flat=KSEB_DOCUMENT["flat"][::-1]), r"flat\[1\]\.upto_wh: .* must be above"),
        (
            changed(telescopic=KSEB_DOCUMENT["telescopic"] * 4),
            "telescopic: at most 16 slabs, has 20",
        ),
        (
            changed(telescopic=[{"upto_kwh": "300", "price_inr_per_kwh": "1"}]),
            r"flat\[0\]\.upto_wh: 300000 must be above 300000",
        ),
        (
            changed(telescopic=[{"upto_kwh": "0", "price_inr_per_kwh": "1"}]),
            r"telescopic\[0\]\.upto_wh: 0 must be above 0",
        ),
        (
            changed(telescopic=[{"upto_kwh": "10", "price_inr_per_kwh": "-1"}]),
            r"telescopic\[0\]\.price_micro_inr_per_kwh: -1000000 is not in",
        ),
    ],
)
def test_bad_documents_name_the_field(document: dict[str, Any], message: str) -> None:
    with pytest.raises(TariffError, match=message):
        parse_tariff(document)


@pytest.mark.parametrize(
    "path", sorted(KSEB_FILE.parent.glob("*.json")), ids=lambda path: path.name
)
def test_every_shipped_tariff_loads(path: Path) -> None:
    parse_tariff(json.loads(path.read_text()))

"""SustainabilityPolicy and RenewableIncentive through Ape, in the community as it is deployed."""

from __future__ import annotations

from dataclasses import astuple, replace
from typing import Any

import pytest
from fixtures_money import HOUSE, INR, PLAN, PREPAID, ROOF, RUPEE, Microgrid
from refusals import reverts

from backend.oracle.digests import SigningDomain, policy_digest
from backend.sustainability import EpochMetrics, Parameters

CHAIN_ID = 31337
BUDGET = 1_000 * RUPEE
FIGURES = PLAN.incentives
SOLAR_KIND = 1
SUBMITTED, _, REFUSED, _, EXPIRED, CLAIMED = range(1, 7)
METRICS = EpochMetrics(10, 14, 350_000, 600_000, 1_800_000, 900_000, 1_000)
NO_LEAF = (0, 0, b"\0" * 32)
NO_PROOF = (0, NO_LEAF, [], 0, NO_LEAF, [], 0)
PAPERS = b"\x0a" * 32


@pytest.fixture
def fund(grid: Microgrid) -> Microgrid:
    """Alice holds the roof's meter, bob the house's; there is a budget; an epoch begins."""
    grid.claim(ROOF, grid.alice, PREPAID)
    grid.claim(HOUSE, grid.bob, PREPAID)
    grid.give_inr(grid.incentive, BUDGET)
    until_over(grid, grid.policy.currentEpoch())
    return grid


def in_force(grid: Microgrid) -> Parameters:
    return Parameters(*grid.policy.parameters())


def until_over(grid: Microgrid, epoch: int) -> None:
    end = (epoch + 1) * grid.policy.epochSeconds()
    if grid.chain.pending_timestamp < end:
        grid.chain.mine(timestamp=end)


def update(
    grid: Microgrid, target: Parameters, metrics: EpochMetrics = METRICS, by: int = 2
) -> tuple[int, Any]:
    """The running epoch ends and a stranger reports it; its number and the receipt."""
    epoch = grid.policy.currentEpoch()
    until_over(grid, epoch)
    domain = SigningDomain("Ohmstead SustainabilityPolicy", "1", CHAIN_ID, grid.policy.address)
    digest = policy_digest(domain, epoch, metrics, target, grid.quorum.epoch())
    arguments = (epoch, astuple(metrics), astuple(target))
    assert bytes(grid.policy.updateDigest(*arguments)) == digest
    return epoch, grid.policy.update(*arguments, grid.signed(digest, by), sender=grid.stranger)


def asked(meter: int = ROOF, **changes: Any) -> tuple[Any, ...]:
    fields = {
        "meter": meter, "kind": SOLAR_KIND, "micro_inr": 100 * RUPEE, "hash": PAPERS,
        "uri": "ipfs://papers",
    }  # fmt: skip
    return tuple((fields | changes).values())


def submit(grid: Microgrid, number: int = 1) -> int:
    """Alice asks for Rs 100 with papers of their own."""
    grid.incentive.submitProject(asked(hash=bytes([number] * 32)), NO_PROOF, sender=grid.alice)
    return int(grid.incentive.projectCount())


# ---- the policy


def test_an_update_moves_a_step_towards_the_target(grid: Microgrid) -> None:
    before = in_force(grid)
    steps = grid.policy.limits().maxStep
    target = replace(before, multiplier_ppm=before.multiplier_ppm + 5, npv_weight_ppm=10**6)
    epoch, receipt = update(grid, target)
    expected = replace(target, npv_weight_ppm=before.npv_weight_ppm + steps.npvWeightPpm)
    assert in_force(grid) == expected
    (event,) = grid.policy.PolicyUpdated.from_receipt(receipt)
    assert event.policyEpoch == epoch
    assert tuple(event.metrics) == astuple(METRICS)
    assert tuple(event.applied) == astuple(expected)
    assert tuple(grid.policy.latestEpochs()) == (epoch, 0)
    assert tuple(grid.policy.metricsOf(epoch)) == astuple(METRICS)
    assert grid.policy.shortfallPpmDown(epoch, 600) == 400_000
    assert grid.policy.boostPpmDown(400_000) == 200_000


def test_an_update_is_refused(grid: Microgrid) -> None:
    policy, target = grid.policy, in_force(grid)
    running = policy.currentEpoch()
    until_over(grid, running)
    running += 1
    shown = (astuple(METRICS), astuple(target), [])
    with reverts(policy.SustainabilityPolicy_EpochNotOver, policyEpoch=running + 9):
        policy.update(running + 9, *shown, sender=grid.stranger)
    with reverts(grid.quorum.OracleQuorum_TooFewSignatures):
        update(grid, target, by=1)
    for field, value in (
        ("to_slot", 10), ("rur_ppm", 10**6 + 1), ("par_ppm", 999_999), ("jain_ppm", 10**6 + 1),
    ):  # fmt: skip
        head, *rest = field.split("_")
        name = head + "".join(word.capitalize() for word in rest)
        with reverts(policy.SustainabilityPolicy_BadMetrics, field=name):
            update(grid, target, replace(METRICS, **{field: value}))
    epoch, _ = update(grid, target)
    for old in (epoch, epoch - 1):
        with reverts(policy.SustainabilityPolicy_EpochNotNew, policyEpoch=old, latest=epoch):
            policy.update(old, *shown, sender=grid.stranger)
    with reverts(policy.SustainabilityPolicy_UnknownEpoch, policyEpoch=epoch - 1):
        policy.metricsOf(epoch - 1)


def test_limits_are_the_admins(grid: Microgrid) -> None:
    policy = grid.policy
    lowest, highest, steps = (tuple(part) for part in policy.limits())
    for who in ("operator", "certifier", "relayer", "stranger"):
        caller = getattr(grid, who)
        with reverts(policy.AccessManagedUnauthorized, caller=caller):
            policy.setLimits((lowest, highest, steps), sender=caller)
    with reverts(policy.SustainabilityPolicy_BadLimits, index=6):
        policy.setLimits((lowest, highest, (*steps[:6], 0)), sender=grid.admin)
    receipt = policy.setLimits((lowest, (900_000, *highest[1:]), steps), sender=grid.admin)
    (event,) = policy.LimitsChanged.from_receipt(receipt)
    assert next(iter(event.applied)) == in_force(grid).multiplier_ppm == 900_000


# ---- projects


def test_a_project_is_paid_once(fund: Microgrid) -> None:
    incentive = fund.incentive
    receipt = incentive.submitProject(asked(), NO_PROOF, sender=fund.alice)
    (event,) = incentive.ProjectSubmitted.from_receipt(receipt)
    assert (event.id, event.meter, event.submitter) == (1, ROOF, fund.alice)
    assert event.evidenceUri == "ipfs://papers"
    project = incentive.projectOf(1)
    assert (project.kind, project.state, project.evidenceHash) == (SOLAR_KIND, SUBMITTED, PAPERS)
    assert project.deadline == project.submittedAt + FIGURES.decision_seconds
    receipt = incentive.verifyProject(1, sender=fund.certifier)
    (event,) = incentive.ProjectVerified.from_receipt(receipt)
    assert (event.certifier, event.grantedMicroInr, event.boostPpm) == (
        fund.certifier, 100 * RUPEE, 0,
    )  # fmt: skip
    assert incentive.reservedMicroInr() == 100 * RUPEE
    assert incentive.availableMicroInr() == BUDGET - 100 * RUPEE
    assert incentive.epochLeftMicroInr() == 100 * RUPEE  # a fifth of the pool, less this
    before = fund.token.balanceOf(fund.bob, INR)
    with reverts(incentive.RenewableIncentive_NotSubmitter, id=1, caller=fund.bob):
        incentive.claim(1, fund.bob, sender=fund.bob)
    receipt = incentive.claim(1, fund.bob, sender=fund.alice)
    (event,) = incentive.ProjectClaimed.from_receipt(receipt)
    assert (event.to, event.microInr) == (fund.bob, 100 * RUPEE)
    assert fund.token.balanceOf(fund.bob, INR) == before + 100 * RUPEE
    assert incentive.reservedMicroInr() == 0
    with reverts(incentive.RenewableIncentive_WrongState, id=1, state=CLAIMED):
        incentive.claim(1, fund.bob, sender=fund.alice)
    with reverts(incentive.RenewableIncentive_EvidenceUsed, id=1):
        incentive.submitProject(asked(), NO_PROOF, sender=fund.alice)


def test_less_used_than_the_mean_is_worth_a_boost(fund: Microgrid) -> None:
    first = fund.close_slot()
    fund.count(HOUSE, imported_wh=200)
    fund.count(ROOF, imported_wh=1_000)
    last = fund.close_slot()
    used = replace(METRICS, from_slot=first, to_slot=last, mean_access_wh=600)
    epoch, _ = update(fund, in_force(fund), used)
    access = (epoch, *fund.line(first, HOUSE), *fund.line(last, HOUSE))
    incentive = fund.incentive
    with reverts(incentive.RenewableIncentive_OtherMeter, meter=HOUSE):
        incentive.submitProject(asked(ROOF), access, sender=fund.alice)
    forged = (HOUSE, access[1][1], access[4][2])
    with reverts(fund.ledger.MeterLedger_BadProof):
        incentive.submitProject(asked(HOUSE), (*access[:4], forged, *access[5:]), sender=fund.bob)
    with reverts(incentive.RenewableIncentive_WrongEpoch, policyEpoch=epoch - 1, latest=epoch):
        incentive.submitProject(asked(HOUSE), (epoch - 1, *access[1:]), sender=fund.bob)
    incentive.submitProject(asked(HOUSE), access, sender=fund.bob)
    assert incentive.projectOf(1).shortfallPpm == 666_666  # 400 of 600, down
    assert tuple(incentive.grantDown(1)) == (130 * RUPEE, 1_000_000, 300_000)  # at the cap


def test_submissions_are_refused_by_name(fund: Microgrid) -> None:
    incentive, most = fund.incentive, FIGURES.max_request_micro_inr
    with reverts(incentive.RenewableIncentive_NotHolder, meter=ROOF, caller=fund.bob):
        incentive.submitProject(asked(), NO_PROOF, sender=fund.bob)
    for wrong, error, details in (
        ({"kind": 0}, "NoKind", {}),
        ({"hash": b"\0" * 32}, "NoEvidence", {}),
        ({"micro_inr": 0}, "BadRequest", {"maxMicroInr": most}),
        ({"micro_inr": most + 1}, "BadRequest", {"microInr": most + 1}),
        ({"uri": "x" * 201}, "BadText", {"field": "evidenceUri", "length": 201}),
    ):
        named = getattr(incentive, f"RenewableIncentive_{error}")
        with reverts(named, **details):
            incentive.submitProject(asked(**wrong), NO_PROOF, sender=fund.alice)
    for number in range(incentive.MAX_OPEN()):
        submit(fund, number + 1)
    with reverts(incentive.RenewableIncentive_TooManyOpen, meter=ROOF):
        submit(fund, 99)


def test_decisions_are_the_certifiers(fund: Microgrid) -> None:
    incentive = fund.incentive
    one = submit(fund)
    for who in ("operator", "relayer", "authority", "pauser", "admin", "alice"):
        caller = getattr(fund, who)
        with reverts(incentive.AccessManagedUnauthorized, caller=caller):
            incentive.verifyProject(one, sender=caller)
        with reverts(incentive.AccessManagedUnauthorized, caller=caller):
            incentive.refuseProject(one, "no", sender=caller)
    for reason in ("", "x" * 201):
        with reverts(incentive.RenewableIncentive_BadText, field="reason", length=len(reason)):
            incentive.refuseProject(one, reason, sender=fund.certifier)
    receipt = incentive.refuseProject(one, "blurred photograph", sender=fund.certifier)
    (event,) = incentive.ProjectRefused.from_receipt(receipt)
    assert (event.certifier, event.reason) == (fund.certifier, "blurred photograph")
    with reverts(incentive.RenewableIncentive_WrongState, id=one, state=REFUSED):
        incentive.verifyProject(one, sender=fund.certifier)
    with reverts(incentive.RenewableIncentive_Unknown, id=99):
        incentive.verifyProject(99, sender=fund.certifier)
    submit(fund)  # what was refused may be shown again


def test_projects_end_by_will_or_by_time(fund: Microgrid) -> None:
    incentive = fund.incentive
    one, two, late = submit(fund, 1), submit(fund, 2), submit(fund, 3)
    incentive.verifyProject(one, sender=fund.certifier)
    receipt = incentive.withdrawProject(one, sender=fund.alice)
    assert receipt.events == [incentive.ProjectWithdrawn(id=one)]
    assert (incentive.reservedMicroInr(), incentive.openCountOf(ROOF)) == (0, 2)
    incentive.verifyProject(two, sender=fund.certifier)
    with reverts(incentive.RenewableIncentive_NotExpired, id=two):
        incentive.expireProject(two, sender=fund.stranger)
    fund.wait(FIGURES.claim_seconds + 1)
    with reverts(incentive.RenewableIncentive_TooLate, id=two):
        incentive.claim(two, fund.alice, sender=fund.alice)
    with reverts(incentive.RenewableIncentive_TooLate, id=late):
        incentive.verifyProject(late, sender=fund.certifier)
    for project in (two, late):
        receipt = incentive.expireProject(project, sender=fund.stranger)
        assert receipt.events == [incentive.ProjectExpired(id=project)]
    with reverts(incentive.RenewableIncentive_WrongState, id=late, state=EXPIRED):
        incentive.withdrawProject(late, sender=fund.alice)
    assert (incentive.reservedMicroInr(), incentive.openCountOf(ROOF)) == (0, 0)


def test_no_more_is_granted_than_the_epochs_share_of_the_pool(fund: Microgrid) -> None:
    incentive = fund.incentive
    for number in (1, 2, 3):
        submit(fund, number)
    incentive.verifyProject(1, sender=fund.certifier)
    incentive.verifyProject(2, sender=fund.certifier)
    with reverts(incentive.RenewableIncentive_EpochShareExceeded, leftMicroInr=0):
        incentive.verifyProject(3, sender=fund.certifier)
    until_over(fund, fund.policy.currentEpoch())
    assert incentive.epochLeftMicroInr() == 160 * RUPEE
    incentive.verifyProject(3, sender=fund.certifier)
    left = incentive.availableMicroInr()
    with reverts(incentive.RenewableIncentive_BudgetExceeded, availableMicroInr=left):
        incentive.withdrawBudget(fund.operator, left + 1, sender=fund.admin)


def test_budget_and_settings_are_the_admins(fund: Microgrid) -> None:
    incentive = fund.incentive
    settings = tuple(incentive.settings())
    assert settings == tuple(FIGURES.model_dump().values())
    for who in ("operator", "certifier", "relayer", "stranger"):
        caller = getattr(fund, who)
        with reverts(incentive.AccessManagedUnauthorized, caller=caller):
            incentive.withdrawBudget(caller, 1, sender=caller)
        with reverts(incentive.AccessManagedUnauthorized, caller=caller):
            incentive.setSettings(settings, sender=caller)
    before = fund.token.balanceOf(fund.operator, INR)
    receipt = incentive.withdrawBudget(fund.operator, 300 * RUPEE, sender=fund.admin)
    assert receipt.events.filter(incentive.BudgetWithdrawn)
    assert fund.token.balanceOf(fund.operator, INR) == before + 300 * RUPEE
    names = ("maxRequestMicroInr", "decisionSeconds", "claimSeconds", "epochShareBps")
    for index, name in enumerate(names):
        wrong = (*settings[:index], 0, *settings[index + 1 :])
        with reverts(incentive.RenewableIncentive_BadSettings, field=name):
            incentive.setSettings(wrong, sender=fund.admin)
    receipt = incentive.setSettings((RUPEE, *settings[1:]), sender=fund.admin)
    assert receipt.events.filter(incentive.SettingsChanged)
    with reverts(incentive.RenewableIncentive_BadRequest, maxMicroInr=RUPEE):
        submit(fund)

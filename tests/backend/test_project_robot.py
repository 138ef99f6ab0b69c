"""What the demo's people do about the first incentive, turn by turn."""

from __future__ import annotations

from scripts.project_robot import POOL_MICRO_INR, Step, next_step


def test_fund_submit_verify_claim_and_then_nothing() -> None:
    assert next_step(0, 0, 0) is Step.FUND
    assert next_step(POOL_MICRO_INR, 0, 0) is Step.SUBMIT
    assert next_step(POOL_MICRO_INR, 1, 1) is Step.VERIFY
    assert next_step(0, 3, 2) is Step.CLAIM
    for ended in (3, 4, 5, 6):
        assert next_step(POOL_MICRO_INR, 9, ended) is Step.NOTHING

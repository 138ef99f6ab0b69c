"""Spoofed, replayed, bit-flipped, Sybil and meddled frames: none is accepted, none changes a thing,
every one is counted under the answer it got."""

from __future__ import annotations

import pytest
from adversary import Trial, run

from backend.ingest.frame_values import Result


def check(trials: list[Trial], volume: int) -> None:
    assert [trial.name for trial in trials] == [
        "spoofed", "replayed", "bit-flipped", "Sybil", "man in the middle",
    ]  # fmt: skip
    for trial in trials:
        assert trial.attempts == volume
        assert trial.accepted == 0
        assert trial.changed == (), trial.name
        assert trial.counted == trial.results, trial.name
    by_name = {trial.name: trial.results for trial in trials}
    assert by_name["spoofed"] == {Result.BAD_TAG: volume}
    assert by_name["Sybil"].keys() == {Result.BAD_TAG, Result.UNKNOWN_NODE}
    assert by_name["man in the middle"][Result.REORDERED] > 0  # delayed ones: authentic and late


def test_no_forged_frame_gets_through() -> None:
    check(run(2_000, seed=1), 2_000)


@pytest.mark.nightly
def test_no_forged_frame_gets_through_in_a_hundred_thousand_of_each() -> None:
    check(run(100_000), 100_000)

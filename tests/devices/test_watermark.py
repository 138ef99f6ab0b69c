"""The power line's watermark: found where it is, not where it is not, as often as theory says."""

from __future__ import annotations

import numpy as np
import pytest

from devices.simulator.watermark import (
    STRENGTH,
    correlation,
    embed,
    modulate,
    rates,
    sequence,
)

SECRET, OTHER = b"a transmitter's own secret", b"somebody else's"
BITS = 34 * 8
"""The shortest frame."""


def packet(seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return modulate(chance.integers(0, 2, BITS) * 2.0 - 1)


def test_a_watermark_is_a_twentieth_and_spoils_no_bit() -> None:
    plain = packet(1)
    marked = embed(plain, SECRET, 7)
    assert np.max(np.abs(marked - plain)) == pytest.approx(STRENGTH)
    shaped = plain.reshape(BITS, -1)
    decided = np.sign(np.sum(marked.reshape(BITS, -1) * shaped, axis=1))
    assert np.all(decided == np.sign(np.sum(shaped * shaped, axis=1)))


def test_sequences_have_nothing_in_common() -> None:
    a, b = sequence(SECRET, 1, 20_000), sequence(SECRET, 2, 20_000)
    assert abs(np.mean(a * b)) < 0.03
    assert abs(np.mean(a * sequence(OTHER, 1, 20_000))) < 0.03
    assert np.array_equal(a, sequence(SECRET, 1, 20_000))


@pytest.mark.parametrize("noise", [0.5, 1.0, 2.0])
def test_found_and_missed_as_often_as_computed(noise: float) -> None:
    chance = np.random.default_rng(3)
    plain = packet(2)
    threshold, trials = STRENGTH / 2, 300
    alarms = misses = 0
    for number in range(trials):
        true = embed(plain, SECRET, number) + chance.normal(0, noise, len(plain))
        copied = embed(plain, SECRET, number + 1) + chance.normal(0, noise, len(plain))
        misses += correlation(true, plain, SECRET, number) < threshold
        alarms += correlation(copied, plain, SECRET, number) >= threshold
    expected_alarms, expected_misses = rates(len(plain), noise, threshold)
    for seen, expected in ((alarms, expected_alarms), (misses, expected_misses)):
        spread = (trials * expected * (1 - expected)) ** 0.5
        assert abs(seen - trials * expected) <= 4 * spread + 2

"""A holdover forecast is the bound carried forward: it holds the truth about as often as it says; without growth it does not."""

from __future__ import annotations

import math
import random
import sys
from pathlib import Path

import pytest

from gpstime.core.bound import half_width, noise_after
from gpstime.core.holdover import KEPT, LONGEST_S, Outage, Score, lasts_s
from gpstime.core.phase import Phase

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "intervals"))

from outages import LENGTHS_S, outages


def settled(seed: int = 1, seconds: int = 1200) -> Phase:
    gauss = random.Random(seed).gauss
    phase, x, y = Phase(), 0.0, 20_000.0
    for n in range(seconds):
        phase.add(n, x + gauss(0.0, 1000.0))
        x, y = x + y + gauss(0.0, 10.0), y + gauss(0.0, 1.0)
    return phase


@pytest.mark.parametrize("limit_ms", [0.05, 1.0, 20.0])
def test_it_lasts_as_long_as_the_bound_is_within_the_limit(limit_ms: float) -> None:
    phase, known = settled(), 20_000.0
    t = lasts_s(phase, known, limit_ms * 1e6)
    assert 0.0 < t < LONGEST_S
    assert known + half_width(noise_after(phase, t)) <= limit_ms * 1e6
    assert known + half_width(noise_after(phase, t + 0.002 * t + 1.0)) > limit_ms * 1e6
    assert lasts_s(phase, known, limit_ms * 1e6, since_s=10.0) == pytest.approx(t - 10.0, abs=2.0 + 0.002 * t)


def test_it_lasts_no_time_if_it_is_beyond_already_and_a_month_at_most() -> None:
    assert lasts_s(settled(), 2e6, 1e6) == 0.0
    assert lasts_s(Phase(), 0.0, 1e6) == 0.0
    assert lasts_s(settled(), 0.0, 1e18) == LONGEST_S


def test_the_score_counts_all_and_keeps_the_newest() -> None:
    score = Score()
    for n in range(KEPT + 50):
        score.add(Outage(60.0, 100.0 if n % 4 else -900.0, 500.0))
    assert (score.outages, score.held, len(score.last)) == (150, 112, KEPT)
    assert Outage(1.0, -5.0, 5.0).held


def test_the_bound_holds_at_the_end_of_an_outage_and_a_bound_that_does_not_grow_does_not() -> None:
    """40 of them, coarsely; `tests/intervals/outages.py` has thousands."""
    runs = [outages(seed, spread=3.0, learned_s=1800) for seed in range(40)]
    for length in LENGTHS_S:
        held = sum(abs(run[length].off_ns) <= run[length].bound_ns for run in runs)
        assert held >= 34, length
        still = sum(abs(run[length].off_ns) <= half_width(noise_after(settled(seconds=1800), 1.0)) for run in runs)
        assert still <= 15, length


def test_it_is_not_made_safe_by_being_wide() -> None:
    runs = [outages(seed, learned_s=1800) for seed in range(40)]
    for length in LENGTHS_S:
        narrow = 1.96 * runs[0][length].sigma_ns
        wide = sum(run[length].bound_ns for run in runs) / len(runs)
        assert wide < 1.8 * narrow, length
        assert math.isfinite(wide)

"""Each noise of the crystal has the level and the slope that theory gives it."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest
from simulated import allan

from gpstime.sim.oscillator import Crystal, Oscillator, Temperature, flicker, static_ppm
from gpstime.sim.streams import stream

QUIET = {"ppm": 0.0, "white_fm": 0.0, "walk_fm": 0.0}


def frequencies(n: int, seed: int = 1, **options: float) -> tuple[list[float], list[float]]:
    """(whole, slow) frequency of each second in ppb."""
    crystal, whole, slow = Crystal(Oscillator(**{**QUIET, **options}), seed), [], []
    for _ in range(n):
        crystal.advance()
        whole.append(crystal.step_ns)
        slow.append(crystal.slow_ppb)
    return whole, slow


@pytest.mark.parametrize("m", [1, 4, 16])
def test_white_fm_falls_with_the_root_of_tau(m: int) -> None:
    y, slow = frequencies(40_000, white_fm=3e-9)
    assert allan(y, m) == pytest.approx(3.0 / math.sqrt(m), rel=0.05)
    assert set(slow) == {0.0}, "white frequency noise is no part of the current frequency"


@pytest.mark.parametrize("m", [1, 8, 64])
def test_random_walk_rises_with_the_root_of_tau(m: int) -> None:
    y, slow = frequencies(60_000, walk_fm=1e-9)
    # A walk in steps of a second has Allan variance (2 m^2 + 1) / (6 m), which tends to the textbook's tau / 3.
    assert allan(y, m) == pytest.approx(math.sqrt((2 * m * m + 1) / (6 * m)), rel=0.08)
    assert slow == y


@pytest.mark.parametrize("m", [1, 8, 64, 512])
def test_flicker_is_flat(m: int) -> None:
    floors = []
    for seed in range(4):
        noise = flicker(2.0, seed)
        floors.append(allan([next(noise) for _ in range(20_000)], m))
    assert statistics.fmean(floors) == pytest.approx(2.0, rel=0.09)


def test_static_frequency_is_drawn_and_clipped() -> None:
    drawn = [static_ppm(Oscillator(), seed) for seed in range(3000)]
    assert abs(statistics.fmean(drawn)) < 0.3
    assert statistics.pstdev(drawn) == pytest.approx(5.0, rel=0.05)
    assert max(map(abs, drawn)) <= 50.0
    assert static_ppm(Oscillator(ppm=-2.5), 1) == -2.5


def test_ageing_is_linear() -> None:
    y, _ = frequencies(1000, ageing_ppb_per_day=86.4)
    assert y[999] - y[0] == pytest.approx(0.999)


def test_a_day_of_temperature() -> None:
    spec = Oscillator(**QUIET, daily_c=4.0, ppb_per_c=-150.0)
    warmth = Temperature(spec, 3)
    celsius = [warmth.at(k) for k in range(0, 86_400, 60)]
    assert max(celsius) == pytest.approx(spec.mean_c + 4.0, abs=1e-3)
    assert min(celsius) == pytest.approx(spec.mean_c - 4.0, abs=1e-3)
    y, slow = frequencies(86_400, daily_c=4.0, ppb_per_c=-150.0)
    assert max(y) - min(y) == pytest.approx(2 * 4.0 * 150.0, rel=1e-3)
    assert slow == y


def test_a_load_warms_with_inertia_and_goes_again() -> None:
    warmth = Temperature(Oscillator(load_c=6.0, mean_c=40.0), 5)
    celsius = [warmth.at(k) for k in range(40_000)]
    assert 45.9 < max(celsius) <= 46.0
    assert min(celsius[10_000:]) < 40.5
    assert max(abs(a - b) for a, b in itertools.pairwise(celsius)) <= 6.0 / 60 + 1e-9


def test_phase_is_the_sum_of_what_each_second_adds() -> None:
    crystal, total = Crystal(Oscillator(ppm=2.0, white_fm=1e-8), 9), 0.0
    for k in range(100):
        crystal.advance()
        assert crystal.k == k
        assert crystal.x == pytest.approx(total, abs=1e-6)
        total += crystal.step_ns


def test_components_do_not_disturb_each_other() -> None:
    white, _ = frequencies(500, white_fm=1e-9)
    walk, _ = frequencies(500, walk_fm=1e-9)
    both, _ = frequencies(500, white_fm=1e-9, walk_fm=1e-9)
    assert both == pytest.approx([a + b for a, b in zip(white, walk, strict=True)], abs=1e-9)


def test_streams_are_independent_and_repeat() -> None:
    a, b, again = stream(1, "a"), stream(1, "b"), stream(1, "a")
    x, y = [a.random() for _ in range(2000)], [b.random() for _ in range(2000)]
    assert x == [again.random() for _ in range(2000)]
    correlation = statistics.correlation(x, y)
    assert abs(correlation) < 0.08
    assert stream(2, "a").random() != x[0]

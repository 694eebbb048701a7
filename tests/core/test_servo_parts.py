"""What the loop's filter is made of: gains against a Riccati recursion, learned shapes against Fisher information, jumps."""

from __future__ import annotations

import math
import random

import pytest
from clocks_and_pulses import one_sided

from gpstime.core.gains import Levels, steady
from gpstime.core.jumps import Jump, Jumps
from gpstime.core.misses import Misses
from gpstime.core.phase import Phase
from gpstime.core.pulse_noise import PulseNoise
from gpstime.core.shape import Shape
from gpstime.core.trend import Trend


def riccati(q: float, w: float) -> tuple[float, float]:
    """Gains by running the covariance to its end; pulse noise 1."""
    pxx, pxy, pyy = 1e3, 0.0, 1e3
    for _ in range(200_000):
        pxx, pxy, pyy = pxx + 2 * pxy + pyy + w * w, pxy + pyy, pyy + q * q
        k0, k1 = pxx / (pxx + 1), pxy / (pxx + 1)
        before = pxx
        pxx, pxy, pyy = pxx - k0 * pxx, pxy - k0 * pxy, pyy - k1 * pxy
        if abs(k0 - before / (before + 1)) > 1:  # never: keeps the loop plain
            break
    return k0, k1


@pytest.mark.parametrize(("q", "w"), [(1e-3, 1e-2), (1e-3, 0.2), (0.05, 0.5), (0.1, 0.01), (1e-2, 2.0), (2e-3, 0.0)])
def test_steady_gains_are_where_riccati_ends(q: float, w: float) -> None:
    assert steady(q, w) == pytest.approx(riccati(q, w), rel=1e-6)


@pytest.mark.parametrize(("crystal", "sigma_ns"), [(0.2, 1000.0), (1.0, 1000.0), (5.0, 300.0)])
def test_levels_are_found(crystal: float, sigma_ns: float) -> None:
    rng, phase, x, y = random.Random(5), Phase(), 0.0, 0.0
    for k in range(20_000):
        phase.add(k, x + rng.gauss(0.0, sigma_ns))
        x += y + rng.gauss(0.0, 10.0 * crystal)
        y += rng.gauss(0.0, crystal)
    assert phase.levels.q == pytest.approx(crystal, rel=0.5)
    assert math.sqrt(phase.noise2) == pytest.approx(sigma_ns, rel=0.05)


def test_levels_that_are_fixed_stay() -> None:
    levels = Levels(fixed=True)
    for _ in range(100):
        levels.learn(5.0, 5.0, 100.0, 100.0)
    levels.quicken()
    levels.settle(1000.0)
    assert (levels.q, levels.w) == (1.0, pytest.approx(10.0))


def judged(late: list[float], sigma: float, fixed: bool = False) -> float:
    """Effective noise (ns): spread of what the misses are judged to be, over how much of a shift of all of them shows in it."""
    shape = Shape(fixed)
    shape.sigma2 = sigma**2
    for v in late:
        shape.learn(v, shape.judge(v, 1.0)[1])
    middle = 0.0
    for _ in range(20):  # where a filter that uses it comes to rest
        middle += sum(shape.judge(v - middle, 1.0)[0] for v in late[:5000]) / 5000
    shift = 0.05 * sigma
    plain = [shape.judge(v - middle, 1.0)[0] for v in late]
    moved = [shape.judge(v - middle + shift, 1.0)[0] for v in late]
    gain = (sum(moved) - sum(plain)) / len(late) / shift
    mean = sum(plain) / len(late)
    return math.sqrt(sum((v - mean) ** 2 for v in plain) / len(late)) / gain


def test_gaussian_noise_loses_next_to_nothing() -> None:
    rng = random.Random(1)
    assert judged([rng.gauss(0.0, 1000.0) for _ in range(20_000)], 1000.0) < 1.02 * 1000.0


def test_student_noise_is_near_its_fisher_information() -> None:
    """Student's t with 3 degrees of freedom and scale s: the bound is s sqrt(3/2), its spread s sqrt(3)."""
    rng = random.Random(2)
    late = [1000.0 * rng.gauss(0.0, 1.0) / math.sqrt(rng.gammavariate(1.5, 2.0) / 3.0) for _ in range(20_000)]
    assert judged(late, 1300.0) < 1.04 * 1000.0 * math.sqrt(1.5)


def test_a_one_sided_latency_is_near_its_fisher_information_and_the_twin_is_not() -> None:
    """Log-normal of median m and s = 0.4: m / sqrt(exp(2 s^2) (1 + 1/s^2)) = 6.33 us, of 50 us."""
    bound = 20e3 / math.sqrt(math.exp(0.32) * (1.0 + 1.0 / 0.16))
    late = one_sided(3, 20_000)
    assert judged(late, 9000.0) < 1.12 * bound
    assert judged(late, 9000.0, fixed=True) > 1.25 * bound


def test_a_shape_goes_on_beyond_its_memory() -> None:
    """Old counts fade by new ones growing; when all are scaled back nothing else changes."""
    rng, shape = random.Random(4), Shape()
    shape.sigma2 = 1e6
    for k in range(200_000):
        v = rng.gauss(0.0, 1000.0)
        shape.learn(v, shape.judge(v, 1.0)[1])
        if k % 10_000 == 9_999:
            assert shape.judge(1500.0, 1.0)[0] == pytest.approx(1500.0, rel=0.12)


def misses(jumps: Jumps, rng: random.Random, count: int, size: float, alpha: float, beta: float) -> list[Jump | None]:
    """A steady filter's misses from a jump of `size` ppb on, with pulse noise of 1 us."""
    x, y, out = 0.0, size, []
    for _ in range(count):
        x += y
        e = x + rng.gauss(0.0, 1000.0)
        x, y = x - alpha * e, y - beta * e
        out.append(jumps.add(e))
        if out[-1] is not None and out[-1].p > 0.9:
            break
    return out


def test_jumps_are_found_soon_and_nearly_never_where_there_is_none() -> None:
    alpha, beta = steady(1e-3, 1e-2)
    rng, jumps = random.Random(6), Jumps()
    jumps.tune(alpha, beta, 1000.0**2 / (1.0 - alpha))
    false = [len(misses(jumps, rng, 20_000, 0.0, alpha, beta)) < 20_000 for _ in range(5)]
    assert sum(false) <= 2
    took = []
    for size in (300.0, -300.0, 600.0, 1000.0):
        jumps.reset()
        found = misses(jumps, rng, 24, size, alpha, beta)
        took.append(len(found))
        assert found[-1] is not None
        assert found[-1].y_ppb == pytest.approx(size, rel=0.5)
    assert max(took) < 18
    assert took[3] < took[0]


def test_misses_are_louder_quieter_or_on_one_side() -> None:
    rng = random.Random(7)
    for scale, says in ((1.0, None), (4.0, 2.0), (0.2, 0.5)):
        alarm = Misses()
        for _ in range(500):
            alarm.add(rng.gauss(0.0, 1000.0 * scale), 1e6, 1.0)
        assert alarm.factor == says
        assert not alarm.one_sided
    alarm = Misses()
    for _ in range(100):
        alarm.add(3000.0 + rng.gauss(0.0, 1000.0), 1e6, 1.0)
    assert alarm.factor is None
    assert alarm.one_sided
    alarm.calm()
    assert not alarm.one_sided


def test_the_doubt_of_a_holdover_is_as_large_as_its_error() -> None:
    """Sixty outages of ten minutes: their errors, in units of the doubt, scatter about as a normal variable does."""
    rng, phase, x, y = random.Random(8), Phase(), 0.0, 0.0
    errors = []
    for k in range(1, 90_000):
        x += y + rng.gauss(0.0, 10.0)
        y += rng.gauss(0.0, 1.0)
        if k > 6_000 and k % 1_400 < 600:
            if k % 1_400 == 599:
                guess = phase.ahead(k - phase.last)[0]
                errors.append((guess - x) / phase.doubt_ns(k - phase.last))
        else:
            phase.add(k, x + rng.gauss(0.0, 1000.0))
    assert len(errors) == 60
    assert 0.75 < math.sqrt(sum(e * e for e in errors) / len(errors)) < 1.3


def test_the_noise_is_learned_before_the_filter_is_settled() -> None:
    """On a pulse of 100 us the filter takes ten minutes to settle; its noise is known long before, and the clock's lag is none."""
    found = []
    for seed in range(8):
        rng, phase, x = random.Random(seed), Phase(), 0.0
        for k in range(240):
            phase.add(k, x + rng.gauss(0.0, 100_000.0))
            x += 20_000.0
        assert phase.learning.n == 0
        found.append(math.sqrt(phase.noise2) / 100_000.0)
    assert 0.85 < min(found) < max(found) < 1.15


def test_noise_known_from_few_pulses_is_a_wider_interval() -> None:
    noise = PulseNoise()
    noise.begin(4)
    few = noise.stretch
    noise.begin(16)
    assert few > 1.5 > noise.stretch > 1.1
    for _ in range(400):
        noise.early(1000.0, 1e6)
    assert 1.0 < noise.stretch < 1.02


def test_misses_that_are_all_alike_are_a_lag() -> None:
    rng, calm, lagging = random.Random(9), Misses(), Misses()
    for _ in range(300):
        e = rng.gauss(0.0, 1.0)
        calm.follow(e, 1.0, 0.2, 0.0)
        lagging.follow(e + 1.0, 1.0, 0.2, 0.0)
    assert calm.lag2 < 2.0
    assert lagging.lag2 > 5.0


def test_a_trend_is_used_once_it_is_plain() -> None:
    """0.5 ppb in a second, on a crystal that wanders by 1 ppb per root second: soon from pulse to pulse, later for a holdover."""
    rng, trend, fixed = random.Random(10), Trend(), Trend(fixed=True)
    assert trend.slope == trend.over(600.0) == 0.0
    for n in range(1, 6000):
        moved = 0.5 + rng.gauss(0.0, 1.0)
        trend.learn(moved, 1.0, n)
        fixed.learn(moved, 1.0, n)
    assert trend.over(600.0) == pytest.approx(0.5, abs=0.1)
    straight = 0.5 * trend.over(600.0) * 600.0**2
    assert trend.adds(600.0)[0] == pytest.approx(straight, rel=1e-3)
    assert trend.adds(2.0) == pytest.approx((2.0 * trend.slope, 2.0 * trend.slope))
    # no trend lasts a day: a swing that takes a day is where it was, and a straight line would be a second off
    assert trend.adds(86_400.0) == pytest.approx((0.0, 0.0), abs=1e-3)
    assert trend.adds(200_000.0) == pytest.approx((0.0, 0.0), abs=1e-3)
    assert 0.5 * trend.over(86_400.0) * 86_400.0**2 > 1e9
    assert abs(trend.over(600.0)) < abs(trend.slope)
    assert fixed.slope == fixed.over(600.0) == 0.0
    for n in range(6000, 20_000):
        trend.learn(rng.gauss(0.0, 1.0), 1.0, n)
    assert trend.over(600.0) == 0.0

"""Stretches of an RTC's edges: what breaks one, what does not, and what is left of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from gpstime.core.rtc_chain import Broken, Chain, blends
from gpstime.core.rtc_shift import shift
from gpstime.core.rtc_stretch import Point, per_true_second
from gpstime.core.trim import TrimSpec
from gpstime.model import Kind
from gpstime.times import NS, RawNs

PULSED = TrimSpec(-64, 63, 1e6 / 32 / 7200, "slower", "pulses", 7200, 0, "a test")
SMALL = TrimSpec(-127, 127, 1.0, "faster", "pulses", 60, 0, "a test")


@dataclass
class Edges:
    """Edges every `every_s` of an RTC that gains `ppm`; `extra_ns(t)` is added to its phase."""

    ppm: float = 2.0
    every_s: int = 60
    noise_ns: float = 100_000.0
    err_ns: int = 270_000
    extra_ns: Callable[[int], float] = lambda t: 0.0
    seed: int = 1

    def __call__(self, until_s: int) -> Iterator[Point]:
        draw, t = random.Random(self.seed), 0
        while t < until_s:
            x = self.ppm * 1e3 * t + self.extra_ns(t)
            whole = round((t * NS + x) / NS) * NS  # its seconds begin when its count is whole
            true = round(t * NS + (whole - t * NS - x) / (1 + self.ppm * 1e-6) + draw.uniform(-1, 1) * self.noise_ns)
            yield Point(true, whole - true, self.err_ns, RawNs(true))
            t += self.every_s + draw.choice((-3, -1, 0, 2, 3))


def fed(edges: Iterator[Point], chain: Chain | None = None) -> tuple[Chain, list[Broken]]:
    chain = Chain() if chain is None else chain
    broken = [b for _, b in map(chain.add, edges) if b is not None]
    return chain, broken


def holds(chain: Chain, index: int, ppm: float) -> None:
    drift = chain.stretches[index].drift()
    assert drift is not None
    half = drift.mean_hi_ppb - drift.mean_lo_ppb
    assert abs(drift.mean_ppb - ppm * 1e3) <= half
    assert half < 200


@pytest.mark.parametrize("seed", range(4))
def test_half_a_day_in_one_stretch(seed: int) -> None:
    chain, broken = fed(Edges(seed=seed)(43_200))
    assert broken == []
    assert len(chain.stretches) == 1
    holds(chain, 0, 2.0)
    assert chain.stretch.span_s > 43_000


@pytest.mark.parametrize("ms", [3000.0, -300.0, 20.0, -2.0, 1.0, 0.4, -0.4])
def test_a_jump_ends_the_stretch_and_none_of_it_is_averaged_in(ms: float) -> None:
    chain, broken = fed(Edges(extra_ns=lambda t: ms * 1e6 if t > 5400 else 0.0)(10_800))
    (found,) = broken
    assert found.bend_ppb is None
    assert found.jump_ns is not None
    assert abs(found.jump_ns - ms * 1e6) < 200_000
    assert found.after < 5400 * NS + 70 * NS < found.at + 140 * NS
    assert [s.ended for s in chain.stretches] == ["set", ""]
    holds(chain, 0, 2.0)
    holds(chain, 1, 2.0)
    blind, nothing = fed(Edges(extra_ns=lambda t: ms * 1e6 if t > 5400 else 0.0)(10_800), Chain(detect=False))
    assert nothing == []
    drift = blind.stretch.drift()
    assert drift is not None
    assert not drift.mean_lo_ppb <= 2000.0 <= drift.mean_hi_ppb, "control: averaged in, it is wrong"


@pytest.mark.parametrize("ppm", [20.0, 5.0, -3.0, 1.5])
def test_another_rate_ends_the_stretch(ppm: float) -> None:
    chain, broken = fed(Edges(extra_ns=lambda t: ppm * 1e3 * max(0, t - 5400))(10_800))
    assert len(broken) == 1
    assert [s.ended for s in chain.stretches] == ["rate-change", ""]
    assert broken[0].jump_ns is None
    holds(chain, 0, 2.0)
    holds(chain, 1, 2.0 + ppm)


def test_what_temperature_does_in_a_day_is_no_break() -> None:
    """A tuning fork 10 C above its turnover, +-5 C in a day: +-3.4 ppm."""
    import math

    def warm(t: int) -> float:
        w = 2 * math.pi / 86_400
        return 3400.0 / w * (1 - math.cos(w * t))

    chain, broken = fed(Edges(ppm=-3.4, extra_ns=warm)(86_400))
    assert broken == []
    assert chain.outliers == 0


def test_one_edge_that_is_off_is_left_out() -> None:
    edges = list(Edges()(7200))
    far = edges[60]
    edges[60] = Point(far.true_ns, far.x_ns + 5_000_000, far.err_ns, far.at)
    chain, broken = fed(iter(edges))
    assert broken == []
    assert chain.outliers == 1
    holds(chain, 0, 2.0)
    assert chain.stretch.n == len(edges) - 1


def test_the_same_edge_twice_counts_once() -> None:
    edges = list(Edges()(1200))
    chain, _ = fed(iter([e for edge in edges for e in (edge, edge)]))
    assert chain.stretch.n == len(edges)


def _pulses(value: int) -> Callable[[int], float]:
    def extra(t: int) -> float:
        cycles, into = divmod(t, 7200)
        count = cycles * abs(value) + min(abs(value), into // 60)
        return count * PULSED.pulse_ns(1 if value > 0 else -1)

    return extra


@pytest.mark.parametrize("value", [5, -3, 20])
def test_pulses_of_the_trim_are_taken_out_and_their_mean_put_in(value: int) -> None:
    chain = Chain()
    chain.trim(PULSED, value)
    chain, broken = fed(Edges(ppm=3.0, extra_ns=_pulses(value))(6 * 7200 - 60), chain)
    assert broken == []
    assert chain.stretch.pulses == 6 * abs(value)
    holds(chain, 0, 3.0 + PULSED.effect_ppm(value))


def test_a_set_among_pulses_is_a_set() -> None:
    chain = Chain()
    chain.trim(PULSED, 5)
    pulses = _pulses(5)
    chain, broken = fed(Edges(ppm=3.0, extra_ns=lambda t: pulses(t) + (2.1e8 if t > 20_000 else 0.0))(36_000), chain)
    (found,) = broken
    assert found.jump_ns == pytest.approx(2.1e8, abs=3e5)
    # of the other sign than the register says: none of the trim's
    chain = Chain()
    chain.trim(PULSED, 5)
    _, broken = fed(Edges(ppm=3.0, extra_ns=lambda t: 31.25e6 if t > 4000 else 0.0)(7000), chain)
    assert len(broken) == 1


def test_which_trims_blend() -> None:
    assert blends(SMALL)
    assert not blends(PULSED)
    assert not blends(None)
    assert not blends(TrimSpec(-128, 127, 0.1, "slower", "continuous", 1, 64, "a test"))


def test_a_stretch_that_is_ended_from_outside_leaves_the_doubtful_edges_out() -> None:
    chain = Chain()
    for point in Edges()(3600):
        chain.add(point)
    before = chain.stretch.n
    chain.end("temperature-jump", RawNs(3300 * NS))
    ended, fresh = chain.stretches
    assert ended.ended == "temperature-jump"
    assert before - 6 <= ended.n < before
    assert ended.last is not None
    assert ended.last.at < 3300 * NS
    assert fresh.first is None
    chain.end("again")
    assert len(chain.stretches) == 2, "nothing was there to end"


def test_a_clock_that_is_set_all_the_time_costs_no_memory() -> None:
    chain, _ = fed(Edges(every_s=10, extra_ns=lambda t: t // 300 * 1e8)(60_000))
    assert 60 <= len(chain.stretches) <= 65
    kinds = {kind for kind, _ in map(chain.add, Edges()(0))}
    assert kinds <= {Kind.OK, Kind.OUTLIER}


def test_seconds_of_the_rtc_and_true_ones() -> None:
    """139 ppm: a second of the RTC is shorter, by 19 ppb of the rate."""
    assert per_true_second(0.0) == 0.0
    assert per_true_second(138_980.682) == pytest.approx(139_000.0, abs=0.01)


@pytest.mark.parametrize("seed", range(6))
def test_noise_alone_is_no_shift(seed: int) -> None:
    draw = random.Random(seed)
    for n in (10, 20, 40):
        t = [60.0 * i for i in range(n)]
        for _ in range(60):
            assert shift(t, [draw.gauss(0, 1e5) + 3e3 * v for v in t], [3e4] * n, n) is None


def test_shifts_are_found_where_they_are() -> None:
    draw = random.Random(3)
    t = [60.0 * i for i in range(40)]
    noise = [draw.gauss(0, 5e4) for _ in t]
    jumped = shift(t, [e + (4e5 if i >= 31 else 0.0) for i, e in enumerate(noise)], [3e4] * 40, 14)
    assert jumped is not None
    assert jumped.index == 31
    assert jumped.jump_ns == pytest.approx(4e5, abs=1e5)
    bent = shift(t, [e + 3e3 * max(0.0, v - t[29]) for e, v in zip(noise, t, strict=True)], [3e4] * 40, 14)
    assert bent is not None
    assert abs(bent.index - 30) <= 1
    assert bent.bend_ppb == pytest.approx(3e3, rel=0.2)
    early = shift(t, [e + (4e5 if i >= 9 else 0.0) for i, e in enumerate(noise)], [3e4] * 40, 14)
    assert early is None or early.index >= 26, "only the newest are looked through"

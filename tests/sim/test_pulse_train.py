"""The stamps of the pulses: noise of each kind against theory, counter quanta, bias."""

from __future__ import annotations

import math
import statistics

import pytest
from simulated import pulses, run

from gpstime.errors import UsageError
from gpstime.sim.clock import BOARDS
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.pulse import noise

N = 30_000
PERFECT = Oscillator(ppm=0.0, white_fm=0.0, walk_fm=0.0)


def drawn(kind: str, level: float = 1000.0) -> list[float]:
    draw = noise(kind, level, 4)
    return [draw() for _ in range(N)]


def test_gauss() -> None:
    values = drawn("gauss")
    assert statistics.pstdev(values) == pytest.approx(1000.0, rel=0.02)
    assert statistics.fmean(abs(v) for v in values) == pytest.approx(1000.0 * math.sqrt(2 / math.pi), rel=0.02)
    assert max(map(abs, values)) < 6000.0


def test_student3_has_the_rms_and_the_tails() -> None:
    values = drawn("student3")
    # Quartile and tail of Student's t with three degrees of freedom, whose standard deviation is sqrt(3).
    assert statistics.median(map(abs, values)) == pytest.approx(1000.0 * 0.7649 / math.sqrt(3), rel=0.03)
    beyond = sum(abs(v) > 1000.0 * 5.841 / math.sqrt(3) for v in values) / N
    assert beyond == pytest.approx(0.01, rel=0.2)


def test_outliers_are_one_in_twenty_and_fifty_times_as_far() -> None:
    values = drawn("outliers")
    far = [v for v in values if abs(v) > 5000.0]
    # Of a Gaussian of 50 sigma 92.03 % lies beyond 5 sigma.
    assert len(far) / N == pytest.approx(0.05 * 0.9203, rel=0.06)
    assert math.sqrt(statistics.fmean(v * v for v in values)) == pytest.approx(1000 * math.sqrt(0.95 + 0.05 * 2500), rel=0.05)
    assert statistics.median(map(abs, values)) == pytest.approx(0.6745 * 1000 * 1.06, rel=0.04)


def test_latency_is_one_sided_with_a_tail() -> None:
    values = drawn("latency")
    assert min(values) > 100.0
    assert statistics.median(values) == pytest.approx(1000.0, rel=0.05)
    assert sum(v > 5000.0 for v in values) / N == pytest.approx(0.03 * math.exp(-0.4), rel=0.15)


def test_unknown_noise_names_the_known() -> None:
    with pytest.raises(UsageError, match="gauss, student3, outliers, latency"):
        noise("pink", 1.0, 1)


@pytest.mark.parametrize(
    ("name", "ticks_per_ms"), [("pi1", 1000), ("pi3", 19_200), ("pi4", 54_000), ("pi5", 54_000), ("ideal", 10**6)]
)
def test_stamps_are_whole_ticks_of_the_counter(name: str, ticks_per_ms: int) -> None:
    _, events = run(board=name, duration_s=200, oscillator=PERFECT, pps_noise_ns=5000.0)
    stamps = [p.at for p in pulses(events)]
    for at in stamps:
        tick = -(-at * ticks_per_ms // 10**6)  # the tick that this is the floor of
        assert tick * 10**6 // ticks_per_ms == at
    assert len({at % 10**6 for at in stamps}) > (10 if name == "pi1" else 100), "the quantum is not coarser than it should be"


def test_quantising_rounds_down_by_less_than_a_tick() -> None:
    for b in BOARDS.values():
        tick_ns = b.den / b.num
        lost = [raw - b.quantise(raw) for raw in range(10**12, 10**12 + 4000, 7)]
        assert min(lost) >= 0
        assert tick_ns - 8 <= max(lost) + 1 <= tick_ns + 2, b.name  # ticks are not whole ns: both ways are rounded


@pytest.mark.parametrize(("options", "bias"), [({"board": "pi4"}, 3000), ({"board": "pi5"}, 10_000), ({"pps_bias_ns": -50.0}, -50)])
def test_bias_of_the_interrupt(options: dict[str, object], bias: int) -> None:
    world, events = run(duration_s=400, oscillator=PERFECT, pps_noise_ns=200.0, **options)
    late = [p.shown - world.calendar.unix_ns(world.truth.find(p.at).k * 10**9) for p in pulses(events)]
    assert statistics.fmean(late) == pytest.approx(bias, abs=50)


def test_both_edges_are_a_width_apart_and_numbered_each() -> None:
    _, events = run(duration_s=20, both_edges=True, oscillator=PERFECT)
    up, down = ([p for p in pulses(events) if p.edge == e] for e in ("assert", "clear"))
    assert [p.seq for p in up] == [p.seq for p in down] == list(range(1, 21))
    assert all(abs(b.at - a.at - 100_000_000) < 30 for a, b in zip(up, down, strict=True))

"""The frequency of a trim that acts in pulses: over whole cycles it is right, over anything else it is not (shown)."""

from __future__ import annotations

import random

import pytest

from gpstime.core.trim import TrimSpec
from gpstime.core.whole_cycles import Ahead, jumps, longest_untouched, mean_rate
from gpstime.times import NS

MODE_0 = TrimSpec(-64, 63, 4.34028, "slower", "pulses", 7200, 7200, "PCF8523: Offset, mode 0")
START = 1_772_366_400  # a whole number of cycles
ERR = 200_000


def chip(bare_ppm: float, value: int, hours: float, *, phase_s: int = 0, every_s: int = 60, seed: int = 1) -> list[Ahead]:
    """Starts of seconds of a chip whose trim takes 1/32 s at once in each of `value` minutes from the cycle's start on."""
    draw = random.Random(seed)
    points = []
    shown, end = START + phase_s, START + phase_s + round(hours * 3600)
    while shown < end + 1:
        done, into = divmod(shown - START, 7200)
        pulses = done * value + min(value, into // 60)
        # every pulse makes the chip's second that much longer: it falls behind
        x = bare_ppm * 1e-6 * (shown - START) * NS - pulses * NS / 32
        points.append(Ahead(shown, round(x + draw.uniform(-ERR, ERR)), ERR))
        shown += every_s
    return points


@pytest.mark.parametrize("phase_s", [0, 60, 1000, 3600, 7140])
@pytest.mark.parametrize(("bare_ppm", "value"), [(100.9, 23), (13.5, 3), (4.0, 1)])
def test_whole_cycles_give_the_trimmed_frequency(bare_ppm: float, value: int, phase_s: int) -> None:
    truth = bare_ppm + MODE_0.effect_ppm(value)
    found = mean_rate(chip(bare_ppm, value, 5, phase_s=phase_s), MODE_0.cycle_s)
    assert found is not None
    assert found.cycles == 2
    assert found.lo_ppm <= truth <= found.hi_ppm
    assert found.hi_ppm - found.lo_ppm < 0.06


def test_starts_that_miss_the_second_wanted() -> None:
    """The polls find an edge at :19 or :21 now and then; no pulse lies there, and the few seconds are allowed for."""
    truth = 100.9 + MODE_0.effect_ppm(23)
    for seed in range(50):
        draw = random.Random(seed)
        points = []
        for p in chip(100.9, 23, 2.1, phase_s=20, seed=seed):
            late = draw.randint(-1, 1)
            # between two pulses the bare crystal runs
            points.append(Ahead(p.shown_s + late, p.ahead_ns + round(late * 100.9e3), p.err_ns))
        found = mean_rate(points, MODE_0.cycle_s, MODE_0.effect_ppm(23))
        assert found is not None
        assert found.lo_ppm <= truth <= found.hi_ppm
    # a second beside the turn of the minute proves nothing: a pulse may lie between
    beside = [Ahead(START - 1, 0, ERR), Ahead(START + 7200, 0, ERR)]
    assert mean_rate(beside, MODE_0.cycle_s) is None


def test_less_than_whole_cycles_is_wrong() -> None:
    """The twin: the same points without regard to the cycle give a frequency that is off by several steps."""
    points = chip(100.9, 23, 1.2)
    wrong = mean_rate(points, 1)
    assert wrong is not None
    assert abs(wrong.ppm - (100.9 + MODE_0.effect_ppm(23))) > 20
    assert mean_rate(points, MODE_0.cycle_s) is None


def test_the_interval_always_holds() -> None:
    """Half-widths are limits, not sigmas: not one of 500 seeded runs leaves the interval."""
    for seed in range(500):
        found = mean_rate(chip(3.0, 1, 3, phase_s=60 * (seed % 120), seed=seed), MODE_0.cycle_s)
        assert found is not None
        assert found.lo_ppm <= 3.0 - 4.34028 <= found.hi_ppm


def test_nothing_to_say() -> None:
    assert mean_rate([], 1) is None
    assert mean_rate(chip(3.0, 0, 0), 1) is None


def test_a_continuous_trim_needs_no_phase() -> None:
    found = mean_rate(chip(-4.0, 0, 2, phase_s=17, every_s=64), 1)
    assert found is not None
    assert found.span_s == 7168
    assert found.lo_ppm <= -4.0 <= found.hi_ppm


def test_a_set_is_seen_and_a_pulse_is_not() -> None:
    points = chip(100.9, 23, 4)
    assert jumps(points, MODE_0.pulse_ns(1)) == []
    # without knowing of pulses each of them looks like somebody's set
    assert len(jumps(points, 0)) > 20
    late = [Ahead(p.shown_s, p.ahead_ns + (400_000_000 if i >= 150 else 0), p.err_ns) for i, p in enumerate(points)]
    (found,) = jumps(late, MODE_0.pulse_ns(1))
    assert found.shown_s == points[150].shown_s
    assert found.by_ns == pytest.approx(400e6, abs=40e6)
    assert longest_untouched(late, [found]) == late[:150]


def test_a_small_set_of_a_steady_chip_is_seen() -> None:
    points = chip(0.5, 0, 4)
    late = [Ahead(p.shown_s, p.ahead_ns - (1_000_000 if i >= 20 else 0), p.err_ns) for i, p in enumerate(points)]
    assert [j.shown_s for j in jumps(late, 0)] == [points[20].shown_s]
    assert longest_untouched(late, jumps(late, 0)) == late[20:]

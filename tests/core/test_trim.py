"""The trim's arithmetic: never farther from zero, the sign of every kind of register, and what can't be told is not written."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpstime.core.trim import TrimSpec, plan, residual, residuals, verdict

AGING = TrimSpec(-128, 127, 0.1, "slower", "continuous", 1, 64, "DS3231: Aging Offset", step_error=0.3)
MODE_0 = TrimSpec(-64, 63, 4.34, "slower", "pulses", 7200, 7200, "PCF8523: Offset, mode 0")
FASTER = TrimSpec(-256, 255, 0.9537, "faster", "continuous", 1, 0, "RV-3028: EEOffset")
SPECS = (AGING, MODE_0, FASTER)

ppm = st.floats(-400, 400, allow_nan=False)


def test_the_sign_of_each_kind() -> None:
    # all of them gain 8 ppm: the chips where positive is slower want a larger value, the other one a smaller
    assert plan(8.0, 7.9, 8.1, 0, AGING).value == 80
    assert plan(8.0, 7.9, 8.1, 0, MODE_0).value == 2
    assert plan(8.0, 7.9, 8.1, 0, FASTER).value == -8
    assert plan(-8.0, -8.1, -7.9, 0, AGING).value == -80
    # a measurement belongs to the value in force: the difference counts
    assert plan(8.0, 7.9, 8.1, -30, AGING).value == 50
    assert plan(8.0, 7.9, 8.1, 4, FASTER).value == -4


@given(st.sampled_from(SPECS), ppm, st.floats(0, 30), st.floats(0, 1), st.integers(0, 511), st.floats(-1, 1))
def test_never_farther_from_zero(spec: TrimSpec, mid: float, wide: float, where: float, register: int, step_off: float) -> None:
    """Whatever the truth inside the interval and the true size of the step, what is written is no worse than what was there."""
    current = spec.lo + register % (spec.hi - spec.lo + 1)
    lo, hi = mid - wide / 2, mid + wide / 2
    planned = plan(mid, lo, hi, current, spec)
    assert spec.lo <= planned.value <= spec.hi
    truth = lo + where * (hi - lo)
    step = spec.ppm_per_step * (1 + step_off * spec.step_error)
    became = truth + (spec.effect_ppm(planned.value) - spec.effect_ppm(current)) / spec.ppm_per_step * step
    assert abs(became) <= abs(truth) + 1e-9
    assert planned.predicted_lo_ppm - 1e-9 <= became <= planned.predicted_hi_ppm + 1e-9
    assert planned.worth == (planned.value != current)
    assert planned.why


@given(st.sampled_from(SPECS), ppm)
def test_a_well_known_error_comes_within_half_a_step_or_to_the_end_of_the_register(spec: TrimSpec, mid: float) -> None:
    spec = replace(spec, step_error=0.0)
    planned = plan(mid, mid, mid, 0, spec)
    reachable = -spec.effect_ppm(spec.hi), -spec.effect_ppm(spec.lo)
    if min(reachable) <= mid <= max(reachable):
        assert abs(planned.predicted_ppm) <= spec.ppm_per_step / 2 + 1e-9
    else:
        assert planned.value in (spec.lo, spec.hi)


def test_the_wrong_sign_would_be_seen() -> None:
    """The twin of the property above: with the sign of the register turned round, trimming makes it worse."""
    wrong = replace(AGING, positive="faster")
    planned = plan(3.0, 2.9, 3.1, 0, wrong)
    became = 3.0 + AGING.effect_ppm(planned.value)
    assert abs(became) > 3.0


def test_what_cant_be_told_is_not_written() -> None:
    unsure = plan(0.05, -0.1, 0.2, 3, AGING)
    assert not unsure.worth
    assert unsure.value == 3
    assert "can't tell gaining from losing" in unsure.why
    # 3 +- 2.5 ppm may be 0.5: of the 30 steps that the middle asks for only few are safe
    careful = plan(3.0, 0.5, 5.5, 0, AGING)
    assert careful.worth
    assert careful.value == 7
    assert "30 would be nearer" in careful.why
    overshoot = plan(2.0, 1.0, 3.0, 0, MODE_0)
    assert not overshoot.worth


def test_nothing_nearer() -> None:
    good = plan(2.1, 2.09, 2.11, 0, MODE_0)
    assert not good.worth
    assert "no other value is closer" in good.why


def test_out_of_reach() -> None:
    far = plan(30.0, 29.9, 30.1, 0, AGING)
    assert far.worth
    assert far.value == 127
    assert "goes no further" in far.why
    there = plan(17.3, 17.2, 17.4, 127, AGING)
    assert not there.worth
    assert "limit" in there.why


@pytest.mark.parametrize("fake", [83_000.0, -83_000.0, 501.0])
def test_a_fake_chip_is_not_trimmed(fake: float) -> None:
    refused = plan(fake, fake - 1, fake + 1, 0, AGING)
    assert not refused.worth
    assert "no trim cures it" in refused.why


def test_a_register_that_cant_be_right() -> None:
    refused = plan(3.0, 2.9, 3.1, 200, AGING)
    assert not refused.worth
    assert "read it again" in refused.why


@pytest.mark.parametrize("interval", [(1.0, 2.0, 3.0), (math.nan, math.nan, math.nan), (1.0, math.nan, 2.0)])
def test_an_interval_that_is_none(interval: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="not an interval"):
        plan(*interval, 0, AGING)


def test_a_residual_for_every_value() -> None:
    listed = residuals(8.0, 7.9, 8.1, 2, MODE_0)
    assert [r.value for r in listed] == list(range(-64, 64))
    assert listed[66] == residual(8.0, 7.9, 8.1, 2, 2, MODE_0)
    assert listed[66].ppm == 8.0
    assert [round(b.ppm - a.ppm, 6) for a, b in itertools.pairwise(listed)] == [-4.34] * 127


def test_pulses() -> None:
    # PCF8523 data sheet: mode 0 corrects every two hours; a step of 4.34 ppm is then 31.25 ms
    assert MODE_0.pulse_ns(1) == pytest.approx(-31.25e6, rel=1e-3)
    assert MODE_0.whole_cycles_s(1) == 7200
    assert MODE_0.whole_cycles_s(7200) == 7200
    assert MODE_0.whole_cycles_s(14_000) == 14_400
    assert AGING.whole_cycles_s(3600) == 3600


def test_verdicts() -> None:
    before, predicted = (7.9, 8.1), (-0.15, 0.1)
    assert verdict(before, predicted, (-0.1, 0.2)).word == "confirmed"
    assert verdict(before, predicted, (2.0, 2.2)).word == "closer"
    assert verdict(before, predicted, (15.0, 17.0)).word == "farther"
    assert verdict(before, predicted, (-17.0, -15.0)).word == "farther"
    assert verdict(before, predicted, (5.0, 9.0)).word == "unclear"


def test_a_verdict_never_condemns_a_good_trim() -> None:
    rng = random.Random(20261124)
    for _ in range(2000):
        truth, step_off = rng.uniform(-12, 12), rng.uniform(-1, 1)
        wide = rng.choice((0.01, 0.1, 1.0))
        seen = truth + rng.uniform(-wide, wide)
        planned = plan(seen, seen - wide, seen + wide, 0, AGING)
        became = truth + AGING.effect_ppm(planned.value) * (1 + step_off * AGING.step_error)
        after = became + rng.uniform(-wide, wide)
        found = verdict(
            (seen - wide, seen + wide), (planned.predicted_lo_ppm, planned.predicted_hi_ppm), (after - wide, after + wide)
        )
        assert found.word == "confirmed", (truth, planned, after)

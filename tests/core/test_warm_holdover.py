"""Without a pulse the frequency follows the temperature, where a model was learned that helps; else it stays."""

from __future__ import annotations

import math
import random

import pytest

from gpstime.core.bound import Biases, error_bound
from gpstime.core.policy import Policy
from gpstime.core.servo import Servo
from gpstime.core.train import Pulse
from gpstime.model import ErrorBound, Mode, PpsEdge, Slew
from gpstime.times import NS, RawNs, UnixNs

LEARNED_S, OUT_S = 18_000, 7_200


def after_an_outage(ppb_per_c: float, fooled: bool = False) -> tuple[float, float, ErrorBound]:
    """How far the steered clock has gone (ns) two hours after the pulse went, and had its frequency been kept; 5 C warmer then.

    `fooled`: what gets warmer in the outage is the sensor only. The bound without biases comes last.
    """
    gauss = random.Random(3).gauss
    servo = Servo(Policy(second_known=True))
    x = clock = kept = 0.0
    correction = at_loss = 0.0
    for n in range(LEARNED_S + OUT_S):
        out = n - LEARNED_S
        celsius = 45.0 + (3.0 * math.sin(2.0 * math.pi * n / 3_600.0) if out < 0 else 5.0 * out / OUT_S)
        at = RawNs(n * NS + round(x))
        if n % 60 == 0:
            servo.warmth.on_temperature(at, "soc", celsius)
        asked = ()
        if out < 0:
            late = round(gauss(0.0, 300.0))
            servo.hear(
                Pulse(RawNs(at + late), n, PpsEdge(RawNs(at + late), UnixNs(n * NS + round(clock) + late))), round(clock) + late
            )
            asked = servo.decide()
        else:
            asked = servo.on_tick(at)
        for slew in asked:
            if isinstance(slew, Slew):
                correction = slew.freq_ppb
        felt = 45.0 if fooled and out >= 0 else celsius
        freq = 2_000.0 + ppb_per_c * (felt - 45.0) + gauss(0.0, 1.0)
        if out == 0:
            clock, at_loss = 0.0, correction
        x += freq
        clock += freq + correction
        kept += freq + at_loss if out >= 0 else 0.0
    nothing, at = Biases(0.0, 0.0, 0.0), RawNs(n * NS + round(x))
    bound = error_bound(servo.phase, nothing, Mode.HOLDOVER, at, float(OUT_S), 0.0, 0.0, servo.followed(at))
    return clock, kept, bound


def test_the_frequency_follows_the_temperature() -> None:
    clock, kept, bound = after_an_outage(-150.0)
    assert abs(kept) > 2_000_000.0
    assert abs(clock) < 0.15 * abs(kept)
    assert bound.parts["model"] == pytest.approx(abs(kept), rel=0.2)  # what the model took away
    assert abs(clock) < bound.bound_ns


def test_a_model_that_is_fooled_makes_the_bound_no_lie() -> None:
    clock, kept, bound = after_an_outage(-150.0, fooled=True)
    assert abs(clock) > 1_000_000.0 > abs(kept)  # following was worse than not
    assert abs(clock) < bound.bound_ns
    assert bound.growth_ppb > 100.0
    # the bound holds wherever that of a frequency that is kept would
    assert abs(clock) <= abs(kept) + bound.parts["model"] + 1_000.0


def test_where_temperature_does_nothing_nothing_is_done() -> None:
    clock, kept, bound = after_an_outage(0.0)
    assert clock == pytest.approx(kept, abs=100_000.0)
    assert bound.parts["model"] == 0.0

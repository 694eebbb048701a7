"""Without a pulse the frequency follows the temperature, where a model was learned that helps; else it stays."""

from __future__ import annotations

import math
import random

import pytest

from gpstime.core.policy import Policy
from gpstime.core.servo import Servo
from gpstime.core.train import Pulse
from gpstime.model import PpsEdge, Slew
from gpstime.times import NS, RawNs, UnixNs

LEARNED_S, OUT_S = 18_000, 7_200


def after_an_outage(ppb_per_c: float) -> tuple[float, float]:
    """How far the steered clock has gone (ns) two hours after the pulse went, and had its frequency been kept; 5 C warmer then."""
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
        freq = 2_000.0 + ppb_per_c * (celsius - 45.0) + gauss(0.0, 1.0)
        if out == 0:
            clock, at_loss = 0.0, correction
        x += freq
        clock += freq + correction
        kept += freq + at_loss if out >= 0 else 0.0
    return clock, kept


def test_the_frequency_follows_the_temperature() -> None:
    clock, kept = after_an_outage(-150.0)
    assert abs(kept) > 2_000_000.0
    assert abs(clock) < 0.15 * abs(kept)


def test_where_temperature_does_nothing_nothing_is_done() -> None:
    clock, kept = after_an_outage(0.0)
    assert clock == pytest.approx(kept, abs=100_000.0)

"""The kernel's rewrites, lost in the noise one by one, seen folded; and what is no rewrite is not taken for one."""

from __future__ import annotations

import math
import random

import pytest

from gpstime.core.rtc_rhythm import Rhythm
from gpstime.core.rtc_stretch import Stretch
from gpstime.core.rtc_track import RtcTrack
from gpstime.core.train import Pulse
from gpstime.model import PpsEdge, RtcReading
from gpstime.times import NS, RawNs, UnixNs, UtcTime

NOISE_NS = 300_000.0


def seen(ppm: float, hours: float, *, rewrites: bool, seed: int, weather_ppb: float = 0.0) -> list[float]:
    """Every jump that was told in a run with an edge a minute."""
    draw, rhythm, stretch = random.Random(seed), Rhythm(), Stretch()
    x, put, out, begins = 0.0, 0.0, [], draw.uniform(0, 660)
    cell = 0
    for minute in range(round(hours * 60)):
        t = 60.0 * minute
        x += 60.0 * (ppm * 1e3 + weather_ppb * math.sin(2 * math.pi * t / 86_400 + seed))
        if rewrites and (now := math.floor((t - begins) / 660)) != cell:
            cell, put = now, -x + draw.uniform(-1e5, 1e5)
        rhythm.add(stretch, t, x + put + draw.gauss(0, NOISE_NS))
        if minute % 8 == 0 and (jump := rhythm.jump_ns()) is not None:
            out.append(jump)
    return out


@pytest.mark.parametrize("ppm", [1.5, 2.5, -1.5, -4.0])
@pytest.mark.parametrize("seed", range(4))
def test_teeth_that_no_edge_shows_are_seen_folded(ppm: float, seed: int) -> None:
    found = seen(ppm, 5, rewrites=True, seed=seed)
    assert found
    assert found[-1] == pytest.approx(-660e3 * ppm, rel=0.35)


@pytest.mark.parametrize(("ppm", "weather"), [(0.0, 0.0), (3.0, 0.0), (-80.0, 0.0), (2.0, 1000.0), (0.0, 300.0)])
@pytest.mark.parametrize("seed", range(3))
def test_a_clock_that_nobody_sets_is_left_alone(ppm: float, weather: float, seed: int) -> None:
    assert seen(ppm, 24, rewrites=False, seed=seed, weather_ppb=weather) == []


def test_another_stretch_begins_anew() -> None:
    rhythm, one, two = Rhythm(), Stretch(), Stretch()
    for minute in range(120):
        rhythm.add(one if minute < 60 else two, 60.0 * minute, 1000.0 * (minute % 11))
    assert rhythm.jump_ns() is None, "an hour of each is too little"


def test_small_rewrites_end_what_is_believed() -> None:
    """On the track itself: named, and no frequency is given; the twin that does not look for it says that the RTC runs true."""
    for detect in (True, False):
        draw, track, x = random.Random(7), RtcTrack(detect=detect), 0.0
        for second in range(5 * 3600):
            at = RawNs(second * NS)
            label = UtcTime.from_unix(1_795_478_400 * NS + at)
            track.on_pulse(Pulse(at, second, PpsEdge(at, UnixNs(at), "assert", second)), 1.0, label)
            if second % 60 == 30:
                x = 1500.0 * ((second + 200) % 660)
                seen = RawNs(at - round(x) + round(draw.gauss(0, NOISE_NS)))
                track.on_reading(RtcReading(seen, label, NS, 300_000, True, True, 25.0, 0, "ds3231"))
        best = track.best(track.bus)
        drift = None if best is None else best.drift()
        assert ("kernel-rewrite" in {b.reason for b in track.breaks}) is detect
        assert drift is None if detect else drift is not None and drift.mean_hi_ppb < 100

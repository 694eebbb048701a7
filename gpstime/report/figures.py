"""Figures for people: frequencies in ppm, times with three digits, and what a clock that is off costs."""

from __future__ import annotations

import math

from gpstime.app.durations import say_duration
from gpstime.model import Drift

HOUR_S, DAY_S = 3600.0, 86_400.0


def _places(half_ppm: float) -> int:
    """Decimals such that the half-width shows two digits."""
    return min(max(1 - math.floor(math.log10(half_ppm)), 0), 6) if half_ppm > 0 else 4


def ppm(freq: float, lo: float, hi: float) -> str:
    """`+2.314 ± 0.012 ppm (95 %: +2.302 … +2.326)` from ppb."""
    half = (hi - lo) / 2000
    p = _places(half)
    return f"{freq / 1000:+.{p}f} ± {half:.{p}f} ppm (95 %: {lo / 1000:+.{p}f} … {hi / 1000:+.{p}f})"


def say_time(seconds: float) -> str:
    """With three digits: 8.33 ms; from 100 s on in minutes, hours and days."""
    size = abs(seconds)
    if size >= 100:
        return ("-" if seconds < 0 else "") + say_duration(size)
    for unit, scale in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if size * scale >= 1:
            return f"{seconds * scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def cost(d: Drift, after_s: float) -> str:
    """What the clock will be off after `after_s` without correction, with what the interval and the walk make of it (95 %)."""
    half = (d.freq_hi_ppb - d.freq_lo_ppb) / 2 * 1e-9 * after_s
    walk = 1.96 * d.walk_fm * math.sqrt(after_s**3 / 3)  # the integral of a random walk of frequency
    return f"{say_time(abs(d.freq_ppb) * 1e-9 * after_s)} ± {say_time(math.hypot(half, walk))}"


def per_day(ppb: float) -> str:
    """Signed seconds in a day, four digits, never as a power of ten."""
    seconds = ppb * 1e-9 * DAY_S
    places = 3 - math.floor(math.log10(abs(seconds))) if seconds else 3
    return f"{seconds:+.{min(max(places, 0), 9)}f}"


def rate(ppb: float) -> str:
    return f"{ppb:.2g} ppb" if ppb < 99.5 else f"{ppb / 1000:.2g} ppm"

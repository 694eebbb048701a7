"""chrony's `tempcomp`: its line, its file of points, and how chronyd reads both.

    tempcomp FILE INTERVAL T0 K0 K1 K2      k0 + k1 (T - T0) + k2 (T - T0)^2
    tempcomp FILE INTERVAL POINTS           straight lines between points

T is what FILE holds, for a thermal zone thousandths of a degree. The result, in ppm, is added to the clock's frequency, so it is
minus the error; beyond 10 ppm chronyd ignores it. A points file has a temperature and a compensation on each line, temperatures
rising; any line that is not so, an empty one too, and chronyd does not start (P20).
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_right
from collections.abc import Sequence

from gpstime.core.thermal import BEYOND_C, ThermalModel
from gpstime.errors import UsageError

MILLI = 1000.0
MOST_PPM = 10.0
"""What chronyd takes."""
APART_C = 0.5
INTERVAL_S = 30
Point = tuple[float, float]


def compensation_ppm(model: ThermalModel, celsius: float) -> float:
    """What is added to the clock at this temperature."""
    return -1e-3 * model.ppb(celsius)


def line(model: ThermalModel, file: str, interval_s: int = INTERVAL_S) -> str:
    """For chrony.conf, with coefficients for thousandths of a degree. Outside of what the model has seen a parabola goes on."""
    k1, k2 = 0.0 - 1e-3 * model.ppb_per_c / MILLI, 0.0 - 1e-3 * model.ppb_per_c2 / MILLI**2
    return f"tempcomp {file} {interval_s} {round(model.reference_c * MILLI)} 0 {k1:.6g} {k2:.6g}"


def points(model: ThermalModel) -> list[Point]:
    """(thousandths of a degree, ppm) every half a degree over what the model has seen, and BEYOND_C further, where it ends flat."""
    low = math.floor((model.low_c - BEYOND_C) / APART_C - 1) * APART_C
    high = math.ceil((model.high_c + BEYOND_C) / APART_C + 1) * APART_C  # a point more at either end: chronyd goes on as there
    count = round((high - low) / APART_C) + 1
    return [((low + i * APART_C) * MILLI, compensation_ppm(model, low + i * APART_C)) for i in range(count)]


def write(some: Sequence[Point]) -> str:
    """The points file: one line each, the last one ended too, and no empty line. UsageError if chronyd would not take them."""
    _check(some)
    return "".join(f"{t:.0f} {ppm:.6f}\n" for t, ppm in some)


def read(text: str) -> list[Point]:
    """As chronyd reads it: UsageError for what would keep it from starting."""
    some = []
    for number, row in enumerate(text.splitlines(), 1):
        words = row.split()
        try:
            t, ppm = map(float, words)
        except ValueError:
            what = "is empty" if not words else f"{row.strip()[:40]!r} is not a temperature and a compensation"
            raise UsageError(f"line {number} of the points {what}: chronyd would not start") from None
        some.append((t, ppm))
    _check(some)
    return some


def _check(some: Sequence[Point]) -> None:
    if len(some) < 2:
        raise UsageError("chronyd wants two points or more")
    if any(b[0] <= a[0] for a, b in itertools.pairwise(some)):
        raise UsageError("the temperatures of the points do not rise")
    if any(not abs(ppm) <= MOST_PPM for _, ppm in some):
        raise UsageError(f"a compensation beyond {MOST_PPM:g} ppm is ignored by chronyd")


def at(some: Sequence[Point], t: float) -> float:
    """The compensation (ppm) at `t`, as chronyd takes it from the points: straight lines, the outer ones go on."""
    i = min(max(bisect_right([p[0] for p in some], t), 1), len(some) - 1)
    (a, ya), (b, yb) = some[i - 1], some[i]
    return ya + (yb - ya) * (t - a) / (b - a)

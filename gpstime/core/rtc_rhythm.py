"""The kernel's rewrite every eleven minutes, seen where a single one is lost in the noise of the edges.

A synchronised kernel puts the RTC back onto its own clock every 660 s: a sawtooth, whose mean slope is that of the kernel's clock
and says nothing of the RTC. Where the RTC drifts by a millisecond meanwhile and an edge is known to 0.3 ms, no single tooth stands
out (`rtc_shift`), but twenty of them do. So the edges are folded: inside each eleven minutes they show the RTC's own slope, from
one to the next they step back. Both are compared in neighbouring cells only, so that weather, which bends both alike, cancels.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from itertools import pairwise

from gpstime.core.rtc_stretch import Stretch

PERIOD_S, PLACES = 660, 22
"""Of the kernel's rhythm, and how many places in it are tried for its beginning."""
CELLS, FEWEST = 24, 6
"""Periods that are looked through, and needed."""
EDGES, FILLED = 6, 0.6
"""A cell with so few edges, or of so small a part of the period, has no slope."""
SURE, FEW = 6.0, 4.0
"""Standard errors that are no chance, more where the scatter is known from few cells."""
STILL = 0.4
"""The sawtooth stays where it is, to this share of a tooth: a clock that drifts on as before was not put back."""
MOST = 512


class Rhythm:
    """`add` every edge of a way; `jump_ns` says by how much each rewrite moves the clock, None while nothing shows."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=MOST)
        self._of: Stretch | None = None

    def add(self, stretch: Stretch, t_s: float, x_ns: float) -> None:
        if stretch is not self._of:
            self._points.clear()
            self._of = stretch
        self._points.append((t_s, x_ns))

    def jump_ns(self) -> float | None:
        if not self._points or self._points[-1][0] - self._points[0][0] < FEWEST * PERIOD_S:
            return None
        first = max(self._points[0][0], self._points[-1][0] - CELLS * PERIOD_S)
        points = [(t - first, x) for t, x in self._points if t >= first]
        found = [_tooth(points, place * PERIOD_S / PLACES) for place in range(PLACES)]
        # with the beginning anywhere else a step falls into the cells, and what is seen between them is smaller or the wrong way
        step, sure = max(found, key=lambda f: abs(f[0]))
        return step if sure > 1.0 else None


_Cell = tuple[float, float, float]
"""Mean time, mean phase, slope (ns/s)."""


def _tooth(points: Sequence[tuple[float, float]], begins_s: float) -> tuple[float, float]:
    """(mean step between cells, how sure: above 1 it is no chance) for rewrites at `begins_s` and every period from there."""
    cells: dict[int, list[tuple[float, float]]] = {}
    for t, x in points:
        cells.setdefault(math.floor((t - begins_s) / PERIOD_S), []).append((t, x))
    lines = {k: line for k, cell in cells.items() if (line := _line(cell)) is not None}
    pairs = [(lines[a], lines[b]) for a, b in pairwise(sorted(lines)) if b == a + 1]
    n = len(pairs)
    if n < FEWEST - 1:
        return 0.0, 0.0
    # the trapezoid of both slopes is what a smooth phase does from one middle to the next
    step = sum(b[1] - a[1] - (b[0] - a[0]) * (a[2] + b[2]) / 2 for a, b in pairs) / n
    gone = sum(b[1] - a[1] for a, b in pairs) / n
    scatter = math.sqrt(sum((b[2] - a[2]) ** 2 for a, b in pairs) / (2 * n))
    error = PERIOD_S * scatter / math.sqrt(n)
    if abs(gone) > STILL * abs(step):
        return step, 0.0
    return step, abs(step) / max(error * SURE * (1 + FEW / (n - 2)), 1.0)


def _line(cell: Sequence[tuple[float, float]]) -> _Cell | None:
    n = len(cell)
    if n < EDGES or cell[-1][0] - cell[0][0] < FILLED * PERIOD_S:
        return None
    t0, x0 = sum(t for t, _ in cell) / n, sum(x for _, x in cell) / n
    wide = sum((t - t0) ** 2 for t, _ in cell)
    return t0, x0, sum((t - t0) * (x - x0) for t, x in cell) / wide

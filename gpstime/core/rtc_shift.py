"""Did a phase record jump, or bend? The last few dozen edges of a clock against a straight line, a jump, a bend and a gentle curve.

A jump too small to stand out in one edge shows in many: a kernel that rewrites an RTC every eleven minutes moves one that is 0.5
ppm off by 0.3 ms, as much as a single edge is uncertain. Four models are fitted by least squares: a line; a line that jumps once; a
line that bends once; a parabola, which is how temperature and ageing bend a clock. Something happened where a jump or a bend
explains the edges far better than both the line and the parabola.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

FEWEST, SIDE = 10, 4
"""Edges needed in all, and on each side."""
SURE = 42.0
"""The gain in chi squared that is no chance, also after looking at a day's edges at every place: 6.5 sigma."""
CURVED = 20.0
"""The gain over the parabola."""
BEND_PPB = 400.0
"""A smaller bend is weather."""


@dataclass(frozen=True, slots=True)
class Shift:
    """From edge number `index` on the phase is `jump_ns` higher, or the slope `bend_ppb` larger; the other is 0."""

    index: int
    jump_ns: float
    bend_ppb: float


def shift(t: Sequence[float], x: Sequence[float], err: Sequence[float], newest: int) -> Shift | None:
    """What happened within the `newest` last edges; `t` in s, rising, `x` in ns.

    `err` is the smallest noise of each edge to believe in (ns, above 0); their ratios are the edges' weights.
    """
    n = len(t)
    if n < FEWEST:
        return None
    middle, wide = t[n // 2], t[-1] - t[0]
    u = [2 * (v - middle) / wide for v in t]
    base = _Fit([[1.0] * n, u], x, [1.0 / e for e in err])
    first = max(SIDE, n - newest)
    tried = [(base.gain(_after(i)), i, base.step) for i in range(first, n - SIDE + 1) if t[i] > t[i - 1]]
    bends = [(base.gain(_since(u, i)), i, base.step) for i in range(first, n - SIDE + 1)]
    jump, bend = max(tried), max(bends)
    best = max(jump[0], bend[0])
    noise2 = max(1.0, (base.rest - best) / (n - 4))
    if best < SURE * noise2 or best - base.gain(lambda i: u[i] * u[i]) < CURVED * noise2:
        return None
    if jump[0] >= bend[0]:
        return Shift(jump[1], jump[2], 0.0)
    ppb = bend[2] * 2 / wide
    return Shift(bend[1], 0.0, ppb) if abs(ppb) >= BEND_PPB else None


def _after(i: int) -> Callable[[int], float]:
    return lambda k: 1.0 if k >= i else 0.0


def _since(u: Sequence[float], i: int) -> Callable[[int], float]:
    start = u[i - 1]
    return lambda k: max(0.0, u[k] - start)


class _Fit:
    """Weighted least squares on two columns (Gram-Schmidt); `gain` is what one more takes off chi squared, `step` its size."""

    def __init__(self, columns: list[list[float]], x: Sequence[float], weights: Sequence[float]) -> None:
        self._weights = weights
        self._basis: list[list[float]] = []
        for column in columns:
            free = self._free(column)
            size = sum(v * v for v in free) ** 0.5
            self._basis.append([v / size for v in free])
        self._left = self._free(x)
        self.rest = sum(v * v for v in self._left)
        self.step = 0.0

    def _free(self, values: Sequence[float]) -> list[float]:
        column = [v * w for v, w in zip(values, self._weights, strict=True)]
        for b in self._basis:
            dot = sum(p * q for p, q in zip(b, column, strict=True))
            column = [v - dot * p for v, p in zip(column, b, strict=True)]
        return column

    def gain(self, of: Callable[[int], float]) -> float:
        free = self._free([of(k) for k in range(len(self._left))])
        size2 = sum(v * v for v in free)
        if size2 < 1e-9 * max(self._weights) ** 2:
            self.step = 0.0
            return 0.0
        dot = sum(p * q for p, q in zip(free, self._left, strict=True))
        self.step = dot / size2
        return dot * self.step

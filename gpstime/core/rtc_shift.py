"""Did a phase record jump, or bend? The last few dozen edges of a clock against a straight line, a jump, a bend and a gentle curve.

A jump too small to stand out in one edge shows in many: a kernel that rewrites an RTC every eleven minutes moves one that is 0.5
ppm off by 0.3 ms, as much as a single edge is uncertain. Four models are fitted by least squares: a line; a line that jumps once; a
line that bends once; a parabola, which is how temperature and ageing bend a clock. Something happened where a jump or a bend
explains the edges far better than both the line and the parabola.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FEWEST, SIDE = 10, 4
"""Edges needed in all, and on each side."""
SURE, FEW = 42.0, 12.0
"""The gain in chi squared that is no chance, also after looking at a day's edges at every place: 6.5 sigma; more where the noise is
known from a few edges only (FEW is what Student's t adds, times the number)."""
CURVED = 20.0
"""The gain over the parabola."""
ALIKE = 9.0
"""A difference of chi squared that tells a jump from a bend: three sigma."""
TOLD = 7
"""Edges after a small one that tell them apart."""
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
    w = [1.0 / e for e in err]
    ones = _unit([], w)
    line = _unit([ones], [ui * wi for ui, wi in zip(u, w, strict=True)])
    left = _free([ones, line], [xi * wi for xi, wi in zip(x, w, strict=True)])
    chi2 = _dot(left, left)
    jump, bend = _best(u, w, (left, ones, line), max(SIDE, n - newest))
    best = max(jump[0], bend[0])
    noise2 = max(1.0, (chi2 - best) / (n - 4))
    if best < SURE * (1.0 + FEW / (n - 4)) * noise2:
        return None
    curve = _free([ones, line], [ui * ui * wi for ui, wi in zip(u, w, strict=True)])
    if best - _dot(curve, left) ** 2 / _dot(curve, curve) < CURVED * noise2:
        return None
    index = jump[1] if jump[0] >= bend[0] else bend[1]
    young = n - index < TOLD and best < 4 * SURE * noise2
    if (young or abs(jump[0] - bend[0]) < ALIKE * noise2) and index > max(SIDE, n - newest) + 1:
        return None  # which of the two it was, later edges tell
    if jump[0] >= bend[0]:
        return Shift(jump[1], jump[2], 0.0)
    ppb = bend[2] * 2 / wide
    return Shift(bend[1], 0.0, ppb) if abs(ppb) >= BEND_PPB else None


_Found = tuple[float, int, float]
"""The gain in chi squared, from which edge on, and the size."""


def _best(u: Sequence[float], w: Sequence[float], columns: Sequence[Sequence[float]], first: int) -> tuple[_Found, _Found]:
    """The best jump and the best bend at edge `first` or later; `columns`: residuals, then the orthonormal columns of the line."""
    n = len(u)
    plain, sloped = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
    """Sums, over the edges from i on, of w times each column, and of w u times each."""
    w0 = w1 = w2 = 0.0
    jump = bend = (0.0, n, 0.0)
    for i in range(n - 1, first - 1, -1):
        for j, column in enumerate(columns):
            part = w[i] * column[i]
            plain[j] += part
            sloped[j] += part * u[i]
        weight = w[i] * w[i]
        w0, w1, w2 = w0 + weight, w1 + weight * u[i], w2 + weight * u[i] * u[i]
        if i > n - SIDE:
            continue
        jump = max(jump, _gain(i, plain, w0))
        start = u[i - 1]
        bent = [b - start * a for a, b in zip(plain, sloped, strict=True)]
        bend = max(bend, _gain(i, bent, w2 - 2 * start * w1 + start * start * w0))
    return jump, bend


def _gain(i: int, dots: Sequence[float], size2: float) -> _Found:
    """What a column with these products (with the residuals, with the line's columns) and this square takes off chi squared."""
    free2 = size2 - dots[1] ** 2 - dots[2] ** 2
    return (dots[0] ** 2 / free2, i, dots[0] / free2) if free2 > 1e-9 * size2 else (0.0, i, 0.0)


def _dot(a: Sequence[float], b: Sequence[float]) -> float:
    return sum(p * q for p, q in zip(a, b, strict=True))


def _free(basis: Sequence[Sequence[float]], column: Sequence[float]) -> list[float]:
    """What of it the basis (orthonormal) does not hold."""
    out = list(column)
    for b in basis:
        dot = _dot(b, out)
        out = [v - dot * p for v, p in zip(out, b, strict=True)]
    return out


def _unit(basis: Sequence[Sequence[float]], column: Sequence[float]) -> list[float]:
    free = _free(basis, column)
    size = _dot(free, free) ** 0.5
    return [v / size for v in free]

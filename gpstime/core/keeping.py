"""Keeping a bank of filters as a whole: which noise levels it has, how it starts, which of its filters sleep and wake."""

from __future__ import annotations

import math

from gpstime.core import bank as b
from gpstime.core.line import Line

WALKS = tuple(10 ** (k / 2) for k in range(-4, 7))
"""Random walk of frequency, ppb per root second: 1e-11 to 1e-6 fractional."""
WHITES = tuple(10 ** (k / 2) for k in range(-1, 7))
"""White FM, ns per root second: 3e-10 to 1e-6 fractional."""
WALK_PRIOR, WHITE_PRIOR, PRIOR_TOP = 0.5, 0.3, 10.0
"""Exponents of the prior in q and w up to PRIOR_TOP (1e-8): a level that cannot be seen is rather taken for large than for small.
Beyond, where no crystal is, the prior falls as 1/level: resonators and broken timers must show it."""
DROP, WAKE = 14.0, 8.0
"""A filter that many units of log probability behind the best sleeps; a neighbour of the best wakes up that far behind it."""

NOISE_MEMORY = 4_000


def gain_at(n: int) -> float:
    """The step of the running averages at pulse number n."""
    return 1.0 / (n + 40.0) if n < NOISE_MEMORY else 1.0 / NOISE_MEMORY


def levels(spread_ns: float) -> list[tuple[int, int]]:
    """Grid places (walk, white FM) to start with, where the first pulses spread so much about a line."""
    top = max(100.0, spread_ns / 4)  # ns in a second: what moves more than this is seen at once
    return [(i, j) for i, q in enumerate(WALKS) if q <= top for j, w in enumerate(WHITES) if w <= max(30.0, top / 4)]


def begin(line: Line, span_s: float, count: int, least_ns: float, white: bool) -> list[b.Row]:
    """All filters on one line through the first `count` pulses, covariances wide enough to count nothing twice."""
    wide = (4.0 * line.spread) ** 2
    steep = (0.2 * line.spread * 31.0 / span_s) ** 2 * (32.0 / count) ** 3
    bank = []
    for iq, iw in [(0, 0)] if white else levels(line.spread):
        row = [0.0] * b.WIDTH
        row[b.X], row[b.Y], row[b.X0] = line.x, line.y, line.x
        row[b.PXX] = row[b.PX0] = row[b.P00] = wide
        row[b.PYY] = steep
        row[b.R2], row[b.FLOOR2] = line.noise**2, least_ns**2
        row[b.A] = row[b.B] = 0.97
        _place(row, iq, iw)
        if white:
            row[b.Q2] = row[b.W2] = 0.0
        bank.append(row)
    return bank


def _place(row: b.Row, iq: int, iw: int) -> None:
    row[b.IQ], row[b.IW] = iq, iw
    row[b.Q2], row[b.W2] = WALKS[iq] ** 2, WHITES[iw] ** 2


def odds(row: b.Row) -> float:
    """Log posterior of a filter, up to a constant."""
    return row[b.LOGL] + _prior(row[b.Q2], WALK_PRIOR) + _prior(row[b.W2], WHITE_PRIOR)


def shares(bank: list[b.Row]) -> list[tuple[float, b.Row]]:
    """Filters with their share of the probability; those below 1e-5 are left out."""
    logs = [odds(row) for row in bank]
    top = max(logs)
    raw = [math.exp(o - top) for o in logs]
    total = sum(raw)
    kept = [(p / total, row) for p, row in zip(raw, bank, strict=True) if p > 1e-5 * total]
    total = sum(p for p, _ in kept)
    return [(p / total, row) for p, row in kept]


def _prior(level2: float, exponent: float) -> float:
    """Log prior of a noise level, given squared; none for a level that is declared to be zero."""
    top2 = PRIOR_TOP**2
    if level2 <= top2:
        return 0.5 * exponent * math.log(level2) if level2 > 0.0 else 0.0
    return 0.5 * (exponent * math.log(top2) - math.log(level2 / top2))


def tend(bank: list[b.Row], best: b.Row, fade: float) -> list[b.Row]:
    """The bank without hopeless filters and with all neighbours of the best; what a filter once predicted fades by `fade`."""
    top, top_l = odds(best), best[b.LOGL]
    iq, iw = int(best[b.IQ]), int(best[b.IW])
    kept: list[b.Row] = []
    near = set()
    for row in bank:
        beside = abs(row[b.IQ] - iq) + abs(row[b.IW] - iw) <= 1
        if beside or odds(row) > top - DROP:
            row[b.LOGL] = (row[b.LOGL] - top_l) * fade
            kept.append(row)
            if beside:
                near.add((int(row[b.IQ]), int(row[b.IW])))
    for i, j in ((iq - 1, iw), (iq + 1, iw), (iq, iw - 1), (iq, iw + 1)):
        if (i, j) not in near and 0 <= i < len(WALKS) and 0 <= j < len(WHITES):
            row = best.copy()
            _place(row, i, j)
            row[b.LOGL] = best[b.LOGL] - WAKE
            kept.append(row)
    return kept


def move(bank: list[b.Row], line: Line, span_s: float, noise2: float) -> None:
    """All filters onto a line through the last `span_s`; the run's start stays, and what ties it to the present is cut."""
    for row in bank:
        row[b.X], row[b.Y] = line.x, line.y
        row[b.PXX], row[b.PYY] = (4.0 * line.spread) ** 2, (8.0 * line.spread / span_s) ** 2
        row[b.PXY] = row[b.PX0] = row[b.PY0] = row[b.FAR] = 0.0
        row[b.R2] = noise2


def blunt(bank: list[b.Row], first: float, last: float, span_s: float, least_ns: float) -> None:
    """The counter is coarser than it seemed, and what the filters believe too sharp: only the ends of the run are left (ns)."""
    for row in bank:
        row[b.X], row[b.X0] = last, first
        row[b.Y] = (last - first) / span_s
        row[b.PXX] = row[b.P00] = (4.0 * least_ns) ** 2
        row[b.PYY] = (8.0 * least_ns / span_s) ** 2
        row[b.PXY] = row[b.PX0] = row[b.PY0] = row[b.LOGL] = row[b.FAR] = 0.0
        row[b.R2] = max(row[b.R2], least_ns**2)

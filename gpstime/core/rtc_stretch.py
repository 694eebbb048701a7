"""A stretch of an RTC's edges that nobody broke, and the frequency that it shows.

The estimator is that of the board's own crystal (`drift`); what differs is the unit: the RTC's edges are whole seconds on its own
count, and anywhere between true seconds.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace

from gpstime.core.drift import DriftEstimator
from gpstime.core.line import median
from gpstime.model import Drift
from gpstime.times import NS, RawNs

WIDE = 1.4
"""An edge that is known so many times worse than usual (the first ones of a search) is no edge for a frequency."""
STILL = 0.95
"""The probability that the interval of a mean takes while no walk is seen: it holds in 95 % of days of one edge a minute (at 97 %,
which restless crystals need, in 97.5 %), and is a tenth narrower (`make days`)."""
FEW, STEADY = 4.0, 32
"""With n edges, fewer than STEADY, intervals are wider by FEW / n: of twelve in a row 92 % held without it, 97 % do."""
ROUNDED = 1e-4
"""Datasheets round the mean of a trim's pulses (1/32 s in two hours to 4.34 ppm: 6e-5 of it)."""


@dataclass(frozen=True, slots=True)
class Point:
    """An edge: true ns since the axis began, phase, certain half-width, raw stamp, doubt of the axis; `count`: the RTC's second."""

    true_ns: int
    x_ns: int
    err_ns: int
    at: RawNs
    axis_err_ns: int = 0
    count: int = 0

    def without(self, pulses_ns: int) -> Point:
        """When this second would have begun without these pulses of the trim."""
        return replace(self, true_ns=self.true_ns + pulses_ns, x_ns=self.x_ns - pulses_ns) if pulses_ns else self


@dataclass(slots=True)
class Stretch:
    """Edges that nobody broke. `ended` is why it ended, a stable word, empty for the last one."""

    estimator: DriftEstimator = field(default_factory=lambda: DriftEstimator(still=STILL))
    waiting: list[tuple[float, float, Point]] = field(default_factory=list)
    """On probation: seconds and phase since the start, and the edge."""
    first: Point | None = None
    last: Point | None = None
    passed: Point | None = None
    """The last edge past probation."""
    pulses: int = 0
    trim_ppb: float = 0.0
    """Size of the mean that stands for the trim's pulses."""
    ended: str = ""
    fed: int = -1
    """The number of the last edge that reached the estimator."""

    @property
    def n(self) -> int:
        return self.estimator.n + len(self.waiting)

    @property
    def span_s(self) -> float:
        return 0.0 if self.first is None or self.last is None else (self.last.true_ns - self.first.true_ns) / NS

    def pass_on(self, keep: int, widest_ns: float) -> None:
        """All but the last `keep` edges that wait are past probation; those known to no better than `widest_ns` do not count.

        The estimator's seconds are the RTC's: its edges are whole ones on its own count, and anywhere between true seconds.
        """
        assert self.first is not None
        while len(self.waiting) > keep:
            _, x, point = self.waiting.pop(0)
            n = point.count - self.first.count
            if point.err_ns <= widest_ns and n > self.fed:
                self.fed = n
                self.estimator.add(n, round(x), point.axis_err_ns, point.at)

    def known(self) -> DriftEstimator:
        """The estimator with all edges, those on probation too."""
        if not self.waiting:
            return self.estimator
        whole = Stretch(copy.deepcopy(self.estimator), list(self.waiting), self.first, fed=self.fed)
        whole.pass_on(0, WIDE * median(point.err_ns for _, _, point in self.waiting))
        return whole.estimator

    def drift(self) -> Drift | None:
        """The RTC's frequency error: now, and as the mean of the stretch."""
        found = None if self.last is None else self.known().estimate(self.last.at)
        if found is None:
            return None
        now, now_lo, now_hi = self._said(found.freq_ppb, found.freq_lo_ppb, found.freq_hi_ppb, found.n)
        mean, mean_lo, mean_hi = self._said(found.mean_ppb, found.mean_lo_ppb, found.mean_hi_ppb, found.n)
        return replace(
            found,
            freq_ppb=now,
            freq_lo_ppb=now_lo,
            freq_hi_ppb=now_hi,
            mean_ppb=mean,
            mean_lo_ppb=mean_lo,
            mean_hi_ppb=mean_hi,
        )

    def _said(self, ppb: float, lo: float, hi: float, n: int) -> tuple[float, float, float]:
        """Of the RTC's seconds, as of true ones; wider where edges are few, which are not all known alike."""
        few = 1.0 + FEW / n if n < STEADY else 1.0
        blur = self.trim_ppb * ROUNDED
        y = per_true_second(ppb)
        return y, y - few * (y - per_true_second(lo)) - blur, y + few * (per_true_second(hi) - y) + blur


def per_true_second(ppb: float) -> float:
    """What is gained in each second of the RTC (ppb), as what it gains in a true one."""
    return ppb / (1.0 - ppb * 1e-9)

"""How far a clock without a pulse really goes: outages that did not happen, forecast and scored while pulses come.

The filter's levels are learned from seconds; what moves a crystal over hours (the day's temperature, loads that come and go) is not
in them, or too much of it. So four times in each of several times T (5 min to a day) the filter forecasts the phase T ahead, as if
no pulse came any more, and T later the forecast is scored: its miss in units of the sigma that the filter gave it. What those
scores ask for is what the sigma of a holdover has to be multiplied with (`factors`).
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gpstime.core.factors import Seen, factors

if TYPE_CHECKING:
    from gpstime.core.phase import Phase

NORMAL, SHARE = 1.96, 0.95
"""The share that a bound holds, and where a normal distribution has it, in sigmas."""
LEADS_S = (*(300 * 2**k for k in range(8)), 86_400)
"""How far ahead: 5 min to 11 h, and a day: what moves a crystal by day and night has passed by then."""
SOON_S = 64.0
"""Up to here the levels are what they were learned from, and no factor is needed."""
OFTEN = 4
"""Forecasts in each of those times."""
KEPT = 1024
"""Scores kept of each: a day for the shortest, half a year for the longest."""
WORTH = 0.25
"""What one of these overlapping forecasts is worth in forecasts that overlap with none."""
LEAST_WORTH, RELIED = 1.0, 3.0
"""So many must have been scored to say something of the factor, and for a forecast of that length to be relied on."""
FEW = 5.0
SCATTER, SCATTER_RMS = 1.0, 0.5
"""Variance of ln of a 95 % quantile, and of a root mean square, from one forecast."""
LATE = 0.02
"""A forecast is scored by a pulse at most so much later (of its T); else pulses were missing."""
LEAST = 600
"""Pulses before the first forecast: until then levels are guessed."""
WIDEST = 1e6


@dataclass(slots=True)
class Lead:
    """Of one T: forecasts to come (second, phase, sigma) and scores, in order of arrival and of size."""

    seconds: int
    next: int = 0
    waiting: deque[tuple[int, float, float]] = field(default_factory=deque)
    scores: deque[float] = field(default_factory=deque)
    sizes: list[float] = field(default_factory=list)

    def score(self, size: float) -> None:
        self.scores.append(size)
        insort(self.sizes, size)
        if len(self.scores) > KEPT:
            del self.sizes[bisect_left(self.sizes, self.scores.popleft())]

    def seen(self) -> Seen:
        """ln of the factor that these scores ask for, and its variance: by their 95 % quantile where they are many, by their mean
        square where they are few."""
        sizes = self.sizes
        count = len(sizes)
        worth = WORTH * count
        if worth < LEAST_WORTH:
            return None
        rms = math.sqrt(math.fsum(size * size for size in sizes) / count)
        high = sizes[min(math.ceil(SHARE * (count + 1)), count) - 1]
        if not rms or not high:
            return None
        share = worth / (worth + FEW)
        return share * math.log(high / NORMAL) + (1.0 - share) * math.log(rms), (
            share * SCATTER + (1.0 - share) * SCATTER_RMS
        ) / worth


class Wander:
    """Show it the filter after each pulse with `look`; `factor` says what its sigma has to be multiplied with."""

    def __init__(self) -> None:
        self.leads = [Lead(t) for t in LEADS_S]
        self._soonest = 0
        self._factors: list[tuple[float, float]] = []
        self._sigmas = [1.0] * len(LEADS_S)

    def forget(self) -> None:
        """The count of seconds began anew: what was forecast can't be scored; what was scored stays."""
        self._soonest = 0
        for lead in self.leads:
            lead.waiting.clear()
            lead.next = 0

    @property
    def seen_s(self) -> float:
        """So far ahead forecasts have been scored, often enough to rely on."""
        return float(max((lead.seconds for lead in self.leads if WORTH * len(lead.sizes) >= RELIED), default=0))

    def look(self, phase: Phase) -> None:
        """The filter has used a pulse."""
        n = phase.last
        if n < self._soonest or phase.pulses < LEAST:
            return
        scored = False
        for lead in self.leads:
            waiting = lead.waiting
            while waiting and waiting[0][0] <= n:
                due, x, sigma = waiting.popleft()
                if n - due <= LATE * lead.seconds:
                    here, frequency = phase.ahead(0.0)
                    lead.score(min(abs(here - frequency * (n - due) - x) / sigma, WIDEST))
                    scored = True
            if n >= lead.next:
                lead.next = n + lead.seconds // OFTEN
                waiting.append((n + lead.seconds, phase.ahead(lead.seconds)[0], phase.doubt_ns(lead.seconds)))
        if scored:
            self._factors, self._sigmas = [], [phase.doubt_ns(t) for t in LEADS_S]
        self._soonest = min(min(lead.next, lead.waiting[0][0] if lead.waiting else lead.next) for lead in self.leads)

    def factor(self, seconds: float) -> float:
        """What the filter's sigma so long after a pulse has to be multiplied with, so that 1.96 of it hold 95 %."""
        if seconds <= SOON_S:
            return 1.0
        if not self._factors:
            self._factors = self._chain()
        points = self._factors
        where = math.log(seconds)
        i = min(max(bisect_left(points, (where, 0.0)), 1), len(points) - 1)
        (a, fa), (b, fb) = points[i - 1], points[i]
        return math.exp(fa + (fb - fa) * (where - a) / (b - a)) if where < b else math.exp(fb)

    def _chain(self) -> list[tuple[float, float]]:
        """(ln T, ln factor) for each T; beyond a day it stays."""
        begin = (math.log(SOON_S), 0.0)
        seen = [lead.seen() for lead in self.leads]
        if not any(seen):
            return [begin, (math.log(LEADS_S[-1]), 0.0)]
        found = factors(LEADS_S, self._sigmas, seen)
        return [begin, *((math.log(t), f) for t, f in zip(LEADS_S, found, strict=True))]

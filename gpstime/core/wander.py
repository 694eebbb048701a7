"""How far a clock without a pulse really goes: outages that did not happen, forecast and scored while pulses come.

The filter's levels are learned from seconds; what moves a crystal over hours (the day's temperature, loads that come and go) is not
in them, or too much of it. So four times in each of several times T (5 min to a day) the filter forecasts the phase T ahead, as if
no pulse came any more, and T later the forecast is scored: its miss in units of the sigma that the filter gave it. What those
scores ask for is what the sigma of a holdover has to be multiplied with. The longer T, the fewer the scores, so from each T to the
next a small filter carries level and rise of ln of that factor: it starts at 0, and at long T it goes on as it went at shorter ones
until there is something to go by.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
LEAST_WORTH = 1.0
FEW = 5.0
SCATTER, SCATTER_RMS = 1.0, 0.5
"""Variance of ln of a 95 % quantile, and of a root mean square, from one forecast."""
START, RISE = 0.3, 0.05
"""What is believed before anything was scored: ln of the factor at the shortest T is 0, and rises by 0 each time T doubles; one
sigma of both."""
ROUGH, BEND = 0.03, 0.08
"""How much level and rise may change from one T to the next."""
ROUGH_DAY = 0.5
"""The same for the level at a day; and what grew towards it does not go on, since the day's swing is over then."""
UNSURE, MOST_UNSURE = 1.42, 0.23
"""A scale that is not known makes tails: so much is added to ln of the factor for each unit of its variance, to hold 95 %."""
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

    def seen(self) -> tuple[float, float] | None:
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

    def forget(self) -> None:
        """The count of seconds began anew: what was forecast can't be scored; what was scored stays."""
        self._soonest = 0
        for lead in self.leads:
            lead.waiting.clear()
            lead.next = 0

    @property
    def seen_s(self) -> float:
        """So far ahead forecasts have been scored, often enough to say something."""
        return float(max((lead.seconds for lead in self.leads if WORTH * len(lead.sizes) >= LEAST_WORTH), default=0))

    def look(self, phase: Phase) -> None:
        """The filter has used a pulse."""
        n = phase.last
        if n < self._soonest or phase.pulses < LEAST:
            return
        for lead in self.leads:
            waiting = lead.waiting
            while waiting and waiting[0][0] <= n:
                due, x, sigma = waiting.popleft()
                if n - due <= LATE * lead.seconds:
                    here, frequency = phase.ahead(0.0)
                    lead.score(min(abs(here - frequency * (n - due) - x) / sigma, WIDEST))
                    self._factors = []
            if n >= lead.next:
                lead.next = n + lead.seconds // OFTEN
                waiting.append((n + lead.seconds, phase.ahead(lead.seconds)[0], phase.doubt_ns(lead.seconds)))
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
        """(ln T, ln factor) for each T: from each to the next a filter of two states, level and its rise."""
        points = [(math.log(SOON_S), 0.0)]
        if not any(lead.sizes for lead in self.leads):
            return [*points, (math.log(LEADS_S[-1]), 0.0)]
        level = rise = cross = 0.0
        plevel, prise = START**2, RISE**2
        for i, lead in enumerate(self.leads):
            if i:
                last = i == len(self.leads) - 1
                level += min(rise, 0.0) if last else rise
                plevel += 2.0 * cross + prise + (ROUGH_DAY if last else ROUGH) ** 2
                cross += prise
                prise += BEND**2
            if (seen := lead.seen()) is not None:
                value, variance = seen
                s = plevel + variance
                k, kr, e = plevel / s, cross / s, value - level
                level += k * e
                rise += kr * e
                prise -= kr * cross
                cross -= k * cross
                plevel -= k * plevel
            points.append((math.log(lead.seconds), level + min(UNSURE * plevel, MOST_UNSURE)))
        points.append((points[-1][0] + math.log(2.0), points[-1][1] + rise))
        return points

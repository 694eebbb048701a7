"""A holdover forecast, and scored when the pulse returns: how long until the clock may be so far off, and was that true?

The forecast is the bound of `bound` carried forward: what is known of phase and frequency now, and the noise found so far (white
FM, the walk, jumps as a part of it). Nothing else is assumed of the crystal; what moves it, temperature or load, is in the walk.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.core.bound import half_width, noise_after
from gpstime.core.phase import Phase

LONGEST_S = 30 * 86_400.0
"""Nobody forecasts further: what a month brings (ageing, a season) is not in an hour of pulses."""
KEPT = 100


def lasts_s(phase: Phase, known_ns: float, limit_ns: float, since_s: float = 0.0) -> float:
    """For how long from now, `since_s` after the last pulse, the clock stays within `limit_ns` (95 %); LONGEST_S at most.

    `known_ns`: biases and what is left of the offset. 0 if it is beyond the limit already.
    """

    def beyond(t: float) -> bool:
        return known_ns + half_width(noise_after(phase, since_s + t)) > limit_ns

    if not phase.ready or beyond(0.0):
        return 0.0
    if not beyond(LONGEST_S):
        return LONGEST_S
    low, high = 0.0, LONGEST_S
    while high - low > max(1.0, 1e-3 * low):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if beyond(middle) else (middle, high)
    return low


@dataclass(frozen=True, slots=True)
class Outage:
    """A holdover that is over: how long it was, how far off the clock was at its end, and how far the bound said (biases left out
    of both, no pulse shows them)."""

    lasted_s: float
    off_ns: float
    bound_ns: float

    @property
    def held(self) -> bool:
        return abs(self.off_ns) <= self.bound_ns


class Score:
    """Of all outages so far: how many there were, in how many the bound held; `last` has the newest of them."""

    def __init__(self) -> None:
        self.outages = 0
        self.held = 0
        self.last: list[Outage] = []

    def add(self, outage: Outage) -> None:
        self.outages += 1
        self.held += outage.held
        self.last.append(outage)
        del self.last[:-KEPT]

"""Two alarms on a filter's misses of the last half minute: their size is not what it was, or they are all on one side."""

from __future__ import annotations

import math

QUICK = 64.0
LOUDER, QUIETER = 3.5, 0.25
"""Mean square of the misses' changes over QUICK pulses, against the scale, at which the noise is another than it was. Changes, not
misses: a filter that lags behind a jump misses all alike."""
SLOWEST, LAGS, MOST, FARTHEST = 0.02, 3.0, 1.0 / 32.0, 50.0
"""The slow part is averaged over 1/gain, its square over LAGS times as long and over 32 misses at least; so much may one count."""
SIDE, ONE_SIDED = 32.0, 0.8
"""Of the last SIDE misses nine in ten on one side."""


class Misses:
    """Tell it every miss with `add`. `before` is the last one.

    `lag2`: mean square of the misses' slow part in units of what it should be, 1 for a filter as fast as its clock.
    """

    def __init__(self) -> None:
        self.lag2 = 1.0
        self._slow = self._slow2 = 0.0
        self.before = 0.0
        self._quick = 1.0
        self._side = 0.0

    def add(self, miss: float, sigma2: float, least: float) -> None:
        """A miss (ns), the square of the scale that misses should have, and the least that is no rounding."""
        change, self.before = miss - self.before, miss
        self._quick += (min(0.5 * change * change / sigma2, 9.0) - self._quick) / QUICK
        side = math.copysign(1.0, miss) if abs(miss) > least else 0.0
        self._side += (side - self._side) / SIDE

    def follow(self, e: float, s: float, gain: float, least: float) -> None:
        """A miss (ns), its variance as it should be, the share of it that goes into the phase, what is but rounding: is it one of
        many alike?"""
        a = max(gain, SLOWEST)
        keep = 1.0 - a
        self._slow = keep * self._slow + a * e
        self._slow2 = keep * keep * self._slow2 + a * a
        beyond = max(0.0, abs(self._slow) - least)
        self.lag2 += (min(beyond * beyond / (s * self._slow2), FARTHEST) - self.lag2) * min(a / LAGS, MOST)

    @property
    def factor(self) -> float | None:
        """How much louder the noise is than its scale, roughly; None if it is about what it should be."""
        if QUIETER < self._quick < LOUDER:
            return None
        return 2.0 if self._quick > 1.0 else 0.5

    @property
    def one_sided(self) -> bool:
        return abs(self._side) > ONE_SIDED

    def calm(self) -> None:
        """Something was done about it: begin anew."""
        self._quick, self._side = 1.0, 0.0
        self.lag2 = 1.0
        self._slow = self._slow2 = 0.0

"""What the loop's filter learns from its misses, and when: levels, latency's shape, noise, trend, all at one pace.

Each miss waits until it is clear that the frequency had not jumped when it was made, and nothing is learned for a while after an
interruption. While too few were learned from for a jump to be believed, they don't wait either.
"""

from __future__ import annotations

import math
from collections import deque

from gpstime.core.gains import Levels
from gpstime.core.pulse_noise import PulseNoise
from gpstime.core.shape import Shape
from gpstime.core.trend import Trend

DELAY = 24
"""Seconds that a miss waits before anything is learned from it: a jump of the frequency must not be taken for a walk or a tail."""
CALM, CALM_JUMP = 30, 60
"""Seconds without learning after an interruption, and after a jump."""
JUST_NOW = 10
"""So many of CALM_JUMP seconds are still the jump itself."""
OFTEN = 16
"""Misses between two settings of what follows from the levels."""
LEAST_SHARE = 0.25
"""The pulse's noise is taken for at least this share of the white FM of a second: below, each pulse is believed anyway."""
WALKS = 0.3
"""ln of the phase's variance goes up with 0.3 to 0.5 of ln q where the walk makes it; so the doubt of ln q is a doubt of it."""

Miss = tuple[float, float, float, float, float, float]
"""A miss, its score's slope, its derivatives by ln q and ln w, what it was judged to be, how the frequency moved."""


class Learning:
    """`levels`, `shape`, `noise`, `trend`; `n`: misses learned from; `usual`: variance of a settled filter's miss (ns^2)."""

    def __init__(self, adapts: bool, shaped: bool) -> None:
        self.levels = Levels(fixed=not adapts)
        self.shape = Shape(fixed=not shaped)
        self.trend = Trend(fixed=not adapts)
        self.noise = PulseNoise()
        self.usual = 1.0
        self.n = 0
        self._calm = 0
        self._waiting: deque[Miss] = deque()

    @property
    def just_jumped(self) -> bool:
        return self._calm > CALM_JUMP - JUST_NOW

    def wider2(self, pxx: float) -> float:
        """What the filter's covariance has to be multiplied with, as long as noise and walk are not well known."""
        steady = min(1.0, self.levels.alpha * self.usual / pxx) if pxx > 0.0 else 0.0
        return self.noise.stretch**2 * math.exp(WALKS * self.levels.doubt * steady)

    def interrupted(self, calm: int) -> None:
        """The filter was moved, or pulses were missing: what waits is not learned from, nor what comes in the next `calm` s."""
        self.levels.forget()
        self._waiting.clear()
        self._calm = max(self._calm, calm)

    def start(self, noise_ns: float, pulses: int) -> float:
        """The noise of the first pulses is all that is known: what it is taken for, squared."""
        self.levels.settle(noise_ns)
        self.noise.begin(pulses)
        self.noise.variance = self.shape.sigma2 = noise_ns**2 / (1.0 - self.levels.alpha)
        return self.retune(0.0)

    def early(self, miss: float, s: float, noise2: float, least_ns: float) -> float:
        """A miss of a filter that is not settled: the factor on its covariance and on the pulse's noise."""
        least = max(least_ns, LEAST_SHARE * self.levels.w)
        factor = max(self.noise.early(miss, s), least * least / noise2)
        self.noise.variance *= factor
        self.shape.sigma2 *= factor
        return factor

    def hold(self, miss: Miss, grain: float) -> bool:
        """A settled filter's miss, to be learned from later; whether it is time to tune the filter anew. `grain`: as of `Shape`."""
        if self._calm > 0:
            self._calm -= 1
            return False
        self._waiting.append(miss)
        return len(self._waiting) > min(DELAY, self.n // 8) and self._learn(*self._waiting.popleft(), grain)

    def beware(self, calm: int) -> None:
        """Something may have happened: learn nothing for so long."""
        self._calm = max(self._calm, calm)

    def _learn(self, miss: float, slope: float, eq: float, ew: float, e: float, moved: float, grain: float) -> bool:
        self.n += 1
        self.shape.learn(miss, slope, grain)
        self.trend.learn(moved, self.levels.q, self.n)
        self.noise.learn(e, self.usual)
        self.levels.learn(eq, ew, e, self.usual)
        return self.n % OFTEN == 0

    def rescale(self, factor: float) -> None:
        """The noise is another than it was, by about this factor."""
        self.shape.rescale(factor)
        self.noise.rescale(factor)
        self.n = min(self.n, 60)
        self._waiting.clear()

    def retune(self, least_ns: float) -> float:
        """A miss is the pulse's noise and the filter's doubt: split it; the square of the noise."""
        least = max(least_ns, LEAST_SHARE * self.levels.w)
        noise2 = max(least * least, self.noise.variance * (1.0 - self.levels.alpha))
        self.levels.settle(math.sqrt(noise2))
        self.usual = noise2 / (1.0 - self.levels.alpha)
        return noise2

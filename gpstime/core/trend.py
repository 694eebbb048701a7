"""A slow trend of the frequency (ppb per s): a day's temperature, a board that warms. Used as far as it is significant."""

from __future__ import annotations

import math

from gpstime.times import DAY_S

TREND_S = 1_500.0
"""Over how long the trend is averaged: a day's sine keeps its slope for that long, to a tenth."""
SEEN, SEEN_LONG = 2.0, 9.0
"""The trend squared, in units of its variance, from which it is used from pulse to pulse, and for a holdover."""
EARLY = 4.0
SHORT_S = 2.0
DAY_RATE = 2.0 * math.pi / DAY_S
"""Of a swing that takes a day (rad per s)."""


class Trend:
    """Tell it with `learn` how the frequency moved in each second; `over` says what to reckon with.

    `fixed`: there is none (for comparison).
    """

    def __init__(self, fixed: bool = False) -> None:
        self._fixed = fixed
        self._mean = self._slope = 0.0
        self._variance = 1.0

    def learn(self, moved: float, q: float, n: int) -> None:
        """Frequency gained in a second (ppb), the walk found so far, and from how many seconds."""
        self._mean += (moved - self._mean) / TREND_S
        # the walk's share of the average, and early on as much again as the levels are in doubt
        self._variance = q * q / (2.0 * TREND_S) * (1.0 + EARLY * TREND_S / (n + 1.0))
        self._slope = self._seen(SEEN)

    @property
    def slope(self) -> float:
        """From pulse to pulse (ppb per s)."""
        return self._slope

    def over(self, seconds: float) -> float:
        """For so long (ppb per s)."""
        return self._slope if seconds <= SHORT_S else self._seen(SEEN_LONG)

    def adds(self, seconds: float) -> tuple[float, float]:
        """To phase (ns) and frequency (ppb) by then. No trend lasts: over hours it is taken for a part of a swing that takes a
        day, so that it turns round after six hours and has come to nothing after a day."""
        slope = self.over(seconds)
        if seconds <= SHORT_S:
            return 0.5 * slope * seconds * seconds, slope * seconds
        turn = DAY_RATE * min(seconds, DAY_S)
        return slope * (1.0 - math.cos(turn)) / DAY_RATE**2, slope * math.sin(turn) / DAY_RATE

    def _seen(self, seen: float) -> float:
        """Less what may be chance; zero unless its square is `seen` variances."""
        t2 = self._mean * self._mean / self._variance
        return self._mean * (1.0 - seen / t2) if t2 > seen and not self._fixed else 0.0

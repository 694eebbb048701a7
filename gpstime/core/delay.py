"""How long after its pulse a burst of sentences begins: learned as a distribution, never as one number.

Everything is in pulses (which are seconds): a *lag* is the position of the burst's first byte on the pulse raster minus the second
that the burst names, up to a whole number that nobody knows yet. Which whole number it is, is the question of the pairing.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

WINDOW = 64
"""Bursts remembered: a minute, enough for a spread good to a tenth, short enough to follow a receiver that sees more satellites."""
FLOOR = 0.003
"""The least spread believed, s: a scheduler's tick, and a burst's first byte may be seen a chunk late."""
REACH, FEW = 3.1, 11.0
"""Half-width of the support in spreads, REACH + FEW / n: Student's t at 99.9 % to 3 %, so that eight bursts that happen to agree
well are not taken for a narrow delay."""


@dataclass(frozen=True, slots=True)
class Delay:
    """The learned delay of the burst's first byte after its pulse: median and spread (one standard deviation), from `n` bursts."""

    median_ns: int
    spread_ns: int
    n: int


@dataclass(frozen=True, slots=True)
class Support:
    """Where bursts fall, seen from `n` of them: median -+ `reach`; one in a thousand is further out on each side."""

    median: float
    spread: float
    n: int

    @property
    def reach(self) -> float:
        return (REACH + FEW / self.n) * self.spread

    @property
    def wholes(self) -> range:
        """The whole seconds that the support touches; one: the bursts are plainly between two pulses."""
        return self.wholes_within(1.0)

    def wholes_within(self, part: float) -> range:
        """The whole seconds that this part of the support touches."""
        reach = part * self.reach
        return range(math.floor(self.median - reach), math.floor(self.median + reach) + 1)


class Lags:
    """The lags of the last bursts, and the support that they show."""

    def __init__(self) -> None:
        self._lags: deque[float] = deque(maxlen=WINDOW)

    def __len__(self) -> int:
        return len(self._lags)

    def add(self, lag: float) -> None:
        self._lags.append(lag)

    def restart(self, lags: list[float]) -> None:
        """Forget all but these."""
        self._lags.clear()
        self._lags.extend(lags)

    def shift(self, by: int) -> None:
        """Count whole seconds from elsewhere."""
        self.restart([lag + by for lag in self._lags])

    def middle(self) -> float:
        """The median."""
        ordered = sorted(self._lags)
        return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2

    def support(self) -> Support:
        """Median and spread; bursts far out (a sentence lost at the head of a burst, a stalled reader) do not widen it.

        The spread is the standard deviation of what lies within five median absolute deviations: nearly as sharp as that of clean
        Gaussian lags (a tenth at 60 bursts), where the median absolute deviation alone is off by a sixth.
        """
        ordered = sorted(self._lags)
        middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
        off = sorted(abs(lag - middle) for lag in ordered)
        mad = 1.4826 * off[len(off) // 2]
        kept = [d for d in off if d <= 5 * max(mad, FLOOR)]
        return Support(middle, max(FLOOR, math.sqrt(sum(d * d for d in kept) / max(1, len(kept) - 1))), len(off))

"""The delay of the sentences over hours: what a constant in another program's configuration should be.

The pairing's own delay is of the last minute, and follows the receiver; this is the median of many of its minutes, with what they
differ by in its spread.
"""

from __future__ import annotations

from collections import deque

from gpstime.core.delay import WINDOW, Delay
from gpstime.core.line import median
from gpstime.times import NS, RawNs

MINUTES = 240
"""Kept: four hours, in which a receiver sees other satellites and sends longer bursts."""
APART_NS = WINDOW * NS
"""From one to the next, so that no burst is in two of them."""


class LongDelay:
    """Give it the pairing's delay now and then; `delay` is None until there was one."""

    def __init__(self) -> None:
        self._minutes: deque[Delay] = deque(maxlen=MINUTES)
        self._next = RawNs(0)

    def add(self, at: RawNs, now: Delay | None) -> None:
        """Takes one a minute, of a whole minute."""
        if now is not None and now.n >= WINDOW and at >= self._next:
            self._minutes.append(now)
            self._next = RawNs(at + APART_NS)

    def forget(self) -> None:
        """The receiver was lost, or its sentences doubted: another one may come back."""
        self._minutes.clear()

    @property
    def delay(self) -> Delay | None:
        """Median, and one standard deviation of a burst: within a minute and from minute to minute."""
        if not self._minutes:
            return None
        medians = [minute.median_ns for minute in self._minutes]
        count, mean = len(medians), sum(medians) / len(medians)
        within = sum(minute.spread_ns**2 for minute in self._minutes) / count
        between = sum((m - mean) ** 2 for m in medians) / count
        return Delay(round(median(medians)), round((within + between) ** 0.5), sum(m.n for m in self._minutes))

"""When does an RTC's second begin? What polls of its seconds register say of it: bounds, intersected.

A poll is one short transaction between two readings of the raw clock; it shows a second s. So the second s had begun by the end of
the poll, and s + 1 had not begun at its start: each poll bounds the same unknown moment from both sides, and the bounds of many
polls over some seconds are intersected. What comes out is an interval that holds the rollover for certain, as far as the RTC's rate
is known to the doubt that is allowed for; never a point. Where to poll next is `rtc_edge`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.times import NS, RawNs

RATE_DOUBT = 1e-3
"""How far off the rate of an RTC may be, fractional. A fake DS3231 was 83 000 ppm off: that is no clock, and it gets no edges."""
COUNT_S = 20.0
"""Seconds counted before a rate beyond that can be told from the count."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The second that shows as `second` (0 to 59) began at `at`, give or take `half_ns`, which is certain.

    `polls`: transactions that it cost; `seconds`: how many rollovers were looked at.
    """

    at: RawNs
    half_ns: int
    second: int
    polls: int
    seconds: int


class Brackets:
    """Rollovers are numbered. `period` is the RTC's second (ns of the raw clock), known to the fraction `doubt`."""

    def __init__(self) -> None:
        self.period, self.doubt = float(NS), RATE_DOUBT
        self._lows: list[tuple[int, int]] = []
        self._highs: list[tuple[int, int]] = []

    def add(self, k: int, before: int, after: int) -> None:
        """A poll from `before` to `after` showed the second that began with rollover `k`."""
        self._lows.append((k + 1, before))
        self._highs.append((k, after))

    def clear(self) -> None:
        """Forget the polls, not the rate."""
        self._lows.clear()
        self._highs.clear()

    @property
    def blur_ns(self) -> float:
        """What a bound loses in one second."""
        return self.period * self.doubt

    def bounds(self, m: int) -> tuple[float, float]:
        """The interval of rollover `m` that all polls leave; its ends cross if they contradict each other."""
        period, blur = self.period, self.period * self.doubt
        lo = max(at + (m - k) * period - abs(m - k) * blur for k, at in self._lows)
        hi = min(at + (m - k) * period + abs(m - k) * blur for k, at in self._highs)
        return lo, hi

    def onward(self, k: int, at: float, half: float, m: int) -> tuple[float, float]:
        """The interval of rollover `m`, where rollover `k` was at `at`, give or take `half`."""
        middle, half = at + (m - k) * self.period, half + abs(m - k) * self.blur_ns
        return middle - half, middle + half


class SecondCount:
    """The rate by counting seconds alone: rough, but no assumption goes into it.

    `second_s`: how long a second of the RTC takes (raw clock) where that is no clock's second; None as long as it is plausible.
    """

    def __init__(self) -> None:
        self.second_s: float | None = None
        self._from: tuple[int, int] | None = None

    def forget(self) -> None:
        self._from = None

    def add(self, k: int, at: int) -> None:
        """Rollover `k` was the last one before `at`."""
        if self._from is None:
            self._from = (k, at)
        k0, at0 = self._from
        elapsed_s = (at - at0) / NS
        if elapsed_s >= COUNT_S:
            off = (k - k0) / elapsed_s - 1.0
            self.second_s = elapsed_s / max(k - k0, 1) if abs(off) > RATE_DOUBT + 1.1 / elapsed_s else None
            if elapsed_s > 60 * COUNT_S:
                self._from = (k, at)

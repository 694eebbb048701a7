"""Where to poll an RTC's seconds register next, so that an edge costs few transactions.

Nothing of an earlier edge goes into a later one but the place where to look: each is bracketed anew, so that a clock that was set
meanwhile is found where it is, and the errors of two edges have nothing to do with each other. Aims are dithered (by the golden
ratio: evenly spread, never periodic), so that what is left of a bracket's width is noise and not a rhythm.
"""

from __future__ import annotations

from collections import deque

from gpstime.core.rtc_brackets import RATE_DOUBT, Brackets, Edge, SecondCount
from gpstime.times import NS, RawNs

WANDER = 1e-6
"""How much the rate may have changed from one edge to the next one looked for: a tuning fork whose board warms up by 5 C."""
COARSE = 7
"""Polls in a second while the interval is wide: each second narrows it to an eighth."""
FINE = 6.0
"""Below so many poll lengths one poll a second, in the middle, is enough."""
GOAL, GOAL_BLURRED = 1.5, 2.5
"""An interval of so many poll lengths is narrow enough. Polling can't bring it below one, and where a second blurs what was learned
in the one before, not below the two polls on both sides of one rollover."""
MOST_S = 24
"""Seconds after which an edge is given as it is, if it is better than LAST_RESORT_NS wide; if not the search begins again."""
LAST_RESORT_NS = 20_000_000
BEGIN_AT = 20
"""The RTC's second at which an edge of each minute is looked for: far from the turn of the minute, where trims act."""
FIRST_PAUSE_S = 4.0
GROWTH = 0.05
"""Edges are looked for often at first: the pause is this share of the time since the first one, up to the wanted one."""
HOPELESS_NS = 5 * NS
"""Between polls of what is no clock: its seconds are only counted."""
GOLDEN = 0.6180339887498949
LATEST_NS = 1e6


class EdgeSearch:
    """Poll at `due`, tell `on_poll`; now and then the answer is an `Edge`.

    `every_s`: how often an edge is wanted in the long run. `whole_minutes`: only at one second of the RTC's minute, from the
    start (a chip whose trim acts once a minute).
    """

    def __init__(self, every_s: float = 60.0, whole_minutes: bool = False) -> None:
        self._every_s, self._minutes = every_s, whole_minutes
        self._brackets, self._count = Brackets(), SecondCount()
        self._known: deque[tuple[int, int, int]] = deque(maxlen=16)
        """Edges found, none of them contradicting another: number of the rollover, raw time, half-width."""
        self._first: int | None = None
        self._last: tuple[int, int, int] | None = None
        """The last poll: number of the rollover before it, second shown, raw time."""
        self._expected: tuple[int, float, float] | None = None
        """Where the prediction has a rollover: its number, raw time, half-width."""
        self._fresh = True
        self._polls, self._from, self._dither = 0, 0, 0.5
        self._length, self._late = 400_000.0, 0.0
        self._step: tuple[int, float] = (-1, 0.0)
        self._asked: float | None = None
        self.lost = 0
        """How often what the RTC showed contradicted itself: it was set, or its rate is impossible."""
        self.due = RawNs(0)
        """When to start the next poll (raw clock); in the past: at once."""

    @property
    def second_s(self) -> float | None:
        """How long the RTC's second takes where that is no clock's second: then no edge is given."""
        return self._count.second_s

    # ---- in ------------------------------------------------------------------------------------------------------------------

    def on_poll(self, before: RawNs, after: RawNs, second: int | None) -> Edge | None:
        """A poll begun at `before` and ended at `after`; None for a register that held no second."""
        self._polls += 1
        self._learn(before, after)
        if second is None:
            self.due = RawNs(after + NS // 50)
            return None
        k = self._number(second, after)
        self._last = (k, second, after)
        self._count.add(k, after)
        self._brackets.add(k, before, after)
        low, high = self._brackets.bounds(k)
        seconds = k + 1 - self._from
        blurred = self._brackets.blur_ns > 0.25 * self._length
        narrow = high - low <= (GOAL_BLURRED if blurred else GOAL) * self._length
        if low > high:
            self._contradicted(k, before, after)
        elif narrow or (seconds >= MOST_S and high - low <= LAST_RESORT_NS):
            if self._follows(k, (low + high) / 2, (high - low) / 2):
                return self._give(k, low, high, second, seconds)
            self._contradicted(k, before, after)
        elif seconds >= MOST_S:
            self._begin(k, before, after)
        self._aim(k + 1, after)
        if self.second_s is not None:
            self.due = RawNs(max(self.due, after + HOPELESS_NS))
        return None

    def forget(self) -> None:
        """The RTC was not there for a while: whatever was bracketed is worth nothing, its rate still is."""
        self._brackets.clear()
        self._count.forget()
        self._known.clear()
        self._last = self._expected = None
        self.due = RawNs(0)

    def _learn(self, before: int, after: int) -> None:
        """How long a poll takes, and how late the sleeper wakes."""
        self._length += (min(float(after - before), 4 * self._length) - self._length) * 0.25
        if self._asked is not None:
            late = max(-LATEST_NS, min(before - self._asked, LATEST_NS))
            self._late += (late - self._late) * 0.125
            self._asked = None

    def _number(self, second: int, after: int) -> int:
        """The number of the rollover that made it show `second`, counted on from the poll before."""
        if self._last is None:
            self._from, self._fresh = 0, False
            return 0
        k, shown, at = self._last
        elapsed = (after - at) / self._brackets.period
        passed = (second - shown) % 60
        passed += 60 * round((elapsed - passed) / 60)
        if passed < 0 or abs(passed - elapsed) > 1.05 + 2 * RATE_DOUBT * elapsed:  # another time than it should show
            self._lost(k + max(1, round(elapsed)))
            self._count.forget()
            return self._from
        if self._fresh:
            self._from, self._fresh = k + passed, False
        return k + passed

    def _contradicted(self, k: int, before: int, after: int) -> None:
        self._lost(k)
        self._brackets.add(k, before, after)

    def _lost(self, k: int) -> None:
        """It was set, or is no clock: what was known of its phase is worth nothing, and of its rate little."""
        self.lost += 1
        self._known.clear()
        self._brackets.doubt = max(self._brackets.doubt, 100e-6) if self.lost < 3 else RATE_DOUBT
        self._clear(k)

    def _begin(self, k: int, before: int, after: int) -> None:
        self._clear(k)
        self._brackets.add(k, before, after)

    def _clear(self, k: int) -> None:
        self._brackets.clear()
        self._expected = None
        self._from, self._fresh, self._step = k, False, (-1, 0.0)

    # ---- where to poll next --------------------------------------------------------------------------------------------------

    def _aim(self, m: int, now: int) -> None:
        """The middle of the next poll, for rollover `m`."""
        lo, hi = self._brackets.bounds(m)
        if self._expected is not None:
            low, high = self._brackets.onward(*self._expected, m)
            if lo > high or hi < low:
                self._expected = None  # it is not where it was expected: look everywhere
            elif lo < low - self._length and now < low:
                return self._poll_at(low)
            elif hi > high + self._length:
                return self._poll_at(high)
        if self._step[0] != m:
            self._step = (m, (hi - lo) / self._parts(hi - lo))
        self._poll_at(max(lo, float(now)) + self._step[1] * (0.85 + 0.3 * self._dithered()))
        return None

    def _parts(self, wide: float) -> int:
        """Into how many parts this second's polls cut an interval so wide."""
        if wide > FINE * self._length:
            return COARSE + 1
        if self._brackets.blur_ns < 0.25 * self._length:
            return 2
        return max(2, round(wide / (0.7 * self._length)))  # what is learned in this second is blurred in the next

    def _poll_at(self, middle: float) -> None:
        """So that the middle of the poll falls there, with the sleeper's lateness taken off."""
        due = round(middle - 0.5 * self._length - max(self._late, 0.0))
        self.due, self._asked = RawNs(due), float(due)

    def _dithered(self) -> float:
        self._dither = (self._dither + GOLDEN) % 1.0
        return self._dither

    # ---- out -----------------------------------------------------------------------------------------------------------------

    def _follows(self, k: int, at: float, half: float) -> bool:
        """Whether an edge at `at` is where the edge before it leaves room for it."""
        if not self._known:
            return True
        low, high = self._brackets.onward(*self._known[-1], k)
        return k > self._known[-1][0] and low - half <= at <= high + half

    def _give(self, k: int, low: float, high: float, second: int, seconds: int) -> Edge | None:
        """The edge, and the plan for the next one. The first of a row is held back: a second one must agree with it."""
        at, half = round((low + high) / 2), round((high - low) / 2) + 1
        edge = Edge(RawNs(at), half, second, self._polls, max(seconds, 1))
        alone = not self._known
        self._known.append((k, at, half))
        if alone:
            self._plan(k, at, half, second, FIRST_PAUSE_S)
            return None
        self._polls = 0
        self._first = k if self._first is None else self._first
        k0, at0, half0 = self._known[0]
        doubt = (half + half0) / (at - at0) + WANDER
        if doubt < self._brackets.doubt:
            self._brackets.period, self._brackets.doubt = (at - at0) / (k - k0), doubt
        self._plan(k, at, half, second, min(self._every_s, max(FIRST_PAUSE_S, GROWTH * (k - self._first))))
        return None if self.second_s is not None else edge

    def _plan(self, k: int, at: int, half: int, second: int, pause_s: float) -> None:
        """Begin the next search at the lower end of where the rollover after a pause may be."""
        ahead = max(60 if self._minutes else 1, round(pause_s))
        if self._minutes or ahead >= 60:
            ahead += (BEGIN_AT - second - ahead + 30) % 60 - 30  # the one nearest to it
        self._clear(k)
        self._fresh = True
        low, high = self._brackets.onward(k, at, half + self._length * 0.5 * self._dithered(), k + ahead)
        self._expected = (k + ahead, (low + high) / 2, (high - low) / 2)
        self._poll_at(low)

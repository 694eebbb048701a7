"""Is an offset one that came by itself? What is expected of the clock, and what would explain that it is not there.

A steered clock is where it was left, give or take what its crystal has done since. If it is somewhere else at once, either the
clock moved (somebody stepped it, which is seen; or it does not know of a leap second, which is known) or the second is wrong. The
first is believed after a moment, the second only if it lasts: `stepout_s`, ntpd's word for it.
"""

from __future__ import annotations

from gpstime.model import ClockStep
from gpstime.times import DAY_S, NS, RawNs, TaiNs, UnixNs, UtcTime

SURPRISE_NS = 100_000_000.0
"""An offset that changed by more than this, less what a crystal may have done since, did not come by itself."""
SLEWED = 1e-3
"""A clock that is left alone goes away from the raw clock by less than this: 500 ppm, and as much by others."""
WANDER = 5e-6
"""How much a crystal's frequency may have changed since: a warm day is 1 or 2 ppm. After a day a second is still a surprise."""
EXPLAINED_S = 3.0
"""So long a step by somebody else is watched before it is undone: it may be one of two."""


class Expectation:
    """`left_ns`: the offset that is expected now (None: nothing is). `surprised_ns`: what is there instead, while it waits."""

    def __init__(self, stepout_s: float) -> None:
        self._stepout_s = stepout_s
        self.left_ns: float | None = None
        self.surprised_ns: float | None = None
        self.explained = False
        """The last offset looked at was a surprise, and something explains it."""
        self._at = self._since = RawNs(0)
        self._foreign_ns = self._leap_ns = 0.0
        self._ahead_ns: int | None = None
        self._apart_ns = 0
        self._away_ns = 0.0

    @property
    def moved_ns(self) -> float:
        """How far others have moved the clock since it was last acted on, as far as was seen, and what is there instead."""
        return max(abs(self._foreign_ns), abs(self.surprised_ns or 0.0), self._away_ns)

    def left(self, at: RawNs, offset_ns: float, apart_ns: int = 0) -> None:
        """The clock was acted on at `at`, should be so far off afterwards, and so far ahead of the raw clock."""
        self.left_ns, self._at, self.surprised_ns, self.explained = offset_ns, at, None, False
        self._foreign_ns = self._leap_ns = self._away_ns = 0.0
        self._apart_ns = apart_ns

    def unverified(self, at: RawNs, shown: UnixNs, offset_ns: int | None) -> None:
        """A pulse whose second has no name, or one that is in doubt. If the clock is where it was left, give or take less than a
        second, it is off by what it shows beyond a whole second; and by the doubtful name it is `offset_ns` off."""
        if self.left_ns is None:
            return
        jumped = abs(shown - at - self._apart_ns)
        beyond = abs((shown + NS // 2) % NS - NS // 2)
        away = jumped if jumped > SURPRISE_NS + SLEWED * max(0, at - self._at) else beyond
        self._away_ns = float(max(away, abs(offset_ns or 0)))

    def forget(self) -> None:
        self.left_ns = self.surprised_ns = None

    def on_step(self, step: ClockStep) -> None:
        """Somebody stepped the clock; if it was not us, that explains an offset."""
        if step.by != "gpstime":
            self._foreign_ns += step.step_ns

    def on_second(self, second: UtcTime, tai: TaiNs) -> None:
        """Over a leap second a clock that nobody told of it is off by that second."""
        if second.ns_of_day >= DAY_S * NS:
            return
        ahead = tai - second.unix
        leap_ns = ahead - (self._ahead_ns or ahead)
        self._ahead_ns = ahead
        self._foreign_ns += leap_ns
        self._leap_ns += leap_ns

    def wait(self, at: RawNs, offset_ns: float) -> tuple[bool, bool]:
        """Whether to wait before acting on this offset; and whether it is a new surprise that nothing explains."""
        self.explained = False
        if self.left_ns is None:
            return False, False
        moved = offset_ns - self.left_ns
        room = SURPRISE_NS + WANDER * max(0, at - self._at)
        if abs(moved) <= room:
            self.surprised_ns = None
            return False, False
        self.explained = self._foreign_ns != 0.0 and abs(moved - self._foreign_ns) <= room
        news = self.surprised_ns is None or abs(offset_ns - self.surprised_ns) > room
        if news:
            self._since, self.surprised_ns = at, offset_ns
        lasts = self._stepout_s
        if self.explained:
            lasts = 0.0 if self._foreign_ns == self._leap_ns else EXPLAINED_S
        return (at - self._since) / NS < lasts, news and not self.explained

    @property
    def why(self) -> str:
        """What explains the offset; "" if nothing does."""
        if not self._foreign_ns:
            return ""
        if self._foreign_ns == self._leap_ns:
            return "nobody told the clock of a leap second"
        return f"somebody stepped the clock by {self._foreign_ns / NS:+.6f} s"

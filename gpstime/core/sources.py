"""Second opinions on the second: an RTC that never stopped, and a system clock that was right before.

Each is asked the same question: how far are you from this label? Less than 0.35 s is agreement. Between that and 1.65 s it is
doubt: a sentence one second late and a clock one second off look the same. Further off proves nothing about one second.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from gpstime.model import RtcReading
from gpstime.times import DAY_S, NS, LeapTable, RawNs, TaiNs, UnixNs, UtcTime

AGREE_S = 0.35
"""An opinion is used if its own error is below this; a crystal needs hours to go further astray."""
OTHER_S = 0.28
"""Another second is ruled out if an opinion would have to be off by more than this to mean it. Less than AGREE_S, for readings
without the moment of rollover: each is a second wide, and one from its middle should be enough."""
DOUBT_S = 1.65
REMEMBER_NS = 900 * NS
"""RTC readings this old still narrow the interval (a 100 ppm chip moves 0.09 s meanwhile)."""
PATIENCE = 16
"""Readings without the moment of rollover that are waited for when they leave two seconds possible: taken at random they narrow it
to an eighth of a second by then; taken always at the same moment they never will."""
GOOD_FOR_NS = 3 * 3600 * NS
"""How long a system clock that was right may vouch for a label: 30 ppm off, it reaches AGREE_S after this."""

Place = Callable[[RawNs], tuple[int, float] | None]
"""Where an instant of the raw clock is on the pulse raster: number of a pulse and pulses since, None if too far away."""


class Verdict(enum.Enum):
    SILENT = "silent"
    WAITING = "waiting"
    AGREES = "agrees"
    DOUBTS = "doubts"
    FAR = "far"


@dataclass(frozen=True, slots=True)
class Opinion:
    """`by` names the source, `off_s` is source minus label (the middle of what is possible), `assumed`: agreement that goes back to
    a label which itself rested on an assumption."""

    verdict: Verdict
    by: str = ""
    off_s: float = 0.0
    assumed: bool = False


class Sources:
    """Keeps what the second sources said, as they said it; opinions are formed when asked for."""

    def __init__(self, leap: LeapTable) -> None:
        self._leap = leap
        self._readings: deque[tuple[RawNs, TaiNs, RtcReading]] = deque(maxlen=32)
        self._shown: tuple[int, RawNs, UnixNs] | None = None
        self._right_at: RawNs | None = None
        self._right_assumed = False
        self.rtc_day: int | None = None
        self._day = self._ahead_s = 0
        self._leapt = False
        """A leap second went by in this run: an RTC may never hear of it."""

    def on_rtc(self, reading: RtcReading) -> None:
        """An RTC that stopped once has nothing to say."""
        if not reading.trusted or self._leapt:
            return
        if self._readings and reading.at < self._readings[-1][0]:
            self._readings.clear()
        self.rtc_day = reading.shown.day
        self._readings.append((reading.at, self._leap.tai(reading.shown), reading))

    def on_shown(self, n: int, at: RawNs, shown: UnixNs) -> None:
        """What the system clock showed at pulse `n`."""
        self._shown = (n, at, shown)
        day = shown // (DAY_S * NS)
        if day != self._day:
            ahead_s = self._leap.at(UtcTime.from_unix(shown)).tai_minus_utc_s
            if day == self._day + 1 and ahead_s != self._ahead_s:  # nobody knows who was told of the leap second and who was not
                self._right_at, self._leapt = None, True
                self._readings.clear()
            self._day, self._ahead_s = day, ahead_s

    def on_step(self) -> None:
        """The system clock was stepped: that it was right says nothing any more."""
        self._right_at = None

    def confirm(self, label: int, assumed: bool) -> None:
        """The label is sure: remember whether the system clock agrees with it now."""
        off = self._system_off(label)
        if off is not None and self._shown is not None:
            if abs(off) < AGREE_S:
                self._right_assumed = assumed and (self._right_at is None or self._right_assumed)
                self._right_at = self._shown[1]
            else:
                self._right_at = None

    def opinion(self, label: int, place: Place) -> Opinion:
        """What they think of `label` (TAI seconds minus pulse number) together: one doubt outweighs an agreement."""
        rtc, system = self._rtc(label, place), self._system(label)
        for verdict in (Verdict.DOUBTS, Verdict.AGREES, Verdict.WAITING, Verdict.FAR):
            for opinion in (rtc, system):
                if opinion.verdict is verdict:
                    return opinion
        return rtc

    def _rtc(self, label: int, place: Place) -> Opinion:
        low, high, used = -1e12, 1e12, 0
        for at, tai, reading in reversed(self._readings):
            where = place(at)
            if where is None or (self._readings[-1][0] - at) > REMEMBER_NS:
                break
            n, since = where
            off = (tai - (n + label) * NS) / NS - since
            err = reading.err_ns / NS
            lo, hi = off - err, off + err + (0.0 if reading.edge else reading.resolution_ns / NS)
            if used and (lo > high or hi < low):  # it was set, or drifts: the newer ones count
                break
            low, high, used = max(low, lo), min(high, hi), used + 1
        if not used:
            return Opinion(Verdict.SILENT)
        by = f"the RTC ({self._readings[-1][2].chip})" if self._readings[-1][2].chip else "the RTC"
        middle = (low + high) / 2
        distance = max(low, -high, 0.0)
        if distance >= AGREE_S:
            return Opinion(Verdict.DOUBTS if distance < DOUBT_S else Verdict.FAR, by, middle)
        if high < 1 - OTHER_S and low > OTHER_S - 1:
            return Opinion(Verdict.AGREES, by, middle)
        return Opinion(Verdict.WAITING if used < PATIENCE else Verdict.SILENT, by, middle)

    def _system_off(self, label: int) -> float | None:
        if self._shown is None:
            return None
        n, _, shown = self._shown
        return (self._leap.tai(UtcTime.from_unix(shown)) - (n + label) * NS) / NS

    def _system(self, label: int) -> Opinion:
        off = self._system_off(label)
        if off is None or self._shown is None or self._right_at is None:
            return Opinion(Verdict.SILENT)
        if not 0 <= self._shown[1] - self._right_at <= GOOD_FOR_NS:
            return Opinion(Verdict.SILENT)
        # Far off it lost ticks together with the raw clock (a slow timer stops both), which is no opinion.
        verdict = Verdict.AGREES if abs(off) < AGREE_S else Verdict.DOUBTS if abs(off) < DOUBT_S else Verdict.SILENT
        return Opinion(verdict, "the system clock, which was right before", off, self._right_assumed)

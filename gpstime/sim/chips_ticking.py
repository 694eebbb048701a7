"""How time passes in a fake RTC chip: a crystal with its own rate, a divider of one second, and what is due meanwhile.

A chip lives in true time (ns from an arbitrary zero) and is brought up to date by whoever touches it.  Between two instants it
ticks at 1 + ppm * 1e-6: it gains when ppm is positive.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections.abc import Callable
from typing import ClassVar, TypeAlias

from gpstime.times import NS

Varying: TypeAlias = float | Callable[[int], float]
"""A value, or what gives the value at a true instant (asked once in each of the chip's seconds)."""
TUNING_FORK_PPM_PER_K2 = -0.034
"""Makers' figure for 32 768 Hz tuning forks, about a turnover of 25 C (F-R02)."""
TURNOVER_C = 25.0


class Ticking:
    """The divider holds `_phase` chip ns of the current second (negative: a trim pulse has lengthened it)."""

    tick_falls: ClassVar[bool] = True
    """The 1 Hz output falls (else rises) when the seconds count."""
    parabola: ClassVar[float] = 0.0
    """ppm per K^2 about 25 C."""

    def __init__(self, ppm: Varying, temperature_c: Varying, battery_ppm: float, begin_ns: int) -> None:
        self._ppm, self._temperature, self.battery_ppm = ppm, temperature_c, battery_ppm
        self._at = begin_ns
        self._phase = 0.0
        self._elapsed = 0.0
        """Chip ns at the last tick."""
        self._last_tick: int | None = None
        self._due: list[tuple[int, int, bool, Callable[[], None]]] = []
        self._number = itertools.count()
        self._addressed = False
        self.powered, self._alive = True, True
        self.listeners: list[Callable[[int, bool], None]] = []
        """Told of every edge of the 1 Hz output: (true ns, rising)."""

    # ---- what chips differ in ---------------------------------------------------------------------------------------------------

    def _counting(self) -> bool:
        """The oscillator runs and the divider is not held."""
        return self._alive

    def _trim_ppm(self) -> float:
        """What a continuous trim adds to the rate."""
        return 0.0

    def _pulse_ns(self) -> float:
        """What the trim adds (chip ns, positive is ahead) at the tick that has just been counted."""
        return 0.0

    def _pulses_ppm(self) -> float:
        """Mean of those over a whole cycle: so much of the chip's own time is passed over."""
        return 0.0

    def _quiet_s(self) -> int:
        """In so many whole seconds nothing happens but counting."""
        return NS

    def _hertz(self) -> bool:
        """The output gives 1 Hz now."""
        return False

    def _count(self, seconds: int) -> None:
        """So many seconds have passed."""
        raise NotImplementedError

    # ---- time passes -------------------------------------------------------------------------------------------------------------

    @property
    def celsius(self) -> float:
        return self._temperature(self._at) if callable(self._temperature) else self._temperature

    def rate_ppm(self) -> float:
        """The rate now, without what comes in pulses."""
        ppm = self._ppm(self._at) if callable(self._ppm) else self._ppm
        if self.parabola:
            ppm += self.parabola * (self.celsius - TURNOVER_C) ** 2
        if not self.powered:
            ppm += self.battery_ppm
        return ppm + self._trim_ppm()

    def plan(self, at: int, action: Callable[[], None], *, wire: bool = False) -> None:
        """At this true instant; `wire`: uses the bus, so it waits until the bus is free."""
        heapq.heappush(self._due, (at, next(self._number), wire, action))

    def run_to(self, at: int) -> None:
        """True time goes on to `at`; nothing happens if it is there already."""
        while True:
            until = at
            if self._due and self._due[0][0] <= at and not (self._due[0][2] and self._addressed):
                until = self._due[0][0]
            self._pass(until)
            if until == at and not (self._due and self._due[0][0] <= self._at and not (self._due[0][2] and self._addressed)):
                return
            heapq.heappop(self._due)[3]()

    def _pass(self, until: int) -> None:
        varies = callable(self._ppm) or callable(self._temperature)
        while self._at < until:
            if not self._counting():
                self._at = until
                return
            rate = 1.0 + self.rate_ppm() * 1e-6
            first_half = bool(self.listeners) and self._phase < NS / 2
            target = NS / 2 if first_half else NS * (1 if varies or self.listeners else self._quiet_s())
            step = min(until - self._at, max(1, math.ceil((target - self._phase) / rate)))
            self._at += step
            self._phase += step * rate
            whole = max(0, int(self._phase // NS))
            if whole:
                self._phase -= whole * NS
                self._elapsed += whole * NS
                self._last_tick = self._at - round(self._phase / rate)
                self._count(whole)
                self._tell(self._last_tick, not self.tick_falls)
                self._phase += self._pulse_ns()
            elif first_half and self._phase >= NS / 2:
                self._tell(self._at - round((self._phase - NS / 2) / rate), self.tick_falls)

    def _tell(self, at: int, rising: bool) -> None:
        if self.listeners and self._hertz():
            for listener in self.listeners:
                listener(at, rising)

    def _reset_divider(self, phase_ns: float = 0.0) -> None:
        """The divider is set to this phase, now."""
        if self._phase >= NS / 2 > phase_ns:
            self._tell(self._at, not self.tick_falls)
        self._elapsed += self._phase - phase_ns
        self._phase = phase_ns
        self._last_tick = self._at - round(phase_ns)

    def _forget(self) -> None:
        """What the chip itself had before it; what others plan stays."""
        self._due = [d for d in self._due if d[2]]
        heapq.heapify(self._due)

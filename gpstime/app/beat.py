"""Somebody who wakes just after each second of a clock that is steered, so that its kernel notices that the second ended."""

from __future__ import annotations

from gpstime.app.sources import Regular
from gpstime.model import Event
from gpstime.ports import SteeredClock, Timebase
from gpstime.times import NS, RawNs

LEAST_NS = NS // 10
"""No two beats are closer: a sleep that ended a little early is not made up for."""


class Beat(Regular):
    """Due once in each second of that clock, wherever that begins now: it may be slewed, and stepped by anybody."""

    def __init__(self, clock: SteeredClock, timebase: Timebase) -> None:
        super().__init__("beat", 1.0, self._beat, timebase)
        self._clock = clock
        self.due = self._next()

    def _beat(self) -> list[Event]:
        refused = self._clock.beat()
        self.due = self._next()
        return [] if refused is None else [refused]

    def _next(self) -> RawNs:
        now = self._clock.read()
        left = (self._clock.beat_ns - now.real) % NS
        return RawNs(now.raw + (left if left >= LEAST_NS else left + NS))

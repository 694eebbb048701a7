"""A live world whose clock is really steered: adjustments go to the clock, and what others may know of it is declared beside."""

from __future__ import annotations

from collections.abc import Iterator

from gpstime.core.engine import Engine
from gpstime.model import Adjustment, Applied, ErrorBound, Event, Finding, Mode, ModeChange, Slew
from gpstime.ports import SteeredClock, World
from gpstime.times import NS, LeapStatus, LeapTable, RawNs, UtcTime

DECLARE_NS = 16 * NS
"""Between two declarations: the kernel lets `maxerror` grow by 500 us a second meanwhile, which is more than any drift."""


class SteeredWorld:
    """Fits `ports.World`: the events of `world`, adjustments to `clock`, which is released when all is over."""

    def __init__(self, world: World, clock: SteeredClock) -> None:
        self._world, self._clock = world, clock
        self.head: dict[str, object] = dict(getattr(world, "head", {}))

    def events(self) -> Iterator[Event]:
        return self._world.events()

    def adjust(self, adjustment: Adjustment) -> Applied:
        """What really happened, on the clock that stamps events."""
        at = self._clock.read().raw
        if isinstance(adjustment, Slew):
            return self._clock.slew(adjustment, at)
        return self._clock.step(adjustment, at)

    def close(self) -> None:
        """The clock first: whatever a device makes of its closing, nothing but the bare drift stays in force."""
        try:
            self._clock.release()
        finally:
            self._world.close()


class Declarer:
    """A `ports.Sink`: tells the clock, now and then, how far off it may be, TAI - UTC, and a leap second at the end of this day.

    TAI - UTC only from a table that has not expired, and only while the second is known; a leap second only on its own day, since
    a kernel that is told inserts it at the next midnight, whatever the month.
    """

    def __init__(self, clock: SteeredClock, engine: Engine, leap: LeapTable) -> None:
        self._clock, self._engine, self._leap = clock, engine, leap
        self._declared = RawNs(-DECLARE_NS)

    def __call__(self, value: Event | Finding) -> None:
        lost = isinstance(value, ModeChange) and value.new in (Mode.FREE_RUNNING, Mode.FAULTED)
        if lost or (isinstance(value, ErrorBound) and value.at - self._declared >= DECLARE_NS):
            self._declare(value.at, float("inf") if not isinstance(value, ErrorBound) else self._worst(value))

    @staticmethod
    def _worst(bound: ErrorBound) -> float:
        """The bound as it will be when the next declaration is due."""
        return bound.bound_ns + bound.growth_ppb * (DECLARE_NS / NS)

    def _declare(self, at: RawNs, bound_ns: float) -> None:
        self._declared = at
        engine = self._engine
        discipline = engine.discipline
        utc = None if discipline is None else discipline.second
        tai_minus_utc, leap = None, 0
        if utc is not None and discipline is not None and discipline.mode is Mode.TRACKING:
            tai_minus_utc, leap = self._of(utc)
        self._clock.declare(bound_ns, tai_minus_utc, leap)

    def _of(self, utc: UtcTime) -> tuple[int | None, int]:
        answer = self._leap.at(utc)
        known = answer.status is LeapStatus.OK
        return (answer.tai_minus_utc_s if known else None), (self._leap.leap_at_end_of(utc.day) if known else 0)

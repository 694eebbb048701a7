"""A live world whose clock is really steered: adjustments go to the clock, and what others may know of it is declared beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from gpstime.app.discipline_words import standing
from gpstime.app.outage_score import Scoring, scores_of
from gpstime.core.bound import Biases
from gpstime.core.engine import Engine
from gpstime.model import Adjustment, Applied, DeviceFound, ErrorBound, Event, Finding, Mode, ModeChange, Slew
from gpstime.ports import SteeredClock, World
from gpstime.store.outages import Outages
from gpstime.times import NS, LeapStatus, LeapTable, RawNs, UtcTime

DECLARE_NS = 16 * NS
"""Between two declarations: the kernel lets `maxerror` grow by 500 us a second meanwhile, which is more than any drift."""
UNKNOWN_PULSE_NS = Biases().pulse_ns


def biases_of(head: Mapping[str, object]) -> Biases:
    """What is known of the lateness of this world's stamps; nothing known is the worst that the field has seen."""
    stamps = head.get("stamps")
    doubt = stamps.get("bias_err_ns") if isinstance(stamps, Mapping) else None
    return Biases(pulse_ns=float(doubt) if isinstance(doubt, (int, float)) else UNKNOWN_PULSE_NS)


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


class Disciplining:
    """A sink for the service: declares (see `Declarer`), and learns how late stamps may be once the pulse is open."""

    def __init__(self, clock: SteeredClock, engine: Engine, leap: LeapTable, stamps: Callable[[], object] | None = None) -> None:
        assert engine.discipline is not None
        self._loop, self._stamps = engine.discipline, stamps
        self._declare = Declarer(clock, engine, leap)
        self._kept: Outages | None = None

    def __call__(self, value: Event | Finding) -> None:
        self._declare(value)
        if isinstance(value, DeviceFound) and value.source.startswith("pps") and self._stamps is not None:
            self._loop.biases = biases_of({"stamps": self._stamps()})

    def keep_scores(
        self, kept: Outages, record: Callable[[], object] | None = None, told: Callable[[str], None] = lambda sentence: None
    ) -> Scoring:
        """A sink that keeps the scores of holdovers in `kept`; `standing` counts them all from now on."""

        def run() -> int | None:
            facts = None if record is None else record()
            number = facts.get("run") if isinstance(facts, Mapping) else None
            return number if isinstance(number, int) else None

        self._kept = kept
        return Scoring(kept, "service", lambda: self._loop.second, run, told)

    def standing(self) -> dict[str, object]:
        return standing(self._loop) | ({} if self._kept is None else {"holdovers": scores_of(self._kept)})


class Declarer:
    """A `ports.Sink`: tells the clock, now and then, how far off it may be, TAI - UTC, and a leap second at the end of this day.

    TAI - UTC only from a table that has not expired, and only while the second is known; a leap second only on its own day, since
    a kernel that is told inserts it at the next midnight, whatever the month.
    """

    def __init__(self, clock: SteeredClock, engine: Engine, leap: LeapTable) -> None:
        self._clock, self._engine, self._leap = clock, engine, leap
        self._declared = RawNs(-DECLARE_NS)

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, Applied) and value.step_ns:
            self._declared = RawNs(-DECLARE_NS)  # with a step the kernel forgets how good it was
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
        if utc is not None and discipline is not None and discipline.mode in (Mode.TRACKING, Mode.HOLDOVER):
            tai_minus_utc, leap = self._of(utc)
        self._clock.declare(bound_ns, tai_minus_utc, leap)

    def _of(self, utc: UtcTime) -> tuple[int | None, int]:
        answer = self._leap.at(utc)
        known = answer.status is LeapStatus.OK
        return (answer.tai_minus_utc_s if known else None), (self._leap.leap_at_end_of(utc.day) if known else 0)

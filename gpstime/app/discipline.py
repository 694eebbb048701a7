"""`gpstime discipline`: a world with the loop closed. A dry run unless told to steer; what came of it as one `Disciplined`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gpstime.app.dry_run import DryWorld
from gpstime.app.interrupt import Interruptible
from gpstime.app.run import run
from gpstime.app.steered import Declarer, SteeredWorld, biases_of
from gpstime.app.worlds import Opened, made_up
from gpstime.core.bound import Biases
from gpstime.core.engine import Engine
from gpstime.core.policy import Policy
from gpstime.errors import DeviceBusy
from gpstime.model import (
    Adjustment,
    Applied,
    ErrorBound,
    Event,
    Finding,
    HoldoverBegan,
    HoldoverScored,
    Mode,
    ModeChange,
    SlewAnnounced,
    StepAnnounced,
)
from gpstime.ports import Sink, SteeredClock, World
from gpstime.times import NS, LeapTable, RawNs

T = TypeVar("T", ModeChange, StepAnnounced, SlewAnnounced)
MOST_KEPT = 1000
"""Changes, steps and slews that are kept for the report; beyond that only the newest."""


@dataclass(slots=True)
class Disciplined:
    """How it went, and how the clock stands at the end. Times are seconds since the first event; None is what is not known."""

    world: str
    steered: bool
    simulated: bool
    mode: Mode = Mode.ACQUIRING
    why: str = ""
    seconds: float = 0.0
    updates: int = 0
    offset_ns: float | None = None
    offset_sigma_ns: float | None = None
    correction_ppb: float | None = None
    bound: ErrorBound | None = None
    coverage: float | None = None
    coverage_seconds: int = 0
    modes: list[tuple[float, ModeChange]] = field(default_factory=list)
    steps: list[tuple[float, StepAnnounced]] = field(default_factory=list)
    slews: list[tuple[float, SlewAnnounced]] = field(default_factory=list)
    outages: list[tuple[float, HoldoverScored]] = field(default_factory=list)
    refused: str = ""
    label: str = ""
    interrupted: bool = False
    true_offset_ns: int | None = None
    """Of a simulated clock at the end: the truth."""
    late_ns: int | None = None
    """How late the pulse's stamps are known to be; taken off before the loop hears them."""


class _Gathering:
    """A sink: what the report tells."""

    def __init__(self, into: Disciplined, say: Callable[[float, Finding | Applied], None]) -> None:
        self._into, self._say = into, say
        self._first: RawNs | None = None

    def __call__(self, value: Event | Finding) -> None:
        into = self._into
        first = self._first = value.at if self._first is None else self._first
        into.seconds = (value.at - first) / NS
        if isinstance(value, Applied):
            if value.refused and value.refused != into.refused:
                into.refused = value.refused
                self._say(into.seconds, value)
        elif isinstance(value, (HoldoverBegan, HoldoverScored)):
            if isinstance(value, HoldoverScored):
                into.outages.append((into.seconds, value))
                del into.outages[:-MOST_KEPT]
            self._say(into.seconds, value)
        elif isinstance(value, ModeChange):
            self._keep(into.modes, value)
        elif isinstance(value, StepAnnounced):
            self._keep(into.steps, value)
        elif isinstance(value, SlewAnnounced):
            self._keep(into.slews, value)

    def _keep(self, kept: list[tuple[float, T]], value: T) -> None:
        kept.append((self._into.seconds, value))
        del kept[:-MOST_KEPT]
        self._say(self._into.seconds, value)


class Limited:
    """A world that ends after so long on the raw clock, when `done` says so, or when the user ends it."""

    def __init__(
        self, world: World, interrupt: Interruptible, limit_s: float | None, done: Callable[[], bool] = lambda: False
    ) -> None:
        self._world, self._interrupt, self._limit_s, self._done = world, interrupt, limit_s, done

    def events(self) -> Iterator[Event]:
        first: RawNs | None = None
        for event in self._interrupt.each(self._world.events()):
            yield event
            first = event.at if first is None else first
            if self._done() or (self._limit_s is not None and event.at - first >= self._limit_s * NS):
                return

    def adjust(self, adjustment: Adjustment) -> Applied:
        return self._world.adjust(adjustment)

    def close(self) -> None:
        self._world.close()


def discipline(
    opened: Opened,
    leap: LeapTable,
    policy: Policy,
    *,
    name: str,
    clock: SteeredClock | None = None,
    steer: bool = False,
    limit_s: float | None = None,
    say: Callable[[float, Finding | Applied], None] = lambda seconds, value: None,
    biases: Biases | None = None,
    sinks: Sequence[Sink] = (),
) -> Disciplined:
    """Run the world with the loop closed: on `clock` (a live one), on its own clock (a simulated one), or, where `steer` is False,
    on a clock that only looks as if."""
    engine = Engine(leap, opened.not_before, discipline=policy)
    loop = engine.discipline
    assert loop is not None
    loop.biases = biases or biases_of(getattr(opened.world, "head", {}))
    out = Disciplined(name, steer, made_up(opened))
    world: World = opened.world
    extra: list[Sink] = []
    if not steer:
        world = DryWorld(world)
    elif clock is not None:
        world = SteeredWorld(world, clock)
        extra.append(Declarer(clock, engine, leap))
    with Interruptible() as interrupt:
        try:
            run(Limited(world, interrupt, limit_s), engine, [*opened.sinks, _Gathering(out, say), *extra, *sinks])
        finally:
            world.close()
    phase = loop.servo.phase
    out.mode, out.why, out.updates = loop.mode, loop.modes.why, loop.updates
    out.offset_ns = loop.expected.left_ns
    out.offset_sigma_ns = math.sqrt(phase.pxx) if loop.updates else None
    out.correction_ppb = loop.servo.bare_ppb
    out.bound, out.coverage, out.coverage_seconds = loop.bound, loop.coverage.share, loop.coverage.seconds
    out.label = engine.pairing.label.value
    out.interrupted = interrupt.interrupted
    return out


def rivals(who: Sequence[str], takeover: bool) -> None:
    """DeviceBusy where another program steers the clock and nobody said to take over (P18)."""
    if who and not takeover:
        from gpstime.drivers.steering import unit_of

        names = " and ".join(who)
        program, _, pid = who[0].rstrip(")").partition(" (pid ")
        unit = (pid.isdigit() and unit_of(int(pid))) or program
        raise DeviceBusy(
            f"{names} steer{'' if len(who) > 1 else 's'} this clock, and two would fight over it: systemctl stop {unit} (and "
            "disable it), or say --takeover (the service: takeover = true) to steer all the same"
        )

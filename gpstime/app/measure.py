"""`gpstime measure`: a world through the engine, and what came of it as one `Measurement`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gpstime.app.interrupt import Interruptible
from gpstime.app.rtc_result import RtcResult, RtcWatch
from gpstime.app.rtc_specs import spec_of
from gpstime.app.run import run
from gpstime.app.verdict import judge
from gpstime.app.watch import Watch
from gpstime.core.engine import Engine
from gpstime.core.trim import TrimSpec
from gpstime.model import Adjustment, Applied, DeviceFound, DeviceLost, Drift, Event, Finding, Label, Offset
from gpstime.ports import Sink, World
from gpstime.times import NS, LeapTable, RawNs, UtcTime

TARGET_PPB = 10.0


@dataclass(frozen=True, slots=True)
class Measurement:
    """One result. Frequency errors in `drift` are positive when the clock gains; None is what is not known."""

    file: str
    status: str
    why: str
    drift: Drift | None = None
    n: int = 0
    span_s: float | None = None
    label: Label = Label.NONE
    label_why: str = ""
    assumption: str = ""
    first_labelled: tuple[RawNs, UtcTime] | None = None
    last_labelled: tuple[RawNs, UtcTime] | None = None
    rejected: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, int] = field(default_factory=dict)
    steps: int | None = None
    steered_by: str = ""
    head: dict[str, Any] = field(default_factory=dict)
    simulated: bool = False
    notes: tuple[str, ...] = ()
    seconds_to_target: float | None = None
    walk_seen: bool = False
    """The random walk of the frequency shows in the data; otherwise `drift.walk_fm` is only what can't be excluded."""
    interrupted: bool = False
    rtc: RtcResult | None = None
    """The other crystal, where there was a clock chip."""


def unreadable(file: str, error: Exception) -> Measurement:
    return Measurement(file, "unreadable", " ".join(str(error).split()), label=Label.NONE)


class _Unheard:
    """Why the receiver is not heard, while it isn't (its source goes by the port's name in a simulation and a capture)."""

    def __init__(self) -> None:
        self.why = ""

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, (DeviceLost, DeviceFound)) and value.source not in ("pps", "rtc", "rtc-sqw"):
            self.why = value.reason if isinstance(value, DeviceLost) else ""


class _UpTo:
    """A world that ends when the watch has seen enough or the user has; `pulses` False: after so long on the raw clock.

    `endless`: it does not end by itself, so no pulse for as long as was to be measured ends it too.
    """

    def __init__(
        self, world: World, watch: Watch, interrupt: Interruptible, limit_s: float | None, pulses: bool, endless: bool
    ) -> None:
        self._world, self._watch, self._interrupt = world, watch, interrupt
        self._limit_s = limit_s if endless or not pulses else None
        self._pulses = pulses

    def events(self) -> Iterator[Event]:
        done, first = self._watch.done, None
        for event in self._interrupt.each(self._world.events()):
            yield event
            first = event.at if first is None else first
            since = self._watch.last_at if self._pulses and self._watch.edges else first
            if done() or (self._limit_s is not None and event.at - since >= self._limit_s * NS):
                return

    def adjust(self, adjustment: Adjustment) -> Applied:
        return self._world.adjust(adjustment)

    def close(self) -> None:
        self._world.close()


def measure(
    world: World,
    leap: LeapTable,
    *,
    name: str,
    not_before: UtcTime | None = None,
    noise: str = "auto",
    limit_s: float | None = None,
    simulated: bool = False,
    progress: Callable[[Offset, Engine], None] | None = None,
    sinks: Sequence[Sink] = (),
    trim_of: Callable[[str], TrimSpec | None] | None = None,
    pulses: bool = True,
    endless: bool = False,
    leap_held: bool = False,
) -> Measurement:
    """Run `world` to its end, to `limit_s` true seconds after the first pulse or to Ctrl-C; `progress` is called at every pulse,
    `sinks` see every value. `trim_of`, `leap_held`: see `Engine`. `pulses` False: there are none, an RTC is held against the
    system clock. `endless`: the world does not end by itself; it is left when for `limit_s` no pulse has come."""
    engine = Engine(leap, not_before, noise, trim_of=trim_of or spec_of, leap_held=leap_held)
    rtc, unheard = RtcWatch(engine), _Unheard()
    watch = Watch(limit_s, None if progress is None else lambda offset: progress(offset, engine))
    watch.train = lambda: (engine.train.restarts, engine.train.rate)
    with Interruptible() as interrupt:
        try:
            run(_UpTo(world, watch, interrupt, limit_s, pulses, endless), engine, [watch, rtc, unheard, *sinks])
        finally:
            world.close()
    watch.settle(engine.pairing)
    drift = engine.drift.estimate(watch.last_at)
    steered_by = watch.steerer or engine.steps.steered or ""
    status, why = judge(engine, watch, drift, getattr(world, "head", {}).get("board"), steered_by)
    return Measurement(
        file=name,
        status=status,
        why=why,
        drift=drift,
        n=watch.used if drift is None else drift.n,
        span_s=None if drift is None else drift.span_s,
        label=engine.pairing.label,
        label_why=" ".join(filter(None, (engine.pairing.why, unheard.why))),
        assumption=engine.pairing.assumption,
        first_labelled=watch.first_labelled,
        last_labelled=watch.last_labelled,
        rejected=dict(sorted(engine.rejected.items())),
        skipped=dict(sorted(getattr(world, "skipped", {}).items())),
        steps=engine.steps.count,
        steered_by=steered_by,
        head=dict(getattr(world, "head", {})),
        simulated=simulated,
        notes=tuple(getattr(world, "notes", ())),
        seconds_to_target=None if drift is None else engine.drift.time_to(TARGET_PPB),
        walk_seen=engine.drift.noise_found().walk_seen,
        interrupted=interrupt.interrupted,
        rtc=rtc.result(steered_by),
    )

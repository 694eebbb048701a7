"""`gpstime run`: the service. Watches the live board until it is told to stop; what devices do meanwhile is a line in the log."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, TextIO

import gpstime
from gpstime.app.config import DEFAULT_FILE, ConfigError, load
from gpstime.app.journal import INFO, NOTICE, WARNING, Journal, Relay
from gpstime.app.live import LiveTime, LiveWorld
from gpstime.app.notify import Notify
from gpstime.app.run import run
from gpstime.app.settings import Config
from gpstime.app.standing import Standing, say_frequency
from gpstime.app.status import StatusSocket, check_place
from gpstime.core.engine import Engine
from gpstime.core.policy import Policy
from gpstime.core.trim import TrimSpec
from gpstime.model import Drift, Event, Finding, LabelChange
from gpstime.ports import Sink, Source, SteeredClock, World
from gpstime.times import LeapTable, UtcTime

if TYPE_CHECKING:
    from gpstime.app.feeds import Feeds
    from gpstime.store.outages import Outages
    from gpstime.store.record import Record


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help=f"the configuration (default {DEFAULT_FILE}; gpstime config shows it)")


@dataclass(slots=True)
class Fitted:
    """What the configuration asked for, ready to run. `facts` go into the status, `said` are lines for the start of the log.

    `sinks` get every value before the status does; `parts` are asked whenever somebody asks for the status; `told` is what the
    record has to say, from its first look at the disk on; `closing` is called last, whatever happened.
    """

    sources: list[Source]
    head: dict[str, object] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    not_before: UtcTime | None = None
    leap_held: bool = False
    """The run before this one ended while the receiver's leap second count was not verified."""
    record: Record | None = None
    sinks: list[Sink] = field(default_factory=list)
    parts: dict[str, Callable[[], object]] = field(default_factory=dict)
    closing: list[Callable[[], None]] = field(default_factory=list)
    trim_of: Callable[[str], TrimSpec | None] = lambda chip: None
    """What the trim register of the RTC does, as far as it was open yet."""
    told: Relay = field(default_factory=Relay)
    policy: Policy | None = None
    """By which the clock is steered, if it is; through `clock`."""
    clock: SteeredClock | None = None
    outages: Outages | None = None
    """Where the scores of its holdovers are kept."""
    feeds: Feeds | None = None
    """Whom the time is told, if anybody; `fed` is what it has to say."""
    fed: Relay = field(default_factory=Relay)


class Signals:
    """A context in which SIGTERM, SIGINT and SIGHUP call `stop`; the second of them interrupts whatever the program does."""

    NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self.got: int | None = None
        self._before: list[object] = []

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.got is not None:
            raise KeyboardInterrupt
        self.got = number
        self._stop()

    def __enter__(self) -> Signals:
        self._before = [signal.signal(number, self._on_signal) for number in self.NUMBERS]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, before in zip(self.NUMBERS, self._before, strict=True):
            signal.signal(number, before)  # type: ignore[arg-type] # what signal() itself gave


class Telling:
    """A sink: the one line that `systemctl status` shows."""

    def __init__(self, notify: Notify, standing: Standing) -> None:
        self._notify, self._standing = notify, standing

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, (Drift, LabelChange)):
            drift = self._standing.drift
            frequency = "" if drift is None else f"; {say_frequency(drift)}"
            self._notify.status(f"second {self._standing.engine.pairing.label.value}{frequency}")


def settle() -> None:
    """What is loaded stays for years: no need to look through it again, and what loading it took goes back to the system."""
    gc.collect()
    gc.freeze()
    with contextlib.suppress(OSError, AttributeError):  # AttributeError: another libc than glibc
        ctypes.CDLL(None).malloc_trim(0)


def serve(
    config: Config,
    fitted: Fitted,
    leap: LeapTable,
    time: LiveTime,
    environment: Mapping[str, str],
    out: TextIO | None = None,
) -> int:
    """Run until a signal; the exit code. Errors of set-up come as GpstimeError, before the first event."""
    engine = Engine(leap, fitted.not_before, trim_of=fitted.trim_of, discipline=fitted.policy, leap_held=fitted.leap_held)
    if fitted.record is not None:
        fitted.record.leap_held = lambda: engine.pairing.leap_held
    standing = Standing(engine, time.now(), fitted.facts)
    standing.parts |= fitted.parts
    journal = Journal(standing, config.service.summary_s, out, environment)
    notify = Notify(environment, time.now)
    beat_s = None if notify.watchdog_s is None else notify.watchdog_s / 2
    world = LiveWorld(fitted.sources, time, head=fitted.head, idle=None if beat_s is None else notify.alive, idle_s=beat_s)
    status: StatusSocket | None = None
    try:
        with Signals(world.stop) as signals:
            if config.service.socket:
                status = StatusSocket(config.service.socket, world.ask, lambda: standing.as_object(time.now()))
                status.start()
            journal.write(NOTICE, f"gpstime {gpstime.__version__} starts; configuration: {config.file or 'defaults'}")
            for line in fitted.said:
                journal.write(INFO, line)
            fitted.told.listen(lambda sentence: journal.tell("record", WARNING, sentence, time.now()))
            fitted.fed.listen(lambda sentence: journal.tell("feed", NOTICE, sentence, time.now()))
            notify.ready()
            settle()
            sinks: list[Sink] = [*fitted.sinks, standing, journal, Telling(notify, standing)]
            if fitted.feeds is not None:
                fitted.feeds.attach(engine, leap)
                sinks.insert(0, fitted.feeds)  # who waits for the time comes before who writes it down
            run(_steered(world, engine, fitted, leap, sinks, standing), engine, sinks)
            notify.stopping()
            journal.sum_up(time.now())
            name = signal.Signals(signals.got).name if signals.got is not None else "the end of its sources"
            journal.write(NOTICE, f"gpstime stops: {name}", time.now())
    finally:
        if status is not None:
            status.close()
        if fitted.clock is not None:
            fitted.clock.release()  # whatever comes, nothing but the bare drift stays in force
        world.close()
        for close in fitted.closing:
            close()
        notify.close()
    return 0


def _steered(world: LiveWorld, engine: Engine, fitted: Fitted, leap: LeapTable, sinks: list[Sink], standing: Standing) -> World:
    """The world, and with a policy the clock that it steers, what is declared of it, and how that stands."""
    if engine.discipline is None or fitted.clock is None:
        return world
    from gpstime.app.steered import Disciplining, SteeredWorld

    watched = Disciplining(fitted.clock, engine, leap, fitted.parts.get("stamps"))
    sinks.append(watched)
    if fitted.outages is not None:
        sinks.append(watched.keep_scores(fitted.outages, fitted.parts.get("record"), fitted.told))
    standing.parts["discipline"] = watched.standing
    return SteeredWorld(world, fitted.clock)


def command(args: argparse.Namespace) -> int:
    """Exit code 0 after a signal, 2 for a configuration or a set-up that can't work; a missing device is waited for."""
    import os

    try:
        config = load(args.config)
    except ConfigError as e:
        for problem in e.problems:
            print(f"gpstime run: {problem}", file=sys.stderr)
        return 2
    if config.service.socket:
        check_place(config.service.socket)  # the record would begin a run for nothing
    from gpstime.app.catalogue import fit
    from gpstime.drivers.leap_files import load as load_leaps
    from gpstime.drivers.timebase import MachineTime

    time = LiveTime(MachineTime())
    return serve(config, fit(config, time), load_leaps(), time, os.environ)

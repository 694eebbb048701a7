"""Worlds by the name that the user gave: `live`, `sim`, `-` for a capture on stdin, or a capture's file name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gpstime.core.trim import TrimSpec
from gpstime.errors import DeviceError
from gpstime.ports import Clocks, Sink, Source, SteeredClock, World
from gpstime.store.recorded import RecordedWorld, lower_bound
from gpstime.times import UtcTime

if TYPE_CHECKING:  # the drivers are imported by a live run only
    from gpstime.app.live import LiveTime
    from gpstime.drivers.pps_choice import Doors
    from gpstime.drivers.steering import SteeringWatch


@dataclass(frozen=True, slots=True)
class Opened:
    """`not_before` is the world's lower bound of time (None: it brings none along); `sinks` are parts of it that listen.

    `trim_of`: what the trim register of its RTC does, by name; None for a recording, whose chips are what their names say.
    """

    world: World
    not_before: UtcTime | None
    simulated: bool
    sinks: Sequence[Sink] = ()
    trim_of: Callable[[str], TrimSpec | None] | None = None
    pulses: bool = True
    """False for a machine without any, whose RTC is held against its system clock."""
    machine: Machine | None = None
    """Of a live world: what it stands on."""
    clock: SteeredClock | None = None
    """Of a live world that is to be steered: this machine's."""


LIVE = "live"


@dataclass(frozen=True, slots=True)
class Machine:
    """What a live run stands on; `world` makes one of the sources and the head."""

    time: LiveTime
    clocks: Clocks
    doors: Doors
    steering: SteeringWatch
    world: Callable[[Sequence[Source], dict[str, object]], World]


def this_machine() -> Machine:
    """The one that this program runs on."""
    from gpstime.app.live import LiveTime, LiveWorld
    from gpstime.drivers.pps_choice import Doors
    from gpstime.drivers.steering import SteeringWatch
    from gpstime.drivers.system_clock import SystemClocks
    from gpstime.drivers.timebase import MachineTime

    time = LiveTime(MachineTime())
    return Machine(time, SystemClocks(), Doors(), SteeringWatch(), lambda sources, head: LiveWorld(sources, time, head=head))


def _live(args: argparse.Namespace) -> Opened:
    """This machine's own pulse, receiver and clock chip, as the service's configuration says unless the options say otherwise.

    DeviceError if there is no pulse, and why; with a chip that was asked for, its own error if it can't be read.
    """
    from dataclasses import replace

    from gpstime.app.catalogue import fit
    from gpstime.app.config import load
    from gpstime.app.rtc_source import RtcSource
    from gpstime.app.settings import Feeds, Record, rtc_chip
    from gpstime.app.sources import PpsSource

    machine = this_machine()
    config = replace(load(args.config), record=Record(folder=""), feeds=Feeds())
    # whatever the service does: here the command line says who steers
    steer, takeover = getattr(args, "steer", False), getattr(args, "takeover", False)
    config = replace(config, discipline=replace(config.discipline, steer=steer, takeover=takeover))
    if args.source is not None:
        config = replace(config, receiver=replace(config.receiver, source=args.source))
    if args.rtc is not None:
        bus = config.rtc.bus if args.rtc_bus is None else args.rtc_bus
        config = replace(config, rtc=replace(config.rtc, chip=rtc_chip(args.rtc), bus=bus))
    fitted = fit(config, machine.time, clocks=machine.clocks, doors=machine.doors, steering=machine.steering)
    pulses = True
    for source in list(fitted.sources):
        if isinstance(source, RtcSource) and args.rtc is not None:
            source.open()
        elif isinstance(source, PpsSource):
            try:
                source.open()  # a measurement without a pulse is none: say now what is missing
            except DeviceError:
                if args.rtc is None:
                    raise
                fitted.sources.remove(source)
                pulses = False
    if stamps := fitted.parts.get("stamps"):
        fitted.head["stamps"] = stamps()  # known now that the pulse is open
    world = machine.world(fitted.sources, fitted.head)
    return Opened(world, fitted.not_before, False, tuple(fitted.sinks), fitted.trim_of, pulses, machine, fitted.clock)


def made_up(opened: Opened) -> bool:
    """A simulated board, or a recording that says of itself that it is one of such a board."""
    head = getattr(opened.world, "head", {})
    return opened.simulated or head.get("host") == "simulated"


def open_world(name: str, args: argparse.Namespace) -> Opened:
    """The world named `name`; the options of a simulated board are in `args`. Errors of set-up come as GpstimeError."""
    if name == "sim":
        from gpstime.app.rtc_world import RtcWorld, simulated

        board = simulated(args)
        trim_of = board.source.trim_of if isinstance(board, RtcWorld) else None
        # the same bound as when its capture is replayed, so that both give the same answer
        return Opened(board, lower_bound(board.head), True, trim_of=trim_of)
    if name == LIVE:
        return _live(args)
    world = RecordedWorld(sys.stdin.buffer, "stdin") if name == "-" else RecordedWorld(name)
    return Opened(world, world.not_before, False)

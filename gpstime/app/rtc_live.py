"""This machine's clock chip for `gpstime rtc`: its bus, the pulses of the configuration, the system clock."""

from __future__ import annotations

import argparse
import contextlib
import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from gpstime.app.config import load as load_config
from gpstime.app.interrupt import Interruptible
from gpstime.app.rtc_bench import Followed
from gpstime.app.rtc_second import TrueSecond, second_of_service, verified_second
from gpstime.app.rtc_source import RtcSource
from gpstime.app.rtc_starts import Beside
from gpstime.app.run import run
from gpstime.app.settings import Feeds, Record, Rtc
from gpstime.app.status import ask_status
from gpstime.app.worlds import Machine, this_machine
from gpstime.core.engine import Engine
from gpstime.drivers.leap_files import load as load_leap
from gpstime.drivers.rtc import RtcChip, open_kernel_rtc, open_rtc
from gpstime.drivers.rtc.identify import identify
from gpstime.drivers.rtc.open import FAMILIES
from gpstime.errors import DeviceMissing, RtcHeld, RtcUnavailable, UsageError
from gpstime.model import Adjustment, Applied, Event
from gpstime.ports import Source, Timebase, World
from gpstime.store.rtc_history import History
from gpstime.times import NS, RawNs, UnixNs, UtcTime

ADDRESSES = (0x68, 0x51, 0x52, 0x32, 0x6F)
"""Where the chips that are known can be."""


class LiveBench:
    """Fits `rtc_bench.Bench`. `open_chip`, `time`, `machine`, `set_real` and `ask` stand in for this machine's (tests)."""

    about = ""

    def __init__(
        self,
        args: argparse.Namespace,
        *,
        open_chip: Callable[[], RtcChip] | None = None,
        time: Timebase | None = None,
        machine: Callable[[], Machine] = this_machine,
        set_real: Callable[[UnixNs, RawNs], None] | None = None,
        ask: Callable[[str], dict[str, object]] | None = None,
    ) -> None:
        from gpstime.drivers.timebase import MachineTime

        self._config = load_config(args.config)
        # every look at the pulses is a run of its own, whose time stops with it; the chip's own time goes on
        self._machine, self._clocks = machine, machine().clocks
        self.time = MachineTime() if time is None else time
        wanted = wanted_chip(args, self._config.rtc)
        self._open = chip_opener(wanted) if open_chip is None else open_chip
        self.chip = self._open()
        folder = args.state or self._config.record.folder or Record().folder
        where = f"{wanted.bus}-{self.chip.address:02x}" if self.chip.address else "kernel"
        self.history = History(folder, f"{self.chip.name}-{where}")
        self._set_real, self._ask = set_real, ask

    def _world(self, more: list[Source]) -> tuple[World, UtcTime | None]:
        """The pulses and sentences of the configuration, open; DeviceError if there is no pulse, and why."""
        from gpstime.app.catalogue import fit
        from gpstime.app.sources import PpsSource

        m = self._machine()
        config = replace(self._config, record=Record(folder=""), rtc=Rtc(), feeds=Feeds())
        fitted = fit(config, m.time, clocks=m.clocks, doors=m.doors, steering=m.steering)
        for source in fitted.sources:
            if isinstance(source, PpsSource):
                source.open()
        return m.world([*fitted.sources, *more], fitted.head), fitted.not_before

    def second(self) -> TrueSecond:
        """From the service where it runs, as it holds the receiver; else from a look at the devices."""
        socket, ask = self._config.service.socket, self._ask
        if ask is None and socket and Path(socket).exists():
            ask = ask_status
        if ask is not None:
            with contextlib.suppress(DeviceMissing):  # what a service that was killed leaves behind
                return second_of_service(lambda: ask(socket), self.time)
        world, not_before = self._world([])
        with Interruptible() as interrupt:
            return verified_second(_Interrupted(world, interrupt), load_leap(), not_before=not_before)

    def follow(self, lasts_s: float) -> Followed:
        source = RtcSource(self._open, self.time)
        source.open()
        world, not_before = self._world([source])
        spec = self.chip.trim_spec
        beside, engine = Beside(), Engine(load_leap(), not_before, trim_of=lambda chip: spec)
        with Interruptible() as interrupt:
            try:
                run(_Limited(_Interrupted(world, interrupt), lasts_s), engine, [beside])
            finally:
                world.close()
        return Followed(beside, engine)

    def clock(self) -> tuple[RawNs, UnixNs, int]:
        together = self._clocks.read()
        return together.raw, together.real, together.err_ns

    def set_clock(self, unix: UnixNs, at: RawNs) -> None:
        if self._set_real is None:
            from gpstime.drivers.clock_set import MachineClock

            self._set_real = MachineClock().set
        self._set_real(unix, at)

    def not_before(self) -> UtcTime | None:
        from gpstime.app.floor import BUILT

        return BUILT

    def close(self) -> None:
        self.chip.close()


class _Interrupted:
    """Ctrl-C ends the events, and what was seen so far counts."""

    def __init__(self, world: World, interrupt: Interruptible) -> None:
        self._world, self._interrupt = world, interrupt

    def events(self) -> Iterator[Event]:
        return self._interrupt.each(self._world.events())

    def adjust(self, adjustment: Adjustment) -> Applied:
        return self._world.adjust(adjustment)

    def close(self) -> None:
        self._world.close()


class _Limited(_Interrupted):
    """A world that ends after so many raw seconds."""

    def __init__(self, world: World, lasts_s: float) -> None:
        self._world, self._lasts_ns = world, round(lasts_s * NS)

    def events(self) -> Iterator[Event]:
        first: int | None = None
        for event in self._world.events():
            first = event.at if first is None else first
            yield event
            if event.at - first >= self._lasts_ns:
                return


def wanted_chip(args: argparse.Namespace, rtc: Rtc) -> Rtc:
    """The chip that the options name, else the one of the configuration; `chip` is none where neither does."""
    return replace(
        rtc,
        chip=args.chip or rtc.chip,
        bus=rtc.bus if args.bus is None else args.bus,
        address=rtc.address if args.address is None else args.address,
    )


def chip_opener(wanted: Rtc) -> Callable[[], RtcChip]:
    """How to open it, or the one that answers on the bus where none is named; through the kernel where its driver has the address.

    UsageError where it can't be told without doubt which chip it is.
    """
    address = None if isinstance(wanted.address, str) else wanted.address
    if wanted.chip == "kernel":
        return lambda: open_kernel_rtc(wanted.node)
    if wanted.chip != "none":
        named = open_rtc(wanted.chip, wanted.bus, address)
        try:
            named.read()
        except RtcHeld as e:
            return _through_kernel(e)
        finally:
            named.close()
        _contradicted(named, wanted.bus)
        return lambda: open_rtc(wanted.chip, wanted.bus, address)
    doubts = []
    for at in ADDRESSES if address is None else (address,):
        try:
            found = identify(wanted.bus, at)
        except RtcHeld as e:
            return _through_kernel(e)
        except RtcUnavailable:
            continue
        if found.name is not None and found.sure and not found.also:
            return functools.partial(open_rtc, found.name, wanted.bus, at)
        names = " or ".join(([found.name] if found.name else []) + list(found.also))
        doubts.append(f"0x{at:02x}: {names + ': ' if names else ''}{found.why}")
    if not doubts:
        raise UsageError(
            f"no clock chip answers on bus {wanted.bus}: name it with --chip, or another bus with --bus (gpstime devices)"
        )
    raise UsageError(f"which chip this is can't be told by reading alone: name it with --chip ({'; '.join(doubts)})")


def _contradicted(named: RtcChip, bus: int) -> None:
    """UsageError where what answers is surely not of the family that was named: nothing is written to a motion sensor (F-R14)."""
    try:
        found = identify(bus, named.address)
    except RtcUnavailable:  # it just answered: the longer looks at it fail on this bus, which is no doubt about what it is
        return
    if not found.sure or (found.name is not None and FAMILIES[found.name].family == named.family):
        return
    name = f"it is a {found.name} (--chip {found.name}): " if found.name else ""
    raise UsageError(f"what answers at 0x{named.address:02x} on bus {bus} is no {named.name}: {name}{found.why}")


def _through_kernel(held: RtcHeld) -> Callable[[], RtcChip]:
    """The kernel's driver has the address: its /dev/rtcN and its sysfs are the doors, and nothing goes past it."""
    if not held.node:
        raise held
    return functools.partial(open_kernel_rtc, held.node)

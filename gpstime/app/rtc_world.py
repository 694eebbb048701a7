"""A simulated board with an RTC on a simulated bus, as a World: the real driver runs on the fake chip, in the board's own time.

What happens to the RTC (`rtc-...` faults of the scenario) happens on the same axis: the kernel's writer and a stranger write
through a driver of their own, as they would.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from gpstime.app.board import scenario_from
from gpstime.app.rtc_source import RtcSource
from gpstime.app.world_time import WorldTime
from gpstime.drivers.rtc import chip_named, open_rtc
from gpstime.drivers.rtc.chip import RtcChip
from gpstime.errors import UsageError
from gpstime.model import Adjustment, Applied, Event, SqwEdge
from gpstime.sim.chips import chip
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.sim.faults import Fault
from gpstime.sim.i2c_faults import IO, REMOTE_IO, TIMED_OUT
from gpstime.sim.kernel_rtc import ElevenMinutes
from gpstime.sim.scenario import Scenario
from gpstime.sim.streams import stream
from gpstime.sim.world import SimWorld
from gpstime.times import NS, RawNs, UtcTime

WARMING_S = 60.0
RTC_FAULTS = ("rtc-rewrite", "rtc-set", "rtc-warm", "rtc-errors", "rtc-gone", "rtc-held")


@dataclass(frozen=True, slots=True)
class SimChip:
    """The simulated chip: its own error, how far ahead of true time it starts, whether it never stopped, its trim register.

    `sqw`: its 1 Hz output is wired to a GPIO.
    """

    name: str
    ppm: float = 0.5
    offset_s: float = 0.0
    trusted: bool = True
    trim: int | None = None
    sqw: bool = False
    every_s: float = 60.0
    celsius: float = 25.0


class _Kept(FakeI2cBus):
    """A bus that outlives whoever closes it."""

    def close(self) -> None:
        """Somebody else may still use it."""


class RtcWorld:
    """Fits `ports.World`. `world` is the board, `fake` the chip with its truth, `chip` the driver, `source` what polls it."""

    def __init__(self, scenario: Scenario, sim_chip: SimChip) -> None:
        self.spec = sim_chip
        name = chip_named(sim_chip.name)
        self.world = SimWorld(scenario)
        self.scenario = scenario = self.world.scenario
        assert scenario.start is not None
        self.time = WorldTime(self.world)
        self._faults = {f.name: f for f in scenario.faults if isinstance(f, Fault) and f.name.startswith("rtc-")}
        shown = UtcTime.from_unix(scenario.start.unix - 10 * NS + round(sim_chip.offset_s * NS))
        self.fake = chip(
            name,
            ppm=sim_chip.ppm,
            temperature_c=self._celsius if "rtc-warm" in self._faults else sim_chip.celsius,
            start=shown if sim_chip.trusted else None,
            begin_ns=-10 * NS,
            seed=scenario.seed,
        )
        errors = self._faults.get("rtc-errors")
        rate = errors.number("rate") if errors else 0.0
        self.bus = _Kept(
            self.time, {self.fake.address: self.fake}, seed=scenario.seed, error_rate=rate, errnos=(REMOTE_IO, TIMED_OUT, IO)
        )
        self.chip = self._driver()
        self.source = RtcSource(self._driver, self.time, sim_chip.every_s)
        self.head = self.world.head | {"rtc": name}
        self.truth = self.world.truth
        self.written: list[tuple[int, int]] = []
        """(true ns, by how much the chip's phase jumped) of each write by a stranger."""
        self._plans: list[tuple[int, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._edges: list[SqwEdge] = []
        self._seq = 0
        self._noise = stream(scenario.seed, "rtc/sqw").gauss
        self.kernel: ElevenMinutes | None = None
        """The kernel's writer, where the scenario has it."""
        self._plan_faults(self._faults)
        if sim_chip.trim is not None:
            self.chip.write_trim(sim_chip.trim)
        if sim_chip.sqw:
            self.chip.square_wave(True)
            self.fake.listeners.append(self._edge)

    def _driver(self) -> RtcChip:
        return open_rtc(self.spec.name, self.bus, time=self.time, baud_hz=self.bus.baud)

    @property
    def now(self) -> RawNs:
        return self.world.now

    # ---- what happens to it --------------------------------------------------------------------------------------------------

    def _celsius(self, true_ns: int) -> float:
        warm = self._faults.get("rtc-warm")
        if warm is None or true_ns < warm.at_s * NS:
            return self.spec.celsius
        return self.spec.celsius + warm.number("by") * min(1.0, (true_ns / NS - warm.at_s) / WARMING_S)

    def _plan(self, true_ns: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._plans, (round(true_ns), next(self._numbers), action))

    def _plan_faults(self, faults: dict[str, Fault]) -> None:
        if (f := faults.get("rtc-set")) is not None:
            ahead = round(f.number("ahead") * NS)
            self._plan(f.at_s * NS, lambda: self._write(ahead))
        if (f := faults.get("rtc-rewrite")) is not None:
            self.kernel = self._kernel(f)
        if (f := faults.get("rtc-gone")) is not None:
            self._plan(f.at_s * NS, lambda: self.bus.unplug(self.fake.address))
            if f.for_s < 1e12:
                self._plan((f.at_s + f.for_s) * NS, lambda: self.bus.plug(self.fake.address, self.fake))
        if (f := faults.get("rtc-held")) is not None:
            self._plan(f.at_s * NS, lambda: self.bus.hold(self.fake.address))
            if f.for_s < 1e12:
                self._plan((f.at_s + f.for_s) * NS, lambda: self.bus.let_go(self.fake.address))

    def _kernel(self, fault: Fault) -> ElevenMinutes:
        """The kernel in eleven-minute mode, as long as the fault lasts."""
        return ElevenMinutes(
            self.fake,
            lambda true_ns: self.world.clock.shown(self.time.raw_at(true_ns)),
            synchronised=lambda: fault.on(self.time.true_now / NS),
            first_ns=round(fault.at_s * NS),
            every_s=fault.number("every"),
            seed=self.scenario.seed,
        )

    def _write(self, ahead_ns: int) -> None:
        """Somebody sets the chip from the system clock, such that it is ahead of it by so much."""
        shown = self.world.clock.shown
        now = self.time.now()
        second = (shown(now) + ahead_ns) // NS + 2
        self.time.run_to(now + second * NS - ahead_ns - shown(now))
        before = self.fake.truth_at(self.time.true_now)
        self._driver().write_time(UtcTime.from_unix(second * NS))
        after = self.fake.truth_at(self.time.true_now)
        if before.shows is not None and after.shows is not None:
            jump = after.shows.unix - before.shows.unix - (after.at_ns - before.at_ns)
            self.written.append((before.at_ns, jump))

    # ---- the world -----------------------------------------------------------------------------------------------------------

    def events(self) -> Iterator[Event]:
        """The board's events, with those of the RTC between them."""
        for event in self.world.events():
            yield from self._until(event.at)
            yield event

    def _until(self, raw: RawNs) -> list[Event]:
        out: list[Event] = []
        while (now := self.time.now()) < raw:
            upto: int = raw
            if self._plans:
                at = self.time.raw_at(self._plans[0][0])
                if at <= now:
                    heapq.heappop(self._plans)[2]()
                    continue
                upto = min(upto, at)
            out += self.source.poll((upto - now) / NS)
            if self.time.now() == now:  # a wait that is shorter than a ns
                self.time.run_to(now + 1)
        if self.spec.sqw:
            self.fake.run_to(self.time.true_now)
            out += self._edges
            self._edges.clear()
        return out

    def _edge(self, true_ns: int, rising: bool) -> None:
        """The GPIO's interrupt, with the latency of the board's pulse."""
        if rising is not self.fake.tick_falls:
            self._seq += 1
            late = self._noise(0.0, self.world.scenario.pps_noise_ns)
            at = RawNs(self.time.raw_at(true_ns) + round(late))
            self._edges.append(SqwEdge(at, "assert" if rising else "clear", self._seq, "kernel"))

    def adjust(self, adjustment: Adjustment) -> Applied:
        return self.world.adjust(adjustment)

    def close(self) -> None:
        self.source.close()


def simulated(args: argparse.Namespace) -> SimWorld | RtcWorld:
    """The board that the options describe, with the chip of --rtc on a bus if one is named. UsageError for what makes no sense."""
    scenario, name = scenario_from(args), getattr(args, "rtc", None)
    if not name:
        lonely = [f.name for f in scenario.faults if isinstance(f, Fault) and f.name in RTC_FAULTS]
        if lonely or args.rtc_trim is not None or args.rtc_sqw:
            raise UsageError(f"{lonely[0] if lonely else '--rtc-trim and --rtc-sqw'}: say which chip it is: --rtc ds3231")
        return SimWorld(scenario)
    ppm = 0.5 if args.rtc_ppm is None else args.rtc_ppm
    return RtcWorld(scenario, SimChip(name, ppm, args.rtc_offset, not args.rtc_untrusted, args.rtc_trim, args.rtc_sqw))

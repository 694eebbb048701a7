"""A simulated board as devices: pty, made-up kernel, clocks and processes under the real drivers, in turns on a virtual clock.

What the simulated world does is done to devices instead: its pulses reach a pin, in either polarity and with a width, its bytes a
pty; the machine's clocks are slewed by whom a test says. Whatever happens at some instant is planned; nothing sleeps.
"""

from __future__ import annotations

import ctypes
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from gpstime.app.catalogue import fit
from gpstime.app.config import parse
from gpstime.app.live import Turns
from gpstime.app.run import run
from gpstime.app.worlds import Machine
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.drivers.adjtimex import layout, read_steering
from gpstime.drivers.pps_choice import Doors
from gpstime.drivers.steering import SteeringWatch
from gpstime.errors import DeviceMissing
from gpstime.model import DeviceFound, DeviceLost, Event, Finding, PpsEdge, SerialBytes
from gpstime.ports import Source, World
from gpstime.sim.fake_pps import FakePps, FakePulse, StampedEdge
from gpstime.sim.machine import FakeMachine
from gpstime.sim.pty_receiver import PtyReceiver
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS, RawNs, UnixNs, UtcTime

WAKE_NS = 40_000
"""How long after an event a program is awake."""
START = UtcTime.civil(2027, 3, 1, 12)
"""After the release's own lower bound of time."""
PIN = "pps@12.-1"
BOUND = UtcTime.civil(2026, 7, 6)


class Untroubled:
    """The machine's time for drivers that wait for bytes to come together: they lie there already, so a short sleep is none."""

    def __init__(self, machine: FakeMachine) -> None:
        self._machine = machine
        self.now = machine.now

    def sleep(self, seconds: float) -> None:
        if seconds > 0.6:
            self._machine.sleep(seconds)


class LiveBoard:
    """`width_ms` of the pulse, `inverted`: low while it lasts; `both`: the overlay captures both edges; `width_ms` None: the pin is
    as the world has it. What others do to the clock: `slews` (second, ppm), `steps` (second, ns). A port that the world loses hangs
    up, and comes back under another name."""

    def __init__(
        self,
        root: Path,
        *,
        width_ms: float | None = 100.0,
        inverted: bool = False,
        both: bool = False,
        slews: Sequence[tuple[float, float]] = ((0, 37.0),),
        steps: Sequence[tuple[float, int]] = (),
        daemons: tuple[str, ...] = (),
        **scenario: object,
    ) -> None:
        self.world = SimWorld(Scenario(**{"seed": 11, "start": START, "read_ms": 200.0, "tick_s": 0} | scenario))  # type: ignore[arg-type]
        self.events = events = list(self.world.events())
        self.pulses = [e for e in events if isinstance(e, PpsEdge)]
        first = self.pulses[0]
        self.begin = events[0].at - NS
        self._plans: list[tuple[int, Callable[[], None]]] = []
        self.machine = FakeMachine(raw=self.begin, real=first.shown - first.at + self.begin)
        self._steer(slews, steps)
        self.time = Untroubled(self.machine)
        self.daemons = daemons
        self.link = root / "receiver"
        self.receiver = PtyReceiver([(e.at, e.data) for e in events if isinstance(e, SerialBytes)], link=self.link)
        self.fake = FakePps(root, self.machine)
        if width_ms is None:
            both = any(e.edge == "clear" for e in self.pulses)
            self._edges = [StampedEdge(e.at, UnixNs(self._real(e.at)), e.edge) for e in self.pulses]
        else:
            self._edges = list(self._pin(round(width_ms * 1e6), inverted, both))
        self.both = both
        self.pulse: FakePulse | None = None
        self.plug_pulse()
        for event in events:
            if isinstance(event, (DeviceLost, DeviceFound)):
                lost = isinstance(event, DeviceLost)
                self.at((event.at - self.begin) / NS, self.receiver.hang_up if lost else self.receiver.plug_in)

    def _steer(self, slews: Sequence[tuple[float, float]], steps: Sequence[tuple[float, int]]) -> None:
        """Plan it, and know beforehand what REALTIME will show at any raw instant."""
        since, real, rate = self.begin, self.machine.shows("real"), 0.0
        self._rates: list[tuple[int, int, float]] = []
        for second, ppm, step in sorted([(s, ppm, 0) for s, ppm in slews] + [(s, None, ns) for s, ns in steps], key=lambda t: t[0]):
            at = self.begin + round(second * NS)
            real += (at - since) + round((at - since) * rate * 1e-6) + step
            since, rate = at, rate if ppm is None else ppm
            self._rates.append((at, real, rate))
            self.machine.plan(at, partial(self.machine.step, step) if ppm is None else partial(self.machine.slew, ppm))

    def _real(self, raw: int) -> int:
        since, shown, ppm = self._rates[max(0, bisect_right([at for at, _, _ in self._rates], raw) - 1)]
        return shown + (raw - since) + round((raw - since) * ppm * 1e-6)

    def _pin(self, width: int, inverted: bool, both: bool) -> Iterator[StampedEdge]:
        for pulse in self.pulses:
            kinds = ("clear", "assert") if inverted else ("assert", "clear")
            for edge, at in zip(kinds, (pulse.at, pulse.at + width), strict=True):
                if both or edge == "assert":
                    yield StampedEdge(RawNs(at), UnixNs(self._real(at)), edge)  # type: ignore[arg-type]

    # ---- what happens to it ------------------------------------------------------------------------------------------------------

    def at(self, second: float, action: Callable[[], None]) -> None:
        """Do this at that second of the run."""
        self._plans.append((self.begin + round(second * NS), action))
        self._plans.sort(key=lambda plan: plan[0])

    def plug_pulse(self) -> None:
        """The pulse's device is there (again), with the edges that are still to come."""
        to_come = [edge for edge in self._edges if edge.at > self.machine.at]
        self.pulse = self.fake.add(PIN, to_come, clear=self.both)

    def pull_pulse(self) -> None:
        assert self.pulse is not None
        self.fake.remove(self.pulse)
        self.pulse = None

    # ---- what a live run stands on -----------------------------------------------------------------------------------------------

    def next_due(self) -> bool:
        """To the next thing that happens; False when nothing will."""
        plan = self._plans[0][0] if self._plans else None
        due = min((d for d in (self.fake.next_due(), self.receiver.next_due, plan) if d is not None), default=None)
        if due is None:
            return False
        if due == plan:
            self.machine.run_to(due)
            self._plans.pop(0)[1]()
        self.machine.run_to(max(due + WAKE_NS, self.machine.at))
        self.receiver.advance(self.machine.at, settle=True)
        return True

    def doors(self) -> Doors:
        def no_module() -> None:
            raise DeviceMissing("it is not installed")

        fake = self.fake
        return Doors(fake.sysfs, fake.dev, fake.open, fake.ioctl, no_module, no_module, fake.sysfs.parents[2])

    def stand_in(self) -> Machine:
        """For `app.worlds.this_machine`."""
        timex = layout(ctypes.c_long)
        steering = SteeringWatch(lambda: read_steering(self.machine.adjtimex, timex), lambda: self.daemons)

        def world(sources: Sequence[Source], head: dict[str, object]) -> World:
            turns = Turns(sources, self.next_due, self.machine)
            turns.head |= head
            return turns

        return Machine(self.time, self.machine, self.doors(), steering, world)  # type: ignore[arg-type]

    def run(
        self, configuration: str = "", receiver: str = "", not_before: UtcTime | None = BOUND
    ) -> tuple[Engine, list[Event | Finding]]:
        """As the service would run it, to the end: the engine, and every value in order. `not_before` None: of no year yet."""
        machine = self.stand_in()
        text = f'[receiver]\nport = "{self.link}"\n{receiver}[record]\nfolder = ""\n{configuration}'
        fitted = fit(parse(text, "test"), machine.time, clocks=machine.clocks, doors=machine.doors, steering=machine.steering)
        world = machine.world(fitted.sources, fitted.head)
        engine, values = Engine(BUILT_IN.table, not_before and fitted.not_before), list[Event | Finding]()
        try:
            run(world, engine, [*fitted.sinks, values.append])
        finally:
            world.close()
            self.close()
        return engine, values

    def close(self) -> None:
        self.receiver.close()

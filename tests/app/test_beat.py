"""The beat of a steered clock: once in each of its seconds, wherever that begins, in the ticks' thread; only where one steers."""

from __future__ import annotations

from doubles import VirtualTime

from gpstime.app.beat import Beat
from gpstime.app.catalogue import fit
from gpstime.app.config import parse
from gpstime.app.live import LiveTime
from gpstime.app.sources import Joined, tick_source
from gpstime.drivers.kernel_clock import KernelClock, kernel_call
from gpstime.drivers.steering import SteeringWatch
from gpstime.model import Applied, Tick
from gpstime.sim.steered_machine import SteeredMachine
from gpstime.times import NS

TIMEX = kernel_call()[1]


class Counted(KernelClock):
    """A clock that says when it was told, as a part of its own second."""

    def __init__(self, machine: SteeredMachine) -> None:
        super().__init__(machine, machine.adjtimex, TIMEX, beats=True)
        self._machine = machine
        self.told: list[int] = []
        self.refuses: Applied | None = None

    def beat(self) -> Applied | None:
        self.told.append(self._machine.shows("real") % NS)
        return self.refuses


def test_a_beat_comes_once_in_each_second_of_the_clock_however_fast_that_runs() -> None:
    machine = SteeredMachine(real=1_800_000_000 * NS + 400_000_000)
    machine.slew(500.0)
    clock = Counted(machine)
    beat = Beat(clock, machine)
    for _ in range(200):
        beat.poll(0.3)
    assert len(clock.told) >= 50
    assert all(12_000_000 <= at < 12_600_000 for at in clock.told), clock.told
    begun = machine.shows("real")
    machine.step(250_000_000)
    told = len(clock.told)
    while machine.shows("real") < begun + 10 * NS:
        beat.poll(0.3)
    assert 9 <= len(clock.told) - told <= 10
    assert all(12_000_000 <= at < 12_600_000 for at in clock.told[told + 1 :]), "found again after one second"


def test_what_a_beat_was_refused_is_an_event() -> None:
    machine = SteeredMachine()
    clock = Counted(machine)
    clock.refuses = Applied(machine.at, None, 0, 0, "", "NOT_PERMITTED")
    beat = Beat(clock, machine)
    assert [e for _ in range(30) for e in beat.poll(0.1)] == [clock.refuses] * len(clock.told)
    assert clock.told


def test_it_shares_a_thread_with_the_ticks() -> None:
    machine = SteeredMachine()
    clock = Counted(machine)
    joined = Joined([tick_source(machine, 10.0, machine), Beat(clock, machine)], machine)
    until = machine.at + 60 * NS
    events = []
    while machine.at < until:
        events += joined.poll(3600.0)
    assert joined.name == "tick+beat"
    assert sum(isinstance(e, Tick) for e in events) in (6, 7)
    assert len(clock.told) in (59, 60)


def test_only_who_steers_pays_for_it() -> None:
    nobody = SteeringWatch(lambda: None, lambda: ())
    quiet = '[record]\nfolder = ""\n'
    idle, steered = (
        fit(parse(quiet + more, "x"), LiveTime(VirtualTime()), steering=nobody) for more in ("", "[discipline]\nsteer = true\n")
    )
    assert "beat" not in "+".join(s.name for s in idle.sources)
    assert idle.clock is None
    assert "beat" in "+".join(s.name for s in steered.sources)

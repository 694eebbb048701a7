"""A recorded night closed again agrees with simulating the other policy directly; with its parts off it does not."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from gpstime.app.lab_compare import policies
from gpstime.app.run import run
from gpstime.core.corrections import Corrections
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.core.policy import Policy
from gpstime.model import Adjustment, Applied, Event, Finding, Offset, PpsEdge, Slew, Step, Tick
from gpstime.sim.oscillator import Oscillator
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.reclosed import ReclosedWorld
from gpstime.times import NS, RawNs, UnixNs

NAMES = ("none", "slew-only", "step-128ms", "step-always", "default")
POLICIES = policies()
FAULTS = {
    "quiet": (),
    "missing": ("missing-pulse:rate=0.05,run=3",),
    "rogue": ("rogue-pulse:rate=0.01",),
    "step": ("system-step:at=300,step=0.7s",),
    "outage": ("missing-pulse:at=200,for=200,rate=1",),
}


class Replayed:
    """A recording in memory."""

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def events(self) -> Iterator[Event]:
        yield from self._events

    def adjust(self, adjustment: Adjustment) -> Applied:
        raise AssertionError("a recording is not steered")

    def close(self) -> None:
        """Nothing is held."""


def world_of(fault: str, x0_s: float = 0.3) -> SimWorld:
    crystal = Oscillator(ppm=12.0, walk_fm=1e-9)
    return SimWorld(Scenario(seed=5, duration_s=600, oscillator=crystal, system_offset_s=x0_s, faults=FAULTS[fault]))


def close(world: SimWorld | ReclosedWorld, policy: Policy | None) -> list[Event | Finding]:
    seen: list[Event | Finding] = []
    run(world, Engine(BUILT_IN.table, discipline=policy), [seen.append])
    return seen


def shown(values: list[Event | Finding]) -> dict[int, int]:
    return {v.at: v.shown for v in values if isinstance(v, PpsEdge | Tick)}


def farthest(a: list[Event | Finding], b: list[Event | Finding]) -> int:
    """The largest difference of what the clock showed at any pulse or tick; they are the same events."""
    first, second = shown(a), shown(b)
    assert first.keys() == second.keys()
    assert len(first) > 300
    return max(abs(first[at] - second[at]) for at in first)


@functools.cache
def night(fault: str) -> list[Event]:
    """As the default policy steered it."""
    return [v for v in close(world_of(fault), POLICIES["default"]) if isinstance(v, Event)]


@pytest.mark.parametrize(
    ("name", "fault"), [*((name, "missing") for name in NAMES), *((n, f) for f in FAULTS for n in NAMES[1::2] if f != "missing")]
)
def test_reclosed_is_direct(name: str, fault: str) -> None:
    recorded = night(fault)
    direct, again = close(world_of(fault), POLICIES[name]), close(ReclosedWorld(Replayed(recorded)), POLICIES[name])
    assert farthest(direct, again) <= 5
    assert farthest(direct, list(recorded)) > 100_000_000 or name in NAMES[2:]  # and the night itself was another
    offsets = [[v.offset_ns for v in values if isinstance(v, Offset)] for values in (direct, again)]
    assert [o is None for o in offsets[0]] == [o is None for o in offsets[1]]
    assert sum(isinstance(v, Applied) for v in direct) == sum(isinstance(v, Applied) for v in again)
    eras = [[v.era for v in values if isinstance(v, PpsEdge)] for values in (direct, again)]
    assert eras[0] == eras[1]


def test_a_night_slewed_is_closed_with_steps() -> None:
    recorded: list[Event] = [v for v in close(world_of("missing"), POLICIES["slew-only"]) if isinstance(v, Event)]
    direct = close(world_of("missing"), POLICIES["step-always"])
    assert farthest(direct, close(ReclosedWorld(Replayed(recorded)), POLICIES["step-always"])) <= 5


class NeverTakenOff(ReclosedWorld):
    """The twin: it forgets to take the old corrections off."""

    def events(self) -> Iterator[Event]:
        for event in super().events():
            self.old = Corrections()
            yield event


def test_with_the_old_corrections_left_in_it_is_another_night() -> None:
    again = close(NeverTakenOff(Replayed(night("quiet"))), None)
    assert farthest(close(world_of("quiet"), None), again) > 100_000_000


def test_what_others_did_stays_done() -> None:
    edges = [PpsEdge(RawNs(k * NS), UnixNs(k * NS + (k > 2) * 1000 + 100 * max(k - 4, 0)), seq=k) for k in range(8)]
    events: list[Event] = [*edges[:3], Applied(RawNs(2 * NS + 1), None, 1000, 1, "ntpd"), *edges[3:5]]
    events += [Applied(RawNs(4 * NS), 100.0, 0, 1, "chronyd"), *edges[5:]]
    world = ReclosedWorld(Replayed(events))
    assert [e.shown for e in world.events() if isinstance(e, PpsEdge)] == [e.shown for e in edges]
    assert world.by_others == {"ntpd", "chronyd"}


def test_stamps_of_the_kernel_move_with_their_clock() -> None:
    edges: list[Event] = [
        PpsEdge(RawNs(k * NS), UnixNs(k * NS), seq=k, native=native, stamp=k * NS)
        for k, native in enumerate(("real", "mono", "raw", "real", "mono", "raw"))
    ]
    edges.append(Tick(RawNs(7 * NS), UnixNs(7 * NS), 7 * NS))
    world = ReclosedWorld(Replayed(edges))
    moved: list[Event] = []
    for k, event in enumerate(world.events()):
        moved.append(event)
        if k == 1:
            world.adjust(Step(50))
            world.adjust(Slew(10.0, 1e9))
    by_10 = [e for e in moved if isinstance(e, PpsEdge)]
    assert [e.shown - e.at for e in by_10] == [0, 0, 60, 70, 80, 90]
    assert [(e.stamp or 0) - e.at for e in by_10] == [0, 0, 0, 70, 30, 0]
    assert [e.era for e in by_10] == [0, 0, 1, 1, 1, 1]
    tick = moved[-1]
    assert isinstance(tick, Tick)
    assert (tick.shown - tick.at, (tick.mono_ns or 0) - tick.at) == (110, 60)


def test_a_slew_that_nobody_renews_ends() -> None:
    edges: list[Event] = [PpsEdge(RawNs(k * NS), UnixNs(k * NS), seq=k) for k in range(6)]
    world = ReclosedWorld(Replayed(edges))
    seen: list[Event] = []
    for event in world.events():
        seen.append(event)
        if isinstance(event, PpsEdge) and event.seq == 2:
            world.adjust(Slew(7.0, float("inf")))
            world.adjust(Slew(1000.0, 1.5))
    ends = [e for e in seen if isinstance(e, Applied)]
    assert [(e.at, e.freq_ppb, e.by) for e in ends] == [(3_500_000_000, 7.0, "fallback")]
    last = seen[-1]
    assert isinstance(last, PpsEdge)
    assert last.shown - last.at == 1500 + round(1.5 * 7)

"""Runs for the tests of the record: a simulated board through the engine, its values kept as they pass by."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.model import Event, Finding, Heard, SerialBytes
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.store.record import Record
from gpstime.store.recorded import lower_bound
from gpstime.store.runs import Run, RunWorld, runs

LEAP = BUILT_IN.table


class Values:
    """A sink that parts events from findings."""

    def __init__(self) -> None:
        self.all: list[Event | Finding] = []

    def __call__(self, value: Event | Finding) -> None:
        self.all.append(value)

    @property
    def findings(self) -> list[Event | Finding]:
        return [value for value in self.all if type(value).__name__ not in EVENTS]

    @property
    def events(self) -> list[Event | Finding]:
        return [value for value in self.all if type(value).__name__ in EVENTS]


EVENTS = {kind.__name__ for kind in Event.__args__}


def recorded(folder: Path, scenario: Scenario, **options) -> tuple[Values, Record]:
    """A whole run into the record; what it was given, and the closed record."""
    world, values = SimWorld(scenario), Values()
    record = Record(folder, world.head, **options)
    run(world, Engine(LEAP, lower_bound(world.head)), [values, record])
    record.close()
    return values, record


def again(which: Run, read: str) -> Values:
    values, world = Values(), RunWorld(which, read)
    run(world, Engine(LEAP, world.not_before), [values])
    return values


def last(folder: Path) -> Run:
    return runs(folder)[-1]


def own(events: Iterable[object]) -> list[object]:
    """What of a run the kept part has as the world gave it."""
    return [event for event in events if not isinstance(event, (SerialBytes, Heard))]

"""`gpstime temperature`: what the board's temperature does to its crystal, from a run with pulses, and chrony's lines for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from gpstime.app.discipline import Limited
from gpstime.app.interrupt import Interruptible
from gpstime.app.run import run
from gpstime.app.worlds import Opened, made_up
from gpstime.core.engine import Engine
from gpstime.core.thermal import ThermalModel
from gpstime.core.warmth import Warmth
from gpstime.model import Event, Finding, Kind, Offset, Temperature
from gpstime.times import LeapTable


@dataclass(frozen=True, slots=True)
class Sensor:
    """`blocks` of five minutes with pulses and this sensor; `model` None: too few of them, or a temperature that hardly moved."""

    name: str
    blocks: int
    low_c: float
    high_c: float
    model: ThermalModel | None


@dataclass(slots=True)
class Learned:
    """`best`: the sensor whose model predicts best, None if none helps."""

    world: str
    simulated: bool
    pulses: int = 0
    readings: int = 0
    sensors: list[Sensor] = field(default_factory=list)
    best: Sensor | None = None
    interrupted: bool = False


class Listening:
    """A sink: pulses that count and temperatures, side by side."""

    def __init__(self) -> None:
        self.warmth = Warmth()
        self.pulses = self.readings = 0

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, Offset):
            if value.kind is Kind.OK:
                self.pulses += 1
                self.warmth.on_pulse(value.at, value.n)
        elif isinstance(value, Temperature):
            self.readings += 1
            self.warmth.on_temperature(value.at, value.sensor, value.celsius)


def learn(opened: Opened, leap: LeapTable, name: str, limit_s: float | None = None) -> Learned:
    """Run the world to its end, for so long, or until told."""
    listening = Listening()
    with Interruptible() as interrupt:
        try:
            run(Limited(opened.world, interrupt, limit_s), Engine(leap, opened.not_before), [*opened.sinks, listening])
        finally:
            opened.world.close()
    found = []
    for sensor, model in listening.warmth.models().items():
        celsius = [block.celsius for block in listening.warmth.blocks[sensor]]
        found.append(Sensor(sensor, len(celsius), min(celsius), max(celsius), model))
    helping = [sensor for sensor in found if sensor.model is not None and sensor.model.helps]
    best = max(helping, key=lambda sensor: 0.0 if sensor.model is None else sensor.model.gain, default=None)
    return Learned(name, made_up(opened), listening.pulses, listening.readings, found, best, interrupt.interrupted)

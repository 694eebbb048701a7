"""The loop on pulses and crystals that are odd: nothing gets stuck, nothing runs away, and the bound has it."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator

import pytest
from clocks_and_pulses import KNOWN, Traces, errors_ns, rms, spread, steered, told, traces

from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.core.servo import Servo
from gpstime.core.shape import Shape
from gpstime.model import ErrorBound, Event, PpsEdge
from gpstime.sim.traces import TraceWorld
from gpstime.times import NS, RawNs, UnixNs


class Coarse(TraceWorld):
    """Behind its stamps a counter of 1 MHz."""

    def events(self) -> Iterator[Event]:
        for event in super().events():
            if isinstance(event, PpsEdge):
                at = event.at // 1000 * 1000
                event = PpsEdge(RawNs(at), UnixNs(event.shown + at - event.at), "assert", event.seq, era=event.era)
            yield event


def on_coarse(made: Traces) -> tuple[Coarse, Engine]:
    world = Coarse(array("d", made.freq), array("d", made.pulse), 1e8)
    engine = Engine(BUILT_IN.table, discipline=KNOWN)
    run(world, engine, [])
    return world, engine


@pytest.mark.parametrize(("sigma_ns", "drift_ppb"), [(10.0, 20_000.0), (50.0, 0.0), (200.0, 20_000.0)])
def test_a_counter_of_1_mhz_whose_saw_tooth_is_slow(sigma_ns: float, drift_ppb: float) -> None:
    """Misses on one side for minutes are the counter's step and no lag: levels stay a crystal's, the clock within the step."""
    made = traces(3, 3600, sigma_ns)
    made.freq[:] = [y - 20_000.0 + drift_ppb for y in made.freq]
    world, engine = on_coarse(made)
    assert max(map(abs, errors_ns(world, 60))) < 3_000
    assert rms(errors_ns(world, 600)) < 800
    assert engine.discipline is not None
    assert engine.discipline.servo.phase.levels.q < 30.0


def test_twin_that_learns_a_shape_from_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Teeth of a histogram look like sharp edges: what lies between two of them is not heard."""
    made = traces(4, 1800)
    world, _ = on_coarse(made)
    learn = Shape.learn
    monkeypatch.setattr(Shape, "learn", lambda self, v, slope, grain: learn(self, v, slope))
    twin, _ = on_coarse(made)
    assert spread(errors_ns(world, 600)) < 400
    assert spread(errors_ns(twin, 600)) > 3 * spread(errors_ns(world, 600))


@pytest.mark.parametrize("drift_ppb", [0.0, 20_000.0, 20_000.3, -300_000.0])
def test_no_noise_at_all(drift_ppb: float) -> None:
    world = TraceWorld(array("d", [drift_ppb] * 1200), array("d", [0.0] * 1200), 1e8)
    given: list[ErrorBound] = []
    engine = Engine(BUILT_IN.table, discipline=KNOWN)
    run(world, engine, [lambda value: given.append(value) if isinstance(value, ErrorBound) else None])
    assert max(map(abs, errors_ns(world, 60))) < 100
    assert all(math.isfinite(bound.bound_ns) and math.isfinite(bound.growth_ppb) for bound in given)


@pytest.mark.parametrize("drift_ppb", [0.0, 20_000.0])
def test_a_pulse_without_noise_does_not_make_the_loop_deaf(drift_ppb: float) -> None:
    """Ten minutes in which nothing moves, then a crystal and a pulse like others: followed within half a minute."""
    made = traces(3, 3000)
    made.freq[:600] = [drift_ppb] * 600
    made.pulse[:600] = [0.0] * 600
    world = steered(made)
    assert max(map(abs, errors_ns(world, 630))) < 10_000
    assert rms(errors_ns(world, 2400)) < 2.0 * rms(told(made)[2400:])


@pytest.mark.parametrize("drift_ppb", [300_000.0, -300_000.0, -20_000.0])
def test_a_crystal_far_off(drift_ppb: float) -> None:
    """A correction applies to the clock's own second: 90 ppb too little at 300 ppm if that were forgotten, 0.2 us of offset."""
    made = traces(2, 2400)
    made.freq[:] = [y - 20_000.0 + drift_ppb for y in made.freq]
    world = steered(made)
    assert max(map(abs, errors_ns(world, 10))) < 10_000
    assert rms(errors_ns(world, 600)) < 1.15 * rms(told(made)[600:])


@pytest.mark.parametrize("x0_s", [0.499, -0.499, -0.1, 0.0, 1e-4, -5e-4])
def test_wherever_it_starts(x0_s: float) -> None:
    world = steered(traces(4, 120), x_ns=x0_s * 1e9)
    assert max(map(abs, errors_ns(world, 10))) < 10_000


@pytest.mark.parametrize("k", [0, 1, 2, 3, 4, 7, 8, 15, 16])
def test_a_rogue_among_the_first_pulses(k: int) -> None:
    made = traces(5, 120)
    made.pulse[k] = 2e8
    assert max(map(abs, errors_ns(steered(made), 12))) < 10_000


def test_half_of_the_pulses_lost() -> None:
    made = traces(6, 3600)
    made.pulse[:] = [math.nan if (k * 2654435761) >> 7 & 1 else late for k, late in enumerate(made.pulse)]
    assert rms(errors_ns(steered(made), 1800)) < 1.15 * rms(told(made)[1800:])


def test_one_pulse_in_two_seconds_and_the_meter_counts_it() -> None:
    made = traces(7, 3600)
    made.pulse[1::2] = [math.nan] * 1800
    world = TraceWorld(array("d", made.freq), array("d", made.pulse), 1e8)
    engine = Engine(BUILT_IN.table, discipline=KNOWN)
    run(world, engine, [])
    assert rms(errors_ns(world, 1800)) < 1.15 * rms(told(made)[1800:])
    assert engine.discipline is not None
    meter = engine.discipline.coverage
    assert meter.seconds > 1700
    assert 0.93 <= meter.within / meter.seconds <= 0.99


def test_instants_are_whole() -> None:
    """What comes out of estimates in floats is rounded before it is an instant or a step."""
    servo = Servo(KNOWN)
    world = TraceWorld(array("d", [20_000.7] * 60), array("d", [0.3] * 60), 1e8 + 0.5)
    engine = Engine(BUILT_IN.table, discipline=KNOWN)
    assert engine.discipline is not None
    engine.discipline.servo = servo
    run(world, engine, [])
    assert world.stepped_ns
    assert all(type(step) is int for step in world.stepped_ns)
    assert type(servo._at) is int
    assert servo._at > 59 * NS

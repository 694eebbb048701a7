"""Crystals and pulses for the servo's tests, and a filter that is told their noise, to hold a loop against that must find it."""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import dataclass

from gpstime.app.run import run
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.core.policy import Policy
from gpstime.core.servo import Servo
from gpstime.sim.traces import TraceWorld

KNOWN = Policy(second_known=True)


@dataclass
class Traces:
    """Frequency of the free clock (ppb) and error of each pulse (ns), second by second; the levels they were made with."""

    freq: list[float]
    pulse: list[float]
    white: float
    walk: float
    sigma: float


def traces(seed: int, n: int, sigma_ns: float = 1000.0, crystal: float = 1.0) -> Traces:
    """A crystal of 20 ppm with 10 ns of white FM and 1 ppb of walk per root second, both times `crystal`; a Gaussian pulse."""
    rng = random.Random(seed)
    white, walk = 10.0 * crystal, 1.0 * crystal
    freq, slow = [], 20_000.0
    for _ in range(n):
        freq.append(slow + rng.gauss(0.0, white))
        slow += rng.gauss(0.0, walk)
    return Traces(freq, [rng.gauss(0.0, sigma_ns) for _ in range(n)], white, walk, sigma_ns)


def spoilt(made: Traces, seed: int, rogues: float = 1 / 200, rogue_ns: float = 5e8, missing: float = 0.02) -> Traces:
    """The same with pulses missing and rogues among them."""
    rng = random.Random(seed)
    pulse = []
    for late in made.pulse:
        draw = rng.random()
        pulse.append(math.nan if draw < missing else rng.uniform(-rogue_ns, rogue_ns) if draw < missing + rogues else late)
    return Traces(made.freq, pulse, made.white, made.walk, made.sigma)


def one_sided(seed: int, n: int) -> list[float]:
    """A latency in user space: log-normal about 20 us with an exponential tail of 200 us in 3 % (ns), less its mean."""
    rng = random.Random(seed)
    mean = 20e3 * math.exp(0.08) + 0.03 * 200e3
    late = []
    for _ in range(n):
        tail = rng.expovariate(1.0 / 200e3) if rng.random() < 0.03 else 0.0
        late.append(math.exp(rng.gauss(math.log(20e3), 0.4)) + tail - mean)
    return late


def steered(made: Traces, without: frozenset[str] = frozenset(), x_ns: float = 1e8, policy: Policy = KNOWN) -> TraceWorld:
    """The loop through the whole engine."""
    world = TraceWorld(array("d", made.freq), array("d", made.pulse), x_ns)
    engine = Engine(BUILT_IN.table, discipline=policy)
    assert engine.discipline is not None
    engine.discipline.servo = Servo(policy, without)
    run(world, engine, [])
    return world


def told(made: Traces) -> list[float]:
    """Error (ns) at each second of a clock whose Kalman filter is told the levels and that takes the whole phase out at once."""
    q1, q2, r = made.white**2, made.walk**2, made.sigma**2
    true, phase, rate, steer = 1e8, 0.0, 0.0, 0.0
    p00, p01, p11 = 1e20, 0.0, 1e10
    out = []
    for k, (freq, late) in enumerate(zip(made.freq, made.pulse, strict=True)):
        out.append(true)
        if k:
            phase += rate + steer
            p00, p01, p11 = p00 + 2 * p01 + p11 + q1, p01 + p11, p11 + q2
        if not math.isnan(late):
            s = p00 + r
            k0, k1, miss = p00 / s, p01 / s, true + late - phase
            phase += k0 * miss
            rate += k1 * miss
            p00, p01, p11 = p00 - k0 * p00, p01 - k0 * p01, p11 - k1 * p01
            if not k:
                true, phase = true - phase, 0.0
        steer = -rate - phase
        true += freq + steer
    return out


def rms(values: list[float]) -> float:
    return math.sqrt(sum(v * v for v in values) / len(values))


def spread(values: list[float]) -> float:
    """Standard deviation: what is left when a constant bias, which no loop can see, is taken off."""
    mean = sum(values) / len(values)
    return rms([v - mean for v in values])


def errors_ns(world: TraceWorld, start: int, stop: int | None = None) -> list[float]:
    return [1e9 * x for x in world.x_s[start:stop]]

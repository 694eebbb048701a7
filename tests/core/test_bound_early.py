"""The bound's noise against the simulated truth, from the first bound that is given on: it must not lie while little is known.

Biases are left out of it, since the simulated pulse has none, but for a one-sided latency, whose own is in the whole bound.
"""

from __future__ import annotations

import math
from statistics import fmean

import pytest
from clocks_and_pulses import KNOWN, Traces, one_sided, traces

from gpstime.app.run import run
from gpstime.core.bound import SIGMAS
from gpstime.core.engine import Engine
from gpstime.core.leap import BUILT_IN
from gpstime.core.learning import Learning
from gpstime.core.two_state import TwoState
from gpstime.model import ErrorBound
from gpstime.sim.traces import TraceWorld

SEEDS, SECONDS = range(10), 300
SPANS = ((0, 60), (0, 120), (0, 300), (120, 300))

Second = tuple[int, float, float, float]


def bounds(made: Traces) -> list[Second]:
    """For each second with a bound: its number, how far off the clock is right after its pulse, half-width of the noise, and of
    the whole bound (ns)."""
    world = TraceWorld(made.freq, made.pulse, 1e8)
    given: list[tuple[int, ErrorBound]] = []

    def sink(value: object) -> None:
        if isinstance(value, ErrorBound) and value.parts:
            given.append((len(world.x_s) - 1, value))

    run(world, Engine(BUILT_IN.table, discipline=KNOWN), [sink])
    out = []
    for k, bound in given:
        parts = bound.parts
        noise = SIGMAS * math.sqrt(math.fsum(parts[name] ** 2 for name in ("fit", "jitter", "age", "wander")))
        stepped = sum(world.stepped_ns) if k == given[0][0] else 0  # `x_s` is from before the step
        out.append((k, 1e9 * world.x_s[k] + stepped, noise + parts["left"], bound.bound_ns))
    assert given[0][0] == 3, "the first bound is given when there is an estimate"
    assert len(out) == len(made.pulse) - 3
    return out


def held(runs: list[list[Second]], start: int, stop: int) -> float:
    return fmean(abs(x) <= half for found in runs for k, x, half, _ in found if start <= k < stop)


@pytest.mark.parametrize("sigma_us", [0.05, 0.3, 1.0, 5.0, 20.0, 300.0])
def test_the_bound_holds_from_the_first_one_on(sigma_us: float) -> None:
    runs = [bounds(traces(seed, SECONDS, 1e3 * sigma_us)) for seed in SEEDS]
    for start, stop in SPANS:
        assert held(runs, start, stop) >= 0.93
    size = math.sqrt(fmean(x * x for found in runs for k, x, _, _ in found if k >= 60))
    assert fmean(half for found in runs for k, _, half, _ in found if k >= 60) < 1.5 * SIGMAS * size


@pytest.mark.parametrize("crystal", [0.3, 3.0])
def test_the_bound_holds_for_a_crystal_that_is_not_the_one_expected(crystal: float) -> None:
    runs = [bounds(traces(seed, SECONDS, 1000.0, crystal)) for seed in SEEDS]
    for start, stop in SPANS:
        assert held(runs, start, stop) >= 0.93


def test_the_whole_bound_holds_for_a_one_sided_latency() -> None:
    runs = [bounds(Traces(traces(seed, SECONDS).freq, one_sided(seed, SECONDS), 10.0, 1.0, 50_000.0)) for seed in SEEDS]
    assert fmean(abs(x) <= whole for found in runs for _, x, _, whole in found) > 0.99


def test_twin_that_takes_the_levels_for_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Learning, "wider2", lambda self, pxx: 1.0)
    assert held([bounds(traces(seed, 120, 200.0, 3.0)) for seed in range(24)], 0, 120) < 0.92


def test_twin_that_takes_the_noise_of_four_pulses_from_their_median(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TwoState, "_noise", lambda self, line, ts, zs: line.spread)
    assert held([bounds(traces(seed, 12, 20_000.0)) for seed in range(24)], 4, 12) < 0.85

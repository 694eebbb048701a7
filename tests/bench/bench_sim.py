"""Speed of the simulation: times real time, alone, through the real parser, and through the whole engine.

The bound is 10 000 times real time with one RMC a second going through the parser.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from gpstime.core.nmea import Nmea
from gpstime.model import Event, SerialBytes
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld

BOUND = 10_000
ROUNDS = 3


def parsing() -> Callable[[Event], object]:
    nmea = Nmea()

    def on(event: Event) -> object:
        return nmea.feed(event.data, event.at) if isinstance(event, SerialBytes) else None

    return on


def thinking() -> Callable[[Event], object] | None:
    """The whole engine, None where it is not there."""
    try:
        from gpstime.core.engine import Engine
        from gpstime.core.leap import BUILT_IN
    except ImportError:
        return None
    return Engine(BUILT_IN.table).on


def nothing() -> Callable[[Event], object]:
    return lambda event: None


def speed(make: Callable[[], Callable[[Event], object] | None], seconds: int, **options: object) -> float | None:
    """Simulated seconds per second, the best of a few rounds (the others were disturbed)."""
    best = 0.0
    for seed in range(ROUNDS):
        sink = make()
        if sink is None:
            return None
        world = SimWorld(Scenario(duration_s=seconds, seed=seed, **options))
        began = time.perf_counter()
        for event in world.events():
            sink(event)
        best = max(best, seconds / (time.perf_counter() - began))
    return best


def main() -> int:
    met = True
    for what, make, seconds, options in (
        ("RMC only, simulation alone", nothing, 20_000, {"sentences": ("RMC",)}),
        ("RMC only, with the parser", parsing, 20_000, {"sentences": ("RMC",)}),
        ("RMC only, with the whole engine", thinking, 3_000, {"sentences": ("RMC",)}),
        ("all sentences, simulation alone", nothing, 5_000, {}),
        ("all sentences, with the parser", parsing, 5_000, {}),
        ("all sentences, with the whole engine", thinking, 3_000, {}),
    ):
        times = speed(make, seconds, **options)
        if times is not None:
            print(f"{what:38} {times:>9,.0f} times real time, {1e6 / times:6.1f} us for a second")
        if make is parsing and options:
            met = times is not None and times >= BOUND
    print(f"bound {BOUND:,} times with one RMC a second through the parser: {'met' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())

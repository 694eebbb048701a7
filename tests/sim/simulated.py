"""Runs of simulated boards for the tests."""

from __future__ import annotations

from gpstime.model import Event, PpsEdge, SerialBytes
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld


def run(**options: object) -> tuple[SimWorld, list[Event]]:
    """A world and everything that happened in it."""
    world = SimWorld(Scenario(**options))
    return world, list(world.events())


def pulses(events: list[Event]) -> list[PpsEdge]:
    return [e for e in events if isinstance(e, PpsEdge)]


def text(events: list[Event]) -> bytes:
    return b"".join(e.data for e in events if isinstance(e, SerialBytes))


def allan(y: list[float], m: int) -> float:
    """Overlapping Allan deviation of frequency averages over one second, at m seconds (NIST SP 1065, equation 11)."""
    total = [0.0]
    for value in y:
        total.append(total[-1] + value)
    x = total
    squares = [(x[i + 2 * m] - 2 * x[i + m] + x[i]) ** 2 for i in range(len(x) - 2 * m)]
    return (sum(squares) / (2 * m * m * len(squares))) ** 0.5

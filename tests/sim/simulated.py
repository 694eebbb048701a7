"""Runs of simulated boards for the tests."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gpstime.core.nmea import Nmea
from gpstime.model import Epoch, Event, PpsEdge, Rejected, SerialBytes
from gpstime.sim.scenario import Scenario
from gpstime.sim.world import SimWorld
from gpstime.times import NS


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


@dataclass
class Run:
    """One run with what the checks ask of it."""

    world: SimWorld
    events: list[Event]

    def __post_init__(self) -> None:
        nmea = Nmea()
        self.heard = [f for e in self.events if isinstance(e, SerialBytes) for f in nmea.feed(e.data, e.at)]
        self.raw = text(self.events)
        self.pulses = pulses(self.events)
        self.kinds = Counter(self.kind(p) for p in self.pulses)

    def kind(self, p: PpsEdge) -> str:
        found = self.world.truth.find(p.at)
        assert found is not None, "the truth knows every edge"
        return found.kind

    @property
    def rmc(self) -> list[Epoch]:
        return [f for f in self.heard if isinstance(f, Epoch) and f.sentence.endswith("RMC")]

    def reasons(self) -> Counter[str]:
        return Counter(f.reason for f in self.heard if isinstance(f, Rejected))

    def ahead(self) -> list[float]:
        """Of each RMC: the second that it names minus the true second in which its burst began."""
        starts = [p.at for p in self.world.truth.pulses()]
        first = self.world.calendar.start.unix
        k0 = self.world.truth.pulses()[0].k
        rate = (starts[-1] - starts[0]) / (len(starts) - 1)
        return [(e.second.unix - first) / NS - ((e.burst_at - starts[0]) // rate + k0) for e in self.rmc]

    def late(self) -> list[float]:
        """Of each RMC: seconds from its named second to its burst, by the shown clock of a plain run (start right, unsteered)."""
        return [(self.world.clock.shown(e.burst_at) - e.second.unix) / NS for e in self.rmc]

    def offsets(self) -> list[float]:
        """Of each pulse that counts: what the system clock shows minus true, in s."""
        found = ((p, self.world.truth.find(p.at)) for p in self.pulses)
        return [(p.shown - self.world.calendar.unix_ns(t.k * NS)) / NS for p, t in found if t is not None and t.kind == "plain"]

"""What the tests of the serial drivers share: a clock that goes only when told, and receivers on ptys."""

from __future__ import annotations

from collections.abc import Iterable

from gpstime.sim.scenario import Scenario
from gpstime.sim.sentences import framed
from gpstime.sim.world import SimWorld
from gpstime.times import NS, RawNs

LINE = framed("GNRMC,120000.00,A,5128.67235,N,00000.05106,W,0.041,,010326,,,A,V")
SOON_S = 10.0
"""How long a read may wait for bytes that a pty hands over a moment later; it never has to."""


class Virtual:
    """Fits `ports.Timebase`: nothing waits."""

    def __init__(self, at: int = 1000 * NS) -> None:
        self.at = at
        self.slept: list[float] = []

    def now(self) -> RawNs:
        return RawNs(self.at)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += round(seconds * NS)


def said(lines: Iterable[bytes]) -> list[tuple[RawNs, bytes]]:
    """One portion a second."""
    return [(RawNs((k + 1) * NS), line) for k, line in enumerate(lines)]


def simulated(**options: object) -> SimWorld:
    return SimWorld(Scenario(seed=7, **options))  # type: ignore[arg-type]

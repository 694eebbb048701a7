"""What the tests of the pulse drivers share: trains of edges, with the clocks of `Virtual` (RAW = MONO, REAL apart from it)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ports import Virtual

from gpstime.drivers.pps_kernel import PpsKernel
from gpstime.drivers.pps_sysfs import KernelPulse, kernel_pulses
from gpstime.ports import Together
from gpstime.sim.fake_pps import FakePps, StampedEdge
from gpstime.times import NS, RawNs, UnixNs

APART = 1_800_000_000 * NS


class Clock(Virtual):
    """Fits `ports.Timebase` and `ports.Clocks`. `mono_apart`: MONO minus RAW."""

    mono_apart = 5 * NS

    def read(self) -> Together:
        return Together(RawNs(self.at), UnixNs(self.at + APART), self.at + self.mono_apart, 50)


def stamped(at: int, edge: str = "assert", late: int = 10_000) -> StampedEdge:
    """An edge at `at`, which the kernel knows of `late` ns later."""
    return StampedEdge(RawNs(at + late), UnixNs(at + APART), edge)  # type: ignore[arg-type]


def train(clock: Clock, n: int, *, every: int = NS, width: int = 0, first: str = "assert") -> Iterator[StampedEdge]:
    """`n` pulses from the next second of the clock on; with a `width` both edges of each."""
    other = "clear" if first == "assert" else "assert"
    start = (clock.at // NS + 1) * NS
    for k in range(n):
        yield stamped(start + k * every, first)
        if width:
            yield stamped(start + k * every + width, other)


class Kernel:
    """A made-up machine's pulses and the driver on them."""

    def __init__(self, root: Path, **options: object) -> None:
        self.clock = Clock()
        self.fake = FakePps(root, self.clock, **options)  # type: ignore[arg-type]

    def pulses(self) -> list[KernelPulse]:
        self.fake.refresh()
        return kernel_pulses(self.fake.sysfs)

    def open(self, node: str = "pps0") -> PpsKernel:
        pulse = next(p for p in self.pulses() if p.node == node)
        return PpsKernel(
            pulse, time=self.fake, sysfs=self.fake.sysfs, dev=self.fake.dev, open_node=self.fake.open, ioctl=self.fake.ioctl
        )

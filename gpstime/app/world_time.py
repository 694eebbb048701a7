"""The time of a simulated board, for what is attached to it: a bus with chips that live in its true time."""

from __future__ import annotations

from gpstime.sim.world import SimWorld
from gpstime.times import NS, RawNs


class WorldTime:
    """The raw clock of a simulated board and its true time (ns since the start of the run): fits `BusTime` and `ports.Timebase`."""

    def __init__(self, world: SimWorld) -> None:
        self._world, self._raw = world, world.raw_start

    @property
    def at(self) -> RawNs:
        """The raw clock, looked at from outside."""
        return self._raw

    def now(self) -> RawNs:
        return self._raw

    def sleep(self, seconds: float) -> None:
        self.run_to(self._raw + round(seconds * NS))

    def run_to(self, raw: int) -> None:
        self._raw = RawNs(max(self._raw, raw))

    def true_ns(self, raw: int) -> int:
        """Along the crystal's phase, second by second; beyond what was simulated so far by the last second's slope."""
        truth, since = self._world.truth, raw - self._world.raw_start
        last = truth.seconds - 1
        if last < 1:
            return since
        k = min(max(since // NS, 0), last)
        while k > 0 and k * NS + truth.x_ns(k) > since:
            k -= 1
        while k < last and (k + 1) * NS + truth.x_ns(k + 1) <= since:
            k += 1
        a = min(k, last - 1)
        slope = 1 + (truth.x_ns(a + 1) - truth.x_ns(a)) * 1e-9
        return k * NS + round((since - k * NS - truth.x_ns(k)) / slope)

    @property
    def true_now(self) -> int:
        return self.true_ns(self._raw)

    def raw_at(self, true_ns: int) -> RawNs:
        """The other way round."""
        truth = self._world.truth
        last = truth.seconds - 1
        if last < 1:
            return RawNs(self._world.raw_start + true_ns)
        a = min(max(true_ns // NS, 0), last - 1)
        into = true_ns - a * NS
        rise = truth.x_ns(a + 1) - truth.x_ns(a)
        return RawNs(self._world.raw_start + true_ns + round(truth.x_ns(a) + rise * into / NS))

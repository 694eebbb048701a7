"""How the raw clock of a machine and true time belong together, for fakes whose chips live in true time.

The Pi's raw clock gains `ppm` against true time, an RTC gains its own: a driver on a fake bus sees the difference, as in life.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gpstime.times import NS, RawNs


class Stepping(Protocol):
    """A clock that goes on when told: `FakeMachine`, or any test's own."""

    def now(self) -> RawNs: ...

    def run_to(self, raw: int) -> None: ...


class BusTime(Stepping, Protocol):
    """A raw clock that goes on when told, and the true time that belongs to each of its instants."""

    def true_ns(self, raw: int) -> int:
        """True ns (from an arbitrary zero) at this raw instant; never falls when raw rises."""
        ...


def _linear(raw: int, raw0: int, milli_ppb: int) -> int:
    """True ns since raw0 of a clock that gains so much; in integers, so that days lose nothing to rounding."""
    whole = 10**12
    return (raw - raw0) * whole // (whole + milli_ppb)


class VirtualTime:
    """A raw clock of its own that gains `ppm`; true time 0 is its start. Fits `BusTime` and `ports.Timebase`."""

    def __init__(self, ppm: float = 0.0, raw0: int = 1000 * NS) -> None:
        self._raw0 = self._raw = raw0
        self._milli_ppb = round(ppm * 1e6)

    @property
    def at(self) -> RawNs:
        """The raw clock, looked at from outside."""
        return RawNs(self._raw)

    def now(self) -> RawNs:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.run_to(self._raw + round(seconds * NS))

    def run_to(self, raw: int) -> None:
        self._raw = max(self._raw, raw)

    def true_ns(self, raw: int) -> int:
        return _linear(raw, self._raw0, self._milli_ppb)

    @property
    def true_now(self) -> int:
        return self.true_ns(self._raw)

    def raw_at(self, true_ns: int) -> RawNs:
        """The first raw instant that belongs to this true one."""
        return RawNs(self._raw0 - (-true_ns * (10**12 + self._milli_ppb) // 10**12))

    def run_to_true(self, true_ns: int) -> None:
        self.run_to(self.raw_at(true_ns))


class Coupled:
    """The raw clock of somebody else (a `FakeMachine`), with its true time: gaining `ppm` since now, or by `true_of(raw)`."""

    def __init__(self, machine: Stepping, ppm: float = 0.0, true_of: Callable[[int], int] | None = None) -> None:
        self._machine, self._true_of = machine, true_of
        self._raw0, self._milli_ppb = machine.now(), round(ppm * 1e6)

    @property
    def at(self) -> RawNs:
        return self._machine.now()

    def now(self) -> RawNs:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.run_to(self.now() + round(seconds * NS))

    def run_to(self, raw: int) -> None:
        self._machine.run_to(raw)

    def true_ns(self, raw: int) -> int:
        return _linear(raw, self._raw0, self._milli_ppb) if self._true_of is None else self._true_of(raw)

    @property
    def true_now(self) -> int:
        return self.true_ns(self.now())

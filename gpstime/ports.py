"""The small Protocols that a run is made of. Real, simulated and recorded worlds all fit them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from gpstime.model import Adjustment, Applied, Event, Finding, SerialBytes
from gpstime.times import RawNs, UnixNs


class World(Protocol):
    """Where events come from and adjustments go."""

    def events(self) -> Iterator[Event]:
        """The events in the order in which they happened. Ends when the world does; may be called once."""
        ...

    def adjust(self, adjustment: Adjustment) -> Applied:
        """Carry an adjustment out and say what really happened."""
        ...

    def close(self) -> None:
        """Let go of everything held. Safe to call twice."""
        ...


class Thinker(Protocol):
    """The shape of the Engine: one event in; findings and adjustments out. Never reads a clock."""

    def on(self, event: Event) -> tuple[list[Finding], tuple[Adjustment, ...]]: ...


@dataclass(frozen=True, slots=True)
class EdgeStamp:
    """An edge as the kernel (or our own code, `stamped_by` user) stamped it, before anything was derived from it."""

    native: Literal["real", "mono", "raw"]
    stamp: int
    edge: Literal["assert", "clear"]
    seq: int
    stamped_by: str


class PpsInput(Protocol):
    """A pulse's door. `name` is for people."""

    @property
    def name(self) -> str: ...

    def wait(self, timeout_s: float) -> EdgeStamp | None:
        """The next edge not yet given; None after `timeout_s` without one. DeviceMissing when the device is gone."""
        ...

    def close(self) -> None: ...


class ByteInput(Protocol):
    """A receiver's bytes. `name` is for people."""

    @property
    def name(self) -> str: ...

    def read(self, timeout_s: float) -> SerialBytes | None:
        """What arrived, stamped on the raw clock at its first byte; None after `timeout_s` of silence. DeviceMissing when gone."""
        ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Together:
    """The clocks read together: half the time that the reading took is `err_ns`."""

    raw: RawNs
    real: UnixNs
    mono_ns: int
    err_ns: int


class Clocks(Protocol):
    """The machine's clocks, or fakes of them."""

    def read(self) -> Together:
        """RAW, REAL, MONO, RAW; the best of a few tries."""
        ...


class Timebase(Protocol):
    """For a driver's retries only."""

    def now(self) -> RawNs: ...

    def sleep(self, seconds: float) -> None: ...


class Source(Protocol):
    """One driver as the live world runs it: in a thread of its own, or in turns on a virtual clock (tests)."""

    @property
    def name(self) -> str: ...

    def poll(self, timeout_s: float) -> list[Event]:
        """Block at most `timeout_s`; the events since the last call, possibly none. A lost device is an event, not an exception."""
        ...

    def close(self) -> None: ...


Sink = Callable[[Event | Finding], None]
"""Takes every value of a run in order (the record, the screen, a test's list)."""

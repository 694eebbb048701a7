"""The small Protocols that a run is made of. Real, simulated and recorded worlds all fit them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from gpstime.model import Adjustment, Applied, Event, Finding, RtcReading, SerialBytes, Slew, Step
from gpstime.times import RawNs, UnixNs, UtcTime


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


class I2cBus(Protocol):
    """The methods of smbus2's SMBus that are used, by its names. Each may raise OSError, as smbus2 does: errno 121 or 6 nobody
    acknowledged, 110 the bus hangs, 5 a failed transfer, 16 the kernel's own driver holds the address.
    """

    def read_byte_data(self, i2c_addr: int, register: int, /) -> int: ...

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int, /) -> list[int]:
        """`length` (at most 32) registers from `register` on, in one transfer."""
        ...

    def write_byte_data(self, i2c_addr: int, register: int, value: int, /) -> None: ...

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int], /) -> None: ...

    def i2c_rdwr(self, *i2c_msgs: Any) -> None: ...

    def close(self) -> None: ...


class Rtc(Protocol):
    """A clock with a battery, on a bus or behind the kernel's driver. `name` is for people."""

    @property
    def name(self) -> str: ...

    def read(self) -> RtcReading:
        """What it shows; never writes. RtcUnavailable after a bounded number of attempts."""
        ...

    def set(self, second: UtcTime) -> None:
        """Make it show `second`, at once. DeviceError where that is not possible, or the chip did not take it."""
        ...


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


class SteeredClock(Protocol):
    """A clock that can be steered. What is refused is said in `Applied.refused`, never raised. `max_freq_ppb`: drift and slew.

    `beat_ns`: when in each of its seconds it wants its `beat`.
    """

    @property
    def max_freq_ppb(self) -> float: ...

    @property
    def beat_ns(self) -> int: ...

    def read(self) -> Together:
        """The clocks together, as `Clocks` has it."""
        ...

    def slew(self, slew: Slew, at: RawNs) -> Applied:
        """A slew that lasts for ever is the bare drift from now on; any other carries phase and ends by itself (see the driver)."""
        ...

    def step(self, step: Step, at: RawNs) -> Applied: ...

    def beat(self) -> Applied | None:
        """A second of this clock has begun. May be called from another thread. None, or what was refused."""
        ...

    def declare(self, bound_ns: float, tai_minus_utc_s: int | None, leap: int) -> None:
        """How far off it may be, for others to read; TAI - UTC; what is to happen at the end of this UTC day (+1, 0, -1)."""
        ...

    def release(self) -> None:
        """Nothing but the bare drift stays in force. Safe to call twice."""
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

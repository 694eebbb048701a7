"""What every clock chip can be asked, on a bus or behind the kernel's driver: time, second, state; a set, a trim.

A read never writes. The flag that says that the power was lost is cleared only by a set that was seen to be taken (P15).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.told import RtcStatus, SecondsPoll
from gpstime.drivers.rtc.wire import State, Written
from gpstime.errors import RtcRefused
from gpstime.model import RtcReading
from gpstime.times import NS, UtcTime


class RtcChip(ABC):
    """One chip, fits `ports.Rtc`. `name` says which, `family` whose registers it has."""

    family: ClassVar[str]
    resolution_ns: ClassVar[int] = NS
    divider_resets: ClassVar[bool] = True
    """Whether writing the seconds starts a new second; else `stop` and `release` do."""
    first_tick_s: ClassVar[float] = 1.0
    """From that start to the next second, as the datasheet says; to be measured."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.doubt = ""
        """Why the last reading is not trusted, in words; "" if it is."""

    @property
    @abstractmethod
    def address(self) -> int:
        """On its bus; 0 where that is not known."""

    @property
    @abstractmethod
    def state(self) -> State:
        """OK, or why the last call failed: UNAVAILABLE, HELD (by the kernel's driver)."""

    @property
    def limits(self) -> tuple[str, ...]:
        """What can't be had this way, in sentences."""
        return ()

    # ---- reading ----

    @abstractmethod
    def read(self) -> RtcReading:
        """`at` is the middle of the time in which it showed that, `err_ns` half of its width.

        Registers that hold no time show `NO_TIME`, not trusted: `doubt` says what is wrong with them.  RtcUnavailable after a
        bounded number of attempts, RtcHeld at once.
        """

    @abstractmethod
    def poll_seconds(self) -> SecondsPoll:
        """The second of the minute, as cheaply as can be: for finding the second's edge."""

    @abstractmethod
    def status(self) -> RtcStatus:
        """All that it says about itself; reads only."""

    # ---- setting ----

    def set(self, second: UtcTime) -> None:
        """See `ports.Rtc`; whoever cares for the phase uses `write_time` and what it returns."""
        self.write_time(second)

    @abstractmethod
    def write_time(self, second: UtcTime) -> Written:
        """Make it show the start of `second`; the interval is that of the start of its first second (see `first_tick_s`).

        UsageError for a time that it can't show, RtcRefused if it did not take it.
        """

    def stop(self) -> None:
        """Hold the divider at its start. RtcRefused where a write of the seconds does that instead."""
        raise RtcRefused(f"{self.name} has no bit that holds its divider: writing the seconds resets it.")

    def release(self) -> Written:
        """Let it count; the first second ends `first_tick_s` later."""
        raise RtcRefused(f"{self.name} has no bit that holds its divider: writing the seconds resets it.")

    def abandon(self) -> None:
        """A set that was begun with `stop` has failed: count on, unless it stood still before."""
        self.release()

    # ---- trim and output ----

    @property
    def trim_spec(self) -> TrimSpec | None:
        """What its trim register does; None where it has none. May have to look at the chip."""
        return None

    def read_trim(self) -> int | None:
        """The trim register, signed; None where there is none."""
        return None

    def write_trim(self, value: int) -> None:
        """Write the trim register, start a conversion where one is needed, and see that the chip took it."""
        raise RtcRefused(f"{self.name} has no trim register: its error can only be known and taken off.")

    @abstractmethod
    def square_wave(self, on: bool) -> None:
        """Put 1 Hz on its clock output, or switch that off."""

    @abstractmethod
    def close(self) -> None: ...

    def _check_trim(self, value: int) -> None:
        """RtcRefused for a value that the register has not."""
        spec = self.trim_spec
        assert spec is not None
        if not spec.lo <= value <= spec.hi:
            raise RtcRefused(f"{self.name}: its trim register holds {spec.lo} to {spec.hi}, not {value}.")

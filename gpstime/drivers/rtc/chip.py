"""What every clock chip on a bus can be asked: the time with how far to trust it, its second for an edge search, its state, a set.

A read never writes. A set is one block write of all time registers; the flag that says that the power was lost is cleared only
after the chip was seen to have taken the time, and never otherwise (P15). The weekday is written and never read.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.calendar import Layout, decode, encode, second_of
from gpstime.drivers.rtc.wire import State, Transfer, Wire, Written
from gpstime.errors import RtcRefused
from gpstime.model import RtcReading
from gpstime.times import NS, RawNs, UtcTime

NO_TIME = UtcTime(0, 0)
"""What a reading shows where the registers hold no time; it is never `trusted`."""
STALLED_NS = 20_000_000
"""A block read that took longer says too little about its instant, so it is done again (the kernel was busy, or the bus stood)."""

Registers = dict[int, int]


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a chip's registers say. `utc` is None where they hold no time; `doubt` is why it is not to be trusted, "" if it is."""

    utc: UtcTime | None
    doubt: str
    temperature_c: float | None = None
    aging: int | None = None


@dataclass(frozen=True, slots=True)
class SecondsPoll:
    """The seconds register showed `second` (None: no number) somewhere between `before` and `after`."""

    before: RawNs
    after: RawNs
    second: int | None


@dataclass(frozen=True, slots=True)
class RtcStatus:
    """A chip's own word about itself; None where it has none. `square_wave` is what comes out of its clock output, in words."""

    chip: str
    address: int
    shown: UtcTime | None
    doubt: str
    power_lost: bool | None = None
    oscillator_enabled: bool | None = None
    backup: str | None = None
    battery_low: bool | None = None
    trim: int | None = None
    square_wave: str | None = None
    temperature_c: float | None = None
    notes: tuple[str, ...] = ()
    registers: Registers = field(default_factory=dict)

    @property
    def trusted(self) -> bool:
        return not self.doubt


class RtcChip(ABC):
    """One chip, fits `ports.Rtc`. A subclass is a family that shares a register map; `name` says which of it this is."""

    family: ClassVar[str]
    default_address: ClassVar[int]
    layout: ClassVar[Layout]
    block: ClassVar[tuple[int, int]]
    """First register and number of those that a reading takes, in one transfer."""
    resolution_ns: ClassVar[int] = NS
    latches: ClassVar[bool] = True
    """Whether the registers stand still for the time of a transfer."""
    divider_resets: ClassVar[bool] = True
    """Whether writing the seconds starts a new second; else `stop` and `release` do."""
    first_tick_s: ClassVar[float] = 1.0
    """From that start to the next second, as the datasheet says; to be measured."""

    def __init__(self, name: str, wire: Wire) -> None:
        self.name, self.wire = name, wire
        self.doubt = ""
        """Why the last reading is not trusted, in words; "" if it is."""
        self._stopped = False

    @property
    def address(self) -> int:
        return self.wire.address

    @property
    def state(self) -> State:
        return self.wire.state

    @property
    def trim_spec(self) -> TrimSpec | None:
        """What its trim register does; None where it has none."""
        return None

    # ---- what a family says about itself: pure ----

    @abstractmethod
    def decode(self, registers: Registers) -> Decoded:
        """What these registers (at least those of `block`) say. Never raises, whatever they hold."""

    @abstractmethod
    def describe(self, registers: Registers) -> RtcStatus:
        """The whole state from `_all_registers`. Never raises."""

    # ---- reading ----

    def read(self) -> RtcReading:
        """One block read. `at` is the middle of the time in which it showed that, `err_ns` half of its width."""
        got = self._settled()
        decoded = self.decode(got.registers)
        self.doubt = decoded.doubt
        return RtcReading(
            RawNs((got.before + got.after) // 2),
            decoded.utc or NO_TIME,
            self.resolution_ns,
            (got.after - got.before + 1) // 2,
            False,
            not decoded.doubt,
            decoded.temperature_c,
            decoded.aging,
            self.name,
        )

    def poll_seconds(self) -> SecondsPoll:
        """The seconds register alone, in the cheapest transfer: for finding the second's edge."""
        got = self.wire.read_byte(self.layout.seconds)
        return SecondsPoll(got.before, got.after, second_of(got[self.layout.seconds]))

    def status(self) -> RtcStatus:
        """All that it says about itself; reads only."""
        return self.describe(self._all_registers())

    def read_trim(self) -> int | None:
        """The trim register, signed; None where there is none."""
        return None

    def _settled(self) -> Transfer:
        """A block read that no carry went through; the best of three where the bus stalls."""
        tries = [self._untorn()]
        while tries[-1].after - tries[-1].before > STALLED_NS and len(tries) < 3:
            tries.append(self._untorn())
        return min(tries, key=lambda got: got.after - got.before)

    def _untorn(self) -> Transfer:
        return self.wire.read(*self.block)

    def _all_registers(self) -> Registers:
        return self._settled().registers

    # ---- writing ----

    def set(self, second: UtcTime) -> None:
        """See `ports.Rtc`; whoever cares for the phase uses `write_time` and what it returns."""
        self.write_time(second)

    def write_time(self, second: UtcTime) -> Written:
        """Make it show the start of `second`; the interval is that of the start of its first second (see `first_tick_s`).

        A chip whose divider only a stop bit resets is stopped, written and released, unless `stop` was called before: then it
        is written, and counts from `release` on.  UsageError for a time that it can't show, RtcRefused if it did not take it.
        """
        fields = encode(self.layout, second)
        mine = not self.divider_resets and not self._stopped
        if mine:
            self.stop()
        self._prepare_write()
        written = self.wire.write(self.layout.seconds, self._finish_fields(fields))
        if mine:
            written = self.release()
        self._check_taken(second, written)
        self._clear_power_lost()
        return written

    def stop(self) -> None:
        """Hold the divider at its start. RtcRefused where a write of the seconds does that instead."""
        raise RtcRefused(f"{self.name} has no stop bit that resets its divider: writing the seconds does that.")

    def release(self) -> Written:
        """Let it count; the first second ends `first_tick_s` later."""
        raise RtcRefused(f"{self.name} has no stop bit that resets its divider: writing the seconds does that.")

    def write_trim(self, value: int) -> None:
        """Write the trim register, start a conversion where one is needed, and see that the chip took it."""
        raise RtcRefused(f"{self.name} has no trim register: its error can only be known and taken off.")

    def square_wave(self, on: bool) -> None:
        """Put 1 Hz on its clock output, or switch that off."""
        raise RtcRefused(f"{self.name} gives no 1 Hz.")

    def close(self) -> None:
        self.wire.close()

    def _prepare_write(self) -> None:
        """Whatever the chip needs before its time registers are written."""
        return

    def _finish_fields(self, fields: list[int]) -> list[int]:
        """The seven bytes with the bits that stand among the time in some chips."""
        return fields

    def _clear_power_lost(self) -> None:
        """Called after the time was seen to be taken."""
        return

    def _check_taken(self, second: UtcTime, written: Written) -> None:
        """RtcRefused unless it shows what was written, plus what passed since."""
        got = self._settled()
        told = decode(self.layout, got.registers, twelve=False)
        if isinstance(told, str):
            raise RtcRefused(f"{self.wire.where} did not take {second.iso()}: it says {told}.")
        passed_ns = told.unix - second.unix
        if not -NS < passed_ns <= got.after - written.before + NS:
            raise RtcRefused(f"{self.wire.where} did not take {second.iso()}: it shows {told.iso()}.")

    def _update(self, register: int, clear: int, put: int) -> None:
        """Change some bits of a register; nothing is written where they are so already."""
        old = self.wire.read_byte(register)[register]
        if (new := old & ~clear | put) != old:
            self.wire.write(register, [new])

    def _check_trim(self, value: int) -> TrimSpec:
        spec = self.trim_spec
        if spec is None:
            raise RtcRefused(f"{self.name} has no trim register: its error can only be known and taken off.")
        if not spec.lo <= value <= spec.hi:
            raise RtcRefused(f"{self.name}: its trim register holds {spec.lo} to {spec.hi}, not {value}.")
        return spec

    def _check_trim_taken(self, value: int) -> None:
        if (got := self.read_trim()) != value:
            raise RtcRefused(f"{self.wire.where} did not take {value} in its trim register: it holds {got}.")


def signed(value: int, bits: int) -> int:
    """Two's complement."""
    return value - (1 << bits) if value & (1 << (bits - 1)) else value

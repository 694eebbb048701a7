"""Clock chips on a bus: the reading, the set and the checks that all families have in common.

One block read for a reading; one block write of all time registers for a set, read back before the flag for lost power is cleared.
The weekday is written and never read.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from gpstime.drivers.rtc.calendar import Layout, encode, second_of
from gpstime.drivers.rtc.chip import RtcChip
from gpstime.drivers.rtc.told import NO_TIME, Decoded, Registers, RtcStatus, SecondsPoll
from gpstime.drivers.rtc.wire import State, Transfer, Wire, Written
from gpstime.errors import DeviceError, RtcRefused, RtcUnavailable
from gpstime.model import RtcReading
from gpstime.times import NS, RawNs, UtcTime

STALLED_NS = 20_000_000
"""A block read that took longer says too little about its instant, so it is done again (the kernel was busy, or the bus stood)."""


class BusChip(RtcChip):
    """A chip on a bus. A subclass is a family that shares a register map; `name` says which of it this is."""

    default_address: ClassVar[int]
    layout: ClassVar[Layout]
    block: ClassVar[tuple[int, int]]
    """First register and number of those that a reading takes, in one transfer."""

    def __init__(self, name: str, wire: Wire) -> None:
        super().__init__(name)
        self.wire = wire
        self._stopped = False

    @property
    def address(self) -> int:
        return self.wire.address

    @property
    def state(self) -> State:
        return self.wire.state

    # ---- what a family says about itself ----

    @abstractmethod
    def decode(self, registers: Registers) -> Decoded:
        """What these registers (at least those of `block`) say. Never raises, whatever they hold."""

    @abstractmethod
    def describe(self, registers: Registers) -> RtcStatus:
        """The whole state, from `_all_registers`. Never raises."""

    # ---- reading ----

    def read(self) -> RtcReading:
        """One block read (see `RtcChip.read`)."""
        got = self._settled()
        told = self.decode(got.registers)
        self.doubt = told.doubt
        at, err_ns = RawNs((got.before + got.after) // 2), (got.after - got.before + 1) // 2
        shown, trusted = told.utc or NO_TIME, not told.doubt
        return RtcReading(at, shown, self.resolution_ns, err_ns, False, trusted, told.temperature_c, told.aging, self.name)

    def poll_seconds(self) -> SecondsPoll:
        """The seconds register alone, in the cheapest transfer."""
        got = self.wire.read_byte(self.layout.seconds)
        return SecondsPoll(got.before, got.after, second_of(got[self.layout.seconds]))

    def status(self) -> RtcStatus:
        return self.describe(self._all_registers())

    def _settled(self) -> Transfer:
        """A block read that no carry went through; the best of three where the bus stalls."""
        tries = [self._untorn()]
        while tries[-1].after - tries[-1].before > STALLED_NS and len(tries) < 3:
            tries.append(self._untorn())
        return min(tries, key=lambda got: got.after - got.before)

    def _untorn(self) -> Transfer:
        """Most chips hold their registers still for the time of a transfer; copies of them may not, so a 59 is read again (P16).

        Where the second reading shows the same second, no carry went through the first one.
        """
        got = self._block()
        for _ in range(3):
            if not self._may_be_torn(got):
                break
            again = self._block()
            if self._same_second(got, again):
                break
            got = again
        return got

    def _block(self) -> Transfer:
        return self.wire.read(*self.block)

    def _may_be_torn(self, got: Transfer) -> bool:
        return got[self.layout.seconds] & 0x7F == 0x59

    def _same_second(self, one: Transfer, other: Transfer) -> bool:
        return all(one[register] == other[register] for register in range(self.layout.seconds, self.layout.seconds + 7))

    def _all_registers(self) -> Registers:
        return self._settled().registers

    # ---- writing ----

    def write_time(self, second: UtcTime) -> Written:
        """See `RtcChip.write_time`.

        A chip whose divider only a stop bit resets is stopped, written and released, unless `stop` was called before: then it
        is written, and counts from `release` on.
        """
        fields = encode(self.layout, second)
        if self.divider_resets or self._stopped:
            written = self._write_fields(fields)
        else:
            try:
                self.stop()
                self._write_fields(fields)
            except DeviceError:
                self._give_up()
                raise
            written = self._let_go()
        self._check_taken(second, written)
        self._clear_power_lost()
        if not self._stopped:
            self._check_trusted()
        return written

    def close(self) -> None:
        self.wire.close()

    def abandon(self) -> None:
        self._give_up()

    def _let_go(self) -> Written:
        try:
            return self.release()
        except RtcUnavailable as error:
            self._stopped = False  # the next set is to stop and release it once more
            raise RtcUnavailable(f"{error} It may be held still and not count: set it again.", error.errno) from error

    def _give_up(self) -> None:
        """A set has failed: a clock that stands still is worse than one that was not set."""
        self._let_go()

    def _distrust(self) -> None:
        """The time was not taken: for a chip that takes being set for granted once it runs."""
        return

    def _write_fields(self, fields: list[int]) -> Written:
        """The one block write."""
        return self.wire.write(self.layout.seconds, fields)

    def _clear_power_lost(self) -> None:
        """Called after the time was seen to be taken; a chip whose flag stands among the seconds has lost it by then."""
        return

    def _check_taken(self, second: UtcTime, written: Written) -> None:
        """RtcRefused unless it shows what was written, plus what passed since."""
        got = self._settled()
        told = self.decode(got.registers)
        passed_ns = -1 if told.utc is None else told.utc.unix - second.unix
        if 0 <= passed_ns <= got.after - written.before + NS:
            return
        self._distrust()
        if told.utc is None:
            raise RtcRefused(f"{self.wire.where} did not take {second.iso()}: {told.doubt}.")
        raise RtcRefused(f"{self.wire.where} did not take {second.iso()}: it shows {told.utc.iso()}.")

    def _check_trusted(self) -> None:
        """The flag has gone; it comes back, or can't be cleared, where the crystal does not swing (or not yet: that takes 2 s)."""
        doubt = self.decode(self._settled().registers).doubt
        if doubt:
            raise RtcRefused(
                f"{self.wire.where} took the time, and still says: {doubt}. Set it again in a few seconds; if that stays, its "
                "crystal does not swing."
            )

    def _update(self, register: int, clear: int, put: int) -> None:
        """Change some bits of a register; nothing is written where they are so already."""
        old = self.wire.read_byte(register)[register]
        if (new := old & ~clear | put) != old:
            self.wire.write(register, [new])

    def _check_trim_taken(self, value: int) -> None:
        if (got := self.read_trim()) != value:
            raise RtcRefused(f"{self.wire.where} did not take {value} in its trim register: it holds {got}.")


class StoppableChip(BusChip):
    """A chip whose divider is held by a bit of a control register. `stop_bit`: (register, bit)."""

    divider_resets: ClassVar[bool] = False
    stop_bit: ClassVar[tuple[int, int]]

    def stop(self) -> None:
        register, bit = self.stop_bit
        self._update(register, 0, bit)
        self._stopped = True

    def release(self) -> Written:
        register, bit = self.stop_bit
        # read first, so that the write alone is what is timed
        running = self.wire.read_byte(register)[register] & ~bit
        written = self.wire.write(register, [running])
        self._stopped = False
        return written

"""A kernel driver that holds an RTC: what /dev/rtcN and sysfs do with the fake chip, and the rewriting every eleven minutes.

Learnt from Linux' drivers rtc-ds1307 (DS and MCP chips), rtc-pcf8523, rtc-pcf85063, rtc-pcf8563, rtc-rv3028 and rtc-rv8803:
what they write, in which order, when they refuse with EINVAL, and the unit and sign of sysfs' `offset` (ppb; positive is slower
by its definition, but rtc-rv3028 passes it to a register where positive is faster).
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TypeVar

from gpstime.sim.chips_base import Chip
from gpstime.sim.chips_ds1307 import CH, Ds1307
from gpstime.sim.chips_ds3231 import OSF, STATUS, Ds3231
from gpstime.sim.chips_mcp7940n import SECONDS, ST, VBATEN, WEEKDAY, Mcp7940n
from gpstime.sim.chips_nxp import STOPPED, Nxp, Pcf8523
from gpstime.sim.chips_rv3028 import BACKUP, OFFSET, PORF, Rv3028
from gpstime.sim.chips_rv8803 import CONTROL, FLAG, RESET, Rv8803
from gpstime.sim.fake_i2c import FakeI2cBus
from gpstime.sim.streams import stream
from gpstime.times import NS, UtcTime

ELEVEN_MINUTES_S = 660.0
TRIES = 4
_T = TypeVar("_T")
_RV3028_STEP_PPT = 953_674


def _refused(code: int) -> OSError:
    return OSError(code, {errno.EINVAL: "Invalid argument", errno.EOPNOTSUPP: "Operation not supported"}[code])


def writes_of(chip: Chip, utc: UtcTime) -> list[tuple[int, bytes]]:
    """What the kernel sends to set this chip: (register, bytes), one transfer each."""
    where = chip.layout
    made = bytearray(chip.size)
    where.put(made, utc)
    counters = made[where.second : where.second + 7]
    if isinstance(chip, Mcp7940n):
        counters[SECONDS] |= ST
        counters[WEEKDAY] |= VBATEN
    block = (where.second, bytes(counters))
    if isinstance(chip, Ds3231):
        return [block, (STATUS, bytes([chip.file[STATUS] & ~OSF & 0xFF]))]
    if isinstance(chip, Nxp) and chip.offset is not None:  # rtc-pcf8563 leaves STOP alone
        control = chip.file[0x00]
        return [(0x00, bytes([control | STOPPED])), block, (0x00, bytes([control & ~STOPPED & 0xFF]))]
    if isinstance(chip, Rv3028):
        return [block, (0x0E, bytes([chip.file[0x0E] & ~PORF & 0xFF]))]
    if isinstance(chip, Rv8803):
        control = chip.file[CONTROL]
        held, free = bytes([control | RESET]), bytes([control & ~RESET & 0xFF])
        return [(CONTROL, held), block, (CONTROL, free), (FLAG, bytes([chip.file[FLAG] & 0xFC]))]
    return [block]


class KernelDoor:
    """`bus` and `chip` as wired; the address is held from now on.

    `broken_reads`: the driver of 2024 for the PCF8523 that looked for the oscillator's flag in the wrong register: with the bigger
    load capacitor selected, each read puts that register's content into the seconds and moves the clock by up to a minute (F-R17).
    """

    def __init__(self, bus: FakeI2cBus, chip: Chip, *, broken_reads: bool = False) -> None:
        self.bus, self.chip, self.broken_reads = bus, chip, broken_reads
        bus.hold(chip.address)

    def _read(self, register: int, length: int) -> list[int]:
        return self._tried(lambda: self.bus.read_i2c_block_data(self.chip.address, register, length, force=True))

    def _write(self, register: int, body: bytes) -> None:
        self._tried(lambda: self.bus.write_i2c_block_data(self.chip.address, register, body, force=True))

    def _tried(self, transfer: Callable[[], _T]) -> _T:
        """rtc-rv8803 tries four times, since its chip is deaf once a second; the others once."""
        for _ in range(TRIES - 1 if isinstance(self.chip, Rv8803) else 0):
            try:
                return transfer()
            except OSError:
                pass
        return transfer()

    def read_time(self) -> UtcTime:
        """RTC_RD_TIME. EINVAL when the chip says that its time is lost, or holds no time."""
        chip, where = self.chip, self.chip.layout
        if self.broken_reads and isinstance(chip, Pcf8523):
            control = self._read(0x00, 1)[0]
            if control & 0x80:
                self._write(0x03, bytes([control & 0x7F]))
        copy = bytearray(chip.file)
        copy[where.second : where.second + 7] = bytes(self._read(where.second, 7))
        shown = where.shows(copy)
        lost = isinstance(chip, Ds1307) and bool(copy[where.second] & CH)
        if shown is None or lost or not chip.truth.trusted:
            raise _refused(errno.EINVAL)
        return shown

    def set_time(self, utc: UtcTime) -> None:
        """RTC_SET_TIME."""
        for register, body in writes_of(self.chip, utc):
            self._write(register, body)

    @property
    def offset_ppb(self) -> int:
        """sysfs' `offset`; EOPNOTSUPP where the driver has none (the file is then not there)."""
        chip = self.chip
        if isinstance(chip, Rv3028):
            steps = (((self._read(OFFSET, 1)[0] << 1) ^ 0x100) - 0x100) + (self._read(BACKUP, 1)[0] >> 7)
            return round(steps * _RV3028_STEP_PPT / 1000)
        if isinstance(chip, Nxp) and chip.offset is not None:
            raw = self._read(chip.offset, 1)[0]
            return (((raw & 0x7F) ^ 0x40) - 0x40) * (4069 if raw & 0x80 else 4340)
        raise _refused(errno.EOPNOTSUPP)

    @offset_ppb.setter
    def offset_ppb(self, ppb: int) -> None:
        chip = self.chip
        if isinstance(chip, Rv3028):
            steps = round(max(-244_141, min(243_187, ppb)) * 1000 / _RV3028_STEP_PPT)
            self._write(OFFSET, bytes([steps >> 1 & 0xFF]))
            self._write(BACKUP, bytes([self._read(BACKUP, 1)[0] & 0x7F | (steps & 1) << 7]))
        elif isinstance(chip, Nxp) and chip.offset is not None:
            by_mode = [max(-64, min(63, round(ppb / step))) for step in (4340, 4069)]
            slow = abs(by_mode[0] * 4340 - ppb) < abs(by_mode[1] * 4069 - ppb)
            self._write(chip.offset, bytes([by_mode[0] & 0x7F if slow else by_mode[1] & 0x7F | 0x80]))
        else:
            raise _refused(errno.EOPNOTSUPP)

    @property
    def temperature_mc(self) -> int:
        """hwmon's temp1_input, thousandths of a degree; EOPNOTSUPP for chips without a sensor."""
        if not isinstance(self.chip, Ds3231):
            raise _refused(errno.EOPNOTSUPP)
        high, low = self._read(0x11, 2)
        return ((high << 8 | low) ^ 0x8000) // 64 * 250 - 0x8000 // 64 * 250

    def probe(self, *, clears_flag: bool = True) -> None:
        """What loading the driver does: before 2025 rtc-ds1307 cleared a DS3231's OSF, so that bad time looked good afterwards."""
        if isinstance(self.chip, Ds3231) and clears_flag and self._read(STATUS, 1)[0] & OSF:
            self._write(STATUS, bytes([self._read(STATUS, 1)[0] & ~OSF & 0xFF]))
        elif isinstance(self.chip, Mcp7940n):
            self._write(WEEKDAY, bytes([self._read(WEEKDAY, 1)[0] | VBATEN]))


class ElevenMinutes:
    """The kernel copies the system clock to the RTC every eleven minutes while it counts as synchronised (F-R13).

    `system(true_ns)`: what the system clock shows (Unix ns) at a true instant; `synchronised()`: STA_UNSYNC is clear. The write
    is meant to make the chip's second start with the system's, and misses by up to `jitter_ns` either way.  `wrote` are the
    true instants of what was written.
    """

    def __init__(
        self,
        chip: Chip,
        system: Callable[[int], int],
        *,
        synchronised: Callable[[], bool] = lambda: True,
        first_ns: int = 60 * NS,
        every_s: float = ELEVEN_MINUTES_S,
        jitter_ns: int = 5_000_000,
        baud: int = 100_000,
        seed: int = 0,
    ) -> None:
        self._chip, self._system, self._synchronised = chip, system, synchronised
        self._every, self._jitter, self._byte_ns = round(every_s * NS), jitter_ns, 9 * NS // baud
        self._draw = stream(seed, "kernel/rtc")
        self.wrote: list[int] = []
        chip.plan(first_ns, lambda: self._due(first_ns), wire=True)

    def _due(self, at: int) -> None:
        self._chip.plan(at + self._every, lambda: self._due(at + self._every), wire=True)
        if self._synchronised():
            into = self._system(at) % NS
            start = at + NS - into + round(self._draw.uniform(-self._jitter, self._jitter))
            self._chip.plan(start, lambda: self._set(start), wire=True)

    def _set(self, at: int) -> None:
        chip = self._chip
        second = UtcTime.from_unix((self._system(at) + NS // 2) // NS * NS)
        for register, body in writes_of(chip, second):
            if not any(chip.begin(at + n * self._byte_ns, False) for n in range(TRIES)):
                return
            for value in (register, *body):
                at += self._byte_ns
                chip.take(at, value)
            chip.end(at)
        self.wrote.append(at)

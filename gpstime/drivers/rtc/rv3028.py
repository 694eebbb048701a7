"""RV-3028: a calibrated crystal; its offset and its battery switch live in an EEPROM with a copy in RAM that acts.

Application manual: Micro Crystal RV-3028-C7. The time registers stand still while they are accessed. Writing the seconds resets the
divider. A change of the EEPROM: automatic refresh off (EERD), wait for EEbusy, change the copy in RAM, command 0x00 and then 0x11
(write all), wait, refresh on again. See firmware_notes/rtc/rv3028.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.bus_chip import BusChip
from gpstime.drivers.rtc.calendar import Layout, decode
from gpstime.drivers.rtc.told import Decoded, Registers, RtcStatus, signed
from gpstime.drivers.rtc.wire import Written
from gpstime.errors import RtcRefused
from gpstime.times import NS

SECONDS, STATUS, CONTROL_1, CONTROL_2, EE_COMMAND, ID = 0x00, 0x0E, 0x0F, 0x10, 0x27, 0x28
CLKOUT, OFFSET, BACKUP = 0x35, 0x36, 0x37
PORF, BSF, EEBUSY = 0x01, 0x20, 0x80
EERD, TWELVE = 0x08, 0x02
UPDATE, REFRESH = 0x11, 0x12
CLKOE, FD, FD_1HZ = 0x80, 0x07, 0x05
OFFSET_LOW, BSM, TCE = 0x80, 0x0C, 0x20
_RATES = ("32.768 kHz", "8.192 kHz", "1.024 kHz", "64 Hz", "32 Hz", "1 Hz", "its timer", "off")
_BACKUP = ("off", "direct", "off", "level")
BUSY_S, POLL_S = 1.0, 0.01
"""Writing the EEPROM takes 63 ms, reading it 3.5 ms; after power-up it is busy for 66 ms."""

_SPEC = TrimSpec(
    lo=-256,
    hi=255,
    ppm_per_step=0.9537,
    positive="faster",
    acts="continuous",  # a clock (30.5 us) more or less in 32 s for each step: how they are spread is not known here
    cycle_s=1,
    settles_s=32,
    source="RV-3028-C7 application manual, EEPROM Offset: 1/(32768 x 32) a step; a positive value makes it faster",
)


class Rv3028(BusChip):
    family: ClassVar[str] = "rv3028"
    default_address: ClassVar[int] = 0x52
    layout: ClassVar[Layout] = Layout(SECONDS, weekday=lambda day: day)
    block: ClassVar[tuple[int, int]] = (SECONDS, 17)

    @property
    def trim_spec(self) -> TrimSpec:
        return _SPEC

    def decode(self, registers: Registers) -> Decoded:
        utc = decode(self.layout, registers, twelve=bool(registers[CONTROL_2] & TWELVE))
        if isinstance(utc, str):
            return Decoded(None, f"it holds no time: {utc}")
        doubt = "its power was lost since it was set (PORF)" if registers[STATUS] & PORF else ""
        return Decoded(utc, doubt)

    def describe(self, registers: Registers) -> RtcStatus:
        told = self.decode(registers)
        backup = _BACKUP[(registers[BACKUP] & BSM) >> 2]
        notes = []
        if backup == "off":
            notes.append(
                "its battery switch-over is off, as it comes from the factory: it forgets the time with the mains "
                "(BSM in register 0x37; dtoverlay=i2c-rtc,rv3028,backup-switchover-mode=3 switches it on)."
            )
        if registers[STATUS] & BSF:
            notes.append("it has run from its battery (BSF).")
        clkout = registers[CLKOUT]
        return RtcStatus(
            self.name,
            self.address,
            told.utc,
            told.doubt,
            power_lost=bool(registers[STATUS] & PORF),
            backup=backup,
            trim=_offset(registers[OFFSET], registers[BACKUP]),
            square_wave=_RATES[clkout & FD] if clkout & CLKOE else "off",
            notes=tuple(notes),
            registers=registers,
        )

    def _all_registers(self) -> Registers:
        return self._settled().registers | self.wire.read(CLKOUT, 3).registers

    def read_trim(self) -> int:
        got = self.wire.read(OFFSET, 2)
        return _offset(got[OFFSET], got[BACKUP])

    def write_trim(self, value: int) -> None:
        """In the EEPROM too: what is read back afterwards was fetched from there."""
        self._check_trim(value)
        with self._eeprom():
            backup = self.wire.read_byte(BACKUP)[BACKUP]
            self.wire.write(OFFSET, [(value >> 1) & 0xFF, backup & ~OFFSET_LOW | (value & 1) << 7])
        self._check_trim_taken(value)

    def square_wave(self, on: bool) -> None:
        """In the EEPROM too, as its copy in RAM is fetched from there once a day."""
        with self._eeprom():
            self._update(CLKOUT, FD if on else CLKOE, CLKOE | FD_1HZ if on else 0)

    @contextmanager
    def _eeprom(self) -> Iterator[None]:
        """Changes of the copy in RAM that are made inside go to the EEPROM, and are fetched back from it."""
        control = self.wire.read_byte(CONTROL_1)[CONTROL_1]
        self._update(CONTROL_1, 0, EERD)
        try:
            self._wait("its EEPROM is busy; nothing was written")
            yield
            for command in (UPDATE, REFRESH):
                self.wire.write(EE_COMMAND, [0])
                self.wire.write(EE_COMMAND, [command])
                self._wait("its EEPROM stays busy; what it holds is not known")
        finally:
            self.wire.write(CONTROL_1, [control])

    def _wait(self, otherwise: str) -> None:
        end = self.wire.time.now() + round(BUSY_S * NS)
        while self.wire.read_byte(STATUS)[STATUS] & EEBUSY:
            if self.wire.time.now() >= end:
                raise RtcRefused(f"{self.wire.where}: {otherwise}.")
            self.wire.time.sleep(POLL_S)

    def _write_fields(self, fields: list[int]) -> Written:
        self._update(CONTROL_2, TWELVE, 0)
        return super()._write_fields(fields)

    def _clear_power_lost(self) -> None:
        self._update(STATUS, PORF, 0)


def _offset(high: int, low: int) -> int:
    """Nine bits, the lowest of them in the register of the battery switch."""
    return signed(high << 1 | low >> 7, 9)

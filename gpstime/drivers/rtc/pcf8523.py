"""PCF8523: an offset register in two modes, a flag for a stopped oscillator, and a battery switch that is off after reset.

Datasheet: NXP PCF8523 Rev. 6, 8.6 (time registers, OS flag, pages 20 to 24) and 8.8 (offset register, page 28). The time registers
stand still while they are accessed; a second that falls into an access is made up for. Only STOP resets the divider: its first
second ends 0.499878 s to 0.5 s after STOP is released (RV-8523, page 42, which is the same design). See
firmware_notes/rtc/pcf8523.md.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.bus_chip import StoppableChip
from gpstime.drivers.rtc.calendar import Layout, decode
from gpstime.drivers.rtc.told import Decoded, Registers, RtcStatus, signed
from gpstime.drivers.rtc.wire import Written

CONTROL_1, CONTROL_3, SECONDS, OFFSET, CLKOUT = 0x00, 0x02, 0x03, 0x0E, 0x0F
STOP, TWELVE = 0x20, 0x08
PM, BLF = 0xE0, 0x04
OS = 0x80
MODE = 0x80
COF, COF_1HZ = 0x38, 0x30
_RATES = ("32.768 kHz", "16.384 kHz", "8.192 kHz", "4.096 kHz", "1.024 kHz", "32 Hz", "1 Hz", "off")
_BACKUP = ("standard", "direct", "off", "off", "standard", "direct", "off", "off")
"""By the three bits of PM; the first four watch the battery's voltage too."""
_SOURCE = "PCF8523 datasheet Rev. 6, table 29: offset values in period time, so that a positive one slows it"


def offset_spec(mode: int, minutes: tuple[int, int], source: str) -> TrimSpec:
    """The offset register of NXP's clocks: mode 0 corrects every `minutes[0]` by 1/32 s a step, mode 1 every `minutes[1]`."""
    ppm = 4.069 if mode else 4.34
    cycle_s = 60.0 * minutes[1 if mode else 0]
    return TrimSpec(-64, 63, ppm, "slower", "pulses", cycle_s, cycle_s, source)


class OffsetChip(StoppableChip):
    """What NXP's clocks with an offset register share: its trim, and the bits that must be clear before the time is written."""

    offset_register: ClassVar[int]
    offset_minutes: ClassVar[tuple[int, int]]
    offset_source: ClassVar[str]
    cleared_by_set: ClassVar[tuple[int, int]]

    @property
    def trim_spec(self) -> TrimSpec:
        register = self.offset_register
        return offset_spec(self.wire.read_byte(register)[register] & MODE, self.offset_minutes, self.offset_source)

    def read_trim(self) -> int:
        return signed(self.wire.read_byte(self.offset_register)[self.offset_register], 7)

    def write_trim(self, value: int) -> None:
        """In the mode that is set (see `trim_spec`)."""
        self._check_trim(value)
        self._update(self.offset_register, 0x7F, value & 0x7F)
        self._check_trim_taken(value)

    def _write_fields(self, fields: list[int]) -> Written:
        register, bits = self.cleared_by_set
        self._update(register, bits, 0)
        return super()._write_fields(fields)


class Pcf8523(OffsetChip):
    family: ClassVar[str] = "pcf8523"
    default_address: ClassVar[int] = 0x68
    layout: ClassVar[Layout] = Layout(SECONDS, date_first=True, weekday=lambda day: day)
    block: ClassVar[tuple[int, int]] = (CONTROL_1, 16)
    stop_bit: ClassVar[tuple[int, int]] = (CONTROL_1, STOP)
    first_tick_s: ClassVar[float] = 0.499939
    cleared_by_set: ClassVar[tuple[int, int]] = (CONTROL_1, TWELVE)
    offset_register: ClassVar[int] = OFFSET
    offset_source: ClassVar[str] = _SOURCE
    offset_minutes: ClassVar[tuple[int, int]] = (120, 1)

    def decode(self, registers: Registers) -> Decoded:
        utc = decode(self.layout, registers, twelve=bool(registers[CONTROL_1] & TWELVE))
        aging = signed(registers[OFFSET], 7)
        if isinstance(utc, str):
            return Decoded(None, f"it holds no time: {utc}", None, aging)
        doubt = ""
        if registers[SECONDS] & OS:
            doubt = "its oscillator has stopped since it was set (OS)"
        elif registers[CONTROL_1] & STOP:
            doubt = "it is held (STOP)"
        return Decoded(utc, doubt, None, aging)

    def describe(self, registers: Registers) -> RtcStatus:
        told = self.decode(registers)
        pm = (registers[CONTROL_3] & PM) >> 5
        backup = _BACKUP[pm]
        notes = []
        if backup == "off":
            notes.append(
                "its battery switch-over is off, as after each reset: it forgets the time with the mains (PM in register 0x02; "
                "dtoverlay=i2c-rtc,pcf8523 switches it on)."
            )
        return RtcStatus(
            self.name,
            self.address,
            told.utc,
            told.doubt,
            power_lost=bool(registers[SECONDS] & OS),
            oscillator_enabled=not registers[CONTROL_1] & STOP,
            backup=backup,
            battery_low=bool(registers[CONTROL_3] & BLF) if pm < 4 else None,
            trim=told.aging,
            square_wave=_RATES[(registers[CLKOUT] & COF) >> 3],
            notes=tuple(notes),
            registers=registers,
        )

    def square_wave(self, on: bool) -> None:
        self._update(CLKOUT, COF, COF_1HZ if on else COF)

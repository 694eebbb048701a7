"""RV-8803: temperature-compensated, with hundredths; its registers run on while they are read.

Application manual: Micro Crystal RV-8803-C7, 3.9 (offset) and 4.12.2 (reading). The hundredths stand after the flags, at 0x10, so
that they come last in a transfer and say when it was. RESET holds the divider below a second at zero. At times the chip does not
acknowledge for 61 us: such a transfer is repeated. See firmware_notes/rtc/rv8803.md.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.bus_chip import StoppableChip
from gpstime.drivers.rtc.calendar import Layout, decode, from_bcd
from gpstime.drivers.rtc.told import Decoded, Registers, RtcStatus, signed
from gpstime.drivers.rtc.wire import Transfer
from gpstime.times import UtcTime

SECONDS, EXTENSION, FLAGS, CONTROL, HUNDREDTHS, OFFSET = 0x00, 0x0D, 0x0E, 0x0F, 0x10, 0x2C
V1F, V2F = 0x01, 0x02
RESET = 0x01
FD, FD_1HZ = 0x0C, 0x08
HUNDREDTH_NS = 10_000_000
_RATES = ("32.768 kHz", "1.024 kHz", "1 Hz", "32.768 kHz")
JUST_BEGUN = 3
"""Hundredths: at 10 kHz, the slowest bus, the seconds are read 15 ms before them."""

_SPEC = TrimSpec(
    lo=-32,
    hi=31,
    ppm_per_step=0.2384,
    positive="slower",
    acts="continuous",  # a clock (30.5 us) more or less in 128 s for each step is less than an edge search sees
    cycle_s=1,
    settles_s=128,
    source="RV-8803-C7 application manual, 3.9 Offset: 1/(32768 x 128) a step; a positive value slows it",
)


class Rv8803(StoppableChip):
    family: ClassVar[str] = "rv8803"
    default_address: ClassVar[int] = 0x32
    layout: ClassVar[Layout] = Layout(SECONDS, weekday=lambda day: 1 << day)
    block: ClassVar[tuple[int, int]] = (SECONDS, 17)
    stop_bit: ClassVar[tuple[int, int]] = (CONTROL, RESET)
    resolution_ns: ClassVar[int] = HUNDREDTH_NS

    @property
    def trim_spec(self) -> TrimSpec:
        return _SPEC

    def decode(self, registers: Registers) -> Decoded:
        utc = decode(self.layout, registers)
        hundredths = from_bcd(registers[HUNDREDTHS])
        if isinstance(utc, str) or hundredths is None:
            wrong = utc if isinstance(utc, str) else f"no such hundredth (0x{registers[HUNDREDTHS]:02X})"
            return Decoded(None, f"it holds no time: {wrong}")
        doubt = ""
        if registers[FLAGS] & V2F:
            doubt = "its voltage was too low since it was set (V2F)"
        elif registers[CONTROL] & RESET:
            doubt = "it is held (RESET)"
        return Decoded(UtcTime(utc.day, utc.ns_of_day + hundredths * HUNDREDTH_NS), doubt)

    def describe(self, registers: Registers) -> RtcStatus:
        told = self.decode(registers)
        notes = ["its temperature compensation has stood still (V1F): what it gained meanwhile is not known."]
        return RtcStatus(
            self.name,
            self.address,
            told.utc,
            told.doubt,
            power_lost=bool(registers[FLAGS] & V2F),
            oscillator_enabled=not registers[CONTROL] & RESET,
            trim=signed(registers[OFFSET], 6),
            square_wave=_RATES[(registers[EXTENSION] & FD) >> 2],
            notes=tuple(notes) if registers[FLAGS] & V1F else (),
            registers=registers,
        )

    def _block(self) -> Transfer:
        return self.wire.read(*self.block, last=True)

    def _may_be_torn(self, got: Transfer) -> bool:
        """A minute's end may have come between two bytes, or a second's end between the seconds and the hundredths."""
        return super()._may_be_torn(got) or got[HUNDREDTHS] < JUST_BEGUN

    def _all_registers(self) -> Registers:
        return self._settled().registers | self.wire.read_byte(OFFSET).registers

    def read_trim(self) -> int:
        return signed(self.wire.read_byte(OFFSET)[OFFSET], 6)

    def write_trim(self, value: int) -> None:
        self._check_trim(value)
        self._update(OFFSET, 0x3F, value & 0x3F)
        self._check_trim_taken(value)

    def square_wave(self, on: bool) -> None:
        """Whether anything comes out is the pin CLKOE's business; off is the rate that it has after reset, 32.768 kHz."""
        self._update(EXTENSION, FD, FD_1HZ if on else 0)

    def _clear_power_lost(self) -> None:
        self._update(FLAGS, V1F | V2F, 0)

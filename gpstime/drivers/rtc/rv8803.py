"""RV-8803: temperature-compensated, with hundredths; its registers run on while they are read.

Application manual: Micro Crystal RV-8803-C7, 3.9 (offset) and 4.12.2 (reading). Registers 0x11 to 0x17 are 0x00 to 0x06 again,
after the hundredths at 0x10, and 0x1D to 0x1F are 0x0D to 0x0F. RESET holds the divider below a second at zero. At times it does
not acknowledge for 61 us: such a transfer is repeated. See firmware_notes/rtc/rv8803.md.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.calendar import Layout, decode, from_bcd
from gpstime.drivers.rtc.chip import StoppableChip
from gpstime.drivers.rtc.told import Decoded, Registers, RtcStatus, signed
from gpstime.drivers.rtc.wire import Transfer
from gpstime.times import UtcTime

SECONDS, EXTENSION, FLAGS, CONTROL, OFFSET = 0x00, 0x0D, 0x0E, 0x0F, 0x2C
HUNDREDTHS, AGAIN = 0x10, 0x11
"""From AGAIN on stand SECONDS to CONTROL again, so that one transfer brings the hundredths first and everything after them."""
V1F, V2F = 0x01, 0x02
RESET = 0x01
FD, FD_1HZ = 0x0C, 0x08
HUNDREDTH_NS = 10_000_000
_RATES = ("32.768 kHz", "1.024 kHz", "1 Hz", "32.768 kHz")
_DATE = range(AGAIN, AGAIN + 7)

_SPEC = TrimSpec(
    lo=-32,
    hi=31,
    ppm_per_step=0.2384,
    positive="slower",
    acts="pulses",
    cycle_s=128,
    settles_s=128,
    source="RV-8803-C7 application manual, 3.9 Offset: 1/(32768 x 128) a step; a positive value slows it",
)


class Rv8803(StoppableChip):
    family: ClassVar[str] = "rv8803"
    default_address: ClassVar[int] = 0x32
    layout: ClassVar[Layout] = Layout(SECONDS, weekday=lambda day: 1 << day)
    block: ClassVar[tuple[int, int]] = (HUNDREDTHS, 16)
    stop_bit: ClassVar[tuple[int, int]] = (CONTROL, RESET)
    resolution_ns: ClassVar[int] = HUNDREDTH_NS

    @property
    def trim_spec(self) -> TrimSpec:
        return _SPEC

    def decode(self, registers: Registers) -> Decoded:
        registers = _plain(registers)
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
        told, registers = self.decode(registers), _plain(registers)
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

    def _untorn(self) -> Transfer:
        """Read again at the end of a minute or a second; where the date still stands, no carry went through the earlier reading."""
        got = self.wire.read(*self.block)
        for _ in range(3):
            if got[HUNDREDTHS] != 0x99 and got[AGAIN] & 0x7F != 0x59:
                break
            again = self.wire.read(*self.block)
            if all(again[register] == got[register] for register in _DATE):
                break
            got = again
        return got

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


def _plain(registers: Registers) -> Registers:
    """The same by the numbers of the plain map."""
    return {HUNDREDTHS: registers[HUNDREDTHS]} | {(r - AGAIN if r in range(AGAIN, 0x20) else r): v for r, v in registers.items()}

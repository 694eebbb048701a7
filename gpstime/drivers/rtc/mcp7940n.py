"""MCP7940N (and MCP79410/11/12, which have the same registers): a plain crystal with a digital trim of sign and size.

Datasheet: Microchip DS20005010F, 5.3 Timekeeping (page 15) and 5.6 Digital Trimming (page 29). Reads are buffered. The oscillator
runs while ST is set; to load a time it is stopped until OSCRUN is clear. There is no flag for a lost clock: without power ST is
cleared. PWRFAIL says that the mains went away while the battery was enabled (VBATEN), which does no harm. See
firmware_notes/rtc/mcp7940n.md.
"""

from __future__ import annotations

from typing import ClassVar

from gpstime.core.trim import TrimSpec
from gpstime.drivers.rtc.bus_chip import BusChip
from gpstime.drivers.rtc.calendar import Layout, decode
from gpstime.drivers.rtc.told import Decoded, Registers, RtcStatus
from gpstime.drivers.rtc.wire import Written
from gpstime.errors import RtcRefused
from gpstime.times import NS

SECONDS, WEEKDAY, CONTROL, TRIM = 0x00, 0x03, 0x07, 0x08
ST = 0x80
OSCRUN, PWRFAIL, VBATEN = 0x20, 0x10, 0x08
SQWEN, EXTOSC, CRSTRIM, SQWFS = 0x40, 0x08, 0x04, 0x03
SIGN = 0x80
_RATES = ("1 Hz", "4.096 kHz", "8.192 kHz", "32.768 kHz")
STOPS_S, TICKS_S, POLL_S = 1.0, 1.1, 0.002
"""OSCRUN follows ST after about 32 periods of the crystal, a millisecond."""

_SPEC = TrimSpec(
    lo=-127,
    hi=127,
    ppm_per_step=1e6 * 2 / (32768 * 60),
    positive="faster",
    acts="pulses",
    cycle_s=60,
    settles_s=60,
    source="MCP7940N datasheet DS20005010F, 5.6 Digital Trimming: two clocks a minute for each step, added where SIGN is set",
)


class Mcp7940n(BusChip):
    family: ClassVar[str] = "mcp7940n"
    default_address: ClassVar[int] = 0x6F
    layout: ClassVar[Layout] = Layout(SECONDS, mode_in_hours=True)
    block: ClassVar[tuple[int, int]] = (SECONDS, 9)
    divider_resets: ClassVar[bool] = False
    _stood = False
    """Whether it stood before it was stopped for a set."""

    @property
    def trim_spec(self) -> TrimSpec:
        return _SPEC

    def decode(self, registers: Registers) -> Decoded:
        utc = decode(self.layout, registers)
        aging = _signed(registers[TRIM])
        if isinstance(utc, str):
            return Decoded(None, f"it holds no time: {utc}", None, aging)
        return Decoded(utc, _standing(registers), None, aging)

    def describe(self, registers: Registers) -> RtcStatus:
        told = self.decode(registers)
        control, weekday = registers[CONTROL], registers[WEEKDAY]
        notes = []
        if not weekday & VBATEN:
            notes.append("its battery is not enabled (VBATEN): it forgets the time with the mains.")
        if weekday & PWRFAIL:
            notes.append("the mains went away since it was set, and it went on from its battery (PWRFAIL).")
        if control & CRSTRIM:
            notes.append("coarse trim is on (CRSTRIM), 128 times a second: it is meant for a calibration bench only.")
        return RtcStatus(
            self.name,
            self.address,
            told.utc,
            told.doubt,
            power_lost=bool(_standing(registers)),
            oscillator_enabled=bool(registers[SECONDS] & ST or control & EXTOSC),
            backup="on" if weekday & VBATEN else "off",
            trim=told.aging,
            square_wave=_RATES[control & SQWFS] if control & SQWEN else "off",
            notes=tuple(notes),
            registers=registers,
        )

    def read_trim(self) -> int:
        return _signed(self.wire.read_byte(TRIM)[TRIM])

    def write_trim(self, value: int) -> None:
        """Positive adds clocks: faster. Coarse trim, if somebody left it on, goes off."""
        self._check_trim(value)
        self._update(CONTROL, CRSTRIM, 0)
        self.wire.write(TRIM, [value | SIGN if value > 0 else -value])
        self._check_trim_taken(value)

    def square_wave(self, on: bool) -> None:
        self._update(CONTROL, SQWFS if on else SQWEN, SQWEN if on else 0)

    def stop(self) -> None:
        """Stop the oscillator, as the datasheet wants it for loading a time: just after a tick, which takes up to a second.

        What the divider does meanwhile is not said. If it is not reset, it stands a millisecond after its start.
        """
        self._stood = not self.wire.read_byte(SECONDS)[SECONDS] & ST
        self._wait_for_tick()
        self._update(SECONDS, ST, 0)
        self._stopped = True
        end = self.wire.time.now() + round(STOPS_S * NS)
        while self.wire.read_byte(WEEKDAY)[WEEKDAY] & OSCRUN:
            if self.wire.time.now() >= end:
                self.release()
                raise RtcRefused(
                    f"{self.wire.where}: its oscillator does not stop (OSCRUN): is it fed by an external clock (EXTOSC)?"
                )
            self.wire.time.sleep(POLL_S)

    def _wait_for_tick(self) -> None:
        """Until the seconds change; a clock that stands is not waited for."""
        if not self.wire.read_byte(WEEKDAY)[WEEKDAY] & OSCRUN:
            return
        first = self.wire.read_byte(SECONDS)[SECONDS]
        end = self.wire.time.now() + round(TICKS_S * NS)
        while self.wire.read_byte(SECONDS)[SECONDS] == first and self.wire.time.now() < end:
            self.wire.time.sleep(POLL_S / 10)

    def release(self) -> Written:
        seconds = self.wire.read_byte(SECONDS)[SECONDS]
        written = self.wire.write(SECONDS, [seconds | ST])
        self._stopped = False
        return written

    def _give_up(self) -> None:
        """One that stood before stays so: that it runs is all that says that it was set."""
        if self._stood:
            self._stopped = False
        else:
            super()._give_up()

    def _distrust(self) -> None:
        if self._stood:
            self._update(SECONDS, ST, 0)

    def _check_trusted(self) -> None:
        """Nothing to look for: it has no such flag, and OSCRUN comes a little later."""

    def _write_fields(self, fields: list[int]) -> Written:
        """Without ST, which `release` sets; the weekday's register keeps its flags until the time was seen to be taken."""
        keep = self.wire.read_byte(WEEKDAY)[WEEKDAY] & (VBATEN | PWRFAIL)
        return super()._write_fields([*fields[:3], fields[3] | keep, *fields[4:]])

    def _clear_power_lost(self) -> None:
        """The next power failure is logged only once this one is forgotten."""
        self._update(WEEKDAY, PWRFAIL, 0)


def _standing(registers: Registers) -> str:
    """Why it does not run; "" if it does."""
    if not registers[SECONDS] & ST and not registers[CONTROL] & EXTOSC:
        return "its oscillator is stopped (ST), as after a loss of power"
    return "" if registers[WEEKDAY] & OSCRUN else "its oscillator does not run (OSCRUN)"


def _signed(raw: int) -> int:
    """Sign and size; the sign bit adds clocks."""
    return raw & 0x7F if raw & SIGN else -(raw & 0x7F)

"""Seven registers of binary-coded decimals and the time that they say: the same digits in every chip, in two orders (P16).

Two-digit years are 2000 to 2099, whatever a century bit says: some kernels set it for the years after 2000, others for those after
2100, and the makers don't say which of its values is which century.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from gpstime.errors import UsageError
from gpstime.times import DAY_S, NS, UtcTime

FIRST_YEAR, LAST_YEAR = 2000, 2099
_EPOCH = datetime.date(1970, 1, 1)
_FIRST_DAY = (datetime.date(FIRST_YEAR, 1, 1) - _EPOCH).days
_LAST_DAY = (datetime.date(LAST_YEAR, 12, 31) - _EPOCH).days


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the time stands: seconds, minutes, hours from register `seconds` on, then day and weekday, month and year.

    `date_first`: the day of the month comes before the weekday.  `weekday` encodes one (0 is Sunday).  `mode_in_hours`: bit 6 of
    the hours says that they run from 1 to 12; elsewhere a bit of a control register does, or there is no such mode.
    """

    seconds: int
    date_first: bool = False
    weekday: Callable[[int], int] = lambda day: day + 1
    mode_in_hours: bool = False


def from_bcd(byte: int) -> int | None:
    """Its value, None where a digit is above 9."""
    tens, ones = byte >> 4, byte & 0x0F
    return 10 * tens + ones if tens <= 9 and ones <= 9 else None


def to_bcd(value: int) -> int:
    assert 0 <= value <= 99, value
    return value // 10 << 4 | value % 10


def second_of(byte: int) -> int | None:
    """The second of the minute in a seconds register, whose top bit is a flag in most chips; None where it is none."""
    second = from_bcd(byte & 0x7F)
    return second if second is not None and second < 60 else None


def decode(layout: Layout, registers: dict[int, int], *, twelve: bool = False) -> UtcTime | str:
    """The time of seven registers, or why they hold none. `twelve`: a control register says that the hours run from 1 to 12."""
    raw = [registers[layout.seconds + i] for i in range(7)]
    raw_day = raw[3] if layout.date_first else raw[4]
    hours = raw[2]
    twelve = bool(hours & 0x40) if layout.mode_in_hours else twelve
    fields = (
        ("second", second_of(raw[0]), 0, 59),
        ("minute", from_bcd(raw[1] & 0x7F), 0, 59),
        ("hour", from_bcd(hours & (0x1F if twelve else 0x3F)), 1 if twelve else 0, 12 if twelve else 23),
        ("day", from_bcd(raw_day & 0x3F), 1, 31),
        ("month", from_bcd(raw[5] & 0x1F), 1, 12),
        ("year", from_bcd(raw[6]), 0, 99),
    )
    values = []
    for place, (name, value, least, most) in zip((0, 1, 2, 3 if layout.date_first else 4, 5, 6), fields, strict=True):
        if value is None or not least <= value <= most:
            return f"no such {name} (0x{raw[place]:02X})"
        values.append(value)
    second, minute, hour, day, month, year = values
    if twelve:
        hour = hour % 12 + (12 if hours & 0x20 else 0)
    try:
        return UtcTime.civil(FIRST_YEAR + year, month, day, hour, minute, second)
    except ValueError:
        return f"no such day ({FIRST_YEAR + year}-{month:02}-{day:02})"


def encode(layout: Layout, second: UtcTime) -> list[int]:
    """The seven registers for the start of a second, 24 hours, flags zero; UsageError for what no such chip can show."""
    whole, rest = divmod(second.ns_of_day, NS)
    if rest:
        raise UsageError(f"{second.iso(9)}: an RTC is set to a whole second, at its start")
    if whole >= DAY_S:
        raise UsageError(f"{second.iso()}: an RTC has no second 60; set it a second later")
    if not _FIRST_DAY <= second.day <= _LAST_DAY:
        raise UsageError(f"{second.iso()}: an RTC shows the years {FIRST_YEAR} to {LAST_YEAR} only")
    date = _EPOCH + datetime.timedelta(days=second.day)
    weekday, day = layout.weekday(date.isoweekday() % 7), to_bcd(date.day)
    days = [day, weekday] if layout.date_first else [weekday, day]
    clock = [to_bcd(whole % 60), to_bcd(whole // 60 % 60), to_bcd(whole // 3600)]
    return [*clock, *days, to_bcd(date.month), to_bcd(date.year - FIRST_YEAR)]

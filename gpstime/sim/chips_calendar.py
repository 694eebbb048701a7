"""The counters of an RTC: time and date in its registers, counted on as the chip counts them.

The registers are the truth.  Where they hold a legal time they are counted on in one go; where they don't (75 seconds, month 0),
the makers say "undefined", and this is an odometer of decimal digits in each field that carries when it passes its highest value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gpstime.times import DAY_S, UtcTime

_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CENTURY_DAYS = 36_525
"""All RTCs here know one rule only: a year divisible by four has a 29 February, the 00 as well."""


def bcd(n: int) -> int:
    return n // 10 << 4 | n % 10


def from_bcd(raw: int) -> int | None:
    """None for what is no BCD."""
    tens, ones = raw >> 4, raw & 15
    return tens * 10 + ones if tens < 10 and ones < 10 else None


def month_length(year: int, month: int) -> int:
    return 29 if month == 2 and year % 4 == 0 else _LENGTHS[month - 1]


def day_number(year: int, month: int, day: int) -> int:
    """Days since 1 January of the year 00 of the two-digit calendar."""
    return year * 365 + (year + 3) // 4 + sum(month_length(year, m) for m in range(1, month)) + day - 1


def date_of(number: int) -> tuple[int, int, int]:
    """(year, month, day) of a day number below a century."""
    cycle, rest = divmod(number, 1461)
    year = 4 * cycle + (0 if rest < 366 else (rest - 1) // 365)
    rest = number - day_number(year, 1, 1)
    month = 1
    while rest >= month_length(year, month):
        rest -= month_length(year, month)
        month += 1
    return year, month, rest + 1


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a chip has its counters. `hours12`: (register, mask) of the bit that, when set, says 12-hour mode; `pm` the PM bit.

    `century`: (register, mask), toggled when year 99 ends. `base`: what the two digits count from, for people.
    `odd_days`: the date after this one, for a chip whose calendar is broken (F-R08); None: goes on as calendars do.
    """

    second: int
    minute: int
    hour: int
    day: int
    weekday: int
    month: int
    year: int
    weekdays: Literal["1-7", "0-6", "one-hot"] = "1-7"
    hours12: tuple[int, int] | None = None
    pm: int = 0x20
    century: tuple[int, int] | None = None
    base: int = 2000
    odd_days: Callable[[int, int, int], tuple[int, int, int] | None] | None = None

    # ---- fields ------------------------------------------------------------------------------------------------------------------

    def _twelve(self, file: bytearray) -> bool:
        return self.hours12 is not None and bool(file[self.hours12[0]] & self.hours12[1])

    def _hour(self, file: bytearray) -> int | None:
        raw = file[self.hour]
        if not self._twelve(file):
            hour = from_bcd(raw & 0x3F)
            return hour if hour is not None and hour < 24 else None
        hour = from_bcd(raw & 0x1F)
        return None if hour is None or not 1 <= hour <= 12 else hour % 12 + (12 if raw & self.pm else 0)

    def second_of_day(self, file: bytearray) -> int | None:
        """None if hours, minutes or seconds are no legal time."""
        second, minute, hour = from_bcd(file[self.second] & 0x7F), from_bcd(file[self.minute] & 0x7F), self._hour(file)
        if second is None or minute is None or hour is None or second > 59 or minute > 59:
            return None
        return hour * 3600 + minute * 60 + second

    def date(self, file: bytearray) -> tuple[int, int, int] | None:
        """(two-digit year, month, day), None if not in the calendar."""
        year, month, day = from_bcd(file[self.year]), from_bcd(file[self.month] & 0x1F), from_bcd(file[self.day] & 0x3F)
        if year is None or month is None or day is None or not 1 <= month <= 12 or not 1 <= day <= month_length(year, month):
            return None
        return year, month, day

    def shows(self, file: bytearray) -> UtcTime | None:
        """The whole second in the registers, taken as UTC of 2000 to 2099; None if it is none."""
        second, date = self.second_of_day(file), self.date(file)
        if second is None or date is None:
            return None
        start = UtcTime.civil(self.base + date[0], date[1], date[2])
        return UtcTime(start.day, second * 1_000_000_000)

    def _put(self, file: bytearray, register: int, mask: int, value: int) -> None:
        file[register] = file[register] & ~mask & 0xFF | value & mask

    def put_time(self, file: bytearray, second_of_day: int) -> None:
        """Into the registers, in the mode that is set; other bits stay."""
        minutes, second = divmod(second_of_day, 60)
        hour, minute = divmod(minutes, 60)
        self._put(file, self.second, 0x7F, bcd(second))
        self._put(file, self.minute, 0x7F, bcd(minute))
        if self._twelve(file):
            self._put(file, self.hour, 0x1F | self.pm, bcd((hour + 11) % 12 + 1) | (self.pm if hour >= 12 else 0))
        else:
            self._put(file, self.hour, 0x3F, bcd(hour))

    def put_date(self, file: bytearray, year: int, month: int, day: int) -> None:
        self._put(file, self.day, 0x3F, bcd(day))
        self._put(file, self.month, 0x1F, bcd(month))
        file[self.year] = bcd(year)

    def put(self, file: bytearray, utc: UtcTime) -> None:
        """A time of 2000 to 2099, with its weekday (Sunday is the first)."""
        number = utc.day - UtcTime.civil(self.base, 1, 1).day
        assert 0 <= number < _CENTURY_DAYS, "two digits for the year"
        self.put_date(file, *date_of(number))
        self.put_time(file, utc.ns_of_day // 1_000_000_000)
        sunday = (utc.day + 4) % 7
        self._put(file, self.weekday, *self._weekday(sunday))

    def _weekday(self, of_week: int) -> tuple[int, int]:
        """(mask, value)"""
        if self.weekdays == "one-hot":
            return 0x7F, 1 << of_week
        return 0x07, of_week + (self.weekdays == "1-7")

    # ---- counting ----------------------------------------------------------------------------------------------------------------

    def advance(self, file: bytearray, seconds: int) -> None:
        """So many seconds later."""
        days = 0
        while seconds and self.second_of_day(file) is None:
            days += self._odometer(file)
            seconds -= 1
        now = self.second_of_day(file)
        if seconds and now is not None:
            more, now = divmod(now + seconds, DAY_S)
            days += more
            self.put_time(file, now)
        for _ in range(days):
            self._next_day(file)

    def _odometer(self, file: bytearray) -> int:
        """One second further in registers that hold no time; 1 if a day has passed."""
        for register in (self.second, self.minute):
            if not self._roll(file, register, 0x7F, 0x59, 0):
                return 0
        if not self._twelve(file):
            return int(self._roll(file, self.hour, 0x3F, 0x23, 0))
        return int(self._roll(file, self.hour, 0x1F, 0x12, 1) and self._flip(file))

    def _flip(self, file: bytearray) -> bool:
        file[self.hour] ^= self.pm
        return not file[self.hour] & self.pm

    def _roll(self, file: bytearray, register: int, mask: int, highest: int, lowest: int) -> bool:
        raw = file[register] & mask
        if raw == highest:
            self._put(file, register, mask, lowest)
            return True
        ones = raw & 15
        self._put(file, register, mask, raw + 1 if ones < 9 else (raw & 0xF0) + 0x10)
        return False

    def _next_day(self, file: bytearray) -> None:
        if self.weekdays == "one-hot":
            raw = file[self.weekday] & 0x7F
            self._put(file, self.weekday, 0x7F, raw << 1 | raw >> 6)
        else:
            low = int(self.weekdays == "1-7")
            raw = file[self.weekday] & 7
            self._put(file, self.weekday, 7, low if raw >= 6 + low else raw + 1)
        date = self.date(file)
        if date is None:
            self._roll_date(file)
            return
        odd = None if self.odd_days is None else self.odd_days(*date)
        number = day_number(*date) + 1
        if odd is None and number == _CENTURY_DAYS:
            self._new_century(file)
        self.put_date(file, *(odd if odd is not None else date_of(number % _CENTURY_DAYS)))

    def _new_century(self, file: bytearray) -> None:
        if self.century is not None:
            file[self.century[0]] ^= self.century[1]

    def _roll_date(self, file: bytearray) -> None:
        year, month = from_bcd(file[self.year]), from_bcd(file[self.month] & 0x1F)
        known = year is not None and month is not None and 1 <= month <= 12
        length = month_length(year or 0, month or 1) if known else 31
        rolled = self._roll(file, self.day, 0x3F, bcd(length), 1)
        if rolled and self._roll(file, self.month, 0x1F, 0x12, 1) and self._roll(file, self.year, 0xFF, 0x99, 0):
            self._new_century(file)

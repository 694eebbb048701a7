"""Instants, time scales and the leap-second table.

Instants are integers of nanoseconds; a float never touches one (float64 resolves 2026 in steps of 238 ns and more).
The `NewType`s cost nothing at run time and are checked by mypy.
"""

from __future__ import annotations

import bisect
import datetime
import enum
from dataclasses import dataclass
from typing import NewType

NS = 1_000_000_000
DAY_S = 86_400

RawNs = NewType("RawNs", int)
"""ns on CLOCK_MONOTONIC_RAW: the crystal itself, never stepped, never slewed; arbitrary zero."""

UnixNs = NewType("UnixNs", int)
"""ns since 1970-01-01 as shown by the clock under test (POSIX: a leap second repeats)."""

TaiNs = NewType("TaiNs", int)
"""ns since 1970-01-01T00:00:00 TAI; the only scale for arithmetic across sources."""

_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True, order=True)
class UtcTime:
    """A UTC time of day as a receiver says it.

    `day` counts days since 1970-01-01; `ns_of_day` runs from 0 to below 86 401 s (23:59:60 is a time like any other).
    """

    day: int
    ns_of_day: int

    @classmethod
    def civil(cls, year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0, ns: int = 0) -> UtcTime:
        """The time with these civil fields; ValueError for a day that is not in the calendar or a field out of range."""
        if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= ns < NS and 0 <= second < 60 + (hour == 23 and minute == 59)):
            raise ValueError(f"no such time of day: {hour:02}:{minute:02}:{second:02}")
        ordinal = datetime.date(year, month, day).toordinal()
        return cls(ordinal - _EPOCH_ORDINAL, (hour * 3600 + minute * 60 + second) * NS + ns)

    @classmethod
    def from_unix(cls, t: UnixNs | int) -> UtcTime:
        """The time that POSIX seconds name (never a leap second: POSIX has no name for one)."""
        day, ns = divmod(int(t), DAY_S * NS)
        return cls(day, ns)

    @classmethod
    def parse(cls, text: str) -> UtcTime:
        """From ISO 8601 with `Z`, with up to nine decimals; 23:59:60 accepted. ValueError for anything else."""
        date, sep, clock = text.strip().partition("T")
        if not sep:
            date, sep, clock = date.partition(" ")
        if not sep or not clock.endswith(("Z", "+00:00")):
            raise ValueError(f"not an ISO 8601 UTC time: {text!r}")
        clock = clock.removesuffix("Z").removesuffix("+00:00")
        whole, _, fraction = clock.partition(".")
        fields = [*date.split("-"), *whole.split(":")]
        if len(fields) == 5:
            fields.append("00")
        digits = "".join(fields) + fraction
        if len(fields) != 6 or len(fraction) > 9 or not (digits.isascii() and digits.isdigit()):
            raise ValueError(f"not an ISO 8601 UTC time: {text!r}")
        y, mo, d, h, mi, s = map(int, fields)
        return cls.civil(y, mo, d, h, mi, s, int(fraction.ljust(9, "0")))

    @property
    def unix(self) -> UnixNs:
        """POSIX ns; during a leap second the same numbers as in the second after it."""
        return UnixNs(self.day * DAY_S * NS + self.ns_of_day)

    def iso(self, digits: int = 0) -> str:
        """ISO 8601 with `Z` and `digits` decimals, cut (never rounded: a cut time is never in the next second)."""
        second, ns = divmod(self.ns_of_day, NS)
        second_of_minute = second % 60 if second < DAY_S else 60 + second - DAY_S
        minute = min(second, DAY_S - 1) // 60
        try:
            date = datetime.date.fromordinal(self.day + _EPOCH_ORDINAL).isoformat()
        except (ValueError, OverflowError):
            date = f"day{self.day:+d}"
        point = f".{ns:09}"[: digits + 1] if digits else ""
        return f"{date}T{minute // 60:02}:{minute % 60:02}:{second_of_minute:02}{point}Z"


class LeapStatus(enum.Enum):
    """How far the answer of a leap table can be trusted."""

    OK = "ok"
    EXPIRED = "expired"
    """Beyond the table's own date of expiry: the last known offset."""
    AMBIGUOUS = "ambiguous"
    """The instant's name does not say which side of a leap second it is on."""
    UNKNOWN = "unknown"
    """Before 1972, or no table."""


@dataclass(frozen=True, slots=True)
class LeapAnswer:
    tai_minus_utc_s: int
    status: LeapStatus


@dataclass(frozen=True, slots=True)
class LeapTable:
    """TAI - UTC since 1972, with the table's own expiry and where it comes from.

    `starts[i]` is the day (since 1970) at whose 00:00 UTC the offset `offsets_s[i]` comes into force.
    `expires` is the first day of which the table says nothing, None for a table that says of itself that it does not expire.
    """

    starts: tuple[int, ...]
    offsets_s: tuple[int, ...]
    expires: int | None
    source: str

    def at(self, utc: UtcTime) -> LeapAnswer:
        """TAI - UTC at a UTC time. A second :60 that the table does not have is AMBIGUOUS."""
        i = bisect.bisect_right(self.starts, utc.day) - 1
        if i < 0:
            return LeapAnswer(self.offsets_s[0] if self.offsets_s else 37, LeapStatus.UNKNOWN)
        status = LeapStatus.EXPIRED if self.expires is not None and utc.day >= self.expires else LeapStatus.OK
        if utc.ns_of_day >= DAY_S * NS and not self.has_leap_at_end_of(utc.day):
            status = LeapStatus.AMBIGUOUS
        return LeapAnswer(self.offsets_s[i], status)

    def has_leap_at_end_of(self, day: int) -> bool:
        """True if `day` ends with 23:59:60."""
        i = bisect.bisect_left(self.starts, day + 1)
        return 0 < i < len(self.starts) and self.starts[i] == day + 1 and self.offsets_s[i] > self.offsets_s[i - 1]

    def tai(self, utc: UtcTime) -> TaiNs:
        """The instant on TAI; with an expired or unknown offset the last (or first) known one is used: ask `at` for the status."""
        return TaiNs(utc.day * DAY_S * NS + utc.ns_of_day + self.at(utc).tai_minus_utc_s * NS)

    def utc(self, tai: TaiNs) -> UtcTime:
        """The UTC name of an instant on TAI; a leap second is named :60."""
        offset = self.offsets_s[0] if self.offsets_s else 37
        for start, after in zip(reversed(self.starts), reversed(self.offsets_s), strict=True):
            first = (start * DAY_S + after) * NS
            if tai >= first:
                offset = after
                break
            before = self.offsets_s[self.starts.index(start) - 1] if start != self.starts[0] else after
            if after > before and tai >= first - (after - before) * NS:
                return UtcTime(start - 1, DAY_S * NS + (tai - (first - (after - before) * NS)))
        return UtcTime.from_unix(UnixNs(tai - offset * NS))

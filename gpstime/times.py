"""Instants, time scales and the leap-second table.

Instants are integers of nanoseconds; a float never touches one (float64 resolves 2026 in steps of 238 ns and more).
The `NewType`s cost nothing at run time and are checked by mypy.
"""

from __future__ import annotations

import bisect
import datetime
import enum
import itertools
import re
from dataclasses import dataclass, field
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
_DAY_NS = DAY_S * NS
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|\+00:00)", re.ASCII)


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
        """From ISO 8601 with `Z` or `+00:00`, seconds optional, up to nine decimals, 23:59:60 accepted; ValueError for all else."""
        found = _ISO.fullmatch(text.strip())
        if not found:
            raise ValueError(f"not an ISO 8601 UTC time: {text!r}")
        year, month, day, hour, minute, second, fraction = found.groups(default="0")
        return cls.civil(int(year), int(month), int(day), int(hour), int(minute), int(second), int(fraction.ljust(9, "0")))

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

    `starts[i]` is the day (since 1970) at whose 00:00 UTC the offset `offsets_s[i]` comes into force; at least one, rising.
    `expires` is the first day of which the table says nothing, None for a table that says of itself that it does not expire.
    A step of the offset by -1 is a negative leap second: the day before it ends with 23:59:58.
    """

    starts: tuple[int, ...]
    offsets_s: tuple[int, ...]
    expires: int | None
    source: str
    _firsts: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """The TAI instants at which the offsets come into force: the end of a leap second, as UTC names it 00:00:00."""

    def __post_init__(self) -> None:
        if not self.starts or len(self.starts) != len(self.offsets_s) or any(b <= a for a, b in itertools.pairwise(self.starts)):
            raise ValueError(f"not a leap-second table: {len(self.starts)} days, {len(self.offsets_s)} offsets ({self.source})")
        firsts = tuple(day * _DAY_NS + offset * NS for day, offset in zip(self.starts, self.offsets_s, strict=True))
        object.__setattr__(self, "_firsts", firsts)

    def at(self, utc: UtcTime) -> LeapAnswer:
        """TAI - UTC at a UTC time, and how far to trust it.

        AMBIGUOUS is the name that this table does not have: a second :60 without a leap second, or the 23:59:59 that a negative one
        leaves out.  It weighs more than EXPIRED, which says only that the offset may have changed since.
        """
        i = bisect.bisect_right(self.starts, utc.day) - 1
        if i < 0:
            return LeapAnswer(self.offsets_s[0], LeapStatus.UNKNOWN)
        if utc.ns_of_day >= _DAY_NS - NS and utc.ns_of_day >= _DAY_NS + self.leap_at_end_of(utc.day) * NS:
            return LeapAnswer(self.offsets_s[i], LeapStatus.AMBIGUOUS)
        expired = self.expires is not None and utc.day >= self.expires
        return LeapAnswer(self.offsets_s[i], LeapStatus.EXPIRED if expired else LeapStatus.OK)

    def leap_at_end_of(self, day: int) -> int:
        """How many seconds longer `day` is than 86 400: 1 if it ends with 23:59:60, -1 if with 23:59:58, else 0."""
        i = bisect.bisect_left(self.starts, day + 1)
        if not 0 < i < len(self.starts) or self.starts[i] != day + 1:
            return 0
        return self.offsets_s[i] - self.offsets_s[i - 1]

    def has_leap_at_end_of(self, day: int) -> bool:
        """True if `day` ends with 23:59:60."""
        return self.leap_at_end_of(day) > 0

    def tai(self, utc: UtcTime) -> TaiNs:
        """The instant on TAI; with an expired or unknown offset the last (or first) known one is used: ask `at` for the status."""
        i = bisect.bisect_right(self.starts, utc.day) - 1
        return TaiNs(utc.day * _DAY_NS + utc.ns_of_day + self.offsets_s[i if i > 0 else 0] * NS)

    def utc(self, tai: TaiNs) -> UtcTime:
        """The UTC name of an instant on TAI; a leap second is named :60."""
        i = bisect.bisect_right(self._firsts, tai)  # the offset that comes into force next
        day, ns = divmod(tai - self.offsets_s[i - 1 if i > 0 else 0] * NS, _DAY_NS)
        if 0 < i < len(self.starts) and day >= self.starts[i]:  # the old offset still holds, yet the new day has its number: :60
            return UtcTime(day - 1, _DAY_NS + ns)
        return UtcTime(day, ns)

"""The fields of NMEA that name a time, read strictly: every digit must be there, and the day must be in the calendar."""

from __future__ import annotations

import datetime

from gpstime.model import Epoch
from gpstime.times import DAY_S, NS, RawNs, UtcTime

DAY_NS = DAY_S * NS

PIVOT = 80
"""Two-digit years: 80..99 are 19yy (GPS began in 1980, and receivers without a date say 1980), the others 20yy."""

_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()
_LASTMINUTE_NS = DAY_NS - 60 * NS
_TWO = {b"%02d" % n: n for n in range(100)}
HOUR_NS = {b"%02d" % n: n * 3600 * NS for n in range(24)}
MINUTE_NS = {b"%02d" % n: n * 60 * NS for n in range(60)}
SECOND_NS = {b"%02d%b" % (n, zeros): n * NS for n in range(60) for zeros in (b"", b".0", b".00", b".000")}
"""What nearly every time of day begins and ends with; other seconds go through `_odd_second`."""


def time_of_day(field: bytes) -> int:
    """ns since midnight of `hhmmss[.f+]`, decimals beyond ns cut (a rounded time could be in the next second); -1 if it is no time.

    23:59:60 is a time, with its fraction up to 86 401 s; no other :60 is.
    """
    try:
        minute = HOUR_NS[field[:2]] + MINUTE_NS[field[2:4]]
        second = SECOND_NS.get(field[4:])
        return minute + (_odd_second(field[4:], minute) if second is None else second)
    except KeyError:
        return -1


def _odd_second(field: bytes, minute: int) -> int:
    """ns of `ss[.f+]` within the minute that begins at `minute`; KeyError if it is none."""
    second, point, fraction = _TWO[field[:2]], field[2:3], field[3:]
    last = 60 if minute == _LASTMINUTE_NS else 59
    if second > last or point not in (b"", b".") or (point and not fraction.isdigit()):
        raise KeyError(field)
    return second * NS + (int(fraction[:9].ljust(9, b"0")) if point else 0)


def day_of(day: bytes, month: bytes, year: int) -> int | None:
    """Days since 1970-01-01 of a date with two-digit day and month; None if it is not in the calendar."""
    try:
        return datetime.date(year, _TWO[month], _TWO[day]).toordinal() - _EPOCH_ORDINAL
    except (KeyError, ValueError):
        return None


def day_of_ddmmyy(field: bytes) -> int | None:
    """Days since 1970-01-01 of a date with a two-digit year; None if it is not in the calendar."""
    year = _TWO.get(field[4:])
    return None if year is None else day_of(field[:2], field[2:4], year + (1900 if year >= PIVOT else 2000))


# A frozen dataclass sets field by field through object.__setattr__, which would take a third of the whole parse. The same slots set
# plainly, and then given the frozen class (`draft.__class__ = Epoch`), are the same object in a third of the time. A field added to
# the model fails at the first sentence, loudly.


class UtcDraft:
    """A `UtcTime` before it is frozen."""

    __slots__ = UtcTime.__slots__

    def __init__(self, day: int, ns_of_day: int) -> None:
        self.day = day
        self.ns_of_day = ns_of_day


class EpochDraft:
    """An `Epoch` before it is frozen."""

    __slots__ = Epoch.__slots__

    def __init__(
        self, at: RawNs, burst_at: RawNs, second: UtcTime, valid: bool, sentence: str, dated: bool, fix: bool | None
    ) -> None:
        self.at = at
        self.burst_at = burst_at
        self.second = second
        self.valid = valid
        self.sentence = sentence
        self.dated = dated
        self.fix = fix

"""Leap-second tables from their published texts: IERS's `leap-seconds.list`, the tz database's `leapseconds`, a built-in list.

A text that is damaged gives `Damaged` with a reason, never an exception.  Whether a table expires is the text's own word: an IERS
list names a day; a tz table names one too, or says (from 2026 on) that no more leap seconds come, and then does not expire.
"""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gpstime.times import DAY_S, LeapTable

_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()
_NTP_TO_UNIX_S = 2_208_988_800
"""From 1900-01-01 to 1970-01-01: 70 years with 17 leap days (RFC 5905, figure 4)."""
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


@dataclass(frozen=True, slots=True)
class Edition:
    """A table, when it was last updated (POSIX seconds; 0 if the text does not say) and the tz release it came in, if any."""

    table: LeapTable
    updated_s: int
    release: str = ""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A text that is no usable table, and why."""

    source: str
    reason: str


def _sha1(text: bytes) -> str:
    """The interpreter's own SHA-1 where it has one: `hashlib` brings OpenSSL along, which is 3.5 MB of the daemon's memory."""
    try:
        from _sha1 import sha1  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        from hashlib import sha1
    digest: str = sha1(text, usedforsecurity=False).hexdigest()
    return digest


def parse_iers_list(text: str, source: str, release: str = "") -> Edition | Damaged:
    """The `leap-seconds.list` of IERS or NIST, with its SHA-1 checked.

    `#$` is the update, `#@` the expiry, both in NTP seconds; a data line is the NTP second at which TAI - UTC takes the value
    behind it.  The hash covers the digits of update, expiry and all data, nothing else; its five words may lack leading zeros.
    """
    updated = expires = digest = ""
    rows: list[tuple[str, str]] = []
    for line in text.splitlines():
        body, _, comment = line.partition("#")
        fields = body.split()
        if len(fields) >= 2:
            rows.append((fields[0], fields[1]))
        elif fields:
            return Damaged(source, f"a line that is no entry: {line[:40]!r}")
        elif comment.startswith("$"):
            updated = comment[1:].strip()
        elif comment.startswith("@"):
            expires = comment[1:].strip()
        elif comment.startswith("h"):
            digest = comment[1:]
    digits = updated + expires + "".join(itertools.chain.from_iterable(rows))
    if not (updated and expires and digest and rows):
        return Damaged(source, "its update, expiry, hash or data is missing")
    if (
        not (digits.isascii() and digits.isdigit())
        or len(max((updated, expires, *itertools.chain.from_iterable(rows)), key=len)) > 12
    ):
        return Damaged(source, "a number is damaged")
    if "".join(word.rjust(8, "0") for word in digest.split()) != _sha1(digits.encode()):
        return Damaged(source, "its hash does not match")
    days = [divmod(int(second) - _NTP_TO_UNIX_S, DAY_S) for second, _ in rows]
    if any(rest for _, rest in days):
        return Damaged(source, "an entry that is not at midnight UTC")
    until = (int(expires) - _NTP_TO_UNIX_S) // DAY_S
    return _edition(
        tuple(day for day, _ in days), tuple(int(n) for _, n in rows), until, int(updated) - _NTP_TO_UNIX_S, source, release
    )


def parse_tz_leapseconds(text: str, source: str, release: str = "") -> Edition | Damaged:
    """The `leapseconds` file of the tz database (the input of zic, without a hash).

    `Leap` lines give the second that was added (`23:59:60 +`) or left out (`23:59:59 -`).  The expiry is, in this order: an
    `Expires` line in force; the statement that there will be no more leap seconds; an `#expires` comment; "File expires on".
    """
    starts, offsets = [_day(1972, "jan", 1)], [10]
    until: int | None = None
    comments: list[str] = []
    for line in text.splitlines():
        body, _, comment = line.partition("#")
        comments.append(comment)
        fields = body.split()
        if not fields:
            continue
        try:
            day = _day(int(fields[1]), fields[2], int(fields[3]))
            if fields[0] == "Expires" and fields[4:] == ["00:00:00"]:
                until = day
                continue
            step = {("23:59:60", "+"): 1, ("23:59:59", "-"): -1}[fields[4], fields[5]]
            if fields[0] != "Leap" or fields[6:] != ["S"]:
                raise ValueError
        except (LookupError, ValueError):
            return Damaged(source, f"a line that is no leap second: {line[:40]!r}")
        starts.append(day + 1)
        offsets.append(offsets[-1] + step)
    said = " ".join(" ".join(comments).split())
    updated = re.search(r"(?<!\w)updated (\d{1,12})\b", said)
    if until is None and "there will be no more leap seconds" not in said:
        until = _expiry_in_words(said)
        if until is None:
            return Damaged(source, "it does not say when it expires (cut short?)")
    return _edition(tuple(starts), tuple(offsets), until, int(updated[1]) if updated else 0, source, release)


def newest(editions: Iterable[Edition | Damaged]) -> LeapTable:
    """The table that was updated last (then: the latest tz release, then the first given); the built-in list is one of them.

    The `source` of the result names its update, expiry and every edition that was passed over as damaged, with the reason.
    """
    sound, passed_over = [], []
    for edition in editions:
        if isinstance(edition, Edition) and contradicts(edition.table, BUILT_IN.table):
            edition = Damaged(edition.table.source, "it contradicts the leap seconds that have been")
        if isinstance(edition, Damaged):
            passed_over.append(f"; not used: {edition.source}: {edition.reason}")
        else:
            sound.append(edition)
    best = max([*sound, BUILT_IN], key=lambda edition: (edition.updated_s, edition.release))  # max keeps the first of equals
    table = best.table
    return LeapTable(table.starts, table.offsets_s, table.expires, table.source + "".join(passed_over))


def contradicts(table: LeapTable, known: LeapTable) -> bool:
    """True if the two differ on a day of which both speak: history does not change, so one of them is damaged."""
    ends = [table.expires, known.expires]
    days = {day for day in (*table.starts, *known.starts) if all(end is None or day < end for end in ends)}
    return table.starts[0] != known.starts[0] or any(_offset_s(table, day) != _offset_s(known, day) for day in days)


def _offset_s(table: LeapTable, day: int) -> int:
    return [offset for start, offset in zip(table.starts, table.offsets_s, strict=True) if start <= day][-1]


def _edition(
    starts: tuple[int, ...], offsets_s: tuple[int, ...], expires: int | None, updated_s: int, source: str, release: str
) -> Edition | Damaged:
    if any(abs(b - a) != 1 for a, b in itertools.pairwise(offsets_s)) or any(b <= a for a, b in itertools.pairwise(starts)):
        return Damaged(source, "its entries are not in order, or jump by more than a second")
    if expires is not None and expires <= starts[-1]:
        return Damaged(source, "it expires before its last entry")
    told = [f"tz {release}"] if release else []
    told += [f"of {_date(updated_s // DAY_S)}"] if updated_s else []
    told += ["says that no more leap seconds come" if expires is None else f"expires {_date(expires)}"]
    return Edition(LeapTable(starts, offsets_s, expires, f"{source} ({', '.join(told)})"), updated_s, release)


def _expiry_in_words(said: str) -> int | None:
    stamp = re.search(r"(?<!\w)expires (\d{1,12})\b", said)
    if stamp:
        return int(stamp[1]) // DAY_S
    words = re.search(r"File expires on:? (\d{1,2}) ([A-Z][a-z]+) (\d{4})\b", said)
    try:
        return _day(int(words[3]), words[2], int(words[1])) if words else None
    except ValueError:
        return None


def _day(year: int, month: str, day: int) -> int:
    return datetime.date(year, _MONTHS.index(month[:3].lower()) + 1, day).toordinal() - _EPOCH_ORDINAL


def _date(day: int) -> str:
    try:
        return datetime.date.fromordinal(day + _EPOCH_ORDINAL).isoformat()
    except (ValueError, OverflowError):
        return f"day {day}"


_HALF_YEARS = """
    1972-01 1972-07 1973-01 1974-01 1975-01 1976-01 1977-01 1978-01 1979-01 1980-01 1981-07 1982-07 1983-07 1985-07
    1988-01 1990-01 1991-01 1992-07 1993-07 1994-07 1996-01 1997-07 1999-01 2006-01 2009-01 2012-07 2015-07 2017-01
"""
"""The months at whose start TAI - UTC grew by one second, from the 10 s with which UTC began in 1972 (IERS Bulletin C 72)."""


def _built_in() -> Edition:
    months = [tuple(map(int, month.split("-"))) for month in _HALF_YEARS.split()]
    starts = tuple(datetime.date(year, month, 1).toordinal() - _EPOCH_ORDINAL for year, month in months)
    edition = _edition(
        starts,
        tuple(range(10, 10 + len(starts))),
        _day(2027, "jun", 28),
        _day(2026, "jul", 6) * DAY_S,
        "built-in list, IERS Bulletin C 72",
        "",
    )
    assert isinstance(edition, Edition)
    return edition


BUILT_IN: Edition = _built_in()

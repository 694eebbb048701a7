"""NMEA 0183: bytes in, `Epoch | Rejected` out. No byte sequence raises; memory is bounded.

Strict where a lenient reader sets a clock wrong: a checksum is required, every digit of a time and a date must be there, the day
must be in the calendar. `valid` is the receiver's own word, RMC status A with a real mode (NMEA 0183 from 2.3 on); the
navigational status of NMEA 4.1, which u-blox sets to V on every good fix, says nothing about time and is ignored. Whether a time
is plausible is the pairing's business.

GGA, GNS and GLL have no date: they get the day that brings their time nearest to the last dated one (a GGA may precede its RMC at
midnight).
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TypeAlias

from gpstime.core.framing import Framer, whole
from gpstime.core.pace import Burst, Pace
from gpstime.model import Epoch, Rejected
from gpstime.times import DAY_S, NS, RawNs, UtcTime

REAL_MODES = frozenset((b"A", b"D", b"F", b"R", b"P"))
"""Modes that rest on satellites: autonomous, differential, RTK float and fixed, precise; not none, estimated, manual, simulated."""

PIVOT = 80
"""Two-digit years: 80..99 are 19yy (GPS began in 1980, and receivers without a date say 1980), the others 20yy."""

_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()
_DAY_NS = DAY_S * NS
_TWO = {b"%02d" % n: n for n in range(100)}
_HOUR_NS = {b"%02d" % n: n * 3600 * NS for n in range(24)}
_MINUTE_NS = {b"%02d" % n: n * 60 * NS for n in range(60)}
_SECOND_NS = {b"%02d" % n: n * NS for n in range(61)}
_FRACTION_NS = {b"": 0, b".0": 0, b".00": 0, b".000": 0}
_NO_FIX = {b"0": False, b"6": False, b"7": False, b"8": False, b"": None}
"""GGA quality: 0 none, 6 dead reckoning, 7 typed in, 8 simulator; an empty field says nothing; the others rest on satellites."""
_MAX_KINDS = 256

_Said: TypeAlias = "tuple[UtcTime, bool, bool, bool | None] | str"
"""What a sentence's fields say: (second, valid, dated, fix), or the reason why they say nothing ("": nothing was to be said)."""
_Parser: TypeAlias = Callable[[list[bytes]], _Said]


def time_of_day(field: bytes) -> int | None:
    """ns since midnight of `hhmmss[.f+]`, decimals beyond ns cut (a rounded time could be in the next second); None if it is none.

    23:59:60 is a time, with its fraction up to 86 401 s; no other :60 is.
    """
    try:
        ns = _HOUR_NS[field[:2]] + _MINUTE_NS[field[2:4]] + _SECOND_NS[field[4:6]]
    except KeyError:
        return None
    fraction = field[6:]
    if fraction in _FRACTION_NS:
        below = 0
    elif fraction[:1] == b"." and fraction[1:].isdigit():
        below = int(fraction[1:10].ljust(9, b"0"))
    else:
        return None
    return None if field[4:6] == b"60" and ns != _DAY_NS else ns + below


def day_of(day: bytes, month: bytes, year: int) -> int | None:
    """Days since 1970-01-01 of a date with two-digit day and month; None if it is not in the calendar."""
    try:
        return datetime.date(year, _TWO[month], _TWO[day]).toordinal() - _EPOCH_ORDINAL
    except (KeyError, ValueError):
        return None


class _Kind:
    """What is known of one address (`GNRMC`): its count, and who reads it."""

    __slots__ = ("address", "count", "name", "parser")

    def __init__(self, address: str, name: str, parser: _Parser | None) -> None:
        self.address = address
        self.name = name
        self.parser = parser
        self.count = 0


class Nmea:
    """The parser of one port. Results are a function of the bytes; only `at` and `burst_at` depend on how they were portioned."""

    def __init__(self) -> None:
        self.lines: Callable[[bytes, RawNs], None] | None = None
        """Called with every sentence whose checksum is right, from its start byte to its checksum: for whoever decodes the rest."""
        self.leap_default: bool | None = None
        """u-blox's own word in PUBX,04: True if its leap second count is the firmware's default (marked D), not yet received."""
        self._framer: Framer[tuple[RawNs, Burst]] = Framer()
        self._pace = Pace()
        self._parsers: dict[str, _Parser] = {
            "RMC": self._rmc,
            "ZDA": self._zda,
            "GGA": self._gga,
            "GNS": self._gns,
            "GLL": self._gll,
        }
        self._kinds: dict[bytes, _Kind] = {}
        self._other = _Kind("other", "other", None)
        self._dated: UtcTime | None = None
        self._time_field = b""
        self._time_ns: int | None = None
        self._date_field = b""
        self._date_day: int | None = None

    @property
    def sentences(self) -> int:
        """How many sentences had a right checksum."""
        return sum(kind.count for kind in self._all_kinds())

    @property
    def seen(self) -> dict[str, int]:
        """Sentences with a right checksum, counted by type: `RMC` for all talkers, `PUBX` for proprietary ones."""
        counts: dict[str, int] = {}
        for kind in self._all_kinds():
            if kind.count:
                counts[kind.name] = counts.get(kind.name, 0) + kind.count
        return counts

    def feed(self, data: bytes, at: RawNs) -> list[Epoch | Rejected]:
        """What these bytes complete; `at` is when the first of them arrived."""
        if not data:
            return []
        return self._read(self._framer.feed(data, (at, self._pace.on_bytes(at, len(data)))))

    def finish(self) -> list[Epoch | Rejected]:
        """The stream has ended (end of file, port lost). What comes next is tuned into in the middle of a line again."""
        return self._read(self._framer.finish())

    def _read(self, frames: list[tuple[str, bytes, tuple[RawNs, Burst]]]) -> list[Epoch | Rejected]:
        results: list[Epoch | Rejected] = []
        kinds = self._kinds
        for refusal, body, (at, burst) in frames:
            if refusal:
                results.append(Rejected(at, "nmea", refusal, body))
                continue
            kind = kinds.get(body[:7]) or self._meet(body)
            kind.count += 1
            if self.lines is not None:
                self.lines(whole(body), at)
            if kind.parser is None:
                continue
            said = kind.parser(body.split(b","))
            if not isinstance(said, str):
                second, valid, dated, fix = said
                if burst.time_ns != second.ns_of_day:
                    burst = self._pace.on_time(burst, at, second.ns_of_day)
                results.append(Epoch(at, burst.at, second, valid, kind.address, dated, fix))
            elif said:
                results.append(Rejected(at, "nmea", said, whole(body)))
        return results

    def _meet(self, body: bytes) -> _Kind:
        """The kind of a sentence not met before. A line that pretends to be ever new kinds must not fill the memory."""
        if len(self._kinds) >= _MAX_KINDS:
            return self._other
        address = body[1:].partition(b",")[0].decode("ascii", "replace")
        parser: _Parser | None = None
        name = address
        if address.startswith("P"):  # proprietary: $PGRMC is Garmin's sensor configuration, not an RMC
            if address == "PUBX":
                parser = self._pubx
        elif len(address) == 5:
            name = address[2:]
            parser = self._parsers.get(name) if body[:1] == b"$" else None
        kind = self._kinds[body[:7]] = _Kind(address, name, parser)
        return kind

    def _all_kinds(self) -> list[_Kind]:
        return [*self._kinds.values(), self._other]

    # A receiver says the same time in several sentences, and the same date all day long: the last of each is kept.

    def _time(self, field: bytes) -> int | None:
        if field != self._time_field:
            self._time_field, self._time_ns = field, time_of_day(field)
        return self._time_ns

    def _date(self, field: bytes) -> int | None:
        if field != self._date_field:
            year = _TWO.get(field[4:], -1)
            day = None if year < 0 else day_of(field[:2], field[2:4], year + (1900 if year >= PIVOT else 2000))
            self._date_field, self._date_day = field, day
        return self._date_day

    def _dated_second(self, time: bytes, day: int | None) -> UtcTime | str:
        ns = self._time(time)
        if ns is None:
            return "bad-time"
        if day is None:
            return "bad-date"
        last = self._dated
        if last is None or last.ns_of_day != ns or last.day != day:
            last = self._dated = UtcTime(day, ns)
        return last

    def _undated(self, time: bytes, fix: bool | None) -> _Said:
        if not time:
            return "no-time"
        ns = self._time(time)
        if ns is None:
            return "bad-time"
        last = self._dated
        if last is None:
            return "no-date"
        if last.ns_of_day == ns:
            return last, False, False, fix
        ahead = ns - last.ns_of_day
        day = last.day - (ahead > _DAY_NS // 2) + (ahead < -_DAY_NS // 2)
        return UtcTime(day, ns), False, False, fix

    def _rmc(self, fields: list[bytes]) -> _Said:
        if len(fields) < 10:
            return "malformed"
        time, status, date = fields[1], fields[2], fields[9]
        if not (time and date):
            return "no-date" if time else "no-time"
        second = self._dated_second(time, self._date(date))
        if isinstance(second, str):
            return second
        # Before NMEA 2.3 there is no mode; an empty one is a mode not given.
        valid = status == b"A" and (len(fields) < 13 or not fields[12] or fields[12] in REAL_MODES)
        return second, valid, True, valid if status in (b"A", b"V") else None

    def _zda(self, fields: list[bytes]) -> _Said:
        if len(fields) < 5:
            return "malformed"
        time, day, month, year = fields[1:5]
        if not (time and day and month and year):
            return "no-date" if time else "no-time"
        four_digits = len(year) == 4 and year.isdigit()
        second = self._dated_second(time, day_of(day, month, int(year)) if four_digits else None)
        return second if isinstance(second, str) else (second, False, True, None)

    def _pubx(self, fields: list[bytes]) -> _Said:
        """u-blox PUBX,04: time, date, time of week, week, leap seconds with D if they are the firmware's default."""
        if fields[1] != b"04":
            return ""
        if len(fields) < 7:
            return "malformed"
        leap = fields[6]
        if leap.rstrip(b"D").isdigit():
            self.leap_default = leap.endswith(b"D")
        time, date = fields[2], fields[3]
        if not (time and date):
            return "no-date" if time else "no-time"
        second = self._dated_second(time, self._date(date))
        return second if isinstance(second, str) else (second, False, True, None)

    def _gga(self, fields: list[bytes]) -> _Said:
        if len(fields) < 7:
            return "malformed"
        return self._undated(fields[1], _NO_FIX.get(fields[6], True))

    def _gns(self, fields: list[bytes]) -> _Said:
        if len(fields) < 7:
            return "malformed"
        modes = fields[6]  # one letter for each constellation
        return self._undated(fields[1], any(modes[i : i + 1] in REAL_MODES for i in range(len(modes))) if modes else None)

    def _gll(self, fields: list[bytes]) -> _Said:
        if len(fields) < 7:
            return "malformed" if len(fields) < 5 else "no-time"  # before NMEA 2.0 a GLL has a position only
        status = fields[6]
        fix = status == b"A" and (len(fields) < 8 or not fields[7] or fields[7] in REAL_MODES)
        return self._undated(fields[5], fix if status in (b"A", b"V") else None)

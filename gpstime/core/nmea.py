"""NMEA 0183: bytes in, `Epoch | Rejected` out. No byte sequence raises; memory is bounded.

Strict where a lenient reader sets a clock wrong: a checksum is required, and times and dates are read digit by digit. `valid` is
the receiver's own word, RMC status A with a real mode (NMEA 0183 from 2.3 on); the navigational status of NMEA 4.1, which u-blox
sets to V on every good fix, says nothing about time and is ignored. Whether a time is plausible is the pairing's business.

GGA, GNS and GLL have no date: they get the day that brings their time nearest to the last dated one (a GGA may precede its RMC at
midnight).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from gpstime.core.fields import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS, EpochDraft, UtcDraft, day_of, day_of_ddmmyy, time_of_day
from gpstime.core.framing import Frame, Framer, whole
from gpstime.core.pace import Burst, Pace
from gpstime.core.sentences import GGA_FIX, MAX_KINDS, REAL_MODES, Kind, Parser, Said
from gpstime.model import Epoch, Rejected
from gpstime.times import RawNs, UtcTime

_Mark: TypeAlias = tuple[RawNs, Burst]


class Nmea:
    """The parser of one port. Results are a function of the bytes; only `at` and `burst_at` depend on how they were portioned."""

    def __init__(self) -> None:
        self.lines: Callable[[bytes, RawNs], None] | None = None
        """Called with every sentence whose checksum is right, from its start byte to its checksum: for whoever decodes the rest."""
        self.leap_default: bool | None = None
        """u-blox's own word in PUBX,04: True if its leap second count is the firmware's default (marked D), not yet received."""
        self._framer: Framer[_Mark] = Framer()
        self._pace = Pace()
        self._parsers: dict[str, Parser] = {
            "RMC": self._rmc,
            "ZDA": self._zda,
            "GGA": self._gga,
            "GNS": self._gns,
            "GLL": self._gll,
        }
        self._kinds: dict[bytes, Kind] = {}
        self._other = Kind("other", "other", None)
        self._dated: UtcTime | None = None
        self._time_field = b""
        self._time_ns = -1
        self._date_field = b""
        self._date_day: int | None = None
        self._long_date_fields: list[bytes] = []
        self._long_date_day: int | None = None

    @property
    def sentences(self) -> int:
        """How many sentences had a right checksum."""
        return sum(self.seen.values())

    @property
    def seen(self) -> dict[str, int]:
        """Sentences with a right checksum, counted by type: `RMC` for all talkers, `PUBX` for proprietary ones."""
        counts: dict[str, int] = {}
        for kind in (*self._kinds.values(), self._other):
            if kind.count:
                counts[kind.name] = counts.get(kind.name, 0) + kind.count
        return counts

    def feed(self, data: bytes, at: RawNs) -> list[Epoch | Rejected]:
        """What these bytes complete; `at` is when the first of them arrived."""
        if not data:
            return []
        mark = (at, self._pace.on_bytes(at, len(data)))
        return self._read(self._framer.feed(data, mark), mark)

    def finish(self) -> list[Epoch | Rejected]:
        """The stream has ended (end of file, port lost). What comes next is tuned into in the middle of a line again."""
        return [Rejected(mark[0], "nmea", reason, raw) for reason, raw, mark in self._framer.finish()]

    def _read(self, frames: list[Frame[_Mark]], mark: _Mark) -> list[Epoch | Rejected]:
        results: list[Epoch | Rejected] = []
        kinds = self._kinds
        next_mark = self._framer.begun or mark
        for frame in frames:
            if isinstance(frame, tuple):
                reason, raw, (at, _) = frame
                results.append(Rejected(at, "nmea", reason, raw))
                continue
            at, burst = next_mark
            next_mark = mark
            kind = kinds.get(frame[:7]) or self._meet(frame)
            kind.count += 1
            if self.lines is not None:
                self.lines(whole(frame), at)
            if kind.parser is None:
                continue
            said = kind.parser(frame.split(b","))
            if isinstance(said, str):
                if said:
                    results.append(Rejected(at, "nmea", said, whole(frame)))
                continue
            second, valid, dated, fix = said
            if burst.time_ns != second.ns_of_day:
                if at == burst.at:
                    burst.time_ns = second.ns_of_day
                else:
                    burst.tell(at, second.ns_of_day)
            epoch: Any = EpochDraft(at, burst.at, second, valid, kind.address, dated, fix)
            epoch.__class__ = Epoch
            results.append(epoch)
        return results

    def _meet(self, frame: bytes) -> Kind:
        """The kind of a sentence whose beginning was not met before."""
        address = frame[1:].partition(b",")[0].decode("ascii", "replace")
        name = address
        parser: Parser | None = None
        if address.startswith("P"):  # proprietary: $PGRMC is Garmin's sensor configuration, not an RMC
            parser = self._pubx if address == "PUBX" else None
        elif len(address) == 5 and address.isascii() and address.isalnum() and address.isupper():
            name = address[2:]
            parser = self._parsers.get(name) if frame.startswith(b"$") else None
        kind = Kind(address, name, parser)
        if len(self._kinds) < MAX_KINDS:
            self._kinds[frame[:7]] = kind
        else:
            self._other.count += 1
        return kind

    def _dated_second(self, time: bytes, date: bytes) -> UtcTime | str:
        """The second of hhmmss and ddmmyy, kept as the last dated one."""
        if not (time and date):
            return "no-date" if time else "no-time"
        ns = self._time_ns if time == self._time_field else self._new_time(time)
        if ns < 0:
            return "bad-time"
        if date != self._date_field:  # the same all day long
            self._date_field, self._date_day = date, day_of_ddmmyy(date)
        day = self._date_day
        if day is None:
            return "bad-date"
        return self._keep(day, ns)

    def _keep(self, day: int, ns: int) -> UtcTime:
        """This second, from now on the last dated one."""
        last = self._dated
        if last is None or last.ns_of_day != ns or last.day != day:
            second: Any = UtcDraft(day, ns)
            second.__class__ = UtcTime
            self._dated = last = second
        return last

    def _new_time(self, time: bytes) -> int:
        """The time of day of a field that is not the last one's: the sentences of one second all have the same."""
        self._time_field = time
        try:
            self._time_ns = ns = HOUR_NS[time[:2]] + MINUTE_NS[time[2:4]] + SECOND_NS[time[4:]]
        except KeyError:
            self._time_ns = ns = time_of_day(time)
        return ns

    def _undated(self, time: bytes, fix: bool | None) -> Said:
        """The second of hhmmss on the day that brings it nearest to the last dated one."""
        if not time:
            return "no-time"
        ns = self._time_ns if time == self._time_field else self._new_time(time)
        if ns < 0:
            return "bad-time"
        last = self._dated
        if last is None:
            return "no-date"
        ahead = ns - last.ns_of_day
        if not ahead:
            return last, False, False, fix
        second: Any = UtcDraft(last.day - (2 * ahead > DAY_NS) + (2 * ahead < -DAY_NS), ns)
        second.__class__ = UtcTime
        return second, False, False, fix

    def _rmc(self, fields: list[bytes]) -> Said:
        if len(fields) < 10:
            return "malformed"
        second = self._dated_second(fields[1], fields[9])
        if isinstance(second, str):
            return second
        status = fields[2]
        # Before NMEA 2.3 there is no mode; an empty one is a mode not given.
        valid = status == b"A" and (len(fields) < 13 or fields[12] in REAL_MODES or not fields[12])
        return second, valid, True, valid if valid or status in (b"A", b"V") else None

    def _zda(self, fields: list[bytes]) -> Said:
        if len(fields) < 5:
            return "malformed"
        time, day, month, year = fields[1:5]
        if not (time and day and month and year):
            return "no-date" if time else "no-time"
        ns = self._time_ns if time == self._time_field else self._new_time(time)
        if ns < 0:
            return "bad-time"
        date = fields[2:5]
        if date != self._long_date_fields:
            self._long_date_fields = date
            self._long_date_day = day_of(day, month, int(year)) if len(year) == 4 and year.isdigit() else None
        if self._long_date_day is None:
            return "bad-date"
        return self._keep(self._long_date_day, ns), False, True, None

    def _pubx(self, fields: list[bytes]) -> Said:
        """u-blox PUBX,04: time, date, time of week, week, leap seconds with D if they are the firmware's default."""
        if len(fields) < 2 or fields[1] != b"04":
            return ""
        if len(fields) < 7:
            return "malformed"
        leap = fields[6]
        if leap.rstrip(b"D").isdigit():
            self.leap_default = leap.endswith(b"D")
        second = self._dated_second(fields[2], fields[3])
        return second if isinstance(second, str) else (second, False, True, None)

    def _gga(self, fields: list[bytes]) -> Said:
        if len(fields) < 7:
            return "malformed"
        return self._undated(fields[1], GGA_FIX.get(fields[6], True))

    def _gns(self, fields: list[bytes]) -> Said:
        if len(fields) < 7:
            return "malformed"
        modes = fields[6]  # one letter for each constellation
        return self._undated(fields[1], any(modes[i : i + 1] in REAL_MODES for i in range(len(modes))) if modes else None)

    def _gll(self, fields: list[bytes]) -> Said:
        if len(fields) < 7:
            return "malformed" if len(fields) < 5 else "no-time"  # before NMEA 2.0 a GLL has a position only
        status = fields[6]
        fix = status == b"A" and (len(fields) < 8 or fields[7] in REAL_MODES or not fields[7])
        return self._undated(fields[5], fix if status in (b"A", b"V") else None)

"""What the receiver believes and says, second by second: its mood (fix, void, blank, off), its idea of the time, its burst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from gpstime.errors import UsageError
from gpstime.sim.calendar import Calendar
from gpstime.sim.faults import Fault
from gpstime.sim.personalities import Personality
from gpstime.sim.sentences import Burst, Sky, Writer, checksum, civil_date, known_sentences
from gpstime.sim.streams import stream
from gpstime.times import DAY_S, NS, UtcTime

_TWO = tuple(b"%02d" % n for n in range(100))
_LATE_S = 60
"""How long a receiver that does not know of a leap second stays ahead (style `late`; a choice)."""
_LEAST_DELAY_NS = -80_000_000
"""Jitter may make a sentence precede its pulse, by no more than this (the world works second by second; see `pulse.REACH_NS`)."""
_MOODY = ("cold-start", "rtc-backed", "leap-default", "lost-fix", "power-cycle", "gpsdo")


@dataclass(frozen=True, slots=True)
class Mood:
    """A receiver that is not simply locked.

    `kind` of its sentences (fix, void, blank, off); `own` its time if that isn't the true one; `ahead` seconds that it is off;
    `phase_ns` its second against the true one; `pulses`: no, true (locked) or own (wandering with `phase_ns`).
    """

    kind: str
    own: UtcTime | None = None
    ahead: int = 0
    phase_ns: int = 0
    pulses: str = "true"
    booting: bool = False
    factory: bool = False


LOCKED = Mood("fix")


class Receiver:
    """Says its bursts. `mood(k)` is LOCKED in the plain case; noise is drawn once a second whatever the mood."""

    def __init__(
        self,
        who: Personality,
        calendar: Calendar,
        seed: int,
        faults: Sequence[Fault],
        *,
        delay_ms: float | None = None,
        jitter_ms: float | None = None,
        baud: int | None = None,
        sentences: Sequence[str] | None = None,
    ) -> None:
        self._who, self._calendar = who, calendar
        by_name = {f.name: f for f in faults}
        self.baud = who.baud if baud is None else baud
        self._names = who.order if sentences is None else known_sentences(tuple(sentences))
        if self.baud < 300:
            raise UsageError(f"baud rate {self.baud} is too low for NMEA; use 4800 or more")
        if "gga-first" in by_name:
            self._names = tuple(sorted(self._names, key=lambda n: {"GGA": 0, "RMC": 2, "ZDA": 3}.get(n, 1)))
        self._delay_ns = (who.delay_ms if delay_ms is None else delay_ms) * 1e6
        self._jitter_ns = (who.jitter_ms if jitter_ms is None else jitter_ms) * 1e6
        self._jitter = stream(seed, "receiver/delay").gauss
        phases = stream(seed, "receiver/own")
        self._own_phase_ns = phases.randrange(NS)
        self._writer = Writer(who, Sky(who, stream(seed, "receiver/sky")), "long-sentences" in by_name)
        self.hz = int(by_name["ten-hz"].number("hz")) if "ten-hz" in by_name else 1
        if not 1 <= self.hz <= 20:
            raise UsageError(f"fault ten-hz: {self.hz} epochs a second; 1 to 20 are possible")
        self._backlog = "backlog" in by_name
        self._moody = {name: by_name[name] for name in _MOODY if name in by_name}
        self.moody = bool(self._moody)
        self._late = by_name.get("late-sentences")
        self._late_draw = stream(seed, "fault/late-sentences").gauss
        self._wander = by_name.get("delay-wander")
        self._wander_draw, self._wandered = stream(seed, "fault/delay-wander").gauss, 0.0
        self._rollover_days = 7 * int(by_name["week-rollover"].number("weeks")) if "week-rollover" in by_name else 0
        self._leap = by_name.get("leap-second")
        self._leap_k = calendar.leap_seconds_until(10**9)[:1] if self._leap is not None else []
        self._cold_date = by_name["cold-start"].word("date") if "cold-start" in by_name else "vendor"
        if self._cold_date != "vendor":
            self._cold_date = "" if self._cold_date == "empty" else _full_year(self._cold_date)
        self._cache: dict[tuple[object, ...], Burst] = {}
        self._cached_day = -1
        self._minute, self._clock, self._clock_sum = -1, b"", 0
        self._tail = b"." + b"0" * who.time_decimals
        self._tail_sum = checksum(self._tail)

    # ---- moods --------------------------------------------------------------------------------------------------------------

    def mood(self, k: int) -> Mood:
        """The mood in true second k."""
        faults, base = self._moody, LOCKED
        if (f := faults.get("power-cycle")) and f.on(k):
            since = k - int(f.at_s)
            if since < 2:
                return Mood("off", pulses="no", factory=True)
            base = Mood("void", pulses="no", booting=since == 2, factory=True) if since < 12 else Mood("fix", factory=True)
        if (f := faults.get("cold-start")) and f.on(k):
            base = self._cold(k - int(f.at_s)) or base
        if (f := faults.get("rtc-backed")) and f.on(k):
            base = Mood("void", ahead=round(f.number("off")), phase_ns=self._own_phase_ns, pulses="no")
        if (f := faults.get("lost-fix")) and f.on(k):
            phase = round(f.number("ppm") * 1e3 * (k - f.at_s))
            base = Mood("void", phase_ns=phase, pulses="own" if k - f.at_s < f.number("pulse") else "no")
        if (f := faults.get("gpsdo")) and f.on(k):
            base = Mood("void")
        if (f := faults.get("leap-default")) and f.on(k) and base.own is None:
            base = replace(base, ahead=base.ahead + int(f.number("ahead")))
        return base

    def _cold(self, since: int) -> Mood | None:
        first = since == 0
        for phase in self._who.cold:
            if since < phase.lasts_s:
                if phase.own is None:
                    return Mood(phase.kind, pulses="no", booting=first)
                own = UtcTime.from_unix(phase.own.unix + since * NS)
                return Mood(phase.kind, own, phase_ns=self._own_phase_ns, pulses="no", booting=first)
            since -= phase.lasts_s
        return None

    # ---- bursts -------------------------------------------------------------------------------------------------------------

    def say(self, k: int, mood: Mood) -> list[tuple[int, bytes]]:
        """(true ns of the first byte, bytes) of each epoch of true second k."""
        delay = self._jitter(self._delay_ns, self._jitter_ns) if self._jitter_ns else self._delay_ns
        start = k * NS + max(_LEAST_DELAY_NS, round(delay))
        if self._late is not None:
            more = self._late_draw(self._late.number("delay") * 1e9, self._late.number("jitter") * 1e9)
            start += round(more) if self._late.on(k) else 0
        if self._wander is not None:
            span = self._wander.number("span")
            self._wandered = max(0.0, min(span, self._wandered + self._wander_draw(0.0, span / 10)))
            start += round(self._wandered * 1e9) if self._wander.on(k) else 0
        if mood is LOCKED and self.hz == 1:
            return [(start, self._locked(k))]
        if mood.kind == "off":
            return []
        return [(start + mood.phase_ns + j * NS // self.hz, self._moodily(k, mood, j)) for j in range(self.hz)]

    def _locked(self, k: int) -> bytes:
        day, second = self._calendar.name(k)
        if self._leap_k:
            day, second = self._leap_style(k, day, second)
        if day != self._cached_day:
            self._cache.clear()
            self._cached_day = day
        view = k & 7
        key = (view, k % self._who.gsv_every == 0)
        burst = self._cache.get(key)
        if burst is None:
            burst = self._cache[key] = self._burst("fix", civil_date(day - self._rollover_days), k, False, False)
        self._tell(second)
        return burst.at(self._clock + self._tail, self._clock_sum ^ self._tail_sum)

    def _moodily(self, k: int, mood: Mood, j: int) -> bytes:
        tail = self._tail
        if mood.own is not None:
            day, second = mood.own.day, mood.own.ns_of_day // NS
            tail = (b".%03d" % self._who.own_fraction_ms)[: 1 + self._who.time_decimals]
        else:
            day, second = self._calendar.name(k + mood.ahead)
            if self._leap_k:
                day, second = self._leap_style(k, day, second)
            day -= self._rollover_days
        if self.hz > 1:
            tail = (b".%03d" % (1000 * j // self.hz))[: 1 + self._who.time_decimals]
        shown: date | str = civil_date(day)
        if mood.own is not None and self._cold_date != "vendor":
            shown = self._cold_date
        key = (mood.kind, shown, k & 7, k % self._who.gsv_every == 0, mood.booting, mood.factory)
        burst = self._cache.get(key)
        if burst is None:
            if len(self._cache) > 500:
                self._cache.clear()
            burst = self._cache[key] = self._burst(mood.kind, shown, k, mood.booting, mood.factory)
        self._tell(second)
        return burst.at(self._clock + tail, self._clock_sum ^ checksum(tail))

    def _burst(self, kind: str, day: date | str, k: int, booting: bool, factory: bool) -> Burst:
        names = self._who.order if factory else self._names
        if k % self._who.gsv_every:
            names = tuple(n for n in names if n != "GSV")
        baud = self._who.baud if factory else self.baud
        room = None if self._backlog else int(0.97 * baud / 10 / self.hz)
        extra = self._who.boot if booting else ()
        return self._writer.burst(kind, day, k & 7, names, room, extra)

    def _leap_style(self, k: int, day: int, second: int) -> tuple[int, int]:
        assert self._leap is not None
        style, leap = self._leap.word("style"), self._leap_k[0]
        if style == "repeat" and second == DAY_S:
            return day, DAY_S - 1
        if style == "late" and leap <= k < leap + _LATE_S:
            return day + 1 if second == DAY_S else day, 0 if second == DAY_S else second + 1
        return day, second

    def _tell(self, second: int) -> None:
        """Set the clock text to this second of the day, HHMMSS."""
        minute, s = (second // 60, second % 60) if second < DAY_S else (1439, 60 + second - DAY_S)
        if minute != self._minute:
            self._minute = minute
            self._prefix = _TWO[minute // 60] + _TWO[minute % 60]
            self._prefix_sum = checksum(self._prefix)
        two = _TWO[s]
        self._clock = self._prefix + two
        self._clock_sum = self._prefix_sum ^ two[0] ^ two[1]


def _full_year(ddmmyy: str) -> str:
    if len(ddmmyy) == 8 and ddmmyy.isdigit():
        return ddmmyy
    if len(ddmmyy) != 6 or not ddmmyy.isdigit():
        raise UsageError(f"fault cold-start: date {ddmmyy!r} is not vendor, empty, DDMMYY or DDMMYYYY")
    return f"{ddmmyy[:4]}{'19' if ddmmyy[4:] >= '80' else '20'}{ddmmyy[4:]}"

"""`gpstime rtc compare`: how far the chip is from true time now, and how fast it went since it was last looked at."""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.app.rtc_bench import Bench, trim_of
from gpstime.app.rtc_starts import find_start
from gpstime.core.trim import PLAUSIBLE_PPM
from gpstime.store.rtc_history import Entry
from gpstime.times import NS, UtcTime

SHORTEST_S = 600
"""Two comparisons less far apart say nothing about a rate."""


@dataclass(frozen=True, slots=True)
class Since:
    """From the last comparison (or set) to this one, `span_s` of the chip's seconds: surely between `lo_ppm` and `hi_ppm`."""

    utc: str
    span_s: int
    ppm: float
    lo_ppm: float
    hi_ppm: float


@dataclass(frozen=True, slots=True)
class Compared:
    """`ahead_ns`: chip minus true, +-`err_ns`, at the start of its second `shown`; `clock_ahead_ns` the same of the system clock.

    `since` is None where nothing comparable is known; `why_not` says what stands against it.
    """

    chip: str
    shown: UtcTime
    ahead_ns: int
    err_ns: int
    trusted: bool
    trim: int | None
    temperature_c: float | None
    clock_ahead_ns: int
    clock_err_ns: int
    source: str
    since: Since | None
    why_not: str


def compare(bench: Bench) -> Compared:
    """Compare, and write the comparison into the history. NoSecond where no second is verified."""
    second = bench.second()
    start = find_start(bench.chip, bench.time)
    true, doubt = second.unix(start.at)
    ahead, err = start.shown.unix - true, start.half_ns + doubt
    held = trim_of(bench.chip)
    trim, saw_ns = held.value, held.saw_ns
    raw, system, clock_err = bench.clock()
    at_clock, clock_doubt = second.unix(raw)
    before = bench.history.last("compared", "set", "trimmed", "undone")
    since, why_not = _since(before, start.shown.unix // NS, ahead, err + saw_ns, trim)
    if start.reading.trusted:
        bench.history.add(
            "compared", UtcTime.from_unix(true).iso(3), shown_s=start.shown.unix // NS, ahead_ns=ahead, err_ns=err, trim=trim
        )
    return Compared(
        bench.chip.name,
        start.shown,
        ahead,
        err,
        start.reading.trusted,
        trim,
        start.reading.temperature_c,
        system - at_clock,
        clock_err + clock_doubt,
        second.source,
        since,
        why_not,
    )


def _since(before: Entry | None, shown_s: int, ahead: int, err: int, trim: int | None) -> tuple[Since | None, str]:
    """The mean rate since an earlier entry, if that is what it seems to be."""
    if before is None:
        return None, "it is compared for the first time"
    then_s, then_ahead, then_err = (before.whole(name) for name in ("shown_s", "ahead_ns", "err_ns"))
    if then_s is None or then_ahead is None or then_err is None:
        return None, "its trim was changed since it was last compared"
    span = shown_s - then_s
    if before.figures.get("trim") != trim:
        return None, "its trim register is another one than at the last comparison"
    if span < SHORTEST_S:
        return None, "the last comparison is less than ten minutes back" if span >= 0 else "it was set back since"
    true_s = span - (ahead - then_ahead) / NS
    ppm, half = (ahead - then_ahead) / true_s / 1e3, (err + then_err) / true_s / 1e3
    if abs(ppm) > PLAUSIBLE_PPM:
        return None, f"{ppm:+.0f} ppm since the last comparison is no crystal's: somebody set it since"
    return Since(before.utc, span, ppm, ppm - half, ppm + half), ""

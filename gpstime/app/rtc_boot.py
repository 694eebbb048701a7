"""`gpstime rtc boot`: the time of a trusted chip, corrected by what is known of it, and the bound that this justifies.

Dry unless told to act; then the system clock is set once, and only if that is better than what it shows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gpstime.app.rtc_bench import Bench, trim_of
from gpstime.app.rtc_starts import find_start
from gpstime.core.rtc_boot import LOST, BootTime, Known, boot_time
from gpstime.store.rtc_history import History
from gpstime.times import NS, RawNs, UnixNs, UtcTime

AGEING_PPM = 3.0
"""Makers' figures for the first year, up to."""
COMPENSATED_PPM = {"ds3231": 2.0, "ds3232": 2.0, "ds3231m": 5.0, "rv8803": 1.5}
"""What is left of temperature in chips that compensate it, 0 to 40 C and more (their data sheets' stability)."""
TUNING_FORK_PPM = 21.0
"""A bare 32 768 Hz crystal, 25 C away from where it was measured at 25 C (0.034 ppm per K squared)."""


@dataclass(frozen=True, slots=True)
class Booted:
    """`found`, the time at the start of the chip's second `shown` (raw instant `at`), or `why_not`.

    `clock_off_ns`: the system clock minus that time, before anything was done. `done`: it was set.
    """

    chip: str
    shown: UtcTime
    at: RawNs
    trusted: bool
    found: BootTime | None
    why_not: str
    clock_off_ns: int | None
    done: bool
    note: str


def wander_ppm(chip: str) -> float:
    """By how much its frequency may differ from what was measured."""
    return COMPENSATED_PPM.get(chip, TUNING_FORK_PPM) + AGEING_PPM


def known_of(history: History, chip: str, saw_ns: int = 0) -> Known | None:
    """Of the history: when the chip was last compared, and its ppm with that trim; None where one of the two is missing.

    `saw_ns`: by how much a trim in pulses makes it leave the line of its mean rate.
    """
    at = history.last("compared", "set", "trimmed", "undone")
    if at is None or at.what in ("trimmed", "undone"):
        return None  # between the comparison before and the change of its rate nobody looked
    trim = at.figures.get("trim")
    rates = (e for e in reversed(history.entries) if e.what in ("measured", "verified") and e.figures.get("trim") == trim)
    rate = next(rates, None)
    if rate is None:
        return None
    shown_s, ahead, err = (at.whole(name) for name in ("shown_s", "ahead_ns", "err_ns"))
    ppm, lo, hi = (rate.number(name) for name in ("ppm", "lo", "hi"))
    if shown_s is None or ahead is None or err is None or ppm is None or lo is None or hi is None:
        return None
    shown = UtcTime.from_unix(shown_s * NS)
    return Known(shown, ahead, err + saw_ns, ppm, lo, hi, rate.whole("trim"), wander_ppm(chip))


def boot(bench: Bench, act: bool) -> Booted:
    """What time it is; with `act` also told to the system clock (DeviceForbidden where that may not be)."""
    chip = bench.chip
    reading = chip.read()
    if not reading.trusted:  # one that stands still has no start of a second to be found
        return Booted(chip.name, reading.shown, reading.at, False, None, f"{LOST} ({chip.doubt})", None, False, "")
    start = find_start(chip, bench.time, edges=1)
    held = trim_of(chip)
    known = known_of(bench.history, chip.name, held.saw_ns)
    found = boot_time(start.shown, start.half_ns, start.reading.trusted, held.value, known, bench.not_before())
    raw, system, err = bench.clock()
    if isinstance(found, str):
        return Booted(chip.name, start.shown, start.at, start.reading.trusted, None, found, None, False, "")
    off = system - (found.unix + (raw - start.at))
    told = Booted(chip.name, start.shown, start.at, True, found, "", off, False, "")
    if not act:
        return told
    if abs(off) <= found.bound_ns + err:
        return replace(told, note="the system clock is within the bound already: it was left alone")
    bench.set_clock(UnixNs(found.unix), start.at)
    return replace(told, done=True)

"""`gpstime rtc set`: write the true second so that the chip's own second starts with it; measure what came of it, and do it again.

What lies between a write and the first tick is the maker's word (0.508 s after STOP on one part, 0.500 s on another), the bus's
time and this program's lateness together, so none of it is trusted: the start of a second is measured after each attempt.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.app.rtc_bench import Bench
from gpstime.app.rtc_second import TrueSecond
from gpstime.app.rtc_starts import Start, find_start
from gpstime.core.rtc_set import corrected, plan_set, residue_ns, within
from gpstime.drivers.rtc.wire import Written
from gpstime.times import NS, RawNs, UtcTime

LIMIT_NS = 1_000_000
ATTEMPTS = 4
MARGIN_S = 0.3
"""To get ready: a bus at 10 kHz needs a fifth of a second for what goes before the write."""
CLOSE_S = 0.002
"""The last part of a wait is slept by itself: a long sleep ends late by more than a short one."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One write. `ahead_ns`: the chip's second started so much early (negative: late), to +-`err_ns`.

    `first_tick_s` is what lay between the write (or the release of STOP) and the first tick, to +-`first_tick_err_s`.
    """

    ahead_ns: int
    err_ns: int
    first_tick_s: float
    first_tick_err_s: float


@dataclass(frozen=True, slots=True)
class SetDone:
    """`residue_ns` is what is left, +-`err_ns`; `within` the limit of a millisecond for sure. `shown`: the second looked at."""

    chip: str
    shown: UtcTime
    residue_ns: int
    err_ns: int
    within: bool
    attempts: tuple[Attempt, ...]
    documented_first_tick_s: float
    source: str
    notes: tuple[str, ...]


def set_chip(bench: Bench, limit_ns: int = LIMIT_NS) -> SetDone:
    """Set the chip; NoSecond before anything is written where no second is verified. Driver errors as they come."""
    second, chip = bench.second(), bench.chip
    delay_s = chip.first_tick_s
    attempts: list[Attempt] = []
    best: tuple[Attempt, Start] | None = None
    for _ in range(ATTEMPTS):
        if second.void(bench.time.now()):
            second = bench.second()
        written = _write(bench, second, delay_s)
        start = find_start(chip, bench.time)
        true, doubt = second.unix(start.at)
        ahead = start.shown.unix - true
        middle = (written.before + written.after) // 2
        documented = round(chip.first_tick_s * NS)
        # the start that was found is the first tick or one some whole seconds later
        tick = (documented + residue_ns(start.at - middle - documented)) / NS
        tick_err = start.half_ns + (written.after - written.before) // 2
        attempt = Attempt(ahead, start.half_ns + doubt, tick, tick_err / NS)
        attempts.append(attempt)
        best = (attempt, start)
        bench.history.add(
            "set",
            UtcTime.from_unix(true).iso(3),
            shown_s=start.shown.unix // NS,
            ahead_ns=ahead,
            err_ns=attempt.err_ns,
            first_tick_s=round(tick, 6),
            trim=None if chip.trim_spec is None else chip.read_trim(),
        )
        if within(ahead, attempt.err_ns, limit_ns):
            break
        # the next write goes by all of what lay between the call and the tick, ours included
        delay_s = corrected(delay_s, residue_ns(ahead))
        delay_s = delay_s if 0.01 < delay_s < 1.5 else chip.first_tick_s
    assert best is not None
    attempt, start = best
    notes = []
    if abs(attempt.first_tick_s - chip.first_tick_s) > attempt.first_tick_err_s + 1e-3:
        notes.append(
            f"the first tick came {attempt.first_tick_s:.4f} s after the write, not {chip.first_tick_s:.4f} s as documented: "
            "another maker's part, or a fake"
        )
    return SetDone(
        chip.name,
        start.shown,
        attempt.ahead_ns,
        attempt.err_ns,
        within(attempt.ahead_ns, attempt.err_ns, limit_ns),
        tuple(attempts),
        chip.first_tick_s,
        second.source,
        tuple(notes),
    )


def _write(bench: Bench, second: TrueSecond, delay_s: float) -> Written:
    """Write such that the first tick, `delay_s` after the call, falls on a true second."""
    chip = bench.chip
    if chip.divider_resets:
        value, due = _planned(bench, second, delay_s)
        _wait(bench, due)
        return chip.write_time(value)
    chip.stop()  # may take a second: what is written is decided afterwards
    try:
        for _ in range(3):
            value, due = _planned(bench, second, delay_s)
            chip.write_time(value)
            if bench.time.now() < due:
                break
        _wait(bench, due)
    except BaseException:
        chip.abandon()  # a chip that is left stopped loses its time
        raise
    return chip.release()


def _planned(bench: Bench, second: TrueSecond, delay_s: float) -> tuple[UtcTime, RawNs]:
    """(what to write, the raw instant at which the divider has to start)."""
    plan = plan_set(second.unix(bench.time.now())[0], delay_s, MARGIN_S)
    return UtcTime.from_unix(plan.second_s * NS), second.raw(plan.act_ns)


def _wait(bench: Bench, due: int) -> None:
    for before_s in (CLOSE_S, 0.0):
        left_s = (due - bench.time.now()) / NS - before_s
        if left_s > 0:
            bench.time.sleep(left_s)

"""The mean frequency of a clock chip over whole cycles of its trim: what a verification rests on.

A trim that acts in pulses moves the clock by milliseconds now and then, which looks as if somebody had set it.  Between two
starts of seconds that are a multiple of the cycle apart *on the chip's own count*, the same pulses lie whichever the start, so the
mean over them is the frequency that the trim makes.  Every start of a second is a bracket that surely holds it, and so is the
interval found here.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from gpstime.times import NS

WANDER_PPM = 3.0
"""A working crystal's frequency changes by less between neighbouring points (a tuning fork that warms by 10 C: 3.4 ppm)."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """When the chip began its second `shown_s` (POSIX) it was `ahead_ns` ahead of true time, to +-`err_ns`."""

    shown_s: int
    ahead_ns: int
    err_ns: int


@dataclass(frozen=True, slots=True)
class MeanRate:
    """The chip's mean error in ppm (positive: it gains), surely between `lo_ppm` and `hi_ppm`, over `span_s` of its own seconds.

    `cycles` of the trim lie in the span; `pairs` of points gave the mean.
    """

    ppm: float
    lo_ppm: float
    hi_ppm: float
    span_s: int
    cycles: int
    pairs: int


@dataclass(frozen=True, slots=True)
class Jump:
    """Somebody set the chip, by `by_ns` (positive: forward), between the points before and at its second `shown_s`."""

    shown_s: int
    by_ns: int


SLACK_S = 5
"""Starts of seconds are not always found at the very second that is wanted."""
QUIET = range(8, 53)
"""Seconds of the minute between which no pulse comes, for trims that act at the turn of a minute."""


def mean_rate(points: Sequence[Ahead], cycle_s: float, effect_ppm: float = 0.0) -> MeanRate | None:
    """Over as many whole cycles as the points hold, averaged over every phase of the cycle that they allow; None without one.

    `points` in rising order of their second; `effect_ppm` is what the trim is meant to do (`TrimSpec.effect_ppm`).  Where the cycle
    is whole minutes a pair may miss it by a few seconds in the quiet part of the minute: what the bare crystal does meanwhile, the
    mean less the trim's effect, is taken off.
    """
    cycle = round(cycle_s)
    if len(points) < 2:
        return None
    by_second = {p.shown_s: p for p in points}
    slacks: tuple[int, ...] = (0,)
    if cycle > 1 and cycle % 60 == 0:
        slacks = tuple(sorted(range(-SLACK_S, SLACK_S + 1), key=abs))
    longest = points[-1].shown_s - points[0].shown_s + SLACK_S
    for cycles in range(longest // cycle, 0, -1):
        apart = cycles * cycle
        pairs = [pair for a in points if (pair := _partner(a, apart, slacks, by_second)) is not None]
        if not pairs:
            continue
        rates, doubts = [], []
        for a, b in pairs:
            gained, span = b.ahead_ns - a.ahead_ns, b.shown_s - a.shown_s
            true_ns = span * NS - gained
            rates.append((gained + effect_ppm * 1e3 * (span - apart)) / true_ns * 1e6)
            doubts.append((a.err_ns + b.err_ns) / true_ns * 1e6)
        mean, doubt = statistics.fmean(rates), statistics.fmean(doubts)
        return MeanRate(mean, mean - doubt, mean + doubt, apart, cycles, len(pairs))
    return None


def _partner(a: Ahead, apart: int, slacks: Sequence[int], by_second: dict[int, Ahead]) -> tuple[Ahead, Ahead] | None:
    """`a` and the point so many seconds later, or one next to that where no pulse can lie between."""
    for slack in slacks:
        b = by_second.get(a.shown_s + apart + slack)
        if b is not None and (not slack or (a.shown_s % 60 in QUIET and b.shown_s % 60 in QUIET)):
            return a, b
    return None


def jumps(points: Sequence[Ahead], pulse_ns: float) -> list[Jump]:
    """Where somebody set the chip: a step between neighbours that neither a crystal nor a pulse of the trim makes.

    `pulse_ns`: how far one cycle of the trim may move the clock at once (0 for a continuous trim).
    """
    if len(points) < 3:
        return []
    steps = [(a, b, b.ahead_ns - a.ahead_ns, b.shown_s - a.shown_s) for a, b in itertools.pairwise(points)]
    usual = statistics.median(gained / max(1, apart) for _, _, gained, apart in steps)  # ns a second
    found = []
    for a, b, gained, apart in steps:
        odd = gained - round(usual * apart)
        allowed = a.err_ns + b.err_ns + WANDER_PPM * 1e3 * max(1, apart) + abs(pulse_ns)
        if abs(odd) > allowed or apart <= 0:
            found.append(Jump(b.shown_s, odd))
    return found


def longest_untouched(points: Sequence[Ahead], touched: Sequence[Jump]) -> list[Ahead]:
    """The longest stretch without a jump in it: what may be averaged."""
    starts = {jump.shown_s for jump in touched}
    stretches: list[list[Ahead]] = [[]]
    for point in points:
        if point.shown_s in starts and stretches[-1]:
            stretches.append([])
        stretches[-1].append(point)
    return max(stretches, key=lambda s: s[-1].shown_s - s[0].shown_s if s else -1)

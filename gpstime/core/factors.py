"""From scores of forecasts to the factor that a bound needs at each length: what may be slow in this crystal, weighed by Bayes.

Scores are many at short lengths and few at long ones, and an outage may last longer than anything that was scored. What lies
between and beyond depends on what moves the crystal, so some answers are held side by side and weighed by how well they foretell
the scores: nothing but the walk that is in the filter's sigma already; a day's swing of the frequency beside it, of one of several
sizes, whose part grows with the length in a way that is known; and each of these with a factor that bends freely from one length
to the next (a filter of two states, ln of the factor and its rise), for whatever else there is. On a crystal that only walks the
free bend would make 24 hours of 6 as uncertain as a factor of 1.5 either way; that it only walks is seen after an hour or two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gpstime.times import DAY_S

Seen = tuple[float, float] | None
"""What the scores of one length ask for: ln of the factor, and its variance; None where there are too few."""

SWINGS_PPB = (60.0, 120.0, 250.0, 500.0, 1_000.0, 2_000.0, 4_000.0)
"""Amplitudes of the day's swing: a board in a drawer to one in the sun."""
SWINGING = 0.1
"""How likely a swing of any of these sizes is, before anything was scored."""
BENDING = 0.25
"""How likely it is that something else is slow in it, too."""
SHOWS = 0.5
"""The part of a swing's slope that the filter's trend does not take away, as a share of the variance."""
UNSURE, MOST_UNSURE = 0.5, 0.05
"""A scale that is not known makes tails: so much is added to ln of the factor for each unit of its variance, and no more than that.
The bound of a crystal that only walks is to hold 93 to 97 %, neither more nor less; the figures here were chosen for it on crystals
that the tables of docs/holdover.md do not have."""

UNSEEN = 0.4
"""A swing of which no whole day was seen has shown a part of itself: so much is added to ln of the factor where it is all of it."""


@dataclass(frozen=True, slots=True)
class Bend:
    """How the factor may differ from what is foretold (sigmas of ln): `start` at the shortest length, `rise` each time the length
    doubles; `rough` and `bend`: how much both may change from one length to the next; `rough_day`: from half a day to a day, and
    what grew towards it does not go on, since the day is over then."""

    start: float
    rise: float
    rough: float
    bend: float
    rough_day: float


STILL = Bend(0.1, 0.0, 0.02, 0.0, 0.02)
FREE = Bend(0.3, 0.05, 0.03, 0.08, 0.5)


def swing(seconds: float) -> float:
    """By how many ns a frequency that was kept is off on average (RMS over the time of day), for a swing of 1 ppb."""
    turn = 2.0 * math.pi * min(seconds, DAY_S) / DAY_S
    slope, level = 1.0 - math.cos(turn), math.sin(turn) - turn
    return DAY_S / (2.0 * math.pi) * math.sqrt(0.5 * (SHOWS * slope * slope + level * level))


def factors(lengths_s: Sequence[int], sigmas_ns: Sequence[float], seen: Sequence[Seen]) -> list[float]:
    """ln of the factor at each length, the last of them a day. `sigmas_ns`: what the filter says of itself at each."""
    weighed: list[tuple[float, list[float], list[tuple[float, float]]]] = []
    for ppb in (0.0, *SWINGS_PPB):
        told = [0.5 * math.log1p((ppb * swing(t) / s) ** 2) for t, s in zip(lengths_s, sigmas_ns, strict=True)]
        rest = [None if v is None else (v[0] - m, v[1]) for v, m in zip(seen, told, strict=True)]
        prior = SWINGING / len(SWINGS_PPB) if ppb else 1.0 - SWINGING
        for bend, share in ((STILL, 1.0 - BENDING), (FREE, BENDING)):
            likely, chain = follow(rest, bend)
            weighed.append((math.log(prior * share) + likely, told, [(m + x, v) for m, (x, v) in zip(told, chain, strict=True)]))
    best = max(likely for likely, _, _ in weighed)
    shares = [math.exp(likely - best) for likely, _, _ in weighed]
    total = math.fsum(shares)
    unseen = UNSEEN if seen[-1] is None else 0.0
    out = []
    for i in range(len(lengths_s)):
        here = [chain[i] for _, _, chain in weighed]
        mean = math.fsum(w * x for w, (x, _) in zip(shares, here, strict=True)) / total
        variance = math.fsum(w * (v + (x - mean) ** 2) for w, (x, v) in zip(shares, here, strict=True)) / total
        swings = math.fsum(w * -math.expm1(-2.0 * told[i]) for w, (_, told, _) in zip(shares, weighed, strict=True)) / total
        out.append(mean + min(UNSURE * variance, MOST_UNSURE) + unseen * swings)
    return out


def follow(seen: Sequence[Seen], bend: Bend) -> tuple[float, list[tuple[float, float]]]:
    """(log likelihood, ln of the factor and its variance at each length), as known from the lengths up to it."""
    level = rise = cross = likely = 0.0
    plevel, prise = bend.start**2, bend.rise**2
    chain = []
    for i, value in enumerate(seen):
        if i:
            last = i == len(seen) - 1
            level += min(rise, 0.0) if last else rise
            plevel += 2.0 * cross + prise + (bend.rough_day if last else bend.rough) ** 2
            cross += prise
            prise += bend.bend**2
        if value is not None:
            s, e = plevel + value[1], value[0] - level
            k, kr = plevel / s, cross / s
            likely -= 0.5 * (e * e / s + math.log(s))
            level += k * e
            rise += kr * e
            prise -= kr * cross
            cross -= k * cross
            plevel -= k * plevel
        chain.append((level, plevel))
    return likely, chain

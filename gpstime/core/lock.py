"""Finding a train of pulses in a handful of edges of which nothing is known yet.

All functions take raw times in ns, in order of arrival, and look for a *chain*: edges that are a whole number of periods apart.
What kind of chain was found is said plainly (`Found.kind`); what to do about it is the train's business.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gpstime.core.line import median
from gpstime.model import PpsEdge, Rejected

NS = 1_000_000_000
DUPLICATE_NS = 1_000_000
"""Two edges closer than this are one pulse (64-bit kernels deliver a GPIO interrupt twice, 2 to 10 us apart)."""
START = 4
"""Consistent edges that make a train."""
NOMINAL = 0.03
"""A pulse a second on a clock that is at most 3 % off (an Arduino's resonator is 0.7 % off; a crystal never more than 0.05 %)."""
GATE_NS = 25_000_000
"""Half-width of the gate around the expected pulse: ten times the worst stamping outlier seen (2.5 ms), far from the next edge."""
UNIFORM = 9
"""Edges in a row that must be evenly spaced before anything but one pulse per second is believed."""
SLOWEST = 64
"""The longest whole number of seconds between pulses that is taken for a slow pulse."""
FAST = frozenset((2, 4, 5, 8, 10, 16, 20, 25, 50, 100))
"""Pulses per second that receivers can be set to."""
MOST_HELD = 24
"""Edges held at most before a train is found; the oldest is given up."""


@dataclass(frozen=True, slots=True)
class Found:
    """A chain: `members` are (position in the sequence, seconds since the chain's first), `period_ns` raw ns per second.

    `kind`: `second`: one pulse per second; `slow`: one in several whole seconds; `fast`: several per second; `odd`: evenly
    spaced, but no rate that a receiver makes, so a timer that loses ticks.  `interval_ns` is the spacing as the raw clock has it.
    """

    kind: Literal["second", "slow", "fast", "odd"]
    members: tuple[tuple[int, int], ...]
    period_ns: float
    interval_ns: float

    @property
    def rate_hz(self) -> float:
        """Pulses per second, as a receiver would be set up to give them."""
        seconds = self.interval_ns / NS
        return 1.0 if self.kind in ("second", "odd") else 1 / round(seconds) if seconds > 1 else float(round(1 / seconds))


def find(times: Sequence[int], need: int) -> Found | None:
    """The chain that ends at the last edge, with at least `need` members, or None while there is none."""
    count = len(times)
    if count < need:
        return None
    steps = [b - a for a, b in itertools.pairwise(times[-need:])]
    if all(abs(d - NS) < NOMINAL * NS for d in steps) and max(steps) - min(steps) < 2 * GATE_NS:
        return _chain_back(times, (times[-1] - times[-need]) / (need - 1), "second", 1)
    if count >= max(UNIFORM, need):
        found = _uniform(times)
        # the even spacing may be broken just before the last edge: a chain of one is no train
        if found is not None and (found.kind == "fast" or len(found.members) >= START):
            return found
    return _scattered(times, max(need, 5))


def _uniform(times: Sequence[int]) -> Found | None:
    """Evenly spaced edges that are not one second apart (one interval in eight may be anything)."""
    recent = times[-UNIFORM:]
    steps = sorted(b - a for a, b in itertools.pairwise(recent))
    middle = median(steps)
    if middle <= 0 or sum(abs(d - middle) < 0.05 * middle for d in steps) < UNIFORM - 2:
        return None
    seconds = middle / NS
    if abs(seconds - 1) < NOMINAL:
        return None
    whole = round(seconds)
    if 2 <= whole <= SLOWEST and abs(seconds - whole) < min(NOMINAL * whole, 0.1):
        return _chain_back(times, middle / whole, "slow", whole, middle)
    per_second = round(1 / seconds)
    if per_second in FAST and abs(seconds * per_second - 1) < NOMINAL:
        return Found("fast", (), middle * per_second, middle)
    return _chain_back(times, middle, "odd", 1) if 0.02 < seconds < 1 else None


def _scattered(times: Sequence[int], need: int) -> Found | None:
    """A pulse a second among missing and rogue ones: walk back from the last edge in steps of whole seconds."""
    chain = [len(times) - 1]
    for i in range(len(times) - 2, -1, -1):
        d = times[chain[-1]] - times[i]
        whole = round(d / NS)
        if 1 <= whole <= 10 and abs(d - whole * NS) < NOMINAL * NS * whole:
            chain.append(i)
    if len(chain) < need or 2 * len(chain) < len(times):
        return None
    steps = [(times[b] - times[a], round((times[b] - times[a]) / NS)) for b, a in itertools.pairwise(chain)]
    if steps[0][1] > 1 and len({whole for _, whole in steps}) == 1:
        return None  # evenly spaced: a slow pulse, if it goes on like this
    period = median(d / whole for d, whole in steps)
    found = _chain_back(times, period, "second", 1)
    if len(found.members) < need or 2 * len(found.members) < len(times):
        return None
    return found


def _chain_back(
    times: Sequence[int], period: float, kind: Literal["second", "slow", "odd"], per_pulse: int, interval: float | None = None
) -> Found:
    """Every edge that fits the period, walking back from the last; the number of the first is 0."""
    gate = min(GATE_NS, 0.1 * period)
    last = times[-1]
    members = [(len(times) - 1, 0)]
    for i in range(len(times) - 2, -1, -1):
        d = last - times[i]
        whole = round(d / period)
        if whole >= 1 and abs(d - whole * period) < gate:
            number = members[-1][1] - whole
            members.append((i, number))
            if len(members) > 2:  # a longer base gives a better period
                period = (times[members[0][0]] - times[i]) / -number
            last = times[i]
    first = members[-1][1]
    ordered = tuple((i, number - first) for i, number in reversed(members))
    return Found(kind, ordered, period, interval if interval is not None else period * per_pulse)


class Holding:
    """The edges that came before there is a train, by polarity; says when a chain is there and on which polarity to run."""

    def __init__(self) -> None:
        self._edges: dict[str, list[PpsEdge]] = {"assert": [], "clear": []}
        self.one_per_second = False
        """Sentences say that fast edges come one a second: a timer that loses ticks, not a fast pulse."""
        self.fast: Found | None = None
        """A pulse faster than one per second was found at the last edge."""
        self.width_ns: float | None = None

    def take(self, edge: PpsEdge, rejected: list[Rejected]) -> Found | None:
        """Hold one edge. A chain to start on, or None; what can't be used any more is added to `rejected`."""
        held = self._edges[edge.edge]
        self.fast = None
        if held and abs(edge.at - held[-1].at) < DUPLICATE_NS:
            rejected.append(Rejected(edge.at, "pps", "duplicate-pulse"))
            return None
        if held and edge.at < held[-1].at:  # another boot: what was held belongs to the old one
            rejected += [Rejected(e.at, "pps", "clock-stepped") for e in held]
            held.clear()
        held.append(edge)
        found = find([e.at for e in held], START)
        if found is not None and found.kind == "fast":
            if self.one_per_second:
                found = Found("odd", tuple((i, i) for i in range(len(held))), found.interval_ns, found.interval_ns)
            else:
                self.fast = found
                rejected += [Rejected(e.at, "pps", "wrong-rate") for e in held[: 1 - UNIFORM]]
                del held[: 1 - UNIFORM]
                return None
        if found is not None and self._leads(edge.edge, found):
            return found
        if len(held) > MOST_HELD:
            rejected.append(Rejected(held.pop(0).at, "pps", "rogue-pulse"))
        return None

    def release(self, polarity: str) -> tuple[list[PpsEdge], list[PpsEdge]]:
        """The held edges of this polarity, and those of the other; nothing is held afterwards."""
        other = "clear" if polarity == "assert" else "assert"
        released = self._edges[polarity], self._edges[other]
        self._edges = {"assert": [], "clear": []}
        return released

    def _leads(self, polarity: str, found: Found) -> bool:
        """True if the train should run on this polarity: it begins the shorter part of the period, or it is all there is."""
        held, other = self._edges[polarity], self._edges["clear" if polarity == "assert" else "assert"]
        after = sorted((o.at - held[found.members[-1][0]].at) % found.interval_ns for o in other)
        if not after:
            return polarity == "assert" or len(held) > START
        if find([o.at for o in other], START) is None:
            return len(found.members) >= 2 * START
        width = after[len(after) // 2]
        part = width / found.interval_ns
        even = 0.45 < part < 0.55  # a pulse half a second long: no telling, so the usual edge
        if polarity == "assert" if even else part < 0.5:
            self.width_ns = width
            return True
        return False

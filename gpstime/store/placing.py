"""When something in a record happened, found afterwards (P17).

A board that starts without a clock records events that have a raw time and no date, while its system clock says 1970, or the time
of its last shutdown, and is stepped later. The raw clock does not care: it runs through from boot to shutdown. One pulse whose
second is known places everything of that boot, also what came before it and what other runs of the same boot left.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any, Protocol

from gpstime.store.marks import Mark, anchors
from gpstime.times import LeapTable, RawNs, TaiNs, UtcTime

PULSE_NS = 10_000
"""an anchor is a single pulse: the least that its stamp is taken to be off (latency of the interrupt included)"""
UNSEEN_NS = 1_000_000
"""the same where there are too few pulses to show their noise: a stamp taken in user space may be that late"""
UNKNOWN_PPB = 200_000
"""no crystal of a Pi is further off than that; the bound where the run does not tell its frequency"""
KNOWN_PPB = 20_000
"""how far the frequency may be off outside of what was measured: a board warms up after its start"""
ENOUGH_NS = 300 * 10**9
"""anchors so far apart say what the frequency is"""


@dataclass(frozen=True, slots=True)
class Placed:
    """An instant found afterwards: true time lies within `err_ns` of `utc`. `how`: between, before or after the known seconds, or
    across a jump of the raw clock."""

    utc: UtcTime
    err_ns: int
    how: str


class Placing:
    """The raw clock of one boot, laid against true time by `known` (pulses and their seconds)."""

    def __init__(self, known: Iterable[tuple[RawNs, UtcTime]], leap: LeapTable) -> None:
        self._leap = leap
        by_raw = {at: leap.tai(second) for at, second in known}
        self._raw: list[RawNs] = sorted(by_raw)
        self._tai: list[TaiNs] = [by_raw[at] for at in self._raw]
        self._noise_ns = self._noise()

    def __len__(self) -> int:
        return len(self._raw)

    def _noise(self) -> int:
        """How far a single pulse may be off: four sigma of what anchors miss the line between their neighbours by."""
        raw, tai = self._raw, self._tai
        missed = []
        for i in range(1, len(raw) - 1):
            shown, true = raw[i + 1] - raw[i - 1], tai[i + 1] - tai[i - 1]
            if abs(true - shown) * 10**9 <= shown * UNKNOWN_PPB:  # the others are jumps
                missed.append(abs(tai[i] - tai[i - 1] - (raw[i] - raw[i - 1]) * true // shown))
        # sigma from the median of the absolute values (1.48), of a sum of one and two halves of the noise (1.22)
        return max(PULSE_NS, round(4 * 1.48 / 1.22 * median(missed))) if len(missed) > 1 else UNSEEN_NS

    def at(self, raw: RawNs) -> Placed | None:
        """The UTC of a reading of the raw clock; None where no second of this boot is known."""
        if not self._raw:
            return None
        i = bisect.bisect_right(self._raw, raw)
        if 0 < i < len(self._raw):
            return self._between(raw, i - 1)
        edge, inner, how = (0, self._far(0), "before") if i == 0 else (len(self._raw) - 1, self._far(-1), "after")
        away = raw - self._raw[edge]
        if inner is None:
            return self._placed(self._tai[edge] + away, abs(away) * UNKNOWN_PPB // 10**9, how)
        true, shown = self._tai[edge] - self._tai[inner], self._raw[edge] - self._raw[inner]
        return self._placed(self._tai[edge] + away * true // shown, abs(away) * KNOWN_PPB // 10**9, how)

    def _between(self, raw: RawNs, i: int) -> Placed:
        true, shown = self._tai[i + 1] - self._tai[i], self._raw[i + 1] - self._raw[i]
        off = abs(true - shown)
        if off > shown * UNKNOWN_PPB // 10**9 + self._noise_ns:  # no crystal: the raw clock stood still, or a label was wrong
            return self._placed(self._tai[i] + raw - self._raw[i], off, "across a jump of the raw clock")
        away = min(raw - self._raw[i], self._raw[i + 1] - raw)
        wander = 0 if shown <= ENOUGH_NS else away * KNOWN_PPB // 10**9
        return self._placed(self._tai[i] + (raw - self._raw[i]) * true // shown, wander, "between")

    def _far(self, edge: int) -> int | None:
        """The anchor nearest to the one at `edge` that is far enough from it to tell a frequency."""
        n = len(self._raw)
        order = range(1, n) if edge == 0 else range(n - 2, -1, -1)
        return next((i for i in order if abs(self._raw[i] - self._raw[edge]) >= ENOUGH_NS), None)

    def _placed(self, tai: int, err_ns: int, how: str) -> Placed:
        return Placed(self._leap.utc(TaiNs(tai)), err_ns + self._noise_ns, how)

    def raw(self, utc: UtcTime) -> RawNs | None:
        """The raw clock at a UTC time (the inverse of `at`, to the crystal's bound); None where no second is known."""
        if not self._raw:
            return None
        tai = self._leap.tai(utc)
        i = bisect.bisect_right(self._tai, tai)
        if 0 < i < len(self._tai) and self._tai[i] > self._tai[i - 1]:
            true, shown = self._tai[i] - self._tai[i - 1], self._raw[i] - self._raw[i - 1]
            return RawNs(self._raw[i - 1] + (tai - self._tai[i - 1]) * shown // true)
        edge = 0 if i == 0 else -1
        return RawNs(self._raw[edge] + tai - self._tai[edge])


class Known(Protocol):
    """What placing wants to know of a run: `store.runs.Run` tells all of it, `store.ends.Ends` enough."""

    @property
    def number(self) -> int: ...
    @property
    def head(self) -> dict[str, Any]: ...
    @property
    def marks(self) -> list[Mark]: ...


def placing_of(run: Known, others: Iterable[Known], leap: LeapTable) -> Placing:
    """For `run`: its own anchors, and those of `others` that ran in the same boot (`boot` in their heads)."""
    boot = run.head.get("boot")
    found = anchors(run.marks)
    if boot:
        for other in others:
            if other.number != run.number and other.head.get("boot") == boot:
                found += anchors(other.marks)
    return Placing(found, leap)

"""Holdovers scored beyond the run: a sink that keeps each, and what all of them say about the bound."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gpstime.model import Event, Finding, HoldoverBegan, HoldoverScored
from gpstime.store.outages import Outages, Over
from gpstime.times import UtcTime

LENGTHS_S = (600.0, 9_000.0, math.inf)
"""Judged apart: up to ten minutes, up to 2.5 hours, longer. What moves a crystal in a day is not what moves it in a minute."""
SHARE = 0.95
"""What a bound promises to hold."""
DOUBTED = 0.01
"""Fewer that held than a bound of 95 % would give once in so many times: it promises too much."""


class Scoring:
    """A `ports.Sink`. `second`: of the last pulse, if it has one; `told` hears what the disk has against it."""

    def __init__(
        self,
        kept: Outages,
        by: str,
        second: Callable[[], UtcTime | None],
        run: Callable[[], int | None] = lambda: None,
        told: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self.kept = kept
        self._by, self._second, self._run, self._told = by, second, run, told
        self._began: HoldoverBegan | None = None

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, HoldoverBegan):
            self._began = value
        elif isinstance(value, HoldoverScored):
            began, self._began = self._began, None
            second = self._second()
            trouble = self.kept.add(
                Over(
                    "" if second is None else second.iso(),
                    round(value.lasted_s, 3),
                    round(value.off_ns, 1),
                    round(value.bound_ns, 1),
                    None if began is None else began.limit_ns,
                    None if began is None else round(began.lasts_s, 1),
                    None if began is None else began.seen_s,
                    self._by,
                    self._run(),
                )
            )
            if trouble:
                self._told(trouble)


@dataclass(frozen=True, slots=True)
class Tally:
    """Of holdovers longer than `over_s` and no longer than `upto_s`: how many there were, how many were within their bound."""

    over_s: float
    upto_s: float
    outages: int
    held: int

    @property
    def doubtful(self) -> bool:
        """So few that held that chance does not explain it."""
        return chance(self.held, self.outages) < DOUBTED


def chance(held: int, outages: int) -> float:
    """How likely it is that of so many bounds of 95 % no more than these hold."""
    ways = math.lgamma(outages + 1.0)
    logs = (
        ways - math.lgamma(k + 1.0) - math.lgamma(outages - k + 1.0) + k * math.log(SHARE) + (outages - k) * math.log(1.0 - SHARE)
        for k in range(held + 1)
    )
    return math.fsum(map(math.exp, logs))


def scores_of(kept: Outages) -> dict[str, object]:
    """For a status; keys are documented in docs/json.md."""
    found = tallies(kept.over)
    last = kept.over[-1] if kept.over else None
    return {
        "outages": found[-1].outages,
        "held": found[-1].held,
        "doubtful": any(tally.doubtful for tally in found),
        "last": None
        if last is None
        else {"utc": last.utc or None, "lasted_s": last.lasted_s, "off_ns": last.off_ns, "bound_ns": last.bound_ns},
    }


def tallies(over: Sequence[Over]) -> list[Tally]:
    """One for each of LENGTHS_S, and last of all one of them all."""
    found, low = [], 0.0
    for high in LENGTHS_S:
        some = [o for o in over if low < o.lasted_s <= high]
        found.append(Tally(low, high, len(some), sum(o.held for o in some)))
        low = high
    return [*found, Tally(0.0, math.inf, len(over), sum(o.held for o in over))]

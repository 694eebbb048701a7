"""The modes of a disciplined clock, and every way between them, in one table.

              +----------------------------------------------- any: faulted, while something forbids to steer
    acquiring -> tracking <-> holdover -> free-running
                    ^___________________________|

Nothing steers but `tracking`. In all other modes the clock keeps the frequency that was last set, its bare drift. A row is looked
at in the table's order and the first that holds is taken, one at a time; hysteresis is in the conditions: it takes LOST_S without
a pulse to leave tracking, ENTER verified pulses in a row to come to it, BACK to come back; how long a reason to be faulted counts
is in `forbids`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gpstime.model import Mode, ModeChange
from gpstime.times import RawNs

ENTER, BACK = 4, 2
"""Verified pulses in a row (at most two seconds apart) before the clock is steered, and before it is steered again."""
LOST_S = 5.0
"""Without a verified pulse for so long: holdover. Single pulses go missing every day (F-P10)."""


@dataclass(slots=True)
class Facts:
    """What the conditions look at. `row`: verified pulses in a row; `since_s`: since the last one; `bound_ns`: as it is now.

    `forbids`: why nothing may be steered ("": nothing forbids it); `doubt`: why pulses, if any come, are not verified.
    """

    row: int = 0
    since_s: float = 0.0
    bound_ns: float = float("inf")
    free_ns: float = float("inf")
    forbids: str = ""
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """From any of `old` to `new` when `holds`; `why` says it."""

    old: frozenset[Mode]
    new: Mode
    holds: Callable[[Facts], bool]
    why: Callable[[Facts], str]


_A, _T, _H, _F, _X = Mode.ACQUIRING, Mode.TRACKING, Mode.HOLDOVER, Mode.FREE_RUNNING, Mode.FAULTED


def _back(f: Facts) -> bool:
    return f.row >= BACK


def _lost(f: Facts) -> str:
    reason = f.doubt.removesuffix(".") or "no pulse comes"
    return f"{reason}: the frequency is kept, the bound grows"


TABLE: tuple[Way, ...] = (
    Way(frozenset({_A, _T, _H, _F}), _X, lambda f: bool(f.forbids), lambda f: f.forbids),
    Way(frozenset({_X}), _A, lambda f: not f.forbids, lambda f: "nothing forbids to steer any more"),
    Way(
        frozenset({_A}),
        _T,
        lambda f: f.row >= ENTER,
        lambda f: "the second is verified and pulses come: the clock is steered from now on",
    ),
    Way(frozenset({_T}), _H, lambda f: f.since_s > LOST_S, _lost),
    Way(frozenset({_H}), _T, _back, lambda f: "verified pulses are back: the clock is steered again"),
    Way(
        frozenset({_H}),
        _F,
        lambda f: f.bound_ns > f.free_ns,
        lambda f: f"without a verified pulse the clock may be off by more than {f.free_ns / 1e6:g} ms by now",
    ),
    Way(frozenset({_F}), _T, _back, lambda f: "verified pulses are back: the clock is steered again"),
)


class Modes:
    """`mode` now; `look` takes the ways that the facts open. `table` is replaced in tests only."""

    def __init__(self, table: tuple[Way, ...] = TABLE) -> None:
        self.mode = Mode.ACQUIRING
        self.why = "no verified pulse yet"
        self._ways = {mode: tuple(way for way in table if mode in way.old) for mode in Mode}

    def look(self, at: RawNs, facts: Facts) -> ModeChange | None:
        """The change that the facts make, if any. One at a time: the next event finds the next."""
        for way in self._ways[self.mode]:
            if way.holds(facts):
                change = ModeChange(at, self.mode, way.new, way.why(facts))
                self.mode, self.why = way.new, change.why
                return change
        if self.mode is Mode.ACQUIRING:
            self.why = facts.doubt or "no verified pulse yet"
        return None

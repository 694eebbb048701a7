"""What another program may be told of the time: one sample for each labelled pulse, or in a sentence why there is none.

Fed is only what is sure: the label is OK, the receiver has said within the last seconds that it has a fix, the pulse is no outlier,
and no leap second is near. What was doubted once can't be taken back from chrony or ntpd, so a doubt ends the feed at once.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from gpstime.model import Epoch, Kind, LabelChange, Offset
from gpstime.times import DAY_S, NS, LeapTable, RawNs, UnixNs, UtcTime

FIX_LASTS_NS = 5 * NS
"""A receiver that has not spoken of its fix for this long vouches for nothing: its cable may be out while the pulse goes on."""
LEAP_NEAR_NS = 5 * NS
"""Around a leap second POSIX time has no name for the instant, and chrony itself looks away for 5 s."""
_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()
_LEAP_DATES = {(6, 30), (12, 31)}
"""The only days at whose end chrony and ntpd expect a leap second."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The system clock showed `shown` when it was `true`; `leap`: the seconds that UTC gets more at the end of this day."""

    shown: UnixNs
    true: UnixNs
    leap: int = 0

    @property
    def true_minus_system_s(self) -> float:
        """Seconds to be *added* to the system clock: chrony's sign, the negation of our offset. The one place where it turns."""
        return (self.true - self.shown) / NS

    @property
    def leap_code(self) -> int:
        """As SOCK and SHM have it: 0 nothing, 1 insert a second, 2 leave one out."""
        return {1: 1, -1: 2}.get(self.leap, 0)


def leap_flag(table: LeapTable, day: int) -> int:
    """+1 or -1 if `day` is the last of June or December and ends with a leap second; 0 on every other day."""
    date = datetime.date.fromordinal(day + _EPOCH_ORDINAL)
    return table.leap_at_end_of(day) if (date.month, date.day) in _LEAP_DATES else 0


def leap_near(table: LeapTable, second: UtcTime) -> bool:
    """Within 5 s of a leap second, before or after, or in it."""
    after = table.leap_at_end_of(second.day)
    if after and second.ns_of_day >= (DAY_S + min(after, 0)) * NS - LEAP_NEAR_NS:
        return True
    return table.leap_at_end_of(second.day - 1) != 0 and second.ns_of_day <= LEAP_NEAR_NS


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why there is no sample, in a sentence; `passing`: of this pulse only, so that the next one may well be fed."""

    why: str
    passing: bool = False


class FeedGate:
    """Feed it every finding of the engine, and the offsets with what the receiver last said of its fix."""

    def __init__(self, leap: LeapTable) -> None:
        self._leap = leap
        self._fix_at: RawNs | None = None
        self._withdrawn = ""

    def on_epoch(self, epoch: Epoch) -> None:
        """A sentence; one that speaks well of the fix counts for a few seconds."""
        if epoch.fix or (epoch.fix is None and epoch.valid):
            self._fix_at = epoch.at

    def on_label(self, change: LabelChange) -> None:
        """The label changed; the sentence of a withdrawal is kept until there is a label again."""
        self._withdrawn = change.why if change.withdrawn else ""

    def take(self, offset: Offset, fix: bool | None, why: str) -> Sample | Withheld:
        """The sample of this pulse, or why there is none. `fix`: the receiver's last word; `why`: the pairing's about the label."""
        second = offset.second
        if second is None or offset.offset_ns is None:
            if self._withdrawn:
                return Withheld(f"the seconds named so far are in doubt: {self._withdrawn}")
            return Withheld(f"the pulses have no second: {why}")
        if fix is not True:
            return Withheld(
                "the receiver says that it has no fix" if fix is False else "the receiver has not said that it has a fix"
            )
        if self._fix_at is None or offset.at - self._fix_at > FIX_LASTS_NS:
            return Withheld("the receiver is silent: whether it still has a fix is not known")
        if offset.kind is not Kind.OK:
            return Withheld("this pulse is an outlier", passing=True)
        if leap_near(self._leap, second):
            return Withheld("a leap second is near")
        return Sample(UnixNs(second.unix + offset.offset_ns), second.unix, leap_flag(self._leap, second.day))


@dataclass(frozen=True, slots=True)
class Taking:
    """What became of a sample at the door: `state` ok or one word of trouble, and a sentence with the remedy."""

    state: str = "ok"
    why: str = ""


TAKEN = Taking()

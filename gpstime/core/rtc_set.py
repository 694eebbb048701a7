"""When to write to a clock chip so that its second begins with the true one, and what a measured start says of the delay.

A chip's divider starts from zero when its seconds are written, or when its STOP bit is released; so much later (`first_tick_s`) its
seconds go on by one.  Makers state that delay for their part only, and what a program and a bus need comes on top, so that it is
measured after each set and the next one goes by the measurement.  Times are POSIX ns of true time.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.times import NS


@dataclass(frozen=True, slots=True)
class SetPlan:
    """Write `second_s` (POSIX) such that the divider starts at `act_ns`: the chip goes on to the next with the true second."""

    second_s: int
    act_ns: int


def plan_set(now_ns: int, first_tick_s: float, margin_s: float) -> SetPlan:
    """The first second that can still be met, with `margin_s` to get ready. The chip is never set ahead of true time's own second.

    `first_tick_s`: from the divider's start to the first tick, above 0 and at most 1 (a full second where the write resets it all).
    """
    assert 0 < first_tick_s < 2, first_tick_s
    delay = round(first_tick_s * NS)
    tick_s = -(-(now_ns + round(margin_s * NS) + delay) // NS)
    return SetPlan(tick_s - 1, tick_s * NS - delay)


def corrected(first_tick_s: float, ahead_ns: int) -> float:
    """The delay to reckon with next time, when the chip's second was found `ahead_ns` early (negative: late) after a set."""
    return first_tick_s - ahead_ns / NS


def residue_ns(ahead_ns: int) -> int:
    """How far the start of the chip's second is from that of the nearest true one, positive where it is early."""
    return (ahead_ns + NS // 2) % NS - NS // 2


def within(ahead_ns: int, err_ns: int, limit_ns: int) -> bool:
    """Whether the start of the chip's second is surely no further than `limit_ns` from the true one."""
    return abs(ahead_ns) + err_ns <= limit_ns

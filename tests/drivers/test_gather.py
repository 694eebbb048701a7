"""How long a portion lasts, against a made-up line: bytes at even distances, bursts of any length at any time. No clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise

import pytest

from gpstime.drivers.gather import LATEST_NS, Gather
from gpstime.times import NS, RawNs

BYTE_NS = 10 * NS // 9600
LATE_NS = 200_000
"""How much later than asked a program wakes up."""


def portions(bursts: Iterable[tuple[float, int]]) -> list[int]:
    """When portions begin, for bursts of (begin in s, bytes); a burst waits for the one before it."""
    bytes_at: list[int] = []
    for begin_s, size in bursts:
        start = max(round(begin_s * NS), bytes_at[-1] + BYTE_NS if bytes_at else 0)
        bytes_at += [start + i * BYTE_NS for i in range(size)]
    gather, begins, i = Gather(), [], 0
    now = 0
    while i < len(bytes_at):
        at = max(bytes_at[i], now)
        begins.append(at)
        now = at + round(gather.pause_s(RawNs(at), 1.07) * NS) + LATE_NS
        until = bisect_right(bytes_at, now)
        gather.took(b"x" * (until - i), RawNs(now))
        i = until
    return begins


def every_second(size: int, first: int, last: int, after_s: float = 0.1) -> list[tuple[float, int]]:
    return [(k + after_s, size) for k in range(first, last)]


@pytest.mark.parametrize("size", [70, 250, 850, 880])
def test_a_burst_is_one_portion_however_long_it_is(size: int) -> None:
    """Up to 92 % of the line: each begin is seen, and nothing else wakes the reader once it has learned."""
    got = [b for b in portions(every_second(size, 0, 50)) if b > 8 * NS]
    assert got == [round((k + 0.1) * NS) for k in range(8, 50)]


def test_what_was_right_is_learned_again_ever_more_rarely() -> None:
    got = portions(every_second(850, 0, 7200))
    learning = [a for a, b in pairwise(got) if b - a < 0.1 * NS]
    times = [a for a, b in zip([0, *learning], learning, strict=False) if b - a > 10 * NS]
    apart = [b - a for a, b in pairwise([*times, learning[-1]])]
    assert len(got) < 1.25 * 7200, "with a minute between them all the time it would be twice that"
    assert max(apart) <= LATEST_NS + 10 * NS
    assert 7 <= len(apart) <= 12


def test_more_satellites_make_a_burst_longer_and_that_is_followed() -> None:
    bursts = every_second(500, 0, 30) + every_second(650, 30, 55)
    got = [b for b in portions(bursts) if b > 31.5 * NS]
    assert got == [round((k + 0.1) * NS) for k in range(32, 55)]


@pytest.mark.parametrize("after_s", [0.02, 0.2, 0.5, 0.85])
def test_bursts_that_come_at_another_time_are_followed_at_once(after_s: float) -> None:
    """A receiver that was restarted: at most one begin is within a portion."""
    bursts = every_second(300, 0, 30) + every_second(300, 31, 55, after_s)
    begins = set(portions(bursts))
    missed = [s for s, _ in bursts if round(s * NS) not in begins]
    assert len(missed) <= 1, missed


def test_a_line_that_is_always_full_is_read_in_short_portions() -> None:
    got = portions(every_second(1100, 0, 20))
    assert max(b - a for a, b in pairwise(got)) < 0.03 * NS

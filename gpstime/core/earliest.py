"""How early bursts have come in this run of pulses: what no later burst can undo. And when later ones may change a label.

A burst may be late by seconds, but it never comes before its pulse. So a second under which bursts that were heard already would
have come before theirs is the wrong one, however well the bursts of now agree on it: they are late. One burst proves nothing (a
flipped digit, noise before the line), three in a row that agree do.
"""

from __future__ import annotations

from collections import deque

from gpstime.core.delay import Support
from gpstime.core.limits import LASTING, LEAP_MOST, LEAP_ROW, MOVE

TOGETHER = 3
"""Bursts in a row, within MOVE of each other, that are evidence."""


class Earliest:
    """Tell it where each burst is, as a lag under the label 0; it keeps the earliest of the last LEAP_ROW.

    Not for ever: a receiver that named the seconds of a wrong leap second count was early too, and such a count lasts 12.5 min.
    """

    def __init__(self) -> None:
        self._last: deque[float] = deque(maxlen=TOGETHER)
        self._heard = 0
        self._least: deque[tuple[int, float]] = deque()
        """Later ones are later: (which burst, position), the earliest first."""

    def under(self, label: int) -> float:
        """The earliest lag under this label; 0.0 before there is one."""
        return self._least[0][1] + label if self._least else 0.0

    def now_under(self, label: int) -> float:
        """That of the last TOGETHER, if they agree; otherwise 0.0."""
        last = self._last
        agree = len(last) == TOGETHER and max(last) - min(last) <= MOVE
        return sorted(last)[TOGETHER // 2] + label if agree else 0.0

    def add(self, position: float) -> None:
        self._heard += 1
        self._last.append(position)
        least = self._least
        while least and least[0][0] <= self._heard - LEAP_ROW:
            least.popleft()
        if len(self._last) < TOGETHER or max(self._last) - min(self._last) > MOVE:
            return
        middle = sorted(self._last)[TOGETHER // 2]
        while least and least[-1][1] >= middle:
            least.pop()
        least.append((self._heard, middle))

    def forget(self) -> None:
        """The pulses began anew, or the receiver did."""
        self._last.clear()
        self._least.clear()


def may_change(was: Support, support: Support, whole: int, row: int) -> bool:
    """After a withdrawn label with delays as in `was`: whether `row` bursts in a row alone may bring the label that is `-whole`
    seconds from it."""
    same = was.reach < MOVE and abs(support.median - whole - was.median) < support.reach + was.reach
    if same and abs(whole) <= LEAP_MOST:  # another name at the same delay: a leap second count, wrong before or wrong now
        return row >= LEAP_ROW and whole != 1  # (one second later is also a reader that is one burst behind)
    # Under the old label they come before their pulse, so it was wrong; or they name another day, which no lateness explains.
    return row >= LASTING and (whole < 0 or whole > LEAP_MOST)

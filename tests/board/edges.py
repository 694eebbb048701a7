"""What the board's tests of pulses share: some pulses from now on, and what is heard of them."""

from __future__ import annotations

from typing import Any

from gpstime.ports import EdgeStamp, PpsInput
from gpstime.times import NS

FREE = 23
"""A line that nothing else has."""


def from_now(board: Any, n: int, width_s: float = 0.1, line: int | str = 18) -> tuple[list[int], Any]:
    from board import raw_ns

    begin = raw_ns() + NS // 2
    at = [begin + k * NS for k in range(n)]
    return at, board.play(board.pulses(at, width_s, line))


def heard(pps: PpsInput, playing: Any, n: int) -> list[EdgeStamp]:
    """The next `n` edges: as many as come while the player plays, and in the two seconds after it."""
    got: list[EdgeStamp] = []
    after = 0
    for _ in range(20 * n):  # an input that does not wait must not keep us for ever
        over = playing.poll() is not None
        if (stamp := pps.wait(1)) is not None:
            got.append(stamp)
        elif over:
            after += 1
        if len(got) == n or after == 2:
            break
    return got

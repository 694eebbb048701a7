"""A coarse counter behind the stamps (Pi 1: 1 MHz), told from the stamps alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise


def step_ns(first: Sequence[tuple[int, int]]) -> int:
    """The counter's step in ns if it is coarse (100 ns to 100 us), else 0: all differences of phase are multiples of it."""
    xs = [x for _, x in first]
    step = math.gcd(*(x2 - x1 for x1, x2 in pairwise(xs)))
    bends = (
        (x2 - x1) * (n3 - n2) - (x3 - x2) * (n2 - n1)
        for (n1, x1), (n2, x2), (n3, x3) in zip(first, first[1:], first[2:], strict=False)
    )
    if not any(bends):
        # a perfect line: its slope is a common divisor too, which says nothing; round steps of a counter divide a us
        step = math.gcd(step, 1000)
    return step if 100 <= step <= 100_000 else 0

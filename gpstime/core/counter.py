"""A coarse counter behind the stamps (Pi 1: 1 MHz; a watch crystal: 32 kHz; a timer in ms), told from the stamps alone."""

from __future__ import annotations

import math

COARSE_NS = 100
"""Finer steps are lost in any pulse's noise."""
COARSEST_NS = 10_000_000
"""A kernel tick of 100 Hz."""
ROUNDING_NS = 3
"""A counter's step need not be whole ns: stamps are rounded, differences of them by up to two."""


class Counter:
    """Feed it the phases (x, ns) as they come; `step_ns` is the step as far as they tell, 0 for a fine one.

    All differences of phase are multiples of the step: it is their greatest common divisor, found by Euclid with room for rounding.
    A phase on a perfect line shows nothing: its slope is a common divisor too. Then the stamps themselves (`at`) are asked: of a
    counter that counts whole fractions of a second they are multiples too.
    """

    def __init__(self) -> None:
        self._last: int | None = None
        self._n = 0
        self._slope: tuple[int, int] | None = None
        self._bent = False
        self._common = 0
        self._whole = 1_000_000_000
        self._fine = False

    def add(self, n: int, x: int, at: int) -> None:
        if self._fine:
            return
        last, n_last = self._last, self._n
        self._last, self._n = x, n
        self._whole = math.gcd(self._whole, at)
        if last is None:
            return
        rise, seconds = x - last, n - n_last
        if self._slope is None:
            self._slope = rise, seconds
        elif abs(rise * self._slope[1] - self._slope[0] * seconds) > ROUNDING_NS * seconds * self._slope[1]:
            self._bent = True
        self._common = _common(self._common, abs(rise))
        self._fine = self._bent and self._common < COARSE_NS

    @property
    def seen_ns(self) -> int:
        """`step_ns` of a phase that has moved: what never moves may have a coarse counter behind it, or none."""
        return self.step_ns if self._common else 0

    @property
    def step_ns(self) -> int:
        if self._fine or self._last is None:
            return 0
        step = self._common
        if not self._bent:
            flat = self._common == 0
            step = math.gcd(self._whole, self._common, COARSEST_NS if flat else 1000)
        return step if COARSE_NS <= step <= COARSEST_NS else 0


def _common(a: int, b: int) -> int:
    """Greatest common divisor of two lengths that are known to ROUNDING_NS; 0 if one is unknown, small if there is none."""
    while b > ROUNDING_NS:
        rest = a % b
        a, b = b, min(rest, b - rest)
    return a

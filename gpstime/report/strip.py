"""A curve in plain characters: time from left to right, one column for each bit of it."""

from __future__ import annotations

from collections.abc import Sequence

UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "us"), (1.0, "ns"))


def unit_of(size_ns: float) -> tuple[float, str]:
    """(ns in the unit, its name) in which this size has digits before the point."""
    return next(((scale, name) for scale, name in UNITS if size_ns >= scale), UNITS[-1])


def columns(xs: Sequence[int], ys: Sequence[int], width: int) -> list[tuple[int, int] | None]:
    """For each column the least and the largest y of its part of xs; between points that are farther apart than columns the one
    before stands, so that a jump stays upright. None before the first point and after the last."""
    first, span = xs[0], max(xs[-1] - xs[0], 1)
    found: list[tuple[int, int] | None] = [None] * width
    at, before = width, 0
    for x, y in zip(xs, ys, strict=True):
        i = min((x - first) * width // span, width - 1)
        seen = found[i]
        found[i] = (y, y) if seen is None else (min(seen[0], y), max(seen[1], y))
        if i > at + 1:
            found[at + 1 : i] = [(before, before)] * (i - at - 1)
        at, before = i, y
    return found


def strip(xs: Sequence[int], ys: Sequence[int], low: float, high: float, width: int, height: int) -> list[str]:
    """`height` lines of `width` characters, the top one for `high`, the bottom one for `low`. `*` is the curve, `|` where it jumps
    within a column or from one to the next, `-` the line of zero."""
    assert high > low

    def row(y: float) -> int:
        return min(max(round((high - y) / (high - low) * (height - 1)), 0), height - 1)

    lines = [[" "] * width for _ in range(height)]
    if low <= 0 <= high:
        lines[row(0)] = ["-"] * width
    before: tuple[int, int] | None = None
    for i, seen in enumerate(columns(xs, ys, width)):
        if seen is None:
            continue
        top, bottom = row(seen[1]), row(seen[0])
        for r in range(top, bottom + 1):
            lines[r][i] = "*" if r in (top, bottom) else "|"
        if before is not None:
            for r in [*range(before[1] + 1, top), *range(bottom + 1, before[0])]:
                lines[r][i] = "|"
        before = (top, bottom)
    return ["".join(line) for line in lines]

"""Durations as people write them (90s, 10m, 1h30m, 2d) and as people read them."""

from __future__ import annotations

import re

from gpstime.errors import UsageError

_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([smhdw]?)", re.ASCII)
LONGEST_S = 3650 * 86_400.0


def parse_duration(text: str) -> float:
    """Seconds, more than 0 and at most ten years; a bare number is seconds. UsageError for anything else."""
    rest, total, parts = text.strip().lower(), 0.0, 0
    while rest and len(text) <= 40:
        part = _PART.match(rest)
        if part is None or (not part[2] and (parts or part.end() != len(rest))):
            break
        total += float(part[1]) * _UNITS_S[part[2] or "s"]
        rest, parts = rest[part.end() :].lstrip(), parts + 1
    if rest or not 0 < total <= LONGEST_S:
        raise UsageError(f"{text[:40]!r} is no duration: write 90s, 10m, 1h30m or 2d (at most ten years)")
    return total


def say_duration(seconds: float) -> str:
    """With two units at most: 42 s, 10 min, 1 h 30 min, 2 d 4 h."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    minutes = round(seconds / 60)
    if minutes < 48 * 60:
        return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
    hours = round(seconds / 3600)
    return f"{hours // 24} d" + (f" {hours % 24} h" if hours % 24 else "")

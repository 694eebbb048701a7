"""One seed, many independent streams of randomness, and quantities as people write them.

Every component draws from a stream of its own, so switching one fault on changes nobody else's noise.
"""

from __future__ import annotations

import random
import re

from gpstime.errors import UsageError

_PARTS = {"ns": 1e9, "us": 1e6, "µs": 1e6, "ms": 1e3}
"""So many in a second: dividing by a whole number rounds once, so that 5us is the float 5e-6."""
_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "": 1.0}
_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*(ns|us|µs|ms|min|s|m|h|d|)", re.IGNORECASE | re.ASCII)


def stream(seed: int, name: str) -> random.Random:
    """The stream of this name under this seed: the same on every machine (a str seed is hashed with SHA-512)."""
    return random.Random(f"gpstime/{seed}/{name}")


def seconds(text: str) -> float:
    """A time span in seconds from `500ms`, `1us`, `10m`, `1h30m`, `-2s` or a bare number of seconds. UsageError otherwise."""
    body, total, sign = text.strip(), 0.0, 1.0
    if body[:1] in "+-" and body:
        sign, body = (-1.0 if body[0] == "-" else 1.0), body[1:]
    parts = list(_QUANTITY.finditer(body))
    if not parts or "".join(p.group(0) for p in parts) != body or any(p.group(1)[0] in "+-" for p in parts):
        raise UsageError(f"not a time span: {text!r}; write it like 500ms, 1us, 90s, 10m, 1h30m")
    for part in parts:
        if part.group(2) == "" and len(parts) > 1:
            raise UsageError(f"not a time span: {text!r}; a part has no unit")
        unit = part.group(2).lower()
        total += float(part.group(1)) / _PARTS[unit] if unit in _PARTS else float(part.group(1)) * _UNITS[unit]
    return sign * total

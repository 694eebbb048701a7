"""The open capture: one JSON object per line, one codec for captures and for the record.

`decode` never raises: what it can't use comes back as `Skipped` with a stable reason, so that a damaged night is read as far as
it goes.  All instants are exact ints; a float, a bool or a number beyond 64 bits where an instant belongs is `bad-value`.

A record adds `epoch` and `rejected` (what was made of bytes that may be gone by now) and `mark` (the end of a batch).  Two keys go
beyond the format and are written only where they say something: `era` (count of clock steps) on `pps` and `set`, and
`resolution_ns` on `rtc` where the decimals of `shown` do not say it already.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import NoReturn

from gpstime.store.encoding import encode, encode_head, encode_mark
from gpstime.store.kinds import KINDS, BadValue
from gpstime.store.marks import FORMAT, Head, Line, Mark, Skipped

__all__ = ["FORMAT", "Head", "Line", "Mark", "Skipped", "decode", "encode", "encode_head", "encode_mark"]


def _no_constant(word: str) -> NoReturn:
    raise BadValue(word)  # NaN, Infinity and -Infinity are no JSON


_raw_decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode


def decode(line: bytes, counts: Counter[str] | None = None) -> Line:
    """The event, head or reason to skip that one line holds; never raises.

    `counts`, if given, gets one more `unknown-key` for a line that is used although it has keys which this version does not know.
    """
    try:
        text = line.strip().decode()
    except UnicodeDecodeError:
        return Skipped("not-utf8")
    if not text:
        return Skipped("blank")
    try:
        found, end = _raw_decode(text)
    except BadValue:
        return Skipped("bad-value")
    except (ValueError, RecursionError):  # ValueError also for an int of thousands of digits
        return Skipped("not-json")
    if type(found) is not dict or end != len(text):
        return Skipped("not-json")
    kind = found.get("k")
    known = KINDS.get(kind) if type(kind) is str else None
    if known is None:
        return Skipped("unknown-kind")
    try:
        made = known[0](found)
    except KeyError:
        return Skipped("missing-key")
    except (ValueError, OverflowError):  # OverflowError: a year beyond the calendar
        return Skipped("bad-value")
    if counts is not None and not known[1].issuperset(found) and type(made) is not Skipped:
        counts["unknown-key"] += 1
    return made

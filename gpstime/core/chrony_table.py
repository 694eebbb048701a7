"""The table of `chronyc sources`, for programs (`-c`) or for people (with or without `-v`), and each of its rows in words.

chrony's sign in this table: positive offsets are of a system clock that is ahead of the source. Columns: mode, state, name,
stratum, log2 of the poll, reach (octal), seconds since the last sample, its offset as it is now (what was slewed since then taken
off), in brackets as it was measured, and its error (client.c of chrony 3.0 to 4.8).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

NEVER_S = 4_294_967_295
"""chronyc's number of seconds for a source that never gave a sample."""
MODES = {"^": "a server", "=": "a peer", "#": "a clock of this machine"}
_HEADS = ("MS ", "====", ".-", "/ .", "| /", "||")
"""How lines begin that are no rows of the table for people."""
_TIME = r"[+-]?[\d.]+[num]?s"
_ROW = re.compile(
    r"([\^=#])(\S?)\s+(\S+)\s+(\d+)\s+(-?\d+)\s+([0-7]+)\s+(-|\d+[mhdy]?)"
    rf"(?:\s+({_TIME})\[\s*({_TIME})\]\s+\+/-\s+({_TIME}))?\s*"
)
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}
_SPANS = {"m": 60, "h": 3600, "d": 86_400, "y": 31_557_600}


@dataclass(frozen=True, slots=True)
class Source:
    """One row; None is what chronyc does not say, or says as nan. `offset_s`: as it is now; `measured_s`: when the sample was
    taken; `error_s`: its own bound."""

    mode: str
    state: str
    name: str
    stratum: int | None = None
    poll: int | None = None
    reach: int | None = None
    last_s: int | None = None
    offset_s: float | None = None
    measured_s: float | None = None
    error_s: float | None = None


def parse(text: str) -> tuple[list[Source], list[str]]:
    """The sources, and the lines that are none. Columns that are missing (older chronyc) or too many are no trouble."""
    sources, unreadable = [], []
    for line in text.splitlines():
        said = line.strip()
        if not said or said.startswith(_HEADS):
            continue
        source = _of_fields(line.rstrip().split(",")) or _of_people(said)
        if source is None:
            unreadable.append(said[:80])
        else:
            sources.append(source)
    return sources, unreadable


def _of_fields(fields: list[str]) -> Source | None:
    if len(fields) < 3 or fields[0] not in MODES or len(fields[1]) > 1:
        return None
    fields += [""] * (10 - len(fields))
    last_s = _whole(fields[6])
    return Source(
        fields[0],
        fields[1],
        fields[2],
        _whole(fields[3]),
        _whole(fields[4]),
        _whole(fields[5], 8),
        None if last_s == NEVER_S else last_s,
        *map(_real, fields[7:10]),
    )


def _of_people(row: str) -> Source | None:
    """A row of the table for people; its times have three digits or so."""
    found = _ROW.fullmatch(row)
    if found is None:
        return None
    mode, state, name, stratum, poll, reach, last, *times = found.groups()
    return Source(mode, state, name, int(stratum), int(poll), int(reach, 8), _span(last), *map(_seconds, times))


def _span(text: str) -> int | None:
    if text == "-":
        return None
    return int(text[:-1]) * _SPANS[text[-1]] if text[-1] in _SPANS else int(text)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    unit = text[-2:] if text[-2:] in _UNITS else "s"
    value = _real(text.removesuffix(unit))
    return None if value is None else value * _UNITS[unit]


def _whole(field: str, base: int = 10) -> int | None:
    try:
        return int(field, base)
    except ValueError:
        return None


def _real(field: str) -> float | None:
    try:
        value = float(field)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


# ---- a row in words ------------------------------------------------------------------------------------------------------------


def in_words(s: Source) -> str:
    """What the columns of this row say, without its flag."""
    parts = [MODES[s.mode] + ("" if s.stratum is None else f" of stratum {s.stratum}")]
    if s.reach is not None:
        parts.append(_reach(s.reach) + ("" if s.poll is None else f", one each {_apart(s.poll)}"))
    parts.append("it never gave a sample" if s.last_s is None else f"the last sample is {s.last_s} s old")
    if s.last_s is not None and s.offset_s is not None:
        then = "" if s.measured_s is None else f" (in brackets: {_ahead(s.measured_s)} when that was taken)"
        sure = "" if s.error_s is None else f", give or take {_time(s.error_s)}"
        parts.append(f"by it this clock is {_ahead(s.offset_s)} now{then}{sure}")
    return "; ".join(parts) + "."


def _reach(reach: int) -> str:
    """The last eight polls are bits, the newest the lowest, and chronyc prints them in octal: 377 is all of them."""
    heard = (reach & 0o377).bit_count()
    share = {0: "none", 8: "all"}.get(heard, str(heard))
    newest = ", not the newest" if 0 < heard < 8 and not reach & 1 else ""
    return f"reach {reach:o}: {share} of the last 8 polls gave a sample{newest}"


def _apart(poll: int) -> str:
    return f"{1 << min(poll, 30)} s" if poll >= 0 else _time(2.0 ** max(-30, poll))


def _ahead(seconds: float) -> str:
    return "right" if seconds == 0 else f"{_time(abs(seconds))} {'ahead' if seconds > 0 else 'behind'}"


def _time(seconds: float) -> str:
    """With three digits, in the unit that chronyc would take."""
    unit, size = next(((u, v) for u, v in reversed(_UNITS.items()) if seconds >= v), ("ns", 1e-9))
    return f"{float(f'{seconds / size:.3g}'):g} {unit}"

"""The flag of each of chrony's sources in words, why it is there, and what to do.

chrony's sign: positive offsets are of a system clock that is ahead of the source. Sentences without an `offset` are late, so they
show how late they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gpstime.core.chrony_table import Source

OURS = "GPST"
"""The refid in the lines that gpstime prints."""
FOLLOWED, USED = "*", "*+-"


@dataclass(frozen=True, slots=True)
class Explained:
    source: Source
    why: str


def explain(sources: Sequence[Source], limit_s: float, feeding: bool | None = None) -> list[Explained]:
    """Each source with its flag in words.

    `limit_s`: of a pulse locked to sentences; `feeding`: gpstime sends samples now (None: not known).
    """
    followed = next((s for s in sources if s.state == FOLLOWED), None)
    return [Explained(s, " ".join([_flag(s, followed), *_more(s, sources, limit_s, feeding)])) for s in sources]


def _flag(s: Source, followed: Source | None) -> str:
    if s.state == "*":
        return "chrony follows this one."
    if s.state == "+":
        return "It is good, and combined with the one that chrony follows."
    if s.state == "-":
        return "It is good, and left out: the others are so much nearer that it would add nothing."
    if s.state == "x":
        against = ""
        if followed is not None and s.offset_s is not None and followed.offset_s is not None:
            apart_s = s.offset_s - followed.offset_s
            against = f" It is {abs(apart_s):.6f} s from {followed.name}, and claims to be sure to {s.error_s or 0.0:.6f} s."
        return (
            "A falseticker: what it claims to be sure of does not meet what most of the others claim."
            f"{against} One of them is wrong, or claims too much: a larger `delay` claims less."
        )
    if s.state == "~":
        return "Its time varies too much to be used (beyond maxjitter)."
    if s.state == "?":
        if s.reach == 0:
            return "It can't be used: in its last eight polls no sample came, or none that chrony took."
        if s.reach is None:
            return "It can't be used."
        return "It can't be selected: `noselect` (as it should be where it only tells a pulse its second), or too few samples yet."
    return "chrony has not judged it yet." if s.state in ("", " ") else f"A flag that gpstime does not know: {s.state!r}."


def _more(s: Source, sources: Sequence[Source], limit_s: float, feeding: bool | None) -> list[str]:
    out = []
    if s.mode == "#" and s.name == OURS and s.reach == 0:
        out.append(
            "gpstime sends samples and chrony takes none: another [feeds] time_t, or another path."
            if feeding
            else "gpstime status says whether samples are sent, and if not, why."
        )
    if s.mode == "#" and "PPS" in s.name.upper() and s.state == "?":
        out += [sentence for other in sources if (sentence := _lock(s, other, limit_s))]
    if s.last_s is not None and s.poll is not None and s.reach != 0 and s.last_s > 8 * 2 ** max(0, min(s.poll, 30)):
        out.append(f"No sample came for {s.last_s} s.")
    if s.state in USED and s.offset_s is None:
        out.append("chronyc tells no offset of it.")
    return out


def _lock(pulse: Source, sentences: Source, limit_s: float) -> str:
    """What keeps a pulse from being locked to these sentences, if it is they."""
    if sentences.mode != "#" or sentences.name == pulse.name or sentences.offset_s is None or "PPS" in sentences.name.upper():
        return ""
    off_s, doubt_s = sentences.offset_s, sentences.error_s or 0.0
    # a pulse has no second: it is held against the nearest one
    if abs(off_s - round(off_s)) + doubt_s > limit_s:
        return (
            f"{pulse.name} is unusable because {sentences.name} is {off_s:+.3f} s off (limit {limit_s:g} s incl. dispersion "
            f"{doubt_s:.2g} s). Set offset {off_s:.3f}, or add it to the one that is there."
        )
    if round(off_s) != 0:
        return (
            f"Locked to {sentences.name}, which is {off_s:+.3f} s off, {pulse.name} would be {round(off_s):+d} s wrong: "
            f"add {off_s:.3f} to its offset."
        )
    return ""

"""What a receiver says for people: fix, satellites, texts, proprietary words. Decoded by pynmea2, never used for time.

Decoding happens when somebody asks, never while the stream runs: of each kind of sentence only the last one is kept. pynmea2 raises
whatever its field converters raise (TypeError and IndexError, not only its own errors), so each use of it is guarded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gpstime.times import RawNs

MAX_KINDS = 64
"""Kinds of sentences remembered (a five-constellation receiver has about 30); further ones are not kept."""
MAX_TEXTS = 12
"""Distinct texts remembered, the last ones: u-blox says about eight at start, the L76K says one every five seconds."""

_QUALITY = {
    0: "no fix",
    1: "fix",
    2: "differential fix",
    3: "PPS fix",
    4: "RTK fix",
    5: "RTK float",
    6: "dead reckoning",
    7: "position typed in by hand",
    8: "simulator",
}
_DIMENSIONS = {"1": "no fix", "2": "2D", "3": "3D"}
_MTK_ANSWERS = {"0": "invalid command", "1": "unsupported command", "2": "valid, but failed", "3": "done"}


@dataclass(frozen=True, slots=True)
class Said:
    """What the receiver said last; None and empty where it said nothing.

    `in_view` counts satellites by talker (GP, GL, GA, GB, …), `texts` are the GxTXT lines, `proprietary` the maker's own sentences.
    """

    fix: str | None = None
    dimensions: str | None = None
    satellites: int | None = None
    hdop: float | None = None
    in_view: dict[str, int] = field(default_factory=dict)
    texts: tuple[str, ...] = ()
    proprietary: tuple[str, ...] = ()
    undecoded: int = 0


def decode(sentence: bytes) -> Any | None:
    """pynmea2's object for a sentence with a right checksum, or None where pynmea2 can't make one."""
    import pynmea2  # type: ignore[import-untyped]  # here, so that no other command pays for it at its start

    try:
        return pynmea2.parse(sentence.decode("ascii", "replace"), check=True)
    except Exception:
        return None


def _number(message: Any, name: str, kind: type[int] | type[float]) -> Any | None:
    try:
        return kind(getattr(message, name))
    except Exception:
        return None


class Talk:
    """Keeps the last sentence of each kind; `hear` fits `Nmea.lines`."""

    def __init__(self) -> None:
        self._last: dict[bytes, bytes] = {}
        self._texts: dict[bytes, None] = {}

    def hear(self, sentence: bytes, at: RawNs) -> None:
        """One sentence whose checksum was right. Cheap: nothing is decoded."""
        kind = sentence[1:9] if sentence[1:2] == b"P" else sentence[1:6]  # PMTK001 and PMTK705 are two kinds, PUBX,00 and ,04 too
        if kind.endswith(b"TXT") and kind[:1] != b"P":
            self._texts.pop(sentence, None)
            self._texts[sentence] = None
            if len(self._texts) > MAX_TEXTS:
                del self._texts[next(iter(self._texts))]
        elif kind in self._last or len(self._last) < MAX_KINDS:
            self._last[kind] = sentence

    def said(self) -> Said:
        """Everything heard, decoded now."""
        fix = dimensions = satellites = hdop = None
        in_view: dict[str, int] = {}
        proprietary: list[str] = []
        undecoded = 0
        for kind, sentence in self._last.items():
            if kind.startswith(b"P"):
                proprietary.append(_proprietary(sentence))
                continue
            if kind[2:] not in (b"GGA", b"GNS", b"GSA", b"GSV"):
                continue
            message = decode(sentence)
            if message is None:
                undecoded += 1
            elif kind.endswith(b"GSV"):
                in_view[kind[:2].decode("ascii", "replace")] = _number(message, "num_sv_in_view", int) or 0
            elif kind.endswith(b"GSA"):
                dimensions = _DIMENSIONS.get(str(getattr(message, "mode_fix_type", "")), dimensions)
            else:
                satellites = _number(message, "num_sats", int)
                hdop = _number(message, "horizontal_dil" if kind.endswith(b"GGA") else "hdop", float)
                if kind.endswith(b"GGA"):
                    fix = _QUALITY.get(_number(message, "gps_qual", int) or 0) if sentence.split(b",")[6:7] != [b""] else None
        texts = [_text(sentence) for sentence in self._texts]
        return Said(fix, dimensions, satellites, hdop, in_view, tuple(t for t in texts if t), tuple(proprietary), undecoded)


def _text(sentence: bytes) -> str:
    """The words of a GxTXT."""
    text = getattr(decode(sentence), "text", None)
    return text.strip() if isinstance(text, str) else ""


def _proprietary(sentence: bytes) -> str:
    """A maker's sentence in words where we know them, as it stands where not."""
    plain = sentence[1:].partition(b"*")[0].decode("ascii", "replace")
    message = decode(sentence)
    fields = getattr(message, "data", None)
    try:
        if plain.startswith("PMTK001,") and fields:
            return f"answer to PMTK{fields[1]}: {_MTK_ANSWERS.get(fields[2], fields[2])}"
        if plain.startswith(("PMTK705,", "PQVERNO,")) and fields:
            return "firmware " + " ".join(f for f in fields[1:] if f)
        if plain.startswith("PUBX,04,") and message is not None:
            leap = str(message.leap_sec)
            default = " (the firmware's default, not yet received)" if leap.endswith("D") else ""
            return f"leap seconds {leap.rstrip('D')}{default}"
    except Exception:  # pynmea2's converters raise what they like
        return plain
    return plain

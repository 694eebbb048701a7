"""The open capture: one JSON object per line, one codec for captures and for the record.

`decode` never raises: what it can't use comes back as `Skipped` with a stable reason, so that a damaged night is read as far as
it goes.  All instants are exact ints; a float, a bool or a number beyond 64 bits where an instant belongs is `bad-value`.

A record adds `epoch` and `rejected` (what was made of bytes that may be gone by now) and `mark` (the end of a batch).  Two keys go
beyond the format and are written only where they say something: `era` (count of clock steps) on `pps` and `set`, and
`resolution_ns` on `rtc` where the decimals of `shown` do not say it already.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from gpstime.model import (
    Applied,
    DeviceFound,
    DeviceLost,
    Epoch,
    Event,
    Heard,
    Note,
    PpsEdge,
    Rejected,
    RtcReading,
    SerialBytes,
    SqwEdge,
    Temperature,
    Tick,
)
from gpstime.times import NS, RawNs, UtcTime

FORMAT = 1
_LIMIT = 2**63
_COUNTS = ("lines", "chunks", "unkept", "findings", "crc")


@dataclass(frozen=True, slots=True)
class Head:
    """The first line: what the capture says of itself. `fields` holds the keys as they stand, `k` and `format` left out."""

    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line that was not used. Reasons: blank, not-utf8, not-json, too-long, truncated-line, unknown-kind, unknown-format,
    missing-key, bad-value."""

    reason: str


@dataclass(frozen=True, slots=True)
class Mark:
    """The last line of a batch of a record: numbers that count from the start of its run.

    `at` the last event in it, `batch` its number, `lines` and `chunks` the kept lines and the serial chunks so far; `findings` and
    `crc` what the engine found (see `store.digest`); `anchor` the latest pulse of the batch that has a second, and that second;
    `withdrawn`: the seconds that this run gave before this batch are in doubt.
    """

    at: RawNs
    batch: int
    lines: int = 0
    chunks: int = 0
    unkept: int = 0
    """rejected sentences beyond what a batch keeps of them (a wrong baud rate makes thousands)"""
    findings: int = 0
    crc: int = 0
    anchor: tuple[RawNs, UtcTime] | None = None
    withdrawn: bool = False


Line: TypeAlias = Event | Head | Mark | Skipped
_Object: TypeAlias = dict[str, Any]


class _BadValue(ValueError):
    """A value of the wrong type or out of range; caught in `decode`."""


def _no_constant(word: str) -> NoReturn:
    raise _BadValue(word)  # NaN, Infinity and -Infinity are no JSON


_raw_decode = json.JSONDecoder(parse_constant=_no_constant).raw_decode


# ---- values: each returns what it was given or raises _BadValue ----------------------------------------------------------------


def _int(v: Any) -> Any:
    # `type(...) is` and not isinstance: True is no instant, and 1.0 has already lost digits somewhere
    if type(v) is int and -_LIMIT <= v < _LIMIT:
        return v
    raise _BadValue


def _width(v: Any) -> int:
    if type(v) is int and 0 <= v < _LIMIT:
        return v
    raise _BadValue


def _real(v: Any) -> float:
    if (type(v) is float and math.isfinite(v)) or (type(v) is int and -_LIMIT <= v < _LIMIT):
        return float(v)
    raise _BadValue


def _text(v: Any) -> str:
    if type(v) is not str:
        raise _BadValue
    # JSON can smuggle lone surrogates in, which no terminal can print
    return v if v.isascii() else v.encode("utf-8", "replace").decode()


def _flag(v: Any) -> bool:
    if type(v) is bool:
        return v
    raise _BadValue


def _edge(v: Any) -> Any:
    if v == "assert" or v == "clear":
        return v
    raise _BadValue


def _native(v: Any) -> Any:
    if v is None or v in ("real", "mono", "raw"):
        return v
    raise _BadValue


# ---- kinds ---------------------------------------------------------------------------------------------------------------------


def _pps(o: _Object) -> PpsEdge:
    get = o.get
    stamp = get("stamp")
    return PpsEdge(
        _int(o["t"]),
        _int(o["shown"]),
        _edge(get("edge", "assert")),
        _int(get("seq", 0)),
        _text(get("by", "kernel")),
        _native(get("native")),
        None if stamp is None else _int(stamp),
        _width(get("err_ns", 0)),
        _int(get("era", 0)),
    )


def _serial(o: _Object) -> SerialBytes:
    text = o["hex"]
    if type(text) is not str or not text.isalnum():  # fromhex would also take blanks
        if text == "":
            return SerialBytes(_int(o["t"]), b"", _text(o.get("port", "")))
        raise _BadValue
    return SerialBytes(_int(o["t"]), bytes.fromhex(text), _text(o.get("port", "")))


def _tick(o: _Object) -> Tick:
    mono = o.get("mono")
    return Tick(_int(o["t"]), _int(o["shown"]), None if mono is None else _int(mono), _width(o.get("err_ns", 0)))


def _rtc(o: _Object) -> RtcReading:
    text = _text(o["shown"])
    decimals = len(text.partition(".")[2].removesuffix("Z").removesuffix("+00:00"))
    resolution = o.get("resolution_ns")
    celsius, aging = o.get("temp_c"), o.get("aging")
    return RtcReading(
        _int(o["t"]),
        UtcTime.parse(text),
        10 ** max(9 - decimals, 0) if resolution is None else _width(resolution),
        _width(o.get("err_ns", 0)),
        _flag(o.get("edge", False)),
        _flag(o.get("trusted", False)),
        None if celsius is None else _real(celsius),
        None if aging is None else _int(aging),
        _text(o.get("chip", "")),
    )


def _sqw(o: _Object) -> SqwEdge:
    return SqwEdge(_int(o["t"]), _edge(o.get("edge", "assert")), _int(o.get("seq", 0)), _text(o.get("by", "kernel")))


def _temp(o: _Object) -> Temperature:
    return Temperature(_int(o["t"]), _text(o.get("sensor", "")), _real(o["c"]))


def _set(o: _Object) -> Applied:
    freq = o.get("freq_ppb")
    return Applied(
        _int(o["t"]),
        None if freq is None else _real(freq),
        _int(o.get("step_ns", 0)),
        _int(o.get("era", 0)),
        _text(o.get("by", "")),
    )


def _lost(o: _Object) -> DeviceLost:
    return DeviceLost(_int(o["t"]), _text(o["source"]), _text(o.get("reason", "")))


def _found(o: _Object) -> DeviceFound:
    return DeviceFound(_int(o["t"]), _text(o["source"]), _text(o.get("reason", "")))


def _note(o: _Object) -> Note:
    return Note(_int(o["t"]), _text(o["text"]))


def _epoch(o: _Object) -> Heard:
    fix = o.get("fix")
    at = _int(o["t"])
    return Heard(
        at,
        Epoch(
            at,
            _int(o.get("burst", at)),
            UtcTime.parse(_text(o["utc"])),
            _flag(o["valid"]),
            _text(o["sentence"]),
            _flag(o.get("dated", True)),
            None if fix is None else _flag(fix),
        ),
    )


def _rejected(o: _Object) -> Heard:
    at = _int(o["t"])
    return Heard(at, Rejected(at, _text(o["source"]), _text(o["reason"]), bytes.fromhex(_text(o.get("hex", "")))))


def _mark(o: _Object) -> Mark:
    utc = o.get("utc")
    counts = {key: _width(o.get(key, 0)) for key in _COUNTS}
    return Mark(
        _int(o["t"]),
        _width(o["batch"]),
        **counts,
        anchor=None if utc is None else (_int(o["anchor"]), UtcTime.parse(_text(utc))),
        withdrawn=_flag(o.get("withdrawn", False)),
    )


def _head(o: _Object) -> Head | Skipped:
    if type(o["format"]) is not int:
        raise _BadValue
    if o["format"] != FORMAT:
        return Skipped("unknown-format")
    return Head({k: v for k, v in o.items() if k not in ("k", "format")})


_KINDS: dict[str, tuple[Callable[[_Object], Line], frozenset[str]]] = {
    "pps": (_pps, frozenset(("k", "t", "shown", "edge", "seq", "by", "native", "stamp", "err_ns", "era"))),
    "serial": (_serial, frozenset(("k", "t", "hex", "port", "i"))),  # i: place in a record's ring
    "tick": (_tick, frozenset(("k", "t", "shown", "mono", "err_ns"))),
    "rtc": (_rtc, frozenset(("k", "t", "shown", "edge", "err_ns", "chip", "trusted", "temp_c", "aging", "resolution_ns"))),
    "sqw": (_sqw, frozenset(("k", "t", "edge", "seq", "by"))),
    "temp": (_temp, frozenset(("k", "t", "sensor", "c"))),
    "set": (_set, frozenset(("k", "t", "freq_ppb", "step_ns", "era", "by"))),
    "lost": (_lost, frozenset(("k", "t", "source", "reason"))),
    "found": (_found, frozenset(("k", "t", "source", "reason"))),
    "note": (_note, frozenset(("k", "t", "text"))),
    "epoch": (_epoch, frozenset(("k", "t", "burst", "utc", "valid", "sentence", "dated", "fix"))),
    "rejected": (_rejected, frozenset(("k", "t", "source", "reason", "hex"))),
    "mark": (
        _mark,
        frozenset(("k", "t", "batch", *_COUNTS, "anchor", "utc", "withdrawn")),
    ),
    "head": (
        _head,
        frozenset(
            ("k", "format", "board", "host", "started_utc", "tool", "about", "run", "segment", "boot", "not_before", "noise")
        ),
    ),
}


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
    except _BadValue:
        return Skipped("bad-value")
    except (ValueError, RecursionError):  # ValueError also for an int of thousands of digits
        return Skipped("not-json")
    if type(found) is not dict or end != len(text):
        return Skipped("not-json")
    kind = found.get("k")
    known = _KINDS.get(kind) if type(kind) is str else None
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


# ---- the way back --------------------------------------------------------------------------------------------------------------


def _decimals(ns: int) -> int:
    """How many decimals of a second name `ns` exactly."""
    return next((d for d in range(9) if ns % 10 ** (9 - d) == 0), 9)


def _exact(utc: UtcTime) -> str:
    return utc.iso(_decimals(utc.ns_of_day % NS))


def _body(event: Event) -> _Object:
    match event:
        case PpsEdge():
            o: _Object = {
                "k": "pps",
                "t": event.at,
                "shown": event.shown,
                "edge": event.edge,
                "seq": event.seq,
                "by": event.stamped_by,
            }
            o |= {} if event.native is None else {"native": event.native}
            o |= {} if event.stamp is None else {"stamp": event.stamp}
            o |= {"err_ns": event.err_ns} if event.err_ns else {}
            return o | ({"era": event.era} if event.era else {})
        case SerialBytes():
            return {"k": "serial", "t": event.at, "hex": event.data.hex()} | ({"port": event.port} if event.port else {})
        case Tick():
            o = {"k": "tick", "t": event.at, "shown": event.shown}
            o |= {} if event.mono_ns is None else {"mono": event.mono_ns}
            return o | ({"err_ns": event.err_ns} if event.err_ns else {})
        case RtcReading():
            digits = _decimals(event.shown.ns_of_day % NS)
            o = {"k": "rtc", "t": event.at, "shown": event.shown.iso(digits), "edge": event.edge, "err_ns": event.err_ns}
            o |= {"chip": event.chip, "trusted": event.trusted}
            o |= {} if event.temperature_c is None else {"temp_c": event.temperature_c}
            o |= {} if event.aging is None else {"aging": event.aging}
            return o | ({} if event.resolution_ns == 10 ** (9 - digits) else {"resolution_ns": event.resolution_ns})
        case SqwEdge():
            return {"k": "sqw", "t": event.at, "edge": event.edge, "seq": event.seq, "by": event.stamped_by}
        case Temperature():
            return {"k": "temp", "t": event.at, "sensor": event.sensor, "c": event.celsius}
        case Applied():
            o = {"k": "set", "t": event.at} | ({} if event.freq_ppb is None else {"freq_ppb": event.freq_ppb})
            o |= {"step_ns": event.step_ns} if event.step_ns else {}
            o |= {"era": event.era} if event.era else {}
            return o | ({"by": event.by} if event.by else {})
        case DeviceLost():
            return {"k": "lost", "t": event.at, "source": event.source, "reason": event.reason}
        case DeviceFound():
            return {"k": "found", "t": event.at, "source": event.source, "reason": event.reason}
        case Note():
            return {"k": "note", "t": event.at, "text": event.text}
        case Heard(at, Rejected() as found):
            o = {"k": "rejected", "t": at, "source": found.source, "reason": found.reason}
            return o | ({"hex": found.raw.hex()} if found.raw else {})
        case Heard(at, Epoch() as found):
            o = {"k": "epoch", "t": at} | ({} if found.burst_at == at else {"burst": found.burst_at})
            o |= {"utc": _exact(found.second), "valid": found.valid, "sentence": found.sentence}
            o |= {} if found.dated else {"dated": False}
            return o | ({} if found.fix is None else {"fix": found.fix})
    raise AssertionError(event)


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def encode(event: Event) -> str:
    """One line without its newline; `decode` gives the same event back."""
    return _encode(_body(event))


def encode_head(**fields: Any) -> str:
    """The first line; `fields` are the optional keys (board, host, started_utc, tool, about)."""
    return _encode({"k": "head", "format": FORMAT, **fields})


def encode_mark(mark: Mark) -> str:
    """The last line of a batch; what is 0 is left out."""
    o: _Object = {"k": "mark", "t": mark.at, "batch": mark.batch}
    o |= {key: n for key in _COUNTS if (n := getattr(mark, key))}
    o |= {} if mark.anchor is None else {"anchor": mark.anchor[0], "utc": _exact(mark.anchor[1])}
    return _encode(o | ({"withdrawn": True} if mark.withdrawn else {}))

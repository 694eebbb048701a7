"""Each kind of line of the open capture, from its JSON object to the value that it stands for.

All instants are exact ints; a float, a bool or a number beyond 64 bits where an instant belongs is a `BadValue`. `KINDS` has, for
each kind, how it is read and the keys that it knows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from gpstime.model import (
    Applied,
    DeviceFound,
    DeviceLost,
    Epoch,
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
from gpstime.store.marks import COUNTS, FORMAT, Head, Line, Mark, Skipped
from gpstime.times import UtcTime

_LIMIT = 2**63
_Object: TypeAlias = dict[str, Any]


class BadValue(ValueError):
    """A value of the wrong type or out of range."""


# ---- values: each returns what it was given or raises BadValue -----------------------------------------------------------------


def _int(v: Any) -> Any:
    # `type(...) is` and not isinstance: True is no instant, and 1.0 has already lost digits somewhere
    if type(v) is int and -_LIMIT <= v < _LIMIT:
        return v
    raise BadValue


def _width(v: Any) -> int:
    if type(v) is int and 0 <= v < _LIMIT:
        return v
    raise BadValue


def _real(v: Any) -> float:
    if (type(v) is float and math.isfinite(v)) or (type(v) is int and -_LIMIT <= v < _LIMIT):
        return float(v)
    raise BadValue


def _text(v: Any) -> str:
    if type(v) is not str:
        raise BadValue
    # JSON can smuggle lone surrogates in, which no terminal can print
    return v if v.isascii() else v.encode("utf-8", "replace").decode()


def _flag(v: Any) -> bool:
    if type(v) is bool:
        return v
    raise BadValue


def _edge(v: Any) -> Any:
    if v == "assert" or v == "clear":
        return v
    raise BadValue


def _native(v: Any) -> Any:
    if v is None or v in ("real", "mono", "raw"):
        return v
    raise BadValue


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
        raise BadValue
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
        _text(o.get("refused", "")),
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
    counts = {key: _width(o.get(key, 0)) for key in COUNTS}
    return Mark(
        _int(o["t"]),
        _width(o["batch"]),
        **counts,
        anchor=None if utc is None else (_int(o["anchor"]), UtcTime.parse(_text(utc))),
    )


def _head(o: _Object) -> Head | Skipped:
    if type(o["format"]) is not int:
        raise BadValue
    if o["format"] != FORMAT:
        return Skipped("unknown-format")
    return Head({k: v for k, v in o.items() if k not in ("k", "format")})


KINDS: dict[str, tuple[Callable[[_Object], Line], frozenset[str]]] = {
    "pps": (_pps, frozenset(("k", "t", "shown", "edge", "seq", "by", "native", "stamp", "err_ns", "era"))),
    "serial": (_serial, frozenset(("k", "t", "hex", "port", "i"))),  # i: place in a record's ring
    "tick": (_tick, frozenset(("k", "t", "shown", "mono", "err_ns"))),
    "rtc": (_rtc, frozenset(("k", "t", "shown", "edge", "err_ns", "chip", "trusted", "temp_c", "aging", "resolution_ns"))),
    "sqw": (_sqw, frozenset(("k", "t", "edge", "seq", "by"))),
    "temp": (_temp, frozenset(("k", "t", "sensor", "c"))),
    "set": (_set, frozenset(("k", "t", "freq_ppb", "step_ns", "era", "by", "refused"))),
    "lost": (_lost, frozenset(("k", "t", "source", "reason"))),
    "found": (_found, frozenset(("k", "t", "source", "reason"))),
    "note": (_note, frozenset(("k", "t", "text"))),
    "epoch": (_epoch, frozenset(("k", "t", "burst", "utc", "valid", "sentence", "dated", "fix"))),
    "rejected": (_rejected, frozenset(("k", "t", "source", "reason", "hex"))),
    "mark": (
        _mark,
        frozenset(("k", "t", "batch", *COUNTS, "anchor", "utc")),
    ),
    "head": (
        _head,
        frozenset(
            ("k", "format", "board", "host", "started_utc", "tool", "about", "run", "segment", "boot", "not_before", "noise")
        ),
    ),
}

"""The way back: one line of the open capture for each value, such that `capture.decode` gives the same value again."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

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
from gpstime.store.marks import COUNTS, FORMAT, Mark
from gpstime.times import NS, UtcTime

_Object: TypeAlias = dict[str, Any]


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
            o |= {"by": event.by} if event.by else {}
            return o | ({"refused": event.refused} if event.refused else {})
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
    o |= {key: n for key in COUNTS if (n := getattr(mark, key))}
    return _encode(o | ({} if mark.anchor is None else {"anchor": mark.anchor[0], "utc": _exact(mark.anchor[1])}))

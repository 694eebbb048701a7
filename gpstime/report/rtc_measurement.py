"""The RTC's part of `gpstime measure`: its crystal, what was done to it, both crystals on one timeline; for people and as JSON."""

from __future__ import annotations

import math
from typing import Any

from gpstime.app.durations import say_duration
from gpstime.app.rtc_result import Row, RtcResult, Stretched
from gpstime.model import Drift
from gpstime.report.figures import per_day, ppm, say_time

AGAINST = {"gps": "against the pulses", "system": "against the system clock", "": "against nothing"}
SHOWN = 12
"""Lines of the timeline for people."""


def _below(v: float) -> float:
    return math.floor(v * 1e4) / 1e4


def _above(v: float) -> float:
    return math.ceil(v * 1e4) / 1e4


def _drift(d: Drift | None, prefix: str = "") -> dict[str, Any]:
    """The keys of a frequency; null where it is not known. Intervals are rounded outwards."""
    now = (None, None, None) if d is None else (round(d.freq_ppb, 4), _below(d.freq_lo_ppb), _above(d.freq_hi_ppb))
    return dict(zip((f"{prefix}freq_ppb", f"{prefix}freq_lo_ppb", f"{prefix}freq_hi_ppb"), now, strict=True))


def _mean(d: Drift | None) -> dict[str, Any]:
    mean = (None, None, None) if d is None else (round(d.mean_ppb, 4), _below(d.mean_lo_ppb), _above(d.mean_hi_ppb))
    return dict(zip(("mean_freq_ppb", "mean_freq_lo_ppb", "mean_freq_hi_ppb"), mean, strict=True))


def _stretch(s: Stretched | None) -> dict[str, Any] | None:
    if s is None:
        return None
    about = {"t": s.at, "span_s": round(s.span_s, 3), "n": s.n, "trim_pulses": s.pulses, "ended": s.ended or None}
    return about | _drift(s.drift) | _mean(s.drift)


def _row(r: Row) -> dict[str, Any]:
    out: dict[str, Any] = {"t": r.at, "utc": None if r.utc is None else r.utc.iso()}
    return out | _drift(r.board) | _drift(r.rtc, "rtc_") | {"rtc_offset_ns": r.offset_ns, "temperature_c": r.celsius}


def rtc_object(r: RtcResult | None) -> dict[str, Any] | None:
    """The value of `rtc`."""
    if r is None:
        return None
    d, o = r.drift, r.offset
    return {
        "chip": r.chip or None,
        "status": r.status,
        "why": r.why,
        "against": r.against or None,
        "via": r.via,
        **_drift(d),
        **_mean(d),
        "n": 0 if d is None else d.n,
        "span_s": None if d is None else round(d.span_s, 3),
        "offset_ns": None if o is None else o.offset_ns,
        "offset_err_ns": None if o is None or o.offset_ns is None else o.err_ns,
        "edge_half_ns": r.half_ns,
        "edges": r.readings,
        "trusted": r.trusted,
        "trim": r.trim,
        "temperature_c": None if r.celsius is None else list(r.celsius),
        "bus": _stretch(r.bus),
        "sqw": _stretch(r.sqw),
        "compared": r.compared,
        "agreed": r.agreed,
        "stretches": [_stretch(s) for s in r.stretches],
        "breaks": [
            {"after": b.after, "t": b.at, "reason": b.reason, "why": b.why, "jump_ns": b.jump_ns, "via": b.via} for b in r.breaks
        ],
        "timeline": [_row(row) for row in r.timeline],
    }


def _short(d: Drift | None) -> str:
    if d is None:
        return "measuring"
    return ppm(d.freq_ppb, d.freq_lo_ppb, d.freq_hi_ppb).partition(" (")[0]


def rtc_rows(r: RtcResult) -> list[tuple[str, str]]:
    """Lines of the report: a name and a text each."""
    rows: list[tuple[str, str]] = []
    d = r.drift
    rows.append(("RTC", f"{r.chip or 'no chip'}, {AGAINST[r.against]}, " + ("by its 1 Hz output" if r.via == "sqw" else "polled")))
    if d is not None:
        rows.append(("", f"{ppm(d.mean_ppb, d.mean_lo_ppb, d.mean_hi_ppb)} mean over {say_duration(d.span_s)}"))
        rows.append(("", f"{ppm(d.freq_ppb, d.freq_lo_ppb, d.freq_hi_ppb)} now; it {'gains' if d.freq_ppb >= 0 else 'loses'}"))
        rows.append(("", f"{per_day(d.mean_ppb)} seconds per day"))
    if r.offset is not None and r.offset.offset_ns is not None:
        ahead = "ahead of" if r.offset.offset_ns >= 0 else "behind"
        off = f"{say_time(abs(r.offset.offset_ns) * 1e-9)} ± {say_time(r.offset.err_ns * 1e-9)} {ahead} true time"
        rows.append(("", off + ("" if r.trusted else "; it says itself that its time is not to be trusted")))
    if r.half_ns is not None:
        rows.append(("", f"{r.readings} edges, each to ±{say_time(r.half_ns * 1e-9)} for certain"))
    if r.compared:
        rows.append(("", f"both ways agree within their intervals {r.agreed} times of {r.compared}"))
    if r.celsius is not None:
        rows.append(("", f"{r.celsius[0]:.2f} to {r.celsius[1]:.2f} C" + ("" if r.trim is None else f", trim register {r.trim}")))
    shown = r.breaks if len(r.breaks) <= 6 else (*r.breaks[:3], *r.breaks[-3:])
    rows += [("", f"{b.reason}: {b.why}") for b in shown]
    if len(r.breaks) > len(shown):
        rows.append(("", f"({len(r.breaks) - len(shown)} more of these between)"))
    rows.append(("", f"{r.status}: {r.why}"))
    step = max(1, -(-len(r.timeline) // SHOWN))
    for i, row in enumerate(r.timeline[::step]):
        when = "no label" if row.utc is None else row.utc.iso()[11:19]
        warm = "" if row.celsius is None else f"  {row.celsius:.1f} C"
        rows.append(("timeline" if i == 0 else "", f"{when}  Pi {_short(row.board):<24} RTC {_short(row.rtc):<24}{warm}".rstrip()))
    return rows

"""What came of `gpstime discipline`, for people and for programs."""

from __future__ import annotations

import math

from gpstime.app.discipline import Disciplined
from gpstime.app.durations import say_duration
from gpstime.core.bound import SIGMAS
from gpstime.model import ErrorBound, HoldoverScored
from gpstime.report.figures import say_time

LONG = 6
"""Lines of one kind in the report for people."""
BIASES = {
    "receiver": "receiver",
    "cable": "cable",
    "pulse": "pulse's lateness",
    "left": "left to steer out",
    "model": "temperature's model",
}
NOISE = {"fit": "fit", "jitter": "jitter", "age": "age", "wander": "wander with temperature and load"}
"""Parts of the bound, as people read them."""


def as_text(d: Disciplined) -> str:
    lines = [("mode", f"{d.mode.value}: {d.why}")]
    if d.offset_ns is not None and d.offset_sigma_ns is not None:
        lines.append(
            ("offset", f"{_signed(d.offset_ns)} expected, ± {say_time(SIGMAS * d.offset_sigma_ns / 1e9)} (95 %, noise only)")
        )
    if d.correction_ppb is not None:
        lines.append(("frequency", f"{d.correction_ppb / 1e3:+.4f} ppm of correction, the bare drift, {d.updates} updates"))
    if d.bound is not None and math.isfinite(d.bound.bound_ns):
        lines += _ledger(d.bound, d.late_ns)
    if d.coverage is not None:
        lines.append(
            ("coverage", f"{100 * d.coverage:.1f} % of {d.coverage_seconds} pulses were within the bound of the second before")
        )
    if d.true_offset_ns is not None:
        lines.append(("truth", f"the simulated clock is {_signed(d.true_offset_ns)} off at the end, which only a simulation knows"))
    lines.append(("steps", _some([f"{s.delta_ns / 1e9:+.9f} s after {say_duration(at)}: {s.why}" for at, s in d.steps])))
    lines.append(
        (
            "slews",
            _some([f"{_signed(s.offset_ns)} after {say_duration(at)}, {say_duration(s.arrives_s)} long" for at, s in d.slews]),
        )
    )
    if d.outages:
        lines.append(("holdover", _some([_outage(at, o) for at, o in d.outages])))
    if d.refused:
        lines.append(("refused", d.refused))
    return "\n".join(f"  {name:11} {text}" for name, text in lines)


def _outage(at: float, o: HoldoverScored) -> str:
    off, bound = say_time(o.off_ns / 1e9), say_time(o.bound_ns / 1e9)
    return f"{say_duration(o.lasted_s)} until {say_duration(at)}: {off} off at its end, the bound was {bound}"


def _some(texts: list[str]) -> str:
    more = len(texts) - LONG
    return "none" if not texts else "; ".join(texts[:LONG]) + (f"; and {more} more" if more > 0 else "")


def _ledger(bound: ErrorBound, late_ns: int | None) -> list[tuple[str, str]]:
    p = bound.parts
    biases = " + ".join(f"{said} {say_time(p[name] / 1e9)}" for name, said in BIASES.items() if p.get(name) or name != "model")
    noise = ", ".join(f"{said} {say_time(p[name] / 1e9)}" for name, said in NOISE.items())
    sigma = math.sqrt(sum(p[name] ** 2 for name in NOISE))
    beyond = (
        "few forecasts so far ahead were scored: what moves the crystal as slowly, such as the day's temperature, may not be in it"
    )
    return [
        ("bound", f"± {say_time(bound.bound_ns / 1e9)} (95 %), {bound.status.value}, growing by {bound.growth_ppb:.3g} ppb"),
        ("", f"= {biases} (these add up)"),
        *([("", f"  (the pulse's stamps come {say_time(late_ns / 1e9)} late as far as is known, taken off)")] if late_ns else []),
        ("", f"+ {SIGMAS:g} x {say_time(sigma / 1e9)} ({noise}; these in quadrature)"),
        *([("", beyond)] if bound.extrapolated else []),
    ]


def _signed(ns: float) -> str:
    return ("+" if ns >= 0 else "") + say_time(ns / 1e9)


def as_object(d: Disciplined) -> dict[str, object]:
    """Keys are documented in docs/json.md."""
    bound = d.bound
    known = bound is not None and math.isfinite(bound.bound_ns)
    return {
        "world": d.world,
        "steered": d.steered,
        "simulated": d.simulated,
        "mode": d.mode.value,
        "why": d.why,
        "label": d.label,
        "seconds": round(d.seconds, 3),
        "updates": d.updates,
        "offset_ns": _round(d.offset_ns),
        "offset_sigma_ns": _round(d.offset_sigma_ns),
        "true_offset_ns": d.true_offset_ns,
        "late_ns": d.late_ns,
        "correction_ppb": _round(d.correction_ppb),
        "bound_ns": _round(bound.bound_ns) if bound is not None and known else None,
        "growth_ppb": _round(bound.growth_ppb) if bound is not None and known else None,
        "bound_status": bound.status.value if bound is not None else "unknown",
        "parts_ns": {name: _round(v) for name, v in bound.parts.items()} if bound is not None else {},
        "extrapolated": bound.extrapolated if bound is not None and known else None,
        "coverage": _round(d.coverage),
        "coverage_seconds": d.coverage_seconds,
        "modes": [{"at_s": round(at, 3), "old": m.old.value, "new": m.new.value, "why": m.why} for at, m in d.modes],
        "steps": [
            {"at_s": round(at, 3), "delta_ns": s.delta_ns, "before": s.before, "after": s.after, "why": s.why} for at, s in d.steps
        ],
        "slews": [
            {
                "at_s": round(at, 3),
                "offset_ns": _round(s.offset_ns),
                "rate_ppb": _round(s.rate_ppb),
                "arrives_s": _round(s.arrives_s),
            }
            for at, s in d.slews
        ],
        "outages": [
            {"at_s": round(at, 3), "lasted_s": round(o.lasted_s, 3), "off_ns": _round(o.off_ns), "bound_ns": _round(o.bound_ns)}
            for at, o in d.outages
        ],
        "refused": d.refused,
        "interrupted": d.interrupted,
    }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

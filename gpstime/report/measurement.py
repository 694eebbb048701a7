"""What was measured: as the JSON object of `gpstime measure`, and as its report for people."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from gpstime.app.durations import say_duration
from gpstime.app.lateness import say_lateness
from gpstime.app.measure import Measurement
from gpstime.model import Drift, Label
from gpstime.report.figures import DAY_S, HOUR_S, cost, per_day, ppm, rate, say_time
from gpstime.report.rtc_measurement import rtc_object, rtc_rows

# ---- JSON ----------------------------------------------------------------------------------------------------------------------


def _number(v: float | None, digits: int = 4) -> float | None:
    return None if v is None or not math.isfinite(v) else round(v, digits)


def _below(v: float) -> float:
    """An interval is rounded outwards: what it contains it still contains."""
    return math.floor(v * 1e4) / 1e4


def _above(v: float) -> float:
    return math.ceil(v * 1e4) / 1e4


def _why(m: Measurement) -> str:
    """All that a reader of the object alone should know: the status, the label where it is not ok, the assumption made."""
    parts = (m.why, m.label_why if m.label is not Label.OK else "", m.assumption)
    return " ".join(part.rstrip(".") + "." for part in parts if part)


def _stamps(m: Measurement) -> dict[str, Any] | None:
    """What a live board says of its pulse's stamps."""
    found = m.head.get("stamps")
    return found if isinstance(found, dict) and "bias_ns" in found and "bias_err_ns" in found and "bias_why" in found else None


def as_object(m: Measurement) -> dict[str, Any]:
    """The JSON object; frequencies in ppb, positive when the clock gains; None is what is not known."""
    d = m.drift

    def labelled(pair: Any) -> Any:
        return None if pair is None else {"t": pair[0], "utc": pair[1].iso()}

    return {
        "file": m.file,
        "freq_ppb": None if d is None else _number(d.freq_ppb),
        "freq_lo_ppb": None if d is None else _below(d.freq_lo_ppb),
        "freq_hi_ppb": None if d is None else _above(d.freq_hi_ppb),
        "mean_freq_ppb": None if d is None else _number(d.mean_ppb),
        "mean_freq_lo_ppb": None if d is None else _below(d.mean_lo_ppb),
        "mean_freq_hi_ppb": None if d is None else _above(d.mean_hi_ppb),
        "n": None if m.status == "unreadable" else m.n,
        "span_s": _number(m.span_s, 3),
        "label": None if m.status == "unreadable" else m.label.value,
        "first_labelled": labelled(m.first_labelled),
        "last_labelled": labelled(m.last_labelled),
        "rejected": m.rejected,
        "steps": m.steps,
        "status": m.status,
        "why": _why(m),
        "assumption": m.assumption or None,
        "steered_by": m.steered_by or None,
        "board": m.head.get("board"),
        "stamps": _stamps(m),
        "simulated": m.simulated,
        "skipped": m.skipped,
        "pulse_noise_ns": None if d is None else _number(d.white_pm_ns),
        "white_fm": None if d is None else d.white_fm,
        "walk_fm": None if d is None else d.walk_fm,
        "walk_seen": None if d is None else m.walk_seen,
        "seconds_to_10_ppb": _number(m.seconds_to_target, 0),
        "rtc": rtc_object(m.rtc),
    }


# ---- for people ----------------------------------------------------------------------------------------------------------------


def _noise(m: Measurement, d: Drift) -> list[str]:
    """The levels found, in words: each with what it does to a measurement."""
    white = f"white frequency noise {d.white_fm:.1e} at 1 s" if d.white_fm > 0 else "no white frequency noise seen"
    hour = rate(d.walk_fm * 1e9 * math.sqrt(HOUR_S))  # a random walk grows with the root of time
    if m.walk_seen:
        walk = f"the frequency wanders by about {hour} in an hour (random walk {d.walk_fm:.1e} per root second)"
    elif d.walk_fm > 0:
        walk = f"no wander of the frequency seen; up to {hour} in an hour can't be excluded yet"
    else:
        walk = "the frequency is taken not to wander (declared white)"
    return [f"pulse noise {say_time(d.white_pm_ns * 1e-9)}, {white}", walk]


def _to_target(m: Measurement) -> str:
    left = m.seconds_to_target
    if left is None:
        return ""
    if math.isinf(left):
        return "never: this crystal wanders more than that while it is being measured"
    return "reached" if left <= 0 else f"in about {say_duration(left)} more"


def _count(counts: dict[str, int]) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in sorted(counts.items(), key=lambda item: -item[1])) or "none"


def as_text(m: Measurement) -> str:
    """The report, several lines."""
    rows: list[tuple[str, str]] = []
    d = m.drift
    board, about = m.head.get("board"), m.head.get("about")
    if board or about:
        rows.append(("board", ", ".join(" ".join(str(v).split()) for v in (board, about) if v)))
    if d is None:
        rows.append(("frequency", "unknown"))
    else:
        rows.append(
            (
                "frequency",
                f"{ppm(d.freq_ppb, d.freq_lo_ppb, d.freq_hi_ppb)} now; the clock {'gains' if d.freq_ppb >= 0 else 'loses'}",
            )
        )
        rows.append(("", f"{ppm(d.mean_ppb, d.mean_lo_ppb, d.mean_hi_ppb)} mean of the run"))
        rows.append(("", f"{per_day(d.freq_ppb)} seconds per day"))
        if m.status != "steered":
            rows.append(("uncorrected", f"{cost(d, HOUR_S)} off after an hour, {cost(d, DAY_S)} after a day"))
        rows += zip(("noise", ""), _noise(m, d), strict=True)
        if _to_target(m):
            rows.append(("±0.01 ppm", _to_target(m)))
    if m.status != "unreadable":
        span = f" over {say_duration(m.span_s)}" if m.span_s else ""
        rows.append(("pulses", f"{m.n} used{span}" + (" (ended by Ctrl-C)" if m.interrupted else "")))
        if stamps := _stamps(m):
            rows.append(("stamps", say_lateness(stamps)))
        rows.append(("second", f"{m.label.value}: {m.label_why}" if m.label_why else m.label.value))
        if m.last_labelled is not None:
            rows.append(("", f"last labelled pulse {m.last_labelled[1].iso()}"))
        if m.assumption:
            rows.append(("assumed", m.assumption))
        rows.append(("rejected", _count(m.rejected)))
        if m.skipped:
            rows.append(("lines", f"skipped: {_count(m.skipped)}"))
        rows.append(("steps", f"{m.steps or 0} of the system clock" + (f"; {m.steered_by} steers it" if m.steered_by else "")))
        rows += [("note", note) for note in m.notes]
        rows += [] if m.rtc is None else rtc_rows(m.rtc)
    rows.append(("status", f"{m.status}: {m.why}"))
    lines = [m.file]
    for name, text in rows:
        first, *more = textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False) or [""]
        lines += [f"  {name:<12}{first}", *(" " * 14 + line for line in more)]
    return "\n".join(lines)

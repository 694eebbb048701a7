"""What show, compare, set and boot say: a JSON object and lines for people. Positive: the chip is ahead, the chip gains."""

from __future__ import annotations

import textwrap
from typing import Any

from gpstime.app.durations import say_duration
from gpstime.app.rtc_boot import Booted
from gpstime.app.rtc_compare import Compared
from gpstime.app.rtc_set import SetDone
from gpstime.app.rtc_show import Shown
from gpstime.report.figures import say_time
from gpstime.store.rtc_history import Entry
from gpstime.times import UtcTime

Rows = list[tuple[str, str]]


def rows_text(rows: Rows) -> str:
    """A name and a text each; long texts go on below themselves."""
    out = []
    for name, text in rows:
        lines = textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False) or [""]
        out.append(f"  {name:<12}{lines[0]}")
        out += [" " * 14 + line for line in lines[1:]]
    return "\n".join(out)


def off(ahead_ns: int, err_ns: int) -> str:
    way = "ahead" if ahead_ns >= 0 else "behind"
    seconds = abs(ahead_ns) / 1e9
    size = f"{seconds:.6f} s" if seconds >= 1 else say_time(seconds)
    size += f" ({seconds / 86_400:.1f} days)" if seconds >= 86_400 else ""
    return f"{size} ± {say_time(err_ns * 1e-9)} {way}"


def ppm(lo: float, mid: float, hi: float) -> str:
    """An interval that surely holds it."""
    half = max(hi - mid, mid - lo)
    places = 2 if half >= 0.05 else 3 if half >= 0.005 else 4
    return f"{mid:+.{places}f} ± {half:.{places}f} ppm; the chip {'gains' if mid >= 0 else 'loses'}"


# ---- show ------------------------------------------------------------------------------------------------------------------------


def show_object(s: Shown) -> dict[str, Any]:
    status, spec = s.status, s.spec
    return {
        "status": "ok" if status.trusted else "untrusted",
        "why": status.doubt,
        "address": status.address,
        "shown": None if status.shown is None else status.shown.iso(3),
        "trusted": status.trusted,
        "power_lost": status.power_lost,
        "oscillator_enabled": status.oscillator_enabled,
        "backup": status.backup,
        "battery_low": status.battery_low,
        "trim": status.trim,
        "trim_spec": None
        if spec is None
        else {
            "lo": spec.lo,
            "hi": spec.hi,
            "ppm_per_step": spec.ppm_per_step,
            "positive": spec.positive,
            "acts": spec.acts,
            "cycle_s": spec.cycle_s,
            "source": spec.source,
        },
        "square_wave": status.square_wave,
        "temperature_c": status.temperature_c,
        "notes": list(status.notes),
        "registers": {f"0x{r:02x}": value for r, value in sorted(status.registers.items())},
        "clock": s.clock.iso(3),
        "history": {what: {"utc": e.utc, **e.figures} for what, e in s.last.items()},
    }


def show_text(s: Shown) -> str:
    status, spec = s.status, s.spec
    trusted = "trusted" if status.trusted else f"NOT trusted: {status.doubt}"
    rows: Rows = [
        ("chip", f"{s.chip} at 0x{status.address:02x}"),
        ("shows", f"{'no time' if status.shown is None else status.shown.iso()}; {trusted}"),
        ("clock", f"{s.clock.iso()} (the system clock)"),
    ]
    if status.backup is not None:
        low = "; the battery is low" if status.battery_low else ""
        rows.append(("battery", f"switch-over {status.backup}{low}"))
    if status.temperature_c is not None:
        rows.append(("temperature", f"{status.temperature_c:.2f} C"))
    if status.square_wave is not None:
        rows.append(("output", status.square_wave))
    if spec is None:
        rows.append(("trim", "none: its error can be known and taken off, not put right"))
    else:
        acts = "" if spec.acts == "continuous" else f", in pulses every {say_duration(spec.cycle_s)}"
        step = f"{spec.ppm_per_step:.4g} ppm a step, a larger value is {spec.positive}{acts}"
        rows.append(("trim", f"{status.trim} of {spec.lo} .. {spec.hi}; {step}"))
    rows += [(what, history_line(entry)) for what, entry in s.last.items()]
    rows += [("note", note) for note in status.notes]
    return rows_text(rows)


def history_line(entry: Entry) -> str:
    """What the chip's history says of one event."""
    figures = entry.figures
    if entry.what in ("measured", "verified"):
        lo, mid, hi = (entry.number(name) for name in ("lo", "ppm", "hi"))
        if lo is not None and mid is not None and hi is not None:
            return f"{entry.utc}: {ppm(lo, mid, hi)} with {figures.get('trim')} in its trim register"
    if entry.what in ("compared", "set"):
        ahead, err = entry.whole("ahead_ns"), entry.whole("err_ns")
        if ahead is not None and err is not None:
            return f"{entry.utc}: {off(ahead, err)}"
    if entry.what in ("trimmed", "undone"):
        return f"{entry.utc}: from {figures.get('old')} to {figures.get('new')}"
    return entry.utc


# ---- compare, set, boot ----------------------------------------------------------------------------------------------------------


def compare_object(c: Compared) -> dict[str, Any]:
    since = c.since
    return {
        "status": "ok" if c.trusted else "untrusted",
        "why": c.why_not,
        "shown": c.shown.iso(),
        "ahead_ns": c.ahead_ns,
        "err_ns": c.err_ns,
        "trusted": c.trusted,
        "trim": c.trim,
        "temperature_c": c.temperature_c,
        "clock_ahead_ns": c.clock_ahead_ns,
        "clock_err_ns": c.clock_err_ns,
        "against": c.source,
        "since": None if since is None else since.utc,
        "since_s": None if since is None else since.span_s,
        "ppm": None if since is None else round(since.ppm, 5),
        "ppm_lo": None if since is None else round(since.lo_ppm, 5),
        "ppm_hi": None if since is None else round(since.hi_ppm, 5),
    }


def compare_text(c: Compared) -> str:
    doubt = "" if c.trusted else "; its time is NOT trusted, see gpstime rtc show"
    rows: Rows = [
        ("chip", f"{c.chip}: {off(c.ahead_ns, c.err_ns)} at the start of its {c.shown.iso()}{doubt}"),
        ("clock", f"{off(c.clock_ahead_ns, c.clock_err_ns)} (the system clock)"),
        ("against", c.source),
    ]
    if c.since is not None:
        rate = ppm(c.since.lo_ppm, c.since.ppm, c.since.hi_ppm)
        rows.append(("since", f"{c.since.utc}, {say_duration(c.since.span_s)}: {rate}, if nobody set it meanwhile"))
    else:
        rows.append(("since", c.why_not))
    return rows_text(rows)


def set_object(d: SetDone) -> dict[str, Any]:
    last = d.attempts[-1]
    return {
        "status": "ok" if d.within else "off",
        "why": " ".join(d.notes),
        "shown": d.shown.iso(),
        "residue_ns": d.residue_ns,
        "err_ns": d.err_ns,
        "within_1_ms": d.within,
        "first_tick_s": round(last.first_tick_s, 6),
        "first_tick_err_s": round(last.first_tick_err_s, 6),
        "first_tick_documented_s": d.documented_first_tick_s,
        "attempts": [{"ahead_ns": a.ahead_ns, "err_ns": a.err_ns} for a in d.attempts],
        "against": d.source,
    }


def set_text(d: SetDone) -> str:
    last = d.attempts[-1]
    tick = f"{last.first_tick_s:.4f} ± {last.first_tick_err_s:.4f} s after the write ({d.documented_first_tick_s:.4f} s documented)"
    rows: Rows = [
        ("set", f"{d.chip}: its second is {off(d.residue_ns, d.err_ns)}, measured at {d.shown.iso()}"),
        ("first tick", tick),
        ("attempts", ", ".join(say_time(a.ahead_ns * 1e-9) for a in d.attempts)),
        ("against", d.source),
    ]
    if not d.within:
        rows.append(("WRONG", "that is not surely within 1 ms; run it again on a quiet machine"))
    rows += [("note", note) for note in d.notes]
    return rows_text(rows)


def boot_object(b: Booted) -> dict[str, Any]:
    found = b.found
    return {
        "status": "no-time" if found is None else "set" if b.done else "ok",
        "why": b.why_not if found is None else found.why,
        "shown": b.shown.iso(),
        "trusted": b.trusted,
        "utc": None if found is None else UtcTime.from_unix(found.unix).iso(6),
        "bound_ns": None if found is None else found.bound_ns,
        "growth_ppb": None if found is None else round(found.growth_ppb, 1),
        "ahead_ns": None if found is None else found.ahead_ns,
        "elapsed_s": None if found is None else found.elapsed_s,
        "clock_ahead_ns": b.clock_off_ns,
        "applied": b.done,
    }


def boot_text(b: Booted) -> str:
    rows: Rows = [("chip", f"{b.chip} shows {b.shown.iso()}")]
    if b.found is None:
        return rows_text([*rows, ("no time", b.why_not)])
    found, off_ns = b.found, b.clock_off_ns or 0
    utc, bound = UtcTime.from_unix(found.unix).iso(3), say_time(found.bound_ns * 1e-9)
    way = "ahead" if off_ns >= 0 else "behind"
    rows += [
        ("time", f"{utc} ± {bound}, after {say_duration(found.elapsed_s)} without GPS"),
        ("because", found.why),
        ("clock", f"{say_time(abs(off_ns) * 1e-9)} {way} (the system clock)"),
    ]
    done = "the system clock was set" if b.done else b.note or "nothing was set: --apply sets the system clock"
    return rows_text([*rows, ("", done)])

"""What measure and trim say: a JSON object and lines for people for each. Positive: the chip gains."""

from __future__ import annotations

from typing import Any

from gpstime.app.durations import say_duration
from gpstime.app.rtc_measure import Measured
from gpstime.app.rtc_trim import Proposal, Verified, Written
from gpstime.report.figures import ppm as say_ppm
from gpstime.report.rtc_words import Rows, ppm, rows_text


def measure_object(m: Measured) -> dict[str, Any]:
    d = m.board
    return {
        "status": "ok" if m.ppm is not None else "unclear",
        "why": m.why,
        "ppm": _rounded(m.ppm),
        "ppm_lo": _rounded(m.lo_ppm),
        "ppm_hi": _rounded(m.hi_ppm),
        "sure_ppm": None if m.sure is None else [_rounded(m.sure[0]), _rounded(m.sure[1])],
        "span_s": round(m.span_s),
        "starts": m.starts,
        "against": m.against,
        "trim": m.trim,
        "trusted": m.trusted,
        "temperature_c": None if m.temperature_c is None else list(m.temperature_c),
        "breaks": [{"reason": b.reason, "why": b.why, "jump_ns": b.jump_ns} for b in m.breaks],
        "board_mean_freq_ppb": None if d is None else round(d.mean_ppb, 4),
        "board_mean_freq_lo_ppb": None if d is None else round(d.mean_lo_ppb, 4),
        "board_mean_freq_hi_ppb": None if d is None else round(d.mean_hi_ppb, 4),
    }


def _rounded(v: float | None) -> float | None:
    return None if v is None else round(v, 5)


def measure_text(m: Measured) -> str:
    rows: Rows = []
    if m.ppm is None or m.lo_ppm is None or m.hi_ppm is None:
        rows.append(("chip", f"{m.chip}: no rate: {m.why}"))
    else:
        rows.append(("chip", f"{m.chip}: {ppm(m.lo_ppm, m.ppm, m.hi_ppm)} {abs(m.ppm) * 0.0864:.3f} s a day"))
        sure = "" if m.sure is None else f"; surely {m.sure[0]:+.3f} … {m.sure[1]:+.3f} ppm"
        rows.append(("over", f"{say_duration(m.span_s)}, {m.starts} starts of its seconds, against {m.against} (95 %{sure})"))
    if m.trim is not None:
        rows.append(("trim", f"{m.trim} in its register"))
    if m.temperature_c is not None:
        rows.append(("temperature", f"{m.temperature_c[0]:.2f} … {m.temperature_c[1]:.2f} C"))
    if m.board is not None:
        d = m.board
        rows.append(("board", f"{say_ppm(d.mean_ppb, d.mean_lo_ppb, d.mean_hi_ppb)} mean of its crystal"))
    rows += [(b.reason, b.why) for b in m.breaks[:5]]
    rows += [("", f"and {len(m.breaks) - 5} more")] if len(m.breaks) > 5 else []
    return rows_text(rows)


def proposal_object(p: Proposal, act: bool) -> dict[str, Any]:
    return {
        "status": "worth" if p.plan.worth else "keep",
        "why": p.plan.why,
        "ppm": p.known.ppm,
        "ppm_lo": p.known.lo,
        "ppm_hi": p.known.hi,
        "whence": p.known.whence,
        "current": p.current,
        "value": p.plan.value,
        "predicted_ppm": round(p.plan.predicted_ppm, 5),
        "predicted_lo_ppm": round(p.plan.predicted_lo_ppm, 5),
        "predicted_hi_ppm": round(p.plan.predicted_hi_ppm, 5),
        "source": p.spec.source,
        "residuals": [[r.value, round(r.ppm, 5)] for r in p.residuals],
        "applied": False,
    }


def proposal_text(p: Proposal, everything: bool) -> str:
    plan = p.plan
    rows: Rows = [
        ("chip", f"{p.chip}: {ppm(p.known.lo, p.known.ppm, p.known.hi)}, with {p.current} in its register ({p.known.whence})"),
        (
            "would write",
            f"{plan.value}, leaving {plan.predicted_ppm:+.3f} ppm ({plan.predicted_lo_ppm:+.3f} … {plan.predicted_hi_ppm:+.3f})",
        )
        if plan.worth
        else ("would keep", str(plan.value)),
        ("because", plan.why),
        ("says", p.spec.source),
    ]
    near = [r for r in p.residuals if everything or abs(r.value - plan.value) <= 3 or r.value == p.current]
    table = ["  value     would leave"]
    for r in near:
        mark = "  now" if r.value == p.current else "  best" if r.value == plan.value else ""
        table.append(f"  {r.value:>5}  {r.ppm:+9.3f} ppm{mark}")
    return rows_text(rows) + "\n" + "\n".join(table)


def written_object(w: Written, word: str) -> dict[str, Any]:
    return {
        "status": word if w.taken else "refused",
        "why": w.why,
        "old": w.old,
        "new": w.new,
        "applied": w.taken,
        "settles_s": w.settles_s,
    }


def written_text(w: Written, word: str) -> str:
    if not w.taken:
        return rows_text([("REFUSED", f"the chip did not take {w.new}: {w.why}")])
    settle = f"; it acts after {say_duration(w.settles_s)} at the latest" if w.settles_s > 0 else ""
    then = "gpstime rtc trim --verify looks what it did, --undo takes it back" if word == "written" else "as it was before"
    return rows_text([(word, f"{w.new} instead of {w.old}, and the chip has it{settle}; {then}")])


def verified_object(v: Verified) -> dict[str, Any]:
    r = v.rate
    return {
        "status": "measured" if v.verdict is None else v.verdict.word,
        "why": "" if v.verdict is None else v.verdict.why,
        "ppm": _rounded(r.ppm),
        "ppm_lo": _rounded(r.lo_ppm),
        "ppm_hi": _rounded(r.hi_ppm),
        "span_s": r.span_s,
        "cycles": r.cycles,
        "trim": v.trim,
        "sets": list(v.sets),
        "undo_to": v.undo_to,
    }


def verified_text(v: Verified) -> str:
    r = v.rate
    over = "(95 %)" if r.cycles is None else f"{r.cycles} whole cycles of its trim; the interval surely holds it"
    rows: Rows = [
        ("chip", f"{v.chip}: {ppm(r.lo_ppm, r.ppm, r.hi_ppm)}, with {v.trim} in its trim register"),
        ("over", f"{say_duration(r.span_s)}{' ' if r.cycles is None else ', '}{over}"),
    ]
    if v.verdict is None:
        rows.append(("verdict", "none: gpstime did not write what is in its register"))
    else:
        rows.append((v.verdict.word, v.verdict.why))
        if v.verdict.word == "farther":
            rows.append(("", f"gpstime rtc trim --undo puts {v.undo_to} back"))
    return rows_text(rows + [("set", told) for told in v.sets[:5]])

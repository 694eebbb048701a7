"""`gpstime rtc trim`: propose a register value, write it, see over hours what it did, take it back.

Nothing is written before the old value is in the chip's history: without it there would be no undo.
"""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.app.rtc_bench import Bench, Followed, lasting_s, trim_of
from gpstime.core.trim import Residual, TrimPlan, TrimSpec, Verdict, plan, residuals, verdict
from gpstime.core.whole_cycles import jumps, longest_untouched, mean_rate
from gpstime.errors import RtcRefused, UsageError
from gpstime.store.rtc_history import Entry, History
from gpstime.times import NS, UtcTime


@dataclass(frozen=True, slots=True)
class Known:
    """The chip's error `ppm` (between `lo` and `hi`) while `trim` was in its register; `whence` says where that comes from."""

    ppm: float
    lo: float
    hi: float
    trim: int
    whence: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """What `plan` is for: from value `current`; `residuals` has what each value would leave."""

    chip: str
    known: Known
    current: int
    spec: TrimSpec
    plan: TrimPlan
    residuals: tuple[Residual, ...]


@dataclass(frozen=True, slots=True)
class Written:
    """`taken`: the chip holds `new` now; else `why` says what it said."""

    old: int
    new: int
    taken: bool
    why: str
    settles_s: float


@dataclass(frozen=True, slots=True)
class Rate:
    """The chip's mean error over `span_s`: a 95 % interval of the estimator where the trim is continuous.

    Where it acts in pulses: over `cycles` whole cycles, and the interval surely holds it.
    """

    ppm: float
    lo_ppm: float
    hi_ppm: float
    span_s: int
    cycles: int | None


@dataclass(frozen=True, slots=True)
class Verified:
    """What was found since the last write; `verdict` is None where there is no write of ours to be judged."""

    chip: str
    trim: int
    rate: Rate
    verdict: Verdict | None
    sets: tuple[str, ...]
    undo_to: int | None


def spec_of(bench: Bench) -> TrimSpec:
    """UsageError for a chip that has no trim register."""
    spec = bench.chip.trim_spec
    if spec is None:
        if limits := bench.chip.limits:
            raise UsageError(f"no trim register of the {bench.chip.name} can be reached this way: {'; '.join(limits)}")
        raise UsageError(f"{bench.chip.name} has no trim register: its error can be known and taken off, not put right")
    return spec


def known_rate(history: History, trim: int) -> Known:
    """The latest measurement that was made with `trim` in the register; UsageError where there is none."""
    for entry in reversed(history.entries):
        figures = [entry.number(name) for name in ("ppm", "lo", "hi")]
        if entry.what in ("measured", "verified") and entry.whole("trim") == trim and None not in figures:
            ppm, lo, hi = (f for f in figures if f is not None)
            return Known(ppm, lo, hi, trim, f"{entry.what} {entry.utc}".strip())
    raise UsageError(
        f"this chip's error with {trim} in its trim register is not known: run gpstime rtc measure, or say what you know: "
        "--known 3.8+-0.1"
    )


def propose(bench: Bench, said: Known | None = None) -> Proposal:
    """What to write, from what was measured (or `said`). Reads only."""
    spec = spec_of(bench)
    current = bench.chip.read_trim()
    assert current is not None
    known = said if said is not None else known_rate(bench.history, current)
    planned = plan(known.ppm, known.lo, known.hi, current, spec)
    return Proposal(bench.chip.name, known, current, spec, planned, tuple(residuals(known.ppm, known.lo, known.hi, current, spec)))


def apply(bench: Bench, proposal: Proposal) -> Written:
    """Write what was proposed, and see whether the chip took it."""
    planned, known = proposal.plan, proposal.known
    assert planned.worth
    bench.history.add(
        "trimmed",
        _now(bench),
        old=proposal.current,
        new=planned.value,
        ppm=known.ppm,
        lo=known.lo,
        hi=known.hi,
        predicted=planned.predicted_ppm,
        predicted_lo=planned.predicted_lo_ppm,
        predicted_hi=planned.predicted_hi_ppm,
    )
    return _write(bench, proposal.current, planned.value, proposal.spec)


def undo(bench: Bench) -> Written:
    """Put back what the last write replaced. UsageError where no write is known that was not taken back."""
    last = bench.history.last("trimmed", "undone")
    old = None if last is None else last.whole("old")
    if last is None or last.what == "undone" or old is None:
        raise UsageError(f"nothing to undo: no trim that gpstime wrote into this {bench.chip.name} is known")
    current = bench.chip.read_trim()
    assert current is not None
    bench.history.add("undone", _now(bench), old=current, new=old)
    return _write(bench, current, old, spec_of(bench))


def _write(bench: Bench, old: int, new: int, spec: TrimSpec) -> Written:
    try:
        bench.chip.write_trim(new)
        why = ""
    except RtcRefused as e:
        why = " ".join(str(e).split())
    held = bench.chip.read_trim()
    if held != new and not why:
        why = f"it holds {held}"
    if held != new and held == old:
        bench.history.add("undone", _now(bench), old=new, new=old, why=why)  # it never took effect
    return Written(old, new, held == new and not why, why, spec.settles_s)


def verify(bench: Bench, lasts_s: float) -> Verified | str:
    """Measure over whole cycles of the trim, at least `lasts_s`, and judge the last write; a sentence where nothing can be said."""
    spec = spec_of(bench)
    before = trim_of(bench.chip).value
    assert before is not None
    if spec.settles_s > 1:
        bench.follow(spec.settles_s)  # what comes before the new value acts counts for nothing
    followed = bench.follow(lasting_s(spec, lasts_s))
    if bench.chip.read_trim() != before:
        return "somebody wrote the trim register meanwhile: verify again"
    rate, sets = rate_of(followed, spec, before)
    if rate is None:
        seen = f"{len(followed.beside.points)} starts of its seconds were seen"
        return f"no whole cycle of the trim ({spec.cycle_s:.0f} s) was seen undisturbed: {seen}; " + ("; ".join(sets) or "no set")
    wrote = bench.history.last("trimmed", "undone")
    judged = undo_to = None
    if wrote is not None and wrote.what == "trimmed" and wrote.whole("new") == before:
        judged, undo_to = _judge(wrote, rate), wrote.whole("old")
    bench.history.add(
        "verified",
        _now(bench),
        ppm=rate.ppm,
        lo=rate.lo_ppm,
        hi=rate.hi_ppm,
        trim=before,
        span_s=rate.span_s,
        word="" if judged is None else judged.word,
    )
    if followed.beside.labelled:
        end = followed.beside.points[-1]
        bench.history.add("compared", _now(bench), shown_s=end.shown_s, ahead_ns=end.ahead_ns, err_ns=end.err_ns, trim=before)
    return Verified(bench.chip.name, before, rate, judged, sets, undo_to)


def rate_of(followed: Followed, spec: TrimSpec, trim: int) -> tuple[Rate | None, tuple[str, ...]]:
    """The mean error in the longest stretch that nobody broke, and what broke the others, in sentences."""
    if spec.acts == "continuous":
        track = followed.engine.rtc.track
        stretch = max(track.bus.chain.stretches, key=lambda s: s.span_s)
        drift = stretch.drift()
        told = tuple(b.why for b in track.breaks)
        if drift is None:
            return None, told
        return Rate(drift.mean_ppb / 1e3, drift.mean_lo_ppb / 1e3, drift.mean_hi_ppb / 1e3, round(stretch.span_s), None), told
    points = followed.beside.points
    sets = jumps(points, spec.pulse_ns(trim))
    found = mean_rate(longest_untouched(points, sets), spec.cycle_s, spec.effect_ppm(trim)) if points else None
    told = tuple(f"somebody set the chip by {j.by_ns / NS:+.6f} s at its {UtcTime.from_unix(j.shown_s * NS).iso()}" for j in sets)
    return None if found is None else Rate(found.ppm, found.lo_ppm, found.hi_ppm, found.span_s, found.cycles), told


def _judge(wrote: Entry, rate: Rate) -> Verdict | None:
    figures = [wrote.number(name) for name in ("lo", "hi", "predicted_lo", "predicted_hi")]
    if None in figures:
        return None
    lo, hi, predicted_lo, predicted_hi = (f for f in figures if f is not None)
    return verdict((lo, hi), (predicted_lo, predicted_hi), (rate.lo_ppm, rate.hi_ppm))


def _now(bench: Bench) -> str:
    """When, by the system clock: true time is not always at hand when a register is written."""
    return UtcTime.from_unix(bench.clock()[1]).iso()

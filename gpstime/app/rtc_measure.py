"""`gpstime rtc measure`: the chip's ppm and the board's, over one stretch of time, kept in the chip's history."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from gpstime.app.rtc_bench import Bench, lasting_s, trim_of
from gpstime.core.rtc_chain import Stretch
from gpstime.core.whole_cycles import mean_rate
from gpstime.model import Drift, RtcBreak
from gpstime.times import UtcTime


@dataclass(frozen=True, slots=True)
class Measured:
    """The chip's mean error `ppm` in the longest stretch that nobody broke, in a 95 % interval; None with `why` if there is none.

    `sure` are the limits that surely hold the mean, without any assumption about noise. `board` is the crystal of the board;
    `breaks` is what happened to the chip meanwhile: what is before and after each is never mixed.
    """

    chip: str
    ppm: float | None
    lo_ppm: float | None
    hi_ppm: float | None
    sure: tuple[float, float] | None
    span_s: float
    starts: int
    against: str
    board: Drift | None
    trim: int | None
    temperature_c: tuple[float, float] | None
    breaks: tuple[RtcBreak, ...]
    trusted: bool
    why: str


def measure_chip(bench: Bench, lasts_s: float) -> Measured:
    """Over at least `lasts_s`, and whole cycles of the trim."""
    held = trim_of(bench.chip)
    followed = bench.follow(lasting_s(held.spec, lasts_s))
    beside, track = followed.beside, followed.engine.rtc.track
    stretch = track.best(track.bus) or track.bus.chain.stretch
    drift, why = _drift(stretch)
    if drift is None and beside.said:
        why = f"{why}; {beside.said[-1]}"
    if trim_of(bench.chip).value != held.value:
        drift, why = None, "somebody wrote the trim register meanwhile: measure again"
    sure = None
    if drift is not None and len(track.bus.chain.stretches) == 1:
        effect = 0.0 if held.spec is None or held.value is None else held.spec.effect_ppm(held.value)
        rate = mean_rate(beside.points, 1.0 if held.spec is None else held.spec.cycle_s, effect)
        sure = None if rate is None else (rate.lo_ppm, rate.hi_ppm)
    warm = beside.temperatures
    against = track.last_offset.against if track.last_offset is not None else ""
    if drift is not None:
        bench.history.add(
            "measured",
            UtcTime.from_unix(bench.clock()[1]).iso(),
            ppm=drift.mean_ppb / 1e3,
            lo=drift.mean_lo_ppb / 1e3,
            hi=drift.mean_hi_ppb / 1e3,
            trim=held.value,
            span_s=round(stretch.span_s),
            against=against,
            temperature_c=statistics.fmean(warm) if warm else None,
        )
    return Measured(
        bench.chip.name,
        None if drift is None else drift.mean_ppb / 1e3,
        None if drift is None else drift.mean_lo_ppb / 1e3,
        None if drift is None else drift.mean_hi_ppb / 1e3,
        sure,
        stretch.span_s,
        stretch.n,
        against,
        followed.engine.drift.estimate(bench.time.now()),
        held.value,
        (min(warm), max(warm)) if warm else None,
        tuple(track.breaks),
        not beside.untrusted,
        why,
    )


def _drift(stretch: Stretch) -> tuple[Drift | None, str]:
    drift = stretch.drift()
    return drift, "" if drift is not None else f"only {stretch.n} starts of its seconds were seen in a row undisturbed"

"""A clock chip's trim register: what each value makes of the frequency, which one to write, and whether it did what it should.

Frequencies are errors of the chip in ppm, positive when it gains.  A measured frequency always belongs to the register value that
was in force while it was measured, so that values are compared by their *difference*: residual(v) = measured + effect(v) -
effect(current).  What is proposed is never farther from zero than what is there, for any truth inside the measured interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

PLAUSIBLE_PPM = 500.0
"""No crystal that works is further off (a tuning fork over its whole temperature range stays within 200 ppm); a chip that is has
another fault, which no trim cures."""


@dataclass(frozen=True, slots=True)
class TrimSpec:
    """What a trim register does. Values are signed integers `lo`..`hi`; how they are encoded in the register is the driver's.

    `ppm_per_step` is the size of a step (above 0) and `positive` what a *larger* value makes of the clock.  `step_error` is the
    fraction by which a step may be of another size (the DS3231 states 0.1 ppm at 25 C, typically).  `acts`: a continuous trim
    changes each second alike; one in pulses leaves most seconds alone and moves the clock at once every `cycle_s`, so that a
    frequency means something over whole cycles only.  `settles_s` is how long after the write the new value may still be without
    effect.  `source` names the document.
    """

    lo: int
    hi: int
    ppm_per_step: float
    positive: Literal["slower", "faster"]
    acts: Literal["continuous", "pulses"]
    cycle_s: float
    settles_s: float
    source: str
    step_error: float = 0.0

    def __post_init__(self) -> None:
        assert self.lo <= 0 <= self.hi, self
        assert self.ppm_per_step > 0, self
        assert self.cycle_s >= 1, self
        assert self.settles_s >= 0, self
        assert 0 <= self.step_error < 1, self

    def effect_ppm(self, value: int) -> float:
        """What `value` adds to the frequency error, relative to value 0."""
        return (-value if self.positive == "slower" else value) * self.ppm_per_step

    def pulse_ns(self, value: int) -> float:
        """By how much the clock is moved in each cycle, if it acts in pulses: positive is ahead."""
        return self.effect_ppm(value) * self.cycle_s * 1e3

    def whole_cycles_s(self, at_least_s: float) -> float:
        """The shortest span of whole cycles that is at least this long: what a verification has to run for."""
        return max(1, math.ceil(at_least_s / self.cycle_s - 1e-9)) * self.cycle_s


@dataclass(frozen=True, slots=True)
class Residual:
    """What register value `value` would leave: between `lo_ppm` and `hi_ppm` (the measured interval and the doubt of the step)."""

    value: int
    ppm: float
    lo_ppm: float
    hi_ppm: float


@dataclass(frozen=True, slots=True)
class TrimPlan:
    """`value` to write and the error `predicted_ppm` it should leave, in `predicted_lo_ppm`..`predicted_hi_ppm`.

    `worth` False: leave the register alone; `value` is then the one in force.  `why` is a sentence for people.
    """

    value: int
    predicted_ppm: float
    why: str
    worth: bool
    predicted_lo_ppm: float
    predicted_hi_ppm: float


def residual(ppm: float, ppm_lo: float, ppm_hi: float, current: int, value: int, spec: TrimSpec) -> Residual:
    """What `value` leaves of an error of `ppm` (between `ppm_lo` and `ppm_hi`) that was measured under `current`."""
    change = spec.effect_ppm(value) - spec.effect_ppm(current)
    doubt = abs(change) * spec.step_error
    return Residual(value, ppm + change, ppm_lo + change - doubt, ppm_hi + change + doubt)


def residuals(ppm: float, ppm_lo: float, ppm_hi: float, current: int, spec: TrimSpec) -> list[Residual]:
    """What each value of the register would leave, in rising order of the value."""
    return [residual(ppm, ppm_lo, ppm_hi, current, value, spec) for value in range(spec.lo, spec.hi + 1)]


def plan(ppm_measured: float, ppm_lo: float, ppm_hi: float, current: int, spec: TrimSpec) -> TrimPlan:
    """Which value to write for an error of `ppm_measured`, known to lie between `ppm_lo` and `ppm_hi`, measured under `current`.

    Of the values that leave no truth in the interval farther from zero than it is now, the one that leaves least.
    """
    if not ppm_lo <= ppm_measured <= ppm_hi:  # also for a NaN
        raise ValueError(f"not an interval: {ppm_lo} .. {ppm_measured} .. {ppm_hi} ppm")

    def keep(why: str) -> TrimPlan:
        return TrimPlan(current, ppm_measured, why, False, ppm_lo, ppm_hi)

    if not spec.lo <= current <= spec.hi:
        return keep(f"the register holds {current}, outside {spec.lo} .. {spec.hi}: read it again")
    if max(abs(ppm_lo), abs(ppm_hi)) > PLAUSIBLE_PPM:
        return keep(
            f"{ppm_measured:+.0f} ppm is no crystal's error but a fault of the chip or of the measurement: no trim cures it"
        )
    if ppm_lo <= 0 <= ppm_hi:
        return keep(f"the measurement ({ppm_lo:+.3f} .. {ppm_hi:+.3f} ppm) can't tell gaining from losing: measure longer")
    surely = min(abs(ppm_lo), abs(ppm_hi))  # the error is at least this large

    def never_farther(r: Residual) -> bool:
        change = spec.effect_ppm(r.value) - spec.effect_ppm(current)
        return change * ppm_measured < 0 and abs(change) * (1 + spec.step_error) <= 2 * surely

    tried = residuals(ppm_measured, ppm_lo, ppm_hi, current, spec)
    ideal = min(tried, key=lambda r: (abs(r.ppm), abs(r.value - current)))
    if ideal.value == current:
        at_limit = abs(ppm_measured) > spec.ppm_per_step
        return keep(
            "the register is at its limit already" if at_limit else "no other value is closer: half a step is as near as it gets"
        )
    allowed = [r for r in tried if never_farther(r)]
    if not allowed:
        return keep(
            f"a step of {spec.ppm_per_step:.3g} ppm may overshoot the error of {ppm_lo:+.3f} .. {ppm_hi:+.3f} ppm: measure longer"
        )
    best = min(allowed, key=lambda r: (abs(r.ppm), abs(r.value - current)))
    does, wants = ("gains", "slower") if ppm_measured > 0 else ("loses", "faster")
    larger = "larger" if best.value > current else "smaller"
    why = f"the chip {does} {abs(ppm_measured):.3f} ppm with {current} in the register"
    why += f"; a {larger} value makes it {wants}, {spec.ppm_per_step:.4g} ppm a step"
    if best.value != ideal.value:
        why += f"; {ideal.value} would be nearer, but could overshoot as long as the error is known no better: measure longer"
    elif best.value in (spec.lo, spec.hi) and abs(best.ppm) > spec.ppm_per_step:
        why += "; the register goes no further"
    return TrimPlan(best.value, best.ppm, why, True, best.lo_ppm, best.hi_ppm)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`word`: confirmed, closer, farther, unclear; `why` a sentence for people. Only `farther` calls for an undo."""

    word: Literal["confirmed", "closer", "farther", "unclear"]
    why: str


def verdict(before: tuple[float, float], predicted: tuple[float, float], after: tuple[float, float]) -> Verdict:
    """What a trim did. Each argument is an interval (lo, hi) of the chip's error in ppm.

    `farther` only if every error the chip may have now is larger than every one that it may have had.
    """
    worst_after, least_after = max(map(abs, after)), _nearest(after)
    worst_before, least_before = max(map(abs, before)), _nearest(before)
    says = f"it was {before[0]:+.3f} .. {before[1]:+.3f} ppm, {predicted[0]:+.3f} .. {predicted[1]:+.3f} were predicted, "
    says += f"{after[0]:+.3f} .. {after[1]:+.3f} are measured"
    if least_after > worst_before:
        return Verdict("farther", f"{says}: farther from zero than before")
    if after[0] <= predicted[1] and predicted[0] <= after[1]:
        return Verdict("confirmed", says)
    if worst_after < least_before:
        return Verdict("closer", f"{says}: closer to zero, though not what was predicted (temperature, or the size of the step)")
    return Verdict("unclear", f"{says}: neither surely closer nor surely farther; verify longer")


def _nearest(interval: tuple[float, float]) -> float:
    """The smallest magnitude in an interval."""
    lo, hi = interval
    return 0.0 if lo <= 0 <= hi else min(abs(lo), abs(hi))

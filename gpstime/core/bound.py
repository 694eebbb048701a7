"""How far off the system clock may be, now and later, with its parts: what a report prints as the ledger.

Two kinds of parts. Biases hide from the loop, whatever it does, and add up linearly: the receiver's own error, the antenna's cable,
what the pulse's stamps are late beyond what is taken off (P21), what is known to be left to steer out, and in a holdover what a
model of the temperature has moved. Noise adds in quadrature, at 95 %: the fit (how well phase is known from pulses), jitter (what a
crystal does within a second, and the stamps' own doubt), and once no pulse comes, age (frequency not known better, white noise) and
wander (of the frequency, whatever moves it: as the filter's levels have it, times what forecasts of that length have missed so far,
see `wander`).

    bound = receiver + cable + pulse + left + model + 1.96 sqrt(fit^2 + jitter^2 + age^2 + wander^2)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gpstime.core.phase import Phase
from gpstime.core.wander import SOON_S
from gpstime.model import BoundStatus, ErrorBound, Mode
from gpstime.times import NS, RawNs

SIGMAS = 1.96
"""95 % of a normal distribution."""
HORIZON_S = 64.0
"""A bound is good for so long; then a new one is due."""
LATER_S = (4.0, 16.0, HORIZON_S)
"""Where the growth is looked at: the steepest straight line lies above the curve, be it bent up (wander) or down (white noise)."""
STATUS = {
    Mode.ACQUIRING: BoundStatus.UNKNOWN,
    Mode.TRACKING: BoundStatus.SYNCHRONIZED,
    Mode.HOLDOVER: BoundStatus.FREE_RUNNING,
    Mode.FREE_RUNNING: BoundStatus.FREE_RUNNING,
    Mode.FAULTED: BoundStatus.DISRUPTED,
}


@dataclass(frozen=True, slots=True)
class Biases:
    """What no loop sees, as half-widths in ns: the receiver's time, its antenna's cable (5 ns/m) and delay, the pulse's stamps.

    The defaults: 60 ns for a receiver with a fix (field: 30 to 60), 50 ns for 10 m of cable not allowed for, and for stamps of
    which nothing is known 20 us (kernel stamps in the field are 1 to 20 us late).
    """

    receiver_ns: float = 60.0
    cable_ns: float = 50.0
    pulse_ns: float = 20_000.0

    @property
    def total_ns(self) -> float:
        return self.receiver_ns + self.cable_ns + self.pulse_ns


@dataclass(frozen=True, slots=True)
class Noise:
    """One sigma each (ns), a while after the last pulse."""

    fit: float
    jitter: float
    age: float
    wander: float

    @property
    def sigma_ns(self) -> float:
        return math.sqrt(self.fit**2 + self.jitter**2 + self.age**2 + self.wander**2)


def noise_after(phase: Phase, seconds: float, stamp_ns: float = 0.0) -> Noise:
    """What the filter does not know of the phase so long after its last pulse; `stamp_ns`: half-width of a stamp's own doubt."""
    w2, t = phase.levels.w**2, seconds if seconds > 0.0 else 0.0
    wider2 = phase.wider2
    fit2 = wider2 * phase.pxx
    age2 = wider2 * t * (2.0 * phase.pxy + t * phase.pyy) + (w2 * (t - 1.0) if t > 1.0 else 0.0)
    fit2, age2 = fit2 if fit2 > 0.0 else 0.0, age2 if age2 > 0.0 else 0.0
    wander2 = (phase.levels.q**2 + phase.jumps.walk2) * t * t * t / 3.0
    if (factor := phase.wander.factor(t)) != 1.0:
        rest2 = fit2 + w2 + age2
        wander2 = max(0.0, factor**2 * (rest2 + wander2) - rest2)
    jitter2 = w2 * (t if t < 1.0 else 1.0) + stamp_ns * stamp_ns / 3.0
    return Noise(math.sqrt(fit2), math.sqrt(jitter2), math.sqrt(age2), math.sqrt(wander2))


def _growth(phase: Phase, seconds: float, stamp_ns: float, sigma: float) -> float:
    """The steepest rise of the noise's sigma from now on (ns per s): `noise_after` in one sum, being asked so often."""
    w2, walk2 = phase.levels.w**2, (phase.levels.q**2 + phase.jumps.walk2) / 3.0
    wider2, from_s = phase.wider2, seconds if seconds > 0.0 else 0.0
    pxx, pxy, pyy = wider2 * max(0.0, phase.pxx), 2.0 * wider2 * phase.pxy, wider2 * phase.pyy
    here, steepest = pxx + w2 + stamp_ns * stamp_ns / 3.0, 0.0
    for later in LATER_S:
        t = from_s + later
        age = t * (pxy + t * pyy) + w2 * (t - 1.0)
        then = math.sqrt(here + (age if age > 0.0 else 0.0) + walk2 * t * t * t)
        if seconds > LATER_S[0]:
            then *= phase.wander.factor(t)
        rise = (then - sigma) / later
        steepest = rise if rise > steepest else steepest
    return steepest


def half_width(noise: Noise) -> float:
    """Of the 95 % interval that the noise makes."""
    return SIGMAS * noise.sigma_ns


def error_bound(
    phase: Phase | None,
    biases: Biases,
    mode: Mode,
    at: RawNs,
    since_s: float,
    left_ns: float,
    stamp_ns: float,
    followed: tuple[float, float] = (0.0, 0.0),
) -> ErrorBound:
    """The bound at `at`, `since_s` after the last pulse used, with `left_ns` of offset known and not yet taken out.

    `followed`: how far a model of the temperature has moved the clock meanwhile (ns), and moves it each second (ppb). All of that
    is added: whatever the model is worth, the bound holds as often as that of a clock whose frequency was kept.
    """
    void = RawNs(at + round(HORIZON_S * NS))
    if phase is None or not phase.ready:
        return ErrorBound(at, void, math.inf, 0.0, BoundStatus.UNKNOWN, {})
    now = noise_after(phase, since_s, stamp_ns)
    left = abs(left_ns)
    sigma = now.sigma_ns
    moved_ns, moves_ppb = followed
    bound = biases.total_ns + left + moved_ns + SIGMAS * sigma
    growth = moves_ppb + SIGMAS * _growth(phase, since_s, stamp_ns, sigma)
    parts = {
        "receiver": biases.receiver_ns,
        "cable": biases.cable_ns,
        "pulse": biases.pulse_ns,
        "left": left,
        "model": moved_ns,
        "fit": now.fit,
        "jitter": now.jitter,
        "age": now.age,
        "wander": now.wander,
    }
    return ErrorBound(at, void, bound, growth, STATUS[mode], parts, since_s > SOON_S and since_s > phase.wander.seen_s)


class Coverage:
    """How often the bound of the second before held what the pulse then said. Biases are left out of both: no pulse shows them."""

    def __init__(self) -> None:
        self.seconds = 0
        self.within = 0

    def add(self, offset_ns: float, left_ns: float, noise: Noise, pulse_ns: float) -> None:
        """An offset as measured, what was expected of it, the noise that it should have had and that of the pulse itself."""
        self.seconds += 1
        self.within += abs(offset_ns) <= abs(left_ns) + SIGMAS * math.hypot(noise.sigma_ns, pulse_ns)

    @property
    def share(self) -> float | None:
        return self.within / self.seconds if self.seconds else None

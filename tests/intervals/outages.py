"""How often the bound of a holdover holds the truth: simulated outages of 10 min, 2.5 h and 24 h after an hour of pulses.

Each is a crystal of its own with 10 ns of white FM and 1 ppb of walk per root second (a Pi-like one; both times a factor drawn from
`spread` either way), an hour of pulses through the filter of the loop, and then none. What the crystal does in an outage of T
seconds is drawn exactly: white FM gives sqrt(T) w, a walk sqrt(T^3 / 3) q of phase. Biases are left out: no pulse shows them.

    python tests/intervals/outages.py [OUTAGES] [SEED]

prints for each length: coverage of the bound, and its mean width against the narrowest constant-factor bound: the one that is the
same multiple of the true standard deviation in all outages and holds the truth in 95 %.
"""

from __future__ import annotations

import math
import random
import sys
from dataclasses import dataclass

from gpstime.core.bound import noise_after
from gpstime.core.phase import Phase

LENGTHS_S = (600, 9_000, 86_400)
LEARNED_S = 3_600


@dataclass(frozen=True, slots=True)
class Outage:
    """How far off the clock was at the end (ns), the bound's half-width, and the true standard deviation of what happened."""

    off_ns: float
    bound_ns: float
    sigma_ns: float


def outages(seed: int, spread: float = 1.0, learned_s: int = LEARNED_S, sigma_ns: float = 1000.0) -> dict[int, Outage]:
    """One crystal, one hour, and an outage of each length after it."""
    from gpstime.core.bound import half_width

    rng = random.Random(seed)
    gauss = rng.gauss
    factor = math.exp(rng.uniform(-1.0, 1.0) * math.log(spread))
    white, walk = 10.0 * factor, 1.0 * factor
    x, y, phase = 0.0, 20_000.0, Phase()
    for n in range(learned_s):
        phase.add(n, x + gauss(0.0, sigma_ns))
        phase.wander.look(phase)
        x += y + gauss(0.0, white)
        y += gauss(0.0, walk)
    # one second has passed since the last pulse
    found = {}
    for length in LENGTHS_S:
        t = length - 1.0
        off = y * t + gauss(0.0, white) * math.sqrt(t) + _walk(gauss, walk, t) + x - phase.ahead(float(length))[0]
        own = math.sqrt(white**2 * t + walk**2 * t**3 / 3.0)
        found[length] = Outage(off, half_width(noise_after(phase, float(length))), own)
    return found


def _walk(gauss, walk: float, t: float) -> float:  # type: ignore[no-untyped-def]
    """The integral over t of a random walk that begins at 0."""
    return gauss(0.0, walk) * math.sqrt(t**3 / 3.0)


def table(count: int, seed: int, spread: float = 1.0) -> list[tuple[int, float, float]]:
    """(length, coverage, mean width against the narrowest constant-factor bound)."""
    runs = [outages(1_000_003 * seed + i, spread) for i in range(count)]
    rows = []
    for length in LENGTHS_S:
        of = [run[length] for run in runs]
        held = sum(abs(o.off_ns) <= o.bound_ns for o in of) / count
        factor = sorted(abs(o.off_ns) / o.sigma_ns for o in of)[math.ceil(0.95 * count) - 1]
        narrowest = factor * sum(o.sigma_ns for o in of) / count
        rows.append((length, held, sum(o.bound_ns for o in of) / count / narrowest))
    return rows


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for spread in (1.0, 3.0):
        print(f"{count} outages, seed {seed}, noise levels within a factor of {spread:g}")
        for length, held, width in table(count, seed, spread):
            print(f"  {length:6d} s: {100 * held:5.1f} % held, {width:.2f} times the narrowest", flush=True)


if __name__ == "__main__":
    main()

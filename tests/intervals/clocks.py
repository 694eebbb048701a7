"""Made-up clocks with known truth for the coverage sweep: phases as a Pi would stamp them, vectorised over nothing, seeded.

Units as in the core: ns, ppb, ns per root second, ppb per root second. The model is the design's: y = dx per true second, the
frequency of a second is the slow part (a random walk) plus white frequency noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PULSE_NS = (200.0, 2000.0, 50_000.0)
KINDS = ("gauss", "student3", "outliers")
WHITE_NS = (0.0, 1.0, 10.0)
WALK_PPB = (0.0, 0.03, 0.1, 0.3, 1.0, 3.0)
SPANS = (600, 3600)
COUNTER_NS = 1000.0


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid. `kind` counter: Gaussian pulse noise of `pulse_ns`, stamped by a counter that counts whole us."""

    kind: str
    pulse_ns: float
    white_ns: float
    walk_ppb: float
    n: int

    @property
    def told_ns(self) -> float:
        """The standard deviation of a pulse, all of it: what a Kalman filter can be told."""
        return {
            "gauss": self.pulse_ns,
            "student3": self.pulse_ns * math.sqrt(3.0),
            "outliers": self.pulse_ns * math.sqrt(0.95 + 0.05 * 50.0**2),
            "counter": math.hypot(self.pulse_ns, COUNTER_NS / math.sqrt(12.0)),
        }[self.kind]

    @property
    def key(self) -> str:
        return f"{self.kind}-{self.pulse_ns:g}-{self.white_ns:g}-{self.walk_ppb:g}-{self.n}"


def grid() -> list[Point]:
    noises = [(kind, ns) for kind in KINDS for ns in PULSE_NS] + [("counter", 200.0)]
    return [Point(kind, ns, w, q, n) for n in SPANS for kind, ns in noises for w in WHITE_NS for q in WALK_PPB]


@dataclass(frozen=True, slots=True)
class Run:
    """`z`: measured phases (whole ns, shape (n,)); the two truths in ppb; `clean`: False where the pulse is an outlier."""

    z: NDArray[np.float64]
    current_ppb: float
    mean_ppb: float
    clean: NDArray[np.bool_]


def make(point: Point, seed: int) -> Run:
    """Run number `seed` at this point; the same seed gives the same bits."""
    name = [*point.key.encode()]
    rng = np.random.default_rng([20261124, seed, *name])
    n = point.n
    walk = np.concatenate([[0.0], np.cumsum(rng.normal(0.0, 1.0, n - 1))]) * point.walk_ppb
    y = rng.normal(0.0, 5000.0) + walk
    x = np.concatenate([[0.0], np.cumsum(y[:-1] + rng.normal(0.0, 1.0, n - 1) * point.white_ns)])
    clean = np.ones(n, bool)
    e = (rng.standard_t(3, n) if point.kind == "student3" else rng.normal(0.0, 1.0, n)) * point.pulse_ns
    if point.kind == "outliers":
        clean = rng.random(n) >= 0.05
        e[~clean] = rng.normal(0.0, 50.0 * point.pulse_ns, int((~clean).sum()))
    z = x + e
    z = np.floor((z + rng.random() * COUNTER_NS) / COUNTER_NS) * COUNTER_NS if point.kind == "counter" else np.round(z)
    return Run(z - z[0], float(y[-1]), float(x[-1] / (n - 1)), clean)

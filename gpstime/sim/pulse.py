"""The pulses of one board: the receiver's edges, the noise of their stamps, and what goes wrong with them.

All times are true ns since the start of the run; a pulse's stamp is late by the path's bias and noise (positive: late).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from gpstime.errors import UsageError
from gpstime.sim.faults import Fault
from gpstime.sim.receiver import Mood
from gpstime.sim.streams import stream
from gpstime.times import NS

NOISES = ("gauss", "student3", "outliers", "latency")
REACH_NS = 100_000_000
"""A stamp is never earlier than this before its second: what lets the world work second by second."""


class Edge(NamedTuple):
    """One stamped edge, at true ns `at`; only one of `kind` plain is a pulse of true second `k`.

    The other kinds: duplicate, rogue, trailing (the wrong edge), wandering (no fix), extra (not at a whole second), clear, frozen.
    """

    at: int
    edge: Literal["assert", "clear"]
    kind: str
    k: int
    err_ns: int = 0


def noise(kind: str, level_ns: float, seed: int) -> Callable[[], float]:
    """Draws of stamping noise in ns.

    gauss and student3 (three degrees of freedom): `level_ns` rms; outliers: gauss of `level_ns`, one in twenty 50 times as far;
    latency: one-sided, log-normal around `level_ns` with 3 % exponential tails of ten times that.
    """
    draw = stream(seed, "pulse/noise")
    gauss, uniform = draw.gauss, draw.random
    if kind == "gauss":
        return lambda: gauss(0.0, level_ns)
    if kind == "student3":
        # t = z / sqrt(chi2_3 / 3) has variance 3; chi2_3 = 2 Gamma(3/2).
        return lambda: level_ns * gauss(0.0, 1.0) / (2.0 * draw.gammavariate(1.5, 1.0)) ** 0.5
    if kind == "outliers":
        return lambda: gauss(0.0, level_ns * (50.0 if uniform() < 0.05 else 1.0))
    if kind == "latency":
        return lambda: level_ns * draw.lognormvariate(0.0, 0.4) + (draw.expovariate(0.1 / level_ns) if uniform() < 0.03 else 0.0)
    raise UsageError(f"unknown pulse noise {kind!r}; known: {', '.join(NOISES)}")


class PulseTrain:
    """The edges of each true second."""

    def __init__(
        self, noise_kind: str, level_ns: float, bias_ns: float, width_ns: int, both_edges: bool, seed: int, faults: Sequence[Fault]
    ) -> None:
        self._noise = noise(noise_kind, level_ns, seed) if level_ns > 0 else lambda: 0.0
        self._bias_ns, self._width_ns, self._both = bias_ns, width_ns, both_edges
        self._by_name = {f.name: f for f in faults}
        self._draws = {name: stream(seed, f"fault/{name}") for name in self._by_name}
        self._plain = not (self._by_name.keys() & _MINE) and not both_edges
        self._missing_until = self._rogue_until = -1
        self._frozen: Edge | None = None
        rate = self._by_name.get("pulse-rate")
        self._hz = rate.number("hz") if rate else 1.0
        if not (self._hz == 1 / round(1 / self._hz) if self._hz < 1 else self._hz == int(self._hz) <= 100):
            raise UsageError(f"fault pulse-rate: {self._hz:g} Hz; use a whole number up to 100, or 1 divided by one, like 0.5")
        wandering = stream(seed, "pulse/wandering")
        self._wander_phase, self._wander_sign = wandering.randrange(NS), wandering.choice((-1, 1))

    def at(self, k: int, mood: Mood) -> list[Edge]:
        """The edges of true second k, in any order."""
        late = self._bias_ns + self._noise()
        if self._plain and mood.pulses == "true":
            return [Edge(k * NS + max(round(late), -REACH_NS), "assert", "plain", k)]
        return self._troubled(k, mood, late)

    def _strikes(self, name: str, k: int) -> Fault | None:
        """The fault if it is active at k and its probability says so; draws in every second, active or not."""
        fault = self._by_name.get(name)
        if fault is None:
            return None
        rate = fault.values.get("rate")
        hit = self._draws[name].random() < rate if isinstance(rate, float) and rate < 1.0 else True
        return fault if hit and fault.on(k) else None

    def _troubled(self, k: int, mood: Mood, late: float) -> list[Edge]:
        err = 0
        if f := self._strikes("latency-step", k):
            late += f.number("add") * 1e9
        if f := self._strikes("stretched-bracket", k):
            err = round(f.number("err") * 1e9)
            late += self._draws["stretched-bracket"].uniform(-err, err)
        start = k * NS + max(round(late), -REACH_NS)
        out: list[Edge] = []
        kind, here = "plain", mood.pulses == "true"
        if mood.pulses == "own":
            kind, here, start = "wandering", True, start + max(mood.phase_ns, -REACH_NS // 2)
        elif mood.pulses == "no" and (f := self._strikes("pulse-before-fix", k)):
            kind, here = "wandering", True
            start += (self._wander_phase + round(self._wander_sign * f.number("ppm") * 1e3 * k)) % NS
        if f := self._strikes("missing-pulse", k):
            self._missing_until = max(self._missing_until, k + int(f.number("run")))
        if self._hz < 1 and k % round(1 / self._hz):
            here = False
        if here and k >= self._missing_until:
            out += self._with_edges(start, kind, k, err)
            if self._hz > 1:
                for j in range(1, int(self._hz)):
                    out += self._with_edges(start + j * NS // int(self._hz), "extra", k, err)
            if f := self._strikes("duplicate-pulse", k):
                gap = self._draws["duplicate-pulse"].uniform(2e-6, max(2e-6, f.number("gap")))
                out += [Edge(e.at + round(gap * 1e9), e.edge, "duplicate", k, err) for e in out]
        if f := self._strikes("rogue-pulse", k):
            self._rogue_until = k + int(f.number("cluster"))
        if k < self._rogue_until:
            out.append(Edge(k * NS + self._draws["rogue-pulse"].randrange(NS // 10, NS * 99 // 100), "assert", "rogue", k))
        return out

    def _with_edges(self, start: int, kind: str, k: int, err: int) -> list[Edge]:
        width = self._width_ns
        if f := self._by_name.get("wrong-edge"):
            width = round(f.number("width") * 1e9) or width
            if f.on(k):
                late = Edge(start + width, "assert", "trailing" if kind == "plain" else kind, k, err)
                return [Edge(start, "clear", "clear", k, err), late] if self._both else [late]
        edge = Edge(start, "assert", kind, k, err)
        if f := self._by_name.get("frozen-clear"):
            if f.on(k) and self._frozen is not None:
                return [edge, self._frozen._replace(kind="frozen")]
            self._frozen = Edge(start + width, "clear", "clear", k, err)
            return [edge, self._frozen]
        return [edge, Edge(start + width, "clear", "clear", k, err)] if self._both else [edge]


_MINE = {
    "latency-step",
    "duplicate-pulse",
    "missing-pulse",
    "rogue-pulse",
    "wrong-edge",
    "frozen-clear",
    "pulse-rate",
    "stretched-bracket",
}

"""From raw edges to numbered pulses: duplicates, rogues, gaps, the wrong edge, the wrong rate and a raw clock that jumps.

The train knows the raw clock only. It answers *which pulse is this* (n, in true seconds since its first pulse), never *which
second*. An edge is judged by where it falls on the train's own raster, in a gate of 10 to 25 ms: a stamping outlier of some ms is
passed on (the drift estimator weighs it), an edge elsewhere in the second is no pulse. Edges that fit nothing are held; if they
turn out to be a raster of their own while ours is silent, the train restarts on it.
"""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass

from gpstime.core.lock import DUPLICATE_NS, GATE_NS, NS, START, Found, Holding, find
from gpstime.model import PpsEdge, Rejected
from gpstime.times import RawNs

NARROW_NS = 10_000_000
"""The gate's half-width, up to GATE_NS where stamps scatter by more than a ms. Outliers reach some ms; a rogue is further off."""
SHIFT = 10
"""Consistent edges on another raster, ours being silent, before the train moves there: clusters of rogues are shorter."""
STEADY = 8
"""Seconds in a row with the same extra edges that make them the other edge of the pulse, or a faster pulse."""
BASE = 128
"""Pulses over which the rate is learned."""
COUNT_NS = 200_000_000
"""A gap is counted as long as the raster is known to this much at its end; beyond, the count might be off by one: restart."""
WANDER, WANDER_RESONATOR = 5e-6, 100e-6
"""How much the rate of a crystal, and of a clock so far off that it is a resonator, may have changed during a gap."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """An accepted edge. `n`: true seconds since the first pulse of the train, never reused; between pulses of different `run`
    (the train restarted in between) the difference of `n` means nothing but order."""

    at: RawNs
    n: int
    edge: PpsEdge
    run: int = 0


class Train:
    """Edges in, pulses out; the first few are held until they are consistent, so one call may return several.

    `rate`: raw seconds per true second (1.0 nominal). `interval_s`: spacing of the edges on the raw clock, None while unknown.
    `rate_hz`: pulses per second of the pulse, None while unknown; a pulse faster than 1 Hz is refused (`wrong-rate`: which of its
    edges is the second can't be told), one in several whole seconds is used. Evenly spaced edges at no such rate are one per second
    on a timer that loses ticks: used, with `rate` saying so. `width_s`: length of the pulse where both edges are captured.
    `edge`: the polarity used: the edge that begins the shorter part of the period, which is `assert` unless the capture is inverted
    or only `clear` comes.
    """

    def __init__(self) -> None:
        self.restarts = 0
        self.rate = 1.0
        self.rate_hz: float | None = None
        self.interval_s: float | None = None
        self.width_s: float | None = None
        self.edge: str | None = None
        self._holding = Holding()
        self._strays: list[PpsEdge] = []
        self._run = -1
        self._n = -1
        self._last_at = 0
        self._ref = 0
        self._period = float(NS)
        self._widest = float(GATE_NS)
        self._gate = float(NARROW_NS)
        self._scatter = 0.0
        self._base: deque[tuple[int, int]] = deque(maxlen=BASE)
        self._others = 0
        self._extra = (0, 0.0, 0)
        self._steady: str | None = None
        self._edges = 0
        self._counted: tuple[int, int] | None = None

    def on_edge(self, edge: PpsEdge) -> list[Pulse | Rejected]:
        """Judge one edge; what comes out is in order of raw time for each call."""
        self._edges += 1
        if edge.edge != self.edge:
            return self._acquire(edge) if self.edge is None else self._other_edge(edge)
        at = edge.at
        since = at - self._last_at
        if -DUPLICATE_NS < since < DUPLICATE_NS:
            return [Rejected(edge.at, "pps", "duplicate-pulse")]
        period = self._period
        ahead = at - self._ref
        k = int(ahead / period + 0.5)
        if k < 1 or since < 0:
            return self._stray(edge, since < 0)
        err = ahead - k * period
        if k > 8:
            blur = k * period * self._blur()
            if blur > COUNT_NS:
                return self._stray(edge, True)
            if abs(err) > self._gate + blur:
                return self._stray(edge, False)
        elif not -self._gate < err < self._gate:
            return self._stray(edge, False)
        fallen = self._drop_strays(at, k) if self._strays or self._extra[0] else None
        if fallen and self._steady is not None:  # what was dropped showed that this edge is not the second either
            self._last_at = at
            return [*fallen, Rejected(edge.at, "pps", self._steady)]
        self._n += k
        self._last_at = at
        # Phase follows by a quarter of the error: one outlier must not carry the gate away. After a gap the pulse knows better.
        self._ref += round(k * period + (0.25 if k <= 8 else 1.0) * err)
        self._scatter = scatter = self._scatter + (min(abs(err), 5e6) - self._scatter) * 0.0625
        self._gate = min(self._widest, max(NARROW_NS, 10 * scatter))
        n0, ref0 = self._base[0]
        self._period = (self._ref - ref0) / (self._n - n0)
        self._base.append((self._n, self._ref))
        self.rate = self._period / NS
        self._others = 0
        pulse = Pulse(edge.at, self._n, edge, self._run)
        return [*fallen, pulse] if fallen else [pulse]

    def on_second(self, second_s: int) -> None:
        """A valid sentence named the whole second `second_s`: settles whether fast edges are a fast pulse or a slow timer."""
        if self.rate_hz is None or self.rate_hz <= 1:
            return
        if self._counted is None or second_s < self._counted[0]:
            self._counted = (second_s, self._edges)
        elif second_s - self._counted[0] >= 10:
            self._holding.one_per_second = abs((self._edges - self._counted[1]) / (second_s - self._counted[0]) - 1) < 0.15
            self._counted = (second_s, self._edges)

    def _blur(self) -> float:
        """How far off the rate may be during a gap, fractional."""
        span = self._ref - self._base[0][1]
        wander = WANDER if abs(self.rate - 1) < 3e-4 else WANDER_RESONATOR
        scatter = max(self._scatter, 1e6 / len(self._base))  # a few pulses that agree well may do so by luck
        return 4 * scatter / max(span, self._period) + wander

    # ---- starting, and starting again ----------------------------------------------------------------------------------------

    def _acquire(self, edge: PpsEdge) -> list[Pulse | Rejected]:
        rejected: list[Rejected] = []
        found = self._holding.take(edge, rejected)
        if self._holding.fast is not None:
            self._say_fast(self._holding.fast)
        if found is None:
            return [*rejected]
        if self._holding.width_ns is not None:
            self.width_s = self._holding.width_ns / found.period_ns
        held, other = self._holding.release(edge.edge)
        return [*rejected, *self._begin(found, held, other)]

    def _say_fast(self, found: Found) -> None:
        self.rate_hz, self.interval_s = found.rate_hz, found.interval_ns / NS

    def _begin(self, found: Found, held: list[PpsEdge], other: list[PpsEdge]) -> list[Pulse | Rejected]:
        """Start a run on a chain of held edges: its members become pulses, the rest is rejected."""
        numbers = dict(found.members)
        first, last = held[found.members[0][0]], held[found.members[-1][0]]
        gap = max(1, round((first.at - self._last_at) / self._period)) if self._run >= 0 else 1
        start = self._n + gap
        self._run += 1
        self.restarts = self._run
        self.edge = last.edge
        self.rate_hz, self.interval_s = found.rate_hz, found.interval_ns / NS
        self._period, self.rate = found.period_ns, found.period_ns / NS
        self._widest = min(GATE_NS, 0.1 * found.period_ns)
        self._n, self._last_at, self._ref = start + found.members[-1][1], last.at, last.at
        base = [(start + number, held[i].at) for i, number in found.members]
        self._base = deque(base, maxlen=BASE)
        off = [abs(b - a - (nb - na) * self._period) for (na, a), (nb, b) in itertools.pairwise(base)]
        self._scatter = max(100_000.0, sum(off) / len(off))
        self._gate = min(self._widest, max(NARROW_NS, 10 * self._scatter))
        self._extra, self._others = (0, 0.0, 0), 0
        out: list[Pulse | Rejected] = [
            Pulse(e.at, start + numbers[i], e, self._run) if i in numbers else Rejected(e.at, "pps", "rogue-pulse")
            for i, e in enumerate(held)
        ]
        out += [Rejected(e.at, "pps", "wrong-edge") for e in other]
        return sorted(out, key=lambda result: result.at)

    # ---- edges that do not fit -----------------------------------------------------------------------------------------------

    def _other_edge(self, edge: PpsEdge) -> list[Pulse | Rejected]:
        since = (edge.at - self._last_at) / self._period
        if 0 < since < 1:
            self.width_s = since
        self._others += 1
        silent = self._others > SHIFT  # then look for a train again, on whichever edge comes
        return [*(self._let_go() if silent else ()), Rejected(edge.at, "pps", "wrong-edge")]

    def _let_go(self) -> list[Pulse | Rejected]:
        out, self._strays = self._strays, []
        self.edge = None
        self._extra = (0, 0.0, 0)
        return [Rejected(e.at, "pps", "rogue-pulse") for e in out]

    def _stray(self, edge: PpsEdge, lost: bool) -> list[Pulse | Rejected]:
        """Hold an edge that is not on our raster; `lost`: ours can't come back (clock went backwards, gap too long to count)."""
        strays = self._strays
        if strays and abs(edge.at - strays[-1].at) < DUPLICATE_NS:
            return [Rejected(edge.at, "pps", "duplicate-pulse")]
        out: list[Pulse | Rejected] = []
        if strays and edge.at < strays[-1].at:
            out = [Rejected(e.at, "pps", "clock-stepped") for e in strays]
            strays.clear()
        strays.append(edge)
        found = find([e.at for e in strays], START if lost else SHIFT)
        if found is not None and found.kind == "fast":
            self._say_fast(found)
            fast: list[Pulse | Rejected] = [Rejected(e.at, "pps", "wrong-rate") for e in strays]
            strays.clear()
            return out + fast + self._let_go()
        if found is not None:
            self._strays = []
            return out + self._begin(found, strays, [])
        if len(strays) > 40:
            out.append(Rejected(strays.pop(0).at, "pps", "rogue-pulse"))
        return out

    def _drop_strays(self, at: int, k: int) -> list[Pulse | Rejected]:
        """Ours goes on, so what was held is rejected; the same strays second after second mean something, though."""
        strays, self._strays = self._strays, []
        count, place, times = self._extra
        part = (strays[0].at - self._last_at) / self._period if strays else 0.0
        same = k == 1 and bool(strays) and len(strays) == count and abs(part - place) < 0.02
        times = times + 1 if same else int(bool(strays) and k == 1)
        self._extra = (len(strays) if k == 1 else 0, part, times)
        reason = "rogue-pulse"
        self._steady = None
        if times >= STEADY:
            between = len(strays) + 1
            if abs(part * between - 1) < 0.06:  # evenly between ours: a faster pulse
                self.rate_hz, self.interval_s = float(between), self.rate / between
                reason = self._steady = "wrong-rate"
                self.edge = None
                self._extra = (0, 0.0, 0)
            elif between == 2:
                reason = "wrong-edge"
                if part > 0.5:  # the other one begins the shorter part: ours is the trailing edge of the pulse
                    self._steady = "wrong-edge"
                    self._move_to(strays[0].at)
        return [Rejected(e.at, "pps", "clock-stepped" if e.at > at else reason) for e in strays]

    def _move_to(self, ref: int) -> None:
        """Restart on a raster of the same rate on which `ref` was a pulse."""
        self._run += 1
        self.restarts = self._run
        self._n += 1
        self._ref = ref
        self._base = deque([(self._n, ref)], maxlen=BASE)
        self._extra = (0, 0.0, 0)

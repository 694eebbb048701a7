"""A recording whose loop is closed again: the corrections that were made are taken off its clock, and new ones put on.

The crystal, the pulses and the receiver's sentences are those of that night; only what is done to the clock is another. What other
programs did to it stays done. Corrections are what the record says was applied: of a clock that was steered by somebody who left no
`applied` in the record, that steering remains in it.

A slew that nobody renews ends on true time, as in a simulation; here true time is the pulses': the raw clock's rate over the last
quarter of a minute, so that its end is known to a fraction of a microsecond.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from gpstime.core.corrections import Corrections
from gpstime.core.policy import MOST_PPB
from gpstime.model import Adjustment, Applied, Event, PpsEdge, Slew, Tick
from gpstime.ports import World
from gpstime.times import NS, RawNs, UnixNs

OURS = ("gpstime", "fallback")
"""Who made the corrections that are taken off."""
ROUGH = 1e-3
"""A rate farther than this from 1 is none: an edge was none of the pulse's."""
EDGES, ODD = 16, 3
"""Edges over which the rate is taken, and how many in a row that don't fit begin it anew."""


class ReclosedWorld:
    """Fits `ports.World`. `recorded`: the world with the record's events in order, which is closed with this one.

    `old`, `new`: what was done to the clock then and is done now. `by_others`: who else steered it, by name.
    """

    def __init__(self, recorded: World) -> None:
        self._recorded = recorded
        self.old, self.new = Corrections(), Corrections()
        self.by_others: set[str] = set()
        self._at = RawNs(0)
        self._era = self._own_steps = self._recorded_steps = 0
        self._bare_ppb = 0.0
        self._ends: int | None = None
        self._edges: deque[tuple[int, int]] = deque(maxlen=EDGES)
        self._odd = 0

    def events(self) -> Iterator[Event]:
        """The record's events with the new clock's readings in them; our own `Applied` of then are left out."""
        for event in self._recorded.events():
            ends = self._ends
            if ends is not None and ends <= event.at:
                self._ends = None
                yield self._apply(Applied(RawNs(ends), self._bare_ppb, 0, self._era, "fallback"))
            if isinstance(event, Applied):
                if event.by in OURS:
                    self.old.add(event)
                    self._recorded_steps += bool(event.step_ns)
                    continue
                self._by_another(event)
            else:
                self._at = event.at
            yield self._seen(event)

    def _by_another(self, applied: Applied) -> None:
        self.old.add(applied)
        self.new.add(applied)
        if applied.freq_ppb is not None:
            self._ends = None  # whoever sets the frequency ends our slew with it
        if applied.by:
            self.by_others.add(applied.by)

    def _seen(self, event: Event) -> Event:
        """The event as it is with the new clock."""
        if isinstance(event, PpsEdge):
            self._rate(event)
            moved, slewed = self._moved(event.at), self.new.slewed(event.at) - self.old.slewed(event.at)
            stamp = event.stamp
            if stamp is not None:
                stamp += moved if event.native == "real" else slewed if event.native == "mono" else 0
            self._era = event.era - self._recorded_steps + self._own_steps
            return replace(event, shown=UnixNs(event.shown + moved), stamp=stamp, era=self._era)
        if isinstance(event, Tick):
            mono = event.mono_ns
            if mono is not None:
                mono += self.new.slewed(event.at) - self.old.slewed(event.at)
            return replace(event, shown=UnixNs(event.shown + self._moved(event.at)), mono_ns=mono)
        return event

    def _moved(self, raw: int) -> int:
        return self.new.at(raw) - self.old.at(raw)

    def _rate(self, edge: PpsEdge) -> None:
        if edge.edge != "assert":
            return
        edges, n = self._edges, 0
        if edges:
            apart = edge.at - edges[-1][0]
            n = (apart + NS // 2) // NS
            if n < 1 or abs(apart - n * NS) > ROUGH * NS:
                self._odd += 1
                if self._odd < ODD:
                    return
                edges.clear()
        self._odd = 0
        edges.append((edge.at, edges[-1][1] + n if edges else 0))

    def _raw_per_s(self) -> float:
        if len(self._edges) < 2:
            return float(NS)
        (first, a), (last, b) = self._edges[0], self._edges[-1]
        return (last - first) / (b - a)

    def adjust(self, adjustment: Adjustment) -> Applied:
        """Act on the new clock, now. A slew that nobody renews ends after `lasting_s`, and the bare drift is left."""
        if isinstance(adjustment, Slew):
            freq_ppb = max(-MOST_PPB, min(MOST_PPB, adjustment.freq_ppb))
            if math.isinf(adjustment.lasting_s):
                self._bare_ppb, self._ends = freq_ppb, None
            else:
                self._ends = self._at + round(adjustment.lasting_s * self._raw_per_s())
            return self._apply(Applied(self._at, freq_ppb, 0, self._era, "gpstime"))
        self._own_steps += 1
        self._era += 1
        return self._apply(Applied(self._at, None, adjustment.delta_ns, self._era, "gpstime"))

    def _apply(self, applied: Applied) -> Applied:
        self.new.add(applied)
        return applied

    def close(self) -> None:
        self._recorded.close()

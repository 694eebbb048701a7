"""A world whose clock is steered as it would be, while nothing is done to the real one: what `gpstime discipline` shows by default.

Fits `ports.World`. Events pass through, but edges and ticks show a clock that the adjustments asked for so far have acted on, as
if they had been carried out. So a dry run is the whole loop, step, slews and settling, and not a first step repeated for ever.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from gpstime.model import Adjustment, Applied, Event, PpsEdge, Slew, Tick
from gpstime.ports import World
from gpstime.times import NS, RawNs, UnixNs

MOST_PPB = 500_000.0
"""The kernel's MAXFREQ."""


class DryWorld:
    """`world`'s clock plus the corrections asked for; what is done to that clock by others goes on. `head` and such are its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.head: dict[str, object] = dict(getattr(world, "head", {}))
        self._at: RawNs | None = None
        self._since = RawNs(0)
        self._ahead_ns = 0.0
        self._stepped = 0
        self._ppb = self._bare_ppb = 0.0
        self._ends: int | None = None
        self._era = 0

    @property
    def skipped(self) -> dict[str, int]:
        return getattr(self._world, "skipped", {})

    def events(self) -> Iterator[Event]:
        for event in self._world.events():
            if isinstance(event, (PpsEdge, Tick)):
                slewed = self._slewed(event.at)
                self._at = event.at
                shown = UnixNs(event.shown + slewed + self._stepped)
                if isinstance(event, PpsEdge):
                    yield replace(event, shown=shown, era=event.era + self._era)
                else:
                    mono = None if event.mono_ns is None else event.mono_ns + slewed
                    yield replace(event, shown=shown, mono_ns=mono)
            else:
                self._at = event.at
                yield event

    def _slewed(self, at: RawNs) -> int:
        """What slews have added by then. A slew that nobody renewed has ended, and the bare drift is in force since."""
        if self._ends is not None and self._ends <= at:
            self._run_to(self._ends, self._bare_ppb)
            self._ends = None
        return round(self._ahead_ns + (at - self._since) * self._ppb * 1e-9)

    def _run_to(self, at: int, ppb: float) -> None:
        self._ahead_ns += (at - self._since) * self._ppb * 1e-9
        self._since, self._ppb = RawNs(at), ppb

    def adjust(self, adjustment: Adjustment) -> Applied:
        """As if it were done."""
        at = self._at
        assert at is not None, "nothing is asked for before the first event"
        if not isinstance(adjustment, Slew):
            self._stepped += adjustment.delta_ns
            self._era += 1
            return Applied(at, None, adjustment.delta_ns, self._era, "gpstime")
        self._slewed(at)
        ppb = min(max(adjustment.freq_ppb, -MOST_PPB), MOST_PPB)
        self._run_to(at, ppb)
        if math.isinf(adjustment.lasting_s):
            self._bare_ppb, self._ends = ppb, None
        else:
            self._ends = at + round(adjustment.lasting_s * NS)
        return Applied(at, ppb, 0, self._era, "gpstime")

    def close(self) -> None:
        self._world.close()

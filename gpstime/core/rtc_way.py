"""One way to an RTC's edges, its bus or its 1 Hz output, and who was seen to set it on that way."""

from __future__ import annotations

from gpstime.core.rtc_axis import Seen
from gpstime.core.rtc_chain import Chain
from gpstime.core.rtc_rhythm import Rhythm
from gpstime.core.rtc_stretch import Point, Stretch
from gpstime.core.rtc_words import FOLDED, Setter
from gpstime.model import RtcBreak
from gpstime.times import NS

REPORT_EVERY = 8
"""Edges between two RtcDrift findings, and between two looks for the kernel's rhythm."""
WORTH = 8
"""Edges that make a stretch worth a word."""


class Way:
    """One way to the edges: a chain and the row of true time that it stands on."""

    def __init__(self, via: str, detect: bool) -> None:
        self.via, self.chain = via, Chain(detect)
        self.row: tuple[str, int] | None = None
        self.setter = Setter()
        self.rhythm = Rhythm()

    def on_row(self, seen: Seen) -> Stretch | None:
        """Another row of true time: what was is closed, and returned if it was something."""
        before, self.row = self.row, seen.row
        if before is None or seen.row == before:
            return None
        was = self.chain.stretch
        self.chain.end("reference")
        return was if was.n >= WORTH else None

    def folded(self, point: Point, chip: str) -> RtcBreak | None:
        """The stretch ends where its edges, folded at eleven minutes, show the kernel's rewrites: none of it is to be believed."""
        stretch = self.chain.stretch
        self.rhythm.add(stretch, point.true_ns / NS, point.x_ns)
        if stretch.n % REPORT_EVERY or stretch.first is None or (jump := self.rhythm.jump_ns()) is None:
            return None
        self.chain.end("kernel-rewrite")
        return RtcBreak(stretch.first.at, point.at, "kernel-rewrite", FOLDED, round(jump), self.via, chip)

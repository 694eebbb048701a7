"""What a run showed of an RTC: its crystal over the longest stretch that nobody broke, what broke the others, and a timeline.

The status words, in the order in which they are decided (the first that fits):

`no-readings`     the chip never gave the begin of a second
`no-reference`    there were neither pulses nor a system clock that somebody disciplines to hold it against
`short`           too few edges in a row for a frequency
`rewritten`       the kernel sets it every eleven minutes: the frequency is that of the longest stretch in between
`disturbed`       something broke its run: the frequency is that of the longest stretch
`system-clock`    measured against the system clock, as good as whoever disciplines it
`ok`              its frequency error against the pulses
"""

from __future__ import annotations

from dataclasses import dataclass

from gpstime.app.durations import say_duration
from gpstime.core.engine import Engine
from gpstime.core.rtc_stretch import Stretch
from gpstime.core.rtc_track import RtcTrack
from gpstime.core.rtc_way import Way
from gpstime.model import DeviceFound, DeviceLost, Drift, Event, Finding, PpsEdge, RtcBreak, RtcOffset, RtcReading
from gpstime.times import NS, RawNs, UtcTime

ROWS = 24
"""Lines of the timeline at most."""
FIRST_S = 60


@dataclass(frozen=True, slots=True)
class Row:
    """One instant of the timeline: both crystals' current frequency (None: not known yet), the RTC's offset, its temperature."""

    at: RawNs
    utc: UtcTime | None
    board: Drift | None
    rtc: Drift | None
    offset_ns: int | None
    celsius: float | None


@dataclass(frozen=True, slots=True)
class Stretched:
    """A stretch as it is reported."""

    at: RawNs
    span_s: float
    n: int
    drift: Drift | None
    pulses: int
    ended: str


@dataclass(frozen=True, slots=True)
class RtcResult:
    """`bus` and `sqw` are the longest stretches by either way; `via` is the one that `drift` is from."""

    chip: str
    status: str
    why: str
    against: str
    via: str
    drift: Drift | None
    bus: Stretched | None
    sqw: Stretched | None
    stretches: tuple[Stretched, ...]
    breaks: tuple[RtcBreak, ...]
    offset: RtcOffset | None
    readings: int
    half_ns: int | None
    trusted: bool | None
    trim: int | None
    celsius: tuple[float, float] | None
    compared: int
    agreed: int
    timeline: tuple[Row, ...]
    lost: str


class RtcWatch:
    """A `ports.Sink` beside the engine: what of an RTC is for the report only."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.rows: list[Row] = []
        self._every_s = FIRST_S
        self._due: int | None = None
        self._celsius: tuple[float, float] | None = None
        self._half: list[int] = []
        self.lost = ""

    def __call__(self, value: Event | Finding) -> None:
        if isinstance(value, RtcReading):
            c = value.temperature_c
            if c is not None:
                low, high = self._celsius or (c, c)
                self._celsius = (min(low, c), max(high, c))
            if value.edge:
                self._half = [*self._half[-63:], value.err_ns]
        elif isinstance(value, RtcOffset):
            self._row(value.at)
        elif isinstance(value, (DeviceLost, DeviceFound)) and value.source == "rtc":
            self.lost = value.reason if isinstance(value, DeviceLost) else ""
        elif isinstance(value, PpsEdge) and self._due is None:
            self._due = value.at

    def _row(self, at: RawNs) -> None:
        if self._due is None:
            self._due = at
        if at < self._due:
            return
        self._due = at + self._every_s * NS
        track = self._engine.rtc.track
        last, offset = track.last, track.last_offset
        named = None if offset is None or offset.offset_ns is None else UtcTime.from_unix(offset.shown.unix - offset.offset_ns)
        self.rows.append(
            Row(
                at,
                named,
                self._engine.drift.estimate(at),
                _way(track).chain.stretch.drift(),
                None if offset is None else offset.offset_ns,
                None if last is None else last.temperature_c,
            )
        )
        if len(self.rows) > ROWS:
            self._every_s *= 2
            del self.rows[1::2]

    def result(self, steered_by: str) -> RtcResult | None:
        """None where there was no RTC."""
        track = self._engine.rtc.track
        if not track.chip and not self.lost and not track.sqw.chain.stretch.n:
            return None
        bus, sqw = track.best(track.bus), track.best(track.sqw)
        via = "sqw" if sqw is not None and sqw.drift() is not None else "bus"
        chosen = sqw if via == "sqw" else bus
        drift = None if chosen is None else chosen.drift()
        way = track.sqw if via == "sqw" else track.bus
        against = "" if way.row is None else way.row[0]
        status, why = self._judge(track, drift, chosen, against, steered_by)
        return RtcResult(
            track.chip,
            status,
            why,
            against,
            via,
            drift,
            _said(bus),
            _said(sqw),
            tuple(s for s in map(_said, way.chain.stretches) if s is not None and s.n > 1),
            tuple(track.breaks),
            track.last_offset,
            track.readings,
            sorted(self._half)[len(self._half) // 2] if self._half else None,
            None if track.last is None else track.last.trusted,
            None if track.last is None else track.last.aging,
            self._celsius,
            track.compared,
            track.agreed,
            tuple(self.rows),
            self.lost,
        )

    def _judge(
        self, track: RtcTrack, drift: Drift | None, chosen: Stretch | None, against: str, steered_by: str
    ) -> tuple[str, str]:
        gone = f"; at the end: {self.lost}" if self.lost else ""
        if not track.readings and drift is None:
            return "no-readings", f"it never gave the begin of a second{gone}"
        if against == "" or (against == "system" and not steered_by):
            return "no-reference", (
                "there is no pulse, and nobody is seen to discipline the system clock: nothing to hold the chip against" + gone
            )
        if drift is None and any(b.reason == "kernel-rewrite" for b in track.breaks):
            return "rewritten", f"the kernel rewrites it every eleven minutes, and nothing between is long enough to measure{gone}"
        if drift is None or chosen is None:
            return "short", f"{track.readings} edges are too few in a row for a frequency: measure some minutes at least{gone}"
        reasons = {b.reason for b in track.breaks}
        span = f"{drift.n} edges over {say_duration(drift.span_s)}"
        if "kernel-rewrite" in reasons:
            return "rewritten", f"the kernel rewrites it every eleven minutes; this is the longest stretch between: {span}{gone}"
        if reasons:
            return "disturbed", f"{', '.join(sorted(reasons))}: this is the longest stretch without: {span}{gone}"
        if against == "system":
            return "system-clock", f"against the system clock, which {steered_by} disciplines: no better than that; {span}{gone}"
        return "ok", f"{span}{gone}"


def _way(track: RtcTrack) -> Way:
    return track.sqw if track.sqw.chain.stretch.n > track.bus.chain.stretch.n else track.bus


def _said(stretch: Stretch | None) -> Stretched | None:
    if stretch is None or stretch.first is None:
        return None
    return Stretched(stretch.first.at, stretch.span_s, stretch.n, stretch.drift(), stretch.pulses, stretch.ended)
